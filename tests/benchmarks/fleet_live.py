"""What a fleet of update clients costs: a look at the repository, a whole update, a cut line, a new head; against a bare GET.

Every client is the agent's own verifier, downloader, slots and updater on a folder of its own; the repository lies behind the real
mirror over HTTP, the wish travels over a real broker. Only the cameras' pipeline is simulated: what it costs is in ``edge_pipeline``.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from contracts.deployments import DeploymentState, DesiredModels, decode_desired
from contracts.topics import shadow, thing_name
from edge.deployments.downloader import Bandwidth, Downloader
from edge.deployments.errors import SourceUnavailableError
from edge.deployments.mirror import Mirror, open_server
from edge.deployments.rules import Conditions
from edge.deployments.settings import ArtifactSource, BandwidthSettings, DeploymentSettings
from edge.deployments.slots import Installed, Slots
from edge.deployments.sources import Source, open_source
from edge.deployments.updater import Updater
from models.releases.assignments import assign
from models.runtime import delta, shipped_bundle
from tests.benchmarks.harness import Pair, result
from tests.edge.deployments.ceremony import SITE, Ceremony
from tests.edge.deployments.test_updater import OLD, Pipeline
from tests.servers.mosquitto import Mosquitto

WAIT_S = 600.0


def run(quick: bool) -> dict[str, Any]:
    """Milliseconds of a warm look at the repository, against a bare GET of its timestamp from the same mirror."""
    return _measure(devices=20 if quick else 100, rounds=5 if quick else 60)


def full() -> dict[str, Any]:
    """The same with a thousand devices, which takes minutes: they share this machine's processor."""
    return _measure(devices=1000, rounds=60)


def _measure(*, devices: int, rounds: int) -> dict[str, Any]:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a thousand boxes have a thousand disks, not one
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        ceremony = Ceremony(Path(folder))
        ceremony.release(ceremony.bundle())
        mirror = Mirror(
            [open_source(ArtifactSource(kind="folder", path=ceremony.repository.folder))],
            Path(folder) / "site",
            max_bytes=100_000_000,
        )
        server = open_server(mirror, host="127.0.0.1", port=0)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            pairs, size = _warm(ceremony, url, rounds=rounds)
            details = {
                "warm_refresh_bytes": size,
                "warm_refresh_cpu_ms": statistics.median(pair.details["ours_cpu_ms"] for pair in pairs),
                "resume_overhead": _resume(ceremony, url),
                "head_only_delta_share": _head_only(),
                **_desired_to_running(ceremony, url, devices=devices),
            }
        finally:
            server.shutdown()
            server.server_close()
    return result("fleet_live", pairs, unit="ms", higher_is_better=False, details=details)


def _warm(ceremony: Ceremony, url: str, *, rounds: int) -> tuple[list[Pair], int]:
    source = open_source(ArtifactSource(kind="http", url=url))
    verifier = ceremony.verifier(folder=ceremony.folder / "warm", sources=[source])
    verifier.resolve(ceremony.assign())
    pairs, before = [], verifier.bytes
    for _ in range(rounds):
        cpu, began = time.thread_time(), time.perf_counter()
        verifier.refresh()
        cpu, middle = time.thread_time() - cpu, time.perf_counter()
        connection = http.client.HTTPConnection(url.removeprefix("http://"))
        connection.request("GET", "/metadata/channels/site/timestamp.json")
        connection.getresponse().read()
        connection.close()
        ended = time.perf_counter()
        details = {"ours_cpu_ms": round(cpu * 1000, 2)}
        pairs.append(Pair(ours=(middle - began) * 1000, floor=(ended - middle) * 1000, details=details))
    return pairs, (verifier.bytes - before) // rounds


class _CutLine:
    """A line that is lost after so many bytes."""

    name, counts = "cut", False

    def __init__(self, inner: Source, after: int) -> None:
        self._inner, self._after = inner, after

    def read(self, path: str, *, offset: int = 0) -> tuple[int, Iterator[bytes]]:
        """As ``Source.read``."""
        begins, chunks = self._inner.read(path, offset=offset)

        def some() -> Iterator[bytes]:
            left = self._after
            for chunk in chunks:
                yield chunk[:left]
                left -= len(chunk)
                if left <= 0:
                    raise SourceUnavailableError("cut")

        return begins, some()


