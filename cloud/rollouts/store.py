"""SQL of the rollout controller, on its own connection and within its transactions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from cloud.rollouts.plan import Artifact
from cloud.rollouts.rules import Stratum, water
from contracts.deployments import DEPLOYMENT_EVENT, ArtifactKind, Hold, agent_sha256

WATER_DAYS = timedelta(days=7)
"""Of water that decides a device's stratum: long enough for a storm to pass, short enough to be the water of now."""
EVENTS_AT_ONCE = 5000
"""Status events that are read in one round; the rest follows in the next."""
# The first row that has not been read may belong to a transaction that is still open while later ones have committed; events of
# the last seconds are therefore read again, and reports that come twice do no harm.
_AGAIN = 200

_EVENTS = """
SELECT id, device_id, occurred_at, detail FROM device_event
WHERE id > %s AND name = %s ORDER BY id LIMIT %s
"""
# A device's hardware, and the kind and species of the units that its cameras see.
_FLEET = """
SELECT d.id, s.slug AS site, d.slug AS device, d.last_seen_at,
       coalesce(d.inventory ->> 'machine', '') AS machine, coalesce(min(u.kind), '') AS kind,
       coalesce(min(u.species), '') AS species, d.inventory
FROM device AS d JOIN site AS s ON s.id = d.site_id
LEFT JOIN camera AS c ON c.device_id = d.id LEFT JOIN unit AS u ON u.id = c.unit_id
WHERE s.organization_id = %(organization)s AND (%(sites)s::int4[] IS NULL OR s.id = ANY(%(sites)s))
AND (%(kind)s <> 'model' OR c.id IS NOT NULL)
AND (%(groups)s::text[] IS NULL OR d.id IN (
    SELECT m.device_id FROM device_group_member AS m JOIN device_group AS g ON g.id = m.group_id
    WHERE g.organization_id = %(organization)s AND g.name = ANY(%(groups)s)))
AND (%(tags)s::text[] IS NULL OR %(tags)s::text[] <@ ARRAY(SELECT tag::text FROM device_tag WHERE device_id = d.id))
GROUP BY d.id, s.slug
"""
# What the cameras of a device have looked through lately: the median hour of the cloudiest unit, by a probe or by the pictures.
_WATER = """
SELECT c.device_id, max(probe.ntu) AS ntu, min(picture.clarity) AS clarity
FROM (SELECT DISTINCT device_id, unit_id FROM camera WHERE device_id = ANY(%(devices)s)) AS c
CROSS JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY hour.sum / hour.usable) AS ntu
    FROM channel JOIN reading_1h AS hour ON hour.channel_id = channel.id
    WHERE channel.unit_id = c.unit_id AND channel.quantity = 'turbidity' AND hour.usable > 0
    AND hour.bucket >= %(since)s AND hour.bucket <= %(now)s
) AS probe
CROSS JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY (signals ->> 'clarity')::float8) AS clarity
    FROM drift_hour WHERE unit_id = c.unit_id AND hour >= %(since)s AND hour <= %(now)s
) AS picture
GROUP BY c.device_id
"""
_RUNNING = """
SELECT DISTINCT ON (device_id) device_id, observed_at, body #>> '{model,sha256}' AS model, body ->> 'config_sha256' AS config,
       body ->> 'agent_sha256' AS agent
FROM device_health
WHERE device_id = ANY(%s) AND observed_at > %s ORDER BY device_id, observed_at DESC
"""
_SAVE_DEVICE = """
INSERT INTO rollout_device (rollout_id, device_id, wave, step, reason, active_at, ended_at, bad_s, state)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (rollout_id, device_id) DO UPDATE SET step = excluded.step, reason = excluded.reason,
    active_at = excluded.active_at, ended_at = excluded.ended_at, bad_s = excluded.bad_s, state = excluded.state
"""
_DESIRE = """
INSERT INTO device_shadow (device_id, shadow, desired, changed_at) VALUES (%s, %s, %s, %s)
ON CONFLICT (device_id, shadow) DO UPDATE SET desired = excluded.desired, version = device_shadow.version + 1,
    changed_at = excluded.changed_at
"""
# A message belongs to a site, for its name and time zone; a rollout's is the first of those that it is for.
_ANNOUNCE = """
INSERT INTO notification (site_id, kind, step, round, contact_id, channel, due_at, next_try_at, told)
SELECT s.id, 'rollout', (SELECT count(*) FROM rollout_entry), 0, c.id, 'webhook', %(now)s, %(now)s,
    jsonb_build_object('rollout', r.id, 'name', r.name, 'artifact', r.kind, 'model', r.model, 'version', r.version,
        'status', %(status)s::text, 'reason', %(reason)s::text)
FROM rollout AS r
JOIN LATERAL (SELECT id FROM site WHERE organization_id = r.organization_id
    AND (r.site_ids IS NULL OR r.site_ids @> to_jsonb(id)) ORDER BY id LIMIT 1) AS s ON true
JOIN contact AS c ON c.organization_id = r.organization_id AND c.webhook_url IS NOT NULL
WHERE r.id = %(rollout)s
ON CONFLICT DO NOTHING
"""
_HOLDS = """
UPDATE device_shadow SET desired = desired || jsonb_build_object('holds', %(holds)s::jsonb), version = version + 1,
    changed_at = %(now)s
WHERE device_id = %(device)s AND shadow = %(shadow)s AND coalesce(desired -> 'holds', '[]'::jsonb) <> %(holds)s::jsonb
"""
_ALLOW = """
UPDATE device_shadow SET desired = desired || '{"activate": true}', version = version + 1, changed_at = %s
WHERE device_id = %s AND shadow = %s
"""


