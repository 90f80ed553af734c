"""``shoal firmware check`` and ``diff``: before a farm's configuration goes to its boxes and nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

firmware = typer.Typer(help="Configuration of boxes, probes and nodes.", no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder laid out like firmware_configs/")]


@firmware.command("check")
def check(folder: Folder) -> None:
    """Check every file with the loader that will read it; exit status 1 when one is wrong."""
    from shoal.firmware.check import check as checked

    faults = 0
    for result in checked(folder):
        faults += bool(result.fault)
        typer.echo(
            f"{'wrong' if result.fault else 'good ':<6} {result.path}{': ' if result.fault else ''}{result.fault}"
        )
    raise typer.Exit(1 if faults else 0)


@firmware.command("diff")
def diff(before: Folder, after: Folder) -> None:
    """Tell what changes in meaning from one folder to another; exit status 1 when something does."""
    from shoal.firmware.difference import differences

    lines = list(differences(before, after))
    for line in lines:
        typer.echo(line)
    raise typer.Exit(1 if lines else 0)
