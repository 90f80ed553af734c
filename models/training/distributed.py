"""Where a run computes: device, precision, and which of several processes this one is.

``torchrun --nproc-per-node N -m shoal models train ...`` starts N processes; each trains on its share of every batch and their
gradients are averaged (DistributedDataParallel). Without torchrun there is one process and nothing of this costs anything.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn

from contracts.errors import ConfigurationError
from models.training.config import ScheduleConfig

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Place(NamedTuple):
    """One process of a run. ``rank`` 0 writes the files and speaks."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        """Does this process write and speak?"""
        return self.rank == 0


def this_place() -> Place:
    """What torchrun says in the environment, else the only place.

    Raises:
        ConfigurationError: torchrun's variables are not numbers.
    """
    try:
        return Place(*(int(os.environ.get(n, d)) for n, d in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))))
    except ValueError as error:
        raise ConfigurationError("RANK, WORLD_SIZE", str(error), "Start the processes with torchrun.") from error


@contextlib.contextmanager
def joined(place: Place, device: torch.device) -> Iterator[None]:
    """Belong to the group of processes while inside: NCCL between GPUs, gloo elsewhere."""
    if place.world == 1:
        yield
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def find_device(wanted: str, place: Place) -> torch.device:
    """The device of this process.

    Raises:
        ConfigurationError: the wanted one is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        wanted = next(name for name, is_there in there.items() if is_there)
    if not there[wanted]:
        raise ConfigurationError(
            "schedule.device", wanted, f"It is not there. There is {[n for n in there if there[n]]}."
        )
    return torch.device(wanted, place.local_rank) if wanted == "cuda" else torch.device(wanted)


def check_precision(schedule: ScheduleConfig, device: torch.device) -> None:
    """Stop before hours of numbers that overflow.

    Raises:
        ConfigurationError: the device cannot compute in this precision.
    """
    if schedule.precision == "float16" and device.type == "cpu":
        raise ConfigurationError("schedule.precision", "float16", "A processor has none. Write bfloat16 or float32.")


def autocast(schedule: ScheduleConfig, device: torch.device) -> AbstractContextManager[Any]:
    """The forward pass in the configured precision."""
    dtype = _DTYPES.get(schedule.precision)
    if dtype is None:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)


def spread(model: nn.Module, place: Place, device: torch.device) -> nn.Module:
    """The model as every process trains it; gradients are averaged between them."""
    if place.world == 1:
        return model
    from torch.nn.parallel import DistributedDataParallel

    return DistributedDataParallel(model, device_ids=[place.local_rank] if device.type == "cuda" else None)


def agreed(values: Tensor, place: Place) -> Tensor:
    """The mean of every process's values, so that all decide the same."""
    if place.world > 1:
        dist.all_reduce(values)
        values /= place.world
    return values


def to_device(batch: Any, device: torch.device) -> Any:
    """A tuple of tensors (nested, named or not), moved."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(to_device(part, device) for part in batch))
    if isinstance(batch, list | tuple):
        return type(batch)(to_device(part, device) for part in batch)
    return batch
