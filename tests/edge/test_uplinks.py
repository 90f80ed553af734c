"""One suite for both uplinks, paho and AWS's client: Mosquitto as we ship it, our own authority, a certificate for each box."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bridge.downlink import Downlink, close_publisher, open_publisher
from bridge.settings import BridgeSettings
from bridge.steps.address import Shadows
from contracts.deployments import (
    ASSIGNMENT_TYPE,
    DEPLOY_OPERATION,
    Assignment,
    DeploymentState,
    DeploymentStatus,
    DesiredModels,
    ReportedModels,
)
from contracts.devices import DeviceState, Inventory, ShadowDocument, ShadowState
from contracts.downlink import DesiredState
from contracts.downlink import Downlink as DownlinkMessage
from contracts.errors import ConfigurationError
from contracts.topics import Kind, commands, jobs, shadow, uplink
from contracts.traces import traceparent_of
from edge.check import check
from edge.clock import SystemClock
from edge.messaging.aws_iot import MAX_PAYLOAD_BYTES, AwsIotLink
from edge.messaging.client import MqttLink
from edge.messaging.link import DeviceLink
from edge.messaging.settings import AwsIotSettings
from edge.messaging.shadow import ModelsShadow
from edge.messaging.state import Connected, LinkEvent
from edge.messaging.uplinks import open_link
from edge.outbox.publisher import Publisher
from edge.outbox.store import Draft, Outbox
from edge.outbox.traces import MessageTraces
from edge.sections import MqttSettings, TlsSettings
from edge.settings import load_settings
from edge.supervisor import Supervisor
from tests.bridge.certificates import authority, signed
from tests.edge.farm import Store, alarm_draft, configuration, eventually, readings_draft
from tests.servers.cable import Cable
from tests.servers.mosquitto import SHIPPED, ShippedMosquitto
from tests.servers.presence import MissingServerError, missing

pytestmark = [
    pytest.mark.integration,
    # paho leaves a socket whose TLS handshake fails to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Uplink = Literal["mqtt", "aws_iot"]
ASSIGNMENT = Assignment(
    site="farm",
    device="edge-1",
    deployment="d-1",
    path="models/fish-detector/1.1.0.json",
    sha256="b" * 64,
    bytes=100,
    model="fish-detector",
    version="1.1.0",
    issued_at=datetime(2026, 11, 21, tzinfo=timezone.utc),
    expires_at=datetime(2026, 11, 21, tzinfo=timezone.utc) + timedelta(days=14),
)


@pytest.fixture(autouse=True)
def _short_wait_for_the_watermark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.outbox.publisher.WATERMARK_WAIT_S", 0.2)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ca", "stranger"):
        authority(folder, name)
    for file, name in (("broker", "broker"), ("bridge", "bridge"), ("one", "farm/edge-1"), ("two", "farm/edge-2")):
        signed(folder, file, by="ca", name=name)
    signed(folder, "false", by="stranger", name="farm/edge-1")
    acl = (SHIPPED / "acl").read_text()
    for device in ("edge-1", "edge-2"):
        acl += f"\nuser farm/{device}\ntopic readwrite $aws/things/farm.{device}/#\n"
    (folder / "acl").write_text(acl)
    return folder


@pytest.fixture
def broker(certificates: Path, tmp_path: Path) -> Iterator[ShippedMosquitto]:
    broker = ShippedMosquitto(tmp_path / "mosquitto", certificates)
    try:
        broker.start()
    except MissingServerError as error:
        missing(broker.name, str(error))
    yield broker
    broker.stop()


@pytest.fixture
def store(broker: ShippedMosquitto, certificates: Path) -> Iterator[Store]:
    ca, cert, key = (str(certificates / name) for name in ("ca.pem", "bridge.pem", "bridge.key"))
    store = Store(broker.port, tls=(ca, cert, key))
    yield store
    store.close()


@pytest.fixture
def cable(broker: ShippedMosquitto) -> Iterator[Cable]:
    cable = Cable(broker.port)
    yield cable
    cable.close()


class Box:
    """Outbox, publisher and link of one device."""

    def __init__(
        self,
        uplink: Uplink,
        port: int,
        folder: Path,
        certificates: Path,
        *,
        identity: str = "one",
        protocol: Literal["3.1.1", "5"] = "3.1.1",
        traces: MessageTraces | None = None,
    ) -> None:
        self.clock = SystemClock(assume_synchronised=True)
        self.on_event: Callable[[LinkEvent], None] = lambda _event: None
        self.outbox = Outbox(folder / "outbox.db", boot="boot-0001", clock=self.clock, max_bytes=50_000_000)
        ca, cert, key = (certificates / name for name in ("ca.pem", f"{identity}.pem", f"{identity}.key"))
        self.link: DeviceLink
        if uplink == "mqtt":
            tls = TlsSettings(ca_file=ca, cert_file=cert, key_file=key)
            settings = MqttSettings(port=port, reconnect_max_s=0.3, keepalive_s=5, tls=tls, protocol=protocol)
            self.link = MqttLink(
                settings,
                site="farm",
                device="edge-1",
                boot="boot-0001",
                clock=self.clock,
                inventory=lambda: Inventory(agent_version="1"),
                on_event=self._handle,
            )
        else:
            self.link = AwsIotLink(
                AwsIotSettings(
                    endpoint="127.0.0.1", port=port, ca_file=ca, cert_file=cert, key_file=key, reconnect_max_s=0.3
                ),
                site="farm",
                device="edge-1",
                boot="boot-0001",
                clock=self.clock,
                inventory=lambda: Inventory(agent_version="1"),
                on_event=self._handle,
            )
        self.publisher = Publisher(
            self.outbox, self.link, site="farm", device="edge-1", clock=self.clock, resend_after_s=0.5, traces=traces
        )
        self.supervisor = Supervisor()

    def _handle(self, event: LinkEvent) -> None:
        self.publisher.handle(event)
        self.on_event(event)

    def start(self) -> None:
        self.supervisor.start("publisher", self.publisher.run)
        self.supervisor.start("link", self.link.run)

    def stop(self) -> None:
        self.supervisor.stop_all(timeout_s=5)
        self.outbox.close()

    def is_empty(self) -> bool:
        return self.outbox.depth().rows == 0


@pytest.fixture(params=["mqtt", "aws_iot"])
def uplink_name(request: pytest.FixtureRequest) -> Uplink:
    name: Uplink = request.param
    return name


@pytest.fixture
def box(uplink_name: Uplink, cable: Cable, tmp_path: Path, certificates: Path) -> Iterator[Box]:
    box = Box(uplink_name, cable.port, tmp_path, certificates)
    yield box
    box.stop()


def test_messages_travel_and_are_deleted_when_the_store_has_them(box: Box, store: Store) -> None:
    box.start()
    for number in range(30):
        box.outbox.accept([readings_draft(number), alarm_draft(number)])
    eventually(box.is_empty)
    assert len(store.messages) == 60
    assert store.statuses[0].state is DeviceState.ONLINE
    assert store.statuses[0].inventory is not None


def test_a_clean_stop_says_goodbye_and_a_pulled_cable_leaves_the_last_will(
    box: Box, store: Store, cable: Cable
) -> None:
    box.start()
    eventually(lambda: store.statuses)
    cable.pull()
    eventually(lambda: any(status.reason == "last_will" for status in store.statuses))
    eventually(lambda: not box.link.connected.is_set())
    cable.mend()
    eventually(lambda: store.statuses[-1].state is DeviceState.ONLINE)
    box.link.say_goodbye()
    eventually(lambda: store.statuses[-1].reason == "stopped")


def test_nothing_is_lost_when_the_cable_is_pulled_again_and_again(box: Box, store: Store, cable: Cable) -> None:
    box.start()
    pause = threading.Event()
    for round_ in range(3):
        for number in range(40):
            box.outbox.accept([readings_draft(round_ * 40 + number)])
            if number == 20:
                cable.pull()
        pause.wait(0.3)
        cable.mend()
        eventually(box.is_empty, timeout_s=60)
    assert sorted(seq for _, seq in store.messages) == list(range(1, 121))
    assert cable.connections >= 3


def test_commands_and_jobs_are_heard_again_after_a_reconnect(box: Box, store: Store, cable: Cable) -> None:
    heard: list[bytes] = []
    box.link.route(commands("farm", "edge-1"), lambda _topic, payload: heard.append(payload))
    for number in range(9):  # AWS takes eight filters in one request
        box.link.route(f"$aws/things/farm.edge-1/jobs/{number}", lambda _topic, payload: heard.append(payload))
    box.start()
    eventually(lambda: store.statuses)
    store._client.publish(commands("farm", "edge-1"), b"one", qos=1)
    eventually(lambda: heard == [b"one"])
    cable.pull()
    eventually(lambda: not box.link.connected.is_set())
    cable.mend()
    births = len(store.statuses)
    eventually(lambda: len(store.statuses) > births and box.link.connected.is_set())
    store._client.publish(commands("farm", "edge-1"), b"two", qos=1)
    eventually(lambda: heard == [b"one", b"two"])


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_message_carries_its_trace_where_the_broker_has_user_properties(
    uplink_name: Uplink,
    protocol: Literal["3.1.1", "5"],
    broker: ShippedMosquitto,
    store: Store,
    tmp_path: Path,
    certificates: Path,
) -> None:
    carried: list[Any] = []
    listener = Client(CallbackAPIVersion.VERSION2, client_id="listener", protocol=MQTTProtocolVersion.MQTTv5)
    ca, cert, key = (str(certificates / name) for name in ("ca.pem", "bridge.pem", "bridge.key"))
    listener.tls_set(ca, cert, key)

    def subscribe(client: Client, *_: Any) -> None:
        client.subscribe(uplink("farm", "edge-1", Kind.ALARMS), 1)

    listener.on_connect = subscribe
    listener.on_message = lambda _client, _data, message: carried.append(
        getattr(message.properties, "UserProperty", [])
    )
    subscribed = threading.Event()
    listener.on_subscribe = lambda *_: subscribed.set()
    listener.connect("127.0.0.1", broker.port)
    listener.loop_start()
    assert subscribed.wait(20)
    box = Box(
        uplink_name, broker.port, tmp_path, certificates, protocol=protocol,
        traces=MessageTraces(0.001, SystemClock(assume_synchronised=True)),
    )  # fmt: skip
    box.start()
    box.outbox.accept([alarm_draft()])
    eventually(box.is_empty)
    name = traceparent_of(box.outbox.stream, 1, Kind.ALARMS, share=1)
    on_the_wire = [] if (uplink_name, protocol) == ("mqtt", "3.1.1") else [("traceparent", name)]
    eventually(lambda: carried)
    assert carried[0] == on_the_wire
    assert len(store.messages) == 1
    box.stop()
    listener.disconnect()
    listener.loop_stop()


def test_a_box_with_anothers_certificate_is_not_heard(
    uplink_name: Uplink, cable: Cable, store: Store, tmp_path: Path, certificates: Path
) -> None:
    thief = Box(uplink_name, cable.port, tmp_path, certificates, identity="two")
    thief.start()
    thief.outbox.accept([alarm_draft()])
    eventually(lambda: cable.connections >= 2)  # Mosquitto does not even take a last will on another's topic
    assert store.messages == {}
    assert store.statuses == []
    assert thief.outbox.depth().rows == 1, "what the store has not confirmed stays"
    thief.stop()


def test_a_certificate_of_a_stranger_does_not_connect_and_nothing_is_lost(
    uplink_name: Uplink, cable: Cable, store: Store, tmp_path: Path, certificates: Path
) -> None:
    thief = Box(uplink_name, cable.port, tmp_path, certificates, identity="false")
    thief.start()
    thief.outbox.accept([alarm_draft()])
    eventually(lambda: cable.connections >= 2)
    assert not thief.link.connected.is_set()
    assert store.messages == {}
    thief.stop()


def test_what_aws_would_refuse_for_its_size_is_given_up_counted_and_nothing_behind_it_waits(
    cable: Cable, store: Store, tmp_path: Path, certificates: Path
) -> None:
    box = Box("aws_iot", cable.port, tmp_path, certificates)
    body = b'{"type":"evidence","data":"%s"}' % (b"x" * MAX_PAYLOAD_BYTES)
    box.outbox.accept([Draft(Kind.EVIDENCE, body)])
    box.outbox.accept([readings_draft(1)])
    box.start()
    eventually(box.is_empty)
    assert box.outbox.counters() == {"evidence": 1, "dropped_evidence": 1, "readings": 1}
    assert [seq for _, seq in store.messages] == [2]
    box.stop()


def test_topics_fit_what_aws_allows() -> None:
    longest = "x" * 63
    for kind in Kind:
        topic = uplink(longest, longest, kind)
        assert topic.count("/") <= 7
        assert len(topic) <= 256


def test_the_configuration_chooses_the_uplink_and_explains_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Add the section aws_iot"):
        load_settings(configuration(tmp_path, uplink="aws_iot"))
    section = {"endpoint": "x-ats.iot.eu-north-1.amazonaws.com", "cert_file": "cert.pem", "key_file": "key.pem"}
    settings = load_settings(configuration(tmp_path, uplink="aws_iot", aws_iot=section))
    assert settings.uplink_address == ("x-ats.iot.eu-north-1.amazonaws.com", 8883)
    opened = open_link(
        settings,
        boot="boot-0001",
        clock=SystemClock(),
        inventory=lambda: Inventory(agent_version="1"),
        on_event=lambda _event: None,
    )
    assert isinstance(opened, AwsIotLink)
    with pytest.raises(ConfigurationError, match=r"aws_iot\.cert_file"):
        check(settings)
    camera = {"name": "top", "unit": "tank-1", "source": "usb:0"}
    with pytest.raises(ConfigurationError, match="evidence_max_bytes: 150000 cannot be used"):
        load_settings(configuration(tmp_path, uplink="aws_iot", aws_iot=section, cameras=[camera]))


class ShadowService:
    """AWS IoT's shadow and jobs services for one thing, as far as a device sees them; ordinary topics on an ordinary broker."""

    def __init__(self, store: Store, thing: str) -> None:
        self._client = store._client
        self._thing = thing
        self.desired: dict[str, Any] = {}
        self.reported: dict[str, Any] = {}
        self.version = 0
        self.job: dict[str, Any] | None = None
        self.updates: list[dict[str, Any]] = []
        for topic, handler in (
            (shadow(thing, "models", "get"), self._get),
            (shadow(thing, "models", "update"), self._update),
            (jobs(thing, "$next/get"), self._next),
            (jobs(thing, "+/update"), self._job_update),
        ):
            self._client.message_callback_add(topic, handler)
            self._client.subscribe(topic, 1)

    def want(self, desired: dict[str, Any]) -> None:
        self.desired, self.version = desired, self.version + 1
        self._publish(shadow(self._thing, "models", "update/delta"), {"state": desired, "version": self.version})

    def offer(self, job: dict[str, Any]) -> None:
        self.job = job
        self._publish(jobs(self._thing, "notify-next"), {"execution": job, "timestamp": 1})

    def _get(self, *_: object) -> None:
        state = {"desired": self.desired, "reported": self.reported}
        self._publish(shadow(self._thing, "models", "get/accepted"), {"state": state, "version": max(1, self.version)})

    def _update(self, _client: object, _data: object, message: Any) -> None:
        state = json.loads(message.payload)["state"]
        self.reported = state.get("reported", self.reported)
        if "desired" in state:  # AWS merges, and takes away what is null
            merged = {**self.desired, **state["desired"]}
            self.want({name: value for name, value in merged.items() if value is not None})

    def _next(self, *_: object) -> None:
        self._publish(jobs(self._thing, "$next/get/accepted"), {"execution": self.job} if self.job else {})

    def _job_update(self, _client: object, _data: object, message: Any) -> None:
        self.updates.append(json.loads(message.payload))

    def _publish(self, topic: str, document: dict[str, Any]) -> None:
        self._client.publish(topic, json.dumps(document), qos=1)


