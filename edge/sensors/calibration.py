"""Calibration records of probes: files that people and instruments write, applied to readings and cited by them.

One file per probe, ``<serial>.yaml``, with all its records; the newest that had begun when a reading was observed applies:
``value = slope * raw + offset``. Files are looked at every few seconds, so a new record needs no restart. A file that cannot
be used leaves the last good one in force and shows as a trouble; the box goes on measuring.
"""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from contracts.base import UtcDatetime
from contracts.errors import ConfigurationError
from edge.sections import QuantityCode, Section

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.

LOOK_EVERY_S = 5.0
"""How soon a new record is noticed."""
MAX_FILE_BYTES = 1_000_000
SLOPE_LOW, SLOPE_HIGH = 0.2, 5.0
"""Slopes outside this are no calibration but a wrong scale or a dead probe."""
PROPORTIONAL = frozenset({"do", "do_sat", "conductivity", "salinity", "turbidity", "tan", "flow"})
"""Quantities whose probes lose sensitivity: one reference corrects the slope. Of all others it corrects the offset."""


class Point(Section):
    """One comparison: what the probe said in a known reference."""

    raw: float = Field(allow_inf_nan=False)
    """What the probe said, before any calibration, in the quantity's unit."""
    reference: float = Field(allow_inf_nan=False)
    """What is true: the buffer, saturated air, the hand meter, in the same unit."""


class Record(Section):
    """One calibration of one probe."""

    at: UtcDatetime
    """When it was done; readings from then on are corrected by it."""
    slope: float = Field(default=1.0, ge=SLOPE_LOW, le=SLOPE_HIGH)
    """Multiplier of what the probe says."""
    offset: float = Field(default=0.0, allow_inf_nan=False)
    """Added after the slope, in the quantity's unit."""
    expires: UtcDatetime | None = None
    """From then on values are suspect (``calibration_expired``); None never expires."""
    by: str = Field(default="", max_length=100)
    """Who did it."""
    method: Literal["factory", "one_point", "two_point", "many_points"] = "factory"
    """How it was done."""
    points: tuple[Point, ...] = Field(default=(), max_length=20)
    """The comparisons that slope and offset come from."""
    note: str = Field(default="", max_length=500)
    """Lot of the buffer, state of the membrane."""

    @model_validator(mode="after")
    def _holds_together(self) -> Record:
        if self.expires is not None and self.expires <= self.at:
            raise ValueError("'expires' is not after 'at'")
        if self.method in {"one_point", "two_point"}:
            for point in self.points:
                off = abs(self.slope * point.raw + self.offset - point.reference)
                if off > 0.01 + 0.02 * abs(point.reference):
                    raise ValueError(
                        f"slope and offset turn {point.raw:g} into {self.slope * point.raw + self.offset:g}, and its point"
                        f" says {point.reference:g}: write the slope and offset that the points give"
                    )
        return self

    def applied(self, raw: float) -> float:
        """The corrected value."""
        return self.slope * raw + self.offset

    def raw(self, value: float) -> float:
        """What the probe said, from a corrected value."""
        return (value - self.offset) / self.slope


class ProbeFile(Section):
    """All calibrations of one probe."""

    serial: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")
    """Serial number; the file is named after it."""
    quantity: QuantityCode
    """What the calibrated output of the probe measures."""
    records: tuple[Record, ...] = Field(min_length=1, max_length=500)
    """Calibrations, in any order."""

    @model_validator(mode="after")
    def _moments_differ(self) -> ProbeFile:
        if len({record.at for record in self.records}) < len(self.records):
            raise ValueError("two records have the same 'at'")
        return self

    def at(self, moment: datetime) -> Record | None:
        """The record that applied at ``moment``."""
        begun = [record for record in self.records if record.at <= moment]
        return max(begun, key=lambda record: record.at, default=None)


def record_id(serial: str, record: Record) -> str:
    """The identity that readings cite: serial and moment."""
    return f"{serial}@{record.at:%Y%m%dT%H%M%SZ}"


