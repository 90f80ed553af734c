"""Whether an agent grows: memory, open files and threads while the uplink breaks, alarms come and go and people look at it.

Accelerated: a hundred sensor messages a second, an alarm raised and cleared every two seconds, the uplink's cable pulled every
three, the local page read all the while. `value` is the memory at the end, `floor` the memory once everything had happened
once; `details` has the slopes by least squares over the time after that. The default runs three minutes, `--full` an hour.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.architecture.tree import ROOT
from tests.benchmarks.harness import Pair, result
from tests.edge.farm import Store, publisher_client
from tests.servers.cable import Cable
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import free_port

MESSAGES_PER_S = 100
ALARM_EVERY_S = 2.0
PULL_EVERY_S = 3.0
LOOK_EVERY_S = 1.0
WARM_UP = 0.25
"""Part of the time after which growth counts: caches, buffers and the database's pages have filled by then."""

CONFIG = """
site: bench
device: edge-1
data_dir: {folder}
units: [{{slug: tank-1, species: salmo_salar, stage: fry}}]
mqtt: {{port: {uplink}, reconnect_max_s: 0.3}}
sensors:
  - name: water
    broker: {{port: {sensors}}}
    channels:
      - {{name: tank-1.do, unit: tank-1, quantity: do, topic: farm/tank-1/water, pointer: /do}}
      - {{name: tank-1.temperature, unit: tank-1, quantity: temperature, topic: farm/tank-1/water, pointer: /temperature}}
alarms: {{on_delay_s: 0, off_delay_s: 0}}
outbox: {{resend_after_s: 2, backfill_after_s: 1, min_free_bytes: 0}}
health: {{every_s: 1}}
model: null
metrics: {{port: {page}}}
"""


@dataclass(frozen=True)
class Sample:
    """The agent at one moment, seconds after the start of the soak."""

    at_s: float
    rss_mb: float
    files: int
    threads: int


def run(quick: bool) -> dict[str, Any]:
    """Soak for 20 s or three minutes."""
    return _soak(20.0 if quick else 180.0)


def full() -> dict[str, Any]:
    """Soak for an hour."""
    return _soak(3600.0)


def _soak(seconds: float) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = Mosquitto(folder / "mosquitto", configuration="set_tcp_nodelay true")
        broker.start()
        stack.callback(broker.stop)
        cable = Cable(broker.port)
        stack.callback(cable.close)
        store = Store(broker.port)
        stack.callback(store.close)
        page = free_port()
        config = folder / "edge.yaml"
        config.write_text(CONFIG.format(folder=folder / "data", uplink=cable.port, sensors=broker.port, page=page))
        with (folder / "log").open("wb") as log:
            command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
            agent = subprocess.Popen(command, cwd=ROOT, stderr=log)
        stack.callback(_end, agent)
        stop = threading.Event()
        told = [0]
        farm = threading.Thread(target=_farm, args=(broker.port, stop, told))
        farm.start()
        samples, pulls = _watch(agent, cable, page, seconds)
        stop.set()
        farm.join()
        cable.mend()
        pause = threading.Event()
        deadline = time.monotonic() + 60
        while _held(page) > 2 and time.monotonic() < deadline:  # a heartbeat may be on its way
            pause.wait(0.5)
        readings, alarms = store.readings(), store.alarms()
        accepted = {
            kind: _metric(page, f'shoal_edge_accepted_total{{kind="{kind}"}}') for kind in ("readings", "alarms")
        }
        details = {
            "seconds": seconds,
            "sensor_messages": told[0],
            "readings_accepted": accepted["readings"],
            "readings_lost": accepted["readings"] - len(readings),
            "readings_stored_twice": len(readings) - len({(r.channel, r.observed_at) for r in readings}),
            "alarm_changes": accepted["alarms"],
            "alarm_changes_lost": accepted["alarms"] - len(alarms),
            "alarm_changes_doubled": len(alarms) - len({(a.alarm_id, a.change) for a in alarms}),
            "reconnects": cable.connections - 1,
            "cable_pulled": pulls,
            "left_in_outbox": _held(page),
            **_slopes(samples, seconds),
        }
    steady = [sample for sample in samples if sample.at_s >= WARM_UP * seconds]
    pair = Pair(ours=steady[-1].rss_mb, floor=steady[0].rss_mb, details={})
    return result("soak", [pair], unit="MB", higher_is_better=False, details=details)


def _farm(port: int, stop: threading.Event, told: list[int]) -> None:
    client = publisher_client(port)
    began = time.monotonic()
    while not stop.wait(1 / MESSAGES_PER_S):
        low = (time.monotonic() - began) % (2 * ALARM_EVERY_S) > ALARM_EVERY_S
        told[0] += 1
        client.publish("farm/tank-1/water", json.dumps({"do": 2.0 if low else 9.0, "temperature": 12.0}), qos=1)
    client.disconnect()
    client.loop_stop()


def _watch(agent: subprocess.Popen[bytes], cable: Cable, page: int, seconds: float) -> tuple[list[Sample], int]:
    """Sample once a second, and pull the cable in between."""
    process = psutil.Process(agent.pid)
    samples: list[Sample] = []
    pulls = 0
    pause = threading.Event()
    began = time.monotonic()
    next_pull_s = PULL_EVERY_S
    while (at_s := time.monotonic() - began) < seconds:
        if at_s >= next_pull_s:
            cable.pull()
            pause.wait(0.3)
            cable.mend()
            pulls += 1
            next_pull_s += PULL_EVERY_S
        _held(page)
        rss_mb = process.memory_info().rss / 1e6
        samples.append(Sample(at_s, rss_mb, process.num_fds(), process.num_threads()))
        pause.wait(LOOK_EVERY_S)
    return samples, pulls


def _held(page: int) -> int:
    """Messages in the outbox."""
    return _metric(page, "shoal_edge_outbox_rows")


def _metric(page: int, beginning: str) -> int:
    """Sum of the metrics whose lines begin so, as people scrape them; 0 while the page does not answer."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{page}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
        return round(sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(beginning)))
    return 0


def _slopes(samples: list[Sample], seconds: float) -> dict[str, float]:
    steady = [sample for sample in samples if sample.at_s >= WARM_UP * seconds]
    hours = np.array([sample.at_s for sample in steady]) / 3600

    def slope(values: list[float]) -> float:
        return round(float(np.polyfit(hours, values, 1)[0]), 2)

    return {
        "rss_mb_per_hour": slope([sample.rss_mb for sample in steady]),
        "files_per_hour": slope([float(sample.files) for sample in steady]),
        "threads_per_hour": slope([float(sample.threads) for sample in steady]),
        "rss_mb_start": round(steady[0].rss_mb, 1),
        "rss_mb_end": round(steady[-1].rss_mb, 1),
        "files_end": steady[-1].files,
        "threads_end": steady[-1].threads,
    }


def _end(agent: subprocess.Popen[bytes]) -> None:
    agent.send_signal(signal.SIGTERM)
    try:
        agent.wait(15)
    except subprocess.TimeoutExpired:
        agent.kill()
        agent.wait()
