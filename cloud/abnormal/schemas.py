"""Advice on the HTTP API."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator

from cloud.abnormal.rules import JUDGED, Mode
from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime


class Advice(ApiModel):
    """One time in which a stream was not what it usually is."""

    id: UUID
    unit_id: int
    unit: str
    """Slug."""
    unit_name: str
    channel_id: int
    channel: str
    quantity: str
    ucum: str
    started_at: UtcDatetime
    """When the deviation began."""
    told_at: UtcDatetime
    """When it had lasted long enough to be told."""
    ended_at: UtcDatetime | None
    """Null: it goes on."""
    value: float
    """Newest mean of a quarter hour while it was open."""
    expected: float
    """What it usually is at that time of day."""
    spread: float
    """Robust standard deviation of that."""
    shared: bool
    """Other units moved too: weather, or what they share. Never an alarm."""
    text: str
    """All of it in one sentence."""
    is_alarm: bool
    """Whether it is a minor alarm at present."""


class AdvicePage(Page[Advice]):
    """Some advice, newest first."""


class NewAdviceSettings(ApiModel):
    """What advice may do at a site. It replaces what was set; what is not named is as shipped: ``advise``."""

    model_config = ConfigDict(extra="forbid")

    quantities: Annotated[dict[str, Mode], Field(max_length=100)]

    @field_validator("quantities")
    @classmethod
    def _can_be_judged(cls, given: dict[str, Mode]) -> dict[str, Mode]:
        for name in given:
            if name not in JUDGED:
                raise ValueError(f"{name[:40]!r} is not judged; choose from {', '.join(JUDGED)}")
        return given


class AdviceSettings(ApiModel):
    """What advice may do at a site."""

    quantities: dict[str, Mode]
    """Every quantity that can be judged."""
