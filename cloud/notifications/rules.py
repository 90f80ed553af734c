"""Who is told what, when. Pure: alarms, people and the time in, planned messages out.

A plan is the same however often it is made, because every message has a key: the alarm, the step, the round, the person and the
channel. Whoever was down for an hour sends one message per person and channel afterwards, not the whole ladder at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from cloud.kit.schemas import ApiModel
from contracts.alarms import Severity

OFFICE_OPENS, OFFICE_CLOSES = time(7), time(16)
WORKING_DAYS = range(5)
SELF_TEST_DAY, SELF_TEST_HOUR = 0, 10
"""Monday at ten, farm time: people are awake, and a fault found then is mended before the weekend."""
CONFIRM_WITHIN = timedelta(hours=24)


class Channel(str, Enum):
    """Ways to reach a person or a program."""

    SMS = "sms"
    VOICE = "voice"
    EMAIL = "email"
    WEBHOOK = "webhook"
    PUSH = "push"


class Duty(str, Enum):
    """Roles on call."""

    PRIMARY = "primary"
    BACKUP = "backup"
    MANAGER = "manager"
    EVERYONE = "everyone"


class Step(ApiModel):
    """One rung of a ladder."""

    after_s: float = Field(ge=0, le=7 * 86400)
    """Seconds since the alarm was raised."""
    channels: tuple[Channel, ...] = Field(min_length=1)
    to: Duty


class Ladder(ApiModel):
    """What follows when nobody takes an alarm on."""

    steps: tuple[Step, ...] = Field(max_length=20)
    repeat_s: float | None = Field(default=None, ge=60, le=86400)
    """Seconds between repetitions of the last step; null: never again."""
    rounds: int = Field(default=0, ge=0, le=1000)
    """Repetitions at most."""
    hours: Literal["always", "office"] = "always"
    """``office``: outside 07 to 16 h local time on working days it waits."""

    @model_validator(mode="after")
    def _climbs(self) -> Ladder:
        after = [step.after_s for step in self.steps]
        if after != sorted(after):
            raise ValueError(f"steps: after_s must not fall, but is {after}")
        return self


@dataclass(frozen=True)
class Person:
    """A contact: a person, or a program that listens."""

    id: int
    name: str
    channels: frozenset[Channel]


@dataclass(frozen=True)
class Shift:
    """When a contact has a duty, in farm time; a shift that ends before it starts ends on the next day."""

    person_id: int
    duty: Duty
    weekdays: frozenset[int]
    """0 is Monday: the day on which it starts."""
    from_minute: int
    to_minute: int

    def covers(self, local: datetime) -> bool:
        """Whether the shift holds at a moment of farm time."""
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.from_minute < self.to_minute:
            return day in self.weekdays and self.from_minute <= minute < self.to_minute
        started_today = day in self.weekdays and minute >= self.from_minute
        return started_today or ((day - 1) % 7 in self.weekdays and minute < self.to_minute)


@dataclass(frozen=True)
class Roster:
    """The people of a site."""

    people: Mapping[int, Person]
    shifts: Sequence[Shift]
    timezone: str

    def on_call(self, duty: Duty, at: datetime) -> list[Person]:
        """Who has the duty; everyone when nobody has: an alarm never finds an empty list."""
        local = at.astimezone(ZoneInfo(self.timezone))
        named = {shift.person_id for shift in self.shifts if shift.duty is duty and shift.covers(local)}
        found = [person for person in self.people.values() if person.id in named]
        return sorted(found or self.people.values(), key=lambda person: person.id)


@dataclass(frozen=True)
class OpenAlarm:
    """An alarm that nobody has taken on."""

    id: UUID
    site_id: int
    severity: Severity
    raised_at: datetime


@dataclass(frozen=True)
class Planned:
    """One message to one person by one channel; all but ``due_at`` is its key."""

    alarm_id: UUID
    step: int
    round: int
    person_id: int
    channel: Channel
    due_at: datetime


def plan(alarm: OpenAlarm, ladder: Ladder, roster: Roster, now: datetime) -> list[Planned]:
    """Messages of an alarm that are due at ``now``, at most one per person and channel: the newest."""
    newest: dict[tuple[int, Channel], Planned] = {}
    for number, round_, step, due_at in _rungs(alarm, ladder, roster.timezone, now):
        for person in roster.on_call(step.to, due_at):
            for channel in step.channels:
                if channel in person.channels:
                    newest[person.id, channel] = Planned(alarm.id, number, round_, person.id, channel, due_at)
    return sorted(newest.values(), key=lambda planned: (planned.due_at, planned.person_id, planned.channel.value))


def _rungs(alarm: OpenAlarm, ladder: Ladder, timezone: str, now: datetime) -> Iterable[tuple[int, int, Step, datetime]]:
    start = alarm.raised_at if ladder.hours == "always" else office_time(alarm.raised_at, timezone)
    for number, step in enumerate(ladder.steps):
        due_at = start + timedelta(seconds=step.after_s)
        if due_at <= now:
            yield number, 0, step, due_at
    if not ladder.steps or ladder.repeat_s is None:
        return
    last = start + timedelta(seconds=ladder.steps[-1].after_s)
    round_ = min(ladder.rounds, int((now - last).total_seconds() // ladder.repeat_s))
    if round_ > 0:
        yield len(ladder.steps) - 1, round_, ladder.steps[-1], last + timedelta(seconds=round_ * ladder.repeat_s)


def office_time(moment: datetime, timezone: str) -> datetime:
    """The moment itself in office hours, else when the office opens next."""
    local = moment.astimezone(ZoneInfo(timezone))
    day = local.date()
    if day.weekday() in WORKING_DAYS and local.time() < OFFICE_CLOSES:
        return max(moment, _opening(day, timezone))
    while True:
        day += timedelta(days=1)
        if day.weekday() in WORKING_DAYS:
            return _opening(day, timezone)


def _opening(day: date, timezone: str) -> datetime:
    return datetime.combine(day, OFFICE_OPENS, ZoneInfo(timezone))


def self_test_due(last: datetime | None, now: datetime, timezone: str) -> datetime | None:
    """When the weekly test of the whole path should have gone out, if it has not; the first one comes with the next Monday."""
    local = now.astimezone(ZoneInfo(timezone))
    monday = local.date() - timedelta(days=(local.weekday() - SELF_TEST_DAY) % 7)
    due = datetime.combine(monday, time(SELF_TEST_HOUR), ZoneInfo(timezone))
    if now < due or (last is not None and last >= due) or now - due > timedelta(days=1):
        return None
    return due


def retry_after(attempt: int) -> timedelta | None:
    """Wait after a failed delivery: 5 s, 15 s, 45 s ... to 10 minutes; None after the last, then it has failed."""
    if attempt >= MAX_ATTEMPTS:
        return None
    return timedelta(seconds=min(600.0, 5.0 * 3.0 ** (attempt - 1)))


MAX_ATTEMPTS = 20
"""Deliveries of one message at most: about two and a half hours."""
