"""What a working sensor can do, as data: defaults by quantity (``thresholds.csv``), overridden by channel.

The third column of the file says where a number is from. Evidence tags: V read at the source, D derived, K recalled; "tuned
on" names the series that it was chosen on, which docs/quality.md therefore does not count as evidence.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from importlib import resources

from contracts.quantities import QUANTITIES

DEFAULT_GAP_S = 7200.0
"""Longest silence in seconds that the memory of a channel survives; source: CMAR qaqcmar (rolling tests, 2 h)."""


@dataclass(frozen=True)
class QualityLimits:
    """What a working sensor of one channel can do. ``None`` leaves a test out. Values are in the channel's unit.

    Attributes:
        low, high: sensor span; outside is FAIL.
        span_low, span_high: operator's span; outside is SUSPECT.
        months: operator's range by month, 1 to 12 (UTC); outside is SUSPECT.
        max_change_per_min: faster is SUSPECT.
        spike: distance from the median of the last five values that is always allowed.
        spike_share: the same as a share of that median, 0 to 1; the larger of the two counts.
        stuck_s: the same number for this long, and for ``stuck_count`` readings, is SUSPECT.
        stuck_count: readings that a run of equal numbers needs; guards slow sensors.
        stuck_fail_s: the same number for this long, and for ``stuck_fail_count`` readings, is FAIL: the channel's silence is then
            an alarm.
        stuck_fail_count: readings that such a run needs.
        flat_for_s: values within ``flat_tolerance`` for this long, and for ``flat_count`` readings, are SUSPECT.
        flat_tolerance: how much a living signal always moves.
        flat_count: readings that a flat run needs.
        disagreement: mean difference to the other probes of the unit over ten minutes; more is SUSPECT.
        drift: change of the mean daily difference to the other probes since the calibration; more is SUSPECT.
        trend_per_day: creep of daily means that means fouling; the sign is the suspicious direction.
        gap_s: a silence longer than this many seconds starts the memory anew.
    """

    low: float = -math.inf
    high: float = math.inf
    span_low: float | None = None
    span_high: float | None = None
    months: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    max_change_per_min: float | None = None
    spike: float | None = None
    spike_share: float = 0.0
    stuck_s: float | None = None
    stuck_count: int = 5
    stuck_fail_s: float | None = None
    stuck_fail_count: int = 5
    flat_for_s: float | None = None
    flat_tolerance: float = 0.0
    flat_count: int = 5
    disagreement: float | None = None
    drift: float | None = None
    trend_per_day: float | None = None
    gap_s: float = DEFAULT_GAP_S

    @property
    def has_ranges(self) -> bool:
        """Whether the operator has said where values lie."""
        return self.span_low is not None or self.span_high is not None or bool(self.months)


NUMBERS = frozenset(one.name for one in fields(QualityLimits)) - {"months"}
"""Names of the limits that are single numbers."""


@lru_cache(maxsize=1)
def _table() -> dict[str, QualityLimits]:
    text = resources.files("aquaculture.quality").joinpath("thresholds.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    found: dict[str, QualityLimits] = {}
    for quantity in QUANTITIES.values():
        numbers: dict[str, float] = {}
        for row in rows:
            if row["quantity"] == quantity.code:
                whole = row["name"].endswith("_count")
                numbers[row["name"]] = int(row["value"]) if whole else float(row["value"])
        found[quantity.code] = replace(QualityLimits(quantity.low, quantity.high), **numbers)  # type: ignore[arg-type]
    return found


def default_limits_for(quantity_code: str) -> QualityLimits:
    """Default limits by quantity code; an unknown quantity has no gross range and passes it."""
    return _table().get(quantity_code) or QualityLimits()
