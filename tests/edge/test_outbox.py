"""The outbox: persist then acknowledge, classes and quota, corrupt files, restarts."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from contracts.envelope import Envelope, decode
from contracts.telemetry import ReadingBatch
from contracts.topics import Kind
from contracts.vision import Evidence
from edge.errors import OutboxUnavailableError
from edge.outbox.publisher import compose
from edge.outbox.rules import Priority, Usage, effective_limit, eviction_plan, resend_wait_s
from edge.outbox.store import SEQUENCE_JUMP, Draft, Outbox, read_counters
from tests.edge.farm import ROOT, START, VirtualClock, alarm_draft, new_outbox, readings_draft


def evidence_draft(number: int, size: int) -> Draft:
    image = Evidence(
        camera="cam-1",
        unit="tank-1",
        observed_at=START,
        width=1,
        height=1,
        sha256=f"{number:064x}",
        data=os.urandom(size),
    )
    return Draft.of(image)


def test_sequences_have_no_gaps_and_continue_after_a_restart(tmp_path: Path) -> None:
    first = new_outbox(tmp_path)
    for number in range(3):
        first.accept([readings_draft(number)])
    stream = first.stream
    first.close()
    second = new_outbox(tmp_path)
    second.accept([readings_draft(3), alarm_draft()])
    assert second.stream == stream
    assert [row.seq for row in second.rows_after(0, limit=10)] == [1, 2, 3, 4, 5]
    second.close()


def test_a_row_composes_to_an_envelope_that_the_contract_reads(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path)
    outbox.accept([readings_draft(1, 2)])
    row = outbox.rows_after(0, limit=1)[0]
    envelope = decode(compose(row, site="farm", device="edge-1", backfill=True), Kind.READINGS)
    assert isinstance(envelope, Envelope)
    assert (envelope.seq, envelope.stream, envelope.backfill, envelope.boot) == (1, outbox.stream, True, "boot-0001")
    assert isinstance(envelope.body, ReadingBatch)
    assert len(envelope.body.readings) == 2
    outbox.close()


def test_counters_count_things_and_are_readable_from_outside(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path)
    outbox.accept([readings_draft(1, 2, 3), alarm_draft()])
    outbox.release(outbox.last_seq)
    assert read_counters(outbox.path) == {"readings": 3, "alarms": 1} == outbox.counters()
    outbox.close()
    assert read_counters(outbox.path) == {"readings": 3, "alarms": 1}
    with pytest.raises(FileNotFoundError):
        read_counters(tmp_path / "no.db")


def test_release_deletes_only_what_the_watermark_covers(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path)
    for number in range(8):
        outbox.accept([readings_draft(number)])
    outbox.release(2, [(5, 6)])
    assert [row.seq for row in outbox.rows_after(0, limit=10)] == [3, 4, 7, 8]
    assert (outbox.depth().rows, outbox.depth().floor) == (4, 3)
    outbox.release(8)
    assert (outbox.depth().rows, outbox.depth().bytes, outbox.depth().floor) == (0, 0, 9)
    outbox.close()


def test_state_is_remembered_in_the_same_transaction_as_the_message(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path)
    outbox.accept([alarm_draft()], state={"alarm:a": "1", "mark:b": "2"})
    outbox.accept([], state={"alarm:a": None})
    assert outbox.state("alarm:") == {}
    assert outbox.state("mark:") == {"mark:b": "2"}
    outbox.close()


def test_evidence_goes_first_then_old_telemetry_and_alarms_never(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path, max_bytes=24_000)
    outbox.accept([alarm_draft()])
    for number in range(3):
        outbox.accept([evidence_draft(number, 3_000), readings_draft(*range(number * 50, number * 50 + 50))])
    before = outbox.counters()
    for number in range(3, 150):
        outbox.accept([readings_draft(*range(number * 50, number * 50 + 50))])
    rows = outbox.rows_after(0, limit=1000)
    kinds = [row.kind for row in rows]
    assert kinds[0] is Kind.ALARMS
    assert Kind.EVIDENCE not in kinds
    counters = outbox.counters()
    assert counters["dropped_evidence"] == before["evidence"] == 3
    held = sum(row.items for row in rows if row.kind is Kind.READINGS)
    assert counters["readings"] == held + counters["dropped_readings"] == 7500
    assert outbox.depth().bytes <= 24_000
    outbox.close()


def test_images_cannot_crowd_the_readings_out(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path, max_bytes=60_000)
    outbox.accept([readings_draft(*range(50))])
    for number in range(20):
        outbox.accept([evidence_draft(number, 3_000)])
    usage = outbox.depth().usage
    assert usage[Priority.EVIDENCE].bytes <= 30_000
    assert usage[Priority.TELEMETRY].rows == 1
    outbox.close()


def test_alarms_are_accepted_over_the_quota(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path, max_bytes=1_000)
    for number in range(20):
        outbox.accept([alarm_draft(number)])
    assert outbox.depth().rows == 20
    outbox.close()


def test_quota_rules() -> None:
    usage = {Priority.ALARM: Usage(1, 500), Priority.COUNT: Usage(1, 300), Priority.TELEMETRY: Usage(9, 900)}
    alarm, telemetry, count = Priority.ALARM, Priority.TELEMETRY, Priority.COUNT

    def plan(incoming: dict[Priority, int], limit: int, **quotas: int) -> dict[Priority, int]:
        named = {Priority[name.upper()]: quota for name, quota in quotas.items()}
        return eviction_plan(usage, incoming=incoming, limit_bytes=limit, quotas=named)

    assert plan({alarm: 100}, 2_000) == {}
    assert plan({alarm: 300}, 1_900) == {telemetry: 100}
    assert plan({alarm: 300}, 0) == {telemetry: 900, count: 300}
    assert plan({telemetry: 100}, 9_999, telemetry=950) == {telemetry: 50}
    assert plan({telemetry: 100}, 1_700, telemetry=950) == {telemetry: 100}
    assert plan({telemetry: 5_000}, 99_999, telemetry=950) == {telemetry: 900}
    assert effective_limit(700, max_bytes=9_999, disk_free_bytes=10, min_free_bytes=20) == 700
    assert effective_limit(700, max_bytes=9_999, disk_free_bytes=30, min_free_bytes=20) == 9_999
    assert [resend_wait_s(n, first_s=30) for n in (1, 2, 3, 99)] == [30, 60, 120, 600]


def test_a_corrupt_file_is_quarantined_and_what_can_be_read_is_carried_over(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path)
    for number in range(400):
        outbox.accept([readings_draft(number)], state={"mark:tank-1.do": str(number)})
    stream = outbox.stream
    outbox.close()
    with sqlite3.connect(outbox.path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(outbox.path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8192] = os.urandom(8192)
    outbox.path.write_bytes(content)

    rebuilt = new_outbox(tmp_path)
    assert rebuilt.quarantined is not None
    assert rebuilt.quarantined.exists()
    assert rebuilt.stream != stream
    assert rebuilt.state("mark:") == {"mark:tank-1.do": "399"}
    assert rebuilt.counters()["readings"] == 400
    carried = rebuilt.rows_after(0, limit=1000)
    assert carried
    assert [row.seq for row in carried] == list(range(1, len(carried) + 1))
    rebuilt.accept([readings_draft(1000)])
    assert rebuilt.last_seq == len(carried) + 1
    rebuilt.close()


def test_a_file_that_is_no_database_is_quarantined(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").write_bytes(b"lightning struck here" * 1000)
    outbox = new_outbox(tmp_path)
    assert outbox.quarantined is not None
    outbox.accept([alarm_draft()])
    assert outbox.counters() == {"alarms": 1}
    outbox.close()


def test_sequences_jump_after_a_machine_restart_so_that_none_is_used_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = new_outbox(tmp_path)
    outbox.accept([readings_draft(1)])
    outbox.close()
    monkeypatch.setattr("edge.outbox.store.machine_boot_id", lambda: "another-boot")
    after = new_outbox(tmp_path)
    after.accept([readings_draft(2)])
    assert [row.seq for row in after.rows_after(0, limit=9)] == [1, 2 + SEQUENCE_JUMP]
    after.close()


def test_a_new_stream_numbers_the_waiting_rows_from_one(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path)
    for number in range(5):
        outbox.accept([readings_draft(number)])
    outbox.release(2)
    before = outbox.stream
    outbox.restart_stream()
    outbox.accept([readings_draft(5)])
    assert outbox.stream != before
    assert [row.seq for row in outbox.rows_after(0, limit=9)] == [1, 2, 3, 4]
    outbox.close()


def test_many_threads_share_transactions_and_lose_nothing(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path)

    def produce(first: int) -> None:
        for number in range(50):
            outbox.accept([readings_draft(first + number)])

    threads = [threading.Thread(target=produce, args=(k * 50,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row.seq for row in outbox.rows_after(0, limit=1000)] == list(range(1, 401))
    outbox.close()
    with pytest.raises(OutboxUnavailableError):
        outbox.accept([alarm_draft()])


def test_a_listener_that_fails_does_not_stop_the_writing(tmp_path: Path) -> None:
    def fail() -> None:
        raise ValueError("a bug of somebody else")

    outbox = new_outbox(tmp_path)
    outbox.on_accepted(fail)
    for number in range(3):
        outbox.accept([alarm_draft(number)])
    assert outbox.depth().rows == 3
    outbox.close()


_WRITER = """
import sys
from pathlib import Path
from contracts.topics import Kind
from edge.clock import SystemClock
from edge.outbox.store import Draft, Outbox
outbox = Outbox(Path(sys.argv[1]) / "outbox.db", boot="boot-0001", clock=SystemClock(), max_bytes=50_000_000)
number = 0
while True:
    number += 1
    kind = Kind.ALARMS if number % 10 == 0 else Kind.READINGS
    outbox.accept([Draft(kind, b"{}")], state={"mark:a": str(number)})
    sys.stdout.write(f"{number}\\n"); sys.stdout.flush()
