"""What the farm's diary asks of models: which records hold one back, and for how long."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from cloud.rollouts.holds import FEEDING, HANDLING, HARVEST, LONGEST, hold_of

NOON = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("kind", "body", "what", "length"),
    [
        ("feeding", {}, "feeding", FEEDING),
        ("harvest", {}, "harvest", HARVEST),
        ("lice_count", {}, "handling", HANDLING),
        ("note", {"topic": "net_change"}, "handling", HANDLING),
        ("treatment", {"ended_at": "2026-11-30T18:00:00Z"}, "treatment", timedelta(hours=6)),
        ("treatment", {"ended_at": "2027-11-30T18:00:00Z"}, "treatment", LONGEST),
        ("treatment", {}, "treatment", HANDLING),
    ],
)
def test_work_on_fish_holds_their_model(kind: str, body: dict[str, Any], what: str, length: timedelta) -> None:
    hold = hold_of(kind, NOON, body, "tank-1")
    assert hold is not None
    assert (hold.kind.value, hold.begins, hold.ends - hold.begins) == (what, NOON, length)


@pytest.mark.parametrize(("kind", "body"), [("mortality", {}), ("note", {"topic": "visitor"}), ("adjustment", {})])
def test_what_leaves_fish_alone_holds_nothing(kind: str, body: dict[str, Any]) -> None:
    assert hold_of(kind, NOON, body, "tank-1") is None
