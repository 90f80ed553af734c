"""What waits and what runs, for Prometheus, whichever process does it: read from the tables when somebody scrapes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from cloud.kit.repository import Database
from cloud.metrics import TASKS_UNFINISHED, TASKS_WAITED_SECONDS
from cloud.tasks.repository import OtherTasks, QueueRepository
from cloud.tasks.runner import QUEUES

log = structlog.get_logger()

EVERY = timedelta(seconds=10)


class TaskGauges:
    """Keeps the gauges fresh; ``others`` are counted with the tasks of the table."""

    def __init__(self, others: Sequence[OtherTasks] = ()) -> None:
        self._others = others
        self._next: datetime | None = None

    async def refresh(self, database: Database, now: datetime) -> None:
        """Read them again when it is time; never raises for a database that is away."""
        if self._next is not None and now < self._next:
            return
        self._next = now + EVERY
        try:
            async with database.read() as reader:
                rows = await QueueRepository(reader).counts(self._others)
        except (SQLAlchemyError, OSError) as error:
            log.warning("task_metrics_not_read", error=type(error).__name__)
            return
        found = {(row["queue"], row["state"]): row for row in rows}
        for queue in QUEUES:
            for state in ("queued", "running"):
                row = found.get((queue, state))
                TASKS_UNFINISHED.labels(queue, state).set(0 if row is None else row["n"])
            waiting = found.get((queue, "queued"))
            TASKS_WAITED_SECONDS.labels(queue).set(0 if waiting is None else max(0.0, float(waiting["waited_s"])))
