"""Celery as the way to workers in a cluster: a message says which row to look at, nothing more.

Messages may be lost, come twice or late: the row decides. ``shoal.tick`` makes what is scheduled and tells again of what
has been due for a while, so a broker that forgets everything only delays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from uuid import UUID

from celery import Celery

from cloud.tasks.runner import QUEUES
from cloud.tasks.service import Hint

RUN = "shoal.run"
TICK = "shoal.tick"
TICK_EVERY_S = 15.0
HINT_S = 2.0
"""A request does not wait longer for the broker; the tick tells again."""
HARD_LIMIT_S = 2 * 3600
"""A child that takes longer is killed; every kind has a limit of its own below that."""


def celery_app(broker_url: str) -> Celery:
    """The connection to the broker, with how work is handed out."""
    app = Celery("shoal", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,  # results are in our own table
        task_acks_late=True,  # a message ends with its task, not with its arrival
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,  # work that is waiting can be taken by whoever is free
        task_default_queue=QUEUES[0],
        task_time_limit=HARD_LIMIT_S,
        task_serializer="json",
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": 2 * HARD_LIMIT_S, "socket_timeout": 5},
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        beat_schedule={TICK: {"task": TICK, "schedule": TICK_EVERY_S, "options": {"expires": TICK_EVERY_S}}},
        timezone="UTC",
    )
    return app


def tell(app: Celery, task_id: UUID, queue: str) -> None:
    """Tell workers of a task.

    Raises:
        kombu.exceptions.OperationalError: the broker is away.
    """
    app.send_task(RUN, args=[str(task_id)], queue=queue, retry=False)


def hint_through(app: Celery) -> Hint:
    """``tell`` for an event loop, which does not wait long for a broker that is away."""

    async def hint(task_id: UUID, queue: str) -> None:
        await asyncio.wait_for(asyncio.to_thread(tell, app, task_id, queue), HINT_S)

    return hint


def serve(app: Celery, *, run: Callable[[UUID], None], tick: Callable[[Callable[[UUID, str], None]], None]) -> None:
    """Say what the two messages do."""

    def run_task(task_id: str) -> None:
        run(UUID(task_id))

    def look_around() -> None:
        tick(partial(tell, app))

    app.task(run_task, name=RUN)
    app.task(look_around, name=TICK)
