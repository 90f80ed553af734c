"""A bundle is run over the judging parts of a frozen data set, exactly as a device runs it; every figure gets slices and intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from contracts.bundles import ModelManifest, Task
from contracts.datasets import DatasetImage, DatasetSnapshot
from contracts.errors import ConfigurationError
from models.data.frames import Located, fraction_corners, read_picture
from models.data.pictures import Watch, unwatched
from models.data.snapshot import in_splits, locate
from models.data.splits import TRAIN, group_of, pictures_fingerprint
from models.evaluation.bootstrap import RESAMPLES, with_intervals
from models.evaluation.conditions import conditions
from models.evaluation.document import (
    ALL,
    DatasetUnderTest,
    Evaluation,
    Figure,
    FoundBox,
    ImageResult,
    ModelUnderTest,
    SliceFigures,
    TrueBox,
)
from models.evaluation.figures import judge_for
from models.runtime import Classifier, Detector, Scorer, Session, load_bundle, open_session
from models.runtime.preprocess import FrameArray

LOWEST_CONFIDENCE = 0.02
"""Detections below it change no figure noticeably and cost time."""
SMALLEST_SLICE = 20
"""Pictures; a smaller slice is noise."""
MOST_SLICES = 200
_OVER_CLASSES = ("macro_f1", "balanced_accuracy", "macro_auroc", "auroc_unknown")
"""Figures that compare classes: within one species there is nothing to compare, its accuracy is its recall."""


def judge_bundle(
    bundle: Path,
    snapshot: DatasetSnapshot,
    roots: Sequence[Path],
    *,
    now: datetime,
    splits: Sequence[str] = (),
    every: int = 1,
    resamples: int = RESAMPLES,
    seed: int = 1,
    watch: Watch = unwatched,
    watch_slices: Watch = unwatched,
) -> Evaluation:
    """Evaluate a bundle.

    Args:
        bundle: its folder.
        snapshot: the data set.
        roots: folders that hold the data set's folders.
        now: the moment that is written down.
        splits: parts that judge; empty takes all but what the model learnt from: ``train``, or the other folds of its own data set.
        every: take every n-th picture, for a quick look; 1 takes all.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        watch: goes through the pictures, and may show progress.
        watch_slices: goes through the slices.

    Raises:
        ConfigurationError: no such part, one that the model learnt from, nothing to judge by, or labels that the model does not have.
    """
    session = open_session(load_bundle(bundle))
    model = _model(session)
    parts = in_splits(snapshot)
    for name in splits:
        if name not in parts:
            raise ConfigurationError("--split", name, f"The data set has {', '.join(parts)}.")
    chosen = _never_learnt(session.manifest, snapshot, parts, splits)
    images = [image for name in chosen for image in parts[name]][:: max(1, every)]
    if not images:
        raise ConfigurationError("--dataset", snapshot.name, "It has no judging part. Freeze it with a split.")
    _check_labels(model, images)
    answer = _Answerer(session)
    results = [answer(located, read_picture(located.root, located.image)) for located in watch(locate(images, roots))]
    return Evaluation(
        created_at=now,
        model=model,
        dataset=DatasetUnderTest(name=snapshot.name, sha256=snapshot.sha256, splits=chosen),
        seed=seed,
        resamples=resamples,
        slices=slice_figures(model, results, resamples=resamples, seed=seed, watch=watch_slices),
        images=tuple(results),
    )


def slice_figures(
    model: ModelUnderTest,
    results: Sequence[ImageResult],
    *,
    resamples: int = RESAMPLES,
    seed: int = 1,
    watch: Watch = unwatched,
) -> dict[str, SliceFigures]:
    """Figures of everything, and of every slice of at least :data:`SMALLEST_SLICE` pictures that is not everything."""
    judge = judge_for(model, results)
    groups = [result.group for result in results]
    figures = {}
    for name in watch(slice_names(results)):
        inside = in_slice(results, name)
        told = with_intervals(judge, groups, inside, resamples=resamples, seed=seed)
        if name.startswith("species="):
            told |= {each: Figure(value=None) for each in _OVER_CLASSES if each in told}
        figures[name] = SliceFigures(
            images=int(inside.sum()),
            groups=len({group for group, here in zip(groups, inside, strict=True) if here}),
            figures=told,
        )
    return figures


def slice_names(results: Sequence[ImageResult]) -> list[str]:
    """``all``, then ``kind=value`` of slices that are large enough, the largest of a kind first; at most 200."""
    counts = Counter(f"{kind}={value}" for result in results for kind, value in result.slices.items())
    names = [name for name, count in counts.items() if SMALLEST_SLICE <= count < len(results)]
    names.sort(key=lambda name: (name.partition("=")[0], -counts[name], name))
    return [ALL, *names[: MOST_SLICES - 1]]


def in_slice(results: Sequence[ImageResult], name: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(N,) which pictures belong to the slice."""
    kind, _, value = name.partition("=")
    return np.array([name == ALL or result.slices.get(kind) == value for result in results], bool)


