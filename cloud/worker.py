"""Composition root of a Celery worker (``shoal cloud worker``): takes tasks from the broker and does them.

The worker may be killed at any moment: the message comes again or the tick tells again, and the row in the database says
whether there is still something to do.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import structlog
from celery import Celery, signals
from prometheus_client import CollectorRegistry, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

from cloud.db.session import sqlalchemy_url
from cloud.kit.logs import configure_logging
from cloud.kit.repository import Database
from cloud.settings import WorkerSettings
from cloud.task_kinds import kinds, training_from
from cloud.tasks import broker
from cloud.tasks.repository import QueueRepository
from cloud.tasks.runner import TaskRunner, schedule
from contracts.probes import Condition, ProbeServer

log = structlog.get_logger()

TOLD_AGAIN = timedelta(seconds=5)
"""Tasks that have been due for so long are told of again; a worker that is busy has them in its queue twice, which is harmless."""
MAX_TOLD_AGAIN = 200
_Answer = TypeVar("_Answer")


def make_worker(settings: WorkerSettings) -> Celery:
    """The Celery application with the messages that it answers. Connects to nothing."""
    folder = settings.storage_dir / "tasks"
    every = kinds(folder, training_from(settings, settings.storage_dir))

    async def on_a_pool(do: Callable[[Database], Awaitable[_Answer]]) -> _Answer:
        database = Database(
            sqlalchemy_url(settings.database_url.get_secret_value()),
            pool_size=3,
            statement_timeout_s=settings.task_statement_timeout_s,
        )
        database.start()
        try:
            return await do(database)
        finally:
            await database.stop()

    def run(task_id: UUID) -> None:
        async def once(database: Database) -> None:
            runner = TaskRunner(database, every, folder, lease=timedelta(seconds=settings.task_lease_s))
            await runner.run_one(task_id)

        asyncio.run(on_a_pool(once))

    def tick(tell: Callable[[UUID, str], None]) -> None:
        async def once(database: Database) -> None:
            now = datetime.now(timezone.utc)
            await schedule(database, every, now)
            async with database.read() as reader:
                waiting = await QueueRepository(reader).due(now - TOLD_AGAIN, rows=MAX_TOLD_AGAIN)
            for row in waiting:
                tell(row["id"], row["queue"])

        asyncio.run(on_a_pool(once))

    app = broker.celery_app(settings.tasks_broker_url.get_secret_value())
    broker.serve(app, run=run, tick=tick)
    app.conf.beat_schedule[broker.TICK]["schedule"] = settings.task_tick_s
    app.conf.beat_schedule[broker.TICK]["options"] = {"expires": settings.task_tick_s}
    return app


def run_worker(settings: WorkerSettings) -> None:
    """Work until SIGINT or SIGTERM; what is under way is finished first. For the main thread of a process of its own.

    Raises:
        ConfigurationError: the port of the metrics cannot be bound.
    """
    configure_logging(settings.log_level)
    signals.setup_logging.connect(_keep_our_logs, weak=False)
    app = make_worker(settings)
    # Every worker keeps the time: scheduled tasks have keys, so that many clocks ask once.
    with (
        tempfile.TemporaryDirectory(prefix="shoal-beat-") as folder,
        tempfile.TemporaryDirectory(prefix="shoal-metrics-") as counted,
    ):
        probes = _probes(settings, counted)
        app.worker_main(
            [
                "worker",
                "--beat",
                "--schedule",
                str(Path(folder) / "beat"),
                "--queues",
                ",".join(settings.task_queues),
                "--concurrency",
                str(settings.task_concurrency),
                "--without-gossip",
                "--without-mingle",
                "--loglevel",
                settings.log_level.upper(),
            ]
        )
        probes.stop()


def _probes(settings: WorkerSettings, counted: str) -> ProbeServer:
    """Probes of the process that hands tasks to its children, with the sum of what the children count."""
    # The children do the work, so they count it, in files below `counted`. The library looks for this variable when it is imported,
    # which has happened; metrics with labels, as those of tasks are, take their kind of value at their first use.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = counted
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]  # the library is half typed
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=counted)  # type: ignore[no-untyped-call]
    ready = threading.Event()

    def condition() -> Condition:
        return Condition(alive=True, obstacles=() if ready.is_set() else ("it has not reached the broker yet",))

    probes = ProbeServer(
        settings.worker_metrics_host,
        settings.worker_metrics_port,
        condition=condition,
        metrics=lambda: generate_latest(registry),
        field="worker_metrics_port",
    )
    probes.start()
    signals.worker_ready.connect(lambda **_: ready.set(), weak=False)
    signals.worker_process_init.connect(lambda **_: probes.forget(), weak=False)
    return probes


def _keep_our_logs(**_: object) -> None:
    """Celery leaves logging alone when somebody listens to its signal."""
