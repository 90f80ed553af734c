"""A relay on one of the box's own pins. Driven at once, read back, and told as away while the kernel refuses the line."""

from __future__ import annotations

import structlog

from edge.guard.actuators.outputs import Report
from edge.guard.gpio import OpenPin, Pin, PinLostError
from edge.guard.settings import GpioOutput

log = structlog.get_logger()

RETRY_S = 1.0
"""How soon a line that was refused is asked for again, and how often a driven one is read back."""


class GpioRelay:
    """One relay.

    Args:
        inverted: the energised relay stops the device.
        open_pin: requests the line; an output has its first level from the first moment, so that no relay clicks at a start.
    """

    def __init__(self, settings: GpioOutput, *, inverted: bool, open_pin: OpenPin) -> None:
        self._settings = settings
        self._inverted = inverted
        self._open_pin = open_pin
        self._pin: Pin | None = None
        self._wanted: bool | None = None
        self._due_s = 0.0
        self._report = Report(reachable=False, trouble="it has not been asked yet")

    def want(self, on: bool, *, now_s: float) -> None:  # noqa: FBT001
        """Drive the state when it is new."""
        if on != self._wanted:
            self._wanted = on
            self._drive(now_s)

    def keep(self, *, now_s: float) -> None:
        """Read it back, and drive it again where it differs or was refused."""
        if self._wanted is not None and now_s >= self._due_s:
            self._drive(now_s)

    def report(self) -> Report:
        """What the line really drives, as the kernel reads it back."""
        return self._report

    def _drive(self, now_s: float) -> None:
        energised = self._wanted != self._inverted
        self._due_s = now_s + RETRY_S
        try:
            if self._pin is None:
                self._pin = self._open_pin(self._settings.pin, "out", energised)
            self._pin.write(energised)
            self._report = Report(reachable=True, on=self._pin.read() != self._inverted)
        except PinLostError as error:
            if self._report.reachable or not self._report.trouble.startswith(str(error)):
                log.warning("relay.not_told", pin=str(self._settings.pin), reason=str(error))
            self._report = Report(reachable=False, trouble=str(error))
            if self._pin is not None:
                self._pin.close()
                self._pin = None
