"""Is this frame worth a label? Pure: what was seen and seconds in, a reason and a worth out; chance comes from the caller's seed.

Five reasons: a detection near the threshold, a class that is rare here, two opinions that differ (model against tracker, or
two models), a picture unlike this camera's usual ones, and chance. A budget per camera and per box in any 24 hours, and a
pause between two frames of one reason, keep the queue as long as people can label.
"""

from __future__ import annotations

import math
import random
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from contracts.samples import SampleReason
from contracts.vision import Box, Detection
from edge.sampling.settings import SamplingSettings

DAY_S = 86_400.0
RARE_SHARE = 0.02
"""A class below this share of a camera's detections is rare."""
RARE_AFTER = 200
"""Detections of a camera before its shares mean anything; the counts halve at ten times this, so that seasons change them."""
DRIFT_AFTER = 50
"""Pictures of a camera before its usual look is known."""
DRIFT_SIGMAS = 5.0
"""Standard deviations from the usual look, of any figure, that make a picture unusual."""
DISAGREES = 0.5
"""Share of objects that only one of two opinions has, from which they differ."""
SAME = 0.5
"""Overlap (IoU) from which two boxes are one object."""
REASONS = (SampleReason.DISAGREEMENT, SampleReason.RARE_CLASS, SampleReason.NEAR_THRESHOLD, SampleReason.DRIFT)
"""Of several reasons the first that applies is told; the worth is the highest."""


@dataclass(frozen=True)
class Offer:
    """One processed frame, as far as the rules need it."""

    camera: str
    at_s: float
    """Monotonic seconds."""
    detections: Sequence[Detection]
    """All that the model reports, the unsure ones too."""
    threshold: float
    look: Sequence[float] = ()
    """A few numbers that describe the picture (brightness, contrast, how far it lies from what the model was taught); the same number of
    them until the model changes."""
    vanished: int = 0
    """Tracks that were in the middle of the last frame and are not in this one: fish do not dissolve."""
    other: Sequence[Detection] | None = None
    """What a second model says of the same frame; None without one."""


@dataclass(frozen=True)
class Choice:
    """Why a frame is kept, and its worth from 0 to 1."""

    reason: SampleReason
    score: float


@dataclass
class _Camera:
    """What is known of one camera."""

    labels: Counter[str] = field(default_factory=Counter)
    detections: int = 0
    looks: int = 0
    mean: list[float] = field(default_factory=list)
    square: list[float] = field(default_factory=list)
    taken: deque[float] = field(default_factory=deque)
    by_reason: dict[SampleReason, float] = field(default_factory=dict)
    offered_s: float | None = None


class Chooser:
    """Chooses among the frames of all cameras of a box.

    Args:
        seed: of the chance; the same offers and seed give the same choices.
        taken: camera and age in seconds of the samples of the last 24 hours, so that a restart does not renew the budget.
        now_s: monotonic seconds that ``taken`` is counted from.
    """

    def __init__(
        self, settings: SamplingSettings, *, seed: int, taken: Iterable[tuple[str, float]] = (), now_s: float = 0.0
    ) -> None:
        self._settings = settings
        self._random = random.Random(seed)  # noqa: S311  (a sample, not a secret)
        self._cameras: dict[str, _Camera] = {}
        self._taken: deque[float] = deque()
        for camera, age_s in sorted(taken, key=lambda one: -one[1]):
            self._spend(self._camera(camera), now_s - age_s)

    def consider(self, offer: Offer) -> Choice | None:
        """Take a frame into account; returns why it should be kept, or None."""
        camera, settings = self._camera(offer.camera), self._settings
        elapsed_s = 0.0 if camera.offered_s is None else max(0.0, offer.at_s - camera.offered_s)
        camera.offered_s = offer.at_s
        scores = self._judge(camera, offer)
        _learn(camera, offer)
        left = self._left(camera, offer.at_s)
        if left <= 0:
            return None
        if self._random.random() < settings.random_share * settings.per_camera_day * elapsed_s / DAY_S:
            return self._take(camera, offer.at_s, Choice(SampleReason.RANDOM, 0.5))
        if left <= settings.random_share * settings.per_camera_day:  # the rest of the budget is for chance
            return None
        for reason in REASONS:
            rested_s = offer.at_s - camera.by_reason.get(reason, -math.inf)
            if scores[reason] > 0 and rested_s >= settings.gap_s:
                return self._take(camera, offer.at_s, Choice(reason, max(scores.values())))
        return None

    def consider_pair(
        self, camera: str, at_s: float, active: Sequence[Detection], candidate: Sequence[Detection]
    ) -> Choice | None:
        """Whether a frame that a candidate on trial has seen too should be kept: within the same budget and pauses.

        The frame itself was taken into account when it was offered alone.
        """
        known, settings = self._camera(camera), self._settings
        if self._left(known, at_s) <= settings.random_share * settings.per_camera_day:
            return None
        if at_s - known.by_reason.get(SampleReason.DISAGREEMENT, -math.inf) < settings.gap_s:
            return None
        share = disagreement(active, candidate)
        return self._take(known, at_s, Choice(SampleReason.DISAGREEMENT, share)) if share >= DISAGREES else None

    def _judge(self, camera: _Camera, offer: Offer) -> dict[SampleReason, float]:
        return {
            SampleReason.NEAR_THRESHOLD: near_threshold(offer.detections, offer.threshold, self._settings.near),
            SampleReason.RARE_CLASS: _rare_class(camera, offer),
            SampleReason.DISAGREEMENT: max(_against_tracker(offer), _against_model(offer)),
            SampleReason.DRIFT: _drift(camera, offer.look),
        }

    def _left(self, camera: _Camera, now_s: float) -> int:
        """Samples that the budget still allows."""
        for times in (camera.taken, self._taken):
            while times and now_s - times[0] >= DAY_S:
                times.popleft()
        settings = self._settings
        return min(settings.per_camera_day - len(camera.taken), settings.per_day - len(self._taken))

    def _take(self, camera: _Camera, at_s: float, choice: Choice) -> Choice:
        camera.by_reason[choice.reason] = at_s
        self._spend(camera, at_s)
        return Choice(choice.reason, round(min(1.0, choice.score), 3))

    def _spend(self, camera: _Camera, at_s: float) -> None:
        camera.taken.append(at_s)
        self._taken.append(at_s)

    def _camera(self, name: str) -> _Camera:
        return self._cameras.setdefault(name, _Camera())


