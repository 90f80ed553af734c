"""Candidate and active model on the same frames: who found what, how sure, how fast. Counts only; the rules judge.

Without labels nobody knows who is right. What can be said is how far the two differ, and a model that differs too much is not
activated unseen.
"""

from __future__ import annotations

import statistics
import threading
from collections import deque
from collections.abc import Sequence

from contracts.deployments import ShadowFigures
from contracts.vision import Box, Detection

SAME = 0.5
"""Overlap (intersection over union) from which two boxes are the same fish."""
MOST = 200
"""Detections of a frame that are compared, the surest."""
LATENCIES = 500


class ShadowRun:
    """Counts of one trial; written by the pipeline's thread, read by the updater's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames = self._errors = 0
        self._active = self._candidate = self._paired = 0
        self._shift = 0.0
        self._active_s: deque[float] = deque(maxlen=LATENCIES)
        self._candidate_s: deque[float] = deque(maxlen=LATENCIES)

    def pair(
        self, active: Sequence[Detection], candidate: Sequence[Detection], *, active_s: float, candidate_s: float
    ) -> None:
        """Note a frame that both have answered."""
        pairs = matched(active, candidate)
        with self._lock:
            self._frames += 1
            self._active += min(len(active), MOST)
            self._candidate += min(len(candidate), MOST)
            self._paired += len(pairs)
            self._shift += sum(theirs.confidence - ours.confidence for ours, theirs in pairs)
            self._active_s.append(active_s)
            self._candidate_s.append(candidate_s)

    def failed(self) -> None:
        """Note a frame that the candidate failed on."""
        with self._lock:
            self._errors += 1

    def figures(self, *, memory_bytes: int = 0) -> ShadowFigures:
        """What can be said so far."""
        with self._lock:
            both = self._active + self._candidate
            ours = statistics.median(self._active_s) if self._active_s else 0.0
            theirs = statistics.median(self._candidate_s) if self._candidate_s else 0.0
            return ShadowFigures(
                frames=self._frames,
                errors=self._errors,
                disagreement=(both - 2 * self._paired) / both if both else (0.0 if self._frames else None),
                count_ratio=self._candidate / self._active if self._active else None,
                confidence_shift=max(-1.0, min(1.0, self._shift / self._paired)) if self._paired else None,
                latency_ms=round(theirs * 1000, 2) if self._candidate_s else None,
                latency_ratio=round(theirs / ours, 3) if ours > 0 else None,
                memory_mb=round(memory_bytes / 1e6, 1) or None,
            )


def matched(active: Sequence[Detection], candidate: Sequence[Detection]) -> list[tuple[Detection, Detection]]:
    """The same fish in both, each used once, the surest of the active model first."""
    left = sorted(candidate, key=lambda one: -one.confidence)[:MOST]
    pairs = []
    for ours in sorted(active, key=lambda one: -one.confidence)[:MOST]:
        fitting = [
            (overlap(ours.box, theirs.box), index) for index, theirs in enumerate(left) if theirs.label == ours.label
        ]
        best, index = max(fitting, default=(0.0, -1))
        if best >= SAME:
            pairs.append((ours, left.pop(index)))
    return pairs


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    height = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    union = one.w * one.h + other.w * other.h - both
    return both / union if union > 0 else 0.0
