"""The rollout controller: devices' reports and people's orders in, signed assignments and decisions out.

Every few seconds, from what the store last received; what it decides is in the database before any device hears of it, and a
device hears it until it is sent. Several controllers may run; the one with the lock works. It needs Kafka, or a box's
downlink, only to tell devices.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import structlog
from psycopg import Connection
from pydantic import ValidationError

from cloud.kit.own_thread import OwnThread
from cloud.metrics import ROLLOUT_ACTIONS, ROLLOUT_ROUND_SECONDS
from cloud.rollouts import holds, memory, store
from cloud.rollouts.assigner import ReleaseDesk
from cloud.rollouts.plan import Artifact, Metric, Phase, Plan
from cloud.rollouts.rules import lost_labels, why_not
from cloud.rollouts.state import Action, ActionKind, NotApprovedError, Rollout, RolloutStatus, Step
from contracts.deployments import SHADOW_OF, ArtifactKind, Cause, DeploymentState, DeploymentStatus
from contracts.devices import ShadowDocument, ShadowState
from contracts.downlink import DesiredState, Downlink
from models.releases.errors import ReleaseError

log = structlog.get_logger()

ROUND_S = 5.0
RETRY_S = 5.0
HEARTBEATS = timedelta(minutes=5)
"""A heartbeat older than this proves nothing of what runs now; devices send one every 30 s."""
TELL_AGAIN_S = 300.0
"""A device that has not moved for so long is told again: the downlink may lose a message, and hearing it twice does no harm."""
NAMED = 5
"""Devices that a line of the decision log names; the rest is counted."""
_LOCK = 7_242_004
"""Advisory lock of the controller that works."""
_BEFORE_SWAP = frozenset({Step.UNDER_WAY, Step.SHADOW, Step.ACTIVATING})
_SHOULD_ANSWER = frozenset({Step.UNDER_WAY, Step.ACTIVATING, Step.REVERTING})
_SETTLED = frozenset({RolloutStatus.FINISHED, RolloutStatus.ROLLED_BACK, RolloutStatus.CANCELED})
_CANNOT = frozenset({Cause.INCOMPATIBLE, Cause.LEASE, Cause.INCONCLUSIVE})
"""Causes that speak of the device, not of the release."""


class Controller(OwnThread):
    """Runs the rollouts of every organization.

    Args:
        database_url: of the store.
        desk: approved releases and signed assignments.
        send: hands one message to the downlink; may be called again with the same.
        besides: what else works with the same database, key and downlink in every round, within its transaction.
        now: wall clock in UTC.
    """

    def __init__(
        self,
        database_url: str,
        *,
        desk: ReleaseDesk,
        send: Callable[[Downlink], None],
        besides: Sequence[Callable[[Connection[Any], datetime], None]] = (),
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        super().__init__("rollouts")
        self._url = database_url
        self._desk = desk
        self._send = send
        self._besides = besides
        self._now = now
        self._rollouts: dict[UUID, Rollout] = {}
        self._saved: dict[UUID, dict[str, dict[str, Any]]] = {}
        self._told_at: dict[int, float] = {}
        self._status: dict[UUID, str] = {}
        """Of every rollout, as programs were told."""
        self._broken: set[UUID] = set()
        """Rollouts that were set aside; looked at again after an order, or by the next controller."""

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set, whatever becomes of the database."""
        while not stop.wait(RETRY_S):
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as database:
                    self._serve(database, stop)
            except psycopg.Error as error:  # noqa: PERF203  (a loop of minutes)
                log.warning("rollouts.wait", error=str(error).strip(), retry_s=RETRY_S)

    def _serve(self, database: Connection[Any], stop: threading.Event) -> None:
        self.forget()
        while not stop.wait(ROUND_S):
            row = database.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
            if row is not None and row[0]:
                break
        while not stop.wait(ROUND_S):
            with ROLLOUT_ROUND_SECONDS.time():
                self.round(database)

    def forget(self) -> None:
        """Read every rollout anew: another controller may have worked on it."""
        self._rollouts.clear()
        self._saved.clear()
        self._told_at.clear()
        self._status.clear()
        self._broken.clear()

    def round(self, database: Connection[Any]) -> None:
        """One look at everything, in one transaction; then devices are told."""
        try:
            with database.transaction():
                now = self._now()
                self._decide(database, now)
                for beside in self._besides:
                    beside(database, now)
        except BaseException:
            self.forget()  # what is in memory was not saved
            raise
        self._tell(database)

    # Deciding

    def _decide(self, database: Connection[Any], now: datetime) -> None:
        now_s = now.timestamp()
        asked = store.open_rollouts(database)
        for gone in self._rollouts.keys() - {one.id for one in asked}:
            del self._rollouts[gone], self._saved[gone]
        ordered = store.orders(database)
        self._broken -= {order.rollout_id for order in ordered}  # a person wants it looked at again
        for one in asked:
            if one.id not in self._rollouts and one.id not in self._broken:
                with self._apart(database, one.id, now):
                    self._take_up(database, one, now)
        actions: dict[UUID, list[Action]] = {key: [] for key in self._rollouts}
        self._hear(database, now)
        self._look_at_fish(database, now)
        for order in ordered:
            rollout = self._rollouts.get(order.rollout_id)
            if rollout is not None and rollout.is_over and store.superseded(database, order.rollout_id):
                words = f"{order.kind} refused: a later rollout has these devices; order that one"
                store.note(database, order.rollout_id, [(now, words)])
            elif rollout is not None:
                with self._apart(database, order.rollout_id, now):
                    actions[order.rollout_id] += _obey(rollout, order, now_s)
            store.done(database, [order.id], now)
        for key, rollout in list(self._rollouts.items()):
            with self._apart(database, key, now):
                actions[key] += rollout.tick(now_s)
                self._perform(database, key, actions[key], now)
                self._save(database, key, now)
        # Last: a rollout may have failed on the very round that was to cancel it.
        for order in ordered:
            if order.kind == "cancel" and order.rollout_id in self._broken:
                self._give_up(database, order, now)
        self._tell_again(database, now_s)

    @contextmanager
    def _apart(self, database: Connection[Any], key: UUID, now: datetime) -> Iterator[None]:
        """What one rollout brings down (a state that another version has saved) stops that one, with words, and no other."""
        try:
            with database.transaction():
                yield
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001  (told and logged)
            self._set_aside(database, key, error, now)

    def _set_aside(self, database: Connection[Any], key: UUID, error: Exception, now: datetime) -> None:
        log.error("rollouts.failed", rollout=str(key), exc_info=error)
        self._rollouts.pop(key, None)
        self._saved.pop(key, None)
        self._broken.add(key)
        words = f"{type(error).__name__}: {error}".replace("\x00", "")[:500]
        reason = (
            f"the controller cannot go on with it ({words}): its devices keep what they have. Resume it with the version of"
            " the platform that began it, or cancel it"
        )
        store.set_aside(database, key, reason)
        store.note(database, key, [(now, f"paused: {reason}")])
        store.announce(database, key, RolloutStatus.PAUSED.value, reason, now)

    def _give_up(self, database: Connection[Any], order: store.Order, now: datetime) -> None:
        reason = f"{order.reason} (ordered by {order.ordered_by}); what has the release keeps it"
        store.give_up(database, order.rollout_id, reason, now)
        store.note(database, order.rollout_id, [(now, f"canceled: {reason}")])
        store.announce(database, order.rollout_id, RolloutStatus.CANCELED.value, reason, now)

    def _take_up(self, database: Connection[Any], asked: store.Asked, now: datetime) -> None:
        """A rollout that is new to this process: begun, or read back."""
        try:
            plan = Plan.model_validate(asked.plan)
            plan = plan if asked.kind == ArtifactKind.MODEL.value else without_shadow(plan)
            if asked.state is not None:
                self._status[asked.id] = asked.status
                devices = store.saved_devices(database, asked.id)
                self._rollouts[asked.id] = memory.restored(plan, RolloutStatus(asked.status), asked.state, devices)
                self._saved[asked.id] = devices
                return
            self._rollouts[asked.id] = self._begin(database, asked, plan, now)
            self._saved[asked.id] = {}
        except (NotApprovedError, ValidationError, NobodyError, IncompatibleError, ReleaseError) as error:
            log.warning("rollouts.refused", rollout=str(asked.id), reason=str(error))
            reason = str(error)[:1000]
            store.refuse(database, asked.id, reason, now)
            store.note(database, asked.id, [(now, f"refused: {reason}")])
            store.announce(database, asked.id, "refused", reason, now)

    def _begin(self, database: Connection[Any], asked: store.Asked, plan: Plan, now: datetime) -> Rollout:
        busy = store.busy_devices(database)
        chosen = store.members(database, asked, now)
        members = [member for member in chosen if member.id not in busy]
        if not members:
            why = "all take part in a rollout that is not over" if chosen else "none is in its sites, groups and tags"
            raise NobodyError(f"no device{' with a camera' if asked.kind == 'model' else ''} is free for it: {why}")
        kind = ArtifactKind(asked.kind)
        release = self._desk.release(kind, asked.model, asked.version)
        previous = None if asked.back_to is None else self._desk.release(kind, asked.model, asked.back_to)
        for each in (release, previous):
            if (
                each is not None
                and each.approved
                and (reason := store.not_theirs(database, each, asked.organization_id))
            ):
                raise IncompatibleError(reason)
        if release.approved:
            members = self._compatible(database, asked, members, release, previous, now)
        return Rollout.start(
            plan,
            release,
            previous=previous,
            devices={str(member.id): member.stratum for member in members},
            heard={
                str(member.id): member.last_seen_at.timestamp() for member in members if member.last_seen_at is not None
            },
            seed=asked.seed,
            now=now.timestamp(),
        )

    def _compatible(
        self,
        database: Connection[Any],
        asked: store.Asked,
        members: list[store.Member],
        release: Artifact,
        previous: Artifact | None,
        now: datetime,
    ) -> list[store.Member]:
        """Those who can take it; the others are named in the decision log, or are a reason to refuse it."""
        needs = self._desk.needs(release)
        if previous is not None and previous.approved and (lost := lost_labels(needs, self._desk.needs(previous))):
            raise IncompatibleError(
                f"{release.version} does not know {', '.join(lost)}, which {previous.version} does: counts and alarms by"
                " these labels would fall silent. Release it under another name"
            )
        reasons: dict[str, list[str]] = {}
        for member in members:
            if (reason := why_not(needs, member.inventory)) is not None:
                reasons.setdefault(reason, []).append(f"{member.site}/{member.device}")
        if not reasons:
            return members
        words = "; ".join(f"{_some(names)}: {reason}" for reason, names in sorted(reasons.items())[:10])
        out = {name for names in reasons.values() for name in names}
        fit = [member for member in members if f"{member.site}/{member.device}" not in out]
        if not asked.leave_out or not fit:
            raise IncompatibleError(f"{len(out)} of {len(members)} devices cannot take it: {words}")
        store.note(database, asked.id, [(now, f"{len(out)} of {len(members)} devices are left out: {words}")])
        return fit

    def _hear(self, database: Connection[Any], now: datetime) -> None:
        """Everything that devices have said since the last round."""
        of_device = {device: key for key, rollout in self._rollouts.items() for device in rollout.deployments}
        for key, rollout in list(self._rollouts.items()):
            with self._apart(database, key, now):
                own = [int(device) for device in rollout.deployments if of_device[device] == key]
                _hear_alive(rollout, store.last_seen(database, own), now)
        self._hear_reports(database, of_device, now)
        for key, rollout in list(self._rollouts.items()):
            with self._apart(database, key, now):
                on_trial = [int(name) for name, one in rollout.deployments.items() if one.step is Step.ON_TRIAL]
                told = store.running(database, rollout.release, on_trial, now - HEARTBEATS)
                _hear_running(rollout, told, now.timestamp())

    def _hear_reports(self, database: Connection[Any], of_device: Mapping[str, UUID], now: datetime) -> None:
        reports = store.reports(database)
        for report in reports:
            key = of_device.get(str(report.device_id))
            rollout = None if key is None else self._rollouts.get(key)
            status = _status(report)
            if key is None or rollout is None or status is None:
                continue
            if status.deployment in {str(key), _way_back(key)}:
                try:
                    _report(rollout, report, status, now.timestamp())
                except Exception as error:  # noqa: BLE001  (memory only; told and logged)
                    self._set_aside(database, key, error, now)
        if reports:
            store.read_until(database, reports[-1].id)

    def _look_at_fish(self, database: Connection[Any], now: datetime) -> None:
        """Whose fish must not be disturbed: the controller lets those wait, and devices are told what the diary knows."""
        for key, rollout in list(self._rollouts.items()):
            with self._apart(database, key, now):
                device_ids = [
                    int(device) for device, deployment in rollout.deployments.items() if deployment.step in _BEFORE_SWAP
                ]
                found = holds.held(database, device_ids, now)
                because = {str(device): held.because for device, held in found.items() if held.because is not None}
                rollout.holds(because, now.timestamp())
                told = {device: found[device].holds if device in found else () for device in device_ids}
                store.tell_holds(database, _shadow(rollout), told, now)

    # Doing

    def _perform(self, database: Connection[Any], key: UUID, actions: Iterable[Action], now: datetime) -> None:
        rollout = self._rollouts[key]
        actions = list(actions)
        names = store.names(database, [int(action.device) for action in actions])
        for action in actions:
            device_id = int(action.device)
            ROLLOUT_ACTIONS.labels(action.kind.value).inc()
            if action.kind is ActionKind.ACTIVATE:
                store.allow(database, device_id, _shadow(rollout), now)
                continue
            back = action.kind is ActionKind.REVERT
            release = rollout.previous if back else rollout.release
            if release is None:
                continue  # it had no model from the fleet: what was not allowed to activate ends with its lease
            site, device = names[device_id]
            try:
                desired = self._desk.desired(
                    release,
                    site=site,
                    device=device,
                    deployment=_way_back(key) if back else str(key),
                    rollout=key,
                    urgent=back,
                    lease=timedelta(seconds=rollout.plan.deadline_s),
                    now=now,
                )
            except ReleaseError as error:
                rollout.pause(f"cannot be assigned: {error}", now.timestamp())
                continue
            store.desire(database, device_id, _shadow(rollout), desired, now)

    def _tell_again(self, database: Connection[Any], now_s: float) -> None:
        quiet = {
            int(device): _shadow(rollout)
            for rollout in self._rollouts.values()
            for device, deployment in rollout.deployments.items()
            if deployment.step in _SHOULD_ANSWER and now_s - deployment.progress_at > TELL_AGAIN_S
        }
        self._told_at = {device: at for device, at in self._told_at.items() if device in quiet}
        again = [device for device in quiet if now_s - self._told_at.get(device, 0.0) > TELL_AGAIN_S]
        self._told_at.update(dict.fromkeys(again, now_s))
        for shadow in set(quiet.values()):
            store.send_again(database, shadow, [device for device in again if quiet[device] == shadow])

    def _save(self, database: Connection[Any], key: UUID, now: datetime) -> None:
        rollout = self._rollouts[key]
        devices = {device: memory.of_device(rollout, device) for device in rollout.deployments}
        saved = self._saved[key]
        changed = {device: state for device, state in devices.items() if saved.get(device) != state}
        over = rollout.is_over and rollout.status in _SETTLED
        reason = rollout.log[-1].words if rollout.log else None
        if self._status.get(key) != rollout.status.value:
            store.announce(database, key, rollout.status.value, reason or "", now)
            self._status[key] = rollout.status.value
        store.save(
            database,
            key,
            status=rollout.status.value,
            reason=reason,
            state=memory.of_rollout(rollout, now.timestamp()),
            now=now,
            over=over,
        )
        store.save_devices(database, key, changed)
        store.note(
            database, key, [(datetime.fromtimestamp(entry.at, timezone.utc), entry.words) for entry in rollout.log]
        )
        rollout.log.clear()
        self._saved[key] = devices

    def _tell(self, database: Connection[Any]) -> None:
        """Desired state that devices have not been sent; a crash in between sends it again, which changes nothing."""
        waiting = store.unsent(database)
        for shadow in waiting:
            document = ShadowDocument(state=ShadowState(desired=shadow.desired), version=shadow.version)
            self._send(
                Downlink(
                    site=shadow.site,
                    device=shadow.device,
                    body=DesiredState(shadow=shadow.shadow, document=document),
                )
            )
        store.sent(database, waiting)


