"""One Modbus line: asks its slaves in turn and delivers what they hold. A dead slave costs one deadline per turn, no more."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from contracts.quality import QualityFlag
from edge.messaging.state import backoff_s
from edge.sensors.driver import Delivery, DriverContext, DriverHealth, RawReading
from edge.sensors.drivers.modbus.bus import Bus, LineLostError, PymodbusBus, SlaveRefusedError, SlaveSilentError
from edge.sensors.drivers.modbus.probe import ProbeMap, Table, load_map
from edge.sensors.drivers.modbus.registers import (
    Block,
    MisfitError,
    Registers,
    check_identity,
    identity_block,
    measure,
    plan_blocks,
)
from edge.sensors.drivers.modbus.settings import ModbusChannel, ModbusSensor
from edge.sensors.drivers.modbus.state import BusSchedule, Slave

log = structlog.get_logger()


@dataclass(frozen=True)
class Station:
    """One slave with its map, its channels and the requests that serve them."""

    address: int
    probe: ProbeMap
    channels: tuple[ModbusChannel, ...]
    blocks: tuple[Block, ...]


def stations_of(settings: ModbusSensor) -> dict[str, Station]:
    """The slaves of a line that channels ask for.

    Raises:
        ConfigurationError: a map cannot be used.
    """
    found: dict[str, Station] = {}
    for index, slave in enumerate(settings.slaves):
        channels = tuple(channel for channel in settings.channels if channel.slave == slave.name)
        if channels:
            probe = load_map(slave.map, f"slaves.{index}.map")
            blocks = plan_blocks(probe, {channel.wanted for channel in channels})
            address = probe.address if slave.address is None else slave.address
            found[slave.name] = Station(address, probe, channels, tuple(blocks))
    return found


class ModbusDriver:
    """Reads one line.

    Args:
        bus: the line; None opens the one of the settings.
    """

    def __init__(self, settings: ModbusSensor, context: DriverContext, *, bus: Bus | None = None) -> None:
        self._settings = settings
        self._context = context
        self._stations = stations_of(settings)
        periods = [(slave.name, slave.every_s) for slave in settings.slaves if slave.name in self._stations]
        self._schedule = BusSchedule(periods, now_s=context.clock.monotonic())
        first = next(iter(self._stations.values()))
        self._bus = bus or PymodbusBus(settings, first.probe.line)
        self._line_trouble = "it is not open yet"
        self._misfits: dict[str, str] = {}
        """What of a slave's answer is of no use, by channel."""
        self._known: set[str] = set()
        """Slaves whose identity has been asked since they were last silent."""
        self._attempt = 0
        self._messages = 0
        self._rejected = 0

    @property
    def shared_line(self) -> tuple[str, PymodbusBus] | None:
        """The serial port and the line on it, for a relay board that hangs on it too; None where the line is not serial."""
        port = self._settings.line
        return (port, self._bus) if port is not None and isinstance(self._bus, PymodbusBus) else None

    @property
    def name(self) -> str:
        """Name from the configuration."""
        return self._settings.name

    def health(self) -> DriverHealth:
        """How it is doing right now; connected while the line is open and somebody on it answers."""
        slaves = self._schedule.slaves()
        now_s = self._context.clock.monotonic()
        troubles = [self._line_trouble] if self._line_trouble else []
        troubles += [self._told(slave, now_s) for slave in slaves if slave.failures]
        troubles += [f"{channel}: {misfit}" for channel, misfit in sorted(self._misfits.copy().items())]
        speaking = any(slave.answered_s is not None and not slave.open for slave in slaves)
        return DriverHealth(
            self.name, not self._line_trouble and speaking, self._messages, self._rejected, tuple(troubles)
        )

    def _told(self, slave: Slave, now_s: float) -> str:
        since_s = 0.0 if slave.silent_since_s is None else now_s - slave.silent_since_s
        again = f"; asked again in {max(0.0, slave.due_s - now_s):.0f} s" if slave.open else ""
        address = self._stations[slave.name].address
        return f"slave {slave.name} (address {address}): {slave.reason} for {since_s:.0f} s{again}"

    def run(self, stop: threading.Event) -> None:
        """Ask the slaves in turn until ``stop`` is set."""
        try:
            while not stop.is_set():
                self._attempt += 1
                if error := self._talk(stop):
                    self._line_trouble = error
                    log.info("sensor.line_lost", sensor=self.name, error=error)
                    jitter = random.random()  # noqa: S311
                    stop.wait(backoff_s(self._attempt, first_s=0.5, longest_s=10.0, jitter=jitter))
        finally:
            self._bus.close()

    def _talk(self, stop: threading.Event) -> str:
        """Open the line and ask its slaves until ``stop`` is set or the line is lost; then why."""
        try:
            self._bus.open()
            self._line_trouble = ""
            log.info("sensor.line_open", sensor=self.name, slaves=len(self._stations))
            while not stop.is_set():
                self.step(stop)
                self._attempt = 0
        except LineLostError as error:
            return str(error)
        return ""

    def step(self, stop: threading.Event) -> None:
        """Give one slave its turn, or wait for the next that is due.

        Raises:
            LineLostError: the line is gone.
        """
        now_s = self._context.clock.monotonic()
        slave = self._schedule.next(now_s)
        if slave is None:
            stop.wait(min(self._schedule.wait_s(now_s), 0.5))
            return
        was_open, station = slave.open, self._stations[slave.name]
        try:
            registers = self._read(slave.name, station)
        except (SlaveSilentError, SlaveRefusedError, MisfitError) as error:
            self._known.discard(slave.name)
            self._schedule.failed(slave.name, self._context.clock.monotonic(), str(error))
            if slave.open and not was_open:
                log.warning("sensor.slave_silent", sensor=self.name, slave=slave.name, reason=str(error))
            return
        if was_open:
            log.info("sensor.slave_back", sensor=self.name, slave=slave.name)
        self._schedule.answered(slave.name, self._context.clock.monotonic())
        self._deliver(slave, station, registers)

    def _read(self, name: str, station: Station) -> Registers:
        found = ask(self._bus, station, identify=name not in self._known)
        self._known.add(name)
        return found

    def _deliver(self, slave: Slave, station: Station, registers: Registers) -> None:
        self._messages += 1
        received_at, timeline = self._context.clock.label()
        received_s = self._context.clock.monotonic()
        warm_up = slave.back_s is not None and received_s - slave.back_s < station.probe.warm_up_s
        readings, misfits = read_values(station, registers, warm_up=warm_up)
        for channel in station.channels:
            self._misfits.pop(channel.name, None)
        self._misfits |= misfits
        self._rejected += len(misfits)
        if readings:
            delivery = Delivery(tuple(readings), received_at, received_s, _nothing, timeline)
            self._context.deliver(delivery)


