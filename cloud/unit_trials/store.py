"""SQL of the conductor of trials, within the transactions of the rollout controller."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb
from sqlalchemy.dialects import postgresql

from cloud.unit_trials.repository import HOURS, LABELLED, SPAN
from contracts.deployments import TRIAL_EVENT, TRIAL_SHADOW, DeploymentState

# Until the round is over nobody ends what it begins, and nothing begins that somebody is just ending: that waits for the next round.
_ASKED = """
SELECT id, organization_id, model, version, sha256, share, units, site_ids, groups, tags, days, seed, plan, status, reason, began_at,
       ends_at
FROM unit_trial WHERE status IN ('asked', 'running', 'ending') ORDER BY created_at, id FOR UPDATE SKIP LOCKED
"""
# A box that takes part in a rollout of a model has that to compare with; one that takes part in another trial has no place left.
_BOXES = """
SELECT d.id, s.slug AS site, d.slug AS device, d.inventory,
       EXISTS (SELECT 1 FROM rollout_device AS m JOIN rollout AS r ON r.id = m.rollout_id
               WHERE m.device_id = d.id AND r.ended_at IS NULL AND r.kind = 'model') AS in_rollout,
       EXISTS (SELECT 1 FROM unit_trial_box AS b JOIN unit_trial AS t ON t.id = b.trial_id
               WHERE b.device_id = d.id AND b.ended_at IS NULL AND t.ended_at IS NULL) AS in_trial
FROM device AS d JOIN site AS s ON s.id = d.site_id
WHERE s.organization_id = %(organization)s AND (%(sites)s::int4[] IS NULL OR s.id = ANY(%(sites)s))
AND EXISTS (SELECT 1 FROM camera AS c WHERE c.device_id = d.id)
AND (%(groups)s::text[] IS NULL OR d.id IN (
    SELECT m.device_id FROM device_group_member AS m JOIN device_group AS g ON g.id = m.group_id
    WHERE g.organization_id = %(organization)s AND g.name = ANY(%(groups)s)))
AND (%(tags)s::text[] IS NULL OR %(tags)s::text[] <@ ARRAY(SELECT tag::text FROM device_tag WHERE device_id = d.id))
ORDER BY s.slug, d.slug
"""
# The newest word of every box, where it says anything new, and when it first said that its session runs the model. The name of the event
# is written out: by a parameter PostgreSQL cannot know that the index of trials' events holds all of them.
_SAID = f"""
SELECT b.device_id, newest.state, newest.reason, newest.occurred_at AS at, active.at AS active_at
FROM unit_trial_box AS b
CROSS JOIN LATERAL (
    SELECT detail ->> 'state' AS state, coalesce(detail ->> 'reason', detail ->> 'waiting_for', '') AS reason, occurred_at
    FROM device_event WHERE device_id = b.device_id AND name = '{TRIAL_EVENT}' AND detail ->> 'deployment' = %(trial)s
    AND detail ->> 'state' = ANY(%(states)s)
    ORDER BY occurred_at DESC, id DESC LIMIT 1
) AS newest
CROSS JOIN LATERAL (
    SELECT min(occurred_at) AS at FROM device_event
    WHERE b.active_at IS NULL AND device_id = b.device_id AND name = '{TRIAL_EVENT}' AND detail ->> 'deployment' = %(trial)s
    AND detail ->> 'state' IN ('probation', 'committed')
) AS active
WHERE b.trial_id = %(key)s AND b.ended_at IS NULL AND (b.state, b.reason, b.active_at)
    IS DISTINCT FROM (newest.state, left(newest.reason, 500), coalesce(b.active_at, active.at))
