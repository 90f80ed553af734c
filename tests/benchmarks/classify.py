"""A picture over HTTP, signed in and kept in the database, against the same picture through the runtime alone.

The API runs in a process of its own on a real PostgreSQL, one connection, one picture at a time. Processor time of that process is
compared with that of the runtime's calls, in turns, so that other work on the machine counts less; wall time is in ``details``. Every picture is another one, so that the cache of results helps nobody. ``details`` tells what the API adds in
milliseconds, and what micro-batching gains with eight clients at once. The model is the shipped fish detector, or the classifier
in ``SHOAL_MODELS_DIR``, where there is one.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import psutil

from cloud.auth.accounts import create_user
from cloud.db import migrate
from cloud.predictions.catalogue import Catalogue
from cloud.predictions.predictor import Predictor
from contracts.bundles import Task
from tests.benchmarks.harness import Pair, result
from tests.benchmarks.vision_rig import the_pictures
from tests.cloud.postgres import Postgres

BAR = 0.8  # 1 / 1.25
WIDTH, HEIGHT = 1920, 1080
CLIENTS = 8
_PASSWORD = "a password of a benchmark"


def run(quick: bool) -> dict[str, Any]:
    """Measure."""
    rounds, calls, seconds = (2, 10, 2.0) if quick else (9, 30, 6.0)
    cv2.setNumThreads(1)
    server = Postgres(durable=True)
    server.start()
    try:
        migrate.upgrade(server.url())
        create_user(server.url(), "operator@farm.example", _PASSWORD, "operator", "farm")
        return _measured(server.url(), rounds=rounds, calls=calls, seconds=seconds)
    finally:
        server.stop()


def _measured(url: str, *, rounds: int, calls: int, seconds: float) -> dict[str, Any]:
    models_dir = os.environ.get("SHOAL_MODELS_DIR")
    catalogue = Catalogue(Path(models_dir) if models_dir else None, active={}, splits={})
    task = (
        Task.CLASSIFICATION if any(m.manifest.task is Task.CLASSIFICATION for m in catalogue.all()) else Task.DETECTION
    )
    model = catalogue.active(task)
    raw = Predictor(model)
    pictures = _Pictures()
    pairs: list[Pair] = []
    with _api(url) as (client, process):
        ask = _asker(client, task)
        for data in pictures.take(5):  # the version is loaded, the connection is warm
            ask(data)
            raw.predict([data])
        for _ in range(rounds):
            taken = pictures.take(calls)
            before = _cpu_ms(process)
            walls = [_wall_ms(ask, data) for data in taken]
            ours = (_cpu_ms(process) - before) / calls
            began = time.process_time()
            floor_walls = [_wall_ms(lambda one: raw.predict([one]), data) for data in taken]
            floor = (time.process_time() - began) * 1000 / calls
            wall = {
                "wall_ms": round(statistics.median(walls), 1),
                "floor_wall_ms": round(statistics.median(floor_walls), 1),
            }
            pairs.append(Pair(ours=ours, floor=floor, details=wall))
        single = _throughput(client, task, pictures, seconds)
    with _api(url, SHOAL_PREDICT_MAX_BATCH="8") as (client, _):
        _asker(client, task)(next(iter(pictures.take(1))))
        batched = _throughput(client, task, pictures, seconds)
        stats = client.get("/api/v1/models/stats").json()["items"][0]
    return result(
        "classify",
        pairs,
        unit="CPU-ms",
        higher_is_better=False,
        bar=BAR,
        details={
            "model": model.key,
            "picture": f"{WIDTH}x{HEIGHT} JPEG",
            "api_adds_cpu_ms": round(statistics.median(p.ours - p.floor for p in pairs), 2),
            "wall_ratio": round(statistics.median(p.details["floor_wall_ms"] / p.details["wall_ms"] for p in pairs), 3),
            "pictures_per_s_8_clients_batched": round(batched, 1),
            "pictures_per_s_8_clients_one_by_one": round(single, 1),
            "batching_gains": round(batched / single, 2),
            "batch_size_mean": stats["batch_size_mean"],
        },
    )


class _Pictures:
    """The same scenes with another corner each time: every JPEG has bytes of its own."""

    def __init__(self) -> None:
        scenes, _ = the_pictures()
        self._scenes = [np.asarray(cv2.resize(scene, (WIDTH, HEIGHT)), np.uint8) for scene in scenes[:8]]
        self._made = 0
        self._turn = threading.Lock()

    def take(self, count: int) -> list[bytes]:
        return [self._next() for _ in range(count)]

    def _next(self) -> bytes:
        with self._turn:
            number = self._made
            self._made += 1
        picture = self._scenes[number % len(self._scenes)].copy()
        picture[:8, :8] = (number % 251, number // 251 % 251, 128)
        return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def _asker(client: httpx.Client, task: Task) -> Callable[[bytes], None]:
    path = "/api/v1/predictions/classify" if task is Task.CLASSIFICATION else "/api/v1/ml/predict"

    def ask(data: bytes) -> None:
        client.post(path, files={"file": ("a.jpg", data, "image/jpeg")}).raise_for_status()

    return ask


def _throughput(client: httpx.Client, task: Task, pictures: _Pictures, seconds: float) -> float:
    """Pictures per second of eight clients that wait for each answer; their pictures are made before."""
    ask = _asker(client, task)
    share = [pictures.take(max(8, int(seconds * 8))) for _ in range(CLIENTS)]
    done = [0] * CLIENTS
    deadline = time.perf_counter() + seconds

    def work(index: int) -> None:
        for data in share[index]:
            if time.perf_counter() > deadline:
                return
            ask(data)
            done[index] += 1

    began = time.perf_counter()
    threads = [threading.Thread(target=work, args=(index,)) for index in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - began)


def _cpu_ms(process: psutil.Process) -> float:
    times = process.cpu_times()
    return (times.user + times.system) * 1000


def _wall_ms(work: Callable[[bytes], object], data: bytes) -> float:
    began = time.perf_counter()
    work(data)
    return (time.perf_counter() - began) * 1000


@contextmanager
def _api(url: str, **settings: str) -> Iterator[tuple[httpx.Client, psutil.Process]]:
    """The API in a process of its own, and a client that is signed in."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "SHOAL_DATABASE_URL": url,
            "SHOAL_SECRET_KEY": "a secret of at least thirty-two characters",
            "SHOAL_STORAGE_DIR": folder,
            "SHOAL_PORT": "0",
            "SHOAL_PREDICT_CACHE_ENTRIES": "0",
            "SHOAL_RATE_PER_MINUTE": "100000",
            "SHOAL_RATE_PER_MINUTE_USER": "100000",
            **settings,
        }
        log = Path(folder) / "log"
        with log.open("wb") as file:
            program = subprocess.Popen([sys.executable, "-m", "cloud"], env=environment, stdout=file, stderr=file)
        try:
            address = _address(log, program)
            with httpx.Client(base_url=address, timeout=60) as client:
                form = {"username": "operator@farm.example", "password": _PASSWORD}
                token = client.post("/api/v1/auth/login", data=form).raise_for_status().json()["access_token"]
                client.headers["Authorization"] = f"Bearer {token}"
                yield client, psutil.Process(program.pid)
        finally:
            program.terminate()
            program.wait(30)


def _address(log: Path, program: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and program.poll() is None:
        text = log.read_text()
        if '"url": "' in text:
            return text.partition('"url": "')[2].partition('"')[0]
        time.sleep(0.1)
    raise RuntimeError(f"the API did not start: {log.read_text()[-2000:]}")
