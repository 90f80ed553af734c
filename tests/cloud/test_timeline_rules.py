"""When a channel has left its own habit, and how that is said."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from cloud.timeline.rules import HourMean, departure, diary_words

START = datetime(2026, 11, 20, tzinfo=timezone.utc)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def habit(days: int, *, noon: float = 9.0, night: float = 7.0) -> list[HourMean]:
    """Oxygen that is higher at noon than at night, every day a little different."""
    return [
        HourMean(START - day * DAY + hour * HOUR, (noon if 6 <= hour < 18 else night) + 0.1 * (day % 3 - 1))
        for day in range(days, 0, -1)
        for hour in range(24)
    ]


def test_a_value_of_noon_at_night_is_told_although_noon_is_usual() -> None:
    hours = [*habit(14), HourMean(START + 2 * HOUR, 4.0), HourMean(START + 12 * HOUR, 8.9)]
    found = departure("pen-1.do", 7, "do", hours, START)
    assert found is not None
    assert (found.at, found.link) == (START + 2 * HOUR, "7")
    assert found.words == (
        "Dissolved oxygen (pen-1.do) 4.00 mg/L, below its habit at this hour: usually 7.00 mg/L, give or take 0.10 mg/L;"
        " that is 30 times its usual spread"
    )


def test_noon_at_noon_is_nothing_to_tell() -> None:
    assert departure("pen-1.do", 7, "do", [*habit(14), HourMean(START + 12 * HOUR, 9.1)], START) is None


def test_a_probe_that_is_four_days_old_has_no_habit_yet() -> None:
    assert departure("pen-1.do", 7, "do", [*habit(4), HourMean(START + 2 * HOUR, 1.0)], START) is None


def test_a_probe_that_repeats_itself_is_not_taken_for_precise() -> None:
    flat = [HourMean(START - day * DAY, 7.0) for day in range(1, 15)]
    assert departure("pen-1.do", 7, "do", [*flat, HourMean(START, 7.02)], START) is None
    assert departure("pen-1.do", 7, "do", [*flat, HourMean(START, 7.5)], START) is not None


def test_the_bad_day_itself_is_no_habit() -> None:
    bad = [HourMean(START + n * DAY, 4.0) for n in range(6)]
    found = departure("pen-1.do", 7, "do", [*habit(14), *bad], START)
    assert found is not None
    assert "usually 7.00 mg/L" in found.words


def test_records_read_as_sentences() -> None:
    dead = {"count": 20, "cause": "environment", "detail": "oxygen", "note": "at the inlet"}
    assert diary_words("mortality", "pen-1", dead) == "pen-1: 20 dead fish, cause environment/oxygen (at the inlet)"
    moved = {"count": 5, "mean_weight_g": 120.0}
    assert diary_words("transfer", "pen-1", moved, "pen-2") == "pen-1: 5 fish of 120 g moved to pen-2"
    assert diary_words("stocking", "pen-1", {"count": 9, "supplier": ""}) == "pen-1: 9 fish stocked"
