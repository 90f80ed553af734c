"""Plays a recorded case of a driver: what arrived, through the driver's pure part, to readings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from edge.sensors.driver import RawReading
from edge.sensors.drivers.home_assistant.discovery import source_of
from edge.sensors.drivers.home_assistant.settings import HomeAssistantSensor
from edge.sensors.drivers.home_assistant.state import DiscoveryHost
from edge.sensors.drivers.modbus.driver import read_values, stations_of
from edge.sensors.drivers.modbus.probe import Table
from edge.sensors.drivers.modbus.settings import ModbusSensor
from edge.sensors.drivers.mqtt.mapping import read
from edge.sensors.drivers.mqtt.settings import MqttSensor
from edge.sensors.drivers.replay.driver import readings_of
from edge.sensors.drivers.replay.series import moments
from edge.sensors.drivers.replay.settings import ReplaySensor
from edge.sensors.drivers.sparkplug.codec import decode
from edge.sensors.drivers.sparkplug.settings import SparkplugSensor
from edge.sensors.drivers.sparkplug.state import HostState, address_of
from edge.sensors.drivers.sparkplug.values import NoNumberError, reading_of
from tests.edge.sparkplug_reference import reference_payload

Played = tuple[list[RawReading], int]
"""Readings, and how many things were refused."""


def _mqtt(settings: MqttSensor, arrived: Sequence[dict[str, Any]]) -> Played:
    readings: list[RawReading] = []
    faults = 0
    for message in arrived:
        found, wrong = read(settings.channels, message["topic"], json.dumps(message["payload"]).encode())
        readings += found
        faults += len(wrong)
    return readings, faults


def _modbus(settings: ModbusSensor, arrived: Sequence[dict[str, Any]]) -> Played:
    readings: list[RawReading] = []
    faults = 0
    stations = stations_of(settings)
    for answer in arrived:
        station = stations[answer["slave"]]
        registers: dict[tuple[Table, int], int] = {
            ("holding", int(first) - station.probe.first_register + step): word
            for first, words in answer["holding"].items()
            for step, word in enumerate(words)
        }
        found, misfits = read_values(station, registers, warm_up=answer.get("warm_up", False))
        readings += found
        faults += len(misfits)
    return readings, faults


def _home_assistant(settings: HomeAssistantSensor, arrived: Sequence[dict[str, Any]]) -> Played:
    host = DiscoveryHost(settings.channels, settings.prefix)
    readings: list[RawReading] = []
    faults = 0
    for message in arrived:
        topic, payload = message["topic"], message["payload"]
        octets = (payload if isinstance(payload, str) else json.dumps(payload)).encode()
        if source_of(topic, settings.prefix):
            host.announce(topic, octets, 0.0)
        elif topic in host.topics():
            heard = host.hear(topic, octets, retained=message.get("retain", False), now_s=0.0)
            readings += heard.readings
            faults += len(heard.faults)
    return readings, faults


def _replay(settings: ReplaySensor, arrived: Sequence[Any]) -> Played:
    played = list(moments(settings, arrived))
    readings = [reading for moment in played for reading in readings_of(settings, moment)]
    return readings, sum(moment.faults for moment in played)


def _sparkplug(settings: SparkplugSensor, arrived: Sequence[dict[str, Any]]) -> Played:
    host = HostState()
    readings: list[RawReading] = []
    faults = 0
    for message in arrived:
        address = address_of(message["topic"])
        assert address is not None
        payload = bytes.fromhex(message["hex"]) if "hex" in message else _sparkplug_bytes(message["payload"])
        outcome = host.take(address, decode(payload), 0.0)
        faults += len(outcome.faults)
        for value in outcome.values:
            for channel in settings.channels:
                if (channel.group, channel.node) == value.node and (channel.device, channel.metric) == (
                    value.device,
                    value.name,
                ):
                    try:
                        readings.append(reading_of(channel, value))
                    except NoNumberError:
                        faults += 1
    return readings, faults


def _sparkplug_bytes(payload: dict[str, Any]) -> bytes:
    """A payload that is written as JSON, as the reference implementation of protobuf encodes it."""
    message = reference_payload()
    message.timestamp, message.seq = payload["timestamp"], payload["seq"]
    for metric in payload["metrics"]:
        properties = metric.get("properties", {})
        made = message.metrics.add(**{key: value for key, value in metric.items() if key != "properties"})
        for key, value in properties.items():
            made.properties.keys.append(key)
            if isinstance(value, str):
                made.properties.values.add(type=12, string_value=value)
            else:
                made.properties.values.add(type=3, int_value=value)
    encoded: bytes = message.SerializeToString()
    return encoded


PLAYERS: dict[str, Callable[[Any, Sequence[dict[str, Any]]], Played]] = {
    "mqtt": _mqtt,
    "home_assistant": _home_assistant,
    "modbus": _modbus,
    "replay": _replay,
    "sparkplug": _sparkplug,
}


def told(reading: RawReading) -> dict[str, Any]:
    """A reading as cases write it: what is not said is left out."""
    said = {
        "channel": reading.channel.name,
        "value": round(reading.value, 9),
        "node_time": reading.node_time.isoformat() if reading.node_time else None,
        "quality": reading.quality.name.lower() if reading.quality else None,
        "test": reading.test,
        "historical": reading.historical or None,
    }
    return {key: value for key, value in said.items() if value is not None}
