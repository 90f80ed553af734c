"""The outbox on a bad day: torn pages, turned bits, a log that ends anywhere, a disk that is full, a network that loses."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.topics import Kind
from edge.errors import OutboxUnavailableError
from edge.outbox.file import SCHEMA_VERSION
from edge.outbox.store import Draft, Outbox
from tests.edge.farm import ROOT, VirtualClock, alarm_draft, eventually, new_outbox, readings_draft
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.faults

PAGE = 4096
ROWS = 120


def filled(folder: Path) -> Path:
    """An outbox of alarms and readings in turn, closed, all of it in the main file."""
    outbox = new_outbox(folder)
    for number in range(ROWS):
        outbox.accept(
            [alarm_draft(number) if number % 2 else readings_draft(*range(number * 20, number * 20 + 20))],
            state={"mark:tank-1.do": str(number)},
        )
    outbox.close()
    with sqlite3.connect(outbox.path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return outbox.path


def change(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // PAGE * PAGE)


def zero_a_page(path: Path) -> None:
    change(path, path.stat().st_size // 2 // PAGE * PAGE, bytes(PAGE))


def spoil_the_header(path: Path) -> None:
    change(path, 0, b"not a database at all")


def turn_bits(path: Path) -> None:
    """One bit in each of many pages, as worn flash does."""
    content = path.read_bytes()
    for page in range(2, len(content) // PAGE, 3):
        change(path, page * PAGE + 2000, bytes([content[page * PAGE + 2000] ^ 4]))


def pretend_a_newer_version(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(SCHEMA_VERSION + 1),))
    connection.close()


def empty_it(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize(
    ("damage", "at_least"),
    [
        (cut_in_half, 0),
        (zero_a_page, ROWS // 2),
        (spoil_the_header, 0),
        (turn_bits, ROWS // 2),
        (pretend_a_newer_version, ROWS),
        (empty_it, 0),
    ],
)
def test_a_damaged_file_is_survived_and_what_is_whole_is_sent(
    tmp_path: Path, damage: Callable[[Path], None], at_least: int
) -> None:
    path = filled(tmp_path)
    damage(path)
    outbox = new_outbox(tmp_path)
    rows = outbox.rows_after(0, limit=10_000)
    assert len(rows) >= at_least
    alarms = {alarm_draft(number).body for number in range(1, ROWS, 2)}
    assert all(row.body in alarms for row in rows if row.kind is Kind.ALARMS), "nothing is sent that was not written"
    assert len({row.seq for row in rows}) == len(rows)
    outbox.accept([alarm_draft(999)])
    assert outbox.rows_after(0, limit=10_000)[-1].body == alarm_draft(999).body
    outbox.close()
    again = new_outbox(tmp_path)
    assert again.quarantined is None, "the new file is whole"
    assert again.rows_after(0, limit=10_000)[-1].body == alarm_draft(999).body
    again.close()


def test_a_turned_bit_in_a_message_is_counted_and_the_others_are_sent(tmp_path: Path) -> None:
    path = filled(tmp_path)
    connection = sqlite3.connect(path)
    with connection:
        (body,) = connection.execute("SELECT body FROM message WHERE seq = 7").fetchone()
        spoiled = body[:20] + bytes([body[20] ^ 1]) + body[21:]
        connection.execute("UPDATE message SET body = ? WHERE seq = 7", (spoiled,))
    connection.close()
    outbox = new_outbox(tmp_path)
    assert outbox.quarantined is None
    assert [row.seq for row in outbox.rows_after(0, limit=200)] == [n for n in range(1, ROWS + 1) if n != 7]
    assert outbox.counters()["dropped_readings"] == 20
    assert outbox.depth().rows == ROWS - 1
    outbox.close()


def test_a_disk_that_dies_slowly_is_not_filled_with_set_aside_files(tmp_path: Path) -> None:
    for _ in range(5):
        (tmp_path / "outbox.db").write_bytes(b"lightning" * 1000)
        new_outbox(tmp_path).close()
    assert len([path for path in tmp_path.glob("outbox.db.corrupt-*") if path.suffix[-4:] not in {"-wal", "-shm"}]) == 2


def test_power_cut_at_any_point_of_the_log_takes_no_alarm_that_was_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log up to the last sync is on the disk; of what follows any part may be there, whole or torn.

    Every alarm is synced before it is accepted, so the log is cut after each of them at every frame and within frames.
    """
    live = tmp_path / "live"
    outbox = new_outbox(live)
    log = outbox.path.with_name("outbox.db-wal")
    cuts: list[tuple[int, int, int]] = []
    for number in range(1, 31):
        outbox.accept([alarm_draft(number)])
        synced = log.stat().st_size
        for reading in range(3):
            outbox.accept([readings_draft(number * 10 + reading)])
        cuts.append((number, synced, log.stat().st_size))
    copy = tmp_path / "after-the-cut"
    monkeypatch.setattr("edge.outbox.store.machine_boot_id", lambda: "after-the-power-cut")
    checked = 0
    for number, synced, written in cuts[::3]:
        frames = range(synced, written + 1, (PAGE + 24) * 3)
        for size in [*frames, synced + 700, written - 11]:
            shutil.rmtree(copy, ignore_errors=True)
            copy.mkdir()
            shutil.copy(outbox.path, copy)
            torn = log.read_bytes()[:size] + os.urandom(500)
            (copy / log.name).write_bytes(torn)
            after = new_outbox(copy)
            alarms = [row for row in after.rows_after(0, limit=1000) if row.kind is Kind.ALARMS]
            assert [row.body for row in alarms[:number]] == [alarm_draft(n).body for n in range(1, number + 1)]
            assert after.quarantined is None
            after.accept([alarm_draft(99)])
            assert after.last_seq > outbox.last_seq, "no number is used twice"
            after.close()
            checked += 1
    assert checked > 40
    outbox.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"a small disk needs the right to mount: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_something_else_fills_takes_alarms_to_the_end_and_loses_nothing_accepted(small_disk: Path) -> None:
    clock = VirtualClock()
    outbox = Outbox(small_disk / "outbox.db", boot="boot-0001", clock=clock, max_bytes=10**9)
    for number in range(100):
        outbox.accept([Draft(Kind.EVIDENCE, os.urandom(30_000).hex().encode()), readings_draft(number)])
    other = small_disk / "other.log"
    with other.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(os.urandom(4096)) == 4096:
            pass
    assert shutil.disk_usage(small_disk).free < 4096
    refused = 0
    accepted: list[int] = []
    for number in range(300):
        try:
            outbox.accept([alarm_draft(number)])
            accepted.append(number)
        except OutboxUnavailableError:
            refused += 1
    assert refused == 0, "the reserve and the images make room for alarms"
    held = [row.body for row in outbox.rows_after(0, limit=10_000) if row.kind is Kind.ALARMS]
    assert held == [alarm_draft(number).body for number in accepted]
    counters = outbox.counters()
    images = [row for row in outbox.rows_after(0, limit=10_000) if row.kind is Kind.EVIDENCE]
    assert counters["evidence"] == len(images) + counters.get("dropped_evidence", 0)
    other.unlink()
    outbox.accept([readings_draft(7777)])
    outbox.close()
    again = Outbox(small_disk / "outbox.db", boot="boot-0001", clock=clock, max_bytes=10**9)
    assert again.quarantined is None
    assert [row.body for row in again.rows_after(0, limit=10_000) if row.kind is Kind.ALARMS] == held
    again.close()


