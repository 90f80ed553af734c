"""Puts dead letters back that a person ordered: order -> its letters, one by one -> the ingest -> what became of each.

The order is a row (decision 0082); a process that dies leaves it to the next, and what it had put back counts once by the
ledger. A message is stored whole or not at all, so one that is refused again stays the letter that it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import class_row

from cloud.consumers.ingest import Ingest, RefusedAgainError
from cloud.consumers.records import StreamRecord
from cloud.db.session import psycopg_url
from cloud.dead_letters.rules import again
from cloud.kit.own_thread import DatabaseThread
from cloud.metrics import DEAD_LETTERS_ORDERED
from contracts.dead_letters import DeadLetter
from contracts.devices import Status
from contracts.envelope import encode
from contracts.errors import InvalidMessageError, RetryableError
from contracts.topics import Kind

log = structlog.get_logger()

ROUND_S = 1.0
LEASE = timedelta(seconds=60)
"""After that another process may go on with an order; renewed with every letter."""
SETTLED_LAST = timedelta(days=90)
"""Letters that were put back or discarded are forgotten then; open ones never are."""
CLEAN_EVERY_S = 3600.0
MAX_WHY = 500

_CLAIM = """
UPDATE dead_letter_order SET status = 'running', leased_until = %(until)s WHERE id = (
    SELECT id FROM dead_letter_order
    WHERE status = 'waiting' OR (status = 'running' AND leased_until < %(now)s)
    ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id, asked_by, why
"""
_NEXT = """
SELECT i.letter_id, l.id, l.received_at, l.stage, l.reason, l.detail, l.origin, l.site, l.device, l.payload
FROM dead_letter_order_item AS i LEFT JOIN dead_letter AS l ON l.id = i.letter_id
WHERE i.order_id = %s AND i.outcome = 'waiting' ORDER BY l.received_at, i.letter_id LIMIT 1
"""
_ITEM = "UPDATE dead_letter_order_item SET outcome = %s, why = %s WHERE order_id = %s AND letter_id = %s"
_LETTER = """
UPDATE dead_letter SET state = 'replayed', settled_at = %s, settled_by = %s, settled_why = %s WHERE id = %s
"""
_RENEW = "UPDATE dead_letter_order SET leased_until = %s WHERE id = %s"
_DONE = "UPDATE dead_letter_order SET status = 'done', finished_at = %s, leased_until = NULL WHERE id = %s"
_CLEAN = "DELETE FROM dead_letter WHERE state <> 'open' AND settled_at < %s"


@dataclass(frozen=True)
class _Order:
    id: UUID
    asked_by: str
    why: str


@dataclass(frozen=True)
class _Item:
    letter_id: str
    id: str | None
    received_at: datetime
    stage: Any
    reason: str
    detail: str
    origin: str
    site: str | None
    device: str | None
    payload: bytes

    def letter(self) -> DeadLetter:
        assert self.id is not None  # noqa: S101  (asked before)
        # Not validated again: what the table holds was taken once, whatever its texts look like.
        return DeadLetter.model_construct(
            id=self.id,
            received_at=self.received_at,
            stage=self.stage,
            reason=self.reason,
            detail=self.detail,
            origin=self.origin,
            site=self.site,
            device=self.device,
            payload=bytes(self.payload),
        )


class Replayer(DatabaseThread):
    """Works on orders in a thread of its own; several processes may.

    Args:
        ingest: of its own, closed by ``stop``.
        now: wall clock in UTC.
    """

    def __init__(self, database_url: str, ingest: Ingest, *, now: Callable[[], datetime]) -> None:
        super().__init__("replayer", psycopg_url(database_url))
        self._ingest = ingest
        self._now = now

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """End after the letter in hand. Safe twice."""
        super().stop(timeout_s=timeout_s)
        self._ingest.close()

    def work(self, database: Connection[Any], stop: threading.Event) -> bool:
        """Do one order as far as ``stop`` lets; False when there is none.

        Raises:
            RetryableError: the store is away; the order goes on later.
        """
        order = self._claim(database)
        if order is None:
            return False
        while not stop.is_set():
            item = self._next(database, order)
            if item is None:
                database.execute(_DONE, (self._now(), order.id))
                log.info("dead_letters.ordered", order=str(order.id), by=order.asked_by)
                break
            self._settle(database, order, item)
        return True

    def _serve(self, database: Connection[Any], stop: threading.Event) -> None:
        rounds = 0
        while not stop.wait(ROUND_S):
            if rounds % int(CLEAN_EVERY_S / ROUND_S) == 0:
                database.execute(_CLEAN, (self._now() - SETTLED_LAST,))
            rounds += 1
            while not stop.is_set() and self.work(database, stop):
                pass

    def _claim(self, database: Connection[Any]) -> _Order | None:
        now = self._now()
        with database.cursor(row_factory=class_row(_Order)) as cursor:
            return cursor.execute(_CLAIM, {"now": now, "until": now + LEASE}).fetchone()

    def _next(self, database: Connection[Any], order: _Order) -> _Item | None:
        with database.cursor(row_factory=class_row(_Item)) as cursor:
            return cursor.execute(_NEXT, (order.id,)).fetchone()

    def _settle(self, database: Connection[Any], order: _Order, item: _Item) -> None:
        outcome, why = self._put_back(item)
        now = self._now()
        with database.transaction():
            database.execute(_ITEM, (outcome, why, order.id, item.letter_id))
            if outcome == "replayed":
                database.execute(_LETTER, (now, order.asked_by, order.why, item.letter_id))
            database.execute(_RENEW, (now + LEASE, order.id))
        DEAD_LETTERS_ORDERED.labels(outcome).inc()

    def _put_back(self, item: _Item) -> tuple[str, str]:
        """What became of it, and why."""
        if item.id is None:
            return "refused", "the letter is gone: it was settled long ago"
        try:
            message = again(item.letter())
            kind = Kind.STATUS if isinstance(message, Status) else message.kind
            result = self._ingest.write_whole(
                StreamRecord(encode(message), kind, item.received_at, f"dead-letter/{item.id}")
            )
        except InvalidMessageError as error:
            return "refused", _text(error)
        except RefusedAgainError as error:
            return "refused", _text(error)
        except (psycopg.Error, RetryableError):
            raise
        except Exception as error:
            # A fault of the program that one letter brings to light: nothing of it was stored, and the others go on. The letter
            # stays open, so that a corrected program can be asked for it again.
            log.exception("dead_letters.failed", letter=item.letter_id)
            return "refused", _text(f"the program failed on it: {type(error).__name__}: {error}")
        return "replayed", "it was put back before" if result.messages_repeated else ""


def _text(error: Exception | str) -> str:
    """Fit for a text of PostgreSQL."""
    return str(error).replace("\x00", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()[:MAX_WHY]
