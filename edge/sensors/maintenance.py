"""Maintenance: somebody works on a unit or a probe, for a stated reason, until a stated time.

Readings go on, are flagged SUSPECT with test ``maintenance`` and kept; limits, silence and interlocks of exactly these channels
rest meanwhile. The windows are a file in ``data_dir``, written by the command and read by the agent within seconds, so they
survive a restart. A window ends by itself by the wall clock or by the box's own count, whichever comes first: a clock that
jumps back cannot keep fish unwatched.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from contracts.base import ChannelName, Slug, UtcDatetime
from contracts.errors import ConfigurationError
from edge.sections import Section

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.

FILE = "maintenance.json"
"""Name of the file in ``data_dir``."""
DEFAULT_MINUTES, MAX_MINUTES = 60, 480
"""How long a window lasts unless said otherwise, and at most; source: facts on maintenance modes (60 min, 8 h)."""
MAX_WINDOWS = 200
LOOK_EVERY_S = 2.0
"""How soon the agent notices what a command wrote."""


class Window(Section):
    """One maintenance."""

    id: str = Field(min_length=1, max_length=40)
    """Short name, to end it by."""
    unit: Slug | None = None
    """Unit whose channels are all worked on; None when ``channel`` names one."""
    channel: ChannelName | None = None
    """The one channel that is worked on; None when ``unit`` names all of a unit."""
    reason: str = Field(min_length=3, max_length=200)
    """Why, for whoever wonders."""
    by: str = Field(default="", max_length=100)
    """Who."""
    begins: UtcDatetime
    """Since when."""
    ends: UtcDatetime
    """When it ends by itself."""

    @model_validator(mode="after")
    def _holds_together(self) -> Window:
        if (self.unit is None) == (self.channel is None):
            raise ValueError("give a unit or a channel, not both")
        if not timedelta(0) < self.ends - self.begins <= timedelta(minutes=MAX_MINUTES):
            raise ValueError(f"it lasts longer than {MAX_MINUTES} minutes, or not at all")
        return self

    @property
    def place(self) -> str:
        """What is worked on."""
        return self.channel or self.unit or ""

    def covers(self, channel: str, unit: str) -> bool:
        """Whether a channel is part of it."""
        return self.channel == channel or self.unit == unit


_WINDOWS = TypeAdapter(tuple[Window, ...])


def begin(
    data_dir: Path,
    *,
    unit: str | None,
    channel: str | None,
    reason: str,
    by: str,
    minutes: float,
    now: datetime,
) -> Window:
    """Add a window to the file; the agent takes it up within seconds.

    Raises:
        ConfigurationError: something is missing or out of range.
    """
    if not 0 < minutes <= MAX_MINUTES:
        raise ConfigurationError("minutes", minutes, f"Choose up to {MAX_MINUTES}; a longer work is begun again.")
    try:
        window = Window(
            id=uuid.uuid4().hex[:6],
            unit=unit,
            channel=channel,
            reason=reason.strip(),
            by=by,
            begins=now,
            ends=now + timedelta(minutes=minutes),
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "unit or channel"
        raise ConfigurationError(
            field, reason if field == "reason" else f"{unit}, {channel}", f"{first['msg']}."
        ) from error
    with _changing(data_dir) as windows:
        windows[:] = [one for one in windows if one.ends > now][-(MAX_WINDOWS - 1) :]
        windows.append(window)
    return window


def end(data_dir: Path, which: str, *, now: datetime) -> list[Window]:
    """End windows by id, unit or channel; returns those that were ended."""
    with _changing(data_dir) as windows:
        ended = [one for one in windows if which in {one.id, one.unit, one.channel} and one.ends > now]
        windows[:] = [one for one in windows if one not in ended and one.ends > now]
    return ended


def read(data_dir: Path) -> tuple[Window, ...]:
    """All windows in the file, those that have ended too; none when there is no file or it is spoiled."""
    try:
        return _WINDOWS.validate_json((data_dir / FILE).read_bytes())
    except (OSError, ValidationError):
        return ()


@contextlib.contextmanager
def _changing(data_dir: Path) -> Iterator[list[Window]]:
    """The windows to be changed, alone with the file; what is left in the list is written back in one step."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / f"{FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        windows = list(read(data_dir))
        yield windows
        handle, temporary = tempfile.mkstemp(dir=data_dir, prefix=f".{FILE}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump([json.loads(window.model_dump_json()) for window in windows], file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(data_dir / FILE)


@dataclass(frozen=True)
class Ended:
    """A window that is over, and why."""

    window: Window
    reason: str


class Maintenance:
    """What is worked on right now, as the agent knows it.

    Args:
        data_dir: folder of the file.
        units: unit of every measured channel.
        derived: the measured channel that each derived one is made from, and is worked on with.
        now: wall clock.
        monotonic: count that no one can set.
    """

    def __init__(
        self,
        data_dir: Path,
        units: Mapping[str, str],
        *,
        derived: Mapping[str, str],
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._data_dir = data_dir
        self._units = dict(units)
        self._derived = dict(derived)
        self._now = now
        self._monotonic = monotonic
        self._deadline_s: dict[str, float] = {}
        """When each window ends by our own count; kept after its end, so that a clock set back does not revive it."""
        self._windows: tuple[Window, ...] = ()
        self._active: tuple[Window, ...] = ()
        self._covered: dict[str, Window] = {}
        self._looked_s: float | None = None
        self._seen: tuple[int, int] | None = None

    def look(self) -> tuple[list[Window], list[Ended]]:
        """Windows that have begun and ended since the last look; call about once a second."""
        now, now_s = self._now(), self._monotonic()
        if self._looked_s is None or now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._read(now, now_s)
        active = tuple(one for one in self._windows if now < one.ends and now_s < self._deadline_s[one.id])
        begun = [one for one in active if one not in self._active]
        ended = [
            Ended(one, "ended" if one not in self._windows else "expired") for one in self._active if one not in active
        ]
        if begun or ended:
            self._active = active
            covered = {
                channel: window
                for window in active
                for channel, unit in self._units.items()
                if window.covers(channel, unit)
            }
            self._covered = covered | {name: covered[main] for name, main in self._derived.items() if main in covered}
        return begun, ended

    def of(self, channel: str) -> Window | None:
        """The window that a channel is in right now."""
        return self._covered.get(channel)

    def covers(self, channel: str) -> bool:
        """Whether somebody works on a channel's probe right now, so that its value decides nothing."""
        return channel in self._covered

    def active(self) -> tuple[Window, ...]:
        """What is worked on right now."""
        return self._active

    def _read(self, now: datetime, now_s: float) -> None:
        try:
            stat = (self._data_dir / FILE).stat()
        except OSError:
            self._windows, self._seen = (), None
            return
        stamp = (stat.st_mtime_ns, stat.st_size)
        if stamp == self._seen:
            return
        self._seen = stamp
        self._windows = read(self._data_dir)
        for window in self._windows:
            longest_s = (window.ends - window.begins).total_seconds()
            left_s = min(max(0.0, (window.ends - now).total_seconds()), longest_s)
            self._deadline_s.setdefault(window.id, now_s + left_s)
        known = {window.id for window in self._windows}
        self._deadline_s = {name: at_s for name, at_s in self._deadline_s.items() if name in known}
