"""A trial in one of two tanks on a real box: signed, heard over a real broker, looked at, kept over a crash, withdrawn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.deployments import DesiredTrial
from contracts.devices import EventBatch, Health
from contracts.topics import shadow
from contracts.vision import ObservationBatch
from tests.edge.deployments.test_journey import Fleet, now
from tests.edge.farm import eventually
from tests.servers.mosquitto import Mosquitto

pytestmark = [pytest.mark.integration, pytest.mark.faults]


class TwoTanks(Fleet):
    """A box with two tanks."""

    UNITS = ("tank-1", "tank-2")

    def wish(self, desired: DesiredTrial) -> None:
        document = {"state": {"desired": desired.model_dump(mode="json")}, "version": 1}
        topic = shadow("farm.edge-1", "trial", "get/accepted")
        self.client.publish(topic, json.dumps(document), qos=1, retain=True).wait_for_publish(5)

    def status(self) -> dict[str, Any]:
        try:
            return self.box.status()
        except (OSError, AssertionError, ValueError):
            return {}

    def trial_state(self) -> str:
        return str(((self.status().get("trial") or {}).get("deployment") or {}).get("state"))

    def seen_by(self, since: int) -> dict[str, set[str]]:
        """By unit the models of the observations that have arrived since."""
        found: dict[str, set[str]] = {unit: set() for unit in self.UNITS}
        for batch in self.store.bodies(ObservationBatch)[since:]:
            for one in batch.observations:
                if one.model is not None:
                    found[one.unit].add(one.model.sha256)
        return found

    def arrived(self) -> int:
        return len(self.store.bodies(ObservationBatch))


@pytest.fixture
def tanks(tmp_path: Path, mosquitto_factory: Callable[..., Mosquitto]) -> Iterator[TwoTanks]:
    tanks = TwoTanks(tmp_path, mosquitto_factory())
    yield tanks
    tanks.close()


def test_a_model_is_tried_in_one_tank_of_two_kept_over_a_crash_and_withdrawn(tanks: TwoTanks) -> None:
    new = tanks.release("2.1.0")
    old = tanks.shipped_sha256
    tanks.box.start()
    eventually(lambda: tanks.models().get("running_sha256") == old, timeout_s=60)
    wish = DesiredTrial(
        assignment=tanks.ceremony.assign("2.1.0", deployment="try", units=("tank-2",), runs_for=timedelta(days=7))
    )
    tanks.wish(wish)
    eventually(lambda: tanks.trial_state() == "committed", timeout_s=90)
    status = tanks.status()
    assert status["model"]["sha256"] == old == status["models"]["running_sha256"]
    assert {unit: model["sha256"] for unit, model in status["unit_models"].items()} == {"tank-2": new}
    assert status["models"]["units"] == {"tank-2": new}
    assert status["trial"]["deployment"]["shadow"]["disagreement"] == 0.0
    assert all(camera["dropped"].get("lost", 0) == 0 for camera in status["cameras"])
    since = tanks.arrived()
    eventually(lambda: all(tanks.seen_by(since).values()))
    assert tanks.seen_by(since) == {"tank-1": {old}, "tank-2": {new}}, "every observation says which model made it"

    tanks.box.kill()
    tanks.box.start()
    eventually(lambda: (tanks.status().get("unit_models") or {}).keys() == {"tank-2"}, timeout_s=60)
    assert tanks.status()["models"]["running_sha256"] == old
    eventually(lambda: any(beat.unit_models for beat in tanks.store.bodies(Health)), timeout_s=30)

    tanks.clock.wall = now()
    tanks.wish(wish.model_copy(update={"end": True, "reason": "enough pictures"}))
    eventually(lambda: tanks.trial_state() == "withdrawn", timeout_s=60)
    assert tanks.status()["unit_models"] == {}
    since = tanks.arrived()
    eventually(lambda: all(tanks.seen_by(since).values()))
    assert tanks.seen_by(since)["tank-2"] >= {old}
    events = [
        event for batch in tanks.store.bodies(EventBatch) for event in batch.events if event.name == "trial.status"
    ]
    eventually(lambda: "withdrawn" in str(tanks.store.bodies(EventBatch)[-3:]))
    assert events[0].detail["units"] == "tank-2"
