"""From the settings to the parts: which faults are watched, which outputs exist, and whether the names fit together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.alarms import Severity
from contracts.devices import ChannelInventory
from contracts.errors import ConfigurationError
from edge.clock import Clock
from edge.guard.actuators.controller import fault_channel
from edge.guard.actuators.outputs import Output
from edge.guard.actuators.outputs.gpio import GpioRelay
from edge.guard.actuators.outputs.modbus import ModbusLine
from edge.guard.actuators.outputs.mqtt import MqttRelay
from edge.guard.actuators.outputs.simulated import SimulatedOutput
from edge.guard.farm_link import FarmLinks
from edge.guard.gpio import OpenPin, open_pin
from edge.guard.rules import Watch, fault_watch
from edge.guard.settings import ActuatorSettings, GpioOutput, GuardSettings, ModbusOutput, MqttOutput
from edge.sensors.drivers.modbus.settings import ModbusSensor
from edge.sensors.settings import SensorSettings

NO_PROOF = "Go and look: is it running, is its fuse in, is the rope free? Aerate by hand until it runs"
UNREACHABLE = "Check the relay node's power and network; its own safe state holds until it is back"
STUCK = "Check the contactor for welded contacts and the hand switch on site"
INPUT_ACTION = {
    "power": "Start the emergency generator; check that aeration and oxygen run",
    "flow": "Check pump, valves and screens; open the emergency oxygen",
    "level": "Check outlet, inlet and standpipe",
    "pressure": "Check the supply; open the reserve bottle or the other blower",
}
INPUT_SILENT = "Check the contact's node, its power and the farm network"


def check_names(settings: GuardSettings, *, channels: Iterable[ChannelInventory], units: Iterable[str]) -> None:
    """Every name that the guard's settings mention exists, and means what it is used for.

    Raises:
        ConfigurationError: the first that does not, with its field.
    """
    quantities = {channel.name: channel.quantity for channel in channels}
    inputs = {contact.name for contact in settings.inputs}
    names = [actuator.name for actuator in settings.actuators]
    everything = [*names, *(contact.name for contact in settings.inputs)]
    everything += [settings.siren.name] if settings.siren is not None else []
    for name in everything:
        if everything.count(name) > 1:
            raise ConfigurationError(
                "guard", name, "Two of its actuators, inputs and siren have this name; rename one."
            )
    for i, actuator in enumerate(settings.actuators):
        field = f"guard.actuators.{i}"
        _is_known(f"{field}.unit", actuator.unit, units, "units")
        _rules_name_channels(field, actuator, quantities, inputs)
        if actuator.backup is not None:
            _is_known(f"{field}.backup", actuator.backup, [n for n in names if n != actuator.name], "guard.actuators")
    for i, contact in enumerate(settings.inputs):
        _is_known(f"guard.inputs.{i}.unit", contact.unit, units, "units")


def _rules_name_channels(
    field: str, actuator: ActuatorSettings, quantities: Mapping[str, str], inputs: Iterable[str]
) -> None:
    for k, rule in enumerate(actuator.rules):
        _is_known(f"{field}.rules.{k}.channel", rule.channel, quantities, "channels")
    for k, lock in enumerate(actuator.interlocks):
        if lock.channel is not None:
            _is_known(f"{field}.interlocks.{k}.channel", lock.channel, quantities, "channels")
        if lock.input is not None:
            _is_known(f"{field}.interlocks.{k}.input", lock.input, inputs, "guard.inputs")
    if actuator.proof is None:
        return
    _is_known(f"{field}.proof.channel", actuator.proof.channel, quantities, "channels")
    if quantities[actuator.proof.channel] != "current":
        raise ConfigurationError(
            f"{field}.proof.channel", actuator.proof.channel, "Name a channel of quantity 'current'."
        )


def plan_faults(settings: GuardSettings, *, places: Mapping[str, str]) -> tuple[Watch, ...]:
    """Fault watches of all actuators and contacts."""
    watches = []
    for actuator in settings.actuators:
        faults = [("unreachable", Severity.MAJOR, UNREACHABLE)]
        if actuator.proof is not None:
            faults += [("no_proof", Severity.MAJOR, NO_PROOF), ("runs_though_off", Severity.MINOR, STUCK)]
        watches += [
            fault_watch(
                f"{actuator.kind}.{fault}",
                severity,
                unit=actuator.unit,
                place=places.get(actuator.unit, actuator.unit),
                channel=fault_channel(actuator),
                action=action,
            )
            for fault, severity, action in faults
        ]
    for contact in settings.inputs:
        faults = [("lost", Severity.CRITICAL, INPUT_ACTION[contact.kind]), ("silent", Severity.MAJOR, INPUT_SILENT)]
        watches += [
            fault_watch(
                f"{contact.kind}.{fault}",
                severity,
                unit=contact.unit,
                place=places.get(contact.unit, contact.unit),
                channel=contact.name,
                action=action,
            )
            for fault, severity, action in faults
        ]
    return tuple(watches)


@dataclass(frozen=True)
class Outputs:
    """What the actuators switch through, by the actuator's name, and the Modbus lines that have to be run."""

    by_name: dict[str, Output]
    lines: tuple[ModbusLine, ...]


def build_outputs(settings: GuardSettings, links: FarmLinks, *, clock: Clock, open_pin: OpenPin = open_pin) -> Outputs:
    """One output for every actuator and for the siren."""
    wanted = [(actuator.name, actuator.output, actuator.inverted) for actuator in settings.actuators]
    if settings.siren is not None:
        wanted.append((settings.siren.name, settings.siren.output, False))
    lines: dict[str, ModbusLine] = {}
    found: dict[str, Output] = {}
    for name, output, inverted in wanted:
        if isinstance(output, MqttOutput):
            found[name] = MqttRelay(output, links.to(output.broker), inverted=inverted)
        elif isinstance(output, GpioOutput):
            found[name] = GpioRelay(output, inverted=inverted, open_pin=open_pin)
        elif isinstance(output, ModbusOutput):
            line = lines.setdefault(output.line, ModbusLine(output, clock=clock))
            found[name] = line.coil(output, inverted=inverted)
        else:
            found[name] = SimulatedOutput()
    return Outputs(found, tuple(lines.values()))


def check_lines(settings: GuardSettings, sensors: Iterable[SensorSettings]) -> None:
    """A relay board that hangs on a line of sensors speaks as they do: one line has one speed.

    Raises:
        ConfigurationError: it would speak differently.
    """
    taken = {
        sensor.serial.port: sensor
        for sensor in sensors
        if isinstance(sensor, ModbusSensor) and sensor.serial is not None
    }
    outputs = [(f"guard.actuators.{i}.output", actuator.output) for i, actuator in enumerate(settings.actuators)]
    if settings.siren is not None:
        outputs.append(("guard.siren.output", settings.siren.output))
    for field, output in outputs:
        if not isinstance(output, ModbusOutput) or output.serial is None or output.serial.port not in taken:
            continue
        sensor = taken[output.serial.port]
        for name in ("baud", "parity", "stop_bits"):
            own, theirs = getattr(output.serial, name), getattr(sensor.serial, name)
            if own is not None and own != theirs:
                raise ConfigurationError(
                    f"{field}.serial.{name}",
                    own,
                    f"Sensor {sensor.name!r} is the master of this line: leave it out here, and set the board to the line's"
                    f" {name} ({theirs or 'that of its register map'}).",
                )


def _is_known(field: str, name: str, known: Iterable[str], where: str) -> None:
    names = sorted(known)
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise ConfigurationError(field, name, f"{hint}Name one of {where}: {', '.join(names) or 'there are none'}.")
