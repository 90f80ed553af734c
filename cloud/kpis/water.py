"""The water of some units against the limits of the fish in them, from rollups of measured and derived channels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from anyio import to_thread

from aquaculture.compliance import Compliance, compliance, warning_limits
from aquaculture.limits import Limit, limits_for
from cloud.errors import InvalidRangeError
from cloud.kit.repository import ReadConnection, Row
from cloud.telemetry.repository import TelemetryRepository
from cloud.telemetry.rules import Resolution

FINE = timedelta(days=3)
"""Up to this long, water is judged minute by minute; beyond, hour by hour."""
MAX_BUCKETS = 500_000
"""Rows of a rollup that one question may read: 50 channels for a year, hour by hour."""
FRESH_BELOW_G_KG = 5.0
"""Salinity that parts the limits of fresh water from those of the sea, as at the edge."""


@dataclass(frozen=True)
class JudgedChannel:
    """One channel against the limits of its unit."""

    channel: str
    unit: str
    quantity: str
    limits: tuple[Limit, ...]
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


async def judge_water(reader: ReadConnection, units: Sequence[Row], start: datetime, end: datetime) -> JudgedWater:
    """Every channel of these units (rows of ``FarmRepository.units``) against the limits of its species and stage.

    Sea or fresh water is what the unit's salinity says; without one, a net pen lies in the sea and a tank does not.

    Raises:
        InvalidRangeError: more was measured than one answer may read.
    """
    resolution = Resolution.MINUTE if end - start <= FINE else Resolution.HOUR
    if not units:
        return JudgedWater((), (), resolution)
    by_id = {row["id"]: row for row in units}
    rows = await TelemetryRepository(reader).means(list(by_id), resolution, start=start, end=end, rows=MAX_BUCKETS + 1)
    if len(rows) > MAX_BUCKETS:
        raise InvalidRangeError("More was measured than one answer may read; choose a shorter time or one unit")
    return await to_thread.run_sync(_judge, rows, by_id, resolution)  # a year of a farm takes a second of arithmetic


def _judge(rows: Sequence[Row], by_id: Mapping[int, Row], resolution: Resolution) -> JudgedWater:
    channels: dict[int, list[Row]] = defaultdict(list)
    temperatures: dict[int, dict[datetime, float]] = defaultdict(dict)
    salinities: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        channels[row["channel_id"]].append(row)
        if row["quantity"] == "temperature":
            temperatures[row["unit_id"]][row["bucket"]] = row["mean"]
        elif row["quantity"] == "salinity":
            salinities[row["unit_id"]].append(row["mean"])
    limits = {unit_id: _limits(row, salinities.get(unit_id)) for unit_id, row in by_id.items()}
    judged, unjudged = [], set()
    for points in channels.values():
        first = points[0]
        bounds = limits[first["unit_id"]].get(first["quantity"])
        if bounds is None:
            unjudged.add(first["quantity"])
            continue
        result = compliance(
            [(point["bucket"], point["mean"]) for point in points],
            bounds,
            width=timedelta(seconds=resolution.width_s),
            temperatures_c=temperatures[first["unit_id"]],
        )
        readings = sum(point["n"] for point in points)
        unit = by_id[first["unit_id"]]["slug"]
        judged.append(JudgedChannel(first["channel"], unit, first["quantity"], bounds, result, readings))
    return JudgedWater(tuple(judged), tuple(sorted(unjudged)), resolution)


def _limits(unit: Row, salinities: Sequence[float] | None) -> Mapping[str, tuple[Limit, ...]]:
    fresh = sum(salinities) / len(salinities) < FRESH_BELOW_G_KG if salinities else unit["kind"] != "net_pen"
    return warning_limits(limits_for(unit["species"] or "any fish", unit["stage"] or "any", fresh=fresh))
