"""Drift judged in a real database: a tank whose camera fouls, one that does not, and a judge that is killed or asked twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from psycopg.types.json import Jsonb

from cloud.db.session import sqlalchemy_url
from cloud.drift.judging import drift_kind, judge
from cloud.farms.writer import ensure_organization, ensure_site
from cloud.kit.repository import Database
from cloud.tasks.kinds import NoParams, Work
from cloud.tasks.runner import schedule

NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
START = datetime(2026, 10, 1, tzinfo=timezone.utc)
FOULED = datetime(2026, 11, 10, tzinfo=timezone.utc)
MODEL = "ab" * 32
COLUMNS = (
    "camera_id, observed_at, unit_id, started_at, frames, frames_dropped, count_mean, confidence_mean, detections,"
    " model_name, model_version, model_sha256, image_quality, quality, analysis"
)


def tanks(url: str) -> dict[str, int]:
    """Two tanks with a camera each, sixty days of observations; the lens of ``fouled`` grows over in the sixth."""
    draw = np.random.default_rng(4)
    with psycopg.connect(url) as database:
        site = ensure_site(database, ensure_organization(database, "fjord"), "fjord")
        device = key(database, "INSERT INTO device (site_id, slug, name) VALUES (%s, 'box', 'Box') RETURNING id", site)
        units = {}
        for slug in ("fouled", "clear"):
            unit = key(
                database,
                "INSERT INTO unit (site_id, slug, name) VALUES (%s, %s, %s) RETURNING id",
                site,
                slug,
                slug.title(),
            )
            camera = key(
                database,
                "INSERT INTO camera (device_id, name, unit_id) VALUES (%s, %s, %s) RETURNING id",
                *(device, slug, unit),
            )
            units[slug] = unit
            rows = [
                row(camera, unit, START + timedelta(hours=hour), draw, fouled=slug == "fouled")
                for hour in range(60 * 24)
            ]
            statement = f"COPY observation ({COLUMNS}) FROM STDIN"
            with database.cursor() as cursor, cursor.copy(statement) as copy:
                for one in rows:
                    copy.write_row(one)
            for day in range(60):
                database.execute(
                    "INSERT INTO image (sha256, camera_id, unit_id, observed_at, media_type, width, height, bytes, stored_at)"
                    " VALUES (%s, %s, %s, %s, 'image/jpeg', 1, 1, 1, %s)",
                    (f"{slug}-{day}", camera, unit, START + timedelta(days=day, hours=9), NOW),
                )
        return units


def row(camera: int, unit: int, hour: datetime, draw: np.random.Generator, *, fouled: bool) -> tuple[Any, ...]:
    lost = 0.3 if fouled and hour >= FOULED else 0.0
    parts = {"clarity": min(1.0, max(0.0, 0.8 + 0.03 * draw.normal() - lost)), "light": 0.9, "glare": 1.0}
    distance = 1.2 + lost + 0.05 * np.random.default_rng(int(hour.timestamp())).normal()
    analysis = Jsonb(
        {
            "image_parts": parts,
            "embedding_distance": distance,
            "classes": {"salmon": 9 + draw.normal(), "wrasse": 1 + 0.2 * draw.normal()},
        }
    )
    seen = (10 + draw.normal(), min(1.0, 0.85 + 0.02 * draw.normal()))
    at = hour + timedelta(minutes=30)
    return (
        *(camera, at, unit, at - timedelta(seconds=10), 50, 0, *seen, Jsonb([])),
        *("fish-detector", "1.0.0", MODEL, parts["clarity"], 1, analysis),
    )


def key(database: psycopg.Connection[Any], statement: str, *values: Any) -> int:
    found = database.execute(statement, values).fetchone()
    assert found is not None
    return int(found[0])


def at(url: str, folder: Path, now: datetime, do: Callable[[Work], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Some work at a moment."""

    async def run() -> dict[str, Any]:
        database = Database(sqlalchemy_url(url), pool_size=3, statement_timeout_s=30)
        database.start()
        try:
            return await do(Work(uuid4(), None, database, folder, now, lambda *_: None))
        finally:
            await database.stop()

    return asyncio.run(run())


def judged(url: str, folder: Path, now: datetime) -> dict[str, Any]:
    return at(url, folder, now, lambda work: judge(work, NoParams()))


