"""Whether a unit's model works. Data in, verdict out; ``now`` is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

STALE = timedelta(minutes=15)
"""Without an observation for so long a model does not produce; observations come every ten seconds."""
SILENT_SITE = timedelta(hours=24)
"""A site with cameras that nothing was seen of for so long is told."""
MOST_DROPPED = 0.5
"""Share of frames that were captured and not looked at, above which counts are of moments."""
MOST_SUSPECT = 0.5
"""Share of observations whose picture could not be judged."""


class Status(str, Enum):
    """A dot on a page."""

    OK = "ok"
    DEGRADED = "degraded"
    STALE = "stale"
    """The box talks, and its model does not."""
    DARK = "dark"
    """The box is silent; of the model nothing is known."""


@dataclass(frozen=True)
class Seen:
    """What is known of a unit's model.

    Attributes:
        newest_at: end of its newest observation with a model; None: there was none ever.
        box_seen_at: when its box was last heard.
        frames: looked at within the last hour.
        dropped: captured within the last hour and not looked at.
        suspect: share of the last hour's observations whose picture could not be judged; None without any.
    """

    newest_at: datetime | None
    box_seen_at: datetime | None
    frames: int = 0
    dropped: int = 0
    suspect: float | None = None


def judge(seen: Seen, now: datetime) -> tuple[Status, str]:
    """The status, and why in words."""
    if seen.newest_at is None or now - seen.newest_at > STALE:
        since = "ever" if seen.newest_at is None else f"since {seen.newest_at:%Y-%m-%d %H:%M} UTC"
        if seen.box_seen_at is None or now - seen.box_seen_at > STALE:
            return Status.DARK, f"The box is silent; nothing was seen {since}"
        return Status.STALE, f"The box talks, and its model has seen nothing {since}"
    captured = seen.frames + seen.dropped
    if captured and seen.dropped / captured > MOST_DROPPED:
        return (
            Status.DEGRADED,
            f"{100 * seen.dropped / captured:.0f} % of the frames are not looked at: the box is too slow",
        )
    if seen.suspect is not None and seen.suspect > MOST_SUSPECT:
        return Status.DEGRADED, f"{100 * seen.suspect:.0f} % of the last hour's pictures could not be judged"
    return Status.OK, "It produces and keeps up"
