"""Kafka messages for the evaluator: what is old is not even decoded, and nothing here can stop the stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from cloud.alarms.evaluation import FRESH
from cloud.alarms.evaluator import Evaluator
from cloud.kit.stream import StreamMessage
from cloud.metrics import EVALUATOR_FAILURES, INGEST_LAG_SECONDS
from contracts.devices import Status
from contracts.envelope import Envelope, decode
from contracts.errors import InvalidMessageError
from contracts.topics import Kind

log = structlog.get_logger()

_SKEW = timedelta(minutes=1)
"""How far the clocks of bridge and cloud may differ."""
GROUP = "alarms"


class EvaluatorWork:
    """``cloud.kit.stream.Work``: decode while the batch before is being judged, then judge.

    Args:
        kind_of: what a message on a topic is.
        now: wall clock in UTC.
    """

    def __init__(
        self, evaluator: Evaluator, *, kind_of: Callable[[str, bytes], Kind], now: Callable[[], datetime]
    ) -> None:
        self._evaluator = evaluator
        self._kind_of = kind_of
        self._now = now
        self._messages: list[Envelope | Status] = []
        self._newest: datetime | None = None

    def add(self, messages: Sequence[StreamMessage]) -> None:
        """Decode what tells of the present. What cannot be read is a dead letter of the store's groups."""
        oldest = self._now() - FRESH - _SKEW
        for message in messages:
            self._newest = message.timestamp if self._newest is None else max(self._newest, message.timestamp)
            if message.timestamp < oldest:
                continue
            kind = self._kind_of(message.topic, message.value)
            if kind not in {Kind.READINGS, Kind.STATUS}:
                continue
            try:
                self._messages.append(decode(message.value, kind))
            except InvalidMessageError:
                continue

    def store(self) -> None:
        """Judge; a rule that fails is counted and told, and the stream goes on."""
        try:
            self._evaluator.judge(self._messages)
        except Exception:
            EVALUATOR_FAILURES.inc()
            log.exception("evaluator.failed", messages=len(self._messages))
        if self._newest is not None:
            INGEST_LAG_SECONDS.labels(GROUP).set(max(0.0, (self._now() - self._newest).total_seconds()))
