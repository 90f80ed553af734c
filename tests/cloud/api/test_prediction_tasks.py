"""Predictions asked for later: run, run again after a death, told of by signed callbacks, and never of the own network."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from cloud.auth.scope import Scope
from cloud.db.session import sqlalchemy_url
from cloud.errors import CallbackRefusedError
from cloud.kit.repository import Database, Row
from cloud.predictions.callbacks import CallbackError, Callbacks
from cloud.predictions.repository import ListedPredictions
from cloud.predictions.rules import call_again_after, callback_fault
from cloud.predictions.schemas import PredictionTaskAccepted, PredictionTaskOut
from cloud.predictions.serving import Serving as Models
from cloud.predictions.tasks import MAX_ATTEMPTS, TaskRunner, callback_key, uploads_of
from cloud.settings import CloudSettings
from cloud.tasks.repository import QueueRepository, TaskRepository
from cloud.tasks.schemas import TaskOut, TaskPage
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import SECRET, Api, Serving, settings_for
from tests.cloud.api.test_access import is_problem
from tests.cloud.pictures import colour, jpeg
from tests.models.tiny_bundle import tiny_classifier

URL = "/api/v1/ml/predict/async"
RED = jpeg(colour("red"))


class Client:
    """A client's server that is called back; answers what it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls.append((dict(self.headers), body))
                status = outer.answers.pop(0) if outer.answers else 200
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"http://127.0.0.1:{outer.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/done"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def called() -> Iterator[Client]:
    client = Client()
    yield client
    client.close()


@pytest.fixture(scope="module")
def settings(
    farm: farms.Farm,
    farm_url: str,
    storage_dir: Path,
    dashboard_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
    called: Client,
) -> CloudSettings:
    folder = tmp_path_factory.mktemp("models")
    tiny_classifier(folder / "fish-species", name="fish-species")
    plain = settings_for(farm_url, storage_dir=storage_dir, dashboard_dir=dashboard_dir)
    return plain.model_copy(
        update={"models_dir": folder, "predict_run_tasks": True, "callback_allow_hosts": (f"127.0.0.1:{called.port}",)}
    )


@pytest.fixture(scope="module")
def server(settings: CloudSettings) -> Iterator[Api]:
    with Serving(settings) as running:
        yield running


@pytest.fixture
def keeper(server: Api, token_of: Callable[[str], str]) -> Iterator[httpx.Client]:
    with server.client(token_of("operator")) as client:
        yield client


def submit(client: httpx.Client, *pictures: bytes, **form: Any) -> httpx.Response:
    files = [("files", (f"{n}.jpg", data, "image/jpeg")) for n, data in enumerate(pictures)]
    return client.post(URL, files=files, data={"task": "classification", **form})


def finished(client: httpx.Client, task_id: UUID, *, until: Callable[[PredictionTaskOut], bool]) -> PredictionTaskOut:
    deadline = time.monotonic() + 60
    while True:
        status = PredictionTaskOut.model_validate_json(client.get(f"{URL}/{task_id}").content)
        if until(status) or time.monotonic() > deadline:
            return status
        time.sleep(0.2)


def test_later_needs_an_operator_and_shows_nothing_to_others(
    anonymous: httpx.Client, viewer: httpx.Client, server: Api, keeper: httpx.Client, token_of: Callable[[str], str]
) -> None:
    assert is_problem(submit(anonymous, RED), 401, "unauthenticated")
    assert is_problem(submit(viewer, RED), 403, "forbidden")
    task_id = submit(keeper, RED).json()["task_id"]
    assert is_problem(anonymous.get(f"{URL}/{task_id}"), 401, "unauthenticated")
    assert viewer.get(f"{URL}/{task_id}").status_code == 200
    with server.client(token_of("rival")) as rival:
        assert is_problem(rival.get(f"{URL}/{task_id}"), 404, "not_found")
        assert is_problem(submit(rival, RED, unit_id=1), 404, "not_found")
    assert is_problem(keeper.get(f"{URL}/{uuid4()}"), 404, "not_found")


