"""Whether a series of hours is what it was while a version was new at a unit. Data in, verdict out; numpy at most.

    hours -> habit by time of day -> residuals -> compare the newest week with the reference -> drift, or a sudden change

Hours of one camera are not independent, and neither are days in bad weather. So a test that counts hours finds drift every
week where there is none (the table of docs/models.md). Here the reference itself tells how many independent numbers a week is
worth (batch means), and a change must be both no chance and large enough to matter, on several days in a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cloud.drift.signals import DAY, DAY_HOURS, Comparison, Days, DriftVerdict, Hours, Tuning

Floats: TypeAlias = NDArray[np.float64]

MAD_TO_SIGMA = 1.4826
"""Median absolute deviation of a normal distribution in its standard deviations."""


def compare(hours: Hours, until: datetime, tuning: Tuning | None = None) -> Comparison:
    """The newest days before ``until`` against the first days of the series: a short window for what is sudden, a long one.

    Args:
        hours: of one signal, one unit and one version, from the first hour of the reference on.
        until: end of the newest day that is complete.
        tuning: what counts as drift.
    """
    tuning = tuning or Tuning()
    usable = [(at, value) for at, value in hours if at < until and math.isfinite(value)]
    longest = until - tuning.window_days * DAY
    learned = (
        [one for one in usable if one[0] < min(usable[0][0] + tuning.reference_days * DAY, longest)] if usable else []
    )
    if _days(learned, tuning) < tuning.least_days:
        return Comparison(DriftVerdict.LEARNING)
    habit = habit_of(learned)
    residuals = habit.residuals(usable)
    reference = residuals[: len(learned)]
    worth = effective(reference, [at for at, _ in learned])
    n = max(2.0, worth * len(reference))
    found = []
    for days in (tuning.short_days, tuning.window_days):
        begin = until - days * DAY
        place = next((index for index, (at, _) in enumerate(usable) if at >= begin), len(usable))
        if _days(usable[place:], tuning) < max(1, (days + 1) // 2):
            continue
        newest = residuals[place:]
        m = max(1.0, worth * len(newest))
        distance = ks_distance(reference, newest)
        chance = ks_probability(distance, n, m)
        index = psi(*histograms(reference, newest))
        drift = chance < tuning.alpha and index >= tuning.psi
        shift = float(np.mean(newest) - np.mean(reference))
        found.append(
            Comparison(
                DriftVerdict.DRIFT if drift else DriftVerdict.STABLE, index, distance, chance, shift, days, (n, m)
            )
        )
    if not found:
        return Comparison(DriftVerdict.LEARNING)  # nothing new to compare
    since = _sudden(residuals, usable, len(learned), worth, tuning)
    worst = min(found, key=lambda one: (one.verdict is not DriftVerdict.DRIFT, one.p))
    verdict = DriftVerdict.DRIFT if worst.verdict is DriftVerdict.DRIFT or since is not None else DriftVerdict.STABLE
    return replace(worst, verdict=verdict, changed_at=since)


def compare_mix(days: Days, until: datetime, tuning: Tuning | None = None) -> Comparison:
    """The shares of labels in the newest days before ``until`` against the first days.

    A day is one number for each label; the label that moved most decides, held to ``alpha_mix`` divided by their number.
    """
    tuning = tuning or Tuning()
    shares = [(at, _shares(mix)) for at, mix in days if at < until and sum(mix.values()) > 0]
    begin = until - tuning.window_days * DAY
    learned = (
        [mix for at, mix in shares if at < min(shares[0][0] + tuning.reference_days * DAY, begin)] if shares else []
    )
    newest = [mix for at, mix in shares if at >= begin]
    if len(learned) < tuning.least_days or len(newest) < max(2, tuning.window_days // 2):
        return Comparison(DriftVerdict.LEARNING)
    moments = [at for at, _ in shares][: len(learned)]
    labels = sorted({label for mix in (*learned, *newest) for label in mix})
    found = []
    for label in labels:
        one, other = (np.array([mix.get(label, 0.0) for mix in part]) for part in (learned, newest))
        worth = effective(one - np.mean(one), moments, per_day=1)
        n, m = max(2.0, worth * len(one)), max(1.0, worth * len(other))
        distance = ks_distance(one, other)
        spread = max(float(np.std(one)), 0.01)
        shift = (float(np.mean(other)) - float(np.mean(one))) / spread
        chance = min(1.0, ks_probability(distance, n, m) * len(labels))
        found.append(Comparison(DriftVerdict.STABLE, 0.0, distance, chance, shift, tuning.window_days, (n, m)))
    means = [
        [_HUNDRED * float(np.mean([mix.get(label, 0.0) for mix in part])) for label in labels]
        for part in (learned, newest)
    ]
    index = psi(*means)
    worst = min(found, key=lambda one: one.p)
    drift = worst.p < tuning.alpha_mix and index >= tuning.psi
    return replace(worst, verdict=DriftVerdict.DRIFT if drift else DriftVerdict.STABLE, psi=index)


def compare_errors(reference: tuple[int, int], newest: tuple[int, int], tuning: Tuning | None = None) -> Comparison:
    """Whether people call more answers wrong than they did: (wrong, looked at) of both, one-sided and exact.

    ``shift`` is the rise of the share of errors, in percentage points; ``ks`` and ``psi`` say nothing here.

    Source: Fisher 1935, The design of experiments, section 12.
    """
    tuning = tuning or Tuning()
    (before, of_before), (now, of_now) = reference, newest
    if of_before < tuning.least_judged or of_now < tuning.least_judged:
        return Comparison(DriftVerdict.LEARNING)
    rise = 100.0 * (now / of_now - before / of_before)
    chance = fisher(before, of_before, now, of_now)
    drift = chance < tuning.alpha_errors and rise >= tuning.rise_points
    verdict = DriftVerdict.DRIFT if drift else DriftVerdict.STABLE
    return Comparison(verdict, p=chance, shift=rise, effective=(float(of_before), float(of_now)))


def fisher(before: int, of_before: int, now: int, of_now: int) -> float:
    """Probability that so many of the errors, or more, fall into the newer answers by chance."""
    errors, total = before + now, of_before + of_now
    ways = math.comb(total, of_now)
    more = range(now, min(errors, of_now) + 1)
    return sum(math.comb(errors, k) * math.comb(total - errors, of_now - k) for k in more) / ways


_HUNDRED = 100.0
"""Numbers that the shares of a mix are counted as for the index: half a one of them is added to each label."""


def _shares(mix: Mapping[str, float]) -> dict[str, float]:
    total = sum(mix.values())
    return {label: number / total for label, number in mix.items()}


def in_a_row(comparisons: Sequence[Comparison], tuning: Tuning | None = None) -> bool:
    """Whether the newest daily comparisons (oldest first) agree often enough to tell somebody."""
    days = (tuning or Tuning()).days_in_a_row
    newest = comparisons[-days:]
    return len(newest) == days and all(one.verdict is DriftVerdict.DRIFT for one in newest)


@dataclass(frozen=True)
class Habit:
    """What a signal usually is at each hour of the day.

    Attributes:
        usual: by hour of the day in UTC.
        spread: robust standard deviation around it, never 0.
    """

    usual: tuple[float, ...]
    spread: float

    def residuals(self, hours: Hours) -> Floats:
        """Deviations from the habit, in spreads."""
        usual = np.array([self.usual[at.hour] for at, _ in hours])
        residuals: Floats = (np.array([value for _, value in hours]) - usual) / self.spread
        return residuals


def habit_of(hours: Hours) -> Habit:
    """The medians by hour of the day, smoothed with their neighbours, and the spread around them."""
    by_hour: list[list[float]] = [[] for _ in range(DAY_HOURS)]
    for at, value in hours:
        by_hour[at.hour].append(value)
    overall = float(np.median([value for _, value in hours]))
    usual = []
    for hour in range(DAY_HOURS):
        near = by_hour[hour - 1] + by_hour[hour] + by_hour[(hour + 1) % DAY_HOURS]
        usual.append(float(np.median(near)) if near else overall)
    deviations = np.abs([value - usual[at.hour] for at, value in hours])
    spread = MAD_TO_SIGMA * float(np.median(deviations))
    # A signal that hardly ever moves (glare is 1 for weeks) still has some spread: that of its rare moves, or a hundredth.
    return Habit(tuple(usual), max(spread, float(np.std(deviations)), 0.01 * abs(overall), 1e-6))


def effective(residuals: Floats, at: Sequence[datetime], *, per_day: int = DAY_HOURS) -> float:
    """Share of the hours that are independent, by the variance of means of whole days (batch means).

    Independent hours have means of variance s2 / hours; where days differ by more, each hour is worth less. Batches of one, two and
    three days are tried and the least share counts, because weather lasts longer than a day.

    Args:
        residuals: in order.
        at: their moments.
        per_day: how many a whole day has.

    Source: Alexopoulos and Seila 1998, Output data analysis, in Banks (ed.), Handbook of Simulation, section 7.2.
    """
    spread = float(np.var(residuals))
    if spread == 0.0:
        return 1.0
    share, first = 1.0, at[0].toordinal()
    for days in _BATCHES:
        batches: dict[int, list[float]] = {}
        for moment, value in zip(at, residuals, strict=True):
            batches.setdefault((moment.toordinal() - first) // days, []).append(float(value))
        whole = [values for values in batches.values() if len(values) > days * per_day // 2]
        if len(whole) < _LEAST_BATCHES:
            break
        length = float(np.mean([len(values) for values in whole]))
        between = float(np.var([np.mean(values) for values in whole], ddof=1))
        if between > 0.0:
            share = min(share, spread / (length * between))
    return share


_BATCHES = (1, 2, 3)
"""Days."""
_LEAST_BATCHES = 4
"""Fewer tell nothing of their variance."""


def histograms(reference: Floats, newest: Floats, bins: int = 10) -> tuple[Floats, Floats]:
    """Counts of both in tenths of the reference."""
    edges = np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1])
    return (
        np.bincount(np.searchsorted(edges, reference, side="right"), minlength=bins).astype(float),
        np.bincount(np.searchsorted(edges, newest, side="right"), minlength=bins).astype(float),
    )


def psi(reference: Sequence[float] | Floats, newest: Sequence[float] | Floats) -> float:
    """Population stability index of two histograms with the same bins: 0 equal, below 0.1 little, from 0.25 a lot.

    Half a count is added to each bin, so that an empty one is no infinity.

    Source: Siddiqi 2006, Credit Risk Scorecards, chapter 8; it is the symmetric Kullback-Leibler divergence.
    """
    p, q = np.asarray(reference, dtype=float) + 0.5, np.asarray(newest, dtype=float) + 0.5
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((p - q) * np.log(p / q)))


def ks_distance(first: Floats, second: Floats) -> float:
    """Largest distance of two empirical distributions (Kolmogorov-Smirnov)."""
    one, other = np.sort(first), np.sort(second)
    both = np.concatenate([one, other])
    return float(
        np.max(
            np.abs(
                np.searchsorted(one, both, side="right") / len(one)
                - np.searchsorted(other, both, side="right") / len(other)
            )
        )
    )


def ks_probability(distance: float, n: float, m: float) -> float:
    """Probability of a distance at least so large between two samples of one distribution, for large numbers.

    Args:
        distance: from ``ks_distance``.
        n: independent numbers in the first sample; need not be whole.
        m: the same of the second.

    Source: Stephens 1970, J. R. Stat. Soc. B 32:115, with his correction for small numbers.
    """
    root = math.sqrt(n * m / (n + m))
    return kolmogorov(distance * (root + 0.12 + 0.11 / root))


def kolmogorov(x: float) -> float:
    """Probability that a Kolmogorov variable is larger than ``x``."""
    if x < 0.2:  # noqa: PLR2004  (it is 1 there to twelve digits, and the sum converges slowly)
        return 1.0
    terms = (2.0 * (-1.0) ** (k - 1) * math.exp(-2.0 * (k * x) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, math.fsum(terms)))


def adwin(values: Floats, delta: float, *, worth: float = 1.0) -> int | None:
    """Where a series of numbers from 0 to 1 changed its mean: the index of the first one after it; None when it did not.

    Every cut into an older and a newer part is tried (ADWIN0): the means of the two may not differ by more than chance allows
    with probability 1 - ``delta``. Give it residuals, never raw values: a season is no change.

    Args:
        values: in order.
        delta: probability of a cut where there is none.
        worth: share of the values that are independent (``effective``).

    Source: Bifet and Gavalda 2007, Learning from time-changing data with adaptive windowing, SDM, equation 3.1.
    """
    total = len(values)
    if total < 2 * _SHORTEST:
        return None
    sums = np.cumsum(values)
    older = np.arange(_SHORTEST, total - _SHORTEST + 1)
    newer = total - older
    apart = np.abs(sums[older - 1] / older - (sums[-1] - sums[older - 1]) / newer)
    harmonic = worth / (1.0 / older + 1.0 / newer)
    log = math.log(2.0 * max(2.0, worth * total) / delta)
    allowed = np.sqrt(2.0 / harmonic * float(np.var(values)) * log) + 2.0 / (3.0 * harmonic) * log
    over = apart - allowed
    best = int(np.argmax(over))
    return int(older[best]) if over[best] > 0 else None


_SHORTEST = 5
_CLIP = 3.0
"""Residuals are cut off here, so that one hour of nonsense is no change."""


def _sudden(residuals: Floats, hours: Hours, learned: int, worth: float, tuning: Tuning) -> datetime | None:
    """When a change of the mean began that is large enough, after the reference, and has not gone back since."""
    clipped = np.clip(residuals, -_CLIP, _CLIP)
    cut = adwin((clipped + _CLIP) / (2.0 * _CLIP), tuning.delta, worth=worth)
    if cut is None or cut < learned:
        return None
    usual, newest = float(np.mean(clipped[:learned])), clipped[-tuning.short_days * DAY_HOURS :]
    changed, now = float(np.mean(clipped[cut:])) - usual, float(np.mean(newest)) - usual
    return hours[cut][0] if min(abs(changed), abs(now)) >= tuning.shift and changed * now > 0 else None


def _days(hours: Hours, tuning: Tuning) -> int:
    counts: dict[int, int] = {}
    for at, _ in hours:
        counts[at.toordinal()] = counts.get(at.toordinal(), 0) + 1
    return sum(count >= tuning.least_hours for count in counts.values())
