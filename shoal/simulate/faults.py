"""What goes wrong on the simulated farm, and when: a fixed schedule in seconds since the demo began.

The first fault is the one that a demo is for: the aerator of the fry tank stops, oxygen falls, alarms are raised, the
aerator comes back and they clear. The schedule repeats, so a farm that runs all day keeps having its troubles.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class FaultKind(str, Enum):
    """What can fail."""

    AERATOR = "aerator"
    SENSOR_STUCK = "sensor_stuck"
    SENSOR_SILENT = "sensor_silent"
    CAMERA_BLACKOUT = "camera_blackout"


@dataclass(frozen=True)
class Fault:
    """One failure of one unit, from ``start_s`` for ``duration_s``."""

    kind: FaultKind
    unit: str
    start_s: float
    duration_s: float

    def active(self, elapsed_s: float) -> bool:
        """True while it lasts."""
        return self.start_s <= elapsed_s < self.start_s + self.duration_s


CYCLE_S = 900.0
"""The schedule begins again after this long."""

DEFAULT_SCHEDULE = (
    Fault(FaultKind.AERATOR, "tank-1", 10, 62),
    Fault(FaultKind.CAMERA_BLACKOUT, "pen-1", 150, 30),
    Fault(FaultKind.SENSOR_STUCK, "pen-1", 220, 60),
    Fault(FaultKind.SENSOR_SILENT, "pond-1", 320, 90),
    Fault(FaultKind.AERATOR, "tank-1", 480, 62),
)


def active(
    schedule: tuple[Fault, ...], unit: str, elapsed_s: float, *, cycle_s: float = CYCLE_S
) -> frozenset[FaultKind]:
    """The failures of a unit at this moment of the demo."""
    moment = elapsed_s % cycle_s
    return frozenset(fault.kind for fault in schedule if fault.unit == unit and fault.active(moment))
