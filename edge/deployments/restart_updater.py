"""What a device is given for its next start becomes what it runs, or does not: configurations, and versions of the agent itself.

assigned -> downloading -> verifying -> self_test (would the agent start with it?) -> activating (the pointer, then a new start)
-> probation -> committed | rolled_back. Nobody is needed for the way back. What a kind does in its steps stands in its own updater;
here is the order, what is on the disk before it begins, and what is told.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import structlog
from pydantic import ValidationError

from contracts.deployments import ArtifactKind, Cause, DeploymentState, DeploymentStatus, DesiredModels, ReportedModels
from contracts.errors import InvalidMessageError
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
from edge.deployments.rules import Conditions
from edge.deployments.settings import DeploymentSettings
from edge.deployments.state import Deployment
from edge.deployments.verifier import Verifier
from edge.deployments.wishes import Retry, Wishes

log = structlog.get_logger()

RECORD = "deployment.json"
LOOK_S = 1.0
_LATER = (SourceUnavailableError, NotHereError, TamperedError, TrustError, NoRoomError, OSError)
_S = DeploymentState
_VERIFIED = frozenset({_S.SELF_TEST, _S.ACTIVATING, _S.PROBATION, _S.COMMITTED})


@dataclass(frozen=True)
class Parts:
    """What every updater of this family works with."""

    settings: DeploymentSettings
    folder: Path
    """Of the record."""
    site: str
    device: str
    clock: Clock
    verifier: Verifier
    downloader: Downloader
    conditions: Callable[[], Conditions]
    """What goes on at the tanks right now."""
    troubles: Callable[[], list[str]]
    """Vital parts that do not work; they end a probation."""
    tell: Callable[[DeploymentStatus], None]
    """Gets every change of a deployment."""
    start_anew: Callable[[str], None]
    """Asks for a clean stop and a new start of the agent."""
    busy: Callable[[], str]
    """What else is on its way and must end first, so that a probation is judged by one change alone; empty when nothing is."""


class RestartUpdater(ABC):
    """Carries out assignments of one kind on one box.

    Args:
        parts: what it works with.
    """

    kind: ClassVar[ArtifactKind]
    noun: ClassVar[str]
    """The kind in words."""
    _one_start: ClassVar[threading.Lock] = threading.Lock()
    """Held from the last look at ``busy`` until the new start is asked for: what waits for one feeding to end, ends waiting together."""

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.settings
        self._file = parts.folder / RECORD
        self._site, self._device = parts.site, parts.device
        self._clock = parts.clock
        self._verifier = parts.verifier
        self._downloader = parts.downloader
        self._conditions = parts.conditions
        self._troubles = parts.troubles
        self._tell = parts.tell
        self._start_anew = parts.start_anew
        self._busy = parts.busy
        self._wishes = Wishes()
        self._retry = Retry(parts.settings.retry_s)
        self._since_s = parts.clock.monotonic()
        self._waiting_for = ""
        self._leaving = False
        self.deployment = recall(self._file)

    def desire(self, desired: DesiredModels) -> None:
        """What the cloud wants; returns at once. The same may come again and again."""
        self._wishes.put(desired)

    def reported(self) -> ReportedModels:
        """Desired and running side by side."""
        deployment = self.deployment
        return ReportedModels(
            running_sha256=self.running_sha256,
            running=self.running_name,
            verified_sha256=deployment.sha256 if deployment is not None and deployment.state in _VERIFIED else None,
            committed_sha256=self.pointed_sha256,
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
            running_sha256=self.running_sha256,
            reason=deployment.rolling_back or deployment.reason or None,
            observed_at=self._clock.now(),
            sha256=deployment.sha256 or None,
            waiting_for=self._waiting_for or None,
            downloaded_bytes=deployment.downloaded_bytes,
            cause=deployment.cause,
        )

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set."""
        if self.deployment is not None and self.deployment.told != _told(self.deployment):
            self._keep(self.deployment)  # what happened between two lives
        wait_s = LOOK_S
        while not stop.wait(wait_s):
            wait_s = LOOK_S
            try:
                self.work()
            except OSError as error:  # a full disk: not asked, and not told in the journal, once a second
                self._later(str(error))
                wait_s = self._settings.retry_s

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

    # -- what a kind says and does ----------------------------------------------------------------------------------

    @property
    @abstractmethod
    def running_sha256(self) -> str | None:
        """Of what this very agent was started with; None where the fleet has no part in it."""

    @property
    @abstractmethod
    def running_name(self) -> str | None:
        """The same in words."""

    @property
    @abstractmethod
    def pointed_sha256(self) -> str | None:
        """Of what the next start takes."""

    @abstractmethod
    def _runs_already(self, deployment: Deployment) -> bool:
        """Whether what was assigned runs; its pointer then carries the deployment's name."""

    @abstractmethod
    def _fetch(self, deployment: Deployment) -> None:
        """Have its files here."""

    @abstractmethod
    def _install(self, deployment: Deployment) -> Deployment:
        """Put it where it can be started from. FileNotFoundError: a file is gone, fetch again."""

    @abstractmethod
    def _try_out(self, deployment: Deployment) -> None:
        """Raise RefusedError when the agent would not start with it."""

    @abstractmethod
    def _point(self, deployment: Deployment) -> None:
        """From the next start on; the same may be done twice."""

    @abstractmethod
    def _point_back(self, deployment: Deployment) -> None:
        """What ran before, from the next start on."""

    def _judge(self, elapsed_s: float) -> tuple[bool | None, str]:
        """Whether the probation is over: yes, back with the reason, or None to go on watching."""
        wrong = self._troubles()
        if wrong:
            return False, "; ".join(wrong)[:300]
        enough = elapsed_s >= self._settings.probation.length_s
        return (True, f"{self._settings.probation.length_s:.0f} s of good work") if enough else (None, "")

    def _committed(self, deployment: Deployment) -> None:  # noqa: B027  (most have nothing to do)
        """The probation is over."""

    # -- steps ---------------------------------------------------------------------------------------------------

    def _step(self, deployment: Deployment) -> None:
        if deployment.state is not _S.PROBATION and self._verifier.now() >= deployment.expires_at:
            raise RefusedError(state.lease_ended(deployment, self._waiting_for), Cause.LEASE)
        steps = {
            _S.ASSIGNED: self._resolve,
            _S.DOWNLOADING: self._download,
            _S.VERIFYING: self._prepare,
            _S.SELF_TEST: self._self_test,
            _S.ACTIVATING: self._activate,
            _S.PROBATION: self._watch,
        }
        steps[deployment.state](deployment)

    def _resolve(self, deployment: Deployment) -> None:
        resolved = self._verifier.resolve(deployment.signed)
        release = resolved.release
        if release.kind is not self.kind:
            raise RefusedError(f"{release.model} {release.version} is a {release.kind.value}, no {self.noun}")
        deployment = deployment.model_copy(
            update={"release": release, "release_sha256": resolved.release_sha256, "sha256": release.sha256}
        )
        if self._runs_already(deployment):
            self._keep(state.advance(deployment, _S.COMMITTED, "it runs already"))
            return
        self._keep(state.advance(deployment, _S.DOWNLOADING))

    def _download(self, deployment: Deployment) -> None:
        before = self._downloader.transferred
        try:
            self._fetch(deployment)
        finally:
            came = self._downloader.transferred - before
            if came:
                deployment = deployment.model_copy(update={"downloaded_bytes": deployment.downloaded_bytes + came})
                self.deployment = deployment
        self._keep(state.advance(deployment, _S.VERIFYING))

    def _prepare(self, deployment: Deployment) -> None:
        try:
            deployment = self._install(deployment)
        except FileNotFoundError:
            self._keep(state.advance(deployment, _S.DOWNLOADING))
            return
        self._keep(state.advance(deployment, _S.SELF_TEST))

    def _self_test(self, deployment: Deployment) -> None:
        self._try_out(deployment)
        self._keep(state.advance(deployment, _S.ACTIVATING))

    def _activate(self, deployment: Deployment) -> None:
        with self._one_start:
            self._activate_alone(deployment)

    def _activate_alone(self, deployment: Deployment) -> None:
        wait = self._wishes.why_not_now(self._conditions(), self._settings, self._clock, activate=deployment.activate)
        wait = wait or self._busy() or None
        if (wait or "") != self._waiting_for:
            self._waiting_for = wait or ""
            self._say()
        if wait is not None:
            return
        self._point(deployment)
        self._downloader.forget()
        self._leave(f"the {self.noun} {self._words(deployment)}")

    def _watch(self, deployment: Deployment) -> None:
        good, why = (False, "") if deployment.rolling_back else self._judge(self._clock.monotonic() - self._since_s)
        if good is False:
            self._keep(state.begin_rollback(deployment, why))
            self._point_back(deployment)
            self._leave(f"the {self.noun} before")
        elif good:
            self._committed(deployment)
            self._keep(state.advance(deployment, _S.COMMITTED, why))

    # -- within --------------------------------------------------------------------------------------------------

    def _words(self, deployment: Deployment) -> str:
        release = deployment.release
        if release is None:
            return deployment.id
        return release.version if release.model == self.noun else f"{release.model} {release.version}"

    def _leave(self, why: str) -> None:
        self._leaving = True
        self._start_anew(why)

    def _hear(self) -> None:
        desired = self._wishes.take()
        if desired is None or desired.assignment is None:
            return
        try:
            self._take_up(desired)
        except OSError:  # a full disk: nobody says it again while the link stays up
            self._wishes.put_back(desired)
            raise

    def _take_up(self, desired: DesiredModels) -> None:
        try:
            new = state.wished(desired)
        except InvalidMessageError as error:
            log.warning("deployment.not_understood", kind=self.kind.value, reason=str(error))
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
        log.info("deployment.later", kind=self.kind.value, reason=reason, wait_s=wait_s)

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
            told = {"deployment": status.deployment, "state": status.state.value, "reason": status.reason}
            log.info("deployment.status", kind=self.kind.value, **told)
            self._tell(status)


def recall(file: Path) -> Deployment | None:
    """The record; None before the first deployment, or when it is damaged."""
    try:
        return Deployment.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        log.error("deployments.record_damaged", file=str(file), reason=str(error)[:200])  # noqa: TRY400  (pointers and slots say what holds)
        return None


def _told(deployment: Deployment) -> str:
    return f"{deployment.state.value} {deployment.rolling_back or deployment.reason}"