def near_threshold(detections: Sequence[Detection], threshold: float, near: float) -> float:
    """1 for a detection on the threshold, 0 from ``near`` beside it."""
    if near <= 0:
        return 0.0
    return max(0.0, max((1 - abs(d.confidence - threshold) / near for d in detections), default=0.0))


def disagreement(first: Sequence[Detection], second: Sequence[Detection]) -> float:
    """Share of objects that only one of two opinions has: 0 when they agree, 1 when nothing matches."""
    if not first and not second:
        return 0.0
    left, both = list(second), 0
    for one in first:
        match = max(left, key=lambda other: iou(one.box, other.box), default=None)
        if match is not None and match.label == one.label and iou(one.box, match.box) >= SAME:
            left.remove(match)
            both += 1
    return 1 - 2 * both / (len(first) + len(second))


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    across = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    down = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    if across <= 0 or down <= 0:
        return 0.0
    return across * down / (a.w * a.h + b.w * b.h - across * down)


def _learn(camera: _Camera, offer: Offer) -> None:
    sure = [d.label for d in offer.detections if d.confidence >= offer.threshold]
    camera.labels.update(sure)
    camera.detections += len(sure)
    if camera.detections > 10 * RARE_AFTER:
        camera.labels = Counter({label: count // 2 for label, count in camera.labels.items() if count > 1})
        camera.detections = sum(camera.labels.values())
    if not offer.look:
        return
    if len(camera.mean) != len(offer.look):  # the first picture, or a model that tells another number of figures
        camera.mean, camera.square, camera.looks = list(offer.look), [0.0] * len(offer.look), 0
    camera.looks += 1
    weight = max(1 / camera.looks, 1 / 1000)  # a running mean that forgets after some thousand pictures
    for index, value in enumerate(offer.look):
        step = value - camera.mean[index]
        camera.mean[index] += weight * step
        camera.square[index] = (1 - weight) * (camera.square[index] + weight * step * step)


def _rare_class(camera: _Camera, offer: Offer) -> float:
    if camera.detections < RARE_AFTER:
        return 0.0
    seen = {d.label for d in offer.detections if d.confidence >= offer.threshold}
    return max((max(0.0, 1 - camera.labels[one] / camera.detections / RARE_SHARE) for one in seen), default=0.0)


def _against_tracker(offer: Offer) -> float:
    sure = sum(d.confidence >= offer.threshold for d in offer.detections)
    share = offer.vanished / max(1, sure + offer.vanished)
    return share if share >= DISAGREES else 0.0


def _against_model(offer: Offer) -> float:
    if offer.other is None:
        return 0.0
    share = disagreement([d for d in offer.detections if d.confidence >= offer.threshold], offer.other)
    return share if share >= DISAGREES else 0.0


def _drift(camera: _Camera, look: Sequence[float]) -> float:
    if camera.looks < DRIFT_AFTER or len(look) != len(camera.mean):
        return 0.0
    sigmas = max(
        abs(value - mean) / math.sqrt(square + 1e-4 * (1 + mean * mean))
        for value, mean, square in zip(look, camera.mean, camera.square, strict=True)
    )
    return min(1.0, sigmas / DRIFT_SIGMAS - 1) if sigmas > DRIFT_SIGMAS else 0.0
