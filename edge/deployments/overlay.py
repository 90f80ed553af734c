"""Settings from the fleet, laid over the box's own file: where they lie, what they may change, and which of them hold.

A configuration release is one YAML file. It may change how the box measures, judges and sends; never who it is, whom it trusts,
what it is wired to or where it keeps its data: those belong to the machine. A pointer says which file the agent starts with and
which it goes back to; it is replaced in one step, like that of the models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from contracts.errors import ConfigurationError
from edge.deployments.disk import write_whole

MAY_CHANGE = frozenset({"alarms", "health", "log_level", "observations", "outbox", "quality", "sampling"})
"""Sections of the agent's settings that a configuration release may hold."""
MAX_BYTES = 200_000
POINTER = "active.json"


@dataclass(frozen=True)
class Overlay:
    """A configuration that the agent may start with."""

    sha256: str
    name: str = ""
    version: str = ""
    deployment: str = ""


class Overlays:
    """The configurations of one box.

    Args:
        folder: they lie in; made when the first is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pointer(self) -> tuple[Overlay | None, Overlay | None]:
        """What the agent starts with, and what it goes back to; None is the box's own file alone."""
        try:
            kept = json.loads((self._folder / POINTER).read_bytes())
            return _overlay(kept.get("active")), _overlay(kept.get("previous"))
        except (OSError, ValueError, TypeError, AttributeError):
            return None, None

    def point(self, active: Overlay | None, previous: Overlay | None) -> None:
        """From the next start of the agent on."""
        kept = {
            "active": None if active is None else asdict(active),
            "previous": None if previous is None else asdict(previous),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._folder / POINTER, json.dumps(kept).encode())
        known = {f"{one.sha256}.yaml" for one in (active, previous) if one is not None}
        for path in self._folder.glob("*.yaml"):
            if path.name not in known:
                path.unlink(missing_ok=True)

    def keep(self, content: bytes) -> str:
        """Have a file here; its hash."""
        sha256 = hashlib.sha256(content).hexdigest()
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._folder / f"{sha256}.yaml", content)
        return sha256

    def read(self, overlay: Overlay) -> dict[str, Any]:
        """What it changes.

        Raises:
            ConfigurationError: the file is damaged or gone, or may not change what it says.
        """
        try:
            content = (self._folder / f"{overlay.sha256}.yaml").read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"{overlay.name} {overlay.version}", overlay.sha256, f"{error.strerror}."
            ) from error
        if hashlib.sha256(content).hexdigest() != overlay.sha256:
            raise ConfigurationError(f"{overlay.name} {overlay.version}", overlay.sha256, "The file was damaged.")
        return parse(content)


def parse(content: bytes) -> dict[str, Any]:
    """Read a configuration release.

    Raises:
        ConfigurationError: it is no YAML mapping, too large, or holds a section that it may not change.
    """
    form = ConfigurationError("configuration", "(file)", f"Write 'name: value' lines, at most {MAX_BYTES} bytes.")
    if len(content) > MAX_BYTES:
        raise form
    try:
        document = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "configuration", "(file)", f"It is not YAML: {' '.join(str(error).split())}."
        ) from error
    if not isinstance(document, dict):
        raise form
    for key in document:
        if key not in MAY_CHANGE:
            known = ", ".join(sorted(MAY_CHANGE))
            raise ConfigurationError(str(key), "(section)", f"The fleet may not change this; it may change {known}.")
    return document


def laid_over(document: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """The box's own file with an overlay on top: sections are merged name by name, lists and values replaced."""
    merged = dict(document)
    for key, value in overlay.items():
        own = merged.get(key)
        merged[key] = laid_over(own, value) if isinstance(own, dict) and isinstance(value, dict) else value
    return merged


def _overlay(kept: Any) -> Overlay | None:
    return None if kept is None else Overlay(**kept)
