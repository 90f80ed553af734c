"""Dead letters, put back: read from Kafka or a file, walked again with today's code, produced to where they belong.

A refused message counts as received at the store (decision 0007), so under its old number it would be dropped as a repeat.
Replayed, it travels under the name of its letter: stream ``replay-<id>``, number 1. Replaying twice therefore stores once.
Nothing is taken away anywhere: the letters stay where they are, and what still fails is reported.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pydantic import ValidationError
from pydantic_core import from_json

from bridge.errors import RecordRefusedError, SinkUnavailableError
from contracts.dead_letters import DeadLetter
from contracts.envelope import Envelope, encode
from contracts.errors import InvalidMessageError
from contracts.topics import Kind, parse_uplink, uplink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from bridge.sink import Routed, Sink
    from bridge.walk import Walk

ATTEMPTS = 5
_PAUSE_S = 1.0
_ANSWER_S = 120.0
_BATCH = 500


@dataclass(frozen=True)
class Selection:
    """Which letters to put back; None does not select."""

    reason: str | None = None
    since: datetime | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether this letter is meant."""
        return (self.reason is None or letter.reason == self.reason) and (
            self.since is None or letter.received_at >= self.since
        )


@dataclass
class Report:
    """What came of a replay: every line read is in exactly one of the counts.

    Attributes:
        unreadable: lines that are no dead letter.
        repeated: letters seen before in this run.
        left: letters that fail still, with today's reason; they are where they were.
    """

    replayed: int = 0
    not_selected: int = 0
    repeated: int = 0
    unreadable: int = 0
    left: list[tuple[DeadLetter, str]] = field(default_factory=list)

    def reasons(self) -> Counter[str]:
        """How many are left, by today's reason."""
        return Counter(reason for _, reason in self.left)


def replay(lines: Iterable[bytes], walk: Walk, sink: Sink | None, selection: Selection) -> Report:
    """Walk the selected letters again and give what passes to ``sink``; None only tells what would happen.

    Raises:
        SinkUnavailableError: Kafka was away for too long. Start again: what was put back already counts once.
    """
    report = Report()
    batch: list[tuple[DeadLetter, Routed]] = []
    for letter in _selected(lines, selection, report):
        routed = again(letter, walk)
        if isinstance(routed.message, DeadLetter):
            report.left.append((letter, f"{routed.message.reason}: {routed.message.detail}"))
            continue
        batch.append((letter, routed))
        if len(batch) == _BATCH:
            _put_back(batch, walk, sink, report)
            batch = []
    _put_back(batch, walk, sink, report)
    return report


def again(letter: DeadLetter, walk: Walk) -> Routed:
    """The letter's message as today's code sees it, under the identity of the letter; a dead letter if it still fails."""
    routed = walk.one(_topic(letter), letter.payload, letter.received_at)
    message = routed.message
    if not isinstance(message, Envelope):
        return routed
    renamed = message.model_copy(update={"stream": f"replay-{letter.id[:32]}", "seq": 1, "backfill": True})
    return replace(routed, message=renamed, value=encode(renamed))


def _selected(lines: Iterable[bytes], selection: Selection, report: Report) -> Iterator[DeadLetter]:
    seen: set[str] = set()
    for line in lines:
        if not line.strip():
            continue
        try:
            letter = DeadLetter.model_validate_json(line)
        except ValidationError:
            report.unreadable += 1
            continue
        if not selection.takes(letter):
            report.not_selected += 1
        elif letter.id in seen:
            report.repeated += 1
        else:
            seen.add(letter.id)
            yield letter


def _topic(letter: DeadLetter) -> str:
    """The MQTT topic that the message came by; letters of the store name a place in Kafka, so their message tells."""
    if letter.stage not in ("store", "predict"):
        return letter.origin
    try:
        parse_uplink(letter.origin)
    except InvalidMessageError:
        try:
            raw = from_json(letter.payload)
            kind = Kind(raw["body"]["type"]) if "body" in raw else Kind.STATUS
            return uplink(raw["site"], raw["device"], kind)
        except (ValueError, KeyError, TypeError):
            return letter.origin
    return letter.origin


def _put_back(batch: list[tuple[DeadLetter, Routed]], walk: Walk, sink: Sink | None, report: Report) -> None:
    walk.commit()
    if sink is None:
        report.replayed += len(batch)
        return
    for attempt in range(ATTEMPTS):
        if not batch:
            return
        error = _submitted(sink, [routed for _, routed in batch])
        if error is None:
            report.replayed += len(batch)
            return
        if isinstance(error, RecordRefusedError):
            report.left += [(batch[index][0], f"refused_by_sink: {reason}") for index, reason in error.refused.items()]
            batch = [pair for index, pair in enumerate(batch) if index not in error.refused]
        else:
            time.sleep(_PAUSE_S * 2**attempt)
    raise SinkUnavailableError(f"{len(batch)} letters were not confirmed; nothing is lost, start the replay again")


def _submitted(sink: Sink, batch: list[Routed]) -> BaseException | None:
    answered = threading.Event()
    answers: list[BaseException | None] = []

    def on_done(error: BaseException | None) -> None:
        answers.append(error)
        answered.set()

    sink.submit(batch, on_done)
    if not answered.wait(_ANSWER_S):
        return SinkUnavailableError("no answer")
    return answers[0]
