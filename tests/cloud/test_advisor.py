"""Advice from what the store has: told once, ended, shared with the neighbours, and an alarm only where a farm wants it."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cloud.abnormal.advisor import Advisor
from cloud.abnormal.rules import LATE, WIDTH
from cloud.alarms.watcher import Watcher
from cloud.consumers import Ingest
from cloud.watch import AdvisedAlarms
from contracts.devices import ChannelInventory, Inventory
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import Kind
from tests.cloud.api.farm import Box9

UNITS = ("tank-1", "tank-2", "tank-3")
QUARTERS = 96


@dataclass
class Hall:
    """Three tanks whose wall clock, oxygen and history the test moves."""

    url: str
    now: datetime = field(default_factory=lambda: datetime(2026, 6, 1, 0, 5, tzinfo=timezone.utc))

    def __post_init__(self) -> None:
        self.advisor = Advisor(self.url, alarms=AdvisedAlarms(), now=lambda: self.now)
        self.channels = dict(self.execute("SELECT name, id FROM channel"))

    def lives(self, quarters: int, *, less: dict[str, float] | None = None, look: bool = True) -> None:
        """Quarter hours in which the tanks have their usual oxygen, less what the test takes."""
        with psycopg.connect(self.url, autocommit=True) as database:
            for _ in range(1 if not look else quarters):
                rows = []
                for _ in range(1 if look else quarters):
                    at = self.now - LATE - timedelta(minutes=2)
                    rows += [
                        (self.channels[f"{unit}.do"], at, usual(at) - (less or {}).get(unit, 0.0)) for unit in UNITS
                    ]
                    self.now += WIDTH
                self._measured(database, rows)
                if look:
                    self.advisor.round(database)

    def _measured(self, database: psycopg.Connection[Any], rows: list[tuple[int, datetime, float]]) -> None:
        with database.transaction(), database.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO reading_1m (channel_id, bucket, n, good, usable, sum, min, max, last, last_at)"
                " VALUES (%s, %s, 1, 1, 1, %s, %s, %s, %s, %s)",
                [(key, at, value, value, value, value, at) for key, at, value in rows],
            )
            at = max(at for _, at, _ in rows)
            cursor.execute("UPDATE reading_latest SET observed_at = %s", (at,))

    def look(self) -> int:
        """Once more; how many streams had something new."""
        with psycopg.connect(self.url, autocommit=True) as database:
            return self.advisor.round(database)

    def let(self, mode: str) -> None:
        self.execute(
            "INSERT INTO advice_setting SELECT id, 'do', %s, now(), 'boss' FROM site"
            " ON CONFLICT (site_id, quantity) DO UPDATE SET mode = excluded.mode",
            (mode,),
        )

    def advice(self) -> list[tuple[str, bool, bool, bool]]:
        """Unit, whether it goes on, is shared, is an alarm."""
        return self.execute(
            "SELECT u.slug, a.ended_at IS NULL, a.shared, a.alarm_id IS NOT NULL FROM advice AS a"
            " JOIN unit AS u ON u.id = a.unit_id ORDER BY a.started_at, u.slug"
        )

    def alarms(self) -> list[tuple[str, str, bool]]:
        return self.execute("SELECT definition, severity, cleared_at IS NULL FROM alarm ORDER BY raised_at")

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as database:
            cursor = database.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []


def usual(at: datetime) -> float:
    hours = at.hour + at.minute / 60
    return 8.5 + 1.5 * math.sin((hours - 11) / 24 * 2 * math.pi) + 0.05 * math.sin(at.timestamp() / 511)


@pytest.fixture
def hall(database_url: str, tmp_path: Path) -> Hall:
    """Six usual days, which the first look learns at once."""
    ingest = Ingest(database_url, storage_dir=tmp_path)
    box = Box9(ingest, "fjord", "box-1")
    named = [(f"{unit}.do", unit) for unit in UNITS]
    box.born(
        Inventory(
            agent_version="1",
            channels=tuple(ChannelInventory(name=name, unit=unit, quantity="do", ucum="mg/L") for name, unit in named),
        )
    )
    first = datetime.now(timezone.utc) - timedelta(hours=1)
    readings = tuple(
        Reading(channel=name, unit=unit, quantity="do", value=8.0, ucum="mg/L", observed_at=first)
        for name, unit in named
    )
    box.send(ReadingBatch(readings=readings), Kind.READINGS)
    ingest.close()
    hall = Hall(database_url)
    hall.lives(6 * QUARTERS, look=False)
    assert hall.look() == 3
    assert hall.look() == 0, "nothing is looked at twice"
    return hall


def test_a_usual_day_gives_no_advice(hall: Hall) -> None:
    hall.lives(QUARTERS // 2)
    assert hall.advice() == []


def test_low_oxygen_in_one_tank_is_told_once_in_words_and_ends_when_it_is_over(hall: Hall) -> None:
    hall.lives(6, less={"tank-1": 1.2})
    assert hall.advice() == [("tank-1", True, False, False)]
    [(text, started_at, told_at)] = hall.execute("SELECT text, started_at, told_at FROM advice")
    assert text.startswith("Dissolved oxygen in Tank 1 is 1.")
    assert "mg/L below what it usually is at 01:15" in text
    assert text.endswith("for 90 minutes; Tank 2 and Tank 3 did not move with it")
    assert told_at - started_at <= timedelta(hours=1, minutes=15)
    hall.lives(5)
    assert hall.advice() == [("tank-1", False, False, False)]
    assert hall.alarms() == [], "it calls nobody"


def test_a_restart_and_a_second_advisor_tell_nothing_twice(hall: Hall) -> None:
    hall.lives(4, less={"tank-1": 1.2})
    others = [Advisor(hall.url, alarms=AdvisedAlarms(), now=lambda: hall.now) for _ in range(3)]

    def look(advisor: Advisor) -> None:
        with psycopg.connect(hall.url, autocommit=True) as database:
            advisor.round(database)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(look, others))
    hall.advisor = others[0]
    hall.lives(2, less={"tank-1": 1.2})
    assert hall.advice() == [("tank-1", True, False, False)]


def test_what_all_tanks_do_is_shared_and_never_an_alarm(hall: Hall) -> None:
    hall.let("alarm")
    hall.lives(6, less=dict.fromkeys(UNITS, 1.2))
    assert hall.advice() == [(unit, True, True, False) for unit in UNITS]
    assert hall.alarms() == []


def test_a_farm_that_wants_it_gets_one_minor_alarm_which_the_watcher_leaves_alone(hall: Hall) -> None:
    hall.let("alarm")
    hall.lives(6, less={"tank-1": 1.2})
    assert hall.advice() == [("tank-1", True, False, True)]
    assert hall.alarms() == [("do.abnormal", "minor", True)]

    hall.execute("UPDATE device SET last_seen_at = %s", (hall.now,))
    with psycopg.connect(hall.url, autocommit=True) as database:
        Watcher(hall.url, now=lambda: hall.now).round(database)
    assert ("do.abnormal", "minor", True) in hall.alarms()

    hall.lives(5)
    assert hall.advice() == [("tank-1", False, False, False)]
    assert ("do.abnormal", "minor", False) in hall.alarms()
    [(changes,)] = hall.execute("SELECT count(*) FROM alarm_change WHERE actor = 'advisor'")
    assert changes == 2


def test_a_farm_that_changes_its_mind_is_obeyed_at_the_next_look(hall: Hall) -> None:
    hall.lives(5, less={"tank-1": 1.2})
    hall.let("alarm")
    hall.look()
    assert hall.alarms() == [("do.abnormal", "minor", True)]
    hall.let("off")
    hall.look()
    assert hall.alarms() == [("do.abnormal", "minor", False)]
    assert hall.advice() == [("tank-1", False, False, False)]
    hall.lives(2, less={"tank-1": 1.2})
    assert hall.look() == 0


def test_advice_on_a_stream_that_falls_silent_ends(hall: Hall) -> None:
    hall.lives(5, less={"tank-1": 1.2})
    hall.now += timedelta(hours=3)
    hall.look()
    assert hall.advice() == [("tank-1", False, False, False)]


def test_an_outage_is_caught_up_without_telling_old_news(hall: Hall) -> None:
    """The link was down for a day; what was wrong in the morning and is right again is in the chart, not in the advice."""
    hall.lives(20, less={"tank-1": 1.5}, look=False)
    hall.lives(QUARTERS - 20, look=False)
    assert hall.look() == 3
    assert hall.advice() == []
    hall.lives(5, less={"tank-2": 1.2})
    assert hall.advice() == [("tank-2", True, False, False)]
