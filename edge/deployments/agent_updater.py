"""A desired version of the agent becomes the running one, or does not: put into the free slot, tried there, started in this one's place.

The way back needs neither network nor this code: the launcher counts the starts of a version on probation and leaves one that starts
too often. This side goes back when vital parts hang, and when a version cannot reach the store that the one before had reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import structlog
from packaging.tags import Tag, sys_tags

from contracts.deployments import (
    AGENT_NAME,
    ArtifactKind,
    Cause,
    DeploymentState,
    DesiredAgent,
    DesiredModels,
    Release,
    ReportedModels,
)
from edge import __version__
from edge.deployments import state
from edge.deployments.agent_slots import AgentSlots
from edge.deployments.agent_version import AgentVersion
from edge.deployments.errors import RefusedError
from edge.deployments.restart_updater import Parts, RestartUpdater
from edge.deployments.state import Deployment
from edge.deployments.wheels import chosen
from edge.launcher import Pointer, Version

log = structlog.get_logger()

UNHEARD_S = 1800.0
"""How long a version may go without a word from the store, when the one before had heard from it: the way to the fleet may be what it
broke, and nobody could order it back."""
GOOD_START_S = 60.0
"""Work after which a committed version's start was a good one."""
CANNOT = (
    "this agent cannot install itself: the launcher did not start it. Start it as deploy/systemd/shoal-edge.service does:"
    " python -I -m edge.launcher --slots DATA_DIR/agent run --config FILE"
)
_S = DeploymentState


