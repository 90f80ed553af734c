"""What an output is: it is told what to want and keeps saying so; it never decides and never waits.

The means are files of this folder. What an output reports of itself is a claim; only a current is a proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Report:
    """What an output knows of the relay behind it."""

    reachable: bool
    """False when commands do not get through: no connection, or the node has said goodbye."""
    on: bool | None = None
    """What the relay says of itself; None when it says nothing."""
    trouble: str = ""
    """What is wrong, for people."""


class Output(Protocol):
    """One switched output. ``on`` is the device's state; an inverted contact is the output's business."""

    def want(self, on: bool, *, now_s: float) -> None:  # noqa: FBT001  (on is the whole message)
        """Make it so and keep it so; returns at once."""
        ...

    def keep(self, *, now_s: float) -> None:
        """Say it again when that is due; called a few times a second, returns at once."""
        ...

    def report(self) -> Report:
        """What is known of the relay."""
        ...
