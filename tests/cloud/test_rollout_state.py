"""A rollout on a virtual clock: what devices say, what people say, and what time alone decides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.rollouts.plan import DAY_S, HOUR_S, Metric, Phase, Plan, Wave
from cloud.rollouts.state import ENDED, Action, ActionKind, NotApprovedError, Rollout, RolloutStatus, Step
from contracts.deployments import DeploymentState
from tests.simulators.fleet import BAD_MODEL, NEW, OLD, Fault, FleetSimulation

STRATUM = ("pc", "ras", "clear")
PLAN = Plan(
    waves=(Wave(name="canary", share=0.2, bake_s=2 * HOUR_S), Wave(name="all", share=1, bake_s=0)),
    shadow_s=HOUR_S,
    seen_within_s=HOUR_S,
)


class Farm:
    """Ten boxes that do as they are told, unless the test says otherwise."""

    def __init__(self, plan: Plan = PLAN, devices: int = 10) -> None:
        self.now = 0.0
        self.names = [f"box-{number}" for number in range(devices)]
        self.rollout = Rollout.start(
            plan,
            NEW,
            previous=OLD,
            devices=dict.fromkeys(self.names, STRATUM),
            heard=dict.fromkeys(self.names, 0.0),
            seed=1,
            now=0.0,
        )
        self.did: list[Action] = []

    def tick(self, hours: float = 0.0) -> list[Action]:
        self.now += hours * HOUR_S
        actions = self.rollout.tick(self.now)
        self.did += actions
        return actions

    def say(self, device: str, state: DeploymentState, running: str | None = None, *, waiting: bool = False) -> None:
        self.rollout.reported(device, state, self.now, running_sha256=running, waiting=waiting)

    def measure(self, device: str, phase: Phase, *, disagreement: float = 0.05) -> None:
        for metric, value in (
            (Metric.DISAGREEMENT, disagreement),
            (Metric.COUNT_RATIO, 1.0),
            (Metric.CONFIDENCE_DROP, 0.0),
            (Metric.LATENCY_RATIO, 1.0),
            (Metric.ERRORS, 0.0),
        ):
            self.rollout.measured(device, phase, metric, value, self.now)

    def is_in(self, status: RolloutStatus) -> bool:
        return self.rollout.status is status

    def steps(self) -> dict[str, Step]:
        return {name: deployment.step for name, deployment in self.rollout.deployments.items()}

    def shadow_the_canary(self, *, disagreement: float = 0.05) -> list[str]:
        canary = [action.device for action in self.tick()]
        for device in canary:
            self.say(device, DeploymentState.SHADOW_RUN)
        self.now += HOUR_S
        for device in canary:
            self.say(device, DeploymentState.SHADOW_RUN)
            self.measure(device, Phase.SHADOW, disagreement=disagreement)
        return canary

    def activate_the_canary(self) -> list[str]:
        canary = self.shadow_the_canary()
        assert {(action.kind, action.device) for action in self.tick()} == {(ActionKind.ACTIVATE, it) for it in canary}
        for device in canary:
            self.say(device, DeploymentState.PROBATION, NEW.sha256)
            self.measure(device, Phase.LIVE)
        return canary


def test_only_the_canary_is_told_and_nobody_activates_before_the_shadow_gates() -> None:
    farm = Farm()
    told = farm.tick()
    assert {action.kind for action in told} == {ActionKind.ASSIGN}
    assert len(told) == 2
    for device in (action.device for action in told):
        farm.say(device, DeploymentState.SHADOW_RUN)
    assert farm.tick(0.5) == []


def test_a_candidate_that_disagrees_in_shadow_harms_nobody() -> None:
    farm = Farm()
    canary = farm.shadow_the_canary(disagreement=0.4)
    assert {(action.kind, action.device) for action in farm.tick()} == {(ActionKind.REVERT, it) for it in canary}
    assert farm.is_in(RolloutStatus.ROLLING_BACK)
    assert farm.rollout.harm_h == 0
    assert farm.rollout.is_over
    farm.tick(0.1)
    assert farm.is_in(RolloutStatus.ROLLED_BACK)


def test_a_device_is_done_only_when_its_session_has_run_the_hash_for_the_soak() -> None:
    farm = Farm()
    one, two = farm.activate_the_canary()
    farm.say(one, DeploymentState.COMMITTED, NEW.sha256)
    assert farm.steps()[one] is Step.ON_TRIAL, "committed at once is not soaked"
    farm.now += HOUR_S
    farm.say(one, DeploymentState.COMMITTED, NEW.sha256)
    farm.say(two, DeploymentState.COMMITTED, None)
    assert farm.steps()[one] is Step.DONE
    assert farm.steps()[two] is Step.ON_TRIAL, "success without the running hash is no success"


def test_the_next_wave_waits_for_the_bake() -> None:
    farm = Farm()
    canary = farm.activate_the_canary()
    farm.now += HOUR_S
    for device in canary:
        farm.say(device, DeploymentState.COMMITTED, NEW.sha256)
        farm.measure(device, Phase.LIVE)
    for name in farm.names:
        farm.rollout.heard(name, farm.now)
    assert farm.tick() == []
    farm.now += HOUR_S
    for name in farm.names:
        farm.rollout.heard(name, farm.now)
    farm.tick()
    assert {action.kind for action in farm.did[-8:]} == {ActionKind.ASSIGN}
    assert farm.rollout.wave == 1


def test_a_device_that_loses_the_release_after_success_is_a_failure_with_its_hours() -> None:
    farm = Farm()
    one, _ = farm.activate_the_canary()
    farm.now += HOUR_S
    farm.say(one, DeploymentState.COMMITTED, NEW.sha256)
    farm.now += HOUR_S
    farm.say(one, DeploymentState.ROLLED_BACK, OLD.sha256)
    assert farm.steps()[one] is Step.FAILED
    assert farm.rollout.harm_h == pytest.approx(2.0)


def test_a_device_that_waits_for_the_end_of_feeding_is_not_timed_out() -> None:
    farm = Farm()
    one, two = farm.shadow_the_canary()
    farm.tick()
    farm.say(one, DeploymentState.SHADOW_RUN, OLD.sha256, waiting=True)
    for _ in range(12):
        farm.now += 0.25 * HOUR_S
        for device in (one, two):
            farm.rollout.heard(device, farm.now)
        farm.tick()
    assert farm.steps()[one] is Step.ACTIVATING
    assert farm.steps()[two] is Step.FAILED, "no progress within its lease and no reason given"


def test_a_device_that_goes_away_before_activation_catches_up_when_it_is_back() -> None:
    farm = Farm()
    one, _ = (action.device for action in farm.tick())
    farm.say(one, DeploymentState.DOWNLOADING)
    farm.tick(3)
    assert farm.steps()[one] is Step.WAITING
    farm.rollout.heard(one, farm.now)
    assert Action(ActionKind.ASSIGN, one) in farm.tick()


def test_inconclusive_pauses_for_a_person_and_resume_asks_again() -> None:
    farm = Farm()
    canary = [action.device for action in farm.tick()]
    for _ in range(30):
        farm.now += 0.5 * HOUR_S
        for device in canary:
            farm.say(device, DeploymentState.SHADOW_RUN)
        farm.tick()
    assert farm.is_in(RolloutStatus.PAUSED)
    assert "inconclusive" in farm.rollout.log[-1].words
    farm.rollout.resume("we looked", farm.now)
    for device in canary:
        farm.measure(device, Phase.SHADOW)
    assert {action.kind for action in farm.tick()} == {ActionKind.ACTIVATE}


def test_rolling_back_is_over_when_every_session_reports_the_old_hash() -> None:
    farm = Farm()
    one, two = farm.activate_the_canary()
    actions = farm.rollout.roll_back("operator saw wrong counts", farm.now)
    assert {(it.kind, it.device) for it in actions} == {(ActionKind.REVERT, one), (ActionKind.REVERT, two)}
    farm.say(one, DeploymentState.ROLLED_BACK, OLD.sha256)
    farm.tick()
    assert farm.is_in(RolloutStatus.ROLLING_BACK)
    farm.say(two, DeploymentState.COMMITTED, NEW.sha256)
    assert farm.steps()[two] is Step.REVERTING, "a late report of success changes nothing"
    farm.say(two, DeploymentState.ROLLED_BACK, OLD.sha256)
    farm.tick()
    assert farm.is_in(RolloutStatus.ROLLED_BACK)


def test_canceling_leaves_who_has_it_and_withdraws_it_from_who_has_not() -> None:
    farm = Farm()
    one, two = farm.activate_the_canary()
    assert farm.rollout.cancel("not now", farm.now) == []
    assert {step for name, step in farm.steps().items() if name not in {one, two}} == {Step.CANCELED}
    farm.now += HOUR_S
    farm.say(one, DeploymentState.COMMITTED, NEW.sha256)
    assert farm.steps()[one] is Step.DONE


def test_what_nobody_approved_is_never_rolled_out() -> None:
    with pytest.raises(NotApprovedError, match="shoal fleet release sign"):
        Rollout.start(
            PLAN,
            NEW.model_copy(update={"approved": False}),
            previous=OLD,
            devices={"box-1": STRATUM},
            heard={},
            seed=1,
            now=0.0,
        )


SAYINGS = st.tuples(
    st.sampled_from([f"box-{number}" for number in range(6)]),
    st.sampled_from([*DeploymentState]),
    st.sampled_from([None, OLD.sha256, NEW.sha256]),
    st.booleans(),
)
ORDERS = st.sampled_from(["pause", "resume", "cancel", "roll_back", "tick"])


@settings(max_examples=150, deadline=None)
@given(
    story=st.lists(st.tuples(st.floats(min_value=0, max_value=4 * HOUR_S), st.one_of(SAYINGS, ORDERS)), max_size=60),
)
def test_whatever_is_said_no_device_activates_unasked_and_every_deployment_ends(
    story: list[tuple[float, tuple[str, DeploymentState, str | None, bool] | str]],
) -> None:
    farm = Farm(devices=6)
    asked: set[str] = set()
    for wait, what in story:
        farm.now += wait
        if isinstance(what, tuple):
            device, state, running, waiting = what
            farm.say(device, state, running, waiting=waiting)
            farm.measure(device, Phase.SHADOW)
            actions = farm.tick()
        elif what == "tick":
            actions = farm.tick()
        else:
            actions = getattr(farm.rollout, what)("somebody said so", farm.now) or []
        for action in actions:
            if action.kind is ActionKind.ASSIGN:
                asked.add(action.device)
            elif action.kind is ActionKind.ACTIVATE:
                assert action.device in asked
                assert not farm.is_in(RolloutStatus.PAUSED)
            else:
                assert action.device in asked
                asked.discard(action.device)
        for wave in farm.rollout.waves:
            assert 0 <= wave.failed + wave.refused + wave.lost <= len(wave.devices)
    for _ in range(4):
        farm.tick(PLAN.deadline_s / HOUR_S + 1)
    assert all(step in ENDED for step in farm.steps().values())


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
def test_a_fleet_of_two_hundred_under_each_fault(fault: Fault) -> None:
    plan = Plan(seen_within_s=2 * HOUR_S, deadline_s=8 * DAY_S)
    outcome = FleetSimulation(devices=200, fault=fault, seed=3, plan=plan).run()
    assert outcome.ended
    if fault in BAD_MODEL:
        assert outcome.status is RolloutStatus.ROLLED_BACK
        assert outcome.wave == 0
        assert outcome.harmed <= 0.05 * outcome.devices
        assert fault is not Fault.SILENT or outcome.harmed == 0
    else:
        assert outcome.status is RolloutStatus.FINISHED
        assert outcome.running_new >= 0.75 * outcome.devices


def test_fish_that_are_treated_keep_their_model_until_it_is_over() -> None:
    farm = Farm()
    one, two = farm.shadow_the_canary()
    farm.rollout.holds({one: "treatment at tank-1 until noon"}, farm.now)
    assert farm.tick() == [Action(ActionKind.ACTIVATE, two)]
    assert "1 device is held back: treatment at tank-1 until noon" in [entry.words for entry in farm.rollout.log]
    for name in farm.names:
        farm.rollout.heard(name, farm.now)
    farm.rollout.holds({}, farm.now)
    assert Action(ActionKind.ACTIVATE, one) in farm.tick()
    assert farm.rollout.log[-1].words == "1 device is free to go on: nothing disturbs the fish any more"


def test_a_device_that_waits_for_its_fish_does_not_fail_with_its_lease() -> None:
    farm = Farm()
    one, two = farm.activate_the_canary()
    farm.rollout.deployments[two].step = Step.ACTIVATING
    farm.rollout.holds({two: "harvest at tank-2"}, farm.now)
    farm.now += 3 * HOUR_S
    farm.rollout.heard(two, farm.now)
    farm.say(one, DeploymentState.COMMITTED, NEW.sha256)
    farm.tick()
    assert farm.steps()[two] is Step.ACTIVATING
    farm.now += DAY_S
    farm.rollout.heard(two, farm.now)
    farm.tick()
    assert farm.steps()[two] is Step.FAILED, "but not for ever"
