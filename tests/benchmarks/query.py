"""What a dashboard asks most, from 10 million readings (200 channels, 30 days): answers as JSON, against the bare SQL.

The floor sends the same statement through psycopg, prepared, and throws the rows away: what the database itself takes.
Ours is the API's service with its connection pool, its checks and its answer as JSON; HTTP itself is not in it. Both
draw the same channels at random and take turns. Figures are 95th percentiles, in milliseconds.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import psycopg
from pydantic import TypeAdapter

from cloud.auth.principal import Principal
from cloud.auth.rules import Role
from cloud.db import migrate
from cloud.db.bulk import FLOAT8, INT2, INT4, TIMESTAMPTZ, copy_stream
from cloud.db.session import sqlalchemy_url
from cloud.db.timeseries import EPOCH, READING, ROLLUP_TABLES, engine_of
from cloud.kit.repository import Database, ReadConnection
from cloud.telemetry import service
from cloud.telemetry.rules import Kept
from cloud.telemetry.schemas import LatestReading
from tests.benchmarks.harness import Pair, result
from tests.cloud.postgres import Postgres

CHANNELS = 200
LATEST_CHANNELS = 400
DAYS = 30
PERIOD_S = 52
"""Of a reading: 200 channels x 30 days / 52 s are 10 million rows."""
QUICK_PERIOD_S = 3600
BARS_MS = {"chart_24h": 20, "latest_400": 10, "chart_30d": 20}
MAX_POINTS = 500
"""As the dashboard asks for them."""
END = datetime(2026, 11, 20, tzinfo=timezone.utc)
DAY = timedelta(days=1)
START = END - DAYS * DAY

_CHART_24H = """
SELECT date_bin('5 min', bucket, TIMESTAMPTZ '2000-01-03 00:00:00+00'), sum(n)::int8, min(min), max(max),
       sum(sum) / nullif(sum(usable), 0), (array_agg(last ORDER BY last_at DESC) FILTER (WHERE usable > 0))[1],
       sum(good)::int8
FROM reading_1m WHERE channel_id = %s AND bucket >= %s AND bucket < %s GROUP BY 1 ORDER BY 1
"""
_CHART_30D = _CHART_24H.replace("5 min", "2 hours").replace("reading_1m", "reading_1h")
_RAW_24H = """
SELECT date_bin('5 min', observed_at, TIMESTAMPTZ '2000-01-03 00:00:00+00'), count(*), min(value), max(value), avg(value)
FROM reading WHERE channel_id = %s AND observed_at >= %s AND observed_at < %s GROUP BY 1 ORDER BY 1
"""
_LATEST = """
SELECT c.id, c.name, c.unit_id, c.quantity, c.ucum, c.derived, l.value, l.observed_at, l.quality FROM channel c
JOIN unit u ON u.id = c.unit_id LEFT JOIN reading_latest l ON l.channel_id = c.id WHERE u.site_id = %s ORDER BY c.id
"""

Ours = Callable[[ReadConnection, int], Awaitable[bytes]]
Floor = Callable[[int], list[Any]]


@dataclass(frozen=True)
class _Question:
    name: str
    ours: Ours
    floor: Floor


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` only shows that it works."""
    rounds, calls, period_s = (2, 10, QUICK_PERIOD_S) if quick else (7, 60, PERIOD_S)
    server = Postgres(durable=True)
    server.start()
    try:
        migrate.upgrade(server.url())
        with psycopg.connect(server.url(), autocommit=True) as database:
            began = time.perf_counter()
            rows = _fill(database, period_s)
            filled_s = round(time.perf_counter() - began)
            measured = asyncio.run(_measure(server.url(), database, rounds=rounds, calls=calls))
            details = {"rows": rows, "filled_and_rolled_up_s": filled_s, **measured["details"]}
            details |= {"bars_ms": BARS_MS, "bytes_per_row": _bytes(database, rows)}
    finally:
        server.stop()
    return result("query", measured["pairs"], unit="ms", higher_is_better=False, details=details)


