"""Decisions about deployments: may this release run here, may it be swapped in now, is the candidate good. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from contracts.deployments import TRIAL_SLOT, Assignment, Hold, Release, Requirements, ShadowFigures
from edge.deployments.settings import ProbationSettings, ShadowRunSettings, SwapWindow

OXYGEN_ALARMS = ("do.", "oxygen.")
"""Beginnings of the names of alarms about oxygen: whatever their severity, the model stays as it is."""
FEEDER = "feeder"
SPARE_MB = 100
"""Memory that the box keeps beside two models, for frames and the outbox, at least."""
SPARE_SHARE = 0.02
"""Of the machine's memory, likewise: with less the kernel swaps, and drops files that are read again at once."""
SHORT_S = 10.0
"""How long less may be free before a trial ends for it; half of it lacking ends it at once."""


@dataclass(frozen=True)
class Machine:
    """What this device is, for compatibility."""

    agent: str
    memory_mb: int
    opset_max: int
    """Highest operator set that the runtime knows; 0 when that is not known, then nothing is refused for it."""
    machine: str


@dataclass(frozen=True)
class Conditions:
    """What goes on at the tanks of this box right now."""

    feeding: tuple[str, ...] = ()
    """Units whose feeders run."""
    maintenance: tuple[str, ...] = ()
    """What people work on."""
    alarms: tuple[tuple[str, str, str], ...] = ()
    """Active alarms: definition, severity, unit."""
    holds: tuple[Hold, ...] = ()
    """What the farm's diary says."""


def why_not_here(requires: Requirements, machine: Machine) -> str | None:
    """Why a release cannot run on this device; None when it can."""
    if requires.agent is not None and _version(machine.agent) < _version(requires.agent):
        return f"it needs the agent {requires.agent}, this is {machine.agent}"
    if requires.memory_mb is not None and machine.memory_mb < requires.memory_mb:
        return f"it needs {requires.memory_mb} MB of memory, this box has {machine.memory_mb}"
    if requires.opset_max is not None and 0 < machine.opset_max < requires.opset_max:
        return f"it needs ONNX operator set {requires.opset_max}, this runtime knows {machine.opset_max}"
    if requires.machines and machine.machine not in requires.machines:
        return f"it is for {', '.join(requires.machines)}, this is {machine.machine}"
    return None


def why_not_agreed(assignment: Assignment, release: Release, *, release_sha256: str, floor: int) -> str | None:
    """Where assignment and signed release differ, or why the release must not run any more; None when all is well.

    Args:
        assignment: what the online key signed.
        release: what people signed.
        release_sha256: of the release document, as the image repository names it.
        floor: lowest release of this model that a device may run.
    """
    model = release.file(release.model_file)
    if assignment.release_sha256 is None:
        return "the assignment names no release document"
    if assignment.release_sha256 != release_sha256:
        return "the assignment names another release document than the image repository"
    said = (assignment.model, assignment.version, assignment.sha256)
    signed = (release.model, release.version, release.sha256)
    if said != signed or model is None or model.sha256 != release.sha256 or model.bytes != assignment.bytes:
        return "the assignment and the signed release name different models"
    if release.release < floor:
        return f"it is release {release.release} of {release.model}, and devices may run {floor} and later"
    return None


def why_not_now(  # noqa: PLR0911  (one reason per line)
    conditions: Conditions,
    windows: Sequence[SwapWindow],
    now: datetime,
    *,
    zone: str | None,
    trusted: bool,
    urgent: bool = False,
) -> str | None:
    """Why the model must not be swapped now; None when it may. Rolling back never asks.

    Args:
        conditions: what goes on at the tanks.
        windows: the daily ones; none: at any time.
        now: with its zone.
        zone: of the windows; None takes the machine's.
        urgent: leaves the daily windows out, never the fish.
        trusted: whether ``now`` is the time; without it no daily window can be kept, and none is demanded.
    """
    if conditions.feeding:
        return f"feeding at {', '.join(sorted(set(conditions.feeding)))}"
    for definition, severity, unit in conditions.alarms:
        if severity == "critical":
            return f"critical alarm {definition} at {unit}"
        if definition.startswith(OXYGEN_ALARMS):
            return f"low oxygen at {unit} ({definition})"
    if conditions.maintenance:
        return f"people work at {', '.join(sorted(set(conditions.maintenance)))}"
    for hold in conditions.holds:
        if hold.begins <= now < hold.ends or not trusted:
            return f"{hold.kind.value} at {hold.unit} until {hold.ends:%Y-%m-%d %H:%M} UTC"
    if windows and trusted and not urgent:
        local = now.astimezone(None if zone is None else ZoneInfo(zone)).time()
        if not any(_contains(window.begins, window.ends, local) for window in windows):
            return "outside of the swap windows"
    return None


