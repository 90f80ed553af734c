"""One row per message of a probe with ten metrics, in data points, against a raw binary COPY of single readings.

Decision 0012 measures with it what such a table would bring. The table is the benchmark's: the store keeps readings one by
one. Ledger, names and taking the messages apart are those of the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

from cloud.consumers import prepare
from cloud.db.bulk import FLOAT8, INT2, INT4, TIMESTAMPTZ, copy_stream
from cloud.telemetry import writer
from cloud.telemetry.columns import Columns
from tests.benchmarks.ingest import Shape, measure

BAR = 1.5
METRICS = 10
PROBES = Shape(devices=50, channels=METRICS, messages=100)

_TABLE = f"""
CREATE TABLE probe (probe_id int4, observed_at timestamptz, {", ".join(f"value{n} float8" for n in range(METRICS))},
    {", ".join(f"quality{n} int2" for n in range(METRICS))}, PRIMARY KEY (probe_id, observed_at))
"""


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` only shows that it works."""
    with (
        mock.patch.object(prepare, "expecting", lambda extracted, _id_of: extracted),
        mock.patch.object(writer, "Rows", lambda columns, _reasons: _Wide(columns)),
        mock.patch.object(writer, "_put", _put_wide),
    ):
        return measure("ingest_wide", quick=quick, bar=BAR, shape=PROBES, tables=_TABLE)


@dataclass(frozen=True)
class _Wide:
    """In the place of ``cloud.telemetry.columns.Rows``: readings of no calibration."""

    columns: Columns
    runs: tuple[()] = ()


def _put_wide(database: Any, _room: object, rows: _Wide, _now: object) -> int:
    """In the place of ``cloud.telemetry.writer._put``, for rows in the order of arrival; returns data points."""
    columns = rows.columns
    probe, stamp = columns.channel[::METRICS], columns.observed_us[::METRICS]
    order = np.lexsort((stamp, probe))
    values, flags = columns.value.reshape(-1, METRICS)[order], columns.quality.reshape(-1, METRICS)[order]
    stream = copy_stream(
        [
            (probe[order], INT4),
            (stamp[order], TIMESTAMPTZ),
            *((values[:, metric], FLOAT8) for metric in range(METRICS)),
            *((flags[:, metric], INT2) for metric in range(METRICS)),
        ]
    )
    with database.cursor() as cursor, cursor.copy("COPY probe FROM STDIN (FORMAT binary)") as copy:
        copy.write(stream)
    return len(columns.channel)
