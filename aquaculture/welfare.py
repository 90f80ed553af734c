"""Scores of outward welfare signs, 0 to 3, and what a sample of them says.

Source: FISHWELL morphological operational welfare indicators (poster of the scheme, read); 0 is a normal fish. Laksvel: the fin
score is that of the worst fin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SCORES = (0, 1, 2, 3)

INDICATORS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "emaciation": ("potentially emaciated", "emaciated", "extremely emaciated"),
        "skin_haemorrhage": ("minor", "large area, often with scale loss", "significant bleeding"),
        "wounds": ("one small, subcutis intact", "several small", "large and severe, muscle often exposed"),
        "scale_loss": ("individual scales", "less than 10 % of the area", "10 % of the area or more"),
        "eye_haemorrhage": ("minor", "moderate", "major"),
        "exophthalmia": ("slight", "moderate", "major"),
        "operculum": ("gill partly covered", "absent on one side", "absent on both sides"),
        "snout": ("minor", "moderate, skin broken", "deep and extensive"),
        "jaw": ("signs of deformity", "clear deformity", "extreme deformity"),
        "vertebra": ("signs of deformity", "clear deformity", "extreme deformity"),
        "fins_active": ("most of the fin remains", "half remains", "very little remains"),
        "fins_healed": ("most of the fin remains", "half remains", "very little remains"),
        "lice_infection": ("light", "0.05 to 0.08 lice per cm2", "0.08 lice per cm2 or more"),
    }
)
"""Indicator to the meaning of the scores 1, 2 and 3."""


@dataclass(frozen=True)
class WelfareShare:
    """Share of fish with a score of 2 or 3, with its 95 % interval, and the mean score."""

    fish: int
    mean_score: float
    affected: float
    low: float
    high: float


def welfare_share(scores: Mapping[int, int]) -> WelfareShare:
    """What a sample says, from the number of fish with each score.

    Source: the interval is Wilson 1927, J. Am. Stat. Assoc. 22:209.

    Raises:
        ValueError: a score outside 0 to 3, a negative number of fish, or no fish at all; the message names it.
    """
    for score, fish in scores.items():
        if score not in SCORES:
            raise ValueError(f"score = {score!r} is not one of 0, 1, 2, 3")
        if fish < 0:
            raise ValueError(f"scores.{score} = {fish!r}: a number of fish is not negative")
    total = sum(scores.values())
    if total == 0:
        raise ValueError("scores = no fish at all: give how many fish had each score")
    affected = (scores.get(2, 0) + scores.get(3, 0)) / total
    z = 1.959964
    centre = (affected + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(affected * (1 - affected) / total + z * z / (4 * total * total))
    mean = sum(score * fish for score, fish in scores.items()) / total
    return WelfareShare(total, mean, affected, max(0.0, centre - half), min(1.0, centre + half))
