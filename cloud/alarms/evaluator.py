"""Raises what a box should have raised: readings in from Kafka or the box's sink, alarms of origin ``cloud`` out.

Judging is memory only (``evaluation``); a thread of its own loads limits and writes alarms, so a slow database delays neither
the consumer nor the store. Several evaluators may run. After a restart open alarms and new readings bring the state back.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import psycopg
import structlog
from psycopg import Connection

from aquaculture.alarms import AlarmRule
from aquaculture.limits import Bound, Side
from cloud.alarms.conditions import claim
from cloud.alarms.evaluation import Clear, Evaluation, Key, LimitWatch, Raise
from cloud.alarms.rules import is_silence
from cloud.kit.own_thread import DatabaseThread, OwnThread
from cloud.metrics import EVALUATOR_ALARMS, EVALUATOR_FAILURES, EVALUATOR_LIMITS, EVALUATOR_READINGS
from contracts.devices import LimitInEffect, Status
from contracts.envelope import Envelope
from contracts.quantities import QUANTITIES
from contracts.telemetry import ReadingBatch

log = structlog.get_logger()

ROUND_S = 1.0
RELOAD_EVERY = timedelta(seconds=30)
RELOAD_AFTER_BIRTH = timedelta(seconds=2)
"""When a box has told a new inventory; births of a whole fleet come together."""
MAX_WAITING = 20_000
"""Readings that wait to be judged; then the oldest are dropped, which newer ones make up for."""
_TIMEOUT_MS = 10_000
"""Of a statement, and of a transaction that idles: a stalled evaluator must not hold up the store."""

_ACTION = "Measure by hand meter now. The box on site has not raised this alarm itself: look at the box too"
_LIMITS = """
SELECT s.slug, d.slug, d.id, d.site_id, c.id, c.name, u.id, u.slug, u.name, c.quantity, c.ucum, limits.one
FROM device AS d
JOIN site AS s ON s.id = d.site_id
CROSS JOIN LATERAL jsonb_array_elements(
    CASE jsonb_typeof(d.inventory -> 'limits') WHEN 'array' THEN d.inventory -> 'limits' ELSE '[]' END
) AS limits(one)
JOIN channel AS c ON c.device_id = d.id AND c.name = limits.one ->> 'channel'
JOIN unit AS u ON u.id = c.unit_id
"""
# An inventory comes with a status and in no other way; reading all of them again costs a second for 10,000 channels.
_TOLD = "SELECT count(*), max(status_sent_at), sum(extract(epoch FROM status_sent_at)) FROM device"
_SOURCE = "limit of the box, judged by the server"
"""Marks the alarms that are ours to clear: others raise from the cloud too."""
_OPEN = """
SELECT device_id, subject, definition, CASE WHEN origin = 'cloud' AND source IS DISTINCT FROM %s THEN 'other' ELSE origin END
FROM alarm WHERE cleared_at IS NULL AND device_id IS NOT NULL AND subject IS NOT NULL
"""
_RAISE = """
INSERT INTO alarm (id, site_id, unit_id, device_id, channel_id, subject, definition, severity, raised_at, condition_since,
    value, limit_value, ucum, quantity, message, action, source, origin)
SELECT %(id)s, %(site_id)s, %(unit_id)s, %(device_id)s, %(channel_id)s, %(subject)s::text, %(definition)s::text, %(severity)s,
    %(at)s, %(since)s, %(value)s, %(limit)s, %(ucum)s, %(quantity)s, %(message)s, %(action)s, %(source)s, 'cloud'
WHERE NOT EXISTS (
    SELECT FROM alarm WHERE cleared_at IS NULL AND device_id = %(device_id)s AND subject = %(subject)s::text
        AND definition = %(definition)s::text
)
"""
_CLEAR = """
UPDATE alarm SET cleared_at = greatest(raised_at, %(at)s)
WHERE device_id = %(device_id)s AND subject = %(subject)s AND definition = %(definition)s AND cleared_at IS NULL
    AND origin = 'cloud' AND source = %(source)s
