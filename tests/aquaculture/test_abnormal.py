"""A stream against its own habit: what is told, what is not, and what it may remember."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aquaculture.abnormal import TUNINGS, Judgement, Neighbour, State, Stream, explain, moved_too
from contracts.quantities import QUANTITIES

START = datetime(2026, 5, 1, tzinfo=timezone.utc)
WIDTH = timedelta(minutes=15)
DAY = 96


def oxygen(place: int, *, width: timedelta = WIDTH) -> float:
    """A tank's day: lowest at five in the morning, with a little noise of its own."""
    hours = (START + place * width).hour + (START + place * width).minute / 60
    return 8.5 + 1.5 * math.sin((hours - 11) / 24 * 2 * math.pi) + 0.05 * math.sin(place * 1.7)


def fed(stream: Stream, first: int, last: int, *, offset: float = 0.0, width: timedelta = WIDTH) -> list[Judgement]:
    judged = (
        stream.judge(START + place * width, oxygen(place, width=width) + offset, width=width)
        for place in range(first, last)
    )
    return [one for one in judged if one is not None]


def states(judged: list[Judgement]) -> set[State]:
    return {one.state for one in judged}


@pytest.fixture
def learned() -> Stream:
    """A stream with ten usual days behind it."""
    stream = Stream(TUNINGS["do"])
    assert State.ABNORMAL not in states(fed(stream, 0, 10 * DAY))
    return stream


def test_a_new_stream_learns_for_days_and_says_nothing() -> None:
    judged = fed(Stream(TUNINGS["do"]), 0, 4 * DAY)
    assert states(judged) == {State.LEARNING}
    assert all(one.expected is None and one.deviation == 0 for one in judged)


