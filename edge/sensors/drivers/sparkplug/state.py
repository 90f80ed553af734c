"""What a Sparkplug host knows of its edge nodes: births, aliases, sequence, deaths. Pure: ``now_s`` is an argument.

Source: Eclipse Sparkplug Specification 3.0.0, section 5. A DATA message names its metrics by aliases of the last birth, so a
host that missed a birth would take one metric for another. After a gap in the sequence aliases are therefore not believed
until the node was born again; the host asks for that (NCMD Rebirth), at once and then ever less often. What no host can tell:
a lost birth whose next message happens to carry the number that was due (1 in 256).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from edge.sensors.drivers.sparkplug.codec import DataType, Metric, Payload, Raw, interpret

NAMESPACE = "spBv1.0"
REBIRTH = "Node Control/Rebirth"
BD_SEQ = "bdSeq"
FIRST_REBIRTH_S = 5.0
LONGEST_REBIRTH_S = 300.0
MAX_NODES = 500
MAX_METRICS = 20_000
"""Metrics that one node may have; more are not remembered."""


class Kind(str, Enum):
    """Messages of edge nodes."""

    NBIRTH = "NBIRTH"
    NDATA = "NDATA"
    NDEATH = "NDEATH"
    DBIRTH = "DBIRTH"
    DDATA = "DDATA"
    DDEATH = "DDEATH"


_OF_A_DEVICE = frozenset({Kind.DBIRTH, Kind.DDATA, Kind.DDEATH})
NodeId = tuple[str, str]
"""Group and edge node."""


@dataclass(frozen=True)
class Address:
    """A topic of an edge node, taken apart."""

    group: str
    kind: Kind
    node: str
    device: str | None


def address_of(topic: str) -> Address | None:
    """The parts of a topic; None when it is no message of an edge node."""
    parts = topic.split("/")
    if len(parts) not in {4, 5} or parts[0] != NAMESPACE or parts[2] not in Kind.__members__:
        return None
    kind = Kind[parts[2]]
    if (len(parts) == 5) != (kind in _OF_A_DEVICE):  # noqa: PLR2004  (with a device)
        return None
    return Address(parts[1], kind, parts[3], parts[4] if kind in _OF_A_DEVICE else None)


@dataclass
class Known:
    """A metric as it was born."""

    device: str | None
    name: str
    datatype: int
    properties: dict[str, Raw | None]


@dataclass(frozen=True)
class Value:
    """A metric's value in a message."""

    node: NodeId
    device: str | None
    name: str
    value: Raw | None
    """None: the node says that it has none."""
    timestamp_ms: int | None
    historical: bool
    properties: dict[str, Raw | None]


