"""Alarms that wear people out: one that chatters, and a flood of many.

Source: ANSI/ISA-18.2-2016 and EEMUA 191: chattering is three or more in a minute; a flood begins with more than ten in ten
minutes and is over when a window of ten minutes has fewer than five. Times are monotonic seconds.
"""

from __future__ import annotations

from collections import deque

from aquaculture.ranges import require


class Chattering:
    """Counts how often one alarm is raised.

    Args:
        times, within_s: so many within so many seconds are chattering (three in 60 s, ISA-18.2).

    Raises:
        OutOfRangeError: fewer than 2 or more than 100 times, or a span outside 1 to 3600 s.
    """

    def __init__(self, *, times: int = 3, within_s: float = 60.0) -> None:
        require("times", times, 2, 100, "times")
        require("within_s", within_s, 1, 3600, "s")
        self._raised: deque[float] = deque(maxlen=times)
        self._times = times
        self._within_s = within_s

    def raised(self, now_s: float) -> bool:
        """The alarm was raised; returns whether it chatters now (source: ISA-18.2)."""
        self._raised.append(now_s)
        return self.chatters(now_s)

    def chatters(self, now_s: float) -> bool:
        """Whether the alarm chatters at this moment (source: ISA-18.2)."""
        return len(self._raised) == self._times and now_s - self._raised[0] <= self._within_s


class Flood:
    """Counts all alarms of a site: a flood begins and ends, and is one event.

    Args:
        more_than: alarms within ``window_s`` that begin a flood (ten in 600 s, ISA-18.2).
        fewer_than: alarms within the window below which it is over.

    Raises:
        OutOfRangeError: numbers outside 1 to 1000 or a window outside 10 to 86,400 s.
        ValueError: an end that is not below the beginning.
    """

    def __init__(self, *, more_than: int = 10, fewer_than: int = 5, window_s: float = 600.0) -> None:
        require("more_than", more_than, 1, 1000, "alarms")
        require("fewer_than", fewer_than, 1, 1000, "alarms")
        require("window_s", window_s, 10, 86_400, "s")
        if fewer_than > more_than:
            message = f"fewer_than = {fewer_than} must not be above more_than = {more_than}, or no flood would last"
            raise ValueError(message)
        self._raised: deque[float] = deque(maxlen=more_than + 1)
        self._more_than = more_than
        self._fewer_than = fewer_than
        self._window_s = window_s
        self._under_way = False

    def raised(self, now_s: float) -> bool:
        """An alarm was raised; returns whether a flood is under way (source: ISA-18.2)."""
        self._raised.append(now_s)
        return self.under_way(now_s)

    def under_way(self, now_s: float) -> bool:
        """Whether a flood is under way at this moment (source: ISA-18.2)."""
        while self._raised and now_s - self._raised[0] > self._window_s:
            self._raised.popleft()
        if self._under_way:
            self._under_way = len(self._raised) >= self._fewer_than
        else:
            self._under_way = len(self._raised) > self._more_than
        return self._under_way