def test_low_oxygen_that_is_usual_at_night_is_not_told_and_the_same_value_by_day_is(learned: Stream) -> None:
    night = min(oxygen(place) for place in range(DAY))
    assert states(fed(learned, 10 * DAY, 10 * DAY + DAY // 2)) == {State.USUAL}
    noon = 10 * DAY + DAY // 2
    judged = [learned.judge(START + place * WIDTH, night, width=WIDTH) for place in range(noon, noon + 4)]
    assert judged[-1] is not None
    assert judged[-1].state is State.ABNORMAL


def test_a_lasting_fall_is_told_within_the_hour_and_ends_an_hour_after_it_is_over(learned: Stream) -> None:
    fall = fed(learned, 10 * DAY, 10 * DAY + 8, offset=-1.2)
    told = [one for one in fall if one.state is State.ABNORMAL]
    assert told[0].at - fall[0].at <= timedelta(hours=1)
    assert told[-1].since == fall[0].at
    assert told[-1].deviation == pytest.approx(-1.2, abs=0.2)
    after = fed(learned, 10 * DAY + 8, 11 * DAY)
    assert [one.state for one in after].count(State.ABNORMAL) == 3
    assert states(after[4:]) == {State.USUAL}


def test_one_wild_value_is_not_told(learned: Stream) -> None:
    assert states(fed(learned, 10 * DAY, 10 * DAY + 1, offset=-8.0)) == {State.USUAL}
    assert states(fed(learned, 10 * DAY + 1, 11 * DAY)) == {State.USUAL}


def test_a_deviation_too_small_to_matter_is_never_told(learned: Stream) -> None:
    assert states(fed(learned, 10 * DAY, 12 * DAY, offset=-0.3)) == {State.USUAL}


def test_a_season_that_creeps_is_not_told() -> None:
    stream = Stream(TUNINGS["do"])
    for place in range(40 * DAY):
        judged = stream.judge(START + place * WIDTH, oxygen(place) - 0.08 * place / DAY, width=WIDTH)
        assert judged is not None
        assert judged.state is not State.ABNORMAL


def test_a_change_that_stays_becomes_usual_in_days_but_not_at_once(learned: Stream) -> None:
    judged = fed(learned, 10 * DAY, 20 * DAY, offset=-1.2)
    assert states(judged[4 : DAY // 2]) == {State.ABNORMAL}
    assert states(judged[9 * DAY :]) == {State.USUAL}


def test_a_fault_does_not_teach_itself(learned: Stream) -> None:
    """After five hours of zeros the next day is judged as if they had not been."""
    fed(learned, 10 * DAY, 10 * DAY + 20, offset=-8.0)
    assert states(fed(learned, 10 * DAY + 24, 12 * DAY)[4:]) == {State.USUAL}


def test_a_gap_ends_what_was_adding_up_and_a_long_one_is_forgotten(learned: Stream) -> None:
    fed(learned, 10 * DAY, 10 * DAY + 1, offset=-1.2)
    assert states(fed(learned, 10 * DAY + 20, 10 * DAY + 21, offset=-1.2)) == {State.USUAL}
    assert states(fed(learned, 40 * DAY, 41 * DAY)) == {State.LEARNING}


def test_buckets_of_a_minute_are_told_at_the_same_time_as_those_of_a_quarter() -> None:
    delays = []
    for width in (timedelta(minutes=1), timedelta(minutes=5), WIDTH):
        stream, per_day = Stream(TUNINGS["do"]), int(timedelta(days=1) / width)
        fed(stream, 0, 8 * per_day, width=width)
        fall = fed(stream, 8 * per_day, 8 * per_day + per_day // 12, offset=-1.5, width=width)
        delays.append(next(one.at + width - fall[0].at for one in fall if one.state is State.ABNORMAL))
    assert max(delays) - min(delays) <= WIDTH


def test_the_farms_clock_is_the_time_of_day_when_summer_time_begins() -> None:
    """Fed at seven by the clock: the hour that the clock jumps moves the fish, not the habit."""
    zone, stream = ZoneInfo("Europe/Oslo"), Stream(TUNINGS["do"])
    first = datetime(2026, 3, 15, tzinfo=timezone.utc)
    for place in range(24 * DAY):
        at = (first + place * WIDTH).astimezone(zone)
        judged = stream.judge(at, 8.5 - (1.0 if 7 <= at.hour < 9 else 0.0), width=WIDTH)
        assert judged is not None
        assert judged.state is not State.ABNORMAL, at


def test_late_repeated_and_impossible_buckets_change_nothing(learned: Stream) -> None:
    before = learned.dump()
    for at, value in ((START, 3.0), (START + (10 * DAY - 1) * WIDTH, 3.0), (START + 11 * DAY * WIDTH, math.nan)):
        assert learned.judge(at, value, width=WIDTH) is None
    assert learned.dump() == before


def test_a_restart_goes_on_where_it_was(learned: Stream) -> None:
    fed(learned, 10 * DAY, 10 * DAY + 2, offset=-1.0)
    again = Stream.load(TUNINGS["do"], json.loads(json.dumps(learned.dump())))
    for a, b in zip(
        fed(learned, 10 * DAY + 2, 12 * DAY, offset=-1.0), fed(again, 10 * DAY + 2, 12 * DAY, offset=-1.0), strict=True
    ):
        assert (a.state, a.since) == (b.state, b.since)
        assert a.z == pytest.approx(b.z, abs=0.02)


def test_turbidity_is_judged_by_factors() -> None:
    stream = Stream(TUNINGS["turbidity"])
    for place in range(8 * DAY):
        stream.judge(START + place * WIDTH, 4.0 + 0.2 * math.sin(place * 1.7), width=WIDTH)
    judged = [stream.judge(START + (8 * DAY + more) * WIDTH, 40.0, width=WIDTH) for more in range(4)]
    assert judged[-1] is not None
    assert judged[-1].state is State.ABNORMAL
    assert judged[-1].expected == pytest.approx(4.0, abs=0.2)


values = st.floats(min_value=-50, max_value=50, allow_nan=False)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(min_value=1, max_value=300), values), min_size=1, max_size=400))
def test_its_memory_is_bounded_whatever_comes(steps: list[tuple[int, float]]) -> None:
    stream, at = Stream(TUNINGS["do"]), START
    for minutes, value in steps * 3:
        at += timedelta(minutes=minutes)
        judged = stream.judge(at, value, width=timedelta(minutes=1))
        assert judged is not None
        assert math.isfinite(judged.z)
        assert judged.state is not State.ABNORMAL or judged.since is not None
    assert len(json.dumps(stream.dump())) < 20_000


@settings(max_examples=15, deadline=None)
@given(st.floats(min_value=-20, max_value=20), st.floats(min_value=0.8, max_value=3.0))
def test_up_is_judged_as_down_and_at_any_level(level: float, size: float) -> None:
    def told(way: float) -> Iterator[State]:
        stream = Stream(TUNINGS["temperature"])
        for place in range(7 * DAY):
            off = size if place >= 6 * DAY else 0.0
            judged = stream.judge(START + place * WIDTH, way * (oxygen(place) + off) + level, width=WIDTH)
            assert judged is not None
            yield judged.state

    assert list(told(1.0)) == list(told(-1.0))


AT_FIVE = datetime(2026, 5, 11, 5, 0, tzinfo=timezone.utc)
LOW = Judgement(AT_FIVE, 6.7, State.ABNORMAL, 7.9, 0.2, -6.0, AT_FIVE - timedelta(minutes=30))


def other(name: str, deviation: float, *, state: State = State.USUAL, late: timedelta = timedelta()) -> Neighbour:
    return Neighbour(name, Judgement(AT_FIVE - late, 7.9 + deviation, state, 7.9, 0.2, deviation / 0.2))


@pytest.mark.parametrize(
    ("others", "shared"),
    [
        ([], False),
        ([other("Tank 2", -0.1)], False),
        ([other("Tank 2", -1.0)], True),
        ([other("Tank 2", 1.0)], False),
        ([other("Tank 2", -1.0), other("Tank 3", 0.0), other("Tank 4", 0.1)], False),
        ([other("Tank 2", -1.0), other("Tank 3", 0.0)], True),
        ([other("Tank 2", -1.0, late=timedelta(hours=2))], False),
        ([other("Tank 2", -1.0, state=State.LEARNING)], False),
    ],
)
def test_what_half_of_the_neighbours_do_too_is_shared(others: list[Neighbour], *, shared: bool) -> None:
    assert moved_too(LOW, others) is shared


def test_it_is_told_in_words_with_numbers_and_units() -> None:
    do = QUANTITIES["do"]
    text = explain(LOW, [other("Tank 2", 0.0)], quantity=do, unit="Tank 1", width=WIDTH)
    assert text == (
        "Dissolved oxygen in Tank 1 is 1.20 mg/L below what it usually is at 05:00 (7.90 mg/L, give or take 0.20 mg/L),"
        " for 45 minutes; Tank 2 did not move with it"
    )
    crowd = [other(f"Tank {number}", -1.0) for number in range(2, 8)]
    assert "; Tank 2, Tank 3, Tank 4 and 3 more moved the same way" in explain(
        LOW, crowd, quantity=do, unit="Tank 1", width=WIDTH
    )
    long = replace(LOW, since=AT_FIVE - timedelta(hours=5))
    assert "for 5 hours" in explain(long, [], quantity=do, unit="Tank 1", width=WIDTH)
    learning = Judgement(AT_FIVE, 6.7, State.LEARNING)
    assert explain(learning, [], quantity=do, unit="Tank 1", width=WIDTH) == ""
