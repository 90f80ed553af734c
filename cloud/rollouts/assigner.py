"""Releases that people have signed, and the assignments that the online key signs for single devices.

The controller can choose among approved releases and among devices; it cannot make a device run anything else, because a
device asks the image repository too (``edge.deployments.verifier``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from securesystemslib.signer import Signer

from cloud.rollouts.plan import Artifact
from contracts.deployments import DesiredModels
from models.releases.assignments import assign
from models.releases.errors import ReleaseError
from models.releases.repository import Repository


class ReleaseDesk(Protocol):
    """What the controller needs to know and to have signed."""

    def release(self, model: str, version: str) -> Artifact:
        """A release; ``approved`` is False when the repository has not published it."""

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
        """``state.desired`` of the shadow ``models`` for one device, signed; activation is not allowed yet unless urgent."""


class Assigner:
    """Reads the repository folder and signs with the assigner's key.

    Args:
        folder: of the image repository, as ``shoal fleet release publish`` writes it.
        signer: of a key that the repository names as assigner.
    """

    def __init__(self, folder: Path, signer: Signer) -> None:
        self._repository = Repository(folder)
        self._signer = signer

    def release(self, model: str, version: str) -> Artifact:
        """A release; ``approved`` is False when the repository has not published it."""
        try:
            found, _ = self._repository.release(model, version)
        except ReleaseError:
            return Artifact(name=model, version=version, sha256="0" * 64, approved=False)
        return Artifact(name=model, version=version, sha256=found.sha256, approved=True)

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
        """``state.desired`` of the shadow ``models`` for one device, signed; activation is not allowed yet unless urgent.

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
            rollout=str(rollout),
        )
        return DesiredModels(assignment=signed, activate=urgent, urgent=urgent).model_dump(
            mode="json", exclude_none=True
        )
