"""What is remembered of predictions in a process: recent results, and how each version has done. Bounded; ``now`` is given."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

Result = TypeVar("Result")

WINDOW = 1000
"""Latest predictions of a version that its percentiles and rates are of."""
BINS = 10


class ResultCache(Generic[Result]):
    """Results by picture and model, for a while.

    A picture and a model are both named by their sha256, so an entry can never be wrong; the time to live only keeps what
    nobody asks for again from staying.

    Args:
        entries: kept at most; the one that was used longest ago goes first. 0 keeps none.
        ttl_s: seconds that an entry lives.
    """

    def __init__(self, *, entries: int, ttl_s: float) -> None:
        self._entries = entries
        self._ttl_s = ttl_s
        self._kept: OrderedDict[tuple[str, str], tuple[float, Result]] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, image_sha256: str, model_sha256: str, now: float) -> Result | None:
        """What this model said of this picture, or None. ``now`` is monotonic, in seconds."""
        key = (image_sha256, model_sha256)
        found = self._kept.get(key)
        if found is not None and now - found[0] < self._ttl_s:
            self._kept.move_to_end(key)
            self.hits += 1
            return found[1]
        self._kept.pop(key, None)
        self.misses += 1
        return None

    def put(self, image_sha256: str, model_sha256: str, result: Result, now: float) -> None:
        """Remember."""
        key = (image_sha256, model_sha256)
        self._kept[key] = (now, result)
        self._kept.move_to_end(key)
        while len(self._kept) > self._entries:
            self._kept.popitem(last=False)


@dataclass
class VersionStatistics:
    """How one version has done in this process."""

    predictions: int = 0
    errors: int = 0
    batches: int = 0
    cached: int = 0
    unknown: int = 0
    last_error: str | None = None
    last_error_at: datetime | None = None
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    outcomes: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    confidences: list[int] = field(default_factory=lambda: [0] * BINS)

    def batch(self, size: int, latency_ms: float) -> None:
        """A batch went through the model; each of its pictures waited for the whole."""
        self.batches += 1
        self.predictions += size
        self.latencies_ms.extend([latency_ms] * size)
        self.outcomes.extend([True] * size)

    def answer(self, confidence: float | None, *, unknown: bool) -> None:
        """An answer was given."""
        self.unknown += unknown
        if confidence is not None:
            self.confidences[min(BINS - 1, int(confidence * BINS))] += 1

    def failed(self, reason: str, now: datetime) -> None:
        """The model gave no answer for a picture."""
        self.errors += 1
        self.outcomes.append(False)
        self.last_error, self.last_error_at = reason[:500], now

    def percentile_ms(self, share: float) -> float | None:
        """Latency below which this share of the latest predictions lies."""
        if not self.latencies_ms:
            return None
        ordered = sorted(self.latencies_ms)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)

    @property
    def error_rate(self) -> float:
        """Share of the latest predictions that failed."""
        return self.outcomes.count(False) / len(self.outcomes) if self.outcomes else 0.0
