"""Read endpoints of the API, with a signed-in user and PostgreSQL behind, against a bare FastAPI application.

The floor is a process of one worker whose handlers return the very bytes that ours answered, without a token, middleware or
database. Ours is ``python -m cloud``, one worker. Eight connections ask as fast as they are answered, in turns; then 200
requests per second come, likewise in turns, whether or not the ones before were answered. The processor time of each process
per request is what a busy machine disturbs least.

Who asks the same while nothing is committed shares an answer (decision 0079). So ``details`` tells two more figures for ours:
``read anew``, where every request asks for an address of its own, and ``commits``, where another process commits ten times a second.

A latency tells of the server only while the server has a core when it wants one. So the kernel is asked how long the thread of
its event loop stood ready without one (``/proc/PID/schedstat``). Ours needs a third of a core at 200 requests per second: where
other programs leave it less, requests queue without end, while the floor with its small need is still served at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import psycopg

from cloud.db import migrate
from tests.benchmarks.harness import Pair, result
from tests.cloud.api import farm as farms
from tests.cloud.postgres import Postgres
from tests.servers.process import free_port

PATHS = (
    "/api/v1/auth/me",
    "/api/v1/sites",
    "/api/v1/sites/fjord/latest",
    "/api/v1/sites/fjord/units",
    "/api/v1/alarms",
    "/api/v1/devices",
)
CONNECTIONS = 8
RATE = 200
BAR = 0.5
BAR_P95_MS = 30
TURNS = 5
COMMITS_PER_S = 10
MAX_WAITED = 0.1
"""Share of a turn that the server may stand ready without a core; the latency of a turn beyond it is that of the machine."""

_FLOOR = """
import json, sys
import uvicorn
from fastapi import FastAPI, Response
app = FastAPI()
for path, body in json.load(open(sys.argv[1])).items():
    def make(data):
        async def answer():
            return Response(data, media_type="application/json")
        return answer
    app.get(path)(make(body.encode()))
uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
"""


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` only shows that it works."""
    server = Postgres()
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            url = server.url("postgres")
            migrate.upgrade(url)
            farms.build(url, Path(folder))
            with served(url, Path(folder)) as ours:
                token = signed_in(ours.url)
                bodies = {path: _body(ours.url, token, path) for path in PATHS}
                with _bare(bodies, Path(folder)) as floor:
                    return asyncio.run(_measured(ours, floor, token, url, quick=quick))
    finally:
        server.stop()


class Program(NamedTuple):
    """A server under test."""

    url: str
    process: psutil.Process

    def cpu_s(self) -> float:
        """Processor time so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def waited_s(self) -> float | None:
        """Time so far that the event loop's thread was ready to run and had no core; None where the kernel does not tell."""
        try:
            line = Path(f"/proc/{self.process.pid}/schedstat").read_text(encoding="ascii")
        except OSError:
            return None
        return int(line.split()[1]) / 1e9


@contextmanager
def serving(database_url: str, folder: Path, **settings: str) -> Iterator[str]:
    """The API as a process of its own; its address."""
    with served(database_url, folder, **settings) as program:
        yield program.url


@contextmanager
def served(database_url: str, folder: Path, **settings: str) -> Iterator[Program]:
    port = free_port()
    environment = {
        **os.environ,
        "SHOAL_DATABASE_URL": database_url,
        "SHOAL_SECRET_KEY": "a secret of at least thirty-two characters",
        "SHOAL_STORAGE_DIR": str(folder),
        "SHOAL_PORT": str(port),
        "SHOAL_LOG_LEVEL": "warning",
        "SHOAL_RATE_PER_MINUTE": "100000000",
        "SHOAL_RATE_PER_MINUTE_USER": "100000000",
        **settings,
    }
    with process([sys.executable, "-m", "cloud"], environment, f"http://127.0.0.1:{port}", "/ready") as program:
        yield program


@contextmanager
def _bare(bodies: dict[str, str], folder: Path) -> Iterator[Program]:
    port = free_port()
    file = folder / "bodies.json"
    file.write_text(json.dumps(bodies))
    command = [sys.executable, "-c", _FLOOR, str(file), str(port)]
    with process(command, dict(os.environ), f"http://127.0.0.1:{port}", PATHS[0]) as program:
        yield program


