"""``shoal models export``: a run folder → its data again → bundle → smaller bundles that pass the gate."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
from rich.console import Console

from contracts.bundles import ModelManifest, ProbationLimits
from contracts.errors import ConfigurationError
from models.data.frames import Located, read_picture
from models.evaluation.evaluate import evaluate
from models.export.quantise import QuantisationLossError, gate, sensitive_nodes, to_fp16, to_int8
from models.publishing.bundle_writer import check_output, identity, put_in_place, write_golden_result, write_manifest
from models.publishing.embedding import measure_embedding, sample_frames
from models.publishing.publish import publish_prepared
from models.publishing.publish_classifier import gate_figure, publish_classifier
from models.publishing.sbom import write_sbom
from models.runtime import load_bundle, open_session
from models.runtime.bundle import Bundle
from models.runtime.preprocess import preprocess
from models.training.config import ClassifierTrainingConfig
from models.training.open_dataset import open_dataset, parts_for
from models.training.start import prepare_detection, read_origin

CALIBRATION = 200
"""Pictures of the training part that ranges are measured on."""

Judge = Callable[[Path], float]


def export_run(
    run: Path,
    output: Path,
    *,
    int8: bool = False,
    fp16: bool = False,
    max_loss: float = 0.01,
    probation: ProbationLimits | None = None,
    command: str = "",
    console: Console | None = None,
) -> list[ModelManifest]:
    """Write the bundle of a run, and the smaller ones that are asked for.

    Args:
        run: its folder.
        output: bundle to write or replace; the smaller ones lie beside it.
        int8: also with eight-bit weights.
        fp16: also with half-precision weights.
        max_loss: what the smaller ones may lose.
        probation: when a device rolls it back by itself; None leaves the contract's limits.
        command: for the card.
        console: where figures go.

    Raises:
        ConfigurationError: the run or its data is not there.
        ParityError: the exported graph computes something else.
        QuantisationLossError: a smaller one loses too much; the float bundle stays.
    """
    console = console or Console()
    for folder in (output, *(output.with_name(f"{output.name}-{kind}") for kind in ("int8", "fp16"))):
        check_output(folder)
    origin = read_origin(run)
    dataset = Path(origin.dataset)
    roots = [Path(root) for root in origin.data]
    # The guard looked before the training; only what it joined is joined again.
    guard = origin.guard if origin.guard.join else None
    if isinstance(origin.config, ClassifierTrainingConfig):
        config = origin.config
        snapshot, places = open_dataset(
            dataset, config.name, config.labels, folds=config.folds, roots=roots, guard=guard
        )
        train, judges = parts_for(snapshot, places, origin.judge)
        manifest = publish_classifier(config, snapshot, train, judges, run, output, command=command, console=console)
        held_out = [located for part, members in judges.items() if part != "unknown" for located in members]
        judge: Judge = lambda folder: gate_figure(folder, held_out)  # noqa: E731 - one of two
    else:
        prepared = prepare_detection(origin.config, dataset, origin.judge, roots, guard=guard)
        manifest = publish_prepared(origin.config, prepared, run, output, command=command, console=console)
        train = sample_frames(prepared.train, prepared.weights, seed=origin.config.seed)
        held_out = next(iter(prepared.judges.values()), [])
        judge = lambda folder: evaluate(folder, {"judge": held_out})["judge"].map50  # noqa: E731 - one of two
    if probation is not None:
        manifest = manifest.model_copy(update={"probation": probation})
        write_manifest(output, manifest)
    kinds = [kind for kind, wanted in (("int8", int8), ("fp16", fp16)) if wanted]
    if kinds and not held_out:
        raise ConfigurationError(
            "--int8, --fp16", "no judge", "The run kept nothing back: train with a part that judges."
        )
    return [manifest, *(_smaller(kind, output, train, judge, max_loss, console) for kind in kinds)]


def _smaller(
    kind: str, output: Path, train: Sequence[Located], judge: Judge, max_loss: float, console: Console
) -> ModelManifest:
    """A copy of the bundle with smaller weights, behind the gate; nothing is left of one that does not pass."""
    base = load_bundle(output)
    target = output.with_name(f"{output.name}-{kind}")
    draft = target.with_name(f".{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(output, draft)
    images, _ = preprocess(
        [read_picture(*located) for located in list(train)[:: max(1, len(train) // CALIBRATION)][:CALIBRATION]],
        base.manifest.input,
    )
    attempts = [(), tuple(sensitive_nodes(base.model_path))] if kind == "int8" else [()]
    for number, keep in enumerate(attempts):
        manifest = _made_smaller(kind, base, draft, images, keep)
        if manifest.embedding is not None:
            measured = measure_embedding(draft, train, name=manifest.embedding.name)
            manifest = manifest.model_copy(update={"embedding": measured})
            write_manifest(draft, manifest)
        try:
            was, is_now = gate(f"{target.name}: figure on what was held out", judge, output, draft, max_loss=max_loss)
            break
        except QuantisationLossError as error:
            if number == len(attempts) - 1:
                shutil.rmtree(draft, ignore_errors=True)
                raise
            console.print(f"{error}; once more with {len(attempts[-1])} sensitive convolutions in float")
    size = manifest.bytes
    console.print(f"{kind}: {was:.4f} -> {is_now:.4f}, {base.manifest.bytes / 1e6:.1f} -> {size / 1e6:.1f} MB")
    manifest = manifest.model_copy(
        update={"metrics": {**manifest.metrics, "gate.float": round(was, 4), f"gate.{kind}": round(is_now, 4)}}
    )
    write_manifest(draft, manifest)
    session = open_session(load_bundle(draft))
    for name in manifest.golden:
        write_golden_result(draft, name, session)
    write_sbom(draft, manifest)
    card = draft / "README.md"
    card.write_text(
        f"> {kind} copy of {base.manifest.name} {base.manifest.version} (sha256 `{base.manifest.sha256}`): {was:.4f} became "
        f"{is_now:.4f} on what was held out. The figures below are those of the float file.\n\n{card.read_text()}"
    )
    put_in_place(draft, target)
    return manifest


def _made_smaller(kind: str, base: Bundle, draft: Path, images: npt.NDArray[Any], keep: Sequence[str]) -> ModelManifest:
    """Write the smaller graph and its manifest into the draft."""
    path = draft / base.manifest.file
    if kind == "int8":
        to_int8(base.model_path, path, base.manifest.input.name, images, keep=keep)
    else:
        to_fp16(base.model_path, path)
    sha256, size = identity(path)
    training = {**base.manifest.training, "precision": kind, "float_sha256": base.manifest.sha256}
    if keep:
        training["kept_in_float"] = len(keep)
    manifest = base.manifest.model_copy(
        update={"name": f"{base.manifest.name}-{kind}", "sha256": sha256, "bytes": size, "training": training}
    )
    write_manifest(draft, manifest)
    return manifest
