"""Sensor readings on the wire."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.base import ChannelName, Slug, UtcDatetime, WireModel
from contracts.quality import QualityFlag


class Thinned(WireModel):
    """What a long outage left of a minute: the box ran short of room and kept its least and its greatest reading.

    Both are real readings under their own time and travel as such. The earlier of the two carries this (decision 0021).
    """

    count: int = Field(ge=2)
    """Readings that the minute had, both included."""
    mean: float
    """Their mean, in the reading's unit."""


class Reading(WireModel):
    """One measured or derived value.

    ``value`` is in ``ucum``; ``observed_at`` is the moment at the tank and is unique within a channel.
    ``test`` names the quality test that decided ``quality`` when it is not GOOD (``quality.QUALITY_TESTS``).
    """

    channel: ChannelName
    unit: Slug
    """The rearing unit (tank, raceway, pond, net pen) that the sensor is in."""
    quantity: str = Field(min_length=1, max_length=32)
    value: float
    ucum: str = Field(min_length=1, max_length=32)
    observed_at: UtcDatetime
    quality: QualityFlag = QualityFlag.NOT_EVALUATED
    test: str | None = None
    also: dict[str, QualityFlag] | None = None
    """Further tests that did not pass, beside ``test``. At the beginning of a series also those of single readings that are not
    evaluated yet; tests over days begin silently, and the box's status says how far they are."""
    calibration: str | None = None
    """Identity of the calibration record that was applied to ``value``; the record has slope and offset, so that the probe's own
    number can be had back. None when none was applied."""
    derived: bool = False
    """True when computed from other channels (saturation, un-ionized ammonia)."""
    thinned: Thinned | None = None
    """Set when this reading, and at most one later one, stand for a whole minute; None: it stands for itself."""


class ReadingBatch(WireModel):
    """Readings that travel together: one persist, one publish, one acknowledgement."""

    type: Literal["readings"] = "readings"
    readings: tuple[Reading, ...] = Field(min_length=1, max_length=1000)
