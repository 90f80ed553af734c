"""A trial in one of two tanks over the real chain of a box: database -> conductor -> broker -> a real agent -> bridge -> database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest

from tests.cloud.test_rollout_chain import PASSPHRASE, Chain
from tests.edge.farm import eventually
from tests.servers.mosquitto import Mosquitto

pytestmark = [pytest.mark.integration, pytest.mark.faults]

_SEEN = """
SELECT u.slug, array_agg(DISTINCT o.model_sha256) FROM observation AS o JOIN unit AS u ON u.id = o.unit_id
WHERE o.model_sha256 IS NOT NULL AND o.observed_at > (SELECT max(observed_at) FROM observation) - interval '4 seconds' GROUP BY u.slug
"""
_TOLD = "SELECT detail ->> 'state' FROM device_event WHERE name = 'trial.status' ORDER BY occurred_at, id"


class TwoTanks(Chain):
    """The chain with a box of two tanks."""

    UNITS = ("tank-1", "tank-2")

    def status_of_box(self) -> dict[str, Any]:
        try:
            return self.box.status()
        except (OSError, AssertionError, ValueError):
            return {}

    def elsewhere(self) -> dict[str, str]:
        """By unit what the box's page shows where a trial runs."""
        return {unit: model["sha256"] for unit, model in (self.status_of_box().get("unit_models") or {}).items()}

    def try_in_tank_2(self, version: str) -> UUID:
        key = uuid4()
        self.execute(
            "INSERT INTO unit_trial (id, organization_id, name, model, version, units, days, seed, status, created_at, created_by)"
            " SELECT %s, organization_id, 'in the dark', 'fish-detector', %s, '[\"farm/tank-2\"]', 7, 1, 'asked', now(), 'ada'"
            " FROM site WHERE slug = 'farm'",
            (key, version),
        )
        return key

    def likely_to_be_ended(self) -> list[int]:
        """What the kernel is told of the box's two processes that run models."""
        assert self.box.process is not None
        children = psutil.Process(self.box.process.pid).children(recursive=True)
        workers = [child.pid for child in children if "edge.inference.worker" in child.cmdline()]
        return sorted(int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in workers)

    def seen_by(self) -> dict[str, list[str]]:
        """By unit the models of the newest observations in the store."""
        return {unit: sorted(models) for unit, models in self.execute(_SEEN)}


@pytest.fixture
def chain(
    tmp_path: Path, database_url: str, mosquitto_factory: Callable[..., Mosquitto], monkeypatch: pytest.MonkeyPatch
) -> Iterator[TwoTanks]:
    monkeypatch.setenv("SHOAL_ASSIGNER_PASSPHRASE", PASSPHRASE)
    for name in ("ROUND_S", "RETRY_S"):
        monkeypatch.setattr(f"cloud.rollouts.controller.{name}", 0.2)
    chain = TwoTanks(tmp_path, mosquitto_factory(), database_url)
    yield chain
    chain.close()


def test_a_model_is_tried_in_one_tank_of_two_kept_over_a_crash_and_given_back_on_order(chain: TwoTanks) -> None:
    new, old = chain.release("2.1.0"), chain.shipped_sha256
    chain.box.start()
    eventually(lambda: chain.models().get("running_sha256") == old, timeout_s=120)
    eventually(lambda: len(chain.execute("SELECT id FROM camera")) == 2)
    key = chain.try_in_tank_2("2.1.0")
    chain.controller.start()

    state = "SELECT state, units, others FROM unit_trial_box"
    eventually(lambda: chain.execute(state) == [("committed", ["tank-2"], ["tank-1"])], timeout_s=180)
    states = [row[0] for row in chain.execute(_TOLD)]
    assert states == [
        "assigned", "downloading", "verifying", "self_test", "shadow_run", "activating", "probation", "committed",
    ]  # fmt: skip
    status = chain.status_of_box()
    assert chain.elsewhere() == {"tank-2": new} == status["models"]["units"]
    assert status["model"]["sha256"] == old == status["models"]["running_sha256"]
    assert status["trial"]["deployment"]["shadow"]["disagreement"] == 0.0
    assert all(camera["dropped"].get("lost", 0) == 0 for camera in status["cameras"]), "no frame was lost by the change"
    eventually(lambda: chain.seen_by() == {"tank-1": [old], "tank-2": [new]}, timeout_s=120)
    beat = "SELECT body -> 'unit_models' -> 'tank-2' ->> 'sha256' FROM device_health ORDER BY observed_at DESC LIMIT 1"
    eventually(lambda: chain.execute(beat) == [(new,)])

    chain.box.kill()
    chain.box.start()
    eventually(lambda: chain.elsewhere() == {"tank-2": new}, timeout_s=120)
    eventually(lambda: chain.models().get("running_sha256") == old)
    own = Path("/proc/self/oom_score_adj").read_text()
    assert chain.likely_to_be_ended() == [int(own), 1000], "when memory runs out the kernel ends the trial's process"

    chain.execute("UPDATE unit_trial SET status = 'ending', reason = 'enough pictures' WHERE id = %s", (key,))
    ended = "SELECT status, reason FROM unit_trial"
    eventually(lambda: chain.execute(ended) == [("ended", "enough pictures; boxes: withdrawn 1")], timeout_s=120)
    assert chain.elsewhere() == {}
    eventually(lambda: chain.seen_by() == {"tank-1": [old], "tank-2": [old]}, timeout_s=120)
