"""``shoal fleet rollout``, ``devices`` and ``groups``: the fleet through the platform's API, as whoever is signed in.

Sign in with ``shoal admin login URL``; programs set SHOAL_API_URL and SHOAL_API_KEY.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contracts.errors import ConfigurationError
from shoal.admin.table import AsJson, every_page, show

if TYPE_CHECKING:
    from shoal.client import Client

rollout = typer.Typer(
    help="Roll a model, a configuration or an agent's version out, and watch it.", no_args_is_help=True
)
groups = typer.Typer(help="Groups of devices that something can be rolled out to.", no_args_is_help=True)

_COLUMNS = ("id", "name", "kind", "model", "version", "status", "created_by", "approved_by", "reason")
_ORDERS = {"pause": "pause", "resume": "resume", "cancel": "cancel", "rollback": "roll_back"}
Id = Annotated[str, typer.Argument(help="Id of the rollout")]
Reason = Annotated[str, typer.Option("--reason", prompt="Why", help="Stays in the decision log")]
Boxes = Annotated[list[str], typer.Argument(metavar="SITE/DEVICE...", help="Devices")]


@rollout.command("create")
def rollout_create(
    model: Annotated[str, typer.Argument(help="Name of the model or configuration; agent for the agent")],
    version: Annotated[str, typer.Argument(help="Version, published in the repository")],
    name: Annotated[str | None, typer.Option(help="For people. [default: model and version]")] = None,
    kind: Annotated[str, typer.Option(help="model, config or agent")] = "model",
    back_to: Annotated[str | None, typer.Option(help="Version that devices go back to when it is rolled back")] = None,
    site: Annotated[list[str] | None, typer.Option(help="Only this site; may be repeated")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Only devices of this group; may be repeated")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only devices with this tag; all of those given")] = None,
    plan: Annotated[Path | None, typer.Option(help="JSON file with the plan. [default: the careful one]")] = None,
    leave_out: Annotated[
        bool, typer.Option("--leave-out-incompatible", help="Go on without those that cannot")
    ] = False,
    second_person: Annotated[bool, typer.Option("--second-person", help="Wait until somebody else approves")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask for a rollout. The controller begins it within seconds, or refuses it with the reason."""
    body: dict[str, Any] = {
        "name": name or f"{model} {version}",
        "kind": kind,
        "model": model,
        "version": version,
        "back_to": back_to,
        "sites": site or None,
        "groups": group or None,
        "tags": tag or None,
        "leave_out_incompatible": leave_out,
        "second_person": second_person,
    }
    if plan is not None:
        body["plan"] = plan_in(plan, example='{"lease_s": 3600}')
    show(lambda client: [client.ask_rollout(body)], _COLUMNS, as_json)  # type: ignore[arg-type]  # options are text


@rollout.command("list")
def rollout_list(limit: Annotated[int, typer.Option(min=1, max=5000)] = 20, as_json: AsJson = False) -> None:
    """Rollouts, newest first."""
    show(lambda client: every_page(client.list_rollouts, limit=limit), _COLUMNS, as_json)


@rollout.command("show")
def rollout_show(
    rollout_id: Id,
    devices: Annotated[bool, typer.Option("--devices", help="Also every device with its step and why")] = False,
    as_json: AsJson = False,
) -> None:
    """One rollout: its waves, gates that have not passed, and the newest decisions."""
    if as_json:
        show(lambda client: [_whole(client, rollout_id, devices=devices)], (), as_json=True)
        return
    show(lambda client: [client.get_rollout(rollout_id)], _COLUMNS, as_json=False)
    waves = ("name", "share", "began_at", "released_at", "passed_at", "devices", "steps")
    show(lambda client: client.get_rollout(rollout_id)["waves"], waves, as_json=False)
    gates = ("phase", "metric", "stratum", "verdict", "devices", "mean", "low", "high", "at_least", "at_most")
    show(
        lambda client: [gate for gate in client.get_rollout(rollout_id)["gates"] if gate["verdict"] != "passed"],
        gates,
        as_json=False,
    )
    show(lambda client: client.list_rollout_decisions(rollout_id, limit=20)["items"], ("at", "words"), as_json=False)
    if devices:
        columns = ("site", "device", "wave", "step", "reason", "active_at", "ended_at")
        show(
            lambda client: every_page(lambda **page: client.list_rollout_devices(rollout_id, **page)),
            columns,
            as_json=False,
        )


