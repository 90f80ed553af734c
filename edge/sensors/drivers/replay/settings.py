"""Settings of a recorded series: which file, how it is laid out, how fast it is played and with which stamps."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from edge.sensors.settings import ChannelSettings, SensorSettings

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


class RecordedChannel(ChannelSettings):
    """One recorded quantity."""

    column: str = Field(min_length=1)
    """Column that holds it; in the long layout the value of ``name_column`` that marks its rows."""


class ReplaySensor(SensorSettings):
    """One recorded file."""

    driver: Literal["replay"] = "replay"
    """The driver of this folder."""
    file: Path
    """CSV file, may end in ``.gz``."""
    layout: Literal["wide", "long"] = "wide"
    """``wide``: a row per moment, a column per quantity. ``long``: a row per number."""
    separator: str = Field(default=",", min_length=1, max_length=1)
    """Character between columns."""
    time_column: str = "time"
    """Column with the moment: ISO 8601, or as ``time_format`` says."""
    time_format: str | None = None
    """Format as of Python's strptime; None reads ISO 8601."""
    utc_offset_h: float = Field(default=0.0, ge=-14, le=14)
    """Hours that the recording is ahead of UTC where its moments name no zone."""
    name_column: str = "channel"
    """Column of the long layout that names the quantity."""
    value_column: str = "value"
    """Column of the long layout with the number."""
    missing: tuple[str, ...] = ("", "NULL", "NA", "NaN", "nan", "-9999")
    """Texts that stand for no measurement."""
    stamps: Literal["now", "historical"] = "now"
    """``now`` plays it as if it were happening: the first row now, the others at their distance. ``historical`` keeps the
    recorded moments; such readings join the record, raise no alarm and show nowhere as live."""
    speed: float = Field(default=1.0, ge=0, le=100_000)
    """How many recorded seconds pass in one; 0 plays as fast as readings are persisted (``historical`` only)."""
    max_gap_s: float = Field(default=3600.0, gt=0)
    """Recorded pauses longer than this in seconds are shortened to it when stamps are ``now``."""
    loop: bool = False
    """Start again at the end (``now`` only: a second pass of the same history would be refused as repeats)."""
    channels: tuple[RecordedChannel, ...] = Field(min_length=1)
    """What it measures."""

    @model_validator(mode="after")
    def _can_be_played(self) -> ReplaySensor:
        if self.stamps == "now" and self.speed == 0:
            raise ValueError("speed 0 needs 'stamps: historical': a series that happens now happens at some speed")
        if self.stamps == "historical" and self.loop:
            raise ValueError("'loop' needs 'stamps: now': the second pass of a history is a repeat")
        return self
