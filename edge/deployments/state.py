"""The life of one deployment on this box, as a pure state machine; ``updater`` performs it.

assigned -> downloading -> verifying -> self_test -> shadow_run -> activating -> probation -> committed | rolled_back; refused from
everything before the swap; a trial in some units ends as withdrawn when it was to end. The record is on the disk before anything is done, so an agent that is killed goes on where it was, or one
step before: every step may be done twice.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from contracts.base import UtcDatetime
from contracts.deployments import Cause, DeploymentState, DesiredModels, Release, ShadowFigures, SignedAssignment
from contracts.errors import InvalidMessageError
from edge.deployments.slots import Installed, Slot

_S = DeploymentState
NEXT: dict[DeploymentState, frozenset[DeploymentState]] = {
    _S.ASSIGNED: frozenset({_S.DOWNLOADING, _S.COMMITTED, _S.REFUSED, _S.WITHDRAWN}),
    _S.DOWNLOADING: frozenset({_S.VERIFYING, _S.REFUSED, _S.WITHDRAWN}),
    _S.VERIFYING: frozenset({_S.SELF_TEST, _S.DOWNLOADING, _S.REFUSED, _S.WITHDRAWN}),
    _S.SELF_TEST: frozenset({_S.SHADOW_RUN, _S.ACTIVATING, _S.REFUSED, _S.WITHDRAWN}),
    _S.SHADOW_RUN: frozenset({_S.ACTIVATING, _S.REFUSED, _S.WITHDRAWN}),
    _S.ACTIVATING: frozenset({_S.PROBATION, _S.ROLLED_BACK, _S.REFUSED, _S.WITHDRAWN}),
    _S.PROBATION: frozenset({_S.COMMITTED, _S.ROLLED_BACK, _S.WITHDRAWN}),
    _S.COMMITTED: frozenset({_S.ROLLED_BACK, _S.WITHDRAWN}),
    _S.ROLLED_BACK: frozenset(),
    _S.REFUSED: frozenset(),
    _S.WITHDRAWN: frozenset(),
}
"""What may follow what. A committed model may still be rolled back when its slot turns out to be damaged."""
AFTER_RESTART = {
    _S.SELF_TEST: _S.VERIFYING,
    _S.SHADOW_RUN: _S.VERIFYING,
    _S.ACTIVATING: _S.VERIFYING,
}
"""Where an agent that was killed goes on: the candidate's process died with it, and the slot is proven again first."""


class Deployment(BaseModel):
    """One deployment, as it is kept on the disk."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    signed: SignedAssignment
    state: DeploymentState = _S.ASSIGNED
    reason: str = ""
    """Why it ended, or why it waits."""
    release: Release | None = None
    """The verified release; kept, so that the rest needs no network."""
    release_sha256: str = ""
    sha256: str = ""
    """Of the model that was assigned."""
    expires_at: UtcDatetime
    slot: Slot | None = None
    previous: tuple[Slot | None, str, str] | None = None
    """Slot, bundle and sha256 of what ran before the swap."""
    rolling_back: str = ""
    """Why the box is going back; empty while it is not. The state changes when the old model runs again."""
    boots: int = 0
    """Starts of the agent within the probation."""
    swap_gap_ms: float | None = None
    downloaded_bytes: int = 0
    frame_ms_before: float = 0.0
    shadow: ShadowFigures | None = None
    activate: bool = True
    """False: it stays in the shadow run until it is told to go on."""
    cause: Cause | None = None
    withdrawn: str = ""
    """Why a trial in some units is to end, though nothing is wrong with it; empty while it is not."""
    heard_before: bool = False
    """Whether the version of the agent before it had heard from the store."""
    told: str = ""
    """State and reason that were told last."""

    @property
    def unfinished(self) -> bool:
        """Whether something is still to be done."""
        return not self.state.ended or bool(self.rolling_back)

    @property
    def swapped(self) -> bool:
        """Whether it may be what runs: it must be finished before another begins."""
        return self.state in {_S.ACTIVATING, _S.PROBATION} or bool(self.rolling_back)


def wished(desired: DesiredModels) -> Deployment:
    """The deployment that a wish asks for; nothing of it is verified yet.

    Raises:
        InvalidMessageError: it holds no assignment, or one of another form.
    """
    signed = desired.assignment
    if signed is None:
        raise InvalidMessageError("bad_desired", "no assignment")
    assignment = signed.unverified()
    return Deployment(
        id=assignment.deployment,
        signed=signed,
        sha256=assignment.sha256,
        expires_at=assignment.expires_at,
        activate=desired.activate,
    )


def assigned(present: Deployment | None, new: Deployment) -> Deployment | None:
    """What is done about an assignment; None: nothing, it is known, or what is under way must end first."""
    if present is None:
        return new
    if present.id == new.id and present.signed.payload == new.signed.payload:
        return None
    if present.swapped:
        return None
    return new


def advance(deployment: Deployment, state: DeploymentState, reason: str = "") -> Deployment:
    """Go on to the next state.

    Raises:
        ValueError: that state cannot follow.
    """
    if state not in NEXT[deployment.state]:
        raise ValueError(f"{state.value} cannot follow {deployment.state.value}")
    return deployment.model_copy(update={"state": state, "reason": reason})


def refuse(deployment: Deployment, reason: str, cause: Cause) -> Deployment:
    """End it before anything was changed."""
    return advance(deployment, _S.REFUSED, reason).model_copy(update={"cause": cause})


def lease_ended(deployment: Deployment, waiting_for: str) -> str:
    """Why it is not carried out any more, in words.

    Args:
        deployment: whose lease is over.
        waiting_for: what it waited for last; empty when for nothing.
    """
    waited = f", waiting for: {waiting_for}" if waiting_for else ""
    return f"the lease ended in the state {deployment.state.value}{waited}"


def begin_rollback(deployment: Deployment, reason: str) -> Deployment:
    """Go back; done when the old model runs again (``rolled_back``). The first reason stays."""
    if deployment.rolling_back:
        return deployment
    return deployment.model_copy(
        update={"rolling_back": reason, "cause": deployment.cause or Cause.PROBATION, "withdrawn": ""}
    )


def rolled_back(deployment: Deployment) -> Deployment:
    """The old model runs again."""
    ended = _S.WITHDRAWN if deployment.withdrawn else _S.ROLLED_BACK
    return advance(deployment, ended, deployment.rolling_back).model_copy(update={"rolling_back": ""})


def withdraw(deployment: Deployment, reason: str) -> Deployment:
    """A trial is to end as planned; one that goes back already keeps the reason that it has."""
    return deployment if deployment.rolling_back else deployment.model_copy(update={"withdrawn": reason})


def end_as_planned(deployment: Deployment) -> Deployment:
    """Give the units back; done when the box's model looks at them again (``rolled_back``)."""
    return deployment.model_copy(update={"rolling_back": deployment.withdrawn})


def restarted(deployment: Deployment, *, active: Installed) -> Deployment:
    """Where it goes on after the agent was started anew.

    Args:
        deployment: as it was on the disk.
        active: what the box starts with now.
    """
    if deployment.rolling_back:
        return deployment
    if deployment.state is _S.ACTIVATING and active.deployment == deployment.id:
        # killed between the new pointer and the note of it
        return advance(deployment, _S.PROBATION).model_copy(update={"boots": 1})
    if deployment.state is _S.PROBATION:
        return deployment.model_copy(update={"boots": deployment.boots + 1})
    return deployment.model_copy(update={"state": AFTER_RESTART.get(deployment.state, deployment.state)})
