"""Which units of a box get the release, and what the difference is between them and the others of the same box. No I/O.

Two units of one box share its light, hours and processor; boxes are what differs by chance, so every box gives one number and the boxes
are resampled.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from operator import mul
from random import Random
from typing import Any, Literal

from cloud.unit_trials.plan import LEAST_BOXES, TrialGate, TrialMetric, TrialPlan
from contracts.deployments import MOST_TRIAL_UNITS

RESAMPLES = 2000
SEED = 1
"""Of the resampling: the same question has the same answer."""
EXACT = 12
"""Boxes up to which every way to flip the signs is gone through."""
FLIPS = 5000
"""Drawn ways for more."""
_WORDS = {
    TrialMetric.COUNT: "it counts {:.2f} fish for each of the boxes' own models",
    TrialMetric.CONFIDENCE: "its confidence differs by {:+.2f} from that of the boxes' own models",
    TrialMetric.COUNT_ERROR: "its counts are off by {:.0%} more than those of the boxes' own models, on pictures that people labelled",
}


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


def why_stop(states: Mapping[str, int], plan: TrialPlan) -> str | None:
    """Why a trial should end in all boxes; None while nothing speaks against it.

    Args:
        states: how many boxes are in each.
        plan: of the trial.
    """
    boxes, failed = sum(states.values()), states.get("rolled_back", 0)
    if failed > plan.max_failed and failed / boxes >= plan.max_failed_share:
        return f"{failed} of {boxes} boxes went back by themselves"
    return None


def why_not(inventory: Mapping[str, Any] | None) -> str | None:
    """Why a box cannot try a model in some of its units, by what it told at its birth; None when it can."""
    if (inventory or {}).get("unit_trials") is not True:
        return "its agent cannot run a model in some units only"
    if len(units_of(inventory)) < 2:  # noqa: PLR2004
        return "it has no two units with a camera"
    return None


def why_too_many(units: Sequence[str], *, of: int, box: str, named: bool) -> str | None:
    """Why these units of one box are more than one assignment can name, with the remedy; None when they are not.

    Args:
        units: chosen for the trial.
        of: how many units with a camera the box has.
        box: ``site/device``.
        named: whether they were named, not drawn as a share.
    """
    if len(units) <= MOST_TRIAL_UNITS:
        return None
    share = math.floor(100 * MOST_TRIAL_UNITS / of) / 100
    remedy = (
        f"name at most {MOST_TRIAL_UNITS} of them"
        if named
        else f"ask for a share of at most {share:g}, or name its units"
    )
    which = f"units: {len(units)} of the {of} units" if named else f"share: {len(units)} of the {of} units"
    return (
        f"{which} of {box} would take part, and at most {MOST_TRIAL_UNITS} of one box can; {remedy}, or leave the box out by sites,"
        " groups or tags"
    )


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
    few = len(finite) <= EXACT
    signs: Iterable[Sequence[int]] = (
        product((1, -1), repeat=len(finite)) if few else (draw.choices((1, -1), k=len(finite)) for _ in range(FLIPS))
    )
    least = abs(math.fsum(finite)) * (1 - 1e-9)
    as_large = sum(abs(math.fsum(map(mul, flipped, finite))) >= least for flipped in signs)
    return Paired(len(finite), mean, low, high, as_large / (2 ** len(finite) if few else FLIPS))


@dataclass(frozen=True)
class Differences:
    """Units with the release against the other units of the same boxes.

    Attributes:
        count: ratio of the counts, over what it was before the trial.
        confidence: difference, over what it was before.
        count_error: how far the counts are off what people found on the same pictures, as a share; negative is better.
    """

    count: Paired
    confidence: Paired
    count_error: Paired

    def of(self, metric: TrialMetric) -> Paired:
        """The one that a gate is on."""
        return {
            TrialMetric.COUNT: self.count,
            TrialMetric.CONFIDENCE: self.confidence,
            TrialMetric.COUNT_ERROR: self.count_error,
        }[metric]


def differences(hours: Sequence[Mapping[str, Any]], labelled: Sequence[Mapping[str, Any]], *, seed: int) -> Differences:
    """One number of each box for each measure, together.

    Args:
        hours: of each box, ``during`` the trial and before it: ``log_ratio`` of counts and difference of ``confidence``.
        labelled: of each box and arm (``in_trial``): mean ``error``.
        seed: the same gives the same intervals.
    """
    during = {row["device_id"]: row for row in hours if row["during"]}
    before = {row["device_id"]: row for row in hours if not row["during"]}
    arms: dict[int, dict[bool, float]] = {}
    for row in labelled:
        arms.setdefault(row["device_id"], {})[row["in_trial"]] = row["error"]
    errors = [arm[True] - arm[False] for arm in arms.values() if len(arm) == len((True, False))]
    ratio = paired(_changes(during, before, "log_ratio"), seed=seed)
    return Differences(
        Paired(ratio.boxes, _exp(ratio.mean), _exp(ratio.low), _exp(ratio.high), ratio.p),
        paired(_changes(during, before, "confidence"), seed=seed),
        paired(errors, seed=seed),
    )


def judge(gate: TrialGate, found: Paired) -> Literal["passed", "failed", "inconclusive"]:
    """What a gate says to a difference. Careful: it fails only where the whole interval lies beyond a limit."""
    low, high = found.low, found.high
    if found.boxes < gate.min_devices or low is None or high is None:
        return "inconclusive"
    least = -math.inf if gate.at_least is None else gate.at_least
    most = math.inf if gate.at_most is None else gate.at_most
    if high < least or low > most:
        return "failed"
    return "passed" if low >= least and high <= most else "inconclusive"


def why_worse(found: Differences, plan: TrialPlan) -> str | None:
    """Why a trial should end in all boxes by what it shows; None while nothing speaks against it."""
    for gate in plan.gates:
        difference = found.of(gate.metric)
        if judge(gate, difference) == "failed" and difference.mean is not None:
            under = gate.at_least is not None and difference.mean < gate.at_least
            limit = f"less than {gate.at_least:g}" if under else f"more than {gate.at_most:g}"
            return f"{_WORDS[gate.metric].format(difference.mean)}, {limit}"
    return None


def _changes(
    during: Mapping[int, Mapping[str, Any]], before: Mapping[int, Mapping[str, Any]], measure: str
) -> list[float]:
    """Of each box: the difference between its units during the trial, without what it was before."""
    both = during.keys() & before.keys()
    found = ((during[box][measure], before[box][measure]) for box in sorted(both))
    return [now - then for now, then in found if now is not None and then is not None]


def _exp(value: float | None) -> float | None:
    return None if value is None else math.exp(value)
