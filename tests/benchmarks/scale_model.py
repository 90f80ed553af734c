"""The sums of docs/capacity.md, and a queue that plays an outage to see whether the sums hold.

``python -m tests.benchmarks.scale_model --units 500`` prints JSON. Inputs are figures that were measured (docs/benchmarks.md);
nothing here measures anything.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass

READINGS_PER_UNIT_S = 4 / 5
READINGS_PER_MESSAGE = 10
OBSERVATIONS_PER_UNIT_S = 1 / 10
PICTURE_BYTES, PICTURES_PER_DAY = 60_000, 144
ROW_BYTES, COLUMN_FACTOR = 99, 13
BRIDGE_MESSAGES_PER_S = 37_300
INGEST_READINGS_PER_CORE_S = 8_000 / 0.15
RAW_DAYS = 90
DAY_S = 86_400
HALF_BUSY = 0.5
"""Programs are sized to half their measured rate: an outage must be caught up beside the live load."""


@dataclass(frozen=True)
class Sizes:
    """What a number of units needs."""

    readings_per_s: float
    messages_per_s: float
    bridges: int
    ingest_cores: int
    raw_gb: float
    raw_as_columns_gb: float
    pictures_gb_per_year: float


def sizes(units: int) -> Sizes:
    """The arithmetic for a number of units; two of what must not be missed."""
    readings = units * READINGS_PER_UNIT_S
    messages = readings / READINGS_PER_MESSAGE + units * OBSERVATIONS_PER_UNIT_S
    raw = readings * DAY_S * RAW_DAYS * ROW_BYTES / 1e9
    return Sizes(
        readings_per_s=readings,
        messages_per_s=messages,
        bridges=max(2, math.ceil(messages / (BRIDGE_MESSAGES_PER_S * HALF_BUSY))),
        ingest_cores=max(2, math.ceil(readings / (INGEST_READINGS_PER_CORE_S * HALF_BUSY))),
        raw_gb=raw,
        raw_as_columns_gb=raw / COLUMN_FACTOR,
        pictures_gb_per_year=units * PICTURE_BYTES * PICTURES_PER_DAY * 365 / 1e9,
    )


def level_after_h(outage_h: float, *, drain: float) -> float:
    """Hours until everything is level again, by the sum: the backlog over what is left beside the live load."""
    return outage_h / (drain - 1)


def played_outage_h(outage_h: float, *, drain: float, step_s: float = 1.0) -> float:
    """The same by playing it: a queue that fills at the live rate, and empties at ``drain`` times that when the store is back."""
    waiting, seconds = outage_h * 3600.0, 0.0
    while waiting > 0:
        waiting += step_s - drain * step_s
        seconds += step_s
    return seconds / 3600


def main() -> None:
    """Print the sizes and an outage."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale_model", description=__doc__)
    parser.add_argument("--units", type=int, default=500)
    parser.add_argument("--outage-h", type=float, default=8.0)
    parser.add_argument("--drain", type=float, default=5.0, help="times live at which ingest drains")
    given = parser.parse_args()
    level = {
        "by_sum_h": level_after_h(given.outage_h, drain=given.drain),
        "played_h": played_outage_h(given.outage_h, drain=given.drain),
    }
    print(json.dumps({"units": given.units, **asdict(sizes(given.units)), "level_after_outage": level}, indent=1))


if __name__ == "__main__":
    main()
