"""A desired configuration becomes the running one, or does not: the same states as a model, but the agent starts anew with it.

assigned -> downloading -> verifying -> self_test (would the agent start with it?) -> activating (the pointer, then a new start)
-> probation -> committed | rolled_back. Nobody is needed for the way back: an agent that does not start with a configuration, or
starts too often with it, goes back before it starts, and one whose vital workers hang goes back by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import structlog
from pydantic import ValidationError

from contracts.deployments import ArtifactKind, Cause, DeploymentState, DeploymentStatus, DesiredModels, ReportedModels
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
from edge.deployments.overlay import Overlay, Overlays
from edge.deployments.rules import Conditions
from edge.deployments.settings import DeploymentSettings
from edge.deployments.slots import Installed
from edge.deployments.state import Deployment
from edge.deployments.verifier import Verifier
from edge.deployments.wishes import Retry, Wishes

log = structlog.get_logger()

FOLDER = "config"
"""Below the folder of deployments."""
RECORD = "deployment.json"
LOOK_S = 1.0
_LATER = (SourceUnavailableError, NotHereError, TamperedError, TrustError, NoRoomError, OSError)
_S = DeploymentState


class ConfigUpdater:
    """Carries out assignments of configurations on one box.

    Args:
        folder: of the record.
        overlays: of the box.
        running: what this very agent was started with.
        would_start: raises ConfigurationError when the agent could not start with this file's content.
        conditions: what goes on at the tanks right now.
        troubles: vital parts that do not work; they end a probation.
        tell: gets every change of a deployment.
        start_anew: asks for a clean stop and a new start of the agent.
    """

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
        overlays: Overlays,
        running: Overlay | None,
        would_start: Callable[[bytes], None],
        conditions: Callable[[], Conditions],
        troubles: Callable[[], list[str]],
        tell: Callable[[DeploymentStatus], None],
        start_anew: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._file = folder / RECORD
        self._site, self._device = site, device
        self._clock = clock
        self._verifier = verifier
        self._downloader = downloader
        self._overlays = overlays
        self._running = running
        self._would_start = would_start
        self._conditions = conditions
        self._troubles = troubles
        self._tell = tell
        self._start_anew = start_anew
        self._wishes = Wishes()
        self._retry = Retry(settings.retry_s)
        self._since_s = clock.monotonic()
        self._waiting_for = ""
        self._leaving = False
        self.deployment = recall(self._file)

    def desire(self, desired: DesiredModels) -> None:
        """What the cloud wants; returns at once. The same may come again and again."""
        self._wishes.put(desired)

    def reported(self) -> ReportedModels:
        """Desired and running side by side."""
        running, (active, _) = self._running, self._overlays.pointer()
        return ReportedModels(
            running_sha256=running.sha256 if running is not None else None,
            running=f"{running.name} {running.version}" if running is not None else None,
            committed_sha256=active.sha256 if active is not None else None,
            repository_expires_at=self._verifier.expires_at,
            trouble=self._verifier.trouble or None,
            deployment=self.status(),
        )

    def status(self) -> DeploymentStatus | None:
        """Where the deployment stands; None before the first."""
        deployment = self.deployment
        if deployment is None:
            return None
        return DeploymentStatus(
            site=self._site,
            device=self._device,
            deployment=deployment.id,
            state=deployment.state,
            running_sha256=self._running.sha256 if self._running is not None else None,
            reason=deployment.rolling_back or deployment.reason or None,
            observed_at=self._clock.now(),
            sha256=deployment.sha256 or None,
            waiting_for=self._waiting_for or None,
            cause=deployment.cause,
        )

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set."""
        if self.deployment is not None and self.deployment.told != _told(self.deployment):
            self._keep(self.deployment)  # what happened between two lives
        while not stop.wait(LOOK_S):
            try:
                self.work()
            except OSError as error:  # noqa: PERF203  (a look every second)
                self._later(str(error))

    def work(self) -> None:
        """One look, and one step when there is one to do."""
        if self._leaving:
            return  # what was pointed to is watched in the next life, before anything newer; its shadow is asked again
        self._hear()
        deployment = self.deployment
        if deployment is None or not deployment.unfinished or not self._retry.due(self._clock.monotonic()):
            return
        try:
            self._step(deployment)
        except RefusedError as error:
            self._downloader.forget()
            self._keep(state.refuse(deployment, str(error), error.cause))
        except _LATER as error:
            self._later(str(error))
        else:
            self._retry.reset()

    # -- steps ---------------------------------------------------------------------------------------------------

    def _step(self, deployment: Deployment) -> None:
        if deployment.state is not _S.PROBATION and self._verifier.now() >= deployment.expires_at:
            raise RefusedError(f"the lease ended in the state {deployment.state.value}", Cause.LEASE)
        steps = {
            _S.ASSIGNED: self._resolve,
            _S.DOWNLOADING: self._download,
            _S.VERIFYING: self._install,
            _S.SELF_TEST: self._self_test,
            _S.ACTIVATING: self._activate,
            _S.PROBATION: self._watch,
        }
        steps[deployment.state](deployment)

    def _resolve(self, deployment: Deployment) -> None:
        resolved = self._verifier.resolve(deployment.signed)
        release = resolved.release
        if release.kind is not ArtifactKind.CONFIG:
            raise RefusedError(f"{release.model} {release.version} is a {release.kind.value}, no configuration")
        deployment = deployment.model_copy(
            update={"release": release, "release_sha256": resolved.release_sha256, "sha256": release.sha256}
        )
        if self._running is not None and self._running.sha256 == release.sha256:
            active, previous = self._overlays.pointer()
            if active is not None:
                self._overlays.point(_named(active, deployment), previous)
            self._keep(state.advance(deployment, _S.COMMITTED, "it holds already"))
            return
        self._keep(state.advance(deployment, _S.DOWNLOADING))

    def _download(self, deployment: Deployment) -> None:
        assert deployment.release is not None  # noqa: S101  (verified before)
        self._downloader.fetch(deployment.release)
        self._keep(state.advance(deployment, _S.VERIFYING))

    def _install(self, deployment: Deployment) -> None:
        release = deployment.release
        file = None if release is None else release.file(release.model_file)
        if file is None:
            raise RefusedError("the release has no such file")
        try:
            content = self._downloader.blob(file).read_bytes()
        except FileNotFoundError:
            self._keep(state.advance(deployment, _S.DOWNLOADING))
            return
        if self._overlays.keep(content) != deployment.sha256:
            raise RefusedError("the file is not the one that was signed")
        self._keep(state.advance(deployment, _S.SELF_TEST))

    def _self_test(self, deployment: Deployment) -> None:
        release = deployment.release
        file = None if release is None else release.file(release.model_file)
        try:
            if file is not None:
                self._would_start(self._downloader.blob(file).read_bytes())
        except ConfigurationError as error:
            raise RefusedError(f"the agent would not start with it: {error}"[:300], Cause.SELF_TEST) from error
        self._keep(state.advance(deployment, _S.ACTIVATING))

    def _activate(self, deployment: Deployment) -> None:
        wait = self._wishes.why_not_now(self._conditions(), self._settings, self._clock, activate=deployment.activate)
        if (wait or "") != self._waiting_for:
            self._waiting_for = wait or ""
            self._say()
        if wait is not None:
            return
        active, previous = self._overlays.pointer()
        pointed = active is not None and active.deployment == deployment.id  # before an error of the disk
        self._overlays.point(_named(Overlay(deployment.sha256), deployment), previous if pointed else active)
        self._downloader.forget()
        self._leave(f"the configuration {_words(deployment)}")

    def _watch(self, deployment: Deployment) -> None:
        wrong = self._troubles()
        if wrong or deployment.rolling_back:
            self._keep(state.begin_rollback(deployment, "; ".join(wrong)[:300]))
            active, previous = self._overlays.pointer()
            if active is not None and active.deployment == deployment.id:
                self._overlays.point(previous, None)
            self._leave("the configuration before")
        elif self._clock.monotonic() - self._since_s >= self._settings.probation.length_s:
            self._keep(
                state.advance(deployment, _S.COMMITTED, f"{self._settings.probation.length_s:.0f} s of good work")
            )

    # -- within --------------------------------------------------------------------------------------------------

    def _leave(self, why: str) -> None:
        self._leaving = True
        self._start_anew(why)

    def _hear(self) -> None:
        desired = self._wishes.take()
        if desired is None or desired.assignment is None:
            return
        try:
            new = state.wished(desired)
        except InvalidMessageError as error:
            log.warning("config.not_understood", reason=str(error))
            return
        newest = self._verifier.memory.newest_assignment
        if newest is not None and new.signed.unverified().issued_at < newest:
            return
        present = self.deployment
        if present is not None and present.id == new.id:
            if present.activate != new.activate:
                self.deployment = present.model_copy(update={"activate": new.activate})
                write_whole(self._file, self.deployment.model_dump_json().encode())
            return
        if present is not None and present.state is _S.PROBATION:
            self._wishes.put_back(desired)  # what is under way ends first
            return
        self._retry.reset()
        self._keep(new)

    def _later(self, reason: str) -> None:
        wait_s = self._retry.failed(self._clock.monotonic())
        self._waiting_for = reason[:300]
        log.info("config.later", reason=reason, wait_s=wait_s)

    def _keep(self, deployment: Deployment) -> None:
        """Persist first; then it is so, and is told."""
        told = _told(deployment)
        news = told != deployment.told
        deployment = deployment.model_copy(update={"told": told})
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._file, deployment.model_dump_json().encode())
        self.deployment, self._waiting_for = deployment, ""
        if news:
            self._say()

    def _say(self) -> None:
        status = self.status()
        if status is not None:
            log.info("config.status", deployment=status.deployment, state=status.state.value, reason=status.reason)
            self._tell(status)


