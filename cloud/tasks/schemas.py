"""Tasks on the HTTP API."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime

TaskState = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class NewTask(ApiModel):
    """Work to be done."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$", examples=["report"])]
    """``report`` or ``export``."""
    params: Annotated[dict[str, Any], Field(max_length=20)]
    """Of the kind: ``report`` takes site, name, format, start, end, batch, region; ``export`` takes site, quantities, format,
    start, end, resolution."""


class TaskOut(ApiModel):
    """Work, and how far it is."""

    id: UUID
    kind: str
    queue: str
    params: dict[str, Any]
    state: TaskState
    progress: float
    """From 0 to 1, as its worker told it at most every two seconds."""
    message: str
    """What it is at, in words."""
    result: dict[str, Any] | None
    """Of work that succeeded; ``file`` and ``bytes`` when ``GET /tasks/{id}/file`` has something to send."""
    error: str | None
    """Why it failed."""
    attempts: int
    """How often a worker has begun it; more than one after a worker died or something was away."""
    created_at: UtcDatetime
    created_by: str
    started_at: UtcDatetime | None
    """Of its first attempt; null before."""
    finished_at: UtcDatetime | None
    cancel_requested: bool
    """Somebody wants it to end; a worker that is at it stops within seconds."""


class TaskPage(Page[TaskOut]):
    """Some tasks, newest first."""
