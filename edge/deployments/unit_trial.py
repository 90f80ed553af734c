"""Another model in some units of this box, beside the model of the box: carried out like the box's own, and given back.

A trial has a record, a slot and a pointer of its own below ``trial``; the box's model and its pointer are never touched. It runs until it
is withdrawn, until the end that was signed with it, until it works badly, or until the box's own model is about to change. Then its units
have the model of the box again: that runs all the time, so nothing is loaded and no network is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import psutil
import structlog

from contracts.deployments import (
    Assignment,
    Cause,
    DeploymentState,
    DeploymentStatus,
    DesiredModels,
    DesiredTrial,
    Requirements,
)
from contracts.errors import InvalidMessageError
from edge.clock import Clock
from edge.deployments import state
from edge.deployments.downloader import Downloader
from edge.deployments.errors import RefusedError
from edge.deployments.restart_updater import RECORD, recall
from edge.deployments.rules import Conditions, spare_mb, why_no_room, why_no_trial, why_short
from edge.deployments.second_place import SecondPlace, Taker
from edge.deployments.settings import DeploymentSettings
from edge.deployments.slots import Installed, Slots
from edge.deployments.state import Deployment
from edge.deployments.trial import Trial, UnitTrial
from edge.deployments.updater import BESIDE, Updater
from edge.deployments.verifier import Resolved, Verifier

if TYPE_CHECKING:
    from edge.inference.candidate import Candidate

log = structlog.get_logger()

FOLDER = "trial"
"""Below the folder of the deployments."""
_S = DeploymentState
MAKES_ROOM = "the model of the whole box is about to change"
ANOTHER = "another trial takes its place"


class UnitTrialUpdater(Updater):
    """Carries out trials in some units.

    Args:
        units: the cameras' pipeline, asked about some units; None on a box that runs no model.
        place: where its model goes, shared with the box's own deployments.
        box_is_busy: whether a deployment of the box's own model is under way, which goes first.
        memory_mb: of the machine, and what can be given to a new process now.

    The others are those of ``Updater``.
    """

    TAKER: ClassVar[Taker] = "trial"
    OCCUPIED: ClassVar[str] = "the deployment of the box's own model, which goes first"

    def __init__(
        self,
        settings: DeploymentSettings,
        *,
        folder: Path,
        site: str,
        device: str,
        clock: Clock,
        verifier: Verifier,
        downloader: Downloader,
        slots: Slots,
        units: UnitTrial | None,
        place: SecondPlace,
        box_is_busy: Callable[[], bool],
        conditions: Callable[[], Conditions],
        tell: Callable[[DeploymentStatus], None],
        swapped: Callable[[], None] = lambda: None,
        memory_mb: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        self._units = units
        self._box_is_busy = box_is_busy
        self._memory_mb = memory_mb or _memory_mb
        self._short_since_s: float | None = None
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(
            settings,
            folder=folder,
            site=site,
            device=device,
            clock=clock,
            verifier=verifier,
            downloader=downloader,
            slots=slots,
            trial=units,
            conditions=conditions,
            tell=tell,
            swapped=swapped,
            place=place,
        )
        active = self._slots.pointer.active
        if active.slot is not None and (self.deployment is None or self.deployment.id != active.deployment):
            log.error("deployments.trial_without_record", deployment=active.deployment)
            self._slots.point(self._slots.configured, None)

    def status(self) -> DeploymentStatus | None:
        """Where the trial stands, with its units and what looks at them; None before the first."""
        status, units = super().status(), self._units
        if status is None:
            return None
        running = status.running_sha256
        if units is not None and not units.beside():
            running = units.box_sha256()
        return status.model_copy(update={"units": self._assignment().units, "running_sha256": running})

    def work(self) -> None:
        """One look, and one step when there is one to do."""
        if self._hear():
            return
        deployment = self.deployment
        if deployment is None or not self._needs_place(deployment):
            self._look_around()
            return
        if not deployment.rolling_back and (why := self._why_short(deployment)):
            log.error("deployments.trial_short_of_memory", deployment=deployment.id, reason=why)
            self._give_up(why, Cause.INCOMPATIBLE)  # whatever the fish do: a box that swaps or is killed watches none
            return
        if not deployment.rolling_back and (why := self._why_end(deployment)) and self._end(deployment, why):
            return
        if deployment.state is _S.COMMITTED and not deployment.rolling_back:
            self._guard(deployment)
            self._look_around()
            return
        self._work_on(deployment)

    # -- the beginning -------------------------------------------------------------------------------------------

    def _take_up(self, desired: DesiredModels) -> bool:
        present, signed = self.deployment, desired.assignment
        try:
            wanted = signed.unverified().deployment if signed is not None else ""
        except InvalidMessageError as error:
            log.warning("deployments.not_understood", reason=str(error))
            return False
        known = present is not None and present.id == wanted
        if isinstance(desired, DesiredTrial) and desired.end:
            if present is not None and known and self._needs_place(present):
                self._keep(state.withdraw(present, desired.reason or "it was withdrawn"), quietly=True)
            return False
        known = known and present is not None and signed is not None and present.signed.payload == signed.payload
        if present is not None and not known and (present.rolling_back or self._in_place(present)):
            if not present.withdrawn and not present.rolling_back:  # it is asked every look, and written once
                self._keep(state.withdraw(present, ANOTHER), quietly=True)
            self._wishes.put_back(desired)
            return False
        return super()._take_up(desired)

    def _admit(self, deployment: Deployment, resolved: Resolved, trial: Trial) -> None:
        del trial  # the same, asked about units
        units = self._the_units()
        why = why_no_trial(
            resolved.assignment, seen=units.seen(), running_sha256=units.box_sha256(), now=self._verifier.now()
        )
        if why is None:
            why = self._why_no_room(units, resolved.release.requires)
        if why is not None:
            raise RefusedError(why, Cause.INCOMPATIBLE)
        self._keep(state.advance(deployment, _S.DOWNLOADING))

    def _may_be_beside(self, deployment: Deployment) -> bool:
        if deployment.state is _S.SELF_TEST and self._candidate is None and self._box_is_busy():
            return False
        return self._place.take(self.TAKER)

    def _try_out(self, trial: Trial, deployment: Deployment, bundle: str, *, every_s: float) -> Candidate:
        del trial
        units = self._the_units()
        # Hours after it was admitted, or another start of the agent: what was free then may be taken.
        if deployment.release is not None and (why := self._why_no_room(units, deployment.release.requires)):
            raise RefusedError(why, Cause.INCOMPATIBLE)
        return units.try_out_in(self._assignment().units, bundle, every_s=every_s, comparison=self._run)

    def _why_not_now(self, deployment: Deployment) -> str | None:
        return self._wishes.why_not_now(
            self._conditions(),
            self._settings,
            self._clock,
            activate=deployment.activate,
            elsewhere=self._others(),
        )

    # -- while it runs -------------------------------------------------------------------------------------------

    def _frame_ms_now(self, trial: Trial) -> float:
        del trial
        return self._the_units().box_frame_ms()

    def _frame_ms_to_compare(self, deployment: Deployment) -> float:
        """Of the box's model at this very moment: both share the processor, so both are slower than one alone."""
        del deployment
        return self._units.box_frame_ms() if self._units is not None else 0.0

    def _watch(self, deployment: Deployment) -> None:
        units, before_ms = self._units, deployment.frame_ms_before
        if units is None or not units.beside():
            self._keep(state.begin_rollback(deployment, self._why_not_beside(deployment)))
            return
        now_ms, limits = units.box_frame_ms(), self._settings.probation
        enough = units.work().results - self._before.results >= limits.frames
        if enough and before_ms > 0 and now_ms > limits.max_latency_ratio * before_ms:
            reason = f"beside it the box's own model takes {now_ms:.0f} ms a frame, alone it took {before_ms:.0f} ms"
            self._keep(state.begin_rollback(deployment, reason))
            return
        super()._watch(deployment)

    def _guard(self, deployment: Deployment) -> None:
        """A trial that passed its probation is watched until it ends: it is there to be found out."""
        units = self._units
        if units is None or not units.beside():
            self._keep(state.begin_rollback(deployment, self._why_not_beside(deployment)))
            return
        work, running = units.work(), units.running()
        wrong = ""
        if running is not None and running.model.sha256 != deployment.sha256:
            wrong = f"the session runs {running.model.sha256[:12]}, not what was assigned"
        elif running is None and work.refused:
            wrong = f"it does not load any more: {work.refused}"
        elif running is None and work.hopeless:
            wrong = f"its process was lost {work.restarts} times"
        if wrong:
            self._keep(state.begin_rollback(deployment, wrong))

    def _mend(self) -> None:
        """Nothing: ``_guard`` does it."""

    def _why_short(self, deployment: Deployment) -> str | None:
        """Why its model must leave the memory, wherever it stands; None while there is enough for both, or only one."""
        both = self._candidate is not None or (self._units is not None and self._units.beside())
        total_mb, free_mb = self._memory_mb() if both else (0, 0)
        if (
            not both
            or not (deployment.state in BESIDE or deployment.state is _S.COMMITTED)
            or free_mb >= spare_mb(total_mb)
        ):
            self._short_since_s = None
            return None
        now_s = self._clock.monotonic()
        since_s = self._short_since_s = now_s if self._short_since_s is None else self._short_since_s
        return why_short(total_mb=total_mb, free_mb=free_mb, for_s=now_s - since_s)

    def _why_no_room(self, units: UnitTrial, requires: Requirements) -> str | None:
        total_mb, free_mb = self._memory_mb()
        box_mb = units.box_memory_bytes() // 1_000_000
        return why_no_room(requires, box_mb=box_mb, total_mb=total_mb, free_mb=free_mb)

    # -- the end -------------------------------------------------------------------------------------------------

    def _why_end(self, deployment: Deployment) -> str:
        if deployment.withdrawn:
            return deployment.withdrawn
        beside = deployment.state in BESIDE or deployment.state is _S.COMMITTED
        if beside and self._place.wanted_by_box:
            return MAKES_ROOM
        ends_at = self._assignment().ends_at
        if ends_at is not None and self._verifier.now() >= ends_at:
            return f"it was to end at {ends_at:%Y-%m-%d %H:%M} UTC"
        return ""

    def _end(self, deployment: Deployment, why: str) -> bool:
        """End it as planned; False while the fish in its units must not be disturbed: until then it goes on as it is."""
        if deployment.withdrawn != why:
            deployment = state.withdraw(deployment, why)
            self._keep(deployment, quietly=True)
        if not self._in_place(deployment):
            took_over = self._end_trial()
            self._downloader.forget()
            self._keep(state.end_as_planned(deployment) if took_over else state.advance(deployment, _S.WITHDRAWN, why))
            return True
        wait = self._wishes.why_not_now(
            self._conditions(), self._settings, self._clock, activate=True, elsewhere=self._others(), urgent=True
        )
        if wait is not None:
            self._waiting_for = f"{wait}, to end: {why}"
            self._tell_waiting(self._waiting_for)
            return False
        self._keep(state.end_as_planned(deployment))
        return True

    def _roll_back(self, deployment: Deployment) -> None:
        """Its units back to the box's model: pointer first, so that a restart in the middle starts without the trial."""
        self._slots.point(self._slots.configured, None)
        units = self._units
        if units is not None and units.beside():
            units.rejoin()  # it is asked again until it is done; nothing that goes on at the tanks holds up one that failed
            return
        self._end_trial()
        self._downloader.forget()
        self._keep(state.rolled_back(deployment))
        self._swapped()

    # -- within --------------------------------------------------------------------------------------------------

    def _needs_place(self, deployment: Deployment) -> bool:
        return deployment.unfinished or deployment.state is _S.COMMITTED

    def _in_place(self, deployment: Deployment) -> bool:
        """Whether its units have its model, or get it at the next start."""
        return self._slots.pointer.active.slot is not None and self._slots.pointer.active.deployment == deployment.id

    def _why_not_beside(self, deployment: Deployment) -> str:
        if not self._in_place(deployment):
            return "its bundle, or the pointer to it, is lost on the disk"
        return "no camera looks at its units any more"

    def _end_trial(self) -> bool:
        took_over = super()._end_trial()
        return took_over or (self._units is not None and self._units.beside())

    def _assignment(self) -> Assignment:
        deployment = self.deployment
        if deployment is None:
            raise RefusedError("there is no trial")
        return deployment.signed.unverified()

    def _others(self) -> frozenset[str]:
        """Units of the box that keep its model."""
        seen = self._units.seen() if self._units is not None else frozenset()
        return seen - set(self._assignment().units)

    def _the_units(self) -> UnitTrial:
        if self._units is None:
            raise RefusedError("this box runs no model", Cause.INCOMPATIBLE)
        return self._units


def open_trial_slots(folder: Path, *, box: str) -> Slots:
    """The place of a trial's bundle.

    Args:
        folder: of the deployments.
        box: the bundle of the box's model, which the units have without a trial.
    """
    return Slots(folder / FOLDER / "slots", configured=Installed(None, box, ""))


def trial_to_start_with(folder: Path, slots: Slots) -> tuple[str, tuple[str, ...]] | None:
    """The bundle of the trial that was under way, and its units; None when there was none."""
    active, record = slots.pointer.active, recall(folder / FOLDER / RECORD)
    if active.slot is None or record is None or record.id != active.deployment:
        return None
    try:
        return active.bundle, record.signed.unverified().units
    except InvalidMessageError:
        return None


def _memory_mb() -> tuple[int, int]:
    memory = psutil.virtual_memory()
    return memory.total // 1_000_000, memory.available // 1_000_000
