"""What an upload must say, how much a frame is worth a label, and which frames make room. Pure."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from contracts.samples import Sample, SampleReason
from contracts.vision import Detection

MAX_BYTES = 1_000_000
"""Of one frame; the largest that an edge agent keeps."""
MAX_PIXELS = 30_000_000
MARKED = 2.0
"""Added to the priority of a frame on which a person has seen the model fail: before everything that machines suggest."""
RETURNED = 1.0
"""Added when a reviewer sends a frame back, so that it is finished before new ones are begun."""
CHANCE = 0.5
"""Uncertainty of a frame that was chosen by chance: without a place in the middle such frames would always come last, and
labels of the hard frames alone cannot tell how good a model is."""
UNCERTAIN, DIFFERENT = 0.6, 0.4
"""Shares of uncertainty and of difference in the priority."""
ALIKE_DISTANCE = 0.25
"""Distance of two looks (root mean square over brightness by place and mean colour, 0 to 1) from which frames count as wholly
different. Neighbouring frames of one camera lie near 0.01, day and night of one camera near 0.3."""
COMPARED = 200
"""Newest frames of the same camera with which a new one is compared."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_METADATA = 60_000


class MetadataError(ValueError):
    """``Upload-Metadata`` does not say what is needed; the message names field and remedy."""


@dataclass(frozen=True)
class Offered:
    """What an upload says of its frame."""

    sha256: str
    sample: Sample


def read_metadata(header: str) -> Offered:
    """The frame of an ``Upload-Metadata`` header (tus 1.0.0: ``name base64,name base64``).

    Raises:
        MetadataError: a field is missing or cannot be used.
    """
    if len(header) > _MAX_METADATA:
        raise MetadataError(f"Upload-Metadata: {len(header)} characters are too many; {_MAX_METADATA} fit")
    told: dict[str, str] = {}
    for pair in header.split(","):
        name, _, value = pair.strip().partition(" ")
        try:
            told[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise MetadataError(f"Upload-Metadata.{name[:40]}: it is not base64 of UTF-8") from error
    sha256 = told.get("sha256", "")
    if _SHA256.fullmatch(sha256) is None:
        raise MetadataError("Upload-Metadata.sha256: send the frame's sha256 as 64 lower-case hexadecimal digits")
    if "sample" not in told:
        raise MetadataError("Upload-Metadata.sample: send the frame's description (contracts.samples.Sample) as JSON")
    try:
        sample = Sample.model_validate_json(told["sample"])
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MetadataError(f"Upload-Metadata.sample.{where}: {first['msg']}") from error
    if sample.image_sha256 != sha256:
        raise MetadataError(f"Upload-Metadata.sample.image_sha256: {sample.image_sha256} is not the sha256 beside it")
    if "\x00" in told["sample"] or "\\u0000" in told["sample"]:
        raise MetadataError("Upload-Metadata.sample: it contains a NUL character")
    return Offered(sha256, sample)


def uncertainty(reason: SampleReason, score: float, detections: Iterable[Detection]) -> float:
    """How little the model knew what it saw, 0 to 1: the box's own word, or the least certain detection."""
    told = CHANCE if reason is SampleReason.RANDOM else score
    doubt = max((1.0 - 2.0 * abs(one.confidence - 0.5) for one in detections), default=0.0)
    return min(1.0, max(told, 0.8 * doubt))


def novelty(look: Sequence[float], known: Iterable[Sequence[float]]) -> float:
    """How different a frame is from the nearest known one, 0 (seen before) to 1; the first of a camera is new."""
    distances = [
        math.sqrt(sum((a - b) ** 2 for a, b in zip(look, other, strict=True)) / len(look))
        for other in known
        if look and len(other) == len(look)
    ]
    return min(1.0, min(distances) / ALIKE_DISTANCE) if distances else 1.0


def priority(uncertain: float, new: float, *, marked: bool = False) -> float:
    """Place in the queue: the higher, the sooner."""
    return UNCERTAIN * uncertain + DIFFERENT * new + (MARKED if marked else 0.0)


def make_room(kept: int, wanted: int, limit: int, expendable: Iterable[tuple[str, int]]) -> list[str] | None:
    """Which frames go so that ``wanted`` more bytes fit.

    Args:
        kept: bytes in the store.
        wanted: bytes that are to come.
        limit: of the store.
        expendable: key and bytes of the frames that may go, the least worth first.

    Returns:
        Their keys; None when even all of them would not be enough.
    """
    excess, gone = kept + wanted - limit, []
    for key, size in expendable:
        if excess <= 0:
            break
        gone.append(key)
        excess -= size
    return gone if excess <= 0 else None
