"""Work over HTTP: asked for, done by the worker inside the API, fetched, ended."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from cloud.auth.principal import Principal
from cloud.auth.rules import Role
from cloud.db.session import sqlalchemy_url
from cloud.kit.repository import Database
from cloud.reports.service import Name
from cloud.task_kinds import ExportParams, ReportParams, export_site, make_report
from cloud.tasks.kinds import Work
from cloud.tasks.schemas import TaskOut, TaskPage
from tests.cloud.api.test_access import is_problem

EXPORT = {
    "kind": "export",
    "params": {"site": "fjord", "start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z", "quantities": ["do"]},
}


def done(client: httpx.Client, task: TaskOut) -> TaskOut:
    deadline = time.monotonic() + 60
    while task.state in {"queued", "running"}:
        assert time.monotonic() < deadline, task
        time.sleep(0.05)
        task = TaskOut.model_validate_json(client.get(f"/api/v1/tasks/{task.id}").content)
    return task


def asked(client: httpx.Client, body: dict[str, Any], key: str | None = None) -> TaskOut:
    answer = client.post("/api/v1/tasks", json=body, headers={} if key is None else {"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    return TaskOut.model_validate_json(answer.content)


def test_an_export_is_made_in_the_background_and_asked_for_once(viewer: httpx.Client, rival: httpx.Client) -> None:
    key = f"january-{uuid4()}"
    task = asked(viewer, EXPORT, key)
    assert asked(viewer, EXPORT, key).id == task.id
    task = done(viewer, task)
    assert (task.state, task.progress, task.attempts) == ("succeeded", 1.0, 1)
    answer = viewer.get(f"/api/v1/tasks/{task.id}/file")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.content.startswith(b"time,site,unit,channel")
    assert task.result is not None
    assert len(answer.content) == task.result["bytes"]
    for path in (f"/api/v1/tasks/{task.id}", f"/api/v1/tasks/{task.id}/file"):
        assert is_problem(rival.get(path), 404, "not_found")
    listed = TaskPage.model_validate_json(viewer.get("/api/v1/tasks?state=succeeded&kind=export&limit=1").content)
    assert [each.kind for each in listed.items] == ["export"]
    assert TaskPage.model_validate_json(rival.get("/api/v1/tasks").content).items == []


def test_a_report_is_made_in_the_background(viewer: httpx.Client) -> None:
    span = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"}
    task = done(
        viewer,
        asked(viewer, {"kind": "report", "params": {"site": "fjord", "name": "daily-log", "format": "csv", **span}}),
    )
    assert task.state == "succeeded"
    assert viewer.get(f"/api/v1/tasks/{task.id}/file").status_code == 200


def test_work_tells_how_far_it_is_and_at_what(farm_url: str, tmp_path: Path, viewer: httpx.Client) -> None:
    heard: list[tuple[float, str]] = []
    me = viewer.get("/api/v1/auth/me").json()

    async def work() -> None:
        database = Database(sqlalchemy_url(farm_url), pool_size=1, statement_timeout_s=15)
        database.start()
        with psycopg.connect(farm_url) as rows:
            found = rows.execute("SELECT organization_id FROM site WHERE slug = 'fjord'").fetchone()
        assert found is not None
        user = Principal(0, me["email"], me["name"], Role.VIEWER, found[0], "")
        at = datetime.now(timezone.utc)
        job = Work(uuid4(), user, database, tmp_path, at, lambda share, message="": heard.append((share, message)))
        month, year = at - timedelta(days=30), at - timedelta(days=300)
        await export_site(job, ExportParams(site="fjord", quantities=("do",), start=year, end=at))
        await make_report(job, ReportParams(site="fjord", name=Name.DAILY_LOG, start=month, end=at))
        await database.stop()

    asyncio.run(work())
    export = [one for one in heard if " of " in one[1] and ", until " in one[1]]
    report = heard[len(export) :]
    for told in (export, report):
        assert [share for share, _ in told] == sorted(share for share, _ in told)
        assert all(0 <= share <= 1 for share, _ in told)
    assert len({share for share, _ in export}) > 1, "also within one channel"
    words = [message for _, message in report]
    assert words[0] == "Reading the records"
    assert {"Reading the diary", "Reading the alarms"} < set(words)
    assert any(message.startswith("Making the PDF of ") for message in words)
    assert words[-1] == "Writing the file"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"kind": "clean_up", "params": {}}, 400, "bad_request"),
        ({"kind": "export", "params": {"site": "fjord"}}, 400, "bad_request"),
        ({"kind": "export", "params": {**EXPORT["params"], "site": "lagoon"}}, 404, "not_found"),  # type: ignore[dict-item]
        ({"kind": "../x", "params": {}}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    viewer: httpx.Client, body: dict[str, Any], status: int, code: str
) -> None:
    assert is_problem(viewer.post("/api/v1/tasks", json=body), status, code)


def test_a_task_that_fails_says_why(viewer: httpx.Client) -> None:
    task = done(
        viewer,
        asked(viewer, {"kind": "export", "params": {**EXPORT["params"], "end": "2025-01-01T00:00:00Z"}}),  # type: ignore[dict-item]
    )
    assert (task.state, task.error) == ("failed", "start must be before end")


def test_ending_needs_an_operator_and_the_own_organization(
    anonymous: httpx.Client, viewer: httpx.Client, operator: httpx.Client, rival: httpx.Client
) -> None:
    task = done(viewer, asked(viewer, EXPORT))
    path = f"/api/v1/tasks/{task.id}"
    assert is_problem(anonymous.delete(path), 401, "unauthenticated")
    assert is_problem(viewer.delete(path), 403, "forbidden")
    assert is_problem(rival.delete(path), 404, "not_found")
    assert operator.delete(path).json()["state"] == "succeeded"  # it has ended, and stays as it is


@pytest.mark.parametrize("path", ["/tasks", f"/tasks/{UUID(int=1)}", f"/tasks/{UUID(int=1)}/file"])
def test_anonymous_must_sign_in(anonymous: httpx.Client, path: str) -> None:
    assert is_problem(anonymous.get(f"/api/v1{path}"), 401, "unauthenticated")


def test_metrics_tell_what_waits_and_what_the_worker_inside_has_done(
    anonymous: httpx.Client, viewer: httpx.Client
) -> None:
    done(viewer, asked(viewer, EXPORT))
    text = anonymous.get("/metrics").text
    assert 'shoal_tasks_unfinished{queue="data",state="queued"}' in text
    assert 'shoal_tasks_started_total{kind="export"}' in text
    assert 'shoal_tasks_finished_total{kind="export",state="succeeded"}' in text
