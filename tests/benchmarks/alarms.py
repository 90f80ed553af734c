"""10,000 channels with limits: what it costs to judge the readings of a large farm beside decoding them.

The figure is the share of one core at 8,000 readings/s through the evaluator as its consumer group runs it (messages of 20
readings, as they lie in Kafka); the floor decodes the same messages and does nothing with them. One reading in fifty is beyond
a limit. Limits come from PostgreSQL, where the boxes' inventories are; reading them anew, at most every 30 s, is apart.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from statistics import median
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from cloud.alarms.evaluation import GRACE
from cloud.alarms.evaluator import RELOAD_EVERY, Evaluator
from cloud.alarms.feed import EvaluatorWork
from cloud.consumers.kafka import kind_of
from cloud.db import migrate
from cloud.farms.provision import provision
from cloud.kit.stream import StreamMessage
from contracts.alarms import Severity
from contracts.devices import LimitInEffect
from contracts.envelope import decode
from contracts.topics import KafkaTopic, Kind
from tests.benchmarks.harness import Pair, result, timed
from tests.cloud.postgres import Postgres

DEVICES = 500
PER_MESSAGE = 20
RATE = 8_000
BAR_SHARE = 1.0
BEYOND_EVERY = 50
BATCH = 200
"""Messages that the loop hands over at once."""
_SIDES = (
    ("low", Severity.CRITICAL, 4.0),
    ("low", Severity.WARNING, 6.0),
    ("high", Severity.WARNING, 12.0),
    ("high", Severity.CRITICAL, 15.0),
)


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` only shows that it works."""
    postgres = Postgres()
    postgres.start()
    try:
        return _measure(postgres.url(), rounds=2 if quick else 5, passes=4 if quick else 10)
    finally:
        postgres.stop()


class _Stream:
    """The messages of all boxes, pass after pass, and the clock that goes with them."""

    def __init__(self) -> None:
        self.now = datetime.now(timezone.utc)
        self._seq = 0

    def next(self, passes: int) -> list[StreamMessage]:
        messages: list[StreamMessage] = []
        for _ in range(passes):
            self.now += timedelta(seconds=DEVICES * PER_MESSAGE / RATE)
            self._seq += 1
            stamp = self.now.isoformat()
            for device in range(DEVICES):
                readings = ",".join(
                    f'{{"channel":"tank-{tank}.do","unit":"tank-{tank}","quantity":"do","value":{self._value(device, tank)},'
                    f'"ucum":"mg/L","observed_at":"{stamp}","quality":1}}'
                    for tank in range(PER_MESSAGE)
                )
                value = (
                    f'{{"v":1,"site":"bench","device":"box-{device}","boot":"boot-0001","stream":"outbox-01",'
                    f'"seq":{self._seq},"sent_at":"{stamp}","body":{{"type":"readings","readings":[{readings}]}}}}'
                )
                topic = KafkaTopic.SENSOR_DATA.value
                messages.append(StreamMessage(topic, 0, len(messages), b"", value.encode(), self.now))
        return messages

    @staticmethod
    def _value(device: int, tank: int) -> float:
        return 5.0 if (device * PER_MESSAGE + tank) % BEYOND_EVERY == 0 else 8.0 + tank / 10


def _measure(url: str, *, rounds: int, passes: int) -> dict[str, Any]:
    migrate.upgrade(url)
    _provide(url)
    stream = _Stream()
    evaluator = Evaluator(url, now=lambda: stream.now)
    with psycopg.connect(url, autocommit=True) as database:

        def load() -> float:
            stream.now += RELOAD_EVERY
            database.execute("UPDATE device SET status_sent_at = %s WHERE slug = 'box-0'", (stream.now,))
            evaluator.round(database)
            return 1.0

        def settle() -> float:
            evaluator.round(database)
            return 1.0

        loads = [timed(load) for _ in range(rounds + 1)][1:]
        pairs: list[Pair] = []
        for number in range(rounds + 1):
            messages = stream.next(passes)
            ours, floor = timed(lambda: _judged(evaluator, stream, messages)), timed(lambda: _decoded(messages))  # noqa: B023  (called here)
            details = {
                "ours_cpu_us_per_reading": round(ours.cpu_us, 2),
                "floor_cpu_us_per_reading": round(floor.cpu_us, 2),
            }
            if number:
                pairs.append(Pair(ours=ours.cpu_us * RATE / 1e6, floor=floor.cpu_us * RATE / 1e6, details=details))
        stream.now += GRACE
        raising = timed(settle)
        raised = database.execute("SELECT count(*) FROM alarm").fetchone()
    # A box that is born anew makes all limits be read again; at worst one is every time that is looked.
    load_cpu_s = median(one.cpu_s for one in loads)
    judge_us = median(
        pair.details["ours_cpu_us_per_reading"] - pair.details["floor_cpu_us_per_reading"] for pair in pairs
    )
    return result(
        "alarms",
        pairs,
        unit="share of one core",
        higher_is_better=False,
        details={
            "readings_per_s": RATE,
            "channels": DEVICES * PER_MESSAGE,
            "limits": DEVICES * PER_MESSAGE * len(_SIDES),
            "bar_share_of_one_core": BAR_SHARE,
            "judge_us_per_reading": round(judge_us, 2),
            "load_limits_cpu_s": round(load_cpu_s, 3),
            "load_limits_share_of_one_core_at_worst": round(load_cpu_s / RELOAD_EVERY.total_seconds(), 4),
            "alarms_raised": None if raised is None else raised[0],
            "alarms_raised_in_s": round(raising.wall_s, 2),
        },
    )


def _judged(evaluator: Evaluator, stream: _Stream, messages: list[StreamMessage]) -> float:
    for first in range(0, len(messages), BATCH):
        work = EvaluatorWork(evaluator, kind_of=kind_of, now=lambda: stream.now)
        work.add(messages[first : first + BATCH])
        work.store()
    return float(len(messages) * PER_MESSAGE)


def _decoded(messages: list[StreamMessage]) -> float:
    for first in range(0, len(messages), BATCH):
        kept = [decode(message.value, Kind.READINGS) for message in messages[first : first + BATCH]]
        del kept
    return float(len(messages) * PER_MESSAGE)


def _provide(url: str) -> None:
    """500 boxes that have told their inventories."""
    tanks = [{"site": "bench", "slug": f"tank-{tank}"} for tank in range(PER_MESSAGE)]
    provision(url, "bench", [{"slug": "bench", "name": "Bench", "timezone": "UTC"}], tanks)
    limits = [
        LimitInEffect(
            channel=f"tank-{tank}.do",
            definition=f"do.{side}.{severity.value}",
            severity=severity,
            side="low" if side == "low" else "high",
            value=value,
            hysteresis=0.5,
            on_delay_s=3,
            off_delay_s=60,
        ).model_dump(mode="json")
        for tank in range(PER_MESSAGE)
        for side, severity, value in _SIDES
    ]
    with psycopg.connect(url) as database:
        database.execute(
            "INSERT INTO device (site_id, slug, name, inventory)"
            " SELECT s.id, 'box-' || n, 'Box ' || n, %s FROM site AS s, generate_series(0, %s) AS n WHERE s.slug = 'bench'",
            (Jsonb({"agent_version": "1", "limits": limits}), DEVICES - 1),
        )
        database.execute(
            "INSERT INTO channel (device_id, name, unit_id, quantity, ucum, derived)"
            " SELECT d.id, u.slug || '.do', u.id, 'do', 'mg/L', false FROM device AS d JOIN unit AS u ON u.site_id = d.site_id"
        )
        database.execute("ANALYZE")
