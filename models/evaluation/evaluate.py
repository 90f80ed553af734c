"""Judge an exported bundle on a prepared data set, exactly as a device would run it.

``python -m models.evaluation.evaluate --bundle DIR --config FILE --data DIR`` prints a table by split and site.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Column, Table

from contracts.errors import ConfigurationError
from models.data.frames import Located, fraction_corners, read_picture
from models.evaluation.detection import DetectionScores, FrameResult, score
from models.runtime import Detector, load_bundle, open_session
from models.runtime.golden import corners
from models.training.config import load_config
from models.training.prepare import prepare

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


def main(
    bundle: Annotated[Path, typer.Option(help="Folder of the bundle")],
    config: Annotated[Path, typer.Option(help="Training configuration, for the split")],
    data: Annotated[list[Path], typer.Option(help="Folder that holds the sources' folders; may be repeated")],
    json_out: Annotated[Path | None, typer.Option("--json", help="Also write the figures here")] = None,
) -> None:
    """Judge a detector bundle."""
    try:
        figures = evaluate(bundle, prepare(load_config(config), data).judges)
    except ConfigurationError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    Console().print(table(figures))
    if json_out is not None:
        json_out.write_text(json.dumps({name: scores._asdict() for name, scores in figures.items()}, indent=2))


if __name__ == "__main__":
    typer.run(main)
