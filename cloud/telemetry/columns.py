"""Readings as columns, taken out of messages before the database is asked anything.

Channels are codes here, one for each definition that the batch names; the writer turns them into ids. So this needs no
connection and runs in one thread while another one writes the batch before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.db.bulk import FLOAT8, INT2, INT4, TIMESTAMPTZ, PgArray, copy_stream
from cloud.db.rollups import FreshReadings
from cloud.db.timeseries import EPOCH
from cloud.devices.directory import ChannelKey
from cloud.devices.messages import Accepted
from cloud.devices.rules import EARLIEST, FUTURE_TOLERANCE
from contracts.telemetry import Reading, ReadingBatch

_KEY = itemgetter("channel", "unit", "quantity", "ucum", "derived")
_OBSERVED_AT, _VALUE, _QUALITY = attrgetter("observed_at"), attrgetter("value"), attrgetter("quality")
_TOLERANCE_US = FUTURE_TOLERANCE // timedelta(microseconds=1)
_PART_ROWS = 4000
_DAY_US = 86_400_000_000
_EARLIEST_US = (EARLIEST - EPOCH) // timedelta(microseconds=1)


class Columns:
    """Readings as columns; ``message`` is the position of the message that each came in."""

    __slots__ = ("channel", "message", "observed_us", "quality", "received_us", "value")

    def __init__(
        self,
        channel: NDArray[np.int32],
        observed_us: NDArray[np.int64],
        value: NDArray[np.float64],
        quality: NDArray[np.int16],
        received_us: NDArray[np.int64],
        message: NDArray[np.int64],
    ) -> None:
        self.channel = channel
        self.observed_us = observed_us
        self.value = value
        self.quality = quality
        self.received_us = received_us
        self.message = message

    def where(self, chosen: NDArray[Any]) -> Columns:
        """The rows of a mask or of positions."""
        return Columns(*(getattr(self, name)[chosen] for name in _NAMES))

    def with_channel(self, channel: NDArray[np.int32]) -> Columns:
        """The same readings of other channels."""
        return Columns(channel, self.observed_us, self.value, self.quality, self.received_us, self.message)

    def implausible(self) -> NDArray[np.bool_]:
        """Which stamps can only come from a wrong clock (``cloud.devices.rules.is_plausible``, for many)."""
        return (self.observed_us > self.received_us + _TOLERANCE_US) | (self.observed_us < _EARLIEST_US)

    def in_key_order(self) -> Columns:
        """Sorted by channel and time: the index is then filled from left to right. Of equal keys the first stays."""
        order = np.lexsort((self.observed_us, self.channel))
        ordered = self.where(order)
        repeated = (np.diff(ordered.channel) == 0) & (np.diff(ordered.observed_us) == 0)
        return ordered.where(np.concatenate(([True], ~repeated))) if repeated.any() else ordered


_NAMES = ("channel", "observed_us", "value", "quality", "received_us", "message")


class Rows:
    """Readings with ids and final stamps, and everything that the database is given of them.

    Args:
        columns: with ids; in any order.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns.in_key_order()
        self.readings = FreshReadings(
            self.columns.channel, self.columns.observed_us, self.columns.value, self.columns.quality
        )

    @cached_property
    def stream(self) -> bytes:
        """For COPY into (channel_id, observed_at, value, quality)."""
        readings = self.readings
        return copy_stream(
            [
                (readings.channel, INT4),
                (readings.observed_us, TIMESTAMPTZ),
                (readings.value, FLOAT8),
                (readings.quality, INT2),
            ]
        )

    @cached_property
    def days(self) -> tuple[datetime, ...]:
        """That they are of."""
        days = self.columns.observed_us // _DAY_US
        found = days[:1] if (days == days[:1]).all() else np.unique(days)
        return tuple(EPOCH + timedelta(days=int(day)) for day in found)

    @cached_property
    def newest(self) -> tuple[PgArray, ...]:
        """Columns of the newest reading of each channel: id, time, value, quality, receipt."""
        newest = self.columns.where(np.flatnonzero(np.append(np.diff(self.columns.channel) != 0, True)))
        return (
            PgArray(newest.channel, INT4),
            PgArray(newest.observed_us, TIMESTAMPTZ),
            PgArray(newest.value, FLOAT8),
            PgArray(newest.quality, INT2),
            PgArray(newest.received_us, TIMESTAMPTZ),
        )


@dataclass(frozen=True, slots=True)
class Definition:
    """A channel as a device described it; its code is its place in ``Extracted.definitions``."""

    site: str
    device: str
    key: ChannelKey


