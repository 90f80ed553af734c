"""The third journey on a real box: two people sign, one device is told, the shipped detector is replaced, and comes back by itself."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import cv2
import onnx
import psutil
import pytest

from contracts.deployments import DesiredModels, SignedAssignment
from contracts.devices import EventBatch
from contracts.topics import shadow
from models.runtime import shipped_bundle
from tests.edge.deployments.ceremony import Ceremony
from tests.edge.farm import Store, VirtualClock, configuration, eventually, publisher_client
from tests.edge.test_agent import Box
from tests.models.tiny_bundle import edit_manifest
from tests.servers.mosquitto import Mosquitto

pytestmark = [pytest.mark.integration, pytest.mark.faults]

MODEL = "fish-detector"
CAREFUL = {
    # How long a frame takes says nothing of a model while other tests have the processor.
    "shadow_run": {"frames": 5, "every_s": 0.1, "max_latency_ratio": 10_000},
    "probation": {"length_s": 2, "frames": 5, "max_restarts": 1, "max_latency_ratio": 10_000},
    "retry_s": 0.5,
    "min_free_bytes": 0,
}


class Fleet:
    """A repository of detectors, a broker, and one box that runs the shipped one."""

    MORE: ClassVar[dict[str, Any]] = {}
    """Further sections of the box's file."""
    UNITS: ClassVar[tuple[str, ...]] = ("tank-1",)
    """Each with a camera."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.folder, self.broker = folder, broker
        self.clock = VirtualClock()
        self.clock.wall = now()
        self.ceremony = Ceremony(folder, clock=self.clock, model=MODEL)
        self.shipped = shipped_bundle(MODEL)
        self.shipped_sha256 = json.loads((self.shipped / "manifest.json").read_text())["sha256"]
        (folder / "frames").mkdir()
        for golden in self.shipped.glob("golden/*.jpg"):
            cv2.imwrite(str(folder / "frames" / f"{golden.stem}.png"), cv2.imread(str(golden)))
        (folder / "root.json").write_bytes(self.ceremony.root)
        deployments = {
            "root_file": "root.json",
            "sources": [{"kind": "folder", "path": str(self.ceremony.repository.folder)}],
            **CAREFUL,
        }
        config = configuration(
            folder,
            port=broker.port,
            sensors=[],
            units=[{"slug": unit, "species": "salmo_salar", "stage": "fry"} for unit in self.UNITS],
            cameras=[
                {"name": f"cam-{number}", "unit": unit, "source": "folder:frames", "fps": 5}
                for number, unit in enumerate(self.UNITS, start=1)
            ],
            model={"bundle": MODEL, "staleness_s": 5, "providers": ["CPUExecutionProvider"]},
            observations={"window_s": 1, "evidence_every_s": 3600},
            deployments=deployments,
            **self.MORE,
        )
        self.box = Box(config)
        self.store = Store(broker.port)
        self.client = publisher_client(broker.port)

    def release(self, version: str, **manifest: Any) -> str:
        """Release a copy of the shipped detector under another version; its sha256."""
        bundle = self.folder / f"bundle-{version}"
        shutil.copytree(self.shipped, bundle)
        model = onnx.load(str(bundle / "model.onnx"))
        model.doc_string = version
        content = model.SerializeToString()
        (bundle / "model.onnx").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        edit_manifest(bundle, version=version, sha256=digest, bytes=len(content), **manifest)
        if manifest.get("golden_is_wrong"):
            (bundle / "golden" / "simulated.json").write_text('{"detections": []}')
        self.ceremony.release(bundle)
        return digest

    def desire(self, signed: SignedAssignment) -> None:
        """As the bridge publishes a ``DesiredState``."""
        document = {"state": {"desired": DesiredModels(assignment=signed).model_dump(mode="json")}, "version": 1}
        topic = shadow("farm.edge-1", "models", "get/accepted")
        self.client.publish(topic, json.dumps(document), qos=1, retain=True).wait_for_publish(5)

    def models(self) -> dict[str, Any]:
        try:
            return dict(self.box.status()["models"] or {})
        except (OSError, AssertionError, ValueError):
            return {}

    def state(self) -> str:
        return str((self.models().get("deployment") or {}).get("state"))

    def told(self) -> list[str]:
        """States that arrived at the store, in order."""
        return [
            str(event.detail["state"])
            for batch in self.store.bodies(EventBatch)
            for event in batch.events
            if event.name == "deployment.status"
        ]

    def worker(self) -> int | None:
        assert self.box.process is not None
        for child in psutil.Process(self.box.process.pid).children():
            with suppress(psutil.Error):  # it may end while it is looked at
                if "edge.inference.worker" in " ".join(child.cmdline()):
                    return child.pid
        return None

    def is_another_worker(self, pid: int) -> bool:
        return self.worker() != pid

    def close(self) -> None:
        if self.box.process is not None and self.box.process.poll() is None:
            self.box.kill()
        self.client.disconnect()
        self.client.loop_stop()
        self.store.close()


def now() -> Any:
    from datetime import datetime, timezone

    return datetime.now(timezone.utc).replace(microsecond=0)


@pytest.fixture
def fleet(tmp_path: Path, mosquitto_factory: Callable[..., Mosquitto]) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path, mosquitto_factory())
    yield fleet
    fleet.close()


def test_a_signed_model_becomes_active_and_a_bad_one_goes_back_by_itself_with_the_network_cut(fleet: Fleet) -> None:
    box = fleet.box
    fleet.ceremony.release(fleet.shipped)
    second = fleet.release("2.1.0")
    box.start()
    eventually(lambda: fleet.models().get("running_sha256") == fleet.shipped_sha256, timeout_s=60)

    fleet.desire(fleet.ceremony.assign("2.1.0"))
    eventually(lambda: fleet.state() == "committed", timeout_s=60)
    models = fleet.models()
    assert models["running_sha256"] == second == models["committed_sha256"]
    status = models["deployment"]
    assert status["shadow"]["disagreement"] == 0.0
    assert status["swap_gap_ms"] <= 200
    camera = box.status()["cameras"][0]
    assert camera["dropped"].get("lost", 0) == 0, "no frame was under way when the model changed"
    assert status["downloaded_bytes"] < 0.06 * fleet.shipped.joinpath("model.onnx").stat().st_size + 20_000
    eventually(lambda: fleet.told()[-1:] == ["committed"])
    order = ["assigned", "downloading", "verifying", "self_test", "shadow_run", "activating", "probation", "committed"]
    assert fleet.told() == order

    # its own golden frames refuse a damaged one; what runs is not touched
    fleet.clock.wall = now()
    fleet.release("2.2.0", golden_is_wrong=True)
    fleet.desire(fleet.ceremony.assign("2.2.0"))
    eventually(lambda: fleet.state() == "refused", timeout_s=60)
    assert "golden" in fleet.models()["deployment"]["reason"]
    assert fleet.models()["running_sha256"] == second

    # one that dies at work, with broker and repository gone
    fleet.clock.wall = now()
    third = fleet.release("2.3.0")
    fleet.desire(fleet.ceremony.assign("2.3.0"))
    eventually(lambda: fleet.state() == "probation", timeout_s=60)
    assert fleet.models()["running_sha256"] == third
    fleet.ceremony.repository.folder.rename(fleet.folder / "gone")
    fleet.broker.kill()
    for _ in range(2):
        pid = eventually(lambda: fleet.models().get("running_sha256") == third and fleet.worker(), timeout_s=30)
        os.kill(pid, signal.SIGKILL)
        eventually(partial(fleet.is_another_worker, pid), timeout_s=30)
    eventually(lambda: fleet.state() == "rolled_back", timeout_s=60)
    models = fleet.models()
    assert models["running_sha256"] == second == models["committed_sha256"]
    assert "lost 2 times" in models["deployment"]["reason"]

    # and after a power cut it starts with the good one
    box.kill()
    box.start()
    eventually(lambda: fleet.models().get("running_sha256") == second, timeout_s=60)
    assert fleet.state() == "rolled_back"
