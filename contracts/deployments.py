"""Model deployments: the release that people signed, the signed assignment that tells one device what to run, the answer.

Two statements must agree before a device runs a model. The *release* is in the image repository (TUF), signed offline by
several people. The *assignment* is for one device and signed by an online key. Neither alone can make a device run anything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from enum import Enum
from pathlib import PurePosixPath
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from contracts.base import Sha256Hex, Slug, UtcDatetime, WireModel
from contracts.errors import InvalidMessageError

ASSIGNMENT_TYPE: Literal["application/vnd.shoal.assignment+json"] = "application/vnd.shoal.assignment+json"
"""DSSE payload type of a signed assignment."""
MODELS_SHADOW = "models"
"""Named shadow that carries ``DesiredModels`` and ``ReportedModels``."""
CONFIG_SHADOW = "config"
"""Named shadow with the assignment of a configuration, in the same form (``DesiredModels``, ``ReportedModels``)."""
TRIAL_SHADOW = "trial"
"""Named shadow with the trial of a model in some units of a box (``DesiredTrial``, ``ReportedModels``)."""
AGENT_SHADOW = "agent"
"""Named shadow with the assignment of a version of the agent, in the same form, or with a mere wish for one (``DesiredAgent``)."""
DEPLOY_OPERATION = "deploy-model"
"""``operation`` of the job document that carries a signed assignment."""
DEPLOYMENT_EVENT = "deployment.status"
"""Event whose detail holds the fields of a ``DeploymentStatus``."""
CHANNEL_FIELD = "x-shoal-channel"
"""Field of a signed timestamp: the channel that it was made for, so that a longer lived one cannot stand in for a shorter."""
TRIAL_EVENT = "trial.status"
"""Event with the same fields about a trial in some units; its own name, so that nobody takes it for the model of the whole box."""
TRIAL_SLOT: Literal["b"] = "b"
"""``slot`` of an assignment that is for some units: a box has its own model in the slot ``a`` and at most one other beside it."""
MOST_TRIAL_UNITS = 64
"""Units of one box that an assignment names; agents refuse a longer one."""
FLOOR_FIELD = "x-shoal-floor"
"""Field of a model's signed role: the lowest release of the model that a device may run."""
ASSIGNER_ROLE = "assigner"
"""Delegated role that only names the keys which may sign assignments; it has no targets."""
MAX_RELEASE_BYTES = 4_000_000_000


class ArtifactKind(str, Enum):
    """What a rollout can bring to devices."""

    MODEL = "model"
    """A machine-learned model: tried beside the active one, swapped between two frames."""
    CONFIG = "config"
    """Settings of a box that are laid over its own file; the agent starts anew with them."""
    AGENT = "agent"
    """A version of the agent itself: put into a slot beside the one that runs, tried, and started in its place."""


SHADOW_OF = {
    ArtifactKind.MODEL: MODELS_SHADOW,
    ArtifactKind.CONFIG: CONFIG_SHADOW,
    ArtifactKind.AGENT: AGENT_SHADOW,
}
"""The shadow in which a device is told of each kind."""
AGENT_NAME = "agent"
"""The only name of releases of the agent, and what no other release is called: its people alone say what boxes run."""
AGENT_DISTRIBUTION = "shoal"
"""Name of the package that the agent is in."""


def agent_sha256(version: str) -> str:
    """Stands for a version of the agent that came by other ways than a release: such an agent knows its version, not its files."""
    return hashlib.sha256(f"shoal-agent {version}".encode()).hexdigest()


def model_role(model: str) -> str:
    """Name of the TUF role that the releases of a model are delegated to."""
    return f"model-{model}"


def release_path(model: str, version: str) -> str:
    """TUF target path of a release."""
    return f"models/{model}/{version}.json"


def blob_path(sha256: str) -> str:
    """Where the bytes with this hash lie in an artifact store; the name is the proof."""
    return f"blobs/{sha256}"


class ReleaseFile(WireModel):
    """One file of a bundle."""

    path: str = Field(min_length=1, max_length=200)
    """Relative to the bundle's folder."""
    sha256: Sha256Hex
    bytes: int = Field(ge=0, le=MAX_RELEASE_BYTES)

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        parts = PurePosixPath(value).parts
        if value.startswith("/") or ".." in parts or "\\" in value or not parts:
            raise ValueError("a file of a release lies inside its folder")
        return value


class ReleaseDelta(WireModel):
    """How to make a file of this release from a file of an earlier one; the result is judged by the file's own hash."""

    path: str
    """The file it makes."""
    base_sha256: Sha256Hex
    """The file it needs."""
    sha256: Sha256Hex
    """Of the delta itself."""
    bytes: int = Field(ge=1, le=MAX_RELEASE_BYTES)


class Requirements(WireModel):
    """What a device must have to run a release."""

    agent: str | None = Field(default=None, pattern=r"^\d+\.\d+\.\d+$")
    """Lowest version of the agent; None takes any."""
    memory_mb: int | None = Field(default=None, ge=0)
    """Memory of the machine in MB; None asks for none."""
    opset_max: int | None = None
    """Highest ONNX operator set that the runtime must know; None asks for none."""
    machines: tuple[str, ...] = ()
    """``platform.machine()`` of devices that it was proven on; empty: any."""
    calibrated_cameras: bool = False
    """Whether every camera needs a calibration of its lens and place: models that measure lengths do."""


