"""Readings as files: complete, typed, for the own organization, and never whole in memory."""

from __future__ import annotations

import asyncio
import csv
import io
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from cloud.db.session import sqlalchemy_url
from cloud.kit.repository import Database
from cloud.telemetry import exports
from cloud.telemetry.exports import Format, encoder
from cloud.telemetry.rules import Resolution
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import Api
from tests.cloud.api.test_series import channel_id_of
from tests.servers.presence import missing

MINUTE = timedelta(minutes=1)
CHANNEL = {"id": 900_001, "site": "fjord", "unit": "tank-1", "channel": "long", "quantity": "do", "ucum": "mg/L"}


def pyarrow_parquet() -> Any:
    """The library as another program would use it on our files."""
    try:
        from pyarrow import parquet
    except ImportError:
        missing("pyarrow", "pip install '.[cloud]'")
    return parquet


def ranged(start: datetime, end: datetime, **more: Any) -> dict[str, Any]:
    return {"start": start.isoformat(), "end": end.isoformat(), **more}


def lines_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_channel_as_csv_has_every_reading_with_its_flag(viewer: httpx.Client, farm: farms.Farm) -> None:
    path = f"/api/v1/channels/{channel_id_of(viewer, 'tank-1.do')}/series.csv"
    lines = lines_of(viewer.get(path, params=ranged(farm.now - 10 * MINUTE, farm.now + MINUTE)))
    assert len(lines) == 540
    assert list(lines[0]) == ["time", "site", "unit", "channel", "quantity", "ucum", "value", "quality"]
    assert [line["quality"] for line in lines].count("4") == 1
    assert lines[-1] == {
        "time": farm.now.isoformat().replace("+00:00", "Z"),
        "site": "fjord",
        "unit": "tank-1",
        "channel": "tank-1.do",
        "quantity": "do",
        "ucum": "mg/L",
        "value": lines[-1]["value"],
        "quality": "1",
    }
    assert float(lines[-1]["value"]) == pytest.approx(8.599)


def test_rollup_as_csv_adds_up_to_the_readings(viewer: httpx.Client, farm: farms.Farm) -> None:
    path = f"/api/v1/channels/{channel_id_of(viewer, 'tank-1.do')}/series.csv"
    start = farm.now - timedelta(days=2)
    for resolution in ("1m", "1h", "1d"):
        answer = viewer.get(path, params=ranged(start, farm.now + MINUTE, resolution=resolution))
        lines = lines_of(answer)
        assert sum(int(line["n"]) for line in lines) == 540
        assert sum(int(line["good"]) for line in lines) == 539
        assert float(lines[-1]["last"]) == pytest.approx(8.599)
        assert f"-{resolution}.csv" in answer.headers["content-disposition"]


def test_site_export_has_its_channels_and_no_others(viewer: httpx.Client, farm: farms.Farm) -> None:
    path, period = "/api/v1/sites/fjord/export.csv", ranged(farm.now - timedelta(hours=3), farm.now + MINUTE)
    lines = lines_of(viewer.get(path, params=period))
    assert {line["site"] for line in lines} == {"fjord"}
    assert {line["channel"] for line in lines} >= {"tank-1.do", "tank-2.do", "tank-1.temperature"}
    oxygen = lines_of(viewer.get(path, params={**period, "quantities": ["do", "temperature"]}))
    assert {line["quantity"] for line in oxygen} == {"do", "temperature"}
    by_channel = [(line["channel"], line["time"]) for line in oxygen if line["channel"] == "tank-1.do"]
    assert by_channel == sorted(by_channel)
    assert lines_of(viewer.get(path, params={**period, "quantities": "nothing"})) == []
    assert viewer.get(path, params={**period, "quantities": "nothing"}).text.startswith("time,site,unit")