@rollout.command("approve")
def rollout_approve(
    rollout_id: Id, reason: Annotated[str, typer.Option(help="Stays in the decision log")] = "", as_json: AsJson = False
) -> None:
    """Agree to a rollout that somebody else has proposed; then it begins."""
    show(lambda client: [client.approve_rollout(rollout_id, {"reason": reason})], _COLUMNS, as_json)


@rollout.command("pause")
def rollout_pause(rollout_id: Id, reason: Reason, as_json: AsJson = False) -> None:
    """Tell nobody new; what is under way goes on and is watched."""
    _order(rollout_id, "pause", reason, as_json=as_json)


@rollout.command("resume")
def rollout_resume(rollout_id: Id, reason: Reason, as_json: AsJson = False) -> None:
    """Go on."""
    _order(rollout_id, "resume", reason, as_json=as_json)


@rollout.command("cancel")
def rollout_cancel(rollout_id: Id, reason: Reason, as_json: AsJson = False) -> None:
    """Stop where it is: what has the release keeps it."""
    _order(rollout_id, "cancel", reason, as_json=as_json)


@rollout.command("rollback")
def rollout_rollback(rollout_id: Id, reason: Reason, as_json: AsJson = False) -> None:
    """Send everybody back to what they had."""
    _order(rollout_id, "rollback", reason, as_json=as_json)


def devices(
    site: Annotated[str | None, typer.Option(help="Of one site")] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag")] = None,
    group: Annotated[str | None, typer.Option(help="Of this group")] = None,
    as_json: AsJson = False,
) -> None:
    """Devices with their groups and tags."""
    columns = ("site", "slug", "state", "last_seen_at", "agent_version", "groups", "tags")
    show(
        lambda client: every_page(lambda **page: client.list_devices(site=site, tag=tag, group=group, **page)),
        columns,
        as_json,
    )


def health(
    site: Annotated[str | None, typer.Option(help="Of one site")] = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="Only where something does not work as configured")] = False,
    as_json: AsJson = False,
) -> None:
    """What every device last said of itself: what does not work, when its certificate ends, what waits on it."""
    columns = ("site", "device", "state", "observed_at", "degraded", "certificate_expires_at", "outbox_rows", "model")
    show(
        lambda client: every_page(lambda **page: client.list_device_health(site=site, wrong=wrong, **page)),
        columns,
        as_json,
    )


