"""Releases that people have signed, and the assignments that the online key signs for single devices.

The controller can choose among approved releases and among devices; it cannot make a device run anything else, because a
device asks the image repository too (``edge.deployments.verifier``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from pydantic import ValidationError
from securesystemslib.signer import Signer

from cloud.rollouts.plan import Artifact
from cloud.rollouts.rules import Needs
from contracts.bundles import ModelManifest
from contracts.deployments import (
    AGENT_NAME,
    ArtifactKind,
    DesiredAgent,
    DesiredModels,
    DesiredTrial,
    Release,
    agent_sha256,
    blob_path,
)
from models.releases.assignments import assign
from models.releases.errors import ReleaseError
from models.releases.repository import Repository


class ReleaseDesk(Protocol):
    """What the controller needs to know and to have signed."""

    def release(self, kind: ArtifactKind, name: str, version: str) -> Artifact:
        """A release; ``approved`` is False when the repository has not published it."""

    def needs(self, artifact: Artifact) -> Needs:
        """What a device must have to run it."""

    def desired(
        self,
        release: Artifact,
        *,
        site: str,
        device: str,
        deployment: str,
        rollout: UUID,
        urgent: bool,
        lease: timedelta,
        now: datetime,
    ) -> dict[str, Any]:
        """``state.desired`` of the kind's shadow for one device, signed; activation is not allowed yet unless urgent."""


class Assigner:
    """Reads the repository folder and signs with the assigner's key.

    Args:
        folder: of the image repository, as ``shoal fleet release publish`` writes it.
        signer: of a key that the repository names as assigner.
    """

    def __init__(self, folder: Path, signer: Signer) -> None:
        self._repository = Repository(folder)
        self._signer = signer

    def release(self, kind: ArtifactKind, name: str, version: str) -> Artifact:
        """A release; ``approved`` is False when the repository has not published it, or as another kind.

        Where nobody may release agents, any version of it is a wish: boxes get it from where their system's packages come.
        """
        if kind is ArtifactKind.AGENT and self._wishes_for_agents():
            sha256 = agent_sha256(version)
            return Artifact(kind=kind, name=AGENT_NAME, version=version, sha256=sha256, approved=name == AGENT_NAME)
        try:
            found, _ = self._repository.release(name, version)
        except ReleaseError:
            return Artifact(kind=kind, name=name, version=version, sha256="0" * 64, approved=False)
        return Artifact(kind=kind, name=name, version=version, sha256=found.sha256, approved=found.kind is kind)

    def needs(self, artifact: Artifact) -> Needs:
        """What a device must have to run it.

        Raises:
            ReleaseError: the repository no longer publishes it, or lacks its manifest.
        """
        if artifact.is_a_wish:
            return Needs()
        document, _ = self._repository.release(artifact.name, artifact.version)
        labels = self._labels(document) if artifact.kind is ArtifactKind.MODEL else ()
        return Needs(document.requires, labels, installs_itself=artifact.kind is ArtifactKind.AGENT)

    def _wishes_for_agents(self) -> bool:
        return AGENT_NAME not in self._repository.models()

    def _labels(self, document: Release) -> tuple[str, ...]:
        file = document.file("manifest.json")
        if file is None:
            return ()
        path = self._repository.folder / blob_path(file.sha256)
        try:
            return ModelManifest.model_validate_json(path.read_bytes()).labels
        except (OSError, ValidationError) as error:
            raise ReleaseError(
                f"the manifest of {document.model} {document.version} cannot be read: {error}"
            ) from error

    def desired(
        self,
        release: Artifact,
        *,
        site: str,
        device: str,
        deployment: str,
        rollout: UUID,
        urgent: bool,
        lease: timedelta,
        now: datetime,
    ) -> dict[str, Any]:
        """``state.desired`` of the kind's shadow for one device, signed; activation is not allowed yet unless urgent.

        Raises:
            ReleaseError: the repository no longer publishes it.
        """
        if release.is_a_wish:
            wish = DesiredAgent(deployment=deployment, version=release.version, activate=urgent, urgent=urgent)
            return wish.model_dump(mode="json", exclude_none=True)
        document, digest = self._repository.release(release.name, release.version)
        signed = assign(
            self._signer,
            document,
            digest,
            site=site,
            device=device,
            deployment=deployment,
            now=now,
            lease=lease,
            rollout=str(rollout),
        )
        return DesiredModels(assignment=signed, activate=urgent, urgent=urgent).model_dump(
            mode="json", exclude_none=True
        )

    def desired_in_units(
        self,
        release: Artifact,
        *,
        site: str,
        device: str,
        deployment: str,
        units: tuple[str, ...],
        ends_at: datetime,
        lease: timedelta,
        now: datetime,
    ) -> dict[str, Any]:
        """``state.desired`` of the shadow ``trial`` for one device, signed: the release in these units until ``ends_at``.

        Raises:
            ReleaseError: the repository no longer publishes it.
        """
        document, digest = self._repository.release(release.name, release.version)
        signed = assign(
            self._signer,
            document,
            digest,
            site=site,
            device=device,
            deployment=deployment,
            now=now,
            lease=lease,
            units=units,
            ends_at=ends_at,
        )
        return DesiredTrial(assignment=signed).model_dump(mode="json", exclude_none=True)
