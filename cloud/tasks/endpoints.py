"""Work that takes longer than a request."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import FileResponse

from cloud.auth.dependencies import Operator, Viewer
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer, database_of
from cloud.tasks import service
from cloud.tasks.repository import OtherTasks
from cloud.tasks.schemas import NewTask, TaskOut, TaskPage, TaskState

router = APIRouter(prefix="/tasks", tags=["tasks"])


async def others_of(request: Request, user: Viewer) -> list[OtherTasks]:
    """Tasks of features with a table of their own, those that the user may see."""
    return [each for each in request.app.state.other_tasks if user.role.reaches(each.seen_by)]


Others = Annotated[list[OtherTasks], Depends(others_of)]
Key = Annotated[
    str | None,
    Header(max_length=100, pattern=r"^[A-Za-z0-9_.:-]+$", description="The same key asks for the same task once."),
]


@router.post("", summary="Ask for work", status_code=202, responses=problems(400, 401, 403, 404, 503))
async def add_task(request: Request, user: Viewer, new: NewTask, idempotency_key: Key = None) -> TaskOut:
    """Report or export in the background. The task is kept before the answer leaves, and done even if a worker dies."""
    state = request.app.state
    return await service.add_task(
        database_of(request),
        user,
        new,
        state.task_kinds,
        state.task_hint,
        key=idempotency_key,
        now=datetime.now(timezone.utc),
    )


@router.get("", summary="Tasks", responses=problems(400, 401))
async def list_tasks(
    user: Viewer,
    reader: Reader,
    page: Paging,
    others: Others,
    state: Annotated[TaskState | None, Query()] = None,
    kind: Annotated[str | None, Query(max_length=40, pattern=r"^[a-z_]+$")] = None,
) -> TaskPage:
    """Tasks of the user's organization, newest first: reports, exports, and predictions asked for later (kind `prediction`).
    Fleet admins also see the trainings of the platform (kind `training`). They are kept for a week after their end, predictions as
    long as the settings say, trainings for good.
    """
    return await service.list_tasks(reader, user, page, state=state, kind=kind, others=others)


@router.get("/{task_id}", summary="One task", responses=problems(401, 404))
async def get_task(task_id: UUID, user: Viewer, reader: Reader, others: Others) -> TaskOut:
    """How far it is, at which step, and what came of it. Written down every two seconds at most (predictions five, trainings within a
    minute). The answers of a prediction are at `status_url` of its result.
    """
    return await service.get_task(reader, user, task_id, others)


@router.delete("/{task_id}", summary="End a task", responses=problems(401, 403, 404))
async def cancel_task(task_id: UUID, user: Operator, writer: Writer, others: Others) -> TaskOut:
    """One that waits is cancelled at once, one that runs within seconds; one that has ended stays as it is."""
    return await service.cancel_task(writer, user, task_id, datetime.now(timezone.utc), others)


@router.get(
    "/{task_id}/file",
    summary="The file that a task made",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}}, **problems(401, 404)},
)
async def get_task_file(request: Request, task_id: UUID, user: Viewer, reader: Reader) -> FileResponse:
    """The report or export, until it is cleaned up with its task."""
    task = await service.get_task(reader, user, task_id)
    path = service.file_of(task, request.app.state.task_folder)
    return FileResponse(path, filename=path.name, media_type=str((task.result or {}).get("media_type")))
