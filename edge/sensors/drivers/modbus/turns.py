"""Who may speak on a line: one at a time, and who switches goes before who measures."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Turns:
    """Turns on one line. A switch waits for the request under way and no longer: the next turn is its own."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._speaking = False
        self._switches = 0

    @contextlib.contextmanager
    def measure(self) -> Iterator[None]:
        """A turn to ask a probe; waits until nobody speaks and nobody wants to switch."""
        with self._free:
            self._free.wait_for(lambda: not self._speaking and self._switches == 0)
            self._speaking = True
        try:
            yield
        finally:
            self._done()

    @contextlib.contextmanager
    def switch(self) -> Iterator[None]:
        """A turn to drive a relay; waits until nobody speaks."""
        with self._free:
            self._switches += 1
            self._free.wait_for(lambda: not self._speaking)
            self._switches -= 1
            self._speaking = True
        try:
            yield
        finally:
            self._done()

    def _done(self) -> None:
        with self._free:
            self._speaking = False
            self._free.notify_all()
