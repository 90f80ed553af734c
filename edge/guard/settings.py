"""Settings of what the box does to the water by itself: actuators with their rules and proofs, contacts, and the siren."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, model_validator

from contracts.base import ChannelName, Slug
from edge.sections import GpioPin, JsonPointer, MqttSettings, Section
from edge.sensors.drivers.modbus.settings import SerialLine, TcpLine

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.

ActuatorKind = Literal["aerator", "oxygen", "pump", "feeder", "doser", "heater"]
SAFE_ON: frozenset[str] = frozenset({"aerator", "oxygen", "pump"})
"""Kinds that keep fish alive by running: when something fails they run. All others stop."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(
            f"unknown time zone {name!r}; write one like 'Europe/Oslo' (a bare system needs the package tzdata)"
        ) from error
    return name


class OnOffRule(Section):
    """Switch on one channel's value, with a deadband: either ``on_below`` with ``off_above``, or ``on_above`` with ``off_below``."""

    channel: ChannelName
    """Channel of ``sensors``, or a saturation that is derived from one."""
    on_below: float | None = None
    """Goes on below this, in the channel's unit."""
    off_above: float | None = None
    """Goes off again above this."""
    on_above: float | None = None
    """Goes on above this (a feeder's permission, a degasser)."""
    off_below: float | None = None
    """Goes off again below this."""
    on_delay_s: float = Field(default=10.0, ge=0)
    """Seconds that the value must ask for ON before it is done: rides over a splash at the probe."""
    off_delay_s: float = Field(default=120.0, ge=0)
    """Seconds that the value must ask for OFF before it is done."""
    early_off: float | None = None
    """Value this far beyond the OFF limit goes off at once, also at night; None leaves that out."""

    @model_validator(mode="after")
    def _one_pair_with_a_deadband(self) -> OnOffRule:
        low, high = (self.on_below, self.off_above), (self.on_above, self.off_below)
        if (None in low) == (None in high) or (any(v is not None for v in low) and any(v is not None for v in high)):
            raise ValueError("give either on_below and off_above, or on_above and off_below")
        if None not in low and not self.on_below < self.off_above:  # type: ignore[operator]
            raise ValueError(f"off_above ({self.off_above:g}) must be above on_below ({self.on_below:g})")
        if None not in high and not self.off_below < self.on_above:  # type: ignore[operator]
            raise ValueError(f"off_below ({self.off_below:g}) must be below on_above ({self.on_above:g})")
        if self.early_off is not None and self.early_off <= 0:
            raise ValueError("early_off is a distance beyond the OFF limit, so it is above 0")
        return self


class Interlock(Section):
    """A hard rule: nobody, and no command, can go against it. Exactly one of channel (with below or above) and input."""

    force: Literal["on", "off"]
    """What the actuator does while it holds."""
    channel: ChannelName | None = None
    """Channel whose value is watched."""
    below: float | None = None
    """Holds while the value is below this, in the channel's unit."""
    above: float | None = None
    """Holds while the value is above this."""
    hysteresis: float | None = Field(default=None, ge=0)
    """How far the value must return before it lets go; None takes the alarm's default of the quantity (0.5 mg/L oxygen)."""
    input: Slug | None = None
    """Contact of ``guard.inputs`` that is watched: holds while it reports trouble."""

    @model_validator(mode="after")
    def _one_condition(self) -> Interlock:
        if (self.channel is None) == (self.input is None):
            raise ValueError("give either channel or input")
        if self.channel is not None and (self.below is None) == (self.above is None):
            raise ValueError("give either below or above with a channel")
        if self.input is not None and (self.below is not None or self.above is not None):
            raise ValueError("a contact has no below or above")
        return self


class NightSettings(Section):
    """The hours of darkness, when an actuator that is on stays on: algae breathe, and nobody is there to see it fail."""

    begins: time = time(20, 0)
    """Local time at which it begins."""
    ends: time = time(7, 0)
    """Local time at which it ends."""


