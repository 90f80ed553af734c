"""A finished run of a classifier, or of several scores, becomes a bundle: export → parity → judge → golden frames → manifest, card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from rich.console import Console

from contracts.bundles import ClassificationOutput, ModelManifest, ScoresOutput, Task
from contracts.datasets import DatasetSnapshot
from contracts.errors import ConfigurationError
from models.classifier.figures import auroc, told_figures
from models.data.frames import Located, read_picture
from models.export.onnx_export import export_onnx, opset_of
from models.export.parity import check_classifier_parity
from models.publishing.bundle_writer import (
    identity,
    put_in_place,
    write_golden_frame,
    write_golden_result,
    write_manifest,
    write_notice,
)
from models.publishing.provenance import provenance_of
from models.publishing.sbom import write_sbom
from models.runtime import Classifier, load_bundle, open_session
from models.runtime.preprocess import preprocess
from models.runtime.scorer import Scorer
from models.training.classifier_job import classifier_input, truth_of
from models.training.config import ClassifierTrainingConfig
from models.training.folds import load_classifier
from models.training.open_dataset import sources_of
from models.training.train import LINEAGE, MODEL

GOLDEN = 3
PARITY = 16
_NETWORK_LICENCE = {"efficientnet_lite0": "Apache-2.0"}


def publish_classifier(
    config: ClassifierTrainingConfig,
    snapshot: DatasetSnapshot,
    train: Sequence[Located],
    judges: dict[str, list[Located]],
    run: Path,
    bundle: Path,
    *,
    command: str,
    console: Console | None = None,
) -> ModelManifest:
    """Write the bundle and return its manifest; an earlier bundle is replaced only by one that has passed its own test.

    Args:
        config: of the run.
        snapshot: its data set.
        train: what it learnt from.
        judges: what judges it, by part.
        run: folder of the finished run.
        bundle: folder to write or replace.
        command: for the card.
        console: where the figures go.

    Raises:
        ConfigurationError: an unfinished run.
        ParityError: the exported graph computes something else.
        GoldenError: the bundle fails its own test.
    """
    console = console or Console()
    if not (run / MODEL).is_file():
        raise ConfigurationError("RUN", str(run), f"There is no {MODEL} in it. Finish the training first.")
    labels = config.labels or tuple(sorted(snapshot.labels))
    draft = bundle.with_name(f".{bundle.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    image = classifier_input(config)
    model = load_classifier(config, len(labels), run / MODEL)
    output = "scores" if config.task == "scores" else "logits"
    export_onnx(model, image, (output,), draft / "model.onnx")
    known = [located for members in judges.values() for located in members] or list(train)
    sample = known[:: max(1, len(known) // PARITY)][:PARITY]
    images, _ = preprocess([read_picture(*located) for located in sample], image)
    parity = check_classifier_parity(model, draft / "model.onnx", images, independent=config.task == "scores")
    console.print(f"parity over {len(sample)} pictures: {parity:.1e}")

    sha256, size = identity(draft / "model.onnx")
    sources = sources_of(snapshot)
    lineage = provenance_of(run, json.loads((run / LINEAGE).read_text()), command=command)
    licence = _NETWORK_LICENCE.get(config.network, "BSD-3-Clause code, ImageNet weights")
    manifest = ModelManifest(
        name=config.name,
        version=config.version,
        task=Task.SCORES if config.task == "scores" else Task.CLASSIFICATION,
        sha256=sha256,
        bytes=size,
        opset=opset_of(draft / "model.onnx"),
        input=image,
        classification=None if config.task == "scores" else ClassificationOutput(name=output, kind="logits"),
        scores=ScoresOutput(name=output, kind="logits") if config.task == "scores" else None,
        labels=labels,
        threshold=0.5,
        created_at=datetime.now(timezone.utc).replace(microsecond=0),
        licence=f"Backbone {licence}; trained on pictures under: {'; '.join(sorted({s.licence for s in sources}))}",
        attribution=(f"Backbone: {config.network}, weights {config.weights}.", *(s.attribution for s in sources)),
        data=sources,
        training={**lineage, "parity": float(f"{parity:.3g}")},
    )
    write_manifest(draft, manifest)
    manifest = _judged(draft, manifest, judges)
    console.print(f"judged through the runtime on this file: {manifest.metrics or 'nothing'}")
    manifest = manifest.model_copy(update={"golden": _write_golden(draft, known)})
    write_manifest(draft, manifest)
    write_notice(draft, manifest, list(sources), list(manifest.golden))
    write_sbom(draft, manifest)
    (draft / "README.md").write_text(classifier_card(manifest, config, command=command))
    put_in_place(draft, bundle)
    return manifest


def probabilities_of(folder: Path, located: Sequence[Located]) -> np.ndarray:
    """Probabilities (N, K) that the bundle gives, through the runtime that devices use."""
    session = open_session(load_bundle(folder))
    labels = session.manifest.labels
    pictures = [read_picture(*each) for each in located]
    answers = (
        [answer.scores for answer in Scorer(session).score(pictures)]
        if session.manifest.task is Task.SCORES
        else [answer.scores for answer in Classifier(session).classify(pictures)]
    )
    return np.array([[answer[label] for label in labels] for answer in answers], np.float32).reshape(-1, len(labels))


def gate_figure(folder: Path, located: Sequence[Located]) -> float:
    """Accuracy of a classifier, or the mean AUROC of scores: what a smaller model may lose a point of."""
    manifest = load_bundle(folder).manifest
    judged_NK = probabilities_of(folder, located)
    truth = truth_of(located, manifest.labels, manifest.task.value).numpy()
    if manifest.task is Task.SCORES:
        return float(np.nanmean([auroc(judged_NK[:, k], truth[:, k] > 0) for k in range(len(manifest.labels))]))
    return float((judged_NK.argmax(1) == truth).mean())


def _judged(draft: Path, manifest: ModelManifest, judges: dict[str, list[Located]]) -> ModelManifest:
    """The manifest with its figures by part, and with the confidence below which it says that it does not know."""
    metrics: dict[str, float] = {}
    update: dict[str, object] = {}
    for part, located in judges.items():
        if part == "unknown" or not located:
            continue
        judged_NK = probabilities_of(draft, located)
        truth = truth_of(located, manifest.labels, manifest.task.value).numpy()
        if manifest.task is Task.SCORES:
            for k, label in enumerate(manifest.labels):
                value = auroc(judged_NK[:, k], truth[:, k] > 0)
                if not np.isnan(value):
                    metrics[f"{part}.auroc.{label}"] = round(value, 4)
            continue
        told, threshold = told_figures(judged_NK, truth)
        metrics |= {f"{part}.{name}": value for name, value in told.items()}
        if manifest.classification is not None and "classification" not in update:
            update["classification"] = manifest.classification.model_copy(update={"unknown_below": threshold})
    manifest = manifest.model_copy(update={"metrics": metrics, **update})
    write_manifest(draft, manifest)
    return manifest


def _write_golden(draft: Path, known: Sequence[Located]) -> tuple[str, ...]:
    """Pictures of different labels that the model is surest about, with what this very bundle says of them."""
    sample = known[:: max(1, len(known) // 200)]
    judged_NK = probabilities_of(draft, sample)
    names: list[str] = []
    taken: set[tuple[str, ...]] = set()
    session = open_session(load_bundle(draft))
    for index in np.argsort(-judged_NK.max(1)):
        located = sample[int(index)]
        if located.image.classes in taken:
            continue
        taken.add(located.image.classes)
        path = write_golden_frame(draft, f"golden-{len(names) + 1}", read_picture(*located))
        write_golden_result(draft, path, session)
        names.append(path)
        if len(names) == GOLDEN:
            break
    return tuple(names)


def classifier_card(manifest: ModelManifest, config: ClassifierTrainingConfig, *, command: str) -> str:
    """The model card: what it tells, how well, from what data, and where it fails. Markdown."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in manifest.metrics.items())
    what = "Scores each label by itself" if config.task == "scores" else "Names one of the labels"
    unknown = manifest.classification.unknown_below if manifest.classification is not None else None
    limits = (
        f"- Below a confidence of {unknown:.2f} it says `unknown`; the threshold was chosen on the judging part.\n"
        if unknown is not None
        else ""
    )
    return (
        "\n\n".join(
            [
                f"# {manifest.name} {manifest.version}",
                f"{what} for a picture of a single fish: {', '.join(manifest.labels)}. Input {manifest.input.width}x"
                f"{manifest.input.height} {manifest.input.color} {manifest.input.dtype}, letterboxed; "
                f"{manifest.bytes / 1e6:.1f} MB, sha256 `{manifest.sha256}`. Network: {config.network}.",
                "## What it scores",
                "Through the runtime that devices use, on this very file. Parts are whole groups (tracks, near-duplicates, "
                "sites) that were never trained on.",
                f"| figure | value |\n|---|---|\n{rows}"
                if rows
                else "It was trained on everything and judged on nothing.",
                "## What it was trained on",
                "\n".join(f"- {s.name}: {s.images} images, {s.licence}. {s.attribution}" for s in manifest.data),
                "## Limits",
                f"{limits}- Other water, light, cameras and species than those it was trained on: judge it on pictures of your own "
                "site first.\n- It is no diagnosis: a veterinarian decides. It must not steer anything that keeps fish alive.",
                "## How it was made",
                f"`{command}`\n\n" + "\n".join(f"- {key}: {value}" for key, value in manifest.training.items()),
                "## Licence",
                f"{manifest.licence}. {' '.join(manifest.attribution)} See NOTICE and sbom.json.",
            ]
        )
        + "\n"
    )
