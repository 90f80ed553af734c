"""The way out over a real Mosquitto: nothing lost when broker or store forget, alarms first, live before backfill."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.devices import DeviceState, Inventory, Status
from contracts.envelope import encode
from contracts.topics import Kind, commands, uplink
from edge.clock import SystemClock
from edge.messaging.client import MqttLink
from edge.messaging.routes import matches
from edge.messaging.state import Connected, LinkEvent
from edge.outbox.publisher import Publisher
from edge.outbox.store import Draft, Outbox
from edge.sections import MqttSettings
from edge.supervisor import Supervisor
from tests.edge.farm import START, Store, VirtualClock, alarm_draft, eventually, new_outbox, readings_draft
from tests.servers.mosquitto import Mosquitto

FORGETFUL = "persistence false"


class Device:
    """Outbox, publisher and link, as the agent composes them."""

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        host: str = "127.0.0.1",
        resend_after_s: float = 0.5,
        backfill_after_s: float = 30,
    ) -> None:
        self.clock = SystemClock(assume_synchronised=True)
        self.outbox = Outbox(folder / "outbox.db", boot="boot-0001", clock=self.clock, max_bytes=50_000_000)
        self.restarts = threading.Event()
        self.link = MqttLink(
            MqttSettings(host=host, port=port, reconnect_max_s=0.3),
            site="farm",
            device="edge-1",
            boot="boot-0001",
            clock=self.clock,
            inventory=lambda: Inventory(agent_version="1"),
            on_event=self._handle,
        )
        self.publisher = Publisher(
            self.outbox,
            self.link,
            site="farm",
            device="edge-1",
            clock=self.clock,
            resend_after_s=resend_after_s,
            backfill_after_s=backfill_after_s,
            on_stream_restart=self.restarts.set,
        )
        self.supervisor = Supervisor()

    def _handle(self, event: LinkEvent) -> None:
        self.publisher.handle(event)

    def start(self) -> None:
        self.supervisor.start("publisher", self.publisher.run)
        self.supervisor.start("link", self.link.run)

    def stop(self, *, goodbye: bool = False) -> None:
        if goodbye:
            self.link.say_goodbye()
        self.supervisor.stop_all(timeout_s=3)
        self.outbox.close()

    def is_empty(self) -> bool:
        return self.outbox.depth().rows == 0


@pytest.fixture
def broker(mosquitto_factory: Callable[..., Mosquitto]) -> Mosquitto:
    return mosquitto_factory(configuration=FORGETFUL)


@pytest.fixture
def store(broker: Mosquitto) -> Iterator[Store]:
    store = Store(broker.port)
    yield store
    store.close()


@pytest.fixture
def device(tmp_path: Path, broker: Mosquitto) -> Iterator[Device]:
    device = Device(tmp_path, broker.port)
    yield device
    device.stop()


def test_rows_are_deleted_when_the_store_has_committed_them(device: Device, store: Store) -> None:
    device.start()
    for number in range(50):
        device.outbox.accept([readings_draft(number)])
    eventually(device.is_empty)
    assert len(store.messages) == 50
    assert store.repeats == 0


def test_a_puback_alone_deletes_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    silent = Store(broker.port, confirms=False)
    device = Device(tmp_path, broker.port, resend_after_s=60)
    device.start()
    for number in range(20):
        device.outbox.accept([readings_draft(number)])
    eventually(lambda: len(silent.messages) == 20 and device.publisher.stats.unconfirmed == 20)
    assert device.outbox.depth().rows == 20
    silent.confirm("farm", "edge-1", device.outbox.stream)
    eventually(device.is_empty)
    device.stop()
    silent.close()


def test_what_the_store_does_not_confirm_is_sent_again(device: Device, store: Store) -> None:
    store.confirms = False
    device.start()
    device.outbox.accept([readings_draft(1)])
    eventually(lambda: store.repeats >= 2)
    store.confirms = True
    eventually(device.is_empty)
    assert len(store.messages) == 1


@pytest.mark.faults
def test_a_broker_that_forgets_everything_loses_nothing(device: Device, store: Store, broker: Mosquitto) -> None:
    device.start()
    done = threading.Event()

    def produce() -> None:
        for number in range(300):
            device.outbox.accept([readings_draft(number)])
            done.wait(0.005)
        done.set()

    producer = threading.Thread(target=produce)
    producer.start()
    for _ in range(3):
        done.wait(0.4)
        broker.kill()
        broker.start()
    producer.join()
    eventually(device.is_empty, timeout_s=60)
    assert sorted(seq for _, seq in store.messages) == list(range(1, 301))


def test_after_an_outage_alarms_go_first_and_live_goes_before_backfill(
    tmp_path: Path, broker: Mosquitto, store: Store
) -> None:
    device = Device(tmp_path, broker.port, backfill_after_s=0.5)
    for number in range(200):
        device.outbox.accept([readings_draft(number)])
    device.outbox.accept([alarm_draft(1)])
    threading.Event().wait(0.7)
    device.start()
    eventually(device.link.connected.is_set)
    threading.Event().wait(0.2)
    device.outbox.accept([readings_draft(1000)])
    eventually(device.is_empty, timeout_s=60)
    order = store.order
    assert order[0].kind is Kind.ALARMS
    assert order[0].backfill
    live = next(index for index, envelope in enumerate(order) if envelope.seq == 202)
    assert live < 150, "live data waited behind the backlog"
    assert sum(envelope.backfill for envelope in order) >= 200
    device.stop()


def test_an_outbox_older_than_the_store_starts_a_new_stream(device: Device, store: Store) -> None:
    device.outbox.accept([readings_draft(1)])
    store._seen[device.outbox.stream].update(range(1, 900))  # the store knows a later life of this file
    store.confirm("farm", "edge-1", device.outbox.stream)
    before = device.outbox.stream
    device.start()
    assert device.restarts.wait(10)
    device.outbox.accept([readings_draft(2)])
    eventually(device.is_empty)
    assert device.outbox.stream != before
    assert len([key for key in store.messages if key[0] == device.outbox.stream]) == 2


def test_birth_goodbye_and_last_will(tmp_path: Path, broker: Mosquitto, store: Store) -> None:
    device = Device(tmp_path, broker.port)
    device.start()
    eventually(lambda: store.statuses)
    assert store.statuses[0].state is DeviceState.ONLINE
    assert store.statuses[0].inventory is not None
    device.stop(goodbye=True)
    eventually(lambda: len(store.statuses) == 2)
    assert (store.statuses[1].state, store.statuses[1].reason) == (DeviceState.OFFLINE, "stopped")

    dying = Device(tmp_path, broker.port)
    dying.start()
    eventually(lambda: len(store.statuses) >= 3)  # a second birth answers the goodbye that the broker still retains
    sock = dying.link._client.socket()
    assert sock is not None
    socket.socket.shutdown(sock, socket.SHUT_RDWR)  # type: ignore[arg-type]  # the box loses its cable: no DISCONNECT
    eventually(lambda: any(status.reason == "last_will" for status in store.statuses))
    dying.stop()


def test_a_late_will_of_an_earlier_connection_is_contradicted(device: Device, store: Store) -> None:
    device.start()
    eventually(lambda: store.statuses)
    will = Status(
        site="farm", device="edge-1", boot="boot-0001", sent_at=START, state=DeviceState.OFFLINE, reason="last_will"
    )
    store._client.publish(uplink("farm", "edge-1", Kind.STATUS), encode(will), qos=1, retain=True)
    eventually(lambda: [status.state for status in store.statuses[-2:]] == [DeviceState.OFFLINE, DeviceState.ONLINE])


def test_a_routed_topic_is_heard_again_after_every_reconnect(device: Device, store: Store, broker: Mosquitto) -> None:
    heard: list[tuple[str, bytes]] = []

    def fail(_topic: str, _payload: bytes) -> None:
        raise ValueError("a handler that fails ends no connection")

    device.link.route(commands("farm", "edge-1"), fail)
    device.link.route("$aws/things/farm.edge-1/jobs/+", lambda topic, payload: heard.append((topic, payload)))
    device.link.route(commands("farm", "edge-1"), lambda topic, payload: heard.append((topic, payload)))
    device.start()
    eventually(lambda: store.statuses)
    store._client.publish(commands("farm", "edge-1"), b"one", qos=1)
    store._client.publish("$aws/things/farm.edge-1/jobs/notify-next", b"two", qos=1)
    store._client.publish(commands("farm", "edge-2"), b"not for us", qos=1)
    eventually(lambda: [payload for _, payload in heard] == [b"one", b"two"])
    broker.kill()
    eventually(lambda: not device.link.connected.is_set())
    broker.start()
    births = len(store.statuses)
    eventually(lambda: len(store.statuses) > births)
    store._client.publish(commands("farm", "edge-1"), b"three", qos=1)
    eventually(lambda: heard[2:] == [("shoal/1/farm/edge-1/commands", b"three")])


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/b/#", "a", False),
        ("#", "$aws/things/x", False),
        ("+/things/x", "$aws/things/x", False),
        ("$aws/things/+", "$aws/things/x", True),
    ],
)
def test_topic_filters_match_as_the_standard_says(topic_filter: str, topic: str, expected: bool) -> None:
    assert matches(topic_filter, topic) is expected


def test_images_in_flight_leave_room_for_alarms(tmp_path: Path) -> None:
    class Link:
        max_payload_bytes = 1_000_000

        def __init__(self) -> None:
            self.topics: list[str] = []

        def publish(self, topic: str, payload: bytes, trace: str | None = None) -> int:
            self.topics.append(topic)
            return len(self.topics)

    link = Link()
    outbox = new_outbox(tmp_path)
    clock = VirtualClock()
    publisher = Publisher(outbox, link, site="farm", device="edge-1", clock=clock, window=100)
    publisher._connected = True
    for _ in range(40):
        outbox.accept([Draft(Kind.EVIDENCE, b"x" * 200_000)])
    publisher.handle(Connected())
    publisher._take_events(timeout_s=1)
    publisher._send_from_s = 0.0
    publisher._apply_watermark()
    for _ in range(10):
        publisher._pump()
        clock.advance(1)
    assert len(link.topics) == 5  # a megabyte of images, then they wait
    outbox.accept([alarm_draft(1)])
    publisher._take_events(timeout_s=1)
    publisher._pump()
    assert link.topics[5:] == ["shoal/1/farm/edge-1/alarms"]
    outbox.close()
