"""What a probe, a scraper and an operator see of a running bridge."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from bridge.metrics import UplinkCollector, registry_of
from bridge.uplink import Uplink
from contracts.errors import ConfigurationError
from contracts.probes import Condition, ProbeServer
from tests.bridge.bridge_process import BridgeProcess
from tests.bridge.farm import READINGS_TOPIC, Farm, eventually
from tests.bridge.memory_sink import MemorySink
from tests.servers.process import free_port

pytestmark = pytest.mark.integration

Start = Callable[..., Uplink]


def server_for(uplink: Uplink) -> ProbeServer:
    def condition() -> Condition:
        state = uplink.state()
        return Condition(state.alive, state.obstacles)

    registry = registry_of(UplinkCollector(uplink))
    return ProbeServer("127.0.0.1", 0, condition=condition, metrics=lambda: generate_latest(registry))


def numbers(text: str) -> dict[str, float]:
    found = re.findall(r"^shoal_bridge_(\w+(?:{[^}]*})?) (\S+)$", text, flags=re.MULTILINE)
    return {name: float(value) for name, value in found}


def test_every_scrape_balances_while_messages_flow(start_uplink: Start, sink: MemorySink, farm: Farm) -> None:
    uplink = start_uplink(batch_max=7)
    server = server_for(uplink)
    sent = [farm.client.publish(READINGS_TOPIC, b"{broken %d" % n, qos=1) for n in range(300)]
    for round_ in range(40):
        if round_ % 5 == 0:
            farm.send_readings(range(round_ * 10 + 1, round_ * 10 + 11))
        found = numbers(server.answer("/metrics")[2].decode())
        poison = sum(value for name, value in found.items() if name.startswith("dead_lettered_total"))
        assert found["received_total"] == found["forwarded_total"] + poison + found["in_flight"]
        assert found["delivered_total"] == found["received_total"] + found["waiting"] + found["returned_total"]
    for info in sent:
        info.wait_for_publish(5)
    eventually(lambda: uplink.state().tally.acked == 380, "all are acknowledged")
    found = numbers(server.answer("/metrics")[2].decode())
    assert found['dead_lettered_total{reason="bad_json"}'] == 300
    assert (found["forwarded_total"], found["connected"], found["ready"]) == (80, 1, 1)


def test_ready_names_the_obstacle_and_health_only_asks_whether_it_lives(
    start_uplink: Start, sink: MemorySink, farm: Farm
) -> None:
    uplink = start_uplink()
    server = server_for(uplink)
    assert server.answer("/readyz")[0] == 200
    sink.away = True
    farm.send_readings([1])
    eventually(lambda: server.answer("/readyz")[0] == 503, "not ready while the store is away")
    assert json.loads(server.answer("/readyz")[2])["obstacles"] == ["the sink fails: the store is away"]
    assert server.answer("/healthz")[0] == 200
    uplink.stop()
    assert server.answer("/healthz")[0] == 503
    assert server.answer("/other")[0] == 404


def test_a_port_in_use_stops_the_program_before_it_connects(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = ProbeServer(
            "127.0.0.1", taken.getsockname()[1], condition=lambda: Condition(alive=True, obstacles=()), metrics=bytes
        )
        with pytest.raises(ConfigurationError) as caught:
            server.start()
        assert caught.value.field == "metrics_port"

        process = BridgeProcess(tmp_path, mqtt_port=free_port(), bootstrap="127.0.0.1:1")
        process.config.write_text(
            process.config.read_text().replace(str(process.health_port), str(taken.getsockname()[1]))
        )
        process.launch()
        assert process.child is not None
        assert process.child.wait(20) == 2
        assert process.log.read_text().count("\n") == 1


def test_a_bridge_without_its_servers_waits_alive_and_says_why(tmp_path: Path) -> None:
    process = BridgeProcess(tmp_path, mqtt_port=free_port(), bootstrap=f"127.0.0.1:{free_port()}")
    process.launch()
    eventually(lambda: process.get("/healthz")[0] == 200, "alive")
    status, _ = process.get("/readyz")
    assert status == 503
    eventually(lambda: "Connection refused" in process.obstacles()[0], "it says why")
    assert process.stop() == 0