def _resume(ceremony: Ceremony, url: str) -> float:
    """Bytes transferred over bytes of the shipped detector, with the line cut nine times and the agent started anew each time."""
    shipped = shipped_bundle("fish-detector")
    fleet = Ceremony(ceremony.folder / "shipped", model="fish-detector")
    release = fleet.release(shipped)
    del url
    transferred = 0
    source = _CutLine(fleet.source(), release.bytes // 10)
    for _ in range(30):
        fetcher = _downloader(ceremony.folder / "cut", source, fleet)
        try:
            fetcher.fetch(release)
        except SourceUnavailableError:
            transferred += fetcher.transferred
        else:
            transferred += fetcher.transferred
            break
    return round(transferred / release.bytes, 4)


def _head_only() -> float:
    """Bytes of the delta over bytes of the shipped detector, when its last layers were trained further and the others frozen."""
    content = (shipped_bundle("fish-detector") / "model.onnx").read_bytes()
    model = onnx.load_from_string(content)
    rng = np.random.default_rng(1)
    heads = [one for one in model.graph.initializer if "head" in one.name or "backbone" not in one.name]
    for one in heads:
        values = numpy_helper.to_array(one)
        if values.dtype.kind == "f":
            noise = rng.normal(0, 0.01 * float(values.std() or 1.0), values.shape)
            one.CopyFrom(numpy_helper.from_array((values + noise).astype(values.dtype), one.name))
    tuned = model.SerializeToString()
    made = delta.encode(content, tuned)
    assert hashlib.sha256(delta.decode(content, made, size=len(tuned))).digest() == hashlib.sha256(tuned).digest()
    return round(len(made) / len(tuned), 4)


def _desired_to_running(ceremony: Ceremony, url: str, *, devices: int) -> dict[str, Any]:
    """Seconds from the published wish to the hash that the running session reports, over devices that all begin at once."""
    (ceremony.folder / "broker").mkdir()
    broker = Mosquitto(ceremony.folder / "broker")
    broker.start()
    boxes = {thing_name(SITE, f"edge-{n}"): _box(ceremony, url, f"edge-{n}") for n in range(devices)}
    heard = threading.Semaphore(0)

    def arrived(_client: Client, _userdata: object, message: MQTTMessage) -> None:
        thing = message.topic.split("/")[2]
        boxes[thing].desire(decode_desired(json.loads(message.payload)["state"]["desired"]))
        heard.release()

    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = arrived
    try:
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        client.subscribe(shadow("+", "models", "get/accepted"), qos=1)
        release, digest = ceremony.repository.release("tiny", "1.0.0")
        began = time.perf_counter()
        for number in range(devices):
            device = f"edge-{number}"
            signed = assign(
                ceremony.assigner,
                release,
                digest,
                site=SITE,
                device=device,
                deployment=f"d-{number}",
                now=ceremony.clock.now(),
            )
            document = {"state": {"desired": DesiredModels(assignment=signed).model_dump(mode="json")}}
            client.publish(shadow(thing_name(SITE, device), "models", "get/accepted"), json.dumps(document), qos=1)
        taken: dict[str, float] = {}
        told: dict[str, float] = {}
        while len(taken) < devices and time.perf_counter() - began < WAIT_S:
            for thing, updater in boxes.items():
                if thing in taken:
                    continue
                updater.work()
                if thing not in told and updater.reported().deployment is not None:
                    told[thing] = time.perf_counter() - began
                deployment = updater.deployment
                if deployment is not None and deployment.state is DeploymentState.PROBATION:
                    assert updater.reported().running_sha256 == release.sha256
                    taken[thing] = time.perf_counter() - began
    finally:
        client.disconnect()
        client.loop_stop()
        broker.stop()
    times, first = sorted(taken.values()), sorted(told.values())
    return {
        "devices": devices,
        "devices_running": len(times),
        "desired_to_reported_p99_s": round(first[min(len(first) - 1, int(len(first) * 0.99))], 2),
        "desired_to_running_p50_s": round(statistics.median(times), 2),
        "desired_to_running_p99_s": round(times[min(len(times) - 1, int(len(times) * 0.99))], 2),
        "ms_per_device": round(times[-1] * 1000 / len(times), 1),
    }


def _downloader(folder: Path, source: Source, ceremony: Ceremony) -> Downloader:
    folder.mkdir(parents=True, exist_ok=True)
    bandwidth = Bandwidth(
        BandwidthSettings(), file=folder / "b.json", clock=ceremony.clock, zone=None, pause=lambda _s: None
    )
    return Downloader(folder / "blobs", sources=[source], bandwidth=bandwidth, known=list, min_free_bytes=0)


def _box(ceremony: Ceremony, url: str, device: str) -> Updater:
    folder = ceremony.folder / "boxes" / device
    source = open_source(ArtifactSource(kind="http", url=url, metered=False))
    slots = Slots(folder / "slots", configured=Installed(None, "shipped", OLD))
    pipeline = Pipeline()
    pipeline.boot(slots)
    settings = DeploymentSettings.model_validate(
        {
            "root_file": "root.json",
            "sources": [{"kind": "http", "url": url}],
            "shadow_run": {"frames": 5, "every_s": 0},
            "min_free_bytes": 0,
        }
    )
    return Updater(
        settings,
        folder=folder,
        site=SITE,
        device=device,
        clock=ceremony.clock,
        verifier=ceremony.verifier(folder=folder, sources=[source], device=device),
        downloader=_downloader(folder, source, ceremony),
        slots=slots,
        trial=pipeline,
        conditions=Conditions,
        tell=lambda _status: None,
    )
