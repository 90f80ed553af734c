"""Modbus lines: turns and breakers in virtual time, then real slaves on a serial line and behind TCP."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ConfigurationError
from contracts.quality import QualityFlag
from edge.agent import Agent
from edge.check import check
from edge.clock import SystemClock
from edge.sensors.driver import Delivery, DriverContext
from edge.sensors.drivers.modbus.driver import ModbusDriver
from edge.sensors.drivers.modbus.look import look
from edge.sensors.drivers.modbus.probe import FOLDERS, WORDS, Place, ProbeMap, load_map, shipped_maps
from edge.sensors.drivers.modbus.registers import decode, places_of, plan_blocks
from edge.sensors.drivers.modbus.settings import ModbusSensor
from edge.sensors.drivers.modbus.state import FAILURES_TO_OPEN, LONGEST_PAUSE_S, BusSchedule
from edge.settings import load_settings
from edge.supervisor import Supervisor
from tests.architecture.tree import pyproject
from tests.edge.farm import ROOT, configuration, eventually
from tests.simulators.modbus import SerialSlaves, Slaves, TcpSlaves, at, float_words

RDO = {
    **at(37, [*float_words(8.11), 20, 117, 0, *float_words(0.0), 48]),
    **at(45, [*float_words(12.5), 1, 1, 0, *float_words(0.0), 3]),
    **at(53, [*float_words(76.2), 21, 177, 0, *float_words(0.0), 1]),
    9000: 12,
}
"""Registers of a healthy RDO PRO by protocol address, which is one below the manual's numbers."""


# -- turns on a line, in virtual time ----------------------------------------------------------------------------


def turns(schedule: BusSchedule, *, until_s: float, dead: set[str], answer_s: float = 0.03) -> list[tuple[float, str]]:
    """Who was asked when, if a dead slave costs its deadline of 0.3 s and the others answer in ``answer_s``."""
    now_s, asked = 0.0, []
    while now_s < until_s:
        slave = schedule.next(now_s)
        if slave is None:
            now_s += max(schedule.wait_s(now_s), 1e-6)
            continue
        asked.append((now_s, slave.name))
        now_s += 0.3 if slave.name in dead else answer_s
        if slave.name in dead:
            schedule.failed(slave.name, now_s, "no answer")
        else:
            schedule.answered(slave.name, now_s)
    return asked


def longest_gap_s(times: list[float]) -> float:
    return max(times[step + 1] - times[step] for step in range(len(times) - 1))


def test_a_dead_slave_costs_the_others_one_deadline_and_soon_nearly_nothing() -> None:
    schedule = BusSchedule([(name, 1.0) for name in "abcd"], now_s=0.0)
    asked = turns(schedule, until_s=600, dead={"d"})
    counts = Counter(name for _, name in asked)
    assert all(counts[name] >= 595 for name in "abc")
    assert counts["d"] <= 17
    for name in "abc":
        times = [moment for moment, who in asked if who == name]
        assert longest_gap_s(times) <= 1.0 + 0.3 + 0.1


def test_a_line_of_dead_slaves_still_hears_the_one_that_lives() -> None:
    schedule = BusSchedule([(f"dead-{number}", 1.0) for number in range(20)] + [("alive", 1.0)], now_s=0.0)
    asked = turns(schedule, until_s=300, dead={f"dead-{number}" for number in range(20)})
    late = [moment for moment, who in asked if who == "alive" and moment > 30]
    assert longest_gap_s(late) <= 1.4


def test_a_full_line_still_asks_the_slave_that_was_silent() -> None:
    schedule = BusSchedule([(name, 0.1) for name in "abcdefgh"], now_s=0.0)
    turns(schedule, until_s=10, dead={"h"}, answer_s=0.05)
    asked = turns(schedule, until_s=100, dead=set(), answer_s=0.05)
    assert "h" in {name for _, name in asked}
    assert not schedule.slave("h").failures


