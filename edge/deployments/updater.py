"""Desired becomes running, or does not: performs what ``state`` and ``rules`` decide, one small step at a time, in its own thread.

Every state is on the disk before its step begins. The network is needed up to the end of the download; from then on the box is on its
own: test, trial, swap, probation and the way back need nobody. "Active" is what the running session says of itself, nothing else.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import structlog
from pydantic import ValidationError

from contracts.bundles import ModelManifest
from contracts.deployments import (
    ArtifactKind,
    Cause,
    DeploymentState,
    DeploymentStatus,
    DesiredModels,
    Release,
    ReleaseFile,
    ReportedModels,
)
from contracts.errors import ConfigurationError, InvalidMessageError
from edge.clock import Clock
from edge.deployments import state
from edge.deployments.disk import write_whole
from edge.deployments.downloader import Downloader
from edge.deployments.errors import (
    NoRoomError,
    NotHereError,
    RefusedError,
    SourceUnavailableError,
    TamperedError,
    TrustError,
)
from edge.deployments.restart_updater import RECORD, recall
from edge.deployments.rules import Conditions, ProbationFigures, judge_probation, judge_shadow
from edge.deployments.second_place import SecondPlace, Taker
from edge.deployments.settings import DeploymentSettings
from edge.deployments.shadow_run import ShadowRun
from edge.deployments.slots import Installed, Slots, sha256_of
from edge.deployments.state import Deployment
from edge.deployments.trial import Trial, Work
from edge.deployments.verifier import Resolved, Verifier
from edge.deployments.wishes import Retry, Wishes

if TYPE_CHECKING:
    from edge.inference.candidate import Candidate

log = structlog.get_logger()

LOOK_S = 0.25
WAITING_TOLD_S = 60.0
"""Between two reports of what a swap waits for."""
LOADING_S = 1900.0
"""How long a candidate may load and test itself; on a Jetson it builds its engine first. One that dies is noticed at once."""
MOST_LOST = 1
"""Times that a candidate's process may be lost before it is refused."""
_LATER = (SourceUnavailableError, NotHereError, TamperedError, TrustError, NoRoomError, OSError)
_S = DeploymentState
BESIDE = frozenset({_S.SELF_TEST, _S.SHADOW_RUN, _S.ACTIVATING, _S.PROBATION})
"""In these a second model is in memory, or may have to be at any moment."""
_NO_DIGITS = {ord(digit): None for digit in "0123456789"}


