"""Maintenance: data is marked and kept, exactly the channels that are worked on rest, and it ends by itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from contracts.quality import QualityFlag
from edge.__main__ import main
from edge.guard.rules import plan_silence
from edge.sensors import maintenance
from edge.sensors.driver import RawReading
from edge.sensors.maintenance import Maintenance, Window
from edge.settings import load_settings
from tests.edge.farm import START, VirtualClock, configuration
from tests.edge.test_guard import OXYGEN, SETTINGS, UNIT, Tank
from tests.edge.test_judge import DO, WARMTH, Box

UNITS = {"tank-1.do": "tank-1", "tank-1.temperature": "tank-1", "tank-2.do": "tank-2"}


def begin(folder: Path, clock: VirtualClock, *, minutes: float = 60, **place: str) -> Window:
    return maintenance.begin(
        folder,
        unit=place.get("unit"),
        channel=place.get("channel"),
        reason="cleaning",
        by="Anna",
        minutes=minutes,
        now=clock.now(),
    )


def watching(folder: Path, clock: VirtualClock) -> Maintenance:
    found = Maintenance(folder, UNITS, derived={"tank-1.do_sat": "tank-1.do"}, now=clock.now, monotonic=clock.monotonic)
    found.look()
    return found


def test_work_on_one_probe_leaves_the_others_of_its_tank_on_guard(tmp_path: Path) -> None:
    clock = VirtualClock()
    begin(tmp_path, clock, channel="tank-1.do")
    found = watching(tmp_path, clock)
    covered = {channel for channel in (*UNITS, "tank-1.do_sat") if found.covers(channel)}
    assert covered == {"tank-1.do", "tank-1.do_sat"}  # what follows from the probe rests with it


def test_work_on_a_unit_covers_all_of_it_and_no_other(tmp_path: Path) -> None:
    clock = VirtualClock()
    begin(tmp_path, clock, unit="tank-1")
    found = watching(tmp_path, clock)
    assert [found.covers(channel) for channel in UNITS] == [True, True, False]


def test_it_ends_by_itself_and_says_so(tmp_path: Path) -> None:
    clock = VirtualClock()
    window = begin(tmp_path, clock, unit="tank-1", minutes=10)
    found = watching(tmp_path, clock)
    clock.advance(599)
    assert found.look() == ([], [])
    clock.advance(2)
    assert [(over.window, over.reason) for over in found.look()[1]] == [(window, "expired")]
    assert not found.covers("tank-1.do")


def test_it_survives_a_restart_and_can_be_ended_from_outside(tmp_path: Path) -> None:
    clock = VirtualClock()
    window = begin(tmp_path, clock, unit="tank-1")
    clock.advance(60)
    found = watching(tmp_path, clock)
    assert found.active() == (window,)
    assert maintenance.end(tmp_path, "tank-1", now=clock.now()) == [window]
    clock.advance(3)
    assert [over.reason for over in found.look()[1]] == ["ended"]


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=-20_000)], ids=["a day back", "1970"])
def test_a_clock_that_jumps_back_cannot_keep_fish_unwatched(tmp_path: Path, jump: timedelta) -> None:
    clock = VirtualClock()
    begin(tmp_path, clock, unit="tank-1", minutes=60)
    found = watching(tmp_path, clock)
    clock.wall += jump
    clock.advance(3601)
    found.look()
    assert not found.covers("tank-1.do")
    begin_again = watching(
        tmp_path, clock
    )  # a restart knows the wall clock alone: at most the window's own length more
    assert begin_again.covers("tank-1.do")
    clock.advance(3601)
    begin_again.look()
    assert not begin_again.covers("tank-1.do")


@pytest.mark.parametrize("content", ["", "[", "{}", "[7]", '[{"id": "x", "reason": "cleaning"}]'])
def test_a_spoiled_file_is_no_maintenance_and_no_obstacle(tmp_path: Path, content: str) -> None:
    clock = VirtualClock()
    (tmp_path / maintenance.FILE).write_text(content)
    assert watching(tmp_path, clock).active() == ()
    begin(tmp_path, clock, unit="tank-1")
    assert len(maintenance.read(tmp_path)) == 1


def test_readings_are_kept_and_marked_and_the_tests_learn_nothing_from_them(tmp_path: Path) -> None:
    box = Box(tmp_path, DO, WARMTH)
    for _ in range(8):
        box.hear(RawReading(WARMTH, 12.0, None), RawReading(DO, 9.0, None))
    begin(tmp_path, box.clock, unit="tank-1")
    box.clock.advance(3)
    box.sampler.step()
    found = box.hear(RawReading(WARMTH, 19.0, None), RawReading(DO, 0.1, None))
    assert [(one.channel, one.value, one.quality, one.test) for one in found] == [
        ("tank-1.temperature", 19.0, QualityFlag.SUSPECT, "maintenance"),
        ("tank-1.do", 0.1, QualityFlag.SUSPECT, "maintenance"),
        ("tank-1.do_sat", found[2].value, QualityFlag.SUSPECT, "maintenance"),
    ]
    maintenance.end(tmp_path, "tank-1", now=box.clock.now())
    box.clock.advance(3)
    box.sampler.step()
    after = box.hear(RawReading(WARMTH, 12.0, None), RawReading(DO, 9.0, None))
    assert [one.quality for one in after] == [QualityFlag.GOOD] * 3
    assert box.told.names() == ["maintenance.started", "maintenance.ended"]


def test_neither_limit_nor_silence_alarms_while_the_probe_is_worked_on(tmp_path: Path) -> None:
    tank = Tank(tmp_path, silences=plan_silence(OXYGEN, [UNIT], SETTINGS))
    rests = {"tank-1.do"}
    tank.guard._in_maintenance = rests.__contains__
    tank.measure(2.0, for_s=120)
    tank.silence(120)
    assert tank.events() == []
    rests.clear()
    tank.measure(2.0, for_s=40)
    assert {event.definition for event in tank.events()} >= {"do.low.critical"}


def test_the_command_begins_shows_and_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = str(configuration(tmp_path))
    start = ["maintenance", "--config", config, "start", "--reason", "new membrane", "--by", "Anna"]
    assert main([*start, "--channel", "tank-1.do", "--minutes", "30"]) == 0
    assert "raise no alarm until then" in capsys.readouterr().out
    assert main(["maintenance", "--config", config, "list"]) == 0
    assert "new membrane (Anna)" in capsys.readouterr().out
    assert len(maintenance.read(load_settings(config).data_dir)) == 1
    assert main(["maintenance", "--config", config, "stop", "tank-1.do"]) == 0
    assert main(["maintenance", "--config", config, "list"]) == 0
    assert "nothing is in maintenance" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["start", "--unit", "tank-9", "--reason", "cleaning"], "Did you mean 'tank-1'"),
        (["start", "--channel", "tank-1.do_sat", "--reason", "cleaning"], "name tank-1.do"),
        (["start", "--unit", "tank-1", "--reason", ""], "reason"),
        (["start", "--unit", "tank-1", "--channel", "tank-1.do", "--reason", "cleaning"], "not both"),
        (["start", "--unit", "tank-1", "--reason", "cleaning", "--minutes", "481"], "up to 480"),
        (["stop", "tank-1"], "Going on: none"),
    ],
)
def test_the_command_refuses_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], remedy: str
) -> None:
    config = str(configuration(tmp_path))
    assert main(["maintenance", "--config", config, *arguments]) == 2
    assert remedy in capsys.readouterr().err


def test_many_windows_do_not_grow_the_file_without_bound(tmp_path: Path) -> None:
    clock = VirtualClock()
    for _ in range(maintenance.MAX_WINDOWS + 5):
        begin(tmp_path, clock, unit="tank-1")
    assert len(maintenance.read(tmp_path)) == maintenance.MAX_WINDOWS
    clock.wall = START + timedelta(days=1)
    begin(tmp_path, clock, unit="tank-1")
    assert len(maintenance.read(tmp_path)) == 1