@given(st.lists(st.booleans(), max_size=60))
def test_the_breaker_opens_after_silent_turns_and_closes_with_the_first_answer(answers: list[bool]) -> None:
    schedule = BusSchedule([("a", 1.0)], now_s=0.0)
    now_s, silent = 0.0, 0
    for answered in answers:
        now_s += schedule.wait_s(now_s)
        assert schedule.next(now_s) is not None
        if answered:
            schedule.answered("a", now_s)
            silent = 0
        else:
            schedule.failed("a", now_s, "no answer")
            silent += 1
        slave = schedule.slave("a")
        assert slave.open == (silent >= FAILURES_TO_OPEN)
        assert slave.due_s - now_s <= LONGEST_PAUSE_S
        assert (slave.silent_since_s is None) == (silent == 0)


# -- registers ---------------------------------------------------------------------------------------------------


def test_neighbours_are_read_in_one_request_and_holes_are_respected() -> None:
    rdo = load_map("in_situ_rdo_pro", "map")
    assert [(b.address, b.count) for b in plan_blocks(rdo, ["do", "temperature"])] == [(37, 15)]
    assert [(b.address, b.count) for b in plan_blocks(rdo, ["do", "do_sat"])] == [(37, 7), (53, 7)]
    hach = load_map("hach_ldo_aq", "map")
    assert [(b.address, b.count) for b in plan_blocks(hach, ["do", "temperature", "do_sat"])] == [(0, 2), (11, 1)]


@given(st.data())
def test_blocks_cover_every_wanted_register_within_the_protocols_limits(data: st.DataObject) -> None:
    registers = data.draw(st.lists(st.integers(0, 400), min_size=1, max_size=12, unique=True))
    probe = ProbeMap.model_validate(
        {
            "name": "any", "maker": "m", "model": "m", "source": "s", "first_register": 0,
            "max_block": data.draw(st.integers(4, 125)), "max_gap": data.draw(st.integers(0, 50)),
            "values": {
                f"v{r}": {"register": r, "quantity": "do", "unit": "mg/L", "type": data.draw(st.sampled_from(["int16", "float32", "float64"]))}
                for r in registers
            },
        }
    )  # fmt: skip
    blocks = plan_blocks(probe, probe.values)
    read = {(b.table, a) for b in blocks for a in range(b.address, b.address + b.count)}
    assert all(b.count <= probe.max_block for b in blocks)
    for value in probe.values.values():
        for place in places_of(value):
            assert {(place.table, place.register_ + step) for step in range(WORDS[place.type])} <= read


@pytest.mark.parametrize(("order", "octets"), [("ABCD", "0123"), ("CDAB", "2301"), ("BADC", "1032"), ("DCBA", "3210")])
def test_every_byte_order_gives_the_same_number(order: str, octets: str) -> None:
    plain = struct.pack(">f", 8.11)
    words = struct.unpack(">HH", bytes(plain[int(position)] for position in octets))
    place = Place.model_validate({"register": 1, "type": "float32", "order": order})
    probe = load_map("in_situ_rdo_pro", "map")
    assert decode(place, probe, {("holding", 0): words[0], ("holding", 1): words[1]}) == 8.11


# -- maps as files -----------------------------------------------------------------------------------------------


def test_shipped_maps_are_named_as_their_files() -> None:
    assert {load_map(name, "map").name for name in shipped_maps()} == set(shipped_maps())
    assert {"in_situ_rdo_pro", "hach_ldo_aq", "generic"} <= set(shipped_maps())


