"""What commands and the local page may ask of the guard; both go through here, under the same rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from aquaculture.attention import SHELVE_DEFAULT
from contracts.commands import Command
from contracts.errors import ConfigurationError
from edge.errors import CommandRefusedError
from edge.guard.guard import Guard
from edge.messaging.commands import Action
from edge.sensors import maintenance

DEFAULT_MINUTES = 30.0
SHELVE_MINUTES = SHELVE_DEFAULT / timedelta(minutes=1)
STATES: dict[str, bool | None] = {"on": True, "off": False, "auto": None}


class Orders:
    """Wishes of people and of the cloud.

    Args:
        units: units that there are.
        channels: measured channels that there are.

    Raises of every method:
        ActuationRefusedError, CommandRefusedError: it must not be done; the text says why.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        units: Collection[str],
        channels: Collection[str],
        data_dir: Path,
        now: Callable[[], datetime],
    ) -> None:
        self._guard = guard
        self._units = frozenset(units)
        self._channels = frozenset(channels)
        self._data_dir = data_dir
        self._now = now

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
        if not self._guard.alarms.acknowledge(_identity(alarm_id), by=by):
            raise CommandRefusedError("no such alarm is active")
        return "acknowledged"

    def shelve(self, alarm_id: str, *, minutes: float, reason: str, by: str) -> str:
        """Tell nobody of this alarm for a while, for a stated reason."""
        try:
            shelved = self._guard.alarms.shelve(_identity(alarm_id), reason=reason, by=by, minutes=minutes)
        except ValueError as error:
            raise CommandRefusedError(str(error)) from error
        if shelved is None:
            raise CommandRefusedError("no such alarm is active")
        return f"shelved until {shelved.until:%H:%M} UTC; it comes back by itself"

    def unshelve(self, alarm_id: str, *, by: str) -> str:
        """Tell people of this alarm again."""
        if not self._guard.alarms.unshelve(_identity(alarm_id), by=by):
            raise CommandRefusedError("no such alarm is on the shelf")
        return "taken off the shelf"

    def from_page(self, wish: Mapping[str, Any], *, by: str) -> str:
        """Do what a person on site asks for.

        Raises:
            KeyError, ValueError: the request is not complete.
        """
        what = wish["what"]
        if what == "actuator":
            minutes, reason = float(wish.get("minutes", DEFAULT_MINUTES)), str(wish.get("reason", ""))
            return self.set_actuator(str(wish["name"]), state=str(wish["state"]), minutes=minutes, reason=reason, by=by)
        if what == "siren":
            return self.silence_siren(by=by)
        if what in {"acknowledge", "shelve", "unshelve"}:
            return self._alarm_from_page(what, wish, by=by)
        if what == "maintenance":
            if wish.get("end"):
                return self.end_maintenance(str(wish["place"]))
            minutes = float(wish.get("minutes", maintenance.DEFAULT_MINUTES))
            return self.begin_maintenance(str(wish["place"]), minutes=minutes, reason=str(wish["reason"]), by=by)
        raise ValueError(f"what = {what!r}: use actuator, siren, acknowledge, shelve, unshelve or maintenance")

    def _alarm_from_page(self, what: str, wish: Mapping[str, Any], *, by: str) -> str:
        alarm_id = str(wish["id"])
        if what == "acknowledge":
            return self.acknowledge(alarm_id, by=by)
        if what == "unshelve":
            return self.unshelve(alarm_id, by=by)
        minutes = float(wish.get("minutes", SHELVE_MINUTES))
        return self.shelve(alarm_id, minutes=minutes, reason=str(wish["reason"]), by=by)

    def actions(self) -> dict[str, Action]:
        """What each command does."""
        return {
            "actuator.set": self._actuator_set,
            "siren.silence": lambda command: self.silence_siren(by=command.issued_by),
            "maintenance.begin": self._maintenance_begin,
            "maintenance.end": lambda command: self.end_maintenance(command.target or ""),
            "alarm.acknowledge": lambda command: self.acknowledge(command.target or "", by=command.issued_by),
            "alarm.shelve": self._alarm_shelve,
            "alarm.unshelve": lambda command: self.unshelve(command.target or "", by=command.issued_by),
        }

    def begin_maintenance(self, place: str, *, minutes: float, reason: str, by: str) -> str:
        """Let the alarms of a unit or a channel rest for a stated reason and time."""
        if place not in self._units | self._channels:
            raise CommandRefusedError(f"there is no unit or measured channel {place!r} on this box")
        try:
            window = maintenance.begin(
                self._data_dir,
                unit=place if place in self._units else None,
                channel=None if place in self._units else place,
                reason=reason,
                by=by[:100],
                minutes=minutes,
                now=self._now(),
            )
        except (ConfigurationError, OSError) as error:
            raise CommandRefusedError(str(error)) from error
        return f"maintenance {window.id} of {window.place} until {window.ends:%H:%M} UTC"

    def end_maintenance(self, which: str) -> str:
        """End maintenance by id, unit or channel."""
        try:
            ended = maintenance.end(self._data_dir, which, now=self._now())
        except OSError as error:
            raise CommandRefusedError(str(error)) from error
        if not ended:
            raise CommandRefusedError(f"there is no maintenance of {which!r}")
        return f"{len(ended)} maintenance ended"

    def _maintenance_begin(self, command: Command) -> str:
        return self.begin_maintenance(
            command.target or "",
            minutes=_minutes(command, maintenance.DEFAULT_MINUTES),
            reason=str(command.arguments.get("reason") or ""),
            by=command.issued_by,
        )

    def _alarm_shelve(self, command: Command) -> str:
        return self.shelve(
            command.target or "",
            minutes=_minutes(command, SHELVE_MINUTES),
            reason=str(command.arguments.get("reason") or ""),
            by=command.issued_by,
        )

    def _actuator_set(self, command: Command) -> str:
        wanted = command.arguments
        return self.set_actuator(
            command.target or "",
            state=str(wanted.get("state", "")),
            minutes=_minutes(command, DEFAULT_MINUTES),
            reason=str(wanted.get("reason") or "asked by command"),
            by=command.issued_by,
        )


def _identity(alarm_id: str) -> UUID:
    try:
        return UUID(alarm_id)
    except ValueError:
        raise CommandRefusedError(f"{alarm_id!r} is not the id of an alarm") from None


def _minutes(command: Command, usual: float) -> float:
    given = command.arguments.get("minutes")
    try:
        return usual if given is None else float(given)
    except ValueError:
        raise CommandRefusedError(f"minutes = {given!r} is not a number") from None
