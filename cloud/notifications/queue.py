"""The queue of messages in the database: planned, claimed, sent. SQL of the notifier, on its own connection.

A message is written before it is sent and marked after the other side has it. Whoever dies in between leaves a claim that runs
out, and the message is sent again under the same id: at least once, never silently not at all. Several notifiers may run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from cloud.notifications.rules import Channel, Duty, Ladder, Person, Planned, Roster, Shift, retry_after
from contracts.alarms import Severity

CLAIM = timedelta(seconds=60)
"""How long a delivery may take before another notifier tries; longer than any channel's time-out."""
BATCH = 16


@dataclass(frozen=True)
class Claimed:
    """A message that this process delivers now."""

    id: UUID
    site_id: int
    alarm_id: UUID | None
    kind: str
    contact_id: int
    channel: str
    due_at: datetime
    attempts: int
    told: dict[str, Any] | None
    """What a message of the kind ``rollout`` says."""
    email: str | None
    phone: str | None
    push_topic: str | None
    webhook_url: str | None
    webhook_nonce: str

    @property
    def address(self) -> str | None:
        """Where this channel reaches the contact now."""
        by_channel = {Channel.EMAIL: self.email, Channel.WEBHOOK: self.webhook_url, Channel.PUSH: self.push_topic}
        return by_channel.get(Channel(self.channel), self.phone)


@dataclass(frozen=True)
class SiteInfo:
    """What a message says of a site."""

    id: int
    slug: str
    name: str
    timezone: str
    organization_id: int


def sites(database: Connection[Any]) -> dict[int, SiteInfo]:
    """All sites."""
    with database.cursor(row_factory=class_row(SiteInfo)) as cursor:
        cursor.execute("SELECT id, slug, name, timezone, organization_id FROM site")
        return {site.id: site for site in cursor}


def roster(database: Connection[Any], site: SiteInfo, reachable: Collection[Channel]) -> Roster:
    """Contacts of a site and their shifts: those on its roster, or all of the organization while it has none."""
    with database.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "SELECT contact_id, duty, weekdays, from_minute, to_minute FROM on_call WHERE site_id = %s", (site.id,)
        ).fetchall()
        people = cursor.execute(
            "SELECT id, name, email, phone, push_topic, webhook_url FROM contact WHERE organization_id = %s ORDER BY id",
            (site.organization_id,),
        ).fetchall()
    named = {row["contact_id"] for row in rows}
    return Roster(
        people={row["id"]: _person(row, reachable) for row in people if not named or row["id"] in named},
        shifts=[
            Shift(
                row["contact_id"], Duty(row["duty"]), frozenset(row["weekdays"]), row["from_minute"], row["to_minute"]
            )
            for row in rows
        ],
        timezone=site.timezone,
    )


def _person(row: Mapping[str, Any], reachable: Collection[Channel]) -> Person:
    has = {
        Channel.EMAIL: row["email"],
        Channel.SMS: row["phone"],
        Channel.VOICE: row["phone"],
        Channel.WEBHOOK: row["webhook_url"],
        Channel.PUSH: row["push_topic"],
    }
    return Person(row["id"], row["name"], frozenset(channel for channel in reachable if has[channel]))


def ladders(database: Connection[Any], site_id: int, shipped: Mapping[Severity, Ladder]) -> dict[Severity, Ladder]:
    """The ladders of a site: its own, else the shipped ones."""
    rows = database.execute("SELECT severity, ladder FROM site_ladder WHERE site_id = %s", (site_id,)).fetchall()
    own = {Severity(severity): Ladder.model_validate(ladder) for severity, ladder in rows}
    return {**shipped, **own}


def add(database: Connection[Any], site_id: int, kind: str, planned: Sequence[Planned], now: datetime) -> int:
    """Write messages of alarms down; those that were planned before stay as they are. Returns how many are new."""
    with database.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO notification (site_id, alarm_id, kind, step, round, contact_id, channel, due_at, next_try_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (
                    site_id,
                    each.alarm_id,
                    kind,
                    each.step,
                    each.round,
                    each.person_id,
                    each.channel.value,
                    each.due_at,
                    now,
                )
                for each in planned
            ],
        )
        return cursor.rowcount


