"""Time in range: what counts, what does not, and which stretches are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import permutations

import pytest

from aquaculture.compliance import compliance, warning_limits
from aquaculture.limits import Side, limits_for
from contracts.alarms import Severity

NOON = datetime(2026, 11, 2, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
SALMON = warning_limits(limits_for("salmo_salar", "growout", fresh=False))


def hours(*means: float) -> list[tuple[datetime, float]]:
    return [(NOON + n * HOUR, mean) for n, mean in enumerate(means)]


def test_the_warning_limit_is_the_range_and_a_lone_critical_one_where_there_is_none() -> None:
    (low,) = SALMON["do_sat"]
    assert (low.side, low.severity.value) == (Side.LOW, "warning")
    assert {limit.bound.value for limit in SALMON["temperature"]} == {4, 16}


def test_the_mildest_of_a_sites_own_limits_is_the_range_in_whatever_order_they_come() -> None:
    (row,) = SALMON["do_sat"]
    kinds = (Severity.CRITICAL, Severity.MINOR, Severity.MAJOR)
    for order in permutations(replace(row, severity=kind) for kind in kinds):
        (chosen,) = warning_limits(order)["do_sat"]
        assert chosen.severity is Severity.MINOR


def test_hours_beyond_the_limit_are_one_exceedance_while_they_touch() -> None:
    warm = compliance(hours(15, 17, 18, 15, 16.5), SALMON["temperature"], width=HOUR)
    assert (warm.measured, warm.in_range) == (5, 2)
    assert warm.percent == pytest.approx(40)
    first, second = warm.exceedances
    assert (first.start, first.end, first.worst, first.limit) == (NOON + HOUR, NOON + 3 * HOUR, 18, 16)
    assert (second.start, second.worst) == (NOON + 4 * HOUR, 16.5)


def test_on_the_limit_is_in_range() -> None:
    assert compliance(hours(4, 16), SALMON["temperature"], width=HOUR).percent == 100


def test_a_limit_that_follows_the_temperature_judges_nothing_without_one() -> None:
    oxygen = hours(47, 47, 47)
    water = {NOON: 7.0, NOON + HOUR: 19.0}
    # 20 points above LOS: 44 % at 7 Cel, 60 % at 19 Cel
    judged = compliance(oxygen, SALMON["do_sat"], width=HOUR, temperatures_c=water)
    assert (judged.measured, judged.in_range) == (2, 1)
    assert judged.exceedances[0].limit == pytest.approx(60)


def test_silence_is_neither_in_nor_out_of_range() -> None:
    assert compliance([], SALMON["temperature"], width=HOUR).percent is None
    gap = [(NOON, 17.0), (NOON + 5 * HOUR, 17.0)]
    assert len(compliance(gap, SALMON["temperature"], width=HOUR).exceedances) == 2
