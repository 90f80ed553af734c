"""What holds for every series whatever a probe sends: no crash, bounded memory, verdicts that only add up."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from aquaculture.quality import ChannelQuality, PeerQuality, QualityLimits, Verdict, default_limits_for, verdict_of
from contracts.quality import QUALITY_TESTS, QualityFlag
from contracts.quantities import QUANTITIES

START = datetime(2026, 11, 1, tzinfo=timezone.utc)
EVERYTHING = QualityLimits(
    -1e6, 1e6, span_low=0, span_high=1e3, months={11: (0.0, 500.0)}, max_change_per_min=2.0, spike=1.0, spike_share=0.1,
    stuck_s=60, stuck_count=3, stuck_fail_s=120, flat_for_s=60, flat_tolerance=0.5, disagreement=1.0, drift=0.5,
    trend_per_day=-1.0,
)  # fmt: skip

numbers = st.floats(width=64) | st.sampled_from([0.0, -0.0, 8.0, 8.1, 1e308, -1e308, float("nan"), float("inf")])
usual = st.floats(0, 20).map(lambda value: round(value, 1))
steps = st.sampled_from([0.0, 0.001, 1.0, 10.0, 60.0, 900.0, 7200.0, 90_000.0, -1.0, -86_400.0, 1e9])
series = st.lists(st.tuples(numbers | usual, steps), max_size=60)
flags = st.sampled_from([QualityFlag.SUSPECT, QualityFlag.FAIL])
failures = st.lists(st.tuples(st.sampled_from([*QUALITY_TESTS, "a_drivers_own"]), flags), max_size=6)


def judged(quality: ChannelQuality, points: list[tuple[float, float]], at: datetime = START) -> list[Verdict]:
    found = []
    for value, step_s in points:
        at += timedelta(seconds=step_s)
        found.append(quality.judge(value, at))
    return found


@given(series, st.sampled_from([EVERYTHING, QualityLimits(), *map(default_limits_for, QUANTITIES)]))
def test_any_number_at_any_time_gets_a_verdict(points: list[tuple[float, float]], limits: QualityLimits) -> None:
    for verdict in judged(ChannelQuality(limits), points):
        assert verdict.flag in {QualityFlag.GOOD, QualityFlag.SUSPECT, QualityFlag.FAIL}
        assert (verdict.test is None) == (verdict.flag is QualityFlag.GOOD) == (not verdict.failed)
        assert all(test in QUALITY_TESTS for test, _ in verdict.failed)


@given(series, st.integers(0, 60))
def test_batches_restarts_and_single_readings_give_the_same_verdicts(
    points: list[tuple[float, float]], cut: int
) -> None:
    whole = judged(ChannelQuality(EVERYTHING), points)
    first = ChannelQuality(EVERYTHING)
    before = judged(first, points[:cut])
    second = ChannelQuality(EVERYTHING)
    assert second.recall(json.loads(json.dumps(first.remember())))
    later = START + timedelta(seconds=sum(step_s for _, step_s in points[:cut]))
    assert before + judged(second, points[cut:], later) == whole


@given(failures, failures)
def test_a_further_failing_test_never_makes_a_verdict_better(
    some: list[tuple[str, QualityFlag]], more: list[tuple[str, QualityFlag]]
) -> None:
    before = verdict_of(some)
    after = before.plus(*more)
    order = [QualityFlag.GOOD, QualityFlag.SUSPECT, QualityFlag.FAIL]
    assert order.index(after.flag) >= order.index(before.flag)
    assert {test for test, _ in before.failed} <= {test for test, _ in after.failed}


@given(st.lists(usual, min_size=1, max_size=40), st.floats(0, 5), st.floats(0, 5))
def test_a_wider_limit_never_flags_more(values: list[float], narrow: float, extra: float) -> None:
    points = [(value, 60.0) for value in values]
    tight = judged(ChannelQuality(QualityLimits(0, 20, span_low=5 - narrow, span_high=15 + narrow)), points)
    wide = judged(
        ChannelQuality(QualityLimits(0, 20, span_low=5 - narrow - extra, span_high=15 + narrow + extra)), points
    )
    assert all(a.flag >= b.flag for a, b in zip(tight, wide, strict=True))


@given(st.lists(usual, min_size=1, max_size=30), usual)
def test_after_a_gap_the_past_has_no_say(values: list[float], value: float) -> None:
    quality = ChannelQuality(QualityLimits(0, 40, max_change_per_min=0.1, spike=0.1, stuck_s=1, stuck_count=1))
    judged(quality, [(one, 30.0) for one in values])
    assert quality.judge(value, START + timedelta(days=1)).flag is QualityFlag.GOOD


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(200, 3000))
def test_memory_does_not_grow(seed: int, count: int) -> None:
    quality = ChannelQuality(EVERYTHING)
    peers = PeerQuality({"a": EVERYTHING, "b": EVERYTHING})
    for index in range(count):
        value = (seed * 2654435761 + index * 40503) % 977 / 10
        at = START + timedelta(minutes=30 * index)
        quality.judge(value, at)
        peers.judge("ab"[index % 2], value, at)
    assert len(json.dumps(quality.remember())) < 1500
    assert len(json.dumps(peers.remember())) < 800


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(allow_nan=False, allow_infinity=False), steps), max_size=60))
def test_peers_never_crash_and_survive_a_restart(points: list[tuple[str, float, float]]) -> None:
    peers, at = PeerQuality({"a": EVERYTHING, "b": EVERYTHING}), START
    for channel, value, step_s in points:
        at += timedelta(seconds=step_s)
        assert {test for test, _ in peers.judge(channel, value, at)} <= {"disagreement", "pair_drift"}
    json.dumps(peers.remember())
