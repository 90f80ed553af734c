"""Sparkplug B: the codec against the reference, births and aliases in virtual time, edge nodes on a real broker."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import SystemClock
from edge.sensors.driver import Delivery, DriverContext, RawReading
from edge.sensors.drivers.sparkplug.codec import (
    DataType,
    Metric,
    Opaque,
    Payload,
    Raw,
    decode,
    encode,
    interpret,
    wire_form,
)
from edge.sensors.drivers.sparkplug.driver import SparkplugDriver
from edge.sensors.drivers.sparkplug.settings import SparkplugSensor
from edge.sensors.drivers.sparkplug.state import (
    LONGEST_REBIRTH_S,
    MAX_NODES,
    HostState,
    Outcome,
    address_of,
)
from edge.sensors.drivers.sparkplug.wire import DecodeError
from edge.supervisor import Supervisor
from tests.edge.farm import eventually
from tests.edge.sparkplug_reference import reference_payload
from tests.servers.mosquitto import Mosquitto
from tests.simulators.sparkplug import EdgeNode

# -- codec -------------------------------------------------------------------------------------------------------

_SIGNED = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
_UNSIGNED = {DataType.UINT8: 8, DataType.UINT16: 16, DataType.UINT32: 32, DataType.UINT64: 64, DataType.DATETIME: 64}
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


TEXT = st.text(max_size=20)
BYTES = st.binary(max_size=20)
STRATEGIES: dict[DataType, st.SearchStrategy[Any]] = {
    **{kind: st.integers(-(1 << bits - 1), (1 << bits - 1) - 1) for kind, bits in _SIGNED.items()},
    **{kind: st.integers(0, (1 << bits) - 1) for kind, bits in _UNSIGNED.items()},
    DataType.FLOAT: FLOAT32,
    DataType.DOUBLE: st.floats(allow_nan=False),
    DataType.BOOLEAN: st.booleans(),
    DataType.STRING: TEXT,
    DataType.TEXT: TEXT,
    DataType.UUID: TEXT,
    DataType.DATASET: BYTES.map(lambda data: Opaque(17, data)),
    DataType.TEMPLATE: BYTES.map(lambda data: Opaque(18, data)),
}
"""Values of each datatype; files, bytes and arrays are bytes."""
MEASURED = [d for d in DataType if d not in {DataType.UNKNOWN, DataType.PROPERTY_SET, DataType.PROPERTY_SET_LIST}]
U64 = st.integers(0, (1 << 64) - 1)


@st.composite
def metrics(draw: st.DrawFn) -> tuple[Metric, Any]:
    datatype = draw(st.sampled_from(MEASURED))
    value = draw(st.none() | STRATEGIES.get(datatype, BYTES))
    properties: dict[str, Raw | None] = draw(
        st.dictionaries(
            st.text(max_size=8),
            st.none()
            | st.booleans()
            | st.integers(-(1 << 62), 1 << 62)
            | st.floats(allow_nan=False)
            | st.text(max_size=8),
            max_size=3,
        )
    )
    metric = Metric(
        draw(st.none() | st.text(max_size=12)),
        draw(st.none() | U64),
        draw(st.none() | U64),
        datatype,
        draw(st.booleans()),
        draw(st.booleans()),
        value is None,
        None if value is None else wire_form(value, datatype),
        properties,
    )
    return metric, value


def same(found: Any, value: Any) -> bool:
    if isinstance(value, float):
        return found == value or struct.pack("<f", found) == struct.pack("<f", value)
    return bool(found == value)


@given(
    st.lists(metrics(), max_size=4), st.none() | st.integers(0, 255), st.none() | U64, st.none() | st.text(max_size=8)
)
def test_every_datatype_survives_the_wire(
    made: list[tuple[Metric, Any]], seq: int | None, timestamp_ms: int | None, uuid: str | None
) -> None:
    payload = Payload(timestamp_ms, tuple(metric for metric, _ in made), seq, uuid)
    found = decode(encode(payload))
    assert (found.timestamp_ms, found.seq, found.uuid) == (timestamp_ms, seq, uuid)
    assert len(found.metrics) == len(made)
    for back, (metric, value) in zip(found.metrics, made, strict=True):
        assert (back.name, back.alias, back.timestamp_ms, back.datatype) == (
            metric.name, metric.alias, metric.timestamp_ms, metric.datatype,
        )  # fmt: skip
        assert (back.historical, back.transient, back.is_null) == (metric.historical, metric.transient, metric.is_null)
        assert back.properties == metric.properties
        if value is not None:
            assert back.raw is not None
            assert back.datatype is not None
            assert same(interpret(back.raw, back.datatype), value)


@given(st.lists(metrics(), max_size=3), st.integers(0, 255))
def test_the_reference_reads_what_we_write_and_we_read_what_it_writes(made: list[tuple[Metric, Any]], seq: int) -> None:
    plain = tuple(metric for metric, _ in made if not isinstance(metric.raw, Opaque))
    reference = reference_payload()
    reference.ParseFromString(encode(Payload(1_795_240_800_123, plain, seq)))
    assert (reference.seq, reference.timestamp) == (seq, 1_795_240_800_123)
    for theirs, ours in zip(reference.metrics, plain, strict=True):
        assert theirs.alias == (ours.alias or 0)
        assert theirs.name == (ours.name or "")
        assert theirs.is_historical == ours.historical
        assert list(theirs.properties.keys) == list(ours.properties)
    assert decode(reference.SerializeToString()) == decode(encode(Payload(1_795_240_800_123, plain, seq)))


def test_a_data_set_of_the_reference_is_tolerated() -> None:
    reference = reference_payload()
    table = reference.metrics.add(name="table", datatype=DataType.DATASET)
    table.dataset_value.num_of_columns = 1
    table.dataset_value.columns.append("DO")
    table.dataset_value.rows.add().elements.add(double_value=8.1)
    reference.metrics.add(name="DO", datatype=DataType.FLOAT, float_value=8.11)
    found = decode(reference.SerializeToString())
    assert isinstance(found.metrics[0].raw, Opaque)
    assert found.metrics[1].raw == 8.11
    assert decode(encode(found)) == found


@given(st.binary(max_size=80))
def test_no_bytes_break_the_codec(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        decode(data)


@given(st.lists(metrics(), min_size=1, max_size=3), st.data())
def test_a_message_that_is_cut_short_is_refused_or_shorter(made: list[tuple[Metric, Any]], data: st.DataObject) -> None:
    whole = encode(Payload(1, tuple(metric for metric, _ in made), 7))
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with contextlib.suppress(DecodeError):
        assert len(decode(cut).metrics) <= len(made)


# -- births, aliases, sequence -----------------------------------------------------------------------------------


class Told:
    """An edge node as the host hears it: every message in its turn."""

    def __init__(self) -> None:
        self.host = HostState()
        self.now_s = 0.0
        self.seq = 0

    def hear(self, topic: str, *metrics: Metric, seq: int | None = None, timestamp_ms: int = 1000) -> Outcome:
        kind = topic.split("/", maxsplit=1)[0]
        if kind == "NBIRTH":
            self.seq = 0
        if kind != "NDEATH":
            seq = self.seq if seq is None else seq
            self.seq = (seq + 1) % 256
        address = address_of(f"spBv1.0/farm/{topic}")
        assert address is not None
        return self.host.take(address, Payload(timestamp_ms, metrics, seq), self.now_s)

    def born(self, *, bd_seq: int = 0, swapped: bool = False) -> None:
        self.hear("NBIRTH/plc", Metric("bdSeq", datatype=DataType.INT64, raw=bd_seq))
        names = ("temperature", "do") if swapped else ("do", "temperature")
        self.hear(
            "DBIRTH/plc/tank-1",
            *(Metric(name, alias, 900, DataType.DOUBLE, raw=8.0 + alias) for alias, name in enumerate(names)),
        )

    def data(self, alias: int, value: float, *, seq: int | None = None) -> Outcome:
        return self.hear("DDATA/plc/tank-1", Metric(alias=alias, raw=value, timestamp_ms=2000), seq=seq)


def numbers(outcome: Outcome) -> list[tuple[str, Any]]:
    return [(value.name, value.value) for value in outcome.values]


@pytest.mark.parametrize(
    ("topic", "fits"),
    [
        ("spBv1.0/farm/NBIRTH/plc", True),
        ("spBv1.0/farm/DDATA/plc/tank-1", True),
        ("spBv1.0/farm/DDATA/plc", False),
        ("spBv1.0/farm/NDATA/plc/tank-1", False),
        ("spBv1.0/farm/NCMD/plc", False),
        ("spBv1.0/STATE/shoal", False),
        ("spAv1.0/farm/NBIRTH/plc", False),
    ],
)
def test_topics(topic: str, fits: bool) -> None:
    assert (address_of(topic) is not None) is fits


def test_data_is_named_by_the_aliases_of_the_birth() -> None:
    node = Told()
    node.born()
    assert numbers(node.data(0, 8.1)) == [("do", 8.1)]
    assert numbers(node.data(1, 12.5)) == [("temperature", 12.5)]


def test_signed_integers_take_their_datatype_from_the_birth() -> None:
    node = Told()
    node.hear("NBIRTH/plc", Metric("cold", 7, 900, DataType.INT16, raw=wire_form(-12, DataType.INT16)))
    heard = node.hear("NDATA/plc", Metric(alias=7, raw=wire_form(-13, DataType.INT16)))
    assert numbers(heard) == [("cold", -13)]
    assert heard.values[0].timestamp_ms == 1000


def test_after_a_gap_no_alias_is_believed_until_the_node_is_born_again() -> None:
    node = Told()
    node.born()
    heard = node.data(0, 8.1, seq=node.seq + 1)
    assert heard.rebirth
    assert heard.values == ()
    assert "where 2 was due" in heard.faults[0]
    assert node.data(0, 8.2).values == ()
    assert numbers(node.hear("DDATA/plc/tank-1", Metric("do", raw=8.3, timestamp_ms=2000))) == [("do", 8.3)]
    node.born(swapped=True)
    assert numbers(node.data(0, 12.5)) == [("temperature", 12.5)]


def test_rebirths_are_asked_for_ever_less_often() -> None:
    node = Told()
    asked = []
    for second in range(3600):
        node.now_s = float(second)
        if node.data(0, 8.1).rebirth:
            asked.append(second)
    assert asked[:4] == [0, 5, 15, 35]
    assert len(asked) < 20
    assert max(asked[step + 1] - asked[step] for step in range(len(asked) - 1)) == LONGEST_REBIRTH_S
    node.born()
    assert not node.data(0, 8.1).rebirth


def test_a_message_that_comes_twice_is_taken_once_and_needs_no_rebirth() -> None:
    node = Told()
    node.born()
    first = node.data(0, 8.1)
    again = node.data(0, 8.1, seq=node.seq - 1)
    assert numbers(first) == [("do", 8.1)]
    assert (again.values, again.rebirth) == ((), False)
    assert numbers(node.data(0, 8.2)) == [("do", 8.2)]


def test_the_sequence_wraps_at_256() -> None:
    node = Told()
    node.born()
    for number in range(600):
        assert numbers(node.data(0, float(number))) == [("do", float(number))]


def test_deaths_end_what_they_name_and_a_will_of_an_earlier_session_ends_nothing() -> None:
    node = Told()
    node.born(bd_seq=4)
    node.hear("NDEATH/plc", Metric("bdSeq", datatype=DataType.INT64, raw=3))
    assert numbers(node.data(0, 8.1)) == [("do", 8.1)]
    node.hear("DDEATH/plc/tank-1")
    assert node.data(0, 8.2).rebirth
    node.born(bd_seq=5)
    node.hear("NDEATH/plc", Metric("bdSeq", datatype=DataType.INT64, raw=5))
    known = node.host.node("farm", "plc")
    assert known is not None
    assert not known.online
    assert node.data(0, 8.3).values == ()


def test_a_birth_repeats_old_values_only_with_their_own_time() -> None:
    node = Told()
    heard = node.hear(
        "NBIRTH/plc",
        Metric("old", datatype=DataType.DOUBLE, raw=1.0),
        Metric("dated", datatype=DataType.DOUBLE, raw=2.0, timestamp_ms=900),
    )
    assert [(value.name, value.timestamp_ms) for value in heard.values] == [("dated", 900)]


def test_a_broker_full_of_nodes_is_bounded() -> None:
    host = HostState()
    for number in range(MAX_NODES + 10):
        address = address_of(f"spBv1.0/farm/NBIRTH/node-{number}")
        assert address is not None
        host.take(address, Payload(1, (), 0), 0.0)
    assert len(host.nodes()) == MAX_NODES


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH", "lost"]), st.integers(0, 3)
        ),
        max_size=40,
    )
)
def test_whatever_is_lost_no_metric_is_taken_for_another(story: list[tuple[str, int]]) -> None:
    """A node that gives its aliases anew at every birth, and any of its messages lost."""
    host, seq, round_, lost, birth_lost = HostState(), 0, 0, False, False
    for kind, alias in story:
        if kind == "lost":
            lost = True
            continue
        if kind == "NBIRTH":
            seq, round_ = 0, round_ + 1
        born = kind.endswith("BIRTH")
        name = f"m{(alias + round_) % 4}"
        metric = Metric(
            name if born else None, alias, 1, DataType.DOUBLE if born else None, raw=float((alias + round_) % 4)
        )
        payload = Payload(1, (metric,), None if kind == "NDEATH" else seq)
        address = address_of("/".join(["spBv1.0", "farm", kind, "plc"] + (["d"] if kind.startswith("D") else [])))
        assert address is not None
        if kind != "NDEATH":
            seq = (seq + 1) % 256
        if lost:
            lost, birth_lost = False, birth_lost or kind == "NBIRTH"
            continue
        node = host.node("farm", "plc")
        if birth_lost and node is not None and node.seq is not None and payload.seq == (node.seq + 1) % 256:
            return  # the one coincidence that the protocol cannot tell from order
        birth_lost = birth_lost and kind != "NBIRTH"
        for value in host.take(address, payload, 0.0).values:
            assert value.name == f"m{int(str(value.value)[0])}"


# -- edge nodes on a broker --------------------------------------------------------------------------------------

TANK: dict[str, tuple[DataType, Raw]] = {
    "DO": (DataType.FLOAT, 8.1),
    "Temp": (DataType.INT16, 12),
    "State": (DataType.STRING, "ok"),
}


class Host:
    """The driver on a broker, with a box that keeps what it delivers."""

    def __init__(self, port: int, *, host_id: str | None = None) -> None:
        channel = {"unit": "tank-1", "group": "farm", "node": "plc", "device": "tank-1"}
        self.settings = SparkplugSensor.model_validate(
            {
                "name": "plc",
                "host_id": host_id,
                "broker": {"port": port, "reconnect_max_s": 0.3},
                "channels": [
                    {"name": "tank-1.do", "quantity": "do", "metric": "DO", **channel},
                    {"name": "tank-1.temperature", "quantity": "temperature", "metric": "Temp", **channel},
                ],
            }
        )
        self.deliveries: list[Delivery] = []
        context = DriverContext(f"farm.edge-1.{id(self)}", SystemClock(), self.deliveries.append)
        self.driver = SparkplugDriver(self.settings, context)
        self.supervisor = Supervisor()

    def start(self) -> None:
        self.supervisor.start("plc", self.driver.run)
        eventually(lambda: self.driver.health().connected)

    def readings(self, channel: str = "tank-1.do") -> list[RawReading]:
        return [r for d in self.deliveries for r in d.readings if r.channel.name == channel]

    def values(self, channel: str = "tank-1.do") -> list[float]:
        return [reading.value for reading in self.readings(channel)]

    def stop(self) -> None:
        self.supervisor.stop_all(timeout_s=3)


@pytest.fixture
def farm(mosquitto_factory: Callable[..., Mosquitto]) -> Iterator[tuple[Host, EdgeNode]]:
    broker = mosquitto_factory()
    host, node = Host(broker.port), EdgeNode(broker.port, {"tank-1": TANK})
    yield host, node
    host.stop()
    node.stop()


@pytest.mark.integration
def test_a_host_that_comes_late_asks_for_a_birth_and_then_hears_everything(farm: tuple[Host, EdgeNode]) -> None:
    host, node = farm
    early = Host(node.port)
    early.start()
    node.start()
    eventually(early.values)  # the births have been delivered
    early.stop()
    host.start()
    assert host.driver.health().troubles == ("node farm/plc is not born yet",)
    node.measure("tank-1", "DO", 7.9)
    eventually(lambda: node.rebirths)
    eventually(lambda: not host.driver.health().troubles)
    node.measure("tank-1", "DO", 8.4)
    node.measure("tank-1", "Temp", -3)
    eventually(lambda: host.values()[-1:] == [8.4])
    eventually(lambda: host.values("tank-1.temperature")[-1:] == [-3.0])
    assert [one.source for one in host.driver.health().unmatched] == []
    assert all(reading.node_time is not None for reading in host.readings())


@pytest.mark.integration
def test_a_lost_message_is_noticed_and_repaired_by_a_rebirth(farm: tuple[Host, EdgeNode]) -> None:
    host, node = farm
    host.start()
    node.start()
    eventually(lambda: host.values()[:1] == [8.1] and not host.driver.health().troubles)
    before = node.rebirths  # one, where the host subscribed in the middle of the birth
    node.measure("tank-1", "DO", 8.2, lose=True)
    node.measure("tank-1", "DO", 8.3)
    eventually(lambda: node.rebirths > before)
    eventually(lambda: host.values()[-1] == 8.3)
    node.measure("tank-1", "DO", 8.4)
    eventually(lambda: host.values()[-1] == 8.4)
    assert 8.2 not in host.values()


@pytest.mark.integration
def test_a_node_that_vanishes_is_told_by_its_will(farm: tuple[Host, EdgeNode]) -> None:
    host, node = farm
    host.start()
    node.start()
    eventually(lambda: host.values()[:1] == [8.1])
    node.die("tank-1")
    eventually(lambda: "tank-1.do: device tank-1 is dead" in host.driver.health().troubles)
    node.vanish()
    eventually(lambda: host.driver.health().troubles == ("node farm/plc is dead",))
    node.start()
    eventually(lambda: host.driver.health().troubles == ())


@pytest.mark.integration
def test_data_kept_while_the_primary_host_was_away_comes_as_history(
    mosquitto_factory: Callable[..., Mosquitto],
) -> None:
    broker = mosquitto_factory()
    node = EdgeNode(broker.port, {"tank-1": TANK}, primary_host="shoal-1")
    node.start()
    for value in (7.1, 7.2, 7.3):
        node.measure("tank-1", "DO", value)
    host = Host(broker.port, host_id="shoal-1")
    host.start()
    eventually(lambda: len([r for r in host.readings() if r.historical]) == 3)
    assert [r.value for r in host.readings() if r.historical] == [7.1, 7.2, 7.3]
    node.measure("tank-1", "DO", 7.4)
    eventually(lambda: [r.value for r in host.readings() if not r.historical][-1] == 7.4)
    host.stop()
    eventually(lambda: not node._host_online)
    node.measure("tank-1", "DO", 7.5)
    again = Host(broker.port, host_id="shoal-1")
    again.start()
    eventually(lambda: [r.value for r in again.readings() if r.historical] == [7.5])
    again.stop()
    node.stop()


@pytest.mark.faults
def test_after_the_broker_was_away_everybody_is_born_again(mosquitto_factory: Callable[..., Mosquitto]) -> None:
    broker = mosquitto_factory()
    host, node = Host(broker.port), EdgeNode(broker.port, {"tank-1": TANK})
    host.start()
    node.start()
    eventually(lambda: host.values()[:1] == [8.1])
    broker.kill()
    eventually(lambda: not host.driver.health().connected)
    broker.start()
    eventually(lambda: host.driver.health().connected)

    def heard() -> bool:
        node.measure("tank-1", "DO", 8.6)
        return 8.6 in host.values()

    eventually(heard)
    host.stop()
    node.stop()
