"""Where the frames of a training lie: a whitening for the exported graph, then mean and spread of what the graph gives.

``sample_frames → whitening → export → measure_embedding``. Water that turns green moves a frame little along any one number of
the network, but in a direction in which the frames of the training do not differ: only whitened numbers show it (decision 0084). Mean and
spread are measured through the runtime on the very file that is published, so a copy of other precision gets its own.

Array suffixes: N frames, B of them at a time, C numbers of the embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contracts.bundles import EmbeddingOutput, ImageInput
from contracts.errors import ShoalError
from models.data.frames import Located, read_picture
from models.detector.model import FishDetector
from models.runtime import load_bundle, open_session
from models.runtime.preprocess import FrameArray, preprocess

FRAMES = 300
"""Of the training that are measured; with 112 numbers a frame the shrinkage is then 2 to 3 %."""
LEAST_SPREAD = 0.5
"""As a share of the usual spread: a direction that few frames hardly fill must not decide alone."""
SMALLEST = 1e-3
"""Spread that is taken for frames which are all alike, so that rounding is not taken for a change."""
_BATCH = 8

FloatArray = npt.NDArray[np.float64]


def sample_frames(train: Sequence[Located], weights: FloatArray, *, seed: int) -> list[Located]:
    """Frames as the training drew them: sites by their weight, each frame once.

    Args:
        train: all frames of the training.
        weights: chance of each.
        seed: of the draw.
    """
    size = min(FRAMES, len(train), int(np.count_nonzero(weights)))
    drawn = np.random.default_rng(seed).choice(len(train), size, replace=False, p=weights)
    return [train[index] for index in sorted(drawn)]


def whitening(detector: FishDetector, frames: Sequence[Located], image: ImageInput) -> tuple[Tensor, Tensor]:
    """Return matrix (C, C) and offset (C,) after which the embeddings of the frames have mean 0 and about unit covariance.

    Args:
        detector: in evaluation mode.
        frames: of the training.
        image: its input.
    """
    with torch.no_grad():
        parts = [detector.embed(torch.from_numpy(batch)).numpy() for batch in _batches(frames, image, _BATCH)]
    matrix_CC, offset_C = _whiten(np.concatenate(parts).astype(np.float64))
    return torch.from_numpy(matrix_CC.astype(np.float32)), torch.from_numpy(offset_C.astype(np.float32))


def measure_embedding(bundle: Path, frames: Sequence[Located], *, name: str) -> EmbeddingOutput:
    """Return what the manifest says of the embedding.

    Args:
        bundle: folder whose graph has the output.
        frames: of the training, two at least.
        name: of the output.

    Raises:
        ShoalError: the graph gives what is not a number.
    """
    session = open_session(load_bundle(bundle))
    size = _BATCH if session.image.dynamic_batch else 1
    parts = [session.run(batch, [name])[0] for batch in _batches(frames, session.image, size)]
    embedding_NC = np.concatenate(parts).astype(np.float64)
    if not np.isfinite(embedding_NC).all():
        raise ShoalError(
            f"{name} of the exported graph is not a number on frames of its own training: do not publish it"
        )
    spread_C = embedding_NC.std(axis=0)
    floor = max(LEAST_SPREAD * _root_mean_square(spread_C), SMALLEST)
    return EmbeddingOutput(
        name=name,
        mean=tuple(round(float(value), 6) for value in embedding_NC.mean(axis=0)),
        spread=tuple(round(max(float(value), floor), 6) for value in spread_C),
        frames=len(frames),
    )


def _batches(frames: Sequence[Located], image: ImageInput, size: int) -> list[FrameArray]:
    found = []
    for start in range(0, len(frames), size):
        pictures = [read_picture(*located) for located in frames[start : start + size]]
        found.append(preprocess(pictures, image)[0])
    return found


def _whiten(embedding_NC: FloatArray) -> tuple[FloatArray, FloatArray]:
    mean_C, spread_C = embedding_NC.mean(axis=0), embedding_NC.std(axis=0)
    spread_C = np.maximum(spread_C, max(0.05 * _root_mean_square(spread_C), SMALLEST))
    x_NC = (embedding_NC - mean_C) / spread_C
    correlation_CC = x_NC.T @ x_NC / len(x_NC)
    shrinkage = _oracle_shrinkage(correlation_CC, len(x_NC))
    target = np.trace(correlation_CC) / len(correlation_CC)
    smooth_CC = (1 - shrinkage) * correlation_CC + shrinkage * target * np.eye(len(correlation_CC))
    variances_C, axes_CC = np.linalg.eigh(smooth_CC)
    matrix_CC = (axes_CC / np.sqrt(np.maximum(variances_C, 1e-9))).T / spread_C
    return matrix_CC, -matrix_CC @ mean_C


def _root_mean_square(values_C: FloatArray) -> float:
    return float(np.sqrt(np.mean(values_C**2)))


def _oracle_shrinkage(covariance_CC: FloatArray, frames: int) -> float:
    """Share of the identity to mix in, as few frames do not tell a covariance: OAS (Chen, Wiesel, Eldar, Hero 2010)."""
    size = len(covariance_CC)
    squares, trace = float(np.sum(covariance_CC**2)), float(np.trace(covariance_CC))
    below = (frames + 1 - 2 / size) * (squares - trace**2 / size)
    return 1.0 if below <= 0 else min(1.0, ((1 - 2 / size) * squares + trace**2) / below)
