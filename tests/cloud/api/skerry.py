"""A small farm of its own: one pen and one tank, thirty days of hand-computable water and fish."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from cloud.auth.accounts import create_user
from cloud.farms.writer import ensure_organization, ensure_site
from tests.cloud.api import farm as farms

MIDNIGHT = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
START = MIDNIGHT - timedelta(days=31)
END = MIDNIGHT - timedelta(days=1)
"""Thirty whole days."""
MANAGER = "manager@skerry.example"


@dataclass(frozen=True)
class Skerry:
    """What is there."""

    units: dict[str, int]
    channels: dict[str, int]
    device: int


def build(database_url: str) -> Skerry:
    """Pen-1 holds salmon in 10 Cel water; its oxygen is 95 % but for three hours of 40 %."""
    with psycopg.connect(database_url) as database:
        site = ensure_site(database, ensure_organization(database, "skerry"), "skerry")
        database.execute("UPDATE site SET name = 'Skerry & Søn <sea>', timezone = 'Europe/Oslo' WHERE id = %s", (site,))
        units = {
            slug: _key(
                database,
                "INSERT INTO unit (site_id, slug, name, kind, volume_m3, species, stage)"
                " VALUES (%s, %s, %s, 'net_pen', 100, 'salmo_salar', 'growout') RETURNING id",
                (site, slug, slug.title()),
            )
            for slug in ("pen-1", "pen-2")
        }
        device = _key(
            database,
            "INSERT INTO device (site_id, slug, name, registered_at) VALUES (%s, 'box-s', 'Box S', %s) RETURNING id",
            (site, START),
        )
        channels = {
            name: _key(
                database,
                "INSERT INTO channel (device_id, name, unit_id, quantity, ucum) VALUES (%s, %s, %s, %s, %s) RETURNING id",
                (device, name, units["pen-1"], quantity, ucum),
            )
            for name, quantity, ucum in (
                ("pen-1.temperature", "temperature", "Cel"),
                ("pen-1.do_sat", "do_sat", "%"),
                ("pen-1.turbidity", "turbidity", "[NTU]"),
            )
        }
        hours = [START + timedelta(hours=hour) for hour in range(720)]
        temperature, oxygen, turbidity = channels.values()
        roll(database, "reading_1h", temperature, dict.fromkeys(hours, 10.0))
        roll(database, "reading_1h", oxygen, {**dict.fromkeys(hours, 95.0), **dict.fromkeys(hours[100:103], 40.0)})
        roll(database, "reading_1h", turbidity, dict.fromkeys(hours[:360], 2.0))
        roll(database, "reading_1d", temperature, dict.fromkeys(hours[::24], 10.0))
    create_user(database_url, MANAGER, farms.PASSWORD, "farm_manager", "skerry")
    return Skerry(units, channels, device)


def fact(kind: str, days: float, **fields: Any) -> dict[str, Any]:
    """A record so many days after the start."""
    moment = START + timedelta(days=days)
    return {"id": str(uuid4()), "kind": kind, "occurred_at": moment.isoformat(), **fields}


def write(client: httpx.Client, record: dict[str, Any]) -> str:
    """Into the diary; returns the record's id."""
    answer = client.post("/api/v1/sites/skerry/records", json=record)
    assert answer.status_code == 201, answer.text
    return str(record["id"])


def live_a_month(client: httpx.Client) -> None:
    """1000 salmon of 100 g become 970 of 150 g on 60 kg of feed; 30 die."""
    for code in ("S-1", "S-2"):
        new = {"code": code, "species": "salmo_salar", "origin": "Hatchery <3>"}
        assert client.post("/api/v1/batches", json=new).status_code == 201
    of = {"batch": "S-1", "unit": "pen-1"}
    write(client, fact("stocking", -1, **of, count=1000, mean_weight_g=100, supplier="Hatchery <3>"))
    for day in (5, 15):
        feed = fact("feeding", day, unit="pen-1", product="Grow 3", lot=f"L{day}", amount_kg=30, uneaten_kg=1)
        write(client, feed)
    write(client, fact("mortality", 10, **of, count=20, cause="environment", detail="oxygen"))
    write(client, fact("mortality", 20, **of, count=10, cause="unknown"))
    write(client, fact("weight_sample", 29, **of, fish=50, mean_weight_g=150, mean_length_cm=23))


def _key(database: psycopg.Connection[Any], statement: str, values: tuple[Any, ...]) -> int:
    row = database.execute(statement, values).fetchone()
    assert row is not None
    return int(row[0])


def roll(database: psycopg.Connection[Any], table: str, channel: int, means: dict[datetime, float]) -> None:
    """Buckets of sixty readings with these means."""
    columns = "(channel_id, bucket, n, good, usable, sum, min, max, last, last_at)"
    database.execute(
        f"INSERT INTO {table} {columns}"  # noqa: S608  (a name of the test's own)
        " SELECT %s, bucket, 60, 60, 60, 60 * mean, mean, mean, mean, bucket"
        " FROM unnest(%s::timestamptz[], %s::float8[]) AS rolled (bucket, mean)",
        (channel, list(means), list(means.values())),
    )
