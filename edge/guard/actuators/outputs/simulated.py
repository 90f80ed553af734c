"""An output without hardware, for trying out rules: it does as it is told."""

from __future__ import annotations

from edge.guard.actuators.outputs import Report


class SimulatedOutput:
    """Remembers what it was told. A test may make it fail."""

    def __init__(self) -> None:
        self.on: bool | None = None
        self.reachable = True
        self.switched: list[tuple[float, bool]] = []

    def want(self, on: bool, *, now_s: float) -> None:  # noqa: FBT001
        """Be on, or off."""
        if self.reachable and on != self.on:
            self.on = on
            self.switched.append((now_s, on))

    def keep(self, *, now_s: float) -> None:
        """Nothing forgets here."""

    def report(self) -> Report:
        """The state it was given."""
        return Report(reachable=self.reachable, on=self.on)
