"""Which frames go to the model next, and how often each camera is worth capturing. Pure: times are arguments.

Cameras share the model by weight (stride scheduling): each has a virtual time that grows with every frame it was served, and
the least served goes first, so that neither a fast camera nor a dead one changes what the others get. A frame whose result
would be older than the staleness budget is not worth the model's time while a newer one waits or will come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BUSY_SHARE = 0.95
"""Part of what an overloaded box was seen to do that is asked of it next; the rest absorbs what varies."""
PLANNED_SHARE = 0.8
"""Part of the staleness budget that is planned with; a box that is busy with other things takes the rest."""
OVERLOADED_SHARE = 0.1
"""A box that drops more than this part of its frames is overloaded."""
GROWTH = 1.25
LEAST_CAPACITY_FPS = 0.5
COOLER = 0.8
WARMER = 1.1
LEAST_HEAT_SHARE = 0.2
HYSTERESIS_C = 5.0


@dataclass(frozen=True)
class Plan:
    """What to take now."""

    cameras: tuple[int, ...]
    """Cameras whose oldest frame that is fresh enough is taken, in this order."""
    fresh_after_s: float
    """Monotonic time; frames captured before are too old to be worth a result."""


class Scheduler:
    """Shares one model among cameras.

    Args:
        weights: of each camera; twice the weight, twice the frames when there are not enough for all.
        staleness_s: age that a frame may have when its result is there.
        batch: frames of one job at most.
    """

    def __init__(self, weights: Sequence[int], *, staleness_s: float, batch: int) -> None:
        self._weights = weights
        self._quantum = 1.0 / max(weights, default=1)
        self._staleness_s = PLANNED_SHARE * staleness_s
        self._batch = batch
        self._served = [0.0] * len(weights)
        self._now_served = 0.0

    def plan(self, oldest_s: Mapping[int, float], *, now_s: float, ahead_s: float, frame_s: float) -> Plan:
        """Choose the next batch.

        Args:
            oldest_s: monotonic capture time of the oldest waiting frame of each camera that has one.
            now_s: monotonic time.
            ahead_s: seconds until the model begins with this batch.
            frame_s: seconds that the model takes for one frame.
        """
        # A batch is answered as a whole: its last frame makes the first one wait.
        affordable = int((self._staleness_s / 2 - ahead_s) / frame_s) if frame_s > 0 else self._batch
        begins = {camera: max(self._served[camera], self._now_served) for camera in oldest_s}
        # Who is ahead of the least served by a whole frame waits a turn; else a full batch would make all equal.
        last = min(begins.values()) + self._quantum * 0.999
        order = sorted((camera for camera in oldest_s if begins[camera] < last), key=lambda c: (begins[c], oldest_s[c]))
        size = max(1, min(self._batch, affordable, len(order)))
        # A model slower than the budget still gets frames, as fresh as there are.
        wait_s = min(ahead_s + size * frame_s, self._staleness_s / 2)
        return Plan(tuple(order[:size]), now_s - self._staleness_s + wait_s)

    def served(self, camera: int) -> None:
        """A frame of this camera goes to the model. One that had nothing to show for long gains no credit by that."""
        begin = max(self._served[camera], self._now_served)
        self._served[camera] = begin + 1.0 / self._weights[camera]
        self._now_served = begin


def fair_rates(wanted_fps: Sequence[float], weights: Sequence[int], *, capacity_fps: float) -> tuple[float, ...]:
    """Frames per second of each camera so that all together fit: by weight, and no one gets more than it wants."""
    rates = [0.0] * len(wanted_fps)
    left, open_ = capacity_fps, set(range(len(wanted_fps)))
    while open_ and left > 0:
        share = left / sum(weights[i] for i in open_)
        content = {i for i in open_ if wanted_fps[i] <= share * weights[i]}
        for i in content or open_:
            rates[i] = wanted_fps[i] if content else share * weights[i]
        if not content:
            break
        left -= sum(wanted_fps[i] for i in content)
        open_ -= content
    return tuple(rates)


def next_capacity(capacity_fps: float, *, captured: int, dropped: int, results: int, busy_s: float) -> float:
    """Frames per second that the box is believed to manage, from what it did lately.

    Found by trying, because what sets the limit may be the model, the decoding, or another program on the box: what it
    managed while it had to drop frames, and more again step by step while it has not.

    Args:
        capacity_fps: what was believed before; infinite when no limit was met.
        captured: frames of all cameras lately.
        dropped: those that waited in vain.
        results: those that got a result.
        busy_s: seconds that these results took.
    """
    if dropped > OVERLOADED_SHARE * captured and busy_s > 0:
        return max(LEAST_CAPACITY_FPS, BUSY_SHARE * results / busy_s)
    return capacity_fps * GROWTH


def heat_share(share: float, *, hottest_c: float | None, limit_c: float) -> float:
    """Part of the usual frames that a hot box goes on with: less with every look while it is too hot, more when it is not."""
    if hottest_c is not None and hottest_c > limit_c:
        return max(LEAST_HEAT_SHARE, share * COOLER)
    if hottest_c is None or hottest_c < limit_c - HYSTERESIS_C:
        return min(1.0, share * WARMER)
    return share
