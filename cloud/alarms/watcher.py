"""The second pair of eyes: a site, a box or a probe that has gone silent is an alarm here, because a dead box raises none.

Every ten seconds, from what the store last received. One alarm per condition: what a box has raised itself is not raised again,
and what is raised here first becomes the box's alarm when its own arrives (``writer``). While a whole site is dark, or without
power, alarms that only follow from it are suppressed: they stay in the list and call nobody. Several watchers may run; one works.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from psycopg import Connection
from psycopg.rows import class_row

from cloud.alarms.conditions import claim
from cloud.alarms.raising import NewAlarm, clear_alarm, raise_alarm
from cloud.alarms.rules import (
    DARK_AFTER,
    SILENT_AFTER,
    certificate_ends,
    is_parent,
    is_silence,
    is_silent,
    is_watched,
    suppressible,
)
from cloud.kit.own_thread import DatabaseThread
from cloud.metrics import WATCH_ALARMS
from contracts.alarms import Severity
from contracts.quantities import LIFE_CRITICAL, QUANTITIES

log = structlog.get_logger()

ROUND_S = 10.0
CERTIFICATES_EVERY = timedelta(minutes=5)
HEARTBEATS = timedelta(days=7)
"""A heartbeat that is older raises and clears nothing; its box is long known to be silent."""
_LOCK = 7_242_001
"""Advisory lock of the watcher that works."""

_SITES = """
SELECT s.id, s.name, max(d.last_seen_at) AS last_seen_at
FROM site AS s JOIN device AS d ON d.site_id = s.id WHERE d.last_seen_at IS NOT NULL GROUP BY s.id
"""
_DEVICES = """
SELECT d.id, d.site_id, d.name, d.last_seen_at FROM device AS d WHERE d.last_seen_at IS NOT NULL
"""
# Channels that their box still has; the usual period is the median gap of the last readings.
_STREAMS = """
SELECT c.id, c.name, d.site_id, c.device_id, c.unit_id, u.name AS unit, c.quantity, latest.observed_at, d.last_seen_at,
       period.seconds AS period_s
FROM channel AS c
JOIN device AS d ON d.id = c.device_id
JOIN unit AS u ON u.id = c.unit_id
JOIN reading_latest AS latest ON latest.channel_id = c.id
LEFT JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY gap.seconds) AS seconds FROM (
        SELECT extract(epoch FROM observed_at - lag(observed_at) OVER (ORDER BY observed_at)) AS seconds FROM (
            SELECT observed_at FROM reading WHERE channel_id = c.id
              AND observed_at > latest.observed_at - INTERVAL '3 days' AND observed_at <= latest.observed_at
            ORDER BY observed_at DESC LIMIT 21
        ) AS recent
    ) AS gap
) AS period ON latest.observed_at < %(before)s
WHERE c.quantity = ANY(%(quantities)s) AND NOT c.derived
  AND d.inventory -> 'channels' @> jsonb_build_array(jsonb_build_object('name', c.name))