def add_self_test(
    database: Connection[Any], site_id: int, people: Collection[Person], due_at: datetime, now: datetime
) -> int:
    """One test message by every channel to everybody."""
    rows = [
        (site_id, person.id, channel.value, due_at, now) for person in people for channel in sorted(person.channels)
    ]
    with database.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO notification (site_id, kind, step, round, contact_id, channel, due_at, next_try_at)"
            " VALUES (%s, 'self_test', 0, 0, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            rows,
        )
        return cursor.rowcount


def last_self_test(database: Connection[Any], site_id: int) -> datetime | None:
    """When the last test of a site was due."""
    row = database.execute(
        "SELECT max(due_at) FROM notification WHERE site_id = %s AND kind = 'self_test'", (site_id,)
    ).fetchone()
    return None if row is None else row[0]


def cancel(database: Connection[Any], still_open: Collection[UUID], now: datetime) -> int:
    """Messages of alarms that need nobody any more are not sent."""
    cursor = database.execute(
        "UPDATE notification SET cancelled_at = %s WHERE kind = 'alarm' AND NOT alarm_id = ANY(%s)"
        " AND sent_at IS NULL AND cancelled_at IS NULL AND failed_at IS NULL",
        (now, list(still_open)),
    )
    return cursor.rowcount


def told_and_not_yet_relieved(database: Connection[Any], still_open: Collection[UUID], now: datetime) -> list[UUID]:
    """Alarms that people were told of in the last day and that are not open now, of whose end nobody was told."""
    rows = database.execute(
        "SELECT DISTINCT alarm_id FROM notification AS told WHERE kind = 'alarm' AND sent_at > %s AND NOT alarm_id = ANY(%s)"
        " AND NOT EXISTS (SELECT 1 FROM notification WHERE kind = 'cleared' AND alarm_id = told.alarm_id)",
        (now - timedelta(days=1), list(still_open)),
    ).fetchall()
    return [alarm_id for (alarm_id,) in rows]


def add_relief(database: Connection[Any], alarm_id: UUID, now: datetime) -> None:
    """Tell those who were told that it is over: by the same channels, but nobody is called for it."""
    database.execute(
        "INSERT INTO notification (site_id, alarm_id, kind, step, round, contact_id, channel, due_at, next_try_at)"
        " SELECT DISTINCT site_id, alarm_id, 'cleared', 0, 0, contact_id, channel, %(now)s::timestamptz, %(now)s::timestamptz"
        " FROM notification WHERE alarm_id = %(alarm)s AND kind = 'alarm' AND sent_at IS NOT NULL AND channel <> 'voice'"
        " ON CONFLICT DO NOTHING",
        {"now": now, "alarm": alarm_id},
    )


def claim(database: Connection[Any], now: datetime) -> list[Claimed]:
    """Take some waiting messages, the oldest first; nobody else has them until the claim runs out."""
    with database.cursor(row_factory=class_row(Claimed)) as cursor:
        cursor.execute(
            "UPDATE notification AS n SET attempts = n.attempts + 1, next_try_at = %(until)s FROM contact AS c"
            " WHERE c.id = n.contact_id AND n.id IN ("
            "   SELECT id FROM notification WHERE sent_at IS NULL AND cancelled_at IS NULL AND failed_at IS NULL"
            "   AND next_try_at <= %(now)s ORDER BY next_try_at, due_at LIMIT %(rows)s FOR UPDATE SKIP LOCKED)"
            " RETURNING n.id, n.site_id, n.alarm_id, n.kind, n.contact_id, n.channel, n.due_at, n.attempts, n.told,"
            " c.email, c.phone, c.push_topic, c.webhook_url, c.webhook_nonce",
            {"now": now, "until": now + CLAIM, "rows": BATCH},
        )
        return cursor.fetchall()


def sent(database: Connection[Any], message_id: UUID, reference: str, now: datetime) -> None:
    """The other side has it."""
    database.execute(
        "UPDATE notification SET sent_at = %s, reference = %s, error = NULL WHERE id = %s",
        (now, reference[:200], message_id),
    )


def not_sent(database: Connection[Any], claimed: Claimed, reason: str, now: datetime, *, permanent: bool) -> bool:
    """It was not taken: try later, or never again; returns whether it is given up."""
    wait = None if permanent else retry_after(claimed.attempts)
    database.execute(
        "UPDATE notification SET error = %s, failed_at = %s, next_try_at = %s WHERE id = %s",
        (reason[:500], now if wait is None else None, now + (wait or timedelta()), claimed.id),
    )
    return wait is None
