"""What the fleet wishes of a box, on its way from the network's thread to the one that carries it out, and when that tries again."""

from __future__ import annotations

import threading
from dataclasses import replace

from contracts.deployments import DesiredModels
from edge.clock import Clock
from edge.deployments.rules import Conditions, apart_from, why_not_now
from edge.deployments.settings import DeploymentSettings

LONGEST_RETRY_S = 3600.0


class Wishes:
    """The newest wish; an older one that nobody has taken is dropped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._new: DesiredModels | None = None
        self._taken = DesiredModels()

    def put(self, desired: DesiredModels) -> None:
        """Heard; returns at once. The same may come again and again."""
        with self._lock:
            self._new = desired

    def take(self) -> DesiredModels | None:
        """What is new since the last time; its holds and its urgency count from now on."""
        with self._lock:
            desired, self._new = self._new, None
        if desired is not None:
            self._taken = desired
        return desired

    def put_back(self, desired: DesiredModels) -> None:
        """Taken again later, unless something newer came: what is under way must end first."""
        with self._lock:
            if self._new is None:
                self._new = desired

    def why_not_now(
        self,
        conditions: Conditions,
        settings: DeploymentSettings,
        clock: Clock,
        *,
        activate: bool,
        elsewhere: frozenset[str] = frozenset(),
        urgent: bool = False,
    ) -> str | None:
        """What activating waits for, the fleet's holds included; None when it may be.

        Args:
            conditions: what goes on at the tanks.
            settings: with the daily windows.
            clock: the box's.
            activate: whether the fleet allows it.
            elsewhere: units that it does not concern.
            urgent: leaves the daily windows out, as the wish itself may.
        """
        if not activate:
            return "the rollout: it has not released this wave yet"
        conditions = replace(conditions, holds=(*conditions.holds, *self._taken.holds))
        return why_not_now(
            apart_from(conditions, elsewhere),
            settings.swap_windows,
            clock.now(),
            zone=settings.timezone,
            trusted=clock.trusted(),
            urgent=urgent or self._taken.urgent,
        )


class Retry:
    """Waits twice as long after every failure, up to ``LONGEST_RETRY_S``.

    Args:
        first_s: seconds to wait after the first.
    """

    def __init__(self, first_s: float) -> None:
        self._first_s = first_s
        self._failures, self._again_s = 0, 0.0

    def due(self, now_s: float) -> bool:
        """Whether it may be tried; ``now_s`` is monotonic."""
        return now_s >= self._again_s

    def failed(self, now_s: float) -> float:
        """Seconds until the next try."""
        wait_s = min(LONGEST_RETRY_S, self._first_s * 2.0 ** min(self._failures, 12))
        self._failures += 1
        self._again_s = now_s + wait_s
        return wait_s

    def reset(self) -> None:
        """It worked, or is about something else now."""
        self._failures, self._again_s = 0, 0.0
