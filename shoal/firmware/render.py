"""From a farm's file and the packages to one ESPHome file per node: ``farm file → parts checked → text``.

ESPHome itself would take two parts on one pin, and tells a forgotten value only when it compiles; here both are refused, with
the part that is meant. Nothing is written before every node is good.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from contracts.errors import ConfigurationError
from edge.sensors.drivers.modbus.probe import load_map
from shoal.firmware.check import read_node
from shoal.firmware.nodes import Node, NodesFile, Value

_BASE = "base"
_OWN = frozenset({"name", "friendly_name", "unit", "board"})
"""Values that the node's own fields give."""
_USED = re.compile(r"\$\{(\w+)\}|\$(\w+)")
_PIN = re.compile(r"\bGPIO\d+\b")
_ID_USED = re.compile(r"\bid\((\w+)\)|^\s*-?\s*\w+_id:\s*(\w+)\s*$|switch\.turn_o(?:n|ff):\s*(\w+)", re.MULTILINE)
_ID_MADE = re.compile(r"^\s*(?:-\s+)?id:\s*(\w+)\s*$", re.MULTILINE)
_MARK = "# Written by `shoal firmware render`: change the farm's file, not this one.\n"


@dataclass(frozen=True)
class Part:
    """What a package needs and brings, read from its file."""

    name: str
    asks: frozenset[str]
    """Values it uses."""
    defaults: frozenset[str]
    """Those it has a value for itself."""
    pins: frozenset[str]
    """Pins it uses alone; those of a bus that parts share are not among them."""
    needs: frozenset[str]
    """Ids of other components that it refers to."""
    makes: frozenset[str]
    """Ids of its own components."""


def read_parts(folder: Path) -> dict[str, Part]:
    """The packages of a folder by name.

    Raises:
        ConfigurationError: there are none, or one cannot be read.
    """
    parts = {path.stem: _read_part(path) for path in sorted(folder.glob("*.yaml"))}
    if _BASE not in parts:
        raise ConfigurationError("packages", str(folder), "It has no base.yaml; copy firmware_configs/esphome/packages")
    return parts


def render(nodes: NodesFile, parts: dict[str, Part], *, probes: Path | None = None) -> dict[str, str]:
    """The text of every node's file by its name.

    Args:
        nodes: the farm's file.
        parts: the packages there are.
        probes: folder of register maps. None: the shipped ones.

    Raises:
        ConfigurationError: a part is unknown, needs another one or a value, or meets another on its pin.
    """
    return {f"{node.name}.yaml": _text(node, parts, probes) for node in nodes.nodes}


