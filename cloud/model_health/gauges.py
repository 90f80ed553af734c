"""Model health for Prometheus, read when somebody scrapes, and at most once a minute."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from cloud.kit.repository import Database
from cloud.metrics import MODEL_UNITS
from cloud.model_health.repository import HealthWriter

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
MAX_ROWS = 1000


class HealthGauges:
    """Keeps the gauge fresh."""

    def __init__(self) -> None:
        self._next: datetime | None = None

    async def refresh(self, database: Database, now: datetime) -> None:
        """Read it again when it is time; never raises for a database that is away."""
        if self._next is not None and now < self._next:
            return
        self._next = now + EVERY
        try:
            async with database.read() as reader:
                rows = await HealthWriter(reader).counts(rows=MAX_ROWS)
        except (SQLAlchemyError, OSError) as error:
            log.warning("model_health_metrics_not_read", error=type(error).__name__)
            return
        MODEL_UNITS.clear()
        for row in rows:
            MODEL_UNITS.labels(row["site"], row["status"]).set(row["n"])
