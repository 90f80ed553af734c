"""Whether a model should be trained again, and what a finished run has earned. Data in, decision out; ``now`` is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

DAY = timedelta(days=1)


class Trigger(str, Enum):
    """Why a model is trained again, the most urgent first."""

    WRONG_MARKS = "wrong_marks"
    """People said that it was wrong."""
    DRIFT = "drift"
    """Its answers have drifted, and there are labels to learn from."""
    NEW_LABELS = "new_labels"
    SCHEDULE = "schedule"
    ASKED = "asked"
    """Somebody asked for it; never fires by itself."""


@dataclass(frozen=True)
class RetrainRule:
    """When to train a model again. None switches a trigger off."""

    enabled: bool = True
    wrong_marks: int | None = 20
    """Marks since the last run."""
    drift_units: int | None = 1
    """Units whose predictions or errors have drifted, by open advice. Drift of pictures alone is a matter of the camera."""
    drift_labels: int = 20
    """Accepted labels since the last run without which drift trains nothing: there would be nothing new to learn."""
    new_labels: int | None = 200
    """Accepted labels since the last run."""
    every_days: int | None = None
    """Days since the last run; without new labels it is skipped."""
    cooldown_hours: Mapping[Trigger, float] = field(
        default_factory=lambda: {
            Trigger.WRONG_MARKS: 24.0,
            Trigger.DRIFT: 72.0,
            Trigger.NEW_LABELS: 24.0,
            Trigger.SCHEDULE: 24.0,
        }
    )
    """Hours after a trigger has fired in which it does not fire again."""
    most_per_day: int = 2
    """Runs of a model within 24 hours, whatever asks."""


@dataclass(frozen=True)
class Facts:
    """What is known of a model now. Counts are since its last run began."""

    running: bool = False
    new_labels: int = 0
    wrong_marks: int = 0
    drift_units: int = 0
    last_run_at: datetime | None = None
    runs_within_a_day: int = 0
    fired_at: Mapping[Trigger, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """A trigger that fires, or why none does."""

    trigger: Trigger | None
    reason: str


def decide(rule: RetrainRule, facts: Facts, now: datetime) -> Decision:
    """Whether to train now.

    The first trigger that is met and not cooling down fires; what is met but held back is told, so that nobody wonders.
    """
    if not rule.enabled:
        return Decision(None, "switched off")
    if facts.running:
        return Decision(None, "a run is under way")
    met = _met(rule, facts, now)
    if not met:
        return Decision(None, "nothing asks for it")
    if facts.runs_within_a_day >= rule.most_per_day:
        return Decision(None, f"{met[0][1]}, but {facts.runs_within_a_day} runs within a day are the most")
    for trigger, reason in met:
        until = _cooling_until(rule, facts, trigger)
        if until is None or now >= until:
            return Decision(trigger, reason)
    trigger, reason = met[0]
    return Decision(
        None, f"{reason}, but {trigger.value} cools down until {_cooling_until(rule, facts, trigger):%Y-%m-%d %H:%M}"
    )


def _met(rule: RetrainRule, facts: Facts, now: datetime) -> list[tuple[Trigger, str]]:
    met = []
    if rule.wrong_marks is not None and facts.wrong_marks >= rule.wrong_marks:
        met.append((Trigger.WRONG_MARKS, f"{facts.wrong_marks} answers were marked wrong (from {rule.wrong_marks})"))
    if rule.drift_units is not None and facts.drift_units >= rule.drift_units and facts.new_labels >= rule.drift_labels:
        words = f"answers drift at {facts.drift_units} units, and {facts.new_labels} labels are new"
        met.append((Trigger.DRIFT, words))
    if rule.new_labels is not None and facts.new_labels >= rule.new_labels:
        met.append((Trigger.NEW_LABELS, f"{facts.new_labels} labels are new (from {rule.new_labels})"))
    if rule.every_days is not None and facts.new_labels > 0:
        due = facts.last_run_at is None or now - facts.last_run_at >= rule.every_days * DAY
        if due:
            met.append(
                (Trigger.SCHEDULE, f"the last run is {rule.every_days} days ago, and {facts.new_labels} labels are new")
            )
    return met


def _cooling_until(rule: RetrainRule, facts: Facts, trigger: Trigger) -> datetime | None:
    fired = facts.fired_at.get(trigger)
    return None if fired is None else fired + timedelta(hours=rule.cooldown_hours.get(trigger, 0.0))


class Outcome(str, Enum):
    """State of a run."""

    WAITING = "waiting"
    RUNNING = "running"
    PROPOSED = "proposed"
    """The gate would promote the candidate; people sign it and roll it out."""
    INCONCLUSIVE = "inconclusive"
    """The pictures at hand cannot tell."""
    REFUSED = "refused"
    """Worse than the model in production on some slice."""
    FAILED = "failed"
    CANCELLED = "cancelled"


OVER = frozenset({Outcome.PROPOSED, Outcome.INCONCLUSIVE, Outcome.REFUSED, Outcome.FAILED, Outcome.CANCELLED})
_BY_DECISION = {"promote": Outcome.PROPOSED, "refuse": Outcome.REFUSED, "inconclusive": Outcome.INCONCLUSIVE}


def outcome_of(decision: str) -> Outcome:
    """What a gate's decision makes of a run. An unknown word proposes nothing."""
    return _BY_DECISION.get(decision, Outcome.INCONCLUSIVE)


ALIVE = timedelta(minutes=2)
"""A run that has not said for so long that it lives is taken for dead."""
MOST_STARTS = 5
"""A run that was started so often in a row without getting further is given up. One that gets further is started as often as it takes:
a Celery worker trains for a turn, and a long training takes many."""


class Next(str, Enum):
    """What to do about a run."""

    WAIT = "wait"
    START = "start"
    FINISH = "finish"
    """It has ended by itself; write down how."""
    GIVE_UP = "give_up"


def next_of(
    state: str | None,
    heard_at: datetime | None,
    started_at: datetime | None,
    idle_starts: int,
    now: datetime,
    *,
    patience: timedelta = ALIVE,
) -> Next:
    """What to do about a run that is not over.

    Args:
        state: of its folder: None before it began, ``running``, ``succeeded`` or ``failed``.
        heard_at: when it last said that it lives.
        started_at: when it was last started.
        idle_starts: how often it was in a row since it last got further (:func:`idle_starts_of`).
        now: the wall clock.
        patience: how long a start may wait for room before the run says anything.
    """
    if state in {"succeeded", "failed"}:
        return Next.FINISH
    newest = max((moment for moment in (heard_at, started_at) if moment is not None), default=None)
    queued = started_at is not None and (heard_at is None or heard_at < started_at)
    if newest is not None and now - newest < (patience if queued else ALIVE):
        return Next.WAIT
    return Next.GIVE_UP if idle_starts >= MOST_STARTS else Next.START


def idle_starts_of(counted: int, progress_then: float, progress: float) -> int:
    """Starts in a row after which a run got no further.

    Args:
        counted: with the last start.
        progress_then: from 0 to 1, when it was last started.
        progress: now.
    """
    return 0 if progress > progress_then else counted
