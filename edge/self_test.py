"""A version of the agent asks itself whether it would work on this box, in a process of its own, before it takes the other's place.

packages -> modules -> settings -> outbox -> model. Nothing is changed and nothing connects: the version that runs goes on meanwhile.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import json
import pkgutil
import sqlite3
from pathlib import Path

import psutil
from packaging.requirements import Requirement

import edge
from contracts.deployments import AGENT_DISTRIBUTION
from contracts.errors import ConfigurationError
from edge.check import check
from edge.deployments.slots import POINTER
from edge.deployments.start import DEPLOYMENTS, settings_with_the_fleets
from edge.outbox.file import SCHEMA_VERSION
from edge.settings import EdgeSettings

EXTRA = "edge"
"""What an agent's environment holds at least."""
_OPTIONAL = ("aws_iot", "drivers", "gpio", "traces", "doctor", "cameras", "inference", "model")
"""Modules that need what not every box has: those of this box's settings are loaded by the pre-flight checks."""


def self_test(config: Path | str) -> dict[str, str]:
    """Look at everything; what this version is.

    Raises:
        ConfigurationError: it would not work here.
    """
    _packages()
    _modules()
    settings = settings_with_the_fleets(config)
    check(settings, beside_the_agent=True)
    _outbox(settings.outbox_file)
    _model(settings)
    return {"version": edge.__version__, "from": str(Path(edge.__file__).resolve().parent)}


def _packages() -> None:
    """Every package that the agent requires is here, in a version that it takes."""
    for line in importlib.metadata.requires(AGENT_DISTRIBUTION) or ():
        requirement = Requirement(line)
        if requirement.marker is not None and not any(
            requirement.marker.evaluate({"extra": extra}) for extra in ("", EXTRA)
        ):
            continue
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError as error:
            raise ConfigurationError(
                "package", requirement.name, "It is not installed: put it into the release."
            ) from error
        if not requirement.specifier.contains(found, prereleases=True):
            raise ConfigurationError("package", f"{requirement.name} {found}", f"The agent needs {requirement}.")


def _modules() -> None:
    for module in pkgutil.walk_packages(edge.__path__, "edge."):
        if module.name.endswith("__main__") or any(part in module.name.split(".") for part in _OPTIONAL):
            continue
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            raise ConfigurationError("module", module.name, f"It cannot be loaded: {error}.") from error


def _outbox(path: Path) -> None:
    """What waits for the store can be read by this version, and would still be by the one before it."""
    if not path.is_file():
        return
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
        ) as connection:
            found = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
            connection.execute("SELECT count(*) FROM message").fetchone()
    except sqlite3.Error as error:
        raise ConfigurationError("outbox", str(path), f"This version cannot read it: {error}.") from error
    if found is not None and found[0] != str(SCHEMA_VERSION):
        raise ConfigurationError(
            "outbox",
            f"form {found[0]}",
            f"This version writes the form {SCHEMA_VERSION}, which the way back could not read: install it by the machine's package.",
        )


def _model(settings: EdgeSettings) -> None:
    """The model that runs gives its golden results with this version's runtime, where there is memory for a second one."""
    model = settings.model
    if model is None or not settings.cameras or psutil.virtual_memory().available / 1e6 < model.max_memory_mb:
        return
    from edge.inference.engine import load_engine

    pointer = settings.data_dir / DEPLOYMENTS / "slots" / POINTER
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        model = model.model_copy(update={"bundle": json.loads(pointer.read_bytes())["active"]["bundle"]})
    try:
        load_engine(model)
    except ImportError as error:
        raise ConfigurationError("model", model.bundle, f"Its runtime cannot be loaded: {error}.") from error
