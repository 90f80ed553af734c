"""Relays behind Modbus: written at once, read back, repeated, and told as away when they are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest

from contracts.errors import ConfigurationError
from edge.clock import SystemClock
from edge.guard.actuators.outputs.modbus import RETRY_S, ModbusCoil, ModbusLine
from edge.guard.plan import check_lines
from edge.guard.settings import GuardSettings, ModbusOutput
from edge.sensors.driver import Delivery, DriverContext
from edge.sensors.drivers.modbus.driver import ModbusDriver
from edge.sensors.drivers.modbus.settings import ModbusSensor
from edge.sensors.drivers.modbus.turns import Turns
from edge.supervisor import Supervisor
from tests.edge.farm import VirtualClock, eventually
from tests.simulators.modbus import SerialSlaves, at
from tests.simulators.relay_board import RelayBoard


@pytest.fixture
def board() -> Iterator[RelayBoard]:
    board = RelayBoard()
    yield board
    board.stop()


def output(board: RelayBoard, coil: int = 3) -> ModbusOutput:
    return ModbusOutput.model_validate({"tcp": {"host": "127.0.0.1", "port": board.port}, "coil": coil})


def test_a_coil_is_written_at_once_and_read_back(board: RelayBoard) -> None:
    clock = VirtualClock()
    line = ModbusLine(output(board), clock=clock)
    coil = line.coil(output(board), inverted=False)
    assert coil.report().reachable is False
    coil.want(True, now_s=clock.monotonic())
    line.step()
    assert board.energised(3) is True
    assert (coil.report().reachable, coil.report().on) == (True, True)
    coil.want(False, now_s=clock.monotonic())
    line.step()
    assert board.energised(3) is False
    line._close()


def test_an_inverted_coil_is_energised_to_stop_the_device(board: RelayBoard) -> None:
    clock = VirtualClock()
    line = ModbusLine(output(board), clock=clock)
    coil = line.coil(output(board), inverted=True)
    coil.want(True, now_s=clock.monotonic())
    line.step()
    assert (board.energised(3), coil.report().on) == (False, True)
    line._close()


def test_a_board_that_forgot_its_state_is_told_again(board: RelayBoard) -> None:
    clock = VirtualClock()
    line = ModbusLine(output(board), clock=clock)
    coil = line.coil(output(board), inverted=False)
    coil.want(True, now_s=clock.monotonic())
    line.step()
    board.coils[3] = False
    line.step()
    assert board.energised(3) is False
    clock.advance(10)
    line.step()
    assert board.energised(3) is True
    line._close()


def test_a_contact_that_says_yes_and_does_nothing_is_seen_by_reading_back(board: RelayBoard) -> None:
    clock = VirtualClock()
    line = ModbusLine(output(board), clock=clock)
    coil = line.coil(output(board), inverted=False)
    board.welded = True
    coil.want(True, now_s=clock.monotonic())
    line.step()
    assert (coil.report().reachable, coil.report().on) == (True, False)
    line._close()


def test_a_board_that_is_away_is_asked_again_and_comes_back(board: RelayBoard) -> None:
    clock = VirtualClock()
    line = ModbusLine(output(board), clock=clock)
    first, other = line.coil(output(board), inverted=False), line.coil(output(board, coil=99), inverted=False)
    board.dead = True
    first.want(True, now_s=clock.monotonic())
    line.step()
    assert first.report().reachable is False
    assert first.report().trouble
    board.dead = False
    other.want(True, now_s=clock.monotonic())
    clock.advance(RETRY_S)
    line.step()
    assert (first.report().on, board.energised(3)) == (True, True)
    assert "refuses coil 99" in other.report().trouble
    line._close()


def probes_on(port: str, *, baud: int = 19_200) -> ModbusSensor:
    return ModbusSensor.model_validate(
        {
            "name": "line-1",
            "serial": {"port": port, "baud": baud, "parity": "N"},
            "timeout_ms": 150,
            "slaves": [{"name": f"probe-{n}", "map": "generic", "address": n, "every_s": 0.05} for n in (1, 2)],
            "channels": [
                {"name": f"tank-{n}.do", "unit": f"tank-{n}", "quantity": "do", "slave": f"probe-{n}"} for n in (1, 2)
            ],
        }
    )


def test_relays_on_the_line_of_the_probes_are_switched_between_two_requests_even_beside_a_dead_probe() -> None:
    slaves = SerialSlaves({1: at(0, [812, 118]), 2: at(0, [799, 117])}, boards={9: 8})
    slaves.silent.add(2)
    slaves.start()
    clock, deliveries = SystemClock(), list[Delivery]()
    sensor = probes_on(slaves.path)
    driver = ModbusDriver(sensor, DriverContext("farm.edge-1.line-1", clock, deliveries.append))
    wanted = ModbusOutput.model_validate({"serial": {"port": slaves.path}, "address": 9, "coil": 3})
    line = ModbusLine(wanted, clock=clock)
    assert driver.shared_line is not None
    assert driver.shared_line[0] == line.name
    line.share(driver.shared_line[1])
    coil = line.coil(wanted, inverted=False)
    supervisor = Supervisor()
    supervisor.start("probes", driver.run)
    supervisor.start("relays", line.run)
    try:
        for on in (True, False) * 5:
            coil.want(on, now_s=clock.monotonic())
            eventually(partial(_says, coil, on), timeout_s=60)
        eventually(lambda: len(deliveries) >= 5, timeout_s=60)
        refused = ModbusOutput.model_validate({"serial": {"port": slaves.path}, "address": 9, "coil": 77})
        other = line.coil(refused, inverted=False)
        other.want(True, now_s=clock.monotonic())
        eventually(lambda: "it has no such registers" in other.report().trouble, timeout_s=60)
    finally:
        supervisor.stop_all(timeout_s=3)
        slaves.stop()


def _says(coil: ModbusCoil, on: bool) -> bool:
    return coil.report().on is on


def test_who_switches_goes_before_who_measures() -> None:
    turns, order = Turns(), list[str]()
    with turns.measure():
        probe = threading.Thread(target=lambda: _take(turns.measure(), "probe", order))
        probe.start()
        relay = threading.Thread(target=lambda: _take(turns.switch(), "relay", order))
        relay.start()
        eventually(lambda: turns._switches == 1)
    for thread in (probe, relay):
        thread.join(10)
    assert order == ["relay", "probe"]


def _take(turn: AbstractContextManager[None], who: str, order: list[str]) -> None:
    with turn:
        order.append(who)


def test_one_line_has_one_speed() -> None:
    def guard(**serial: object) -> GuardSettings:
        output = {"type": "modbus", "serial": {"port": "/dev/ttyUSB0", **serial}, "coil": 0}
        return GuardSettings.model_validate({"actuators": [{"name": "a", "unit": "tank-1", "output": output}]})

    check_lines(guard(), [probes_on("/dev/ttyUSB0")])
    check_lines(guard(baud=9600), [probes_on("/dev/ttyUSB1")])
    with pytest.raises(ConfigurationError) as caught:
        check_lines(guard(baud=9600), [probes_on("/dev/ttyUSB0")])
    assert caught.value.field == "guard.actuators.0.output.serial.baud"
    assert "(19200)" in caught.value.remedy
