"""What two folders of configuration mean differently: by file and by path in it, whatever order or comments they have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shoal.firmware.check import read_node


def differences(before: Path, after: Path) -> Iterator[str]:
    """One line for each file or value that is new, gone or changed."""
    names = {path.relative_to(root) for root in (before, after) for path in root.rglob("*.yaml")}
    for name in sorted(names):
        old, new = before / name, after / name
        if not old.exists():
            yield f"+ {name}"
        elif not new.exists():
            yield f"- {name}"
        else:
            was, now = dict(_leaves(read_node(old))), dict(_leaves(read_node(new)))
            for path in sorted(was.keys() | now.keys()):
                if path not in was:
                    yield f"+ {name} {path}: {now[path]!r}"
                elif path not in now:
                    yield f"- {name} {path}: {was[path]!r}"
                elif was[path] != now[path]:
                    yield f"~ {name} {path}: {was[path]!r} -> {now[path]!r}"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path, value