def judge_shadow(figures: ShadowFigures, limits: ShadowRunSettings, *, elapsed_s: float) -> tuple[bool | None, str]:
    """Whether the candidate may go on: yes, no with the reason, or None while it is too early to tell."""
    if figures.errors > limits.max_errors:
        return False, f"it failed on {figures.errors} frames that the active model could read"
    enough = figures.frames >= limits.frames
    if not enough:
        if elapsed_s >= limits.longest_s:
            return False, f"inconclusive: {figures.frames} frames of {limits.frames} in {elapsed_s:.0f} s"
        return None, f"{figures.frames} of {limits.frames} frames"
    checks: Iterable[tuple[bool, str]] = (
        (
            figures.disagreement is not None and figures.disagreement > limits.max_disagreement,
            f"{figures.disagreement or 0:.0%} of the detections have no partner, more than {limits.max_disagreement:.0%}",
        ),
        (
            figures.count_ratio is not None
            and not limits.count_ratio[0] <= figures.count_ratio <= limits.count_ratio[1],
            f"it finds {figures.count_ratio or 0:.2f} fish for each of the active model",
        ),
        (
            figures.confidence_shift is not None and figures.confidence_shift < limits.min_confidence_shift,
            f"its confidence is {figures.confidence_shift or 0:+.2f} from the active model's",
        ),
        (
            figures.latency_ratio is not None and figures.latency_ratio > limits.max_latency_ratio,
            f"it takes {figures.latency_ratio or 0:.1f} times as long for a frame",
        ),
    )
    wrong = [reason for fails, reason in checks if fails]
    return (False, "; ".join(wrong)) if wrong else (True, f"{figures.frames} frames compared")


def apart_from(conditions: Conditions, others: frozenset[str]) -> Conditions:
    """What goes on at the tanks, without what concerns only the units that a trial is not for.

    Args:
        conditions: of the whole box.
        others: units of the box that keep its model; whatever names none of them counts.
    """
    return Conditions(
        feeding=tuple(unit for unit in conditions.feeding if unit not in others),
        maintenance=tuple(place for place in conditions.maintenance if place.partition(".")[0] not in others),
        alarms=tuple(alarm for alarm in conditions.alarms if alarm[2] not in others),
        holds=tuple(hold for hold in conditions.holds if hold.unit not in others),
    )


def why_no_trial(
    assignment: Assignment,
    *,
    seen: frozenset[str],
    running_sha256: str | None,
    now: datetime,
) -> str | None:
    """Why a model cannot be tried in some units of this box; None when it can.

    Args:
        assignment: what was signed.
        seen: units of this box with a camera.
        running_sha256: the box's own model; None while none runs.
        now: the time as far as the box knows it.
    """
    strange = sorted(set(assignment.units) - seen)
    if assignment.slot != TRIAL_SLOT or not assignment.units:
        return f"a trial names its units and the slot {TRIAL_SLOT}"
    if strange:
        return f"no camera of this box looks at {', '.join(strange)}"
    if not seen - set(assignment.units):
        return "it names every unit of this box: no unit would be left to compare with, assign it to the box instead"
    if assignment.ends_at is None or assignment.ends_at <= now:
        return "a trial names when it ends, and that is later than now"
    if assignment.sha256 == running_sha256:
        return "it is the model that this box runs in all units"
    return None


