"""Modbus slaves on a serial line or behind TCP: pymodbus' own server, on a pair of pseudo-terminals or a port."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import struct
import threading
import tty
from collections.abc import Mapping
from typing import Any

from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

Registers = Mapping[int, int]
"""Holding registers by protocol address."""


def float_words(value: float) -> list[int]:
    """A float32 as two registers, high word first."""
    return list(struct.unpack(">HH", struct.pack(">f", value)))


def at(first: int, words: list[int]) -> dict[int, int]:
    """Neighbouring registers from ``first`` on."""
    return {first + step: word for step, word in enumerate(words)}


def _board(coils: int) -> tuple[list[SimData], list[SimData], list[SimData], list[SimData]]:
    """Coils, discrete inputs, holding and input registers of a relay board."""
    bits = SimData(0, values=[False] * coils, datatype=DataType.BITS)
    nothing = SimData(0, values=[0], datatype=DataType.REGISTERS)
    return [bits], [bits], [nothing], [nothing]


class Slaves:
    """Slaves that answer; their registers can change while they run, and each can fall silent.

    A device without an entry never answers, like a probe whose cable is cut.
    """

    def __init__(self, devices: Mapping[int, Registers], *, boards: Mapping[int, int] | None = None) -> None:
        self.registers = {address: dict(registers) for address, registers in devices.items()}
        self.boards = dict(boards or {})
        """Relay boards on the same line: number of coils by address."""
        self.silent: set[int] = set()
        self.asked: list[int] = []
        """Slave address of every request that reached the line."""
        self._loop = asyncio.new_event_loop()
        self._server: Any = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _devices(self) -> list[SimDevice]:
        return [
            SimDevice(
                address,
                [SimData(a, values=[v], datatype=DataType.REGISTERS) for a, v in sorted(registers.items())],
                action=self._action(address),
            )
            for address, registers in self.registers.items()
        ] + [SimDevice(address, _board(coils)) for address, coils in self.boards.items()]

    def _action(self, address: int) -> Any:
        async def now(
            _function: int, start: int, wanted: int, count: int, current: list[int], _new: list[int] | None
        ) -> None:
            for register in range(wanted, wanted + count):
                current[register - start] = self.registers[address][register]

        return now

    def _listen(self) -> Any:
        raise NotImplementedError

    def _trace(self, sending: bool, pdu: Any) -> Any:
        if not sending:
            self.asked.append(pdu.dev_id)
        return pdu

    def _gate(self, sending: bool, packet: bytes) -> bytes:
        """A silent slave's answer is lost on the line."""
        return b"" if sending and self.asked and self.asked[-1] in self.silent else packet

    async def _run(self) -> None:
        self._server = self._listen()
        await self._server.serve_forever(background=True)
        self._started.set()
        await self._server.serving

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._run())

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()
        assert self._started.wait(5)

    def stop(self) -> None:
        """Fall silent for good."""
        if self._server is not None:
            asyncio.run_coroutine_threadsafe(self._server.shutdown(), self._loop).result(5)
        self._thread.join(5)
        self._loop.close()


class TcpSlaves(Slaves):
    """Slaves behind a Modbus TCP gateway; ``port`` is where."""

    def __init__(self, devices: Mapping[int, Registers]) -> None:
        super().__init__(devices)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def _listen(self) -> ModbusTcpServer:
        return ModbusTcpServer(
            self._devices(),
            address=("127.0.0.1", self.port),
            ignore_missing_devices=True,
            trace_pdu=self._trace,
            trace_packet=self._gate,
        )


class SerialSlaves(Slaves):
    """Slaves on a serial line; ``path`` is the end for the master."""

    def __init__(self, devices: Mapping[int, Registers], *, boards: Mapping[int, int] | None = None) -> None:
        super().__init__(devices, boards=boards)
        ours, self._ours_tty = os.openpty()
        theirs, self._theirs_tty = os.openpty()
        for end in (self._ours_tty, self._theirs_tty):
            tty.setraw(end)
        self._ends = (ours, theirs)
        self.path = os.ttyname(self._theirs_tty)
        self._closing = threading.Event()
        self._cable = threading.Thread(target=self._carry, daemon=True)
        self._cable.start()

    def _carry(self) -> None:
        """The cable: what one end writes the other reads."""
        ours, theirs = self._ends
        while not self._closing.is_set():
            readable, _, _ = select.select(self._ends, [], [], 0.1)
            for end in readable:
                with contextlib.suppress(OSError):
                    os.write(theirs if end == ours else ours, os.read(end, 512))

    def _listen(self) -> ModbusSerialServer:
        return ModbusSerialServer(
            self._devices(),
            port=os.ttyname(self._ours_tty),
            ignore_missing_devices=True,
            trace_pdu=self._trace,
            trace_packet=self._gate,
        )

    def stop(self) -> None:
        """Fall silent and pull the cable."""
        super().stop()
        self._closing.set()
        self._cable.join(5)
        for end in (*self._ends, self._ours_tty, self._theirs_tty):
            os.close(end)