def read_probe(path: Path, quantity: str | None = None) -> ProbeFile:
    """Read one file, and refuse it when it is not of ``quantity``.

    Raises:
        ConfigurationError: it cannot be used; names field, value and remedy.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError("calibration", str(path), "It is larger than 1 MB: this is no calibration file.")
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "calibration", str(path), f"It cannot be read ({error}): give the agent's user the right."
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # the latter from YAML's own dates and depths
        raise ConfigurationError(
            "calibration", str(path), f"It is not YAML: {' '.join(str(error).split())}."
        ) from error
    try:
        probe = ProbeFile.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "calibration"
        raise ConfigurationError(
            f"{path.name}: {field}", first.get("input"), f"{first['msg']}. See firmware_configs/calibration/README.md."
        ) from error
    if probe.serial != path.stem:
        raise ConfigurationError(f"{path.name}: serial", probe.serial, f"Name the file {probe.serial}.yaml.")
    if quantity not in {None, probe.quantity}:
        raise ConfigurationError(
            f"{path.name}: quantity",
            probe.quantity,
            f"Its channel measures {quantity}: correct one of them. A probe that measures several quantities has a file, and a"
            " name, for each.",
        )
    return probe


def write_probe(folder: Path, probe: ProbeFile) -> Path:
    """Write a probe's file so that a reader sees the old or the new one, never half; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{probe.serial}.yaml"
    text = yaml.safe_dump(probe.model_dump(mode="json", exclude_defaults=True), sort_keys=False, allow_unicode=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{probe.serial}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    return path


def fit(points: Sequence[Point], quantity: str, before: Record | None) -> tuple[float, float]:
    """Slope and offset that the points give.

    One point corrects the slope of probes that lose sensitivity (oxygen, conductivity) and keeps the offset of the record
    ``before``; of others (pH, temperature) it corrects the offset and keeps the slope. Several points: least squares.

    Raises:
        ConfigurationError: the points give no usable calibration.
    """
    slope, offset = (before.slope, before.offset) if before is not None else (1.0, 0.0)
    if len(points) == 1:
        point = points[0]
        if quantity not in PROPORTIONAL:
            offset = point.reference - slope * point.raw
        elif point.raw == 0:
            raise ConfigurationError(
                "point",
                f"{point.raw:g}:{point.reference:g}",
                "A probe that says 0 gives no slope: use a higher reference.",
            )
        else:
            slope = (point.reference - offset) / point.raw
    else:
        mean_raw = math.fsum(point.raw for point in points) / len(points)
        mean_reference = math.fsum(point.reference for point in points) / len(points)
        spread = math.fsum((point.raw - mean_raw) ** 2 for point in points)
        if spread == 0:
            raise ConfigurationError("point", f"{mean_raw:g}", "All points have the same reading: use two references.")
        both = math.fsum((point.raw - mean_raw) * (point.reference - mean_reference) for point in points)
        slope = both / spread
        offset = mean_reference - slope * mean_raw
    if not SLOPE_LOW <= slope <= SLOPE_HIGH:
        raise ConfigurationError(
            "point",
            ", ".join(f"{point.raw:g}:{point.reference:g}" for point in points),
            f"They give a slope of {slope:.3g}, and a working probe has {SLOPE_LOW:g} to {SLOPE_HIGH:g}: check that reading and"
            " reference are not exchanged, then the membrane and the mapping's scale.",
        )
    return slope, offset


class ChangeKind(str, Enum):
    """What happened to the calibration of a probe."""

    APPLIED = "applied"
    EXPIRED = "expired"
    REFUSED = "refused"


@dataclass(frozen=True)
class Change:
    """Something that happened to the calibration of a probe."""

    serial: str
    kind: ChangeKind
    message: str


class Calibrations:
    """The probes of one box and their records, as far as they can be read.

    Args:
        folder: where the files are; need not exist.
        probes: quantity of every probe that the configuration names, by serial.
    """

    def __init__(self, folder: Path, probes: Mapping[str, str]) -> None:
        self.folder = folder
        self._quantities = dict(probes)
        self._serials = tuple(probes)
        self._seen: dict[str, tuple[int, int] | None] = dict.fromkeys(self._serials)
        self._probes: dict[str, ProbeFile] = {}
        self._in_force: dict[str, Record | None] = dict.fromkeys(self._serials)
        self._expired: set[str] = set()
        self._looked_s = -math.inf
        self.troubles: dict[str, str] = {}
        """What is wrong with a probe's file, by serial."""

    def look(self, now: datetime, *, now_s: float) -> list[Change]:
        """Read what has changed since the last look; cheap, at most every five seconds."""
        if now_s - self._looked_s < LOOK_EVERY_S:
            return []
        self._looked_s = now_s
        changes: list[Change] = []
        for serial in self._serials:
            refused = self._read(serial)
            if refused is not None:
                changes.append(refused)
            changes += self._follow(serial, now)
        return changes

    def at(self, serial: str, moment: datetime) -> Record | None:
        """The record that applied at ``moment``; None when the probe has none."""
        newest = self._in_force.get(serial)
        if newest is not None and newest.at <= moment:
            return newest
        probe = self._probes.get(serial)
        return probe.at(moment) if probe is not None else None

    def newest(self, serial: str) -> Record | None:
        """The newest record, for a box that counts time without knowing it."""
        probe = self._probes.get(serial)
        return max(probe.records, key=lambda record: record.at) if probe is not None else None

    def _read(self, serial: str) -> Change | None:
        path = self.folder / f"{serial}.yaml"
        try:
            stat = path.stat()
        except OSError:
            return None  # no file yet, or taken away: what was applied stays in force
        stamp = (stat.st_mtime_ns, stat.st_size)
        if stamp == self._seen[serial]:
            return None
        self._seen[serial] = stamp
        try:
            self._probes[serial] = read_probe(path, self._quantities[serial])
        except ConfigurationError as error:
            self.troubles[serial] = str(error)
            return Change(serial, ChangeKind.REFUSED, str(error))
        self.troubles.pop(serial, None)
        return None

    def _follow(self, serial: str, now: datetime) -> Iterable[Change]:
        probe = self._probes.get(serial)
        record = probe.at(now) if probe is not None else None
        if record is None:
            return
        if record != self._in_force[serial]:
            self._in_force[serial] = record
            self._expired.discard(serial)
            yield Change(serial, ChangeKind.APPLIED, f"{record_id(serial, record)}: {describe(record)}")
        if record.expires is not None and record.expires <= now and serial not in self._expired:
            self._expired.add(serial)
            yield Change(
                serial, ChangeKind.EXPIRED, f"{record_id(serial, record)} expired on {record.expires:%Y-%m-%d}"
            )


def describe(record: Record) -> str:
    """A record in a few words for people."""
    by = f" by {record.by}" if record.by else ""
    until = f", valid until {record.expires:%Y-%m-%d}" if record.expires is not None else ""
    return f"value = {record.slope:.4g} x reading {record.offset:+.4g} ({record.method}{by}, {record.at:%Y-%m-%d %H:%M} UTC{until})"
