"""How long things take on their way through the box, stage by stage; what each stage means is declared in ``metrics.py``.

Every stage is written by one thread alone, so writing takes no lock and costs about a microsecond. Who reads meanwhile may be
one observation behind.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, fields
from itertools import accumulate

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper ends of the buckets in seconds; what is longer goes into a last one without an end."""


class Stage:
    """A histogram of seconds."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        """Count something that took so long; a clock that went back counts as no time."""
        seconds = max(0.0, seconds)
        self._counts[bisect_left(BOUNDS_S, seconds)] += times
        self._sum_s += seconds * times

    @property
    def sum_s(self) -> float:
        """All seconds together."""
        return self._sum_s

    def cumulative(self) -> tuple[int, ...]:
        """How many took at most each of ``BOUNDS_S``, and last how many there were."""
        return tuple(accumulate(tuple(self._counts)))

    def at_most_s(self, share: float) -> float | None:
        """The bucket's end below which this share of all lies; None when there were none or it lies beyond the last end."""
        cumulative = self.cumulative()
        wanted = share * cumulative[-1]
        if not cumulative[-1]:
            return None
        return next((end for end, count in zip(BOUNDS_S, cumulative, strict=False) if count >= wanted), None)


@dataclass(frozen=True)
class Stages:
    """Every stage of a box."""

    reading_queue: Stage = field(default_factory=Stage)
    reading_persist: Stage = field(default_factory=Stage)
    frame_decode: Stage = field(default_factory=Stage)
    frame_result: Stage = field(default_factory=Stage)
    observation_persist: Stage = field(default_factory=Stage)
    message_puback: Stage = field(default_factory=Stage)
    message_commit: Stage = field(default_factory=Stage)

    def all(self) -> dict[str, Stage]:
        """The stages by name, in the order of the way."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def document(self) -> dict[str, dict[str, float | None]]:
        """For the local page: how many, their mean, and within what the middle and 99 of 100 were; in milliseconds."""
        found: dict[str, dict[str, float | None]] = {}
        for name, stage in self.all().items():
            count = stage.cumulative()[-1]
            ends = {key: stage.at_most_s(share) for key, share in (("p50_within_ms", 0.5), ("p99_within_ms", 0.99))}
            mean_ms = round(stage.sum_s / count * 1000, 3) if count else None
            shown = {key: None if end is None else end * 1000 for key, end in ends.items()}
            found[name] = {"count": count, "mean_ms": mean_ms, **shown}
        return found
