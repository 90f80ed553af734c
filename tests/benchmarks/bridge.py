"""The bridge program from MQTT to Kafka, PUBACK after the delivery report, against Mosquitto's own ceiling.

Floor: the same C publisher into a C subscriber that confirms at QoS 1 and does nothing else (``c/mqtt_flow.c``), in turn
with ours. Both at once have Mosquitto in the middle; ours has a Kafka broker on the same processors besides. Where
``mq-bridge`` is installed (or SHOAL_BENCH_MQ_BRIDGE names a Python that has it) it carries the same messages in turn too:
processor time per message and latency at 2,000 messages a second stand beside ours.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contracts.topics import KafkaTopic
from tests.benchmarks.harness import Pair, result
from tests.benchmarks.mqtt_flow import (
    CONFIGURATION,
    Arrivals,
    Flow,
    build,
    c_to_c,
    into_kafka,
    latencies_ms,
    message,
    packets,
)
from tests.bridge.bridge_process import BridgeProcess
from tests.servers.kafka.server import Kafka
from tests.servers.mosquitto import Mosquitto

BAR = 0.8
RATE = 2_000
PEER_TOPIC = KafkaTopic.PREDICTIONS.value
"""A topic of its own for the peer; the name does not matter to it."""


def run(quick: bool) -> dict[str, Any]:
    """Measure; one JSON object."""
    return measure("bridge", quick=quick, messages=5_000 if quick else 40_000, readings=1, bar=BAR)


def measure(name: str, *, quick: bool, messages: int, readings: int, bar: float) -> dict[str, Any]:
    """Ours, floor and peer in turn; ``value`` and ``floor`` are readings a second."""
    rounds = 1 if quick else 3
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        program = build(folder)
        file = packets(folder / "packets", messages, readings)
        paced = packets(folder / "paced", RATE * (1 if quick else 2), readings)
        with _servers(folder) as (brokers, kafka):
            ours = BridgeProcess(folder, mqtt_port=brokers[0].port, bootstrap=kafka.bootstrap)
            peer = _start_peer(folder, brokers[2], kafka)
            arrivals = Arrivals(kafka, KafkaTopic.SENSOR_DATA.value), Arrivals(kafka, PEER_TOPIC)
            try:
                ours.start()
                assert ours.child is not None
                pairs, peers = [], []
                for turn in range(rounds + 1):
                    a = into_kafka(program, brokers[0], file, messages, arrivals[0], ours.child.pid)
                    b = c_to_c(program, brokers[1], file, messages)
                    c = into_kafka(program, brokers[2], file, messages, arrivals[1], peer.pid) if peer else None
                    if turn or quick:  # the first turn warms
                        pairs.append(_pair(a, b, c, readings))
                        peers += [c] if c else []
                waits: list[list[float]] = []
                peer_waits: list[list[float]] = []
                for _ in range(rounds):
                    for broker, topic, found in (
                        (brokers[0], KafkaTopic.SENSOR_DATA.value, waits),
                        (brokers[2], PEER_TOPIC, peer_waits),
                    ):
                        if found is waits or peer:
                            stamps = folder / "stamps"
                            found.append(latencies_ms(program, broker, paced, stamps, kafka, topic, rate=RATE))
            finally:
                ours.kill()
                if peer is not None:
                    peer.kill()
                    peer.wait()
                for each in arrivals:
                    each.close()
    cpu = statistics.median(pair.details["ours_cpu_us"] for pair in pairs)
    details: dict[str, Any] = {
        "messages": messages,
        "payload_bytes": len(message(1, readings)),
        "cpu_us_per_message": cpu,
        "latency_p50_ms_at_2000_per_s": _percentile(waits, 0.5),
        "latency_p99_ms_at_2000_per_s": _percentile(waits, 0.99),
    }
    if peers:
        peer_cpu = statistics.median(flow.cpu_us for flow in peers)
        details |= {
            "mq_bridge_per_s": round(statistics.median(flow.rate for flow in peers) * readings),
            "mq_bridge_cpu_us_per_message": round(peer_cpu, 1),
            "cpu_against_mq_bridge": round(cpu / peer_cpu, 2),
            "mq_bridge_latency_p99_ms_at_2000_per_s": _percentile(peer_waits, 0.99),
        }
    else:
        details["mq_bridge"] = (
            "not installed (pip install mq-bridge, or SHOAL_BENCH_MQ_BRIDGE=path of a Python with it)"
        )
    unit = "messages/s" if readings == 1 else "readings/s"
    return result(name, pairs, unit=unit, bar=bar, details=details)


def _percentile(runs: list[list[float]], share: float) -> float:
    """Median over the runs of the value that ``share`` of a run's waits stay below."""
    return round(statistics.median(waits[int(len(waits) * share)] for waits in runs), 1)


def _pair(ours: Flow, floor: Flow, peer: Flow | None, readings: int) -> Pair:
    details = {"ours_cpu_us": round(ours.cpu_us, 1), "floor_cpu_us": round(floor.cpu_us, 1)}
    if peer is not None:
        details |= {"mq_bridge": round(peer.rate * readings), "mq_bridge_cpu_us": round(peer.cpu_us, 1)}
    return Pair(ours=ours.rate * readings, floor=floor.rate * readings, details=details)


@contextmanager
def _servers(folder: Path) -> Iterator[tuple[list[Mosquitto], Kafka]]:
    """A Mosquitto each, alike, for ours, the floor and the peer, and one Kafka."""
    brokers = [Mosquitto(folder / f"mosquitto-{n}", configuration=CONFIGURATION) for n in range(3)]
    kafka = Kafka(folder / "kafka")
    try:
        for broker in brokers:
            broker.start()
        kafka.start()
        kafka.create_topics()
        yield brokers, kafka
    finally:
        kafka.stop()
        for broker in brokers:
            broker.stop()


def _start_peer(folder: Path, broker: Mosquitto, kafka: Kafka) -> subprocess.Popen[bytes] | None:
    """``mq-bridge`` with the same guarantees: QoS 1, a persistent session, acks=all, the same linger and compression."""
    python = os.environ.get("SHOAL_BENCH_MQ_BRIDGE")
    if python is None and importlib.util.find_spec("mq_bridge") is None:
        return None
    source = {"url": f"mqtt://127.0.0.1:{broker.port}", "topic": "shoal/1/+/+/readings", "client_id": "peer", "qos": 1}
    source |= {"clean_session": False, "max_inflight": 1000, "queue_capacity": 1000, "protocol": "v3"}
    options = [["acks", "all"], ["linger.ms", "5"], ["compression.type", "lz4"]]
    target = {"url": kafka.bootstrap, "topic": PEER_TOPIC, "producer_options": options}
    route = {"input": {"mqtt": source}, "output": {"kafka": target}, "batch_size": 500}
    (folder / "peer.json").write_text(json.dumps(route))
    code = "import json, sys, mq_bridge; mq_bridge.Route.from_config(json.load(open(sys.argv[1]))).run()"
    with (folder / "peer.log").open("wb") as log:
        child = subprocess.Popen(
            [python or sys.executable, "-c", code, str(folder / "peer.json")], stdout=log, stderr=log
        )
    time.sleep(3.0)  # it does not say when it has subscribed
    if child.poll() is not None:
        raise RuntimeError(f"mq-bridge ended: {(folder / 'peer.log').read_text()[-1000:]}")
    return child


if __name__ == "__main__":
    print(json.dumps(run(quick=True), indent=2))