"""
# Of the newest heartbeat of every box; what it says changes in months.
_CERTIFICATES = """
SELECT d.id, d.site_id, d.name, beat.body ->> 'certificate_expires_at' AS told
FROM device AS d CROSS JOIN LATERAL (
    SELECT body FROM device_health WHERE device_id = d.id AND observed_at > %s ORDER BY observed_at DESC LIMIT 1
) AS beat
"""
_OPEN = """
SELECT id, site_id, device_id, unit_id, subject, definition, quantity, origin, suppressed_by FROM alarm
WHERE cleared_at IS NULL
"""


@dataclass(frozen=True)
class _Open:
    id: Any
    site_id: int
    device_id: int | None
    unit_id: int | None
    subject: str | None
    definition: str
    quantity: str | None
    origin: str
    suppressed_by: Any


@dataclass(frozen=True)
class _Site:
    id: int
    name: str
    last_seen_at: datetime


@dataclass(frozen=True)
class _Device:
    id: int
    site_id: int
    name: str
    last_seen_at: datetime


@dataclass(frozen=True)
class _Certificate:
    id: int
    site_id: int
    name: str
    told: str | None

    @property
    def ends_at(self) -> datetime | None:
        """None where it shows none, and for what is no moment: a broken word of one box must not blind the watch over all others."""
        if self.told is None:
            return None
        try:
            moment = datetime.fromisoformat(self.told.replace("Z", "+00:00"))
        except ValueError:
            return None
        return None if moment.tzinfo is None else moment


@dataclass(frozen=True)
class _Stream:
    id: int
    name: str
    site_id: int
    device_id: int
    unit_id: int
    unit: str
    quantity: str
    observed_at: datetime
    last_seen_at: datetime | None
    period_s: float | None


@dataclass(frozen=True)
class _Condition:
    """Something that holds now and must be an alarm."""

    site_id: int
    definition: str
    severity: Severity
    since: datetime
    limit: timedelta
    message: str
    action: str
    device_id: int | None = None
    unit_id: int | None = None
    channel_id: int | None = None
    subject: str | None = None
    quantity: str | None = None
    source: str = "silence seen from the server"

    @property
    def key(self) -> tuple[Any, ...]:
        """One active alarm per key."""
        return self.site_id, self.definition, self.device_id, self.unit_id, self.subject


class Watcher(DatabaseThread):
    """Looks at everything that should be heard from.

    Args:
        now: wall clock in UTC.
    """

    def __init__(self, database_url: str, *, now: Callable[[], datetime]) -> None:
        super().__init__("watcher", database_url)
        self._now = now
        self._certificates: list[_Certificate] = []
        self._certificates_at: datetime | None = None

    def _serve(self, database: Connection[Any], stop: threading.Event) -> None:
        """The first round waits: after a restart, what was on the way arrives first."""
        while not stop.wait(ROUND_S):
            self.round(database)

    def round(self, database: Connection[Any]) -> None:
        """Raise, clear and suppress in one transaction; nothing happens while another watcher is at it."""
        with database.transaction():
            row = database.execute("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK,)).fetchone()
            if row is None or not row[0]:
                return
            now = self._now()
            holding = self._conditions(database, now)
            self._raise_and_clear(database, holding, now)
            self._suppress(database)

    def _conditions(self, database: Connection[Any], now: datetime) -> dict[tuple[Any, ...], _Condition]:
        found: list[_Condition] = []
        dark: set[int] = set()
        with database.cursor(row_factory=class_row(_Site)) as sites:
            for site in sites.execute(_SITES):
                if is_silent(site.last_seen_at, now, DARK_AFTER):
                    dark.add(site.id)
                    found.append(_site_dark(site))
        quiet: set[int] = set()
        with database.cursor(row_factory=class_row(_Device)) as devices:
            for device in devices.execute(_DEVICES):
                if is_silent(device.last_seen_at, now, DARK_AFTER):
                    quiet.add(device.id)
                    if device.site_id not in dark:
                        found.append(_device_silent(device))
        parameters = {"quantities": sorted(LIFE_CRITICAL), "before": now - SILENT_AFTER}
        with database.cursor(row_factory=class_row(_Stream)) as streams:
            for stream in streams.execute(_STREAMS, parameters):
                limit = max(SILENT_AFTER, timedelta(seconds=3 * (stream.period_s or 0)))
                if stream.device_id not in quiet and is_silent(stream.observed_at, now, limit):
                    found.append(_stream_silent(stream, limit))
        found += self._certificates_ending(database, now)
        return {condition.key: condition for condition in found}

    def _certificates_ending(self, database: Connection[Any], now: datetime) -> list[_Condition]:
        """Looked up every five minutes: one look at every box's heartbeats is dearer than all the rest of a round."""
        if self._certificates_at is None or now - self._certificates_at >= CERTIFICATES_EVERY:
            with database.cursor(row_factory=class_row(_Certificate)) as rows:
                self._certificates = rows.execute(_CERTIFICATES, (now - HEARTBEATS,)).fetchall()
            self._certificates_at = now
        found = []
        for one in self._certificates:
            ends_at = one.ends_at
            ending = None if ends_at is None else certificate_ends(ends_at, now)
            if ends_at is not None and ending is not None:
                found.append(_certificate_ending(one, ends_at, *ending, now=now))
        return found

    def _raise_and_clear(
        self, database: Connection[Any], holding: dict[tuple[Any, ...], _Condition], now: datetime
    ) -> None:
        claim(database)
        with database.cursor(row_factory=class_row(_Open)) as cursor:
            opened = {_key_of(alarm): alarm for alarm in cursor.execute(_OPEN)}
        for key, condition in holding.items():
            if key in opened:
                continue
            new = NewAlarm(
                site_id=condition.site_id,
                unit_id=condition.unit_id,
                device_id=condition.device_id,
                channel_id=condition.channel_id,
                subject=condition.subject,
                definition=condition.definition,
                severity=condition.severity,
                since=condition.since,
                value=(now - condition.since).total_seconds(),
                limit=condition.limit.total_seconds(),
                ucum="s",
                quantity=condition.quantity,
                message=condition.message,
                action=condition.action,
                source=condition.source,
            )
            raise_alarm(database, new, now=now, actor="watcher")
            WATCH_ALARMS.labels(condition.definition).inc()
            log.warning("watch_raised", definition=condition.definition, message=condition.message)
        told = {one.id for one in self._certificates}
        for key, alarm in opened.items():
            # A certificate of a box that says nothing any more has not been renewed by that.
            over = is_silence(alarm.definition) or alarm.device_id in told
            if over and alarm.origin == "cloud" and is_watched(alarm.definition) and key not in holding:
                clear_alarm(database, alarm.id, now=now, actor="watcher")
                log.info("watch_cleared", definition=alarm.definition, alarm=str(alarm.id))

    def _suppress(self, database: Connection[Any]) -> None:
        with database.cursor(row_factory=class_row(_Open)) as cursor:
            alarms = cursor.execute(_OPEN).fetchall()
        parents = [alarm for alarm in alarms if is_parent(alarm.definition, alarm.quantity)]
        for alarm in alarms:
            explaining = [
                parent.id
                for parent in parents
                if parent.site_id == alarm.site_id
                and parent.id != alarm.id
                and suppressible(alarm.definition, parent.definition)
            ]
            # The one that explained it before goes on doing so, so that the record does not change without need.
            wanted = alarm.suppressed_by if alarm.suppressed_by in explaining else next(iter(explaining), None)
            if wanted != alarm.suppressed_by:
                database.execute("UPDATE alarm SET suppressed_by = %s WHERE id = %s", (wanted, alarm.id))