def why_no_room(requires: Requirements, *, box_mb: int, total_mb: int, free_mb: int) -> str | None:
    """Why two models at once do not fit into this box; None when they do.

    Args:
        requires: of the release.
        box_mb: resident memory of the process of the box's own model, which a second one is taken to need too; 0: not known.
        total_mb: of the machine.
        free_mb: what can be given to a new process now.
    """
    asked = requires.memory_mb or 0
    if asked + box_mb > total_mb:
        return f"two models at once need about {asked + box_mb} MB of memory, this box has {total_mb}"
    needed = box_mb + 2 * spare_mb(total_mb)  # one that has just begun is not near its end
    if needed > free_mb:
        return f"a second model needs about {needed} MB of memory, {free_mb} MB are free"
    return None


def spare_mb(total_mb: int) -> int:
    """Memory that a box keeps beside two models."""
    return max(SPARE_MB, round(SPARE_SHARE * total_mb))


def why_short(*, total_mb: int, free_mb: int, for_s: float) -> str | None:
    """Why the second model must leave this box; None while there is memory for both.

    Args:
        total_mb: of the machine.
        free_mb: what can be given to a process now.
        for_s: how long it has been less than what the box keeps.
    """
    spare = spare_mb(total_mb)
    if free_mb >= spare or (for_s < SHORT_S and free_mb >= spare / 2):
        return None
    return f"with two models {free_mb} MB of memory are free, less than the {spare} MB that the box keeps; its own model goes on alone"


@dataclass(frozen=True)
class ProbationFigures:
    """What the model did since it was swapped in."""

    elapsed_s: float
    results: int
    errors: int
    """Frames that it failed on."""
    restarts: int
    """Times that its process was lost."""
    frame_ms: float
    frame_ms_before: float
    """Of the model before it; 0 when that is not known."""
    running_sha256: str | None
    refused: str = ""
    """Why it cannot be loaded any more; empty when it can."""
    boots: int = 0
    """Starts of the agent within the probation."""


def judge_probation(  # noqa: PLR0911  (one reason per line)
    figures: ProbationFigures, limits: ProbationSettings, *, sha256: str, max_errors: int, max_latency_ms: float | None
) -> tuple[bool | None, str]:
    """Whether the model is committed: yes, roll back with the reason, or None to go on watching.

    Args:
        figures: what it did.
        limits: of the box.
        sha256: of the model.
        max_errors: frames it may fail on, as the bundle's manifest says.
        max_latency_ms: for a frame, as the bundle's manifest says; None when it does not.
    """
    if figures.refused:
        return False, f"it does not load any more: {figures.refused}"
    if figures.boots > limits.max_boots:
        return False, f"the agent started {figures.boots} times within its probation"
    if figures.restarts > limits.max_restarts:
        return False, f"its process was lost {figures.restarts} times"
    if figures.errors > max_errors:
        return False, f"it failed on {figures.errors} frames, more than {max_errors}"
    if max_latency_ms is not None and figures.results >= limits.frames and figures.frame_ms > max_latency_ms:
        return False, f"it takes {figures.frame_ms:.0f} ms a frame where its bundle allows {max_latency_ms:g} ms"
    before = figures.frame_ms_before
    if before > 0 and figures.results >= limits.frames and figures.frame_ms > limits.max_latency_ratio * before:
        return False, f"it takes {figures.frame_ms:.0f} ms a frame, the one before took {before:.0f} ms"
    if figures.running_sha256 != sha256:
        return None, "it is not running right now"
    if figures.elapsed_s < limits.length_s or figures.results < limits.frames:
        return None, f"{figures.elapsed_s:.0f} of {limits.length_s:.0f} s, {figures.results} of {limits.frames} results"
    return True, f"{figures.results} results in {figures.elapsed_s:.0f} s"


def _contains(begins: time, ends: time, local: time) -> bool:
    return begins <= local < ends if begins < ends else local >= begins or local < ends


def _version(text: str) -> tuple[int, ...]:
    numbers = []
    for part in text.partition("+")[0].split("."):
        digits = "".join(character for character in part if character.isdigit())
        numbers.append(int(digits or 0))
    return tuple(numbers)