def ask(bus: Bus, station: Station, *, identify: bool) -> Registers:
    """Everything that a slave's channels need; with ``identify`` it is first asked what it is.

    Raises:
        LineLostError: the line is gone.
        SlaveSilentError: it did not answer; nothing more was asked.
        SlaveRefusedError: it has no such registers.
        MisfitError: it is another probe than its map is for.
    """
    found: dict[tuple[Table, int], int] = {}
    asked = identity_block(station.probe) if identify else None
    for block in ([asked] if asked else []) + list(station.blocks):
        try:
            values = bus.read(station.address, block)
        except SlaveRefusedError as error:
            raise SlaveRefusedError(
                f"{error} ({block.named(station.probe)}): check the map {station.probe.name} and its first_register"
            ) from error
        found |= {(block.table, block.address + step): value for step, value in enumerate(values)}
        if block is asked:
            check_identity(station.probe, found)
    return found


def read_values(
    station: Station, registers: Registers, *, warm_up: bool = False
) -> tuple[list[RawReading], Mapping[str, str]]:
    """Readings of one slave's registers, and what was wrong for each channel that gave none."""
    readings: list[RawReading] = []
    misfits: dict[str, str] = defaultdict(str)
    for channel in station.channels:
        try:
            found = measure(channel.wanted, station.probe, registers)
        except MisfitError as error:  # noqa: PERF203  (a misfit belongs to its channel)
            misfits[channel.name] = str(error)
        else:
            quality, test = found.quality, found.test
            if warm_up and quality in {None, QualityFlag.GOOD}:
                quality, test = QualityFlag.SUSPECT, "warm_up"
            readings.append(RawReading(channel, channel.scaled(found.number), None, quality, test))
    return readings, misfits


def _nothing() -> None:
    """A slave is asked again; there is nobody to thank."""
