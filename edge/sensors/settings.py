"""What every sensor has in the configuration, whatever reads it; where a number stands belongs to the driver's own settings."""

from __future__ import annotations

from pydantic import Field

from contracts.base import ChannelName, Slug
from edge.sections import MqttSettings, QuantityCode, Section

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


class ChannelSettings(Section):
    """One measured quantity in one unit."""

    name: ChannelName
    """Stable name, unique within the box; conventionally ``<unit>.<quantity>``."""
    unit: Slug
    """Slug of the unit that the probe is in."""
    quantity: QuantityCode
    """Quantity code of contracts/quantities.py; it fixes the unit of measurement."""
    scale: float = 1.0
    """Multiplier from what the driver reads to our unit (a probe that reports ug/L: 0.001)."""
    offset: float = 0.0
    """Added after scaling, in our unit."""

    def scaled(self, number: float) -> float:
        """A number as the driver read it, in the quantity's unit."""
        return number * self.scale + self.offset


class SensorSettings(Section):
    """One source of readings."""

    name: Slug
    """Stable name, unique within the box."""
    driver: str = "mqtt"
    """Driver that reads it: a folder of edge/sensors/drivers, or one that an installed package brings."""
    channels: tuple[ChannelSettings, ...] = Field(min_length=1)
    """What it measures."""

    @property
    def line(self) -> str | None:
        """What only one sensor can have (a serial port); None shares everything."""
        return None


class BrokerSensorSettings(SensorSettings):
    """A source of readings that is reached through an MQTT broker."""

    broker: MqttSettings = MqttSettings()
    """The farm's own broker, which may be another than the uplink's."""
