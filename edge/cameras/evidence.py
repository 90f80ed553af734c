"""A frame to an evidence image: JPEG under a byte limit, identified by its sha256."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from contracts.vision import Detection, Evidence
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


def frame_jpeg(frame: Frame, max_bytes: int) -> tuple[bytes, int, int]:
    """JPEG of a frame with its width and height; the camera's own file is kept when it is small enough.

    Raises:
        SourceError: not even a thumbnail fits, or the frame is not an image.
    """
    original = frame.encoded
    if original is not None and len(original) <= max_bytes and original.startswith(b"\xff\xd8"):
        height, width = frame.image.shape[:2]
        return original, width, height
    return encode_jpeg(frame.image, max_bytes)


def draw_boxes(jpeg: bytes, detections: Sequence[Detection]) -> bytes:
    """A copy of the picture with its boxes drawn, for people; what is stored and sent stays the original."""
    import cv2
    import numpy as np

    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        return jpeg
    height, width = image.shape[:2]
    line = max(1, round(width / 400))
    for one in detections:
        corner = round(one.box.x * width), round(one.box.y * height)
        opposite = round((one.box.x + one.box.w) * width), round((one.box.y + one.box.h) * height)
        cv2.rectangle(image, corner, opposite, (80, 220, 60), line)
        name = one.label if one.track is None else f"{one.label} {one.track}"
        place = (corner[0], max(12 * line, corner[1] - 3 * line))
        text = f"{name} {one.confidence:.2f}"
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4 * line, (80, 220, 60), line, cv2.LINE_AA)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def evidence(frame: Frame, *, camera: str, unit: str, max_bytes: int) -> Evidence:
    """The evidence message of a frame; the camera's own JPEG is kept when it is small enough."""
    data, width, height = frame_jpeg(frame, max_bytes)
    return Evidence(
        camera=camera,
        unit=unit,
        observed_at=frame.observed_at,
        width=width,
        height=height,
        sha256=hashlib.sha256(data).hexdigest(),
        data=data,
    )
