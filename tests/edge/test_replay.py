"""Recorded series: real water through the whole box, stamps and pace, and what is refused."""

from __future__ import annotations

import csv
import gzip
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ConfigurationError
from contracts.quality import QualityFlag
from edge.check import check
from edge.guard.alarms import AlarmGuard
from edge.sensors.driver import Delivery, DriverContext
from edge.sensors.drivers.replay.driver import UNPERSISTED, ReplayDriver
from edge.sensors.drivers.replay.series import Pace
from edge.sensors.drivers.replay.settings import ReplaySensor
from edge.sensors.sampler import Sampler
from edge.settings import load_settings
from tests.edge.farm import START, VirtualClock, configuration, eventually, judge_of, new_outbox

CHANNEL = {"name": "tank-1.do", "unit": "tank-1", "quantity": "do", "column": "do"}


def series(file: Path, **more: Any) -> dict[str, Any]:
    return {"name": "series", "driver": "replay", "file": str(file), "channels": [CHANNEL], **more}


def driver_of(file: Path, deliver: Callable[[Delivery], None], clock: VirtualClock, **more: Any) -> ReplayDriver:
    settings = ReplaySensor.model_validate(series(file, **more))
    return ReplayDriver(settings, DriverContext("farm.edge-1.series", clock, deliver))


def test_real_years_of_a_river_join_the_record_once(tmp_path: Path, shared_data: Path) -> None:
    clock = VirtualClock()
    outbox = new_outbox(tmp_path, clock=clock, max_bytes=200_000_000)
    file = shared_data / "water_lro" / "FranklinBasin2014.csv"
    settings = ReplaySensor.model_validate(series(file, time_column="datetime", stamps="historical", speed=0))

    def run() -> Sampler:
        guard = AlarmGuard(outbox, limits=(), silences=(), clock=clock)
        judge = judge_of(*settings.channels)
        sampler = Sampler(outbox, guard, judge=judge, derived={}, salinity_g_kg={"tank-1": 0.0}, clock=clock)

        def take(delivery: Delivery) -> None:
            sampler.deliver(delivery)
            sampler.step()

        ReplayDriver(settings, DriverContext("farm.edge-1.series", clock, take)).run(threading.Event())
        clock.advance(2)
        sampler.step()
        return sampler

    first = run()
    with file.open() as text:
        recorded = sum(row["do"] not in {None, "", "NULL", "-9999"} for row in csv.DictReader(text))
    assert recorded > 10_000
    assert first.stats.accepted == recorded - first.stats.repeats
    assert first.stats.repeats < recorded * 0.01
    assert first.latest() == {}
    again = run()
    assert again.stats.accepted == 0
    outbox.close()


def test_it_plays_at_its_pace_and_shortens_long_pauses() -> None:
    pace = Pace(speed=60, max_gap_s=3600, now_s=100.0)
    moments = [0, 900, 1800, 1800 + 30 * 86_400, 1800 + 30 * 86_400 - 600]
    due = [pace.due_s(START + timedelta(seconds=second)) for second in moments]
    assert due == [100.0, 115.0, 130.0, 190.0, 190.0]
    pace.again()
    assert pace.due_s(START) == 190.0


def test_live_readings_are_stamped_on_arrival_and_a_loop_starts_again(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    with gzip.open(file, "wt") as out:
        out.write("time,do\n2020-01-01T00:00:00Z,8.0\n2020-01-01T00:00:01Z,8.5\n")
    delivered: list[Delivery] = []
    stop = threading.Event()

    def deliver(delivery: Delivery) -> None:
        delivered.append(delivery)
        delivery.done()
        if len(delivered) >= 5:
            stop.set()

    clock = VirtualClock()
    clock.seconds = 1e9  # everything is due
    driver = driver_of(file, deliver, clock, loop=True, speed=100_000)
    driver.run(stop)
    assert [d.readings[0].value for d in delivered][:5] == [8.0, 8.5, 8.0, 8.5, 8.0]
    assert {d.readings[0].node_time for d in delivered} == {None}


def test_a_series_waits_while_nothing_is_persisted(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rows = "".join(f"{(START + timedelta(seconds=n)).isoformat()},{n % 7}\n" for n in range(1000))
    file.write_text("time,do\n" + rows)
    held: list[Delivery] = []
    driver = driver_of(file, held.append, VirtualClock(), stamps="historical", speed=0)
    stop = threading.Event()
    worker = threading.Thread(target=driver.run, args=(stop,))
    worker.start()
    eventually(lambda: len(held) == UNPERSISTED)
    for delivery in held[:50]:
        delivery.done()
    eventually(lambda: len(held) == UNPERSISTED + 50)
    stop.set()
    worker.join(5)
    assert not worker.is_alive()
    assert held[0].readings[0].quality is not QualityFlag.FAIL


@pytest.mark.parametrize(
    ("content", "changes", "field", "remedy"),
    [
        ("when,do\n1,2\n", {}, "file", "no column 'time'; the file has do, when"),
        ("time,oxygen\n", {}, "file", "no column 'do'"),
        ("time,do\nyesterday,8\n", {}, "file", "row 2: 'yesterday' in column 'time' is no moment"),
        (None, {}, "file", "No such file"),
        ("time,do\n", {"speed": 0}, "", "needs 'stamps: historical'"),
        ("time,do\n", {"stamps": "historical", "loop": True}, "", "'loop' needs 'stamps: now'"),
    ],
)
def test_check_explains_a_file_that_is_laid_out_otherwise(
    tmp_path: Path, content: str | None, changes: dict[str, Any], field: str, remedy: str
) -> None:
    if content is not None:
        (tmp_path / "a.csv").write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        check(load_settings(configuration(tmp_path, sensors=[series(Path("a.csv"), **changes)])))
    assert caught.value.field == f"sensors.0.{field}".rstrip(".")
    assert remedy in caught.value.remedy
