"""Judges every stream's complete quarter hours against its own habit, and writes advice down; people decide what it may do.

    streams with complete buckets -> judge and remember -> ask the neighbours -> tell or end -> alarms, where a farm wants them

One transaction for some streams; the rest follow in the next. Doing a bucket twice changes nothing: the memory knows the newest
bucket, and advice is one row for each stream and begin. Several advisors may run; one works.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from itertools import groupby
from typing import Any, Protocol
from uuid import UUID

import structlog
from psycopg import Connection

from aquaculture.abnormal import TUNINGS, Judgement, Neighbour, State, Stream, explain, moved_too
from cloud.abnormal import store
from cloud.abnormal.rules import NEWS, WIDTH, complete_until, farm_zone
from cloud.abnormal.store import Due, Turning
from cloud.kit.own_thread import DatabaseThread
from contracts.quantities import QUANTITIES

log = structlog.get_logger()

ROUND_S = 60.0
BUSY_S = 1.0
"""Wait when more streams were due than one transaction takes."""
BEGINS_AFTER_S = 30.0
"""Before the first round and after a failure: advice is in no hurry."""
STREAMS = 200
"""Streams of one transaction; ten thousand of them are judged within four minutes of each quarter hour."""
NEW_STREAMS = 10
"""Of these, new ones at most: each reads 15 days of minutes."""
_LOCK = 7_242_003
"""Advisory lock of the advisor that works."""


class Alarms(Protocol):
    """Where advice becomes an alarm, within the advisor's transaction."""

    def raise_(self, database: Connection[Any], advice: Turning, now: datetime) -> UUID:
        """Make it one."""
        ...

    def clear(self, database: Connection[Any], alarm_id: UUID, now: datetime) -> None:
        """It is over."""
        ...


class Advisor(DatabaseThread):
    """Looks at all streams of all farms.

    Args:
        alarms: for farms that let advice be an alarm.
        now: wall clock in UTC.
    """

    def __init__(self, database_url: str, *, alarms: Alarms, now: Callable[[], datetime]) -> None:
        super().__init__("advisor", database_url)
        self._alarms = alarms
        self._now = now

    def _serve(self, database: Connection[Any], stop: threading.Event) -> None:
        if stop.wait(BEGINS_AFTER_S):
            return
        while not stop.wait(BUSY_S if self.round(database) >= NEW_STREAMS else ROUND_S):
            pass

    def round(self, database: Connection[Any]) -> int:
        """Judge some streams in one transaction; how many: none while another advisor is at it."""
        with database.transaction():
            row = database.execute("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK,)).fetchone()
            if row is None or not row[0]:
                return 0
            now = self._now()
            until = complete_until(now)
            waiting = store.due(database, until, rows=STREAMS)
            known = [one for one in waiting if one.looked_until is not None]
            streams = known + [one for one in waiting if one.looked_until is None][:NEW_STREAMS]
            judged = _judge(database, streams, until)
            _advise(database, [one for one in streams if one.id in judged], judged, now)
            store.end_stale(database, now)
            self._turn(database, now)
            return len(streams)

    def _turn(self, database: Connection[Any], now: datetime) -> None:
        for advice in store.turning(database):
            if advice.alarm_id is None:
                store.turned(database, advice.id, self._alarms.raise_(database, advice, now))
            else:
                self._alarms.clear(database, advice.alarm_id, now)
                store.turned(database, advice.id, None)


def _judge(database: Connection[Any], streams: list[Due], until: datetime) -> dict[int, Judgement]:
    """The newest judgement of each stream that had a bucket; memories are written down."""
    by_channel = {
        key: list(rows) for key, rows in groupby(store.buckets(database, streams, until), key=lambda row: row[0])
    }
    newest: dict[int, Judgement] = {}
    kept = []
    for one in streams:
        tuning, zone = TUNINGS[one.quantity], farm_zone(one.timezone)
        stream = Stream(tuning) if one.memory is None else Stream.load(tuning, one.memory)
        for _, at, value in by_channel.get(one.id, ()):
            judgement = stream.judge(at.astimezone(zone), value, width=WIDTH)
            if judgement is not None:
                newest[one.id] = judgement
        judged = newest.get(one.id)
        kept.append((one.id, stream.dump(), None if judged is None else _as_json(judged)))
    store.keep(database, kept, until)
    return newest


def _advise(database: Connection[Any], streams: list[Due], judged: dict[int, Judgement], now: datetime) -> None:
    """Tell, go on telling, or end."""
    opened = store.is_open(database, [one.id for one in streams])
    told = [one for one in streams if judged[one.id].state is State.ABNORMAL]
    beside = _neighbours(database, told)
    for one in streams:
        judgement = judged[one.id]
        if one.id in opened:
            store.end(database, one.id, judgement.at + WIDTH, but=judgement.since)
        if judgement.state is not State.ABNORMAL or judgement.at < now - NEWS:
            continue
        others = [
            Neighbour(name, other)
            for unit_id, name, other in beside[one.site_id, one.quantity]
            if unit_id != one.unit_id
        ]
        text = explain(judgement, others, quantity=QUANTITIES[one.quantity], unit=one.unit, width=WIDTH)
        store.tell(database, one, judgement, shared=moved_too(judgement, others), text=text, now=now)
        if opened.get(one.id) != judgement.since:
            log.info("advice", text=text)


def _neighbours(
    database: Connection[Any], streams: list[Due]
) -> dict[tuple[int, str], list[tuple[int, str, Judgement]]]:
    """Judgements by site and quantity: unit, its name, and the judgement."""
    found: dict[tuple[int, str], list[tuple[int, str, Judgement]]] = defaultdict(list)
    sites, quantities = {one.site_id for one in streams}, {one.quantity for one in streams}
    for site_id, quantity, _, unit_id, name, judgement in store.neighbours(database, sorted(sites), sorted(quantities)):
        found[site_id, quantity].append((unit_id, name, _from_json(judgement)))
    return found


def _as_json(judged: Judgement) -> dict[str, Any]:
    return {
        "at": judged.at.isoformat(),
        "value": judged.value,
        "state": judged.state.value,
        "expected": judged.expected,
        "spread": judged.spread,
        "z": judged.z,
        "since": None if judged.since is None else judged.since.isoformat(),
    }


def _from_json(kept: dict[str, Any]) -> Judgement:
    return Judgement(
        datetime.fromisoformat(kept["at"]),
        kept["value"],
        State(kept["state"]),
        kept["expected"],
        kept["spread"],
        kept["z"],
        None if kept["since"] is None else datetime.fromisoformat(kept["since"]),
    )
