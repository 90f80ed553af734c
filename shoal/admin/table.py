"""What the server says, as a table for people or as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from shoal.client import Client

MOST = 5000
"""Items that a command asks for at most."""
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table")]


def show(
    rows: Callable[[Client], Sequence[Any]],
    columns: Sequence[str],
    as_json: bool,  # noqa: FBT001  (as typer gives it)
) -> Sequence[Any]:
    """Ask the server and print what it says.

    Args:
        rows: asks for what is to be shown.
        columns: of the table, by the names of the fields.
        as_json: everything as JSON instead.
    """
    from shoal.admin.session import connected

    with connected() as client:
        found = rows(client)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return found
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in found:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    Console().print(table)
    return found


def every_page(page: Callable[..., Mapping[str, Any]], *, limit: int | None = None) -> list[Any]:
    """Items of every page, at most so many; without a limit at most ``MOST``, and a word that there are more."""
    most = MOST if limit is None else limit
    items: list[Any] = []
    cursor: str | None = None
    while len(items) < most:
        answer = page(cursor=cursor)
        items += answer["items"]
        cursor = answer.get("next_cursor")
        if cursor is None:
            break
    if limit is None and (cursor is not None or len(items) > most):
        typer.echo(f"Only the first {most}: there are more. Ask for less at a time, such as one site.", err=True)
    return items[:most]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return str(value)
