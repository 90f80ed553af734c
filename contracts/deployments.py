"""Model deployments: the signed assignment that tells one device what to run, and what the device reports back."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from pydantic import Field

from contracts.base import Sha256Hex, Slug, UtcDatetime, WireModel


class Assignment(WireModel):
    """What one device should run. Trusted only when signed and when the image repository names the same hash."""

    v: Literal[1] = 1
    site: Slug
    device: Slug
    deployment: str
    slot: Literal["a", "b"] | None = None
    units: tuple[Slug, ...] = ()
    path: str
    sha256: Sha256Hex
    bytes: int = Field(ge=1)
    model: str
    version: str
    issued_at: UtcDatetime
    expires_at: UtcDatetime


class DeploymentState(str, Enum):
    """The life of one deployment on one device (DESIGN journey 3)."""

    ASSIGNED = "assigned"
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"
    SELF_TEST = "self_test"
    SHADOW_RUN = "shadow_run"
    ACTIVATING = "activating"
    PROBATION = "probation"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"


class DeploymentStatus(WireModel):
    """Where a deployment stands. ``running_sha256`` comes from the running session, never from the wish."""

    v: Literal[1] = 1
    site: Slug
    device: Slug
    deployment: str
    state: DeploymentState
    running_sha256: Sha256Hex | None = None
    reason: str | None = None
    progress: float | None = Field(default=None, ge=0, le=1)
    observed_at: UtcDatetime
