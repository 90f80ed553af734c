"""Modbus RTU and TCP by register map."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from contracts.errors import ConfigurationError
from edge.sensors.driver import DriverContext, DriverKind, Looked, SensorDriver
from edge.sensors.drivers.modbus.settings import ModbusSensor


def _open(settings: ModbusSensor, context: DriverContext) -> SensorDriver:
    from edge.sensors.drivers.modbus.driver import ModbusDriver

    return ModbusDriver(settings, context)


def _check(settings: ModbusSensor, field: str) -> None:
    """Every map exists and fits, and every channel names a value of its slave's map."""
    from edge.sensors.drivers.modbus.probe import load_map

    maps = {s.name: load_map(s.map, f"{field}.slaves.{i}.map") for i, s in enumerate(settings.slaves)}
    if settings.serial is not None:
        for name, ours in settings.serial.model_dump(include={"baud", "parity", "stop_bits"}).items():
            theirs = {getattr(probe.line, name) for probe in maps.values()}
            if ours is None and len(theirs) > 1:
                raise ConfigurationError(
                    f"{field}.serial.{name}",
                    None,
                    f"The probes on this line leave the factory with {' and '.join(map(str, sorted(theirs)))}: set"
                    " all of them alike and write it here.",
                )
    for index, channel in enumerate(settings.channels):
        probe = maps[channel.slave]
        if channel.wanted not in probe.values:
            near = difflib.get_close_matches(channel.wanted, probe.values, n=1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise ConfigurationError(
                f"{field}.channels.{index}.value",
                channel.wanted,
                f"{hint}The map {probe.name} of slave {channel.slave} has {', '.join(sorted(probe.values))}.",
            )
        quantity = probe.values[channel.wanted].quantity
        if quantity != channel.quantity:
            raise ConfigurationError(
                f"{field}.channels.{index}.quantity",
                channel.quantity,
                f"The map {probe.name} says that {channel.wanted!r} is {quantity}: write that, or name another value.",
            )


def _look(settings: ModbusSensor) -> Iterable[Looked]:
    from edge.sensors.drivers.modbus.look import look

    return look(settings)


KIND = DriverKind(ModbusSensor, _open, _check, _look)