@dataclass
class Node:
    """What is known of one edge node."""

    id: NodeId
    online: bool = False
    bd_seq: int | None = None
    seq: int | None = None
    """Sequence number of its last message; None before its birth."""
    gap: bool = False
    """A message was missed: aliases are not believed until the next birth."""
    aliases: dict[int, Known] = field(default_factory=dict)
    names: dict[tuple[str | None, str], Known] = field(default_factory=dict)
    devices: dict[str, bool] = field(default_factory=dict)
    """Whether each device that was born is alive."""
    rebirths: int = 0
    """Requests since the last birth."""
    rebirth_due_s: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What one message means."""

    values: tuple[Value, ...] = ()
    rebirth: bool = False
    """Ask the node to be born again."""
    faults: tuple[str, ...] = ()


class HostState:
    """The edge nodes of one broker."""

    def __init__(self) -> None:
        self._nodes: dict[NodeId, Node] = {}

    def nodes(self) -> tuple[Node, ...]:
        """All that were heard of."""
        return tuple(self._nodes.values())

    def node(self, group: str, name: str) -> Node | None:
        """One of them."""
        return self._nodes.get((group, name))

    def take(self, address: Address, payload: Payload, now_s: float) -> Outcome:
        """What a message of an edge node means."""
        id_ = (address.group, address.node)
        if id_ not in self._nodes and len(self._nodes) >= MAX_NODES:
            return Outcome(faults=(f"more than {MAX_NODES} edge nodes",))
        node = self._nodes.setdefault(id_, Node(id_))
        if address.kind in {Kind.NDEATH, Kind.NBIRTH}:
            return self._died(node, payload) if address.kind is Kind.NDEATH else self._born(node, payload)
        if not node.online:
            return self._ask(node, now_s, f"{address.kind.value} of a node whose birth was not heard")
        return self._followed(node, address, payload, now_s)

    def missed(self) -> None:
        """The connection was away: births and deaths may have been missed, so every node must be born again."""
        for node in self._nodes.values():
            node.online, node.seq = False, None
            node.devices = dict.fromkeys(node.devices, False)

    def _followed(self, node: Node, address: Address, payload: Payload, now_s: float) -> Outcome:
        """A message that must be the next after the last one."""
        if payload.seq is not None and payload.seq == node.seq:
            return Outcome(faults=("a message that came twice",))
        expected = ((node.seq or 0) + 1) % 256
        missed = payload.seq is None or payload.seq % 256 != expected
        node.seq = payload.seq if payload.seq is not None else expected
        node.gap = node.gap or missed
        outcome = self._taken(node, address, payload, now_s)
        if node.gap and not outcome.rebirth:
            asked = self._ask(node, now_s, f"sequence {payload.seq} where {expected} was due" if missed else "")
            return Outcome(outcome.values, asked.rebirth, (*outcome.faults, *asked.faults))
        return outcome

    # -- births and deaths -----------------------------------------------------------------------------------------

    @staticmethod
    def _born(node: Node, payload: Payload) -> Outcome:
        node.online, node.gap, node.seq = True, False, payload.seq or 0
        node.rebirths, node.rebirth_due_s = 0, 0.0
        node.bd_seq = next((int(m.raw) for m in payload.metrics if m.name == BD_SEQ and isinstance(m.raw, int)), None)
        node.aliases.clear()
        node.names.clear()
        node.devices = dict.fromkeys(node.devices, False)
        faults = _learn(node, None, payload)
        return Outcome(tuple(_values(node, None, payload, birth=True)), faults=tuple(faults))

    @staticmethod
    def _died(node: Node, payload: Payload) -> Outcome:
        said = next((m.raw for m in payload.metrics if m.name == BD_SEQ), None)
        if node.bd_seq is not None and said is not None and said != node.bd_seq:
            return Outcome(faults=("a death of an earlier session",))  # the last will of a connection that was replaced
        node.online, node.seq = False, None
        node.devices = dict.fromkeys(node.devices, False)
        return Outcome()

    def _taken(self, node: Node, address: Address, payload: Payload, now_s: float) -> Outcome:
        device = address.device
        if address.kind is Kind.DBIRTH and device is not None:
            faults = _learn(node, device, payload)
            node.devices[device] = True
            return Outcome(tuple(_values(node, device, payload, birth=True)), faults=tuple(faults))
        if address.kind is Kind.DDEATH and device is not None:
            node.devices[device] = False
            return Outcome()
        if device is not None and not node.devices.get(device, False):
            return self._ask(node, now_s, f"data of device {device}, whose birth was not heard")
        values = tuple(_values(node, device, payload, birth=False))
        unknown = len(payload.metrics) - len(values)
        if unknown and not node.gap:
            asked = self._ask(node, now_s, f"{unknown} metrics that were not born")
            return Outcome(values, asked.rebirth, asked.faults)
        return Outcome(values)

    @staticmethod
    def _ask(node: Node, now_s: float, why: str) -> Outcome:
        faults = (why,) if why else ()
        if now_s < node.rebirth_due_s:
            return Outcome(faults=faults)
        node.rebirth_due_s = now_s + min(FIRST_REBIRTH_S * 2.0**node.rebirths, LONGEST_REBIRTH_S)
        node.rebirths += 1
        return Outcome(rebirth=True, faults=faults)


def _learn(node: Node, device: str | None, payload: Payload) -> list[str]:
    """Remember what a birth says of its metrics; what the device said before is forgotten."""
    for key in [key for key in node.names if key[0] == device]:
        del node.names[key]
    for alias in [alias for alias, known in node.aliases.items() if known.device == device]:
        del node.aliases[alias]
    faults: list[str] = []
    for metric in payload.metrics:
        if metric.name is None:
            faults.append("a birth with a metric without a name")
            continue
        if len(node.names) >= MAX_METRICS:
            faults.append(f"more than {MAX_METRICS} metrics")
            break
        known = Known(device, metric.name, metric.datatype or DataType.UNKNOWN, dict(metric.properties))
        node.names[device, metric.name] = known
        if metric.alias is not None:
            node.aliases[metric.alias] = known
    return faults


def _values(node: Node, device: str | None, payload: Payload, *, birth: bool) -> Iterator[Value]:
    """Values of the metrics that are known; a birth repeats old values, so there each must say its own time."""
    for metric in payload.metrics:
        known = _known(node, device, metric)
        timestamp_ms = metric.timestamp_ms if birth or metric.timestamp_ms is not None else payload.timestamp_ms
        if known is None:
            continue
        known.properties.update(metric.properties)
        if birth and timestamp_ms is None:
            continue
        value = (
            None if metric.is_null or metric.raw is None else interpret(metric.raw, metric.datatype or known.datatype)
        )
        yield Value(node.id, known.device, known.name, value, timestamp_ms, metric.historical, dict(known.properties))


def _known(node: Node, device: str | None, metric: Metric) -> Known | None:
    if metric.name is not None:
        return node.names.get((device, metric.name))
    if metric.alias is None or node.gap:
        return None
    known = node.aliases.get(metric.alias)
    return known if known is not None and known.device == device else None