@contextmanager
def process(command: Sequence[str], environment: dict[str, str], url: str, probe: str) -> Iterator[Program]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 180
        while True:
            try:
                if httpx.get(url + probe, timeout=2).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{command[:3]} does not answer")
            time.sleep(0.1)
        yield Program(url, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(30)


def signed_in(url: str) -> str:
    """Access token of a viewer."""
    form = {"username": "viewer@fjord.example", "password": farms.PASSWORD}
    token: str = httpx.post(f"{url}/api/v1/auth/login", data=form).raise_for_status().json()["access_token"]
    return token


def _body(url: str, token: str, path: str) -> str:
    answer = httpx.get(url + path, headers={"Authorization": f"Bearer {token}"})
    return answer.raise_for_status().text


class _Connection:
    """HTTP/1.1 on one kept connection, as little as a load generator needs."""

    def __init__(self, url: str, token: str) -> None:
        self._host, _, port = url.removeprefix("http://").partition(":")
        self._port = int(port)
        self._head = f"Host: {self._host}\r\nAuthorization: Bearer {token}\r\n\r\n"

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)

    async def get(self, path: str) -> bool:
        """Ask and read the answer; False when the server was too busy (503)."""
        self._writer.write(f"GET {path} HTTP/1.1\r\n{self._head}".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503")):
            raise RuntimeError(head.decode())
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await self._reader.readexactly(length)
        return head.startswith(b"HTTP/1.1 200")

    def close(self) -> None:
        self._writer.close()


async def _opened(url: str, token: str, count: int) -> list[_Connection]:
    connections = [_Connection(url, token) for _ in range(count)]
    for connection in connections:
        await connection.open()
    return connections


class _Rate(NamedTuple):
    per_s: float
    cpu_ms: float
    """Processor time of the server for one request."""


async def _rate(program: Program, token: str, path: str, seconds: float, *, anew: bool = False) -> _Rate:
    """Requests per second, each connection one after the other; ``anew`` gives each request an address of its own."""
    # Opened anew: a server closes a connection that rests for five seconds.
    connections = await _opened(program.url, token, CONNECTIONS)
    await asyncio.gather(*(connection.get(path) for connection in connections))
    until = time.perf_counter() + seconds

    async def ask(connection: _Connection) -> int:
        count = 0
        while time.perf_counter() < until:
            count += await connection.get(f"{path}?{id(connection)}={count}" if anew else path)
        return count

    cpu_s, began = program.cpu_s(), time.perf_counter()
    count = sum(await asyncio.gather(*(ask(connection) for connection in connections)))
    wall_s, cpu_s = time.perf_counter() - began, program.cpu_s() - cpu_s
    for connection in connections:
        connection.close()
    return _Rate(count / wall_s, cpu_s / max(1, count) * 1000)


@asynccontextmanager
async def _commits(url: str, per_s: float) -> AsyncIterator[None]:
    """Another connection commits something, as an ingest does."""
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)

    async def commit() -> None:
        while True:
            await connection.execute("SELECT pg_current_xact_id()")
            await asyncio.sleep(1 / per_s)

    committing = asyncio.create_task(commit())
    try:
        yield
    finally:
        committing.cancel()
        await asyncio.gather(committing, return_exceptions=True)
        await connection.close()


async def _latencies_ms(url: str, token: str, seconds: float, rate: int) -> tuple[list[float], int]:
    """Of requests that come at a rate, from when each was due; a busy server delays none of those behind it."""
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for connection in await _opened(url, token, 32):
        free.put_nowait(connection)
    draw, found, refused = random.Random(5), list[float](), 0

    async def one(path: str, due: float) -> None:
        nonlocal refused
        connection = await free.get()
        refused += not await connection.get(path)
        found.append((time.perf_counter() - due) * 1000)
        free.put_nowait(connection)

    began, tasks = time.perf_counter(), []
    for number in range(int(seconds * rate)):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(draw.choice(PATHS), due)))
    await asyncio.gather(*tasks)
    return sorted(found), refused


