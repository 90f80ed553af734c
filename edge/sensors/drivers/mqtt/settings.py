"""Settings of a sensor that publishes JSON over MQTT: where in which message each number stands."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge.sections import JsonPointer
from edge.sensors.settings import BrokerSensorSettings, ChannelSettings

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


class MqttChannel(ChannelSettings):
    """One measured quantity, and where in which message its number stands."""

    topic: str = Field(min_length=1)
    """MQTT topic, may hold the wildcards ``+`` and ``#``."""
    pointer: JsonPointer = ""
    """JSON pointer to the number; empty when the payload is the number."""
    time_pointer: JsonPointer | None = None
    """JSON pointer to the observation time (ISO 8601, or seconds or milliseconds since 1970); None uses the time of arrival,
    and then a message that the broker delivers twice across a restart cannot be told from a new one."""


class MqttSensor(BrokerSensorSettings):
    """One broker with nodes that publish JSON."""

    driver: Literal["mqtt"] = "mqtt"
    """The driver of this folder."""
    channels: tuple[MqttChannel, ...] = Field(min_length=1)
    """What it measures."""
