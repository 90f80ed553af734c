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


PLAYERS: dict[str, Callable[[Any, Sequence[dict[str, Any]]], Played]] = {
    "mqtt": _mqtt,
    "home_assistant": _home_assistant,
    "modbus": _modbus,
    "replay": _replay,
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
