"""JSON over MQTT by mapping."""

from __future__ import annotations

from edge.sensors.driver import DriverContext, DriverKind, SensorDriver
from edge.sensors.drivers.mqtt.settings import MqttSensor


def _open(settings: MqttSensor, context: DriverContext) -> SensorDriver:
    from edge.sensors.drivers.mqtt.driver import MqttSensorDriver

    return MqttSensorDriver(settings, context)


KIND = DriverKind(MqttSensor, _open)
