"""The durable outbox: drafts in, rows with (stream, sequence) out, deleted when the store has committed them.

``accept`` returns only after the SQLite transaction (WAL) is committed, so its caller may then acknowledge upstream. One
writer thread groups what waits into one transaction. Alarms are committed with synchronous=FULL (they survive a power cut);
telemetry with NORMAL (survives SIGKILL; a power cut may lose the last moments, which the sensors' own redelivery and the
next reading repair). Sequence numbers are assigned inside the transaction; after a machine restart they jump ahead, because
a power cut may have taken back numbers that were already sent. Sending is the publisher's part.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from queue import Empty, SimpleQueue

import structlog

from contracts.envelope import Body
from contracts.topics import Kind
from edge.clock import Clock, machine_boot_id
from edge.errors import OutboxUnavailableError
from edge.outbox.rules import PRIORITY_OF_KIND, Priority, Usage, effective_limit, eviction_plan

log = structlog.get_logger()

SCHEMA_VERSION = 2
GROUP_LIMIT = 256
"""Requests in one transaction: bounds how long the first of them waits."""
SEQUENCE_JUMP = 100_000
"""Numbers skipped after a machine restart; far more than can be persisted between two syncs of the disk."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY, priority INTEGER NOT NULL, kind TEXT NOT NULL, boot TEXT NOT NULL, sent_at TEXT NOT NULL,
    trusted INTEGER NOT NULL, items INTEGER NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL, timeline TEXT);
CREATE INDEX IF NOT EXISTS message_by_priority ON message (priority, seq, bytes);
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_COLUMNS = "seq, kind, boot, sent_at, trusted, items, body, timeline"
_COUNT = "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"


@dataclass(frozen=True)
class Draft:
    """One message body, encoded, before it has a sequence. ``items`` is what the counters count (readings, alarms)."""

    kind: Kind
    body: bytes
    items: int = 1
    timeline: str | None = None
    """The free-running clock that stamped the readings; None when their stamps are final."""

    @classmethod
    def of(cls, body: Body, *, timeline: str | None = None) -> Draft:
        """Encode a body; its items are the things in its batch."""
        kind = Kind(body.type)
        batch = getattr(body, kind.value, None)
        encoded = body.model_dump_json(exclude_none=True).encode()
        return cls(kind, encoded, len(batch) if isinstance(batch, tuple) else 1, timeline)


@dataclass(frozen=True)
class Row:
    """One persisted message, ready to be sent."""

    seq: int
    kind: Kind
    boot: str
    stream: str
    sent_at: datetime
    trusted: bool
    items: int
    body: bytes
    timeline: str | None = None


@dataclass(frozen=True)
class Depth:
    """How full the outbox is."""

    rows: int
    bytes: int
    floor: int
    oldest_at: datetime | None
    usage: Mapping[Priority, Usage]


class _Request:
    """Work for the writer thread, and the answer to whoever waits for it."""

    def __init__(self, apply: Callable[[_Transaction], None], *, durable: bool) -> None:
        self.apply = apply
        self.durable = durable
        self.done = threading.Event()
        self.error: BaseException | None = None


@dataclass
class _Transaction:
    """What one transaction changes beside the file; adopted by the outbox only after the commit."""

    connection: sqlite3.Connection
    next_seq: int
    usage: dict[Priority, Usage]

    def add(self, priority: Priority, rows: int, size: int) -> None:
        have = self.usage.get(priority, Usage())
        self.usage[priority] = Usage(have.rows + rows, have.bytes + size)


