"""Relays behind Modbus: written at once, read back, repeated, and told as away when they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import ConfigurationError
from edge.guard.actuators.outputs.modbus import RETRY_S, ModbusLine
from edge.guard.plan import check_lines
from edge.guard.settings import GuardSettings, ModbusOutput
from edge.sensors.drivers.modbus.settings import ModbusSensor
from tests.edge.farm import VirtualClock
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


def test_a_relay_board_on_a_line_of_sensors_is_refused(tmp_path: Path) -> None:
    serial = {"port": "/dev/ttyUSB0"}
    sensor = ModbusSensor.model_validate(
        {
            "name": "line-1",
            "serial": serial,
            "slaves": [{"name": "probe-1", "map": "generic"}],
            "channels": [{"name": "tank-1.do", "unit": "tank-1", "quantity": "do", "slave": "probe-1"}],
        }
    )
    actuator = {"name": "a", "unit": "tank-1", "output": {"type": "modbus", "serial": serial, "coil": 0}}
    guard = GuardSettings.model_validate({"actuators": [actuator]})
    with pytest.raises(ConfigurationError) as caught:
        check_lines(guard, [sensor])
    assert caught.value.field == "guard.actuators.0.output.serial.port"
    assert "port of its own" in caught.value.remedy
