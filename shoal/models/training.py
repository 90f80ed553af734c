"""``shoal models train``, ``adapt`` and ``export``: from a data set to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    list[Path] | None,
    typer.Option(help="Folder that holds a frozen data set's pictures; may be repeated. [default: beside it]"),
]
Seed = Annotated[int | None, typer.Option(help="Instead of the configuration's")]


def register(group: typer.Typer) -> None:
    """Add the commands to ``shoal models``."""
    group.command("train")(train)
    group.command("adapt")(adapt)
    group.command("export")(export)
    group.command("zoo")(zoo)


def train(
    config: Annotated[Path, typer.Argument(help="Training configuration (YAML); models/zoo has one for each network")],
    dataset: Annotated[
        Path,
        typer.Option(
            help="A frozen data set (.json), a folder of classes, a YOLO folder, or what holds the sources' folders"
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder of the run; give it again to continue a killed run")],
    seed: Seed = None,
    data: Data = None,
    judge: Annotated[
        str | None, typer.Option(help="Fold that judges, or none to train on everything. [default: the first]")
    ] = None,
    *,
    folds: Annotated[
        bool,
        typer.Option(
            "--folds",
            help="Cross-validate a classifier: every fold judges once; folds.json, and OUTPUT/fold-N is a run that can be exported",
        ),
    ] = False,
    fold: Annotated[list[str] | None, typer.Option(help="With --folds: only this fold; may be repeated")] = None,
    join_near_duplicates: Annotated[
        bool,
        typer.Option(
            "--join-near-duplicates", help="A plain folder's near-duplicates become one group, instead of stopping"
        ),
    ] = False,
    near_duplicate: Annotated[
        float, typer.Option(min=0.8, max=1.0, help="How alike near-duplicates of a plain folder are, 1 is the same")
    ] = 0.94,
) -> None:
    """Train a detector or a classifier. Progress is told every epoch; curve.jsonl has the losses.

    A plain folder is split here, so pictures that judge are compared with those that train, and near-duplicates stop it: join them, or say
    with --near-duplicate how alike copies are. A frozen data set was compared when it was frozen.

    A killed run goes on where it was, to the same losses, when the same command is given again. On several GPUs, or to try it on
    a processor: torchrun --nproc-per-node 2 -m shoal models train ...
    """
    from contracts.errors import ConfigurationError
    from models.data.near_duplicates import GuardOptions
    from models.publishing.provenance import noted_start
    from models.training.config import ClassifierTrainingConfig, load_any_config
    from models.training.start import start

    guard = GuardOptions(threshold=near_duplicate, join=join_near_duplicates)
    if fold and not folds:
        raise ConfigurationError(
            "--fold", ", ".join(fold), "It chooses among --folds. Add that, or say --judge for a single run."
        )
    if judge is not None and folds:
        raise ConfigurationError(
            "--judge", judge, "With --folds every fold judges once. Leave it out, or name folds by --fold."
        )
    if not folds:
        with noted_start(output):
            weights = start(config, dataset, output, seed=seed, judge=judge, roots=data or (), guard=guard)
        typer.echo(f"weights: {weights}")
        return
    from models.training.folds import cross_validate

    loaded = load_any_config(config)
    if not isinstance(loaded, ClassifierTrainingConfig):
        raise ConfigurationError(
            "--folds", str(config), "Detectors are judged by site: hold sites out when freezing the data."
        )
    if seed is not None:
        loaded = loaded.model_copy(update={"seed": seed})
    told = cross_validate(loaded, dataset, output, only=fold or (), roots=data or (), guard=guard)
    typer.echo(f"all folds: {told.get('all')}")


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run")],
    output: Annotated[Path, typer.Option(help="Bundle to write or replace")],
    *,
    int8: Annotated[
        bool, typer.Option("--int8", help="Also OUTPUT-int8, if it loses no more than --max-loss on what was held out")
    ] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="Also OUTPUT-fp16, for GPUs, behind the same gate")] = False,
    max_loss: Annotated[float, typer.Option(help="Of accuracy, AUROC or mAP50; 0.01 is one point")] = 0.01,
    max_latency_ms: Annotated[
        float | None,
        typer.Option(
            min=1, help="A device on which a frame takes longer goes back to the model before. [default: no limit]"
        ),
    ] = None,
    max_errors: Annotated[int, typer.Option(min=0, help="Frames that it may fail on in its probation on a device")] = 3,
    min_golden_iou: Annotated[
        float, typer.Option(min=0.5, max=1, help="How exactly a device must find the boxes of the golden frames")
    ] = 0.9,
) -> None:
    """Write the bundle of a run: ONNX with normalisation inside, manifest, golden frames, card, NOTICE, bill of materials.

    The exported graph is compared with the trained network on real pictures (1e-4), judged through the runtime that devices
    use, and tested on its own golden frames; a bundle that fails replaces nothing. TensorRT builds its engine on the device.
    """
    from contracts.bundles import ProbationLimits
    from models.publishing.export_run import export_run
    from models.publishing.provenance import command_line

    limits = ProbationLimits(max_latency_ms=max_latency_ms, max_errors=max_errors, min_golden_iou=min_golden_iou)
    made = export_run(run, output, int8=int8, fp16=fp16, max_loss=max_loss, probation=limits, command=command_line())
    for manifest in made:
        typer.echo(f"{manifest.name} {manifest.version}: {manifest.bytes / 1e6:.1f} MB, sha256 {manifest.sha256}")


def adapt(
    site: Annotated[str, typer.Option(help="Site whose camera it is made for; goes into name, card and lineage")],
    bundle: Annotated[str, typer.Option(help="Name of a shipped detector, or the path of a bundle folder")],
    frames: Annotated[
        Path, typer.Option(help="YOLO folder (images, labels) or frozen data set with about 20 labelled frames")
    ],
    output: Annotated[Path, typer.Option(help="Bundle to write or replace")],
    steps: Annotated[int, typer.Option(min=1, help="Steps of four frames")] = 150,
    seed: Annotated[int, typer.Option(help="Of order and variation")] = 1,
    data: Data = None,
) -> None:
    """Calibrate a detector to one site with about 20 labelled frames, in minutes on a processor.

    The bundle's own weights are read from its ONNX file; the first two thirds of the backbone stay. Label frames of different hours
    and densities, those without fish too.
    """
    from models.publishing.provenance import command_line
    from models.training.adapt import adapt as program

    manifest = program(site, bundle, frames, output, steps=steps, seed=seed, roots=data or (), command=command_line())
    typer.echo(f"{manifest.name} {manifest.version} for {site}: sha256 {manifest.sha256}")


def zoo(name: Annotated[str | None, typer.Argument(help="Show the card of this entry")] = None) -> None:
    """List the networks that training can start from, or show the card of one."""
    from models.zoo.names import CLASSIFIERS, DETECTORS, HEADS, card_of

    if name is not None:
        typer.echo(card_of(name).read_text())
        return
    for title, names in (("classifiers", CLASSIFIERS), ("detectors", DETECTORS), ("heads", HEADS)):
        typer.echo(f"{title}: {', '.join(names)}")
