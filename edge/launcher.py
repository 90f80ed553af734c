"""Starts the agent: the version that the fleet put into a slot, or the machine's own. It belongs to the machine, not to a slot.

pointer -> count this start, on the disk -> the slot's Python in the place of this process. A version on probation that does not come
up or starts too often, or a slot that is damaged, is left for the version before, without any network. Whatever is wrong with pointer or disk, an agent
starts: the machine's own at last. Nothing but the standard library, so that no dependency can break the way back.

    python -I -m edge.launcher --slots /var/lib/shoal/edge/agent run --config /etc/shoal/edge.yaml
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from edge import __version__
from edge.deployments.disk import write_whole

POINTER = "active.json"
"""In the folder of the slots: what is started, and what it goes back to."""
SLOTS = ("a", "b")
SLOT = "slot.json"
"""In a slot, written last: it is whole, and which version it is."""
ENVIRONMENT = "SHOAL_LAUNCHER"
"""Variable in which the agent is told who started it (``Launch``)."""
MOST_STARTS = 20
"""Starts of a committed version without a minute of good work in between, after which it is left: its slot may be damaged."""
_USAGE = f"usage: python -I -m edge.launcher --slots FOLDER run --config FILE\n\n{__doc__}"


@dataclass(frozen=True)
class Version:
    """A version of the agent in a slot. An older launcher reads what a newer agent wrote: fields are only added."""

    slot: str
    version: str
    sha256: str
    """Of the agent's wheel: what the running agent reports."""
    deployment: str = ""


@dataclass(frozen=True)
class Pointer:
    """What is started. One file, so that both ways, forward and back, change in one step."""

    base: str = ""
    """The machine's own version when this was written. Another one now was somebody's decision, and counts."""
    active: Version | None = None
    """None: the machine's own."""
    previous: Version | None = None
    """What it goes back to; None: the machine's own."""
    starts: int = 0
    """Of ``active`` since it was last known to work."""
    trial: str = ""
    """The deployment whose probation this is; empty when ``active`` is committed."""
    most: int = 3
    """Starts that a trial may have, when it came up each time or the machine was started anew."""
    up: bool = False
    """Whether the newest start came so far that the agent could say so here."""
    boot: str = ""
    """Of the machine, at the newest start."""
    went_back: str = ""
    """The deployment that was left last."""
    because: str = ""
    """Why."""


@dataclass(frozen=True)
class Launch:
    """What the agent is told of its start."""

    command: tuple[str, ...]
    """Starts the launcher again."""
    folder: str
    """Of the slots."""
    slot: str
    """That runs; empty: the machine's own."""
    base: str
    """As ``Pointer.base``."""
    paths: tuple[str, ...]
    """Folders of the machine's own packages, for what a release does not bring."""


def next_start(pointer: Pointer, *, base: str, boot: str, damage: Callable[[Version], str]) -> Pointer:
    """The pointer with this start counted, and back by as many versions as are no good. Pure but for ``damage``.

    Args:
        pointer: as it is on the disk.
        base: the machine's own version.
        boot: id of this start of the machine; empty when it tells none.
        damage: why a slot cannot be started; empty when it can.
    """
    if pointer.base != base:
        if pointer.active is None:
            return Pointer(base=base, went_back=pointer.went_back, because=pointer.because)
        because = f"this machine's own agent is {base} now, it was {pointer.base}"
        return Pointer(base=base, went_back=pointer.active.deployment, because=because)
    while (active := pointer.active) is not None:
        reason = damage(active)
        if not reason and pointer.trial and pointer.starts and not pointer.up and boot and pointer.boot == boot:
            reason = f"the agent {active.version} did not come up"  # no power cut, so it was the version
        elif not reason and pointer.trial and pointer.starts >= pointer.most:
            reason = f"the agent started {pointer.starts} times within its probation"
        elif not reason and pointer.starts >= MOST_STARTS:
            reason = f"the agent started {pointer.starts} times without a minute of good work"
        if not reason:
            return replace(pointer, starts=pointer.starts + 1, up=False, boot=boot)
        pointer = left(pointer, reason)
    return replace(pointer, starts=0)


def left(pointer: Pointer, reason: str) -> Pointer:
    """Back to the version before."""
    active = pointer.active
    went_back = pointer.trial or (active.deployment if active is not None else "")
    return Pointer(base=pointer.base, active=pointer.previous, went_back=went_back, because=reason[:300])


