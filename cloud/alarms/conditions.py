"""One alarm per condition, though a box and the cloud may see it in the same moment, each in a transaction of its own.

Whoever raises alarms from the cloud looks for open ones first, and must see what a box's transaction is about to commit.
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection, Cursor

_LOCK = 7_242_002


def claim(database: Connection[Any]) -> None:
    """Until the transaction ends nobody else raises: what is open now is all there is. Waits for those under way."""
    database.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


def take_part(cursor: Cursor[Any]) -> None:
    """Raise beside other boxes' transactions, but not beside a claim."""
    cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_LOCK,))