"""  # noqa: S608  (made of constants)
_DESIRE = """
INSERT INTO device_shadow (device_id, shadow, desired, changed_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (device_id, shadow) DO UPDATE SET desired = excluded.desired, version = device_shadow.version + 1,
    changed_at = excluded.changed_at
"""
_END = """
UPDATE device_shadow SET desired = desired || jsonb_build_object('end', true, 'reason', %(reason)s::text), version = version + 1,
    changed_at = %(now)s
WHERE shadow = %(shadow)s AND device_id = ANY(%(devices)s) AND coalesce(desired ->> 'end', 'false') <> 'true'
"""
_STATES = [state.value for state in DeploymentState]
"""Another word of a box is no state, and stops no trial."""

# The same questions as the API asks, in the driver's own form.
_COMPARED = {
    name: str(statement.compile(dialect=postgresql.psycopg.dialect()))  # type: ignore[no-untyped-call]
    for name, statement in (("hours", HOURS), ("labelled", LABELLED))
}


@dataclass(frozen=True)
class Asked:
    """A trial as its row tells."""

    id: UUID
    organization_id: int
    model: str
    version: str
    sha256: str | None
    share: float | None
    units: list[str] | None
    site_ids: list[int] | None
    groups: list[str] | None
    tags: list[str] | None
    days: float
    seed: int
    plan: dict[str, Any]
    status: str
    reason: str
    began_at: datetime | None
    ends_at: datetime | None


@dataclass(frozen=True)
class Box:
    """A box that may take part."""

    id: int
    site: str
    device: str
    inventory: dict[str, Any] | None
    in_rollout: bool
    in_trial: bool

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.site}/{self.device}"


@dataclass(frozen=True)
class Said:
    """What a box said of a trial last."""

    device_id: int
    state: str
    reason: str
    at: datetime
    active_at: datetime | None


def under_way(database: Connection[Any]) -> list[Asked]:
    """Trials that have something to be done, oldest first."""
    with database.cursor(row_factory=class_row(Asked)) as cursor:
        return cursor.execute(_ASKED).fetchall()


def boxes(database: Connection[Any], asked: Asked) -> list[Box]:
    """Boxes with cameras that a trial is for."""
    wanted = {
        "organization": asked.organization_id,
        "sites": asked.site_ids,
        "groups": asked.groups,
        "tags": asked.tags,
    }
    with database.cursor(row_factory=class_row(Box)) as cursor:
        return cursor.execute(_BOXES, wanted).fetchall()


def begin(database: Connection[Any], key: UUID, *, sha256: str, reason: str, now: datetime, ends_at: datetime) -> None:
    """It is under way."""
    database.execute(
        "UPDATE unit_trial SET status = 'running', sha256 = %s, reason = %s, began_at = %s, ends_at = %s WHERE id = %s",
        (sha256, reason, now, ends_at, key),
    )


def remark(database: Connection[Any], key: UUID, reason: str) -> None:
    """Say why it stands as it does."""
    database.execute("UPDATE unit_trial SET reason = %s WHERE id = %s", (reason[:1000], key))


def stop(database: Connection[Any], key: UUID, reason: str) -> None:
    """It ends in all boxes, without a person's order."""
    database.execute("UPDATE unit_trial SET status = 'ending', reason = %s WHERE id = %s", (reason[:1000], key))


def close(database: Connection[Any], key: UUID, status: str, reason: str, now: datetime) -> None:
    """It is over."""
    database.execute(
        "UPDATE unit_trial SET status = %s, reason = %s, ended_at = %s WHERE id = %s", (status, reason[:1000], now, key)
    )


def tell(
    database: Connection[Any],
    key: UUID,
    device_id: int,
    desired: dict[str, Any],
    *,
    units: Sequence[str],
    others: Sequence[str],
    now: datetime,
) -> None:
    """Have a box told, and remember its part."""
    database.execute(
        "INSERT INTO unit_trial_box (trial_id, device_id, units, others, told_at) VALUES (%s, %s, %s, %s, %s)",
        (key, device_id, Jsonb(list(units)), Jsonb(list(others)), now),
    )
    database.execute(_DESIRE, (device_id, TRIAL_SHADOW, Jsonb(desired), now))


def end(database: Connection[Any], device_ids: Collection[int], reason: str, now: datetime) -> None:
    """Have boxes told to give the units back."""
    told = {"shadow": TRIAL_SHADOW, "devices": list(device_ids), "reason": reason[:200], "now": now}
    database.execute(_END, told)


def hear(database: Connection[Any], key: UUID) -> list[Said]:
    """What boxes that are not done have said last, where that is not kept yet."""
    with database.cursor(row_factory=class_row(Said)) as cursor:
        return cursor.execute(_SAID, {"trial": str(key), "key": key, "states": _STATES}).fetchall()


def note(database: Connection[Any], key: UUID, said: Said, *, over: bool) -> None:
    """Keep it."""
    database.execute(
        "UPDATE unit_trial_box SET state = %s, reason = %s, active_at = coalesce(active_at, %s),"
        " ended_at = CASE WHEN %s THEN %s::timestamptz END WHERE trial_id = %s AND device_id = %s",
        (said.state, said.reason[:500], said.active_at, over, said.at, key, said.device_id),
    )


def compared(
    database: Connection[Any], asked: Asked, now: datetime
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What a trial shows: hours of each box, and pictures of each box and arm that people have labelled."""
    wanted = {"trial": asked.id, "sha256": asked.sha256 or "", "now": now, "span": SPAN}
    with database.cursor(row_factory=dict_row) as cursor:
        hours = cursor.execute(_COMPARED["hours"], wanted).fetchall()
        labelled = cursor.execute(
            _COMPARED["labelled"], {**wanted, "organization_id": asked.organization_id}
        ).fetchall()
    return hours, labelled


def open_boxes(database: Connection[Any], key: UUID) -> dict[int, tuple[str, datetime]]:
    """State of every box that is not done, and when it was told last."""
    rows = database.execute(
        "SELECT device_id, state, told_at FROM unit_trial_box WHERE trial_id = %s AND ended_at IS NULL", (key,)
    )
    return {device: (state, told_at) for device, state, told_at in rows}


def told_again(database: Connection[Any], key: UUID, device_ids: Collection[int], now: datetime) -> None:
    """They are about to be told once more."""
    database.execute(
        "UPDATE unit_trial_box SET told_at = %s WHERE trial_id = %s AND device_id = ANY(%s)",
        (now, key, list(device_ids)),
    )


def part(database: Connection[Any], key: UUID) -> dict[str, int]:
    """How many boxes ended in which state."""
    return dict(
        database.execute(
            "SELECT state, count(*)::int FROM unit_trial_box WHERE trial_id = %s GROUP BY state ORDER BY state", (key,)
        ).fetchall()
    )
