"""A desired configuration becomes the running one, or does not: the same states as a model, but the agent starts anew with it.

Nobody is needed for the way back: an agent that does not start with a configuration, or starts too often with it, goes back before
it starts, and one whose vital workers hang goes back by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from contracts.deployments import ArtifactKind, Cause, DeploymentState, ReleaseFile
from contracts.errors import ConfigurationError
from edge.deployments import state
from edge.deployments.disk import write_whole
from edge.deployments.errors import RefusedError
from edge.deployments.overlay import Overlay, Overlays
from edge.deployments.restart_updater import RECORD, Parts, RestartUpdater, recall
from edge.deployments.slots import Installed
from edge.deployments.state import Deployment

FOLDER = "config"
"""Below the folder of deployments."""
_S = DeploymentState


class ConfigUpdater(RestartUpdater):
    """Carries out assignments of configurations on one box.

    Args:
        parts: what it works with.
        overlays: of the box.
        running: what this very agent was started with.
        would_start: raises ConfigurationError when the agent could not start with this file's content.
    """

    kind = ArtifactKind.CONFIG
    noun = "configuration"

    def __init__(
        self, parts: Parts, *, overlays: Overlays, running: Overlay | None, would_start: Callable[[bytes], None]
    ) -> None:
        super().__init__(parts)
        self._overlays = overlays
        self._running = running
        self._would_start = would_start

    @property
    def running_sha256(self) -> str | None:
        """As ``RestartUpdater.running_sha256``."""
        return self._running.sha256 if self._running is not None else None

    @property
    def running_name(self) -> str | None:
        """As ``RestartUpdater.running_name``."""
        return f"{self._running.name} {self._running.version}" if self._running is not None else None

    @property
    def pointed_sha256(self) -> str | None:
        """As ``RestartUpdater.pointed_sha256``."""
        active, _ = self._overlays.pointer()
        return active.sha256 if active is not None else None

    def _runs_already(self, deployment: Deployment) -> bool:
        if self._running is None or self._running.sha256 != deployment.sha256:
            return False
        active, previous = self._overlays.pointer()
        if active is not None:
            self._overlays.point(_named(active, deployment), previous)
        return True

    def _fetch(self, deployment: Deployment) -> None:
        assert deployment.release is not None  # noqa: S101  (verified before)
        self._downloader.fetch(deployment.release)

    def _install(self, deployment: Deployment) -> Deployment:
        if self._overlays.keep(self._content(deployment)) != deployment.sha256:
            raise RefusedError("the file is not the one that was signed")
        return deployment

    def _try_out(self, deployment: Deployment) -> None:
        try:
            self._would_start(self._content(deployment))
        except ConfigurationError as error:
            raise RefusedError(f"the agent would not start with it: {error}"[:300], Cause.SELF_TEST) from error

    def _point(self, deployment: Deployment) -> None:
        active, previous = self._overlays.pointer()
        pointed = active is not None and active.deployment == deployment.id  # before an error of the disk
        self._overlays.point(_named(Overlay(deployment.sha256), deployment), previous if pointed else active)

    def _point_back(self, deployment: Deployment) -> None:
        active, previous = self._overlays.pointer()
        if active is not None and active.deployment == deployment.id:
            self._overlays.point(previous, None)

    def _content(self, deployment: Deployment) -> bytes:
        release = deployment.release
        file: ReleaseFile | None = None if release is None else release.file(release.model_file)
        if file is None:
            raise RefusedError("the release has no such file")
        return self._downloader.blob(file).read_bytes()


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