def recall(file: Path) -> Deployment | None:
    """The record; None before the first deployment, or when it is damaged."""
    try:
        return Deployment.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        log.error("config.record_damaged", reason=str(error)[:200])  # noqa: TRY400  (the pointer says what holds)
        return None


def settle(folder: Path, overlays: Overlays, *, max_boots: int) -> Overlay | None:
    """Before the agent starts: count this start, go back from a configuration that takes the agent down, say what holds.

    Args:
        folder: of the record.
        overlays: of the box.
        max_boots: starts within a probation that a configuration may have.
    """
    deployment = recall(folder / RECORD)
    active, previous = overlays.pointer()
    if deployment is None:
        return active
    was = (
        Installed(None, "", active.sha256, deployment=active.deployment)
        if active is not None
        else Installed(None, "", "")
    )
    after = state.restarted(deployment, active=was)
    if after.state in {_S.PROBATION, _S.COMMITTED} and was.deployment != after.id:  # cut off on the way back
        after = state.rolled_back(state.begin_rollback(after, "the agent went back to the configuration before"))
    elif after.rolling_back:
        after, active = _back(after, overlays, previous, after.rolling_back)
    elif after.state is _S.PROBATION and after.boots > max_boots:
        after, active = _back(after, overlays, previous, f"the agent started {after.boots} times within its probation")
    if after != deployment:
        write_whole(folder / RECORD, after.model_dump_json().encode())
    return active


