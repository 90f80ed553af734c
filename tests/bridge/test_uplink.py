"""The uplink against a real broker: what it acknowledges, when, in which order, and what it never does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.errors import UplinkBrokenError
from bridge.settings import BridgeSettings
from bridge.uplink import Uplink
from contracts.dead_letters import DeadLetter
from contracts.topics import Kind, uplink
from tests.bridge.farm import READINGS_TOPIC, Farm, always, eventually, payload
from tests.bridge.memory_sink import MemorySink
from tests.bridge.tap import Tap
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.integration

Start = Callable[..., Uplink]
each_client = pytest.mark.parametrize("buffered", [True, False], ids=["buffered", "plain"])
each_version = pytest.mark.parametrize("version", ["3.1.1", "5"])


def assert_books_balance(bridge: Uplink) -> None:
    tally = bridge.state().tally
    assert tally.received == tally.forwarded + sum(tally.dead_lettered.values()) + tally.in_flight
    assert tally.delivered == tally.received + tally.waiting + tally.returned


@each_client
@each_version
def test_readings_arrive_in_order_exactly_as_sent(
    start_uplink: Start, sink: MemorySink, farm: Farm, buffered: bool, version: str
) -> None:
    bridge = start_uplink(mqtt_buffered=buffered, mqtt_version=version)
    farm.send_readings(range(1, 501))
    eventually(lambda: bridge.state().tally.acked == 500, "all are acknowledged")
    assert sink.sequences() == list(range(1, 501))
    assert sink.stored[0].value == payload(1)
    assert (sink.stored[0].topic, sink.stored[0].key) == ("sensor-data", b"north/edge-1")
    assert_books_balance(bridge)


@each_client
def test_a_message_keeps_the_trace_of_its_sender_and_needs_none(
    start_uplink: Start, sink: MemorySink, broker: Mosquitto, buffered: bool
) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    sender = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    sender.connect("127.0.0.1", broker.port)
    sender.loop_start()
    start_uplink(mqtt_buffered=buffered, mqtt_version="5", traces=True)
    for number, named in enumerate(
        [[("a", "b"), ("traceparent", trace)], [], [("traceparent", "x" * 55)], [("traceparent", "short")]], 1
    ):
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if named:
            properties.UserProperty = named
        sender.publish(READINGS_TOPIC, payload(number), qos=1, properties=properties).wait_for_publish(20)
    sender.disconnect()
    sender.loop_stop()
    eventually(lambda: len(sink.stored) == 4, "all four arrive")
    assert [each.headers for each in sink.stored] == [(("traceparent", trace.encode()),), (), (), ()]
    assert [each.value for each in sink.stored] == [payload(number) for number in range(1, 5)]


def test_traces_need_the_protocol_that_can_carry_them() -> None:
    with pytest.raises(ValueError, match=r"traces: MQTT 3\.1\.1 has no user properties"):
        BridgeSettings(traces=True)


@each_client
@each_version
def test_nothing_is_acknowledged_before_the_sink_is_done(
    start_uplink: Start, sink: MemorySink, farm: Farm, tap: Tap, buffered: bool, version: str
) -> None:
    sink.holding = True
    bridge = start_uplink(mqtt_port=tap.port, mqtt_buffered=buffered, mqtt_version=version)
    farm.send_readings([1, 2, 3])
    eventually(lambda: sum(len(batch) for batch, _ in sink.held) == 3, "the sink holds all three")
    always(lambda: tap.pubacks[-1] == [], "no PUBACK left", for_s=0.3)
    assert bridge.state().tally.in_flight == 3

    while sink.held:
        sink.release()
    eventually(lambda: len(tap.pubacks[-1]) == 3, "three PUBACKs leave")


@each_client
def test_pubacks_leave_in_the_order_of_arrival_even_when_the_sink_finishes_backwards(
    start_uplink: Start, sink: MemorySink, farm: Farm, tap: Tap, buffered: bool
) -> None:
    sink.holding = True
    start_uplink(mqtt_port=tap.port, mqtt_buffered=buffered, batch_max=10)
    farm.send_readings(range(1, 51))
    eventually(lambda: sum(len(batch) for batch, _ in sink.held) == 50, "the sink holds fifty")
    batches = len(sink.held)
    assert batches > 1
    for _ in range(batches - 1):
        sink.release(-1)
    always(lambda: tap.pubacks[-1] == [], "no PUBACK overtakes the oldest batch", for_s=0.2)
    sink.release()
    eventually(lambda: len(tap.pubacks[-1]) == 50, "fifty PUBACKs leave")
    assert tap.pubacks[-1] == sorted(tap.pubacks[-1])


@each_client
@each_version
def test_after_a_reconnect_stale_messages_are_never_acknowledged_and_come_again(
    start_uplink: Start, sink: MemorySink, farm: Farm, tap: Tap, buffered: bool, version: str
) -> None:
    sink.holding = True
    bridge = start_uplink(mqtt_port=tap.port, mqtt_buffered=buffered, mqtt_version=version)
    farm.send_readings([1, 2, 3])
    eventually(lambda: sum(len(batch) for batch, _ in sink.held) == 3, "the sink holds the first delivery")
    stale = len(sink.held)

    tap.cut()
    eventually(lambda: sum(len(batch) for batch, _ in sink.held) == 6, "the broker delivers the three again, as DUP")
    for _ in range(stale):
        sink.release()
    always(lambda: tap.pubacks[-1] == [], "the stale delivery is not acknowledged on the new connection", for_s=0.3)
    while sink.held:
        sink.release()
    eventually(lambda: len(tap.pubacks[-1]) == 3, "the new delivery is")

    state = bridge.state()
    assert (state.source.connections, state.source.sessions_lost, state.tally.acked) == (2, 0, 3)
    assert set(sink.sequences()) == {1, 2, 3}
    assert_books_balance(bridge)


def test_poison_goes_to_dead_letters_and_never_fills_the_window(
    start_uplink: Start, sink: MemorySink, farm: Farm
) -> None:
    bridge = start_uplink(window=20, batch_max=10)
    farm.send(READINGS_TOPIC, [b"{broken %d" % n for n in range(100)])
    farm.send("shoal/1/north/edge-1/health", [payload(1)])
    farm.send_readings([1])
    eventually(lambda: bridge.state().tally.acked == 102, "poison is acknowledged too")
    letters = [routed.message for routed in sink.stored if isinstance(routed.message, DeadLetter)]
    assert {letter.reason for letter in letters} == {"bad_json", "kind_mismatch"}
    assert len({letter.payload for letter in letters}) == 101
    assert all(routed.topic == "error-messages" for routed in sink.stored[:-1])
    tally = bridge.state().tally
    assert (tally.forwarded, tally.dead_lettered) == (1, {"bad_json": 100, "kind_mismatch": 1})
    assert_books_balance(bridge)


def test_five_megabytes_become_a_letter_that_says_so_and_do_not_hold_up_the_next(
    start_uplink: Start, sink: MemorySink, farm: Farm
) -> None:
    bridge = start_uplink(window=5)
    for number in range(1, 7):
        farm.send(READINGS_TOPIC, [b"%d" % number * 5_000_000])
    farm.send_readings([1])
    eventually(lambda: bridge.state().tally.acked == 7, "all are acknowledged")
    letters = [routed.message for routed in sink.stored if isinstance(routed.message, DeadLetter)]
    assert {letter.reason for letter in letters} == {"too_large"}
    assert all("5000000 bytes" in letter.detail and len(letter.payload) == 700_000 for letter in letters)
    assert sink.sequences() == [1]


def test_a_device_that_claims_to_be_another_is_refused(start_uplink: Start, sink: MemorySink, farm: Farm) -> None:
    bridge = start_uplink()
    farm.send(READINGS_TOPIC, [payload(1, device="edge-2")])
    eventually(lambda: bridge.state().tally.dead_lettered == {"identity_mismatch": 1}, "the lie becomes a dead letter")
    (routed,) = sink.stored
    assert isinstance(routed.message, DeadLetter)
    assert (routed.message.stage, routed.message.payload) == ("authorize", payload(1, device="edge-2"))


def test_a_flood_of_poison_pauses_instead_of_draining_the_stream(
    start_uplink: Start, sink: MemorySink, farm: Farm
) -> None:
    bridge = start_uplink(dead_letter_rate_per_s=5, dead_letter_burst=20, batch_max=10)
    farm.send(READINGS_TOPIC, [b"{broken %d" % n for n in range(200)])
    eventually(lambda: bridge.state().paused_for_dead_letters, "the bridge pauses")
    time.sleep(1.0)
    assert len(sink.stored) < 60
    assert any("dead letters" in obstacle for obstacle in bridge.state().obstacles)
    assert bridge.state().source.subscribed
    assert bridge.state().tally.in_flight + bridge.state().tally.waiting >= 140


def test_a_record_that_the_sink_refuses_for_good_becomes_a_dead_letter(
    start_uplink: Start, sink: MemorySink, farm: Farm
) -> None:
    sink.largest = 100_000
    bridge = start_uplink(dead_letter_max_bytes=1000)
    big = payload(2).replace(b'"tank-1"', b'"tank-1","note":"' + b"x" * 200_000 + b'"', 1)
    farm.send(READINGS_TOPIC, [payload(1), big, payload(3)])
    eventually(lambda: bridge.state().tally.acked == 3, "all three are acknowledged")
    assert set(sink.sequences()) == {1, 3}
    assert bridge.state().tally.dead_lettered == {"refused_by_sink": 1}
    assert_books_balance(bridge)


@each_client
def test_while_the_store_is_away_the_connection_stays_the_window_is_bounded_and_nothing_is_lost(
    start_uplink: Start, sink: MemorySink, farm: Farm, buffered: bool
) -> None:
    bridge = start_uplink(mqtt_keepalive_s=1, window=50, batch_max=10, mqtt_buffered=buffered)
    sink.away = True
    farm.send_readings(range(1, 2001))  # forty windows, so most must stay with the broker
    eventually(lambda: any("sink fails" in o for o in bridge.state().obstacles), "readiness names the store")
    time.sleep(4.0)  # four keepalives
    state = bridge.state()
    if buffered:  # paho as it is takes unread pings for a dead line, so its connection may come and go
        assert (state.source.subscribed, state.source.connections) == (True, 1)
        assert state.tally.oldest_age_s > 3.0
        assert state.tally.in_flight + state.tally.waiting <= 1000 + 50  # the broker's own limit on top of ours

    sink.away = False
    eventually(lambda: set(sink.sequences()) == set(range(1, 2001)), "the backlog drains", within_s=90)
    eventually(lambda: not bridge.state().obstacles, "ready again")
    assert_books_balance(bridge)


def test_mqtt_5_tells_the_broker_the_window(start_uplink: Start, sink: MemorySink, farm: Farm) -> None:
    sink.away = True
    bridge = start_uplink(mqtt_version="5", window=50, batch_max=10)
    farm.send_readings(range(1, 501))
    eventually(lambda: bridge.state().tally.delivered >= 50, "the window fills")
    always(lambda: bridge.state().tally.delivered <= 50, "the broker sends no more than Receive Maximum")
    sink.away = False
    eventually(lambda: sink.sequences() == list(range(1, 501)), "all arrive once, in order")


def test_a_broker_restart_is_survived_and_the_subscription_comes_back(
    start_uplink: Start, sink: MemorySink, broker: Mosquitto
) -> None:
    bridge = start_uplink()
    broker.restart()
    eventually(lambda: bridge.state().source.subscribed and bridge.state().source.connections == 2, "reconnected")
    farm = Farm(broker.port)
    farm.send_readings([1, 2])
    farm.close()
    eventually(lambda: sink.sequences() == [1, 2], "readings flow again")
    assert bridge.state().source.sessions_lost == 0


def test_a_broker_that_forgot_the_session_is_noticed(start_uplink: Start, sink: MemorySink, broker: Mosquitto) -> None:
    bridge = start_uplink()
    broker.kill()
    (broker.folder / "mosquitto.db").unlink(missing_ok=True)
    broker.start()
    eventually(lambda: bridge.state().source.sessions_lost == 1, "the lost session is counted")
    eventually(lambda: bridge.state().source.subscribed, "subscribed again")
    farm = Farm(broker.port)
    farm.send_readings([1])
    farm.close()
    eventually(lambda: sink.sequences() == [1], "readings flow again")


def test_a_stop_drains_what_the_sink_holds_and_leaves_the_rest_with_the_broker(
    start_uplink: Start, sink: MemorySink, farm: Farm
) -> None:
    first = start_uplink()
    sink.holding = True
    farm.send_readings(range(1, 11))
    eventually(lambda: sum(len(batch) for batch, _ in sink.held) == 10, "the sink holds ten")
    first.stop()  # the sink answers them with an error when it stops
    assert first.state().tally.acked == 0
    farm.send_readings(range(11, 21))  # nobody is there

    sink.holding = False
    second = start_uplink()
    eventually(lambda: second.state().tally.acked == 20, "the next bridge gets all twenty")
    assert sink.sequences() == list(range(1, 21))
    second.stop()
    second.stop()
    third = start_uplink()
    always(lambda: third.state().tally.delivered == 0, "nothing that was acknowledged comes again")


def test_replicas_of_a_shared_group_divide_the_stream(start_uplink: Start, sink: MemorySink, farm: Farm) -> None:
    bridges = [start_uplink(shared_group="bridges", client_id=f"bridge-{n}") for n in range(2)]
    farm.send_readings(range(1, 101))
    eventually(lambda: len(sink.stored) == 100, "every message arrives")
    assert sorted(sink.sequences()) == list(range(1, 101))
    assert all(bridge.state().tally.acked > 0 for bridge in bridges)


def test_a_status_goes_through_the_same_bridge(start_uplink: Start, sink: MemorySink, farm: Farm) -> None:
    start_uplink()
    status = (
        b'{"v":1,"site":"north","device":"edge-1","boot":"boot-0001","sent_at":"2026-06-01T12:00:00Z","state":"online"}'
    )
    farm.send(uplink("north", "edge-1", Kind.STATUS), [status], retain=True)
    eventually(lambda: [routed.topic for routed in sink.stored] == ["system-events"], "the status arrives")


@each_client
def test_an_image_of_a_megabyte_passes_between_small_readings(
    start_uplink: Start, sink: MemorySink, farm: Farm, buffered: bool
) -> None:
    start_uplink(mqtt_buffered=buffered)
    big = payload(2).replace(b'"tank-1"', b'"tank-1","note":"' + b"x" * 1_300_000 + b'"', 1)
    farm.send(READINGS_TOPIC, [payload(1), big, payload(3)])
    eventually(lambda: sink.sequences() == [1, 2, 3], "all three arrive in order")
    assert sink.stored[1].value == big


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_ends_the_program_instead_of_hanging(
    settings_for: Callable[..., BridgeSettings], sink: MemorySink, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = Uplink(settings_for(drain_timeout_s=0.1), sink)

    def fault(_batch: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(bridge, "_forward", fault)
    publisher = threading.Timer(0.5, farm.send_readings, [[1]])
    publisher.start()
    with pytest.raises(UplinkBrokenError):
        bridge.run_forever()
    publisher.join()
    bridge.stop()


def test_a_sink_that_takes_bytes_gets_no_objects_and_letters_are_counted_all_the_same(
    settings_for: Callable[..., BridgeSettings], sink: MemorySink, farm: Farm
) -> None:
    bridge = Uplink(settings_for(), sink, typed=False)
    bridge.start()
    eventually(lambda: bridge.state().source.subscribed, "subscribed")
    farm.send(READINGS_TOPIC, [payload(1), b"{"])
    eventually(lambda: bridge.state().tally.acked == 2, "acknowledged")
    assert (sink.stored[0].message, sink.stored[0].value) == (None, payload(1))
    assert isinstance(sink.stored[1].message, DeadLetter)
    assert bridge.state().tally.dead_lettered == {"bad_json": 1}
    bridge.stop()