RETURNING id, cleared_at
"""
_CHANGE = """
INSERT INTO alarm_change (alarm_id, change, occurred_at, recorded_at, actor)
VALUES (%(id)s, %(change)s, %(at)s, %(now)s, 'evaluator') ON CONFLICT DO NOTHING
"""


class Evaluator:
    """Judges readings against the limits that boxes tell.

    Args:
        now: wall clock in UTC.
    """

    def __init__(self, database_url: str, *, now: Callable[[], datetime]) -> None:
        self._now = now
        self._evaluation = Evaluation()
        self._memory = threading.Lock()
        self._waiting: deque[Envelope] = deque()
        self._readings_waiting = 0
        self._woken = threading.Condition()
        self._told: tuple[Any, ...] | None = None
        self._reload_at = datetime.min.replace(tzinfo=timezone.utc)
        self._threads: tuple[OwnThread, ...] = (_Judging(self), _Settling(database_url, self))

    def start(self) -> None:
        """Judge what is offered, and write alarms, in two threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """End both. What is not judged yet is judged after the next start, by newer readings. Safe twice."""
        for thread in self._threads:
            thread.stop(timeout_s=timeout_s)

    def offer(self, messages: Sequence[object]) -> None:
        """Take messages that were stored; returns at once, and drops the oldest when too many wait."""
        with self._woken:
            for message in messages:
                if isinstance(message, Envelope) and isinstance(message.body, ReadingBatch):
                    self._waiting.append(message)
                    self._readings_waiting += len(message.body.readings)
                elif isinstance(message, Status) and message.inventory is not None:
                    self._reload_soon()
            while self._readings_waiting > MAX_WAITING:
                EVALUATOR_READINGS.labels("dropped").inc(self._took(self._waiting.popleft()))
            self._woken.notify_all()

    def judge(self, messages: Sequence[object]) -> None:
        """Judge the readings of messages now, in their order."""
        now = self._now()
        judged = seen = 0
        with self._memory:
            for message in messages:
                if isinstance(message, Status) and message.inventory is not None:
                    self._reload_soon()
                if not isinstance(message, Envelope) or not isinstance(message.body, ReadingBatch):
                    continue
                seen += len(message.body.readings)
                # Stamps of a clock that was not set are not final, and a backfill is the past.
                if message.free_clock is None and not message.backfill:
                    judged += self._evaluation.see(message.site, message.device, message.body.readings, now=now)
        EVALUATOR_READINGS.labels("judged").inc(judged)
        EVALUATOR_READINGS.labels("ignored").inc(seen - judged)

    def round(self, database: Connection[Any]) -> None:
        """Load limits when it is time; raise and clear what is due, in one transaction."""
        now = self._now()
        reload = now >= self._reload_at
        if reload:
            # Before the query: an inventory that comes meanwhile asks again.
            self._reload_at = now + RELOAD_EVERY
            self._load(database)
        opened = _opened(database)
        with self._memory:
            raises, clears = self._evaluation.decide(opened, now=now)
            if reload:
                clears += [Clear(key, now) for key in self._evaluation.unwatched(opened)]
        if not raises and not clears:
            return
        with database.transaction():
            claim(database)
            raised = [one for one in raises if _raise(database, one, now)]
            for clear in clears:
                _clear(database, clear, now)
        with self._memory:
            self._evaluation.settled(clears)
        for one in raised:
            EVALUATOR_ALARMS.labels(one.watch.rule.definition).inc()
            log.warning("evaluator.raised", definition=one.watch.rule.definition, message=one.message)

    def _load(self, database: Connection[Any]) -> None:
        """Read the limits if any box has told something new."""
        told = database.execute(_TOLD).fetchone()
        if told == self._told:
            return
        watches = _watches(database)
        with self._memory:
            self._evaluation.load(watches)
        self._told = told
        EVALUATOR_LIMITS.set(self._evaluation.limits)

    def judge_forever(self, stop: threading.Event) -> None:
        """Judge what is offered until ``stop`` is set."""
        while not stop.is_set():
            with self._woken:
                self._woken.wait_for(lambda: self._waiting or stop.is_set())
                messages, self._waiting, self._readings_waiting = list(self._waiting), deque(), 0
            try:
                self.judge(messages)
            except Exception:
                EVALUATOR_FAILURES.inc()
                log.exception("evaluator.failed", messages=len(messages))

    def wake(self) -> None:
        """Have whoever waits for something to judge look at whether it should stop."""
        with self._woken:
            self._woken.notify_all()

    def _reload_soon(self) -> None:
        self._reload_at = min(self._reload_at, self._now() + RELOAD_AFTER_BIRTH)

    def _took(self, message: Envelope) -> int:
        assert isinstance(message.body, ReadingBatch)  # noqa: S101  (nothing else is queued)
        self._readings_waiting -= len(message.body.readings)
        return len(message.body.readings)


