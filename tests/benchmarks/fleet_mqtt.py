"""A fleet of MQTT devices on one broker: connecting, hearing what is desired, lost all at once, back all at once.

Devices speak MQTT 3.1.1 over plain sockets of one event loop, because ten thousand client libraries would measure themselves: a
will on their status, a subscription to their desired state, an answer to each. The broker is Mosquitto. The floor of the figure is a
bare server that accepts the same connections and answers one byte.
"""

from __future__ import annotations

import asyncio
import json
import resource
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from contracts.topics import Kind, shadow, thing_name, uplink, uplink_kind_filters
from tests.benchmarks.harness import Pair, result
from tests.servers.mosquitto import Mosquitto

AT_ONCE = 200
"""Connections that are being made at the same time: a broker's backlog is no fleet's business."""
DESIRED_BYTES = 1200
"""About a signed assignment with its holds."""
WAIT_S = 120.0
SITE = "farm"


def run(quick: bool) -> dict[str, Any]:
    """Connections per second, against a bare server; `quick` is a small fleet."""
    return asyncio.run(_measure(300 if quick else 2_000))


def full() -> dict[str, Any]:
    """The same with ten thousand devices."""
    return asyncio.run(_measure(10_000))


async def _measure(devices: int) -> dict[str, Any]:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < devices + 200:
        raise SystemExit(f"this shell may open {files} files; `ulimit -n` must allow {devices + 200}")
    floor = await _bare(devices)
    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(Path(folder), configuration="set_tcp_nodelay true")
        broker.start()
        process = psutil.Process(broker.pid)
        try:
            figures = await _fleet(broker.port, devices, process)
        finally:
            broker.stop()
    pair = Pair(ours=figures["connects_per_s"], floor=floor, details={"devices": devices})
    return result("fleet_mqtt", [pair], unit="connections/s", details=figures)