def deployments(
    site: Annotated[str | None, typer.Option(help="Of one site")] = None,
    differing: Annotated[
        bool, typer.Option("--differing", help="Only where something else runs than was wanted")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What every device should run, what it says of that, and what really ran when it last told (told at), side by side."""

    def rows(client: Client) -> list[Any]:
        fleet = every_page(lambda **page: client.list_device_deployments(site=site, **page))
        return [
            _side_by_side(device, one)
            for device in fleet
            for one in device["items"]
            if not differing or one["agrees"] is False
        ]

    show(rows, ("device", "kind", "desired", "state", "verified", "running", "told_at", "agrees", "why"), as_json)


def release_list(as_json: AsJson = False) -> None:
    """Releases on the platform, with who has signed each and how many must; what waits for signatures comes first."""

    def rows(client: Client) -> list[Any]:
        told: Any = client.list_releases()
        if not told["served"]:
            typer.echo("This platform serves no repository of releases (SHOAL_REPOSITORY_DIR).", err=True)
        found = [one for name in told["names"] for one in name["releases"]]
        return [_signed(one) for one in sorted(found, key=lambda one: one["state"] != "proposed")]

    columns = (
        "model",
        "version",
        "release",
        "kind",
        "state",
        "signatures",
        "signed_by",
        "not_by",
        "runnable",
        "sha256",
    )
    show(rows, columns, as_json)


def release_show(
    name: Annotated[str, typer.Argument(help="Name of the model or configuration; agent for the agent")],
    version: Annotated[str, typer.Argument(help="Its version")],
    as_json: AsJson = False,
) -> None:
    """One release: its signatures, and its figures by slice. --json has its card, its data, its settings or packages."""
    if as_json:
        show(lambda client: [client.get_release(name, version)], (), as_json=True)
        return
    columns = ("model", "version", "state", "signatures", "signed_by", "not_by", "bytes", "files", "licence", "sha256")
    (one,) = show(lambda client: [_signed(client.get_release(name, version))], columns, as_json=False)
    slices: dict[str, dict[str, float]] = one["slices"]
    if slices:
        figures = ("judged_on", *sorted({figure for of in slices.values() for figure in of}))
        show(lambda _client: [{"judged_on": of, **values} for of, values in slices.items()], figures, as_json=False)


def _signed(release: Any) -> dict[str, Any]:
    signatures = release["signatures"]
    return {
        **release,
        "signatures": f"{signatures['signed']} of {signatures['threshold']}",
        "signed_by": [key["name"] for key in signatures["keys"] if key["signed"]],
        "not_by": [key["name"] for key in signatures["keys"] if not key["signed"]],
        "sha256": _short(release["sha256"]),
    }


def tag(
    device: Annotated[str, typer.Argument(metavar="SITE/DEVICE", help="Device")],
    tags: Annotated[list[str] | None, typer.Argument(help="All of its tags; none takes them away")] = None,
    as_json: AsJson = False,
) -> None:
    """Replace the tags of a device."""
    site, _, name = device.partition("/")
    if not name:
        raise ConfigurationError("device", device, "Write it as SITE/DEVICE.")
    columns = ("site", "slug", "groups", "tags")
    show(lambda client: [client.set_device_tags(site, name, {"tags": tags or []})], columns, as_json)


def _side_by_side(device: Any, one: Any) -> dict[str, Any]:
    desired, reported, running = one["desired"], one["reported"], one["running"]
    return {
        **one,
        "device": f"{device['site']}/{device['device']}",
        "desired": None if desired is None else f"{desired['name']} {desired['version']}",
        "state": None if reported is None else reported["state"],
        "verified": _short(one["verified_sha256"]),
        "running": None if running is None else running["name"] or _short(running["sha256"]),
        "told_at": None if running is None else running["at"],
        "why": None if reported is None else reported["reason"] or reported["waiting_for"],
    }


def _short(sha256: str | None) -> str | None:
    return None if sha256 is None else sha256[:12]


_GROUP = ("name", "note", "devices", "created_by", "created_at")


@groups.command("list")
def groups_list(as_json: AsJson = False) -> None:
    """Groups with their devices."""
    show(lambda client: every_page(client.list_device_groups), _GROUP, as_json)


@groups.command("set")
def groups_set(
    name: Annotated[str, typer.Argument(help="Of the group")],
    devices: Boxes,
    note: Annotated[str, typer.Option(help="What it is for")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a group, or replace its devices."""
    show(lambda client: [client.set_device_group(name, {"note": note, "devices": devices})], _GROUP, as_json)


@groups.command("delete")
def groups_delete(name: Annotated[str, typer.Argument(help="Of the group")]) -> None:
    """Forget a group; its devices stay as they are."""
    from shoal.admin.session import connected

    with connected() as client:
        client.delete_device_group(name)
    typer.echo(f"{name} is gone")


def _order(rollout_id: str, order: str, reason: str, *, as_json: bool) -> None:
    body: Any = {"kind": _ORDERS[order], "reason": reason}
    show(lambda client: [client.order_rollout(rollout_id, body)], _COLUMNS, as_json)


def _whole(client: Client, rollout_id: str, *, devices: bool) -> dict[str, Any]:
    found: dict[str, Any] = dict(client.get_rollout(rollout_id))
    found["decisions"] = every_page(lambda **page: client.list_rollout_decisions(rollout_id, **page), limit=100)
    if devices:
        found["device_steps"] = every_page(lambda **page: client.list_rollout_devices(rollout_id, **page))
    return found


def plan_in(path: Path, *, example: str) -> dict[str, Any]:
    """The plan in a file; the platform examines what it holds.

    Raises:
        ConfigurationError: it cannot be read, or is no JSON object.
    """
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError("plan", str(path), f"{error}. Give a JSON file with the plan.") from error
    if not isinstance(plan, dict):
        raise ConfigurationError("plan", str(path), f"A plan is a JSON object, such as {example}.")
    return plan
