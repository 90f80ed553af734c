"""The durable outbox: drafts in, rows with (stream, sequence) out, deleted when the store has committed them.

``accept`` returns only after the SQLite transaction (WAL) is committed, so its caller may then acknowledge upstream: alarms
and counts when they are on the disk, the rest at most ``committer.SYNC_S`` before they are. Sequence numbers are assigned
inside the transaction; after a machine restart they jump ahead, because a power cut may have taken back numbers that were
already sent. Sending is the publisher's part.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import structlog

from contracts.topics import Kind
from edge.clock import Clock, machine_boot_id
from edge.errors import OutboxUnavailableError
from edge.outbox import file
from edge.outbox.ballast import Ballast
from edge.outbox.codec import DamagedBodyError, pack, unpack
from edge.outbox.committer import Committer, Request
from edge.outbox.rows import Depth, Draft, Row
from edge.outbox.rules import (
    DEFAULT_SHARES,
    PRIORITY_OF_KIND,
    SYNCED,
    Priority,
    Usage,
    effective_limit,
    eviction_plan,
)
from edge.outbox.transaction import INSERT, ROW_BYTES, Transaction

__all__ = ["SEQUENCE_JUMP", "Depth", "Draft", "Outbox", "Row", "read_counters"]

log = structlog.get_logger()

SEQUENCE_JUMP = 100_000
"""Numbers skipped after a machine restart; far more than can be persisted between two syncs of the disk."""
RELIEF_BYTES = 1_000_000
"""What is given up at once when the disk is full."""
DISK_LOOK_S = 1.0
FREE_PAGES_KEPT = 4096
"""Free pages (16 MB) that stay in the file for the next rows."""
SHRINK_PAGES = 512

_NO_END = 2**62
_COLUMNS = "seq, kind, boot, sent_at, trusted, items, body, timeline"


class Outbox:
    """A durable queue in one SQLite file.

    Args:
        path: the file; its folder is made. A corrupt file is set aside and what can be read of it is carried over.
        boot: id of this agent start, written into every row.
        max_bytes: quota of stored messages in bytes; see ``rules.EVICTION_ORDER`` for what goes first.
        min_free_bytes: free disk space below which the outbox stops growing.
        shares: part of ``max_bytes`` that each class may take; alarms take what they need.
    """

    def __init__(
        self,
        path: Path,
        *,
        boot: str,
        clock: Clock,
        max_bytes: int,
        min_free_bytes: int = 0,
        shares: Mapping[Priority, float] = DEFAULT_SHARES,
    ) -> None:
        self.path = path
        self.boot = boot
        self.quarantined: Path | None = None
        """Where a corrupt file was put when this outbox was opened, or ``None``."""
        self.stream = ""
        self._clock = clock
        self._max_bytes = max_bytes
        self._min_free_bytes = min_free_bytes
        self.quotas = {priority: round(share * max_bytes) for priority, share in shares.items()}
        """Bytes that each class may take."""
        self._disk_free = (float("-inf"), 0)
        self._listeners: list[Callable[[], None]] = []
        self._read_lock = threading.Lock()
        self._next_seq = 1
        self._usage: dict[Priority, Usage] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._ballast = Ballast(path.with_name(path.name + ".ballast"))
        self._open()
        self._committer: Committer[Callable[[Transaction], None]] = Committer(self._commit_group, self._end)
        self._committer.start()

    # -- accepting -----------------------------------------------------------------------------------------------

    def accept(
        self, drafts: Sequence[Draft], *, state: Mapping[str, str | None] | None = None, durable: bool = False
    ) -> None:
        """Persist messages and state in one transaction; returns after the commit.

        Args:
            drafts: messages, in order.
            state: keys to remember with them (``None`` forgets a key): last stamps, active alarms.
            durable: return only when they are on the disk, as for alarms and counts (an actuator's move).

        Raises:
            OutboxUnavailableError: nothing was accepted; keep the messages and try again.
        """
        _, counts_on = self._clock.label()  # now, and not when the commit comes: the time may be learned in between
        labelled = [d if d.kind is Kind.READINGS else replace(d, timeline=d.timeline or counts_on) for d in drafts]
        packed = [(draft, pack(draft.body)) for draft in labelled]
        changes = dict(state or {})
        synced = durable or any(PRIORITY_OF_KIND[draft.kind] in SYNCED for draft in drafts)
        self._committer.submit(lambda transaction: self._insert(transaction, packed, changes), durable=synced)

    def on_accepted(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after every commit of new messages; it must return at once."""
        self._listeners.append(listener)

    # -- sending -------------------------------------------------------------------------------------------------

    @property
    def last_seq(self) -> int:
        """The highest sequence assigned so far."""
        return self._next_seq - 1

    def rows_after(
        self, seq: int, *, limit: int, up_to: int = _NO_END, classes: Sequence[Priority] = tuple(Priority)
    ) -> list[Row]:
        """Rows of these classes with a higher sequence, lowest first."""
        # One class is found by its index; several are read in the order of the table, not collected and sorted.
        column = "priority" if len(classes) == 1 else "+priority"
        query = (
            f"SELECT {_COLUMNS} FROM message WHERE seq > ? AND seq <= ?"  # noqa: S608  (fixed texts)
            f" AND {column} IN ({', '.join('?' * len(classes))}) ORDER BY seq LIMIT ?"
        )
        return self._rows(query, (seq, up_to, *classes, limit))

    def waiting(self, priority: Priority, *, after: int, limit: int) -> list[int]:
        """Sequences of one class above ``after``, lowest first; their bodies are not read."""
        with self._reading() as connection:
            query = "SELECT seq FROM message WHERE priority = ? AND seq > ? ORDER BY seq LIMIT ?"
            return [seq for (seq,) in connection.execute(query, (priority, after, limit))]

    def raw_readings_after(self, seq: int, *, limit: int, up_to: int) -> list[Row]:
        """Readings that were never thinned, lowest sequence first."""
        query = (
            f"SELECT {_COLUMNS} FROM message"  # noqa: S608  (fixed texts)
            " WHERE priority = 2 AND kind = 'readings' AND thinned = 0 AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
        )
        return self._rows(query, (seq, up_to, limit))

    def row(self, seq: int) -> Row | None:
        """The row with this sequence, unless it is gone."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM message WHERE seq = ?", (seq,))  # noqa: S608  (fixed text)
        return rows[0] if rows else None

    def release(self, committed: int, above: Sequence[tuple[int, int]] = ()) -> None:
        """Delete the rows that the store has committed: everything up to ``committed`` and the ranges ``above``."""

        def apply(transaction: Transaction) -> None:
            for low, high in [(0, committed), *above]:
                transaction.delete("seq BETWEEN ? AND ?", (low, high))

        self._committer.submit(apply, durable=False)

    def replace(self, rows: Sequence[Row], thinned: Sequence[Row]) -> None:
        """Put fewer messages in the place of many, under sequences of their own; rows that are gone stay gone.

        A sequence never changes its content: the store may have the old message, and would take the new one for a repeat.
        """
        packed = [(row, pack(row.body)) for row in thinned]

        def apply(transaction: Transaction) -> None:
            for row in rows:
                transaction.delete("seq = ?", (row.seq,))
            for row, stored in packed:
                transaction.insert(row, stored, thinned=True)
            transaction.counts["thinned_readings"] += sum(r.items for r in rows) - sum(r.items for r in thinned)

        self._committer.submit(apply, durable=False)

    def discard(self, seqs: Sequence[int]) -> None:
        """Give up messages that can never be sent; they are counted as dropped."""

        def apply(transaction: Transaction) -> None:
            for seq in seqs:
                transaction.drop("seq = ?", (seq,))

        self._committer.submit(apply, durable=False)

    def restart_stream(self) -> None:
        """Begin a new stream and number all rows anew: the store knows sequences that this file has not assigned yet.

        That happens when the file was restored from a copy; going on would make new messages look like repeats.
        """
        stream = _new_stream()

        def apply(transaction: Transaction) -> None:
            connection = transaction.connection
            connection.execute("UPDATE message SET seq = -seq")
            seqs = [seq for (seq,) in connection.execute("SELECT seq FROM message ORDER BY seq DESC")]
            connection.executemany("UPDATE message SET seq = ? WHERE seq = ?", enumerate(seqs, start=1))
            transaction.next_seq = len(seqs) + 1
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('stream', ?)", (stream,))

        self._committer.submit(apply, durable=True)
        self.stream = stream

    # -- looking -------------------------------------------------------------------------------------------------

    def counters(self) -> dict[str, int]:
        """Things accepted since the outbox was made, by kind; ``dropped_<kind>`` for those the quota or a bad disk took, and
        ``thinned_readings`` for those that a mean stands for.
        """
        with self._reading() as connection:
            return dict(connection.execute("SELECT name, value FROM counter"))

    def state(self, prefix: str) -> dict[str, str]:
        """Remembered keys that begin with ``prefix``."""
        with self._reading() as connection:
            rows = connection.execute("SELECT key, value FROM state WHERE substr(key, 1, ?) = ?", (len(prefix), prefix))
            return dict(rows)

    def depth(self) -> Depth:
        """How full the outbox is, and the lowest sequence it will still send."""
        with self._reading() as connection:
            oldest = connection.execute("SELECT seq, sent_at FROM message ORDER BY seq LIMIT 1").fetchone()
        usage = dict(self._usage)
        oldest_at = None
        with contextlib.suppress(ValueError):  # the disk has spoiled it; whoever reads the row gives it up
            oldest_at = datetime.fromisoformat(oldest[1]) if oldest else None
        return Depth(
            rows=sum(u.rows for u in usage.values()),
            bytes=sum(u.bytes for u in usage.values()),
            floor=oldest[0] if oldest else self._next_seq,
            oldest_at=oldest_at,
            usage=usage,
        )

    def close(self, *, timeout_s: float = 5.0) -> None:
        """Commit what waits, then close the file. Safe to call twice."""
        if self._committer.close(timeout_s=timeout_s):
            with self._read_lock:
                self._reader.close()

    # -- the writer thread ---------------------------------------------------------------------------------------

    def _commit_group(self, group: Sequence[Request[Callable[[Transaction], None]]], sync: bool) -> None:  # noqa: FBT001
        """One transaction for all; when it fails, one for each, so that a bad request does not take others with it."""
        failure: Exception | None = None
        try:
            self._commit(group, sync=sync)
        except Exception as error:  # noqa: BLE001  (handed to whoever waits)
            failure = self._second_try(group, error)
        if failure is not None and len(group) > 1 and not isinstance(failure, sqlite3.OperationalError):
            for request in group:
                self._commit_group([request], request.durable)
            return
        for request in group:
            request.settle(failure)
        if failure is None and group:
            self._tell_listeners()
        if sync and not any(request.durable for request in group):
            self._shrink()

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            try:
                listener()
            except Exception:  # noqa: PERF203  (whatever a listener does wrong, alarms must still be written)
                log.exception("outbox.listener_failed")

    def _second_try(
        self, group: Sequence[Request[Callable[[Transaction], None]]], error: Exception
    ) -> Exception | None:
        """Make room on a full disk, or another file for a corrupt one, and commit again; the reason when it fails too."""
        try:
            if file.is_full(error):
                self._relieve()
            elif file.is_corrupt(error):
                log.error("outbox.corrupt", path=str(self.path), error=str(error))
                self._rebuild()
            else:
                return error
            self._commit(group, sync=True)
        except Exception as failure:  # noqa: BLE001  (handed to whoever waits)
            return failure
        return None

    def _shrink(self) -> None:
        """After an outage, give the disk back what the backlog took; a little once a second, so that nobody waits."""
        with contextlib.suppress(sqlite3.Error):
            if self._connection.execute("PRAGMA freelist_count").fetchone()[0] > FREE_PAGES_KEPT:
                self._connection.execute(f"PRAGMA incremental_vacuum({SHRINK_PAGES})").fetchall()

    def _relieve(self) -> None:
        """The disk is full: give the reserve up; when it is gone, drop what is worth least and reuse its pages."""
        self._disk_free = (float("-inf"), 0)
        if not self._ballast.release():
            self._transact([lambda transaction: self._evict_bytes(transaction, RELIEF_BYTES)], level="NORMAL")
        self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def _rebuild(self) -> None:
        with self._read_lock:
            self._connection.close()
            self._reader.close()
            self.quarantined = file.set_aside(self.path)
            self._open()

    def _commit(self, group: Sequence[Request[Callable[[Transaction], None]]], *, sync: bool) -> None:
        # FULL syncs the log, and with it every earlier NORMAL commit.
        self._transact([request.work for request in group], level="FULL" if sync else "NORMAL")

    def _transact(self, work: Sequence[Callable[[Transaction], None]], *, level: str) -> None:
        connection = self._connection
        connection.execute(f"PRAGMA synchronous = {level}")  # takes effect between transactions
        connection.execute("BEGIN IMMEDIATE")
        transaction = Transaction(connection, self._next_seq, dict(self._usage))
        try:
            for apply in work:
                apply(transaction)
            transaction.finish()
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self._next_seq = transaction.next_seq
        self._usage = transaction.usage

    def _end(self) -> None:
        self._connection.close()

    def _insert(
        self, transaction: Transaction, packed: Sequence[tuple[Draft, bytes]], state: Mapping[str, str | None]
    ) -> None:
        incoming: Counter[Priority] = Counter()
        for draft, stored in packed:
            incoming[PRIORITY_OF_KIND[draft.kind]] += len(stored) + ROW_BYTES
        self._make_room(transaction, incoming)
        sent_at, trusted = self._clock.now(), self._clock.trusted()
        for draft, stored in packed:
            row = Row(0, draft.kind, self.boot, "", sent_at, trusted, draft.items, draft.body, draft.timeline)
            transaction.insert(row, stored)
            transaction.counts[draft.kind.value] += draft.items
        transaction.state.update(state)

    def _make_room(self, transaction: Transaction, incoming: Mapping[Priority, int]) -> None:
        limit = effective_limit(
            sum(u.bytes for u in transaction.usage.values()),
            max_bytes=self._max_bytes,
            disk_free_bytes=self._free_bytes(),
            min_free_bytes=self._min_free_bytes,
        )
        plan = eviction_plan(transaction.usage, incoming=incoming, limit_bytes=limit, quotas=self.quotas)
        transaction.evict(plan)

    def _free_bytes(self) -> int:
        """Free disk space, looked at once a second: a thousand alarms ask once."""
        looked_s, free = self._disk_free
        now_s = time.monotonic()
        if now_s - looked_s >= DISK_LOOK_S:
            free = shutil.disk_usage(self.path.parent).free
            self._ballast.restore(free_bytes=free, min_free_bytes=self._min_free_bytes)
            self._disk_free = (now_s, free)
        return free

    def _evict_bytes(self, transaction: Transaction, size: int) -> None:
        used = sum(u.bytes for u in transaction.usage.values())
        plan = eviction_plan(transaction.usage, incoming={}, limit_bytes=used - size, quotas=self.quotas)
        transaction.evict(plan)

    # -- the file ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._read_lock:
            try:
                yield self._reader
            except sqlite3.Error as error:
                raise OutboxUnavailableError(str(error)) from error

    def _rows(self, query: str, arguments: tuple[int, ...]) -> list[Row]:
        """Rows with their bodies unpacked. Those that the disk has spoiled are counted as dropped and left out."""
        while True:
            with self._reading() as connection:
                found = connection.execute(query, arguments).fetchall()
            rows: list[Row] = []
            damaged: list[int] = []
            for seq, *values in found:
                row = self._row(seq, *values)
                if row is None:
                    damaged.append(seq)
                else:
                    rows.append(row)
            if damaged:
                log.error("outbox.damaged_messages", sequences=damaged[:20], messages=len(damaged))
                self.discard(damaged)
            if rows or not damaged:
                return rows

    def _row(
        self,
        seq: int,
        kind: str,
        boot: str,
        sent_at: str,
        trusted: int,
        items: int,
        body: bytes,
        timeline: str | None,
    ) -> Row | None:
        """A row as it was written; None when the disk has spoiled it."""
        try:
            at = datetime.fromisoformat(sent_at)
            return Row(seq, Kind(kind), boot, self.stream, at, bool(trusted), items, unpack(body), timeline)
        except (DamagedBodyError, ValueError, TypeError):
            return None

    def _open(self) -> None:
        try:
            self._connection = file.open_proven(self.path)
        except sqlite3.Error as error:
            if not file.is_corrupt(error):
                raise OutboxUnavailableError(f"{self.path}: {error}") from error
            log.error("outbox.corrupt", path=str(self.path), error=str(error))  # noqa: TRY400  (the event says it all)
            self.quarantined = file.set_aside(self.path)
            self._connection = file.open_proven(self.path)
        self._load()
        if self.quarantined is not None and self._next_seq == 1:
            self._salvage(self.quarantined)
        self._reader = file.connect(self.path)

    def _load(self) -> None:
        connection = self._connection
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        self.stream = meta.get("stream") or _new_stream()
        next_seq = int(meta.get("next_seq", 1))
        machine = machine_boot_id()
        if "machine_boot" in meta and meta["machine_boot"] != machine:
            next_seq += SEQUENCE_JUMP
        self._next_seq = next_seq
        self._usage = {
            Priority(priority): Usage(rows, size)
            for priority, rows, size in connection.execute(
                "SELECT priority, count(*), sum(bytes) FROM message GROUP BY priority"
            )
        }

        def mark(transaction: Transaction) -> None:
            known = {"schema": str(file.SCHEMA_VERSION), "stream": self.stream, "machine_boot": machine}
            transaction.connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", known.items())

        self._transact([mark], level="FULL")

    def _salvage(self, corrupt: Path) -> None:
        """Carry over what can still be read: counters, state and messages (as new messages of the new stream).

        The store may have some of them already; its keys on (channel, time) and (alarm, change) make that harmless.
        """
        first = self._next_seq

        def apply(transaction: Transaction) -> None:
            with contextlib.closing(sqlite3.connect(corrupt)) as old:
                transaction.counts.update(dict(file.pairs_in(old, "counter")))
                transaction.state.update(dict(file.pairs_in(old, "state")))
                for priority, kind, boot, sent_at, trusted, items, size, body, timeline in file.messages_in(old):
                    values = (priority, kind, boot, sent_at, trusted, items, size, body, timeline, 0)
                    transaction.connection.execute(INSERT, (transaction.next_seq, *values))
                    transaction.add(Priority(priority), 1, size)
                    transaction.next_seq += 1

        self._transact([apply], level="FULL")
        log.warning("outbox.rebuilt", quarantined=str(corrupt), carried_over=self._next_seq - first)


def read_counters(path: Path) -> dict[str, int]:
    """Counters of an outbox file, read from outside while its agent runs or after it has stopped; changes nothing.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
        return dict(connection.execute("SELECT name, value FROM counter"))


def _new_stream() -> str:
    return uuid.uuid4().hex
