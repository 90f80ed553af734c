"""Frames of one window to one observation. Pure: the accumulator holds numbers, never images or clocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from contracts.quality import QualityFlag
from contracts.vision import Detection, Evidence, ImageParts, LineFlow, ModelRef, Observation
from edge.inference.counting import Flow, mean_interval

if TYPE_CHECKING:
    from edge.cameras.quality import ImageQuality

MAX_DETECTIONS = 500
"""Detections kept with an evidence image; a school has many fish, a message has a size."""
MAX_CLASSES = 50
"""Classes told of one window, the most frequent first."""
TRUSTED_VIEW = 0.5
"""Image quality below which counts are SUSPECT: half of the picture, its light or its contrast is gone."""


@dataclass
class Window:
    """What one camera saw since the window began."""

    started_at: datetime
    counts: list[int] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    """From the frames of the training, of every frame of which the model told it."""
    parts: list[ImageQuality] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    tracks: set[int] = field(default_factory=set)
    frames: int = 0
    health: dict[str, float] = field(default_factory=dict)
    """Sum of the scores by health label."""
    health_fish: int = 0

    def look(self, scores: Sequence[Mapping[str, float]]) -> None:
        """Take what the health model said of some fish into account."""
        self.health_fish += len(scores)
        for one in scores:
            for label, score in one.items():
                self.health[label] = self.health.get(label, 0.0) + score

    def add(self, detections: Sequence[Detection] | None, latency_ms: float) -> None:
        """Take one processed frame into account; ``None`` when no model looked at it."""
        self.frames += 1
        self.latencies_ms.append(latency_ms)
        if detections is not None:
            self.counts.append(len(detections))
            self.confidences += [detection.confidence for detection in detections]
            self.labels.update(detection.label for detection in detections)


@dataclass(frozen=True)
class Motion:
    """What following the fish has told about a window."""

    tracks: int
    activity_bl_s: float | None
    flows: tuple[Flow, ...]


def median_parts(parts: Sequence[ImageQuality]) -> ImageParts | None:
    """The parts of the image quality, each the median over the window's frames; None without any."""
    if not parts:
        return None
    return ImageParts(
        **{name: round(median(getattr(one, name) for one in parts), 3) for name in ImageParts.model_fields}
    )


def view_quality(parts: ImageParts | None) -> tuple[float | None, str | None]:
    """The worst part of the picture, and the name of the failed test when it is too bad to trust a count."""
    if parts is None:
        return None, None
    name, score = min(((name, float(getattr(parts, name))) for name in ImageParts.model_fields), key=lambda one: one[1])
    return score, f"image_{name}" if score < TRUSTED_VIEW else None


def end_after(last: datetime | None, now: datetime) -> datetime:
    """End of a window: now, but always later than the end of the camera's last window, whatever the clock does."""
    return now if last is None or now > last else last + timedelta(microseconds=1)


def evidence_due(last_s: float | None, now_s: float, every_s: float) -> bool:
    """Whether this window's observation gets an image; a hair early, so that jitter does not skip a whole window."""
    return last_s is None or now_s - last_s >= every_s * 0.98


def summarise(
    window: Window,
    *,
    camera: str,
    unit: str,
    ended_at: datetime,
    dropped: int,
    model: ModelRef | None,
    evidence: Evidence | None,
    detections: Sequence[Detection] = (),
    parts: ImageParts | None = None,
    motion: Motion | None = None,
    before: Sequence[int] = (),
) -> Observation:
    """The observation of a window. Without frames its quality is MISSING and nothing is claimed.

    ``before`` are the counts of earlier frames: the interval of the mean learns from them how fast the school changes.
    """
    counts = window.counts
    view, failed = view_quality(parts)
    seen = QualityFlag.GOOD if counts else QualityFlag.NOT_EVALUATED
    if failed is not None:
        seen = QualityFlag.SUSPECT
    interval = mean_interval(counts, before=before)
    return Observation(
        camera=camera,
        unit=unit,
        started_at=min(window.started_at, ended_at),
        observed_at=ended_at,
        frames=window.frames,
        frames_dropped=dropped,
        count_mean=round(sum(counts) / len(counts), 3) if counts else None,
        count_min=min(counts, default=None),
        count_max=max(counts, default=None),
        confidence_mean=round(sum(window.confidences) / len(window.confidences), 4) if window.confidences else None,
        latency_ms=round(sum(window.latencies_ms) / len(window.latencies_ms), 2) if window.latencies_ms else None,
        detections=tuple(detections[:MAX_DETECTIONS]) if evidence is not None else (),
        image_sha256=evidence.sha256 if evidence is not None else None,
        image_observed_at=evidence.observed_at if evidence is not None else None,
        model=model if counts else None,
        image_quality=view,
        image_parts=parts,
        quality=seen if window.frames else QualityFlag.MISSING,
        quality_test=failed,
        count_interval=(round(interval.low, 3), round(interval.high, 3)) if interval is not None else None,
        tracks=motion.tracks if motion is not None else None,
        activity_bl_s=round(motion.activity_bl_s, 3)
        if motion is not None and motion.activity_bl_s is not None
        else None,
        lines=tuple(_line_flow(flow) for flow in motion.flows) if motion is not None else (),
        classes={label: round(number / len(counts), 3) for label, number in window.labels.most_common(MAX_CLASSES)},
        health={label: round(min(1.0, total / window.health_fish), 4) for label, total in window.health.items()},
        health_fish=window.health_fish,
        embedding_distance=round(median(window.distances), 3) if window.distances else None,
    )


def _line_flow(flow: Flow) -> LineFlow:
    return LineFlow(
        name=flow.name,
        entered=flow.entered,
        left=flow.left,
        entered_interval=(flow.entered_low, flow.entered_high),
        left_interval=(flow.left_low, flow.left_high),
    )
