from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from cloud.devices.schemas import Device
from cloud.live.hub import KEPT_BYTES, KEPT_MESSAGES, Stream, TooSlowError
from cloud.live.rules import Coverage, resume_position, resume_token
from cloud.live.schemas import LiveChannel
from cloud.live.site import SiteState

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


def channel(value: float = 8.0, *, stale_after_s: float = 60.0) -> LiveChannel:
    fields: dict[str, Any] = {
        "channel_id": 1, "unit_id": 7, "channel": "tank-1.do", "quantity": "do", "label": "Dissolved oxygen",
        "value": value, "ucum": "mg/L", "decimals": 2, "observed_at": NOON, "age_s": 0.0, "quality": 1, "tests": [],
        "calibration": None, "stale": False, "stale_after_s": stale_after_s, "derived": False, "limits": [],
    }  # fmt: skip
    return LiveChannel(**fields)


def row(value: float, at: datetime, *, quality: int = 1, test: str | None = None, unit_id: int = 7) -> dict[str, Any]:
    return {
        "channel_id": 1, "unit_id": unit_id, "value": value, "observed_at": at, "quality": quality, "test": test,
        "also": None,
    }  # fmt: skip


def device(**changes: Any) -> Device:
    fields: dict[str, Any] = {
        "id": 1, "slug": "box-1", "name": "Box 1", "site": "fjord", "state": "online", "state_at": NOON,
        "last_seen_at": NOON, "agent_version": "0.1.0",
    }  # fmt: skip
    return Device(**{**fields, **changes})


def farm() -> SiteState:
    state = SiteState(3, "fjord")
    state.describe([channel()])
    state.hear([device()])
    return state


def test_a_row_that_comes_twice_is_told_once() -> None:
    state, later = farm(), NOON + timedelta(seconds=1)
    (change,), unknown = state.measure([row(7.5, later)], later)
    assert (change.section, change.unit_id, unknown) == ("readings", 7, False)
    assert state.measure([row(7.5, later)], later) == ([], False)
    assert state.channels[1].value == 7.5


def test_the_same_value_at_another_time_or_of_another_quality_is_news() -> None:
    state, later = farm(), NOON + timedelta(seconds=1)
    assert len(state.measure([row(8.0, later)], later)[0]) == 1
    (change,), _ = state.measure([row(8.0, later, quality=4, test="gross_range")], later)
    assert [each.test for each in change.body.tests] == ["gross_range"]  # type: ignore[attr-defined]


def test_a_channel_that_is_new_or_moved_must_be_described_first() -> None:
    state = farm()
    assert state.measure([{**row(1.0, NOON), "channel_id": 9}], NOON) == ([], True)
    assert state.measure([row(1.0, NOON, unit_id=8)], NOON) == ([], True)


def test_describing_again_hides_no_value_that_has_not_been_told() -> None:
    state, later = farm(), NOON + timedelta(seconds=1)
    assert state.describe([channel(7.5)]) == []
    assert len(state.measure([row(7.5, later)], later)[0]) == 1
    (change,) = state.describe([channel(7.5, stale_after_s=180.0)])
    assert change.section == "channels"


def test_a_box_that_reports_all_the_time_is_news_now_and_then_and_its_link_at_once() -> None:
    state = farm()
    assert state.hear([device(last_seen_at=NOON + timedelta(seconds=1))]) == []
    assert len(state.hear([device(last_seen_at=NOON + timedelta(seconds=11))])) == 1
    assert len(state.hear([device(state="offline")])) == 1


@pytest.mark.parametrize(
    ("coverage", "unit_id", "seen"),
    [
        (Coverage(frozenset({3}), None), 7, True),
        (Coverage(frozenset({3}), frozenset({7})), 7, True),
        (Coverage(frozenset({3}), frozenset({8})), 7, False),
        (Coverage(frozenset({3}), frozenset({8})), None, True),
        (Coverage(frozenset({4}), None), 7, False),
        (Coverage(frozenset(), None), None, False),
    ],
)
def test_coverage(coverage: Coverage, unit_id: int | None, *, seen: bool) -> None:
    assert coverage.covers(3, unit_id) is seen


def test_a_place_is_found_again_only_in_its_own_stream_and_while_what_follows_is_kept() -> None:
    def at(token: str | None) -> int | None:
        return resume_position(token, epoch="e", stream="s", oldest=5, newest=9)

    assert [at(resume_token("e", "s", seq)) for seq in (3, 4, 9, 10)] == [None, 4, 9, None]
    assert [at(token) for token in (None, "", "e.s", "e.s.-1", "x.s.5", "e.x.5")] == [None] * 6


def test_a_stream_keeps_a_bounded_part_and_says_who_fell_behind() -> None:
    async def story() -> None:
        stream = Stream(Coverage(frozenset({3}), None), "e")
        assert stream.after(0) is None
        for number in range(KEPT_MESSAGES + 10):
            stream.publish(b'"devices":[]', NOON + timedelta(seconds=number))
        assert (stream.oldest, len(stream.kept)) == (11, KEPT_MESSAGES)
        first = stream.after(10)
        assert first is not None
        assert first.seq == 11
        with pytest.raises(TooSlowError):
            stream.after(9)
        for _ in range(3):
            stream.publish(b'"devices":[%s]' % (b" " * KEPT_BYTES), NOON)
        assert len(stream.kept) == 1

    asyncio.run(story())