def test_a_task_is_done_kept_and_told_of_by_a_signed_callback(
    keeper: httpx.Client, called: Client, settings: CloudSettings
) -> None:
    called.calls.clear()
    answer = submit(keeper, RED, b"no picture", unit_id=1, callback_url=called.url)
    assert answer.status_code == 202, answer.text
    accepted = PredictionTaskAccepted.model_validate_json(answer.content)
    status = finished(keeper, accepted.task_id, until=lambda s: s.callback is not None and s.callback.state == "sent")
    assert (status.state, status.done, status.pictures, status.attempts) == ("done", 2, 2, 1)
    assert status.result is not None
    assert [each.prediction and each.prediction.label for each in status.result.items] == ["red", None]
    kept = keeper.get("/api/v1/predictions/history?unit_id=1").json()["items"]
    assert "async" in {each["source"] for each in kept}
    assert not uploads_of(settings.storage_dir, accepted.task_id).exists()

    ((headers, body),) = called.calls
    stamp, signed = (part.partition("=")[2] for part in headers["X-Shoal-Signature"].split(","))
    assert accepted.callback_key is not None
    expected = hmac.new(accepted.callback_key.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(signed, expected)
    assert headers["Idempotency-Key"] == str(accepted.task_id)
    told = json.loads(body)
    assert (told["state"], told["predicted"], told["failed"]) == ("done", 1, 1)
    assert told["status_url"] == accepted.status_url


def test_a_redirect_is_a_failure_and_is_not_followed(keeper: httpx.Client, called: Client) -> None:
    called.calls.clear()
    called.answers[:] = [302]
    task_id = UUID(submit(keeper, RED, callback_url=called.url).json()["task_id"])
    status = finished(keeper, task_id, until=lambda s: s.callback is not None and s.callback.state == "failed")
    assert status.callback is not None
    assert (status.callback.state, status.callback.error) == ("failed", "127.0.0.1 answered 302")
    assert len(called.calls) == 1


def test_a_receiver_in_trouble_is_called_again(keeper: httpx.Client, called: Client, farm_url: str) -> None:
    called.calls.clear()
    called.answers[:] = [503]
    task_id = UUID(submit(keeper, RED, callback_url=called.url).json()["task_id"])
    finished(
        keeper,
        task_id,
        until=lambda s: s.callback is not None and s.callback.attempts == 1 and s.callback.error is not None,
    )
    with psycopg.connect(farm_url) as database:  # its five seconds have passed
        database.execute("UPDATE prediction_task SET callback_at = now() WHERE id = %s", (task_id,))
    status = finished(keeper, task_id, until=lambda s: s.callback is not None and s.callback.state == "sent")
    assert status.callback is not None
    assert (status.callback.state, status.callback.attempts, len(called.calls)) == ("sent", 2, 2)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/plain",
        "ftp://example.com/",
        "https://",
        "https://user:secret@example.com/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://10.0.0.5/",
        "https://192.168.1.1:8080/",
        "https://169.254.169.254/latest/meta-data/",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "https://localhost/",
        "http://127.0.0.1:1/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com:99999/",
        "javascript:alert(1)",
        "https://[oops/",
    ],
)  # fmt: skip
def test_no_callback_to_the_own_network(keeper: httpx.Client, url: str) -> None:
    assert is_problem(submit(keeper, RED, callback_url=url), 400, "callback_refused")


def test_a_name_that_turned_to_the_own_network_is_not_called() -> None:
    """Checked again when it is called, and what is called is the number that was checked."""
    with pytest.raises(CallbackError, match="own network") as refused:
        asyncio.run(Callbacks(()).send("https://localhost/", {}, key=b"k", task_id="t"))
    assert refused.value.permanent
    with pytest.raises(CallbackRefusedError, match="own network"):
        asyncio.run(Callbacks(()).check("https://localhost/"))


def test_public_addresses_pass_and_tries_end() -> None:
    assert callback_fault("https://hooks.example.com/a?b=c", ()) is None
    assert callback_fault("https://1.1.1.1:8443/", ()) is None
    assert callback_fault("http://box.local/", ("box.local",)) is None
    assert callback_fault("ftp://box.local/", ("box.local",)) is not None
    waits = [call_again_after(n) for n in range(1, 7)]
    assert waits[:2] == [timedelta(seconds=5), timedelta(seconds=30)]
    assert waits[-1] is None


class Elsewhere:
    """A runner of another process on the same database."""

    def __init__(self, settings: CloudSettings) -> None:
        self.database = Database(
            sqlalchemy_url(settings.database_url.get_secret_value()), pool_size=3, statement_timeout_s=15
        )
        self.models = Models(settings)
        self.runner = TaskRunner(
            self.database, self.models, settings, Callbacks(settings.callback_allow_hosts), secret=SECRET.encode()
        )

    def run(self, task_id: UUID) -> bool:
        async def story() -> bool:
            self.database.start()
            try:
                return await self.runner.run(task_id)
            finally:
                await self.models.stop()
                await self.database.stop()

        return asyncio.run(story())