@pytest.fixture
def bridge_may_play_aws(certificates: Path, broker: ShippedMosquitto) -> Path:
    """The shipped rights let the bridge speak on few shadow topics; the stand-in for AWS's services needs all of them."""
    acl = (certificates / "acl").read_text()
    wide = certificates / "acl"
    wide.write_text(acl + "\nuser bridge\ntopic readwrite $aws/things/farm.edge-1/#\n")
    broker.stop()
    broker.start()
    wide.write_text(acl)
    return certificates


def test_desired_models_and_jobs_arrive_and_what_runs_is_reported(
    bridge_may_play_aws: Path, box: Box, store: Store, cable: Cable
) -> None:
    heard: list[DesiredModels] = []
    reported = [ReportedModels(running_sha256="a" * 64)]
    service = ShadowService(store, "farm.edge-1")
    models = ModelsShadow(box.link, site="farm", device="edge-1", desired=heard.append, reported=lambda: reported[-1])
    box.on_event = lambda event: models.connected() if isinstance(event, Connected) else None
    payload = base64.b64encode(ASSIGNMENT.model_dump_json().encode()).decode()
    signed = {"payloadType": ASSIGNMENT_TYPE, "payload": payload, "signatures": [{"keyid": "k", "sig": "c2ln"}]}
    service.want({"v": 1, "assignment": signed})
    box.start()
    box.supervisor.start("shadow", models.run)
    eventually(lambda: heard and heard[-1].assignment)  # asked for at the connection
    eventually(lambda: service.reported.get("running_sha256") == "a" * 64)
    cable.pull()
    service.want({"v": 1, "assignment": None})
    eventually(lambda: not box.link.connected.is_set())
    cable.mend()
    eventually(lambda: heard[-1].assignment is None, timeout_s=20)  # what was missed is asked for

    job = {"jobId": "job-1", "status": "QUEUED", "jobDocument": {"operation": DEPLOY_OPERATION, "assignment": signed}}
    service.offer(job)
    eventually(lambda: heard[-1].assignment is not None)
    eventually(lambda: service.updates and service.updates[-1]["status"] == "IN_PROGRESS")
    status = DeploymentStatus(
        site="farm", device="edge-1", deployment="d-1", state=DeploymentState.COMMITTED, observed_at=ASSIGNMENT.issued_at,
        running_sha256="b" * 64,
    )  # fmt: skip
    reported.append(ReportedModels(running_sha256="b" * 64, deployment=status))
    eventually(lambda: service.updates[-1]["status"] == "SUCCEEDED")
    assert service.updates[-1]["statusDetails"]["running_sha256"] == "b" * 64
    eventually(lambda: service.reported.get("running_sha256") == "b" * 64)
    service.offer({"jobId": "job-2", "status": "QUEUED", "jobDocument": {"operation": DEPLOY_OPERATION}})
    eventually(lambda: service.updates[-1]["status"] == "REJECTED")


