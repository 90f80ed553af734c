"""Celery workers as processes, on a real Redis and a real PostgreSQL: one is killed in the middle of its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from cloud.tasks.broker import celery_app, tell
from tests.cloud.api import reef as reefs
from tests.servers.process import free_port

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(300)]

# A worker whose export stops in the middle as long as a file says so, to be killed there.
PROGRAM = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
import cloud.worker as worker
from cloud.settings import load_worker_settings
from cloud.task_kinds import kinds

def slow_kinds(folder, training):
    every = dict(kinds(folder, training))
    real = every["export"].run
    async def run(work, params):
        result = await real(work, params)
        if Path(sys.argv[1]).exists():
            work.progress(0.5, "stuck")
            await asyncio.sleep(600)
        return result
    every["export"] = replace(every["export"], run=run)
    return every

worker.kinds = slow_kinds
worker.run_worker(load_worker_settings())
"""


@pytest.fixture
def metrics_port() -> int:
    return free_port()


@pytest.fixture
def worker(
    database_url: str, redis_url: str, tmp_path: Path, metrics_port: int
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    environment = {
        **os.environ,
        "SHOAL_DATABASE_URL": database_url,
        "SHOAL_TASKS_BROKER_URL": redis_url,
        "SHOAL_STORAGE_DIR": str(tmp_path),
        "SHOAL_TASK_CONCURRENCY": "1",
        "SHOAL_TASK_LEASE_S": "6",
        "SHOAL_TASK_TICK_S": "1",
        "SHOAL_WORKER_METRICS_PORT": str(metrics_port),
    }

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "stuck")]
        started.append(subprocess.Popen(command, env=environment, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def until(database: psycopg.Connection[tuple[object, ...]], condition: str) -> None:
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        if database.execute(SQL("SELECT FROM task WHERE ") + SQL(condition)).fetchone() is not None:
            return
        time.sleep(0.1)
    raise AssertionError((condition, database.execute("SELECT * FROM task").fetchall()))


def counted(port: int) -> Callable[[str], float]:
    """What a worker has counted, by name and labels as Prometheus writes them; 0 for what it has not."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    found = {
        sample.name + "".join(sorted(f" {key}={value}" for key, value in sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return lambda name: found.get(name, 0.0)


def test_a_task_survives_the_death_of_its_worker(
    database_url: str,
    redis_url: str,
    tmp_path: Path,
    worker: Callable[[], subprocess.Popen[bytes]],
    metrics_port: int,
) -> None:
    reef = reefs.build(database_url, tmp_path)
    reef.ingest.close()
    task_id, now = uuid4(), datetime.now(timezone.utc)
    params = {
        "site": reefs.SITE, "quantities": [], "format": "csv", "start": (now - timedelta(hours=1)).isoformat(),
        "end": (now + timedelta(hours=1)).isoformat(), "resolution": "raw",
    }  # fmt: skip
    (tmp_path / "stuck").touch()
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute(
            """
INSERT INTO task (id, organization_id, site_id, kind, queue, params, idempotency_key, created_by, due_at)
SELECT %s, organization_id, id, 'export', 'data', %s, 'k', 'ana@reef.example', now() FROM site WHERE slug = 'reef'
""",
            (task_id, Jsonb(params)),
        )
        tell(celery_app(redis_url), task_id, "data")
        first = worker()
        until(database, "message = 'stuck' AND state = 'running'")
        os.killpg(first.pid, signal.SIGKILL)
        first.wait(20)
        (tmp_path / "stuck").unlink()
        worker()
        until(database, "state = 'succeeded' AND kind = 'export'")
        (row,) = database.execute("SELECT attempts, result ->> 'file' FROM task WHERE id = %s", (task_id,)).fetchall()
        assert row[0] == 2
        # Done twice, there once: the file is whole and nothing of the first try is left.
        folder = tmp_path / "tasks" / str(task_id)
        assert [path.name for path in folder.iterdir()] == [row[1]]
        lines = (folder / str(row[1])).read_text().splitlines()
        assert len(lines) == 3
        # What nobody was told of is found too, and so is what is on the schedule.
        database.execute("UPDATE task SET state = 'queued', due_at = now(), attempts = 0 WHERE id = %s", (task_id,))
        until(database, f"state = 'succeeded' AND attempts = 1 AND id = '{task_id}'")
        until(database, "kind = 'clean_up' AND state = 'succeeded'")
    # The process that hands out the work tells what its children have counted.
    assert httpx.get(f"http://127.0.0.1:{metrics_port}/readyz", timeout=30).json() == {"alive": True, "obstacles": []}
    deadline = time.monotonic() + 60
    while (of := counted(metrics_port))("shoal_task_seconds_count kind=export") < 2 and time.monotonic() < deadline:
        time.sleep(0.1)  # a child counts after it has written
    assert of("shoal_tasks_started_total kind=export") == 2
    assert of("shoal_tasks_finished_total kind=export state=succeeded") == 2
    assert of("shoal_task_seconds_count kind=export") == 2
    assert of("shoal_tasks_retried_total kind=export") == 0
