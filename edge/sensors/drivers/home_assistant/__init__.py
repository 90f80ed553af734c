"""Home Assistant MQTT discovery."""

from __future__ import annotations

from edge.sensors.driver import DriverContext, DriverKind, SensorDriver
from edge.sensors.drivers.home_assistant.settings import HomeAssistantSensor


def _open(settings: HomeAssistantSensor, context: DriverContext) -> SensorDriver:
    from edge.sensors.drivers.home_assistant.driver import HomeAssistantDriver

    return HomeAssistantDriver(settings, context)


KIND = DriverKind(HomeAssistantSensor, _open)
