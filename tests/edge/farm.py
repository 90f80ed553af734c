"""What the edge tests share: virtual time, a store that really speaks MQTT, messages and configuration files."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import yaml
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from contracts.alarms import AlarmBatch, AlarmChange, AlarmEvent, Severity
from contracts.devices import ChannelInventory, Status, Watermark
from contracts.envelope import Envelope, decode
from contracts.quantities import QUANTITIES
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import committed, parse_uplink, uplink_kind_filters
from edge.outbox.store import Draft, Outbox
from edge.sensors.calibration import Calibrations
from edge.sensors.derived import possible
from edge.sensors.judge import Judge
from edge.sensors.maintenance import Maintenance
from edge.sensors.quality_settings import QualitySettings
from edge.sensors.settings import ChannelSettings

ROOT = Path(__file__).resolve().parent.parent.parent
START = datetime(2026, 11, 21, 6, 0, tzinfo=timezone.utc)


class VirtualClock:
    """Time that moves only when it is told to."""

    def __init__(self) -> None:
        self.wall = START
        self.seconds = 1000.0
        self.knows_the_time = True

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def trusted(self) -> bool:
        return self.knows_the_time

    def label(self) -> tuple[datetime, str | None]:
        return self.wall, None

    def offset_us(self, timeline: str) -> int | None:
        return None

    def advance(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds


def new_outbox(path: Path, *, max_bytes: int = 50_000_000, clock: VirtualClock | None = None) -> Outbox:
    return Outbox(path / "outbox.db", boot="boot-0001", clock=clock or VirtualClock(), max_bytes=max_bytes)


class Told:
    """Events that a part told, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, name: str, message: str = "", **detail: Any) -> None:
        self.events.append((name, {"message": message, **detail}))

    def names(self) -> list[str]:
        return [name for name, _ in self.events]


def judge_of(
    *channels: ChannelSettings,
    settings: QualitySettings | None = None,
    tell: Told | None = None,
    data_dir: Path | None = None,
    clock: VirtualClock | None = None,
) -> Judge:
    """A judge of these channels and of what can be derived from them, with its records in ``data_dir``."""
    settings, clock, data_dir = settings or QualitySettings(), clock or VirtualClock(), data_dir or Path("/nowhere")
    named = {channel.name: (channel.unit, channel.quantity) for channel in channels}
    units = {channel.name: channel.unit for channel in channels}
    derived = possible((channel.name, channel.unit, channel.quantity) for channel in channels)
    for name, (main, derivation) in derived.items():
        named[name] = (named[main][0], derivation.quantity)
    inventory = [
        ChannelInventory(name=name, unit=unit, quantity=quantity, ucum=QUANTITIES[quantity].ucum)
        for name, (unit, quantity) in named.items()
    ]
    return Judge(
        inventory,
        settings,
        calibrations=Calibrations(
            settings.folder(data_dir), settings.probes({channel.name: channel.quantity for channel in channels})
        ),
        maintenance=Maintenance(
            data_dir,
            units,
            derived={name: main for name, (main, _) in derived.items()},
            now=clock.now,
            monotonic=clock.monotonic,
        ),
        tell=tell or Told(),
    )


def reading(number: int, *, channel: str = "tank-1.do", value: float = 9.0) -> Reading:
    return Reading(
        channel=channel,
        unit="tank-1",
        quantity="do",
        value=value,
        ucum="mg/L",
        observed_at=START + timedelta(seconds=number),
    )


def readings_draft(*numbers: int) -> Draft:
    return Draft.of(ReadingBatch(readings=tuple(reading(number) for number in numbers)))


def alarm_draft(number: int = 1) -> Draft:
    event = AlarmEvent(
        alarm_id=f"00000000-0000-4000-8000-{number:012d}",  # type: ignore[arg-type]
        definition="do.low.critical",
        change=AlarmChange.RAISED,
        severity=Severity.CRITICAL,
        unit="tank-1",
        channel="tank-1.do",
        occurred_at=START + timedelta(seconds=number),
        message="Dissolved oxygen is low",
    )
    return Draft.of(AlarmBatch(alarms=(event,)))


