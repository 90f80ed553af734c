"""The base of every wire model, and the identifiers that they share."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


class WireModel(BaseModel):
    """Frozen; keeps fields it does not know, so that a newer sender loses nothing at an older receiver."""

    model_config = ConfigDict(
        frozen=True, extra="allow", ser_json_bytes="base64", val_json_bytes="base64", allow_inf_nan=False
    )


def _to_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError:
        # Within a day of the years 1 and 9999; pydantic would let the error through as a crash.
        raise ValueError("the moment is outside the years 1 to 9999 in UTC") from None


UtcDatetime: TypeAlias = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A moment with a time zone, kept as UTC. A naive datetime is refused."""

SLUG_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
Slug: TypeAlias = Annotated[str, Field(pattern=SLUG_PATTERN)]
"""Lower-case name that is safe in topics, file names and URLs: sites, devices, units, cameras, sensors."""

ChannelName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,126}$")]
"""Name of a channel within its device, conventionally ``<unit>.<quantity>`` or ``<unit>.<node>.<quantity>``."""

Sha256Hex: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""Lower-case hexadecimal sha256 of a whole file."""

Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]
"""A number between 0 and 1, both included."""
