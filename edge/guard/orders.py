"""What commands and the local page may ask of the guard; both go through here, under the same rules."""

from __future__ import annotations

from uuid import UUID

from contracts.commands import Command
from edge.errors import CommandRefusedError
from edge.guard.guard import Guard
from edge.messaging.commands import Action

DEFAULT_MINUTES = 30.0
STATES: dict[str, bool | None] = {"on": True, "off": False, "auto": None}


class Orders:
    """Wishes of people and of the cloud.

    Raises of every method:
        ActuationRefusedError, CommandRefusedError: it must not be done; the text says why.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def set_actuator(self, name: str, *, state: str, minutes: float, reason: str, by: str) -> str:
        """Override an actuator, or give it back to its rules with ``auto``."""
        if state not in STATES:
            raise CommandRefusedError(f"state = {state!r}: use one of {', '.join(STATES)}")
        return self._guard.actuators.override(name, on=STATES[state], minutes=minutes, reason=reason, by=by)

    def silence_siren(self, *, by: str) -> str:
        """Stop the noise, not the alarm."""
        if not self._guard.actuators.silence_siren(by=by):
            raise CommandRefusedError("this box has no siren")
        return "the siren is silenced; it sounds again if nobody acknowledges the alarm"

    def acknowledge(self, alarm_id: str, *, by: str) -> str:
        """Say that a person has seen this alarm."""
        try:
            identity = UUID(alarm_id)
        except ValueError:
            raise CommandRefusedError(f"{alarm_id!r} is not the id of an alarm") from None
        if not self._guard.alarms.acknowledge(identity, by=by):
            raise CommandRefusedError("no such alarm is active")
        return "acknowledged"

    def actions(self) -> dict[str, Action]:
        """What each command does."""
        return {
            "actuator.set": self._actuator_set,
            "siren.silence": lambda command: self.silence_siren(by=command.issued_by),
            "alarm.acknowledge": lambda command: self.acknowledge(command.target or "", by=command.issued_by),
        }

    def _actuator_set(self, command: Command) -> str:
        wanted = command.arguments
        try:
            minutes = float(wanted.get("minutes") or DEFAULT_MINUTES)
        except ValueError:
            raise CommandRefusedError(f"minutes = {wanted.get('minutes')!r} is not a number") from None
        return self.set_actuator(
            command.target or "",
            state=str(wanted.get("state", "")),
            minutes=minutes,
            reason=str(wanted.get("reason") or "asked by command"),
            by=command.issued_by,
        )