async def _fleet(port: int, devices: int, broker: psutil.Process) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    heard: dict[str, float] = {}
    gone: set[str] = set()

    def observe(topic: str, payload: bytes) -> None:
        if topic.startswith("$aws/"):
            heard.setdefault(topic.split("/")[2], loop.time())
        elif b"offline" in payload:
            gone.add(topic)

    watcher = await MqttDevice.connect(port, "watcher", observe)
    await watcher.subscribe(shadow("+", "models", "update"))
    for topic in uplink_kind_filters():
        await watcher.subscribe(topic)
    names = [f"box-{number}" for number in range(devices)]
    cpu = broker.cpu_times()
    began = loop.time()
    fleet = dict(zip(names, await _all(port, names), strict=True))
    connected_s = loop.time() - began
    memory = broker.memory_info().rss

    sent: dict[str, float] = {}
    body = json.dumps({"state": {"desired": {"assignment": "x" * DESIRED_BYTES}}, "version": 1}).encode()
    for number, name in enumerate(names):
        sent[thing_name(SITE, name)] = loop.time()
        watcher.publish(_desired_topic(name), body, retain=True)
        if number % 100 == 99:
            await asyncio.sleep(0)
    await _until(lambda: len(heard) == devices)
    told = sorted((heard[thing] - sent[thing]) * 1000 for thing in heard)
    all_told_s = max(heard.values(), default=0.0) - min(sent.values())

    half = names[: devices // 2]
    began = loop.time()
    for name in half:
        fleet[name].drop()
    await _until(lambda: len(gone) == len(half))
    wills_s = loop.time() - began

    heard.clear()
    began = loop.time()
    fleet |= dict(zip(half, await _all(port, half), strict=True))
    await _until(lambda: len(heard) >= len(half))
    back_s = loop.time() - began
    spent = broker.cpu_times()
    for device in [*fleet.values(), watcher]:
        device.drop()
    return {
        "devices": devices,
        "connects_per_s": round(devices / connected_s, 1),
        "broker_mb_when_connected": round(memory / 1e6, 1),
        "broker_mb_at_the_end": round(broker.memory_info().rss / 1e6, 1),
        "broker_cpu_s": round(spent.user + spent.system - cpu.user - cpu.system, 2),
        "desired_all_reported_s": round(all_told_s, 2),
        "desired_to_reported_p50_ms": round(_share(told, 0.5), 1),
        "desired_to_reported_p99_ms": round(_share(told, 0.99), 1),
        "devices_reported": len(told),
        "wills": len(gone),
        "last_wills_s": round(wills_s, 2),
        "reconnected_and_caught_up": len(half),
        "reconnect_storm_s": round(back_s, 2),
    }


def _desired_topic(name: str) -> str:
    return shadow(thing_name(SITE, name), "models", "get/accepted")


async def _all(port: int, names: Sequence[str]) -> list[MqttDevice]:
    """Every device with its subscription, so many at once."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> MqttDevice:
        thing = thing_name(SITE, name)
        async with turn:
            device = await MqttDevice.connect(port, name, lambda _topic, _payload: None)
            device.answer = shadow(thing, "models", "update")
            await device.subscribe(_desired_topic(name))
            return device

    return list(await asyncio.gather(*(one(name) for name in names)))


async def _until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not what() and time.monotonic() < deadline:  # noqa: ASYNC110  (one look in ten milliseconds costs nothing)
        await asyncio.sleep(0.01)


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


class MqttDevice(asyncio.Protocol):
    """As much MQTT 3.1.1 as a device needs here."""

    def __init__(self, name: str, hear: Callable[[str, bytes], None]) -> None:
        self.answer = ""
        """Topic on which it reports what it hears; empty: it only listens."""
        self._name, self._hear = name, hear
        self._buffer = b""
        self._number = 0
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = loop.create_future()
        self._subscribed: asyncio.Future[None] | None = None

    @classmethod
    async def connect(cls, port: int, name: str, hear: Callable[[str, bytes], None]) -> MqttDevice:
        loop = asyncio.get_running_loop()
        _, device = await loop.create_connection(lambda: cls(name, hear), "127.0.0.1", port)
        await asyncio.wait_for(device._connected, WAIT_S)
        return device

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        will = uplink(SITE, self._name, Kind.STATUS)
        flags = 0x02 | 0x04 | 0x08  # a clean session with a will at QoS 1
        body = _text("MQTT") + bytes((4, flags)) + struct.pack("!H", 600)
        self._send(0x10, body + _text(self._name) + _text(will) + _text('{"state": "offline"}'))

    async def subscribe(self, topic: str) -> None:
        self._number += 1
        self._subscribed = asyncio.get_running_loop().create_future()
        self._send(0x82, struct.pack("!H", self._number) + _text(topic) + b"\x01")
        await asyncio.wait_for(self._subscribed, WAIT_S)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._number = self._number % 65_000 + 1
        self._send(0x32 | retain, _text(topic) + struct.pack("!H", self._number) + payload)

    def drop(self) -> None:
        """As a cut cable does: no goodbye."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (packet := self._next()) is not None:
            kind, body = packet
            if kind & 0xF0 == 0x20:
                self._connected.set_result(None)
            elif kind & 0xF0 == 0x90 and self._subscribed is not None and not self._subscribed.done():
                self._subscribed.set_result(None)
            elif kind & 0xF0 == 0x30:
                self._published(kind, body)

    def _published(self, kind: int, body: bytes) -> None:
        (length,) = struct.unpack_from("!H", body)
        topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
        if kind & 0x06:
            self._send(0x40, rest[:2])
            rest = rest[2:]
        self._hear(topic, rest)
        if self.answer:
            self.publish(self.answer, b'{"state": {"reported": {"running_sha256": "' + b"a" * 64 + b'"}}}')

    def _next(self) -> tuple[int, bytes] | None:
        length, shift, at = 0, 0, 1
        while True:
            if at >= len(self._buffer):
                return None
            byte = self._buffer[at]
            length |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not byte & 0x80:
                break
        if len(self._buffer) < at + length:
            return None
        kind, body = self._buffer[0], self._buffer[at : at + length]
        self._buffer = self._buffer[at + length :]
        return kind, body

    def _send(self, kind: int, body: bytes) -> None:
        length, size = len(body), b""
        while True:
            length, low = divmod(length, 128)
            size += bytes((low | (0x80 if length else 0),))
            if not length:
                break
        if self._transport is not None:
            self._transport.write(bytes((kind,)) + size + body)


def _text(value: str) -> bytes:
    content = value.encode()
    return struct.pack("!H", len(content)) + content


async def _bare(devices: int) -> float:
    """Connections per second of a server that answers one byte to one byte, in this same process and loop."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.write(b"x")

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    turn = asyncio.Semaphore(AT_ONCE)
    few = min(devices, 2_000)

    async def one() -> asyncio.StreamWriter:
        async with turn:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"x")
            await reader.readexactly(1)
            return writer

    began = time.perf_counter()
    writers = await asyncio.gather(*(one() for _ in range(few)))
    took_s = time.perf_counter() - began
    for writer in writers:
        writer.transport.abort()
    server.close()
    return few / took_s