def fall_back(folder: Path, overlays: Overlays, reason: str) -> Overlay | None:
    """The agent cannot start with what holds: what holds instead."""
    active, previous = overlays.pointer()
    deployment = recall(folder / RECORD)
    ours = deployment is not None and active is not None and deployment.id == active.deployment
    if deployment is not None and ours and deployment.state in {_S.PROBATION, _S.COMMITTED}:
        after, active = _back(deployment, overlays, previous, reason)
        write_whole(folder / RECORD, after.model_dump_json().encode())
        return active
    overlays.point(previous, None)
    return previous


def _back(
    deployment: Deployment, overlays: Overlays, previous: Overlay | None, reason: str
) -> tuple[Deployment, Overlay | None]:
    overlays.point(previous, None)
    return state.rolled_back(state.begin_rollback(deployment, reason[:300])), previous


def _named(overlay: Overlay, deployment: Deployment) -> Overlay:
    release = deployment.release
    name, version = (release.model, release.version) if release is not None else ("", "")
    return Overlay(overlay.sha256, name, version, deployment.id)


def _words(deployment: Deployment) -> str:
    return (
        f"{deployment.release.model} {deployment.release.version}" if deployment.release is not None else deployment.id
    )


def _told(deployment: Deployment) -> str:
    return f"{deployment.state.value} {deployment.rolling_back or deployment.reason}"
