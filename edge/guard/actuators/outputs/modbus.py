"""Coils of a relay board that speaks Modbus, over TCP, a serial port of its own, or the line on which the probes hang.

One thread for each line: it writes what is new at once, reads back what it wrote, and repeats both every ``reassert_s``. A
board that does not answer costs one deadline; the guard never waits for it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

import structlog

from contracts.errors import RetryableError
from edge.clock import Clock
from edge.guard.actuators.outputs import Report
from edge.guard.settings import ModbusOutput

if TYPE_CHECKING:
    from pymodbus.client import ModbusSerialClient, ModbusTcpClient

log = structlog.get_logger()

RETRY_S = 1.0
LOOK_S = 0.5


class SharedLine(Protocol):
    """A line whose master is a sensor."""

    def switch(self, address: int, coil: int, *, energised: bool) -> bool:
        """Write a coil and read it back; raises a RetryableError."""
        ...


class ModbusCoil:
    """One coil.

    Args:
        inverted: the energised relay stops the device.
    """

    def __init__(self, settings: ModbusOutput, *, inverted: bool, wake: threading.Event) -> None:
        self.settings = settings
        self.wanted: bool | None = None
        self.due_s = 0.0
        """When it is written and read back next."""
        self._inverted = inverted
        self._wake = wake
        self._report = Report(reachable=False, trouble="it has not been asked yet")

    def want(self, on: bool, *, now_s: float) -> None:  # noqa: FBT001
        """Write the state when it is new."""
        if on != self.wanted:
            self.wanted = on
            self.due_s = now_s
            self._wake.set()

    def keep(self, *, now_s: float) -> None:
        """The line's own thread repeats."""

    def report(self) -> Report:
        """What the last read-back said."""
        return self._report

    @property
    def energised(self) -> bool | None:
        """What the coil shall be; None while nothing is wanted."""
        return None if self.wanted is None else self.wanted != self._inverted

    def heard(self, *, energised: bool) -> None:
        """The board has told its state."""
        self._report = Report(reachable=True, on=energised != self._inverted)

    def failed(self, trouble: str) -> None:
        """The board did not do it."""
        self._report = Report(reachable=False, trouble=trouble)


class ModbusLine:
    """One connection with the coils behind it."""

    def __init__(self, settings: ModbusOutput, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._coils: list[ModbusCoil] = []
        self._wake = threading.Event()
        self._client: ModbusTcpClient | ModbusSerialClient | None = None
        self._shared: SharedLine | None = None

    @property
    def name(self) -> str:
        """The line, as the settings name it."""
        return self._settings.line

    def share(self, line: SharedLine) -> None:
        """Speak on a line that a sensor is the master of, before its probes; call before ``run``."""
        self._shared = line

    def coil(self, settings: ModbusOutput, *, inverted: bool) -> ModbusCoil:
        """Another coil on this line."""
        self._coils.append(ModbusCoil(settings, inverted=inverted, wake=self._wake))
        return self._coils[-1]

    def run(self, stop: threading.Event) -> None:
        """Write and read back until ``stop`` is set. The board keeps its state when we go."""
        try:
            while not stop.is_set():
                self._wake.wait(LOOK_S)
                self._wake.clear()
                self.step()
        finally:
            self._close()

    def step(self) -> None:
        """Write what is due."""
        for coil in self._coils:
            now_s = self._clock.monotonic()
            if coil.energised is None or now_s < coil.due_s:
                continue
            # Set first: a wish that comes while we write makes it due again.
            coil.due_s = now_s + coil.settings.reassert_s
            trouble = self._write(coil, energised=coil.energised)
            if trouble:
                coil.failed(trouble)
                coil.due_s = min(coil.due_s, now_s + RETRY_S)
                log.info("relay.not_told", line=self._settings.line, coil=coil.settings.coil, reason=trouble)
                self._close()

    def _write(self, coil: ModbusCoil, *, energised: bool) -> str:
        """Write one coil and read it back; returns what went wrong."""
        from pymodbus.exceptions import ModbusException

        wanted = coil.settings
        if self._shared is not None:
            return self._switch_shared(self._shared, coil, energised=energised)
        try:
            client = self._open()
            if client is None:
                return f"{self._settings.line} cannot be opened"
            written = client.write_coil(wanted.coil, energised, device_id=wanted.address)
            if written.isError():
                return f"the board refuses coil {wanted.coil} ({written})"
            read = client.read_coils(wanted.coil, count=1, device_id=wanted.address)
            if read.isError() or not read.bits:
                return f"the board does not tell coil {wanted.coil}"
        except (ModbusException, OSError) as error:
            return f"{self._settings.line}: {error}"
        coil.heard(energised=bool(read.bits[0]))
        return ""

    @staticmethod
    def _switch_shared(line: SharedLine, coil: ModbusCoil, *, energised: bool) -> str:
        wanted = coil.settings
        try:
            coil.heard(energised=line.switch(wanted.address, wanted.coil, energised=energised))
        except RetryableError as error:
            return f"{wanted.line}, board {wanted.address}, coil {wanted.coil}: {error}"
        return ""

    def _open(self) -> ModbusTcpClient | ModbusSerialClient | None:
        from pymodbus import FramerType
        from pymodbus.client import ModbusSerialClient, ModbusTcpClient

        if self._client is None:
            wanted, timeout_s = self._settings, self._settings.timeout_ms / 1000
            if wanted.tcp is not None:
                framer = FramerType.RTU if wanted.tcp.framing == "rtu" else FramerType.SOCKET
                self._client = ModbusTcpClient(
                    wanted.tcp.host, port=wanted.tcp.port, framer=framer, timeout=timeout_s, retries=0
                )
            elif wanted.serial is not None:
                line = wanted.serial
                self._client = ModbusSerialClient(
                    line.port,
                    baudrate=line.baud or 9600,
                    parity=line.parity or "N",
                    stopbits=line.stop_bits or 1,
                    timeout=timeout_s,
                    retries=0,
                )
        client = self._client
        return client if client is not None and client.connect() else None

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()  # type: ignore[no-untyped-call]
            self._client = None
