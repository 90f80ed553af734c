"""A rollout from its first wave to the last device, as a state machine without I/O or clock.

Devices are heard, report and measure; people pause, resume, cancel and roll back; ``tick`` decides and returns what to do.
A wave goes ``shadow -> released -> settled``: nobody activates before the shadow gates of the wave have passed, and the
next wave begins only after this one has baked and its live gates have passed. Every deployment ends, each with a reason.

Times are seconds on one clock that never goes back within a rollout's life (the caller's business).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from cloud.rollouts.plan import HOUR_S, Artifact, Metric, Phase, Plan
from cloud.rollouts.rules import (
    CONFIDENCE_Z,
    EARLY_DEVICES,
    EARLY_Z,
    Finding,
    Silence,
    Stratum,
    Verdict,
    WaveCount,
    divide,
    judge,
    more_silent_than_chance,
    settled,
    too_many_failed,
    too_many_refused,
    worst,
)
from contracts.deployments import DeploymentState

HOLDS_NOTED = 20
"""Reasons to wait that one look may add to the decision log."""
LONG_LEASES = 4
"""Leases after which silence is asked about once more; still within the bake of the default plan."""
LOG_ENTRIES = 1000
"""Decisions kept; the oldest are dropped first, the store has them all."""


class NotApprovedError(Exception):
    """The image repository does not name this hash with enough signatures; nothing may run it."""


class RolloutStatus(str, Enum):
    """Where a rollout stands."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    """Every wave has passed; devices that were away still catch up."""
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    CANCELED = "canceled"


class Step(str, Enum):
    """Where one device stands in a rollout."""

    WAITING = "waiting"
    """Its wave has not begun, or it has not been heard since."""
    UNDER_WAY = "under_way"
    """It has been told: downloading, verifying, testing itself."""
    SHADOW = "shadow"
    """It runs the candidate beside the active model."""
    ACTIVATING = "activating"
    """It may activate and has not yet reported the new hash."""
    ON_TRIAL = "on_trial"
    """Its running session reports the new hash; it soaks."""
    DONE = "done"
    FAILED = "failed"
    """It refused the release for what it is, made no progress within its lease, or went back by itself."""
    REFUSED = "refused"
    """It cannot take the release for what it is itself: no room, not compatible."""
    LOST = "lost"
    """Silent since it was to activate: cut off, or bricked."""
    MISSED = "missed"
    """Never heard before the deadline."""
    REVERTING = "reverting"
    REVERTED = "reverted"
    CANCELED = "canceled"
    """It had not activated when the rollout was stopped."""


ENDED = frozenset({Step.DONE, Step.FAILED, Step.REFUSED, Step.LOST, Step.MISSED, Step.REVERTED, Step.CANCELED})
_OPEN = frozenset({RolloutStatus.RUNNING, RolloutStatus.PAUSED, RolloutStatus.FINISHED})
_ACTIVE = frozenset({Step.UNDER_WAY, Step.SHADOW, Step.ACTIVATING, Step.ON_TRIAL})
_ON_DEVICE_BEFORE_SHADOW = frozenset(
    {DeploymentState.ASSIGNED, DeploymentState.DOWNLOADING, DeploymentState.VERIFYING, DeploymentState.SELF_TEST}
)


class ActionKind(str, Enum):
    """What the performer does for one device."""

    ASSIGN = "assign"
    """Sign and publish the assignment of the release, for a shadow run first."""
    ACTIVATE = "activate"
    """Sign and publish the permission to activate."""
    REVERT = "revert"
    """Sign and publish the assignment of what it ran before."""


@dataclass(frozen=True)
class Action:
    """One thing to do. Doing it twice changes nothing."""

    kind: ActionKind
    device: str


@dataclass(frozen=True)
class Entry:
    """One line of the decision log."""

    at: float
    words: str


@dataclass(slots=True)
class Deployment:
    """One device in one rollout."""

    device: str
    stratum: Stratum
    wave: int
    step: Step = Step.WAITING
    heard_at: float = -math.inf
    progress_at: float = -math.inf
    """Last time that it came further."""
    shadow_at: float | None = None
    active_at: float | None = None
    """When its session first reported the new hash."""
    said_at: float | None = None
    """The same by the device's own clock: an older heartbeat speaks of the session before."""
    ended_at: float | None = None
    serial: int = 0
    """Number of the newest report that counted; reports come again after a restart."""
    told: bool = False
    """An assignment of this rollout was published to it, so that stopping must be published too."""
    waiting: bool = False
    """It said that it waits for a good moment."""
    hold: str = ""
    """Why its fish must not be disturbed now, as the farm's diary or an alarm says; empty when they may."""
    detail: DeploymentState | None = None
    reason: str = ""
    bad_s: float = 0.0
    """Time in service of a release that it then lost."""


