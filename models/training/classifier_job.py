"""A classifier, or a head of several scores, with its pictures, for the one training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from contracts.bundles import ImageInput
from contracts.datasets import DatasetSnapshot
from models.data.errors import DatasetError
from models.data.frames import Located
from models.data.near_duplicates import GuardOptions
from models.data.pictures import Watch, unwatched
from models.training.config import ClassifierTrainingConfig
from models.training.crops import as_device_sees, read_crops, vary
from models.training.distributed import Place
from models.training.loop import in_backbone
from models.training.open_dataset import NOBODY, open_dataset, parts_for
from models.zoo.catalogue import build_classifier
from models.zoo.network import ImageClassifier

_VALIDATION_BATCH = 64


class Crops(NamedTuple):
    """Pictures uint8 (B, H, W, 3) with class numbers (B,), or with 0 and 1 for every label (B, K)."""

    images: Tensor
    truth: Tensor


class ClassifierJob:
    """Fine-tuning of one network of the zoo.

    Args:
        config: of the run.
        snapshot: the data set.
        train: pictures to learn from.
        judges: pictures that are never learnt from, by part; the first part also validates.
    """

    def __init__(
        self,
        config: ClassifierTrainingConfig,
        snapshot: DatasetSnapshot,
        train: Sequence[Located],
        judges: Mapping[str, Sequence[Located]],
    ) -> None:
        self.config = config
        self.schedule = config.schedule
        self.seed = config.seed
        self.config_sha256 = config.sha256
        self.snapshot = snapshot
        self.labels = config.labels or tuple(sorted(snapshot.labels))
        self.input = classifier_input(config)
        self.train_images = list(train)
        self.judges = {name: list(members) for name, members in judges.items()}
        self.truth = truth_of(self.train_images, self.labels, config.task)
        if config.task == "classification" and len(set(self.truth.tolist())) < 2:  # noqa: PLR2004 - nothing to tell apart
            raise DatasetError("labels", ", ".join(self.labels), "At least two classes are needed to train on.")
        torch.manual_seed(config.seed)
        self.model: nn.Module = new_classifier(config, len(self.labels)).to(memory_format=torch.channels_last)
        self.weights = balance(self.truth, len(self.labels), config.class_balance)
        self.frozen_views: Callable[[int, Sequence[Located]], Tensor] | None = None
        """Set by ``cross_validate``: what the frozen stages make of an epoch's pictures, computed once for all folds."""
        self._crops: list[np.ndarray] | None = None
        self._validation: list[Crops] | None = None

    def describe(self) -> str:
        """The data in one line."""
        judged = ", ".join(f"{name} {len(members)}" for name, members in self.judges.items())
        return f"{len(self.train_images)} pictures of {len(self.labels)} labels; judged on {judged or 'nothing'}"

    def lineage(self) -> dict[str, str | int | float | bool | None]:
        """What the manifest tells of it."""
        held_out = ", ".join(self.judges) or NOBODY
        return {"network": self.config.network, "training_images": len(self.train_images), "held_out": held_out}

    def steps(self, place: Place) -> int:
        """Batches of one epoch at this place."""
        return max(1, len(self.train_images) // (self.schedule.batch_size * place.world))

    def order(self, epoch: int) -> np.ndarray:
        """The pictures of an epoch in their order, the same at every place."""
        return np.random.default_rng([self.seed, 0, epoch]).permutation(len(self.train_images))

    def batches(self, epoch: int, place: Place) -> Iterator[Crops]:
        """Every picture at most once an epoch, varied by (seed, epoch, picture)."""
        crops = self._read() if self.frozen_views is None else []
        order, size = self.order(epoch)[place.rank :: place.world], self.schedule.batch_size
        for step in range(self.steps(place)):
            chosen = order[step * size : (step + 1) * size]
            truth = self.truth[torch.from_numpy(chosen.copy())]
            if self.frozen_views is not None:
                yield Crops(self.frozen_views(epoch, [self.train_images[i] for i in chosen]), truth)
                continue
            keys = [view_key(self.train_images[i], self.seed, epoch) for i in chosen]
            varied = [
                vary(crops[i], self.config.size, np.random.default_rng(k)) for i, k in zip(chosen, keys, strict=True)
            ]
            yield Crops(torch.from_numpy(np.stack(varied)), truth)

    def losses(self, model: nn.Module, batch: Crops) -> Mapping[str, Tensor]:
        """Cross-entropy over the classes, or over every label by itself; rare ones count more."""
        logits_BK = model(batch.images)
        weights_K = self.weights.to(logits_BK.device)
        if self.config.task == "scores":
            total = nn.functional.binary_cross_entropy_with_logits(logits_BK, batch.truth, pos_weight=weights_K)
        else:
            total = nn.functional.cross_entropy(
                logits_BK, batch.truth, weight=weights_K, label_smoothing=self.config.label_smoothing
            )
        return {"total": total}

    def is_backbone(self, name: str) -> bool:
        """Everything but the head was trained before."""
        return in_backbone(name)

    def validation(self) -> Iterator[Crops]:
        """Pictures of the first judging part as a device sees them."""
        if self._validation is None:
            members = next(iter(self.judges.values()), [])
            members = members[:: max(1, len(members) // self.schedule.validation_images)]
            truth = truth_of(members, self.labels, self.config.task)
            images = as_device_sees(read_crops(members), self.input) if members else np.zeros((0, 1, 1, 3), np.uint8)
            self._validation = [
                Crops(torch.from_numpy(images[s : s + _VALIDATION_BATCH]), truth[s : s + _VALIDATION_BATCH])
                for s in range(0, len(members), _VALIDATION_BATCH)
            ]
        yield from self._validation

    def _read(self) -> list[np.ndarray]:
        if self._crops is None:
            self._crops = list(read_crops(self.train_images))
        return self._crops


def open_classifier_job(
    config: ClassifierTrainingConfig,
    dataset: Path,
    *,
    judge: str | None = None,
    roots: Sequence[Path] = (),
    guard: GuardOptions | None = None,
    watch: Watch = unwatched,
) -> ClassifierJob:
    """The job of a configuration and a data set.

    Raises:
        ConfigurationError: the data cannot be used.
    """
    snapshot, places = open_dataset(
        dataset, config.name, config.labels, folds=config.folds, roots=roots, judge=judge, guard=guard, watch=watch
    )
    train, judges = parts_for(snapshot, places, judge)
    return ClassifierJob(config, snapshot, train, judges)


def view_key(located: Located, seed: int, epoch: int) -> list[int]:
    """Seed of a picture's variation: its own content, so that it does not depend on fold, order or process."""
    return [seed, epoch, int(located.image.sha256[:8], 16)]


def classifier_input(config: ClassifierTrainingConfig) -> ImageInput:
    """The image input of the exported graph: uint8 RGB, normalised inside."""
    return ImageInput(name="images", width=config.size, height=config.size)


def new_classifier(config: ClassifierTrainingConfig, labels: int, *, pretrained: bool = True) -> ImageClassifier:
    """The network of the configuration, as it starts."""
    return build_classifier(
        config.network,
        labels,
        weights=config.weights if pretrained else "none",
        frozen_blocks=config.frozen_blocks,
        dropout=config.dropout,
    )


def truth_of(images: Sequence[Located], labels: tuple[str, ...], task: str) -> Tensor:
    """Class numbers (N,), or 0 and 1 for every label (N, K).

    Raises:
        DatasetError: an image has a label that is not among them, or none or several where one is needed.
    """
    for _, image in images:
        others = set(image.classes) - set(labels)
        if others:
            raise DatasetError("data.label", ", ".join(sorted(others)), f"{image.path} has a label that is not named.")
        if task == "classification" and len(image.classes) != 1:
            raise DatasetError(
                "data.label", image.path, "A classifier needs one label for each picture; or task: scores."
            )
    if task == "classification":
        return torch.tensor([labels.index(image.classes[0]) for _, image in images], dtype=torch.long)
    return torch.tensor([[float(label in image.classes) for label in labels] for _, image in images])


def balance(truth: Tensor, labels: int, power: float) -> Tensor:
    """Weight (K,) of every label: rare classes more, mean 1 over the pictures; for scores, absent over present."""
    if truth.ndim == 2:  # noqa: PLR2004 - a column for each label
        present_K = truth.sum(0).clamp_min(1)
        return ((len(truth) - present_K).clamp_min(1) / present_K) ** power
    counts_K = torch.bincount(truth, minlength=labels).float().clamp_min(1)
    weight_K = counts_K**-power
    return weight_K / weight_K[truth].mean()
