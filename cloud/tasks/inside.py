"""A worker inside another process, for a box: no broker, no process of its own, nothing to do while there is nothing.

It looks at the database every few seconds and when it is told of a task, does one at a time, and makes what is scheduled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timezone
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from cloud.kit.repository import Database
from cloud.tasks.kinds import Kinds
from cloud.tasks.runner import TaskRunner, schedule

log = structlog.get_logger()

LOOK_EVERY_S = 5.0
SCHEDULE_EVERY_S = 60.0


class InsideWorker:
    """Runs in the event loop of its process. ``stop`` ends what is under way; another start begins it again."""

    def __init__(
        self,
        database: Database,
        kinds: Kinds,
        runner: TaskRunner,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._database = database
        self._kinds = kinds
        self._runner = runner
        self._now = now
        self._told = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="tasks")

    async def stop(self) -> None:
        """Stop; safe twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def hint(self, task_id: UUID, queue: str) -> None:
        """There is a task."""
        del task_id, queue
        self._told.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        schedule_at = loop.time() + LOOK_EVERY_S
        while True:
            self._told.clear()
            try:
                if loop.time() >= schedule_at:
                    schedule_at = loop.time() + SCHEDULE_EVERY_S
                    await schedule(self._database, self._kinds, self._now())
                while await self._runner.run_one():
                    pass
            except (SQLAlchemyError, OSError) as error:
                log.warning("tasks_wait_for_the_database", error=type(error).__name__)
            except Exception:
                log.exception("tasks_failed")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._told.wait(), LOOK_EVERY_S)
