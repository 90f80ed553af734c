"""How the model of each unit does: rules, and the scheduled looks in a real database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cloud.model_health.rules import Seen, Status, judge
from cloud.model_health.work import health_kinds, look, tell_stale
from cloud.tasks.kinds import NoParams, Work
from cloud.tasks.runner import schedule
from tests.cloud.test_drift_judging import NOW, at, tanks

SOON, LONG_AGO = NOW - timedelta(minutes=1), NOW - timedelta(hours=3)


@pytest.mark.parametrize(
    ("seen", "status", "words"),
    [
        (Seen(SOON, SOON, frames=300, dropped=20, suspect=0.1), Status.OK, "keeps up"),
        (Seen(SOON, LONG_AGO), Status.OK, "produces"),  # what was seen was heard
        (Seen(LONG_AGO, SOON), Status.STALE, "since 2026-11-20 09:00 UTC"),
        (Seen(None, SOON), Status.STALE, "nothing ever"),
        (Seen(LONG_AGO, LONG_AGO), Status.DARK, "The box is silent"),
        (Seen(None, None), Status.DARK, "The box is silent"),
        (Seen(SOON, SOON, frames=100, dropped=300), Status.DEGRADED, "75 %"),
        (Seen(SOON, SOON, frames=100, suspect=0.9), Status.DEGRADED, "90 %"),
    ],
)
def test_a_silent_box_and_a_silent_model_are_told_apart(seen: Seen, status: Status, words: str) -> None:
    found, reason = judge(seen, NOW)
    assert found is status
    assert words in reason


def test_looks_are_kept_once_and_a_status_keeps_its_begin(database_url: str, tmp_path: Path) -> None:
    units = tanks(database_url)

    async def looked(work: Work) -> dict[str, Any]:
        return await look(work, NoParams())

    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("UPDATE device SET last_seen_at = %s", (NOW + timedelta(hours=2),))
        shown = "SELECT unit_id, status, since, model_name FROM model_health ORDER BY unit_id"
        # Observations come at half past each hour in this story.
        first = NOW + timedelta(minutes=35)
        assert at(database_url, tmp_path, first, looked) == {"ok": 2, "degraded": 0, "stale": 0, "dark": 0}
        assert at(database_url, tmp_path, first + timedelta(minutes=5), looked)["ok"] == 2
        expected = [(unit, "ok", first, "fish-detector") for unit in sorted(units.values())]
        assert database.execute(shown).fetchall() == expected
        later = first + timedelta(minutes=45)
        assert at(database_url, tmp_path, later, looked)["stale"] == 2
        assert {row[1:3] for row in database.execute(shown).fetchall()} == {("stale", later)}
        days_later = NOW + timedelta(days=30)
        assert at(database_url, tmp_path, days_later, looked)["dark"] == 2
        told = at(database_url, tmp_path, days_later, lambda work: tell_stale(work, NoParams()))
        assert told == {"sites": ["fjord"], "models": []}


def test_both_looks_are_asked_for_once(database_url: str, tmp_path: Path) -> None:
    async def twice(work: Work) -> dict[str, Any]:
        kinds = {kind.name: kind for kind in health_kinds()}
        return {
            "made": [await schedule(work.database, kinds, NOW + timedelta(minutes=minute)) for minute in (0, 1, 5, 60)]
        }

    assert at(database_url, tmp_path, NOW, twice) == {"made": [2, 0, 1, 2]}
