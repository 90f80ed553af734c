"""What a person at the tank does with a probe: calibrate it, begin and end maintenance, see what is going on.

The commands write files that a running agent takes up within seconds; they need neither the agent nor a network.
"""

from __future__ import annotations

import contextlib
import difflib
import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from contracts.errors import ConfigurationError
from contracts.quantities import QUANTITIES, with_unit
from edge.sensors import maintenance
from edge.sensors.calibration import Point, ProbeFile, Record, describe, fit, read_probe, record_id, write_probe
from edge.sensors.derived import possible
from edge.sensors.oxygen import oxygen_derivations
from edge.settings import EdgeSettings

DEFAULT_DAYS = {"ph": 14.0, "do": 90.0, "do_sat": 90.0, "conductivity": 180.0, "temperature": 365.0}
"""Days that a calibration holds unless said otherwise; what has no entry holds 90 days."""
MAX_POINTS = 20
_METHODS = {1: "one_point", 2: "two_point"}


def parse_point(text: str) -> tuple[float, float]:
    """``READING:REFERENCE`` as two numbers.

    Raises:
        ConfigurationError: it is not that.
    """
    reading, _, reference = text.partition(":")
    try:
        pair = float(reading), float(reference)
    except ValueError:
        pair = math.nan, math.nan
    if not all(map(math.isfinite, pair)):
        raise ConfigurationError(
            "point", text, "Write READING:REFERENCE, for example 8.80:9.09 (the page shows 8.80, the truth is 9.09)."
        )
    return pair


def calibrate(
    settings: EdgeSettings,
    channel: str,
    points: Sequence[str],
    *,
    by: str,
    days: float | None = None,
    raw: bool = False,
    note: str = "",
    now: datetime | None = None,
) -> list[str]:
    """Write a calibration record from reference points; returns what to tell the person.

    Args:
        settings: of the box; name the probe of the channel.
        channel: what was calibrated.
        points: ``READING:REFERENCE``, where READING is what the page shows.
        by: who did it.
        days: until it expires; None takes the usual time of the quantity.
        raw: the readings are the probe's own, before any calibration.
        note: for the record.
        now: when it was done.

    Raises:
        ConfigurationError: something does not fit; nothing was written.
    """
    now = (now or datetime.now(timezone.utc)).replace(microsecond=0)
    quantity, serial = _probe(settings, channel)
    if not 1 <= len(points) <= MAX_POINTS:
        raise ConfigurationError("point", len(points), f"Give 1 to {MAX_POINTS} of READING:REFERENCE.")
    if days is not None and not 0 < days <= 3660:  # noqa: PLR2004  (ten years)
        raise ConfigurationError("days", days, "Choose more than 0 and at most 3660.")
    folder = settings.quality.folder(settings.data_dir)
    path = folder / f"{serial}.yaml"
    probe = read_probe(path, quantity) if path.exists() else None
    before = probe.at(now) if probe is not None else None
    pairs = [
        Point(raw=before.raw(reading) if before is not None and not raw else reading, reference=reference)
        for reading, reference in map(parse_point, points)
    ]
    slope, offset = fit(pairs, quantity, before)
    _must_be_short("by", by, 100)
    _must_be_short("note", note, 500)
    record = Record(
        at=now,
        slope=float(f"{slope:.6g}"),
        offset=float(f"{offset:.6g}"),
        expires=now + timedelta(days=DEFAULT_DAYS.get(quantity, 90.0) if days is None else days),
        by=by,
        method=_METHODS.get(len(pairs), "many_points"),  # type: ignore[arg-type]
        points=tuple(pairs),
        note=note,
    )
    earlier = tuple(one for one in probe.records if one.at != now)[-499:] if probe is not None else ()
    with _writing(folder):
        write_probe(folder, ProbeFile(serial=serial, quantity=quantity, records=(*earlier, record)))
    return _told(channel, quantity, record, before, [record_id(serial, record), str(path)])


def check_calibrations(settings: EdgeSettings) -> None:
    """Read every record that the configuration names. The agent itself starts all the same: fish come before papers.

    Raises:
        ConfigurationError: the first file that cannot be used.
    """
    folder = settings.quality.folder(settings.data_dir)
    measured = {one.name: one.quantity for sensor in settings.sensors for one in sensor.channels}
    for serial, quantity in settings.quality.probes(measured).items():
        if (folder / f"{serial}.yaml").exists():
            read_probe(folder / f"{serial}.yaml", quantity)