def left_running(
    farm_url: str, settings: CloudSettings, *, attempts: int, lease: timedelta, site_ids: tuple[int, ...] | None = None
) -> UUID:
    """A task as a process leaves it that was killed in the middle."""
    task_id = uuid4()
    data = jpeg(colour("blue"))
    from cloud.predictions.tasks import Request, _keep

    kept = _keep(uploads_of(settings.storage_dir, task_id), [("a.jpg", data)])
    request = Request(model="fish-species@1.0.0", arm="active", unit_id=1, uploads=tuple(kept), site_ids=site_ids)
    now = datetime.now(timezone.utc)
    with psycopg.connect(farm_url) as database:
        database.execute(
            "INSERT INTO prediction_task (id, organization_id, created_at, request, pictures, state, attempts, lease_until, done,"
            " callback_attempts) SELECT %s, id, %s, %s, 1, 'running', %s, %s, 0, 0 FROM organization WHERE slug = 'shoal'",
            (task_id, now, request.model_dump_json(), attempts, now + lease),
        )
    return task_id


def kept_of(farm_url: str, task_id: UUID) -> int:
    with psycopg.connect(farm_url) as database:
        row = database.execute("SELECT count(*) FROM prediction WHERE task_id = %s", (task_id,)).fetchone()
    assert row is not None
    return int(row[0])


def test_what_a_killed_process_had_in_hand_is_run_again_and_counts_once(
    farm_url: str, settings: CloudSettings, keeper: httpx.Client
) -> None:
    held = left_running(farm_url, settings, attempts=1, lease=timedelta(hours=1))
    assert not Elsewhere(settings).run(held)  # its process may still live
    with psycopg.connect(farm_url) as database:
        # It had even written its predictions, and died before it could say so.
        database.execute(
            "INSERT INTO prediction (organization_id, created_at, source, task_id, task_index, image_sha256, task, model_name,"
            " model_version, model_sha256, arm, latency_ms, cached) SELECT id, now(), 'async', %s, 0, %s, 'classification', 'm', '1.0.0',"
            " %s, 'active', 1, false FROM organization WHERE slug = 'shoal'",
            (held, "a" * 64, "b" * 64),
        )
        database.execute("UPDATE prediction_task SET lease_until = now() - INTERVAL '1 second' WHERE id = %s", (held,))
    status = finished(keeper, held, until=lambda s: s.state == "done")
    assert (status.state, status.attempts) == ("done", 2)
    assert kept_of(farm_url, held) == 1


def test_a_task_that_ends_its_process_every_time_is_given_up(
    farm_url: str, settings: CloudSettings, keeper: httpx.Client
) -> None:
    task_id = left_running(farm_url, settings, attempts=MAX_ATTEMPTS, lease=timedelta(seconds=-1))
    status = finished(keeper, task_id, until=lambda s: s.state == "failed")
    assert status.error is not None
    assert "ended 3 times" in status.error
    assert not uploads_of(settings.storage_dir, task_id).exists()


def listed(client: httpx.Client, **query: str | int) -> list[TaskOut]:
    """The whole list of tasks, page by page."""
    found: list[TaskOut] = []
    cursor: str | None = None
    while True:
        page = client.get("/api/v1/tasks", params={**query, **({} if cursor is None else {"cursor": cursor})})
        assert page.status_code == 200, page.text
        read = TaskPage.model_validate_json(page.content)
        found += read.items
        cursor = read.next_cursor
        if cursor is None:
            return found


def test_predictions_are_in_the_list_of_all_tasks(
    keeper: httpx.Client, server: Api, token_of: Callable[[str], str]
) -> None:
    day = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
    asked = []
    for _ in range(2):  # in turns, so that pages must mix both tables
        asked.append(submit(keeper, RED, unit_id=1).json()["task_id"])
        export = keeper.post("/api/v1/tasks", json={"kind": "export", "params": {"site": "fjord", **day}})
        asked.append(export.json()["id"])
    finished(keeper, UUID(asked[2]), until=lambda s: s.state == "done")

    every = listed(keeper, limit=1)
    assert [each.id for each in every] == [each.id for each in listed(keeper, limit=500)]
    assert every == sorted(every, key=lambda each: (each.created_at, each.id), reverse=True)
    assert [str(each.id) for each in every if str(each.id) in asked] == asked[::-1]
    assert {each.kind for each in listed(keeper, kind="prediction", state="succeeded", limit=2)} == {"prediction"}
    assert "prediction" not in {each.kind for each in listed(keeper, kind="export")}

    task = TaskOut.model_validate_json(keeper.get(f"/api/v1/tasks/{asked[2]}").content)
    assert task in listed(keeper)
    assert (task.kind, task.queue, task.state, task.progress, task.attempts) == (
        "prediction",
        "ml",
        "succeeded",
        1.0,
        1,
    )
    assert task.params == {"model": "fish-species@1.0.0", "pictures": 1, "unit_id": 1}
    assert task.result == {"predicted": 1, "failed": 0, "status_url": f"{URL}/{task.id}"}
    assert task.created_by == keeper.get("/api/v1/auth/me").json()["email"]
    assert task.message == "1 of 1 pictures"
    assert task.started_at is not None
    assert task.finished_at is not None
    assert task.created_at <= task.started_at <= task.finished_at
    assert is_problem(keeper.get(f"/api/v1/tasks/{task.id}/file"), 404, "not_found")
    assert keeper.delete(f"/api/v1/tasks/{task.id}").json()["state"] == "succeeded"  # it has ended, and stays as it is
    with server.client(token_of("rival")) as rival:
        assert is_problem(rival.get(f"/api/v1/tasks/{task.id}"), 404, "not_found")
        assert is_problem(rival.delete(f"/api/v1/tasks/{task.id}"), 404, "not_found")
        assert not {str(each.id) for each in listed(rival)} & set(asked)


