"""Registers to numbers, and what the probe itself says of them: which blocks to read, how to decode, how far to trust. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from contracts.quality import QualityFlag
from edge.sensors.drivers.modbus.probe import WORDS, Place, ProbeMap, ProbeValue, Table
from edge.sensors.numbers import shortest_float32
from edge.sensors.units import conversion

Registers = Mapping[tuple[Table, int], int]
"""What was read, by table and protocol address; a coil is 0 or 1."""

_FORMATS = {
    "bool": ">H", "uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "uint64": ">Q", "int64": ">q",
    "float32": ">f", "float64": ">d",
}  # fmt: skip


class MisfitError(ValueError):
    """The registers do not hold what the map says: it is the map of another probe, or its numbers are off."""


@dataclass(frozen=True)
class Block:
    """Neighbouring registers that one request reads."""

    table: Table
    address: int
    """Protocol address of the first."""
    count: int

    def named(self, probe: ProbeMap) -> str:
        """As the manual would say it."""
        first = self.address + probe.first_register
        return f"{self.table} {first}" if self.count == 1 else f"{self.table} {first} to {first + self.count - 1}"


@dataclass(frozen=True)
class Measured:
    """One value in its quantity's unit, with what the probe says of it."""

    number: float
    quality: QualityFlag | None = None
    test: str | None = None


def places_of(value: ProbeValue) -> Iterator[Place]:
    """The number's own registers and those that explain it."""
    yield value
    for place in (value.unit_place, value.quality, value.sentinel_place):
        if place is not None:
            yield place


def plan_blocks(probe: ProbeMap, wanted: Iterable[str]) -> list[Block]:
    """Requests that read everything the wanted values need, as few as the probe allows."""
    places = [place for name in wanted for place in places_of(probe.values[name])]
    spans = sorted({(p.table, p.register_ - probe.first_register, WORDS[p.type]) for p in places})
    blocks: list[Block] = []
    for table, address, count in spans:
        last = blocks[-1] if blocks else None
        if last is not None and last.table == table and address - (last.address + last.count) <= probe.max_gap:
            total = max(last.count, address + count - last.address)
            if total <= probe.max_block:
                blocks[-1] = Block(table, last.address, total)
                continue
        blocks.append(Block(table, address, count))
    return blocks


def identity_block(probe: ProbeMap) -> Block | None:
    """The request that asks the probe what it is."""
    place = probe.identity
    return None if place is None else Block(place.table, place.register_ - probe.first_register, WORDS[place.type])


def check_identity(probe: ProbeMap, registers: Registers) -> None:
    """Make sure that it is the probe that the map is for.

    Raises:
        MisfitError: it is another.
    """
    place = probe.identity
    if place is not None and (code := decode(place, probe, registers)) not in place.expect:
        expected = " or ".join(str(one) for one in place.expect)
        raise MisfitError(f"register {place.register_} says {code:g}; the map {probe.name} is for {expected}")


def decode(place: Place, probe: ProbeMap, registers: Registers) -> float:
    """The number at a place, as the probe wrote it."""
    address = place.register_ - probe.first_register
    words = [registers[place.table, address + step] for step in range(WORDS[place.type])]
    order = place.order or probe.order
    if order in {"CDAB", "DCBA"}:
        words.reverse()
    if order in {"BADC", "DCBA"}:
        words = [(word & 0xFF) << 8 | word >> 8 for word in words]
    number: float = struct.unpack(_FORMATS[place.type], struct.pack(f">{len(words)}H", *words))[0]
    return shortest_float32(number) if place.type == "float32" else number


def measure(name: str, probe: ProbeMap, registers: Registers) -> Measured:
    """One value of the probe, in its quantity's unit.

    Raises:
        MisfitError: there is no number, or the probe is set to a unit that the map does not know.
    """
    value = probe.values[name]
    raw = decode(value, probe, registers)
    if not math.isfinite(raw):
        raise MisfitError(
            f"register {value.register_} holds no number ({raw}): wrong type or byte order, or no measurement"
        )
    unit = value.unit
    if value.unit_place is not None:
        code = int(decode(value.unit_place, probe, registers))
        if code not in value.unit_place.units:
            raise MisfitError(f"register {value.unit_place.register_} says unit {code}, which the map does not know")
        unit = value.unit_place.units[code]
    factor, offset = conversion(value.quantity, unit)
    number = (raw * value.scale + value.offset) * factor + offset
    quality, test = _verdict(value, probe, registers, raw=raw, number=number)
    return Measured(number, quality, test)


def _verdict(
    value: ProbeValue, probe: ProbeMap, registers: Registers, *, raw: float, number: float
) -> tuple[QualityFlag | None, str | None]:
    sentinels = set(value.sentinels)
    if value.sentinel_place is not None:
        sentinels.add(decode(value.sentinel_place, probe, registers))
    is_sentinel = raw in sentinels
    flag: QualityFlag | None = None
    if value.quality is not None:
        code = decode(value.quality, probe, registers)
        if code in value.quality.good:
            flag = QualityFlag.GOOD
        elif code in value.quality.suspect:
            return QualityFlag.SUSPECT, "device_quality"
        else:
            return QualityFlag.FAIL, "sentinel" if is_sentinel else "device_quality"
    elif is_sentinel:
        return QualityFlag.FAIL, "sentinel"
    if value.range is not None and not value.range[0] <= number <= value.range[1]:
        return QualityFlag.FAIL, "probe_range"
    return flag, None
