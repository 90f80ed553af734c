"""The repository of releases on the HTTP API: who signed what, and how many must."""

from __future__ import annotations

from typing import Literal

from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime
from contracts.bundles import DataSource
from contracts.deployments import ArtifactKind, Requirements


class KeyView(ApiModel):
    """One of the keys that may sign; its private half is with its owner, never here."""

    keyid: str
    name: str
    """Whose it is, as its public file says."""
    signed: bool
    """Whether a signature by it is there, and is right."""


class SignaturesView(ApiModel):
    """How many of how many have signed."""

    threshold: int
    """How many must."""
    signed: int
    missing: int
    keys: list[KeyView]


class ReleaseView(ApiModel):
    """A release: proposed until enough people have signed it and somebody has published it."""

    model: str
    """Name of the model or configuration; ``agent`` for the agent."""
    kind: ArtifactKind
    version: str
    release: int
    """Counts the releases of this name."""
    sha256: str
    bytes: int
    """Of all its files."""
    created_at: UtcDatetime
    """When it was proposed."""
    state: Literal["proposed", "published"]
    runnable: bool
    """False below the floor: no device runs it any more."""
    signatures: SignaturesView


class NameView(ApiModel):
    """A model, a configuration or the agent, with its releases."""

    name: str
    kind: ArtifactKind | None
    """Null before its first release."""
    floor: int
    """Lowest release that devices may run."""
    releases: list[ReleaseView]
    """Newest first, at most 50."""
    older: int
    """How many more there are."""


class RoleView(ApiModel):
    """A role of the repository (TUF) as it is published."""

    role: str
    """``root``, ``targets``, ``model-NAME``, ``snapshot``, or ``timestamp (CHANNEL)``."""
    version: int
    expires_at: UtcDatetime
    """When devices stop trusting it, if it is not signed anew."""
    online: bool
    """Signed by the process that refreshes every day, and by no person."""
    signatures: SignaturesView


class StagedView(ApiModel):
    """A change that waits for signatures, or to be published."""

    role: str
    version: int
    expires_at: UtcDatetime
    missing: int
    """Signatures that are still needed; 0: it may be published."""
    needs: list[SignaturesView]
    """Of one circle of people, or of two: where a new root replaces people, the old and the new ones sign."""
    changes: list[str]
    """What it changes, in words."""


class ReleaseRegistry(ApiModel):
    """What the repository of this platform holds."""

    served: bool
    """Whether this platform has one at all."""
    publisher: bool
    """Whether changes are proposed and signed in this folder. A copy for devices knows only what is published."""
    names: list[NameView]
    roles: list[RoleView]
    """Those of people first."""
    assigners: list[str]
    """Names of the keys that sign which device runs what."""
    staged: list[StagedView]
    """In the order in which they are signed."""


class ReleaseDetail(ReleaseView):
    """One release with what is known of it. Parts that the release does not have are null or empty."""

    requires: Requirements
    files: int
    card: str | None
    """The model card, Markdown."""
    task: str | None
    labels: list[str]
    threshold: float | None
    """Confidence from which an answer of the model counts."""
    licence: str | None
    data: list[DataSource]
    """What it was trained and judged on."""
    slices: dict[str, dict[str, float]]
    """Figures by slice of the evaluation, such as unseen sites: slice to figure to value."""
    figures: dict[str, float]
    """Figures of the whole model, such as its time for a frame."""
    settings: str | None
    """Of a configuration: its YAML."""
    packages: dict[str, str]
    """Of a version of the agent: its packages with their versions."""
