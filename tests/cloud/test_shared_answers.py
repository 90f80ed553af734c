"""An answer is shared for as long as nothing has been committed, and nobody gets an older one than they would have read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import SecretStr
from starlette.types import Message, Receive, Scope, Send

from cloud.app import create_app
from cloud.kit import shared_answers
from cloud.kit.shared_answers import SharedAnswers, is_shared
from cloud.settings import CloudSettings
from tests.security.test_every_route import NEEDS


class Shore:
    """Counts its fish for whoever asks; ``gate`` holds a count up."""

    def __init__(self, *, lasts_s: float = 1.0) -> None:
        self.version = "10:10:"
        self.fish = 1
        self.status = 200
        self.counts = 0
        self.now = 50.0
        self.gate: asyncio.Event | None = None
        self.counting = asyncio.Event()
        self.answers = SharedAnswers(self._look, identify=self._whose, lasts_s=lasts_s, clock=lambda: self.now)
        self._asked = self.answers.around(self._count)

    def commit(self, fish: int) -> None:
        self.fish = fish
        self.version = f"{int(self.version.split(':')[0]) + 1}:"

    async def ask(self, path: str = "/fish", *, query: bytes = b"", farm: str = "fjord") -> bytes:
        sent: list[Message] = []

        async def receive() -> Message:
            raise AssertionError("nobody reads a body")

        async def send(message: Message) -> None:
            sent.append(message)

        await self._asked({"path": path, "query_string": query, "headers": [], "farm": farm}, receive, send)
        return b"".join(message.get("body", b"") for message in sent)

    async def _look(self) -> str:
        await asyncio.sleep(0)
        return self.version

    async def _whose(self, scope: Scope) -> str:
        return str(scope["farm"])

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        self.counts += 1
        self.counting.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.fish < 0:
            raise RuntimeError("the counter is broken")
        body = f"{scope['farm']}{scope['path']}: {self.fish}".encode()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": body})


def told(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 20))


def test_fifty_dashboards_cost_one_reading() -> None:
    async def story() -> None:
        shore = Shore()
        assert set(await asyncio.gather(*(shore.ask() for _ in range(50)))) == {b"fjord/fish: 1"}
        assert shore.counts == 1
        await shore.ask()
        assert shore.counts == 1

    told(story)


def test_a_commit_ends_an_answer_at_once_and_time_ends_it_too() -> None:
    async def story() -> None:
        shore = Shore(lasts_s=1)
        await shore.ask()
        shore.commit(fish=2)
        assert await shore.ask() == b"fjord/fish: 2"
        shore.now += 0.9
        await shore.ask()
        assert shore.counts == 2
        shore.now += 0.1
        await shore.ask()
        assert shore.counts == 3

    told(story)


def test_whoever_comes_after_a_commit_does_not_wait_for_a_reading_from_before_it() -> None:
    async def story() -> None:
        shore = Shore()
        shore.gate = asyncio.Event()
        before = asyncio.create_task(shore.ask())
        await shore.counting.wait()
        shore.counting.clear()
        shore.commit(fish=2)
        after = asyncio.create_task(shore.ask())
        await shore.counting.wait()
        shore.gate.set()
        await before
        assert await after == b"fjord/fish: 2"
        assert await shore.ask() == b"fjord/fish: 2"
        assert shore.counts == 2, "the reading that was overtaken has not displaced the newer one"

    told(story)


def test_another_farm_and_another_address_have_answers_of_their_own() -> None:
    async def story() -> None:
        shore = Shore()
        asked = [shore.ask(), shore.ask(farm="lagoon"), shore.ask("/tanks"), shore.ask()]
        answers = await asyncio.gather(*asked)
        assert answers == [b"fjord/fish: 1", b"lagoon/fish: 1", b"fjord/tanks: 1", b"fjord/fish: 1"]
        assert shore.counts == 3

    told(story)


def test_a_refusal_and_a_failure_are_nobody_elses() -> None:
    async def story() -> None:
        shore = Shore()
        shore.status = 404
        await asyncio.gather(shore.ask(), shore.ask())
        assert shore.counts == 2
        shore.fish = -1
        failed = await asyncio.gather(shore.ask(), shore.ask(), return_exceptions=True)
        assert all(isinstance(each, RuntimeError) for each in failed)
        shore.status, shore.fish = 200, 5
        assert await shore.ask() == b"fjord/fish: 5"

    told(story)


def test_answers_have_a_bound_and_the_first_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_answers, "MOST_BYTES", 3000)

    async def story() -> None:
        shore = Shore()
        for path in ("/1", "/2", "/3"):  # each is counted with a thousand bytes beside its body
            await shore.ask(path)
        await shore.ask("/3")
        assert shore.counts == 3
        await shore.ask("/1")
        assert shore.counts == 4

    told(story)


def test_a_long_address_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_answers, "MOST_BYTES", 10_000)

    async def story() -> None:
        shore = Shore()
        first, second = b"1" * 6000, b"2" * 6000
        for query in (first, second, second):
            await shore.ask(query=query)
        assert shore.counts == 2
        await shore.ask(query=first)
        assert shore.counts == 3

    told(story)


def test_whoever_waits_for_a_reader_that_gives_up_reads_for_themselves() -> None:
    async def story() -> None:
        shore = Shore()
        shore.gate = asyncio.Event()
        reader = asyncio.create_task(shore.ask())
        await shore.counting.wait()
        waiting = [asyncio.create_task(shore.ask()) for _ in range(3)]
        for _ in range(5):  # until all of them have looked at the version
            await asyncio.sleep(0)
        assert shore.counts == 1
        waiting[0].cancel()
        reader.cancel()
        shore.gate.set()
        ended = await asyncio.gather(reader, *waiting, return_exceptions=True)
        assert [isinstance(each, asyncio.CancelledError) for each in ended] == [True, True, False, False]
        assert ended[2:] == [b"fjord/fish: 1"] * 2
        assert shore.counts == 3

    told(story)


def test_nothing_is_shared_when_nothing_may_last() -> None:
    async def story() -> None:
        shore = Shore(lasts_s=0)
        await shore.ask()
        await shore.ask()
        assert shore.counts == 2

    told(story)


def test_what_is_shared_is_read_by_every_role() -> None:
    """An answer is kept by scope, so a role may make no difference to it."""
    settings: dict[str, Any] = {
        "database_url": SecretStr("postgresql://nobody@localhost/none"),
        "secret_key": SecretStr("a secret of at least thirty-two characters"),
    }
    routes = [route for route in create_app(CloudSettings(**settings)).routes if isinstance(route, APIRoute)]
    shared = [route for route in routes if is_shared(route.endpoint)]
    assert len(shared) >= 6
    for route in shared:
        assert route.methods == {"GET"}
        assert route.unique_id not in NEEDS