def test_what_the_platform_wants_goes_to_the_shadow_service_where_aws_keeps_it(
    bridge_may_play_aws: Path, box: Box, store: Store, broker: ShippedMosquitto, certificates: Path
) -> None:
    heard: list[DesiredModels] = []
    service = ShadowService(store, "farm.edge-1")
    models = ModelsShadow(box.link, site="farm", device="edge-1", desired=heard.append, reported=ReportedModels)
    box.on_event = lambda event: models.connected() if isinstance(event, Connected) else None
    settings = BridgeSettings(
        mqtt_host="127.0.0.1",
        mqtt_port=broker.port,
        mqtt_ca_file=certificates / "ca.pem",
        mqtt_cert_file=certificates / "bridge.pem",
        mqtt_key_file=certificates / "bridge.key",
        mqtt_shadows=Shadows.AWS_IOT,
        client_id="platform",
    )
    publisher = open_publisher(settings)
    downlink = Downlink(publisher, shadows=settings.mqtt_shadows)
    downlink.start()
    try:
        payload = base64.b64encode(ASSIGNMENT.model_dump_json().encode()).decode()
        signed = {"payloadType": ASSIGNMENT_TYPE, "payload": payload, "signatures": [{"keyid": "k", "sig": "c2ln"}]}

        def want(assignment: dict[str, Any] | None) -> None:
            desired = DesiredModels.model_validate({"assignment": assignment}).model_dump(mode="json")
            document = ShadowDocument(state=ShadowState(desired=desired), version=7)
            body = DesiredState(shadow="models", document=document)
            downlink.publish(DownlinkMessage(site="farm", device="edge-1", body=body))

        want(signed)
        eventually(lambda: service.version)  # the service has it before the box is there
        box.start()
        box.supervisor.start("shadow", models.run)
        eventually(lambda: heard and heard[-1].assignment)
        want(None)
        eventually(lambda: heard[-1].assignment is None)
    finally:
        downlink.stop()
        close_publisher(publisher)
