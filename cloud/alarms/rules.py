"""Severities in order, when silence is an alarm, and which alarms only follow from another. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from contracts.alarms import Severity

DARK_AFTER = timedelta(minutes=4)
"""Silence of a whole box or site that is an alarm. With a heartbeat every 30 s that is eight missed ones, and with a round of the
watcher the alarm is there within five minutes."""
SILENT_AFTER = timedelta(minutes=5)
"""Silence of one life-critical stream while its box is heard, at least; the box itself raises it sooner."""
CERTIFICATE_ENDS_WITHIN, CERTIFICATE_LAST_DAYS = timedelta(days=14), timedelta(days=3)
"""Boxes renew their certificates a month before the end: what is left after half of it will not come by itself."""
_FOLLOWS_FROM_POWER = ("flow.", "level.", "camera.")


def is_silent(last: datetime, now: datetime, limit: timedelta) -> bool:
    """Whether nothing has come for longer than the limit; a stamp from the future is not silence."""
    return now - last > limit


def is_silence(definition: str) -> bool:
    """Whether an alarm tells of silence, which is the watcher's to judge; every other definition is judged on values."""
    return definition in {"site.dark", "device.silent"} or definition.endswith(".silent")


def is_watched(definition: str) -> bool:
    """Whether the watcher raises and clears it: silence, and certificates that end."""
    return is_silence(definition) or definition.startswith("certificate.")


def certificate_ends(ends_at: datetime, now: datetime) -> tuple[str, Severity, timedelta] | None:
    """Definition, severity and limit of the alarm that a box's certificate is; None while there is time."""
    left = ends_at - now
    if left < CERTIFICATE_LAST_DAYS:
        return "certificate.last_days", Severity.MAJOR, CERTIFICATE_LAST_DAYS
    return ("certificate.ending", Severity.MINOR, CERTIFICATE_ENDS_WITHIN) if left < CERTIFICATE_ENDS_WITHIN else None


def is_parent(definition: str, quantity: str | None) -> bool:
    """Whether an alarm can explain others: a dark site, or power that has failed (not a power probe that is silent)."""
    return definition == "site.dark" or (quantity == "power" and not definition.endswith(".silent"))


def suppressible(definition: str, parent: str) -> bool:
    """Whether an alarm only follows from its parent (ISA-18.2: suppressed by design).

    A dark site explains every silence, and nothing else: an oxygen alarm that was raised before the network fell is still one.
    A power failure explains silence, pumps, levels and cameras as well. Low oxygen is never explained away.
    """
    if definition.endswith(".silent"):
        return True
    return parent != "site.dark" and definition.startswith(_FOLLOWS_FROM_POWER)


def worst(counts: Mapping[Severity, int]) -> Severity | None:
    """The most severe kind that occurs, or None; severities are declared from most to least severe."""
    return next((severity for severity in Severity if counts.get(severity, 0) > 0), None)
