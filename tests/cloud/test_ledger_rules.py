"""Sequences, watermarks and floors against the obvious model: a set of integers."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cloud.devices.rules import (
    MAX_ABOVE,
    MAX_RANGES,
    KnownStatus,
    StreamState,
    admit,
    forget_gaps,
    identity_in,
    include,
    is_news,
    is_plausible,
    watermark,
)
from tests.cloud.messages import BOOT, NOON, birth, readings, seconds, will

sequences = st.lists(st.integers(1, 60), max_size=40)


def members(ranges: tuple[tuple[int, int], ...]) -> set[int]:
    return {number for low, high in ranges for number in range(low, high + 1)}


@given(sequences, sequences)
def test_admit_and_include_are_set_difference_and_union(before: list[int], batch: list[int]) -> None:
    seen = include((), before)
    assert members(seen) == set(before)
    new = [number for number, is_new in zip(batch, admit(seen, batch), strict=True) if is_new]
    assert sorted(new) == sorted(set(batch) - set(before))
    after = include(seen, new)
    assert members(after) == set(before) | set(batch)
    assert all(low <= high for low, high in after)
    assert all(first[1] + 1 < second[0] for first, second in pairwise(after))


@given(sequences, st.integers(1, 70))
def test_the_watermark_covers_exactly_what_is_stored_or_given_up(stored: list[int], floor: int) -> None:
    committed, above = watermark(StreamState(include((), stored), floor))
    settled = set(stored) | set(range(1, floor))
    assert set(range(1, committed + 1)) <= settled
    assert committed + 1 not in settled
    assert members(above) == {number for number in settled if number > committed}


@given(st.permutations(range(1, 31)), st.lists(st.integers(1, 30), max_size=10))
def test_any_order_with_any_repeats_ends_at_the_same_watermark(order: list[int], repeats: list[int]) -> None:
    state = StreamState()
    previous = 0
    for number in [*order, *repeats]:
        state = StreamState(include(state.seen, [number]), 1)
        committed, _ = watermark(state)
        assert committed >= previous
        previous = committed
    assert watermark(state) == (30, ())


def test_many_gaps_are_forgotten_only_below_the_floor() -> None:
    seen = include((), range(2, 2 * MAX_RANGES + 10, 2))
    assert forget_gaps(StreamState(seen, 1)).seen == seen
    kept = forget_gaps(StreamState(seen, 101))
    assert kept.seen[0] == (1, 100)
    assert members(kept.seen) == set(range(1, 101)) | members(seen)
    assert len(watermark(StreamState(seen, 1))[1]) == MAX_ABOVE


def test_status_news() -> None:
    known = KnownStatus("online", BOOT, NOON)
    assert is_news(KnownStatus("unknown", None, None), will())
    assert is_news(known, birth(NOON + seconds(1), boot="boot-0002"))
    assert not is_news(known, birth(NOON - seconds(1), boot="boot-0000"))
    assert is_news(known, will(NOON - seconds(1)))
    assert not is_news(known, will(NOON - seconds(1), boot="boot-0000"))


def test_stamps_that_cannot_be_true() -> None:
    assert is_plausible(NOON + timedelta(minutes=5), NOON)
    assert not is_plausible(NOON + timedelta(minutes=5, microseconds=1), NOON)
    assert not is_plausible(NOON.replace(year=1970), NOON)


def test_identity_of_a_broken_message() -> None:
    found = identity_in(readings(7).value.replace(b'"mg/L"', b"null"))
    assert found is not None
    assert (found.site, found.device, found.stream, found.sequence) == ("fjord", "box-1", "outbox-0001", 7)
    for payload in (
        b"\xff",
        b"[]",
        b'{"seq": true}',
        readings(7).value.replace(b'"seq":7', b'"seq":99999999999999999999'),
    ):
        assert identity_in(payload) is None


def test_a_message_that_was_cut_for_its_dead_letter_still_has_its_identity() -> None:
    """Otherwise a device would send an image that no store takes for ever."""
    whole = readings(7).value
    found = identity_in(whole[: len(whole) - 40])
    assert found is not None
    assert found.sequence == 7
    assert identity_in(whole[: whole.index(b'"sent_at"')]) is None, "the cut may have shortened the sequence"
