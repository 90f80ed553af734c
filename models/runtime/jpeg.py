"""A JPEG becomes pixels no larger than its use needs.

The format stores pictures as frequencies of 8 x 8 blocks, so that a half, a quarter or an eighth can be decoded alone: a 1080p
picture for an input of 384x224 costs a quarter of decoding it whole. What is left out is what ``shrink_or_grow`` averages away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from contracts.bundles import ImageInput
from models.runtime.errors import InferenceError
from models.runtime.preprocess import PAD_VALUE, FrameArray, Placement, as_input, fit, placement

_START: Final = b"\xff\xd8"
_EXIF: Final = b"Exif\x00\x00"
_APP1: Final = 0xE1
_SCAN: Final = 0xDA
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15; between them lie the markers of tables, which say no size (ITU-T T.81, table B.1)."""
_PARTS: Final = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG's header says.

    ``None`` for what is not a JPEG, is cut off before its size, or may have to be turned (EXIF): decode it to know.
    """
    if not data.startswith(_START):
        return None
    at = len(_START)
    while at + 9 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004 - every marker begins so
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _SCAN or length < 2:  # noqa: PLR2004 - the length counts itself
            return None
        if marker == _APP1 and data.startswith(_EXIF, at + 4):
            return None
        if marker in _FRAMES:
            height, width = int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
            return (width, height) if width and height else None
        at += 2 + length
    return None


def decode_for(data: bytes, width: int, height: int) -> FrameArray:
    """Decode an image for a use of this size: whole, or the smallest part that does not fall below it.

    Args:
        data: of a JPEG, or of any other format that OpenCV reads (those are always decoded whole).
        width: of the use, in pixels.
        height: the same.

    Raises:
        InferenceError: the bytes are not an image.
    """
    flag = cv2.IMREAD_COLOR
    size = jpeg_size(data)
    if size is not None:
        flag = next((flag for part, flag in _PARTS if size[0] // part >= width and size[1] // part >= height), flag)
    image = cv2.imdecode(np.frombuffer(data or b"\0", np.uint8), flag)
    if image is None:
        raise InferenceError("the bytes are not an image")
    return np.asarray(image, np.uint8)


def preprocess_encoded(images: Sequence[bytes], image: ImageInput) -> tuple[npt.NDArray[Any], list[Placement]]:
    """``preprocess`` of encoded images, each decoded no larger than needed.

    Raises:
        InferenceError: bytes are not an image.
    """
    batch_BHWC = np.full((len(images), image.height, image.width, 3), PAD_VALUE, np.uint8)
    placements = []
    for data, canvas in zip(images, batch_BHWC, strict=True):
        size = jpeg_size(data)
        place = placement(*size, image) if size is not None else None
        frame = decode_for(data, *((place.width, place.height) if place is not None else (image.width, image.height)))
        placements.append(fit(frame, canvas, image, place=place))
    return as_input(batch_BHWC, image), placements
