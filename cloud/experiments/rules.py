"""Statistics of a trial: data in, verdict out; numpy at most.

On the same pictures (a shadow run, a picture asked of both) only those count that one version has right and the other wrong:
McNemar. On different units (a trial by unit) the units are resampled, because pictures of one unit are alike: bootstrap by unit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np

Counts: TypeAlias = Mapping[str, tuple[int, int]]
"""By unit: answers that were right, and answers that people have looked at."""

RESAMPLES = 2000
LEAST_UNITS = 3
"""Units of each arm without which an interval would be an accident."""


@dataclass(frozen=True)
class Paired:
    """Two versions on the same pictures.

    Attributes:
        both: pictures that both have right.
        only_active: that the active version alone has right.
        only_candidate: that the candidate alone has right.
        neither: that none has right.
        p: two-sided, exact: probability of so uneven a split if the versions were equally good.
    """

    both: int
    only_active: int
    only_candidate: int
    neither: int
    p: float

    @property
    def pictures(self) -> int:
        """All of them."""
        return self.both + self.only_active + self.only_candidate + self.neither

    @property
    def difference(self) -> float | None:
        """Accuracy of the candidate minus that of the active version; None without pictures."""
        return (self.only_candidate - self.only_active) / self.pictures if self.pictures else None


def paired(both: int, only_active: int, only_candidate: int, neither: int) -> Paired:
    """The four counts with McNemar's exact test."""
    return Paired(both, only_active, only_candidate, neither, mcnemar(only_active, only_candidate))


def mcnemar(first_only: int, second_only: int) -> float:
    """Two-sided exact probability: of the pictures that the two disagree on, half should go each way.

    Source: McNemar 1947, Psychometrika 12:153; exact as in Fagerland, Lydersen and Laake 2013, BMC Med. Res. Methodol. 13:91.
    """
    total, fewer = first_only + second_only, min(first_only, second_only)
    if total == 0:
        return 1.0
    tail = sum(math.comb(total, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / (1 << total))


@dataclass(frozen=True)
class Unpaired:
    """Two versions on different units.

    Attributes:
        difference: accuracy of the candidate minus that of the active version, over all looked-at answers; None without any.
        low: 95 % interval of it, by resampling units; None with fewer than ``LEAST_UNITS`` of an arm.
        high: its other end.
        design_effect: variance by units over the variance if every answer stood alone: how many answers are worth one.
    """

    active_units: int
    candidate_units: int
    active_accuracy: float | None
    candidate_accuracy: float | None
    difference: float | None
    low: float | None
    high: float | None
    design_effect: float | None


def unpaired(active: Counts, candidate: Counts, *, seed: int, resamples: int = RESAMPLES) -> Unpaired:
    """The difference of the two arms with a percentile bootstrap over units.

    Source: Efron and Tibshirani 1993, An introduction to the bootstrap, chapter 13; clusters as the unit of resampling as in
    Davison and Hinkley 1997, section 3.8.

    Args:
        active: units with the active version.
        candidate: units with the candidate.
        seed: the same gives the same interval.
        resamples: of the units of each arm.
    """
    one, other = _looked_at(active), _looked_at(candidate)
    first, second = _accuracy(one), _accuracy(other)
    difference = None if first is None or second is None else second - first
    if difference is None or min(len(one), len(other)) < LEAST_UNITS:
        return Unpaired(len(one), len(other), first, second, difference, None, None, None)
    import numpy as np  # an API that is asked for no trial does without it

    draw = np.random.default_rng(seed)
    drawn = _resampled(other, draw, resamples) - _resampled(one, draw, resamples)
    low, high = np.quantile(drawn, (0.025, 0.975))
    alone = sum(_variance(arm) for arm in (one, other))
    effect = max(1.0, float(np.var(drawn)) / alone) if alone > 0 else None
    return Unpaired(len(one), len(other), first, second, difference, float(low), float(high), effect)


def frames_unpaired(
    accuracy: float, difference: float, *, power: float = 0.8, alpha: float = 0.05, effect: float = 1.0
) -> int:
    """Looked-at answers of each arm that show a difference, two-sided.

    Args:
        accuracy: of the active version.
        difference: of the candidate to it that should be seen; either sign.
        power: probability of seeing it.
        alpha: probability of seeing one that is not there.
        effect: design effect of units (``Unpaired.design_effect``).

    Raises:
        ValueError: the difference is 0, or leads out of 0 to 1.

    Source: Fleiss, Levin and Paik 2003, Statistical methods for rates and proportions, 3rd ed., equation 4.14.
    """
    other = accuracy + difference
    if difference == 0 or not (0 <= accuracy <= 1 and 0 <= other <= 1):
        raise ValueError(
            f"accuracy {accuracy} and difference {difference}: both accuracies must be from 0 to 1, and differ"
        )
    z_alpha, z_power = _quantiles(power, alpha)
    mean = (accuracy + other) / 2
    root = z_alpha * math.sqrt(2 * mean * (1 - mean)) + z_power * math.sqrt(
        accuracy * (1 - accuracy) + other * (1 - other)
    )
    return math.ceil(effect * (root / difference) ** 2)


def frames_paired(disagreement: float, difference: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """Looked-at pictures with answers of both versions that show a difference, two-sided.

    Args:
        disagreement: share of pictures that one of the two has right and the other wrong.
        difference: of the accuracies; no larger than the disagreement.
        power: probability of seeing it.
        alpha: probability of seeing one that is not there.

    Raises:
        ValueError: the difference is 0, or larger than the disagreement.

    Source: Connor 1987, Biometrics 43:207.
    """
    if not 0 < abs(difference) <= disagreement <= 1:
        raise ValueError(
            f"difference {difference} must not be 0 nor larger than the disagreement {disagreement} (at most 1)"
        )
    z_alpha, z_power = _quantiles(power, alpha)
    root = z_alpha * math.sqrt(disagreement) + z_power * math.sqrt(disagreement - difference**2)
    return math.ceil((root / difference) ** 2)


def _quantiles(power: float, alpha: float) -> tuple[float, float]:
    normal = NormalDist()
    return normal.inv_cdf(1 - alpha / 2), normal.inv_cdf(power)


def _looked_at(counts: Counts) -> list[tuple[int, int]]:
    return [(right, total) for right, total in counts.values() if total > 0]


def _accuracy(arm: list[tuple[int, int]]) -> float | None:
    total = sum(looked_at for _, looked_at in arm)
    return sum(right for right, _ in arm) / total if total else None


def _variance(arm: list[tuple[int, int]]) -> float:
    """Of the accuracy, if every answer stood alone."""
    total = sum(looked_at for _, looked_at in arm)
    share = sum(right for right, _ in arm) / total
    return share * (1 - share) / total


def _resampled(
    arm: list[tuple[int, int]], draw: np.random.Generator, resamples: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    import numpy as np

    counts = np.array(arm, dtype=float)
    chosen = counts[draw.integers(len(arm), size=(resamples, len(arm)))].sum(axis=1)
    share: np.ndarray[tuple[int], np.dtype[np.float64]] = chosen[:, 0] / chosen[:, 1]
    return share
