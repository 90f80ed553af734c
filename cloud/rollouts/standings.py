"""What a device should run, what it says of that, what it has proven, and what it runs: side by side. No I/O.

    desired state, status events, heartbeats -> one standing for each kind of artifact

Nothing here is a wish taken for a fact: ``running`` comes from the running session's heartbeat or from the agent's birth,
``verified`` and ``committed`` from the device's own reports, ``desired`` from what was told to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from contracts.deployments import (
    SHADOW_OF,
    ArtifactKind,
    DeploymentState,
    DesiredAgent,
    DesiredModels,
    agent_sha256,
)
from contracts.errors import InvalidMessageError

_VERIFIED = frozenset(
    {
        DeploymentState.SELF_TEST,
        DeploymentState.SHADOW_RUN,
        DeploymentState.ACTIVATING,
        DeploymentState.PROBATION,
        DeploymentState.COMMITTED,
    }
)
"""A device that is in one of these has verified every byte of it."""


@dataclass(frozen=True)
class Wish:
    """What was told to a device."""

    deployment: str
    name: str
    version: str
    sha256: str
    activate: bool
    changed_at: datetime
    sent: bool
    """Whether the newest version of it was handed to the downlink."""


@dataclass(frozen=True)
class Said:
    """A status that a device reported, newest first in every list."""

    kind: ArtifactKind
    at: datetime
    """By the device's clock."""
    stored_at: datetime
    detail: dict[str, Any]

    @property
    def state(self) -> DeploymentState | None:
        """None for what a newer agent may say."""
        try:
            return DeploymentState(self.detail.get("state", ""))
        except ValueError:
            return None


@dataclass(frozen=True)
class Runs:
    """What really runs."""

    sha256: str
    name: str
    """Name and version; empty where only the hash is told."""
    at: datetime


@dataclass(frozen=True)
class Standing:
    """One kind of artifact on one device."""

    kind: ArtifactKind
    desired: Wish | None
    reported: Said | None
    running: Runs | None
    verified_sha256: str | None
    """The newest that the device has verified completely, as far as its latest reports go back."""
    committed_sha256: str | None
    """The newest that passed its probation there, likewise."""

    @property
    def agrees(self) -> bool | None:
        """Whether what runs is what was wanted; None where either is not known."""
        if self.desired is None or self.running is None:
            return None
        return self.desired.sha256 == self.running.sha256


def wish(kind: ArtifactKind, desired: dict[str, Any], changed_at: datetime, *, sent: bool) -> Wish | None:
    """Read what was told to a device; None for nothing, and for what another version has written."""
    try:
        if kind is ArtifactKind.AGENT and "assignment" not in desired:
            agent = DesiredAgent.model_validate(desired)
            return Wish(
                agent.deployment,
                kind.value,
                agent.version,
                agent_sha256(agent.version),
                agent.activate,
                changed_at,
                sent,
            )
        models = DesiredModels.model_validate(desired)
        if models.assignment is None:
            return None
        told = models.assignment.unverified()
    except (ValidationError, InvalidMessageError):
        return None
    return Wish(told.deployment, told.model, told.version, told.sha256, models.activate, changed_at, sent)


def standings(
    wishes: dict[ArtifactKind, Wish], said: Sequence[Said], running: dict[ArtifactKind, Runs]
) -> list[Standing]:
    """Every kind that there is anything to tell of; ``said`` is newest first."""
    found = []
    for kind in SHADOW_OF:
        own = [one for one in said if one.kind is kind]
        verified = (one.detail.get("sha256") for one in own if one.state in _VERIFIED)
        committed = (one.detail.get("sha256") for one in own if one.state is DeploymentState.COMMITTED)
        if kind in wishes or own or kind in running:
            found.append(
                Standing(
                    kind,
                    wishes.get(kind),
                    own[0] if own else None,
                    running.get(kind),
                    next(verified, None),
                    next(committed, None),
                )
            )
    return found
