"""Training images become batches of tensors: drawn by weight, varied, and turned into targets.

An epoch's batches follow from (seed, epoch) alone, so a run that was killed goes on exactly where it would have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.data.augment import ZOOM, augment
from models.data.frames import LabelledFrame
from models.detector.model import STRIDE
from models.detector.targets import Targets, make_targets


class Batch(NamedTuple):
    """Images uint8 (B, H, W, 3) and the three targets of :class:`~models.detector.targets.Targets`."""

    images: Tensor
    heat: Tensor
    boxes: Tensor
    weight: Tensor


def epoch_batches(
    frames: Sequence[LabelledFrame],
    weights: np.ndarray,
    *,
    images: int,
    batch_size: int,
    seed: int,
    epoch: int,
    rank: int = 0,
    underwater: float = 0.0,
    gentle: float = 0.0,
    zoom: float = ZOOM[1],
) -> Iterator[Batch]:
    """Yield ``images // batch_size`` batches (at least one); every ``rank`` of a distributed run draws its own."""
    rng = np.random.default_rng([seed, epoch, rank] if rank else [seed, epoch])
    for _ in range(max(1, images // batch_size)):
        chosen = rng.choice(len(frames), batch_size, p=weights)
        yield make_batch(
            [augment(frames[index], rng, underwater=underwater, gentle=gentle, zoom=zoom) for index in chosen]
        )


def make_batch(frames: Sequence[LabelledFrame]) -> Batch:
    """Stack frames of one size with their targets."""
    height, width = frames[0].frame.shape[:2]
    targets = [make_targets(frame.boxes, width, height, STRIDE) for frame in frames]
    stacked = [torch.from_numpy(np.stack(parts)) for parts in zip(*targets, strict=True)]
    return Batch(torch.from_numpy(np.stack([frame.frame for frame in frames])), *Targets(*stacked))
