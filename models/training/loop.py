"""One epoch of learning: batch → loss → refuse nonsense → step → average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from contracts.errors import ShoalError
from models.training.config import ScheduleConfig

MAX_GRADIENT_NORM = 10.0


class NonFiniteLossError(ShoalError):
    """The loss is not a number: the run stops before it ruins the weights; lower the rate or look at the data."""


class AverageModel:
    """Exponential average of the weights; smoother than any single step, and what is exported."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.state = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move towards the model; faster in the first steps, so that the start is forgotten."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - keep)
            else:
                self.state[name].copy_(value)


@torch.no_grad()
def between(learnt: Mapping[str, Tensor], start: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """The weights on the line from what was learnt to where it started; counters are as they were learnt."""
    return {
        name: value.lerp(start[name], share) if value.is_floating_point() else value for name, value in learnt.items()
    }


class Scaler(Protocol):
    """What of torch's ``GradScaler`` is used: it keeps small float16 gradients from becoming 0."""

    def scale(self, loss: Tensor) -> Tensor:
        """The loss, multiplied."""
        ...

    def unscale_(self, optimizer: Optimizer) -> None:
        """Gradients as they are."""
        ...

    def step(self, optimizer: Optimizer) -> float | None:
        """A step, unless a gradient overflowed."""
        ...

    def update(self) -> None:
        """Another factor after an overflow."""
        ...


def learning_rate(step: int, total_steps: int, warmup_steps: int) -> float:
    """Share of the peak rate: linear warm-up, then half a cosine down to 1 %."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def in_backbone(name: str) -> bool:
    """Is the parameter part of the pretrained network?"""
    return name.startswith("backbone.")


def make_optimizer(
    model: nn.Module, schedule: ScheduleConfig, is_backbone: Callable[[str], bool] = in_backbone
) -> Optimizer:
    """AdamW with a slower backbone and no decay of biases and norms."""
    groups = []
    for slow in (True, False):
        for decay in (True, False):
            parameters = [
                p
                for name, p in model.named_parameters()
                if p.requires_grad and is_backbone(name) == slow and (p.ndim > 1) == decay
            ]
            rate = schedule.learning_rate * (schedule.backbone_rate if slow else 1.0)
            groups.append(
                {
                    "params": parameters,
                    "lr": rate,
                    "peak_lr": rate,
                    "weight_decay": schedule.weight_decay if decay else 0.0,
                }
            )
    return torch.optim.AdamW(groups)


def train_one_epoch(
    model: nn.Module,
    average: AverageModel,
    optimizer: Optimizer,
    batches: Iterable[Any],
    *,
    losses_of: Callable[[nn.Module, Any], Mapping[str, Tensor]],
    rate_of_step: Callable[[int], float],
    on_step: Callable[[float], None],
    plain: nn.Module | None = None,
    accumulate: int = 1,
    scaler: Scaler | None = None,
) -> dict[str, float]:
    """Learn from every batch and return the mean losses by name.

    Args:
        model: changed in place.
        average: follows the model.
        optimizer: from :func:`make_optimizer`.
        batches: of one epoch.
        losses_of: the job's losses of a batch; ``total`` is minimised.
        rate_of_step: share of the peak learning rate, by batch within the epoch.
        on_step: told the loss of every batch, for progress.
        plain: the model without what spreads or compiles it; None when it is plain.
        accumulate: batches whose gradients make one step.
        scaler: for float16.

    Raises:
        NonFiniteLossError: before the optimizer has touched the weights.
    """
    plain = model if plain is None else plain
    model.train()
    sums: dict[str, float] = {}
    step = 0
    pending = 0
    optimizer.zero_grad(set_to_none=True)
    for step, batch in enumerate(batches, start=1):
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * rate_of_step(step - 1)
        losses = losses_of(model, batch)
        told = {name: float(part.detach()) for name, part in losses.items()}
        if not math.isfinite(told["total"]):
            parts = ", ".join(f"{name} {value}" for name, value in told.items() if name != "total")
            raise NonFiniteLossError(
                f"loss is {told['total']}{f' ({parts})' if parts else ''} at batch {step} of the epoch. The last good checkpoint is "
                "kept: lower schedule.learning_rate, use precision float32, or look at the pictures of this epoch"
            )
        total = losses["total"] / accumulate
        (scaler.scale(total) if scaler is not None else total).backward()
        pending += 1
        if pending == accumulate:
            _step(plain, optimizer, scaler)
            average.update(plain)
            pending = 0
        for name, value in told.items():
            sums[name] = sums.get(name, 0.0) + value
        on_step(told["total"])
    if pending:
        _step(plain, optimizer, scaler)
        average.update(plain)
    return {name: value / max(1, step) for name, value in sums.items()}


def _step(model: nn.Module, optimizer: Optimizer, scaler: Scaler | None) -> None:
    if scaler is None:
        try:
            nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM, error_if_nonfinite=True)
        except RuntimeError as error:
            raise NonFiniteLossError(
                f"a gradient is not a number ({error}). The last good checkpoint is kept: lower schedule.learning_rate"
            ) from error
        optimizer.step()
    else:
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        scaler.step(optimizer)
        scaler.update()
    optimizer.zero_grad(set_to_none=True)
