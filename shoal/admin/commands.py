"""Commands of ``shoal admin`` that go through the API. Tables for people, ``--json`` for programs."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from contracts.errors import ShoalError
from shoal.admin.access import invitations, keys
from shoal.admin.models import models
from shoal.admin.table import AsJson, every_page, show

if TYPE_CHECKING:
    from shoal.client import Client

Site = Annotated[str, typer.Argument(help="Slug of the site")]

tasks = typer.Typer(help="Work in the background.", no_args_is_help=True)


def register(admin: typer.Typer) -> None:
    """Add the commands to the group."""
    for name, command in (
        ("login", login), ("logout", logout), ("whoami", whoami), ("sites", sites), ("units", units), ("latest", latest),
        ("alarms", alarms), ("acknowledge", acknowledge), ("devices", devices), ("users", users), ("health", health),
        ("performance", performance), ("report", report), ("export", export),
    ):  # fmt: skip
        admin.command(name)(command)
    for name, group in (("tasks", tasks), ("invitations", invitations), ("keys", keys), ("models", models)):
        admin.add_typer(group, name=name)


def login(
    url: Annotated[str, typer.Argument(help="Of the server, e.g. https://farm.example")],
    email: Annotated[str, typer.Option(prompt=True)],
    password: Annotated[str, typer.Option(envvar="SHOAL_USER_PASSWORD", prompt=True, hide_input=True)],
) -> None:
    """Sign in; the login is kept in a private file and renewed. Programs use SHOAL_API_URL and SHOAL_API_KEY instead."""
    from shoal.admin.session import sign_in

    typer.echo(f"Signed in to {url} as {sign_in(url, email, password)}")


def logout() -> None:
    """End the login on the server and forget it here."""
    from shoal.admin.session import sign_out

    sign_out()
    typer.echo("Signed out")


def whoami(as_json: AsJson = False) -> None:
    """Who is signed in, and where."""
    show(lambda client: [client.get_me()], ("email", "name", "role", "organization"), as_json)


def sites(as_json: AsJson = False) -> None:
    """Sites, with how much there is at each."""
    columns = ("slug", "name", "units", "devices_online", "devices", "open_alarms")
    show(lambda client: every_page(client.list_sites), columns, as_json)


def units(site: Site, as_json: AsJson = False) -> None:
    """Units of a site."""
    columns = ("id", "slug", "name", "kind", "volume_m3", "species", "stage")
    show(lambda client: every_page(lambda **page: client.list_units(site, **page)), columns, as_json)


def latest(site: Site, as_json: AsJson = False) -> None:
    """The newest value of every channel of a site, with its age."""

    def rows(client: Client) -> list[Any]:
        return [
            {"unit": unit["unit"]["slug"], **reading, "quality": _QUALITY.get(reading["quality"], reading["quality"])}
            for unit in client.get_site_latest(site)["units"]
            for reading in unit["readings"]
        ]

    show(rows, ("unit", "channel", "value", "ucum", "age_s", "stale", "quality"), as_json)


def alarms(
    site: Annotated[str | None, typer.Option(help="Of one site")] = None,
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too")] = False,
    limit: Annotated[int, typer.Option(min=1, max=5000, help="At most so many")] = 100,
    as_json: AsJson = False,
) -> None:
    """Alarms that are active or that nobody has acknowledged, newest first."""
    columns = ("id", "site", "severity", "definition", "raised_at", "active", "acknowledged", "message")

    def rows(client: Client) -> list[Any]:
        return every_page(
            lambda **page: client.list_alarms(site=site, open=None if every else True, **page), limit=limit
        )

    show(rows, columns, as_json)


def acknowledge(alarm: Annotated[str, typer.Argument(help="Id of the alarm")], as_json: AsJson = False) -> None:
    """Take an alarm on."""
    show(lambda client: [client.acknowledge_alarm(alarm)], ("id", "definition", "acknowledged_by"), as_json)


def devices(site: Annotated[str | None, typer.Option(help="Of one site")] = None, as_json: AsJson = False) -> None:
    """Edge boxes, and whether they are connected."""
    columns = ("site", "slug", "state", "state_at", "last_seen_at", "agent_version")
    show(lambda client: every_page(lambda **page: client.list_devices(site=site, **page)), columns, as_json)


def users(as_json: AsJson = False) -> None:
    """People of the organization."""
    columns = ("id", "email", "name", "role", "sites")
    show(lambda client: every_page(client.list_users), columns, as_json)


def health(as_json: AsJson = False) -> None:
    """Everything that the server depends on, with latency; exit status 1 when something is down."""
    found = show(
        lambda client: client.get_detailed_health()["dependencies"],
        ("name", "status", "latency_ms", "detail"),
        as_json,
    )
    if any(each["status"] == "down" for each in found):
        raise typer.Exit(1)


def performance(
    window: Annotated[int, typer.Option(min=10, max=900, help="Seconds back from now")] = 300, as_json: AsJson = False
) -> None:
    """How fast the server answered over the last minutes, by route, most asked first."""

    def rows(client: Client) -> list[Any]:
        told = client.get_performance(window_s=window)
        by_route: list[dict[str, Any]] = [{"route": route, **figures} for route, figures in told["routes"].items()]
        ordered = sorted(by_route, key=lambda each: -each["requests"])
        return [*ordered, {"route": "total", **told["total"]}]

    show(rows, ("route", "requests", "requests_per_s", "error_rate", "p50_ms", "p95_ms", "p99_ms"), as_json)


def report(
    site: Site,
    name: Annotated[str, typer.Argument(help="daily-log, production, water-compliance, alarm-performance, ...")],
    days: Annotated[float, typer.Option(min=0.01, max=366, help="Until now")] = 1.0,
    kind: Annotated[str, typer.Option("--format", help="pdf or csv")] = "pdf",
    out: Annotated[Path, typer.Option(help="Folder to write to")] = Path(),
) -> None:
    """Make a report in the background and fetch it."""
    _fetched("report", {"site": site, "name": name, "format": kind, **_until_now(days)}, out)


def export(
    site: Site,
    days: Annotated[float, typer.Option(min=0.01, max=366, help="Until now")] = 1.0,
    quantity: Annotated[list[str] | None, typer.Option(help="Only this; may be repeated")] = None,
    kind: Annotated[str, typer.Option("--format", help="csv or parquet")] = "csv",
    resolution: Annotated[str, typer.Option(help="raw, 1m, 1h or 1d")] = "raw",
    out: Annotated[Path, typer.Option(help="Folder to write to")] = Path(),
) -> None:
    """Export readings of a site in the background and fetch the file."""
    params = {"site": site, "quantities": quantity or [], "format": kind, "resolution": resolution, **_until_now(days)}
    _fetched("export", params, out)


_TASK = ("id", "kind", "state", "progress", "message", "attempts", "created_by", "created_at", "error")


@tasks.command("list")
def tasks_list(limit: Annotated[int, typer.Option(min=1, max=5000)] = 50, as_json: AsJson = False) -> None:
    """Tasks, newest first."""
    show(lambda client: every_page(client.list_tasks, limit=limit), _TASK, as_json)


@tasks.command("show")
def tasksshow(task: Annotated[str, typer.Argument(help="Id of the task")], as_json: AsJson = False) -> None:
    """One task."""
    show(lambda client: [client.get_task(task)], _TASK, as_json)


@tasks.command("cancel")
def tasks_cancel(task: Annotated[str, typer.Argument(help="Id of the task")], as_json: AsJson = False) -> None:
    """End a task."""
    show(lambda client: [client.cancel_task(task)], _TASK, as_json)


_QUALITY = {1: "good", 2: "not evaluated", 3: "suspect", 4: "fail", 9: "missing"}


def _fetched(kind: str, params: dict[str, Any], out: Path) -> None:
    from shoal.admin.session import connected

    with connected() as client, Progress(console=Console(stderr=True), transient=True) as progress:
        task = client.add_task({"kind": kind, "params": params})
        bar = progress.add_task(kind, total=1.0)
        while task["state"] in {"queued", "running"}:
            progress.update(bar, completed=task["progress"], description=f"{kind} {task['message']}".strip())
            time.sleep(0.3)
            task = client.get_task(task["id"])
        if task["state"] != "succeeded":
            raise ShoalError(f"The {kind} {task['state']}: {task['error'] or 'somebody ended it'}")
        result = task["result"] or {}
        path = out / Path(str(result["file"])).name
        path.write_bytes(client.get_task_file(task["id"]))
    typer.echo(f"wrote {path} ({result['bytes']} bytes)")


def _until_now(days: float) -> dict[str, str]:
    now = datetime.now(timezone.utc)
    return {"start": (now - timedelta(days=days)).isoformat(), "end": now.isoformat()}
