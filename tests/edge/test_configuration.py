"""Every bad configuration stops before anything connects, with field, value and remedy, and exit code 2."""

from __future__ import annotations

import ast
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.errors import ConfigurationError
from edge import program
from edge.agent import Agent
from edge.cameras.settings import redacted
from edge.check import check, missing_keys, watched
from edge.doctor import Verdict, examine, examine_quietly
from edge.page import Page, Sources
from edge.settings import EdgeSettings, load_settings
from tests.edge.cameras import jpeg
from tests.edge.farm import ROOT, configuration
from tests.models.tiny_bundle import tiny_detector


def refused(path: Path, *, preflight: bool = False) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:  # noqa: PT012  (either step may refuse)
        settings = load_settings(path)
        if preflight:
            check(settings)
    error = caught.value
    assert error.remedy
    assert str(error.remedy) in str(error)
    return error


def camera(source: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "cam-1", "unit": "tank-1", "source": source, **more}]


def test_the_example_loads_and_every_field_has_a_docstring() -> None:
    settings = load_settings(ROOT / "edge" / "edge.example.yaml")
    assert settings.site == "north-fjord"
    for path in (ROOT / "edge").rglob("settings.py"):
        tree = ast.parse(path.read_text())
        for section in (node for node in tree.body if isinstance(node, ast.ClassDef)):
            for field, after in zip(section.body, [*section.body[1:], None], strict=True):
                if isinstance(field, ast.AnnAssign):
                    explained = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                    assert explained, f"{path}: {section.name}: line {field.lineno} has no docstring"


@pytest.mark.parametrize(
    ("changes", "field", "remedy"),
    [
        ({"site": "Not A Slug"}, "site", "match pattern"),
        ({"modle": {"bundle": "x"}}, "modle", "Did you mean 'model'?"),
        ({"model": {"bundel": "x"}}, "model.bundel", "Did you mean 'bundle'?"),
        ({"observations": {"window_s": "soon"}}, "observations.window_s", "valid number"),
        ({"metrics": {"port": 70_000}}, "metrics.port", "65535"),
        ({"cameras": camera("ftp://x")}, "cameras.0.source", "pattern"),
        ({"cameras": [{"name": "a", "unit": "tank-9", "source": "usb:0"}]}, "cameras.0.unit", "Did you mean 'tank-1'?"),
        ({"units": []}, "units", "at least 1"),
        ({"units": [{"slug": "tank-1"}, {"slug": "tank-1"}]}, "units.1.slug", "units.0.slug has this name"),
        (
            {"alarms": {"overrides": [{"definition": "do.silent", "unit": "no"}]}},
            "alarms.overrides.0.unit",
            "Add it to 'units'",
        ),
        (
            {"alarms": {"overrides": [{"definition": "do.low.crtical"}]}},
            "alarms.overrides.0",
            "Did you mean 'do.low.critical'?",
        ),
        (
            {"alarms": {"overrides": [{"definition": "do.low.critical", "limit": 90}]}},
            "alarms.overrides.0",
            "outside what its sensor reports",
        ),
        ({"units": [{"slug": "tank-1", "species": "Salmo salar"}]}, "units.0.species", "Did you mean 'salmo_salar'?"),
    ],
)
def test_bad_settings_name_field_and_remedy(tmp_path: Path, changes: dict[str, Any], field: str, remedy: str) -> None:
    error = refused(configuration(tmp_path, **changes))
    assert error.field == field
    assert remedy in error.remedy


def test_duplicate_channels_unknown_quantities_and_bad_pointers_are_refused(tmp_path: Path) -> None:
    document = yaml.safe_load(configuration(tmp_path).read_text())
    channels = document["sensors"][0]["channels"]
    for key, value, remedy in (
        ("name", "tank-1.do", "has this name already"),
        ("quantity", "temperatur", "Did you mean 'temperature'?"),
        ("pointer", "temperature", "begins with '/'"),
    ):
        broken = [channels[0], {**channels[1], key: value}]
        error = refused(configuration(tmp_path, sensors=[{**document["sensors"][0], "channels": broken}]))
        assert error.field == f"sensors.0.channels.1.{key}"
        assert error.value == value
        assert remedy in error.remedy


