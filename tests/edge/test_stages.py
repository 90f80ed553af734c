"""Where time goes on the box: histograms by stage, drops by reason, and what a Jetson board tells of its processor."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from contracts.devices import Watermark
from edge.checkup.jetson import Board, JetsonStats, board_of, throttling
from edge.messaging.state import Acknowledged, Committed, Connected
from edge.metrics import COUNTERS, GAUGES, STAGES, Metrics
from edge.outbox.publisher import Publisher
from edge.stages import BOUNDS_S, Stage, Stages
from tests.edge.farm import VirtualClock, alarm_draft, new_outbox


def test_a_stage_counts_into_the_bucket_that_holds_it() -> None:
    stage = Stage()
    assert stage.at_most_s(0.5) is None
    for seconds in (0.0005, 0.001, 0.3, -5.0):  # the last by a clock that went back
        stage.observe(seconds)
    stage.observe(120.0, times=2)
    cumulative = dict(zip((*BOUNDS_S, None), stage.cumulative(), strict=True))
    assert (cumulative[0.001], cumulative[0.25], cumulative[0.5], cumulative[60.0], cumulative[None]) == (3, 3, 4, 4, 6)
    assert stage.sum_s == pytest.approx(240.3015)
    assert (stage.at_most_s(0.5), stage.at_most_s(0.6), stage.at_most_s(0.99)) == (0.001, 0.5, None)


def scraped(measures: dict[str, dict[str, float]], fill: Callable[[Stages], None] = lambda _: None) -> dict[str, Any]:
    metrics = Metrics(lambda: SimpleNamespace(measures=lambda: measures))  # type: ignore[arg-type, return-value]
    fill(metrics.stages)
    return {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}


def test_every_stage_is_declared_and_scraped_as_a_histogram() -> None:
    assert list(STAGES) == list(Stages().all())
    found = scraped({}, lambda stages: stages.message_puback.observe(0.02))
    for name, meaning in STAGES.items():
        family = found[f"shoal_edge_stage_{name}_seconds"]
        assert (family.type, family.documentation) == ("histogram", meaning)
    samples = found["shoal_edge_stage_message_puback_seconds"].samples
    buckets = {one.labels["le"]: one.value for one in samples if one.name.endswith("_bucket")}
    assert (buckets["0.01"], buckets["0.025"], buckets["+Inf"]) == (0, 1, 1)


def test_drops_are_told_by_camera_and_reason() -> None:
    found = scraped({"frames_dropped_because": {"cam-1/newer": 3.0, "cam-1/stale": 1.0}})
    samples = found["shoal_edge_frames_dropped_because"].samples
    assert [(one.labels, one.value) for one in samples] == [
        ({"camera": "cam-1", "reason": "newer"}, 3.0),
        ({"camera": "cam-1", "reason": "stale"}, 1.0),
    ]
    assert {"frames_dropped_because"} <= set(COUNTERS)
    assert {"gpu_celsius", "gpu_load", "power_watts", "throttling"} <= set(GAUGES)


class Wire:
    """A link that takes everything and remembers nothing but ids."""

    max_payload_bytes = 1_000_000

    def __init__(self) -> None:
        self.sent = 0

    def publish(self, topic: str, payload: bytes, trace: str | None = None) -> int:
        self.sent += 1
        return self.sent


def test_a_message_is_timed_from_the_disk_to_the_broker_and_on_to_the_store(tmp_path: Path) -> None:
    clock, wire, stages = VirtualClock(), Wire(), Stages()
    outbox = new_outbox(tmp_path, clock=clock)
    publisher = Publisher(outbox, wire, site="farm", device="edge-1", clock=clock, stages=stages)

    def turn() -> None:
        stop = SimpleNamespace(is_set=iter([False, True]).__next__, wait=lambda _s: True)
        publisher.run(stop)  # type: ignore[arg-type]

    publisher.handle(Connected())
    turn()
    clock.advance(3)  # a new connection waits for the store's word
    outbox.accept([alarm_draft()])
    turn()
    assert wire.sent == 1
    clock.advance(0.2)
    publisher.handle(Acknowledged(1))
    turn()
    clock.advance(1.5)
    publisher.handle(Committed(Watermark(site="farm", device="edge-1", stream=outbox.stream, committed=1)))
    turn()
    assert stages.message_puback.sum_s == pytest.approx(0.2)
    assert stages.message_commit.sum_s == pytest.approx(1.5)
    assert stages.document()["message_commit"] == {
        "count": 1,
        "mean_ms": 1500.0,
        "p50_within_ms": 2500.0,
        "p99_within_ms": 2500.0,
    }
    outbox.close()


class Jtop:
    """The client of jetson-stats 4, as its documentation shapes it."""

    def __init__(self, looked: threading.Event, stop: threading.Event) -> None:
        self._looked, self._stop = looked, stop
        self.temperature = {"CPU": {"temp": 50.5, "online": True}, "GPU": {"temp": 47.25, "online": True}}
        self.power = {"rail": {"VDD_IN": {"power": 9000}}, "tot": {"volt": 5000, "power": 9120, "avg": 9000}}
        self.gpu = {"gpu": {"type": "integrated", "status": {"load": 63.0, "railgate": False}}}

    def ok(self) -> bool:
        if self._looked.is_set():
            self._stop.wait(5)
        self._looked.set()
        return not self._stop.is_set()


def test_a_jetson_board_tells_heat_load_and_power() -> None:
    looked, stop = threading.Event(), threading.Event()
    stats = JetsonStats(lambda: SimpleNamespace(jtop=lambda interval: nullcontext(Jtop(looked, stop))))
    assert stats.available()
    assert board_of(Jtop(looked, stop)).measures() == {"gpu_celsius": 47.25, "power_watts": 9.12, "gpu_load": 0.63}
    thread = threading.Thread(target=stats.run, args=(stop,))
    thread.start()
    assert looked.wait(5)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    assert stats.board == Board()  # what is no longer heard is not shown


def test_a_box_without_jetson_stats_or_with_another_shape_of_it_tells_nothing() -> None:
    def absent() -> Any:
        raise ModuleNotFoundError("No module named 'jtop'")

    assert not JetsonStats(absent).available()
    strange = SimpleNamespace(temperature={"GPU": {"temp": None, "online": False}}, power=[], gpu=None)
    assert board_of(strange).measures() == {}


def test_throttle_alerts_of_the_kernel(tmp_path: Path) -> None:
    for number, (kind, state) in enumerate([("pwm-fan", 3), ("gpu-throttle-alert", 1), ("cpu-throttle-alert", 0)]):
        device = tmp_path / f"sys/class/thermal/cooling_device{number}"
        device.mkdir(parents=True)
        (device / "type").write_text(f"{kind}\n")
        (device / "cur_state").write_text(f"{state}\n")
    assert throttling(tmp_path) == {"gpu-throttle-alert": 1.0, "cpu-throttle-alert": 0.0}
    assert throttling(tmp_path / "none") == {}