@dataclass(frozen=True, slots=True)
class Extracted:
    """The readings of a batch.

    Attributes:
        columns: with codes for channels, in the order of arrival.
        definitions: what the codes mean, in the order in which they first came.
        expected: what is stored if every message is new and every channel has the id that it had last time: made
            beforehand because it nearly always comes true. None when it cannot.
    """

    columns: Columns
    definitions: Sequence[Definition]
    expected: Expected | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """Rows for one assignment of ids to codes."""

    ids: NDArray[np.int32]
    rows: Rows


def expecting(extracted: Extracted, id_of: Callable[[Definition], int | None]) -> Extracted:
    """The same with the rows that are to be expected; ``id_of`` says what is known now."""
    known = [id_of(definition) for definition in extracted.definitions]
    columns = extracted.columns
    if not known or any(found is None for found in known) or columns.implausible().any():
        return extracted
    ids = np.array(known, dtype=np.int32)
    rows = Rows(columns.with_channel(ids[columns.channel]))
    _ = rows.stream, rows.days, rows.newest, rows.readings.minutes  # made here, so that they need not be made later
    return replace(extracted, expected=Expected(ids, rows))


class Extractor:
    """Collects the readings of one batch. The inner loops run in C because this is where the time goes."""

    def __init__(self) -> None:
        self._codes_of: dict[tuple[str, str], _Codes] = {}
        self._definitions: list[Definition] = []
        self._parts: list[Columns] = []
        self._rows = _Rows()

    def add(self, message: int, site: str, device: str, readings: Sequence[Reading], *, received_at: datetime) -> None:
        """Take the readings of one message, whose position in the batch is ``message``."""
        codes = self._codes_of.get((site, device))
        if codes is None:
            codes = self._codes_of[site, device] = _Codes(site, device, self._definitions)
        rows = self._rows
        # vars(): one look-up of the fields for all, instead of one per attribute.
        rows.channels += map(codes.__getitem__, map(_KEY, map(vars, readings)))
        rows.stamps += map(datetime.timestamp, map(_OBSERVED_AT, readings))
        rows.values += map(_VALUE, readings)
        rows.flags += map(_QUALITY, readings)
        rows.messages.append(message)
        rows.sizes.append(len(readings))
        rows.received.append(received_at.timestamp())
        if len(rows.channels) >= _PART_ROWS:
            self._end_part()

    def extracted(self) -> Extracted:
        """Everything added so far."""
        self._end_part()
        if len(self._parts) > 1:
            self._parts = [Columns(*(np.concatenate([getattr(part, name) for part in self._parts]) for name in _NAMES))]
        return Extracted(self._parts[0], self._definitions)

    def _end_part(self) -> None:
        if self._rows.messages or not self._parts:
            self._parts.append(self._rows.columns())
            self._rows = _Rows()


def extract(messages: Sequence[Accepted]) -> Extracted:
    """The readings of whole messages; ``message`` is the position in ``messages``."""
    extractor = Extractor()
    for position, message in enumerate(messages):
        envelope = message.envelope
        assert isinstance(envelope.body, ReadingBatch)  # noqa: S101  (the ingest sorts by kind)
        extractor.add(position, envelope.site, envelope.device, envelope.body.readings, received_at=message.received_at)
    return extractor.extracted()


class _Rows:
    """A part of the batch as Python objects, which take ten times the room of arrays."""

    __slots__ = ("channels", "flags", "messages", "received", "sizes", "stamps", "values")

    def __init__(self) -> None:
        self.channels: list[int] = []
        self.stamps: list[float] = []
        self.values: list[float] = []
        self.flags: list[int] = []
        self.messages: list[int] = []
        self.sizes: list[int] = []
        self.received: list[float] = []

    def columns(self) -> Columns:
        return Columns(
            np.array(self.channels, dtype=np.int32),
            _microseconds(self.stamps),
            np.array(self.values, dtype=np.float64),
            np.fromiter(self.flags, dtype=np.int16, count=len(self.flags)),  # enum members: half the time of np.array
            np.repeat(_microseconds(self.received), self.sizes),
            np.repeat(np.array(self.messages, dtype=np.int64), self.sizes),
        )


class _Codes(dict[ChannelKey, int]):
    """Codes of one device's channels; asking for one that is not there yet gives it the next number."""

    def __init__(self, site: str, device: str, definitions: list[Definition]) -> None:
        super().__init__()
        self._site = site
        self._device = device
        self._definitions = definitions

    def __missing__(self, key: ChannelKey) -> int:
        code = self[key] = len(self._definitions)
        self._definitions.append(Definition(self._site, self._device, key))
        return code


def _microseconds(seconds: list[float]) -> NDArray[np.int64]:
    """Since 1970. A double holds today's seconds to a quarter of a microsecond, so rounding is exact."""
    return np.rint(np.array(seconds, dtype=np.float64) * 1e6).astype(np.int64)
