"""What a picture's first bytes say of it, read before anything is decoded.

A file of a few kilobytes can unfold to gigabytes, and a name or a media type says what the sender likes. So the kind, the
size and the depth come from the bytes themselves, and a file that ends too early is found by its structure. Pure.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final, Literal

from cloud.errors import PayloadTooLargeError, UnsupportedImageError, UnusableImageError

MIN_SIDE: Final = 32
"""Pixels; below it a fish is a few blots and an answer would be a guess."""
MAX_SIDE: Final = 20_000
_DEEP: Final = 8
_OTHER_KINDS: Final = (
    (b"GIF8", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"BM", "BMP"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x1f\x8b", "gzip archive"),
    (b"<", "text in angle brackets (SVG, HTML)"),
)
_SOF: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ESCAPE, _APP1, _SCAN = 0xFF, 0xE1, 0xDA
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_ORIENTATION: Final = 0x0112
_SIDEWAYS: Final = frozenset({5, 6, 7, 8})
_SAVE_AGAIN: Final = "Open it in a picture program and save it again as JPEG or PNG"


MediaType = Literal["image/jpeg", "image/png"]


@dataclass(frozen=True, slots=True)
class Header:
    """What the bytes say."""

    media_type: MediaType
    width: int
    """As it is to be looked at: after turning by the EXIF orientation."""
    height: int
    turned: bool
    """The camera was held otherwise than upright; the picture is turned before a model sees it."""


def read_header(data: bytes, *, max_pixels: int) -> Header:
    """Check an encoded picture without decoding it.

    Args:
        data: the whole file.
        max_pixels: width times height that may be decoded.

    Raises:
        UnsupportedImageError: it is neither JPEG nor PNG.
        UnusableImageError: broken, cut off, too small or too deep.
        PayloadTooLargeError: it would unfold to more than ``max_pixels``.
    """
    media_type: MediaType
    if data.startswith(b"\xff\xd8\xff"):
        media_type, (width, height, depth, turned, whole) = "image/jpeg", _jpeg(data)
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        media_type, (width, height, depth, turned, whole) = "image/png", _png(data)
    else:
        raise UnsupportedImageError(
            f"The file is {_kind_of(data)}. Send a JPEG or PNG; names and media types do not count"
        )
    if min(width, height) < MIN_SIDE:
        raise UnusableImageError(
            f"It is {width} x {height} pixels; at least {MIN_SIDE} x {MIN_SIDE} are needed. Send a larger crop"
        )
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise PayloadTooLargeError(
            f"It unfolds to {width} x {height} pixels; {max_pixels / 1e6:.0f} million and {MAX_SIDE} a side are allowed."
            " Send it smaller"
        )
    if depth != _DEEP:
        raise UnusableImageError(f"It has {depth} bits per colour; models are trained on 8. Convert it to 8 bits")
    if not whole:
        raise UnusableImageError("The file ends before the picture does, or was altered on its way. Send it again")
    return Header(media_type, width, height, turned)


def _jpeg(data: bytes) -> tuple[int, int, int, bool, bool]:
    """Width, height, bits, turned, whole (ITU-T T.81 annex B)."""
    at, size, orientation = 2, None, 1
    while at + 4 <= len(data) and data[at] == _ESCAPE:
        marker = data[at + 1]
        if marker == _ESCAPE or marker in _BARE:
            at += 1 if marker == _ESCAPE else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:  # noqa: PLR2004 - the length counts itself
            break
        body = data[at + 4 : at + 2 + length]
        if marker == _APP1 and body.startswith(b"Exif\x00\x00"):
            orientation = _exif_orientation(body[6:])
        if marker in _SOF and len(body) >= 6:  # noqa: PLR2004 - depth, height, width, components
            size = (int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big"), body[0])
        at += 2 + length
        if marker == _SCAN and size is not None:
            sideways = orientation in _SIDEWAYS
            width, height = (size[1], size[0]) if sideways else (size[0], size[1])
            return width, height, size[2], orientation != 1, data.rfind(b"\xff\xd9", at) > at
    raise UnusableImageError(f"It begins as a JPEG and has no picture in it. {_SAVE_AGAIN}, or send it again")


def _exif_orientation(tiff: bytes) -> int:
    """From 1 (upright) to 8 (EXIF 2.32, tag 0x0112); 1 for what cannot be read, as picture programs take it."""
    order = {b"II": "little", b"MM": "big"}.get(tiff[:2])
    if order is None or len(tiff) < 8:  # noqa: PLR2004 - order, magic, offset
        return 1
    little = order == "little"

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], "little" if little else "big")

    directory = number(4, 4)
    for entry in range(min(number(directory, 2), 64)):
        at = directory + 2 + 12 * entry
        if number(at, 2) == _ORIENTATION:
            value = number(at + 8, 2)
            return value if 1 <= value <= 8 else 1  # noqa: PLR2004 - the eight ways to hold a camera
    return 1


def _png(data: bytes) -> tuple[int, int, int, bool, bool]:
    """Width, height, bits, turned, whole (PNG third edition, section 5): every chunk has a checksum."""
    if data[12:16] != b"IHDR" or len(data) < 33:  # noqa: PLR2004 - signature, length, type, 13 bytes, checksum
        raise UnusableImageError(f"It begins as a PNG and has no picture in it. {_SAVE_AGAIN}, or send it again")
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    depth = max(_DEEP, data[24])  # 1, 2 and 4 bits are palettes and masks, which decoders widen
    at, turned = 8, False
    view = memoryview(data)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, end = data[at + 4 : at + 8], at + 8 + length
        if end + 4 > len(data) or zlib.crc32(view[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return width, height, depth, turned, False
        if kind == b"eXIf":
            orientation = _exif_orientation(data[at + 8 : end])
            turned = orientation != 1
            if orientation in _SIDEWAYS:
                width, height = height, width
        if kind == b"IEND":
            return width, height, depth, turned, True
        at = end + 4
    return width, height, depth, turned, False


def _kind_of(data: bytes) -> str:
    if not data:
        return "empty"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "a WebP"
    if data[4:8] == b"ftyp":
        return "a HEIC, AVIF or video"
    return next(
        (f"a {name}" for start, name in _OTHER_KINDS if data.lstrip()[: len(start)] == start), "of no known kind"
    )
