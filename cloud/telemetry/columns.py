"""Readings as columns, taken out of messages before the database is asked anything.

Channels are codes here, one for each definition that the batch names; the writer turns them into ids. So this needs no
connection and runs in one thread while another one writes the batch before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

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
_ALL = itemgetter("channel", "unit", "quantity", "ucum", "derived", "test", "also", "calibration")
_OBSERVED_AT, _VALUE, _QUALITY = attrgetter("observed_at"), attrgetter("value"), attrgetter("quality")
_TOLERANCE_US = FUTURE_TOLERANCE // timedelta(microseconds=1)
_PART_ROWS = 4000
_DAY_US = 86_400_000_000
_EARLIEST_US = (EARLIEST - EPOCH) // timedelta(microseconds=1)


class Reason(NamedTuple):
    """Why readings have their flag, and what their values rest on (``contracts.telemetry.Reading``)."""

    test: str | None = None
    also: str | None = None
    """Further tests with their flags, as JSON."""
    calibration: str | None = None


class Run(NamedTuple):
    """From a reading on, the readings of a channel in this batch rest on one calibration, or on none."""

    channel: int
    since_us: int
    calibration: str | None


class Columns:
    """Readings as columns.

    Attributes:
        message: position of the message that each came in.
        reason: place in ``Extracted.reasons``; ``~place`` of a reading whose stamp is not final, or whose reason is not known.
    """

    __slots__ = ("channel", "message", "observed_us", "quality", "reason", "received_us", "value")

    def __init__(
        self,
        channel: NDArray[np.int32],
        observed_us: NDArray[np.int64],
        value: NDArray[np.float64],
        quality: NDArray[np.int16],
        received_us: NDArray[np.int64],
        message: NDArray[np.int64],
        reason: NDArray[np.int32],
    ) -> None:
        self.channel = channel
        self.observed_us = observed_us
        self.value = value
        self.quality = quality
        self.received_us = received_us
        self.message = message
        self.reason = reason

    def where(self, chosen: NDArray[Any]) -> Columns:
        """The rows of a mask or of positions."""
        return Columns(*(getattr(self, name)[chosen] for name in _NAMES))

    def with_channel(self, channel: NDArray[np.int32]) -> Columns:
        """The same readings of other channels."""
        return Columns(channel, *(getattr(self, name) for name in _NAMES[1:]))

    def implausible(self) -> NDArray[np.bool_]:
        """Which stamps can only come from a wrong clock (``cloud.devices.rules.is_plausible``, for many)."""
        return (self.observed_us > self.received_us + _TOLERANCE_US) | (self.observed_us < _EARLIEST_US)

    def in_key_order(self) -> Columns:
        """Sorted by channel and time: the index is then filled from left to right. Of equal keys the first stays."""
        order = np.lexsort((self.observed_us, self.channel))
        ordered = self.where(order)
        repeated = (np.diff(ordered.channel) == 0) & (np.diff(ordered.observed_us) == 0)
        return ordered.where(np.concatenate(([True], ~repeated))) if repeated.any() else ordered


_NAMES = ("channel", "observed_us", "value", "quality", "received_us", "message", "reason")


class Rows:
    """Readings with ids and final stamps, and everything that the database is given of them.

    Args:
        columns: with ids; in any order.
        reasons: what their codes mean.
    """

    def __init__(self, columns: Columns, reasons: Sequence[Reason]) -> None:
        self.columns = columns.in_key_order()
        self._reasons = reasons
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
    def newest(self) -> tuple[PgArray | list[str | None], ...]:
        """Columns of the newest reading of each channel: id, time, value, quality, receipt, and the fields of its reason."""
        newest = self.columns.where(np.flatnonzero(np.append(np.diff(self.columns.channel) != 0, True)))
        places = np.where(newest.reason < 0, ~newest.reason, newest.reason)
        reasons = [self._reasons[place] for place in places.tolist()]
        return (
            PgArray(newest.channel, INT4),
            PgArray(newest.observed_us, TIMESTAMPTZ),
            PgArray(newest.value, FLOAT8),
            PgArray(newest.quality, INT2),
            PgArray(newest.received_us, TIMESTAMPTZ),
            [reason.test for reason in reasons],
            [reason.also for reason in reasons],
            [reason.calibration for reason in reasons],
        )

    @cached_property
    def runs(self) -> Sequence[Run]:
        """Calibrations by channel and time, of the readings whose stamps are final."""
        columns = self.columns
        final = columns.reason >= 0
        if not final.all():
            columns = columns.where(final)
        if not len(columns.channel):
            return ()
        codes: dict[str | None, int] = {}
        code_of = np.array([codes.setdefault(reason.calibration, len(codes)) for reason in self._reasons])
        calibration = code_of[columns.reason]
        begins = np.flatnonzero(np.append(True, (np.diff(columns.channel) != 0) | (np.diff(calibration) != 0)))
        names = list(codes)
        return [
            Run(channel, since_us, names[code])
            for channel, since_us, code in zip(
                columns.channel[begins].tolist(),
                columns.observed_us[begins].tolist(),
                calibration[begins].tolist(),
                strict=True,
            )
        ]


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
        reasons: what the codes of reasons mean.
        expected: what is stored if every message is new and every channel has the id that it had last time: made
            beforehand because it nearly always comes true. None when it cannot.
    """

    columns: Columns
    definitions: Sequence[Definition]
    reasons: Sequence[Reason]
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
    rows = Rows(columns.with_channel(ids[columns.channel]), extracted.reasons)
    _ = (
        rows.stream,
        rows.days,
        rows.newest,
        rows.runs,
        rows.readings.minutes,
    )  # made here, so that they need not be made later
    return replace(extracted, expected=Expected(ids, rows))