def read(folder: Path) -> Pointer | None:
    """The pointer; None when there is none, or it is damaged: then the machine's own agent starts."""
    try:
        kept = json.loads((folder / POINTER).read_bytes())
        known: dict[str, Any] = {"active": _version(kept.get("active")), "previous": _version(kept.get("previous"))}
        for name, field in Pointer.__dataclass_fields__.items():
            if name in kept and name not in known:
                known[name] = kept[name]
                if type(kept[name]) is not type(field.default):
                    return None
        return Pointer(**known)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write(folder: Path, pointer: Pointer) -> None:
    """From the next start on."""
    write_whole(folder / POINTER, json.dumps(asdict(pointer)).encode())


def python_of(folder: Path, slot: str) -> Path:
    """The interpreter of a slot."""
    return folder / slot / "bin" / "python"


def damage(folder: Path, version: Version) -> str:
    """Why a slot cannot be started; empty when it can."""
    try:
        kept = json.loads((folder / version.slot / SLOT).read_bytes()) if version.slot in SLOTS else {}
        whole = kept["sha256"] == version.sha256 and os.access(python_of(folder, version.slot), os.X_OK)
    except (OSError, ValueError, TypeError, KeyError):
        whole = False
    return "" if whole else f"the slot {version.slot} with the agent {version.version} is damaged"


def base_version() -> str:
    """The machine's own agent and its Python: a slot's packages work with that Python alone."""
    return f"{__version__} (Python {sys.version_info[0]}.{sys.version_info[1]})"


def boot_id() -> str:
    """Of this start of the machine; empty when it tells none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def package_folders() -> tuple[str, ...]:
    """Where this interpreter finds installed packages."""
    return tuple(path for path in sys.path if path.endswith(("site-packages", "dist-packages")) and Path(path).is_dir())


def main(arguments: list[str] | None = None) -> NoReturn:
    """Start the agent in the place of this process."""
    words = sys.argv[1:] if arguments is None else arguments
    if len(words) < 3 or words[0] != "--slots":  # noqa: PLR2004  (option, folder, command)
        sys.stderr.write(_USAGE)
        sys.exit(0 if words in (["--help"], ["-h"]) else 2)
    _start(Path(words[1]).absolute(), words[2:])


def _start(folder: Path, command: list[str]) -> NoReturn:
    pointer = read(folder)
    chosen = next_start(
        pointer or Pointer(), base=base_version(), boot=boot_id(), damage=lambda version: damage(folder, version)
    )
    if pointer is not None and pointer.active is not None and chosen.active != pointer.active:
        _say(f"leaves {pointer.active.version} of slot {pointer.active.slot}: {chosen.because}")
    if chosen != pointer:
        chosen = _persist(folder, chosen)
    while chosen.active is not None:
        slot = chosen.active.slot
        _say(f"starts {chosen.active.version} of slot {slot}, start {chosen.starts}")
        python = str(python_of(folder, slot))
        try:
            os.execve(python, [python, "-I", "-m", "edge", *command], _told(folder, slot))  # noqa: S606
        except OSError as error:
            chosen = _persist(folder, left(chosen, f"the slot {slot} cannot be started: {error}"))
            _say(chosen.because)
    _say(f"starts the machine's own {__version__}{f': {chosen.because}' if chosen.because else ''}")
    alone = ["-I"] if sys.flags.isolated else []
    os.execve(sys.executable, [sys.executable, *alone, "-m", "edge", *command], _told(folder, ""))  # noqa: S606


def _persist(folder: Path, pointer: Pointer) -> Pointer:
    """Keep it before acting on it; a start on probation that cannot be counted is not made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write(folder, pointer)
    except OSError as error:
        _say(f"cannot write {folder / POINTER}: {error}")
        return left(pointer, "a start on probation could not be counted") if pointer.trial else pointer
    return pointer


def _told(folder: Path, slot: str) -> dict[str, str]:
    command = (sys.executable, *sys.orig_argv[1:])
    launch = Launch(command, str(folder), slot, base_version(), package_folders())
    return {**os.environ, ENVIRONMENT: json.dumps(asdict(launch))}


def _version(kept: Any) -> Version | None:
    if kept is None:
        return None
    return Version(**{name: str(kept[name]) for name in Version.__dataclass_fields__ if name in kept})


def _say(words: str) -> None:
    sys.stderr.write(f"launcher: {words}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
