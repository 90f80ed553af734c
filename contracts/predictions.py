"""Pictures to be predicted on Kafka ``prediction-requests``, and what was said on ``predictions``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from pydantic_core import from_json

from contracts.base import Sha256Hex, Slug, UtcDatetime, WireModel
from contracts.bundles import Task
from contracts.errors import InvalidMessageError, UnsupportedVersionError
from contracts.vision import Detection, ModelRef

MAX_REQUEST_BYTES = 4_000_000


class PredictionRequest(WireModel):
    """One picture, in the message or by the sha256 of a stored evidence image. The message's key is the unit's name."""

    v: Literal[1] = 1
    id: str = Field(min_length=1, max_length=100)
    """Chosen by the sender; comes back with the prediction, and makes a repeated one recognizable."""
    requested_at: UtcDatetime
    site: Slug | None = None
    unit: Slug | None = None
    """With ``site`` it decides which version a trial gives the unit."""
    task: Task | None = None
    """None: whatever the named model does, or detection."""
    model: Slug | None = None
    version: str | None = Field(default=None, pattern=r"^\d+\.\d+\.\d+$")
    image_sha256: Sha256Hex | None = None
    data: bytes | None = Field(default=None, max_length=2_500_000)
    """The JPEG or PNG itself; base64 in JSON."""
    probabilities: bool = False

    @model_validator(mode="after")
    def _one_picture(self) -> PredictionRequest:
        if (self.data is None) == (self.image_sha256 is None):
            raise ValueError("give either data or image_sha256")
        return self


class PredictionMade(WireModel):
    """What one version said of one picture. After a crash it may come twice: (request, model.sha256) is its key."""

    v: Literal[1] = 1
    request: str
    """``id`` of the request."""
    site: Slug | None = None
    unit: Slug | None = None
    requested_at: UtcDatetime
    predicted_at: UtcDatetime
    image_sha256: Sha256Hex
    task: Task
    model: ModelRef
    arm: Literal["asked", "active", "candidate"]
    label: str | None = None
    best_label: str | None = None
    confidence: float | None = None
    level: Literal["low", "medium", "high"] | None = None
    probabilities: dict[str, float] | None = None
    present: tuple[str, ...] = ()
    detections: tuple[Detection, ...] = ()


def decode_request(payload: bytes) -> PredictionRequest:
    """A request from its message.

    Raises:
        InvalidMessageError: too large, no JSON, another version, or a field that cannot be used.
    """
    if len(payload) > MAX_REQUEST_BYTES:
        raise InvalidMessageError("too_large", f"{len(payload)} bytes; a request may have {MAX_REQUEST_BYTES}")
    try:
        raw = from_json(payload)
    except ValueError as error:
        raise InvalidMessageError("bad_json", str(error)[:200]) from error
    if isinstance(raw, dict) and raw.get("v", 1) != 1:
        raise UnsupportedVersionError("prediction request", raw["v"], (1,))
    try:
        return PredictionRequest.model_validate_json(payload)
    except ValueError as error:
        raise InvalidMessageError("bad_field", str(error)[:500]) from error
