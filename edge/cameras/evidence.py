"""A frame to an evidence image: JPEG under a byte limit, identified by its sha256."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from contracts.vision import Evidence
from edge.errors import SourceError

if TYPE_CHECKING:
    from edge.cameras.source import Frame, Image

QUALITIES = (85, 75, 60, 45, 30)
SMALLEST_SIDE = 96


def encode_jpeg(image: Image, max_bytes: int) -> tuple[bytes, int, int]:
    """JPEG of an image with its width and height: the quality is lowered first, then the size, until it fits.

    Raises:
        SourceError: not even a thumbnail fits, or the image cannot be encoded.
    """
    import cv2

    while min(image.shape[:2]) >= SMALLEST_SIDE or max(image.shape[:2]) < SMALLEST_SIDE * 2:
        for quality in QUALITIES:
            good, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if good and encoded.size <= max_bytes:
                height, width = image.shape[:2]
                return encoded.tobytes(), width, height
        height, width = image.shape[:2]
        if min(height, width) < SMALLEST_SIDE:
            break
        image = cv2.resize(image, (width * 3 // 4, height * 3 // 4), interpolation=cv2.INTER_AREA)
    raise SourceError(f"no JPEG under {max_bytes} bytes")


def evidence(frame: Frame, *, camera: str, unit: str, max_bytes: int) -> Evidence:
    """The evidence message of a frame; the camera's own JPEG is kept when it is small enough."""
    original = frame.encoded
    if original is not None and len(original) <= max_bytes and original.startswith(b"\xff\xd8"):
        height, width = frame.image.shape[:2]
        data = original
    else:
        data, width, height = encode_jpeg(frame.image, max_bytes)
    return Evidence(
        camera=camera,
        unit=unit,
        observed_at=frame.observed_at,
        width=width,
        height=height,
        sha256=hashlib.sha256(data).hexdigest(),
        data=data,
    )
