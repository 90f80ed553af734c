"""``shoal admin backup``, ``restore`` and ``check-backup``: what an operator types, and what a timer runs every night."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

BoxDir = Annotated[Path | None, typer.Option(help="Folder of the box. [default: $SHOAL_DATA_DIR, else the system's]")]
Archive = Annotated[Path, typer.Argument(help="Archive written by shoal admin backup", exists=True, dir_okay=False)]


def register(group: typer.Typer) -> None:
    """Add the commands to the group ``admin``."""
    group.command("backup")(backup)
    group.command("restore")(restore)
    group.command("check-backup")(check_backup)


def backup(
    to: Annotated[Path, typer.Option(help="Folder or file; another disk than the box's")],
    data_dir: BoxDir = None,
    keep: Annotated[int | None, typer.Option(min=1, help="Keep this many archives in the folder, the newest")] = None,
) -> None:
    """Save a whole box, running or not: database, outboxes, pictures, keys and settings in one proven file.

    The file holds every password of the box: keep it as you keep those.
    """
    from shoal.backup.save import prune, save

    saved = save(_box(data_dir), to, now=datetime.now(timezone.utc), say=_say)
    size = saved.path.stat().st_size
    typer.echo(
        f"{saved.path}: {len(saved.manifest.files)} files, {saved.manifest.bytes / 1e6:.1f} MB in {size / 1e6:.1f} MB"
    )
    if not saved.manifest.database:
        typer.echo("The box's database is elsewhere ($SHOAL_DATABASE_URL) and is NOT in this archive; back it up there")
    for old in prune(saved.path.parent, keep=keep) if keep else []:
        typer.echo(f"removed {old}")


def restore(
    archive: Archive,
    data_dir: BoxDir = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move a box that is there aside, instead of refusing")
    ] = False,
) -> None:
    """Make a box again from an archive. Outboxes that are still on the disk stay: they have what the archive lacks."""
    from shoal.backup import restore as program

    done = program.restore(archive, _box(data_dir), now=datetime.now(timezone.utc), replace=replace, say=_say)
    typer.echo(f"the box of {done.manifest.made_at:%Y-%m-%d %H:%M:%S} UTC is back; start it with shoal up")
    for name in done.kept:
        typer.echo(f"{name}: its outbox was on the disk and stayed")
    for edge in done.manifest.edges:
        if edge.name not in done.kept:
            typer.echo(f"{edge.name}: {edge.waiting} messages wait in its outbox and will be sent")
    if done.aside is not None:
        typer.echo(f"what was there before is in {done.aside}; remove it when all is well")


def check_backup(
    archive: Archive,
    scratch: Annotated[
        Path | None, typer.Option(help="Folder with room for the database. [default: the system's]")
    ] = None,
) -> None:
    """Prove an archive: every byte, then the database started from it and its rows counted. Changes nothing."""
    from shoal.backup.restore import rehearse

    found = rehearse(archive, scratch)
    typer.echo(
        f"{archive}: whole, of {found.manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, Shoal {found.manifest.shoal_version}"
    )
    if found.manifest.database:
        typer.echo(f"database starts, schema {found.schema_revision}")
        for table, rows in found.rows.items():
            if rows:
                typer.echo(f"{table:<24} {rows:>12} rows")


def _box(given: Path | None) -> Path:
    from shoal.cli import default_data_dir

    return given or default_data_dir()


def _say(step: str) -> None:
    typer.echo(f"  {step}")