class AgentUpdater(RestartUpdater):
    """Carries out assignments of versions of the agent on one box, and hears wishes where nothing is released.

    Args:
        parts: what it works with.
        slots: of the box; None when this agent was not started by the launcher.
        running: the slot's version that this very agent is; None for the machine's own.
        config: the box's own file, for the self-test of a new version.
        heard: whether the store has confirmed anything since this agent's start.
        wish: for versions that the machine's package system installs.
        tags: of this interpreter, best first.
    """

    kind = ArtifactKind.AGENT
    noun = "agent"

    def __init__(
        self,
        parts: Parts,
        *,
        slots: AgentSlots | None,
        running: Version | None,
        config: Path,
        heard: Callable[[], bool],
        wish: AgentVersion,
        tags: Callable[[], Iterator[Tag]] = sys_tags,
    ) -> None:
        super().__init__(parts)
        self._slots = slots
        self._running = running
        self._config = config
        self._heard = heard
        self._wish = wish
        self._tags = tags
        self._wished = False
        self._settled = False

    def hear(self, desired: DesiredModels | DesiredAgent) -> None:
        """What the cloud wants; returns at once. The same may come again and again."""
        self._wished = isinstance(desired, DesiredAgent)
        if isinstance(desired, DesiredAgent):
            self._wish.desire(desired)
        else:
            self.desire(desired)

    def reported(self) -> ReportedModels:
        """Desired and running side by side."""
        return self._wish.reported() if self._wished else super().reported()

    @property
    def can_install(self) -> bool:
        """Whether this agent can install versions of itself."""
        return self._slots is not None

    @property
    def running_sha256(self) -> str | None:
        """As ``RestartUpdater.running_sha256``."""
        return self._running.sha256 if self._running is not None else None

    @property
    def running_name(self) -> str:
        """As ``RestartUpdater.running_name``."""
        where = f", slot {self._running.slot}" if self._running is not None else ", the machine's own"
        return f"agent {__version__}{where}"

    @property
    def pointed_sha256(self) -> str | None:
        """As ``RestartUpdater.pointed_sha256``; a version on probation is started, not committed."""
        pointer = self._pointer()
        committed = pointer.previous if pointer.trial else pointer.active
        return committed.sha256 if committed is not None else None

    def work(self) -> None:
        """One look, and one step when there is one to do."""
        if self._slots is None and self.deployment is not None and self.deployment.state is _S.PROBATION:
            return  # somebody has started it by hand: the launcher's next start goes on
        if not self._settled:
            self._settle()
            self._settled = True
        super().work()
        self._note_good_start()

    # -- steps ---------------------------------------------------------------------------------------------------

    def _runs_already(self, deployment: Deployment) -> bool:
        release = _release(deployment)
        if release.model != AGENT_NAME:  # the people of another name do not say what boxes run
            raise RefusedError(f"a release of the agent is called {AGENT_NAME}, not {release.model}")
        if self._slots is None:
            raise RefusedError(CANNOT, Cause.INCOMPATIBLE)
        chosen(release, list(self._tags()))
        running, pointer = self._running, self._slots.pointer()
        if running is None or running.sha256 != deployment.sha256 or pointer.active is None or pointer.trial:
            return False
        if pointer.active.slot == running.slot:
            self._slots.point(replace(pointer, active=replace(pointer.active, deployment=deployment.id)))
        return True

    def _fetch(self, deployment: Deployment) -> None:
        release = _release(deployment)
        wheels = chosen(release, list(self._tags()))
        named = {file.sha256 for file in wheels}
        self._downloader.forget(keep=named)  # of an assignment that was replaced on its way
        self._downloader.fetch(release.model_copy(update={"files": wheels, "deltas": ()}))

    def _install(self, deployment: Deployment) -> Deployment:
        slots, release = self._own_slots(), _release(deployment)
        slot = slots.free()
        wheels = chosen(release, list(self._tags()))
        slots.install(slot, release, wheels, self._downloader.blob)
        return deployment.model_copy(update={"slot": slot})

    def _try_out(self, deployment: Deployment) -> None:
        assert deployment.slot is not None  # noqa: S101  (set when it was installed)
        self._own_slots().self_test(deployment.slot, _release(deployment), self._config)

    def _point(self, deployment: Deployment) -> None:
        slots, release = self._own_slots(), _release(deployment)
        assert deployment.slot is not None  # noqa: S101  (set when it was installed)
        pointer = slots.pointer()
        if pointer.trial == deployment.id:  # before an error of the disk
            return
        if self._heard():
            self._keep(deployment.model_copy(update={"heard_before": True}))
        slots.point(
            Pointer(
                active=Version(deployment.slot, release.version, release.sha256, deployment.id),
                previous=pointer.active,
                trial=deployment.id,
                most=self._settings.probation.max_boots,
            )
        )

    def _point_back(self, deployment: Deployment) -> None:
        slots = self._own_slots()
        pointer = slots.pointer()
        if pointer.trial == deployment.id or (
            pointer.active is not None and pointer.active.deployment == deployment.id
        ):
            because = deployment.rolling_back
            slots.point(Pointer(active=pointer.previous, went_back=deployment.id, because=because))

    def _judge(self, elapsed_s: float) -> tuple[bool | None, str]:
        good, why = super()._judge(elapsed_s)
        if good is not True or self._heard():
            return good, why
        before = self.deployment is not None and self.deployment.heard_before
        if before and elapsed_s >= max(UNHEARD_S, 3 * self._settings.probation.length_s):
            return (
                False,
                f"the store has confirmed nothing for {elapsed_s:.0f} s, and had confirmed to the version before",
            )
        return None, ""

    def _committed(self, deployment: Deployment) -> None:
        slots = self._own_slots()
        pointer = slots.pointer()
        if pointer.trial == deployment.id:
            slots.point(replace(pointer, trial="", starts=0))

    # -- within --------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """What happened between two lives: the pointer and what runs say it, whatever the record had time for."""
        deployment, pointer = self.deployment, self._pointer()
        if deployment is None or self._slots is None:
            return
        active = pointer.active
        pointed = active is not None and active.deployment == deployment.id
        if deployment.state in {_S.ROLLED_BACK, _S.REFUSED}:
            if pointed:  # the record was written, the pointer was not
                self._point_back(deployment)
        elif pointed and self._running is not None and active is not None and self._running.slot == active.slot:
            after = _started(deployment, pointer)
            if after != deployment:
                self._keep(after)
            self._slots.point(replace(pointer, up=True))
        elif (
            pointed
            or pointer.went_back == deployment.id
            or deployment.state in {_S.PROBATION, _S.COMMITTED}
            or deployment.rolling_back
        ):
            because = pointer.because if pointer.went_back == deployment.id else ""
            back = _gone_back(deployment, deployment.rolling_back or because or "another version was started instead")
            if pointed:
                self._point_back(back)
            self._keep(back)
        elif deployment.state in state.AFTER_RESTART:
            self._keep(deployment.model_copy(update={"state": state.AFTER_RESTART[deployment.state]}))

    def _note_good_start(self) -> None:
        """A committed version that works has no bad starts."""
        if self._slots is None or self._running is None or self._leaving:
            return
        pointer = self._slots.pointer()
        ours = pointer.active is not None and pointer.active.slot == self._running.slot
        good = self._clock.monotonic() - self._since_s >= GOOD_START_S and not self._troubles()
        if good and ours and pointer.starts and not pointer.trial:
            self._slots.point(replace(pointer, starts=0))

    def _pointer(self) -> Pointer:
        return self._slots.pointer() if self._slots is not None else Pointer()

    def _own_slots(self) -> AgentSlots:
        if self._slots is None:
            raise RefusedError(CANNOT, Cause.INCOMPATIBLE)
        return self._slots


def _started(deployment: Deployment, pointer: Pointer) -> Deployment:
    """It runs, as the pointer says."""
    after = deployment.model_copy(update={"boots": max(1, pointer.starts)})
    if deployment.state is _S.ACTIVATING:
        after = state.advance(after, _S.PROBATION)
    if after.state is _S.PROBATION and not pointer.trial:  # cut off between the pointer and the note of it
        after = state.advance(after, _S.COMMITTED, "its probation was over")
    return after


def _gone_back(deployment: Deployment, reason: str) -> Deployment:
    if deployment.state not in {_S.PROBATION, _S.COMMITTED, _S.ACTIVATING}:
        return state.begin_rollback(deployment, reason).model_copy(update={"state": _S.ROLLED_BACK, "rolling_back": ""})
    return state.rolled_back(state.begin_rollback(deployment, reason[:300]))


def _release(deployment: Deployment) -> Release:
    if deployment.release is None:
        raise RefusedError("the record of this deployment holds no release")
    return deployment.release
