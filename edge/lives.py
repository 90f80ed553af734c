"""How the agent's earlier lives ended, and what that means for this one: the last rung of the ladder is sensors only.

A box whose cameras or model take the agent down again and again must still watch the oxygen. After too many bad ends within
a short time it starts without cameras for an hour, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

log = structlog.get_logger()

BAD_ENDS = 5
"""Bad ends within ``WITHIN_S`` after which the cameras stay off."""
WITHIN_S = 900.0
SENSORS_ONLY_S = 3600.0
"""How long they stay off; then they are tried again."""


@dataclass(frozen=True)
class Life:
    """One life of the agent; seconds since the machine's start."""

    began_s: float
    cameras: bool
    ended: str = ""
    """``clean``; ``stalled: <worker>`` when the agent ended itself; empty when it was killed or crashed."""


def sensors_only(lives: list[Life], *, now_s: float) -> bool:
    """Whether the cameras stay off in the life that begins now. Pure; ``lives`` are of this machine start, oldest first."""
    bad = [life.began_s for life in lives if life.cameras and life.ended != "clean"]
    for first, last in zip(bad, bad[BAD_ENDS - 1 :], strict=False):
        if last - first <= WITHIN_S and now_s - last <= SENSORS_ONLY_S:
            return True
    return False


class Lives:
    """Remembers them in a file; a new machine start begins a new list.

    Args:
        machine_boot: id of this start of the machine.
        since_boot_s: seconds since then.
    """

    def __init__(self, file: Path, *, machine_boot: str, since_boot_s: Callable[[], float]) -> None:
        self._file = file
        self._boot = machine_boot
        self._lives = self._read()
        now_s = since_boot_s()
        self.sensors_only = sensors_only(self._lives, now_s=now_s)
        self._lives = [*self._lives[-20:], Life(now_s, cameras=not self.sensors_only)]

    def begin(self) -> None:
        """This life is running: until ``end`` it counts as one that was killed."""
        self._write()

    def end(self, how: str) -> None:
        """This life ends by its own decision."""
        last = self._lives[-1]
        self._lives[-1] = Life(last.began_s, last.cameras, how)
        self._write()

    def _read(self) -> list[Life]:
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            return [Life(**life) for life in kept["lives"]] if kept["boot"] == self._boot else []
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def _write(self) -> None:
        part = self._file.with_suffix(".part")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps({"boot": self._boot, "lives": [asdict(life) for life in self._lives]}))
            part.replace(self._file)
        except OSError as error:
            log.warning("lives.not_remembered", file=str(self._file), reason=str(error))
