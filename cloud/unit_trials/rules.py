"""Which units of a box get the release, and what the difference is between them and the others of the same box. No I/O.

Two units of one box share its light, hours and processor; boxes are what differs by chance, so every box gives one number and the boxes
are resampled.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Any

RESAMPLES = 2000
LEAST_BOXES = 3
"""Without which an interval would be an accident."""
LEAST_FAILED = 2
"""Boxes that went back by themselves before the others are told to: one alone may have a bad disk."""
MOST_FAILED = 0.1
"""Of all boxes; as many make it the release's fault."""
EXACT = 12
"""Boxes up to which every way to flip the signs is gone through."""
FLIPS = 5000
"""Drawn ways for more."""


def units_of(inventory: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Units that a camera of this box looks at, by what it told at its birth."""
    cameras = (inventory or {}).get("cameras") or ()
    return tuple(sorted({str(camera["unit"]) for camera in cameras if isinstance(camera, dict) and "unit" in camera}))


def choose(
    units: Sequence[str], *, share: float | None, named: Collection[str], box: str, seed: int
) -> tuple[str, ...]:
    """Units of one box for a trial; empty when there is none, or when no other would be left to compare with.

    Args:
        units: that a camera of the box looks at.
        share: of them, where none are named; at least one of each kind remains.
        named: units to try it in.
        box: ``site/device``.
        seed: the same chooses the same, whatever other boxes there are.
    """
    if len(units) < 2:  # noqa: PLR2004  (one to try, one to compare)
        return ()
    if share is None:
        chosen = [unit for unit in units if unit in named]
        return tuple(chosen) if 0 < len(chosen) < len(units) else ()
    drawn = sorted(units, key=lambda unit: hashlib.sha256(f"{seed} {box} {unit}".encode()).digest())
    return tuple(sorted(drawn[: max(1, min(len(units) - 1, round(share * len(units))))]))


def why_stop(states: Mapping[str, int]) -> str | None:
    """Why a trial should end in all boxes; None while nothing speaks against it.

    Args:
        states: how many boxes are in each.
    """
    boxes, failed = sum(states.values()), states.get("rolled_back", 0)
    if failed >= max(LEAST_FAILED, math.ceil(MOST_FAILED * boxes)):
        return f"{failed} of {boxes} boxes went back by themselves"
    return None


def why_not(inventory: Mapping[str, Any] | None) -> str | None:
    """Why a box cannot try a model in some of its units, by what it told at its birth; None when it can."""
    if (inventory or {}).get("unit_trials") is not True:
        return "its agent cannot run a model in some units only"
    if len(units_of(inventory)) < 2:  # noqa: PLR2004
        return "it has no two units with a camera"
    return None


@dataclass(frozen=True)
class Paired:
    """One difference of every box, together.

    Attributes:
        boxes: that gave a number.
        mean: of their differences; None without any.
        low: 95 % interval of it, by resampling boxes; None with fewer than ``LEAST_BOXES``.
        high: its other end.
        p: two-sided: probability of so large a mean if the sign of every box's difference were chance; None as ``low``.
    """

    boxes: int
    mean: float | None
    low: float | None
    high: float | None
    p: float | None


def paired(differences: Sequence[float], *, seed: int) -> Paired:
    """Mean of the boxes' differences with a percentile bootstrap and a sign-flip test.

    Source: Efron and Tibshirani 1993, An introduction to the bootstrap, chapter 13; Fisher's randomization test for pairs as in
    Ernst 2004, Statistical Science 19:676.

    Args:
        differences: of each box: units with the release minus the others of the same box.
        seed: the same gives the same interval.
    """
    finite = [one for one in differences if math.isfinite(one)]
    mean = math.fsum(finite) / len(finite) if finite else None
    if mean is None or len(finite) < LEAST_BOXES:
        return Paired(len(finite), mean, None, None, None)
    draw = Random(seed)  # noqa: S311  (statistics, no secret)
    means = sorted(math.fsum(draw.choices(finite, k=len(finite))) / len(finite) for _ in range(RESAMPLES))
    low, high = means[round(0.025 * (RESAMPLES - 1))], means[round(0.975 * (RESAMPLES - 1))]
    if len(finite) <= EXACT:
        flips = list(product((1, -1), repeat=len(finite)))
    else:
        flips = [tuple(draw.choice((1, -1)) for _ in finite) for _ in range(FLIPS)]
    least = abs(math.fsum(finite)) * (1 - 1e-9)
    as_large = sum(
        abs(math.fsum(sign * one for sign, one in zip(signs, finite, strict=True))) >= least for signs in flips
    )
    return Paired(len(finite), mean, low, high, as_large / len(flips))
