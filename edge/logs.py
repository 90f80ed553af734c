"""How the agent and its worker processes log: one JSON object per event on standard error."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

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


def configure_logging(level: str) -> None:
    """One JSON object per event on standard error."""
    _threshold.value = logging.getLevelName(level.upper())
    structlog.configure(
        processors=[
            _threshold,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
