"""Runs the steps of one run in its folder: ``python -m cloud.training.program FOLDER``. Standard library alone.

``order.json`` says what to do; ``state.json`` says how far it is, and every few seconds that it lives. Killed, it goes on with the
step that was under way when it is started again, and training itself goes on from its last epoch. Two at once cannot be: the second
finds the folder locked and leaves. It knows no database: whoever ordered the run reads the folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from cloud.training.steps import RUN, Step, progress_of, steps_of

ORDER, STATE, LOG, LOCK = "order.json", "state.json", "log.txt", "lock"
CANCEL = "cancel"
"""A file of this name ends a run within seconds, wherever it runs."""
CONFIG, CURVE = "config.json", "curve.jsonl"
"""Of ``shoal models train``, in its output folder."""
HEARTBEAT_S = 5.0
LOG_BYTES = 5_000_000
"""A log that has grown larger begins anew with the next step; the old one is kept beside it."""
ALREADY_RUNNING = 3
"""Exit status of the second of two."""
_TAIL = 400


class Folder:
    """What is written of a run."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self._guard = threading.Lock()
        self._state: dict[str, Any] = read_state(folder) or {
            "state": "running",
            "step": None,
            "done": [],
            "error": None,
        }

    @property
    def done(self) -> list[str]:
        """Steps that have succeeded."""
        return list(self._state["done"])

    def tell(self, **changes: Any) -> None:
        """Write how far it is: whole or not at all."""
        with self._guard:
            self._state.update(changes, heard_at=datetime.now(timezone.utc).isoformat())
            partial = self.path / f"{STATE}.partial"
            partial.write_text(json.dumps(self._state))
            partial.replace(self.path / STATE)


def read_state(folder: Path) -> dict[str, Any] | None:
    """What a run says of itself; None before it began."""
    try:
        state: dict[str, Any] = json.loads((folder / STATE).read_text())
    except FileNotFoundError:
        return None
    return state


def main(folder: Path) -> int:
    """Run what is left of the steps; 0 when all have succeeded."""
    order = json.loads((folder / ORDER).read_text())
    with _alone(folder) as alone:
        if not alone:
            return ALREADY_RUNNING
        told = Folder(folder)
        told.tell(state="running", error=None, pid=os.getpid())
        steps = steps_of(order, folder)
        names = [step.name for step in steps]
        for step in steps:
            if step.name in told.done:
                continue
            if (folder / CANCEL).exists():
                told.tell(state="failed", error="cancelled")
                return 1
            error = _run(step, names, folder, told)
            if error is not None:
                told.tell(state="failed", error=error)
                return 1
            told.tell(done=[*told.done, step.name])
        told.tell(state="succeeded", step=None, progress=1.0, message="")
        return 0


def _run(step: Step, names: Sequence[str], folder: Path, told: Folder) -> str | None:
    """One step; what was wrong with it, or None."""
    told.tell(step=step.name, **_far(step, names, folder))
    log = folder / LOG
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".old.txt"))
    with log.open("ab") as out:
        out.write(f"\n$ {' '.join(step.command)}\n".encode())
        out.flush()
        try:
            child = subprocess.Popen(step.command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        except OSError as error:
            return f"{step.name}: {step.command[0]} cannot be started: {error.strerror}"
        with _passing_on_the_end(child):
            while True:
                try:
                    code = child.wait(HEARTBEAT_S)
                    break
                except subprocess.TimeoutExpired:
                    told.tell(**_far(step, names, folder))
                    if (folder / CANCEL).exists():
                        _end(child)
                        return "cancelled"
    if code not in step.fine:
        return f"{step.name} ended with {code}: {_last_words(log)}"
    if step.makes is not None and not (folder / step.makes).is_file():
        return f"{step.name} made no {step.makes}: {_last_words(log)}"
    return None


def _far(step: Step, names: Sequence[str], folder: Path) -> dict[str, Any]:
    """How far the run is. Training says it itself: a line of its curve for each epoch, and in its configuration how many there will be."""
    epoch = epochs = 0
    with suppress(OSError, ValueError, KeyError, TypeError):  # not there yet, or another program that trains
        epochs = int(json.loads((folder / RUN / CONFIG).read_text())["schedule"]["epochs"])
        with (folder / RUN / CURVE).open("rb") as lines:
            epoch = min(
                epochs, sum(1 for _ in lines)
            )  # an epoch that a kill cut off before its checkpoint is told twice
    share, words = progress_of(names, step.name, epoch, epochs)
    return {"progress": round(share, 4), "message": words}


@contextmanager
def _passing_on_the_end(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """A request to stop ends the step and this program, and leaves the run to be continued."""

    def stop(number: int, _frame: object) -> None:
        _end(child)
        sys.exit(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    # The lock goes with the process, however it dies.
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _last_words(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4 * _TAIL))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return " | ".join(line.strip() for line in lines if line.strip())[-_TAIL:]


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004  (program and folder)
        sys.exit("usage: python -m cloud.training.program FOLDER")
    begun = time.monotonic()
    status = main(Path(sys.argv[1]))
    print(f"ended with {status} after {time.monotonic() - begun:.0f} s")  # noqa: T201  (a program's last line)
    sys.exit(status)
