"""Every metric of the bridge, declared in one place with unit and meaning, read from the books when scraped.

The numbers of one scrape are taken under one lock, so ``received = forwarded + dead-lettered + in flight`` holds in it
exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from bridge.broker_watch import BrokerWatch
    from bridge.downlink import Downlink
    from bridge.uplink import Uplink


class UplinkCollector(Collector):
    """The books of an uplink as Prometheus metrics."""

    def __init__(self, uplink: Uplink) -> None:
        self._uplink = uplink

    def collect(self) -> Iterator[Metric]:
        """All metrics, consistent with each other."""
        state = self._uplink.state()
        tally, source = state.tally, state.source
        yield _counter("delivered", "Messages that the broker sent, repeats included", tally.delivered)
        yield _counter("returned", "Messages left with the broker unread: reconnect or stop", tally.returned)
        yield _counter("received", "Messages taken into the flow", tally.received)
        yield _counter("forwarded", "Messages that the sink made durable, without dead letters", tally.forwarded)
        letters = CounterMetricFamily(
            "shoal_bridge_dead_lettered", "Messages that became durable dead letters", labels=["reason"]
        )
        for reason, count in tally.dead_lettered.items():
            letters.add_metric([reason], count)
        yield letters
        yield _counter("acked", "PUBACKs sent to the broker", tally.acked)
        yield _gauge("waiting", "Messages delivered and not yet taken into the flow", tally.waiting)
        yield _gauge("in_flight", "Messages received and not yet durable", tally.in_flight)
        yield _gauge("oldest_unacked_age_seconds", "Age of the oldest unacknowledged message", tally.oldest_age_s)
        yield _gauge("connected", "1 while subscribed at the MQTT broker", float(source.subscribed))
        yield _counter("reconnects", "Connections to the MQTT broker after the first", max(0, source.connections - 1))
        yield _counter(
            "sessions_lost", "Reconnects at which the broker had forgotten our session", source.sessions_lost
        )
        yield _counter("sink_failures", "Batches that the sink could not store at an attempt", state.sink_failures)
        yield _gauge(
            "dead_letter_pause", "1 while paused by the limit of dead letters", float(state.paused_for_dead_letters)
        )
        yield _gauge("ready", "1 while nothing keeps the bridge from forwarding", float(not state.obstacles))


class DownlinkCollector(Collector):
    """What went back to the devices."""

    def __init__(self, downlink: Downlink) -> None:
        self._downlink = downlink

    def collect(self) -> Iterator[Metric]:
        """All metrics of the downlink."""
        tally = self._downlink.tally()
        yield _counter("downlink_given", "Messages for devices given to the downlink", tally.given)
        yield _counter("downlink_published", "Messages for devices that the MQTT broker confirmed", tally.published)
        yield _counter(
            "downlink_superseded", "Retained messages replaced by a newer one before they were sent", tally.superseded
        )
        yield _counter("downlink_expired", "Jobs and commands that were no longer worth sending", tally.expired)
        yield _counter("downlink_invalid", "Downlink records that could not be read", tally.invalid)
        yield _gauge("downlink_pending", "Messages for devices waiting for the MQTT broker", tally.pending)


class BrokerCollector(Collector):
    """What the MQTT broker says of itself; nothing where it says nothing."""

    def __init__(self, watch: BrokerWatch) -> None:
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        """All metrics of the broker."""
        if self._watch.dropped is not None:
            meaning = "Messages that the MQTT broker has dropped since it started, by its own count; must stay 0"
            yield _gauge("broker_dropped", meaning, self._watch.dropped)


def registry_of(*collectors: Collector) -> CollectorRegistry:
    """A registry of its own, so that several bridges can live in one process."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return registry


def _counter(name: str, meaning: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"shoal_bridge_{name}", meaning, value=value)


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"shoal_bridge_{name}", meaning, value=value)