class Turn(NamedTuple):
    """Requests that came at a rate for some seconds."""

    found_ms: list[float]
    refused: int
    cpu_ms: float
    """Processor time of the server for one request."""
    waited: float | None
    """Share of the time that the server's event loop stood ready without a core, where the kernel tells."""

    @property
    def had_a_core(self) -> bool:
        """Whether the latency is the server's own."""
        return self.waited is not None and self.waited <= MAX_WAITED


async def _turn(program: Program, token: str, seconds: float, rate: int) -> Turn:
    cpu_s, waited_s, began = program.cpu_s(), program.waited_s(), time.perf_counter()
    found, refused = await _latencies_ms(program.url, token, seconds, rate)
    wall_s = time.perf_counter() - began
    cpu_ms = (program.cpu_s() - cpu_s) / len(found) * 1000
    waits_s = program.waited_s()
    waited = None if waits_s is None or waited_s is None else (waits_s - waited_s) / wall_s
    return Turn(found, refused, cpu_ms, waited)


def told(name: str, rate: int, turns: Sequence[Turn]) -> dict[str, float | None]:
    """Figures of all turns, and of those in which the server had a core; None when there was none of these."""
    every = sorted(each for turn in turns for each in turn.found_ms)
    served = sorted(each for turn in turns if turn.had_a_core for each in turn.found_ms)
    waited = [turn.waited for turn in turns if turn.waited is not None]
    figures: dict[str, float | None] = {
        f"{name}_p{share}_ms_at_{rate}": _at(every, share / 100) for share in (50, 95, 99)
    }
    return figures | {
        f"{name}_p95_ms_at_{rate}_with_a_core": _at(served, 0.95) if served else None,
        f"{name}_turns_with_a_core": sum(turn.had_a_core for turn in turns),
        f"{name}_refused_at_{rate}": sum(turn.refused for turn in turns),
        f"{name}_cpu_ms_at_{rate}": round(statistics.median(turn.cpu_ms for turn in turns), 2),
        f"{name}_share_of_time_without_a_core": round(statistics.median(waited), 3) if waited else None,
    }


def _at(found: Sequence[float], share: float) -> float:
    return round(found[int(share * len(found))], 2)


async def _measured(ours: Program, floor: Program, token: str, url: str, *, quick: bool) -> dict[str, Any]:
    rounds, seconds = (1, 0.2) if quick else (3, 2.0)
    ratios: dict[str, list[float]] = {path: [] for path in PATHS}
    cpu: dict[str, list[tuple[float, float]]] = {path: [] for path in PATHS}
    pairs = []
    for _ in range(rounds):
        a, b = [], []
        for path in PATHS:
            mine, bare = await _rate(ours, token, path, seconds), await _rate(floor, token, path, seconds)
            a.append(mine.per_s)
            b.append(bare.per_s)
            ratios[path].append(mine.per_s / bare.per_s)
            cpu[path].append((mine.cpu_ms, bare.cpu_ms))
        pairs.append(Pair(ours=statistics.harmonic_mean(a), floor=statistics.harmonic_mean(b), details={}))
    rate = RATE // 5 if quick else RATE
    turns: dict[str, list[Turn]] = {"ours": [], "floor": []}
    for _ in range(1 if quick else TURNS):
        for name, program in (("ours", ours), ("floor", floor)):
            turns[name].append(await _turn(program, token, 1 if quick else 3, rate))
    latencies: dict[str, float | None] = {}
    for name, found in turns.items():
        latencies |= told(name, rate, found)
    by_path = {f"ratio {path}": round(statistics.median(each), 3) for path, each in ratios.items()}
    for path, found_cpu in cpu.items():
        mine_ms, bare_ms = min(each[0] for each in found_cpu), min(each[1] for each in found_cpu)
        by_path[f"cpu ms {path}"] = round(mine_ms, 3)
        by_path[f"ratio of cpu {path}"] = round(bare_ms / mine_ms, 3) if mine_ms else 0.0
        by_path[f"cpu ms read anew {path}"] = round((await _rate(ours, token, path, seconds, anew=True)).cpu_ms, 3)
        async with _commits(url, COMMITS_PER_S):
            by_path[f"cpu ms commits {path}"] = round((await _rate(ours, token, path, seconds)).cpu_ms, 3)
    return result("api", pairs, unit="requests/s", bar=BAR, details={**by_path, **latencies, "bar_p95_ms": BAR_P95_MS})
