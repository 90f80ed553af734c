"""Readings on the HTTP API."""

from __future__ import annotations

from typing import Literal

from cloud.kit.schemas import ApiModel
from cloud.telemetry.rules import Resolution
from contracts.alarms import Severity
from contracts.base import UtcDatetime
from contracts.quality import QualityFlag


class ShownLimit(ApiModel):
    """A limit that the box watches now, at the temperature of the water where it depends on that."""

    definition: str
    severity: Severity
    side: Literal["low", "high"]
    value: float
    source: str | None = None
    """Where it comes from, with its evidence tag; a limit that must be confirmed says so. Null when the box does not tell."""


class FailedTest(ApiModel):
    """A quality test that did not pass, or could not be made yet."""

    test: str
    """Code, e.g. ``rate_of_change``."""
    quality: QualityFlag
    meaning: str | None
    """What its failure means; null for a test that this program does not know."""
    remedy: str | None
    """What to do at the tank."""


class CalibrationChange(ApiModel):
    """From when on the values of a channel rest on another calibration."""

    since: UtcDatetime
    """Time of the first reading that does."""
    calibration: str | None
    """Identity of the record on the box; null: from here on none was applied."""


class LatestReading(ApiModel):
    """The newest value of one channel, with what it takes to judge it."""

    channel_id: int
    channel: str
    """Name of the channel within its device."""
    quantity: str
    """Code, e.g. ``do``."""
    label: str
    """The quantity in English."""
    value: float | None
    """In ``ucum``; null when the channel never reported."""
    ucum: str
    """Unit in UCUM, e.g. ``mg/L``."""
    decimals: int
    """Digits after the point that are worth showing."""
    observed_at: UtcDatetime | None
    """When it was measured, at the tank."""
    age_s: float | None
    """Seconds between ``observed_at`` and the answer's ``server_time``."""
    quality: QualityFlag
    """QARTOD flag: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing."""
    tests: list[FailedTest]
    """Why it is flagged: the test that decided first, then the others that did not pass."""
    calibration: str | None
    """Identity of the calibration record that the value rests on; null when none was applied."""
    stale: bool
    """True when the value says nothing about now: older than 60 s and than three usual periods of the channel."""
    stale_after_s: float
    """Age from which the value is stale, so that a page which keeps counting can tell by itself."""
    derived: bool
    """Computed from other channels."""
    limits: list[ShownLimit]
    """What its alarms follow; empty when the box has told none."""


class SeriesPoint(ApiModel):
    """One bucket of a series. Mean, least, most and last leave out readings that failed a quality test."""

    t: UtcDatetime
    """Start of the bucket."""
    n: int
    """Readings in the bucket."""
    min: float | None
    max: float | None
    mean: float | None
    last: float | None
    good: int
    """Readings that no quality test doubted."""


class Series(ApiModel):
    """A channel over time. A bucket without readings is absent: gaps stay visible."""

    channel_id: int
    quantity: str
    ucum: str
    bucket_s: int
    """Width of every bucket, in seconds; buckets start at multiples of it since 2000-01-03 (a Monday), UTC."""
    points: list[SeriesPoint]
    resolution: Resolution = Resolution.RAW
    """What the buckets were made of: single readings, or a rollup by minute, hour or day. Of a rollup the first and last
    bucket reach over ``start`` and ``end`` to whole minutes, hours or days."""
    good_share: float | None = None
    """Share of the readings that no quality test doubted, 0 to 1; null without readings."""
