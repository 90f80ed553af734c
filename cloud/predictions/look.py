"""How a picture looks, in a few numbers: enough to tell that two frames of a camera are nearly the same."""

from __future__ import annotations

from dataclasses import dataclass

from cloud.predictions.formats import Header, read_header

SIDE = 8
"""Brightness is told on a grid of this many rows and columns."""


@dataclass(frozen=True)
class Look:
    """A picture's header, and its brightness by place (64 numbers) and mean colour (3), each from 0 to 1."""

    header: Header
    vector: tuple[float, ...]


def look_at(data: bytes, *, max_pixels: int) -> Look:
    """Decode an eighth of a picture and describe it; a few milliseconds.

    Raises:
        UnsupportedImageError: it is neither JPEG nor PNG.
        UnusableImageError: broken, cut off, too small or too deep.
        PayloadTooLargeError: it would unfold to more than ``max_pixels``.
    """
    import numpy as np

    from cloud.errors import UnusableImageError
    from models.runtime.errors import InferenceError
    from models.runtime.jpeg import decode_for

    header = read_header(data, max_pixels=max_pixels)
    try:
        frame = decode_for(data, 4 * SIDE, 4 * SIDE).astype(np.float32) / 255.0
    except InferenceError as error:
        raise UnusableImageError(f"The picture cannot be decoded: {error}") from error
    grey = frame.mean(axis=2)
    cells = [part.mean() for row in np.array_split(grey, SIDE) for part in np.array_split(row, SIDE, axis=1)]
    colour = frame.mean(axis=(0, 1))
    return Look(header, tuple(round(float(value), 4) for value in (*cells, *colour)))
