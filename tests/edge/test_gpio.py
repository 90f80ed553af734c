"""Relays and contacts on the box's own pins: driven at once, read back, and never mistaken for well when they are lost."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import ConfigurationError
from edge.guard.actuators.outputs.gpio import RETRY_S, GpioRelay
from edge.guard.farm_link import FarmLinks
from edge.guard.gpio import PinLostError, check_pins, open_pin
from edge.guard.inputs import Inputs
from edge.guard.settings import GpioOutput, GuardSettings, InputSettings
from edge.sections import GpioPin, MqttSettings
from tests.edge.farm import VirtualClock
from tests.simulators.gpio_chip import GpioChip

RELAY = GpioOutput(pin=GpioPin(line="GPIO17", active_low=True))
MAINS = {"name": "mains", "unit": "hall", "kind": "power", "debounce_s": 1}
PIN = {"line": "GPIO22", "active_low": True, "pull": "up"}


def test_a_relay_has_its_state_from_the_first_moment_and_clicks_no_more_than_it_must() -> None:
    chip = GpioChip()
    relay = GpioRelay(RELAY, inverted=True, open_pin=chip.open_pin)
    relay.want(True, now_s=0)  # the oxygen valve on the normally closed contact: not energised, a high level
    assert chip.levels == {"GPIO17": True}
    assert (relay.report().reachable, relay.report().on) == (True, True)
    relay.want(False, now_s=1)
    relay.want(False, now_s=2)
    relay.keep(now_s=9)
    assert chip.changes == [("GPIO17", True), ("GPIO17", False)]
    assert relay.report().on is False


def test_a_level_that_something_else_has_changed_is_driven_again() -> None:
    chip = GpioChip()
    relay = GpioRelay(RELAY, inverted=False, open_pin=chip.open_pin)
    relay.want(True, now_s=0)
    chip.levels["GPIO17"] = True
    relay.keep(now_s=RETRY_S)
    assert chip.levels["GPIO17"] is False


def test_a_line_that_the_kernel_refuses_is_told_and_asked_for_again() -> None:
    chip = GpioChip(taken={"GPIO17"})
    relay = GpioRelay(RELAY, inverted=False, open_pin=chip.open_pin)
    relay.want(True, now_s=0)
    assert relay.report().trouble == "/dev/gpiochip0 line GPIO17: another program has it"
    chip.taken.clear()
    relay.keep(now_s=RETRY_S)
    assert relay.report().on is True
    chip.refuses = "the expander does not answer"
    relay.keep(now_s=2 * RETRY_S)
    assert (relay.report().reachable, relay.report().trouble) == (False, "the expander does not answer")
    chip.refuses = ""
    relay.keep(now_s=3 * RETRY_S)
    assert relay.report().reachable is True


@pytest.fixture
def contact() -> tuple[GpioChip, Inputs, VirtualClock]:
    chip, clock = GpioChip(), VirtualClock()
    settings = InputSettings.model_validate({**MAINS, "pin": PIN, "silence_after_s": 30})
    links = FarmLinks("farm.edge-1", usual=MqttSettings())
    return chip, Inputs([settings], links, places={"hall": "Hall"}, clock=clock, open_pin=chip.open_pin), clock


def test_a_contact_at_a_pin_is_well_while_closed_and_a_cut_cable_says_trouble(
    contact: tuple[GpioChip, Inputs, VirtualClock],
) -> None:
    chip, inputs, clock = contact
    chip.levels["GPIO22"] = False  # closed to ground
    for level, trouble in ((False, False), (True, True), (False, False)):
        chip.levels["GPIO22"] = level
        for _ in range(12):
            inputs.look()
            clock.advance(0.1)
        assert inputs.contacts(now_s=clock.monotonic())["mains"].trouble is trouble


def test_a_pin_that_cannot_be_read_is_silence_and_silence_is_trouble(
    contact: tuple[GpioChip, Inputs, VirtualClock],
) -> None:
    chip, inputs, clock = contact
    chip.levels["GPIO22"] = False
    inputs.look()
    chip.refuses = "the expander does not answer"
    for _ in range(31):
        clock.advance(1)
        inputs.look()
    found = inputs.contacts(now_s=clock.monotonic())["mains"]
    assert (found.trouble, found.words) == (True, "the contact mains of Hall is silent")
    chip.refuses = ""
    for _ in range(12):
        inputs.look()
        clock.advance(0.1)
    assert inputs.contacts(now_s=clock.monotonic())["mains"].trouble is False


def test_wrong_pins_are_refused_before_anything_starts() -> None:
    two = {"actuators": [{"name": "a", "unit": "u", "output": {"type": "gpio", "pin": {"line": 4}}}]}
    both = GuardSettings.model_validate({**two, "inputs": [{**MAINS, "pin": {"line": 4}}]})
    with pytest.raises(ConfigurationError, match=r"guard.actuators.0.output.pin.chip.*'gpiodetect' names them"):
        check_pins([("guard.actuators.0.output.pin", GpioPin(chip="/dev/null", line=4))])
    fields = [field for field, _ in both.pins()]
    assert fields == ["guard.actuators.0.output.pin", "guard.inputs.0.pin"]
    for wrong in ({**MAINS}, {**MAINS, "topic": "farm/mains", "pin": PIN}):
        with pytest.raises(ValueError, match="give either topic or pin"):
            InputSettings.model_validate(wrong)
    for pin in ({"line": -1}, {"line": ""}, {"line": 1, "chip": "gpiochip0"}):
        with pytest.raises(ValueError, match=r"line|chip"):
            GpioPin.model_validate(pin)


def test_a_chip_that_is_not_there_is_told_by_name() -> None:
    pytest.importorskip("gpiod")
    with pytest.raises(PinLostError, match="/dev/gpiochip99 line 3"):
        open_pin(GpioPin(chip="/dev/gpiochip99", line=3), "out", True)


@pytest.fixture
def kernel_chip() -> Iterator[tuple[str, Path]]:
    """A chip that the kernel simulates (module gpio-sim), and the folder of its first line's level and pull."""
    pytest.importorskip("gpiod")
    device = Path("/sys/kernel/config/gpio-sim") / f"shoal-{uuid.uuid4().hex[:8]}"
    try:
        (device / "bank0").mkdir(parents=True)
        (device / "bank0" / "num_lines").write_text("4")
        (device / "live").write_text("1")
    except OSError as error:
        pytest.skip(f"the kernel has no gpio-sim for us here: {error}")
    name = (device / "bank0" / "chip_name").read_text().strip()
    platform = (device / "dev_name").read_text().strip()
    yield f"/dev/{name}", Path("/sys/devices/platform") / platform / name / "sim_gpio0"
    with contextlib.suppress(OSError):
        (device / "live").write_text("0")
        (device / "bank0").rmdir()
        device.rmdir()


def test_a_line_of_the_kernel_is_driven_and_read(kernel_chip: tuple[str, Path]) -> None:
    chip, line = kernel_chip
    check_pins([("guard.siren.output.pin", GpioPin(chip=chip, line=0))])
    output = open_pin(GpioPin(chip=chip, line=0, active_low=True), "out", True)
    assert ((line / "value").read_text().strip(), output.read()) == ("0", True)
    output.write(False)
    assert ((line / "value").read_text().strip(), output.read()) == ("1", False)
    with pytest.raises(PinLostError, match="another program has it"):
        open_pin(GpioPin(chip=chip, line=0), "in", False)
    output.close()
    contact = open_pin(GpioPin(chip=chip, line=0), "in", False)
    (line / "pull").write_text("pull-up")
    assert contact.read() is True
    contact.close()
