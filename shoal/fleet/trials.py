"""``shoal fleet trial``: a release in part of the tanks of each box, through the platform's API, as whoever is signed in.

Sign in with ``shoal admin login URL``; programs set SHOAL_API_URL and SHOAL_API_KEY.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shoal.admin.table import AsJson, every_page, show
from shoal.fleet.rollouts import plan_in

if TYPE_CHECKING:
    from shoal.client import Client

trial = typer.Typer(
    help="Try a release in some tanks of each box beside its own model, and compare.", no_args_is_help=True
)

_COLUMNS = ("id", "name", "model", "version", "status", "began_at", "ends_at", "created_by", "approved_by", "reason")
_ROLLOUT = ("id", "name", "model", "version", "status", "created_by", "reason")
Id = Annotated[str, typer.Argument(help="Id of the trial")]


@trial.command("create")
def trial_create(
    model: Annotated[str, typer.Argument(help="Name of the model")],
    version: Annotated[str, typer.Argument(help="Version, published in the repository")],
    name: Annotated[str | None, typer.Option(help="For people. [default: model and version]")] = None,
    days: Annotated[float, typer.Option(help="How long; boxes keep to the end without a network", min=0.01)] = 14.0,
    share: Annotated[
        float | None, typer.Option(help="Of the tanks of each box. [default: half, when none are named]")
    ] = None,
    unit: Annotated[
        list[str] | None, typer.Option(metavar="SITE/UNIT", help="This tank instead of a share; may be repeated")
    ] = None,
    site: Annotated[list[str] | None, typer.Option(help="Only this site; may be repeated")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Only boxes of this group; may be repeated")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only boxes with this tag; all of those given")] = None,
    second_person: Annotated[bool, typer.Option("--second-person", help="Wait until somebody else approves")] = False,
    seed: Annotated[int, typer.Option(help="Chooses the tanks; the same chooses the same", min=0)] = 1,
    plan: Annotated[
        Path | None,
        typer.Option(help="JSON file with what ends it in all boxes: failures and gates. [default: the careful one]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a trial. It begins within seconds, or is refused with the reason."""
    body: dict[str, Any] = {
        "name": name or f"{model} {version}",
        "model": model,
        "version": version,
        "days": days,
        "share": share,
        "units": unit or None,
        "sites": site or None,
        "groups": group or None,
        "tags": tag or None,
        "second_person": second_person,
        "seed": seed,
    }
    if plan is not None:
        body["plan"] = plan_in(plan, example='{"max_failed": 0, "gates": [{"metric": "count", "at_least": 0.9}]}')
    show(lambda client: [client.ask_unit_trial(body)], _COLUMNS, as_json)  # type: ignore[arg-type]  # options are text


@trial.command("list")
def trial_list(limit: Annotated[int, typer.Option(min=1, max=5000)] = 20, as_json: AsJson = False) -> None:
    """Trials, newest first."""
    show(lambda client: every_page(client.list_unit_trials, limit=limit), _COLUMNS, as_json)


@trial.command("show")
def trial_show(trial_id: Id, as_json: AsJson = False) -> None:
    """One trial: what would end it in all boxes and how that stands, and of each of its tanks what should look at it and what does."""
    if as_json:
        show(lambda client: [_whole(client, trial_id)], (), as_json=True)
        return
    show(lambda client: [client.get_unit_trial(trial_id)], _COLUMNS, as_json=False)
    show(lambda client: [client.get_unit_trial(trial_id)["plan"]], ("max_failed", "max_failed_share"), as_json=False)
    gates = ("metric", "at_least", "at_most", "min_devices", "verdict", "devices", "mean", "low", "high")
    show(lambda client: client.compare_unit_trial(trial_id).get("gates", []), gates, as_json=False)
    columns = ("box", "unit", "in_trial", "state", "running", "heard_at", "agrees", "reason")
    show(lambda client: _by_unit(client, trial_id), columns, as_json=False)


@trial.command("compare")
def trial_compare(trial_id: Id, as_json: AsJson = False) -> None:
    """Tanks with the release against the other tanks of the same boxes, one number of each box."""
    if as_json:
        show(lambda client: [client.compare_unit_trial(trial_id)], (), as_json=True)
        return
    columns = ("measure", "boxes", "mean", "low", "high", "p", "verdict")
    show(lambda client: client.compare_unit_trial(trial_id)["differences"], columns, as_json=False)


@trial.command("approve")
def trial_approve(
    trial_id: Id, reason: Annotated[str, typer.Option(help="Stays in the audit log")] = "", as_json: AsJson = False
) -> None:
    """Agree to a trial that somebody else has proposed; then it begins."""
    show(lambda client: [client.approve_unit_trial(trial_id, {"reason": reason})], _COLUMNS, as_json)


@trial.command("end")
def trial_end(
    trial_id: Id,
    reason: Annotated[str, typer.Option("--reason", prompt="Why", help="Boxes keep it in their records")],
    as_json: AsJson = False,
) -> None:
    """Give the tanks back to the models of their boxes, when their fish are left in peace."""
    show(lambda client: [client.end_unit_trial(trial_id, {"reason": reason})], _COLUMNS, as_json)


@trial.command("adopt")
def trial_adopt(
    trial_id: Id,
    back_to: Annotated[str | None, typer.Option(help="Version that devices go back to when it is rolled back")] = None,
    second_person: Annotated[
        bool | None,
        typer.Option(
            "--second-person/--no-second-person", help="Wait until somebody else approves. [default: as the trial did]"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Roll its release out to all tanks of these boxes, by waves and gates; each box ends the trial for it."""
    body: dict[str, Any] = {"back_to": back_to, "second_person": second_person}
    show(lambda client: [client.adopt_unit_trial(trial_id, body)], _ROLLOUT, as_json)  # type: ignore[arg-type]  # options are text


def _boxes(client: Client, trial_id: str) -> list[Any]:
    return every_page(lambda **page: client.list_unit_trial_boxes(trial_id, **page))


def _by_unit(client: Client, trial_id: str) -> list[dict[str, Any]]:
    return [
        {**box, **unit, "box": f"{box['site']}/{box['device']}"}
        for box in _boxes(client, trial_id)
        for unit in box["units"]
    ]


def _whole(client: Client, trial_id: str) -> dict[str, Any]:
    gates = client.compare_unit_trial(trial_id).get("gates", [])
    return {**client.get_unit_trial(trial_id), "gates": gates, "boxes": _boxes(client, trial_id)}
