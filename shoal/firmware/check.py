"""Every file of a folder through the loader of the program that will read it: probes, calibration, rules, cameras,
edge files, ESPHome.

A node's file must keep fish alive without network: restarts for want of a network, and aerators that are not on by themselves,
are faults here, though ESPHome itself accepts them. ESPHome's own check is not run; ``esphome config`` does that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from contracts.errors import ConfigurationError
from edge.guard.schema import RulesFile
from edge.program import check as check_edge
from edge.sensors.calibration import read_probe
from edge.sensors.drivers.modbus.probe import load_map
from shoal.firmware.cameras import read_profile
from shoal.firmware.nodes import read_nodes


@dataclass(frozen=True)
class Checked:
    """One file and what is wrong with it; empty when it is good."""

    path: Path
    fault: str = ""


class _Tags(yaml.SafeLoader):
    """ESPHome's tags (``!secret``, ``!include``, ``!lambda``) as text."""


def _as_text(_loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> str:
    return f"!{suffix} {node.value if isinstance(node, yaml.ScalarNode) else ''}".strip()


_Tags.add_multi_constructor("!", _as_text)


def check(folder: Path) -> Iterator[Checked]:
    """Check every YAML file below a folder laid out like ``firmware_configs``.

    Raises:
        ConfigurationError: there is nothing to check.
    """
    checks: dict[str, Callable[[Path], None]] = {
        "probes": lambda path: _none(load_map(str(path), "probe")),
        "calibration": lambda path: _none(read_probe(path)),
        "rules": lambda path: _none(RulesFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))),
        "edge": lambda path: _none(check_edge(path)),
        "cameras": lambda path: _none(read_profile(path)),
        "esphome": _check_node,
    }
    found = [
        (path, kind)
        for kind in checks
        for path in sorted((folder / kind).rglob("*.yaml"))
        if path.name != "secrets.yaml" and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise ConfigurationError(
            "folder", str(folder), f"It has none of the folders {', '.join(checks)} with YAML files"
        )
    for path, kind in found:
        yield Checked(path, _fault(checks[kind], path))


def _fault(load: Callable[[Path], None], path: Path) -> str:
    try:
        load(path)
    except ConfigurationError as error:
        return str(error)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (yaml.YAMLError, OSError) as error:
        return " ".join(str(error).split())
    return ""


def read_node(path: Path) -> dict[str, Any]:
    """An ESPHome file with its tags as text.

    Raises:
        ConfigurationError: it is no mapping.
    """
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Tags)  # noqa: S506  (a safe loader)
    if not isinstance(document, dict):
        raise ConfigurationError("esphome", str(path), "It must be a mapping")
    return document


def _check_node(path: Path) -> None:
    node = read_node(path)
    if node.keys() == {"nodes"}:  # a farm's file, of which nodes are rendered
        read_nodes(path)
        return
    for part in ("wifi", "mqtt", "api"):
        section = node.get(part)
        if isinstance(section, dict) and _connects(section) and section.get("reboot_timeout") != "0s":
            raise ConfigurationError(
                f"{part}.reboot_timeout",
                section.get("reboot_timeout", "(not set: 15min)"),
                "Write 0s: a node that restarts for want of a network switches its relays for nothing",
            )
    switches = node.get("switch")
    for switch in switches if isinstance(switches, list) else []:
        name = f"{switch.get('id', '')} {switch.get('name', '')}".lower()
        wanted = next((mode for word, mode in _SAFE.items() if word in name), None)
        if wanted is not None and switch.get("restore_mode") != wanted:
            raise ConfigurationError(
                "switch.restore_mode", switch.get("restore_mode", "(not set)"), f"Write {wanted} for {name.strip()!r}"
            )


_SAFE = {
    "aerator": "ALWAYS_ON",
    "blower": "ALWAYS_ON",
    "oxygen": "ALWAYS_ON",
    "feeder": "ALWAYS_OFF",
    "doser": "ALWAYS_OFF",
}
"""How a switch must come up, by a word in its name."""


def _connects(section: dict[str, Any]) -> bool:
    """Whether a section makes a connection; a package that only adds ``on_message`` does not."""
    return any(key in section for key in ("ssid", "networks", "broker", "encryption", "port"))


def _none(_checked: object) -> None:
    """The loader's answer is not needed: it raises when it does not like the file."""