class Release(WireModel):
    """A released bundle: every file by hash, and its place in the order of releases. A TUF target, signed by people."""

    v: Literal[1] = 1
    kind: ArtifactKind = ArtifactKind.MODEL
    """What it is; a device takes a model for nothing but a model, and a configuration for nothing but that."""
    model: Slug
    """Name of the model or configuration."""
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    release: int = Field(ge=1)
    """Counts the releases of this model; only rises."""
    sha256: Sha256Hex
    """Of the model file, the settings or the agent's wheel: its identity everywhere in Shoal."""
    model_file: str = "model.onnx"
    files: tuple[ReleaseFile, ...] = Field(min_length=2, max_length=200)
    deltas: tuple[ReleaseDelta, ...] = Field(default=(), max_length=50)
    requires: Requirements = Requirements()
    created_at: UtcDatetime
    """When it was proposed; signed by people, so the time cannot be earlier than this."""

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files)

    def file(self, path: str) -> ReleaseFile | None:
        """The file of this path."""
        return next((file for file in self.files if file.path == path), None)


class Assignment(WireModel):
    """What one device should run. Trusted only when signed and when the image repository names the same hash."""

    v: Literal[1] = 1
    site: Slug
    device: Slug
    deployment: str
    slot: Literal["a", "b"] | None = None
    """``b`` for a trial in some units of a box, beside the model of the box; None for that one."""
    units: tuple[Slug, ...] = Field(default=(), max_length=MOST_TRIAL_UNITS)
    """The units of such a trial; empty: all of them. An agent that cannot do that refuses it (``Inventory.unit_trials``)."""
    ends_at: UtcDatetime | None = None
    """When such a trial ends by itself, also on a box that hears nothing any more; required for one."""
    path: str
    """Of the release in the image repository (``release_path``)."""
    sha256: Sha256Hex
    """Of the model file, as the running session will report it."""
    bytes: int = Field(ge=1)
    """Of the model file."""
    model: str
    version: str
    issued_at: UtcDatetime
    """Of two assignments the later one counts; an earlier one than the last accepted is a replay."""
    expires_at: UtcDatetime
    """The lease: what has not been activated by then is not activated any more."""
    release_sha256: Sha256Hex | None = None
    """Of the release document; a device refuses an assignment without it."""
    rollout: str = ""
    """The rollout it belongs to; empty for a single deployment."""


class Signature(WireModel):
    """One signature of an envelope."""

    keyid: str = Field(max_length=128)
    sig: str = Field(max_length=4096)
    """Base64."""


class SignedAssignment(WireModel):
    """An assignment in a DSSE envelope: the exact bytes that were signed, and the signatures."""

    payloadType: Literal["application/vnd.shoal.assignment+json"] = ASSIGNMENT_TYPE  # noqa: N815  (DSSE's name)
    payload: str = Field(max_length=16_384)
    """Base64 of the assignment's JSON."""
    signatures: tuple[Signature, ...] = Field(min_length=1, max_length=8)

    def unverified(self) -> Assignment:
        """What it says, trusted for nothing.

        Raises:
            InvalidMessageError: it is no assignment.
        """
        try:
            return Assignment.model_validate_json(base64.b64decode(self.payload, validate=True))
        except (binascii.Error, ValidationError, ValueError) as error:
            raise InvalidMessageError("bad_assignment", str(error)[:500]) from error


class HoldKind(str, Enum):
    """Why fish must not be disturbed by a change of the model that watches them."""

    FEEDING = "feeding"
    TREATMENT = "treatment"
    HANDLING = "handling"
    HARVEST = "harvest"


class Hold(WireModel):
    """Something that goes on in a unit, as the farm's diary knows it: no model is swapped meanwhile."""

    unit: Slug
    kind: HoldKind
    begins: UtcDatetime
    ends: UtcDatetime


class DesiredModels(WireModel):
    """``state.desired`` of the shadow ``models``."""

    v: Literal[1] = 1
    assignment: SignedAssignment | None = None
    """None: keep what runs."""
    holds: tuple[Hold, ...] = Field(default=(), max_length=50)
    activate: bool = True
    """False: go as far as the shadow run and stay in it, until a rollout has judged all boxes of its wave."""
    urgent: bool = False
    """True leaves the box's daily swap windows out, for the way back to an earlier release; the fish are never left out."""


class DesiredTrial(DesiredModels):
    """``state.desired`` of the shadow ``trial``: the assignment names units, a slot and an end."""

    end: bool = False
    """True: the units get the box's own model again. It needs no signature, because nothing runs by it that did not run already."""
    reason: str = Field(default="", max_length=200)
    """Why it ends, for the records of the box."""


