"""The report on a site's alarms: rates, answers, bad actors, chattering and floods."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from cloud.alarms.performance import Occurrence, performance
from cloud.alarms.service import shipped_rationales

START = datetime(2026, 6, 1, tzinfo=timezone.utc)
END = START + timedelta(days=10)


def alarm(
    minute: float, definition: str = "do.low.warning", *, answered_s: float | None = 120, lasts_min: float | None = 30
) -> Occurrence:
    raised = START + timedelta(minutes=minute)
    return Occurrence(
        definition,
        "tank-1",
        "warning",
        raised,
        None if lasts_min is None else raised + timedelta(minutes=lasts_min),
        None if answered_s is None else raised + timedelta(seconds=answered_s),
        suppressed=False,
    )


def test_a_quiet_site_has_a_quiet_report() -> None:
    report = performance([], START, END)
    assert (report.alarms, report.per_day, report.floods, report.flood_share, report.bad_actors) == (0, 0, 0, 0, ())
    assert report.acknowledge_p95_s is None


def test_answers_are_told_by_values_that_really_occurred() -> None:
    report = performance([alarm(100 * n, answered_s=n) for n in range(1, 21)], START, END)
    assert (report.acknowledge_p50_s, report.acknowledge_p95_s) == (10, 19)
    assert report.per_day == 2


def test_the_alarm_that_comes_most_is_the_first_bad_actor() -> None:
    heard = [alarm(60 * n) for n in range(6)] + [alarm(60 * n + 30, "ph.high.warning") for n in range(2)]
    first, second = performance(heard, START, END).bad_actors
    assert (first.definition, first.times, first.share) == ("do.low.warning", 6, 0.75)
    assert second.definition == "ph.high.warning"


def test_three_in_a_minute_chatter_and_three_in_an_hour_do_not() -> None:
    assert performance([alarm(n / 4) for n in range(3)], START, END).chattering == (("do.low.warning", "tank-1", None),)
    assert performance([alarm(20 * n) for n in range(3)], START, END).chattering == ()


def test_a_flood_is_one_flood_and_has_a_length() -> None:
    heard = [alarm(1000 + n / 2, f"alarm.{n}") for n in range(30)]
    report = performance(heard, START, END)
    assert report.floods == 1
    minutes = report.flood_share * 10 * 24 * 60
    assert 10 <= minutes <= 25, "from the eleventh alarm until fewer than five are left in ten minutes"


def test_what_stays_or_was_never_answered_is_counted() -> None:
    stale = alarm(0, lasts_min=None)
    unanswered = alarm(10, answered_s=None)
    explained = Occurrence("flow.low.critical", None, "critical", START, None, None, suppressed=True)
    report = performance([stale, unanswered, explained, alarm(-60)], START, END)
    assert (report.alarms, report.stale, report.unanswered, report.suppressed) == (2, 1, 1, 1)


@pytest.mark.parametrize("definition", ["do.low.critical", "site.dark", "*.silent", "power.*"])
def test_every_life_critical_alarm_ships_with_its_reason(definition: str) -> None:
    rationale = shipped_rationales()[definition]
    assert rationale.shipped
    assert rationale.respond_within_s <= 600
    assert rationale.consequence
    assert rationale.instruction
