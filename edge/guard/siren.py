"""When the siren sounds: while a life-critical alarm is active and nobody has acknowledged or shelved it. Pure.

Silencing is not acknowledging: it stops the noise, not the alarm. A new alarm sounds at once, and a silenced one sounds again
after ``rearm_s`` until somebody acknowledges it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class SirenState:
    """What was silenced, and when."""

    sounding: bool = False
    silenced: frozenset[UUID] = frozenset()
    silenced_s: float = 0.0


def sound(state: SirenState, unacknowledged: Collection[UUID], *, rearm_s: float, now_s: float) -> SirenState:
    """Whether it should sound for these alarms."""
    waiting = frozenset(unacknowledged)
    silenced = state.silenced & waiting
    if silenced and now_s - state.silenced_s >= rearm_s:
        silenced = frozenset()
    return SirenState(bool(waiting - silenced), silenced, state.silenced_s)


def silence(unacknowledged: Collection[UUID], *, now_s: float) -> SirenState:
    """Somebody has pressed the button."""
    return SirenState(sounding=False, silenced=frozenset(unacknowledged), silenced_s=now_s)
