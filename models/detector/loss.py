"""How wrong the detector is: focal loss on the heat map, generalised IoU on the boxes. Suffixes as in model.py."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import generalized_box_iou_loss

from models.detector.model import STRIDE, RawOutput

BOX_WEIGHT = 5.0


class Loss(NamedTuple):
    """``total`` is what is minimised; the parts are for people."""

    total: Tensor
    heat: Tensor
    box: Tensor


def detection_loss(raw: RawOutput, heat_B1hw: Tensor, boxes_B4hw: Tensor, weight_B1hw: Tensor) -> Loss:
    """Compare the head's answer with the targets of a batch."""
    heat = _focal(raw.heat, heat_B1hw)
    box = _box(raw.sides, boxes_B4hw, weight_B1hw)
    return Loss(heat + BOX_WEIGHT * box, heat, box)


def _focal(logits: Tensor, target: Tensor) -> Tensor:
    """Penalty-reduced focal loss of CenterNet (alpha 2, beta 4), per object."""
    p = torch.sigmoid(logits)
    positive = target.eq(1.0)
    hit = torch.nn.functional.logsigmoid(logits) * (1 - p) ** 2
    miss = torch.nn.functional.logsigmoid(-logits) * p**2 * (1 - target) ** 4
    objects = positive.sum().clamp(min=1)
    return -torch.where(positive, hit, miss).sum() / objects


def _box(sides_B4hw: Tensor, boxes_B4hw: Tensor, weight_B1hw: Tensor) -> Tensor:
    chosen = weight_B1hw[:, 0] > 0
    if not chosen.any():
        return sides_B4hw.sum() * 0.0
    grid_y, grid_x = torch.meshgrid(
        torch.arange(sides_B4hw.shape[2], device=sides_B4hw.device),
        torch.arange(sides_B4hw.shape[3], device=sides_B4hw.device),
        indexing="ij",
    )
    centre_4hw = torch.stack([grid_x, grid_y, grid_x, grid_y]).float().add(0.5) * STRIDE
    sign = torch.tensor([-1.0, -1.0, 1.0, 1.0], device=sides_B4hw.device)[:, None, None]
    found = (centre_4hw + sign * sides_B4hw).permute(0, 2, 3, 1)[chosen]
    wanted = boxes_B4hw.permute(0, 2, 3, 1)[chosen]
    weight = weight_B1hw[:, 0][chosen]
    return (generalized_box_iou_loss(found, wanted) * weight).sum() / weight.sum()