def _key_of(alarm: _Open) -> tuple[Any, ...]:
    return alarm.site_id, alarm.definition, alarm.device_id, alarm.unit_id, alarm.subject


def _site_dark(site: _Site) -> _Condition:
    return _Condition(
        site.id,
        "site.dark",
        Severity.CRITICAL,
        site.last_seen_at,
        DARK_AFTER,
        f"{site.name} is dark: nothing has been heard from any of its boxes",
        "Call the site. Power, network or the box itself has failed; fish may be without watch. Somebody must go and look.",
    )


def _device_silent(device: _Device) -> _Condition:
    return _Condition(
        device.site_id,
        "device.silent",
        Severity.MAJOR,
        device.last_seen_at,
        DARK_AFTER,
        f"The box {device.name} is silent",
        "Look at its power and network. Alarms and actuators of its units work on the box, if it runs; nobody can see it.",
        device_id=device.id,
    )


def _stream_silent(stream: _Stream, limit: timedelta) -> _Condition:
    label = QUANTITIES[stream.quantity].label
    return _Condition(
        stream.site_id,
        f"{stream.quantity}.silent",
        Severity.CRITICAL,
        stream.observed_at,
        limit,
        f"{label} in {stream.unit} is silent, though its box is heard",
        "Measure by hand, then look at the probe and its cable.",
        device_id=stream.device_id,
        unit_id=stream.unit_id,
        channel_id=stream.id,
        subject=stream.name,
        quantity=stream.quantity,
    )


def _certificate_ending(
    one: _Certificate, ends_at: datetime, definition: str, severity: Severity, limit: timedelta, *, now: datetime
) -> _Condition:
    ended = now >= ends_at
    return _Condition(
        one.site_id,
        definition,
        severity,
        ends_at - limit,
        limit,
        f"The certificate of the box {one.name} {'ended' if ended else 'ends'} on {ends_at:%Y-%m-%d %H:%M} UTC; then it is heard"
        " no more",
        "On the box: shoal edge renew-certificate, and look why its timer has not done it. Without it the box still guards its fish.",
        device_id=one.id,
        source="heartbeat of the box",
    )
