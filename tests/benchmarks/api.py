"""Read endpoints of the API, with a signed-in user and PostgreSQL behind, against a bare FastAPI application.

The floor is a process of one worker whose handlers return the very bytes that ours answered, without a token, middleware or
database. Ours is ``python -m cloud``, one worker. Eight connections ask as fast as they are answered, in turns; then 200
requests per second come whether or not the ones before were answered.
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

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
            with serving(url, Path(folder)) as ours:
                token = signed_in(ours)
                bodies = {path: _body(ours, token, path) for path in PATHS}
                with _bare(bodies, Path(folder)) as floor:
                    return asyncio.run(_measured(ours, floor, token, quick=quick))
    finally:
        server.stop()


@contextmanager
def serving(database_url: str, folder: Path, **settings: str) -> Iterator[str]:
    """The API as a process of its own; its address."""
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
    with _process([sys.executable, "-m", "cloud"], environment, f"http://127.0.0.1:{port}", "/ready") as url:
        yield url


@contextmanager
def _bare(bodies: dict[str, str], folder: Path) -> Iterator[str]:
    port = free_port()
    file = folder / "bodies.json"
    file.write_text(json.dumps(bodies))
    command = [sys.executable, "-c", _FLOOR, str(file), str(port)]
    with _process(command, dict(os.environ), f"http://127.0.0.1:{port}", PATHS[0]) as url:
        yield url


@contextmanager
def _process(command: Sequence[str], environment: dict[str, str], url: str, probe: str) -> Iterator[str]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(url + probe, timeout=2).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{command[:3]} does not answer")
            time.sleep(0.1)
        yield url
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


async def _rate(connections: list[_Connection], path: str, seconds: float) -> float:
    """Requests per second, each connection one after the other."""
    until = time.perf_counter() + seconds

    async def ask(connection: _Connection) -> int:
        count = 0
        while time.perf_counter() < until:
            count += await connection.get(path)
        return count

    began = time.perf_counter()
    counts = await asyncio.gather(*(ask(connection) for connection in connections))
    return sum(counts) / (time.perf_counter() - began)


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


async def _measured(ours: str, floor: str, token: str, *, quick: bool) -> dict[str, Any]:
    rounds, seconds = (1, 0.2) if quick else (3, 2.0)
    mine, bare = await _opened(ours, token, CONNECTIONS), await _opened(floor, token, CONNECTIONS)
    ratios: dict[str, list[float]] = {path: [] for path in PATHS}
    pairs = []
    for _ in range(rounds):
        a, b = [], []
        for path in PATHS:
            a.append(await _rate(mine, path, seconds))
            b.append(await _rate(bare, path, seconds))
            ratios[path].append(a[-1] / b[-1])
        pairs.append(Pair(ours=statistics.harmonic_mean(a), floor=statistics.harmonic_mean(b), details={}))
    for connection in (*mine, *bare):
        connection.close()
    rate = RATE // 5 if quick else RATE
    latencies: dict[str, float] = {}
    for name, url in (("ours", ours), ("floor", floor)):
        found, refused = await _latencies_ms(url, token, 1 if quick else 15, rate)
        latencies |= {
            f"{name}_p50_ms_at_{rate}": round(found[len(found) // 2], 2),
            f"{name}_p95_ms_at_{rate}": round(found[int(0.95 * len(found))], 2),
            f"{name}_p99_ms_at_{rate}": round(found[int(0.99 * len(found))], 2),
            f"{name}_refused_at_{rate}": refused,
        }
    by_path = {f"ratio {path}": round(statistics.median(found), 3) for path, found in ratios.items()}
    return result("api", pairs, unit="requests/s", bar=BAR, details={**by_path, **latencies, "bar_p95_ms": BAR_P95_MS})