class Extractor:
    """Collects the readings of one batch. The inner loops run in C because this is where the time goes."""

    def __init__(self) -> None:
        self._codes_of: dict[tuple[str, str], _Codes] = {}
        self._meanings = _Meanings()
        self._parts: list[Columns] = []
        self._rows = _Rows()

    def add(self, message: int, site: str, device: str, readings: Sequence[Reading], *, received_at: datetime) -> None:
        """Take the readings of one message, whose position in the batch is ``message``."""
        codes = self._codes_of.get((site, device))
        if codes is None:
            codes = self._codes_of[site, device] = _Codes(site, device, self._meanings)
        rows = self._rows
        rows.codes += codes.of(readings)
        rows.stamps += map(datetime.timestamp, map(_OBSERVED_AT, readings))
        rows.values += map(_VALUE, readings)
        rows.flags += map(_QUALITY, readings)
        rows.messages.append(message)
        rows.sizes.append(len(readings))
        rows.received.append(received_at.timestamp())
        if len(rows.codes) >= _PART_ROWS:
            self._end_part()

    def extracted(self) -> Extracted:
        """Everything added so far."""
        self._end_part()
        if len(self._parts) > 1:
            self._parts = [Columns(*(np.concatenate([getattr(part, name) for part in self._parts]) for name in _NAMES))]
        return Extracted(self._parts[0], self._meanings.definitions, self._meanings.reasons)

    def _end_part(self) -> None:
        if self._rows.messages or not self._parts:
            self._parts.append(self._rows.columns(self._meanings))
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

    __slots__ = ("codes", "flags", "messages", "received", "sizes", "stamps", "values")

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.stamps: list[float] = []
        self.values: list[float] = []
        self.flags: list[int] = []
        self.messages: list[int] = []
        self.sizes: list[int] = []
        self.received: list[float] = []

    def columns(self, meanings: _Meanings) -> Columns:
        codes = np.array(self.codes, dtype=np.int32)
        return Columns(
            np.array(meanings.definition_of, dtype=np.int32)[codes],
            _microseconds(self.stamps),
            np.array(self.values, dtype=np.float64),
            np.fromiter(self.flags, dtype=np.int16, count=len(self.flags)),  # enum members: half the time of np.array
            np.repeat(_microseconds(self.received), self.sizes),
            np.repeat(np.array(self.messages, dtype=np.int64), self.sizes),
            np.array(meanings.reason_of, dtype=np.int32)[codes],
        )


class _Meanings:
    """What the codes of a batch stand for: a channel and a reason each, because one look-up per reading is all there is time for."""

    def __init__(self) -> None:
        self.definitions: list[Definition] = []
        self.reasons: list[Reason] = []
        self.definition_of: list[int] = []
        self.reason_of: list[int] = []
        self._reason_codes: dict[Reason, int] = {}

    def add(self, definition: int, reason: Reason) -> int:
        """The code of the pair, which is new."""
        place = self._reason_codes.setdefault(reason, len(self.reasons))
        if place == len(self.reasons):
            self.reasons.append(reason)
        self.definition_of.append(definition)
        self.reason_of.append(place)
        return len(self.reason_of) - 1


class _Codes(dict[tuple[Any, ...], int]):
    """Codes of one device's readings; asking for one that is not there yet gives it the next number."""

    def __init__(self, site: str, device: str, meanings: _Meanings) -> None:
        super().__init__()
        self._site = site
        self._device = device
        self._meanings = meanings
        self._definition_codes: dict[ChannelKey, int] = {}

    def of(self, readings: Sequence[Reading]) -> Iterable[int]:
        """The code of each reading."""
        # vars(): one look-up of the fields for all, instead of one per attribute.
        try:
            return list(map(self.__getitem__, map(_ALL, map(vars, readings))))
        except TypeError:  # further tests are a mapping, which is no key; there are some when a series begins or fails
            return [self[_KEY(vars(reading)) + _reason(reading)] for reading in readings]

    def __missing__(self, key: tuple[Any, ...]) -> int:
        channel, reason = key[:5], Reason(*key[5:])
        definition = self._definition_codes.setdefault(channel, len(self._meanings.definitions))
        if definition == len(self._meanings.definitions):
            self._meanings.definitions.append(Definition(self._site, self._device, channel))
        code = self[key] = self._meanings.add(definition, reason)
        return code


def _reason(reading: Reading) -> Reason:
    also = reading.also
    return Reason(reading.test, json.dumps(also, sort_keys=True) if also else None, reading.calibration)


def _microseconds(seconds: list[float]) -> NDArray[np.int64]:
    """Since 1970. A double holds today's seconds to a quarter of a microsecond, so rounding is exact."""
    return np.rint(np.array(seconds, dtype=np.float64) * 1e6).astype(np.int64)
