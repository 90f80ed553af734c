"""A GPIO chip in memory: lines that one process may request, driven and read as the kernel does, and a cable to pull out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edge.guard.gpio import PinLostError
from edge.sections import GpioPin


@dataclass
class GpioChip:
    """Lines by name. ``levels`` are what a voltmeter shows; ``refuses`` makes the kernel refuse everything."""

    levels: dict[str, bool] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    refuses: str = ""
    changes: list[tuple[str, bool]] = field(default_factory=list)

    def open_pin(self, pin: GpioPin, direction: Literal["in", "out"], active: bool) -> SimulatedPin:
        self.answer()
        name = str(pin.line)
        if name in self.taken:
            raise PinLostError(f"{pin}: another program has it")
        self.taken.add(name)
        found = SimulatedPin(self, pin)
        if direction == "out":
            found.write(active)
        else:
            self.levels.setdefault(name, pin.pull == "up")
        return found

    def answer(self) -> None:
        if self.refuses:
            raise PinLostError(self.refuses)


@dataclass
class SimulatedPin:
    """One requested line."""

    chip: GpioChip
    pin: GpioPin

    def read(self) -> bool:
        self.chip.answer()
        return self.chip.levels[str(self.pin.line)] != self.pin.active_low

    def write(self, active: bool) -> None:
        self.chip.answer()
        level = active != self.pin.active_low
        if self.chip.levels.get(str(self.pin.line)) != level:
            self.chip.changes.append((str(self.pin.line), level))
        self.chip.levels[str(self.pin.line)] = level

    def close(self) -> None:
        self.chip.taken.discard(str(self.pin.line))
