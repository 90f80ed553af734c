"""One line through pymodbus: a request with a deadline, and what went wrong in three words that mean different things.

A relay board may hang on the line of the probes: its coils are switched through the same port, before any probe's turn.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Protocol

from pymodbus import FramerType
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ModbusPDU

from contracts.errors import RetryableError
from edge.sensors.drivers.modbus.probe import LineDefaults, Table
from edge.sensors.drivers.modbus.registers import Block
from edge.sensors.drivers.modbus.settings import ModbusSensor
from edge.sensors.drivers.modbus.turns import Turns

# It logs every request without an answer as an error; a dead slave is told by the driver, once.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

_REFUSED = {
    1: "it does not know this function",
    2: "it has no such registers",
    3: "it refuses this many registers",
}
_FAILED = {
    4: "it has failed",
    6: "it is busy",
    10: "the gateway has no path to it",
    11: "the gateway got no answer from it",
}


class LineLostError(RetryableError):
    """The port or the connection is gone: open it again."""


class SlaveSilentError(RetryableError):
    """No answer within the deadline, a damaged one, or a slave that says it cannot now."""


class SlaveRefusedError(RetryableError):
    """The slave answered with an exception: the map asks for something that it does not have."""


class Bus(Protocol):
    """A line that can be asked."""

    def open(self) -> None:
        """Open the port or connection; raises LineLostError."""
        ...

    def read(self, address: int, block: Block) -> list[int]:
        """Registers of a slave; raises LineLostError, SlaveSilentError or SlaveRefusedError."""
        ...

    def close(self) -> None:
        """Close it; safe to call twice."""
        ...


class PymodbusBus:
    """A serial port or TCP connection."""

    def __init__(self, settings: ModbusSensor, defaults: LineDefaults) -> None:
        timeout_s = settings.timeout_ms / 1000
        self._client: ModbusSerialClient | ModbusTcpClient
        if settings.serial is not None:
            line = settings.serial
            self._where = line.port
            self._client = ModbusSerialClient(
                line.port,
                baudrate=line.baud or defaults.baud,
                parity=line.parity or defaults.parity,
                stopbits=line.stop_bits or defaults.stop_bits,
                timeout=timeout_s,
                retries=0,
            )
        elif settings.tcp is not None:
            self._where = f"{settings.tcp.host}:{settings.tcp.port}"
            self._client = ModbusTcpClient(
                settings.tcp.host,
                port=settings.tcp.port,
                framer=FramerType.RTU if settings.tcp.framing == "rtu" else FramerType.SOCKET,
                timeout=timeout_s,
                retries=0,
            )
        self._is_tcp = settings.tcp is not None
        self._turns = Turns()

    def open(self) -> None:
        """Open the port or connection."""
        with self._turns.measure():
            self._open()

    def _open(self) -> None:
        try:
            opened = self._client.connect()
        except (ModbusException, OSError) as error:
            raise LineLostError(f"{self._where}: {error}") from error
        if not opened:
            raise LineLostError(
                f"{self._where} cannot be opened: it is absent, in use, not ours to open, or does not know these settings"
            )

    def read(self, address: int, block: Block) -> list[int]:
        """Registers of a slave, within the deadline."""
        with self._turns.measure():
            answer = self._answer(lambda: self._ask(address, block.table, block.address, block.count))
        values = answer.registers if block.table in {"holding", "input"} else [int(bit) for bit in answer.bits]
        if len(values) < block.count:
            raise SlaveSilentError("a short answer")
        return list(values[: block.count])

    def switch(self, address: int, coil: int, *, energised: bool) -> bool:
        """Write one coil of a relay board and read it back, before any probe's next turn; returns what it says.

        Raises:
            LineLostError, SlaveSilentError, SlaveRefusedError: as for ``read``.
        """
        with self._turns.switch():
            if not self._client.connected:
                self._open()
            self._answer(lambda: self._client.write_coil(coil, energised, device_id=address))
            answer = self._answer(lambda: self._client.read_coils(coil, count=1, device_id=address))
        if not answer.bits:
            raise SlaveSilentError("a short answer")
        return bool(answer.bits[0])

    def _answer(self, request: Callable[[], ModbusPDU]) -> ModbusPDU:
        """One request within a turn of this line."""
        try:
            if self._is_tcp:
                self._open()
            answer = request()
        except ConnectionException as error:
            self._hang_up()
            raise LineLostError(f"{self._where} is gone") from error
        except (ModbusException, OSError) as error:
            if self._is_tcp:
                self._hang_up()  # an answer that comes late must not be taken for the next one
            raise SlaveSilentError("no answer") from error
        if answer.isError():
            code = getattr(answer, "exception_code", 0)
            if code in _REFUSED:
                raise SlaveRefusedError(_REFUSED[code])
            raise SlaveSilentError(_FAILED.get(code, f"exception {code}"))
        return answer

    def _ask(self, slave: int, table: Table, address: int, count: int) -> ModbusPDU:
        ask = {
            "holding": self._client.read_holding_registers,
            "input": self._client.read_input_registers,
            "coil": self._client.read_coils,
            "discrete": self._client.read_discrete_inputs,
        }[table]
        return ask(address, count=count, device_id=slave)

    def close(self) -> None:
        """Close it."""
        with self._turns.measure():
            self._hang_up()

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError, ModbusException):
            self._client.close()  # type: ignore[no-untyped-call]
