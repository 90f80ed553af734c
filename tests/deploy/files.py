"""What the tests of deploy/ share: where files are, running a tool, and the names of settings that really exist."""

from __future__ import annotations

import inspect
import subprocess
from pathlib import Path
from typing import Any

import yaml
from pydantic_settings import BaseSettings

import cloud.settings
from bridge.settings import BridgeSettings
from edge.settings import EdgeSettings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
READ_BY_NAME = frozenset({"SHOAL_SECRETS_DIR", "SHOAL_DATA_DIR", "SHOAL_PG_BIN", "SHOAL_USER_PASSWORD"})
"""Variables that no settings class has; each is read where the program starts."""


def run(
    *command: str, where: Path = ROOT, environment: dict[str, str] | None = None, timeout_s: float = 110
) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end."""
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=where, env=environment, timeout=timeout_s
    )


def passes(*command: str, where: Path = ROOT, environment: dict[str, str] | None = None) -> str:
    """What a tool printed; fails the test with it when the tool found something."""
    done = run(*command, where=where, environment=environment, timeout_s=300)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def documents(path: Path) -> list[Any]:
    """The YAML documents of a file."""
    return list(yaml.safe_load_all(path.read_text()))


def settings_names() -> frozenset[str]:
    """Environment variables that some program of Shoal reads."""
    kinds: list[type[BaseSettings]] = [BridgeSettings, EdgeSettings]
    kinds += [
        kind
        for _, kind in inspect.getmembers(cloud.settings, inspect.isclass)
        if issubclass(kind, BaseSettings) and kind is not BaseSettings
    ]
    names = {
        f"{kind.model_config.get('env_prefix', '')}{field}".upper() for kind in kinds for field in kind.model_fields
    }
    return frozenset(names) | READ_BY_NAME


def is_known(variable: str) -> bool:
    """Whether a variable with our prefix means something."""
    return variable.partition("__")[0] in settings_names()
