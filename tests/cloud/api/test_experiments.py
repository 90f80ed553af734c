"""Trials over HTTP: a better candidate on other units and on the same pictures, and how many pictures would tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.cloud.api.test_access import is_problem

MODEL = "trial-species"
NOW = datetime.now(timezone.utc)


@pytest.fixture
def trial(farm_url: str, api: object) -> Iterator[None]:
    """Three tanks with each arm; of twenty labelled pictures of each the active version has 14 right, the candidate 19."""
    del api
    with psycopg.connect(farm_url, autocommit=True) as database:
        row = database.execute(
            "INSERT INTO site (organization_id, slug, name) SELECT id, 'trial', 'Trial' FROM organization WHERE slug = 'shoal'"
            " RETURNING id, organization_id"
        ).fetchone()
        assert row is not None
        site, organization = row
        for number in range(6):
            arm, version, right = ("active", "1.0.0", 14) if number < 3 else ("candidate", "1.1.0", 19)
            unit = database.execute(
                "INSERT INTO unit (site_id, slug, name) VALUES (%s, %s, %s) RETURNING id",
                (site, f"t-{number}", f"T {number}"),
            ).fetchone()
            assert unit is not None
            for picture in range(20):
                sha256 = f"{number:02d}{picture:02d}" * 16
                sample, label = uuid4(), uuid4()
                database.execute(
                    "INSERT INTO sample (id, organization_id, site_id, unit, device, camera, captured_at, sha256, media_type,"
                    " width, height, bytes, source, reason, score, detections, look, uncertainty, novelty, priority, stored_at,"
                    " stored_by, status) VALUES (%s, %s, %s, 'x', 'box', 'cam', %s, %s, 'image/jpeg', 1, 1, 1, 'edge', 'random',"
                    " 1, '[]', '[]', 0, 0, 0, %s, 'box', 'accepted')",
                    (sample, organization, site, NOW, sha256, NOW),
                )
                database.execute(
                    "INSERT INTO label (id, sample_id, annotator, body, labelled_at, source)"
                    " VALUES (%s, %s, 'ana', '{\"classes\": [\"wrasse\"]}', %s, 'hand')",
                    (label, sample, NOW),
                )
                database.execute("UPDATE sample SET accepted_label_id = %s WHERE id = %s", (label, sample))
                answers = [(arm, version, picture < right)]
                if number == 0:
                    answers.append(("asked", "1.1.0", picture < 19))  # the candidate was asked for these too
                for of, told, is_right in answers:
                    database.execute(
                        "INSERT INTO prediction (organization_id, unit_id, created_at, source, image_sha256, task, model_name,"
                        " model_version, model_sha256, arm, label, latency_ms, cached)"
                        " VALUES (%s, %s, %s, 'classify', %s, 'classification', %s, %s, %s, %s, %s, 1, false)",
                        (
                            *(organization, unit[0], NOW - timedelta(minutes=1), sha256, MODEL, told, told * 8, of),
                            "wrasse" if is_right else "salmon",
                        ),
                    )
        yield
        database.execute("DELETE FROM prediction WHERE model_name = %s", (MODEL,))
        database.execute("UPDATE sample SET accepted_label_id = NULL WHERE site_id = %s", (site,))
        database.execute("DELETE FROM label USING sample WHERE label.sample_id = sample.id AND site_id = %s", (site,))
        for table in ("sample", "unit"):
            database.execute(f"DELETE FROM {table} WHERE site_id = %s", (site,))  # noqa: S608  (our own names)
        database.execute("DELETE FROM site WHERE id = %s", (site,))


@pytest.mark.usefixtures("trial")
def test_a_better_candidate_is_seen_by_unit_and_by_picture(viewer: httpx.Client, rival: httpx.Client) -> None:
    units = viewer.get(f"/api/v1/experiments/units?model={MODEL}").json()
    assert [units[arm]["accuracy"] for arm in ("active", "candidate")] == [0.7, 0.95]
    assert (units["active"]["units"], units["candidate"]["versions"]) == (3, ["1.1.0"])
    assert units["difference"] == pytest.approx(0.25)
    assert units["verdict"] == "better"
    assert units["needed_of_each_arm"] > 1000  # five points are harder to see
    pictures = viewer.get(f"/api/v1/experiments/pictures?model={MODEL}&active=1.0.0&candidate=1.1.0").json()
    assert [pictures[name] for name in ("pictures", "both", "only_active", "only_candidate", "neither")] == [
        20,
        14,
        0,
        5,
        1,
    ]
    assert pictures["p"] == pytest.approx(0.0625)
    assert pictures["verdict"] == "not_told"  # five pictures that disagree are too few, however they fall
    assert pictures["needed_pictures"] > 20
    nothing = rival.get(f"/api/v1/experiments/units?model={MODEL}").json()
    assert (nothing["active"]["looked_at"], nothing["verdict"], nothing["needed_of_each_arm"]) == (0, "not_told", None)
    assert rival.get(f"/api/v1/experiments/pictures?model={MODEL}&active=1.0.0&candidate=1.1.0").json()["pictures"] == 0


def test_how_many_pictures_tell(viewer: httpx.Client, anonymous: httpx.Client) -> None:
    path = "/api/v1/experiments/sample-size"
    size = viewer.get(f"{path}?accuracy=0.5&difference=0.1&disagreement=0.2").json()
    assert (size["of_each_arm"], size["power"]) == (388, 0.8)
    assert size["pictures"] < 388
    assert is_problem(viewer.get(f"{path}?accuracy=0.95&difference=0.1"), 400, "bad_request")
    assert is_problem(viewer.get(f"{path}?accuracy=0.5&difference=0"), 400, "bad_request")
    assert is_problem(anonymous.get(f"{path}?accuracy=0.5&difference=0.1"), 401, "unauthenticated")


def test_a_period_that_cannot_be_is_refused(viewer: httpx.Client) -> None:
    span = "start=2026-02-01T00:00:00Z&end=2026-01-01T00:00:00Z"
    assert is_problem(viewer.get(f"/api/v1/experiments/units?model={MODEL}&{span}"), 400, "invalid_range")
