"""A detector for one camera's water: some twenty labelled frames, minutes on a processor.

Measured on habitats that were never trained on, such frames are worth more than any network (docs/models.md). The adapted bundle
names the site and what it came from; it is for that site alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from contracts.bundles import ModelManifest
from contracts.errors import ConfigurationError
from models.data.errors import DatasetError
from models.data.splits import site_weights
from models.publishing.bundle_writer import check_output
from models.publishing.provenance import noted_start
from models.publishing.publish import publish_prepared
from models.runtime.bundle import Bundle, find_bundle, load_bundle
from models.training.config import ScheduleConfig, TrainingConfig
from models.training.detector_job import DetectorJob
from models.training.from_bundle import credits_of, detector_from_bundle
from models.training.open_dataset import open_dataset, parts_for, sources_of
from models.training.prepare import Prepared
from models.training.train import run

BATCH = 4
EPOCH_STEPS = 10
MIN_FRAMES = 5
MAX_FRAMES = 500
"""More than that is a training set of its own."""
FROZEN_BLOCKS = 6
"""Of eleven: what sees edges, colours and scales stays."""
LEARNING_RATE = 1e-3
BACKBONE_RATE = 0.1
START_SHARE = 0.5
"""Of the bundle in the weights: half way no habitat was judged worse than before, all the way one was (docs/models.md)."""


def adapt(
    site: str,
    bundle: str,
    frames: Path,
    output: Path,
    *,
    steps: int = 150,
    seed: int = 1,
    roots: Sequence[Path] = (),
    command: str = "",
    console: Console | None = None,
) -> ModelManifest:
    """Calibrate and write the bundle.

    Args:
        site: that the frames are from.
        bundle: name or folder of the detector to start from.
        frames: YOLO folder or data set.
        output: bundle to write or replace.
        steps: of four frames each.
        seed: of order and variation.
        roots: folders that hold the pictures of a data set, when they do not lie beside it.
        command: for the card.
        console: where progress goes.

    Raises:
        ConfigurationError: another kind of bundle, or frames that cannot be used.
    """
    check_output(output)
    base = load_bundle(find_bundle(bundle, field="--bundle"))
    prepared = _prepare(site, frames, base.manifest.labels, roots)
    config = calibration_config(base, site, steps=steps, seed=seed)
    job = calibration_job(base, config, prepared)
    with tempfile.TemporaryDirectory() as folder:
        with noted_start(Path(folder)):
            run(job, Path(folder), config_json=config.model_dump_json(), console=console)
        return publish_prepared(config, prepared, Path(folder), output, command=command, console=console)


def calibration_config(base: Bundle, site: str, *, steps: int, seed: int) -> TrainingConfig:
    """The configuration of a calibration; name and version tell the site and the base."""
    network = detector_from_bundle(base.manifest, base.model_path).config
    return TrainingConfig(
        name=f"{base.manifest.name}-{site}".lower().replace("_", "-"),
        version=base.manifest.version,
        labels=base.manifest.labels,
        seed=seed,
        model=network.model_copy(update={"frozen_blocks": FROZEN_BLOCKS}),
        schedule=ScheduleConfig(
            epochs=max(1, steps // EPOCH_STEPS),
            images_per_epoch=BATCH * EPOCH_STEPS,
            batch_size=BATCH,
            learning_rate=LEARNING_RATE,
            backbone_rate=BACKBONE_RATE,
            warmup_steps=EPOCH_STEPS,
            average_decay=0.97,
            start_share=START_SHARE,
            threads=1,
        ),
    )


def calibration_job(base: Bundle, config: TrainingConfig, prepared: Prepared) -> DetectorJob:
    """The job: the bundle's own weights, the later part of its backbone and its head learn."""
    network = detector_from_bundle(base.manifest, base.model_path)
    network.backbone.freeze(FROZEN_BLOCKS)
    return DetectorJob(
        config, prepared, model=network, base_sha256=base.manifest.sha256, base_credits=credits_of(base.manifest)
    )


def _prepare(site: str, frames: Path, labels: tuple[str, ...], roots: Sequence[Path]) -> Prepared:
    if not frames.exists():
        raise DatasetError(
            "--frames",
            str(frames),
            "There is nothing of that name. Give a YOLO folder (images, labels) or a frozen data set.",
        )
    snapshot, places = open_dataset(frames, f"frames of {site}", labels, folds=1, roots=roots)
    located, _ = parts_for(snapshot, places, "none")
    if not MIN_FRAMES <= len(located) <= MAX_FRAMES:
        raise DatasetError(
            "--frames",
            len(located),
            f"Calibration takes {MIN_FRAMES} to {MAX_FRAMES} labelled frames; about 20 are enough.",
        )
    if not any(each.image.boxes for each in located):
        raise ConfigurationError("--frames", str(frames), "None of the frames shows a fish. Label some that do.")
    return Prepared(located, site_weights([each.image for each in located]), {}, snapshot, sources_of(snapshot))
