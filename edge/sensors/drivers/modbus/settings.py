"""Settings of a Modbus line: how it is reached, which slaves are on it, and which value of which slave a channel is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from contracts.base import Slug
from edge.sections import Section, paths_below
from edge.sensors.settings import ChannelSettings, SensorSettings

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


class SerialLine(Section):
    """An RS-485 or RS-232 port of this box (Modbus RTU)."""

    port: str = Field(min_length=1)
    """Device, best by its serial number so that it stays the same: ``/dev/serial/by-id/usb-FTDI_...``."""
    baud: int | None = Field(default=None, ge=300, le=1_000_000)
    """Bits per second; None takes the register map's."""
    parity: Literal["N", "E", "O"] | None = None
    """None (N), even or odd; null takes the register map's."""
    stop_bits: Literal[1, 2] | None = None
    """Stop bits; None takes the register map's."""


class TcpLine(Section):
    """A Modbus TCP device or gateway."""

    host: str = Field(min_length=1)
    """Name or address."""
    port: int = Field(default=502, ge=1, le=65535)
    """TCP port."""
    framing: Literal["tcp", "rtu"] = "tcp"
    """``rtu`` for serial device servers that pass the bytes of the line through."""


class SlaveSettings(Section):
    """One probe on the line."""

    name: Slug
    """Name that channels use."""
    map: str
    """Name of a shipped register map (firmware_configs/probes), or the path of a YAML file."""
    address: int | None = Field(default=None, ge=0, le=255)
    """Slave address; None takes the map's, which is the address ex works."""
    every_s: float = Field(default=2.0, gt=0, le=3600)
    """Seconds between two readings."""


class ModbusChannel(ChannelSettings):
    """One value of one slave. ``scale`` and ``offset`` apply after the map's, in our unit."""

    slave: Slug
    """Name of the slave."""
    value: str = ""
    """Name of the value in its register map; empty takes the name of the quantity."""

    @property
    def wanted(self) -> str:
        """Name of the value in the register map."""
        return self.value or self.quantity


class ModbusSensor(SensorSettings):
    """One line with its slaves."""

    driver: Literal["modbus"] = "modbus"
    """The driver of this folder."""
    serial: SerialLine | None = None
    """The serial port; give this or ``tcp``."""
    tcp: TcpLine | None = None
    """The TCP device or gateway; give this or ``serial``."""
    timeout_ms: int = Field(default=300, ge=20, le=10_000)
    """Deadline of one request: the longest that a dead slave holds up the others. Slow gateways need more."""
    slaves: tuple[SlaveSettings, ...] = Field(min_length=1)
    """The probes on the line."""
    channels: tuple[ModbusChannel, ...] = Field(min_length=1)
    """What it measures."""

    @model_validator(mode="after")
    def _fits_together(self) -> ModbusSensor:
        if (self.serial is None) == (self.tcp is None):
            raise ValueError("give either 'serial' (port) or 'tcp' (host)")
        names = [slave.name for slave in self.slaves]
        if len(set(names)) != len(names):
            raise ValueError(f"two slaves have one name: {', '.join(names)}")
        for channel in self.channels:
            if channel.slave not in names:
                raise ValueError(f"channel {channel.name}: no slave {channel.slave!r}; there are {', '.join(names)}")
        return self

    @property
    def line(self) -> str | None:
        """The serial port: two masters on one line talk into each other."""
        return None if self.serial is None else self.serial.port

    def relative_to(self, folder: Path) -> ModbusSensor:
        """Maps that are files are found beside the configuration."""
        slaves = tuple(
            slave.model_copy(update={"map": str(folder / slave.map)})
            if slave.map.endswith((".yaml", ".yml"))
            else slave
            for slave in self.slaves
        )
        return paths_below(self, folder).model_copy(update={"slaves": slaves})
