"""The alarm state machine: delay, deadband, one occurrence per condition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aquaculture.alarms import AlarmRule, AlarmState, IsaState, Transition, acknowledge, step
from aquaculture.limits import Side
from contracts.alarms import Severity

LOW_OXYGEN = AlarmRule("do.low.critical", Severity.CRITICAL, Side.LOW, hysteresis=0.5, on_delay_s=30, off_delay_s=60)
LIMIT = 5.0


def run(values: list[tuple[float, float]], rule: AlarmRule = LOW_OXYGEN) -> tuple[AlarmState, list[Transition]]:
    """Feed (seconds, mg/L) pairs and collect the transitions."""
    state, seen = AlarmState(), []
    for now_s, value in values:
        state, transition = step(rule, state, value=value, limit=LIMIT, now_s=now_s)
        if transition:
            seen.append(transition)
    return state, seen


def test_low_oxygen_raises_one_alarm_and_clears_after_deadband() -> None:
    state, seen = run(
        [(0, 8), (10, 4.5), (39, 4.4), (41, 4.3), (60, 4.2), (100, 5.3), (200, 5.6), (259, 5.7), (261, 6)]
    )
    assert seen == [Transition.RAISED, Transition.CLEARED]
    assert state.occurrence == 1


def test_a_dip_shorter_than_the_delay_raises_nothing() -> None:
    _, seen = run([(0, 4), (29, 4), (30.5, 6), (31, 4), (60, 4)])
    assert seen == []


def test_inside_the_deadband_the_alarm_stays() -> None:
    state, seen = run([(0, 4), (30, 4), (40, 5.4), (1000, 5.4)])
    assert seen == [Transition.RAISED]
    assert state.active


def test_a_return_that_does_not_last_does_not_clear() -> None:
    _, seen = run([(0, 4), (30, 4), (40, 6), (99, 6), (99.5, 5.2), (101, 6), (160, 6)])
    assert seen == [Transition.RAISED]


def test_acknowledged_and_active_are_two_facts() -> None:
    raised, _ = run([(0, 4), (30, 4)])
    assert raised.isa is IsaState.UNACKNOWLEDGED
    assert acknowledge(raised).isa is IsaState.ACKNOWLEDGED
    cleared, _ = run([(0, 4), (30, 4), (40, 6), (100, 6)])
    assert cleared.isa is IsaState.RETURNED_UNACKNOWLEDGED
    assert acknowledge(cleared).isa is IsaState.NORMAL


def test_a_second_dip_is_a_second_occurrence_that_is_unacknowledged_again() -> None:
    state, _ = run([(0, 4), (30, 4), (40, 6), (100, 6)])
    state = acknowledge(state)
    for now_s in (200, 230):
        state, _ = step(LOW_OXYGEN, state, value=4, limit=LIMIT, now_s=now_s)
    assert (state.occurrence, state.isa) == (2, IsaState.UNACKNOWLEDGED)


def test_negative_delay_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"do\.low\.critical: on_delay_s = -1"):
        AlarmRule("do.low.critical", Severity.CRITICAL, Side.LOW, on_delay_s=-1)


@given(st.lists(st.tuples(st.floats(0.1, 50), st.floats(0, 12)), max_size=60))
def test_raises_and_clears_always_alternate_and_start_with_a_raise(steps: list[tuple[float, float]]) -> None:
    now_s, pairs = 0.0, []
    for gap, value in steps:
        now_s += gap
        pairs.append((now_s, value))
    state, seen = run(pairs)
    assert seen == [(Transition.RAISED, Transition.CLEARED)[i % 2] for i in range(len(seen))]
    assert state.active == (len(seen) % 2 == 1)


@given(st.lists(st.floats(5.0, 12), max_size=60))
def test_good_water_never_raises(values: list[float]) -> None:
    _, seen = run([(10.0 * i, value) for i, value in enumerate(values)])
    assert seen == []
