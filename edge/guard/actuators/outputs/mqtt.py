"""A relay that obeys MQTT: ESPHome, Tasmota or any switch with a command and a state topic, on the farm's own broker.

The wanted state is sent when it changes, at every connection, when the node comes back, when the relay reports otherwise,
and every ``reassert_s``. Commands are not retained: a node that starts must begin in its own safe state.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from edge.errors import LinkDownError
from edge.guard.actuators.outputs import Report
from edge.guard.farm_link import FarmLink, text_of
from edge.guard.settings import MqttOutput

log = structlog.get_logger()

CONTRADICTED_S = 2.0
"""How long a relay may report the other state before it is told again."""


@dataclass(frozen=True)
class Topics:
    """Where one relay listens and speaks."""

    command: str
    state: str | None
    availability: str | None
    offline: str


def topics_of(settings: MqttOutput) -> Topics:
    """Topics from the style, as ESPHome and Tasmota name them by default."""
    node, switch = settings.node, settings.switch
    if settings.style == "esphome":
        made = Topics(f"{node}/switch/{switch}/command", f"{node}/switch/{switch}/state", f"{node}/status", "offline")
    elif settings.style == "tasmota":
        relay = switch or "POWER"
        made = Topics(f"cmnd/{node}/{relay}", f"stat/{node}/{relay}", f"tele/{node}/LWT", "Offline")
    else:
        made = Topics(str(settings.command_topic), None, None, settings.offline)
    return Topics(
        settings.command_topic or made.command,
        settings.state_topic or made.state,
        settings.availability_topic or made.availability,
        made.offline if settings.style != "plain" else settings.offline,
    )


class MqttRelay:
    """One relay.

    Args:
        inverted: the energised relay stops the device.
    """

    def __init__(self, settings: MqttOutput, link: FarmLink, *, inverted: bool) -> None:
        self._settings = settings
        self._topics = topics_of(settings)
        self._link = link
        self._inverted = inverted
        self._wanted: bool | None = None
        self._told_s = 0.0
        self._reported: bool | None = None
        self._gone = False
        if self._topics.state is not None:
            link.route(self._topics.state, self._hear_state)
        if self._topics.availability is not None:
            link.route(self._topics.availability, self._hear_availability)
        link.on_connected(self._tell)

    def want(self, on: bool, *, now_s: float) -> None:  # noqa: FBT001
        """Send the state when it is new."""
        if on != self._wanted:
            self._wanted = on
            self._told_s = now_s
            self._tell()

    def keep(self, *, now_s: float) -> None:
        """Send it again when the relay contradicts, or after ``reassert_s``."""
        contradicted = self._reported is not None and self._reported != self._wanted
        wait_s = CONTRADICTED_S if contradicted else self._settings.reassert_s
        if self._wanted is not None and now_s - self._told_s >= wait_s:
            self._told_s = now_s
            self._tell()

    def report(self) -> Report:
        """What the connection, the node's will and the relay say."""
        if not self._link.connected:
            return Report(reachable=False, on=None, trouble="the farm's broker is not connected")
        if self._gone:
            return Report(reachable=False, on=None, trouble="its node is offline")
        return Report(reachable=True, on=self._reported)

    def _tell(self) -> None:
        wanted = self._wanted
        if wanted is None:
            return
        energised = wanted != self._inverted
        payload = self._settings.payload_on if energised else self._settings.payload_off
        try:
            self._link.publish(self._topics.command, payload)
        except LinkDownError as error:
            log.info("relay.not_told", topic=self._topics.command, reason=str(error))

    def _hear_state(self, _topic: str, payload: bytes) -> None:
        said = text_of(payload, self._settings.state_pointer)
        if said is None:
            log.warning("relay.state_not_understood", topic=self._topics.state)
            return
        self._reported = (said == self._settings.state_on) != self._inverted

    def _hear_availability(self, _topic: str, payload: bytes) -> None:
        was_gone = self._gone
        self._gone = payload.decode(errors="replace") == self._topics.offline
        if was_gone and not self._gone:
            self._tell()