def eventually(what: Callable[[], Any], *, timeout_s: float = 60.0) -> Any:
    """Wait until ``what`` gives something true, and return it."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.02)


def watermark_of(site: str, device: str, stream: str, sequences: Iterable[int]) -> Watermark:
    """What a store says that has these sequences."""
    upto = 0
    above: list[tuple[int, int]] = []
    for seq in sorted(sequences):
        if seq == upto + 1:
            upto = seq
        elif above and seq == above[-1][1] + 1:
            above[-1] = (above[-1][0], seq)
        else:
            above.append((seq, seq))
    return Watermark(site=site, device=device, stream=stream, committed=upto, above=tuple(above[:64]))


class Store:
    """The far end: keeps every message once, by (device, stream, seq), and publishes the committed watermark."""

    def __init__(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        confirms: bool = True,
        tls: tuple[str, str, str] | None = None,
    ) -> None:
        self.confirms = confirms
        self.messages: dict[tuple[str, int], Envelope] = {}
        self.order: list[Envelope] = []
        self.repeats = 0
        self.statuses: list[Status] = []
        self._seen: dict[str, set[int]] = defaultdict(set)
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="store", clean_session=False)
        if tls is not None:
            self._client.tls_set(*tls)
        self._client.reconnect_delay_set(0.1, 0.3)  # type: ignore[arg-type]
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._message
        self._client.connect(host, port)
        self._client.loop_start()
        assert self._ready.wait(20)

    def _connected(self, client: Client, *_: object) -> None:
        client.subscribe([(topic, 1) for topic in uplink_kind_filters()])

    def _message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        envelope = decode(bytes(message.payload), parse_uplink(message.topic).kind)
        with self._lock:
            if isinstance(envelope, Status):
                self.statuses.append(envelope)
                return
            key = (envelope.stream, envelope.seq)
            self.repeats += key in self.messages
            if key not in self.messages:
                self.messages[key] = envelope
                self.order.append(envelope)
            self._seen[envelope.stream].add(envelope.seq)
        if self.confirms:
            self.confirm(envelope.site, envelope.device, envelope.stream)

    def confirm(self, site: str, device: str, stream: str) -> None:
        with self._lock:
            seen = sorted(self._seen[stream])
        watermark = watermark_of(site, device, stream, seen)
        self._client.publish(committed(site, device), watermark.model_dump_json(), qos=1, retain=True)

    def bodies(self, kind: type) -> list[Any]:
        with self._lock:
            return [envelope.body for envelope in self.order if isinstance(envelope.body, kind)]

    def readings(self) -> list[Reading]:
        return [one for batch in self.bodies(ReadingBatch) for one in batch.readings]

    def alarms(self) -> list[AlarmEvent]:
        return [one for batch in self.bodies(AlarmBatch) for one in batch.alarms]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def publisher_client(port: int) -> Client:
    """A connected client for a test that plays a sensor."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.reconnect_delay_set(0.1, 0.3)  # type: ignore[arg-type]
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def configuration(folder: Path, *, port: int = 1883, **changes: Any) -> Path:
    """A valid configuration of one tank with an oxygen and a temperature channel; ``changes`` replace whole sections."""
    broker = {"host": "127.0.0.1", "port": port, "reconnect_max_s": 0.5}
    channel = {"unit": "tank-1", "topic": "farm/tank-1/water", "time_pointer": "/ts"}
    document: dict[str, Any] = {
        "site": "farm",
        "device": "edge-1",
        "data_dir": "data",
        "units": [{"slug": "tank-1", "species": "salmo_salar", "stage": "fry"}],
        "mqtt": broker,
        "sensors": [
            {
                "name": "water",
                "broker": broker,
                "channels": [
                    {"name": "tank-1.do", "quantity": "do", "pointer": "/do", **channel},
                    {"name": "tank-1.temperature", "quantity": "temperature", "pointer": "/temperature", **channel},
                ],
            }
        ],
        "alarms": {"on_delay_s": 0, "off_delay_s": 0},
        "metrics": {"port": 0},
        "outbox": {"min_free_bytes": 0},
        **changes,
    }
    path = folder / "edge.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def numbers(messages: Iterable[Envelope]) -> list[int]:
    return [message.seq for message in messages]
