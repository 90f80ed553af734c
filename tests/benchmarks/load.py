"""A whole server under Locust's people (``locustfile.py``), against a bare FastAPI application under the same people.

Operators with the dashboard open, a machine that has pictures classified, visitors who sign in; all of them one account. Ours is
``python -m cloud``, one worker, on a real PostgreSQL with a classifier installed; the floor gives the very bytes that ours answered,
without a token, a hash, a model or a database. They take turns. Compared is the processor time of a request, which a busy machine
disturbs least; what people waited, and what was refused, is in ``details``. The classifier is tiny: its figure is what the API takes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from cloud.db import migrate
from tests.benchmarks.api import Program, process, served
from tests.benchmarks.harness import Pair, result
from tests.cloud.api import farm as farms
from tests.cloud.pictures import colour, jpeg
from tests.cloud.postgres import Postgres
from tests.models.tiny_bundle import tiny_classifier
from tests.servers.presence import ROOT
from tests.servers.process import free_port

EMAIL = "operator@fjord.example"
USERS = 20
LOGIN, CLASSIFY = "/api/v1/auth/login", "/api/v1/predictions/classify"

_FLOOR = """
import json, sys
import uvicorn
from fastapi import FastAPI, Response
app = FastAPI()
for method, path, body in json.load(open(sys.argv[1])):
    def make(data):
        async def answer():
            return Response(data, media_type="application/json")
        return answer
    app.add_api_route(path, make(body.encode()), methods=[method])
uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
"""


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` only shows that it works."""
    rounds, seconds, floor_seconds, users = (1, 4, 3, 8) if quick else (2, 30, 12, USERS)
    server = Postgres(durable=True)
    server.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            url = server.url("postgres")
            migrate.upgrade(url)
            farms.build(url, folder)
            tiny_classifier(folder / "models" / "fish-species", name="fish-species")
            with served(url, folder, SHOAL_MODELS_DIR=str(folder / "models")) as ours, _bare(ours, folder) as floor:
                pairs, heard = [], list[dict[str, Any]]()
                for _ in range(rounds):
                    took = _loaded(ours, users=users, seconds=seconds)
                    least = _loaded(floor, users=users, seconds=floor_seconds)
                    pairs.append(Pair(ours=took["cpu_ms"], floor=least["cpu_ms"], details=_told(took, least)))
                    heard.append(took)
    finally:
        server.stop()
    return result("load", pairs, unit="CPU-ms", higher_is_better=False, details={"users": users, **_details(heard)})


def _loaded(program: Program, *, users: int, seconds: int) -> dict[str, Any]:
    """One run of Locust in a process of its own; what it measured, and the server's processor time for a request."""
    before = program.cpu_s()
    done = subprocess.run(
        [
            sys.executable, "-m", "locust", "-f", str(ROOT / "tests/benchmarks/locustfile.py"), "--host", program.url,
            "--headless", "--json", "--skip-log", "--only-summary", "--users", str(users), "--spawn-rate", str(users),
            "--run-time", f"{seconds}s", "--stop-timeout", "5",
        ],
        env={**os.environ, "SHOAL_LOAD_EMAIL": EMAIL, "SHOAL_LOAD_PASSWORD": farms.PASSWORD},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )  # fmt: skip
    cpu_s = program.cpu_s() - before
    try:
        routes: list[dict[str, Any]] = json.loads(done.stdout[done.stdout.index("[") :])
    except ValueError:
        raise RuntimeError(f"locust ended with {done.returncode}: {done.stderr[-2000:]}") from None
    requests = sum(route["num_requests"] for route in routes)
    if not requests:
        raise RuntimeError(f"nobody asked anything: {done.stderr[-2000:]}")
    lasted_s = max(r["last_request_timestamp"] for r in routes) - min(r["start_time"] for r in routes)
    return {"routes": routes, "requests": requests, "cpu_ms": cpu_s / requests * 1000, "per_s": requests / lasted_s}


def _told(took: dict[str, Any], least: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{name}{key}": round(value, 1)
        for name, one in (("", took), ("floor_", least))
        for key, value in (
            ("requests_per_s", one["per_s"]),
            ("p50_ms", _share(_times(one["routes"]), 0.5)),
            ("p95_ms", _share(_times(one["routes"]), 0.95)),
        )
    }


def _details(heard: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What people waited for each kind of request, over all rounds of ours."""
    routes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in heard:
        for route in one["routes"]:
            routes[f"{route['method']} {route['name'].removeprefix('/api/v1')}"].append(route)
    figures: dict[str, Any] = {
        "requests": sum(one["requests"] for one in heard),
        "refused_or_failed": sum(route["num_failures"] for each in routes.values() for route in each),
        "logins": sum(route["num_requests"] for route in routes["POST /auth/login"]),
    }
    for name in sorted(routes):
        times = _times(routes[name])
        figures[name] = {f"p{int(share * 100)}_ms": _share(times, share) for share in (0.5, 0.95)}
    return figures


def _times(routes: Sequence[dict[str, Any]]) -> Counter[float]:
    """How many requests took how many milliseconds, as Locust rounds them."""
    times: Counter[float] = Counter()
    for route in routes:
        times.update({float(ms): count for ms, count in route["response_times"].items()})
    return times


def _share(times: Counter[float], share: float) -> float:
    """The milliseconds within which this share of the requests was answered."""
    wanted, passed = share * times.total(), 0
    for ms in sorted(times):
        passed += times[ms]
        if passed >= wanted:
            return ms
    return 0.0


@contextmanager
def _bare(ours: Program, folder: Path) -> Iterator[Program]:
    """The floor: what ours answers to each kind of request, again and again."""
    with httpx.Client(base_url=ours.url, timeout=60) as client:
        form = {"username": EMAIL, "password": farms.PASSWORD}
        login = client.post(LOGIN, data=form).raise_for_status()
        client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        sites = client.get("/api/v1/sites").raise_for_status()
        slug = sites.json()["items"][0]["slug"]
        latest = client.get(f"/api/v1/sites/{slug}/latest").raise_for_status()
        channel = next(reading["channel_id"] for unit in latest.json()["units"] for reading in unit["readings"])
        picture = {"file": ("fish.jpg", jpeg(colour("red")), "image/jpeg")}
        answers = [
            ("POST", LOGIN, login.text),
            ("GET", "/api/v1/sites", sites.text),
            ("GET", "/api/v1/sites/{site}/latest", latest.text),
            ("GET", "/api/v1/channels/{channel}/series", client.get(f"/api/v1/channels/{channel}/series").text),
            ("POST", CLASSIFY, client.post(CLASSIFY, files=picture).raise_for_status().text),
        ]
        answers += [
            ("GET", path, client.get(path).raise_for_status().text) for path in ("/api/v1/alarms", "/api/v1/auth/me")
        ]
    file, port = folder / "answers.json", free_port()
    file.write_text(json.dumps(answers))
    command = [sys.executable, "-c", _FLOOR, str(file), str(port)]
    with process(command, dict(os.environ), f"http://127.0.0.1:{port}", "/api/v1/sites") as program:
        yield program
