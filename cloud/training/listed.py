"""Trainings in the list of all tasks (``cloud.tasks.repository.OtherTasks``). They belong to no site."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from anyio import to_thread
from sqlalchemy import Select

from cloud.auth.rules import Role
from cloud.auth.scope import Scope
from cloud.kit.repository import WriteConnection
from cloud.training.repository import TrainingRepository, listed_runs
from cloud.training.rules import Outcome
from cloud.training.work import Training, say_cancel


class ListedTrainings:
    """Runs as tasks of the kind ``training``; the list of runs tells more (``GET /training/runs``)."""

    seen_by = Role.FLEET_ADMIN
    ended_by = Role.PLATFORM_ADMIN

    def __init__(self, training: Training) -> None:
        self._training = training

    def select(self, scope: Scope) -> Select[Any]:
        """Those on the platform's data, on shared labels, and on labels of the organization itself."""
        return listed_runs(scope.organization_id)

    def unfinished(self) -> None:
        """Not counted here: a run that waits for a Celery worker is a task of the table already."""

    async def cancel(self, connection: WriteConnection, scope: Scope, task_id: UUID, *, by: str, now: datetime) -> None:
        """It counts as cancelled at once, and its process ends within seconds."""
        if await TrainingRepository(connection).seen(task_id, scope.organization_id) is None:
            return
        ended = await TrainingRepository(connection).change(
            task_id, state=Outcome.CANCELLED.value, finished_at=now, error=f"Cancelled by {by}"
        )
        if ended:
            await to_thread.run_sync(say_cancel, self._training.folder(task_id))