_LOSSY = """
import os, sys
from pathlib import Path
from tests.simulators.lossy_link import FAR, NEAR, Weather, carry, enter_a_network_of_its_own, open_end
from tests.servers.mosquitto import Mosquitto
folder = Path(sys.argv[1])
near, port = open_end("near", NEAR), 1883
told, ended = os.pipe(), os.pipe()
if os.fork() == 0:  # the far end of the cable, with the broker, and who carries
    os.close(ended[1])
    os.set_blocking(ended[0], False)
    enter_a_network_of_its_own()
    ends = near, open_end("far", FAR)
    broker = Mosquitto(folder / "mosquitto", port=port, configuration=f"listener {port} {FAR}")
    broker.start()
    os.write(told[1], b"!")
    def parent_is_gone():
        try:
            return os.read(ended[0], 1) == b""
        except BlockingIOError:
            return False
    carry(ends, Weather(), seed=7, until=parent_is_gone)
    broker.stop()
    os._exit(0)
assert os.read(told[0], 1) == b"!"
from tests.edge.farm import Store, alarm_draft, eventually, readings_draft
from tests.edge.test_publisher import Device
store, device = Store(port, host=FAR), Device(folder, port, host=FAR)
device.start()
for number in range(150):
    device.outbox.accept([readings_draft(number)] + ([alarm_draft(number)] if number % 10 == 0 else []))
eventually(device.is_empty, timeout_s=80)
assert sorted(seq for _, seq in store.messages) == list(range(1, 166))
device.stop(); store.close()
os.close(ended[1]); os.wait()
print("none lost")
"""


@pytest.mark.slow
@pytest.mark.integration
def test_a_network_that_loses_every_tenth_packet_loses_no_message(tmp_path: Path) -> None:
    isolated = next((way for way in (["unshare", "-n"], ["unshare", "-rn"]) if _makes_cables(way)), None)
    if isolated is None:
        pytest.skip("no network of its own here: that needs root or user namespaces, and /dev/net/tun")
    done = subprocess.run(
        [*isolated, sys.executable, "-c", _LOSSY, str(tmp_path)], cwd=ROOT, capture_output=True, check=False
    )
    assert done.stdout.endswith(b"none lost\n"), done.stderr.decode()[-2000:]


def _makes_cables(isolated: list[str]) -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    probe = "ip link set lo up && ip tuntap add dev near mode tap"
    return subprocess.run([*isolated, "sh", "-c", probe], capture_output=True, check=False).returncode == 0


@pytest.mark.integration
def test_ten_minutes_without_a_broker_cost_nothing_and_are_told_as_backfill(
    tmp_path: Path, mosquitto_factory: Callable[..., Mosquitto]
) -> None:
    from tests.edge.farm import Store
    from tests.edge.test_publisher import Device

    broker = mosquitto_factory()
    store = Store(broker.port)
    device = Device(tmp_path, broker.port, backfill_after_s=0.5)
    device.start()
    device.outbox.accept([readings_draft(0)])
    eventually(device.is_empty)
    broker.kill()
    eventually(lambda: not device.link.connected.is_set())
    for second in range(1, 601):  # a reading a second and an alarm a minute, as fast as the disk takes them
        device.outbox.accept([readings_draft(second)])
        if second % 60 == 0:
            device.outbox.accept([alarm_draft(second)])
    threading.Event().wait(1.0)
    broker.start()
    eventually(device.is_empty, timeout_s=60)
    assert sorted(seq for _, seq in store.messages) == list(range(1, 612))
    assert len({reading.observed_at for reading in store.readings()}) == len(store.readings()) == 601
    assert len({alarm.alarm_id for alarm in store.alarms()}) == len(store.alarms()) == 10
    assert sum(envelope.backfill for envelope in store.order) >= 600
    device.stop()
    store.close()
