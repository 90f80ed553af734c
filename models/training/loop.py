"""One epoch of learning: batch → loss → refuse nonsense → step → average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import nn
from torch.optim import Optimizer

from contracts.errors import ShoalError
from models.detector.loss import detection_loss
from models.detector.model import FishDetector
from models.training.batches import Batch
from models.training.config import ScheduleConfig

MAX_GRADIENT_NORM = 10.0


class NonFiniteLossError(ShoalError):
    """The loss is not a number: the run stops before it ruins the weights; lower the rate or look at the data."""


class EpochLoss(NamedTuple):
    """Means over the epoch."""

    total: float
    heat: float
    box: float


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


def learning_rate(step: int, total_steps: int, warmup_steps: int) -> float:
    """Share of the peak rate: linear warm-up, then half a cosine down to 1 %."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def make_optimizer(model: FishDetector, schedule: ScheduleConfig) -> Optimizer:
    """AdamW with a slower backbone and no decay of biases and norms."""
    groups = []
    for in_backbone in (True, False):
        for decay in (True, False):
            parameters = [
                p
                for name, p in model.named_parameters()
                if p.requires_grad and name.startswith("backbone.") == in_backbone and (p.ndim > 1) == decay
            ]
            rate = schedule.learning_rate * (schedule.backbone_rate if in_backbone else 1.0)
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
    model: FishDetector,
    average: AverageModel,
    optimizer: Optimizer,
    batches: Iterable[Batch],
    *,
    rate_of_step: Callable[[int], float],
    on_step: Callable[[float], None],
) -> EpochLoss:
    """Learn from every batch.

    Args:
        model: changed in place.
        average: follows the model.
        optimizer: from :func:`make_optimizer`.
        batches: of one epoch.
        rate_of_step: share of the peak learning rate, by step within the epoch.
        on_step: told the loss of every step, for progress.

    Raises:
        NonFiniteLossError: before the optimizer has touched the weights.
    """
    model.train()
    sums = torch.zeros(3)
    step = 0
    for step, batch in enumerate(batches, start=1):
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * rate_of_step(step - 1)
        loss = detection_loss(model(batch.images), batch.heat, batch.boxes, batch.weight)
        if not torch.isfinite(loss.total):
            raise NonFiniteLossError(f"loss is {loss.total.item()} (heat {loss.heat.item()}, box {loss.box.item()})")
        optimizer.zero_grad(set_to_none=True)
        loss.total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM, error_if_nonfinite=True)
        optimizer.step()
        average.update(model)
        sums += torch.stack([part.detach() for part in loss])
        on_step(loss.total.item())
    total, heat, box = (sums / max(1, step)).tolist()
    return EpochLoss(total, heat, box)
