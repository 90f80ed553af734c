"""May a candidate replace the model in production? Rules as data, one verdict with the reason for every rule and slice. Pure.

A floor (``at_least``, ``at_most``) is judged on the figure itself, or on the far end of its interval with ``sure``. A comparison
(``worse_by_at_most``, ``better_by_at_least``) is judged on the interval of the paired difference: what the pictures at hand cannot
tell is inconclusive, never passed, and the reason says how many groups would about be needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import Enum
from fnmatch import fnmatchcase
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.evaluation.document import ALL, Figure


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GateRule(_Part):
    """One demand, on every slice that one of the patterns fits."""

    metric: str
    slices: tuple[str, ...] = (ALL,)
    """Names or patterns: ``all``, ``site=7426``, ``site=*``."""
    at_least: float | None = None
    at_most: float | None = None
    sure: bool = False
    """Judge the floor by the interval's far end instead of the figure."""
    worse_by_at_most: float | None = Field(default=None, ge=0)
    """In units of the metric, whichever way is better for it; 0 demands proof that it is not worse at all."""
    better_by_at_least: float | None = Field(default=None, ge=0)
    inconclusive_passes: bool = False
    """For slices that may stay small: what cannot be told does not stand in the way, as long as the figure itself is on the right
    side. Nine sites of three videos each need no proof, but the one that collapsed is looked at."""

    @model_validator(mode="after")
    def _demands_something(self) -> GateRule:
        if all(v is None for v in (self.at_least, self.at_most, self.worse_by_at_most, self.better_by_at_least)):
            raise ValueError("give at_least, at_most, worse_by_at_most or better_by_at_least")
        return self

    @property
    def compares(self) -> bool:
        """Does it need a model in production?"""
        return self.worse_by_at_most is not None or self.better_by_at_least is not None


class GateRules(_Part):
    """A file of rules."""

    v: int = Field(default=1, ge=1, le=1)
    name: str
    rules: tuple[GateRule, ...] = Field(min_length=1)


class Measured(NamedTuple):
    """One metric on one slice. ``difference`` is candidate minus production on the same pictures, None without production."""

    metric: str
    slice: str
    groups: int
    higher_is_better: bool
    candidate: Figure
    difference: Figure | None