@dataclass(frozen=True)
class Asked:
    """A rollout as its row tells."""

    id: UUID
    organization_id: int
    kind: str
    model: str
    version: str
    back_to: str | None
    plan: dict[str, Any]
    site_ids: list[int] | None
    groups: list[str] | None
    tags: list[str] | None
    leave_out: bool
    seed: int
    status: str
    state: dict[str, Any] | None


@dataclass(frozen=True)
class Member:
    """A device that may take part."""

    id: int
    site: str
    device: str
    last_seen_at: datetime | None
    machine: str
    kind: str
    species: str
    inventory: dict[str, Any] | None
    water: str = ""

    @property
    def stratum(self) -> Stratum:
        """What a model may be worse on."""
        return self.machine, self.kind, self.species, self.water


@dataclass(frozen=True)
class Order:
    """What a person wants."""

    id: int
    rollout_id: UUID
    kind: str
    reason: str
    ordered_by: str


@dataclass(frozen=True)
class Report:
    """A status event of a device."""

    id: int
    device_id: int
    occurred_at: datetime
    detail: dict[str, Any]


@dataclass(frozen=True)
class Unsent:
    """A shadow whose newest version has not been sent."""

    device_id: int
    site: str
    device: str
    shadow: str
    desired: dict[str, Any]
    version: int


def open_rollouts(database: Connection[Any]) -> list[Asked]:
    """Rollouts with a deployment that has not ended, or with an order that was not carried out; oldest first."""
    with database.cursor(row_factory=class_row(Asked)) as cursor:
        cursor.execute(
            "SELECT id, organization_id, kind, model, version, back_to, plan, site_ids, groups, tags, leave_out, seed, status,"
            " state FROM rollout"
            " WHERE status <> 'proposed' AND ended_at IS NULL OR id IN (SELECT rollout_id FROM rollout_order WHERE done_at IS NULL)"
            " ORDER BY created_at, id"
        )
        return cursor.fetchall()


def not_theirs(database: Connection[Any], release: Artifact, organization_id: int) -> str | None:
    """Why an organization may not have a release: it learnt here from labels that another one does not share, and holds frames of them."""
    rows = database.execute(
        "SELECT DISTINCT (\"order\" -> 'labels' ->> 'organization_id')::int FROM training_run WHERE sha256 = %s"
        " AND \"order\" -> 'labels' ->> 'organization_id' IS NOT NULL"
        " AND \"order\" -> 'labels' ->> 'shared' IS DISTINCT FROM 'true'",
        (release.sha256,),
    )
    owners = {int(row[0]) for row in rows}
    if not owners or organization_id in owners:
        return None
    return (
        f"{release.name} {release.version} learnt from the labels of another organization, which does not share them. Train one on your own"
        " labels, or ask whoever runs the platform (shared in SHOAL_TRAINING_RECIPES)"
    )


def members(database: Connection[Any], asked: Asked, now: datetime) -> list[Member]:
    """Devices that a rollout is for; a model needs cameras, and its devices are told apart by their water."""
    with database.cursor(row_factory=class_row(Member)) as cursor:
        cursor.execute(
            _FLEET,
            {
                "organization": asked.organization_id,
                "sites": asked.site_ids,
                "groups": asked.groups,
                "tags": asked.tags,
                "kind": asked.kind,
            },
        )
        found = cursor.fetchall()
    if asked.kind != ArtifactKind.MODEL.value:
        return found
    bounds = {"devices": [member.id for member in found], "since": now - WATER_DAYS, "now": now}
    waters = {key: water(ntu, clarity) for key, ntu, clarity in database.execute(_WATER, bounds)}
    return [replace(member, water=waters.get(member.id, "")) for member in found]


