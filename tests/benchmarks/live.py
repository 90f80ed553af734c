"""200 WebSocket clients that all watch 1,000 units, each of which measures once a second, against a bare broadcast.

Delay is from the commit of a reading to its arrival at a client (99th percentile, milliseconds). The floor is a process that
sends messages of the same size to as many clients as fast as it can, and knows no store. Ours is ``python -m cloud``, one
worker, with the ingest writing beside it. In the middle a quarter of the clients break off and come back with their last
place; every message of every client has the number after the one before, or the run fails.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psycopg
from websockets.asyncio.client import connect

from cloud.auth.accounts import create_user
from cloud.consumers import Ingest
from cloud.db import migrate
from cloud.farms.writer import ensure_organization, ensure_site
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import Kind
from tests.benchmarks.api import serving, signed_in
from tests.benchmarks.harness import Pair, result
from tests.cloud.api import farm as farms
from tests.cloud.postgres import Postgres
from tests.servers.process import free_port

CLIENTS, UNITS = 200, 1000
BAR_P99_MS = 1000
_SEQ = re.compile(r'^\{"type":"(\w+)","seq":(\d+)(?:,"resume":"([^"]+)")?')
_VALUE = re.compile(r'"readings":\[\{[^}]*?"value":([0-9.]+)')

_FLOOR = """
import asyncio, sys, time
from websockets.asyncio.server import broadcast, serve
async def main():
    everybody, body = set(), "x" * int(sys.argv[2])
    async def stay(socket):
        everybody.add(socket)
        await socket.wait_closed()
        everybody.discard(socket)
    async with serve(stay, "127.0.0.1", int(sys.argv[1]), compression=None):
        while True:
            await asyncio.sleep(1)
            broadcast(everybody, f"{time.time()} {body}")
asyncio.run(main())
"""


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` only shows that it works."""
    clients, units, seconds = (10, 50, 6) if quick else (CLIENTS, UNITS, 25)
    server = Postgres()
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            url = server.url("postgres")
            migrate.upgrade(url)
            with psycopg.connect(url) as database:
                ensure_site(database, ensure_organization(database, "shoal"), "fjord")
            create_user(url, "viewer@fjord.example", farms.PASSWORD, "viewer", "shoal")
            farm = _Farm(url, Path(folder), units)
            farm.measure()
            with serving(url, Path(folder), SHOAL_LIVE_MAX_CLIENTS_PER_USER="1000") as api:
                farm.start()
                watched = asyncio.run(_watch(api, signed_in(api), farm, clients=clients, seconds=seconds))
                farm.stop()
        delays, size = watched["delays"], watched["bytes"]
        floor = asyncio.run(_floor(clients, size, 6 if quick else 12))
    finally:
        server.stop()
    p99, floor_p99 = _quantile(delays, 0.99), _quantile(floor, 0.99)
    details = {
        "clients": clients,
        "units": units,
        "message_bytes": size,
        "p50_ms": round(_quantile(delays, 0.5), 1),
        "p95_ms": round(_quantile(delays, 0.95), 1),
        "messages": len(delays),
        "clients_that_resumed": watched["resumed"],
        "gaps": watched["gaps"],
        "bar_p99_ms": BAR_P99_MS,
        "bar_share": round(BAR_P99_MS / p99, 2),
    }
    return result(
        "live", [Pair(ours=p99, floor=floor_p99, details={})], unit="ms", higher_is_better=False, details=details
    )


class _Farm:
    """Units that measure once a second through the ingest; the value is the number of the second."""

    def __init__(self, url: str, storage_dir: Path, units: int) -> None:
        self._box = farms.Box9(Ingest(url, storage_dir=storage_dir), "fjord", "box-1")
        self._units = units
        self._number = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.committed: dict[float, float] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._box.ingest.close()

    def measure(self) -> None:
        self._number += 1
        now = datetime.now(timezone.utc)
        readings = tuple(
            Reading(
                channel=f"u-{i}.do",
                unit=f"u-{i}",
                quantity="do",
                value=float(self._number),
                ucum="mg/L",
                observed_at=now,
            )
            for i in range(self._units)
        )
        self._box.send(ReadingBatch(readings=readings), Kind.READINGS)
        self.committed[float(self._number)] = time.time()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            self.measure()
            due = max(due + 1, time.monotonic())
            self._stopping.wait(due - time.monotonic())


async def _watch(api: str, token: str, farm: _Farm, *, clients: int, seconds: int) -> dict[str, Any]:
    delays: list[float] = []
    state = {"gaps": 0, "resumed": 0, "bytes": 0}
    half = time.monotonic() + seconds / 2
    until = time.monotonic() + seconds

    async def one(number: int) -> None:
        seq: int | None = None
        resume: str | None = None
        broke_off = number % 4 != 0
        while time.monotonic() < until:
            async with _connected(api, token) as socket:
                await socket.send(json.dumps({"type": "subscribe", "sites": ["fjord"], "resume": resume}))
                connected_at = time.time()
                while time.monotonic() < until:
                    text = str(await asyncio.wait_for(socket.recv(), 60))
                    now = time.time()
                    if '"code":"unavailable"' in text[:60]:
                        break  # too many come at once: again in a moment, as the documentation says
                    match = _SEQ.match(text)
                    if match is None:
                        raise RuntimeError(text[:300])
                    if match[1] == "snapshot":
                        state["gaps"] += seq is not None  # whoever comes back in time needs none
                        seq = int(match[2])
                    elif match[1] == "delta":
                        state["gaps"] += seq is not None and int(match[2]) != seq + 1
                        seq = int(match[2])
                        state["bytes"] = max(state["bytes"], len(text))
                        value = _VALUE.search(text)
                        # What waited for a client that was away is late because of the client.
                        committed = 0.0 if value is None else farm.committed.get(float(value[1]), 0.0)
                        if committed > connected_at:
                            delays.append((now - committed) * 1000)
                    resume = match[3] or resume
                    if not broke_off and time.monotonic() > half:
                        broke_off = True
                        state["resumed"] += 1
                        break
            if not broke_off or time.monotonic() < until:
                await asyncio.sleep(2)

    await asyncio.gather(*(one(number) for number in range(clients)))
    return {"delays": sorted(delays), **state}


def _connected(api: str, token: str) -> connect:
    address = api.replace("http", "ws") + "/api/v1/live"
    return connect(
        address, subprotocols=["shoal.live.v1", f"bearer.{token}"], max_size=None, compression=None, proxy=None,  # type: ignore[list-item]
        open_timeout=60,
    )  # fmt: skip


async def _floor(clients: int, size: int, seconds: int) -> list[float]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", _FLOOR, str(port), str(size)])  # noqa: ASYNC220  (once, before anything runs)
    delays: list[float] = []
    try:
        await asyncio.sleep(2)
        until = time.monotonic() + seconds

        async def one() -> None:
            async with connect(
                f"ws://127.0.0.1:{port}", max_size=None, compression=None, proxy=None, open_timeout=60
            ) as socket:
                while time.monotonic() < until:
                    text = str(await asyncio.wait_for(socket.recv(), 60))
                    delays.append((time.time() - float(text.partition(" ")[0])) * 1000)

        await asyncio.gather(*(one() for _ in range(clients)))
    finally:
        process.terminate()
        process.wait(20)
    return sorted(delays)


def _quantile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]
