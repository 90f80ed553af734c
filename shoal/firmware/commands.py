"""``shoal firmware``: a farm's configuration is rendered, checked, compared and brought to its nodes."""

from __future__ import annotations

import sys
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


@firmware.command("render")
def render(
    farm: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The farm's nodes (esphome/farm.yaml)")],
    to: Annotated[Path, typer.Option(help="Folder for the nodes' files; packages/ is copied beside them")],
    packages: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Default: packages/ beside the farm's file")
    ] = None,
    probes: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Own register maps; default: the shipped ones")
    ] = None,
) -> None:
    """Make an ESPHome file of every node of a farm; nothing is written unless all are good."""
    from shoal.firmware.nodes import read_nodes
    from shoal.firmware.render import read_parts, write
    from shoal.firmware.render import render as rendered

    packages = packages or farm.parent / "packages"
    texts = rendered(read_nodes(farm), read_parts(packages), probes=probes)
    for what, name in write(to, texts, packages):
        typer.echo(f"{what:<9} {to / name}")
    if not (to / "secrets.yaml").exists():
        typer.echo(
            f"Now write {to / 'secrets.yaml'} (see esphome/examples/secrets.yaml), and keep it out of version control."
        )


@firmware.command("deploy")
def deploy(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder that `render` wrote")],
    node: Annotated[
        list[str] | None, typer.Option(help="Only this node; may be repeated. Default: all, in turn")
    ] = None,
    device: Annotated[
        list[str] | None, typer.Option(help="NODE=ADDRESS or NODE=/dev/ttyUSB0; default: found by mDNS")
    ] = None,
    esphome: Annotated[str, typer.Option(help="ESPHome's command")] = "esphome",
    mqtt_port: Annotated[int, typer.Option(help="Port of the nodes' broker", min=1, max=65535)] = 1883,
    timeout_s: Annotated[float, typer.Option(help="Seconds that a node may take to come back", min=1)] = 180,
) -> None:
    """Compile and write the nodes over the air, one by one, each only after the one before has come back."""
    from shoal.firmware.deploy import NodeError, read_broker, targets
    from shoal.firmware.deploy import deploy as deployed

    nodes = targets(folder, tuple(node or ()))
    addresses = _addresses(device or [], {each.name for each in nodes})
    try:
        for name in deployed(
            nodes,
            read_broker(folder, port=mqtt_port),
            esphome=esphome,
            devices=addresses,
            timeout_s=timeout_s,
        ):
            typer.echo(f"{name} is back")
    except NodeError as error:
        sys.stderr.write(f"shoal: {error}\n")
        raise typer.Exit(1) from error


@firmware.command("camera")
def camera(
    profile: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file of firmware_configs/cameras")],
    name: Annotated[str, typer.Option(help="Name of the camera in the box")],
    unit: Annotated[str, typer.Option(help="Unit that it looks into")],
    address: Annotated[str, typer.Option(help="The camera's address; nothing for one at the box itself")] = "ADDRESS",
) -> None:
    """Tell how to set a camera, and print its section for the box's file."""
    import yaml

    from edge.cameras.settings import CameraSettings
    from shoal.firmware.cameras import read_profile

    chosen = read_profile(profile)
    section = chosen.section(name, unit, address)
    CameraSettings.model_validate(section)
    for number, step in enumerate(chosen.settings, 1):
        typer.echo(f"# {number}. {step}")
    typer.echo(yaml.safe_dump({"cameras": [section]}, sort_keys=False), nl=False)


@firmware.command("schema")
def schema(
    to: Annotated[Path, typer.Option(help="Folder for the schemas")] = Path("firmware_configs/schema"),
) -> None:
    """Write the JSON Schemas of every file that people write, for editors and for checks of other programs."""
    from shoal.firmware.schemas import texts, write

    for path in write(to):
        typer.echo(f"written {path}")
    typer.echo(f"{len(texts())} schemas in {to}")


def _addresses(given: list[str], nodes: set[str]) -> dict[str, str]:
    from contracts.errors import ConfigurationError

    for each in given:
        if "=" not in each:
            raise ConfigurationError("device", each, "Write NODE=ADDRESS, as in tank-1=192.168.10.21")
    addresses = dict(each.split("=", 1) for each in given)
    for name in addresses.keys() - nodes:
        raise ConfigurationError("device", name, f"It is none of the nodes to write: {', '.join(sorted(nodes))}")
    return addresses
