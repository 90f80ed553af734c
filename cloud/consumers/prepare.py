"""A batch made ready for the database without asking it: records are decoded, and readings become columns.

This is about half of the work of the ingest. It is done in one thread while another one waits for the database with the
batch before; whatever needs a look at the database (who is known, what is new) stays for ``cloud.consumers.batch``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cloud.consumers.records import ReadingsHead, ReadRecord, StreamRecord, read
from cloud.devices.rules import Identity
from cloud.telemetry.columns import Definition, Extracted, Extractor, expecting
from contracts.envelope import Envelope
from contracts.telemetry import ReadingBatch


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that can be stored, as often as it takes.

    Attributes:
        items: the records as they were read, in their order.
        readings: those of all its messages; ``message`` is a position in ``items``.
    """

    items: Sequence[ReadRecord]
    readings: Extracted


class Preparing:
    """A batch that is still growing. What was decoded is let go at once: a column takes a twentieth of its objects.

    Readings of a free-running clock stay as they came: their stamps are not final.

    Args:
        is_repeat: whether a message is known to be stored. Its readings stay as they are, because nobody will ask for
            them; the ledger decides all the same (a database may have been restored from a backup).
        id_of: the id that a channel had last time.
    """

    def __init__(self, is_repeat: Callable[[Identity], bool], id_of: Callable[[Definition], int | None]) -> None:
        self._is_repeat = is_repeat
        self._id_of = id_of
        self._items: list[ReadRecord] = []
        self._readings = Extractor()

    def add(self, records: Sequence[StreamRecord]) -> None:
        """Read some more records."""
        for record in records:
            self._items.append(self._without_readings(read(record)))

    def prepared(self) -> Prepared:
        """Everything added so far."""
        return Prepared(self._items, expecting(self._readings.extracted(), self._id_of))

    def _without_readings(self, item: ReadRecord) -> ReadRecord:
        message = item.message
        if not isinstance(message, Envelope) or not isinstance(message.body, ReadingBatch):
            return item
        if message.free_clock is not None or (item.identity is not None and self._is_repeat(item.identity)):
            return item
        readings = message.body.readings
        received_at = item.record.received_at
        self._readings.add(len(self._items), message.site, message.device, readings, received_at=received_at)
        return ReadRecord(item.record, ReadingsHead(len(readings)), item.identity)
