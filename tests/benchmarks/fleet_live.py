"""What a fleet of update clients costs: a look at the repository, a whole update, a cut line, a new head; against a bare GET.

Every client is the agent's own verifier, downloader, slots and updater on a folder of its own, with an MQTT connection of its own;
the repository lies behind the real mirror over HTTP. A wish goes through the bridge's downlink and a real broker to its box, and what
the box says goes back over that broker, through bridge and ingest in a process of their own, into PostgreSQL; it counts as
reported when the API (another process) tells it to somebody who asks twice a second. Only the cameras' pipeline and the outbox are left out: what they cost is in
``edge_pipeline`` and ``outbox``.
"""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
from onnx import numpy_helper

from cloud.auth.accounts import create_user
from cloud.db import migrate
from cloud.farms.provision import provision
from contracts.deployments import (
    DEPLOYMENT_EVENT,
    MODELS_SHADOW,
    DeploymentState,
    DeploymentStatus,
    DesiredModels,
    decode_desired,
)
from contracts.devices import DeviceEvent, EventBatch, Health, ShadowDocument, ShadowState
from contracts.downlink import DesiredState
from contracts.downlink import Downlink as DownlinkMessage
from contracts.envelope import Envelope, encode
from contracts.topics import Kind, shadow, thing_name, uplink
from contracts.vision import ModelRef
from edge.deployments.downloader import Bandwidth, Downloader
from edge.deployments.errors import SourceUnavailableError
from edge.deployments.fleet import event_detail
from edge.deployments.mirror import Mirror, open_server
from edge.deployments.rules import Conditions
from edge.deployments.settings import ArtifactSource, BandwidthSettings, DeploymentSettings
from edge.deployments.slots import Installed, Slots
from edge.deployments.sources import Source, open_source
from edge.deployments.updater import Updater
from models.releases.assignments import assign
from models.runtime import delta, shipped_bundle
from tests.benchmarks.fleet_mqtt import AT_ONCE, MqttDevice
from tests.benchmarks.harness import Pair, result
from tests.cloud.postgres import Postgres
from tests.edge.deployments.ceremony import SITE, Ceremony
from tests.edge.deployments.test_updater import OLD, Pipeline
from tests.servers.mosquitto import Mosquitto
from tests.servers.presence import ROOT
from tests.servers.process import free_port

WAIT_S = 600.0
POLL_S = 0.5
"""Pause between two looks at the API: what it adds counts as ours."""
BAR_REPORTED_S = 10.0
PASSWORD = "a-long-password-for-the-benchmark"


def run(quick: bool) -> dict[str, Any]:
    """Milliseconds of a warm look at the repository, against a bare GET of its timestamp from the same mirror."""
    return _measure(devices=5 if quick else 100, rounds=3 if quick else 60)


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
    """Seconds from the wish to what the API says of it, over devices that all begin at once."""
    names = [f"edge-{number}" for number in range(devices)]
    with ExitStack() as stack:
        (ceremony.folder / "broker").mkdir()
        broker = Mosquitto(ceremony.folder / "broker", configuration="set_tcp_nodelay true")
        stack.callback(broker.stop)
        broker.start()
        platform = _Platform(ceremony.folder, broker.port, stack)
        wires = _Wires(broker.port, stack)
        boxes = {name: _box(ceremony, url, name, wires) for name in names}
        wires.connect(boxes)
        release, digest = ceremony.repository.release("tiny", "1.0.0")
        platform.watch(release.sha256)
        wished: dict[str, float] = {}
        for name in names:
            signed = assign(
                ceremony.assigner,
                release,
                digest,
                site=SITE,
                device=name,
                deployment=f"d-{name}",
                now=ceremony.clock.now(),
            )
            desired = DesiredModels(assignment=signed).model_dump(mode="json")
            document = ShadowDocument(state=ShadowState(desired=desired), version=1)
            wish = DesiredState(shadow=MODELS_SHADOW, document=document)
            wished[name] = time.monotonic()
            platform.wish(DownlinkMessage(site=SITE, device=name, body=wish))
        began = min(wished.values())
        taken: dict[str, float] = {}
        told: dict[str, float] = {}
        while platform.look() < devices and time.monotonic() - began < WAIT_S:
            turn = wires.next_box()
            if turn is None:
                time.sleep(0.02)
                continue
            name, updater = turn, boxes[turn]
            updater.work()
            if name not in told and updater.reported().deployment is not None:
                told[name] = time.monotonic()
            deployment = updater.deployment
            if deployment is None or deployment.state is not DeploymentState.PROBATION:
                wires.go_on(name)
                continue
            assert updater.reported().running_sha256 == release.sha256
            taken[name] = time.monotonic()
            wires.beat(name, ModelRef(name=release.model, version=release.version, sha256=release.sha256))
        reported = sorted(at - wished[name] for name, at in platform.reported.items())
        running = sorted(at - wished[name] for name, at in platform.running.items())
        in_process = sorted(at - wished[name] for name, at in told.items())
        taken_s = max(taken.values()) - began
    return {
        "devices": devices,
        "devices_reported": len(reported),
        "devices_running": len(running),
        "desired_to_reported_p50_s": round(_share(reported, 0.5), 2),
        "desired_to_reported_p99_s": round(_share(reported, 0.99), 2),
        "desired_to_first_word_in_process_p99_s": round(_share(in_process, 0.99), 2),
        "desired_to_running_p50_s": round(_share(running, 0.5), 2),
        "desired_to_running_p99_s": round(_share(running, 0.99), 2),
        "ms_per_device": round(taken_s * 1000 / len(taken), 1),
        "bar_desired_to_reported_p99_s": BAR_REPORTED_S,
    }


