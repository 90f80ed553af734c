"""From a configuration file and a data set to a run, and from a run back to its data: what the command line does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
from pydantic import BaseModel, Field, ValidationError
from rich.console import Console
from rich.progress import track

from contracts.errors import ConfigurationError
from models.data.near_duplicates import GuardOptions
from models.data.pictures import Watch, unwatched
from models.data.snapshot import read_snapshot
from models.detector.model import FishDetector
from models.runtime.bundle import find_bundle, load_bundle
from models.runtime.errors import BundleError
from models.training.classifier_job import ClassifierJob, open_classifier_job
from models.training.config import ClassifierTrainingConfig, TrainingConfig, load_any_config
from models.training.detector_job import DetectorJob, prepare_dataset
from models.training.from_bundle import credits_of, detector_from_bundle, told_credits
from models.training.open_dataset import sources_of
from models.training.prepare import Prepared, prepare
from models.training.train import CONFIG, LINEAGE, MODEL, SNAPSHOT, run

RESULTS = "folds.json"
"""Figures of a cross-validation, in the folder that holds its folds."""


class RunOrigin(BaseModel):
    """``config.json`` of a run: enough to find its data again when it is exported."""

    config: Annotated[TrainingConfig | ClassifierTrainingConfig, Field(discriminator="task")]
    dataset: str
    judge: str | None = None
    data: tuple[str, ...] = ()
    guard: GuardOptions = GuardOptions()
    """How near-duplicates were treated where the data was not frozen."""


def origin_of(
    config: TrainingConfig | ClassifierTrainingConfig,
    dataset: Path,
    *,
    judge: str | None = None,
    roots: Sequence[Path] = (),
    guard: GuardOptions | None = None,
) -> RunOrigin:
    """What a run that begins now is made of; paths are told whole, so that it is exported from any folder."""
    data = tuple(str(root.resolve()) for root in roots)
    return RunOrigin(
        config=config, dataset=str(dataset.resolve()), judge=judge, data=data, guard=guard or GuardOptions()
    )


def start(
    config_path: Path,
    dataset: Path,
    out: Path,
    *,
    seed: int | None = None,
    judge: str | None = None,
    roots: Sequence[Path] = (),
    guard: GuardOptions | None = None,
    console: Console | None = None,
) -> Path:
    """Train what the file says on the data set, and return the path of the weights.

    Args:
        config_path: YAML; ``models/zoo`` has one for every network.
        dataset: a frozen data set, a folder of classes, a YOLO folder, or the folder that holds the configuration's sources.
        out: folder of the run.
        seed: instead of the configuration's.
        judge: the fold that judges, of data that has no training part; ``none`` trains on everything.
        roots: folders that hold the pictures of a frozen data set, when they do not lie beside it.
        guard: how near-duplicates are treated in a folder that is dealt here; None stops at them.
        console: where progress goes.

    Raises:
        ConfigurationError: configuration or data cannot be used, or ``out`` holds another run.
        NonFiniteLossError: the loss stopped being a number.
    """
    config, guard = load_any_config(config_path), guard or GuardOptions()
    if seed is not None:
        config = config.model_copy(update={"seed": seed})
    origin = origin_of(config, dataset, judge=judge, roots=roots, guard=guard)
    watch: Watch = lambda items: track(items, "looking for near-duplicates", console=console)  # noqa: E731 - for both
    job: DetectorJob | ClassifierJob
    if isinstance(config, ClassifierTrainingConfig):
        job = open_classifier_job(config, dataset, judge=judge, roots=roots, guard=guard, watch=watch)
    else:
        if config.base is not None:
            find_base(config.base)  # told before the data is read, which takes minutes
        job = open_detector_job(config, prepare_detection(config, dataset, judge, roots, guard=guard, watch=watch))
    return run(job, out, config_json=origin.model_dump_json(indent=1), console=console)


def find_base(base: str) -> Path:
    """What a training goes on from: weights of a run, or the folder of a bundle.

    Args:
        base: as the configuration has it; a relative path starts from the folder that one works in.

    Raises:
        ConfigurationError: it is neither.
    """
    folder = Path(base).expanduser()
    if (folder / MODEL).is_file():
        return folder / MODEL
    if (folder / CONFIG).is_file():
        raise ConfigurationError("base", base, "This run has not ended. Give its command again, and then this one.")
    try:
        return find_bundle(base, field="base")
    except BundleError as error:
        raise ConfigurationError(
            "base", base, f"There is neither a run nor a bundle of that name in {Path.cwd()}. Train the run first (shoal models train "
            f"with --output {base}), write the path of the --output folder of another, or the name or path of a bundle.",
        ) from error  # fmt: skip


def open_detector_job(config: TrainingConfig, prepared: Prepared) -> DetectorJob:
    """The job of a configuration: from ImageNet, or from the bundle or run that it names as base.

    Raises:
        ConfigurationError: the base is no bundle or run of our own detector.
    """
    if config.base is None:
        return DetectorJob(config, prepared)
    found = find_base(config.base)
    if found.is_file():
        try:
            model = FishDetector(config.model, pretrained=False)
            model.start_from(torch.load(found, map_location="cpu", weights_only=True))
        except RuntimeError as error:
            differing = "; ".join(line.strip() for line in str(error).splitlines()[1:3])
            raise ConfigurationError(
                "base", config.base, f"The run trained another network: set model as its {CONFIG} has it ({differing})."
            ) from error
        model.freeze()
        return DetectorJob(
            config,
            prepared,
            model=model,
            base_sha256=hashlib.sha256(found.read_bytes()).hexdigest(),
            base_credits=_credits_of_run(found.parent),
        )
    base = load_bundle(found)
    model = detector_from_bundle(base.manifest, base.model_path, config.model)
    model.freeze()
    return DetectorJob(
        config, prepared, model=model, base_sha256=base.manifest.sha256, base_credits=credits_of(base.manifest)
    )


def _credits_of_run(folder: Path) -> str:
    lineage, data = folder / LINEAGE, folder / SNAPSHOT
    earlier = str(json.loads(lineage.read_text()).get("base_credits", "")) if lineage.is_file() else ""
    return told_credits(sources_of(read_snapshot(data)) if data.is_file() else (), earlier)


def prepare_detection(
    config: TrainingConfig,
    dataset: Path,
    judge: str | None = None,
    roots: Sequence[Path] = (),
    *,
    guard: GuardOptions | None = None,
    watch: Watch = unwatched,
) -> Prepared:
    """The data of a detector: the configuration's sources below the folder, or one data set.

    Raises:
        DatasetError: it cannot be used.
    """
    if dataset.is_dir() and config.sources and not (dataset / "labels").is_dir():
        return prepare(config, [dataset, *roots], guard=guard, watch=watch)
    return prepare_dataset(config, dataset, judge, roots, guard=guard, watch=watch)


def read_origin(run_folder: Path) -> RunOrigin:
    """What a run was made of.

    Raises:
        ConfigurationError: the folder holds no run.
    """
    try:
        return RunOrigin.model_validate_json((run_folder / CONFIG).read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigurationError("RUN", str(run_folder), _what_it_is(run_folder)) from error


def _what_it_is(folder: Path) -> str:
    """Of a folder that is no run, with what to do."""
    if (folder / RESULTS).is_file():
        first = min((each.parent.name for each in folder.glob(f"*/{CONFIG}")), default="fold-0")
        return f"It holds the folds of a cross-validation, each a run of its own. Give one of them, such as {folder / first}."
    if (folder / MODEL).is_file() and (folder.parent / RESULTS).is_file():
        return (
            "It is a fold of an earlier version, which did not write down its data. Give the command of the whole run again: what is "
            "trained stays, and the fold can be exported."
        )
    return f"There is no {CONFIG} of a run in it. Give the --output folder of shoal models train."
