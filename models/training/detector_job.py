"""A detector with its frames, for the one training loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from contracts.bundles import DataSource, ImageInput
from models.data.augment import augment
from models.data.frames import LabelledFrame, load_frame
from models.data.near_duplicates import GuardOptions
from models.data.pictures import Watch, unwatched
from models.data.splits import crowd_weights, site_weights
from models.detector.config import DetectorConfig
from models.detector.loss import detection_loss
from models.detector.model import FishDetector
from models.training.batches import epoch_batches, make_batch
from models.training.config import TrainingConfig
from models.training.distributed import Place
from models.training.loop import in_backbone
from models.training.open_dataset import NOBODY, open_dataset, parts_for, sources_of
from models.training.prepare import Prepared
from models.zoo.torchvision_detector import Boxes, TorchvisionDetector

_VALIDATION_BATCH = 8


class DetectorJob:
    """Training of one detector.

    Args:
        config: of the run.
        prepared: its data, found and split.
        model: to go on with; None starts anew.
        base_sha256: of the bundle or run that the model comes from.
        base_credits: whom to credit for what that one had learnt from.
    """

    def __init__(
        self,
        config: TrainingConfig,
        prepared: Prepared,
        *,
        model: nn.Module | None = None,
        base_sha256: str | None = None,
        base_credits: str = "",
    ) -> None:
        self.config = config
        self.schedule = config.schedule
        self.seed = config.seed
        self.config_sha256 = config.sha256
        self.prepared = prepared
        self.snapshot = prepared.snapshot
        self.frames = [load_frame(located, model_input(config.model)) for located in prepared.train]
        torch.manual_seed(config.seed)
        # Depthwise convolutions run twice as fast on a CPU in this layout.
        model = new_detector(config) if model is None else model
        self.model: nn.Module = model.to(memory_format=torch.channels_last)
        self.base_sha256, self.base_credits = base_sha256, base_credits
        self._validation: list[Any] | None = None

    def describe(self) -> str:
        """The data in one line."""
        judges = {name: len(members) for name, members in self.prepared.judges.items()}
        return f"{len(self.frames)} training images; judged on {judges or 'nothing'}"

    def lineage(self) -> dict[str, str | int | float | bool | None]:
        """What the manifest tells of it."""
        base = (
            {"base_sha256": self.base_sha256, "base_credits": self.base_credits} if self.base_sha256 is not None else {}
        )
        held_out = ", ".join(self.prepared.judges) or NOBODY
        return {"network": self.config.network, "training_images": len(self.frames), "held_out": held_out, **base}

    def steps(self, place: Place) -> int:
        """Batches of one epoch at this place."""
        return max(1, self.schedule.images_per_epoch // (self.schedule.batch_size * place.world))

    def batches(self, epoch: int, place: Place) -> Iterator[Any]:
        """Frames drawn by weight, varied, with what the head should answer."""
        if self.config.network != "fish_centernet":
            yield from self._box_batches(epoch, place)
            return
        yield from epoch_batches(
            self.frames,
            self.prepared.weights,
            images=self.steps(place) * self.schedule.batch_size,
            batch_size=self.schedule.batch_size,
            seed=self.seed,
            epoch=epoch,
            rank=place.rank,
            underwater=self.schedule.underwater,
            gentle=self.schedule.gentle,
            zoom=self.schedule.zoom,
        )

    def losses(self, model: nn.Module, batch: Any) -> Mapping[str, Tensor]:
        """Of centres and sides; torchvision's detectors tell their own."""
        if isinstance(batch, Boxes):
            parts: dict[str, Tensor] = model(batch.images, batch.boxes, batch.labels)
            return {"total": torch.stack(list(parts.values())).sum(), **parts}
        return detection_loss(model(batch.images), batch.heat, batch.boxes, batch.weight)._asdict()

    def is_backbone(self, name: str) -> bool:
        """The part that ImageNet trained."""
        return in_backbone(name) or name.startswith("net.backbone.")

    def validation(self) -> Iterator[Any]:
        """Frames of the first judging part, without variation. torchvision's detectors have no loss outside training."""
        if self.config.network != "fish_centernet":
            return
        if self._validation is None:
            members = next(iter(self.prepared.judges.values()), [])
            members = members[:: max(1, len(members) // self.schedule.validation_images)]
            frames = [load_frame(located, model_input(self.config.model)) for located in members]
            self._validation = [
                make_batch(frames[s : s + _VALIDATION_BATCH]) for s in range(0, len(frames), _VALIDATION_BATCH)
            ]
        yield from self._validation

    def _box_batches(self, epoch: int, place: Place) -> Iterator[Boxes]:
        rng = np.random.default_rng([self.seed, epoch, place.rank])
        for _ in range(self.steps(place)):
            chosen = rng.choice(len(self.frames), self.schedule.batch_size, p=self.prepared.weights)
            varied = [
                augment(
                    self.frames[index],
                    rng,
                    underwater=self.schedule.underwater,
                    gentle=self.schedule.gentle,
                    zoom=self.schedule.zoom,
                )
                for index in chosen
            ]
            yield as_boxes(varied)


def as_boxes(frames: Sequence[LabelledFrame]) -> Boxes:
    """Frames with the boxes that torchvision's losses take; every object is of class 1, 0 is the background."""
    return Boxes(
        torch.from_numpy(np.stack([frame.frame for frame in frames])),
        tuple(torch.from_numpy(np.asarray(frame.boxes, np.float32).reshape(-1, 4)) for frame in frames),
        tuple(torch.ones(len(frame.boxes), dtype=torch.int64) for frame in frames),
    )


def new_detector(config: TrainingConfig, *, pretrained: bool = True) -> nn.Module:
    """The network of the configuration, as it starts."""
    if config.network != "fish_centernet":
        return TorchvisionDetector(config.network, len(config.labels), config.model, pretrained=pretrained)
    model = FishDetector(config.model, pretrained=pretrained)
    model.freeze()
    return model


def model_input(config: DetectorConfig) -> ImageInput:
    """The image input of the exported graph: uint8 RGB, normalised inside."""
    return ImageInput(name="images", width=config.width, height=config.height)


def prepare_dataset(
    config: TrainingConfig,
    dataset: Path,
    judge: str | None,
    roots: Sequence[Path] = (),
    *,
    guard: GuardOptions | None = None,
    watch: Watch = unwatched,
) -> Prepared:
    """The data of one YOLO folder or frozen data set; sites are drawn by the root of their size, and full frames
    more often where the schedule says so.

    Raises:
        DatasetError: the data cannot be used.
    """
    snapshot, places = open_dataset(
        dataset, config.name, config.labels, folds=5, roots=roots, judge=judge, guard=guard, watch=watch
    )
    train, judges = parts_for(snapshot, places, judge)
    sources: tuple[DataSource, ...] = sources_of(snapshot)
    images = [each.image for each in train]
    weights = site_weights(images) * crowd_weights(images, config.schedule.crowd_power)
    return Prepared(train, weights / weights.sum(), judges, snapshot, sources)
