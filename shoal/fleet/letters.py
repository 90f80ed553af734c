"""``shoal fleet letters``: messages that failed, through the platform's API: why they failed, put them back, discard them.

Messages that adapters of the bridge read (other vendors' topics) are put back by ``shoal bridge replay``, which knows the mappings.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shoal.admin.table import AsJson, every_page, show

if TYPE_CHECKING:
    from shoal.client import Client

letters = typer.Typer(help="Messages that failed: see why, put them back, discard them.", no_args_is_help=True)

POLL_S = 1.0

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Letters; without them give a selection")]
Reason = Annotated[str | None, typer.Option("--reason", help="All open letters of this reason, such as bad_schema")]
Site = Annotated[str | None, typer.Option("--site", help="All open letters of this site")]
Since = Annotated[datetime | None, typer.Option("--since", help="Only those that came then or later, UTC")]


@letters.command("reasons")
def letters_reasons(as_json: AsJson = False) -> None:
    """Why messages failed, the most frequent reason first."""
    columns = ("stage", "reason", "letters", "newest_at", "sites")
    show(lambda client: client.list_dead_letter_reasons()["items"], columns, as_json)


@letters.command("list")
def letters_list(
    reason: Annotated[str | None, typer.Option(help="Of this reason")] = None,
    site: Annotated[str | None, typer.Option(help="Of this site")] = None,
    state: Annotated[str, typer.Option(help="open, replayed or discarded")] = "open",
    limit: Annotated[int, typer.Option(min=1, max=5000)] = 20,
    as_json: AsJson = False,
) -> None:
    """Letters, newest first; --json shows the beginning of each message."""
    columns = ("id", "received_at", "count", "stage", "reason", "site", "device", "detail")
    show(
        lambda client: every_page(
            lambda **page: client.list_dead_letters(state=state, reason=reason, site=site, **page),  # type: ignore[arg-type]  # options are text
            limit=limit,
        ),
        columns,
        as_json,
    )


@letters.command("replay")
def letters_replay(
    ids: Ids = None,
    reason: Reason = None,
    site: Site = None,
    since: Since = None,
    why: Annotated[str, typer.Option(help="Stays in the log")] = "",
    wait_s: Annotated[float, typer.Option("--wait", help="Seconds to wait for the result; 0 does not wait")] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Put messages back after a correction. Twice does no harm; what is refused again stays, and exits with 1."""
    orders = show(
        lambda client: [_done(client, _order("replay", ids, reason, site, since, why), wait_s)],
        ("id", "status", "letters", "replayed", "refused", "left_out"),
        as_json,
    )
    for order in orders:
        if not as_json:
            _tell(order)
        if order["refused"] or order["status"] != "done":
            raise typer.Exit(1)


@letters.command("discard")
def letters_discard(
    why: Annotated[str, typer.Option("--why", prompt="Why", help="Stays with the letters")],
    ids: Ids = None,
    reason: Reason = None,
    site: Site = None,
    since: Since = None,
    as_json: AsJson = False,
) -> None:
    """Say that messages are not wanted. They stay for 90 days and can be put back by their ids."""
    body = _order("discard", ids, reason, site, since, why)
    show(lambda client: [client.order_dead_letters(body)], ("id", "discarded", "left_out", "why"), as_json)


@letters.command("orders")
def letters_orders(as_json: AsJson = False) -> None:
    """What was ordered about letters, newest first, and what came of it."""
    columns = ("asked_at", "asked_by", "action", "status", "letters", "replayed", "refused", "discarded", "why")
    show(lambda client: client.list_dead_letter_orders()["items"], columns, as_json)


def _order(
    action: str, ids: list[str] | None, reason: str | None, site: str | None, since: datetime | None, why: str
) -> Any:
    moment = None if since is None else since.replace(tzinfo=timezone.utc).isoformat()
    selected = {"letters": ids or None, "reason": reason, "site": site, "since": moment}
    return {"action": action, "why": why, **{name: value for name, value in selected.items() if value is not None}}


def _done(client: Client, body: Any, wait_s: float) -> Any:
    order = client.order_dead_letters(body)
    deadline = time.monotonic() + wait_s
    while order["status"] != "done" and time.monotonic() < deadline:
        time.sleep(POLL_S)
        order = client.get_dead_letter_order(order["id"])
    return order


def _tell(order: Any) -> None:
    if order["status"] != "done":
        typer.echo(f"{order['status']}: the ingest has not finished it yet; look with: shoal fleet letters orders")
        return
    typer.echo(f"{order['replayed']} replayed, {order['refused']} refused again")
    for one in order["refused_letters"][:10]:
        typer.echo(f"  {one['id'][:12]}  {one['why'][:200]}")
    if order["left_out"]:
        typer.echo(f"{order['left_out']} more are selected; order again for them")