Reports: TypeAlias = dict[tuple[Phase, Metric], dict[Stratum, dict[str, tuple[float, float]]]]
"""Phase and metric -> stratum -> device -> (number, when it came)."""


@dataclass
class WaveState:
    """One wave: when it began, was released, and its numbers."""

    devices: list[str] = field(default_factory=list)
    began_at: float | None = None
    released_at: float | None = None
    """When its shadow gates had passed."""
    shadow_over_at: float | None = None
    """Since when enough devices have finished their shadow run; an inconclusive gate waits from here."""
    last_active_at: float | None = None
    baked_at: float | None = None
    """When it had baked; an inconclusive gate waits from here."""
    passed_at: float | None = None
    seen: int = 0
    ended: int = 0
    failed: int = 0
    refused: int = 0
    lost: int = 0

    @property
    def count(self) -> WaveCount:
        """Its numbers, for the rules."""
        return WaveCount(seen=self.seen, ended=self.ended, failed=self.failed, refused=self.refused)


class Rollout:
    """One rollout, as it stands; ``Rollout.start`` makes a new one.

    Args:
        plan: as validated.
        release: what to roll out.
        previous: what devices go back to; None when they had no model.
        deployments: every device.
        waves: as many as the plan has.
        began_at: seconds.
        status: where it stands.
        wave: the one that is open, by index.
        reports: newest numbers by phase and metric, stratum and device, with when they came.
    """

    def __init__(
        self,
        plan: Plan,
        release: Artifact,
        *,
        previous: Artifact | None,
        deployments: Mapping[str, Deployment],
        waves: Sequence[WaveState],
        began_at: float,
        status: RolloutStatus = RolloutStatus.RUNNING,
        wave: int = 0,
        reports: Reports | None = None,
    ) -> None:
        self.plan, self.release, self.previous = plan, release, previous
        self.deployments = dict(deployments)
        self.waves = list(waves)
        self.began_at, self.status, self.wave = began_at, status, wave
        self.reports: Reports = {} if reports is None else reports
        self.log: list[Entry] = []
        everyone = self.deployments.values()
        self._reached = {deployment.stratum for deployment in everyone if deployment.told}
        """Strata of which somebody was told; where nobody was, no gate can be asked and nobody can activate."""
        self._working = {deployment.device for deployment in everyone if deployment.step in _ACTIVE}
        """Devices between being told and their end."""
        self._reverting = {deployment.device for deployment in everyone if deployment.step is Step.REVERTING}
        self._turn: dict[str, None] = {}
        """Devices that were heard and wait for their turn, in order."""
        self._bad_s = math.fsum(deployment.bad_s for deployment in everyone)

    @classmethod
    def start(
        cls,
        plan: Plan,
        release: Artifact,
        *,
        previous: Artifact | None,
        devices: Mapping[str, Stratum],
        heard: Mapping[str, float],
        seed: int,
        now: float,
    ) -> Rollout:
        """Divide the fleet into waves and begin with the first.

        Args:
            plan: as validated.
            release: what to roll out; must be approved.
            previous: what devices go back to; must be approved too.
            devices: device -> stratum.
            heard: device -> when it was last heard, on the rollout's clock.
            seed: divides the fleet into waves.
            now: seconds.

        Raises:
            NotApprovedError: the release, or what devices would go back to, is not approved.
        """
        for asked in (release, previous):
            if asked is not None and not asked.approved:
                raise NotApprovedError(
                    f"{asked.name} {asked.version} ({asked.sha256[:12]}): not signed by enough people;"
                    " `shoal fleet release sign` adds a signature"
                )
        placed = divide(devices, plan, seed=seed, heard={device: now - at for device, at in heard.items()})
        waves = [WaveState() for _ in plan.waves]
        for device in sorted(placed):
            waves[placed[device]].devices.append(device)
        deployments = {
            device: Deployment(device, stratum, placed[device], heard_at=heard.get(device, -math.inf))
            for device, stratum in devices.items()
        }
        rollout = cls(plan, release, previous=previous, deployments=deployments, waves=waves, began_at=now)
        rollout._begin(0, now)
        return rollout

    # What comes in

    def heard(self, device: str, now: float) -> None:
        """A message of the device arrived; any message."""
        deployment = self.deployments.get(device)
        if deployment is None:
            return
        if now > deployment.heard_at:  # noqa: PLR1730  (for every message of a fleet; a call costs twice as much)
            deployment.heard_at = now
        if deployment.step is Step.WAITING and self._is_open(deployment.wave):
            self._turn[device] = None

    def reported(  # noqa: C901, PLR0912  (one branch for each thing that a device may say)
        self,
        device: str,
        state: DeploymentState,
        now: float,
        *,
        running_sha256: str | None = None,
        waiting: bool = False,
        cannot: bool = False,
        reason: str = "",
        serial: int | None = None,
        said: float | None = None,
    ) -> None:
        """The device told where its deployment stands. Late, repeated and out-of-order reports do no harm.

        Args:
            device: who; a stranger is ignored.
            state: as it sees it. ``committed`` and ``probation`` count only with the running hash.
            now: seconds.
            running_sha256: of the session that really runs.
            waiting: it waits for a good moment to go on.
            cannot: it refuses for what it is itself (no room, not compatible), not for what the release is.
            reason: of a refusal or a way back.
            said: when it said so by its own clock, seconds.
            serial: rises with every report of a device; one that is not above the newest counts for nothing. None: it counts.
        """
        deployment = self.deployments.get(device)
        if deployment is None or (serial is not None and serial <= deployment.serial):
            return
        deployment.serial = deployment.serial if serial is None else serial
        self.heard(device, now)
        runs_it = running_sha256 == self.release.sha256
        if deployment.step is Step.DONE and running_sha256 is not None and not runs_it:
            self._undone(deployment, now, reason or "its session runs another model again")
            return
        if deployment.step is Step.REVERTING:
            if not runs_it and (running_sha256 is not None or state is DeploymentState.ROLLED_BACK):
                self._end(deployment, Step.REVERTED, now, deployment.reason)
            return
        if deployment.step is Step.LOST and runs_it and state is DeploymentState.COMMITTED:
            self._recover(deployment, now)
            return
        if deployment.step not in _ACTIVE:
            return
        if state is not deployment.detail or waiting != deployment.waiting:
            deployment.progress_at = now
        deployment.detail, deployment.waiting = state, waiting
        if state in {DeploymentState.ROLLED_BACK, DeploymentState.REFUSED}:
            self._end(deployment, Step.REFUSED if cannot else Step.FAILED, now, reason or state.value)
        elif deployment.step is Step.ON_TRIAL and running_sha256 is not None and not runs_it:
            self._end(deployment, Step.FAILED, now, "its session runs another model again")
        elif runs_it and state in {DeploymentState.PROBATION, DeploymentState.COMMITTED}:
            self._activated(deployment, now)
            deployment.said_at = said if deployment.said_at is None else deployment.said_at
            if state is DeploymentState.COMMITTED and now - (deployment.active_at or now) >= self.plan.soak_s:
                self._end(deployment, Step.DONE, now, "")
        elif state is DeploymentState.SHADOW_RUN and deployment.step is Step.UNDER_WAY:
            deployment.shadow_at = now if deployment.shadow_at is None else deployment.shadow_at
            deployment.step = Step.SHADOW
        elif state in _ON_DEVICE_BEFORE_SHADOW and deployment.step is Step.SHADOW:
            deployment.step, deployment.shadow_at = Step.UNDER_WAY, None  # it began anew, after a power cut for example
        elif state is DeploymentState.ACTIVATING and deployment.step is Step.UNDER_WAY and self.plan.shadow_s == 0:
            deployment.step = Step.SHADOW

    def measured(self, device: str, phase: Phase, metric: Metric, value: float, now: float) -> None:
        """One number of one device, over its run so far; the newest of each metric and phase is kept."""
        deployment = self.deployments.get(device)
        if deployment is not None and math.isfinite(value):
            self.reports.setdefault((phase, metric), {}).setdefault(deployment.stratum, {})[device] = (value, now)

    def holds(self, because: Mapping[str, str], now: float) -> None:
        """What goes on at the fish, device by device; whoever is not named may go on. Changes are in the decision log.

        Args:
            because: device -> why its model must stay as it is now.
            now: seconds.
        """
        begun: dict[str, int] = {}
        over = 0
        for device in sorted(self._working):
            deployment = self.deployments[device]
            hold = because.get(device, "")
            if hold == deployment.hold:
                continue
            if hold:
                begun[hold] = begun.get(hold, 0) + 1
            else:
                over += 1
                deployment.progress_at = max(deployment.progress_at, now)  # the time that it waited is not its own
            deployment.hold = hold
        for hold, count in sorted(begun.items())[:HOLDS_NOTED]:
            self._note(now, f"{_devices(count)} held back: {hold}")
        if len(begun) > HOLDS_NOTED:
            self._note(now, f"and {len(begun) - HOLDS_NOTED} more reasons to wait")
        if over:
            self._note(now, f"{_devices(over)} free to go on: nothing disturbs the fish any more")

    # What people say

    def pause(self, reason: str, now: float) -> None:
        """Tell nobody new. What is under way goes on, and is still watched."""
        if self.status is RolloutStatus.RUNNING:
            self.status = RolloutStatus.PAUSED
            self._note(now, f"paused: {reason}")

    def resume(self, reason: str, now: float) -> None:
        """Go on. What was inconclusive gets its time again."""
        if self.status is RolloutStatus.PAUSED:
            self.status = RolloutStatus.RUNNING
            wave = self.waves[self.wave]
            wave.shadow_over_at = wave.baked_at = None
            self._note(now, f"resumed: {reason}")

    def cancel(self, reason: str, now: float) -> list[Action]:
        """Stop where it is: what has the release keeps it, what has not activated goes without."""
        if self.status in {RolloutStatus.ROLLING_BACK, RolloutStatus.ROLLED_BACK, RolloutStatus.CANCELED}:
            return []
        self.status = RolloutStatus.CANCELED
        self._note(now, f"canceled: {reason}")
        actions = []
        for deployment in self.deployments.values():
            if deployment.step in {Step.WAITING, Step.UNDER_WAY, Step.SHADOW}:
                actions += self._withdraw(deployment, Step.CANCELED, now, reason)
        return actions

    def roll_back(self, reason: str, now: float) -> list[Action]:
        """Everybody goes back to what they had. Devices do it from the slot that they kept, without a download."""
        if self.status in {RolloutStatus.ROLLING_BACK, RolloutStatus.ROLLED_BACK}:
            return []
        self.status = RolloutStatus.ROLLING_BACK
        self._note(now, f"rolled back: {reason}")
        actions = []
        for deployment in self.deployments.values():
            if deployment.step in {Step.WAITING, Step.UNDER_WAY, Step.SHADOW}:
                actions += self._withdraw(deployment, Step.CANCELED, now, reason)
            elif deployment.step in {Step.ACTIVATING, Step.ON_TRIAL, Step.DONE, Step.LOST}:
                self._count_harm(deployment, now)
                deployment.reason = reason
                deployment.ended_at = None
                deployment.step = Step.REVERTING
                deployment.progress_at = now
                self._reverting.add(deployment.device)
                actions.append(Action(ActionKind.REVERT, deployment.device))
        return actions

    # What happens by itself

    def tick(self, now: float) -> list[Action]:
        """Everything that time alone decides. Call it every few seconds to minutes, and after reports."""
        actions = self._expire(now)
        if self.status in {RolloutStatus.ROLLING_BACK, RolloutStatus.ROLLED_BACK, RolloutStatus.CANCELED}:
            self._finish_way_back(now)
            return actions
        if stop := self._reason_to_stop(now):
            return actions + self.roll_back(stop, now)
        if now - self.began_at > self.plan.deadline_s and self.status is not RolloutStatus.FINISHED and self.is_over:
            self.status = RolloutStatus.FINISHED
            self._note(now, "the deadline has passed; nobody is left to wait for")
        actions += self._release_and_advance(now)
        if self.status in {RolloutStatus.RUNNING, RolloutStatus.FINISHED}:
            actions += self._give_turns(now)
        return actions

    @property
    def harm_h(self) -> float:
        """Bad device-hours so far."""
        return self._bad_s / HOUR_S

    @property
    def is_over(self) -> bool:
        """Whether every deployment has ended."""
        return all(deployment.step in ENDED for deployment in self.deployments.values())

    def steps(self, wave: int) -> dict[Step, int]:
        """How many devices of a wave are in each step."""
        counts: dict[Step, int] = {}
        for device in self.waves[wave].devices:
            step = self.deployments[device].step
            counts[step] = counts.get(step, 0) + 1
        return counts

    def findings(self, phase: Phase, now: float, *, z: float = CONFIDENCE_Z) -> list[Finding]:
        """Every gate of a phase in every stratum of which somebody was told."""
        found = []
        for gate in self.plan.gates:
            if gate.phase is phase:
                reports = self.reports.get((gate.phase, gate.metric), {})
                fresh = {
                    stratum: {
                        device: value
                        for device, (value, at) in reports.get(stratum, {}).items()
                        if now - at <= gate.window_s
                    }
                    for stratum in self._reached
                }
                found += judge(gate, fresh, z=z)
        return found

    # Private

    def _is_open(self, wave: int) -> bool:
        return wave <= self.wave and self.status in _OPEN

    def _begin(self, index: int, now: float) -> None:
        self.wave = index
        wave = self.waves[index]
        wave.began_at = now
        for device in wave.devices:
            if now - self.deployments[device].heard_at <= self.plan.seen_within_s:
                self._turn[device] = None
        self._note(
            now, f"wave {self.plan.waves[index].name} begins: {len(wave.devices)} devices, {len(self._turn)} in reach"
        )

    def _give_turns(self, now: float) -> list[Action]:
        actions = []
        while self._turn and len(self._working) < self.plan.max_active:
            device = next(iter(self._turn))
            del self._turn[device]
            deployment = self.deployments[device]
            if deployment.step is not Step.WAITING:
                continue
            deployment.progress_at = now
            deployment.detail, deployment.waiting = DeploymentState.ASSIGNED, False
            self.waves[deployment.wave].seen += 1
            self._working.add(device)
            self._reached.add(deployment.stratum)
            deployment.step, deployment.told = Step.UNDER_WAY, True
            actions.append(Action(ActionKind.ASSIGN, device))
        return actions

    def _expire(self, now: float) -> list[Action]:
        actions = []
        for device in sorted(self._working):
            deployment = self.deployments[device]
            silent = now - deployment.heard_at > self.plan.lease_s
            if deployment.step in {Step.UNDER_WAY, Step.SHADOW} and silent:
                # Away before it swapped anything: an outage like any other. It goes on when it is heard.
                self.waves[deployment.wave].seen -= 1
                self._working.discard(device)
                deployment.step = Step.WAITING
                continue
            if deployment.step is Step.SHADOW:
                continue  # it waits for its wave and its stratum, which is not its fault
            allowed = self.plan.lease_s + (self.plan.wait_s if deployment.waiting or deployment.hold else 0.0)
            allowed += self.plan.soak_s if deployment.step is Step.ON_TRIAL else 0.0
            if now - deployment.progress_at > allowed:
                if silent:
                    self._end(deployment, Step.LOST, now, "silent since it was to activate")
                else:
                    self._end(deployment, Step.FAILED, now, "no progress")
                    actions.append(Action(ActionKind.REVERT, device))
        if now - self.began_at > self.plan.deadline_s:
            for deployment in self.deployments.values():
                if deployment.step is Step.WAITING:
                    actions += self._withdraw(deployment, Step.MISSED, now, "not heard before the deadline")
                elif deployment.step in {Step.UNDER_WAY, Step.SHADOW}:
                    actions += self._withdraw(deployment, Step.CANCELED, now, "the rollout's deadline")
        return actions

    def _withdraw(self, deployment: Deployment, step: Step, now: float, reason: str) -> list[Action]:
        """End what has not activated; whoever was told is told again."""
        self._end(deployment, step, now, reason)
        return [Action(ActionKind.REVERT, deployment.device)] if deployment.told else []

    def _reason_to_stop(self, now: float) -> str | None:
        for wave, planned in zip(self.waves, self.plan.waves, strict=True):
            if too_many_failed(self.plan, wave.count):
                return f"{wave.failed} of {wave.seen} devices of wave {planned.name} failed"
            if too_many_refused(self.plan, wave.count):
                self.pause(f"{wave.refused} of {wave.seen} devices of wave {planned.name} cannot take the release", now)
        if sum(wave.lost for wave in self.waves) > self.plan.max_failed:
            for silence in self._silences(now):
                if more_silent_than_chance(self.plan, silence):
                    return (
                        f"{silence.lost} of {silence.activated} devices are silent since they activated, of the others"
                        f" {silence.control_silent} of {silence.control}"
                    )
        if self.harm_h > self.plan.harm_budget_h:
            return f"{self.harm_h:.1f} bad device-hours are more than the budget of {self.plan.harm_budget_h:g}"
        for finding in self.findings(Phase.LIVE, now, z=EARLY_Z):
            if finding.verdict is Verdict.FAILED and finding.devices >= EARLY_DEVICES:
                return finding.words()
        return None

    def _silences(self, now: float) -> list[Silence]:
        """Silent for a lease, and for ``LONG_LEASES``: long outages are rarer, so that fewer bricks stand out from them."""
        activated = control = 0
        lost, silent = [0, 0], [0, 0]
        short_s, long_s = self.plan.lease_s, LONG_LEASES * self.plan.lease_s
        for deployment in self.deployments.values():
            step, silent_s = deployment.step, now - deployment.heard_at
            if step is Step.DONE or step is Step.LOST or step is Step.ON_TRIAL:
                activated += 1
                if step is Step.LOST:
                    lost[0] += 1
                    lost[1] += silent_s > long_s
            elif silent_s < math.inf:
                control += 1
                if silent_s > short_s:
                    silent[0] += 1
                    silent[1] += silent_s > long_s
        return [Silence(lost[i], activated, silent[i], control) for i in (0, 1)]

    def _release_and_advance(self, now: float) -> list[Action]:
        actions = []
        wave, planned = self.waves[self.wave], self.plan.waves[self.wave]
        if self.status is RolloutStatus.RUNNING and wave.released_at is None and self._shadow_over(wave, now):
            wave.shadow_over_at = now if wave.shadow_over_at is None else wave.shadow_over_at
            verdict, words = self._ask(Phase.SHADOW, wave.shadow_over_at, now)
            if verdict is Verdict.FAILED:
                return self.roll_back(words, now)
            if verdict is Verdict.PASSED:
                wave.released_at = now
                self._note(now, f"wave {planned.name} may activate")
        if self.status is not RolloutStatus.PAUSED:
            actions += self._let_activate(now)
        if self.status is RolloutStatus.RUNNING and self._baked(wave, planned.bake_s, now):
            wave.baked_at = now if wave.baked_at is None else wave.baked_at
            verdict, words = self._ask(Phase.LIVE, wave.baked_at, now)
            if verdict is Verdict.FAILED:
                return actions + self.roll_back(words, now)
            if verdict is Verdict.PASSED:
                wave.passed_at = now
                self._note(
                    now, f"wave {planned.name} passed: {wave.ended} ended, {wave.failed} failed, {wave.seen} seen"
                )
                if self.wave + 1 < len(self.waves):
                    self._begin(self.wave + 1, now)
                else:
                    self.status = RolloutStatus.FINISHED
                    self._note(now, "finished; devices that were away catch up")
        return actions

    def _let_activate(self, now: float) -> list[Action]:
        """Whoever has finished its shadow run, in a wave and a stratum that have passed; latecomers are judged like others."""
        passed: dict[Stratum, bool] = {}
        actions = []
        for device in sorted(self._working):
            deployment = self.deployments[device]
            if deployment.step is not Step.SHADOW or self.waves[deployment.wave].released_at is None:
                continue
            if not self._has_shadowed(deployment, now) or deployment.hold:
                continue
            if not passed:
                for finding in self.findings(Phase.SHADOW, now):
                    good = finding.verdict is Verdict.PASSED
                    passed[finding.stratum] = passed.get(finding.stratum, True) and good
            if passed.get(deployment.stratum, True):
                deployment.progress_at = now
                deployment.step = Step.ACTIVATING
                actions.append(Action(ActionKind.ACTIVATE, device))
        return actions

    def _ask(self, phase: Phase, since: float, now: float) -> tuple[Verdict, str]:
        """All gates of a phase as one verdict, with what decided it; pauses when it has been inconclusive for too long."""
        found = self.findings(phase, now)
        verdict = worst(found)
        words = next((finding.words() for finding in found if finding.verdict is verdict), "")
        if verdict is Verdict.INCONCLUSIVE and now - since > self.plan.inconclusive_s:
            self.pause(f"inconclusive: {words}", now)
        return verdict, words

    def _shadow_over(self, wave: WaveState, now: float) -> bool:
        shadowed = sum(
            1
            for device in wave.devices
            if (it := self.deployments[device]).step in ENDED
            or (it.step is Step.SHADOW and self._has_shadowed(it, now))
        )
        return wave.seen > 0 and shadowed >= self.plan.settled_share * wave.seen

    def _has_shadowed(self, deployment: Deployment, now: float) -> bool:
        return self.plan.shadow_s == 0 or (
            deployment.shadow_at is not None and now - deployment.shadow_at >= self.plan.shadow_s
        )

    def _baked(self, wave: WaveState, bake_s: float, now: float) -> bool:
        if wave.released_at is None or not settled(self.plan, wave.count):
            return False
        return wave.last_active_at is not None and now - wave.last_active_at >= bake_s

    def _activated(self, deployment: Deployment, now: float) -> None:
        if deployment.active_at is None:
            deployment.active_at = now
            self.waves[deployment.wave].last_active_at = now
        if deployment.step is not Step.ON_TRIAL:
            deployment.step = Step.ON_TRIAL

    def _recover(self, deployment: Deployment, now: float) -> None:
        """It was only away: it has activated, soaked and says so."""
        if self.status in _OPEN:
            deployment.step, deployment.reason, deployment.ended_at = Step.DONE, "", now
            deployment.active_at = deployment.active_at or now

    def _undone(self, deployment: Deployment, now: float, reason: str) -> None:
        """It was done and has lost the release since: a failure of its wave all the same."""
        if self.status in _OPEN:
            self.waves[deployment.wave].failed += 1
            self._count_harm(deployment, now)
            deployment.step, deployment.reason, deployment.ended_at = Step.FAILED, reason, now

    def _end(self, deployment: Deployment, step: Step, now: float, reason: str) -> None:
        counted = deployment.device in self._working
        wave = self.waves[deployment.wave]
        if counted:
            wave.ended += 1
            wave.failed += step is Step.FAILED
            wave.refused += step is Step.REFUSED
            wave.lost += step is Step.LOST
        if step is Step.FAILED:
            self._count_harm(deployment, now)
        deployment.ended_at, deployment.reason, deployment.hold = now, reason, ""
        self._working.discard(deployment.device)
        self._reverting.discard(deployment.device)
        self._turn.pop(deployment.device, None)
        deployment.step = step

    def _count_harm(self, deployment: Deployment, now: float) -> None:
        if deployment.active_at is not None:
            bad_s = now - deployment.active_at
            self._bad_s += bad_s - deployment.bad_s
            deployment.bad_s = bad_s

    def _finish_way_back(self, now: float) -> None:
        for device in sorted(self._reverting):
            deployment = self.deployments[device]
            if now - deployment.progress_at > self.plan.deadline_s:
                self._end(deployment, Step.LOST, now, "did not report that it went back")
        if self.status is RolloutStatus.ROLLING_BACK and not self._reverting:
            self.status = RolloutStatus.ROLLED_BACK
            self._note(now, "everybody is back")

    def _note(self, now: float, words: str) -> None:
        self.log.append(Entry(now, words))
        del self.log[:-LOG_ENTRIES]


def _devices(count: int) -> str:
    return "1 device is" if count == 1 else f"{count} devices are"
