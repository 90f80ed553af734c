"""What the one training loop asks of a detector or a classifier: batches, a loss, and what is learnt how fast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from contracts.datasets import DatasetSnapshot
from models.training.config import ScheduleConfig
from models.training.distributed import Place


class Job(Protocol):
    """One network with its data. Batches follow from (seed, epoch, place) alone, so that a killed run goes on as it would have."""

    model: nn.Module
    schedule: ScheduleConfig
    seed: int
    config_sha256: str
    snapshot: DatasetSnapshot

    def steps(self, place: Place) -> int:
        """Batches of one epoch at this place."""
        ...

    def batches(self, epoch: int, place: Place) -> Iterator[Any]:
        """The batches of one epoch at this place; of a type that only the job knows."""
        ...

    def losses(self, model: nn.Module, batch: Any) -> Mapping[str, Tensor]:
        """``total`` is minimised; other entries are for people. ``batch`` is on the model's device."""
        ...

    def is_backbone(self, name: str) -> bool:
        """Does the parameter belong to what was trained before, and so learns slower?"""
        ...

    def validation(self) -> Iterator[Any]:
        """Batches that were never trained on, always the same; nothing when there are none."""
        ...

    def describe(self) -> str:
        """The data in one line, for people."""
        ...

    def lineage(self) -> Mapping[str, str | int | float | bool | None]:
        """What goes into the bundle's manifest, beside what every run tells."""
        ...