class IncompatibleError(Exception):
    """A device that it is for cannot take it."""


class NobodyError(Exception):
    """There is no device that a rollout could reach."""


def _way_back(rollout: UUID) -> str:
    """Name of the deployments that undo a rollout."""
    return f"{rollout}-back"


def without_shadow(plan: Plan) -> Plan:
    """The plan of what cannot run beside what it replaces: gates on shadow figures are left out."""
    gates = tuple(gate for gate in plan.gates if gate.phase is not Phase.SHADOW)
    return plan.model_copy(update={"shadow_s": 0.0, "gates": gates})


def _shadow(rollout: Rollout) -> str:
    """Where its devices are told."""
    return SHADOW_OF[rollout.release.kind]


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _obey(rollout: Rollout, order: store.Order, now_s: float) -> list[Action]:
    reason = f"{order.reason} (ordered by {order.ordered_by})"
    if order.kind == "pause":
        rollout.pause(reason, now_s)
    elif order.kind == "resume":
        rollout.resume(reason, now_s)
    elif order.kind == "cancel":
        return rollout.cancel(reason, now_s)
    else:
        return rollout.roll_back(reason, now_s)
    return []


def _status(report: store.Report) -> DeploymentStatus | None:
    """The status in an event's flat detail; None for what another version of the agent may have said."""
    figures = {key.removeprefix("shadow_"): value for key, value in report.detail.items() if key.startswith("shadow_")}
    plain = {key: value for key, value in report.detail.items() if not key.startswith("shadow_")}
    try:
        return DeploymentStatus.model_validate(plain | {"shadow": figures or None} | _identity(report))
    except ValidationError as error:
        log.warning("rollouts.not_understood", device=report.device_id, reason=str(error)[:300])
        return None