def test_missing_file_and_broken_yaml(tmp_path: Path) -> None:
    assert refused(tmp_path / "no.yaml").field == "config"
    (tmp_path / "broken.yaml").write_text("site: [")
    assert "not YAML" in refused(tmp_path / "broken.yaml").remedy
    (tmp_path / "list.yaml").write_text("- a")
    assert "name: value" in refused(tmp_path / "list.yaml").remedy


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "edge.yaml").write_text("site: farm\nunits: [{slug: tank-1}]\n")
    error = refused(tmp_path / "edge.yaml")
    assert (error.field, error.value) == ("device", None)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_EDGE_MQTT__PASSWORD", "from-environment")
    settings = load_settings(configuration(tmp_path))
    assert settings.mqtt.secret() == "from-environment"
    assert settings.mqtt.host == "127.0.0.1"
    assert "from-environment" not in repr(settings)


def test_every_path_in_the_file_is_relative_to_the_file_wherever_the_agent_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = {"ca_file": "tls/ca.pem", "cert_file": "tls/box.pem", "key_file": "tls/box.key"}
    broker = {"host": "127.0.0.1", "password_file": "broker.password", "tls": tls}
    (tmp_path / "own-model").mkdir()
    (tmp_path / "own-model" / "manifest.json").write_text("{}")
    sensors = yaml.safe_load(configuration(tmp_path).read_text())["sensors"]
    path = configuration(
        tmp_path,
        data_dir="data",
        mqtt=broker,
        aws_iot={"endpoint": "x.example", **tls},
        sensors=[{**sensors[0], "broker": broker}],
        quality={"calibration_dir": "calibration"},
        cameras=camera("folder:frames", calibration_file="lens.yaml"),
        model={"bundle": "own-model", "health_model": "models/health"},
        sampling={"upload": {"url": "https://shoal.example/samples", "token_file": "samples.token"}},
        diagnostics={"upload": {"url": "https://shoal.example/archives", "token_file": "archives.token"}},
        announce={"broker": broker},
        guard={"broker": broker, "heartbeat": {"broker": {**broker, "tls": {"ca_file": "/etc/ssl/farm.pem"}}}},
        deployments={
            "root_file": "root.json",
            "sources": [
                {"kind": "folder", "path": "stick"},
                {"kind": "http", "url": "https://shoal.example/repository", "token_file": "device.token"},
            ],
        },
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    told = load_settings(path).model_dump(serialize_as_any=True)
    found = set(_paths(told))
    assert Path("/etc/ssl/farm.pem") in found
    below = {str(one.relative_to(tmp_path)) for one in found if one.is_relative_to(tmp_path)}
    assert below == {
        *("data", "calibration", "lens.yaml", "root.json", "stick", "broker.password"),
        *("tls/ca.pem", "tls/box.pem", "tls/box.key", "samples.token", "archives.token", "device.token"),
    }
    assert all(one.is_absolute() for one in found)
    assert told["cameras"][0]["source"] == f"folder:{tmp_path / 'frames'}"
    assert told["model"]["bundle"] == str(tmp_path / "own-model")
    assert told["model"]["health_model"] == str(tmp_path / "models/health"), "also before it is there"


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        yield from _paths(one)


def test_a_missing_key_of_an_upload_is_told_before_and_never_stops_an_agent(tmp_path: Path) -> None:
    upload = {"url": "https://shoal.example/api/v1/samples", "token_file": "samples.token"}
    path = configuration(tmp_path, sampling={"upload": upload}, metrics={"port": 0})
    with pytest.raises(ConfigurationError) as caught:
        program.check(path)
    assert caught.value.field == "sampling.upload.token_file"
    assert str(caught.value.value) == str(tmp_path / "samples.token")
    settings = load_settings(path)
    told = [finding for finding in examine_quietly(settings) if finding.subject == "keys and files"]
    assert [finding.verdict for finding in told] == [Verdict.BAD]
    assert str(tmp_path / "samples.token") in told[0].what
    agent = Agent(settings)
    try:
        assert any("sampling.upload.token_file" in words for words in agent.snapshot().degraded)
    finally:
        agent.stop()
    (tmp_path / "samples.token").write_text("secret")
    program.check(path)
    assert not missing_keys(settings)


def test_credentials_in_a_camera_source_are_never_shown(tmp_path: Path) -> None:
    assert redacted("rtsp://user:secret@10.0.0.1:554/s?token=t") == "rtsp://10.0.0.1:554/s"
    assert redacted("rtsp://user:sec/ret@10.0.0.1:554/s") == "rtsp://10.0.0.1:554/s"
    assert redacted("rtsp://user:sec@ret@10.0.0.1/s") == "rtsp://10.0.0.1/s"
    assert redacted("rtsp://user:sec?ret@10.0.0.1/s") == "rtsp://***"
    assert redacted("rtsp://10.0.0.1/s?user=u&password=sec@ret") == "rtsp://***"
    path = configuration(tmp_path, cameras=camera("rtsp://user:secret@x/", fps=-1))
    assert "secret" not in str(refused(path))


def test_preflight_finds_unreadable_video(tmp_path: Path) -> None:
    path = configuration(tmp_path, cameras=camera("file:no.mp4"), model=None)
    assert "no such file" in refused(path, preflight=True).remedy
    (tmp_path / "bad.mp4").write_bytes(b"this is not a video" * 100)
    error = refused(configuration(tmp_path, cameras=camera("file:bad.mp4"), model=None), preflight=True)
    assert error.field == "cameras.0.source"
    assert "ffmpeg" in error.remedy


def test_preflight_finds_empty_and_missing_folders_and_absent_usb(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source, remedy in (
        ("folder:empty", "no images"),
        ("folder:none", "no such folder"),
        ("usb:93", "/dev/video93"),
    ):
        assert remedy in refused(configuration(tmp_path, cameras=camera(source), model=None), preflight=True).remedy


def test_preflight_finds_unknown_and_damaged_bundles(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "0.jpg").write_bytes(jpeg())
    cameras = camera("folder:frames")
    path = configuration(tmp_path, cameras=cameras, model={"bundle": "no-such-model"})
    assert refused(path, preflight=True).field == "model.bundle"
    bundle = tiny_detector(tmp_path / "bundle")
    check(load_settings(configuration(tmp_path, cameras=cameras, model={"bundle": "bundle"})))
    (bundle / "model.onnx").write_bytes(b"x")
    path = configuration(tmp_path, cameras=cameras, model={"bundle": "bundle"})
    assert "altered" in refused(path, preflight=True).remedy


def test_preflight_finds_a_port_in_use_and_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = refused(configuration(tmp_path, metrics={"port": port}), preflight=True)
        assert (error.field, error.value) == ("metrics.port", port)
    (tmp_path / "file").write_text("")
    assert refused(configuration(tmp_path, data_dir="file/x"), preflight=True).field == "data_dir"
    path = configuration(tmp_path, mqtt={"password_file": str(tmp_path / "none")})
    assert refused(path, preflight=True).field == "mqtt.password_file"


@pytest.mark.parametrize("species", ["", "salmo_trutta", "oncorhynchus_kisutch", "salvelinus_alpinus"])
def test_a_relative_of_a_known_species_is_no_misspelling_of_it(tmp_path: Path, species: str) -> None:
    units = [{"slug": "tank-1", "species": species}]
    assert load_settings(configuration(tmp_path, units=units)).units[0].species == species


def test_whoever_writes_the_file_is_told_what_will_be_watched(tmp_path: Path) -> None:
    units = [{"slug": "tank-1", "species": "sparus_aurata", "stage": "fry", "salinity": 35}]
    lines = watched(load_settings(configuration(tmp_path, units=units)))
    assert lines[0] == "  tank-1 (sparus_aurata, fry, sea water): no limit on any channel"
    assert "no limit watches the oxygen of tank-1" in lines[1]


def test_a_file_is_checked_beside_the_agent_that_runs_with_it(tmp_path: Path) -> None:
    def settings(port: int) -> EdgeSettings:
        return load_settings(configuration(tmp_path, metrics={"port": port}))

    sources = Sources(
        document=lambda: {"site": settings(1).site, "device": settings(1).device},
        metrics=lambda: b"",
        health=lambda: (True, []),
        operate=lambda _wish, _by: "",
    )
    page = Page(settings(0).metrics, sources)
    page.start()
    try:
        check(settings(page.port), beside_the_agent=True)
        with pytest.raises(ConfigurationError, match="cannot be opened"):
            check(settings(page.port))
    finally:
        page.stop()


def test_the_program_says_it_once_and_exits_with_two(tmp_path: Path) -> None:
    path = configuration(tmp_path, model={"threds": 1})
    done = subprocess.run(
        [sys.executable, "-m", "edge", "run", "--config", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "model.threds: 1 cannot be used" in done.stderr
    assert "Did you mean 'threads'?" in done.stderr
    assert not (tmp_path / "data").exists()


def test_doctor_finds_what_is_wrong_and_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    path = configuration(
        tmp_path, port=port, cameras=camera("http://127.0.0.1:9/x.mjpeg", read_timeout_s=1), model=None
    )
    findings = {finding.subject: finding for finding in examine(load_settings(path))}
    assert {"settings", "clock", "disk", "outbox", "uplink broker", "model", "camera cam-1"} <= set(findings)
    for subject in ("uplink broker", "sensor broker of water", "camera cam-1"):
        assert findings[subject].verdict is Verdict.BAD
    assert all(finding.remedy for finding in findings.values() if finding.verdict is not Verdict.OK)
    assert findings["settings"].verdict is Verdict.OK
