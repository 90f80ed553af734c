"""Rules and states of deployments, without any I/O: windows that know the fish, gates, and what may follow what."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.deployments import DeploymentState, Hold, HoldKind, ShadowFigures, SignedAssignment
from contracts.vision import Box, Detection
from edge.deployments import state
from edge.deployments.rules import Conditions, ProbationFigures, judge_probation, judge_shadow, why_not_now
from edge.deployments.settings import ArtifactSource, ProbationSettings, ShadowRunSettings, SwapWindow
from edge.deployments.shadow_run import ShadowRun
from edge.deployments.slots import Installed
from edge.deployments.state import NEXT, Deployment

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)
SIGNED = SignedAssignment.model_validate({"payload": "e30=", "signatures": [{"keyid": "k", "sig": "s"}]})
_S = DeploymentState


def why(
    conditions: Conditions, *, now: datetime = NOON, windows: tuple[SwapWindow, ...] = (), trusted: bool = True
) -> str | None:
    return why_not_now(conditions, windows, now, zone="UTC", trusted=trusted)


def test_nothing_is_swapped_while_fish_are_fed_or_in_trouble_or_worked_on() -> None:
    assert why(Conditions()) is None
    assert why(Conditions(feeding=("tank-2", "tank-1"))) == "feeding at tank-1, tank-2"
    assert why(Conditions(alarms=(("do.low.warning", "minor", "tank-1"),))) == "low oxygen at tank-1 (do.low.warning)"
    assert why(Conditions(alarms=(("flow.silent", "critical", "tank-1"),))) == "critical alarm flow.silent at tank-1"
    assert why(Conditions(alarms=(("view.dirty", "minor", "tank-1"),))) is None
    assert why(Conditions(maintenance=("tank-1",))) == "people work at tank-1"
    for kind in HoldKind:
        hold = Hold(unit="tank-1", kind=kind, begins=NOON - timedelta(hours=1), ends=NOON + timedelta(hours=1))
        assert why(Conditions(holds=(hold,))) == f"{kind.value} at tank-1 until 2026-11-21 13:00 UTC"
        assert why(Conditions(holds=(hold,)), now=NOON + timedelta(hours=2)) is None
        assert why(Conditions(holds=(hold,)), now=NOON + timedelta(hours=2), trusted=False) is not None


def test_swap_windows_are_local_times_and_span_midnight() -> None:
    night = (SwapWindow(begins=time(22), ends=time(5)),)
    assert why(Conditions(), windows=night) == "outside of the swap windows"
    assert why(Conditions(), windows=night, now=NOON.replace(hour=23)) is None
    assert why(Conditions(), windows=night, now=NOON.replace(hour=5)) is not None
    assert why(Conditions(), windows=night, trusted=False) is None, "without the time no window can be kept"


GOOD = ShadowFigures(frames=600, disagreement=0.1, count_ratio=1.1, confidence_shift=0.0, latency_ratio=1.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"disagreement": 0.5}, "50% of the detections have no partner"),
        ({"count_ratio": 0.4}, "0.40 fish for each"),
        ({"count_ratio": 2.0}, "2.00 fish for each"),
        ({"confidence_shift": -0.3}, r"-0\.30 from the active"),
        ({"latency_ratio": 4.0}, r"4\.0 times as long"),
        ({"errors": 1}, "failed on 1 frames"),
    ],
)
def test_a_candidate_that_differs_too_much_is_not_activated_unseen(changes: dict[str, float], said: str) -> None:
    limits = ShadowRunSettings()
    assert judge_shadow(GOOD, limits, elapsed_s=700) == (True, "600 frames compared")
    good, reason = judge_shadow(GOOD.model_copy(update=changes), limits, elapsed_s=700)
    assert good is False
    import re

    assert re.search(said, reason)


def test_a_shadow_run_that_saw_too_little_is_inconclusive_and_changes_nothing() -> None:
    limits = ShadowRunSettings()
    few = GOOD.model_copy(update={"frames": 20})
    assert judge_shadow(few, limits, elapsed_s=60)[0] is None
    assert judge_shadow(few, limits, elapsed_s=30_000) == (False, "inconclusive: 20 frames of 600 in 30000 s")


def test_the_shadow_run_counts_pairs_once() -> None:
    def fish(x: float, confidence: float = 0.8) -> Detection:
        return Detection(label="fish", confidence=confidence, box=Box(x=x, y=0.1, w=0.1, h=0.1))

    run = ShadowRun()
    run.pair([fish(0.1), fish(0.5)], [fish(0.11, 0.6), fish(0.8)], active_s=0.01, candidate_s=0.02)
    run.pair([], [], active_s=0.01, candidate_s=0.02)
    run.failed()
    figures = run.figures(memory_bytes=100_000_000)
    assert figures.frames == 2
    assert figures.errors == 1
    assert figures.disagreement == pytest.approx(0.5)
    assert figures.count_ratio == 1.0
    assert figures.confidence_shift == pytest.approx(-0.2)
    assert figures.latency_ratio == 2.0
    assert figures.memory_mb == 100.0


SHA = "a" * 64
WELL = ProbationFigures(
    elapsed_s=700, results=200, errors=0, restarts=0, frame_ms=20, frame_ms_before=20, running_sha256=SHA
)


def probation(**changes: object) -> tuple[bool | None, str]:
    import dataclasses

    figures = dataclasses.replace(WELL, **changes)  # type: ignore[arg-type]
    return judge_probation(figures, ProbationSettings(), sha256=SHA, max_errors=3, max_latency_ms=100)


def test_a_model_is_committed_after_good_work_of_the_running_session_alone() -> None:
    assert probation()[0] is True
    assert probation(elapsed_s=10)[0] is None
    assert probation(results=5)[0] is None, "a dark tank is not the model's fault"
    assert probation(running_sha256="b" * 64)[0] is None
    assert probation(running_sha256=None)[0] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"errors": 4},
        {"restarts": 2},
        {"refused": "damaged"},
        {"boots": 4},
        {"frame_ms": 101.0},
        {"frame_ms": 90.0},
    ],
)
def test_a_model_that_works_badly_goes_back(changes: dict[str, object]) -> None:
    assert probation(**changes)[0] is False


# -- states --------------------------------------------------------------------------------------------------------


def deployment(**changes: object) -> Deployment:
    return Deployment(id="d-1", signed=SIGNED, expires_at=NOON).model_copy(update=changes)


def test_every_state_leads_to_an_end_and_ends_stay() -> None:
    for first in DeploymentState:
        reached, new = {first}, {first}
        while new:
            new = {follower for one in new for follower in NEXT[one]} - reached
            reached |= new
        assert any(one.ended for one in reached)
    assert NEXT[_S.REFUSED] == NEXT[_S.ROLLED_BACK] == frozenset()
    for before in (_S.ASSIGNED, _S.DOWNLOADING, _S.VERIFYING, _S.SELF_TEST, _S.SHADOW_RUN):
        assert _S.ROLLED_BACK not in NEXT[before], "what changed nothing is refused, not rolled back"
        assert _S.PROBATION not in NEXT[before], "nothing runs that was not activated"


@given(st.lists(st.sampled_from(list(DeploymentState)), max_size=12))
def test_no_way_leads_past_the_tests_to_a_running_model(steps: list[DeploymentState]) -> None:
    walked, one = [_S.ASSIGNED], deployment()
    for step in steps:
        try:
            one = state.advance(one, step)
        except ValueError:
            continue
        walked.append(step)
    if _S.PROBATION in walked:
        assert {_S.DOWNLOADING, _S.VERIFYING, _S.SELF_TEST, _S.ACTIVATING} <= set(walked)


def test_the_same_assignment_again_changes_nothing_and_a_new_one_waits_for_a_swap_under_way() -> None:
    new = deployment(id="d-2")
    assert state.assigned(None, new) == new
    assert state.assigned(deployment(), deployment()) is None
    assert state.assigned(deployment(state=_S.DOWNLOADING), new) == new
    for busy in (_S.ACTIVATING, _S.PROBATION):
        assert state.assigned(deployment(state=busy), new) is None
    assert state.assigned(deployment(state=_S.COMMITTED, rolling_back="x"), new) is None


def test_an_agent_that_was_killed_goes_on_where_it_was_or_one_step_before() -> None:
    old, new = Installed(None, "shipped", SHA), Installed("a", "a", SHA, deployment="d-1")

    def after(kind: DeploymentState, active: Installed = old) -> Deployment:
        return state.restarted(deployment(state=kind), active=active)

    assert after(_S.DOWNLOADING).state is _S.DOWNLOADING
    for kind in (_S.SELF_TEST, _S.SHADOW_RUN, _S.ACTIVATING):
        assert after(kind).state is _S.VERIFYING
    assert after(_S.ACTIVATING, new).state is _S.PROBATION
    assert after(_S.PROBATION, new).boots == 1
    for kind in (_S.COMMITTED, _S.REFUSED, _S.ROLLED_BACK):
        assert after(kind).state is kind


def test_a_source_says_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="needs url"):
        ArtifactSource(kind="http")
    assert ArtifactSource(kind="folder", path="/media/usb").counts is False  # type: ignore[arg-type]
