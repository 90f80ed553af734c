"""How many bytes per second the uplink may send at this time of day: night traffic is cheap, or shared with nobody. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

from edge.outbox.settings import BandwidthWindow


def contains(window: BandwidthWindow, local: time) -> bool:
    """Whether a local time of day lies in the window; its end does not, and one that ends before it begins spans midnight."""
    begins, ends = window.begins, window.ends
    return begins <= local < ends if begins < ends else local >= begins or local < ends


def rate_at(
    windows: Sequence[BandwidthWindow], usual: int | None, now: datetime, *, zone: str | None, trusted: bool
) -> int | None:
    """Bytes per second now; None is no bound.

    A box that does not know the time takes the strictest rate of all: late is cheaper than dear.

    Args:
        windows: of two that overlap the later one in the list holds.
        usual: outside of every window.
        now: with its zone.
        zone: IANA name of the farm's time; None takes the machine's.
        trusted: whether ``now`` is the time.
    """
    if not trusted:
        bounds = [rate for rate in (usual, *(one.max_bytes_per_s for one in windows)) if rate is not None]
        return min(bounds, default=None)
    local = now.astimezone(None if zone is None else ZoneInfo(zone)).time()
    for window in reversed(windows):
        if contains(window, local):
            return window.max_bytes_per_s
    return usual