def test_predictions_that_wait_are_counted_with_the_tasks(
    keeper: httpx.Client, settings: CloudSettings, farm_url: str
) -> None:
    async def counts() -> dict[tuple[str, str], Row]:
        database = Database(
            sqlalchemy_url(settings.database_url.get_secret_value()), pool_size=1, statement_timeout_s=15
        )
        database.start()
        async with database.read() as reader:
            rows = await QueueRepository(reader).counts((ListedPredictions(),))
        await database.stop()
        return {(row["queue"], row["state"]): row for row in rows}

    before = asyncio.run(counts())
    with psycopg.connect(farm_url, autocommit=True) as database:
        waiting = uuid4()
        database.execute(
            "INSERT INTO prediction_task (id, organization_id, created_at, request, pictures, state, attempts, done,"
            " callback_attempts, lease_until) SELECT %s, min(id), now() - interval '9 minutes', '{}', 1, 'running', 1, 0, 0,"
            " now() + interval '1 hour' FROM organization",
            (waiting,),
        )
        try:
            now = asyncio.run(counts())
        finally:
            database.execute("DELETE FROM prediction_task WHERE id = %s", (waiting,))
    running = ("ml", "running")
    assert now[running]["n"] == (before[running]["n"] if running in before else 0) + 1
    assert now[running]["waited_s"] >= 9 * 60
    assert 'shoal_tasks_unfinished{queue="ml",state="running"}' in keeper.get("/metrics").text


def test_who_is_limited_to_sites_sees_the_tasks_within_them(settings: CloudSettings, farm_url: str) -> None:
    async def seen(scope: Scope, task_id: UUID) -> bool:
        database = Database(sqlalchemy_url(farm_url), pool_size=1, statement_timeout_s=15)
        database.start()
        try:
            async with database.read() as reader:
                return await TaskRepository(reader, scope, [ListedPredictions()]).task(task_id) is not None
        finally:
            await database.stop()

    with psycopg.connect(farm_url) as database:
        row = database.execute("SELECT id FROM organization WHERE slug = 'shoal'").fetchone()
    assert row is not None
    for asked_within, asker, visible in [
        (None, None, True), (None, (1, 2), False), ((1,), None, True), ((1,), (1, 2), True), ((1, 3), (1, 2), False), ((1,), (), False),
    ]:  # fmt: skip
        task_id = left_running(farm_url, settings, attempts=1, lease=timedelta(hours=1), site_ids=asked_within)
        assert asyncio.run(seen(Scope(row[0], asker), task_id)) is visible, (asked_within, asker)
        with psycopg.connect(farm_url) as database:
            database.execute("DELETE FROM prediction_task WHERE id = %s", (task_id,))


def test_a_prediction_that_runs_is_ended_and_the_next_one_is_done(
    keeper: httpx.Client, viewer: httpx.Client, called: Client, settings: CloudSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    called.calls.clear()
    begun, ended = threading.Event(), threading.Event()

    async def endless(*_: object, **__: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with monkeypatch.context() as patched:
        patched.setattr("cloud.predictions.service.predict_all", endless)
        patched.setattr("cloud.predictions.tasks.SAY_ALIVE_S", 0.1)
        task_id = UUID(submit(keeper, RED, callback_url=called.url).json()["task_id"])
        assert begun.wait(60)
        assert is_problem(viewer.delete(f"/api/v1/tasks/{task_id}"), 403, "forbidden")
        task = TaskOut.model_validate_json(keeper.delete(f"/api/v1/tasks/{task_id}").content)
        assert (task.state, task.cancel_requested, task.finished_at is not None) == ("cancelled", True, True)
        assert ended.wait(60)
    finished(keeper, UUID(submit(keeper, RED).json()["task_id"]), until=lambda s: s.state == "done")
    status = finished(keeper, task_id, until=lambda s: s.callback is not None and s.callback.state == "sent")
    assert (status.state, status.result) == ("cancelled", None)
    assert [json.loads(body)["state"] for _, body in called.calls] == ["cancelled"]
    assert not uploads_of(settings.storage_dir, task_id).exists()


def test_keys_differ_by_organization() -> None:
    assert callback_key(SECRET.encode(), 1) != callback_key(SECRET.encode(), 2)
