"""A recorded file to moments with numbers, and the moments to a pace. Reads the file row by row, whatever its length."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TextIO

from edge.sensors.drivers.replay.settings import RecordedChannel, ReplaySensor


class SeriesError(ValueError):
    """The file is not laid out as the settings say; the message names the column."""


@dataclass
class Moment:
    """What was recorded at one moment."""

    at: datetime
    numbers: dict[str, float] = field(default_factory=dict)
    """By channel name."""
    faults: int = 0
    """Texts that are neither a number nor a known mark for none."""


def open_text(settings: ReplaySensor) -> TextIO:
    """The file as text.

    Raises:
        OSError: it cannot be opened.
    """
    if settings.file.suffix == ".gz":
        return gzip.open(settings.file, "rt", encoding="utf-8-sig", newline="")
    return settings.file.open(encoding="utf-8-sig", newline="")


def moments(settings: ReplaySensor, text: Iterable[str]) -> Iterator[Moment]:
    """Everything that was recorded, in the order of the file.

    Raises:
        SeriesError: a column is missing, or a moment cannot be read.
    """
    rows = csv.DictReader(text, delimiter=settings.separator)
    named = set(rows.fieldnames or ())
    needed = {settings.time_column}
    needed |= (
        {settings.name_column, settings.value_column}
        if settings.layout == "long"
        else {channel.column for channel in settings.channels}
    )
    if missing := sorted(needed - named):
        raise SeriesError(f"no column {missing[0]!r}; the file has {', '.join(sorted(named)) or 'none'}")
    by_column: dict[str, list[RecordedChannel]] = {}
    for channel in settings.channels:
        by_column.setdefault(channel.column, []).append(channel)
    pending: Moment | None = None
    for number, row in enumerate(rows, start=2):
        at = _moment(settings, row[settings.time_column] or "", number)
        if pending is not None and (settings.layout == "wide" or pending.at != at):
            yield pending
            pending = None
        pending = pending or Moment(at)
        texts = [(row[settings.name_column], row[settings.value_column])] if settings.layout == "long" else row.items()
        for column, said in texts:
            _take(settings, pending, by_column.get(column, ()), said)
    if pending is not None:
        yield pending


def play(settings: ReplaySensor) -> Iterator[Moment]:
    """The recorded file, once.

    Raises:
        SeriesError: it is not laid out as the settings say.
        OSError: it cannot be read.
    """
    with closing(open_text(settings)) as text:
        yield from moments(settings, text)


def _take(settings: ReplaySensor, moment: Moment, channels: Iterable[RecordedChannel], said: str | None) -> None:
    text = (said or "").strip()
    if text in settings.missing:
        return
    for channel in channels:
        try:
            number = float(text)
        except ValueError:
            moment.faults += 1
            continue
        if math.isfinite(number):
            moment.numbers[channel.name] = channel.scaled(number)
        else:
            moment.faults += 1


def _moment(settings: ReplaySensor, text: str, row: int) -> datetime:
    try:
        if settings.time_format is None:
            at = datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not read the Z
        else:
            at = datetime.strptime(text, settings.time_format)  # noqa: DTZ007  (the zone follows)
    except ValueError:
        raise SeriesError(f"row {row}: {text!r} in column {settings.time_column!r} is no moment") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone(timedelta(hours=settings.utc_offset_h)))
    return at.astimezone(timezone.utc)


class Pace:
    """When each recorded moment is due, in monotonic seconds; clocks that went back and long pauses are smoothed over."""

    def __init__(self, *, speed: float, max_gap_s: float, now_s: float) -> None:
        self._speed = speed
        self._max_gap_s = max_gap_s
        self._due_s = now_s
        self._last: datetime | None = None

    def due_s(self, at: datetime) -> float:
        """When this moment is due; call it for each in turn."""
        if self._last is not None and self._speed:
            gap_s = min(max((at - self._last).total_seconds(), 0.0), self._max_gap_s)
            self._due_s += gap_s / self._speed
        self._last = at
        return self._due_s

    def again(self) -> None:
        """The series starts over: its first moment follows the last at once."""
        self._last = None
