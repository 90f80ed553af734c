"""Keeps the cameras' rates within what the box can look at, so that nobody decodes frames in order to drop them.

Watches what is dropped and how hot the box is. The decisions are those of ``scheduler``: ``next_capacity``, ``fair_rates`` and
``heat_share``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import psutil
import structlog

from edge.cameras.capture import CameraCapture, Drop
from edge.clock import Clock
from edge.inference.scheduler import fair_rates, heat_share, next_capacity

log = structlog.get_logger()

LOOK_EVERY_S = 2.0
HEAT_EVERY_S = 10.0


class Governor:
    """Sets the rate of every capture; used by the pipeline's thread alone.

    Args:
        max_temperature_c: above this the cameras are looked at less and less often.
    """

    def __init__(self, captures: Sequence[CameraCapture], *, clock: Clock, max_temperature_c: float) -> None:
        self.share = 1.0
        """Part of the wanted frames that there is time for."""
        self.heat = 1.0
        """Part of the usual capacity that the temperature allows."""
        self._captures = captures
        self._wanted = [capture.settings.fps for capture in captures]
        self._weights = [capture.settings.priority for capture in captures]
        self._clock = clock
        self._limit_c = max_temperature_c
        self._capacity_fps = inf
        self._captured, self._dropped = self._counted()
        self._results = 0
        self._busy_s = 0.0
        self._looked_s = self._felt_s = clock.monotonic()

    def answered(self, frames: int, took_s: float) -> None:
        """The model has looked at frames; ``took_s`` is from the beginning of their turn."""
        self._results += frames
        self._busy_s += took_s

    def look(self, *, running: bool) -> None:
        """Adjust the rates when it is time; without a running model every camera has its own rate."""
        now_s = self._clock.monotonic()
        if now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        if now_s - self._felt_s >= HEAT_EVERY_S:
            self._felt_s = now_s
            self.heat = heat_share(self.heat, hottest_c=hottest_c(), limit_c=self._limit_c)
        self._learn(running=running)
        wanted = sum(self._wanted)
        rates = fair_rates(self._wanted, self._weights, capacity_fps=min(self._capacity_fps, wanted) * self.heat)
        self.share = sum(rates) / wanted if wanted else 1.0
        for capture, rate in zip(self._captures, rates, strict=True):
            capture.set_rate(rate)

    def _counted(self) -> tuple[int, int]:
        """Frames that were captured to be looked at, and those that waited in vain, since the start of the agent."""
        counts = [capture.counts() for capture in self._captures]
        captured = sum(c.captured - c.by_reason.get(Drop.SPARED, 0) for c in counts)
        dropped = sum(c.by_reason.get(Drop.NEWER, 0) + c.by_reason.get(Drop.STALE, 0) for c in counts)
        return captured, dropped

    def _learn(self, *, running: bool) -> None:
        captured, dropped = self._counted()
        if running:
            self._capacity_fps = next_capacity(
                self._capacity_fps,
                captured=captured - self._captured,
                dropped=dropped - self._dropped,
                results=self._results,
                busy_s=self._busy_s,
            )
        else:
            self._capacity_fps = inf
        self._captured, self._dropped = captured, dropped
        self._results, self._busy_s = 0, 0.0


def hottest_c() -> float | None:
    """The hottest sensor of the machine in Celsius; None where it shows none."""
    read = getattr(psutil, "sensors_temperatures", None)
    if read is None:
        return None
    found = [one.current for sensors in read().values() for one in sensors if one.current]
    return max(found, default=None)
