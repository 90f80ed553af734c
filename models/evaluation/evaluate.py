"""Judge an exported bundle on a prepared data set, exactly as a device would run it: the publishing step's figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.table import Column, Table

from models.data.frames import Located, fraction_corners, read_picture
from models.evaluation.detection import DetectionScores, FrameResult, score
from models.runtime import Detector, load_bundle, open_session
from models.runtime.golden import corners

LOWEST_CONFIDENCE = 0.02
"""Detections below it change no figure noticeably and cost time."""


def run_detector(detector: Detector, frames: Sequence[Located]) -> list[FrameResult]:
    """Detect in every frame, boxes in pixels of the original picture as the labels are judged."""
    results = []
    for located in frames:
        picture = read_picture(located.root, located.image)
        size = np.array([picture.shape[1], picture.shape[0]] * 2, np.float32)
        (found,) = detector.detect([picture])
        boxes = corners([detection.box for detection in found]) * size
        scores = np.array([detection.confidence for detection in found], np.float32)
        results.append(FrameResult(boxes, scores, fraction_corners(located.image) * size))
    return results


def evaluate(
    bundle: Path, judges: Mapping[str, Sequence[Located]], *, threshold: float | None = None
) -> dict[str, DetectionScores]:
    """Return figures for every split, and for every site of a split of several as ``split/site``.

    Args:
        bundle: folder of a detector bundle.
        judges: frames by split.
        threshold: for F1 and counts; None takes the manifest's.
    """
    session = open_session(load_bundle(bundle))
    detector = Detector(session, threshold=LOWEST_CONFIDENCE)
    limit = session.manifest.threshold if threshold is None else threshold
    figures = {}
    for name, frames in judges.items():
        results = run_detector(detector, frames)
        figures[name] = score(results, limit)
        by_site: dict[str, list[FrameResult]] = defaultdict(list)
        for located, result in zip(frames, results, strict=True):
            by_site[located.image.site].append(result)
        if len(by_site) > 1:
            figures |= {f"{name}/{site}": score(part, limit) for site, part in sorted(by_site.items())}
    return figures


def table(figures: Mapping[str, DetectionScores]) -> Table:
    """Lay the figures out for a terminal."""
    out = Table(Column("set", no_wrap=True), *DetectionScores._fields)
    for name, scores in figures.items():
        out.add_row(name, *(str(v) if isinstance(v, int) else f"{v:.3f}" for v in scores))
    return out
