"""The ingest: records from a bridge or from Kafka become rows, in one transaction per batch.

    records -> prepare | -> lock ledger -> admit -> write by kind -> advance ledger -> commit -> watermarks

What stands before the bar needs no database and is done while the batch before is behind it. In the box the bridge's sink
does both (``Ahead``); in a cluster ``run_consumers`` does, with what Kafka delivers, and commits offsets only afterwards.
A message that can never be stored becomes a dead letter and does not hold up the others.
"""

from __future__ import annotations

from cloud.consumers.ingest import Ingest
from cloud.consumers.kafka import run_consumers
from cloud.consumers.records import IngestResult, StreamRecord
from cloud.consumers.replayer import Replayer

__all__ = ["Ingest", "IngestResult", "Replayer", "StreamRecord", "run_consumers"]
