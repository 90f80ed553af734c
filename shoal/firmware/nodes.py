"""A farm's nodes as one small file: which node hangs where, and which parts are wired to it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.base import Slug
from contracts.errors import ConfigurationError

_Line = Annotated[str, Field(pattern=r"^[^\r\n]*$", max_length=200)]
Value = float | int | _Line


class Node(BaseModel):
    """One node: an ESP32 at a tank with the parts that are wired to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    """Name on the network and in topics: lower case, digits and hyphens, at most 31 (ESPHome's limit for a host name)."""
    unit: Slug
    """Tank, pond or hall that it hangs at; its topics begin with ``farm/<unit>/<name>``."""
    friendly_name: _Line | None = None
    """Name for people. None: made from ``name``."""
    board: _Line = "esp32dev"
    """PlatformIO's name of the board."""
    parts: tuple[Slug, ...] = Field(min_length=1)
    """Packages by their file's name, without ``.yaml``; ``base`` comes by itself."""
    probe: Slug | None = None
    """Register map (``probes/<name>.yaml``) that gives ``do_register``, ``temperature_register`` and ``do_address``. None: the
    values say it, or no part asks."""
    values: dict[str, Value] = {}
    """Values that the parts ask for (``do_on_below: 7.0``), by name."""

    @model_validator(mode="after")
    def _each_part_once(self) -> Node:
        twice = [part for part, count in Counter(self.parts).items() if count > 1]
        if twice:
            raise ValueError(f"parts: {twice[0]} stands twice; a node has each package once")
        return self


class NodesFile(BaseModel):
    """All nodes of a farm."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    nodes: tuple[Node, ...] = Field(min_length=1)
    """The nodes; names differ."""

    @model_validator(mode="after")
    def _names_differ(self) -> NodesFile:
        twice = [name for name, count in Counter(node.name for node in self.nodes).items() if count > 1]
        if twice:
            raise ValueError(f"nodes: two are called {twice[0]}; they would answer to one name")
        return self


def read_nodes(path: Path) -> NodesFile:
    """Read a farm's file.

    Raises:
        ConfigurationError: it cannot be read, or a field is missing, unknown or out of range.
    """
    try:
        return NodesFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError("nodes", str(path), f"It cannot be read: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "nodes"
        raise ConfigurationError(where, str(first["input"])[:100], f"{path.name}: {first['msg']}") from error
