"""The same without latest values and rollups: ledger and sorted COPY under the key, against the same raw binary COPY.

What the key alone costs stands beside it as `keyed_copy_ratio`: a prepared and sorted binary COPY of the same rows into a
table with that key. No writer of single readings into that table can be faster.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

from cloud.db.timeseries import PlainEngine
from cloud.telemetry import writer
from tests.benchmarks.ingest import measure

BAR = 0.40

_NOTHING = (
    "SELECT num_nulls(%s::int4[], %s::timestamptz[], %s::float8[], %s::int2[], %s::timestamptz[], %s::text[], %s::text[],"
    " %s::text[])"
)
"""Takes the same parameters as the statement of the latest values."""


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` only shows that it works."""
    with (
        mock.patch.object(PlainEngine, "roll_up"),
        mock.patch.object(writer, "_LATEST", _NOTHING),
    ):
        return measure("ingest_bare", quick=quick, bar=BAR)