def test_an_installed_agent_finds_its_maps_beside_its_code() -> None:
    included = pyproject()["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    inside = {str(folder.relative_to(ROOT)) for folder in FOLDERS if folder.is_relative_to(ROOT)}
    assert set(included.items()) & {(ours, theirs) for ours in inside for theirs in inside - {ours}}


def line(**more: Any) -> dict[str, Any]:
    channel = {"name": "tank-1.do", "unit": "tank-1", "quantity": "do", "slave": "rdo"}
    return {
        "name": "bus",
        "driver": "modbus",
        "tcp": {"host": "127.0.0.1", "port": 5020},
        "slaves": [{"name": "rdo", "map": "in_situ_rdo_pro"}],
        "channels": [channel],
        **more,
    }


def two(first: str, second: str) -> list[dict[str, Any]]:
    return [{"name": "rdo", "map": first}, {"name": "other", "map": second}]


@pytest.mark.parametrize(
    ("changes", "field", "remedy"),
    [
        ({"slaves": [{"name": "rdo", "map": "in_situ_rdo"}]}, "slaves.0.map", "Did you mean 'in_situ_rdo_pro'?"),
        (
            {"slaves": [{"name": "rdo", "map": "broken.yaml"}]},
            "slaves.0.map",
            "In broken.yaml, values.do: 'furlong' is no unit of do",
        ),
        ({"slaves": [{"name": "rdo", "map": "below.yaml"}]}, "slaves.0.map", "lies before first_register 40001"),
        ({"slaves": [{"name": "rdx", "map": "generic"}]}, "", "no slave 'rdo'; there are rdx"),
        ({"tcp": None}, "", "give either 'serial'"),
        (
            {"channels": [{"name": "a", "unit": "tank-1", "quantity": "ph", "slave": "rdo"}]},
            "channels.0.value",
            "has do",
        ),
        (
            {"channels": [{"name": "a", "unit": "tank-1", "quantity": "ph", "slave": "rdo", "value": "do"}]},
            "channels.0.quantity",
            "'do' is do",
        ),
        (
            {"tcp": None, "serial": {"port": "/dev/null"}, "slaves": two("in_situ_rdo_pro", "generic")},
            "serial.baud",
            "9600 and 19200",
        ),
    ],
)
def test_check_explains_wrong_maps_values_and_lines(
    tmp_path: Path, changes: dict[str, Any], field: str, remedy: str
) -> None:
    good = yaml.safe_load((ROOT / "firmware_configs" / "probes" / "hach_ldo_aq.yaml").read_text())
    good["values"]["do"]["unit"] = "furlong"
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump(good))
    good["values"]["do"] = {**good["values"]["do"], "unit": "mg/L", "register": 1}
    (tmp_path / "below.yaml").write_text(yaml.safe_dump(good))
    with pytest.raises(ConfigurationError) as caught:  # noqa: PT012  (either step may refuse)
        settings = load_settings(configuration(tmp_path, sensors=[line(**changes)]))
        check(settings)
    assert caught.value.field == f"sensors.0.{field}".rstrip(".")
    assert remedy in caught.value.remedy


