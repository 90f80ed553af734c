"""The water of some units against the limits in effect there, from rollups of measured and derived channels.

A channel is judged by what its box says that it watches: the limits that raise its alarms, the site's own among them. Only where
a box does not tell is it judged by the shipped table for the fish in the unit. Either way it is the limits of now that judge
the past.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from anyio import to_thread

from aquaculture.compliance import Compliance, JudgingLimit, compliance, warning_limits
from aquaculture.limits import Bound, Side, limits_for
from cloud.errors import InvalidRangeError
from cloud.kit.repository import ReadConnection, Row
from cloud.telemetry.repository import TelemetryRepository
from cloud.telemetry.rules import Resolution
from cloud.telemetry.service import limits_in_effect
from contracts.alarms import Severity
from contracts.devices import LimitInEffect

FINE = timedelta(days=3)
"""Up to this long, water is judged minute by minute; beyond, hour by hour."""
MAX_BUCKETS = 500_000
"""Rows of a rollup that one question may read: 50 channels for a year, hour by hour."""
FRESH_BELOW_G_KG = 5.0
"""Salinity that parts the limits of fresh water from those of the sea, as at the edge."""
FORECASTS = frozenset({"do_critical_in"})
"""Quantities that a box watches and that say nothing of the water as it was."""


class LimitsFrom(str, Enum):
    """Whose word a channel was judged by."""

    SITE = "site"
    """The limits in effect, as its box tells them."""
    TABLE = "table"
    """The shipped table, because its box tells none."""


@dataclass(frozen=True)
class WatchedLimit:
    """A limit in effect, as ``aquaculture.compliance`` wants it."""

    quantity: str
    side: Side
    severity: Severity
    bound: Bound
    cited: str


@dataclass(frozen=True)
class JudgedChannel:
    """One channel against its limits."""

    channel: str
    unit: str
    quantity: str
    limits: tuple[JudgingLimit, ...]
    limits_from: LimitsFrom
    result: Compliance
    readings: int
    """Behind the means that were judged."""


@dataclass(frozen=True)
class JudgedWater:
    """The water of some units in a time."""

    channels: tuple[JudgedChannel, ...]
    unjudged: tuple[str, ...]
    """Quantities measured without a limit."""
    resolution: Resolution

    @property
    def measured(self) -> int:
        """Buckets that were judged, of all channels."""
        return sum(each.result.measured for each in self.channels)

    @property
    def in_range(self) -> int:
        """Those of them within their limits."""
        return sum(each.result.in_range for each in self.channels)

    @property
    def judged_by(self) -> tuple[str, ...]:
        """In words, how many channels were judged by whose limits."""
        words = {
            LimitsFrom.SITE: "by the limits in effect, as their box tells them now",
            LimitsFrom.TABLE: "by the shipped table, because their box tells no limits",
        }
        counts = {origin: sum(each.limits_from is origin for each in self.channels) for origin in LimitsFrom}
        return tuple(f"{count} channels judged {words[origin]}" for origin, count in counts.items() if count)


async def judge_water(
    reader: ReadConnection, site_id: int, units: Sequence[Row], start: datetime, end: datetime
) -> JudgedWater:
    """Every channel of these units of a site (rows of ``FarmRepository.units``) against its limits (module docstring).

    For the table, sea or fresh water is what the unit's salinity says; without one, a net pen lies in the sea and a tank does not.

    Raises:
        InvalidRangeError: more was measured than one answer may read.
    """
    resolution = Resolution.MINUTE if end - start <= FINE else Resolution.HOUR
    if not units:
        return JudgedWater((), (), resolution)
    by_id = {row["id"]: row for row in units}
    repository = TelemetryRepository(reader)
    rows = await repository.means(list(by_id), resolution, start=start, end=end, rows=MAX_BUCKETS + 1)
    if len(rows) > MAX_BUCKETS:
        raise InvalidRangeError("More was measured than one answer may read; choose a shorter time or one unit")
    told = await limits_in_effect(repository, site_id)
    return await to_thread.run_sync(
        _judge, rows, by_id, told, resolution
    )  # a year of a farm takes a second of arithmetic


def _judge(
    rows: Sequence[Row],
    by_id: Mapping[int, Row],
    told: Mapping[int, Sequence[LimitInEffect]],
    resolution: Resolution,
) -> JudgedWater:
    channels: dict[int, list[Row]] = defaultdict(list)
    temperatures: dict[int, dict[datetime, float]] = defaultdict(dict)
    salinities: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        channels[row["channel_id"]].append(row)
        if row["quantity"] == "temperature":
            temperatures[row["unit_id"]][row["bucket"]] = row["mean"]
        elif row["quantity"] == "salinity":
            salinities[row["unit_id"]].append(row["mean"])
    table = {unit_id: _of_table(row, salinities.get(unit_id)) for unit_id, row in by_id.items()}
    judged, unjudged = [], set()
    for channel_id, points in channels.items():
        first = points[0]
        quantity = first["quantity"]
        origin = LimitsFrom.SITE if channel_id in told else LimitsFrom.TABLE
        limits = _in_effect(quantity, told[channel_id]) if channel_id in told else table[first["unit_id"]]
        bounds = limits.get(quantity)
        if bounds is None:
            unjudged.add(quantity)
            continue
        result = compliance(
            [(point["bucket"], point["mean"]) for point in points],
            bounds,
            width=timedelta(seconds=resolution.width_s),
            temperatures_c=temperatures[first["unit_id"]],
        )
        readings = sum(point["n"] for point in points)
        unit = by_id[first["unit_id"]]["slug"]
        judged.append(JudgedChannel(first["channel"], unit, quantity, bounds, origin, result, readings))
    return JudgedWater(tuple(judged), tuple(sorted(unjudged)), resolution)


def _in_effect(quantity: str, told: Sequence[LimitInEffect]) -> Mapping[str, tuple[JudgingLimit, ...]]:
    if quantity in FORECASTS:
        return {}
    return warning_limits(
        WatchedLimit(
            quantity,
            Side(limit.side),
            limit.severity,
            Bound(limit.value, limit.law),
            limit.source or "a box that does not say where it has it from",
        )
        for limit in told
    )


def _of_table(unit: Row, salinities: Sequence[float] | None) -> Mapping[str, tuple[JudgingLimit, ...]]:
    fresh = sum(salinities) / len(salinities) < FRESH_BELOW_G_KG if salinities else unit["kind"] != "net_pen"
    return warning_limits(limits_for(unit["species"] or "any fish", unit["stage"] or "any", fresh=fresh))