class DesiredAgent(WireModel):
    """A version of the agent that should run, where nobody releases agents: a wish, the machine's package system installs it."""

    v: Literal[1] = 1
    deployment: str = Field(min_length=1, max_length=100)
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    activate: bool = True
    urgent: bool = False
    holds: tuple[Hold, ...] = Field(default=(), max_length=50)


class Cause(str, Enum):
    """Why a deployment ended without its model: what a rollout counts, beside the words for people."""

    UNTRUSTED = "untrusted"
    """Forged, replayed, for another device, below the floor, or not what people signed."""
    INCOMPATIBLE = "incompatible"
    """This device cannot run it: agent, memory, runtime, machine, no cameras."""
    SELF_TEST = "self_test"
    """It does not load here, or its golden frames give other results."""
    SHADOW_RUN = "shadow_run"
    """It differs too much from the active model on the same frames, or failed on some."""
    INCONCLUSIVE = "inconclusive"
    """Too few frames to tell."""
    LEASE = "lease"
    """The time ended first: away, no room, no window."""
    PROBATION = "probation"
    """It worked badly and the box went back."""


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
    WITHDRAWN = "withdrawn"
    """Of a trial in some units: it has ended as was planned or ordered, and they have the box's model again."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in {
            DeploymentState.COMMITTED,
            DeploymentState.ROLLED_BACK,
            DeploymentState.REFUSED,
            DeploymentState.WITHDRAWN,
        }


class ShadowFigures(WireModel):
    """What a candidate did beside the active model on the same frames."""

    frames: int = Field(default=0, ge=0)
    """Frames that both have looked at."""
    errors: int = Field(default=0, ge=0)
    """Frames that the candidate failed on."""
    disagreement: float | None = Field(default=None, ge=0, le=1)
    """Detections of either model without a partner in the other, as a share of all; None before there were any."""
    count_ratio: float | None = Field(default=None, ge=0)
    """Detections of the candidate over those of the active model."""
    confidence_shift: float | None = Field(default=None, ge=-1, le=1)
    """Mean change of confidence of the paired detections."""
    latency_ms: float | None = Field(default=None, ge=0)
    """Median of the candidate for one frame."""
    latency_ratio: float | None = Field(default=None, ge=0)
    """The same over the active model's."""
    memory_mb: float | None = Field(default=None, ge=0)
    """Resident memory of the candidate's process."""


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
    sha256: Sha256Hex | None = None
    """The model that was assigned."""
    waiting_for: str | None = None
    """Why the next step does not begin yet: a window, a hold, an alarm."""
    downloaded_bytes: int | None = Field(default=None, ge=0)
    """Bytes that were really transferred for this deployment."""
    cause: Cause | None = None
    """Why it ended without its model; None while it has not."""
    swap_gap_ms: float | None = Field(default=None, ge=0)
    """Time in which no model was asked, when it was swapped in."""
    shadow: ShadowFigures | None = None
    units: tuple[Slug, ...] = ()
    """Of a trial: those in which the model runs, or is to run; empty: the whole box."""


class ReportedModels(WireModel):
    """``state.reported`` of the shadow ``models``: desired, running and verified side by side."""

    v: Literal[1] = 1
    running_sha256: Sha256Hex | None = None
    """Reported by the running session."""
    running: str | None = None
    """Name and version of it."""
    verified_sha256: Sha256Hex | None = None
    """The newest model that this device has verified completely."""
    committed_sha256: Sha256Hex | None = None
    """What the device starts with."""
    repository_expires_at: UtcDatetime | None = None
    """Until when the newest repository metadata counts: the freeze window that is left."""
    trouble: str | None = None
    """Why nothing can be verified now: no source, a wrong clock."""
    deployment: DeploymentStatus | None = None
    units: dict[Slug, Sha256Hex] = Field(default_factory=dict)
    """What the running sessions say by unit, where that is another model than ``running_sha256``: a trial in some units."""


def decode_desired_agent(document: dict[str, Any] | None) -> DesiredAgent | DesiredModels:
    """Read ``state.desired`` of the shadow ``agent``: an assignment, or a wish.

    Raises:
        InvalidMessageError: it is neither.
    """
    if document is None or "version" not in document:
        return decode_desired(document)
    try:
        return DesiredAgent.model_validate_json(json.dumps(document))
    except (ValidationError, ValueError) as error:
        raise InvalidMessageError("bad_desired", str(error)[:500]) from error


def decode_desired(document: dict[str, Any] | None) -> DesiredModels:
    """Read ``state.desired``; nothing desired is an empty wish.

    Raises:
        InvalidMessageError: it is not of this form.
    """
    try:
        return DesiredModels.model_validate_json(json.dumps(document or {}))
    except (ValidationError, ValueError) as error:
        raise InvalidMessageError("bad_desired", str(error)[:500]) from error


def decode_desired_trial(document: dict[str, Any] | None) -> DesiredTrial:
    """Read ``state.desired`` of the shadow ``trial``.

    Raises:
        InvalidMessageError: it is not of this form.
    """
    try:
        return DesiredTrial.model_validate_json(json.dumps(document or {}))
    except (ValidationError, ValueError) as error:
        raise InvalidMessageError("bad_desired", str(error)[:500]) from error