def _identity(report: store.Report) -> dict[str, Any]:
    """The topic already named site and device; the event does not repeat them."""
    return {"site": "site", "device": str(report.device_id), "observed_at": report.occurred_at}


def _hear_alive(rollout: Rollout, seen: Mapping[int, datetime], now: datetime) -> None:
    now_s = now.timestamp()
    for device_id, at in seen.items():
        deployment, at_s = rollout.deployments[str(device_id)], min(at, now).timestamp()
        if at_s > deployment.heard_at and now_s - at_s <= rollout.plan.seen_within_s:
            rollout.heard(str(device_id), at_s)
        else:
            deployment.heard_at = max(deployment.heard_at, at_s)


def _hear_running(rollout: Rollout, told: Mapping[int, tuple[datetime, str]], now_s: float) -> None:
    for device_id, (at, sha256) in told.items():
        deployment = rollout.deployments[str(device_id)]
        of_before = deployment.said_at is not None and at.timestamp() < deployment.said_at
        if deployment.detail is not None and not of_before:
            rollout.reported(str(device_id), deployment.detail, now_s, running_sha256=sha256)


def _report(rollout: Rollout, report: store.Report, status: DeploymentStatus, now_s: float) -> None:
    device, said_s = str(report.device_id), min(report.occurred_at.timestamp(), now_s)
    waiting = status.waiting_for is not None and status.state is DeploymentState.ACTIVATING
    rollout.reported(
        device,
        status.state,
        now_s,
        running_sha256=status.running_sha256,
        waiting=waiting,
        cannot=status.cause in _CANNOT,
        reason=status.reason or "",
        serial=report.id,
        said=report.occurred_at.timestamp(),
    )
    if status.shadow is None:
        return
    shift = status.shadow.confidence_shift
    numbers = {
        Metric.DISAGREEMENT: status.shadow.disagreement,
        Metric.COUNT_RATIO: status.shadow.count_ratio,
        Metric.CONFIDENCE_DROP: None if shift is None else -shift,
        Metric.LATENCY_RATIO: status.shadow.latency_ratio,
        Metric.MEMORY_MB: status.shadow.memory_mb,
    }
    for metric, value in numbers.items():
        if value is not None:
            rollout.measured(device, Phase.SHADOW, metric, value, said_s)
