"""``shoal bridge replay``: composition of a replay, from Kafka ``error-messages`` or a file of JSON lines."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from bridge.replay import Report, Selection, replay
from bridge.settings import SinkKind
from bridge.sink import open_sink
from bridge.walk import Walk
from contracts.errors import ConfigurationError
from contracts.topics import KafkaTopic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bridge.settings import BridgeSettings


def run(
    settings: BridgeSettings,
    selection: Selection,
    *,
    file: Path | None = None,
    left: Path | None = None,
    dry_run: bool = False,
) -> Report:
    """Replay; letters that still fail are written to ``left``, whole, one JSON line each.

    Raises:
        ConfigurationError: ``file`` cannot be read.
        SinkUnavailableError: Kafka cannot be reached.
    """
    sink = None if dry_run else open_sink(settings)
    with closing(Walk(settings)) as walk:
        if sink is not None:
            sink.start()
        try:
            report = replay(letters_in(settings, file), walk, sink, selection)
        finally:
            if sink is not None:
                sink.stop()
    if left is not None:
        lines = [letter.model_dump_json(exclude_none=True) for letter, _ in report.left]
        left.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return report


def letters_in(settings: BridgeSettings, file: Path | None) -> Iterator[bytes]:
    """The lines of ``file``, or all values that Kafka ``error-messages`` holds now."""
    if file is None:
        yield from _from_kafka(settings)
        return
    try:
        with file.open("rb") as lines:
            yield from lines
    except OSError as error:
        raise ConfigurationError("file", str(file), f"Write the path of a file of dead letters: {error}") from error


def _from_kafka(settings: BridgeSettings) -> Iterator[bytes]:
    topic = KafkaTopic.ERROR_MESSAGES.value
    deadline = time.monotonic() + settings.kafka_delivery_timeout_s
    if settings.sink is SinkKind.CONFLUENT:
        from bridge.kafka_clients.confluent import read_whole
    else:
        from bridge.kafka_clients.kafka_python import read_whole
    yield from read_whole(settings, topic, deadline)
