"""What a Jetson board says of its GPU: heat, power and throttling. Everything here may be absent.

Power and the GPU's heat come from jetson-stats where its Python package and its service are there; the throttle alerts of the
kernel are cooling devices. A board without any of it simply tells less.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger()

LOOKS_S = 5.0
"""Seconds between two looks; jetson-stats is asked to hand out values no faster."""
RETRY_S = 300.0
"""Seconds until a service that is not there is asked again."""


@dataclass(frozen=True)
class Board:
    """What was last heard; None is unknown."""

    gpu_celsius: float | None = None
    power_watts: float | None = None
    gpu_load: float | None = None
    """0 to 1."""

    def measures(self) -> dict[str, float]:
        """What is known, by the name of its metric."""
        named = {"gpu_celsius": self.gpu_celsius, "power_watts": self.power_watts, "gpu_load": self.gpu_load}
        return {name: value for name, value in named.items() if value is not None}


class JetsonStats:
    """Listens to jetson-stats in a thread of its own, because its client waits for its service, at worst for ever.

    Args:
        load: imports the module ``jtop``; a test brings its own.
    """

    def __init__(self, load: Callable[[], Any] = lambda: importlib.import_module("jtop")) -> None:
        self.board = Board()
        self._load = load

    def available(self) -> bool:
        """Whether the package is installed; without it there is nothing to run."""
        try:
            self._load()
        except Exception:  # noqa: BLE001  (a foreign package that fails while it is imported is as good as absent)
            return False
        return True

    def run(self, stop: threading.Event) -> None:
        """Listen until ``stop`` is set; a service that is away is asked again every five minutes."""
        while not stop.is_set():
            try:
                with self._load().jtop(interval=LOOKS_S) as client:
                    while client.ok() and not stop.is_set():
                        self.board = board_of(client)
            except Exception as error:  # noqa: BLE001  (its errors are its own; the box works without it)
                log.info("jetson_stats.away", reason=str(error))
            self.board = Board()
            stop.wait(RETRY_S)


def board_of(client: Any) -> Board:
    """What a connected client knows: ``temperature``, ``power`` (mW) and ``gpu`` as jetson-stats 4 shapes them."""
    heat = next((part for name, part in _items(client, "temperature") if "gpu" in name.lower()), None)
    gpu = next((part for _, part in _items(client, "gpu")), None)
    total = dict(_items(client, "power")).get("tot")
    milliwatts = _number(total, "power")
    load = _number(gpu.get("status") if isinstance(gpu, Mapping) else None, "load")
    online = not isinstance(heat, Mapping) or heat.get("online", True)
    return Board(
        _number(heat, "temp") if online else None,
        None if milliwatts is None else milliwatts / 1000,
        None if load is None else load / 100,
    )


def throttling(root: Path = Path("/")) -> dict[str, float]:
    """1 for every throttle alert of the kernel that is active now, 0 for the others; empty where the board has none."""
    found: dict[str, float] = {}
    for device in sorted((root / "sys/class/thermal").glob("cooling_device*")):
        try:
            name = (device / "type").read_text().strip()
            state = int((device / "cur_state").read_text())
        except (OSError, ValueError):
            continue
        if "throttle" in name:
            found[name] = max(found.get(name, 0.0), float(state > 0))
    return found


def _items(client: Any, name: str) -> list[tuple[str, Any]]:
    part = getattr(client, name, None)
    return [(str(key), value) for key, value in part.items()] if isinstance(part, Mapping) else []


def _number(part: Any, name: str) -> float | None:
    value = part.get(name) if isinstance(part, Mapping) else None
    return float(value) if isinstance(value, (int, float)) else None
