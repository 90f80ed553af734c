"""When a model is trained again, what becomes of a run, and the commands and Job that it is made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.training.rules import (
    ALIVE,
    MOST_STARTS,
    Facts,
    Next,
    Outcome,
    RetrainRule,
    Trigger,
    decide,
    idle_starts_of,
    next_of,
    outcome_of,
)
from cloud.training.schemas import RetrainRuleBody
from cloud.training.steps import progress_of, steps_of

NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
RULE = RetrainRule()
LABELS = Facts(new_labels=200)


@pytest.mark.parametrize(
    ("facts", "trigger"),
    [
        (Facts(), None),
        (Facts(new_labels=199), None),
        (LABELS, Trigger.NEW_LABELS),
        (Facts(wrong_marks=20), Trigger.WRONG_MARKS),
        (Facts(wrong_marks=20, new_labels=500, drift_units=3), Trigger.WRONG_MARKS),
        (Facts(drift_units=1), None),  # nothing new to learn from
        (Facts(drift_units=1, new_labels=20), Trigger.DRIFT),
        (replace(LABELS, running=True), None),
        (replace(LABELS, runs_within_a_day=2), None),
    ],
)
def test_the_most_urgent_trigger_fires(facts: Facts, trigger: Trigger | None) -> None:
    assert decide(RULE, facts, NOW).trigger is trigger


def test_a_trigger_cools_down_and_another_may_fire_meanwhile() -> None:
    fired = replace(LABELS, fired_at={Trigger.NEW_LABELS: NOW - timedelta(hours=23)})
    held = decide(RULE, fired, NOW)
    assert held.trigger is None
    assert "cools down until 2026-11-20 13:00" in held.reason
    assert decide(RULE, fired, NOW + timedelta(hours=1)).trigger is Trigger.NEW_LABELS
    assert decide(RULE, replace(fired, drift_units=2), NOW).trigger is Trigger.DRIFT


def test_a_schedule_waits_for_something_new() -> None:
    rule = RetrainRule(new_labels=None, every_days=30)
    last = NOW - timedelta(days=31)
    assert decide(rule, Facts(last_run_at=last), NOW).trigger is None
    assert decide(rule, Facts(last_run_at=last, new_labels=1), NOW).trigger is Trigger.SCHEDULE
    assert decide(rule, Facts(last_run_at=NOW - timedelta(days=29), new_labels=1), NOW).trigger is None
    assert decide(replace(rule, enabled=False), Facts(new_labels=1), NOW).trigger is None


@given(
    labels=st.integers(0, 1000), marks=st.integers(0, 100), units=st.integers(0, 10), runs=st.integers(0, 5),
    hours=st.floats(0, 200),
)  # fmt: skip
def test_the_daily_bound_holds_whatever_asks(labels: int, marks: int, units: int, runs: int, hours: float) -> None:
    fired = dict.fromkeys(Trigger, NOW - timedelta(hours=hours))
    decision = decide(RULE, Facts(False, labels, marks, units, None, runs, fired), NOW)
    if decision.trigger is not None:
        assert runs < RULE.most_per_day
        assert hours >= RULE.cooldown_hours[decision.trigger]
    assert decision.reason


def test_what_is_shipped_and_what_the_api_says_are_the_same() -> None:
    assert RetrainRuleBody().rule() == RULE


@pytest.mark.parametrize(
    ("state", "heard", "started", "starts", "then"),
    [
        (None, None, None, 0, Next.START),
        (None, None, NOW, 1, Next.WAIT),  # it has just been started
        (None, None, NOW - ALIVE, 1, Next.START),
        ("running", NOW - timedelta(seconds=10), NOW - timedelta(hours=5), 1, Next.WAIT),
        ("running", NOW - ALIVE, NOW - timedelta(hours=5), 1, Next.START),
        ("running", NOW - ALIVE, NOW - timedelta(hours=5), MOST_STARTS, Next.GIVE_UP),
        ("succeeded", NOW - timedelta(days=1), NOW, 1, Next.FINISH),
        ("failed", NOW, NOW, MOST_STARTS, Next.FINISH),
    ],
)
def test_a_run_is_started_until_it_lives_and_given_up_when_it_never_does(
    state: str | None, heard: datetime | None, started: datetime | None, starts: int, then: Next
) -> None:
    assert next_of(state, heard, started, starts, NOW) is then


def test_a_training_of_many_turns_goes_on_while_it_gets_further_and_is_given_up_when_it_does_not() -> None:
    idle, progress_then, turns = 0, 0.0, 0
    # Twenty turns that each end with a few epochs more, then a worker that always dies at once.
    for progress in [*(turn / 25 for turn in range(20)), *[19 / 25] * 10]:
        idle = idle_starts_of(idle, progress_then, progress)
        if next_of("running", NOW - ALIVE, NOW - timedelta(minutes=110), idle, NOW) is Next.GIVE_UP:
            break
        idle, progress_then, turns = idle + 1, progress, turns + 1
    assert turns == 20 + MOST_STARTS - 1
    assert idle == MOST_STARTS


def test_a_run_that_waits_for_a_worker_is_not_taken_for_dead_and_one_that_began_is() -> None:
    asked, room = NOW - timedelta(hours=5), timedelta(days=1)
    before = asked - timedelta(minutes=1)
    assert next_of(None, None, asked, 1, NOW, patience=room) is Next.WAIT
    assert next_of("running", before, asked, 2, NOW, patience=room) is Next.WAIT  # died, and asked for again
    assert next_of(None, None, NOW - room, 1, NOW, patience=room) is Next.START
    assert next_of("running", asked + timedelta(hours=1), asked, 1, NOW, patience=room) is Next.START


def test_only_a_gate_that_says_promote_makes_a_proposal() -> None:
    assert outcome_of("promote") is Outcome.PROPOSED
    assert outcome_of("refuse") is Outcome.REFUSED
    assert {outcome_of(word) for word in ("inconclusive", "yes", "")} == {Outcome.INCONCLUSIVE}


def test_a_run_trains_exports_judges_both_and_asks_the_gate() -> None:
    order = {
        "program": ["shoal"], "config": "c.yaml", "dataset": "{folder}/d.json", "seed": 7, "production": "fish-detector",
        "rules": "gate.yaml", "prepare": ["make-dataset", "{folder}/d.json"],
    }  # fmt: skip
    steps = {step.name: step for step in steps_of(order, Path("/runs/1"))}
    assert list(steps) == ["prepare", "train", "export", "evaluate", "evaluate_production", "gate"]
    assert steps["prepare"].command == ("make-dataset", "/runs/1/d.json")
    assert " ".join(steps["train"].command) == (
        "shoal models train c.yaml --dataset /runs/1/d.json --output /runs/1/run --seed 7"
    )
    assert steps["gate"].command[-4:] == ("--production", "/runs/1/production.json", "--rules", "gate.yaml")
    assert steps["gate"].fine == (0, 1)
    alone = steps_of({**order, "production": None, "rules": None, "prepare": []}, Path("/runs/1"))
    assert [step.name for step in alone] == ["train", "export", "evaluate", "gate"]
    assert "--production" not in alone[-1].command


def test_a_run_tells_how_far_it_is_and_at_which_epoch() -> None:
    names = ["prepare", "train", "export", "evaluate", "gate"]
    shares = [progress_of(names, "prepare", 0, 0)[0]]
    shares += [progress_of(names, "train", epoch, 40)[0] for epoch in range(41)]
    shares += [progress_of(names, step, 40, 40)[0] for step in names[2:]]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1] < 1) == (0, True)
    assert shares[-4] > 0.8, "training is most of it"
    assert progress_of(names, "train", 12, 40)[1] == "train: epoch 12 of 40"
    assert progress_of(names, "train", 0, 0)[1] == "train"  # it has not said yet how many there will be
    assert (
        progress_of([*names[:4], "evaluate_production", "gate"], "evaluate_production", 0, 0)[1]
        == "evaluate production"
    )
