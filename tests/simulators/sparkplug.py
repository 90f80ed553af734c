"""A Sparkplug B edge node that speaks the protocol on a real broker: births with aliases, a will, rebirths, store and forward."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from edge.sensors.drivers.sparkplug.codec import DataType, Metric, Payload, Raw, decode, encode, wire_form

Values = Mapping[str, tuple[DataType, Raw]]


def now_ms() -> int:
    return int(datetime.now(timezone.utc).timestamp() * 1000)


class EdgeNode:
    """One edge node with its devices.

    Args:
        devices: metrics of each device by name, with datatype and first value.
        primary_host: while this host is not online, data is kept and later sent as historical; None sends at once.
    """

    def __init__(
        self,
        port: int,
        devices: Mapping[str, Values],
        *,
        group: str = "farm",
        node: str = "plc",
        primary_host: str = "",
    ) -> None:
        self.group, self.node, self.port = group, node, port
        self.values = {device: dict(metrics) for device, metrics in devices.items()}
        names = [(device, name) for device, metrics in devices.items() for name in metrics]
        self._aliases = {key: alias for alias, key in enumerate(names, start=1)}
        self._primary_host = primary_host
        self._host_online = not primary_host
        self._kept: list[tuple[str, str, Raw, int]] = []
        self._seq = 0
        self._lock = threading.RLock()  # the network thread is born again while the test measures
        self._bd_seq = -1
        self.rebirths = 0
        self._client: Client | None = None

    def _topic(self, kind: str, device: str | None = None) -> str:
        return "/".join(filter(None, ("spBv1.0", self.group, kind, self.node, device)))

    def start(self) -> None:
        """Connect and be born; with a primary host, as soon as that is online."""
        self._bd_seq += 1
        client = Client(CallbackAPIVersion.VERSION2)
        client.reconnect_delay_set(0.1, 0.3)  # type: ignore[arg-type]
        client.will_set(self._topic("NDEATH"), encode(self._death()), qos=1)
        client.on_connect = self._connected
        client.on_message = self._message
        self._client = client  # before the network thread can be born
        client.connect("127.0.0.1", self.port)
        client.loop_start()

    def _death(self) -> Payload:
        return Payload(now_ms(), (Metric("bdSeq", datatype=DataType.INT64, raw=self._bd_seq, timestamp_ms=now_ms()),))

    def _connected(self, client: Client, *_: Any) -> None:
        client.subscribe([(self._topic("NCMD"), 1), (f"spBv1.0/STATE/{self._primary_host or '-'}", 1)])
        if self._host_online:
            self.birth()

    def _message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if "/STATE/" in message.topic:
            online = bool(json.loads(message.payload)["online"])
            if online and not self._host_online:
                self._host_online = True
                self.birth()
                self._flush()
            self._host_online = online
            return
        if any(
            metric.name == "Node Control/Rebirth" and metric.raw for metric in decode(bytes(message.payload)).metrics
        ):
            self.rebirths += 1
            self.birth()

    def _send(self, kind: str, metrics: list[Metric], device: str | None = None, *, lose: bool = False) -> None:
        with self._lock:
            payload = Payload(now_ms(), tuple(metrics), seq=self._seq)
            self._seq = (self._seq + 1) % 256
            if self._client is not None and not lose:
                self._client.publish(self._topic(kind, device), encode(payload), qos=0)

    def birth(self) -> None:
        """Be born, with every device; the sequence starts at 0."""
        with self._lock:
            self._births()

    def _births(self) -> None:
        self._seq = 0
        stamp = now_ms()
        self._send(
            "NBIRTH",
            [
                Metric("bdSeq", datatype=DataType.INT64, raw=self._bd_seq, timestamp_ms=stamp),
                Metric("Node Control/Rebirth", datatype=DataType.BOOLEAN, raw=False, timestamp_ms=stamp),
            ],
        )
        for device, metrics in self.values.items():
            self._send(
                "DBIRTH",
                [
                    Metric(name, self._aliases[device, name], stamp, datatype, raw=wire_form(value, datatype))
                    for name, (datatype, value) in metrics.items()
                ],
                device,
            )

    def measure(self, device: str, name: str, value: Raw, *, lose: bool = False) -> None:
        """Send a new value by alias, without its datatype as the specification wants; ``lose`` lets it get lost."""
        datatype = self.values[device][name][0]
        self.values[device][name] = (datatype, value)
        if self._host_online:
            self._send("DDATA", [self._metric(device, name, value, now_ms())], device, lose=lose)
        else:
            self._kept.append((device, name, value, now_ms()))

    def _metric(self, device: str, name: str, value: Raw, stamp: int, *, historical: bool = False) -> Metric:
        datatype = self.values[device][name][0]
        raw = wire_form(value, datatype)
        return Metric(None, self._aliases[device, name], stamp, None, historical, raw=_wide(raw, datatype))

    def _flush(self) -> None:
        for device, name, value, stamp in self._kept:
            self._send("DDATA", [self._metric(device, name, value, stamp, historical=True)], device)
        self._kept.clear()

    def die(self, device: str) -> None:
        """One device dies."""
        self._send("DDEATH", [], device)

    def vanish(self) -> None:
        """The connection is cut: the broker publishes the will."""
        if self._client is not None:
            self._client.loop_stop()
            sock = self._client.socket()
            if sock is not None:
                sock.close()
            self._client = None

    def stop(self) -> None:
        """Say goodbye."""
        if self._client is not None:
            self._client.publish(self._topic("NDEATH"), encode(self._death()), qos=1)
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None


def _wide(raw: Raw, datatype: DataType) -> Raw:
    """A float32 as its double, which is what a node without the datatype at hand sends."""
    return float(raw) if datatype is DataType.FLOAT and isinstance(raw, (int, float)) else raw
