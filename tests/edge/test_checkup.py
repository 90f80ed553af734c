"""The doctor on sick boxes: each trouble is found, named, and comes with its remedy."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from edge.checkup.finding import Finding, Verdict
from edge.checkup.links import broker_findings, certificate_finding, validity
from edge.checkup.machine import (
    Mount,
    clock_finding,
    disk_findings,
    heat_findings,
    limits_finding,
    mount_finding,
    mount_of,
    rtc_finding,
    shm_finding,
    temperatures,
)
from edge.checkup.parts import actuator_findings, outbox_finding
from edge.doctor import examine, table
from edge.guard.settings import GuardSettings
from edge.sections import MqttSettings
from edge.settings import load_settings
from tests.bridge.certificates import authority
from tests.edge.farm import START, VirtualClock, configuration, new_outbox, readings_draft
from tests.edge.relay_node import RelayNode
from tests.edge.test_actuation import with_aerator
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import free_port


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def sick(finding: Finding, verdict: Verdict, words: str) -> None:
    assert finding.verdict is verdict
    assert words in finding.what
    assert finding.remedy


def test_a_clock_of_1970_is_bad_and_one_that_nobody_sets_a_warning() -> None:
    clock = VirtualClock()
    assert clock_finding(clock, synchronised=True).verdict is Verdict.OK
    sick(clock_finding(clock, synchronised=False), Verdict.WARNING, "Nothing synchronises it")
    clock.wall = datetime(1970, 1, 1, 0, 3, tzinfo=timezone.utc)
    sick(clock_finding(clock, synchronised=True), Verdict.BAD, "1970-01-01 00:03")


def test_a_box_without_a_battery_clock_is_told(tmp_path: Path) -> None:
    sick(rtc_finding(tmp_path), Verdict.WARNING, "after a power cut")
    write(tmp_path, "sys/class/rtc/rtc0/name", "rtc")
    assert rtc_finding(tmp_path).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("kind", "options", "verdict", "words"),
    [
        ("ext4", "rw,relatime", Verdict.OK, "ext4"),
        ("ext4", "ro,relatime", Verdict.BAD, "read-only"),
        ("ext4", "rw,nobarrier", Verdict.WARNING, "nobarrier"),
        ("ext4", "rw,data=writeback", Verdict.WARNING, "power cut"),
        ("tmpfs", "rw", Verdict.WARNING, "forgets everything"),
        ("vfat", "rw", Verdict.WARNING, "no journal"),
    ],
)
def test_file_systems_that_a_power_cut_spoils_are_named(kind: str, options: str, verdict: Verdict, words: str) -> None:
    finding = mount_finding(Mount("/data", kind, frozenset(options.split(","))))
    assert finding.verdict is verdict
    assert words in finding.what
    assert bool(finding.remedy) is (verdict is not Verdict.OK)


def test_the_innermost_mount_counts(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "data"
    folder.mkdir(parents=True)
    write(
        tmp_path,
        "proc/self/mounts",
        f"/dev/a / ext4 rw 0 0\n/dev/b {tmp_path}/var f2fs rw 0 0\n/dev/c /other xfs rw 0 0\n",
    )
    found = mount_of(folder, tmp_path)
    assert found is not None
    assert (found.kind, found.point) == ("f2fs", f"{tmp_path}/var")


def test_a_disk_that_is_nearly_full_is_told_by_what_does_not_fit(tmp_path: Path) -> None:
    bad = list(disk_findings(tmp_path, min_free_bytes=10**18, max_bytes=0, root=tmp_path))
    sick(bad[0], Verdict.BAD, "GB free")
    tight = list(disk_findings(tmp_path, min_free_bytes=0, max_bytes=10**18, root=tmp_path))
    sick(tight[0], Verdict.WARNING, "GB free")
    assert [finding.subject for finding in tight] == ["disk", "durable writes"]


def test_little_shared_memory_few_tasks_and_heat_are_told(tmp_path: Path) -> None:
    sick(shm_finding(tmp_path), Verdict.WARNING, "no /dev/shm")
    write(tmp_path, "sys/fs/cgroup/pids.max", "100\n")
    sick(limits_finding(tmp_path), Verdict.WARNING, "100 tasks")
    assert list(heat_findings(tmp_path)) == []
    for number, (kind, milli) in enumerate([("cpu-thermal", 55_000), ("gpu-thermal", 97_500), ("off", -256_000)]):
        write(tmp_path, f"sys/class/thermal/thermal_zone{number}/temp", str(milli))
        write(tmp_path, f"sys/class/thermal/thermal_zone{number}/type", kind)
    assert temperatures(tmp_path) == {"cpu-thermal": 55.0, "gpu-thermal": 97.5}
    sick(next(heat_findings(tmp_path)), Verdict.BAD, "98 °C at gpu-thermal")


def test_a_corrupt_outbox_is_found_while_a_whole_one_is_counted(tmp_path: Path) -> None:
    assert outbox_finding(tmp_path / "outbox.db").verdict is Verdict.OK
    outbox = new_outbox(tmp_path)
    outbox.accept([readings_draft(1), readings_draft(2)])
    assert "holds 2 messages" in outbox_finding(tmp_path / "outbox.db").what
    outbox.close()
    path = tmp_path / "outbox.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)
    sick(outbox_finding(path), Verdict.BAD, "is corrupt")


def test_certificates_are_read_without_any_library_and_their_end_is_told(tmp_path: Path) -> None:
    authority(tmp_path, "farm-ca")
    path = tmp_path / "farm-ca.pem"
    begins, ends = validity(path.read_text())
    assert begins < ends
    assert certificate_finding("ca", path, now=ends - timedelta(days=31)).what.startswith(str(path))
    sick(certificate_finding("ca", path, now=ends - timedelta(hours=3)), Verdict.WARNING, f"{ends:%Y-%m-%d}")
    sick(certificate_finding("ca", path, now=ends), Verdict.BAD, "expired on")
    sick(certificate_finding("ca", path, now=datetime(1970, 1, 1, tzinfo=timezone.utc)), Verdict.BAD, "good only from")
    write(tmp_path, "none.pem", "hello")
    sick(certificate_finding("ca", tmp_path / "none.pem", now=START), Verdict.BAD, "no PEM certificate")


def test_a_broker_that_refuses_the_login_is_not_one_that_is_away(
    mosquitto_factory: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    strict = mosquitto_factory(
        configuration=f"per_listener_settings false\nallow_anonymous false\npassword_file {passwords}"
    )
    [refused] = broker_findings("broker", MqttSettings(port=strict.port), now=START)
    sick(refused, Verdict.BAD, "refuses the login")
    [away] = broker_findings("broker", MqttSettings(port=free_port()), now=START)
    sick(away, Verdict.BAD, "refused")


def test_a_broker_that_hangs_up_on_a_wrong_login_is_told_as_that() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.recv(100)
            connection.close()

        answering = threading.Thread(target=hang_up)
        answering.start()
        [finding] = broker_findings("broker", MqttSettings(port=server.getsockname()[1]), now=START)
        answering.join(10)
    sick(finding, Verdict.BAD, "closes it without an answer")


def test_actuators_are_reachable_offline_or_unproven(
    mosquitto_factory: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    broker = mosquitto_factory()
    settings = load_settings(with_aerator(tmp_path, broker.port)).guard
    with RelayNode(broker.port):
        [there] = actuator_findings(settings)
        assert (there.verdict, there.what) == (Verdict.OK, "Its node is there; state ON")
    offline = next(iter(actuator_findings(settings)))
    sick(offline, Verdict.BAD, "offline")
    plain = {"name": "a", "unit": "tank-1", "output": {"type": "mqtt", "command_topic": "x", "state_topic": "y"}}
    bare = GuardSettings.model_validate({"broker": {"port": broker.port}, "actuators": [plain]})
    assert [finding.verdict for finding in actuator_findings(bare)] == [Verdict.WARNING] * 3


def test_the_whole_examination_is_a_table_with_remedies(tmp_path: Path) -> None:
    path = configuration(tmp_path, port=free_port())
    document = yaml.safe_load(path.read_text())
    document["outbox"]["max_bytes"] = 10**17
    path.write_text(yaml.safe_dump(document))
    findings = list(examine(load_settings(path)))
    assert all(finding.remedy for finding in findings if finding.verdict is not Verdict.OK)
    console = Console(width=100, record=True, file=(tmp_path / "out.txt").open("w"))
    console.print(table(findings))
    console.file.close()
    text = console.export_text()
    assert "uplink broker" in text
    assert "-> Lower outbox.max_bytes" in text
