"""Who is told when: ladders, shifts across midnight, office hours, and one message per person after an outage."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import InvalidSignatureError
from cloud.notifications.links import Link, Links
from cloud.notifications.notifier import shipped_ladders
from cloud.notifications.rules import (
    MAX_ATTEMPTS,
    Channel,
    Duty,
    Ladder,
    OpenAlarm,
    Person,
    Roster,
    Shift,
    Step,
    office_time,
    plan,
    retry_after,
    self_test_due,
)
from contracts.alarms import Severity

MONDAY = datetime(2026, 6, 1, 3, 0, tzinfo=timezone.utc)
"""Five in the morning in Oslo."""
ALL = frozenset(Channel)
ANA, BO, KARI = Person(1, "Ana", ALL), Person(2, "Bo", ALL), Person(3, "Kari", frozenset({Channel.EMAIL}))
EVERY_DAY = frozenset(range(7))
ROSTER = Roster(
    {person.id: person for person in (ANA, BO, KARI)},
    [
        Shift(1, Duty.PRIMARY, EVERY_DAY, 18 * 60, 8 * 60),
        Shift(2, Duty.PRIMARY, EVERY_DAY, 8 * 60, 18 * 60),
        Shift(2, Duty.BACKUP, EVERY_DAY, 0, 0),
        Shift(3, Duty.MANAGER, EVERY_DAY, 0, 0),
    ],
    "Europe/Oslo",
)
CRITICAL = OpenAlarm(uuid4(), 1, Severity.CRITICAL, MONDAY)


def told(seconds: float, alarm: OpenAlarm = CRITICAL, roster: Roster = ROSTER) -> set[tuple[int, str, int, int]]:
    planned = plan(alarm, shipped_ladders()[alarm.severity], roster, alarm.raised_at + timedelta(seconds=seconds))
    return {(each.person_id, each.channel.value, each.step, each.round) for each in planned}


def test_a_critical_alarm_climbs_until_everyone_is_called() -> None:
    assert told(0) == {(1, way, 0, 0) for way in ("push", "sms", "email", "webhook")}
    assert told(119) == told(0)
    assert (1, "voice", 1, 0) in told(120)
    assert {(2, "sms", 2, 0), (2, "voice", 2, 0)} <= told(300)
    assert {(1, "sms", 3, 0), (2, "voice", 3, 0), (3, "email", 3, 0)} <= told(600)
    assert (1, "voice", 3, 2) in told(600 + 1250)
    assert told(600 + 600 * 18) == told(7 * 86400), "eighteen rounds, then it is quiet"


def test_after_an_outage_nobody_gets_the_whole_ladder_at_once() -> None:
    planned = plan(CRITICAL, shipped_ladders()[Severity.CRITICAL], ROSTER, MONDAY + timedelta(hours=1))
    keys = [(each.person_id, each.channel) for each in planned]
    assert len(keys) == len(set(keys))


def test_the_night_shift_reaches_over_midnight() -> None:
    def primary(hour_utc: int) -> list[str]:
        return [person.name for person in ROSTER.on_call(Duty.PRIMARY, MONDAY.replace(hour=hour_utc))]

    assert primary(3) == ["Ana"]
    assert primary(5) == ["Ana"], "07:00 in Oslo"
    assert primary(6) == ["Bo"], "08:00 in Oslo"
    assert primary(16) == ["Ana"], "18:00 in Oslo"


def test_when_nobody_is_on_call_everyone_is() -> None:
    roster = Roster(ROSTER.people, [Shift(1, Duty.PRIMARY, frozenset({6}), 0, 60)], "Europe/Oslo")
    assert [person.name for person in roster.on_call(Duty.PRIMARY, MONDAY)] == ["Ana", "Bo", "Kari"]
    nobody = Roster({}, [], "UTC")
    assert told(0, roster=nobody) == set()


def test_a_minor_alarm_waits_for_the_office() -> None:
    minor = OpenAlarm(uuid4(), 1, Severity.MINOR, datetime(2026, 6, 5, 20, tzinfo=timezone.utc))
    assert told(48 * 3600, minor) == set(), "Friday night to Sunday night"
    assert {channel for _, channel, _, _ in told(57.1 * 3600, minor)} == {"push", "email", "webhook"}, (
        "Monday after seven"
    )


def test_office_hours_are_the_farms() -> None:
    noon = datetime(2026, 6, 3, 10, tzinfo=timezone.utc)
    assert office_time(noon, "Europe/Oslo") == noon
    assert office_time(noon, "Asia/Tokyo") == datetime(2026, 6, 3, 22, tzinfo=timezone.utc), (
        "19:00 there, next day at 7"
    )


@given(
    st.integers(0, 3650).map(lambda days: MONDAY + timedelta(days=days, minutes=days * 7)),
    st.sampled_from(list(Severity)),
    st.floats(0, 10 * 86400),
    st.floats(0, 86400),
)
def test_a_plan_never_takes_back_what_it_planned(at: datetime, severity: Severity, first: float, more: float) -> None:
    """A later plan holds the same message or a newer one for everybody who was told."""
    alarm = OpenAlarm(UUID(int=1), 1, severity, at)
    before, after = told(first, alarm), told(first + more, alarm)
    rungs = {(person, channel): (step, round_) for person, channel, step, round_ in after}
    for person, channel, step, round_ in before:
        assert rungs[person, channel] >= (step, round_)


def test_the_weekly_test_is_due_once_on_monday_at_ten() -> None:
    ten = datetime(2026, 6, 1, 8, tzinfo=timezone.utc)
    assert self_test_due(None, ten - timedelta(seconds=1), "Europe/Oslo") is None
    assert self_test_due(None, ten, "Europe/Oslo") == ten
    assert self_test_due(ten, ten + timedelta(hours=2), "Europe/Oslo") is None
    assert self_test_due(ten, ten + timedelta(days=7), "Europe/Oslo") == ten + timedelta(days=7)
    assert self_test_due(None, ten + timedelta(days=3), "Europe/Oslo") is None, "a new site waits for its first Monday"


def test_a_failed_delivery_is_tried_again_ever_slower_and_then_given_up() -> None:
    waits = [retry_after(attempt) for attempt in range(1, MAX_ATTEMPTS + 1)]
    assert waits[0] == timedelta(seconds=5)
    assert waits[-1] is None
    assert max(wait for wait in waits if wait) == timedelta(minutes=10)


def test_a_ladder_cannot_fall() -> None:
    steps = tuple(Step(after_s=s, channels=(Channel.SMS,), to=Duty.PRIMARY) for s in (60, 0))
    with pytest.raises(ValueError, match="after_s must not fall"):
        Ladder(steps=steps)


def test_a_link_works_for_a_day_and_for_nothing_else() -> None:
    links = Links(b"s" * 32, "https://farm.example/")
    url = links.url(Link("alarm", CRITICAL.id, 7), MONDAY)
    assert url is not None
    assert len(url.rpartition("/")[2]) <= 56
    token = url.rpartition("/")[2]
    assert links.read(token, MONDAY + timedelta(hours=23)) == Link("alarm", CRITICAL.id, 7)
    for bad, at in (
        (token, MONDAY + timedelta(hours=25)),
        (token[:-2] + "AA", MONDAY),
        ("Q" + token[1:], MONDAY),
        ("", MONDAY),
        ("%%%", MONDAY),
        (token + "AAAA", MONDAY),
    ):
        with pytest.raises(InvalidSignatureError):
            links.read(bad, at)
    with pytest.raises(InvalidSignatureError):
        Links(b"t" * 32, None).read(token, MONDAY)
    assert Links(b"s" * 32, None).url(Link("alarm", CRITICAL.id, 7), MONDAY) is None
