"""Sparkplug B host."""

from __future__ import annotations

from edge.sensors.driver import DriverContext, DriverKind, SensorDriver
from edge.sensors.drivers.sparkplug.settings import SparkplugSensor


def _open(settings: SparkplugSensor, context: DriverContext) -> SensorDriver:
    from edge.sensors.drivers.sparkplug.driver import SparkplugDriver

    return SparkplugDriver(settings, context)


KIND = DriverKind(SparkplugSensor, _open)