class ProofSettings(Section):
    """Proof that the motor really runs: the current through its cable (``Min Amps``)."""

    channel: ChannelName
    """Channel of quantity ``current`` that a clamp measures."""
    min_a: float = Field(gt=0)
    """Amperes above which the motor runs; half of its nominal current is usual."""
    within_s: float = Field(default=15.0, gt=0)
    """Seconds after switching within which the current must show it, and the longest age of a current that counts."""


class MqttOutput(Section):
    """A relay that obeys MQTT: an ESPHome or Tasmota node, or any switch with a command and a state topic."""

    type: Literal["mqtt"] = "mqtt"
    """The means."""
    broker: MqttSettings | None = None
    """Its broker; None takes ``guard.broker``."""
    style: Literal["esphome", "tasmota", "plain"] = "plain"
    """``esphome`` and ``tasmota`` make the topics from ``node`` and ``switch``; ``plain`` takes the topics below."""
    node: str | None = Field(default=None, pattern=r"^[^+#\s]+$")
    """Topic prefix of the ESPHome node, or Tasmota's Topic."""
    switch: str = Field(default="", pattern=r"^[^+#/\s]*$")
    """ESPHome: object id of the switch. Tasmota: relay, ``POWER`` or ``POWER1``; empty is ``POWER``."""
    command_topic: str | None = Field(default=None, pattern=r"^[^+#]+$")
    """Topic of commands, for style ``plain``. Commands are never retained: a relay must not wake up to an old one."""
    payload_on: str = "ON"
    """Command that switches the device on."""
    payload_off: str = "OFF"
    """Command that switches the device off."""
    state_topic: str | None = Field(default=None, pattern=r"^[^+#]+$")
    """Topic on which the relay reports its state; None: it does not, and only the current can prove anything."""
    state_pointer: JsonPointer = ""
    """JSON pointer to the state; empty when the payload is the state."""
    state_on: str = "ON"
    """Report that means on; anything else is off (JSON booleans are written ``true`` and ``false``)."""
    availability_topic: str | None = Field(default=None, pattern=r"^[^+#]+$")
    """Topic on which the node's last will says that it is gone."""
    offline: str = "offline"
    """What it says then."""
    reassert_s: float = Field(default=30.0, ge=1)
    """Seconds after which the wanted state is sent again; it is sent at once after every reconnect and contradiction."""

    @model_validator(mode="after")
    def _topics_are_known(self) -> MqttOutput:
        if self.style == "plain" and self.command_topic is None:
            raise ValueError("style 'plain' needs command_topic")
        if self.style != "plain" and self.node is None:
            raise ValueError(f"style {self.style!r} needs node")
        if self.style == "esphome" and not self.switch:
            raise ValueError("style 'esphome' needs switch, the object id of the switch on the node")
        return self


class ModbusOutput(Section):
    """A coil of a relay board that speaks Modbus (function 5 writes it, function 1 reads it back)."""

    type: Literal["modbus"] = "modbus"
    """The means."""
    tcp: TcpLine | None = None
    """The board, or a gateway before it; give this or ``serial``."""
    serial: SerialLine | None = None
    """A serial port. It may be the port of a ``modbus`` sensor: the relays are then switched between two requests to its probes,
    with the speed and parity of that sensor."""
    address: int = Field(default=1, ge=0, le=247)
    """Slave address of the board."""
    coil: int = Field(ge=0, le=65535)
    """Coil as the protocol counts, from 0; manuals often count from 1."""
    timeout_ms: int = Field(default=500, ge=50, le=5000)
    """Deadline of one request."""
    reassert_s: float = Field(default=10.0, ge=1)
    """Seconds after which it is read back, and written again where it differs."""

    @model_validator(mode="after")
    def _one_line(self) -> ModbusOutput:
        if (self.tcp is None) == (self.serial is None):
            raise ValueError("give either tcp or serial")
        return self

    @property
    def line(self) -> str:
        """Name of the line; coils on one line share its connection."""
        return f"{self.tcp.host}:{self.tcp.port}" if self.tcp is not None else str(self.serial and self.serial.port)