def test_parquet_holds_the_same_with_types(viewer: httpx.Client, farm: farms.Farm) -> None:
    parquet = pyarrow_parquet()
    period = ranged(farm.now - timedelta(hours=3), farm.now + MINUTE)
    for resolution in Resolution:
        params = {**period, "resolution": resolution.value}
        answer = viewer.get("/api/v1/sites/fjord/export.parquet", params=params)
        assert (answer.status_code, answer.headers["content-type"]) == (200, Format.PARQUET.media_type)
        table = parquet.read_table(io.BytesIO(answer.content))
        lines = lines_of(viewer.get("/api/v1/sites/fjord/export.csv", params=params))
        assert table.num_rows == len(lines)
        assert tuple(table.column_names) == exports.columns(resolution)
        assert str(table.schema.field("time").type) == "timestamp[us, tz=UTC]"
        shown: list[dict[str, Any]] = [
            {name: "" if cell is None else cell for name, cell in row.items()} for row in table.to_pylist()
        ]
        assert [(row["channel"], row["time"].isoformat().replace("+00:00", "Z")) for row in shown] == [
            (line["channel"], line["time"]) for line in lines
        ]
        measured = "value" if resolution is Resolution.RAW else "mean"
        assert [str(row[measured]) for row in shown] == [line[measured] for line in lines]
    path = f"/api/v1/channels/{channel_id_of(viewer, 'tank-1.do')}/series.parquet"
    assert parquet.read_table(io.BytesIO(viewer.get(path, params=period).content)).num_rows == 540
    empty = viewer.get("/api/v1/sites/fjord/export.parquet", params={**period, "quantities": "nothing"})
    assert parquet.read_table(io.BytesIO(empty.content)).num_rows == 0


def test_a_server_without_pyarrow_says_so(
    viewer: httpx.Client, farm: farms.Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = viewer.get("/api/v1/sites/fjord/export.parquet", params=ranged(farm.now - MINUTE, farm.now))
    assert (answer.status_code, answer.json()["code"]) == (501, "not_installed")


ROWS = 150_000


@pytest.fixture
def long_channel(farm_url: str, farm: farms.Farm) -> Iterator[datetime]:
    """A channel with many readings, a second apart; no other test sees it."""
    start = farm.now.replace(microsecond=0) - timedelta(days=200)
    with psycopg.connect(farm_url, autocommit=True) as database:
        database.execute(
            "INSERT INTO reading SELECT %s, %s + make_interval(secs => step), step / 64.0, 1"
            " FROM generate_series(0, %s - 1) AS step",
            (CHANNEL["id"], start, ROWS),
        )
        yield start
        database.execute("DELETE FROM reading WHERE channel_id = %s", (CHANNEL["id"],))


@pytest.mark.parametrize("kind", Format)
def test_a_long_export_is_complete_and_never_whole_in_memory(
    api: Api, farm_url: str, long_channel: datetime, kind: Format
) -> None:
    if kind is Format.PARQUET:
        parquet = pyarrow_parquet()

    async def export() -> tuple[list[bytes], int]:
        database = Database(sqlalchemy_url(farm_url), pool_size=1, statement_timeout_s=15)
        database.start()
        pieces = exports.stream(
            database,
            [CHANNEL],
            Resolution.RAW,
            encoder(kind, Resolution.RAW),
            start=long_channel,
            end=long_channel + timedelta(seconds=ROWS),
            limiter=api.app.state.export_limiter,
        )
        kept: list[bytes] = []
        tracemalloc.start()
        most = 0
        async for piece in pieces:
            most = max(most, tracemalloc.get_traced_memory()[1] - sum(len(piece) for piece in kept))
            tracemalloc.reset_peak()
            kept.append(piece)
            # The one connection of the pool is free while a piece is on its way to a slow client.
            async with database.read() as reader:
                assert reader is not None
        tracemalloc.stop()
        await database.stop()
        return kept, most

    pieces, most = asyncio.run(export())
    assert len(pieces) >= ROWS // exports.ROW_GROUP_ROWS
    assert most < 12_000_000, f"{most} bytes"
    if kind is Format.CSV:
        lines = b"".join(pieces).decode().splitlines()
        assert len(lines) == ROWS + 1
        assert len(set(lines)) == ROWS + 1
        assert lines[-1].endswith(f",{(ROWS - 1) / 64.0},1")
    else:
        table = parquet.read_table(io.BytesIO(b"".join(pieces)))
        assert table.num_rows == ROWS
        assert table.column("value").to_pylist() == [step / 64.0 for step in range(ROWS)]
        assert parquet.ParquetFile(io.BytesIO(b"".join(pieces))).num_row_groups == ROWS // exports.ROW_GROUP_ROWS