class _Judging(OwnThread):
    """Memory only: a slow database does not delay it."""

    def __init__(self, evaluator: Evaluator) -> None:
        super().__init__("evaluator-judge")
        self._evaluator = evaluator

    def run(self, stop: threading.Event) -> None:
        self._evaluator.judge_forever(stop)

    def stop(self, *, timeout_s: float = 5.0) -> None:
        self._stopping.set()
        self._evaluator.wake()
        super().stop(timeout_s=timeout_s)


class _Settling(DatabaseThread):
    """Limits in, alarms out."""

    def __init__(self, url: str, evaluator: Evaluator) -> None:
        options = f"-c statement_timeout={_TIMEOUT_MS} -c idle_in_transaction_session_timeout={_TIMEOUT_MS}"
        super().__init__("evaluator", url, options=options, tcp_user_timeout=30_000)
        self._evaluator = evaluator

    def _serve(self, database: Connection[Any], stop: threading.Event) -> None:
        try:
            while not stop.wait(ROUND_S):
                self._evaluator.round(database)
        except psycopg.Error:
            raise
        except Exception:
            EVALUATOR_FAILURES.inc()
            raise


def _opened(database: Connection[Any]) -> dict[Key, str]:
    """Open alarms on limits, and who sees them; where a box has opened two, one of them is enough."""
    rows = database.execute(_OPEN, (_SOURCE,))
    return {
        (device_id, subject, definition): origin
        for device_id, subject, definition, origin in rows
        if not is_silence(definition)
    }


def _watches(database: Connection[Any]) -> list[LimitWatch]:
    """The limits of all boxes. One that this program does not understand is left out: its box still watches it."""
    watches: list[LimitWatch] = []
    for row in database.execute(_LIMITS):
        site, device, device_id, site_id, channel_id, channel, unit_id, unit, place, quantity, ucum, told = row
        if quantity not in QUANTITIES:
            continue
        try:
            limit = LimitInEffect.model_validate(told)
        except ValueError as error:
            log.warning("evaluator.limit_refused", site=site, device=device, reason=str(error))
            continue
        rule = AlarmRule(
            limit.definition,
            limit.severity,
            Side(limit.side),
            hysteresis=limit.hysteresis,
            on_delay_s=limit.on_delay_s,
            off_delay_s=limit.off_delay_s,
        )
        name = site, device, channel
        bound = Bound(limit.value, limit.law)
        watches.append(
            LimitWatch(name, channel_id, site_id, device_id, unit_id, unit, place, quantity, ucum, rule, bound)
        )
    return watches


def _raise(database: Connection[Any], one: Raise, now: datetime) -> bool:
    """Whether it is raised now; not when somebody has it open."""
    watch = one.watch
    alarm_id = uuid4()
    cursor = database.execute(
        _RAISE,
        {
            "id": alarm_id,
            "site_id": watch.site_id,
            "unit_id": watch.unit_id,
            "device_id": watch.device_id,
            "channel_id": watch.channel_id,
            "subject": watch.name[2],
            "source": _SOURCE,
            "definition": watch.rule.definition,
            "severity": watch.rule.severity.value,
            "at": one.at,
            "since": one.since,
            "value": one.value,
            "limit": one.limit,
            "ucum": watch.ucum,
            "quantity": watch.quantity,
            "message": one.message,
            "action": _ACTION,
        },
    )
    if cursor.rowcount:
        database.execute(_CHANGE, {"id": alarm_id, "change": "raised", "at": one.at, "now": now})
    return bool(cursor.rowcount)


def _clear(database: Connection[Any], clear: Clear, now: datetime) -> None:
    device_id, subject, definition = clear.key
    named = {"device_id": device_id, "subject": subject, "definition": definition, "source": _SOURCE}
    cleared = database.execute(_CLEAR, {**named, "at": clear.at}).fetchall()
    for alarm_id, at in cleared:
        database.execute(_CHANGE, {"id": alarm_id, "change": "cleared", "at": at, "now": now})
        log.info("evaluator.cleared", definition=definition, alarm=str(alarm_id))
