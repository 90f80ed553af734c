"""By which command, from which source code: written down when a training starts, told in the manifest when its bundle is made.

A run that was killed is started again, perhaps after an update of the code, so every start is kept. Standard library alone, for it is
called before torch is loaded.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from contracts.errors import ConfigurationError

STARTS = "starts.json"
"""In the folder of a run: command and source of each start."""
MOST_STARTS = 50
"""That are kept, the newest; the first is kept too."""
DIRTY = "-dirty"
_ROOT = Path(__file__).resolve().parents[2]

Told = dict[str, "str | int | float | bool | None"]


def command_line() -> str:
    """The words of this program, as a person would give them again; of paths that start at the root only the end, for a bundle travels."""
    words = shlex.join(["shoal", *map(_without_machine, sys.argv[1:])])
    world = int(os.environ.get("WORLD_SIZE", "1"))
    return words if world == 1 else f"torchrun --nproc-per-node {world} -m {words}"


def source() -> str:
    """The source code that runs: its commit, with ``-dirty`` where any file differs or is new; elsewhere the version of the package.

    Asked of the folder that the code lies in, not of the one that somebody works in, and only when git knows this very file.
    """
    if _git("ls-files", "--error-unmatch", str(Path(__file__).resolve())) is not None:
        commit, changed = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
        if commit is not None and changed is not None:
            return commit + (DIRTY if changed else "")
    try:
        return f"shoal {importlib.metadata.version('shoal')}"
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


@contextmanager
def noted_start(run: Path) -> Iterator[None]:
    """Keep in the folder of a run that it is started; a start that is refused before it has written anything there was none.

    Raises:
        ConfigurationError: the folder cannot be written, or what is started says so.
    """
    if int(os.environ.get("RANK", "0")) != 0:  # one of several processes speaks
        yield
        return
    path, new = run / STARTS, not run.exists()
    before, files = _starts(run), _files(run)
    kept = [*before[:1], *before[1:][-(MOST_STARTS - 2) :]]
    try:
        run.mkdir(parents=True, exist_ok=True)
        _write(path, [*kept, {"command": command_line(), "source": source()}])
    except OSError as error:
        raise ConfigurationError(
            "--output", str(run), f"It cannot be written: {error.strerror}. Give a folder that can be."
        ) from error
    try:
        yield
    except ConfigurationError:
        if _files(run) == files:  # else it has trained, and found a broken picture in its fifth epoch, say
            _write(path, before)
            if new:
                with suppress(OSError):  # a folder is in it by now
                    run.rmdir()
        raise


def provenance_of(run: Path, lineage: Told, *, command: str) -> Told:
    """What a manifest tells of how a model was made.

    Args:
        run: folder of the finished run.
        lineage: what the training wrote down itself (``lineage.json``).
        command: that makes the bundle.

    Returns:
        The lineage with ``command`` (of the last start), ``git_sha`` (of every start, where they differ), ``made_by`` with
        ``made_from``, and ``labels`` where the data came from label sets of the platform.
    """
    told = {key: value for key, value in lineage.items() if key != "script"}
    starts = _starts(run)
    if starts:
        told["command"] = starts[-1]["command"]
        told["git_sha"] = ", then ".join(dict.fromkeys(each["source"] for each in starts))
    if command:
        told |= {"made_by": command, "made_from": source()}
    labels = ["{label_set}@{number} {sha256}".format(**each) for each in _origins(run)]
    return told | ({"labels": ", ".join(labels)} if labels else {})


def _without_machine(word: str) -> str:
    option, equals, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
    path = Path(value)
    if not path.is_absolute():
        return word
    inside = path.is_relative_to(_ROOT) and path != _ROOT
    return f"{option}{equals}{path.relative_to(_ROOT) if inside else f'.../{path.name}'}"


def _origins(run: Path) -> list[dict[str, str]]:
    """Label sets that the data of a run came from; several where drafts were frozen together."""
    try:
        origin = json.loads((run / "dataset.json").read_bytes()).get("origin", {})
    except FileNotFoundError:
        return []
    return [each for each in origin.get("parts", [origin]) if "label_set" in each]


def _starts(run: Path) -> list[dict[str, str]]:
    try:
        starts: list[dict[str, str]] = json.loads((run / STARTS).read_bytes())
    except (OSError, ValueError):
        return []
    return starts


def _files(run: Path) -> dict[str, int]:
    """When each file of a run was written last, but for the list of starts."""
    if not run.is_dir():
        return {}
    return {path.name: path.stat().st_mtime_ns for path in run.iterdir() if path.is_file() and path.name != STARTS}


def _write(path: Path, starts: list[dict[str, str]]) -> None:
    if not starts:
        path.unlink(missing_ok=True)
        return
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(starts, indent=1))
    partial.replace(path)


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(_ROOT), *words], capture_output=True, text=True, check=False)
    except OSError:  # the image for training has no git
        return None
    return done.stdout.strip() if done.returncode == 0 else None