_PIPELINE = """
import sys
from pathlib import Path
from bridge.downlink import Downlink, open_publisher
from bridge.settings import BridgeSettings
from bridge.uplink import Uplink
from cloud.consumers import Ingest
from contracts.downlink import Downlink as Message
from shoal.box_sink import BoxSink
settings = BridgeSettings(mqtt_host="127.0.0.1", mqtt_port=int(sys.argv[1]), metrics_port=0)
downlink = Downlink(open_publisher(settings))
downlink.start()
ingest = Ingest(sys.argv[2], storage_dir=Path(sys.argv[3]))
Uplink(settings, BoxSink(ingest, downlink.publish_watermark)).start()
for line in sys.stdin:
    downlink.publish(Message.model_validate_json(line))
"""
_ASKING = """
import sys, time
import httpx
url, token, wanted, pause_s = sys.argv[1:]
client = httpx.Client(base_url=url, timeout=60, headers={"Authorization": f"Bearer {token}"})
said = set()
while True:
    cursor = None
    while True:
        query = {"limit": 500, **({"cursor": cursor} if cursor else {})}
        page = client.get("/device-deployments", params=query).raise_for_status().json()
        at = time.monotonic()
        for device in page["items"]:
            name = device["device"]
            for model in (one for one in device["items"] if one["kind"] == "model"):
                told = model["reported"] and model["reported"]["deployment"] == f"d-{name}"
                runs = model["running"] and model["running"]["sha256"] == wanted
                for what in ["reported"] * bool(told) + ["running"] * bool(runs):
                    if (what, name) not in said:
                        said.add((what, name))
                        print(what, name, at, flush=True)
        cursor = page["next_cursor"]
        if cursor is None:
            break
    time.sleep(float(pause_s))
"""


class _Platform:
    """PostgreSQL, the pipeline and the API, each a process; and somebody who asks the API how the fleet stands."""

    def __init__(self, folder: Path, broker_port: int, stack: ExitStack) -> None:
        postgres = Postgres(durable=True)
        stack.callback(postgres.stop)
        postgres.start()
        url = postgres.url()
        migrate.upgrade(url)
        provision(url, "bench", [{"slug": SITE}])
        create_user(url, "fleet@bench.example", PASSWORD, "fleet_admin", "bench")
        port = free_port()
        environment = {
            **os.environ,
            "SHOAL_DATABASE_URL": url,
            "SHOAL_STORAGE_DIR": str(folder / "storage"),
            "SHOAL_SECRET_KEY_FILE": str(folder / "secret.key"),
            "SHOAL_PORT": str(port),
            "SHOAL_RATE_PER_MINUTE_USER": "100000",
        }
        self._stack = stack
        self._folder = folder
        self._start(["-m", "cloud"], environment)
        pipeline = self._start(["-c", _PIPELINE, str(broker_port), url, str(folder / "storage")], environment)
        assert pipeline.stdin is not None
        self._wishes = pipeline.stdin
        self._read = 0
        self.reported: dict[str, float] = {}
        """When the API first told of a device's own report."""
        self.running: dict[str, float] = {}
        """When the API first told that the new hash runs there."""
        self._url = f"http://127.0.0.1:{port}/api/v1"
        self._token = self._sign_in()

    def _start(
        self, command: list[str], environment: Mapping[str, str], *, stdout: Any = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        # What they log is not this benchmark's answer.
        child = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=stdout
        )
        self._stack.callback(_end, child)
        return child

    def _sign_in(self) -> str:
        login = {"username": "fleet@bench.example", "password": PASSWORD}
        deadline = time.monotonic() + 120
        while True:
            try:
                answer = httpx.post(f"{self._url}/auth/login", data=login, timeout=30)
                return str(answer.raise_for_status().json()["access_token"])
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def watch(self, wanted: str) -> None:
        """Have the API asked again and again, from now on, by a process of its own."""
        said = (self._folder / "said").open("wb")
        self._stack.callback(said.close)
        command = ["-c", _ASKING, self._url, self._token, wanted, str(POLL_S)]
        self._start(command, os.environ, stdout=said)

    def wish(self, message: DownlinkMessage) -> None:
        """Give one to the downlink."""
        self._wishes.write(message.model_dump_json(exclude_none=True).encode() + b"\n")
        self._wishes.flush()

    def look(self) -> int:
        """Take in what the API has told; how many devices run the new hash."""
        with (self._folder / "said").open("rb") as said:
            said.seek(self._read)
            whole = said.read().rpartition(b"\n")[0]
        self._read += len(whole) + 1 if whole else 0
        for line in whole.decode().splitlines():
            what, name, at = line.split()
            (self.reported if what == "reported" else self.running)[name] = float(at)
        return len(self.running)