def _model(session: Session) -> ModelUnderTest:
    manifest = session.manifest
    classification = manifest.classification
    return ModelUnderTest(
        name=manifest.name,
        version=manifest.version,
        sha256=manifest.sha256,
        task=manifest.task,
        labels=manifest.labels,
        threshold=manifest.threshold,
        unknown_below=None if classification is None else classification.unknown_below,
    )


def _never_learnt(
    manifest: ModelManifest, snapshot: DatasetSnapshot, parts: Collection[str], wanted: Sequence[str]
) -> tuple[str, ...]:
    """The parts that judge. A bundle of our own training tells what it learnt from; of another nothing is known but ``train``."""
    told, others = manifest.training, tuple(name for name in parts if name != TRAIN)
    held_out = told.get("held_out")
    if told.get("data_sha256") == snapshot.sha256 and held_out is not None:
        kept = tuple(name for name in others if name in str(held_out).split(", "))
        if not kept and TRAIN not in wanted:
            raise ConfigurationError(
                "--dataset", snapshot.name, f"{manifest.name} learnt from all of it. Judge by other pictures."
            )
        for name in wanted:
            if name not in kept and name != TRAIN:  # whose name says it
                raise ConfigurationError(
                    "--split", name, f"{manifest.name} learnt from it, and would be judged too well. Of this data set it never saw {', '.join(kept)}."
                )  # fmt: skip
        return tuple(wanted) or kept
    if told.get("pictures_sha256") == pictures_fingerprint(snapshot.images):
        raise ConfigurationError(
            "--dataset", snapshot.name, f"{manifest.name} learnt from some of these very pictures, split otherwise, and would be judged too "
            f"well. Judge by dataset.json in the folder of its run (sha256 {str(told.get('data_sha256'))[:12]}...), or by other pictures.",
        )  # fmt: skip
    return tuple(wanted) or others


def _check_labels(model: ModelUnderTest, images: Sequence[DatasetImage]) -> None:
    there = {label for image in images for label in _truth_labels(model, image)}
    if not there:
        what = "boxes" if model.task is Task.DETECTION else "classes"
        raise ConfigurationError("--dataset", "no labels", f"A {model.task.value} model is judged by {what}.")
    if not there & set(model.labels):
        raise ConfigurationError(
            "--bundle",
            f"{model.name} knows {', '.join(model.labels[:10])}",
            f"The data set has only {', '.join(sorted(there)[:10])}: the names must be the same.",
        )


def _truth_labels(model: ModelUnderTest, image: DatasetImage) -> list[str]:
    return [box.label for box in image.boxes] if model.task is Task.DETECTION else list(image.classes)


class _Answerer:
    """Runs one picture through the session and writes down answer and truth."""

    def __init__(self, session: Session) -> None:
        task = session.manifest.task
        self._detector = Detector(session, threshold=LOWEST_CONFIDENCE) if task is Task.DETECTION else None
        self._classifier = Classifier(session) if task is Task.CLASSIFICATION else None
        self._scorer = Scorer(session) if task is Task.SCORES else None
        self._labels = session.manifest.labels

    def __call__(self, located: Located, picture: FrameArray) -> ImageResult:
        image = located.image
        slices = {"site": image.site, **conditions(picture)}
        if image.split is not None:
            slices["split"] = image.split
        if image.camera is not None:
            slices["camera"] = image.camera
        found: tuple[FoundBox, ...] = ()
        scores: tuple[float, ...] = ()
        if self._detector is not None:
            (detections,) = self._detector.detect([picture])
            found = tuple(
                FoundBox(
                    label=d.label,
                    confidence=round(d.confidence, 4),
                    box=_rounded((d.box.x, d.box.y, d.box.x + d.box.w, d.box.y + d.box.h)),
                )
                for d in detections
            )
            species = {box.label for box in image.boxes}
            if len(self._labels) > 1 and len(species) == 1:
                slices["species"] = species.pop()
        elif self._classifier is not None:
            (answer,) = self._classifier.classify([picture])
            scores = tuple(round(answer.scores[label], 5) for label in self._labels)
            if image.classes:
                slices["species"] = image.classes[0]
        elif self._scorer is not None:
            (told,) = self._scorer.score([picture])
            scores = tuple(round(told.scores[label], 5) for label in self._labels)
        boxes = zip(image.boxes, fraction_corners(image).tolist(), strict=True)
        return ImageResult(
            path=image.path,
            sha256=image.sha256,
            group=group_of(image),
            slices=slices,
            classes=image.classes,
            scores=scores,
            boxes=tuple(TrueBox(label=box.label, box=_rounded(corners)) for box, corners in boxes),
            found=found,
        )


def _rounded(corners: Sequence[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (round(float(value), 4) for value in corners)
    return left, top, right, bottom