class GpioOutput(Section):
    """A relay on a pin of the box itself: nothing between them can fail but the wire. The wiring is the safe state: when the agent
    or the box ends, the pin does what its driver does, so what must run stands on the normally closed contact.
    """

    type: Literal["gpio"] = "gpio"
    """The means."""
    pin: GpioPin
    """The pin."""


class SimulatedOutput(Section):
    """No hardware: does as it is told. For trying out rules."""

    type: Literal["simulated"] = "simulated"
    """The means."""


OutputSettings = Annotated[MqttOutput | ModbusOutput | GpioOutput | SimulatedOutput, Field(discriminator="type")]


class ActuatorSettings(Section):
    """One thing that the box can switch."""

    name: Slug
    """Stable name, unique within the box."""
    label: str = ""
    """Name for people; empty makes one from the name."""
    unit: Slug
    """Slug of the unit it serves."""
    kind: ActuatorKind = "aerator"
    """What it is; it decides the safe state: aerator, oxygen and pump run, feeder, doser and heater stop."""
    output: OutputSettings
    """How it is switched."""
    inverted: bool = False
    """True when the energised relay stops the device (normally closed contact), as it should be for what must run when power
    is lost. Leave it False when the node itself inverts (ESPHome ``inverted: true``)."""
    rules: tuple[OnOffRule, ...] = ()
    """When it goes on and off by itself; several: it goes to its safe state when any asks for that. None: see ``normally``."""
    normally: Literal["on", "off"] = "on"
    """State of an actuator without rules: a feeder's permission is normally on."""
    interlocks: tuple[Interlock, ...] = ()
    """Hard rules, above overrides and commands."""
    silence_after_s: float = Field(default=60.0, gt=0)
    """Seconds without a usable value of a channel it depends on, after which it goes to its safe state."""
    no_off_at_night: NightSettings | None = None
    """Once on in the dark it stays on until morning, unless the value is beyond ``early_off``; None leaves that out."""
    min_on_s: float = Field(default=120.0, ge=0)
    """Shortest run in seconds. Interlocks do not wait for it."""
    min_off_s: float = Field(default=30.0, ge=0)
    """Shortest rest in seconds, for the motor. Interlocks do not wait for it."""
    max_starts_per_h: int = Field(default=12, ge=1, le=60)
    """Starts in an hour after which it stays in its safe state until the hour has passed: a chattering rule breaks motors."""
    proof: ProofSettings | None = None
    """How it is known to run; None: it is not."""
    backup: Slug | None = None
    """Actuator that stands in when this one should run and does not (no proof, or its relay cannot be reached)."""
    max_override_min: float = Field(default=240.0, gt=0, le=1440)
    """Longest override in minutes that a person or a command can set; then the rules decide again."""

    @property
    def safe_on(self) -> bool:
        """The state to which it goes when something is wrong."""
        return self.kind in SAFE_ON

    @property
    def title(self) -> str:
        """Name for people."""
        return self.label or self.name.replace("-", " ").replace("_", " ").capitalize()


