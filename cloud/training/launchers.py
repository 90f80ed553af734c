"""Where a run is started: a process of this machine, or a Celery worker; ``kubernetes.py`` has the Job. Each starts the same program.

Starting is a wish: whether it runs is read from the run's folder. Starting twice is harmless, because the folder has a lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

import structlog

from cloud.errors import UnavailableError
from cloud.kit.repository import Database
from cloud.tasks.repository import QueueRepository
from cloud.training.rules import ALIVE

log = structlog.get_logger()

RUN_KIND = "training_run"
"""Kind of the task that trains on a Celery worker."""
NICENESS = 10
"""Training gives way to what keeps the fish alive."""
ROOM = timedelta(days=1)
"""How long a Celery task or a pod may wait for a worker or a node: the queue keeps it, so asking again would help nobody."""

Known = Callable[[], Awaitable[Collection[UUID]]]
"""Asks which runs are not over."""


class Launcher(Protocol):
    """Starts a run."""

    patience: timedelta
    """How long what it started may wait for room before it says that it lives."""

    async def start(self, run_id: UUID, folder: Path, database: Database) -> None:
        """See that the run of this folder is under way.

        Raises:
            UnavailableError: it cannot be started now.
        """
        ...

    async def clear(self, known: Known) -> int:
        """End what was started here and still stands, though its run is over or was never one of ours; how much that was.

        Done again and again, so it may fail and may find nothing.

        Raises:
            UnavailableError: it cannot be told now.
        """
        ...


class ProcessLauncher:
    """A process of this machine that outlives the one that started it."""

    patience = ALIVE

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "cloud.training.program")) -> None:
        self._command = tuple(command)

    async def start(self, run_id: UUID, folder: Path, database: Database) -> None:
        """Start it and go on."""
        del database
        await asyncio.to_thread(self._start, run_id, folder)

    async def clear(self, known: Known) -> int:
        """Nothing: a process reads in its folder that it is over, and leaves nothing behind."""
        del known
        return 0

    def _start(self, run_id: UUID, folder: Path) -> None:
        try:
            with (folder / "program.txt").open("ab") as out:
                child = subprocess.Popen(
                    [*self._command, str(folder)],
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # it goes on when this process is restarted
                )
        except OSError as error:
            raise UnavailableError(f"Training cannot be started: {error.strerror}") from error
        with contextlib.suppress(OSError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
        _reap(child)
        log.info("training_started", run=str(run_id), pid=child.pid)


class CeleryLauncher:
    """A task of the queue ``ml``: some Celery worker with a training environment takes it."""

    patience = ROOM

    async def start(self, run_id: UUID, folder: Path, database: Database) -> None:
        """Ask for it; the next tick tells the workers."""
        del folder
        now, task_id = datetime.now(timezone.utc), uuid4()
        values = {
            "id": task_id,
            "kind": RUN_KIND,
            "queue": "ml",
            "params": {"run_id": str(run_id)},
            "idempotency_key": f"training:{run_id}:{task_id}",
            "created_by": "training",
            "due_at": now,
        }
        async with database.write() as writer:
            await QueueRepository(writer).add_upkeep(values)

    async def clear(self, known: Known) -> int:
        """Nothing: a task that a worker takes too late reads in its folder that it is over, and ends."""
        del known
        return 0


async def run_here(folder: Path, command: Sequence[str] = (sys.executable, "-m", "cloud.training.program")) -> int:
    """Run a folder's program as a child and wait for it; a caller that is cancelled stops it, and it can be continued."""
    process = await asyncio.create_subprocess_exec(*command, str(folder), stdin=asyncio.subprocess.DEVNULL)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def _reap(child: subprocess.Popen[bytes]) -> None:
    """Nobody waits for it, and it must not stay as a zombie of a long-lived API."""
    threading.Thread(target=child.wait, name="training", daemon=True).start()