def test_a_fouled_lens_is_told_once_with_images_and_ends_when_it_is_cleaned(database_url: str, tmp_path: Path) -> None:
    units = tanks(database_url)
    assert judged(database_url, tmp_path, FOULED)["told"] == 0
    later = FOULED + timedelta(days=6)
    # Clarity, the quality that it is the worst part of, and the distance from what the model was taught.
    assert judged(database_url, tmp_path, later)["told"] >= 3
    assert judged(database_url, tmp_path, later) == {"series": 0, "told": 0, "replaced": 0, "forgotten_hours": 0}
    with psycopg.connect(database_url) as database:
        alerts = database.execute(
            "SELECT unit_id, family, started_at, evidence, before, text FROM drift_alert WHERE signal = 'clarity'"
        ).fetchall()
        assert len(alerts) == 1
        unit, family, started, evidence, before, text = alerts[0]
        assert (unit, family) == (units["fouled"], "input")
        assert abs(started - FOULED) <= timedelta(days=2)
        assert evidence[0] == "fouled-45"
        assert before
        assert "clarity of fish-detector 1.0.0 at Fouled fell" in text
        (far,) = database.execute("SELECT text FROM drift_alert WHERE signal = 'embedding'").fetchall()
        assert far[0].startswith(
            "The distance of the pictures from what the model was taught of fish-detector 1.0.0 at Fouled rose"
        )
        assert set(database.execute("SELECT DISTINCT unit_id FROM drift_alert").fetchall()) == {(units["fouled"],)}
        mix = database.execute("SELECT verdict FROM drift_signal WHERE signal = 'classes'").fetchall()
        assert mix == [("stable",), ("stable",)]
        # The lens is cleaned: what was seen from now on is as it was.
        database.execute(
            "UPDATE observation SET image_quality = image_quality + 0.3, analysis = jsonb_set("
            "jsonb_set(analysis, '{image_parts,clarity}', to_jsonb((analysis -> 'image_parts' ->> 'clarity')::float8 + 0.3)),"
            " '{embedding_distance}', to_jsonb((analysis ->> 'embedding_distance')::float8 - 0.3))"
            " WHERE unit_id = %s AND observed_at >= %s",
            (units["fouled"], later),
        )
    assert judged(database_url, tmp_path, later + timedelta(days=11))["told"] == 0
    with psycopg.connect(database_url) as database:
        ended = database.execute("SELECT signal, ended_because FROM drift_alert ORDER BY signal").fetchall()
        assert ("clarity", "stable") in ended
        assert {because for _, because in ended} == {"stable"}
    assert judged(database_url, tmp_path, later + timedelta(days=60))["replaced"] == 0


def test_hours_made_again_are_the_same(database_url: str, tmp_path: Path) -> None:
    tanks(database_url)
    judged(database_url, tmp_path, START + timedelta(days=3))
    with psycopg.connect(database_url) as database:
        statement = "SELECT unit_id, hour, observations, signals, mix FROM drift_hour ORDER BY 1, 2"
        first = database.execute(statement).fetchall()
        database.execute("DELETE FROM drift_hour WHERE hour >= %s", (START + timedelta(days=2, hours=20),))
        database.commit()
        judged(database_url, tmp_path, START + timedelta(days=3))
        assert database.execute(statement).fetchall() == first
    assert len(first) == 2 * 72
    assert set(first[0][3]) == {"image_quality", "light", "glare", "clarity", "embedding", "confidence", "count"}
    assert set(first[0][4]) == {"salmon", "wrasse"}


def test_any_number_of_schedulers_ask_for_it_once_an_hour(database_url: str, tmp_path: Path) -> None:
    async def twice(work: Work) -> dict[str, Any]:
        kinds = {"drift": drift_kind()}
        made = [await schedule(work.database, kinds, NOW + timedelta(minutes=minutes)) for minutes in (0, 1, 59, 60)]
        return {"made": made}

    assert at(database_url, tmp_path, NOW, twice) == {"made": [1, 0, 0, 1]}


FISH = {"label": "salmon", "confidence": 0.8, "box": {"x": 0.1, "y": 0.1, "w": 0.2, "h": 0.2}}


def test_more_answers_that_people_correct_are_told(database_url: str, tmp_path: Path) -> None:
    missed, renamed = [FISH, FISH], [FISH | {"label": "wrasse"}]
    somewhere_else = [FISH | {"box": {"x": 0.5, "y": 0.5, "w": 0.2, "h": 0.2}}]
    units = tanks(database_url)
    straightened = FISH | {"box": {"x": 0.11, "y": 0.1, "w": 0.19, "h": 0.2}}
    with psycopg.connect(database_url) as database:
        for day in range(50):
            for number in range(2):
                wrong = day >= 22 and (day + number) % 2 == 0
                sample, label = uuid4(), uuid4()
                database.execute(
                    "INSERT INTO sample (id, organization_id, site_id, unit, device, camera, captured_at, sha256, media_type, width,"
                    " height, bytes, source, reason, score, detections, look, uncertainty, novelty, priority, stored_at, stored_by,"
                    " status, model_sha256) SELECT %s, site.organization_id, site.id, 'clear', 'box', 'cam', %s, %s, 'image/jpeg', 1,"
                    " 1, 1, 'edge', 'random', 1, %s, '[]', 0, 0, 0, %s, 'box', 'accepted', %s FROM site",
                    (sample, START + timedelta(days=day, hours=1), f"{day}-{number}", Jsonb([FISH]), NOW, MODEL),
                )
                database.execute(
                    "INSERT INTO label (id, sample_id, annotator, body, labelled_at, source) VALUES (%s, %s, 'ana', %s, %s, 'hand')",
                    (
                        label,
                        sample,
                        Jsonb({"boxes": (missed, renamed, somewhere_else)[day % 3] if wrong else [straightened]}),
                        NOW,
                    ),
                )
                database.execute("UPDATE sample SET accepted_label_id = %s WHERE id = %s", (label, sample))
    assert judged(database_url, tmp_path, START + timedelta(days=50, hours=12))["told"] >= 1
    with psycopg.connect(database_url) as database:
        found = database.execute(
            "SELECT unit_id, family, shift, text FROM drift_alert WHERE signal = 'errors'"
        ).fetchall()
    assert [row[:2] for row in found] == [(units["clear"], "performance")]
    assert found[0][2] == pytest.approx(50.0)
    assert "rose by 50 points" in found[0][3]
