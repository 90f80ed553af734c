"""Quality tests: readings judged per second on one core, and how far their flags agree with technicians.

`value` makes wire readings that are calibrated and judged by all tests (four channels, two of them a pair); the floor makes the
same readings unjudged. `details.series` has precision, recall and false flags on real labelled series, with the defaults that
ship; `python -m tests.benchmarks.quality` prints the tables of docs/quality.md.
"""

from __future__ import annotations

import math
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import median
from typing import Any

from contracts.quality import QualityFlag
from contracts.telemetry import Reading
from edge.sensors.calibration import ProbeFile, Record, write_probe
from edge.sensors.quality_settings import ChannelQualitySettings, QualitySettings
from edge.sensors.settings import ChannelSettings
from tests.benchmarks.harness import paired_rates, result
from tests.benchmarks.quality_scores import injected, pair, pooled, score, table
from tests.benchmarks.quality_series import folder, gecco, logan_river, tank
from tests.edge.farm import VirtualClock, judge_of

START = datetime(2026, 11, 21, tzinfo=timezone.utc)
FARM_PER_S = 8_000
"""Readings per second that a large farm sends; the bar is that judging them takes a small part of one core."""
_MIDDLE = {"tank-1.do": 9.0, "tank-1.deep.do": 8.9, "tank-1.temperature": 12.0, "tank-1.ph": 7.4}


def run(quick: bool) -> dict[str, Any]:
    """Measure speed, and score what data there is; quick takes one site."""
    count = 8_000 if quick else 80_000
    readings = [
        (name, middle + math.sin(index / 900) + 0.02 * math.sin(index * 1.7), START + timedelta(seconds=10 * index))
        for index in range(count // len(_MIDDLE))
        for name, middle in _MIDDLE.items()
    ]

    def floor() -> float:
        for name, value, at in readings:
            _made(name, value, at, QualityFlag.NOT_EVALUATED, None)
        return float(len(readings))

    with tempfile.TemporaryDirectory() as kept:

        def ours() -> float:
            judge = _judge(Path(kept))
            for name, value, at in readings:
                judged = judge.judge(name, value, at)
                _made(name, judged.value, at, judged.verdict.flag, judged.verdict.test)
            return float(len(readings))

        pairs = paired_rates(ours, floor, rounds=1 if quick else 5)
    cpu_us = median(one.details["ours_cpu_us"] - one.details["floor_cpu_us"] for one in pairs)
    details: dict[str, Any] = {
        "judge_us_per_reading": round(cpu_us, 2),
        "core_share_at_8000_per_s": round(cpu_us * FARM_PER_S / 1e6, 4),
    }
    data = folder()
    if data is None:
        details["series"] = "not scored: set SHOAL_TEST_DATA to the folder that holds water_lro/"
    else:
        details |= _scores(data, quick=quick)
    return result("quality", pairs, unit="readings/s", details=details)


def _made(name: str, value: float, at: datetime, flag: QualityFlag, test: str | None) -> Reading:
    return Reading(
        channel=name, unit="tank-1", quantity="do", value=value, ucum="mg/L", observed_at=at, quality=flag, test=test
    )


def _judge(kept: Path) -> Any:
    clock = VirtualClock()
    record = Record(at=START - timedelta(days=1), slope=1.02)
    write_probe(kept / "calibration", ProbeFile(serial="rdo-1", quantity="do", records=(record,)))
    quantities = {"do": "do", "temperature": "temperature", "ph": "ph"}
    channels = [
        ChannelSettings(name=name, unit="tank-1", quantity=quantities[name.rpartition(".")[2]]) for name in _MIDDLE
    ]
    settings = QualitySettings(channels=(ChannelQualitySettings(channel="tank-1.do", probe="rdo-1"),))
    judge = judge_of(*channels, settings=settings, data_dir=kept, clock=clock)
    judge.look(START, now_s=clock.monotonic())
    return judge


def _scores(data: Path, *, quick: bool) -> dict[str, Any]:
    series = [one for one in logan_river(data) if not quick or one.name == "FranklinBasin2020"]
    if not quick:
        series += gecco(data)
    depths = tank(data)
    upper, lower = depths["30cm"], depths["60cm"]
    return {
        "series": [score(one) for one in series],
        "injected": [injected(one) for one in (*upper.values(), *lower.values())],
        "pair": [
            pair(upper["temperature"], lower["temperature"], drift_per_day=drift_per_day)
            for drift_per_day in (0.0, 0.2)
        ],
    }


if __name__ == "__main__":
    here = folder()
    if here is None:
        raise SystemExit("set SHOAL_TEST_DATA to the folder that holds water_lro/")
    scored = _scores(here, quick=False)["series"]
    print(pooled(scored), table(scored), sep="\n\n")
