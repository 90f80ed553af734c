"""Tasks in a real database, with simulated workers that die, hang and lose what they had."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

from prometheus_client import REGISTRY
from typing_extensions import Self

from cloud.auth.rules import Role
from cloud.db.session import sqlalchemy_url
from cloud.errors import BadRequestError, UnavailableError
from cloud.kit.repository import Database
from cloud.kit.schemas import ApiModel
from cloud.task_kinds import KEPT, clean_up
from cloud.tasks.kinds import Kind, Kinds, NoParams, Work
from cloud.tasks.repository import QueueRepository
from cloud.tasks.runner import TaskRunner, schedule
from cloud.tasks.tables import TaskRow

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Count(ApiModel):
    to: int


def kind(run: Callable[[Work, Any], Awaitable[dict[str, Any]]], **changes: Any) -> Kinds:
    fields: dict[str, Any] = {"queue": "data", "params": Count, "limit": timedelta(seconds=20), "role": Role.VIEWER}
    return {"count": Kind(name="count", run=run, **{**fields, **changes})}


class Shop:
    """The database, and workers that share a clock."""

    def __init__(self, url: str, folder: Path) -> None:
        self.database = Database(sqlalchemy_url(url), pool_size=5, statement_timeout_s=15)
        self.folder = folder
        self.clock = Clock()

    async def __aenter__(self) -> Self:
        self.database.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.database.stop()

    def worker(self, kinds: Kinds, *, keep_every_s: float = 0.02) -> TaskRunner:
        return TaskRunner(self.database, kinds, self.folder, now=self.clock, keep_every_s=keep_every_s)

    async def order(self, to: int = 3) -> UUID:
        task_id = uuid4()
        values = {
            "id": task_id, "kind": "count", "queue": "data", "params": {"to": to}, "idempotency_key": str(task_id),
            "created_by": "ana@fjord.example", "created_at": self.clock.now, "due_at": self.clock.now,
        }  # fmt: skip
        async with self.database.write() as writer:
            assert await QueueRepository(writer).add_upkeep(values)
        return task_id

    async def row(self, task_id: UUID) -> dict[str, Any]:
        from sqlalchemy import select

        async with self.database.read() as reader:
            found = await reader.execute(select(TaskRow.__table__).where(TaskRow.id == task_id))
            return dict(found.mappings().one())

    async def until(self, task_id: UUID, **wanted: Any) -> None:
        """Wait until the row says so."""
        deadline = monotonic() + 30
        row = await self.row(task_id)
        while any(row[name] != value for name, value in wanted.items()):
            assert monotonic() < deadline, row
            await asyncio.sleep(0.01)
            row = await self.row(task_id)

    async def set(self, task_id: UUID, **values: Any) -> None:
        from sqlalchemy import update

        async with self.database.write() as writer:
            await writer.execute(update(TaskRow).where(TaskRow.id == task_id).values(**values))


def story(url: str, folder: Path, tell: Callable[[Shop], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Shop(url, folder) as shop:
            await tell(shop)

    asyncio.run(run())


def counted() -> tuple[float, float, float]:
    """Tasks of the kind ``count`` that this process began, will begin again, and saw fail."""
    return (
        REGISTRY.get_sample_value("shoal_tasks_started_total", {"kind": "count"}) or 0.0,
        REGISTRY.get_sample_value("shoal_tasks_retried_total", {"kind": "count"}) or 0.0,
        REGISTRY.get_sample_value("shoal_tasks_finished_total", {"kind": "count", "state": "failed"}) or 0.0,
    )


async def counting(work: Work, params: Count) -> dict[str, Any]:
    for number in range(params.to):
        work.progress(number / params.to, f"at {number}")
        await asyncio.sleep(0.01)
    return {"counted": params.to}


async def forever(work: Work, params: Count) -> dict[str, Any]:
    work.progress(0.25, "at it")
    await asyncio.sleep(3600)
    return {}


def test_a_task_is_done_once_by_whoever_comes_first(database_url: str, tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        ids = [await shop.order() for _ in range(6)]
        workers = [shop.worker(kind(counting)) for _ in range(3)]
        for _ in range(3):
            await asyncio.gather(*(worker.run_one() for worker in workers))
        rows = [await shop.row(task_id) for task_id in ids]
        assert [(row["state"], row["attempts"], row["result"]) for row in rows] == [
            ("succeeded", 1, {"counted": 3})
        ] * 6
        assert not await workers[0].run_one()

    story(database_url, tmp_path, tell)


def test_the_task_of_a_worker_that_died_is_begun_again_and_the_dead_writes_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async def tell(shop: Shop) -> None:
        task_id = await shop.order()
        silent = shop.worker(kind(forever), keep_every_s=3600)  # it never says that it lives
        hanging = asyncio.create_task(silent.run_one())
        await shop.until(task_id, state="running")
        second = shop.worker(kind(counting))
        assert not await second.run_one()  # it may live
        shop.clock.now += timedelta(seconds=31)
        assert await second.run_one()
        row = await shop.row(task_id)
        assert (row["state"], row["attempts"], row["worker"]) == ("succeeded", 2, second.worker)
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        async with shop.database.write() as writer:
            assert not await QueueRepository(writer).finish(task_id, silent.worker, {"state": "failed"})
        assert await shop.row(task_id) == row

    story(database_url, tmp_path, tell)


def test_a_worker_says_that_it_lives_and_how_far_it_is(database_url: str, tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        task_id = await shop.order()
        runner = shop.worker(kind(forever))
        at_it = asyncio.create_task(runner.run_one())
        await shop.until(task_id, progress=0.25)
        shop.clock.now += timedelta(seconds=20)
        await shop.until(task_id, due_at=shop.clock.now + timedelta(seconds=30))
        await shop.set(task_id, cancel_requested_at=shop.clock.now)
        assert await at_it
        assert (await shop.row(task_id))["state"] == "cancelled"

    story(database_url, tmp_path, tell)


def test_a_task_that_lost_its_row_stops(database_url: str, tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        task_id = await shop.order()
        at_it = asyncio.create_task(shop.worker(kind(forever)).run_one())
        await shop.until(task_id, state="running")
        await shop.set(task_id, worker="another")
        assert await at_it
        assert (await shop.row(task_id))["state"] == "running"

    story(database_url, tmp_path, tell)


def test_what_may_succeed_later_is_begun_again_after_a_pause_and_what_never_can_is_not(
    database_url: str, tmp_path: Path
) -> None:
    async def away(work: Work, params: Count) -> dict[str, Any]:
        raise UnavailableError("the store is away")

    async def wrong(work: Work, params: Count) -> dict[str, Any]:
        raise BadRequestError("there is no such batch")

    async def broken(work: Work, params: Count) -> dict[str, Any]:
        raise ZeroDivisionError

    async def tell(shop: Shop) -> None:
        for run, state, attempts in ((away, "failed", 3), (broken, "failed", 3), (wrong, "failed", 1)):
            started, retried, failed = counted()
            task_id = await shop.order()
            runner = shop.worker(kind(run))
            while await runner.run_one() or (await shop.row(task_id))["state"] == "queued":
                shop.clock.now += timedelta(seconds=40)
            row = await shop.row(task_id)
            assert (row["state"], row["attempts"]) == (state, attempts)
            assert "secret" not in row["error"]
            assert counted() == (started + attempts, retried + attempts - 1, failed + 1)
        assert row["error"] == "there is no such batch"

    story(database_url, tmp_path, tell)


def test_a_task_is_stopped_at_its_limit_and_a_killer_of_workers_is_given_up(database_url: str, tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        slow = await shop.order()
        await shop.worker(kind(forever, limit=timedelta(seconds=0.05))).run_one()
        assert "longer than" in (await shop.row(slow))["error"]
        killer = await shop.order()
        await shop.set(killer, attempts=3)
        await shop.worker(kind(counting)).run_one()
        row = await shop.row(killer)
        assert (row["state"], row["error"]) == ("failed", "Given up: its worker died 3 times")

    story(database_url, tmp_path, tell)


def test_two_schedulers_ask_once_and_old_tasks_go_with_their_files(database_url: str, tmp_path: Path) -> None:
    async def tell(shop: Shop) -> None:
        kinds: Kinds = {**kind(counting), "clean_up": clean_up(tmp_path)}
        old = await shop.order()
        await shop.worker(kinds).run_one()
        assert (tmp_path / str(old)).is_dir()
        shop.clock.now += KEPT + timedelta(hours=1)
        assert await schedule(shop.database, kinds, shop.clock.now) == 1
        assert await schedule(shop.database, kinds, shop.clock.now + timedelta(seconds=1)) == 0
        kept = await shop.order()
        while await shop.worker(kinds).run_one():
            pass
        assert not (tmp_path / str(old)).exists()
        assert (await shop.row(kept))["state"] == "succeeded"
        assert kinds["clean_up"].params is NoParams

    story(database_url, tmp_path, tell)
