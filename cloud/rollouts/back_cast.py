"""Counts of before as the model that looks now would have counted them: derived numbers, never stored. No I/O.

    counts by box and model, changes of models with their ratios -> the same counts in the newest model's eyes

A new model finds more fish, or fewer, and a chart of counts jumps although no fish came or went. In its shadow run the box has
asked both models about the same frames; the ratio of what they counted says how much of the jump is of the eyes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Change:
    """One box began to look with another model."""

    device: str
    at: datetime
    sha256: str | None
    """Of the model since."""
    ratio: float | None
    """Counts of the model since over those of the model before, on the same frames; None when nobody compared them."""


@dataclass(frozen=True)
class Count:
    """What one box counted with one model in one bucket of a chart."""

    device: str
    last_at: datetime
    """Its newest observation: a change after it is one that it has not seen."""
    observations: int
    mean: float


@dataclass(frozen=True)
class Bucket:
    """One point of a chart."""

    at: datetime
    observations: int
    mean: float
    """As it was counted."""
    cast_back: float | None
    """As the newest model would have counted; None where a change in between has no ratio."""


def bucket(at: datetime, counts: Sequence[Count], changes: Iterable[Change], *, known_from: datetime | None) -> Bucket:
    """The mean over boxes, weighted by their observations, as it was and cast back.

    Args:
        at: begin of the bucket.
        counts: at least one.
        changes: of any box, in any order.
        known_from: None, or the moment before which changes are not in the list, so that nothing can be cast back over it.
    """
    by_device: dict[str, list[Change]] = {}
    for change in sorted(changes, key=lambda each: each.at):
        of_device = by_device.setdefault(change.device, [])
        # A box tells again where it stands after a restart; the same model once more is no change.
        if change.sha256 is None or not of_device or of_device[-1].sha256 != change.sha256:
            of_device.append(change)
    total = sum(count.observations for count in counts)
    cast = 0.0
    for count in counts:
        factor = _factor(count, by_device.get(count.device, ()))
        cast += count.mean * factor * count.observations
        if known_from is not None and count.last_at < known_from:
            cast = math.nan
    mean = math.fsum(count.mean * count.observations for count in counts) / total
    return Bucket(at, total, mean, cast / total if math.isfinite(cast) else None)


def _factor(count: Count, changes: Sequence[Change]) -> float:
    """Product of the ratios of all changes since; nan when one is not known."""
    factor = 1.0
    for change in changes:
        if change.at > count.last_at:
            factor *= math.nan if change.ratio is None or change.ratio <= 0 else change.ratio
    return factor
