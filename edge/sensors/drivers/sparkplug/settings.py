"""Settings of a Sparkplug B host: which metric of which edge node is which channel."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge.sensors.settings import BrokerSensorSettings, ChannelSettings

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.

_PART = r"^[^+#/]+$"


class MetricChannel(ChannelSettings):
    """One metric."""

    group: str = Field(pattern=_PART)
    """Group id."""
    node: str = Field(pattern=_PART)
    """Edge node id."""
    device: str | None = Field(default=None, pattern=_PART)
    """Device id; None is a metric of the node itself."""
    metric: str = Field(min_length=1)
    """Name of the metric as in the birth, with its folders (``Tank 1/DO``)."""
    metric_unit: str | None = None
    """Unit that the metric is in; None takes its ``engUnit`` property, and where it has none the quantity's unit."""


class SparkplugSensor(BrokerSensorSettings):
    """The Sparkplug edge nodes on one broker."""

    driver: Literal["sparkplug"] = "sparkplug"
    """The driver of this folder."""
    host_id: str | None = Field(default=None, pattern=_PART)
    """Publish STATE under this id, so that nodes which have it as their primary host keep their data while this box is away.
    None: listen only. One host per id."""
    groups: tuple[str, ...] = ()
    """Groups to listen to; empty listens to those of the channels, or to all while there are no channels."""
    channels: tuple[MetricChannel, ...] = ()
    """What it measures. May be empty at first: the page then lists the metrics that were born, for adoption."""
