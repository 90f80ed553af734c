"""One running agent over a real broker: somebody calibrates the oxygen probe and works on it, and nothing is restarted or lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from contracts.devices import EventBatch
from contracts.quality import QualityFlag
from contracts.telemetry import Reading
from edge.__main__ import main
from tests.edge.farm import Store, configuration, eventually, publisher_client
from tests.edge.test_agent import Box
from tests.servers.mosquitto import Mosquitto


@pytest.fixture
def broker(mosquitto_factory: Callable[..., Mosquitto]) -> Mosquitto:
    return mosquitto_factory()


@pytest.fixture
def box(tmp_path: Path, broker: Mosquitto) -> Iterator[Box]:
    quality = {"channels": [{"channel": "tank-1.do", "probe": "rdo-1"}]}
    box = Box(configuration(tmp_path, port=broker.port, quality=quality, model=None))
    yield box
    if box.process is not None and box.process.poll() is None:
        box.process.kill()
        box.process.wait()


@pytest.mark.integration
def test_a_probe_is_calibrated_and_worked_on_while_the_agent_runs(box: Box, broker: Mosquitto) -> None:
    store, node = Store(broker.port), publisher_client(broker.port)
    config = ["--config", str(box.config)]

    def newest(wanted: Callable[[Reading], bool]) -> Reading:
        """Measure until an oxygen reading is as wanted."""

        def found() -> Reading | None:
            now = datetime.now(timezone.utc).isoformat()
            node.publish("farm/tank-1/water", json.dumps({"ts": now, "do": 8.8, "temperature": 12.0}), qos=1)
            return next((r for r in reversed(store.readings()) if r.channel == "tank-1.do" and wanted(r)), None)

        reading = eventually(found, timeout_s=60)
        assert isinstance(reading, Reading)
        return reading

    def events() -> set[str]:
        return {event.name for batch in store.bodies(EventBatch) for event in batch.events}

    try:
        box.start()
        first = newest(lambda reading: True)
        assert (first.value, first.calibration) == (8.8, None)

        assert main(["calibrate", *config, "tank-1.do", "8.8:9.1", "--by", "Anna"]) == 0
        corrected = newest(lambda reading: reading.calibration is not None)
        assert corrected.value == pytest.approx(9.1, abs=0.001)

        work = ["--channel", "tank-1.do", "--reason", "new membrane"]
        assert main(["maintenance", *config, "start", *work]) == 0
        marked = newest(lambda reading: reading.test == "maintenance")
        assert marked.quality is QualityFlag.SUSPECT
        status = box.status()
        assert [window["reason"] for window in status["maintenance"]] == ["new membrane"]
        oxygen = next(channel for channel in status["channels"] if channel["channel"] == "tank-1.do")
        assert oxygen["calibration"] == corrected.calibration
        assert oxygen["age_s"] < 5

        assert main(["maintenance", *config, "stop", "tank-1.do"]) == 0
        ended = datetime.now(timezone.utc)
        newest(lambda reading: reading.observed_at > ended and reading.quality is QualityFlag.GOOD)
        eventually(lambda: {"calibration.applied", "maintenance.started", "maintenance.ended"} <= events())
        assert len({reading.observed_at for reading in store.readings() if reading.channel == "tank-1.do"}) == len(
            [reading for reading in store.readings() if reading.channel == "tank-1.do"]
        )
    finally:
        node.disconnect()
        node.loop_stop()
        store.close()
