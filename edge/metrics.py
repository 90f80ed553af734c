"""Every metric of the agent, declared in one place with its unit and meaning; values are read when Prometheus asks.

Conservation holds on every scrape: frames captured = processed + dropped + waiting; readings accepted = released +
held + dropped + thinned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.stages import BOUNDS_S, Stage, Stages

if TYPE_CHECKING:
    from edge.status import Snapshot

COUNTERS: dict[str, str] = {
    "accepted": "Readings, observations, alarms and other things persisted in the outbox, by kind, since the outbox was made",
    "dropped": "Things that the outbox quota or a bad disk took, by kind, since the outbox was made",
    "thinned": "Readings that a minute's least and greatest stand for, by kind, since the outbox was made",
    "messages_sent": "Messages handed to the broker, repeats included, since the start",
    "messages_resent": "Messages sent again because the store had not confirmed them, since the start",
    "readings_repeated": "Readings refused as repeats of accepted ones, since the start",
    "readings_flagged": "Readings that are suspect or failed, by the test that decided it, since the start",
    "readings_overflowed": "Readings dropped because the outbox could not persist for too long, since the start",
    "frames_captured": "Frames captured, by camera, since the start",
    "frames_processed": "Frames that were looked at, by camera, since the start",
    "frames_dropped": "Frames captured and never looked at, by camera, since the start",
    "frames_dropped_because": "Frames captured and never looked at, by camera and reason, since the start",
    "camera_stalls": "Times that a camera paused for longer than its own rhythm explains, by camera, since the start",
    "camera_reconnects": "Times that a camera was lost and came back, by camera, since the start",
    "samples_kept": "Frames kept for a label, since the start",
    "samples_uploaded": "Samples that the label queue has taken, since the start",
    "pictures_refused": "Pictures that found no room on the disk or that it did not take, since the start",
    "model_swaps": "Times that another model took over, since the start",
    "models_fetched_bytes": "Bytes of models and their metadata that were fetched, since the start",
    "worker_restarts": "Times that a worker thread was started again, by worker, since the start",
}
GAUGES: dict[str, str] = {
    "up_seconds": "Seconds since the agent started",
    "connected": "1 while the uplink broker is connected",
    "resident_bytes": "Resident memory of the agent in bytes",
    "outbox_rows": "Messages in the outbox, by class",
    "outbox_bytes": "Bytes of message bodies in the outbox, by class",
    "outbox_oldest_age_seconds": "Age of the oldest message in the outbox in seconds; 0 when it is empty",
    "messages_in_flight": "Messages handed to the broker and not yet acknowledged",
    "messages_unconfirmed": "Messages acknowledged by the broker and not yet confirmed by the store",
    "channel_age_seconds": "Seconds since the newest reading, by channel",
    "channel_value": "Newest value in the quantity's unit, by channel",
    "frames_waiting": "Frames captured and not ended yet, in the queue or with the model, by camera",
    "camera_fps": "Frames captured per second, by camera",
    "samples_waiting": "Samples that wait for their upload",
    "picture_bytes": "Bytes of evidence and samples on the disk",
    "alarms_active": "Active alarms, by severity",
    "alarms_shelved": "Active alarms that a person has shelved",
    "actuator_on": "1 while the box wants the actuator on, by actuator",
    "actuator_proven": "1 while its current shows that the actuator does what it should, 0 while it does not, by actuator",
    "actuator_reachable": "1 while the actuator's relay can be reached, by actuator",
    "temperature_celsius": "Temperature of the machine in degrees Celsius, by thermal zone of the kernel",
    "gpu_celsius": "Temperature of the graphics processor in degrees Celsius, where jetson-stats tells it",
    "gpu_load": "Load of the graphics processor, 0 to 1, where jetson-stats tells it",
    "power_watts": "Power that the board takes in watts, where jetson-stats tells it",
    "throttling": "1 while the kernel slows the board down for heat or current, by alert; none where the board has no alerts",
    "deployment_state": "1 for the state that the newest model deployment is in, by state",
    "repository_seconds_left": "Seconds until the newest metadata of model releases ends; below 0 nothing new is accepted",
    "siren_sounding": "1 while the siren sounds",
    "clock_trusted": "1 while the wall clock can be trusted",
    "degraded": "Number of things that do not work as configured",
}
STAGES: dict[str, str] = {
    "reading_queue": "Seconds from the arrival of a reading at its driver to the sampler, one per message",
    "reading_persist": "Seconds from the sampler to the disk, of the oldest reading of each batch",
    "frame_decode": "Seconds from the capture of a frame to its decoded and drawn picture",
    "frame_result": "Seconds from the decoded picture to the result of the model",
    "observation_persist": "Seconds from the end of a window of results to its observation on the disk",
    "message_puback": "Seconds from the disk to the broker's acknowledgement, of messages that were not held up as backfill",
    "message_commit": "Seconds from the broker's acknowledgement to the store's commit, as the box learns of it",
}
"""Stages of ``stages.py``, in the order of the way; together they say where time goes."""
_PREFIX = "shoal_edge_"
_LABEL = {
    "frames_dropped_because": "camera reason",
    "throttling": "alert",
    "accepted": "kind",
    "dropped": "kind",
    "thinned": "kind",
    "readings_flagged": "test",
    "frames_captured": "camera",
    "frames_processed": "camera",
    "frames_dropped": "camera",
    "camera_stalls": "camera",
    "camera_reconnects": "camera",
    "frames_waiting": "camera",
    "camera_fps": "camera",
    "worker_restarts": "worker",
    "outbox_rows": "class",
    "outbox_bytes": "class",
    "channel_age_seconds": "channel",
    "channel_value": "channel",
    "alarms_active": "severity",
    "temperature_celsius": "zone",
    "actuator_on": "actuator",
    "deployment_state": "state",
    "actuator_proven": "actuator",
    "actuator_reachable": "actuator",
}
ACTUATION_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics(Collector):
    """The agent's registry.

    Args:
        snapshot: reads the present state of the agent.
    """

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot
        self._registry = CollectorRegistry()
        self.stages = Stages()
        """How long things take; each stage is written by one thread."""
        self.frame_latency = Histogram(
            f"{_PREFIX}frame_latency_seconds",
            "Seconds from the capture of a frame to its result",
            buckets=LATENCY_BUCKETS_S,
            registry=self._registry,
        )
        self.actuation_latency = Histogram(
            f"{_PREFIX}actuation_latency_seconds",
            "Seconds from the arrival of a reading, or the end of the rule's delay, to the told relay",
            buckets=ACTUATION_BUCKETS_S,
            registry=self._registry,
        )
        self.command_latency = Histogram(
            f"{_PREFIX}command_latency_seconds",
            "Seconds from the receipt of a command to its end",
            buckets=ACTUATION_BUCKETS_S,
            registry=self._registry,
        )
        self._registry.register(self)

    def render(self) -> bytes:
        """Text in Prometheus' exposition format."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """No metrics at registration: the agent is not running yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """One family per declared metric."""
        values = self._snapshot().measures()
        for name, meaning in COUNTERS.items():
            yield from _family(CounterMetricFamily, name, meaning, values.get(name, {}))
        for name, meaning in GAUGES.items():
            yield from _family(GaugeMetricFamily, name, meaning, values.get(name, {}))
        stages = self.stages.all()
        for name, meaning in STAGES.items():
            yield _histogram(name, meaning, stages[name])


def _family(
    make: type[CounterMetricFamily | GaugeMetricFamily], name: str, meaning: str, values: dict[str, float]
) -> Iterator[Metric]:
    labels = _LABEL.get(name, "").split()
    family = make(f"{_PREFIX}{name}", meaning, labels=labels)
    for key, value in values.items():
        family.add_metric(key.rsplit("/", len(labels) - 1) if labels else [], value)
    yield family


def _histogram(name: str, meaning: str, stage: Stage) -> Metric:
    cumulative = stage.cumulative()
    ends = [*(str(end) for end in BOUNDS_S), "+Inf"]
    family = HistogramMetricFamily(f"{_PREFIX}stage_{name}_seconds", meaning)
    family.add_metric([], list(zip(ends, cumulative, strict=True)), stage.sum_s)
    return family
