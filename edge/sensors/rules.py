"""Pure decisions about readings: when was it observed, is it a repeat, what follows from it. No I/O, ``now`` is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from aquaculture.ranges import OutOfRangeError
from aquaculture.water import oxygen_saturation_percent
from contracts.quality import QualityFlag, worst
from contracts.quantities import QUANTITIES
from contracts.telemetry import Reading

AHEAD_LIMIT = timedelta(minutes=5)
"""A node clock further ahead than this is wrong: its time is not believed."""
AGE_LIMIT = timedelta(days=7)
"""A node clock further behind than this has no battery (1970): its time is not believed."""
PARTNER_MAX_AGE = timedelta(minutes=10)
"""A temperature older than this does not decide an oxygen saturation."""
_TICK = timedelta(microseconds=1)
LIFE_CRITICAL = frozenset({"do", "flow", "level", "power"})
"""Quantities whose silence is an alarm: fish die within minutes to hours when nobody sees them fail."""


@dataclass(frozen=True)
class Stamp:
    """When a reading was observed; ``test`` names what was wrong with the clock that said so."""

    observed_at: datetime
    test: str | None = None


def stamp(node_time: datetime | None, received_at: datetime, last: datetime | None) -> Stamp | None:
    """Observation time of a reading, unique and increasing per channel; ``None`` when the reading is a repeat.

    A believable node time that is not later than the last accepted one is a repeat (or came too late to be told from one).
    Without a believable node time the reading is stamped on arrival, at least a microsecond after the last.
    """
    if node_time is not None and is_believable(node_time, received_at):
        return Stamp(node_time) if last is None or node_time > last else None
    test = None if node_time is None else "node_clock"
    if last is not None and received_at <= last:
        return Stamp(last + _TICK, test or ("clock_step" if last - received_at > AHEAD_LIMIT else None))
    return Stamp(received_at, test)


def is_believable(node_time: datetime | None, received_at: datetime) -> bool:
    """Whether a node's clock agrees with ours so far that its stamps are used."""
    return node_time is not None and -AHEAD_LIMIT <= received_at - node_time <= AGE_LIMIT


def saturation_channel(oxygen_channel: str) -> str:
    """Name of the saturation channel that is derived from an oxygen channel."""
    return f"{oxygen_channel}_sat" if oxygen_channel.endswith("do") else f"{oxygen_channel}.do_sat"


def derive_saturation(oxygen: Reading, temperature: Reading | None, salinity_g_kg: float) -> Reading | None:
    """Oxygen saturation at the moment of an oxygen reading; ``None`` when it cannot be known.

    Needs a usable oxygen value and a usable temperature at most ten minutes from it, both within the formula's range.
    """
    if temperature is None or QualityFlag.FAIL in {oxygen.quality, temperature.quality}:
        return None
    if abs(oxygen.observed_at - temperature.observed_at) > PARTNER_MAX_AGE:
        return None
    try:
        percent = oxygen_saturation_percent(oxygen.value, temperature.value, salinity_g_kg)
    except OutOfRangeError:
        return None
    quality = worst(oxygen.quality, temperature.quality)
    return Reading(
        channel=saturation_channel(oxygen.channel),
        unit=oxygen.unit,
        quantity="do_sat",
        value=round(percent, 2),
        ucum=QUANTITIES["do_sat"].ucum,
        observed_at=oxygen.observed_at,
        quality=quality,
        test="inputs" if quality is not QualityFlag.GOOD else None,
        derived=True,
    )
