"""Old readings made fewer instead of dropped: of every minute the least and the greatest stay, with count and mean.

What stays are real readings under their own time, so a store that has some of them already stores none twice, and one that
knows nothing of thinning still has true values and the right extremes (decision 0021). ``thin`` decides; ``Thinner`` works
through the oldest rows while the class of telemetry is nearly full.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

import structlog
from pydantic import ValidationError

from contracts.telemetry import Reading, ReadingBatch, Thinned
from edge.errors import OutboxUnavailableError
from edge.outbox.rules import Priority, Usage
from edge.outbox.store import Draft, Outbox, Row

log = structlog.get_logger()

START_AT = 0.8
"""Part of telemetry's quota above which thinning begins: well before anything must be dropped."""
CHUNK_ROWS = 60
"""Rows thinned in one transaction: about a minute of a large farm, and short enough not to keep an alarm waiting."""
LOOK_S = 1.0
FRESH_ROWS = 300
"""The newest rows are left alone: they are about to be sent as they are."""


def thin(readings: Iterable[Reading]) -> list[Reading]:
    """Of every channel, minute and verdict of the quality tests the least and the greatest reading, in their order.

    Readings that were thinned before stay, and so do the two of a minute that has no more.
    """
    kept: list[tuple[int, Reading]] = []
    groups: dict[tuple[object, ...], list[tuple[int, Reading]]] = defaultdict(list)
    for place, reading in enumerate(readings):
        if reading.thinned is not None:
            kept.append((place, reading))
        else:
            verdict = (reading.quality, reading.test, repr(reading.also), reading.calibration)
            key = (reading.channel, _minute(reading.observed_at), *verdict)
            groups[key].append((place, reading))
    for group in groups.values():
        if len(group) <= 2:  # noqa: PLR2004  (least and greatest)
            kept += group
            continue
        values = [reading.value for _, reading in group]
        least, greatest = values.index(min(values)), values.index(max(values))
        first, *later = sorted({least, greatest})
        told = Thinned(count=len(group), mean=sum(values) / len(values))
        place, reading = group[first]
        kept.append((place, reading.model_copy(update={"thinned": told})))
        kept += [group[index] for index in later]
    return [reading for _, reading in sorted(kept, key=lambda pair: pair[0])]


def thin_rows(rows: Sequence[Row]) -> list[Row]:
    """Rows with the thinned readings of these; those of another boot or clock are not mixed."""
    thinned: list[Row] = []
    for _, some in groupby(rows, key=lambda row: (row.boot, row.timeline, row.trusted)):
        group = list(some)
        readings = thin(reading for row in group for reading in ReadingBatch.model_validate_json(row.body).readings)
        for start in range(0, len(readings), _BATCH):
            draft = Draft.of(ReadingBatch(readings=tuple(readings[start : start + _BATCH])))
            thinned.append(replace(group[0], body=draft.body, items=draft.items))
    return thinned


_BATCH = 200


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


class Thinner:
    """Keeps telemetry within its quota for as long as there is anything left to thin.

    Args:
        fresh_rows: newest rows that are left alone.
    """

    def __init__(self, outbox: Outbox, *, fresh_rows: int = FRESH_ROWS) -> None:
        self._outbox = outbox
        self._fresh_rows = fresh_rows
        self._position = 0
        self._stream = ""

    def run(self, stop: threading.Event) -> None:
        """Look every second until ``stop`` is set; thin chunk after chunk while there is need."""
        while not stop.wait(LOOK_S):
            while not stop.is_set() and self._works():
                pass

    def _works(self) -> bool:
        try:
            return self.step()
        except OutboxUnavailableError as error:
            log.warning("thinning.waits", reason=str(error))
            return False

    def step(self) -> bool:
        """Thin the oldest rows that were not thinned; False when there is no need or nothing left.

        Raises:
            OutboxUnavailableError: nothing was changed.
        """
        outbox = self._outbox
        used = outbox.depth().usage.get(Priority.TELEMETRY, Usage()).bytes
        if used < START_AT * outbox.quotas[Priority.TELEMETRY]:
            return False
        if outbox.stream != self._stream:
            self._stream, self._position = outbox.stream, 0
        newest = outbox.last_seq - self._fresh_rows
        rows = outbox.raw_readings_after(self._position, limit=CHUNK_ROWS, up_to=newest)
        if not rows:
            return False
        self._position = rows[-1].seq
        try:
            outbox.replace(rows, thin_rows(rows))
        except ValidationError as error:  # not what this agent writes: sent as it is, it shows as a dead letter
            log.warning("thinning.left_out", first=rows[0].seq, last=rows[-1].seq, reason=str(error))
        return True
