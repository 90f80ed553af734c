"""``shoal fleet diagnostics``, ``log-level`` and ``commands``: what a box is asked to do from afar, and what it answered."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contracts.errors import ConfigurationError
from shoal.admin.table import AsJson, show

if TYPE_CHECKING:
    from shoal.client import Client

POLL_S = 1.0
WAITING = frozenset({"ordered", "sent"})
_COLUMNS = ("issued_at", "name", "state", "reason", "issued_by", "attempts", "ends_at", "archive", "id")

Device = Annotated[str, typer.Argument(metavar="SITE/DEVICE", help="Device")]
Wait = Annotated[float, typer.Option("--wait", help="Seconds to wait for the device's answer; 0 does not wait")]


def diagnostics(
    device: Device,
    ask: Annotated[bool, typer.Option("--ask", help="Order new diagnostics and wait for them")] = False,
    download: Annotated[
        Path | None,
        typer.Option(
            help="Write the whole archive to this file, a ZIP: with --ask the new one, else the newest that has come"
        ),
    ] = None,
    wait_s: Wait = 120.0,
    as_json: AsJson = False,
) -> None:
    """What a device told when it was asked for diagnostics, newest first; --json has its status, settings, findings and log."""
    site, name = _names(device)
    asked = None
    if ask:
        asked = _order(site, name, {"name": "diagnostics"}, wait_s, as_json=as_json, whole=download is not None)
    if download is not None:
        _download(site, name, download, asked)
    if not ask and download is None:
        show(
            lambda client: client.get_device_diagnostics(site, name)["items"],
            ("made_at", "file", "bytes", "message"),
            as_json,
        )


def log_level(
    device: Device,
    level: Annotated[str, typer.Argument(help="debug, info, warning or error")],
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="After that the device logs as before")] = 30,
    wait_s: Wait = 60.0,
    as_json: AsJson = False,
) -> None:
    """Let a device log more or less for a while."""
    site, name = _names(device)
    _order(site, name, {"name": "log.level", "level": level, "minutes": minutes}, wait_s, as_json=as_json)


def commands(device: Device, as_json: AsJson = False) -> None:
    """The newest commands to a device: ordered, sent, or how they ended."""
    site, name = _names(device)
    show(lambda client: [_flat(one) for one in client.list_commands(site, name)["items"]], _COLUMNS, as_json)


def _order(site: str, name: str, body: Any, wait_s: float, *, as_json: bool, whole: bool = False) -> str:
    """Order a command and show how it ended; returns its id. With ``whole`` its archive is waited for too."""

    def ask(client: Client) -> list[Any]:
        command: Any = client.order_command(site, name, body)
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            if command["state"] not in WAITING and not (whole and _may_come(command)):
                break
            time.sleep(POLL_S)
            command = client.get_command(site, name, command["id"])
        return [command if as_json else _flat(command)]

    (command,) = show(ask, _COLUMNS, as_json)
    if command["state"] != "done":
        raise typer.Exit(1)
    return str(command["id"])


def _may_come(command: Any) -> bool:
    """Whether it is worth waiting for the whole archive: not once the device has said that it keeps it."""
    return command["state"] == "done" and not command["archive"] and not command["archive_stays"]


def _download(site: str, name: str, file: Path, asked: str | None) -> None:
    """Fetch the archive of the command ``asked``, never an older one in its place; None: the newest that has come."""
    from shoal.admin.session import connected

    with connected() as client:
        items: list[Any] = client.list_commands(site, name)["items"]
        command = next((one for one in items if one["archive"] and asked in {None, one["id"]}), None)
        if command is None:
            raise ConfigurationError("device", f"{site}/{name}", _missing(items, asked))
        content = client.get_command_archive(site, name, command["id"])
    try:
        file.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(
            "download", str(file), f"{error.strerror}: name a file that can be written."
        ) from error
    typer.echo(f"{command['archive']['file']} is in {file}", err=True)  # beside what --json prints


def _missing(commands: list[Any], asked: str | None) -> str:
    """Why there is no archive, and what to do."""
    newest = (one for one in commands if one["name"] == "diagnostics" and asked in {None, one["id"]})
    stays = next((one["archive_stays"] for one in newest), None)
    if stays:
        return (
            f"The whole archive stays there: {stays}. Set that up, or take it on the box itself:"
            " shoal edge diagnostics. What fits an event is shown without --download."
        )
    remedy = "order one with --ask" if asked is None else "fetch it later with --download alone"
    return f"Its archive has not come: {remedy}; the device needs diagnostics.upload in its edge.yaml."


def _flat(command: Any) -> dict[str, Any]:
    archive = command["archive"]
    return {**command, "archive": None if archive is None else f"{archive['file']} ({archive['bytes']} bytes)"}


def _names(device: str) -> tuple[str, str]:
    site, _, name = device.partition("/")
    if not name:
        raise ConfigurationError("device", device, "Write it as SITE/DEVICE.")
    return site, name
