"""The guard as one part of the agent: alarms, contacts, actuators and siren, joined; its threads, and what the page shows.

A reading goes to the actuators first (they act), then to the alarms (which persist).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from contracts.devices import ChannelInventory
from edge.clock import Clock
from edge.guard.actuators.controller import Actuators
from edge.guard.actuators.outputs.modbus import SharedLine
from edge.guard.alarms import AlarmGuard
from edge.guard.farm_link import FarmLinks
from edge.guard.inputs import Inputs
from edge.guard.plan import build_outputs, plan_faults
from edge.guard.rules import in_effect, plan, plan_silence
from edge.limits import without_oxygen_limit
from edge.outbox.store import Outbox
from edge.settings import EdgeSettings


class Guard:
    """Everything that keeps the fish alive without the cloud.

    Args:
        channels: every channel of the box.
        in_maintenance: whether a channel's probe is being worked on.
        observe_latency: gets the seconds from a reading to the told output.
    """

    def __init__(
        self,
        settings: EdgeSettings,
        *,
        channels: Sequence[ChannelInventory],
        outbox: Outbox,
        clock: Clock,
        in_maintenance: Callable[[str], bool] = lambda _channel: False,
        observe_latency: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        measured = {channel.name for sensor in settings.sensors for channel in sensor.channels}
        places = {unit.slug: unit.name or unit.slug for unit in settings.units}
        guard = settings.guard
        limits = plan(channels, settings.units, settings.alarms)
        self._unwatched = tuple(without_oxygen_limit(channels, settings.units, settings.alarms))
        self.limits = in_effect(limits)
        """What the box watches, as it tells it."""
        self.alarms = AlarmGuard(
            outbox,
            limits=limits,
            silences=plan_silence([c for c in channels if c.name in measured], settings.units, settings.alarms),
            faults=plan_faults(guard, places=places),
            clock=clock,
            in_maintenance=in_maintenance,
        )
        self._links = FarmLinks(f"{settings.site}.{settings.device}", usual=guard.broker)
        self._inputs = inputs = Inputs(guard.inputs, self._links, places=places, clock=clock)
        outputs = build_outputs(guard, self._links, clock=clock)
        self._lines = outputs.lines
        self.actuators = Actuators(
            guard,
            outputs=outputs.by_name,
            inputs=inputs,
            alarms=self.alarms,
            outbox=outbox,
            quantities={channel.name: channel.quantity for channel in channels},
            clock=clock,
            heartbeat=self._links.to(guard.heartbeat.broker) if guard.heartbeat is not None else None,
            in_maintenance=in_maintenance,
            observe_latency=observe_latency,
        )
        self._acts = bool(guard.actuators or guard.inputs or guard.siren or guard.heartbeat)
        if self._acts:
            self.alarms.tell_first(self.actuators.see)

    def share_lines(self, lines: Mapping[str, SharedLine]) -> None:
        """Let relay boards speak on serial lines that sensors are the masters of; by port, before the workers run."""
        for line in self._lines:
            shared = lines.get(line.name)
            if shared is not None:
                line.share(shared)

    def workers(self) -> list[tuple[str, Callable[[threading.Event], None]]]:
        """Its threads by name; none when there is nothing to switch and nothing to hear."""
        if not self._acts:
            return []
        found: list[tuple[str, Callable[[threading.Event], None]]] = [
            ("actuators", self.actuators.run),
            ("actuator-records", self.actuators.recorder.run),
        ]
        found += [("contacts", self._inputs.run)] if self._inputs.has_pins else []
        found += [(f"farm-link-{number}", link.run) for number, link in enumerate(self._links.all())]
        return found + [(f"relay-line-{number}", line.run) for number, line in enumerate(self._lines)]

    def trouble(self) -> tuple[str, ...]:
        """What does not work as configured, in words."""
        wrong = list(self._unwatched)
        wrong += [f"{view.title}: {view.trouble}" for view in self.actuators.views() if view.trouble]
        siren = self.actuators.siren()
        if siren is not None and not siren.reachable:
            wrong.append("the siren's relay cannot be reached")
        return tuple(wrong)
