"""The box's own pins, through the kernel's GPIO character device (libgpiod): one requested line, read or driven.

A line belongs to one process while it is requested. What it does after that is the driver's business, so nothing here is a
safe state: the wiring is (normally closed contact, pull resistor). The library is imported when a pin is wanted, not before.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from contracts.errors import ConfigurationError, RetryableError
from edge.sections import GpioPin

if TYPE_CHECKING:
    import gpiod

CONSUMER = "shoal"
"""Under this name ``gpioinfo`` shows our lines."""


class PinLostError(RetryableError):
    """The chip or the line cannot be used now: told as it is, asked again later."""


class Pin(Protocol):
    """One requested line; every method raises PinLostError."""

    def read(self) -> bool:
        """Whether it is active; of an output, what it really drives."""
        ...

    def write(self, active: bool) -> None:  # noqa: FBT001  (active is the whole message)
        """Drive it."""
        ...

    def close(self) -> None:
        """Give it back; safe twice, raises nothing."""
        ...


OpenPin = Callable[[GpioPin, Literal["in", "out"], bool], Pin]
"""Requests a line, an output with this level from the first moment; raises PinLostError."""


class KernelPin:
    """One line through libgpiod."""

    def __init__(self, pin: GpioPin, request: gpiod.LineRequest) -> None:
        self._pin = pin
        self._request = request

    def read(self) -> bool:
        """The level, as active or not."""
        from gpiod.line import Value

        try:
            return self._request.get_value(self._pin.line) is Value.ACTIVE
        except (OSError, ValueError) as error:
            raise PinLostError(f"{self._pin}: {error}") from error

    def write(self, active: bool) -> None:  # noqa: FBT001
        """Drive the level; a call into the kernel, microseconds."""
        from gpiod.line import Value

        try:
            self._request.set_value(self._pin.line, Value.ACTIVE if active else Value.INACTIVE)
        except (OSError, ValueError) as error:
            raise PinLostError(f"{self._pin}: {error}") from error

    def close(self) -> None:
        """Release the line."""
        self._request.release()


def open_pin(pin: GpioPin, direction: Literal["in", "out"], active: bool) -> Pin:  # noqa: FBT001  (as OpenPin says)
    """Request a line from the kernel."""
    import gpiod
    from gpiod.line import Bias, Direction, Value

    bias = {None: Bias.AS_IS, "up": Bias.PULL_UP, "down": Bias.PULL_DOWN, "off": Bias.DISABLED}[pin.pull]
    settings = gpiod.LineSettings(
        direction=Direction.OUTPUT if direction == "out" else Direction.INPUT,
        bias=bias,
        active_low=pin.active_low,
        output_value=Value.ACTIVE if active else Value.INACTIVE,
    )
    try:
        return KernelPin(pin, gpiod.request_lines(pin.chip, config={pin.line: settings}, consumer=CONSUMER))
    except (OSError, ValueError) as error:
        reason = "another program has it" if getattr(error, "errno", None) == _BUSY else str(error)
        raise PinLostError(f"{pin}: {reason}") from error


_BUSY = 16


def check_pins(pins: list[tuple[str, GpioPin]]) -> None:
    """Library and chips are there, and no line is named twice.

    Args:
        pins: with the field that names each.

    Raises:
        ConfigurationError: the first that cannot be used.
    """
    taken: dict[tuple[str, str], str] = {}
    for field, pin in pins:
        first = taken.setdefault((pin.chip, str(pin.line)), field)
        if first != field:
            raise ConfigurationError(f"{field}.line", pin.line, f"{first} uses this line already; choose another.")
        try:
            import gpiod
        except ImportError as error:
            raise ConfigurationError(
                field, str(pin), "The library of pins is not installed: pip install 'shoal[edge,gpio]'."
            ) from error
        if not gpiod.is_gpiochip_device(pin.chip):
            present = sorted(str(path) for path in Path("/dev").glob("gpiochip*")) or ["no GPIO chips"]
            raise ConfigurationError(
                f"{field}.chip",
                pin.chip,
                f"There is no such chip; present now: {', '.join(present)}. 'gpiodetect' names them.",
            )