class Outbox:
    """A durable queue in one SQLite file.

    Args:
        path: the file; its folder is made. A corrupt file is set aside and what can be read of it is carried over.
        boot: id of this agent start, written into every row.
        max_bytes: quota of message bodies in bytes; see ``rules.EVICTION_ORDER`` for what goes first.
        min_free_bytes: free disk space below which the outbox stops growing.
    """

    def __init__(self, path: Path, *, boot: str, clock: Clock, max_bytes: int, min_free_bytes: int = 0) -> None:
        self.path = path
        self.boot = boot
        self.quarantined: Path | None = None
        """Where a corrupt file was put when this outbox was opened, or ``None``."""
        self.stream = ""
        self._clock = clock
        self._max_bytes = max_bytes
        self._min_free_bytes = min_free_bytes
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._listeners: list[Callable[[], None]] = []
        self._read_lock = threading.Lock()
        self._closing = threading.Event()
        self._next_seq = 1
        self._usage: dict[Priority, Usage] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()
        self._writer = threading.Thread(target=self._run, name="outbox-writer", daemon=True)
        self._writer.start()

    # -- accepting -----------------------------------------------------------------------------------------------

    def accept(self, drafts: Sequence[Draft], *, state: Mapping[str, str | None] | None = None) -> None:
        """Persist messages and state in one transaction; returns after the commit.

        Args:
            drafts: messages, in order.
            state: keys to remember with them (``None`` forgets a key): last stamps, active alarms.

        Raises:
            OutboxUnavailableError: nothing was accepted; keep the messages and try again.
        """
        changes = dict(state or {})
        durable = any(draft.kind is Kind.ALARMS for draft in drafts)
        self._submit(lambda transaction: self._insert(transaction, drafts, changes), durable=durable)
        for listener in self._listeners:
            listener()

    def on_accepted(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after every commit of new messages; it must return at once."""
        self._listeners.append(listener)

    # -- sending -------------------------------------------------------------------------------------------------

    @property
    def last_seq(self) -> int:
        """The highest sequence assigned so far."""
        return self._next_seq - 1

    def rows_after(self, seq: int, *, limit: int, up_to: int | None = None, alarms: bool | None = None) -> list[Row]:
        """Rows with a higher sequence, lowest first; ``alarms`` True takes only alarms, False all but alarms."""
        which = {True: "AND priority = 0", False: "AND priority > 0", None: ""}[alarms]
        query = (
            f"SELECT {_COLUMNS} FROM message"  # noqa: S608  (fixed texts)
            f" WHERE seq > ? AND seq <= ? {which} ORDER BY seq LIMIT ?"
        )
        return self._rows(query, (seq, up_to if up_to is not None else 2**62, limit))

    def row(self, seq: int) -> Row | None:
        """The row with this sequence, unless it is gone."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM message WHERE seq = ?", (seq,))  # noqa: S608  (fixed text)
        return rows[0] if rows else None

    def release(self, committed: int, above: Sequence[tuple[int, int]] = ()) -> None:
        """Delete the rows that the store has committed: everything up to ``committed`` and the ranges ``above``."""

        def apply(transaction: _Transaction) -> None:
            for low, high in [(0, committed), *above]:
                self._delete(transaction, "seq BETWEEN ? AND ?", (low, high))

        self._submit(apply, durable=False)

    def restart_stream(self) -> None:
        """Begin a new stream and number all rows anew: the store knows sequences that this file has not assigned yet.

        That happens when the file was restored from a copy; going on would make new messages look like repeats.
        """
        stream = _new_stream()

        def apply(transaction: _Transaction) -> None:
            connection = transaction.connection
            connection.execute("UPDATE message SET seq = -seq")
            seqs = [seq for (seq,) in connection.execute("SELECT seq FROM message ORDER BY seq DESC")]
            connection.executemany("UPDATE message SET seq = ? WHERE seq = ?", enumerate(seqs, start=1))
            transaction.next_seq = len(seqs) + 1
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('stream', ?)", (stream,))

        self._submit(apply, durable=True)
        self.stream = stream

    # -- looking -------------------------------------------------------------------------------------------------

    def counters(self) -> dict[str, int]:
        """Things accepted since the outbox was made, by kind, and ``dropped_<kind>`` for those the quota took."""
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
        return Depth(
            rows=sum(u.rows for u in usage.values()),
            bytes=sum(u.bytes for u in usage.values()),
            floor=oldest[0] if oldest else self._next_seq,
            oldest_at=datetime.fromisoformat(oldest[1]) if oldest else None,
            usage=usage,
        )

    def close(self, *, timeout_s: float = 5.0) -> None:
        """Commit what waits, then close the file. Safe to call twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._requests.put(None)
        self._writer.join(timeout_s)
        with self._read_lock:
            self._reader.close()

    # -- the writer thread ---------------------------------------------------------------------------------------

    def _submit(self, apply: Callable[[_Transaction], None], *, durable: bool) -> None:
        if self._closing.is_set():
            raise OutboxUnavailableError("the outbox is closed")
        request = _Request(apply, durable=durable)
        self._requests.put(request)
        while not request.done.wait(1.0):
            if not self._writer.is_alive():
                raise OutboxUnavailableError("the outbox has stopped writing")
        if request.error is not None:
            raise OutboxUnavailableError(str(request.error)) from request.error

    def _run(self) -> None:
        stop = False
        while not stop:
            first = self._requests.get()
            group: list[_Request] = []
            while first is not None:
                group.append(first)
                if len(group) == GROUP_LIMIT:
                    break
                try:
                    first = self._requests.get_nowait()
                except Empty:
                    break
            stop = first is None
            self._commit_group(group)
        self._connection.close()

    def _commit_group(self, group: Sequence[_Request]) -> None:
        """One transaction for all; when it fails, one for each, so that a bad request does not take others with it."""
        try:
            self._commit(group)
        except sqlite3.OperationalError as error:
            self._settle(group, error)
        except Exception as error:  # noqa: BLE001  (handed to whoever waits)
            if _is_corrupt(error):
                self._rebuild_and_retry(group, error)
            elif len(group) == 1:
                self._settle(group, error)
            else:
                for request in group:
                    self._commit_group([request])
        else:
            self._settle(group, None)

    def _rebuild_and_retry(self, group: Sequence[_Request], error: Exception) -> None:
        log.error("outbox.corrupt", path=str(self.path), error=str(error))
        try:
            with self._read_lock:
                self._connection.close()
                self._reader.close()
                self._quarantine()
                self._open()
            self._commit(group)
        except Exception as failure:  # noqa: BLE001  (handed to whoever waits)
            self._settle(group, failure)
        else:
            self._settle(group, None)

    @staticmethod
    def _settle(group: Sequence[_Request], error: BaseException | None) -> None:
        for request in group:
            request.error = error
            request.done.set()

    def _commit(self, group: Sequence[_Request]) -> None:
        if not group:
            return
        connection = self._connection
        # The pragma takes effect between transactions; FULL syncs the log, and with it every earlier NORMAL commit.
        level = "FULL" if any(request.durable for request in group) else "NORMAL"
        connection.execute(f"PRAGMA synchronous = {level}")
        connection.execute("BEGIN IMMEDIATE")
        transaction = _Transaction(connection, self._next_seq, dict(self._usage))
        try:
            for request in group:
                request.apply(transaction)
            if transaction.next_seq != self._next_seq:
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('next_seq', ?)", (str(transaction.next_seq),))
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self._next_seq = transaction.next_seq
        self._usage = transaction.usage

    def _insert(self, transaction: _Transaction, drafts: Sequence[Draft], state: Mapping[str, str | None]) -> None:
        connection = transaction.connection
        self._make_room(transaction, sum(len(draft.body) for draft in drafts))
        sent_at, trusted = self._clock.now().isoformat(), int(self._clock.trusted())
        for draft in drafts:
            priority = PRIORITY_OF_KIND[draft.kind]
            size = len(draft.body)
            connection.execute(
                "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    transaction.next_seq,
                    priority,
                    draft.kind.value,
                    self.boot,
                    sent_at,
                    trusted,
                    draft.items,
                    size,
                    draft.body,
                    draft.timeline,
                ),
            )
            connection.execute(_COUNT, (draft.kind.value, draft.items))
            transaction.add(priority, 1, size)
            transaction.next_seq += 1
        for key, value in state.items():
            if value is None:
                connection.execute("DELETE FROM state WHERE key = ?", (key,))
            else:
                connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))

    def _make_room(self, transaction: _Transaction, incoming: int) -> None:
        used = sum(u.bytes for u in transaction.usage.values())
        free = shutil.disk_usage(self.path.parent).free if self._min_free_bytes else 0
        limit = effective_limit(
            used, max_bytes=self._max_bytes, disk_free_bytes=free, min_free_bytes=self._min_free_bytes
        )
        plan = eviction_plan(transaction.usage, incoming_bytes=incoming, limit_bytes=limit)
        for priority, needed in plan.items():
            self._evict(transaction, priority, needed)

    def _evict(self, transaction: _Transaction, priority: Priority, needed: int) -> None:
        freed, last = 0, 0
        for seq, size in transaction.connection.execute(
            "SELECT seq, bytes FROM message WHERE priority = ? ORDER BY seq", (priority,)
        ):
            freed, last = freed + size, seq
            if freed >= needed:
                break
        where = "priority = ? AND seq <= ?"
        dropped = transaction.connection.execute(
            f"SELECT kind, sum(items) FROM message WHERE {where} GROUP BY kind",  # noqa: S608  (a fixed text)
            (priority, last),
        ).fetchall()
        for kind, items in dropped:
            transaction.connection.execute(_COUNT, (f"dropped_{kind}", items))
        log.warning("outbox.dropped", priority=priority.name.lower(), **dict(dropped))
        self._delete(transaction, where, (priority, last))

    @staticmethod
    def _delete(transaction: _Transaction, where: str, arguments: tuple[int, int]) -> None:
        counted = f"SELECT priority, count(*), sum(bytes) FROM message WHERE {where} GROUP BY priority"  # noqa: S608
        for priority, rows, size in transaction.connection.execute(counted, arguments).fetchall():
            transaction.add(Priority(priority), -rows, -size)
        transaction.connection.execute(f"DELETE FROM message WHERE {where}", arguments)  # noqa: S608  (fixed texts)

    # -- the file ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._read_lock:
            try:
                yield self._reader
            except sqlite3.Error as error:
                raise OutboxUnavailableError(str(error)) from error

    def _rows(self, query: str, arguments: tuple[int, ...]) -> list[Row]:
        with self._reading() as connection:
            rows = connection.execute(query, arguments).fetchall()
        return [
            Row(
                seq,
                Kind(kind),
                boot,
                self.stream,
                datetime.fromisoformat(sent_at),
                bool(trusted),
                items,
                body,
                timeline,
            )
            for seq, kind, boot, sent_at, trusted, items, body, timeline in rows
        ]

    def _open(self) -> None:
        try:
            self._connection = _connect(self.path)
            try:
                verdict = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                if verdict != "ok":
                    raise sqlite3.DatabaseError(verdict)
                self._load()
            except sqlite3.Error:
                self._connection.close()
                raise
        except sqlite3.Error as error:
            if not _is_corrupt(error):
                raise OutboxUnavailableError(f"{self.path}: {error}") from error
            log.error("outbox.corrupt", path=str(self.path), error=str(error))  # noqa: TRY400  (the event says it all)
            self._quarantine()
            self._connection = _connect(self.path)
            self._load()
        if self.quarantined is not None:
            self._salvage(self.quarantined)
        self._reader = _connect(self.path)

    def _load(self) -> None:
        connection = self._connection
        connection.executescript(_SCHEMA)
        if "timeline" not in {column[1] for column in connection.execute("PRAGMA table_info(message)")}:
            connection.execute("ALTER TABLE message ADD COLUMN timeline TEXT")  # a file of version 1
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        self.stream = meta.get("stream") or _new_stream()
        next_seq = int(meta.get("next_seq", 1))
        machine = machine_boot_id()
        if "machine_boot" in meta and meta["machine_boot"] != machine:
            next_seq += SEQUENCE_JUMP
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            [
                ("schema", str(SCHEMA_VERSION)),
                ("stream", self.stream),
                ("next_seq", str(next_seq)),
                ("machine_boot", machine),
            ],
        )
        connection.execute("COMMIT")
        self._next_seq = next_seq
        self._usage = {
            Priority(priority): Usage(rows, size)
            for priority, rows, size in connection.execute(
                "SELECT priority, count(*), sum(bytes) FROM message GROUP BY priority"
            )
        }

    def _quarantine(self) -> None:
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%f")
        target = self.path.with_name(f"{self.path.name}.corrupt-{stamp}")
        for suffix in ("", "-wal", "-shm"):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.rename(target.with_name(target.name + suffix))
        self.quarantined = target

    def _salvage(self, corrupt: Path) -> None:
        """Carry over what can still be read: counters, state and messages (as new messages of the new stream).

        The store may have some of them already; its keys on (channel, time) and (alarm, change) make that harmless.
        """
        carried = 0
        self._connection.execute("BEGIN IMMEDIATE")
        with contextlib.closing(sqlite3.connect(corrupt)) as old:
            for table in ("counter", "state"):
                with contextlib.suppress(sqlite3.Error):
                    for pair in old.execute(f"SELECT * FROM {table}"):  # noqa: S608  (two fixed names)
                        self._connection.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", pair)  # noqa: S608
            transaction = _Transaction(self._connection, self._next_seq, dict(self._usage))
            with contextlib.suppress(sqlite3.Error, ValueError):
                columns = "priority, kind, boot, sent_at, trusted, items, bytes, body"
                if "timeline" in {column[1] for column in old.execute("PRAGMA table_info(message)")}:
                    columns += ", timeline"
                for values in old.execute(f"SELECT {columns} FROM message ORDER BY seq"):  # noqa: S608  (fixed text)
                    self._connection.execute(
                        f"INSERT INTO message (seq, {columns}) VALUES (?{', ?' * len(values)})",  # noqa: S608  (fixed text)
                        (transaction.next_seq, *values),
                    )
                    transaction.add(Priority(values[0]), 1, values[6])
                    transaction.next_seq += 1
                    carried += 1
        self._next_seq, self._usage = transaction.next_seq, transaction.usage
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('next_seq', ?)", (str(self._next_seq),))
        self._connection.execute("COMMIT")
        log.warning("outbox.rebuilt", quarantined=str(corrupt), carried_over=carried)


def read_counters(path: Path) -> dict[str, int]:
    """Counters of an outbox file, read from outside while its agent runs or after it has stopped; changes nothing.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
        return dict(connection.execute("SELECT name, value FROM counter"))


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _is_corrupt(error: Exception) -> bool:
    """SQLITE_CORRUPT and SQLITE_NOTADB come as DatabaseError itself; its subclasses mean other things."""
    return type(error) is sqlite3.DatabaseError


def _new_stream() -> str:
    return uuid.uuid4().hex
