"""A mobile contract carries so many bytes: alarms never wait, readings keep their pace, images take what is left."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from contracts.topics import Kind
from edge.messaging.state import Acknowledged, Committed, Connected
from edge.outbox.budget import BURST_S, Budget
from edge.outbox.publisher import MAX_DEFERRED, WATERMARK_WAIT_S, Publisher
from edge.outbox.rules import Priority
from edge.outbox.store import Draft
from tests.edge.farm import VirtualClock, alarm_draft, new_outbox, readings_draft, watermark_of

RATE = 1_000


def test_the_rate_holds_over_any_time_and_a_quiet_while_is_made_up_for() -> None:
    budget = Budget(RATE, evidence_share=0.5, now_s=0)
    sent = 0
    for second in range(100):
        while budget.allows(Priority.TELEMETRY, second):
            budget.spend(Priority.TELEMETRY, 700, second)
            sent += 700
    # Nobody sends images: their half flows over once their bucket is full, which it is from the start.
    assert 99 * RATE <= sent <= (100 + BURST_S) * RATE


def test_a_message_larger_than_the_bucket_goes_and_its_debt_is_waited_for() -> None:
    budget = Budget(RATE, evidence_share=0.5, now_s=0)
    budget.spend(Priority.EVIDENCE, 100_000, 0)
    assert budget.allows(Priority.TELEMETRY, 0), "an image does not take the readings' share"
    assert not budget.allows(Priority.EVIDENCE, 94)  # nobody else sends, so the whole rate pays its debt
    assert budget.allows(Priority.EVIDENCE, 96)


@pytest.mark.parametrize("rate", [None, RATE])
def test_alarms_never_wait_and_are_paid_for(rate: int | None) -> None:
    budget = Budget(rate, evidence_share=0.5, now_s=0)
    for _ in range(100):
        assert budget.allows(Priority.ALARM, 0)
        budget.spend(Priority.ALARM, 500, 0)
    assert budget.allows(Priority.TELEMETRY, 0) is (rate is None)
    assert budget.allows(Priority.TELEMETRY, 91)


class Link:
    """A broker that acknowledges at once, and counts."""

    max_payload_bytes = 1_000_000

    def __init__(self) -> None:
        self.bytes: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        self.sequences: list[int] = []
        self.publisher: Publisher | None = None

    def publish(self, topic: str, payload: bytes, trace: str | None = None) -> int:
        kind = topic.rpartition("/")[2]
        self.bytes[kind] += len(payload)
        self.messages[kind] += 1
        self.sequences.append(json.loads(payload)["seq"])
        mid = sum(self.messages.values())
        assert self.publisher is not None
        self.publisher.handle(Acknowledged(mid))
        return mid


def test_an_hour_of_images_leaves_room_for_every_reading_and_alarm(tmp_path: Path) -> None:
    clock, link, outbox = VirtualClock(), Link(), new_outbox(tmp_path)
    budget = Budget(RATE, evidence_share=0.5, now_s=clock.monotonic())
    publisher = link.publisher = Publisher(outbox, link, site="farm", device="edge-1", clock=clock, budget=budget)

    def turn() -> None:
        for _ in range(3):  # events, such as an acknowledgement, are looked at before the next message goes
            publisher._take_events(timeout_s=0.001)
            publisher._apply_watermark()
            publisher._pump()

    publisher.handle(Connected())
    turn()
    clock.advance(WATERMARK_WAIT_S)
    turn()
    for second in range(0, 3600, 10):
        outbox.accept([readings_draft(second, second + 1)])  # 70 bytes/s
        if second % 20 == 0:
            outbox.accept([Draft(Kind.EVIDENCE, b'{"data":"%s"}' % os.urandom(15_000).hex().encode())])  # 1500 bytes/s
        if second % 600 == 0:
            before = link.messages["alarms"]
            outbox.accept([alarm_draft(second)])
            turn()
            assert link.messages["alarms"] == before + 1
        clock.advance(10)
        turn()
        given_up = range(1, outbox.depth().floor)  # the heartbeat tells the store
        known = {*link.sequences, *given_up}
        publisher.handle(Committed(watermark_of("farm", "edge-1", outbox.stream, known)))
    assert publisher.stats.resent == 0
    assert link.messages["readings"] == 360, "no reading waited"
    assert sum(link.bytes.values()) <= RATE * (3600 + BURST_S) + 30_000
    assert link.bytes["evidence"] >= 0.8 * RATE * 3600
    dropped = outbox.counters()["dropped_evidence"]
    waiting = outbox.waiting(Priority.EVIDENCE, after=publisher._image_cursor, limit=1000)
    assert len(waiting) <= MAX_DEFERRED
    assert dropped + len(waiting) + link.messages["evidence"] == 180
    outbox.close()
