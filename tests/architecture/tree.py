"""The tree as these tests see it: pyproject.toml, the tracked files, and which distribution owns a module."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import tomli

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = frozenset({"contracts", "aquaculture", "edge", "bridge", "cloud", "models", "shoal", "tests"})

RELEASED_WITH = {"pydantic-core": "pydantic", "starlette": "fastapi", "awscrt": "awsiotsdk"}


@lru_cache(maxsize=1)
def pyproject() -> dict[str, Any]:
    """The parsed pyproject.toml."""
    return tomli.loads((ROOT / "pyproject.toml").read_text())


def normalized(requirement: str) -> str:
    """Distribution name of a requirement, in the form that compares equal (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


def declared(*extras: str) -> set[str]:
    """Distributions that the base and these extras name, with the extras that they name in turn."""
    project = pyproject()["project"]
    names = {normalized(line) for line in project["dependencies"]}
    for extra in extras:
        for line in project["optional-dependencies"][extra]:
            nested = re.fullmatch(r"shoal\[(.+)\]", line)
            names |= declared(*nested.group(1).split(",")) if nested else {normalized(line)}
    return names


def python_files(package: str) -> Iterator[Path]:
    """Our Python files under a folder (a dashboard's node_modules holds foreign ones)."""
    folder = ROOT / package
    return (path for path in sorted(folder.rglob("*.py")) if "node_modules" not in path.parts)


def foreign_imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every import that is neither ours nor the standard library's."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        else:
            continue
        for name in names:
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names and top not in OURS:
                yield node.lineno, top


@lru_cache(maxsize=1)
def _owners() -> dict[str, list[str]]:
    """Distributions by the top-level modules in their file lists (before Python 3.11 importlib knows only some)."""
    found: dict[str, list[str]] = {}
    for distribution in distributions():
        tops = {file.parts[0].partition(".")[0] for file in distribution.files or [] if file.suffix in {".py", ".so"}}
        for top in tops:
            found.setdefault(top, []).append(distribution.metadata["Name"])
    return found


def owners(module: str) -> set[str]:
    """Installed distributions that provide a top-level module, or that it is released with."""
    provided = {normalized(name) for name in _owners().get(module, [module])}
    return {RELEASED_WITH.get(name, name) for name in provided}


def tracked_files() -> list[Path]:
    """Files that git tracks."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
