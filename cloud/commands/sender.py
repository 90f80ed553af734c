"""Carries commands to boxes: what is ordered goes to the broker until it is answered, and answers are entered.

    device_command -> send -> (a box acts once) -> event command.result -> outcome

Runs where the downlink is at hand: in the box's pipeline, and in the cluster's ingest. Several may run; each command is sent by
one of them at a time. A crash after sending sends again, which the box does not do twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from psycopg import Connection
from psycopg.rows import class_row
from pydantic import ValidationError

from cloud.commands.rules import pause
from cloud.db.session import psycopg_url
from cloud.kit.own_thread import DatabaseThread
from cloud.metrics import COMMANDS_ANSWERED, COMMANDS_SENT
from contracts.commands import ARCHIVE_STAYS, COMMAND_RESULT, Command
from contracts.downlink import CommandNotice, Downlink

log = structlog.get_logger()

ROUND_S = 1.0
AT_ONCE = 100
"""Commands of one round."""
LATE = timedelta(days=7)
"""How long after its order an answer is looked for."""
COMMANDS_LAST = timedelta(days=90)
ARCHIVES_LAST = timedelta(days=30)
CLEAN_EVERY_S = 3600.0

_DUE = """
SELECT c.id, s.slug AS site, d.slug AS device, c.name, c.arguments, c.issued_at, c.expires_at, c.issued_by, c.attempts
FROM device_command AS c JOIN device AS d ON d.id = c.device_id JOIN site AS s ON s.id = d.site_id
WHERE c.outcome IS NULL AND c.expires_at > %(now)s AND c.next_send_at <= %(now)s
ORDER BY c.issued_at LIMIT %(rows)s FOR UPDATE OF c SKIP LOCKED
"""
_SENT = """
UPDATE device_command SET sent_at = coalesce(sent_at, %(now)s), attempts = attempts + 1, next_send_at = %(next)s WHERE id = %(id)s
"""
# An answer bears the time of the box's clock, which may be wrong; when it was received is ours.
_ANSWERED = """
UPDATE device_command AS c
SET outcome = e.detail ->> 'outcome', reason = e.detail ->> 'reason', finished_at = e.occurred_at,
    archive_stays = left(e.detail ->> %(stays)s, 500)
FROM device_event AS e
WHERE c.outcome IS NULL AND c.issued_at > %(since)s AND e.device_id = c.device_id AND e.name = %(event)s
  AND e.received_at >= c.issued_at - INTERVAL '5 minutes' AND e.detail ->> 'id' = c.id::text
  AND e.detail ->> 'outcome' IN ('done', 'refused', 'expired', 'failed')
RETURNING c.outcome
"""
# What an older program has already given to the broker may still be answered: that is then the truth.
_UNSENDABLE = """
UPDATE device_command
SET outcome = CASE WHEN attempts = 0 THEN 'refused' END, reason = %(reason)s, finished_at = CASE WHEN attempts = 0 THEN %(now)s END,
    next_send_at = expires_at
WHERE id = %(id)s
"""
_LATER = "UPDATE device_command SET next_send_at = %(next)s WHERE id = %(id)s"
_FORGET = "DELETE FROM device_command WHERE issued_at < %s"
_FORGET_ARCHIVES = "DELETE FROM device_archive WHERE stored_at < %s"


@dataclass(frozen=True)
class _Due:
    id: UUID
    site: str
    device: str
    name: Any
    arguments: dict[str, Any]
    issued_at: datetime
    expires_at: datetime
    issued_by: str
    attempts: int

    def message(self) -> Downlink:
        command = Command(
            id=self.id,
            site=self.site,
            device=self.device,
            name=self.name,
            arguments=self.arguments,
            issued_at=self.issued_at,
            expires_at=self.expires_at,
            issued_by=self.issued_by,
        )
        return Downlink(site=self.site, device=self.device, body=CommandNotice(command=command))


class CommandSender(DatabaseThread):
    """Sends and settles commands in a thread of its own.

    Args:
        send: gives a message to the downlink (a box's broker, Kafka ``device-downlink``); must not block.
        now: wall clock in UTC.
    """

    def __init__(self, database_url: str, *, send: Callable[[Downlink], None], now: Callable[[], datetime]) -> None:
        super().__init__("commands", psycopg_url(database_url))
        self._send = send
        self._now = now

    def round(self, database: Connection[Any]) -> None:
        """Enter answers, then send what is due."""
        now = self._now()
        for row in database.execute(_ANSWERED, {"since": now - LATE, "event": COMMAND_RESULT, "stays": ARCHIVE_STAYS}):
            COMMANDS_ANSWERED.labels(row[0]).inc()
        with database.transaction(), database.cursor(row_factory=class_row(_Due)) as cursor:
            for due in cursor.execute(_DUE, {"now": now, "rows": AT_ONCE}).fetchall():
                self._give(database, due, now)

    def _give(self, database: Connection[Any], due: _Due, now: datetime) -> None:
        """Send one; whatever is wrong with it holds up no other."""
        following = now + pause(due.attempts + 1)
        try:
            message = due.message()
        except ValidationError as error:
            reason = (
                f"the platform does not send it: {_first(error)}. It was ordered with another version; order it anew"
            )
            database.execute(_UNSENDABLE, {"now": now, "reason": reason, "id": due.id})
            COMMANDS_ANSWERED.labels("refused").inc()
            log.warning("command.unsendable", id=str(due.id), device=f"{due.site}/{due.device}", reason=reason)
            return
        try:
            self._send(message)
        except Exception:
            log.exception("command.not_sent", id=str(due.id), device=f"{due.site}/{due.device}", name=due.name)
            database.execute(_LATER, {"next": following, "id": due.id})
            return
        database.execute(_SENT, {"now": now, "next": following, "id": due.id})
        COMMANDS_SENT.inc()
        log.info("command.sent", id=str(due.id), device=f"{due.site}/{due.device}", name=due.name)

    def _serve(self, database: Connection[Any], stop: threading.Event) -> None:
        rounds = 0
        while not stop.wait(ROUND_S):
            if rounds % int(CLEAN_EVERY_S / ROUND_S) == 0:
                database.execute(_FORGET, (self._now() - COMMANDS_LAST,))
                database.execute(_FORGET_ARCHIVES, (self._now() - ARCHIVES_LAST,))
            rounds += 1
            self.round(database)


def _first(error: ValidationError) -> str:
    """The first complaint, without what was given: it may be anything."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
