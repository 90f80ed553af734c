"""Upkeep of the time series: roll up what changed, turn old readings into columns, drop what is older than its time.

The ingest runs ``Maintainer`` beside its writers, and ``shoal cloud maintain`` does one round; whoever comes second to
the same database leaves. There are no jobs of TimescaleDB's scheduler: one way that runs on both engines, with settings
in one place, is easier to trust than two.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg
import structlog

from cloud.db import bulk
from cloud.db.session import psycopg_url
from cloud.db.timeseries import (
    DEVICE_HEALTH,
    OBSERVATION,
    READING,
    READING_1D,
    READING_1H,
    READING_1M,
    ROLLUP_TABLES,
    TABLES,
    TimeseriesHealth,
    TimeseriesTable,
    engine_of,
)
from cloud.kit.own_thread import OwnThread
from cloud.metrics import STORE_BYTES, STORE_MAINTAINED_AT, STORE_STRAY_ROWS
from cloud.settings import RetentionSettings

log = structlog.get_logger()

_FORGET = (
    "DELETE FROM reading_free WHERE received_at < %s",
    "DELETE FROM message_free WHERE received_at < %s",
)
_LOCK = 0x5408A2  # any number but that of the migrations; the same in every process


@dataclass(frozen=True)
class MaintenanceReport:
    """What one round did.

    Attributes:
        refreshed_days: days whose rollups were brought up to date.
        compressed: chunks that became columns.
        dropped: chunks dropped, of all tables together.
        forgotten: batches of readings, and messages, that waited in vain for the time of their box.
        health: of every table.
    """

    refreshed_days: int
    compressed: int
    dropped: int
    forgotten: int
    health: tuple[TimeseriesHealth, ...]


def maintain(database_url: str, retention: RetentionSettings, now: datetime) -> MaintenanceReport | None:
    """One round; None when another process is at it.

    Raises:
        psycopg.Error: the database is away or refused; what was done so far stays done, and the next round goes on.
    """
    # Dropping a partition waits for whoever reads it; behind us nobody shall wait for long.
    options = "-c lock_timeout=5s -c statement_timeout=0 -c timezone=UTC"
    with psycopg.connect(
        psycopg_url(database_url),
        autocommit=True,
        application_name="shoal-maintain",
        connect_timeout=5,
        options=options,
    ) as database:
        bulk.register(database)
        row = database.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
        if row is None or not row[0]:
            return None
        return _round(database, retention, now)


def _round(database: psycopg.Connection[Any], retention: RetentionSettings, now: datetime) -> MaintenanceReport:
    """Roll up before anything is dropped: what was never rolled up must not be lost."""
    engine = engine_of(database)
    refreshed = engine.refresh_changed(database, now)
    compressed = 0
    if (columns_before := _before(now, retention.compress_after_days)) is not None:
        compressed = engine.compress(database, READING, columns_before)
    dropped = 0
    for table, days in _lifetimes(retention):
        if (before := _before(now, days)) is not None:
            with database.transaction():
                dropped += engine.drop_old(database, table, before)
    forgotten = 0
    if (before := _before(now, retention.retention_waiting_days)) is not None:
        forgotten = sum(database.execute(statement, (before,)).rowcount for statement in _FORGET)
    health = tuple(engine.health(database, table) for table in (*TABLES, *ROLLUP_TABLES))
    return MaintenanceReport(refreshed, compressed, dropped, forgotten, health)


def _lifetimes(retention: RetentionSettings) -> tuple[tuple[TimeseriesTable, float | None], ...]:
    return (
        (READING, retention.retention_raw_days),
        (READING_1M, retention.retention_1m_days),
        (READING_1H, retention.retention_1h_days),
        (READING_1D, retention.retention_1d_days),
        (OBSERVATION, retention.retention_observations_days),
        (DEVICE_HEALTH, retention.retention_health_days),
    )


def _before(now: datetime, days: float | None) -> datetime | None:
    return None if days is None else now - timedelta(days=days)


class Maintainer(OwnThread):
    """Does a round every few minutes in a thread of its own. A round that fails is logged and tried at the next time.

    Args:
        database_url: of the migrated database.
        retention: how long what is kept, and how often to look.
        clock: UTC now.
    """

    def __init__(
        self,
        database_url: str,
        retention: RetentionSettings,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        super().__init__("maintenance")
        self._url = database_url
        self._retention = retention
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """A round after each pause, the first one too: by then the program has settled."""
        while not stop.wait(self._retention.maintain_every_s):
            try:
                report = maintain(self._url, self._retention, self._clock())
            except psycopg.Error as error:
                log.warning("maintenance.failed", error=f"{type(error).__name__}: {error}")
                continue
            if report is not None:
                tell(report, self._clock())


def tell(report: MaintenanceReport, now: datetime) -> None:
    """To the log and the metrics."""
    for each in report.health:
        STORE_BYTES.labels(each.table).set(each.bytes)
        STORE_STRAY_ROWS.labels(each.table).set(each.stray_rows)
    STORE_MAINTAINED_AT.set(now.timestamp())
    worked = report.refreshed_days or report.compressed or report.dropped or report.forgotten
    (log.info if worked else log.debug)(
        "maintenance.done",
        refreshed_days=report.refreshed_days,
        compressed=report.compressed,
        dropped=report.dropped,
        forgotten=report.forgotten,
    )
