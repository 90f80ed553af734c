"""How sure is a figure? Whole groups (tracks, videos) are drawn again and again: pictures of one track are nearly one picture.

Percentile bootstrap over groups; a thousand pictures of three tracks are three observations, and the interval says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from models.evaluation.document import Figure
from models.evaluation.figures import Figures, Judge, Weights

RESAMPLES = 500
"""The 95 % bounds of 500 resamples move by about a tenth of the interval's width from seed to seed."""
FEWEST_GROUPS = 5
"""Below, groups drawn with replacement are too alike to tell anything: no interval."""
LEVEL = 95.0


def resample(groups: Sequence[str], chosen: npt.NDArray[np.bool_], *, resamples: int, seed: int) -> Iterator[Weights]:
    """Yield weights of the chosen pictures: as many groups as there are, drawn with replacement."""
    names = sorted({group for group, inside in zip(groups, chosen, strict=True) if inside})
    place = {name: number for number, name in enumerate(names)}
    code = np.array([place.get(group, 0) for group in groups])
    rng = np.random.default_rng(seed)
    for _ in range(resamples if len(names) >= FEWEST_GROUPS else 0):
        counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))
        yield counts[code] * chosen


def with_intervals(
    judge: Judge, groups: Sequence[str], chosen: npt.NDArray[np.bool_], *, resamples: int = RESAMPLES, seed: int = 1
) -> dict[str, Figure]:
    """Every figure of the chosen pictures with its interval."""
    values = judge.figures(chosen.astype(np.float64))
    drawn = [judge.figures(weights) for weights in resample(groups, chosen, resamples=resamples, seed=seed)]
    return {name: _figure(value, [each[name] for each in drawn]) for name, value in values.items()}


def differences(
    one: Judge, other: Judge, groups: Sequence[str], chosen: npt.NDArray[np.bool_], *, resamples: int, seed: int
) -> dict[str, Figure]:
    """``one`` minus ``other`` on the same pictures, every resample drawn for both: what they share cancels."""

    def difference(weights: Weights) -> Figures:
        theirs = other.figures(weights)
        return {name: value - theirs[name] for name, value in one.figures(weights).items() if name in theirs}

    values = difference(chosen.astype(np.float64))
    drawn = [difference(weights) for weights in resample(groups, chosen, resamples=resamples, seed=seed)]
    return {name: _figure(value, [each[name] for each in drawn]) for name, value in values.items()}


def _figure(value: float, drawn: Sequence[float]) -> Figure:
    known = [each for each in drawn if not np.isnan(each)]
    if np.isnan(value):
        return Figure(value=None)
    if len(known) < max(1, len(drawn)) * 0.9:  # a class or object is missing from too many resamples
        return Figure(value=round(value, 5))
    tail = (100 - LEVEL) / 2
    low, high = np.percentile(known, [tail, 100 - tail])
    return Figure(value=round(value, 5), low=round(float(low), 5), high=round(float(high), 5))