class Updater:
    """Carries out assignments on one box.

    Args:
        folder: of the record.
        trial: the cameras' pipeline; None on a box that runs no model.
        conditions: what goes on at the tanks right now.
        tell: gets every change of a deployment.
        swapped: told when another model runs, in this thread.
        load_timeout_s: how long a candidate may take to be ready.
        place: where its candidate goes, shared with the trial in some units; None: it has one of its own.
    """

    TAKER: ClassVar[Taker] = "box"
    OCCUPIED: ClassVar[str] = "the trial in some units of this box, which ends first"
    """What it waits for while the place beside the model is not its own."""

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
        trial: Trial | None,
        conditions: Callable[[], Conditions],
        tell: Callable[[DeploymentStatus], None],
        swapped: Callable[[], None] = lambda: None,
        load_timeout_s: float = LOADING_S,
        place: SecondPlace | None = None,
    ) -> None:
        self._settings = settings
        self._file = folder / RECORD
        self._site, self._device = site, device
        self._clock = clock
        self._verifier = verifier
        self._downloader = downloader
        self._slots = slots
        self._trial = trial
        self._conditions = conditions
        self._tell = tell
        self._swapped = swapped
        self._load_timeout_s = load_timeout_s
        self._place = place or SecondPlace()
        self._wishes = Wishes()
        self._retry = Retry(settings.retry_s)
        self._candidate: Candidate | None = None
        self._run: ShadowRun | None = None
        self._since_s = clock.monotonic()
        self._asked_swap = False
        self._before = Work()
        self._refresh_s = 0.0
        self._progress: float | None = None
        self._waiting_for = ""
        self._waiting_told = ("", -math.inf)
        self._verified = ""
        self.deployment = self._recall()
        if self.deployment is not None and self._holds_place(self.deployment):
            self._place.take(self.TAKER)

    # -- what others ask -----------------------------------------------------------------------------------------

    def desire(self, desired: DesiredModels) -> None:
        """What the cloud wants; returns at once. The same may come again and again."""
        self._wishes.put(desired)

    def reported(self) -> ReportedModels:
        """Desired, running and verified side by side."""
        running = self._trial.running() if self._trial is not None else None
        active = self._slots.pointer.active
        return ReportedModels(
            running_sha256=running.model.sha256 if running is not None else None,
            running=f"{running.model.name} {running.model.version}" if running is not None else None,
            verified_sha256=self._verified or None,
            committed_sha256=active.sha256 or None,
            repository_expires_at=self._verifier.expires_at,
            trouble=self._verifier.trouble or None,
            deployment=self.status(),
            units=self._trial.elsewhere() if self._trial is not None else {},
        )

    @property
    def fetched_bytes(self) -> int:
        """Bytes of models and metadata since the start."""
        return self._downloader.transferred + self._verifier.bytes

    def troubles(self) -> list[str]:
        """What does not work as configured; a source that is away is no trouble, a USB stick mostly is."""
        wrong = [f"model releases cannot be trusted: {self._verifier.trouble}"] if self._verifier.distrusted else []
        deployment = self.deployment
        if deployment is not None and deployment.rolling_back:
            wrong.append(f"going back to the model before: {deployment.rolling_back}")
        return wrong

    def status(self) -> DeploymentStatus | None:
        """Where the deployment stands; None before the first."""
        deployment = self.deployment
        if deployment is None:
            return None
        running = self._trial.running() if self._trial is not None else None
        return DeploymentStatus(
            site=self._site,
            device=self._device,
            deployment=deployment.id,
            state=deployment.state,
            running_sha256=running.model.sha256 if running is not None else None,
            reason=deployment.rolling_back or deployment.reason or None,
            progress=self._progress if deployment.state is _S.DOWNLOADING else None,
            observed_at=self._clock.now(),
            sha256=deployment.sha256 or None,
            waiting_for=self._waiting_for or None,
            downloaded_bytes=deployment.downloaded_bytes,
            swap_gap_ms=deployment.swap_gap_ms,
            cause=deployment.cause,
            shadow=deployment.shadow,
        )

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set."""
        wait_s = LOOK_S
        while not stop.wait(wait_s):
            wait_s = LOOK_S
            try:
                self.work()
            except OSError as error:  # a full disk: not told in the journal four times a second
                log.error("deployments.disk", reason=str(error))  # noqa: TRY400  (tried again; the record says where)
                self._later(str(error))
                wait_s = self._settings.retry_s

    def work(self) -> None:
        """One look, and one step when there is one to do."""
        if self._hear():
            return
        deployment = self.deployment
        if deployment is None or not deployment.unfinished:
            self._look_around()
            return
        self._work_on(deployment)

    def _work_on(self, deployment: Deployment) -> None:
        if not self._retry.due(self._clock.monotonic()):
            return
        try:
            self._step(deployment)
        except RefusedError as error:
            self._give_up(str(error), error.cause)
        except _LATER as error:
            self._later(str(error))
        else:
            self._retry.reset()

    # -- steps ---------------------------------------------------------------------------------------------------

    def _step(self, deployment: Deployment) -> None:
        if deployment.rolling_back:
            self._roll_back(deployment)
            return
        too_late = self._asked_swap  # to give it up: it may be running in a moment
        if deployment.state is not _S.PROBATION and not too_late and self._verifier.now() >= deployment.expires_at:
            raise RefusedError(state.lease_ended(deployment, self._waiting_for), Cause.LEASE)
        if deployment.state in BESIDE and not self._may_be_beside(deployment):
            self._waiting_for = self.OCCUPIED
            self._tell_waiting(self.OCCUPIED)
            return
        steps = {
            _S.ASSIGNED: self._resolve,
            _S.DOWNLOADING: self._download,
            _S.VERIFYING: self._install,
            _S.SELF_TEST: self._self_test,
            _S.SHADOW_RUN: self._shadow_run,
            _S.ACTIVATING: self._activate,
            _S.PROBATION: self._watch,
        }
        steps[deployment.state](deployment)

    def _may_be_beside(self, deployment: Deployment) -> bool:
        """Whether a second model may be in memory for it."""
        del deployment  # the box's own needs no other reason
        return self._place.take(self.TAKER)

    def _resolve(self, deployment: Deployment) -> None:
        resolved = self._verifier.resolve(deployment.signed)
        assignment = resolved.assignment
        if resolved.release.kind is not ArtifactKind.MODEL:
            raise RefusedError(f"{assignment.model} {assignment.version} is a {resolved.release.kind.value}, no model")
        deployment = deployment.model_copy(
            update={"release": resolved.release, "release_sha256": resolved.release_sha256, "sha256": assignment.sha256}
        )
        if self._trial is None:
            raise RefusedError("this box runs no model", Cause.INCOMPATIBLE)
        self._admit(deployment, resolved, self._trial)

    def _admit(self, deployment: Deployment, resolved: Resolved, trial: Trial) -> None:
        """It may run here; is it for this part of the box, and not done already?"""
        assignment = resolved.assignment
        if assignment.units or assignment.slot is not None:
            # Whoever ignored it would let a trial that was meant for one tank look at all of them.
            raise RefusedError("the model of the whole box is not one for some units only", Cause.INCOMPATIBLE)
        active, running = self._slots.pointer.active, trial.running()
        if running is not None and running.model.sha256 == assignment.sha256 and active.version == assignment.version:
            self._slots.point(_renamed(active, deployment.id), self._slots.pointer.previous)
            self._keep(state.advance(deployment, _S.COMMITTED, "it runs already"))
            return
        self._keep(state.advance(deployment, _S.DOWNLOADING))

    def _download(self, deployment: Deployment) -> None:
        release = _release(deployment)
        named = {file.sha256 for file in release.files} | {delta.sha256 for delta in release.deltas}
        self._downloader.forget(keep=named)  # of an assignment that was replaced on its way
        before = self._downloader.transferred
        try:
            self._downloader.fetch(release, self._note_progress)
        finally:
            came = self._downloader.transferred - before
            if came:
                deployment = deployment.model_copy(update={"downloaded_bytes": deployment.downloaded_bytes + came})
                self._keep(deployment, quietly=True)
        self._keep(state.advance(deployment, _S.VERIFYING))

    def _install(self, deployment: Deployment) -> None:
        release, slot = _release(deployment), self._slots.free()
        if not self._slots.holds(slot, release):
            if not all(_is_whole(self._downloader.blob(file), file) for file in release.files):
                self._keep(state.advance(deployment, _S.DOWNLOADING))
                return
            self._slots.install(slot, release, self._downloader.blob)
        self._check_bundle(self._slots.bundle(slot), release)
        self._verified = release.sha256
        self._keep(state.advance(deployment.model_copy(update={"slot": slot}), _S.SELF_TEST))

    def _self_test(self, deployment: Deployment) -> None:
        _, candidate = self._trialled(deployment)
        report = candidate.report
        if report is None:
            self._fail_if_hopeless(candidate)
            return
        if report.model.sha256 != deployment.sha256:
            raise RefusedError(f"the session runs {report.model.sha256[:12]}, not what was assigned", Cause.SELF_TEST)
        if report.golden_frames < 1:
            raise RefusedError("it has no golden frames to test itself with", Cause.SELF_TEST)
        previous = self._slots.pointer.previous
        known = (
            previous is not None and previous.sha256 == deployment.sha256
        )  # it has worked here before: the way back is short
        trialled = self._settings.shadow_run is not None and not known
        self._keep(state.advance(deployment, _S.SHADOW_RUN if trialled else _S.ACTIVATING))

    def _shadow_run(self, deployment: Deployment) -> None:
        limits = self._settings.shadow_run
        trial, candidate = self._trialled(deployment)
        if limits is None or self._run is None:
            self._keep(state.advance(deployment, _S.ACTIVATING))
            return
        self._fail_if_hopeless(candidate)
        figures = self._run.figures(memory_bytes=trial.memory_bytes(candidate))
        elapsed_s = self._clock.monotonic() - self._since_s
        good, why = judge_shadow(figures, limits, elapsed_s=elapsed_s)
        self._waiting_for = "" if good is not None else why
        deployment = deployment.model_copy(update={"shadow": figures})
        self.deployment = deployment
        if good is False:
            self._keep(deployment, quietly=True)
            raise RefusedError(f"shadow run: {why}", _cause_of(why))
        if good and not deployment.activate:
            self._waiting_for = "the rollout: it has not released this wave yet"
            # The rollout judges by these figures, so they are told, and again whenever they rest on twice as many frames.
            frames = limits.frames * 2 ** int(math.log2(figures.frames / limits.frames))
            if (reason := f"good after {frames} frames") != deployment.reason:
                self._keep(deployment.model_copy(update={"reason": reason}))
        elif good:
            self._keep(state.advance(deployment, _S.ACTIVATING, why))

    def _activate(self, deployment: Deployment) -> None:
        trial, candidate = self._trialled(deployment)
        running = trial.running()
        if running is not None and running.model.sha256 == deployment.sha256 and self._asked_swap:
            self._took_over(deployment)
            return
        if self._asked_swap:
            self._fail_if_hopeless(candidate)
            return
        self._fail_if_hopeless(candidate)
        if candidate.report is None:
            return
        wait = self._why_not_now(deployment)
        self._waiting_for = wait or ""
        if wait is not None:
            self._tell_waiting(wait)
            return
        active = self._slots.pointer.active
        before = trial.work()
        self._before = before
        self._keep(
            deployment.model_copy(
                update={
                    "previous": (active.slot, active.bundle, active.sha256),
                    "frame_ms_before": self._frame_ms_now(trial),
                }
            ),
            quietly=True,
        )
        self._asked_swap = True
        trial.swap_to(candidate)

    def _why_not_now(self, deployment: Deployment) -> str | None:
        return self._wishes.why_not_now(self._conditions(), self._settings, self._clock, activate=deployment.activate)

    def _tell_waiting(self, wait: str) -> None:
        """A rollout gives those more time who say what they wait for; numbers in the words are no news."""
        kind, now_s = wait.translate(_NO_DIGITS), self._clock.monotonic()
        told, told_at_s = self._waiting_told
        if kind == told or now_s - told_at_s < WAITING_TOLD_S:
            return
        self._waiting_told = (kind, now_s)
        status = self.status()
        if status is not None:
            self._tell(status)

    def _took_over(self, deployment: Deployment) -> None:
        """The running session has said its hash: from now on the box starts with it, and watches it."""
        trial = self._trial
        slot, release = deployment.slot, _release(deployment)
        if trial is None or slot is None:
            raise RefusedError("no slot")
        active = Installed(
            slot, str(self._slots.bundle(slot)), deployment.sha256, release.model, release.version, deployment.id
        )
        pointer = self._slots.pointer
        self._slots.point(active, pointer.previous if pointer.active == active else pointer.active)
        work = trial.work()
        self._before = Work(work.results, work.errors, work.restarts, work.frame_ms)
        deployment = deployment.model_copy(update={"swap_gap_ms": trial.swap_gap_ms, "boots": 0})
        self._keep(state.advance(deployment, _S.PROBATION))  # on a full disk all of this is done once more
        self._candidate = self._run = None
        self._asked_swap = False
        self._swapped()

    def _watch(self, deployment: Deployment) -> None:
        trial = self._trial
        if trial is None:
            return
        manifest = self._manifest(deployment)
        work, running = trial.work(), trial.running()
        figures = ProbationFigures(
            elapsed_s=self._clock.monotonic() - self._since_s,
            results=work.results - self._before.results,
            errors=work.errors - self._before.errors,
            restarts=work.restarts - self._before.restarts,
            frame_ms=work.frame_ms,
            frame_ms_before=self._frame_ms_to_compare(deployment),
            running_sha256=running.model.sha256 if running is not None else None,
            refused=work.refused if running is None else "",
            boots=deployment.boots,
        )
        good, why = judge_probation(
            figures,
            self._settings.probation,
            sha256=deployment.sha256,
            max_errors=manifest.probation.max_errors if manifest is not None else 0,
            max_latency_ms=manifest.probation.max_latency_ms if manifest is not None else None,
        )
        self._waiting_for = "" if good is not None else why
        if good:
            self._downloader.forget()
            self._keep(state.advance(deployment, _S.COMMITTED, why))
        elif good is False:
            self._keep(state.begin_rollback(deployment, why))

    def _frame_ms_now(self, trial: Trial) -> float:
        """Of the model that it will be compared with; 0 when that is not known."""
        return trial.work().frame_ms if trial.running() is not None else 0.0

    def _frame_ms_to_compare(self, deployment: Deployment) -> float:
        return deployment.frame_ms_before

    def _roll_back(self, deployment: Deployment) -> None:
        """Back to what ran before: pointer first, so that a restart in the middle starts with the old model."""
        trial, old = self._trial, deployment.previous
        if trial is None or old is None:
            self._keep(state.rolled_back(deployment))
            return
        target = next(
            (one for one in (self._slots.pointer.active, self._slots.pointer.previous) if one and one.bundle == old[1]),
            Installed(None, old[1], old[2]),
        )
        self._slots.point(target, None)
        running = trial.running()
        if running is not None and running.model.sha256 == target.sha256:
            self._candidate = None
            self._asked_swap = False
            self._keep(state.rolled_back(deployment))
            self._swapped()
            return
        if self._candidate is not None and self._candidate.refused and target != self._slots.configured:
            last = (
                self._slots.configured
            )  # what ran before is broken too: the bundle of the configuration is the last resort
            self._candidate = None
            self._keep(deployment.model_copy(update={"previous": (last.slot, last.bundle, last.sha256)}), quietly=True)
            return
        if self._candidate is None or self._candidate.worker.bundle != target.bundle:
            self._place.take(self.TAKER)  # a trial that is being tried out gives way; nobody waits for it
            self._candidate = trial.try_out(target.bundle)
            trial.swap_to(self._candidate)  # as soon as it is loaded; nothing that goes on at the tanks holds this up

    # -- within --------------------------------------------------------------------------------------------------

    def _give_up(self, reason: str, cause: Cause) -> None:
        """End it; where the swap has happened in this very moment, by going back."""
        deployment = self.deployment
        took_over = self._end_trial()
        if deployment is None:
            return
        self._downloader.forget()
        self._keep(state.begin_rollback(deployment, reason) if took_over else state.refuse(deployment, reason, cause))

    def _hear(self) -> bool:
        """Take up what is desired; whether a deployment has begun by it."""
        desired = self._wishes.take()
        if desired is None or desired.assignment is None:
            return False
        try:
            return self._take_up(desired)
        except OSError:  # a full disk: nobody says it again while the link stays up
            self._wishes.put_back(desired)
            raise

    def _take_up(self, desired: DesiredModels) -> bool:
        try:
            new = state.wished(desired)
        except InvalidMessageError as error:
            log.warning("deployments.not_understood", reason=str(error))
            return False
        present, newest = self.deployment, self._verifier.memory.newest_assignment
        if newest is not None and new.signed.unverified().issued_at < newest:
            log.warning("deployments.replayed", deployment=new.id)  # it may not even take the place of what is known
            return False
        if state.assigned(present, new) is None:
            if present is not None and present.id == new.id and present.activate != new.activate:
                self._keep(present.model_copy(update={"activate": new.activate}), quietly=True)
            if present is not None and present.id != new.id:
                self._wishes.put_back(desired)
            return False
        self._end_trial()
        self._retry.reset()
        self._keep(new)
        return True

    def _look_around(self) -> None:
        """While nothing is to be done: how long the repository counts, and whether what runs is what should."""
        self._mend()
        now_s = self._clock.monotonic()
        if now_s < self._refresh_s:
            return
        self._refresh_s = now_s + self._settings.refresh_s
        try:
            self._verifier.refresh()
        except _LATER as error:
            log.info("deployments.repository_not_seen", reason=str(error))
            self._refresh_s = now_s + min(self._settings.refresh_s, max(60.0, self._settings.retry_s))

    def _mend(self) -> None:
        """A slot that was damaged after its model was committed: back to the one before."""
        deployment, trial = self.deployment, self._trial
        active, previous = self._slots.pointer.active, self._slots.pointer.previous
        if deployment is None or trial is None or deployment.state is not _S.COMMITTED or active.slot is None:
            return
        refused = trial.work().refused
        if refused and trial.running() is None and previous is not None:
            deployment = deployment.model_copy(update={"previous": (previous.slot, previous.bundle, previous.sha256)})
            self._keep(state.begin_rollback(deployment, f"it does not load any more: {refused}"))

    def _trialled(self, deployment: Deployment) -> tuple[Trial, Candidate]:
        """The candidate of this deployment, begun when there is none."""
        trial, slot = self._trial, deployment.slot
        if trial is None or slot is None:
            raise RefusedError("this box runs no model")
        if self._candidate is None:
            limits = self._settings.shadow_run
            self._run = ShadowRun() if limits is not None else None
            self._candidate = self._try_out(
                trial,
                deployment,
                str(self._slots.bundle(slot)),
                every_s=limits.every_s if limits is not None else 0.0,
            )
            self._since_s = self._clock.monotonic()
        return trial, self._candidate

    def _try_out(self, trial: Trial, deployment: Deployment, bundle: str, *, every_s: float) -> Candidate:
        del deployment  # that of the whole box is tried on all frames
        return trial.try_out(bundle, every_s=every_s, comparison=self._run)

    def _fail_if_hopeless(self, candidate: Candidate) -> None:
        if candidate.refused:
            raise RefusedError(f"self-test: {candidate.refused}", Cause.SELF_TEST)
        if candidate.lost > MOST_LOST:
            raise RefusedError(f"its process was lost {candidate.lost} times beside the active model", Cause.SELF_TEST)
        if candidate.report is None and self._clock.monotonic() - self._since_s > self._load_timeout_s:
            raise RefusedError(f"it was not ready after {self._load_timeout_s:.0f} s", Cause.SELF_TEST)

    def _end_trial(self) -> bool:
        """End the candidate; whether it had taken over already."""
        took_over = False
        if self._candidate is not None and self._trial is not None:
            took_over = self._trial.drop(self._candidate)
        self._candidate = self._run = None
        self._asked_swap = False
        return took_over

    def _check_bundle(self, folder: Path, release: Release) -> None:
        from models.runtime.bundle import load_bundle

        try:
            bundle = load_bundle(folder)
        except ConfigurationError as error:
            raise RefusedError(f"the bundle cannot be used: {error}", Cause.SELF_TEST) from error
        manifest = bundle.manifest
        if (manifest.name, manifest.version, bundle.sha256) != (release.model, release.version, release.sha256):
            raise RefusedError("the manifest in the bundle names another model than the release")

    def _manifest(self, deployment: Deployment) -> ModelManifest | None:
        if deployment.slot is None:
            return None
        try:
            path = self._slots.bundle(deployment.slot) / "manifest.json"
            return ModelManifest.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None

    def _note_progress(self, share: float) -> None:
        self._progress = round(share, 2)

    def _later(self, reason: str) -> None:
        wait_s = self._retry.failed(self._clock.monotonic())
        self._waiting_for = reason[:300]
        log.info("deployments.later", reason=reason, wait_s=wait_s)

    def _keep(self, deployment: Deployment, *, quietly: bool = False) -> None:
        """Persist first; then it is so, and is told."""
        changed = self.deployment is None or (self.deployment.id, self.deployment.state) != (
            deployment.id,
            deployment.state,
        )
        if changed:
            self._waiting_for = ""
            self._waiting_told = ("", -math.inf)
        told = f"{deployment.state.value} {deployment.rolling_back or deployment.reason}"
        news = not quietly and told != deployment.told
        deployment = deployment.model_copy(update={"told": told}) if news else deployment
        write_whole(self._file, deployment.model_dump_json().encode())
        self.deployment = deployment
        if not self._holds_place(deployment):  # ended, or another that has to be downloaded first
            self._place.leave(self.TAKER)
        if changed and deployment.state is not _S.ACTIVATING:
            self._since_s = self._clock.monotonic()
        status = self.status() if news else None
        if status is not None:
            log.info("deployment.status", deployment=deployment.id, state=told)
            self._tell(status)

    def _needs_place(self, deployment: Deployment) -> bool:
        return deployment.unfinished

    def _holds_place(self, deployment: Deployment) -> bool:
        """Whether it may have a second model in memory."""
        return self._needs_place(deployment) and (deployment.state in BESIDE or deployment.state.ended)

    def _recall(self) -> Deployment | None:
        kept = recall(self._file)
        if kept is None:
            return None
        after = state.restarted(kept, active=self._slots.pointer.active)
        if after != kept:
            write_whole(self._file, after.model_dump_json().encode())
        return after


def _cause_of(why: str) -> Cause:
    return Cause.INCONCLUSIVE if why.startswith("inconclusive") else Cause.SHADOW_RUN


def _release(deployment: Deployment) -> Release:
    if deployment.release is None:
        raise RefusedError("the record lacks the verified release")
    return deployment.release


def _renamed(installed: Installed, deployment: str) -> Installed:
    return Installed(installed.slot, installed.bundle, installed.sha256, installed.model, installed.version, deployment)


def _is_whole(path: Path, file: ReleaseFile) -> bool:
    return path.is_file() and path.stat().st_size == file.bytes and sha256_of(path) == file.sha256
