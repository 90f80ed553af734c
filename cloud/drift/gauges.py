"""Drift for Prometheus, read from the tables when somebody scrapes, and at most once a minute."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from cloud.drift.repository import DriftWriter
from cloud.kit.repository import Database
from cloud.metrics import DRIFT_ALERTS, DRIFT_KS, DRIFT_PSI, DRIFT_UNITS

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
MAX_ROWS = 1000
"""Label sets at most; an operator of more has other tools."""


class DriftGauges:
    """Keeps the gauges fresh."""

    def __init__(self) -> None:
        self._next: datetime | None = None

    async def refresh(self, database: Database, now: datetime) -> None:
        """Read them again when it is time; never raises for a database that is away."""
        if self._next is not None and now < self._next:
            return
        self._next = now + EVERY
        try:
            async with database.read() as reader:
                repository = DriftWriter(reader)
                rows = await repository.gauges(rows=MAX_ROWS)
                alerts = await repository.open_alerts(rows=MAX_ROWS)
        except (SQLAlchemyError, OSError) as error:
            log.warning("drift_metrics_not_read", error=type(error).__name__)
            return
        for gauge in (DRIFT_PSI, DRIFT_KS, DRIFT_UNITS, DRIFT_ALERTS):
            gauge.clear()
        for row in rows:
            labels = (row["site"], row["model_name"], row["model_version"], row["signal"])
            DRIFT_PSI.labels(*labels).set(row["psi"])
            DRIFT_KS.labels(*labels).set(row["ks"])
            DRIFT_UNITS.labels(*labels).set(row["drifting"])
        for row in alerts:
            DRIFT_ALERTS.labels(row["site"], row["family"]).set(row["n"])
