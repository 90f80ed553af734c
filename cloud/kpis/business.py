"""Figures of the farms for Prometheus, read when somebody scrapes, and at most once a minute."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from cloud.kit.repository import Database, Row
from cloud.kpis.repository import BusinessRepository
from cloud.metrics import (
    BUSINESS_DEAD_FISH,
    BUSINESS_FEED_KG,
    BUSINESS_FISH,
    BUSINESS_MORTALITY_PERCENT,
    BUSINESS_REFRESHED_AT,
    BUSINESS_UPTIME_PERCENT,
    DATA_CHANNELS,
)

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
SILENT_AFTER = timedelta(minutes=15)
MAX_SITES = 200
"""Sites that get a label; an operator of more has other tools."""
_GAUGES = (
    BUSINESS_FISH,
    BUSINESS_DEAD_FISH,
    BUSINESS_MORTALITY_PERCENT,
    BUSINESS_FEED_KG,
    BUSINESS_UPTIME_PERCENT,
    DATA_CHANNELS,
)


class BusinessMetrics:
    """Keeps the gauges fresh. While the database is away they keep their values, and the time of the refresh its own."""

    def __init__(self) -> None:
        self._next: datetime | None = None

    async def refresh(self, database: Database, now: datetime) -> None:
        """Read the figures again when it is time; never raises for a database that is away."""
        if self._next is not None and now < self._next:
            return
        self._next = now + EVERY  # before reading: those who scrape meanwhile do not read too
        hour = now.replace(minute=0, second=0, microsecond=0)
        moments = {
            "now": now,
            "day": now - timedelta(days=1),
            "month": now - timedelta(days=30),
            "first_hour": hour - timedelta(days=1),
            "last_hour": hour,
        }
        try:
            async with database.read() as reader:
                rows = await BusinessRepository(reader).sites(moments, sites=MAX_SITES)
                channels = await BusinessRepository(reader).channels(now - SILENT_AFTER, sites=MAX_SITES)
        except (SQLAlchemyError, OSError) as error:
            log.warning("business_metrics_not_read", error=type(error).__name__)
            return
        for gauge in _GAUGES:
            gauge.clear()  # a site that has gone takes its figures along
        for row in rows:
            _show(row)
        for row in channels:
            DATA_CHANNELS.labels(row["site"], row["state"]).set(row["channels"])
        BUSINESS_REFRESHED_AT.set(now.timestamp())


def _show(row: Row) -> None:
    site = row["site"]
    BUSINESS_FISH.labels(site).set(row["fish"])
    BUSINESS_DEAD_FISH.labels(site).set(row["dead"])
    BUSINESS_FEED_KG.labels(site).set(row["feed_kg"])
    exposed = row["fish"] + row["gone"]
    if exposed > 0:
        BUSINESS_MORTALITY_PERCENT.labels(site).set(100 * float(row["dead"]) / float(exposed))
    if row["due"]:
        BUSINESS_UPTIME_PERCENT.labels(site).set(100 * float(row["heard"]) / float(row["due"]))
