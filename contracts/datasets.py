"""Frozen data sets: which images, which labels, from where, under which licence, in which split."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from contracts.base import Sha256Hex, UtcDatetime, WireModel
from contracts.samples import LabelledBox


class DatasetImage(WireModel):
    """One image of a data set. ``group`` is what must never be split: a track, a video, near-duplicates."""

    path: str
    sha256: Sha256Hex
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    crop: tuple[int, int, int, int] | None = None
    """Part of the file that is the picture, x0 y0 x1 y1 in pixels; cuts off letterbox bars. Boxes refer to it."""
    site: str
    group: str
    boxes: tuple[LabelledBox, ...] = ()
    classes: tuple[str, ...] = ()
    licence: str
    provenance: str
    camera: str | None = None
    captured_at: UtcDatetime | None = None
    annotators: tuple[str, ...] = ()
    """Who gave the labels, as the label queue names them."""
    split: str | None = None
    """The part of the frozen data set that it belongs to (``train``, ``unseen_site``, ``fold-3``); None before freezing."""


class DatasetSnapshot(WireModel):
    """A data set that never changes again; ``sha256`` covers the sorted images with their labels."""

    v: Literal[1] = 1
    name: str
    created_at: UtcDatetime
    labels: tuple[str, ...]
    images: tuple[DatasetImage, ...]
    splits: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Split name to the groups in it."""
    rule: dict[str, Any] = Field(default_factory=dict)
    """How it was split: kind, what was held out, seed. Empty before freezing."""
    guard: dict[str, Any] = Field(default_factory=dict)
    """What the near-duplicate guard compared, by which method and threshold, and what it found."""
    origin: dict[str, Any] = Field(default_factory=dict)
    """The label set of the platform that it was fetched from: organization, name, number, sha256. Empty for other sources.

    Not part of the sha256: the same pictures, labels and split are the same data set, wherever they came from.
    """
    sha256: Sha256Hex
