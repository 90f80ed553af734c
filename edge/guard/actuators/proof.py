"""Does it really run? A motor's current proves it; a relay that clicked does not. Pure: state in, verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge.guard.settings import ProofSettings


class Verdict(str, Enum):
    """What the current says of an actuator."""

    NONE = "none"
    """Nothing measures it."""
    WAITING = "waiting"
    """It has just been switched."""
    PROVEN = "proven"
    """It does what it should."""
    NOT_RUNNING = "not_running"
    """It should run and there is no sign that it does."""
    RUNS_THOUGH_OFF = "runs_though_off"
    """It should rest and draws current: a welded contact, or somebody's switch on site."""


@dataclass(frozen=True)
class Clamp:
    """The newest current."""

    amperes: float
    age_s: float


def judge(proof: ProofSettings | None, *, on: bool, for_s: float, clamp: Clamp | None) -> Verdict:
    """Compare what should be with what the clamp measures.

    Args:
        proof: how it is known to run.
        on: what is wanted.
        for_s: how long it has been wanted.
        clamp: the newest current; None when none was ever measured.
    """
    if proof is None:
        return Verdict.NONE
    fresh = clamp is not None and clamp.age_s <= proof.within_s
    runs = clamp is not None and fresh and clamp.amperes >= proof.min_a
    if on and runs:
        return Verdict.PROVEN
    if for_s < proof.within_s:
        return Verdict.WAITING
    if on:
        return Verdict.NOT_RUNNING
    return Verdict.RUNS_THOUGH_OFF if runs else Verdict.PROVEN
