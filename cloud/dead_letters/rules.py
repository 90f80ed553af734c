"""How many dead letters may be made: a bad deploy must not drain the stream into them. No clock of its own."""

from __future__ import annotations


class LetterLimit:
    """Token bucket that may go into debt: what is refused is refused, and the next batch waits for it.

    Args:
        rate_per_s: letters per second in the long run.
        burst: letters that may come at once.
    """

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self._rate_per_s = rate_per_s
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at: float | None = None

    def spend(self, letters: int, now: float) -> None:
        """Letters have been made; ``now`` is monotonic."""
        self._refill(now)
        self._tokens -= letters

    def wait_s(self, now: float) -> float:
        """Seconds until the debt is paid; 0 when more may be taken."""
        self._refill(now)
        return max(0.0, -self._tokens / self._rate_per_s)

    def _refill(self, now: float) -> None:
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate_per_s)
        self._at = now