def names(database: Connection[Any], device_ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Site and device of each."""
    rows = database.execute(
        "SELECT d.id, s.slug, d.slug FROM device AS d JOIN site AS s ON s.id = d.site_id WHERE d.id = ANY(%s)",
        (list(device_ids),),
    )
    return {key: (site, device) for key, site, device in rows}


def saved_devices(database: Connection[Any], rollout_id: UUID) -> dict[str, dict[str, Any]]:
    """State of every device of a rollout."""
    rows = database.execute("SELECT device_id, state FROM rollout_device WHERE rollout_id = %s", (rollout_id,))
    return {str(key): state for key, state in rows}


def busy_devices(database: Connection[Any]) -> set[int]:
    """Devices that take part in a rollout that is not over."""
    rows = database.execute(
        "SELECT device_id FROM rollout_device AS m JOIN rollout AS r ON r.id = m.rollout_id WHERE r.ended_at IS NULL"
    )
    return {key for (key,) in rows}


def superseded(database: Connection[Any], rollout_id: UUID) -> bool:
    """Whether a device of this rollout takes part in a later one."""
    row = database.execute(
        "SELECT EXISTS (SELECT 1 FROM rollout_device AS m JOIN rollout AS r ON r.id = m.rollout_id"
        " JOIN rollout_device AS n ON n.device_id = m.device_id JOIN rollout AS l ON l.id = n.rollout_id"
        " WHERE r.id = %s AND l.created_at > r.created_at)",
        (rollout_id,),
    ).fetchone()
    return row is not None and bool(row[0])


def orders(database: Connection[Any]) -> list[Order]:
    """Orders that have not been carried out, oldest first."""
    with database.cursor(row_factory=class_row(Order)) as cursor:
        cursor.execute(
            "SELECT id, rollout_id, kind, reason, ordered_by FROM rollout_order WHERE done_at IS NULL ORDER BY id"
        )
        return cursor.fetchall()


def done(database: Connection[Any], order_ids: Collection[int], now: datetime) -> None:
    """Mark orders as carried out."""
    database.execute("UPDATE rollout_order SET done_at = %s WHERE id = ANY(%s)", (now, list(order_ids)))


def reports(database: Connection[Any]) -> list[Report]:
    """Status events since the last round, oldest first."""
    row = database.execute("SELECT event_id FROM rollout_cursor WHERE id = 1").fetchone()
    with database.cursor(row_factory=class_row(Report)) as cursor:
        cursor.execute(_EVENTS, (0 if row is None else max(0, row[0] - _AGAIN), DEPLOYMENT_EVENT, EVENTS_AT_ONCE))
        return cursor.fetchall()


def read_until(database: Connection[Any], event_id: int) -> None:
    """Remember how far the events were read."""
    database.execute(
        "INSERT INTO rollout_cursor (id, event_id) VALUES (1, %s)"
        " ON CONFLICT (id) DO UPDATE SET event_id = greatest(rollout_cursor.event_id, excluded.event_id)",
        (event_id,),
    )


def last_seen(database: Connection[Any], device_ids: Collection[int]) -> dict[int, datetime]:
    """When each device was last heard of."""
    rows = database.execute(
        "SELECT id, last_seen_at FROM device WHERE id = ANY(%s) AND last_seen_at IS NOT NULL", (list(device_ids),)
    )
    return dict(rows.fetchall())


def running(
    database: Connection[Any], release: Artifact, device_ids: Collection[int], since: datetime
) -> dict[int, tuple[datetime, str]]:
    """When each device last told since then what runs, by its own clock, and the hash of it.

    A model's is that of the running session, a configuration's that of what the agent was started with, a released agent's that of its
    wheel, all in heartbeats. A version of the agent that is a mere wish is told at birth and holds until the next.
    """
    if not device_ids:
        return {}
    if release.is_a_wish:
        rows = database.execute(
            "SELECT id, last_seen_at, agent_version FROM device WHERE id = ANY(%s) AND last_seen_at > %s",
            (list(device_ids), since),
        )
        return {key: (at, agent_sha256(version)) for key, at, version in rows if version is not None}
    beats = database.execute(_RUNNING, (list(device_ids), since))
    told = ((key, at, _of(release.kind, model, config, agent)) for key, at, model, config, agent in beats)
    return {key: (at, sha256) for key, at, sha256 in told if sha256 is not None}


def _of(kind: ArtifactKind, model: str | None, config: str | None, agent: str | None) -> str | None:
    if kind is ArtifactKind.AGENT:
        return agent or agent_sha256(
            "of the machine's own"
        )  # a box that went back must not look like one that is silent
    return config if kind is ArtifactKind.CONFIG else model


def save(
    database: Connection[Any],
    rollout_id: UUID,
    *,
    status: str,
    reason: str | None,
    state: Mapping[str, Any],
    now: datetime,
    over: bool,
) -> None:
    """Keep a rollout's own state."""
    database.execute(
        "UPDATE rollout SET status = %s, reason = coalesce(%s, reason), state = %s, began_at = coalesce(began_at, %s),"
        " ended_at = CASE WHEN %s THEN coalesce(ended_at, %s) END WHERE id = %s",
        (status, reason, Jsonb(dict(state)), now, over, now, rollout_id),
    )


def set_aside(database: Connection[Any], rollout_id: UUID, reason: str) -> None:
    """Let a rollout rest that nothing can be decided for; its saved state stays as it is."""
    database.execute(
        "UPDATE rollout SET status = CASE WHEN state IS NULL THEN status ELSE 'paused' END, reason = %s WHERE id = %s",
        (reason, rollout_id),
    )


def give_up(database: Connection[Any], rollout_id: UUID, reason: str, now: datetime) -> None:
    """End a rollout that nothing can be decided for; its devices are free for another."""
    database.execute(
        "UPDATE rollout SET status = 'canceled', reason = %s, ended_at = %s WHERE id = %s", (reason, now, rollout_id)
    )


def refuse(database: Connection[Any], rollout_id: UUID, reason: str, now: datetime) -> None:
    """End a rollout that cannot begin."""
    database.execute(
        "UPDATE rollout SET status = 'refused', reason = %s, ended_at = %s WHERE id = %s", (reason, now, rollout_id)
    )


def save_devices(database: Connection[Any], rollout_id: UUID, states: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep the state of these devices."""
    with database.cursor() as cursor:
        cursor.executemany(
            _SAVE_DEVICE,
            [
                (
                    rollout_id,
                    int(device),
                    state["wave"],
                    state["step"],
                    state["reason"],
                    moment(state["active_at"]),
                    moment(state["ended_at"]),
                    state["bad_s"],
                    Jsonb(dict(state)),
                )
                for device, state in states.items()
            ],
        )


def note(database: Connection[Any], rollout_id: UUID, entries: Iterable[tuple[datetime, str]]) -> None:
    """Add to the decision log."""
    with database.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO rollout_entry (rollout_id, at, words) VALUES (%s, %s, %s)",
            [(rollout_id, at, words) for at, words in entries],
        )


def announce(database: Connection[Any], rollout_id: UUID, status: str, reason: str, now: datetime) -> None:
    """Tell programs that listen (contacts with a webhook) how a rollout stands: signed, tried again, each once."""
    database.execute(_ANNOUNCE, {"rollout": rollout_id, "status": status, "reason": reason[:500], "now": now})


def desire(database: Connection[Any], device_id: int, shadow: str, desired: Mapping[str, Any], now: datetime) -> None:
    """Say what a device should run."""
    database.execute(_DESIRE, (device_id, shadow, Jsonb(dict(desired)), now))


def allow(database: Connection[Any], device_id: int, shadow: str, now: datetime) -> None:
    """Let a device activate what it was told to try."""
    database.execute(_ALLOW, (now, device_id, shadow))


def tell_holds(database: Connection[Any], shadow: str, holds: Mapping[int, Sequence[Hold]], now: datetime) -> None:
    """Tell devices what the diary says, where that has changed."""
    with database.cursor() as cursor:
        cursor.executemany(
            _HOLDS,
            [
                {
                    "device": device_id,
                    "shadow": shadow,
                    "holds": Jsonb([hold.model_dump(mode="json") for hold in each]),
                    "now": now,
                }
                for device_id, each in holds.items()
            ],
        )


def send_again(database: Connection[Any], shadow: str, device_ids: Collection[int]) -> None:
    """Take it that these devices have not heard what they should do."""
    if device_ids:
        database.execute(
            "UPDATE device_shadow SET sent_version = version - 1 WHERE device_id = ANY(%s) AND shadow = %s",
            (list(device_ids), shadow),
        )


def unsent(database: Connection[Any]) -> list[Unsent]:
    """Shadows whose newest version has not been sent."""
    with database.cursor(row_factory=class_row(Unsent)) as cursor:
        cursor.execute(
            "SELECT w.device_id, s.slug AS site, d.slug AS device, w.shadow, w.desired, w.version FROM device_shadow AS w"
            " JOIN device AS d ON d.id = w.device_id JOIN site AS s ON s.id = d.site_id"
            " WHERE w.sent_version < w.version ORDER BY w.changed_at LIMIT 1000"
        )
        return cursor.fetchall()


def sent(database: Connection[Any], shadows: Iterable[Unsent]) -> None:
    """Remember what was sent; a version that came in between stays unsent."""
    with database.cursor(row_factory=dict_row) as cursor:
        cursor.executemany(
            "UPDATE device_shadow SET sent_version = greatest(sent_version, %s) WHERE device_id = %s AND shadow = %s",
            [(each.version, each.device_id, each.shadow) for each in shadows],
        )


def moment(seconds: float | None) -> datetime | None:
    """A moment of the state machine as the database has it."""
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