def _fill(database: psycopg.Connection[Any], period_s: int) -> int:
    """A farm of 400 channels, 200 of them with a month of readings."""
    database.execute("INSERT INTO organization (slug, name) VALUES ('bench', 'Bench')")
    database.execute("INSERT INTO site (organization_id, slug, name) VALUES (1, 'bench', 'Bench')")
    database.execute("INSERT INTO device (site_id, slug, name) VALUES (1, 'box', 'Box')")
    database.execute("INSERT INTO unit (site_id, slug, name) SELECT 1, 'tank-' || n, n FROM generate_series(1, 100) n")
    database.execute(
        "INSERT INTO channel (device_id, name, unit_id, quantity, ucum)"
        " SELECT 1, 'tank.' || n, 1 + n %% 100, 'do', 'mg/L' FROM generate_series(1, %s) n",
        (LATEST_CHANNELS,),
    )
    engine, rows = engine_of(database), 0
    for table in (READING, *ROLLUP_TABLES):
        with database.transaction():
            engine.ensure_range(database, table, START, END)
    for day in range(DAYS):
        start = START + day * DAY
        times = np.arange(
            (start - EPOCH) // timedelta(seconds=1), (start + DAY - EPOCH) // timedelta(seconds=1), period_s
        )
        channels = np.repeat(np.arange(1, CHANNELS + 1, dtype=np.int32), len(times))
        stamps = np.tile(times, CHANNELS) * 1_000_000 + channels * 250_000
        values = 8 + np.sin(stamps / 4e9) + channels / 100
        flags = np.where(np.arange(len(channels)) % 997 == 0, 4, 1).astype(np.int16)
        stream = copy_stream([(channels, INT4), (stamps, TIMESTAMPTZ), (values, FLOAT8), (flags, INT2)])
        with database.cursor() as cursor, cursor.copy("COPY reading FROM STDIN (FORMAT binary)") as copy:
            copy.write(stream)
        engine.refresh(database, start, start + DAY)
        rows += len(channels)
    database.execute(
        "INSERT INTO reading_latest SELECT id, %s, 8.5, 1, %s FROM channel", (END - DAY / 24, END - DAY / 24)
    )
    database.execute("VACUUM ANALYZE")
    return rows


async def _measure(url: str, database: psycopg.Connection[Any], *, rounds: int, calls: int) -> dict[str, Any]:
    api = Database(sqlalchemy_url(url), pool_size=4, statement_timeout_s=15)
    api.start()
    questions = _questions(database)
    ours: dict[str, list[float]] = {question.name: [] for question in questions}
    floor: dict[str, list[float]] = {question.name: [] for question in questions}
    pairs: list[Pair] = []
    draw = random.Random(1)
    for number in range(rounds + 1):  # the first warms the caches and is not counted
        for question in questions:
            channels = [draw.randint(1, CHANNELS) for _ in range(calls)]
            mine = [await _ours_ms(api, question.ours, channel) for channel in channels]
            bare = [_floor_ms(question.floor, channel) for channel in channels]
            if number:
                ours[question.name] += mine
                floor[question.name] += bare
                if question.name == "chart_24h":
                    pairs.append(Pair(ours=_p95(mine), floor=_p95(bare), details={}))
    await api.stop()
    details = {}
    for question in questions:
        name = question.name
        details[f"{name}_p95_ms"] = round(_p95(ours[name]), 2)
        details[f"{name}_median_ms"] = round(statistics.median(ours[name]), 2)
        details[f"{name}_floor_p95_ms"] = round(_p95(floor[name]), 2)
    raw = [_floor_ms(lambda channel: database.execute(_RAW_24H, (channel, END - DAY, END)).fetchall(), channel)
           for channel in [draw.randint(1, CHANNELS) for _ in range(calls)]]  # fmt: skip
    details["chart_24h_from_raw_readings_p95_ms"] = round(_p95(raw), 2)
    return {"pairs": pairs, "details": details}


def _questions(database: psycopg.Connection[Any]) -> Sequence[_Question]:
    user = Principal(1, "bench@bench.example", "Bench", Role.VIEWER, 1, "bench")
    periods, answers = service.ChannelPeriods(), TypeAdapter(dict[int, list[LatestReading]])
    limits = service.ChannelLimits()

    def chart(span: timedelta) -> Ours:
        async def ask(reader: ReadConnection, channel: int) -> bytes:
            series = await service.get_series(
                reader, user, channel, start=END - span, end=END, max_points=MAX_POINTS, kept=Kept(raw=90), now=END
            )
            assert len(series.points) > 1
            return series.model_dump_json().encode()

        return ask

    async def latest(reader: ReadConnection, _channel: int) -> bytes:
        by_unit = await service.latest_by_unit(reader, 1, periods=periods, limits=limits, now=END)
        assert sum(map(len, by_unit.values())) == LATEST_CHANNELS
        return answers.dump_json(by_unit)

    def bare(statement: str, span: timedelta) -> Floor:
        return lambda channel: database.execute(statement, (channel, END - span, END), prepare=True).fetchall()

    return (
        _Question("chart_24h", chart(DAY), bare(_CHART_24H, DAY)),
        _Question("latest_400", latest, lambda _: database.execute(_LATEST, (1,), prepare=True).fetchall()),
        _Question("chart_30d", chart(DAYS * DAY), bare(_CHART_30D, DAYS * DAY)),
    )


async def _ours_ms(api: Database, ask: Ours, channel: int) -> float:
    began = time.perf_counter()
    async with api.read() as reader:
        await ask(reader, channel)
    return (time.perf_counter() - began) * 1000


def _floor_ms(ask: Floor, channel: int) -> float:
    began = time.perf_counter()
    ask(channel)
    return (time.perf_counter() - began) * 1000


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def _bytes(database: psycopg.Connection[Any], rows: int) -> dict[str, float]:
    engine = engine_of(database)
    return {table.name: round(engine.health(database, table).bytes / rows, 1) for table in (READING, *ROLLUP_TABLES)}
