"""Two environments for versions of the agent beside the machine's own, and the pointer that the launcher starts by.

A slot is made where it will run, from verified wheels alone: pip gets no index, no cache and no configuration, and takes each file by its
hash. Its note (``slot.json``) is written when everything is on the disk, so that a power cut leaves a slot that is whole or one that
nobody starts. The slot that runs is never written to; whoever takes the other one first makes the machine's own the way back.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from contracts.deployments import Cause, Release, ReleaseFile
from edge import __version__, launcher
from edge.deployments.disk import sync_tree, write_whole
from edge.deployments.errors import NoRoomError, RefusedError, SourceUnavailableError, TamperedError
from edge.deployments.slots import Slot, sha256_of
from edge.deployments.wheels import (
    MOST_UNPACKED_BYTES,
    SLOT_SHARE,
    file_name,
    pip_of,
    requirements,
    unpacked_bytes,
)
from edge.launcher import ENVIRONMENT, SLOT, Launch, Pointer, Version, python_of

log = structlog.get_logger()

FOLDER = "agent"
"""Name of the folder of the slots in ``data_dir``, as the unit gives it to the launcher."""
INSTALL_S = 3600.0
"""Longest time that pip may take on a slow card."""
SELF_TEST_S = 900.0
"""Longest time of a new version's self-test; it loads the model, and a Jetson builds its engine first."""
MOST_OUTPUT_BYTES = 10_000_000
"""Of a child; one that says more would fill the disk that the measurements need."""
NICENESS = 10
"""Of children: they wait for whoever watches over the fish."""
_SAID = 400
"""Characters of a failing program's last words."""
_RUN_PIP = (
    "import runpy, sys; sys.path.insert(0, {pip!r}) if {pip!r} else None;"
    " sys.argv[0] = 'pip'; runpy.run_module('pip', run_name='__main__')"
)


