"""Proof that the exported graph computes what the trained network computes, on given images."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch
from torch import nn

from contracts.errors import ShoalError
from models.runtime.preprocess import FrameArray

TOLERANCE = 1e-4
"""Largest allowed difference of a confidence, of a box side as a share of the input's width, and of a number of the embedding
as a share of the largest."""
MIN_SCORE = 0.05
"""Slots with less confidence in both are not compared: equal scores near zero may come in another order."""


class ParityError(ShoalError):
    """The exported graph computes something else: do not publish it."""


class Parity(NamedTuple):
    """Largest differences over all images, and how many boxes were compared."""

    score: float
    box: float
    boxes: int
    embedding: float = 0.0


def check_detector_parity(module: nn.Module, path: Path, images_BHWC: FrameArray, *, embedding: bool = True) -> Parity:
    """Run both on the same images and compare box by box.

    Args:
        module: the trained network.
        path: of the exported graph.
        images_BHWC: uint8 pictures.
        embedding: whether to compare it too; the network alone does not know how its graph whitens it.

    Raises:
        ParityError: a difference is above :data:`TOLERANCE`.
    """
    with torch.no_grad():
        ours = [tensor.numpy() for tensor in module(torch.from_numpy(images_BHWC))]
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    theirs = session.run(None, {session.get_inputs()[0].name: images_BHWC})
    parity = _compare(ours[:2], theirs[:2], images_BHWC.shape[2])
    for mine, other in zip(ours[2:], theirs[2:], strict=True) if embedding else ():
        parity = parity._replace(embedding=float(np.abs(mine - other).max() / max(float(np.abs(mine).max()), 1e-6)))
    if not max(parity.score, parity.box, parity.embedding) <= TOLERANCE:
        raise ParityError(
            f"exported graph differs: score by {parity.score:.2e}, box by {parity.box:.2e} of the width, "
            f"embedding by {parity.embedding:.2e} of its largest number"
        )
    return parity


def check_classifier_parity(
    module: nn.Module, path: Path, images_BHWC: FrameArray, *, independent: bool = False
) -> float:
    """Run both on the same images and return the largest difference of a probability.

    Args:
        module: the trained network.
        path: of the exported graph.
        images_BHWC: uint8 pictures.
        independent: every label has a probability of its own, instead of one over all.

    Raises:
        ParityError: it is above :data:`TOLERANCE`.
    """

    def activate(logits_BK: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(logits_BK) if independent else torch.softmax(logits_BK, dim=1)

    with torch.no_grad():
        ours_BK = activate(module(torch.from_numpy(images_BHWC))).numpy()
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (logits_BK,) = session.run(None, {session.get_inputs()[0].name: images_BHWC})
    theirs_BK = activate(torch.from_numpy(np.asarray(logits_BK))).numpy()
    difference = float(np.abs(ours_BK - theirs_BK).max())
    if difference > TOLERANCE:
        raise ParityError(f"exported graph differs: probability by {difference:.2e}")
    return difference


def _compare(ours: list[npt.NDArray[np.float32]], theirs: list[npt.NDArray[np.float32]], width: int) -> Parity:
    (boxes, scores), (other_boxes, other_scores) = ours, theirs
    sure = np.maximum(scores, other_scores) >= MIN_SCORE
    if not sure.any():
        return Parity(float(np.abs(scores - other_scores).max()), 0.0, 0)
    # Two peaks of equal confidence may swap places; each box is compared with the other graph's nearest.
    score = box = 0.0
    for image, slot in np.argwhere(sure):
        distance = np.abs(other_boxes[image] - boxes[image, slot]).max(axis=1) / width
        change = np.abs(other_scores[image] - scores[image, slot])
        nearest = int((distance + change).argmin())
        score, box = max(score, float(change[nearest])), max(box, float(distance[nearest]))
    return Parity(score, box, int(sure.sum()))