"""


@pytest.mark.slow
@pytest.mark.faults
def test_sigkill_loses_no_accepted_row_in_twenty_rounds(tmp_path: Path) -> None:
    accepted = 0
    for round_ in range(20):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        told = 0
        for line in writer.stdout:
            told = int(line)
            if told >= 20 + round_ * 7:
                os.kill(writer.pid, signal.SIGKILL)
                break
        told += sum(1 for _ in writer.stdout)
        writer.wait()
        writer.stdout.close()
        outbox = new_outbox(tmp_path)
        total = sum(outbox.counters().values())
        # What was told as accepted is there; the one that was being accepted when it died may be there too.
        assert accepted + told <= total <= accepted + told + 1
        assert [row.seq for row in outbox.rows_after(0, limit=10_000)] == list(range(1, total + 1))
        assert outbox.quarantined is None
        accepted = total
        outbox.close()


def test_a_full_disk_refuses_and_keeps_what_was_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = new_outbox(tmp_path)
    outbox.accept([readings_draft(1)])

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(outbox, "_insert", full)
    with pytest.raises(OutboxUnavailableError, match="full"):
        outbox.accept([readings_draft(2)])
    monkeypatch.undo()
    outbox.accept([readings_draft(2)])
    assert [row.seq for row in outbox.rows_after(0, limit=9)] == [1, 2]
    outbox.close()


def test_the_outbox_stops_growing_when_the_disk_is_nearly_full(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.db", boot="boot-0001", clock=VirtualClock(), max_bytes=10**9, min_free_bytes=10**18)
    for number in range(30):
        outbox.accept([readings_draft(*range(number * 10, number * 10 + 10))])
    assert outbox.depth().rows <= 2
    assert outbox.counters()["dropped_readings"] >= 280
    outbox.close()
