"""Frames of one window to one observation. Pure: the accumulator holds numbers, never images or clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from contracts.quality import QualityFlag
from contracts.vision import Detection, Evidence, ModelRef, Observation

MAX_DETECTIONS = 500
"""Detections kept with an evidence image; a school has many fish, a message has a size."""


@dataclass
class Window:
    """What one camera saw since the window began."""

    started_at: datetime
    counts: list[int] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    frames: int = 0

    def add(self, detections: Sequence[Detection] | None, latency_ms: float) -> None:
        """Take one processed frame into account; ``None`` when no model looked at it."""
        self.frames += 1
        self.latencies_ms.append(latency_ms)
        if detections is not None:
            self.counts.append(len(detections))
            self.confidences += [detection.confidence for detection in detections]


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
) -> Observation:
    """The observation of a window. Without frames its quality is MISSING and nothing is claimed."""
    counts = window.counts
    seen = QualityFlag.GOOD if counts else QualityFlag.NOT_EVALUATED
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
        quality=seen if window.frames else QualityFlag.MISSING,
    )