def write(folder: Path, texts: dict[str, str], packages: Path) -> Iterator[tuple[str, str]]:
    """Write the files with the packages that they include, and tell what became of each.

    A file that nobody rendered is never touched; one of a node that is no longer in the farm's file is told and left.

    Yields:
        ``new``, ``changed``, ``same`` or ``left over``, and the file's name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    foreign = [name for name in texts if (folder / name).exists() and not _is_ours(folder / name)]
    if foreign:
        raise ConfigurationError(
            "to", str(folder / foreign[0]), "It was written by hand and stays as it is; render into another folder"
        )
    if packages.resolve() != (folder / "packages").resolve():
        shutil.copytree(packages, folder / "packages", dirs_exist_ok=True)
    for name, text in texts.items():
        path = folder / name
        before = path.read_text(encoding="utf-8") if path.exists() else None
        if before != text:
            path.write_text(text, encoding="utf-8")
        yield ("new" if before is None else "same" if before == text else "changed"), name
    for path in sorted(folder.glob("*.yaml")):
        if path.name not in texts and path.name != "secrets.yaml" and _is_ours(path):
            yield "left over", path.name


def _text(node: Node, parts: dict[str, Part], probes: Path | None) -> str:
    chosen = [_part(node, name, parts) for name in (_BASE, *(part for part in node.parts if part != _BASE))]
    values = {**_registers(node, chosen, probes), **node.values}
    _check_values(node, chosen, values)
    _check_ids(node, chosen, parts)
    _check_pins(node, chosen)
    friendly = node.friendly_name or node.name.replace("-", " ").capitalize()
    own: dict[str, Value] = {
        "name": node.name,
        "friendly_name": friendly,
        "unit": node.unit,
        "board": node.board,
        **values,
    }
    substitutions = yaml.safe_dump(
        {"substitutions": {name: str(value) for name, value in own.items()}}, sort_keys=False, allow_unicode=True
    )
    packages = "".join(f"  {part.name}: !include packages/{part.name}.yaml\n" for part in chosen)
    return f"{_MARK}{substitutions}packages:\n{packages}"


def _part(node: Node, name: str, parts: dict[str, Part]) -> Part:
    if name not in parts:
        raise ConfigurationError(f"{node.name}.parts", name, f"There are: {', '.join(sorted(parts.keys() - {_BASE}))}")
    return parts[name]


def _registers(node: Node, chosen: list[Part], probes: Path | None) -> dict[str, Value]:
    """Registers as ESPHome counts them, from 0, by the map in which they stand as in the manual."""
    if node.probe is None:
        return {}
    own = None if probes is None else probes / f"{node.probe}.yaml"
    found = load_map(str(own) if own is not None and own.exists() else node.probe, f"{node.name}.probe")
    registers: dict[str, Value] = {
        f"{name}_register": place.register_ - found.first_register for name, place in found.values.items()
    }
    asked = {name for part in chosen for name in part.asks}
    return {name: value for name, value in {**registers, "do_address": found.address}.items() if name in asked}


def _check_values(node: Node, chosen: list[Part], values: dict[str, Value]) -> None:
    asked = {name for part in chosen for name in part.asks} - _OWN
    for name, value in values.items():
        if name in _OWN or name not in asked:
            raise ConfigurationError(
                f"{node.name}.values.{name}", value, f"No part of the node asks for it: {sorted(asked)}"
            )
    filled = {name for part in chosen for name in part.defaults} | values.keys()
    for part in chosen:
        missing = sorted(part.asks - filled - _OWN)
        if missing:
            raise ConfigurationError(
                f"{node.name}.values.{missing[0]}", "(not set)", f"The part {part.name} asks for it"
            )


def _check_ids(node: Node, chosen: list[Part], parts: dict[str, Part]) -> None:
    made: dict[str, str] = {}
    for part in chosen:
        for name in part.makes:
            if name in made:
                raise ConfigurationError(
                    f"{node.name}.parts", part.name, f"It and {made[name]} both are the node's {name}: choose one"
                )
            made[name] = part.name
    for part in chosen:
        for name in sorted(part.needs - made.keys()):
            makers = sorted(other.name for other in parts.values() if name in other.makes)
            raise ConfigurationError(
                f"{node.name}.parts", part.name, f"It needs {name}: add {' or '.join(makers) or 'a part that has it'}"
            )


def _check_pins(node: Node, chosen: list[Part]) -> None:
    used: dict[str, str] = {}
    for part in chosen:
        for pin in sorted(part.pins):
            if pin in used:
                raise ConfigurationError(
                    f"{node.name}.parts", part.name, f"It and {used[pin]} are both wired to {pin}: use another node"
                )
            used[pin] = part.name


def _read_part(path: Path) -> Part:
    # Comments speak of values and ids as well; what counts is what ESPHome reads.
    text = "\n".join(
        line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")
    )
    document = read_node(path)
    made = frozenset(_ID_MADE.findall(text))
    needs = frozenset(name for match in _ID_USED.findall(text) for name in match if name) - made
    # Sections of which a node has one (i2c) are merged by ESPHome: parts that name its pins share the bus.
    shared = yaml.safe_dump(document.get("i2c", ""))
    return Part(
        path.stem,
        frozenset(name for match in _USED.findall(text) for name in match if name),
        frozenset(document.get("substitutions") or {}),
        frozenset(_PIN.findall(text)) - frozenset(_PIN.findall(shared)),
        needs,
        made,
    )


def _is_ours(path: Path) -> bool:
    return path.read_text(encoding="utf-8").startswith(_MARK)
