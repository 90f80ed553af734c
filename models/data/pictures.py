"""An image file is proven whole before it is labelled, split or trained on.

OpenCV draws the missing half of a truncated JPEG in grey and only prints a warning; a network would learn the grey. So the
end of the file is looked at, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from models.data.errors import DatasetError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
MAX_BYTES = 64_000_000
"""A camera picture is far below; a larger file is something else and would fill the memory."""
Watch = Callable[[Sequence[Any]], Iterable[Any]]
"""Goes through a sequence, one by one; may show how far it is."""
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


class Picture(NamedTuple):
    """A file that was decoded: pixels and identity."""

    width: int
    height: int
    sha256: str


def unwatched(items: Sequence[Any]) -> Iterable[Any]:
    """Show nothing."""
    return items


def find_pictures(folder: Path) -> list[Path]:
    """Image files directly in the folder, in order of name; hidden ones are skipped."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))


def check_picture(path: Path) -> Picture:
    """Decode the file.

    Raises:
        DatasetError: missing, too large, truncated or broken.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if 0 < size <= MAX_BYTES else b""
    except OSError as error:
        raise DatasetError(
            "data.image", str(path), f"The image is missing ({error.strerror}). Fetch it again."
        ) from error
    if not content:
        raise DatasetError("data.image", str(path), f"It has {size} bytes. Remove the file or fetch it again.")
    if is_truncated(content):
        raise DatasetError("data.image", str(path), "The image is broken: its end is missing. Fetch it again.")
    frame = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if frame is None:
        raise DatasetError("data.image", str(path), "The image is broken. Remove it or fetch it again.")
    return Picture(int(frame.shape[1]), int(frame.shape[0]), hashlib.sha256(content).hexdigest())


def is_truncated(content: bytes) -> bool:
    """Does a JPEG or PNG lack its end mark? Other formats are left to the decoder."""
    if content.startswith(_JPEG):
        return _JPEG_END not in content[-65_536:]  # cameras and web servers append padding and thumbnails
    return content.startswith(_PNG) and _PNG_END not in content[-4096:]