def launch(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """How this agent was started; None: not by the launcher, so that it cannot install itself."""
    written = environment.get(ENVIRONMENT)
    if written is None:
        return None
    try:
        told: dict[str, Any] = json.loads(written)
        known = {name: told[name] for name in Launch.__dataclass_fields__ if name in told}
        return Launch(**{**known, "command": tuple(told["command"]), "paths": tuple(told["paths"])})
    except (ValueError, TypeError, KeyError) as error:
        log.warning("agent.launch_not_understood", reason=str(error))
        return None


def running(launched: Launch | None) -> Version | None:
    """The slot's version that this very process is; None for the machine's own."""
    if launched is None or not launched.slot:
        return None
    place = Path(launched.folder) / launched.slot
    try:
        kept = json.loads((place / SLOT).read_bytes())
        version = Version(launched.slot, kept["version"], kept["sha256"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    ours = Path(__file__).resolve().is_relative_to(place.resolve())
    return version if ours and version.version == __version__ else None


class AgentSlots:
    """Both slots of one box.

    Args:
        launched: how this agent was started.
        min_free_bytes: disk space that an installation must leave.
        pause: waits these seconds; a true answer means that the agent stops.
    """

    def __init__(self, launched: Launch, *, min_free_bytes: int, pause: Callable[[float], object]) -> None:
        self.folder = Path(launched.folder)
        self._launched = launched
        self._min_free_bytes = min_free_bytes
        self._pause = pause

    def pointer(self) -> Pointer:
        """What is started next."""
        return launcher.read(self.folder) or Pointer(base=self._launched.base)

    def point(self, pointer: Pointer) -> None:
        """From the next start on."""
        if pointer != self.pointer():
            launcher.write(self.folder, replace(pointer, base=self._launched.base))

    def free(self) -> Slot:
        """The slot that does not run."""
        active = self.pointer().active
        return "b" if "a" in {self._launched.slot, active.slot if active is not None else ""} else "a"

    def known_files(self) -> list[Path]:
        """Wheels of versions that are installed: a download need not bring them again."""
        return sorted(self.folder.glob("[ab]/wheels/*.whl"))

    def install(
        self, slot: Slot, release: Release, wheels: Sequence[ReleaseFile], blob: Callable[[ReleaseFile], Path]
    ) -> None:
        """Make a slot from verified wheels. One that came to nothing takes no disk.

        Raises:
            RefusedError: a wheel is no good, or pip does not take it.
            NoRoomError: the disk is too full.
            TamperedError: a file is not what was signed.
            SourceUnavailableError: the agent stops.
            FileNotFoundError: a wheel is not here.
        """
        pointer = self.pointer()
        if slot == self._launched.slot or (pointer.active is not None and pointer.active.slot == slot):
            raise ValueError("the slot that runs is not overwritten")
        if pointer.previous is not None and pointer.previous.slot == slot:
            self.point(replace(pointer, previous=None))  # the way back is the machine's own, as long as this lasts
        place = self.folder / slot
        (place / SLOT).unlink(missing_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        try:
            self._make(place, wheels, blob)
        except Exception:
            shutil.rmtree(place, ignore_errors=True)
            raise
        note = {"version": release.version, "sha256": release.sha256}
        write_whole(place / SLOT, json.dumps(note).encode())

    def self_test(self, slot: Slot, release: Release, config: Path) -> None:
        """Ask the version in a slot whether it works here: a process of its own, beside the agent.

        Raises:
            RefusedError: it says no, dies, hangs, or is not what it should be.
            SourceUnavailableError: the agent stops.
        """
        command = [str(python_of(self.folder, slot)), "-I", "-m", "edge", "self-test", "--config", str(config)]
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_CHILDREN}
        said = self._run(command, kept, "its self-test", cause=Cause.SELF_TEST, timeout_s=SELF_TEST_S)
        try:
            told = json.loads(said.splitlines()[-1])
            version, place = told["version"], Path(told["from"])
        except (IndexError, ValueError, KeyError, TypeError) as error:
            raise RefusedError(f"its self-test says nothing of use: {said[-_SAID:]}", Cause.SELF_TEST) from error
        if version != release.version or not place.is_relative_to((self.folder / slot).resolve()):
            raise RefusedError(f"the slot {slot} starts the agent {version} of {place}", Cause.SELF_TEST)

    # -- within --------------------------------------------------------------------------------------------------

    def _make(self, place: Path, wheels: Sequence[ReleaseFile], blob: Callable[[ReleaseFile], Path]) -> None:
        shelf, scratch = place / "wheels", place / "tmp"
        shelf.mkdir(parents=True)
        scratch.mkdir()
        size = 0
        for file in wheels:
            target = shelf / file_name(file)
            _link(blob(file), target)
            if sha256_of(target) != file.sha256:
                raise TamperedError(f"{file.path} changed while it was written: is the disk failing?")
            size += unpacked_bytes(target)
        self._check_room(size)
        (place / "requirements.txt").write_text(requirements(wheels, shelf), encoding="utf-8")
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "TMPDIR": str(scratch),
            "HOME": str(scratch),
            "PIP_CONFIG_FILE": os.devnull,
        }
        python = str(python_of(self.folder, place.name))
        self._run([sys.executable, "-I", "-m", "venv", "--without-pip", str(place)], environment, "its environment")
        self._run([*self._pip(python, wheels, shelf), *_INSTALL, str(place / "requirements.txt")], environment, "pip")
        self._see_own_packages(place)
        shutil.rmtree(scratch, ignore_errors=True)
        sync_tree(place)

    def _check_room(self, unpacked: int) -> None:
        if unpacked > MOST_UNPACKED_BYTES:
            raise RefusedError(f"it unpacks to {unpacked // 1_000_000} MB", Cause.INCOMPATIBLE)
        free, needed = shutil.disk_usage(self.folder).free, int(unpacked * SLOT_SHARE) + self._min_free_bytes
        if free < needed:
            raise NoRoomError(f"{free // 1_000_000} MB are free, {needed // 1_000_000} MB are needed")

    def _pip(self, python: str, wheels: Sequence[ReleaseFile], shelf: Path) -> list[str]:
        brought = pip_of(wheels)
        if brought is not None:
            return [python, "-I", "-c", _RUN_PIP.format(pip=str(shelf / file_name(brought)))]
        if importlib.util.find_spec("pip") is None:
            raise RefusedError("this box has no pip: put its wheel into the release", Cause.INCOMPATIBLE)
        return [sys.executable, "-I", "-c", _RUN_PIP.format(pip=""), "--python", python]

    def _see_own_packages(self, place: Path) -> None:
        """After the slot's own packages come the machine's: a Jetson's OpenCV and runtime, and what a small release leaves out."""
        (folder,) = place.glob("lib/python3.*/site-packages")
        (folder / "shoal-machine.pth").write_text("".join(f"{path}\n" for path in self._launched.paths))

    def _run(
        self,
        command: list[str],
        environment: Mapping[str, str],
        what: str,
        *,
        cause: Cause = Cause.INCOMPATIBLE,
        timeout_s: float = INSTALL_S,
    ) -> str:
        output = self.folder / "output.txt"
        with output.open("w+b") as file:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd="/",
                start_new_session=True,  # so that its own children end with it: pip for another environment is two processes
            )
            with suppress(OSError):  # it has ended already
                os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
            began_s = time.monotonic()
            try:
                while child.poll() is None:
                    if self._pause(_LOOK_S):
                        raise SourceUnavailableError("the agent stops")
                    if time.monotonic() - began_s > timeout_s:
                        raise RefusedError(f"{what} did not end within {timeout_s:.0f} s", cause)
                    if os.fstat(file.fileno()).st_size > MOST_OUTPUT_BYTES:
                        raise RefusedError(f"{what} says more than {MOST_OUTPUT_BYTES // 1_000_000} MB", cause)
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            file.seek(0)
            said = file.read().decode(errors="replace").strip()
        if child.returncode != 0:
            if "No space left" in said:
                raise NoRoomError(f"{what} found no room on the disk")
            raise RefusedError(f"{what} ended with {child.returncode}: {' '.join(said[-_SAID:].split())}", cause)
        return said


_LOOK_S = 0.1
_INSTALL = (
    "--isolated", "install", "--no-index", "--no-deps", "--no-build-isolation", "--only-binary", ":all:", "--require-hashes",
    "--no-cache-dir", "--disable-pip-version-check", "--no-input", "--quiet", "--requirement",
)  # fmt: skip
_NOT_FOR_CHILDREN = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", ENVIRONMENT}


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)
