"""Pictures as people send them, and as they should not."""

from __future__ import annotations

import struct
import zlib
from typing import Literal

import cv2
import numpy as np

from models.runtime.preprocess import FrameArray

Colour = Literal["red", "green", "blue"]
_BGR = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}


def colour(name: Colour, *, width: int = 64, height: int = 48) -> FrameArray:
    return np.full((height, width, 3), _BGR[name], np.uint8)


def jpeg(frame: FrameArray) -> bytes:
    return encoded(frame, ".jpg")


def encoded(frame: np.ndarray, suffix: str) -> bytes:
    good, data = cv2.imencode(suffix, frame)
    assert good
    return bytes(data.tobytes())


def with_exif(data: bytes, orientation: int) -> bytes:
    """A JPEG that says how the camera was held."""
    tiff = b"II*\x00" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\x00\x00" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def png_of_size(width: int, height: int, *, content: bytes | None = None) -> bytes:
    """A PNG whose header promises this size, with next to nothing behind it: a few dozen bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", content or zlib.compress(b"\0" * 64))
        + chunk(b"IEND", b"")
    )


def jpeg_of_size(width: int, height: int) -> bytes:
    """A JPEG whose header was altered to promise this size."""
    data = bytearray(jpeg(colour("green")))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)
