from __future__ import annotations

import json
import os
import socket
import stat
from contextlib import closing
from pathlib import Path

import pytest

from contracts.errors import ConfigurationError
from edge.outbox.thinning import thin_rows
from shoal import demo, preflight
from shoal.box import BoxConfig, BoxFolder, DemoPlan, configure, write_edge_config
from shoal.cli import default_data_dir
from shoal.ports import PortClaims
from shoal.summary import Books, outbox_side, summarise
from tests.edge.farm import VirtualClock, new_outbox, readings_draft
from tests.shoal.running import processes_of, shoal


def refused(*arguments: str) -> str:
    result = shoal(*arguments)
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def configured(folder: BoxFolder, plan: DemoPlan | None = None) -> BoxConfig:
    with closing(PortClaims()) as claims:
        return configure(folder, claims, wanted_ports={}, demo=plan)


def test_two_boxes_that_start_together_never_choose_the_same_port() -> None:
    with closing(PortClaims()) as one, closing(PortClaims()) as other:
        first = one.claim("http")
        second = other.claim("http")
        assert first != second
        with pytest.raises(ConfigurationError, match=f"http_port: {first}"):
            other.claim("http", wanted=first)
    with closing(PortClaims()) as later:
        assert later.claim("http", remembered=first) == first


def test_version_and_help() -> None:
    assert shoal("version").stdout.strip()
    assert "demo" in shoal("--help").stdout


@pytest.mark.parametrize(
    ("arguments", "field", "value", "remedy"),
    [
        (("demo", "--sites", "0"), "sites", "0", "Use 1 or more"),
        (("demo", "--speed", "-1"), "speed", "-1", "above 0"),
        (("demo", "--duration", "0"), "duration", "0", "above 0"),
        (("demo", "--video", "/nowhere/fish.mp4"), "video", "/nowhere/fish.mp4", "no such file"),
        (("demo", "--log-level", "loud"), "log_level", "loud", "Use debug"),
        (("cloud", "migrate"), "SHOAL_DATABASE_URL", "not set", "--database-url"),
        (("models", "verify", "/nowhere"), "model.bundle", "/nowhere", "bundle folder"),
        (("edge", "run", "--config", "/nowhere.yaml"), "config", "/nowhere.yaml", "readable YAML"),
        (("bridge", "run", "--config", "/nowhere.yaml"), "config", "/nowhere.yaml", "existing YAML"),
        (("up", "--edge", "/nowhere.yaml"), "config", "/nowhere.yaml", "readable YAML"),
    ],
)
def test_a_wrong_option_names_field_value_and_remedy_and_starts_nothing(
    tmp_path: Path, arguments: tuple[str, ...], field: str, value: str, remedy: str
) -> None:
    where = ("--data-dir", str(tmp_path / "box")) if arguments[0] in {"demo", "up"} else ()
    message = refused(*arguments, *where)
    for word in (field, value, remedy):
        assert word in message
    assert processes_of(tmp_path) == []


def test_unreadable_videos_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"this is no video" * 100)
    with pytest.raises(ConfigurationError, match="No frame can be read"):
        preflight.video_source(broken)
    with pytest.raises(ConfigurationError, match=r"has no \.jpg"):
        preflight.video_source(tmp_path)
    (tmp_path / "frame.jpg").write_bytes(b"no image")
    with pytest.raises(ConfigurationError, match="not a readable image"):
        preflight.video_source(tmp_path)


def test_a_real_folder_of_frames_and_a_real_video_are_taken(shared_data: Path) -> None:
    assert preflight.video_source(shared_data / "fish_detection/images").startswith("folder:/")
    assert preflight.video_source(shared_data / "fish_video/7268_F1.mp4").startswith("file:/")


def test_a_chosen_port_in_use_is_refused_and_nothing_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        message = refused("up", "--data-dir", str(tmp_path / "box"), "--http-port", str(port))
    assert f"http_port: {port}" in message
    assert "choose another port" in message
    assert processes_of(tmp_path) == []


def test_ports_and_passwords_are_remembered(tmp_path: Path) -> None:
    folder = BoxFolder(tmp_path / "box")
    folder.create()
    first = configured(folder)
    second = configured(folder)
    assert first == second
    assert len(set(first.ports.values())) == len(first.ports)
    assert folder.credentials() == folder.credentials()
    for file in (folder.config_file, folder.credentials_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_remembered_port_that_somebody_took_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoal.ports.PATIENCE_S", 0.1)
    folder = BoxFolder(tmp_path / "box")
    folder.create()
    first = configured(folder)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first.ports["http"]))
        taken.listen()
        second = configured(folder)
    assert second.ports["http"] != first.ports["http"]
    assert second.ports["mqtt"] == first.ports["mqtt"]
    assert second.mqtt_password == first.mqtt_password


