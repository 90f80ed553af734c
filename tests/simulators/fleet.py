"""A fleet of simulated devices under a rollout, on a virtual clock: outages, dead boxes, and one fault at a time.

Devices keep to the protocol of the edge: they download, verify, test themselves, run in shadow until they may activate, then
swap, and report what their session really runs. The engine under test sees only their reports. What really happened (who
ran what, and for how long it did harm) is counted here.

What a device does is an event of its own; its heartbeats are not, because a fleet of ten thousand sends millions that change
nothing. At every tick a share of the fleet is gone through, so that each box is heard once an hour.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from cloud.rollouts.plan import DAY_S, HOUR_S, Artifact, Metric, Phase, Plan
from cloud.rollouts.rules import Stratum
from cloud.rollouts.state import Action, ActionKind, Rollout, RolloutStatus, Step
from contracts.deployments import DeploymentState

OLD = Artifact(name="fish-detector", version="1.0.0", sha256="a" * 64, approved=True)
NEW = Artifact(name="fish-detector", version="1.1.0", sha256="b" * 64, approved=True)
TICK_S = 600.0
MINUTE_S = 60.0
ROUNDS = 6
"""Ticks until everybody has been heard: an hour."""
SOAKING_S = 15 * MINUTE_S
"""Between heartbeats of a box that is on trial."""
SETTLED_S = 3 * HOUR_S
"""In service for so long a box has told everything; once the last wave has passed only the others still matter."""
QUIET_TICK_S = HOUR_S
"""Between ticks when the last wave has passed, or everybody was told to go back: what is left waits for boxes that are away."""
TOLD_EVERY_S = HOUR_S
"""A box tells the numbers of its run anew when they rest on twice as many frames; here, once an hour in each phase."""


class Fault(str, Enum):
    """What is wrong with the release, or with the fleet."""

    NONE = "none"
    CRASH = "crash"
    """On a fifth of the devices the model dies after activation; they go back by themselves."""
    BRICK = "brick"
    """A fifth of the devices is never heard again after activation."""
    SILENT = "silent quality loss"
    """In turbid water, a third of the fleet, the model misses fish and reports success."""
    OFFLINE = "offline 14 d"
    """A tenth of the fleet is away for two weeks."""
    FLAPPING = "flapping"
    """A tenth of the fleet is there for ten minutes and away for ten."""
    SKEW = "clock skew"
    """A tenth of the reports arrives up to an hour late, after newer ones."""
    DISK = "disk full"
    """Three in a hundred have no room."""
    POWER = "power cut"
    """A fifth of the devices loses power at a random step and begins the step before again."""


BAD_MODEL = frozenset({Fault.CRASH, Fault.BRICK, Fault.SILENT})


@dataclass(slots=True)
class Device:
    """One box and what it really does."""

    name: str
    stratum: Stratum
    fault: bool = False
    dead: bool = False
    online: bool = True
    bricked: bool = False
    wanted: str = OLD.sha256
    may_activate: bool = False
    state: DeploymentState | None = None
    running: str = OLD.sha256
    began_new: float | None = None
    bad_s: float = 0.0
    power_cuts: int = 0
    numbers: dict[Metric, float] = field(default_factory=dict)
    told: tuple[Phase | None, float] = (None, -math.inf)
    """Phase and moment of the numbers that it told last."""
    approved: set[str] = field(default_factory=lambda: {OLD.sha256})


@dataclass(frozen=True)
class Outcome:
    """How one simulated rollout ended, in truth."""

    status: RolloutStatus
    devices: int
    running_new: int
    harmed: int
    bad_device_h: float
    finished_h: float | None
    """Hours until the last wave had passed, or until everybody had been told to go back; None when neither."""
    ended: bool
    """Whether every deployment has an end."""
    wave: int
    log: tuple[str, ...]


_STEPS = (
    DeploymentState.DOWNLOADING,
    DeploymentState.VERIFYING,
    DeploymentState.SELF_TEST,
    DeploymentState.SHADOW_RUN,
)


class FleetSimulation:
    """Runs one rollout to its end.

    Args:
        devices: how many.
        fault: the one fault of this run.
        seed: of everything random.
        plan: of the rollout.
        days: virtual days at most.
    """

    def __init__(self, *, devices: int, fault: Fault, seed: int, plan: Plan, days: float = 70.0) -> None:
        self.fault, self.plan, self.end = fault, plan, days * DAY_S
        self.draw = Random(seed)
        self.now = 0.0
        self.devices = {device.name: device for device in (self._make(number) for number in range(devices))}
        self._heap: list[tuple[float, int, Device, Callable[[Device], None]]] = []
        self._serial = 0
        alive = [device for device in self.devices.values() if not device.dead]
        for device in alive:
            self._at(self.draw.expovariate(1 / (3 * DAY_S)), device, self._away)
        self._rounds = [alive[first::ROUNDS] for first in range(ROUNDS)]
        self._asked = {gate.phase for gate in plan.gates}
        heard = {device.name: -self.draw.uniform(0, HOUR_S) for device in self.devices.values() if not device.dead}
        self.rollout = Rollout.start(
            plan,
            NEW,
            previous=OLD,
            devices={device.name: device.stratum for device in self.devices.values()},
            heard=heard,
            seed=seed,
            now=0.0,
        )
        self._stopped_at: float | None = None
        self._finished_at: float | None = None

    def run(self) -> Outcome:
        """To the end: everything ended, or the days are over."""
        alive = [device for device in self.devices.values() if not device.dead]
        next_tick, turn, quiet = 0.0, 0, False
        while self.now < self.end:
            while self._heap and self._heap[0][0] <= next_tick:
                self.now, _, device, what = heapq.heappop(self._heap)
                what(device)
            self.now = next_tick
            self._beat([it for it in alive if not self._is_settled(it)] if quiet else self._rounds[turn % ROUNDS])
            for action in self.rollout.tick(self.now):
                self._do(action)
            status = self.rollout.status
            if status is RolloutStatus.FINISHED and self._finished_at is None:
                self._finished_at = self.now
            if status in {RolloutStatus.ROLLING_BACK, RolloutStatus.ROLLED_BACK} and self._stopped_at is None:
                self._stopped_at = self.now
            quiet = self._finished_at is not None or self._stopped_at is not None
            if quiet and turn % ROUNDS == 0 and self.rollout.is_over:
                break
            turn += 1
            next_tick += QUIET_TICK_S if quiet else TICK_S
        return self._outcome()

    # The devices

    def _make(self, number: int) -> Device:
        stratum = (
            self.draw.choice(("jetson", "jetson", "pc")),
            self.draw.choice(("net_pen", "ras")),
            self.draw.choice(("clear", "clear", "turbid")),
        )
        device = Device(f"box-{number:05d}", stratum, dead=self.draw.random() < 0.04)
        share = {
            Fault.CRASH: 0.2,
            Fault.BRICK: 0.2,
            Fault.OFFLINE: 0.1,
            Fault.FLAPPING: 0.1,
            Fault.DISK: 0.03,
            Fault.POWER: 0.2,
        }
        device.fault = (
            stratum[2] == "turbid" if self.fault is Fault.SILENT else self.draw.random() < share.get(self.fault, 0.0)
        )
        return device

    def _at(self, delay: float, device: Device, what: Callable[[Device], None]) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (self.now + delay, self._serial, device, what))

    def _do(self, action: Action) -> None:
        device = self.devices[action.device]
        if action.kind is ActionKind.ASSIGN:
            device.wanted = NEW.sha256
            device.approved.add(NEW.sha256)
        elif action.kind is ActionKind.ACTIVATE:
            device.may_activate = True
        else:
            device.wanted, device.may_activate = OLD.sha256, False
        if device.online and not device.dead and not device.bricked:
            self._at(self.draw.uniform(1, 30), device, self._look)

    def _look(self, device: Device) -> None:
        """It reads its desired state: at once when it is connected, else when it comes back."""
        if not device.online or device.bricked:
            return
        if device.wanted == OLD.sha256:
            if device.running == NEW.sha256:
                self._swap(device, OLD.sha256)
                device.state = DeploymentState.ROLLED_BACK
            elif device.state is not None and device.state is not DeploymentState.ROLLED_BACK:
                device.state = None
            self._tell(device)
        elif device.state is None:
            device.state = DeploymentState.ASSIGNED
            self._at(self.draw.uniform(5, 60), device, self._step)
        elif device.state is DeploymentState.SHADOW_RUN and device.may_activate:
            device.state = DeploymentState.ACTIVATING
            self._tell(device)
            self._at(self.draw.uniform(5, 60), device, self._step)

    def _step(self, device: Device) -> None:
        if device.bricked or device.wanted != NEW.sha256 or device.state is None:
            return
        if self.fault is Fault.POWER and device.fault and device.power_cuts < 3 and self.draw.random() < 0.3:
            device.power_cuts += 1
            if device.state in _STEPS:
                device.state = DeploymentState.ASSIGNED
            self._at(5 * MINUTE_S, device, self._step)
            return
        if device.state is DeploymentState.ASSIGNED:
            device.state = DeploymentState.DOWNLOADING
            self._at(self.draw.uniform(2, 20) * MINUTE_S, device, self._step)
        elif device.state is DeploymentState.DOWNLOADING and not device.online:
            self._at(10 * MINUTE_S, device, self._step)
        elif device.state is DeploymentState.DOWNLOADING and self.fault is Fault.DISK and device.fault:
            device.state = DeploymentState.REFUSED
        elif device.state in _STEPS[:3]:
            device.state = _STEPS[_STEPS.index(device.state) + 1]
            if device.state is not DeploymentState.SHADOW_RUN:
                self._at(self.draw.uniform(0.5, 3) * MINUTE_S, device, self._step)
        elif device.state is DeploymentState.ACTIVATING:
            self._activate(device)
        elif device.state is DeploymentState.PROBATION:
            if self.fault is Fault.CRASH and device.fault:
                self._swap(device, OLD.sha256)
                device.state = DeploymentState.ROLLED_BACK
            else:
                device.state = DeploymentState.COMMITTED
        self._tell(device)

    def _activate(self, device: Device) -> None:
        assert device.may_activate, "it activated without permission"
        self._swap(device, NEW.sha256)
        device.state = DeploymentState.PROBATION
        if self.fault is Fault.BRICK and device.fault:
            device.bricked = True
        else:
            self._at(10 * MINUTE_S, device, self._step)
            self._at(SOAKING_S, device, self._soak)

    def _soak(self, device: Device) -> None:
        """While it is on trial its heartbeats prove what runs; they come oftener than those of the rounds."""
        on_trial = self.rollout.deployments[device.name].step is not Step.DONE
        if device.running == NEW.sha256 and on_trial and not self._is_settled(device):
            self._tell(device)
            self._at(SOAKING_S, device, self._soak)

    def _swap(self, device: Device, sha256: str) -> None:
        assert sha256 in device.approved, "it ran what nobody approved for it"
        if device.running == NEW.sha256 and device.began_new is not None and device.fault and self.fault in BAD_MODEL:
            device.bad_s += self.now - device.began_new
        device.running = sha256
        device.began_new = self.now if sha256 == NEW.sha256 else None

    def _is_settled(self, device: Device) -> bool:
        """Whether nothing that it could still say matters."""
        if self._stopped_at is not None:
            return self.rollout.deployments[device.name].step is not Step.REVERTING
        return device.began_new is not None and self.now - device.began_new > SETTLED_S and not device.bricked

    def _beat(self, devices: list[Device]) -> None:
        """Heartbeats. A report of what the engine knows is a sign of life to it, and of who is done it asks not even that."""
        deployments = self.rollout.deployments
        for device in devices:
            step = deployments[device.name].step
            if step is Step.DONE and device.running == NEW.sha256:
                continue
            if device.online and not device.bricked:
                if step is Step.WAITING:
                    self.rollout.heard(device.name, self.now)
                else:
                    self._tell(device)

    def _tell(self, device: Device) -> None:
        if not device.online or device.bricked or device.dead:
            return
        if self.fault is Fault.SKEW and self.draw.random() < 0.1 and device.state is not None:
            self._at(self.draw.uniform(1, 60) * MINUTE_S, device, self._deliver_late)
            return
        self._deliver(device, device.state, device.running)

    def _deliver_late(self, device: Device) -> None:
        """Its order is lost: the store keeps the newest by sequence, so an old report only shows that the device lives."""
        self.rollout.heard(device.name, self.now)

    def _deliver(self, device: Device, state: DeploymentState | None, running: str) -> None:
        if state is None:
            self.rollout.heard(device.name, self.now)
            if device.wanted == OLD.sha256:
                self.rollout.reported(device.name, DeploymentState.ROLLED_BACK, self.now, running_sha256=running)
            return
        cannot = state is DeploymentState.REFUSED
        self.rollout.reported(device.name, state, self.now, running_sha256=running, cannot=cannot)
        if state is DeploymentState.SHADOW_RUN:
            self._measure(device, Phase.SHADOW)
        elif state in {DeploymentState.PROBATION, DeploymentState.COMMITTED}:
            self._measure(device, Phase.LIVE)

    def _measure(self, device: Device, phase: Phase) -> None:
        """A device tells the mean of its run, which moves little from report to report: one draw for all of them."""
        told_in, told_at = device.told
        if phase not in self._asked:
            return
        if phase is told_in and self.now - told_at < TOLD_EVERY_S:
            return
        device.told = (phase, self.now)
        if not device.numbers:
            worse = self.fault is Fault.SILENT and device.fault
            device.numbers = {
                Metric.DISAGREEMENT: self.draw.gauss(0.35 if worse else 0.06, 0.02),
                Metric.COUNT_RATIO: self.draw.gauss(0.6 if worse else 1.0, 0.05),
                Metric.CONFIDENCE_DROP: self.draw.gauss(0.15 if worse else 0.0, 0.02),
                Metric.LATENCY_RATIO: self.draw.gauss(1.0, 0.05),
                Metric.ERRORS: max(0.0, self.draw.gauss(0.1, 0.1)),
            }
        for metric, value in device.numbers.items():
            self.rollout.measured(device.name, phase, metric, value, self.now)

    def _away(self, device: Device) -> None:
        """Outages are Pareto: most are short, a few are long."""
        if (self._finished_at is not None or self._stopped_at is not None) and self._is_settled(device):
            return
        device.online = False
        if self.fault is Fault.OFFLINE and device.fault:
            length = 14 * DAY_S
        elif self.fault is Fault.FLAPPING and device.fault:
            length = 10 * MINUTE_S
        else:
            length = min(3 * DAY_S, 5 * MINUTE_S * self.draw.paretovariate(1.1))
        self._at(length, device, self._back)

    def _back(self, device: Device) -> None:
        device.online = True
        self._look(device)
        self._tell(device)
        flaps = self.fault is Fault.FLAPPING and device.fault
        self._at(10 * MINUTE_S if flaps else self.draw.expovariate(1 / (3 * DAY_S)), device, self._away)

    def _outcome(self) -> Outcome:
        for device in self.devices.values():
            if (
                device.running == NEW.sha256
                and device.began_new is not None
                and device.fault
                and self.fault in BAD_MODEL
            ):
                # A brick does harm until somebody drives there; the budget of this figure is three days.
                device.bad_s += min(self.now - device.began_new, 3 * DAY_S)
        harmed = [device for device in self.devices.values() if device.bad_s > 0]
        done_at = self._finished_at if self._finished_at is not None else self._stopped_at
        return Outcome(
            status=self.rollout.status,
            devices=len(self.devices),
            running_new=sum(device.running == NEW.sha256 for device in self.devices.values()),
            harmed=len(harmed),
            bad_device_h=math.fsum(device.bad_s for device in harmed) / HOUR_S,
            finished_h=None if done_at is None else done_at / HOUR_S,
            ended=self.rollout.is_over,
            wave=self.rollout.wave,
            log=tuple(f"{entry.at / HOUR_S:8.1f} h  {entry.words}" for entry in self.rollout.log),
        )
