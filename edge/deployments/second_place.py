"""Whose is the place beside the box's model: at most two models are in memory at once, whatever is tried at the same time.

The box's own deployment goes first: it needs every camera on the model that runs, to compare with, and the memory of one more. A trial in
some units ends for it.
"""

from __future__ import annotations

import threading
from typing import Literal

Taker = Literal["box", "trial"]


class SecondPlace:
    """Shared by the updater of the box's model and that of the trial, each in its own thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken_by: Taker | None = None
        self._wanted = False

    @property
    def wanted_by_box(self) -> bool:
        """Whether the box's own deployment waits for it."""
        return self._wanted

    def take(self, who: Taker) -> bool:
        """Whether it is theirs now; who has it already keeps it."""
        with self._lock:
            free = self._taken_by in {None, who} and (who == "box" or not self._wanted or self._taken_by == who)
            if free:
                self._taken_by = who
            if who == "box":
                self._wanted = not free
            return free

    def leave(self, who: Taker) -> None:
        """They need it no more."""
        with self._lock:
            if self._taken_by == who:
                self._taken_by = None
            if who == "box":
                self._wanted = False