def test_one_folder_runs_one_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shoal.ports.PATIENCE_S", 0.1)
    folder = BoxFolder(tmp_path / "box")
    folder.create()
    with folder.lock(), pytest.raises(ConfigurationError, match=f"process {os.getpid()}"):
        folder.lock()
    with folder.lock():
        pass


def test_fresh_empties_a_demo_and_nothing_else(tmp_path: Path) -> None:
    precious = tmp_path / "photos"
    precious.mkdir()
    (precious / "fish.jpg").touch()
    with pytest.raises(ConfigurationError, match="not emptied"):
        demo._empty(BoxFolder(precious))
    assert (precious / "fish.jpg").exists()
    folder = BoxFolder(tmp_path / "box")
    folder.create()
    configured(folder)
    demo._empty(folder)
    assert not folder.root.exists()


def test_the_edges_of_a_demo_have_a_valid_configuration(tmp_path: Path) -> None:
    from edge.check import check as check_edge
    from edge.settings import load_settings

    folder = BoxFolder(tmp_path / "box")
    folder.create()
    plan = DemoPlan(sites=("farm-1", "farm-2"), speed=60)
    config = configured(folder, plan)
    settings = [load_settings(write_edge_config(folder, config, site)) for site in plan.sites]
    assert [one.site for one in settings] == ["farm-1", "farm-2"]
    assert {unit.kind for unit in settings[0].units} == {"tank", "net_pen", "pond"}
    quantities = [channel.quantity for channel in settings[0].sensors[0].channels]
    assert len(quantities) == 3 * 4 + 2, "four of the water in each unit, and the current of two aerators"
    assert [actuator.unit for actuator in settings[0].guard.actuators] == ["tank-1", "pond-1"]
    check_edge(settings[0].model_copy(update={"data_dir": tmp_path / "data", "cameras": ()}))
    assert settings[0].metrics.port != settings[1].metrics.port


@pytest.mark.parametrize(("stored", "lost"), [(6, 0), (5, 1), (8, 0)])
def test_readings_that_were_thinned_are_neither_lost_nor_forgotten(stored: int, lost: int) -> None:
    nothing = dict.fromkeys(("readings", "observations", "alarms"), 0)
    books = Books({**nothing, "readings": 10}, nothing, {**nothing, "readings": stored}, {**nothing, "readings": 4})
    summary = summarise(books, processes_restarted=0, started_in_s=1.0, ran_s=9.0)
    assert (summary.lost, summary.duplicates, summary.thinned) == (lost, 0, 4)


def test_the_books_of_an_outbox_that_thinned_balance(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path, clock=VirtualClock())
    outbox.accept([readings_draft(1, 2, 3, 4, 5)])
    rows = outbox.rows_after(0, limit=10)
    outbox.replace(rows, thin_rows(rows))
    outbox.close()
    books = outbox_side([tmp_path / "outbox.db"])
    assert (books.accepted["readings"], books.held["readings"], books.thinned["readings"]) == (
        5,
        1,
        4,
    )  # five equal values are one
    assert books.lost == 0


def test_data_goes_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOAL_DATA_DIR", str(tmp_path))
    assert default_data_dir() == tmp_path


@pytest.mark.parametrize(
    ("accepted", "held", "stored", "lost", "duplicates"),
    [(10, 0, 10, 0, 0), (10, 2, 8, 0, 0), (10, 0, 9, 1, 0), (10, 0, 12, 0, 2), (10, 3, 10, 0, 0)],
)
def test_the_books_tell_lost_from_held_and_doubled(
    tmp_path: Path, accepted: int, held: int, stored: int, lost: int, duplicates: int
) -> None:
    def of(readings: int) -> dict[str, int]:
        return {"readings": readings, "observations": 4, "alarms": 1}

    nothing = dict.fromkeys(of(0), 0)
    books = Books(of(accepted), {**nothing, "readings": held}, of(stored))
    summary = summarise(books, processes_restarted=2, started_in_s=1.0, ran_s=9.0)
    assert (summary.lost, summary.duplicates) == (lost, duplicates)
    assert summary.is_good is (lost == 0 and duplicates == 0 and held == 0)
    summary.write(tmp_path / "deep" / "summary.json")
    said = json.loads((tmp_path / "deep" / "summary.json").read_text())
    assert said["accepted"] == accepted + 5
    assert said["processes_restarted"] == 2