class _Wires:
    """The MQTT connections of all boxes, on one event loop in a thread of its own."""

    def __init__(self, port: int, stack: ExitStack) -> None:
        self._port = port
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        stack.callback(thread.join, 10)
        stack.callback(self._loop.call_soon_threadsafe, self._loop.stop)
        thread.start()
        self._devices: dict[str, MqttDevice] = {}
        self._sequence: Counter[str] = Counter()
        self._fresh: deque[str] = deque()
        self._under_way: deque[str] = deque()

    def next_box(self) -> str | None:
        """Whose turn it is: on farms they work at once, here those come first that have just heard something."""
        waiting = self._fresh or self._under_way
        return waiting.popleft() if waiting else None

    def go_on(self, name: str) -> None:
        """This one has more to do."""
        self._under_way.append(name)

    def connect(self, boxes: Mapping[str, Updater]) -> None:
        """Every box hears what is desired of it."""
        asyncio.run_coroutine_threadsafe(self._connect(boxes), self._loop).result(WAIT_S)

    async def _connect(self, boxes: Mapping[str, Updater]) -> None:
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(name: str, updater: Updater) -> None:
            def hear(_topic: str, payload: bytes) -> None:
                updater.desire(decode_desired(json.loads(payload)["state"]["desired"]))
                self._fresh.append(name)

            async with turn:
                device = await MqttDevice.connect(self._port, name, hear)
                await device.subscribe(shadow(thing_name(SITE, name), MODELS_SHADOW, "get/accepted"))
                self._devices[name] = device

        await asyncio.gather(*(one(name, updater) for name, updater in boxes.items()))

    def tell(self, name: str, status: DeploymentStatus) -> None:
        """Send what a box says of its deployment, as the agent's event."""
        now = datetime.now(timezone.utc)
        event = DeviceEvent(name=DEPLOYMENT_EVENT, occurred_at=now, detail=event_detail(status))
        self._send(name, Kind.EVENTS, EventBatch(events=(event,)))

    def beat(self, name: str, model: ModelRef) -> None:
        """Send a heartbeat, which says what runs."""
        beat = Health(
            observed_at=datetime.now(timezone.utc), uptime_s=1, rss_bytes=1, disk_free_bytes=1, outbox_rows=0,
            outbox_bytes=0, outbox_floor=1, model=model,
        )  # fmt: skip
        self._send(name, Kind.HEALTH, beat)

    def _send(self, name: str, kind: Kind, body: EventBatch | Health) -> None:
        self._sequence[name] += 1
        envelope = Envelope(
            site=SITE, device=name, boot="b" * 32, stream=f"stream-{name}", seq=self._sequence[name],
            sent_at=datetime.now(timezone.utc), body=body,
        )  # fmt: skip
        self._loop.call_soon_threadsafe(self._devices[name].publish, uplink(SITE, name, kind), encode(envelope))


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(20)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(5)


def _downloader(folder: Path, source: Source, ceremony: Ceremony) -> Downloader:
    folder.mkdir(parents=True, exist_ok=True)
    bandwidth = Bandwidth(
        BandwidthSettings(), file=folder / "b.json", clock=ceremony.clock, zone=None, pause=lambda _s: None
    )
    return Downloader(folder / "blobs", sources=[source], bandwidth=bandwidth, known=list, min_free_bytes=0)


def _box(ceremony: Ceremony, url: str, device: str, wires: _Wires) -> Updater:
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
        tell=lambda status: wires.tell(device, status),
    )
