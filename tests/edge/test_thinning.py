"""A long outage makes old readings fewer before any is dropped: true values stay, extremes stay, the count is told."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from contracts.devices import EventBatch, Watermark
from contracts.envelope import Envelope, decode
from contracts.quality import QualityFlag
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import Kind
from edge.agent import Agent
from edge.messaging.state import Committed, Connected
from edge.outbox.publisher import Publisher, compose
from edge.outbox.rules import Priority, untold_losses
from edge.outbox.store import Draft, Outbox
from edge.outbox.thinning import Thinner, thin
from edge.settings import load_settings
from tests.edge.farm import START, VirtualClock, alarm_draft, configuration, new_outbox, reading

VALUES = st.lists(st.floats(-5, 20, allow_nan=False), min_size=1, max_size=60)


def minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


@given(VALUES)
def test_extremes_and_mean_of_every_minute_survive_and_every_value_is_true(values: list[float]) -> None:
    readings = [reading(7 * number, value=value) for number, value in enumerate(values)]
    kept = thin(readings)
    assert all(one.model_copy(update={"thinned": None}) in readings for one in kept)
    assert [one.observed_at for one in kept] == sorted(one.observed_at for one in kept)
    by_minute: dict[datetime, list[Reading]] = defaultdict(list)
    for one in kept:
        by_minute[minute(one.observed_at)].append(one)
    for moment, few in by_minute.items():
        all_values = [one.value for one in readings if minute(one.observed_at) == moment]
        assert (min(one.value for one in few), max(one.value for one in few)) == (min(all_values), max(all_values))
        told = [one.thinned for one in few if one.thinned is not None]
        if len(all_values) > 2:
            assert [t.count for t in told] == [len(all_values)]
            assert abs(told[0].mean - sum(all_values) / len(all_values)) < 1e-9
            assert len(few) <= 2
        else:
            assert told == []
            assert len(few) == len(all_values)
    assert thin(kept) == kept, "once is enough"


def test_a_doubtful_value_does_not_hide_among_good_ones() -> None:
    good = [reading(number, value=9.0 + number / 100) for number in range(5)]
    spike = reading(2, value=99.0).model_copy(update={"quality": QualityFlag.SUSPECT, "test": "spike"})
    spike = spike.model_copy(update={"observed_at": START + timedelta(seconds=2.5)})
    kept = thin([*good[:3], spike, *good[3:]])
    assert spike in kept
    assert max(one.value for one in kept if one.quality is not QualityFlag.SUSPECT) == 9.04


def fill(outbox: Outbox, minutes: int, thinner: Thinner | None = None) -> dict[datetime, list[float]]:
    """A reading a second, in batches of ten; the values by minute."""
    water = random.Random(4)
    truth: dict[datetime, list[float]] = defaultdict(list)
    for start in range(0, 60 * minutes, 10):
        batch = tuple(reading(start + k, value=round(9 + water.gauss(0, 0.2), 3)) for k in range(10))
        for one in batch:
            truth[minute(one.observed_at)].append(one.value)
        outbox.accept([Draft.of(ReadingBatch(readings=batch))])
        while thinner is not None and thinner.step():
            pass
    return truth


def held(outbox: Outbox) -> list[Reading]:
    rows = outbox.rows_after(0, limit=100_000, classes=(Priority.TELEMETRY,))
    bodies = [decode(compose(row, site="farm", device="edge-1", backfill=True), row.kind) for row in rows]
    return [one for body in bodies if isinstance(body, Envelope) for one in body.body.readings]  # type: ignore[union-attr]


def test_ten_times_the_outage_fits_because_old_readings_are_thinned_and_none_is_dropped(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path, max_bytes=60_000)
    thinner = Thinner(outbox, fresh_rows=12)
    outbox.accept([alarm_draft()])
    truth = fill(outbox, 330, thinner)
    counters = outbox.counters()
    assert "dropped_readings" not in counters
    assert counters["thinned_readings"] > 10_000
    assert outbox.depth().bytes < 60_000
    assert outbox.rows_after(0, limit=1)[0].kind is Kind.ALARMS
    for one in held(outbox):
        assert one.value in truth[minute(one.observed_at)]
        assert one.thinned is None or one.thinned.count <= 60
    assert (
        counters["readings"]
        == sum(row.items for row in outbox.rows_after(0, limit=100_000, classes=(Priority.TELEMETRY,)))
        + (counters["thinned_readings"])
    )
    outbox.close()


def test_fresh_readings_and_those_under_the_quota_are_left_alone(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path)
    fill(outbox, 5)
    assert not Thinner(outbox, fresh_rows=0).step()
    assert len(held(outbox)) == 300
    outbox.close()


def test_thinned_messages_have_sequences_of_their_own(tmp_path: Path) -> None:
    outbox = new_outbox(tmp_path, max_bytes=1_000)
    outbox.quotas[Priority.TELEMETRY] = 1_000_000  # nothing is dropped
    fill(outbox, 2)
    before = outbox.last_seq
    outbox.quotas[Priority.TELEMETRY] = 100
    assert Thinner(outbox, fresh_rows=0).step()
    rows = outbox.rows_after(0, limit=100)
    assert all(row.seq > before for row in rows), "the store may have the old ones, under the old numbers"
    outbox.close()


def test_a_store_that_sees_too_many_gaps_is_told_where_to_go_on(tmp_path: Path) -> None:
    class Link:
        max_payload_bytes = 1_000_000

        def publish(self, topic: str, payload: bytes, trace: str | None = None) -> int:  # pragma: no cover
            raise AssertionError(topic)

    asked: list[int] = []
    outbox = new_outbox(tmp_path)
    publisher = Publisher(
        outbox, Link(), site="farm", device="edge-1", clock=VirtualClock(), on_gaps=lambda: asked.append(1)
    )
    for number in range(3):
        outbox.accept([alarm_draft(number)])
    ranges = tuple((number, number) for number in range(10, 140, 2))
    outbox._next_seq = 200
    for above in (ranges[:3], ranges[:64], ranges[:64]):
        watermark = Watermark(site="farm", device="edge-1", stream=outbox.stream, committed=0, above=above)
        publisher.handle(Connected())
        publisher.handle(Committed(watermark))
        publisher._take_events(timeout_s=1)
        publisher._apply_watermark()
    assert asked == [1], "once a second at most"
    outbox.close()


def test_losses_are_told_once() -> None:
    counters = {"readings": 9, "dropped_readings": 5, "thinned_readings": 3, "dropped_evidence": 2}
    told = {"dropped_readings": 4, "dropped_evidence": 2}
    assert untold_losses(counters, told) == {"dropped_readings": 1, "thinned_readings": 3}
    assert untold_losses(counters, {name: count for name, count in counters.items() if name != "readings"}) == {}


def test_what_was_dropped_becomes_an_event_and_is_not_told_again_after_a_restart(tmp_path: Path) -> None:
    settings = load_settings(configuration(tmp_path, model=None))
    for expected in (1, 1):  # the second agent finds that the first has told it
        agent = Agent(settings)
        if not agent.outbox.counters():
            agent.outbox.accept([Draft(Kind.EVIDENCE, b"{}")])
            agent.outbox.discard([1])
        agent._tell_losses()
        agent._tell_losses()
        events = [
            event
            for row in agent.outbox.rows_after(0, limit=100)
            if row.kind is Kind.EVENTS
            for event in EventBatch.model_validate_json(row.body).events
        ]
        assert [event.detail for event in events if event.name == "outbox.dropped"] == [
            {"dropped_evidence": 1}
        ] * expected
        agent.stop()
