"""Where a run is started: a process of this machine, a Celery worker, or a Kubernetes Job. Each starts the same program.

Starting is a wish: whether it runs is read from the run's folder. Starting twice is harmless, because the folder has a lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Protocol
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
APPLY_S = 30.0
ROOM = timedelta(days=1)
"""How long a Celery task or a pod may wait for a worker or a node: the queue keeps it, so asking again would help nobody."""
_FAULT = 300


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


class ProcessLauncher:
    """A process of this machine that outlives the one that started it."""

    patience = ALIVE

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "cloud.training.program")) -> None:
        self._command = tuple(command)

    async def start(self, run_id: UUID, folder: Path, database: Database) -> None:
        """Start it and go on."""
        del database
        await asyncio.to_thread(self._start, run_id, folder)

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


class KubernetesLauncher:
    """A Kubernetes Job, applied through ``kubectl``."""

    patience = ROOM

    def __init__(
        self, *, image: str, claim: str, namespace: str, gpus: int, kubectl: Sequence[str] = ("kubectl",)
    ) -> None:
        self._image = image
        self._claim = claim
        self._namespace = namespace
        self._gpus = gpus
        self._kubectl = tuple(kubectl)

    async def start(self, run_id: UUID, folder: Path, database: Database) -> None:
        """Apply its Job; the same again changes nothing."""
        del database
        job = manifest(
            run_id, folder.name, image=self._image, claim=self._claim, namespace=self._namespace, gpus=self._gpus
        )
        text = json.dumps(job, indent=1)
        await asyncio.to_thread((folder / "job.json").write_text, text)
        try:
            process = await asyncio.create_subprocess_exec(
                *self._kubectl, "apply", "-f", "-",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            said, _ = await asyncio.wait_for(process.communicate(text.encode()), APPLY_S)
        except (OSError, asyncio.TimeoutError) as error:
            raise UnavailableError(f"{self._kubectl[0]} cannot be asked: {type(error).__name__}") from error
        if process.returncode != 0:
            raise UnavailableError(f"Kubernetes refused the Job: {said.decode(errors='replace')[-_FAULT:]}")
        log.info("training_started", run=str(run_id), job=job["metadata"]["name"])


def manifest(run_id: UUID, folder: str, *, image: str, claim: str, namespace: str, gpus: int) -> dict[str, Any]:
    """The Job of a run, as Kubernetes reads it (``batch/v1``).

    Args:
        run_id: names the Job, so that applying it again is the same Job.
        folder: of the run, below ``training/`` of the storage.
        image: with Shoal's training environment (``shoal[train,cloud]``).
        claim: PersistentVolumeClaim of the storage that the API shares.
        namespace: where.
        gpus: of NVIDIA, for the one pod; 0 trains on the processor.
    """
    limits = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"shoal-training-{run_id}",
            "namespace": namespace,
            "labels": {"app.kubernetes.io/name": "shoal-training", "shoal/run": str(run_id)},
        },
        "spec": {
            "backoffLimit": 3,
            "ttlSecondsAfterFinished": 86_400,
            "template": {
                "metadata": {"labels": {"app.kubernetes.io/name": "shoal-training"}},
                "spec": {
                    "restartPolicy": "OnFailure",
                    "automountServiceAccountToken": False,
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [
                        {
                            "name": "training",
                            "image": image,
                            "command": ["python", "-m", "cloud.training.program", f"/storage/training/{folder}"],
                            "resources": {
                                "requests": {"cpu": "2", "memory": "4Gi"},
                                "limits": {"memory": "16Gi", **limits},
                            },
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "volumeMounts": [{"name": "storage", "mountPath": "/storage"}],
                        }
                    ],
                    "volumes": [{"name": "storage", "persistentVolumeClaim": {"claimName": claim}}],
                },
            },
        },
    }


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
