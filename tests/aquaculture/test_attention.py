"""All states of ISA-18.2: latched, shelved with an end, suppressed by design, out of service."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aquaculture import attention
from aquaculture.alarms import AlarmRule, AlarmState, IsaState, Transition, acknowledge, reset, step
from aquaculture.attention import Attention, HoldKind, isa_state, must_tell
from aquaculture.limits import Side
from aquaculture.ranges import OutOfRangeError
from contracts.alarms import Severity

SIX = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
LATCHING = AlarmRule("power.lost", Severity.CRITICAL, Side.LOW, on_delay_s=0, off_delay_s=10, latching=True)
RAISED = AlarmState(active=True, acknowledged=False, occurrence=1)


def test_a_latched_alarm_stays_until_a_person_resets_it() -> None:
    state, transition = step(LATCHING, AlarmState(), value=0, limit=1, now_s=0)
    assert transition is Transition.RAISED
    for now_s in (10, 20, 30):
        state, transition = step(LATCHING, state, value=1, limit=1, now_s=now_s)
        assert transition is None
    assert state.isa is IsaState.LATCHED
    assert acknowledge(state).isa is IsaState.LATCHED, "seen is not reset"
    state, transition = reset(state)
    assert (state.isa, transition) == (IsaState.NORMAL, Transition.CLEARED)


def test_while_the_condition_holds_nothing_resets_it() -> None:
    state, _ = step(LATCHING, AlarmState(), value=0, limit=1, now_s=0)
    assert reset(state) == (state, None)


def test_a_condition_that_comes_back_is_the_same_occurrence() -> None:
    state, _ = step(LATCHING, AlarmState(), value=0, limit=1, now_s=0)
    for now_s, value in ((10, 1), (20, 1), (25, 0)):
        state, _ = step(LATCHING, state, value=value, limit=1, now_s=now_s)
    assert (state.isa, state.occurrence) == (IsaState.UNACKNOWLEDGED, 1)


def test_a_shelf_ends_by_itself_and_people_are_told_what_nobody_has_seen() -> None:
    shelved = attention.shelve(Attention(), reason="cleaning the probe", by="Eva", now=SIX)
    assert isa_state(RAISED, shelved, SIX) is IsaState.SHELVED
    assert isa_state(RAISED, shelved, SIX + HOUR) is IsaState.UNACKNOWLEDGED
    assert must_tell(IsaState.SHELVED, isa_state(RAISED, shelved, SIX + HOUR))
    assert not must_tell(IsaState.SHELVED, isa_state(acknowledge(RAISED), shelved, SIX + HOUR))
    after, over = attention.expire(shelved, SIX + HOUR)
    assert [(hold.kind, hold.by) for hold in over] == [(HoldKind.SHELVED, "Eva")]
    assert after == Attention()


def test_a_shelf_is_at_most_a_shift_and_has_a_reason() -> None:
    with pytest.raises(OutOfRangeError, match=r"duration = 540.0 min .*shelve again"):
        attention.shelve(Attention(), reason="noise", by="Eva", now=SIX, duration=9 * HOUR)
    with pytest.raises(ValueError, match="reason: say it"):
        attention.shelve(Attention(), reason="  ", by="Eva", now=SIX)


def test_the_stronger_reason_is_shown_and_the_weaker_is_there_when_it_ends() -> None:
    held = attention.shelve(Attention(), reason="noise", by="Eva", now=SIX, duration=8 * HOUR)
    held = attention.suppress(held, reason="the site has no power", rule="power.lost", now=SIX)
    held = attention.take_out_of_service(held, reason="probe at the maker's", by="Ole", now=SIX, duration=2 * HOUR)
    assert isa_state(RAISED, held, SIX) is IsaState.OUT_OF_SERVICE
    assert isa_state(RAISED, held, SIX + 3 * HOUR) is IsaState.SUPPRESSED
    held = attention.release(held, HoldKind.SUPPRESSED)
    assert isa_state(RAISED, held, SIX + 3 * HOUR) is IsaState.SHELVED
    assert isa_state(RAISED, held, SIX + 9 * HOUR) is IsaState.UNACKNOWLEDGED


def test_a_suppression_lasts_as_long_as_its_rule_says_and_remembers_when_it_began() -> None:
    held = attention.suppress(Attention(), reason="fallow", rule="unit.empty", now=SIX)
    held = attention.suppress(held, reason="fallow", rule="unit.empty", now=SIX + HOUR)
    assert held.holds[HoldKind.SUPPRESSED].since == SIX
    assert isa_state(RAISED, held, SIX + timedelta(days=400)) is IsaState.SUPPRESSED


class Life(RuleBasedStateMachine):
    """Readings, people and rules in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.held, self.now_s, self.balance = AlarmState(), Attention(), 0.0, 0

    @property
    def now(self) -> datetime:
        return SIX + timedelta(seconds=self.now_s)

    def _take(self, transition: Transition | None) -> None:
        self.balance += {Transition.RAISED: 1, Transition.CLEARED: -1, None: 0}[transition]

    @rule(value=st.sampled_from([0.0, 1.0]), gap=st.floats(0.1, 5000))
    def measure(self, value: float, gap: float) -> None:
        self.now_s += gap
        self.state, transition = step(LATCHING, self.state, value=value, limit=1, now_s=self.now_s)
        self._take(transition)

    @rule()
    def acknowledge(self) -> None:
        self.state = acknowledge(self.state)

    @rule()
    def reset(self) -> None:
        self.state, transition = reset(self.state)
        self._take(transition)

    @rule(minutes=st.integers(1, 480))
    def shelve(self, minutes: int) -> None:
        self.held = attention.shelve(
            self.held, reason="noise", by="Eva", now=self.now, duration=timedelta(minutes=minutes)
        )

    @rule()
    def suppress(self) -> None:
        self.held = attention.suppress(self.held, reason="fallow", rule="unit.empty", now=self.now)

    @rule(kind=st.sampled_from(HoldKind))
    def release(self, kind: HoldKind) -> None:
        self.held = attention.release(self.held, kind)

    @rule()
    def expire(self) -> None:
        before = isa_state(self.state, self.held, self.now)
        self.held, _ = attention.expire(self.held, self.now)
        assert isa_state(self.state, self.held, self.now) is before, "what is over hides nothing already"

    @invariant()
    def raised_once_and_cleared_once(self) -> None:
        assert self.balance == int(self.state.active)

    @invariant()
    def only_an_active_alarm_is_latched(self) -> None:
        assert self.state.active or not self.state.latched

    @invariant()
    def no_person_hides_anything_for_longer_than_a_shift(self) -> None:
        later = self.now + attention.SHELVE_MAX
        hold = attention.release(self.held, HoldKind.SUPPRESSED).held(later)
        assert hold is None


TestLife = Life.TestCase


@given(st.sampled_from(IsaState), st.sampled_from(IsaState))
def test_people_are_told_once(before: IsaState, after: IsaState) -> None:
    assert must_tell(before, after) == (after is IsaState.UNACKNOWLEDGED and before is not after)