def test_an_agent_without_modbus_does_not_load_its_library() -> None:
    code = "import sys, edge.agent; from edge.settings import load_settings as l; l('edge/edge.example.yaml')"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('pymodbus' in sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


# -- real slaves -------------------------------------------------------------------------------------------------


class Line:
    """A driver on simulated slaves, with a box that keeps what it delivers."""

    def __init__(self, simulated: Slaves, **more: Any) -> None:
        self.deliveries: list[Delivery] = []
        self.slaves = simulated
        where: dict[str, Any] = (
            {"tcp": {"host": "127.0.0.1", "port": simulated.port}}
            if isinstance(simulated, TcpSlaves)
            # A pseudo-terminal has no parity bit and refuses one.
            else {"tcp": None, "serial": {"port": getattr(simulated, "path", ""), "parity": "N", "baud": 115_200}}
        )
        self.settings = ModbusSensor.model_validate(line(**{**where, "timeout_ms": 150, **more}))
        context = DriverContext("farm.edge-1.bus", SystemClock(), self.deliveries.append)
        self.driver = ModbusDriver(self.settings, context)
        self.supervisor = Supervisor()
        self.supervisor.start("bus", self.driver.run)

    def values(self, channel: str) -> list[float]:
        return [r.value for d in self.deliveries for r in d.readings if r.channel.name == channel]

    def close(self) -> None:
        self.supervisor.stop_all(timeout_s=3)
        self.slaves.stop()


@pytest.fixture
def on_line() -> Iterator[Callable[..., Line]]:
    lines: list[Line] = []

    def connect(simulated: Slaves, **more: Any) -> Line:
        simulated.start()
        lines.append(Line(simulated, **more))
        return lines[-1]

    yield connect
    for one in lines:
        one.close()


def three(map_name: str = "in_situ_rdo_pro") -> dict[str, Any]:
    return {
        "slaves": [{"name": f"p{n}", "map": map_name, "address": n, "every_s": 0.1} for n in (1, 2, 3)],
        "channels": [{"name": f"tank-{n}.do", "unit": "tank-1", "quantity": "do", "slave": f"p{n}"} for n in (1, 2, 3)],
    }


@pytest.mark.integration
@pytest.mark.parametrize("kind", [SerialSlaves, TcpSlaves])
def test_one_silent_slave_is_told_left_alone_and_heard_again(on_line: Callable[..., Line], kind: type[Slaves]) -> None:
    slaves = kind({1: RDO, 2: RDO, 3: RDO})
    slaves.silent.add(2)
    bus = on_line(slaves, **three())
    eventually(lambda: len(bus.values("tank-1.do")) >= 15)
    assert len(bus.values("tank-3.do")) >= 12
    assert bus.values("tank-2.do") == []
    health = bus.driver.health()
    assert health.connected
    assert any("slave p2 (address 2): no answer" in trouble for trouble in health.troubles)
    assert slaves.asked.count(2) <= 6
    slaves.silent.clear()
    eventually(lambda: bus.values("tank-2.do"))
    assert bus.driver.health().troubles == ()
    first = next(r for d in bus.deliveries for r in d.readings if r.channel.name == "tank-2.do")
    assert (first.quality, first.test) == (QualityFlag.SUSPECT, "warm_up")
    assert bus.values("tank-1.do")[0] == 8.11


@pytest.mark.integration
def test_every_shipped_map_reads_a_slave_on_a_serial_line(on_line: Callable[..., Line]) -> None:
    tables: dict[str, dict[int, int]] = {
        "in_situ_rdo_pro": RDO,
        "hach_ldo_aq": {**at(0, [8082, 2641]), 11: 101, 13: 32},
        "generic": at(0, [265, 808, 1010]),
    }
    expected = {
        "in_situ_rdo_pro": {"do": 8.11, "temperature": 12.5, "do_sat": 76.2},
        "hach_ldo_aq": {"do": 8.082, "temperature": 26.41, "do_sat": 101.0, "salinity": 32.0},
        "generic": {"do": 8.08, "temperature": 26.5, "do_sat": 101.0},
    }
    assert set(tables) == set(shipped_maps())
    slaves = [{"name": name, "map": name, "address": n, "every_s": 0.2} for n, name in enumerate(tables, 1)]
    channels = [
        {"name": f"{name}.{value}", "unit": "tank-1", "quantity": probe.quantity, "slave": name, "value": value}
        for name in tables
        for value, probe in load_map(name, "map").values.items()
    ]
    bus = on_line(SerialSlaves(dict(enumerate(tables.values(), 1))), slaves=slaves, channels=channels)
    eventually(lambda: len({r.channel.name for d in bus.deliveries for r in d.readings}) == len(channels))
    for name, values in expected.items():
        for value, number in values.items():
            assert bus.values(f"{name}.{value}")[0] == pytest.approx(number)
    assert bus.driver.health().troubles == ()


@pytest.mark.integration
def test_a_wrong_map_and_a_wrong_probe_are_explained(on_line: Callable[..., Line]) -> None:
    aqua_troll = {**RDO, 9000: 19}
    bus = on_line(
        TcpSlaves({1: RDO, 2: aqua_troll, 3: at(0, [8082])}),
        **{**three(), "slaves": [{**s, "map": m} for s, m in zip(three()["slaves"], MAPS, strict=True)]},
    )
    eventually(lambda: len(bus.driver.health().troubles) == 2)
    told = " | ".join(bus.driver.health().troubles)
    assert "slave p2 (address 2): register 9001 says 19; the map in_situ_rdo_pro is for 12 or 31" in told
    assert "slave p3 (address 3): it has no such registers (holding 1): check the map generic" in told


MAPS = ("in_situ_rdo_pro", "in_situ_rdo_pro", "generic")


@pytest.mark.faults
def test_a_gateway_that_restarts_is_found_again(on_line: Callable[..., Line]) -> None:
    slaves = TcpSlaves({1: RDO})
    bus = on_line(slaves, slaves=[{"name": "rdo", "map": "in_situ_rdo_pro", "every_s": 0.1}])
    eventually(lambda: bus.values("tank-1.do"))
    slaves.stop()
    eventually(lambda: not bus.driver.health().connected)
    assert any("cannot be opened" in t or "is gone" in t for t in bus.driver.health().troubles)
    heard = len(bus.deliveries)
    again = TcpSlaves({1: RDO})
    again.port = slaves.port
    again.start()
    bus.slaves = again
    eventually(lambda: len(bus.deliveries) > heard + 3)
    assert bus.driver.health().connected


@pytest.mark.integration
def test_the_doctor_shows_what_each_slave_measures_or_why_not(on_line: Callable[..., Line]) -> None:
    slaves = SerialSlaves({1: RDO, 2: RDO, 3: at(0, [8082])})
    slaves.silent.add(2)
    bus = on_line(
        slaves, **{**three(), "slaves": [{**s, "map": m} for s, m in zip(three()["slaves"], MAPS, strict=True)]}
    )
    bus.supervisor.stop_all(timeout_s=3)  # the agent holds the line while it runs
    seen = {one.subject.split()[1]: one for one in look(bus.settings)}
    assert (seen["p1"].well, seen["p1"].what) == (True, "tank-1.do 8.11 mg/L")
    assert (seen["p2"].well, seen["p2"].what) == (False, "no answer")
    assert "no such registers" in seen["p3"].what
    assert all(one.remedy for one in seen.values() if not one.well)


@pytest.mark.integration
def test_the_whole_agent_reads_a_line_while_one_slave_is_dead(tmp_path: Path) -> None:
    slaves = TcpSlaves({1: RDO, 2: RDO})
    slaves.silent.add(2)
    slaves.start()
    settings = line(
        tcp={"host": "127.0.0.1", "port": slaves.port},
        slaves=[{"name": f"p{n}", "map": "in_situ_rdo_pro", "address": n, "every_s": 0.2} for n in (1, 2)],
        channels=[
            {"name": "tank-1.do", "unit": "tank-1", "quantity": "do", "slave": "p1"},
            {"name": "tank-1.temperature", "unit": "tank-1", "quantity": "temperature", "slave": "p1"},
            {"name": "tank-1.second.do", "unit": "tank-1", "quantity": "do", "slave": "p2"},
        ],
    )
    agent = Agent(load_settings(configuration(tmp_path, sensors=[settings], model=None)))
    agent.start()
    try:
        eventually(lambda: agent.snapshot().counters.get("readings", 0) >= 6)
        latest = agent.snapshot().latest
        assert latest["tank-1.do"].reading.value == 8.11
        assert latest["tank-1.do_sat"].reading.value == pytest.approx(76, abs=1)
        assert "tank-1.second.do" not in latest
        assert any("slave p2" in reason for reason in agent.snapshot().degraded)
    finally:
        agent.stop()
        slaves.stop()


def test_two_sensors_cannot_have_one_serial_port(tmp_path: Path) -> None:
    serial: dict[str, Any] = {"tcp": None, "serial": {"port": "/dev/ttyUSB7"}}
    channel = {"name": "tank-1.b", "unit": "tank-1", "quantity": "do", "slave": "rdo"}
    both = [line(**serial), line(**serial, name="again", channels=[channel])]
    with pytest.raises(ConfigurationError, match=r"sensors\.0 uses this line already") as caught:
        check(load_settings(configuration(tmp_path, sensors=both)))
    assert caught.value.field == "sensors.1"
