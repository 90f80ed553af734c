"""JSON over MQTT by mapping."""

from __future__ import annotations

from edge.sensors.driver import DriverContext, DriverKind, SensorDriver
from edge.sensors.drivers.mqtt.settings import MqttSensor


def _open(settings: MqttSensor, context: DriverContext) -> SensorDriver:
    from edge.sensors.drivers.mqtt.driver import MqttSensorDriver

    return MqttSensorDriver(settings, client_id=context.identity, clock=context.clock, deliver=context.deliver)


KIND = DriverKind(MqttSensor, _open)
