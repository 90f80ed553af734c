"""The MQTT sensor driver: bad payloads, topic filters, and acknowledgement after persisting over a real broker."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime

import pytest

from edge.clock import SystemClock
from edge.sections import MqttSettings
from edge.sensors.driver import Delivery, DriverContext
from edge.sensors.drivers.mqtt.driver import MqttSensorDriver
from edge.sensors.drivers.mqtt.mapping import read, topic_matches
from edge.sensors.drivers.mqtt.settings import MqttChannel, MqttSensor
from edge.supervisor import Supervisor
from tests.edge.farm import eventually, publisher_client
from tests.servers.mosquitto import Mosquitto


@pytest.mark.parametrize(
    ("payload", "fault"),
    [(b"\xff\xfe", "not JSON"), (b"{}", "nothing at"), (b'{"do": "NaN"}', "finite"), (b'{"do": [1]}', "not a number")],
)
def test_bad_payloads_are_faults_not_readings(payload: bytes, fault: str) -> None:
    channel = MqttChannel(name="a.do", unit="a", quantity="do", topic="a", pointer="/do")
    readings, faults = read([channel], "a", payload)
    assert readings == []
    assert fault in faults[0]


@pytest.mark.parametrize(
    ("pattern", "topic", "fits"),
    [("a/+/c", "a/b/c", True), ("a/#", "a/b/c", True), ("a/+", "a/b/c", False), ("a/b", "a", False), ("#", "x", True)],
)
def test_topic_filters(pattern: str, topic: str, fits: bool) -> None:
    assert topic_matches(pattern, topic) is fits


class Receiver:
    """A driver with a box that keeps its deliveries."""

    def __init__(self, port: int) -> None:
        self.deliveries: list[Delivery] = []
        channel = MqttChannel(
            name="tank-1.do", unit="tank-1", quantity="do", topic="farm/tank-1/water", pointer="/do", time_pointer="/ts"
        )
        settings = MqttSensor(name="water", broker=MqttSettings(port=port, reconnect_max_s=0.3), channels=(channel,))
        context = DriverContext("edge-1.water", SystemClock(), self.deliveries.append)
        self.driver = MqttSensorDriver(settings, context)
        self.supervisor = Supervisor()
        self.supervisor.start("driver", self.driver.run)

    def values(self) -> list[float]:
        return [delivery.readings[0].value for delivery in self.deliveries]

    def stop(self) -> None:
        self.supervisor.stop_all(timeout_s=3)


@pytest.mark.integration
def test_messages_that_were_not_acknowledged_come_again_after_a_restart(
    mosquitto_factory: Callable[..., Mosquitto],
) -> None:
    broker = mosquitto_factory()
    first = Receiver(broker.port)
    eventually(lambda: first.driver.health().connected)
    sensor = publisher_client(broker.port)
    for number in range(5):
        payload = {"ts": f"2026-11-21T06:00:0{number}Z", "do": number}
        sensor.publish("farm/tank-1/water", json.dumps(payload), qos=1).wait_for_publish(5)
    eventually(lambda: len(first.deliveries) == 5)
    for delivery in first.deliveries[:3]:
        delivery.done()
    threading.Event().wait(0.3)
    first.stop()
    sensor.publish("farm/tank-1/water", json.dumps({"ts": "2026-11-21T06:00:05Z", "do": 5}), qos=1).wait_for_publish(5)

    second = Receiver(broker.port)
    eventually(lambda: second.values() == [3, 4, 5])
    assert second.deliveries[0].readings[0].node_time == datetime.fromisoformat("2026-11-21T06:00:03+00:00")
    second.stop()
    sensor.disconnect()
    sensor.loop_stop()


@pytest.mark.integration
def test_a_rejected_message_is_counted_and_does_not_come_again(mosquitto_factory: Callable[..., Mosquitto]) -> None:
    broker = mosquitto_factory()
    receiver = Receiver(broker.port)
    eventually(lambda: receiver.driver.health().connected)
    sensor = publisher_client(broker.port)
    sensor.publish("farm/tank-1/water", b"not json", qos=1).wait_for_publish(5)
    eventually(lambda: receiver.driver.health().rejected == 1)
    receiver.stop()
    again = Receiver(broker.port)
    eventually(lambda: again.driver.health().connected)
    threading.Event().wait(0.3)
    assert again.driver.health().messages == 0
    again.stop()
    sensor.disconnect()
    sensor.loop_stop()


@pytest.mark.faults
def test_the_driver_comes_back_when_the_farm_broker_does(mosquitto_factory: Callable[..., Mosquitto]) -> None:
    broker = mosquitto_factory()
    receiver = Receiver(broker.port)
    eventually(lambda: receiver.driver.health().connected)
    broker.kill()
    eventually(lambda: not receiver.driver.health().connected)
    broker.start()
    eventually(lambda: receiver.driver.health().connected)
    sensor = publisher_client(broker.port)
    sensor.publish("farm/tank-1/water", json.dumps({"ts": "2026-11-21T06:00:00Z", "do": 7}), qos=1)
    eventually(lambda: receiver.values() == [7])
    receiver.stop()
    sensor.disconnect()
    sensor.loop_stop()


@pytest.mark.integration
def test_a_number_without_a_time_that_waited_in_the_broker_is_no_reading(
    mosquitto_factory: Callable[..., Mosquitto],
) -> None:
    broker = mosquitto_factory()
    sensor = publisher_client(broker.port)
    sensor.publish("farm/tank-1/ph", b"7.1", qos=1, retain=True).wait_for_publish(5)
    deliveries: list[Delivery] = []
    channel = MqttChannel(name="tank-1.ph", unit="tank-1", quantity="ph", topic="farm/tank-1/ph")
    settings = MqttSensor(name="ph", broker=MqttSettings(port=broker.port, reconnect_max_s=0.3), channels=(channel,))

    def start() -> tuple[MqttSensorDriver, Supervisor]:
        driver = MqttSensorDriver(settings, DriverContext("edge-1.ph", SystemClock(), deliveries.append))
        supervisor = Supervisor()
        supervisor.start("ph", driver.run)
        eventually(lambda: driver.health().rejected == 1)  # the retained value
        return driver, supervisor

    _, first = start()
    first.stop_all(timeout_s=3)
    sensor.publish("farm/tank-1/ph", b"7.2", qos=1).wait_for_publish(5)  # while the agent is away
    _, second = start()
    sensor.publish("farm/tank-1/ph", b"7.3", qos=1).wait_for_publish(5)
    eventually(lambda: deliveries)
    assert [delivery.readings[0].value for delivery in deliveries] == [7.3]
    second.stop_all(timeout_s=3)
    sensor.disconnect()
    sensor.loop_stop()
