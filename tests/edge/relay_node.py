"""A relay node on the farm's broker as ESPHome makes it: obeys commands, reports its state and its motor's current.

Like the real one it has a safe state of its own: it starts in it, and goes back to it when the heartbeat stays away.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from typing_extensions import Self


class RelayNode:
    """One aerator behind ESPHome topics.

    Args:
        heartbeat_s: goes to its safe state when it has heard no heartbeat for this long; None has no such rule.
    """

    def __init__(self, port: int, node: str = "aerator-1", *, heartbeat_s: float | None = None) -> None:
        self.on = True
        self.broken = False
        """The relay clicks and the motor does not turn."""
        self.commands: list[tuple[float, str]] = []
        self.heard = threading.Event()
        self._node = node
        self._heartbeat_s = heartbeat_s
        self._beat_s = time.monotonic()
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=node)
        self._client.reconnect_delay_set(0.1, 0.3)  # type: ignore[arg-type]
        self._client.will_set(f"{node}/status", "offline", qos=1, retain=True)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(5)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Lose power: no goodbye, so the broker tells the last will."""
        self._stop.set()
        self._thread.join()
        self._client.loop_stop()
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def _connected(self, client: Client, *_: object) -> None:
        client.subscribe([(f"{self._node}/switch/aerator/command", 1), ("shoal/heartbeat", 0)])
        client.publish(f"{self._node}/status", "online", qos=1, retain=True)
        self._report()

    def _message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.topic == "shoal/heartbeat":
            self._beat_s = time.monotonic()
            return
        assert not message.retain, "a command is never retained"
        self.on = message.payload == b"ON"
        self.commands.append((time.monotonic(), message.payload.decode()))
        self.heard.set()
        self._report()

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            if self._heartbeat_s is not None and time.monotonic() - self._beat_s > self._heartbeat_s and not self.on:
                self.on = True
                self._report()
            amperes = 6.2 if self.on and not self.broken else 0.05
            self._client.publish(f"{self._node}/sensor/current/state", f"{amperes:.2f}")

    def _report(self) -> None:
        self._client.publish(f"{self._node}/switch/aerator/state", "ON" if self.on else "OFF", qos=1, retain=True)
