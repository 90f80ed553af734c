"""Deltas between files of weights: integer difference, bytes shuffled by their place in the word, zstd.

Fine-tuned weights differ in almost every byte, so tools that look for equal runs find none; but neighbouring numbers differ
by little, and the high bytes of the differences are nearly all zero. Where the graph has moved (another length of a name), a
base offset is searched for each block. Both sides of the wire use this module; the hash of the result is the caller's to check.

Format: ``SHD1``, word size, block count, result size, for each block the offset in the base (beyond its ends the base is zero), then one zstd frame of all
shuffled differences. Nothing is executed, sizes are bounded by the caller.
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt
import zstandard

MAGIC = b"SHD1"
WORD = 4
BLOCK = 1 << 16
_HEADER = struct.Struct("<4sBIQ")
_SEARCH = 64
"""Bytes of a block's middle that are looked for in the base when the graph has moved."""
_LEVEL = 12

Words = npt.NDArray[np.uint32]


class DeltaError(ValueError):
    """The delta does not fit: damaged, of another kind, or for another base."""


def encode(base: bytes, result: bytes) -> bytes:
    """The delta that makes ``result`` from ``base``."""
    offsets: list[int] = []
    parts: list[bytes] = []
    shift = 0
    for start in range(0, len(result), BLOCK):
        block = result[start : start + BLOCK]
        shift = _shift(base, block, start, shift)
        offsets.append(start + shift)
        parts.append(_difference(base, block, start + shift))
    body = zstandard.ZstdCompressor(level=_LEVEL).compress(b"".join(parts))
    header = _HEADER.pack(MAGIC, WORD, len(offsets), len(result))
    return header + struct.pack(f"<{len(offsets)}q", *offsets) + body


def decode(base: bytes, delta: bytes, *, size: int) -> bytes:
    """The file that the delta makes from ``base``.

    Args:
        base: the file that it was made against.
        delta: what ``encode`` gave.
        size: bytes that the result must have, from signed metadata; nothing larger is unpacked.

    Raises:
        DeltaError: it is no delta, or not one for this base and size.
    """
    try:
        magic, word, blocks, length = _HEADER.unpack_from(delta)
        if magic != MAGIC or word != WORD or length != size or blocks != -(-size // BLOCK):
            raise DeltaError("it is not a delta for a file of this size")
        offsets = struct.unpack_from(f"<{blocks}q", delta, _HEADER.size)
        body = delta[_HEADER.size + 8 * blocks :]
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(body)
        plain = reader.read(size + 1)
    except (struct.error, zstandard.ZstdError, MemoryError) as error:
        raise DeltaError(f"it is damaged: {error}") from error
    if len(plain) != size:
        raise DeltaError(f"it holds {len(plain)} bytes instead of {size}")
    result = bytearray()
    for index, offset in enumerate(offsets):
        part = plain[index * BLOCK : (index + 1) * BLOCK]
        result += _restore(base, part, offset)
    return bytes(result)


def _shift(base: bytes, block: bytes, start: int, usual: int) -> int:
    """How far the block lies elsewhere in the base. Bytes that are equal tell; without any the last shift holds."""
    middle = len(block) // 2
    for probe in (middle, middle // 2, middle + middle // 2):
        needle = block[probe : probe + _SEARCH]
        if len(needle) < _SEARCH or len(set(needle)) < 8:  # noqa: PLR2004  (zeros are found anywhere)
            continue
        near = start + usual + probe
        if base[near : near + _SEARCH] == needle:
            return usual
        found = base.find(needle, max(0, near - BLOCK), near + BLOCK)
        if found >= 0:
            return found - probe - start
    return usual


def _slice(base: bytes, offset: int, size: int) -> bytes:
    begin, end = max(0, offset), max(0, min(len(base), offset + size))
    return (b"" if offset >= 0 else bytes(min(size, -offset))) + base[begin:end]


def _difference(base: bytes, block: bytes, offset: int) -> bytes:
    whole = len(block) // WORD * WORD
    have = np.frombuffer(_slice(base, offset, whole).ljust(whole, b"\0"), np.uint32)
    want = np.frombuffer(block, np.uint32, whole // WORD)
    shuffled: bytes = _zigzag(want - have).view(np.uint8).reshape(-1, WORD).T.tobytes()
    return shuffled + block[whole:]


def _restore(base: bytes, part: bytes, offset: int) -> bytes:
    whole = len(part) // WORD * WORD
    words = np.ascontiguousarray(np.frombuffer(part, np.uint8, whole).reshape(WORD, -1).T).view(np.uint32).ravel()
    have = np.frombuffer(_slice(base, offset, whole).ljust(whole, b"\0"), np.uint32)
    restored: Words = have + _unzigzag(words)
    return restored.tobytes() + part[whole:]


def _zigzag(words: Words) -> Words:
    """Small differences of either sign become small numbers, so that their high bytes are zero."""
    folded: Words = (words << np.uint32(1)) ^ (np.uint32(0) - (words >> np.uint32(31)))
    return folded


def _unzigzag(words: Words) -> Words:
    unfolded: Words = (words >> np.uint32(1)) ^ (np.uint32(0) - (words & np.uint32(1)))
    return unfolded
