"""What a kind of work is. The composition root says which there are; this feature knows none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

from cloud.auth.principal import Principal
from cloud.auth.rules import Role
from cloud.kit.repository import Database
from cloud.kit.schemas import ApiModel

Params = TypeVar("Params", bound=ApiModel)


class Progress(Protocol):
    """Tells how far a task is."""

    def __call__(self, share: float, message: str = "") -> None:
        """``share`` is from 0 to 1. Cheap: it is written down now and then."""


@dataclass(frozen=True)
class Work:
    """What a kind needs to do one task.

    Attributes:
        task_id: its key; names whatever it leaves behind, so that doing it twice leaves it once.
        user: on whose behalf, limited to the site of the task; None for upkeep of the platform.
        database: to read and write.
        folder: of this task's files; exists.
        now: when it was begun.
        progress: tells how far it is.
    """

    task_id: UUID
    user: Principal | None
    database: Database
    folder: Path
    now: datetime
    progress: Progress


Run: TypeAlias = Callable[[Work, Any], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Kind(Generic[Params]):
    """One kind of work.

    Attributes:
        name: stable.
        queue: ``data`` or ``ml``.
        params: its parameters; a ``site`` among them must be one that the user may see.
        run: does it and returns the result; it may be begun again after any of its steps.
        limit: it is stopped after this, and fails.
        attempts: how often it may be begun.
        role: who may ask for it; None: nobody, it is on a schedule alone.
        every: it is also due once in every such stretch of time.
    """

    name: str
    queue: str
    params: type[Params]
    run: Run
    limit: timedelta
    attempts: int = 3
    role: Role | None = None
    every: timedelta | None = None


Kinds: TypeAlias = Mapping[str, Kind[Any]]


class NoParams(ApiModel):
    """A kind without parameters."""


def slot_key(kind: Kind[Any], now: datetime) -> str:
    """Key of a scheduled task: the same for everybody within one stretch, so that any number of schedulers ask once."""
    assert kind.every is not None  # noqa: S101  (asked of kinds on a schedule alone)
    return f"schedule:{kind.name}:{int(now.timestamp() // kind.every.total_seconds())}"
