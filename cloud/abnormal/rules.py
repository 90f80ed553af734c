"""What a farm lets advice do, and when a bucket is complete. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from enum import Enum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aquaculture.abnormal import TUNINGS

WIDTH = timedelta(minutes=15)
"""Of a bucket."""
LATE = timedelta(minutes=3)
"""After its end a bucket is complete: readings that come later than that are not judged."""
HISTORY = timedelta(days=15)
"""What a new stream learns from at once."""
STALE = timedelta(hours=2)
"""Advice on a stream that was not judged for so long is over: nobody knows."""
NEWS = timedelta(hours=1)
"""Advice whose bucket is older is not begun: it is history that was caught up with."""
_EPOCH = datetime(2000, 1, 3, tzinfo=timezone.utc)


class Mode(str, Enum):
    """What is done about a quantity at a site."""

    OFF = "off"
    """Nothing is judged."""
    ADVISE = "advise"
    """It is shown. As shipped."""
    ALARM = "alarm"
    """It also is a minor alarm, unless other units moved too."""


JUDGED = tuple(TUNINGS)
"""Quantities that can be judged."""


def complete_until(now: datetime) -> datetime:
    """End of the newest bucket that is complete."""
    return _EPOCH + (now - LATE - _EPOCH) // WIDTH * WIDTH


def farm_zone(name: str) -> ZoneInfo:
    """Zone of a farm; UTC when the server does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