class Verdict(str, Enum):
    """Of one rule on one slice."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class Decision(str, Enum):
    """Of the whole gate."""

    PROMOTE = "promote"
    REFUSE = "refuse"
    INCONCLUSIVE = "inconclusive"


class Reason(_Part):
    """Why, in words: metric, slice, figures, threshold."""

    metric: str
    slice: str
    verdict: Verdict
    text: str
    waived: bool = False
    """Inconclusive, and the rule lets that pass."""


class GateResult(_Part):
    """Decision and every reason, failures first."""

    decision: Decision
    rules: str
    reasons: tuple[Reason, ...]


def decide(rules: GateRules, measured: Sequence[Measured]) -> GateResult:
    """Apply every rule to every slice that it fits.

    Promote when all passed; refuse when one failed; otherwise it is inconclusive. A rule that fits nothing is inconclusive: a
    candidate that was not judged on a site has not passed on it.
    """
    reasons = [reason for rule in rules.rules for reason in _judge(rule, measured)]
    standing = {reason.verdict for reason in reasons if not reason.waived}
    decision = (
        Decision.REFUSE
        if Verdict.FAILED in standing
        else Decision.INCONCLUSIVE
        if Verdict.INCONCLUSIVE in standing
        else Decision.PROMOTE
    )
    order = [Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED]
    reasons.sort(key=lambda reason: order.index(reason.verdict))
    return GateResult(decision=decision, rules=rules.name, reasons=tuple(reasons))


def _judge(rule: GateRule, measured: Sequence[Measured]) -> Iterable[Reason]:
    for pattern in rule.slices:
        fitting = [m for m in measured if m.metric == rule.metric and fnmatchcase(m.slice, pattern)]
        if not fitting:
            yield _reason(rule, pattern, Verdict.INCONCLUSIVE, f"{rule.metric} was not judged on {pattern}")
        for each in fitting:
            yield from _floors(rule, each)
            yield from _comparisons(rule, each)


def _floors(rule: GateRule, m: Measured) -> Iterable[Reason]:
    for bound, sign, words in ((rule.at_least, 1, "at least"), (rule.at_most, -1, "at most")):
        if bound is None:
            continue
        told = f"{m.metric} on {m.slice} is {_words(m.candidate)}, needed is {words} {bound:g}"
        value = m.candidate.value
        far = m.candidate.low if sign > 0 else m.candidate.high
        if value is None or (rule.sure and far is None):
            yield _reason(rule, m.slice, Verdict.INCONCLUSIVE, f"{told}; {_groups(m.groups)} too few to tell")
        elif sign * value < sign * bound:
            yield _reason(rule, m.slice, Verdict.FAILED, told)
        elif rule.sure and far is not None and sign * far < sign * bound:
            more = _needed(m.groups, spread=abs(value - far), distance=abs(value - bound))
            yield _reason(rule, m.slice, Verdict.INCONCLUSIVE, f"{told} for sure{more}")
        else:
            yield _reason(rule, m.slice, Verdict.PASSED, told)


def _comparisons(rule: GateRule, m: Measured) -> Iterable[Reason]:
    demands: list[tuple[float, str]] = []
    if rule.worse_by_at_most is not None:
        demands.append((-rule.worse_by_at_most, f"worse by at most {rule.worse_by_at_most:g}"))
    if rule.better_by_at_least is not None:
        demands.append((rule.better_by_at_least, f"better by at least {rule.better_by_at_least:g}"))
    for bound, words in demands:
        if m.difference is None:
            text = f"{m.metric} on {m.slice}: there is no production model to compare with, needed is {words}"
            yield _reason(rule, m.slice, Verdict.INCONCLUSIVE, text)
            continue
        gain = _as_gain(m.difference, higher_is_better=m.higher_is_better)
        told = f"{m.metric} on {m.slice} is {_change(gain)}, needed is {words}"
        if gain.value is None or gain.low is None or gain.high is None:
            looks_good = gain.value is None or gain.value >= bound
            text = f"{told}; {_groups(m.groups)} too few to tell"
            yield _reason(rule, m.slice, Verdict.INCONCLUSIVE, text, looks_good=looks_good)
        elif gain.low >= bound:
            yield _reason(rule, m.slice, Verdict.PASSED, told)
        elif gain.high < bound:
            yield _reason(rule, m.slice, Verdict.FAILED, told)
        else:
            more = _needed(m.groups, spread=gain.value - gain.low, distance=gain.value - bound)
            text = f"{told}: it may be either{more}"
            yield _reason(rule, m.slice, Verdict.INCONCLUSIVE, text, looks_good=gain.value >= bound)


def _change(gain: Figure) -> str:
    if gain.value is None:
        return "changed by an unknown amount"
    if gain.value >= 0:
        return f"better by {_words(gain)}"
    return f"worse by {_words(_turned(gain))}"


def _as_gain(difference: Figure, *, higher_is_better: bool) -> Figure:
    return difference if higher_is_better else _turned(difference)


def _turned(figure: Figure) -> Figure:
    """The same seen from the other side; 0.0 - x and not -x: nothing changed is no "-0.000"."""
    value, low, high = (None if each is None else 0.0 - each for each in (figure.value, figure.low, figure.high))
    return Figure(value=value, low=high, high=low)


def _needed(groups: int, *, spread: float, distance: float) -> str:
    """An interval shrinks with the root of the number of groups; only a figure on the right side can become sure."""
    if distance <= 0 or spread <= 0:
        return ""
    return f"; about {math.ceil(groups * (spread / distance) ** 2 - 1e-9)} groups would tell (there are {groups})"


def _groups(count: int) -> str:
    return "one group is" if count == 1 else f"{count} groups are"


def _words(figure: Figure) -> str:
    if figure.value is None:
        return "unknown"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def _reason(rule: GateRule, where: str, verdict: Verdict, text: str, *, looks_good: bool = True) -> Reason:
    waived = verdict is Verdict.INCONCLUSIVE and rule.inconclusive_passes and looks_good
    return Reason(metric=rule.metric, slice=where, verdict=verdict, text=text, waived=waived)
