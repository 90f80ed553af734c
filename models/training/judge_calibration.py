"""How much twenty frames are worth: a detector on the later frames of sites that it never saw, before and after calibration.

``python -m models.training.judge_calibration --data FOLDER --site 7426 --site 7623 --site 9866``, with ``fish_detection`` below FOLDER. The
frames to learn from are spread over the first quarter of every video; every third frame of what follows judges, through the runtime.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from contracts.datasets import DatasetImage
from models.data.frames import Located
from models.data.snapshot import draft, write_snapshot
from models.data.yolo import import_yolo
from models.evaluation.detection import FrameResult, score
from models.evaluation.evaluate import LOWEST_CONFIDENCE, run_detector
from models.runtime import Detector, load_bundle, open_session
from models.runtime.bundle import find_bundle
from models.training.adapt import adapt

FIRST = 4
"""The first 1/4 of every video may teach."""
EVERY = 3
FOLDER = "fish_detection"
CROP = (0, 79, 360, 281)
"""The picture inside the letterboxed files of DeepFish."""


def judge_calibration(
    root: Path, bundle: str, sites: Sequence[str], *, frames: int = 20, steps: int = 150, seed: int = 1
) -> dict[str, Any]:
    """Figures by site and of all together: mAP50, and mean absolute error of a frame's count, before and after.

    Args:
        root: holds ``fish_detection``.
        bundle: detector that never saw the sites.
        sites: to calibrate to, one by one.
        frames: that each calibration gets.
        steps: of each calibration.
        seed: of each calibration.

    Raises:
        DatasetError: the data cannot be used.
    """
    images = import_yolo(root / FOLDER, ("fish",), licence="CC-BY-4.0", provenance="DeepFish", crop=CROP)
    found: dict[str, Any] = {}
    before: list[FrameResult] = []
    after: list[FrameResult] = []
    count_errors: dict[str, list[int]] = {"before": [], "after": []}
    for site in sites:
        early, late = _by_time([image for image in images if image.site == site])
        teach = [early[i] for i in np.unique(np.linspace(0, len(early) - 1, frames).astype(int))]
        with tempfile.TemporaryDirectory() as folder:
            write_snapshot(draft(f"frames-{site}", ("fish",), teach), Path(folder) / "frames.json")
            adapted = Path(folder) / "adapted"
            adapt(
                site,
                bundle,
                Path(folder) / "frames.json",
                adapted,
                steps=steps,
                seed=seed,
                roots=[root],
                console=Console(quiet=True),
            )
            judged = [Located(root, image) for image in late[::EVERY]]
            was, is_now = _results(find_bundle(bundle), judged), _results(adapted, judged)
            errors = {"before": _count_errors(find_bundle(bundle), was), "after": _count_errors(adapted, is_now)}
        before += was
        after += is_now
        count_errors = {moment: [*count_errors[moment], *each] for moment, each in errors.items()}
        found[site] = {"taught": len(teach), "judged": len(judged), **_figures(was, is_now, errors)}
    return found | {"all": _figures(before, after, count_errors)}


def _figures(
    before: Sequence[FrameResult], after: Sequence[FrameResult], errors: Mapping[str, Sequence[int]]
) -> dict[str, Any]:
    return {
        "before": round(score(before, 0.3).map50, 3),
        "after": round(score(after, 0.3).map50, 3),
        "count_mae_before": round(float(np.mean(errors["before"])), 3),
        "count_mae_after": round(float(np.mean(errors["after"])), 3),
    }


def _count_errors(bundle: Path, results: Sequence[FrameResult]) -> list[int]:
    """Of every frame, by the bundle's own threshold."""
    threshold = load_bundle(bundle).manifest.threshold
    return [abs(int((result.scores >= threshold).sum()) - len(result.truth)) for result in results]


def _by_time(images: Sequence[DatasetImage]) -> tuple[list[DatasetImage], list[DatasetImage]]:
    videos: dict[str, list[DatasetImage]] = defaultdict(list)
    for image in images:
        videos[image.group].append(image)
    cuts = [(video, max(1, len(video) // FIRST)) for video in videos.values()]
    return [i for video, cut in cuts for i in video[:cut]], [i for video, cut in cuts for i in video[cut:]]


def _results(bundle: Path, frames: Sequence[Located]) -> list[FrameResult]:
    return run_detector(Detector(open_session(load_bundle(bundle)), threshold=LOWEST_CONFIDENCE), frames)


def main(
    data: Annotated[Path, typer.Option(help="Folder that holds fish_detection")],
    site: Annotated[list[str], typer.Option(help="That the detector never saw; may be repeated")],
    bundle: Annotated[str, typer.Option(help="Detector to start from")] = "fish-detector",
    frames: Annotated[int, typer.Option(help="That each calibration gets")] = 20,
) -> None:
    """Judge calibration to unseen sites."""
    typer.echo(json.dumps(judge_calibration(data, bundle, site, frames=frames), indent=1))


if __name__ == "__main__":
    typer.run(main)
