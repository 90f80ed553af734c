"""The environment of the box's child processes."""

from __future__ import annotations

import os
from pathlib import Path


def child_environment() -> dict[str, str]:
    """Ours, with small memory arenas and, from a source tree, the packages importable wherever we were started."""
    environment = dict(os.environ)
    environment.setdefault("MALLOC_ARENA_MAX", "2")  # glibc keeps an arena per thread and core otherwise
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")  # nobody here multiplies matrices large enough
    root = Path(__file__).resolve().parent.parent
    if root.name not in {"site-packages", "dist-packages"}:
        known = environment.get("PYTHONPATH", "").split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(root), *filter(None, known)]))
    return environment
