"""How the agent and its worker processes log: one JSON object per event on standard error."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections import deque
from collections.abc import MutableMapping
from typing import Any

import structlog

LONGEST_NAME = 200
LEVELS = ("debug", "info", "warning", "error")


class LogLevel:
    """What the agent logs: the level of its settings, or for a while another one that a person has asked for.

    Args:
        level: of the settings.
    """

    def __init__(self, level: str) -> None:
        self._own = self._level = level
        self._back_s: float | None = None

    @property
    def level(self) -> str:
        """What holds."""
        return self._level

    def for_a_while(self, level: str, *, until_s: float) -> None:
        """Another level until a moment of the monotonic clock; an agent that starts anew has its own again."""
        self._back_s = until_s
        self._set(level)

    def look(self, now_s: float) -> bool:
        """Back to the own level when the time is over; whether it went back."""
        if self._back_s is None or now_s < self._back_s:
            return False
        self._back_s = None
        self._set(self._own)
        return True

    def _set(self, level: str) -> None:
        self._level = level
        _threshold.value = logging.getLevelName(level.upper())


class _Threshold:
    """The least level that is logged; loggers are cached, so it is looked at for every event."""

    value: int = logging.INFO

    def __call__(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if logging.getLevelName(method.replace("exception", "error").upper()) < self.value:
            raise structlog.DropEvent
        return event


_threshold = _Threshold()


class RecentLines:
    """Renders each event as a line of JSON and remembers the newest, for the diagnostics of this box.

    Warnings and errors are remembered for themselves too, so that a flood of lines does not wash them away.

    Args:
        lines: how many are remembered at most.
        errors: how many from "warning" on.
        max_bytes: of all remembered lines together; of a line longer than a hundredth of it only the name is.
    """

    def __init__(self, *, lines: int = 2000, errors: int = 200, max_bytes: int = 1_000_000) -> None:
        self._render = structlog.processors.JSONRenderer()
        self._lines: deque[str] = deque(maxlen=lines)
        self._errors: deque[str] = deque(maxlen=errors)
        self._max_bytes, self._bytes = max_bytes, 0
        self._lock = threading.Lock()

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        """The line of an event, remembered."""
        rendered = self._render(logger, method, event)
        line = rendered if isinstance(rendered, str) else rendered.decode()
        kept = line if len(line) <= self._max_bytes // 100 else _only_named(event, len(line))
        with self._lock:
            if len(self._lines) == self._lines.maxlen:
                self._bytes -= len(self._lines.popleft())
            self._lines.append(kept)
            self._bytes += len(kept)
            while self._bytes > self._max_bytes:
                self._bytes -= len(self._lines.popleft())
            if method in {"warning", "error", "exception", "critical"}:
                self._errors.append(kept)
        return line

    def lines(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The newest from "warning" on, and the newest of all; oldest first."""
        with self._lock:
            return tuple(self._errors), tuple(self._lines)


def _only_named(event: MutableMapping[str, Any], length: int) -> str:
    """Never a line cut in the middle: half a secret is not recognised as one."""
    name = str(event.get("event", ""))
    short = name if len(name) <= LONGEST_NAME else "(long)"
    kept = {"event": short, "level": event.get("level"), "timestamp": event.get("timestamp"), "left_out": length}
    return json.dumps(kept, default=str)


recent = RecentLines()
"""Of this process, like the way out of its log."""


def configure_logging(level: str) -> None:
    """One JSON object per event on standard error."""
    _threshold.value = logging.getLevelName(level.upper())
    structlog.configure(
        processors=[
            _threshold,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            recent,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