def _told(channel: str, quantity: str, record: Record, before: Record | None, where: Sequence[str]) -> list[str]:
    kind = QUANTITIES[quantity]
    lines = [f"{channel}: {describe(record)}"]
    for point in record.points:
        was = before.applied(point.raw) if before is not None else point.raw
        lines.append(
            f"  reference {with_unit(point.reference, kind)}: was shown as {with_unit(was, kind)},"
            f" now {with_unit(record.applied(point.raw), kind)}"
        )
    if before is not None and record.slope / before.slope < 0.7:  # noqa: PLR2004  (a common rule for worn probes)
        lines.append("  the slope fell by more than 30 % since the last calibration: membrane or electrode may be worn")
    return [*lines, f"  record {where[0]} in {where[1]}", "  a running agent applies it within ten seconds"]


def _probe(settings: EdgeSettings, channel: str) -> tuple[str, str]:
    """Quantity and probe of a channel."""
    measured = {one.name: one.quantity for sensor in settings.sensors for one in sensor.channels}
    _must_be_one_of("channel", channel, measured)
    serial = settings.quality.of(channel).probe
    if serial is None:
        raise ConfigurationError(
            "channel",
            channel,
            f"Its probe has no name yet: add '- {{channel: {channel}, probe: SERIAL}}' under quality.channels.",
        )
    return measured[channel], serial


def begin_maintenance(
    settings: EdgeSettings,
    *,
    unit: str | None,
    channel: str | None,
    reason: str,
    by: str,
    minutes: float = maintenance.DEFAULT_MINUTES,
    now: datetime | None = None,
) -> list[str]:
    """Begin maintenance of a unit or a channel; returns what to tell the person.

    Raises:
        ConfigurationError: something does not fit; nothing was begun.
    """
    now = now or datetime.now(timezone.utc)
    if unit is not None:
        _must_be_one_of("unit", unit, [one.slug for one in settings.units])
    if channel is not None:
        measured = [(one.name, one.unit, one.quantity) for sensor in settings.sensors for one in sensor.channels]
        derived = possible(measured, oxygen_derivations(measured, settings.units, settings.alarms))
        if channel in derived:
            raise ConfigurationError("channel", channel, f"It is derived: name {derived[channel][0]}.")
        _must_be_one_of("channel", channel, [name for name, _, _ in measured])
    with _writing(settings.data_dir):
        window = maintenance.begin(
            settings.data_dir, unit=unit, channel=channel, reason=reason, by=by, minutes=minutes, now=now
        )
    return [
        f"maintenance {window.id} of {window.place} until {window.ends:%H:%M} UTC: {window.reason}",
        "  values are kept and marked; limits and silence of these channels raise no alarm until then",
        f"  end it earlier with: shoal edge maintenance stop {window.id}",
    ]


def end_maintenance(settings: EdgeSettings, which: str, *, now: datetime | None = None) -> list[str]:
    """End maintenance by id, unit or channel; returns what to tell the person.

    Raises:
        ConfigurationError: there is none.
    """
    now = now or datetime.now(timezone.utc)
    with _writing(settings.data_dir):
        ended = maintenance.end(settings.data_dir, which, now=now)
    if not ended:
        going_on = ", ".join(f"{one.id} ({one.place})" for one in maintenance.read(settings.data_dir) if one.ends > now)
        raise ConfigurationError("maintenance", which, f"No such maintenance. Going on: {going_on or 'none'}.")
    return [f"maintenance {one.id} of {one.place} is over" for one in ended]


def list_maintenance(settings: EdgeSettings, *, now: datetime | None = None) -> list[str]:
    """What is worked on, one line each."""
    now = now or datetime.now(timezone.utc)
    going_on = [one for one in maintenance.read(settings.data_dir) if one.ends > now]
    return [
        f"{one.id}  {one.place}  until {one.ends:%Y-%m-%d %H:%M} UTC  {one.reason}{f' ({one.by})' if one.by else ''}"
        for one in going_on
    ] or ["nothing is in maintenance"]


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            "data_dir",
            str(folder),
            f"It cannot be written ({error}): run the command as the agent's user, or with sudo.",
        ) from error


def _must_be_short(field: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise ConfigurationError(field, f"{text[:30]}...", f"Write at most {longest} characters.")


def _must_be_one_of(field: str, value: str, known: Sequence[str] | dict[str, str]) -> None:
    if value not in known:
        near = difflib.get_close_matches(value, list(known), n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise ConfigurationError(field, value, f"{hint}Known are {', '.join(sorted(known))}.")