class InputSettings(Section):
    """A contact that watches over life: mains power, a flow switch, a float, an oxygen pressure switch."""

    name: Slug
    """Stable name, unique within the box."""
    unit: Slug
    """Slug of the unit it watches."""
    kind: Literal["power", "flow", "level", "pressure"]
    """What it watches."""
    broker: MqttSettings | None = None
    """Its broker; None takes ``guard.broker``."""
    topic: str | None = Field(default=None, min_length=1, pattern=r"^[^+#]+$")
    """MQTT topic of its state; give this or ``pin``."""
    pin: GpioPin | None = None
    """Pin of the box that the contact is wired to; active is well. Give this or ``topic``."""
    pointer: JsonPointer = ""
    """JSON pointer to the state; empty when the payload is the state."""
    good: str = "ON"
    """Report that means all is well. Wire the contact so that a cut cable says the other: closed (ON) is well."""
    debounce_s: float = Field(default=2.0, ge=0)
    """Seconds that a change must hold before it counts."""
    silence_after_s: float | None = Field(default=120.0, gt=0)
    """Seconds without any report after which that is an alarm itself; None for a node that reports changes only."""

    @model_validator(mode="after")
    def _one_way_in(self) -> InputSettings:
        if (self.topic is None) == (self.pin is None):
            raise ValueError("give either topic or pin")
        return self


class SirenSettings(Section):
    """A siren or lamp on site, driven by life-critical alarms that nobody has acknowledged."""

    name: Slug = "siren"
    """Stable name."""
    output: OutputSettings
    """How it is switched."""
    severities: tuple[Literal["critical", "major", "minor", "warning"], ...] = ("critical",)
    """Severities that sound it."""
    rearm_s: float = Field(default=900.0, ge=30)
    """Seconds after which a silenced siren sounds again while the alarm is still not acknowledged."""


class HeartbeatSettings(Section):
    """A message for the nodes: one that misses it knows that it is alone and goes to its safe state."""

    broker: MqttSettings | None = None
    """Its broker; None takes ``guard.broker``."""
    topic: str = Field(default="shoal/heartbeat", min_length=1, pattern=r"^[^+#]+$")
    """Topic, never retained."""
    every_s: float = Field(default=5.0, ge=1, le=60)
    """Seconds between two; a node should wait for three before it acts."""


class GuardSettings(Section):
    """What the box does by itself to keep fish alive."""

    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    """Time zone of the farm for nights (``Europe/Oslo``); None takes the zone of this machine."""
    broker: MqttSettings = MqttSettings()
    """The farm's own broker, on this box or in the same building: relays must obey without the internet."""
    actuators: tuple[ActuatorSettings, ...] = ()
    """What it can switch."""
    inputs: tuple[InputSettings, ...] = ()
    """Contacts."""
    siren: SirenSettings | None = None
    """Siren; None has none."""
    heartbeat: HeartbeatSettings | None = None
    """Message by which nodes know that the box is alive; None sends none."""
    pin: SecretStr | None = Field(default=None, min_length=4)
    """PIN that lets other machines than this one operate the local page; None lets only this machine."""

    def brokers(self) -> list[tuple[str, MqttSettings]]:
        """Every broker that is used, with the name of its field."""
        named: list[tuple[str, MqttSettings | None]] = [("guard.broker", self.broker)]
        for i, actuator in enumerate(self.actuators):
            if isinstance(actuator.output, MqttOutput):
                named.append((f"guard.actuators.{i}.output.broker", actuator.output.broker))
        named += [
            (f"guard.inputs.{i}.broker", contact.broker)
            for i, contact in enumerate(self.inputs)
            if contact.topic is not None
        ]
        if self.siren is not None and isinstance(self.siren.output, MqttOutput):
            named.append(("guard.siren.output.broker", self.siren.output.broker))
        if self.heartbeat is not None:
            named.append(("guard.heartbeat.broker", self.heartbeat.broker))
        return [(field, broker) for field, broker in named if broker is not None]

    def pins(self) -> list[tuple[str, GpioPin]]:
        """Every pin that is used, with the name of its field."""
        outputs = [(f"guard.actuators.{i}.output", actuator.output) for i, actuator in enumerate(self.actuators)]
        if self.siren is not None:
            outputs.append(("guard.siren.output", self.siren.output))
        found = [(f"{field}.pin", output.pin) for field, output in outputs if isinstance(output, GpioOutput)]
        contacts = enumerate(self.inputs)
        return found + [(f"guard.inputs.{i}.pin", contact.pin) for i, contact in contacts if contact.pin is not None]
