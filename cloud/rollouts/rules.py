"""Who is in which wave, whether a gate is met, and what a wave has earned. Data in, decision out; ``now`` is an argument."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any, TypeAlias

from cloud.rollouts.plan import Gate, Plan
from contracts.deployments import Requirements

Stratum: TypeAlias = tuple[str, ...]
"""Hardware, system, species and water of a device: a model may be worse in one of them alone."""

TURBID_NTU = 10.0
"""Turbidity from which water counts as turbid: a hand held at arm's length is no longer sharp. Drinking water has below 1 NTU,
well-filtered recirculated water below 5."""
CLEAR_PICTURE = 0.6
"""Mean contrast of a camera's pictures against its own clear ones, below which the water counts as turbid where nobody measures it."""

CONFIDENCE_Z = 1.64
"""One-sided 95 % of the normal distribution: for a question that is asked once, at the end of a wave."""
EARLY_Z = 3.5
"""For a question that is asked at every tick: looking often must not find by chance what is not there."""
CHANCE = 0.001
"""Below this probability silence is no chance; the question is asked at every tick."""
MOST_FIRST = 0.1
"""Share of the fleet up to which ``Plan.min_first`` counts: a canary is to be a small part."""
EARLY_DEVICES = 3
"""Devices without which a mean at a tick says nothing: one of them alone may be unlucky."""


def water(ntu: float | None, clarity: float | None) -> str:
    """What the cameras of a device look through: ``clear``, ``turbid``, or empty when nothing is known.

    A probe decides where there is one. Pictures are judged against the same camera's clear ones, so they tell of days that are
    cloudier than its water usually is, not of a pond that is always brown.

    Args:
        ntu: turbidity of its cloudiest unit over the last days.
        clarity: mean clarity of the pictures of its cloudiest unit, 0 to 1.
    """
    if ntu is not None:
        return "turbid" if ntu >= TURBID_NTU else "clear"
    if clarity is not None:
        return "turbid" if clarity < CLEAR_PICTURE else "clear"
    return ""


class Verdict(str, Enum):
    """What a gate, or a wave, has shown."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """There is not enough to tell."""


@dataclass(frozen=True)
class Finding:
    """One gate in one stratum: the mean over devices with its 95 % bounds, or None where nothing was reported."""

    gate: Gate
    stratum: Stratum
    verdict: Verdict
    devices: int
    mean: float | None
    low: float | None
    high: float | None

    def words(self) -> str:
        """For the decision log."""
        where = "/".join(filter(None, self.stratum)) or "all"
        if self.mean is None:
            return f"{self.gate.metric.value} in {where}: no reports"
        return f"{self.gate.metric.value} in {where}: {self.mean:.3g} ({self.low:.3g} to {self.high:.3g}) from {self.devices}"


def divide(devices: Mapping[str, Stratum], plan: Plan, *, seed: int, heard: Mapping[str, float]) -> dict[str, int]:
    """The wave of every device, by index: each wave takes its share of every stratum, and ``min_per_stratum`` at least.

    The first wave takes ``min_first`` devices of the fleet at least, as long as that is no more than ``MOST_FIRST`` of it.

    Within a stratum the devices heard from most recently come first into the first wave, because a canary that is away
    tells nothing; the rest is drawn by ``seed``.

    Args:
        devices: device -> stratum.
        plan: its waves, with shares counted from the beginning.
        seed: the same seed divides the same fleet in the same way.
        heard: device -> seconds since it was last heard from; absent is never.
    """
    by_stratum: dict[Stratum, list[str]] = {}
    for device in sorted(devices):
        by_stratum.setdefault(devices[device], []).append(device)
    shares = [wave.share for wave in plan.waves]
    if devices:
        shares[0] = max(shares[0], min(plan.min_first / len(devices), MOST_FIRST))
    placed: dict[str, int] = {}
    draw = Random(seed)  # noqa: S311  (a draw of devices, no secret)
    for stratum in sorted(by_stratum):
        members = by_stratum[stratum]
        draw.shuffle(members)
        members.sort(key=lambda device: _silence(heard.get(device, math.inf)))
        begun = 0
        for index, share in enumerate(shares):
            wanted = max(math.ceil(share * len(members) - 1e-9), begun + plan.min_per_stratum)
            until = min(len(members), wanted)
            for device in members[begun:until]:
                placed[device] = index
            begun = until
    return placed


def judge(gate: Gate, values: Mapping[Stratum, Mapping[str, float]], *, z: float = CONFIDENCE_Z) -> list[Finding]:
    """Whether each stratum meets a gate, from one number per device.

    The mean's one-sided bounds at ``z`` decide (normal approximation over devices, which are the independent units; frames
    of one camera are not): the gate fails when the mean is beyond the limit with that confidence, passes when it is within
    with that confidence, and is inconclusive between. The spread is pooled within strata, because a stratum of a canary
    has two or three devices, and two numbers tell little of their own spread.

    Args:
        gate: metric, limits and the least number of devices.
        values: stratum -> device -> number; a stratum without numbers is inconclusive.
        z: quantile of the normal distribution.
    """
    finite = {
        stratum: [number for number in numbers.values() if math.isfinite(number)] for stratum, numbers in values.items()
    }
    means = {stratum: math.fsum(numbers) / len(numbers) for stratum, numbers in finite.items() if numbers}
    squares = math.fsum((number - means[stratum]) ** 2 for stratum in means for number in finite[stratum])
    freedom = sum(len(finite[stratum]) - 1 for stratum in means)
    spread = math.sqrt(squares / freedom) if freedom > 0 else 0.0
    found = []
    for stratum, numbers in sorted(finite.items()):
        if len(numbers) < gate.min_devices:
            found.append(Finding(gate, stratum, Verdict.INCONCLUSIVE, len(numbers), None, None, None))
            continue
        mean, margin = means[stratum], z * spread / math.sqrt(len(numbers))
        low, high = mean - margin, mean + margin
        over = gate.at_most is not None and low > gate.at_most
        under = gate.at_least is not None and high < gate.at_least
        within = (gate.at_most is None or high <= gate.at_most) and (gate.at_least is None or low >= gate.at_least)
        verdict = Verdict.FAILED if over or under else Verdict.PASSED if within else Verdict.INCONCLUSIVE
        found.append(Finding(gate, stratum, verdict, len(numbers), mean, low, high))
    return found


@dataclass(frozen=True)
class Needs:
    """What a device must have to run an artifact."""

    requires: Requirements = field(default_factory=Requirements)
    labels: tuple[str, ...] = ()
    """Of a model, in the order of its outputs."""
    installs_itself: bool = False
    """Whether the device's agent must be able to install versions of itself."""


def why_not(needs: Needs, inventory: Mapping[str, Any] | None) -> str | None:  # noqa: PLR0911  (one reason per line)
    """Why a device cannot take an artifact, by what it told at birth; None when nothing speaks against it.

    What a device did not tell is no reason: it looks for itself before it downloads anything.

    Args:
        needs: of the artifact.
        inventory: ``contracts.devices.Inventory`` as it is stored; None before the first birth.
    """
    known = inventory or {}
    requires = needs.requires
    agent, machine = known.get("agent_version"), known.get("machine")
    if needs.installs_itself and known.get("agent_updates") is False:
        return "its agent cannot install itself: the launcher did not start it"
    if requires.agent is not None and agent and _numbers(str(agent)) < _numbers(requires.agent):
        return f"it needs the agent {requires.agent}, this is {agent}"
    if requires.memory_mb is not None and 0 < (known.get("memory_mb") or 0) < requires.memory_mb:
        return f"it needs {requires.memory_mb} MB of memory, this box has {known['memory_mb']}"
    if requires.opset_max is not None and 0 < (known.get("opset_max") or 0) < requires.opset_max:
        return f"it needs ONNX operator set {requires.opset_max}, this runtime knows {known['opset_max']}"
    if requires.machines and machine and machine not in requires.machines:
        return f"it is for {', '.join(requires.machines)}, this is {machine}"
    if requires.calibrated_cameras:
        without = [
            str(camera.get("name")) for camera in known.get("cameras", ()) if not camera.get("calibration_sha256")
        ]
        if without:
            return f"it needs calibrated cameras, {', '.join(sorted(without))} has no calibration"
    return None


def lost_labels(new: Needs, before: Needs) -> tuple[str, ...]:
    """Labels that the version before knows and the new one does not: counts and alarms by them would fall silent."""
    return tuple(label for label in before.labels if label not in new.labels)


def _numbers(version: str) -> tuple[int, ...]:
    parts = (
        "".join(character for character in part if character.isdigit())
        for part in version.split("+", maxsplit=1)[0].split(".")
    )
    return tuple(int(part or 0) for part in parts)


@dataclass(frozen=True)
class WaveCount:
    """A wave as its numbers stand; only devices that were seen are in it."""

    seen: int
    ended: int
    failed: int
    """Refused the release for what it is, or lost it again."""
    refused: int = 0
    """Could not take it for what they are: no room, not compatible."""


def too_many_failed(plan: Plan, count: WaveCount) -> bool:
    """Whether a wave's failures stop the rollout: more than ``max_failed``, and more than their share of those that were told.

    Not of those that have ended: failures end first, and the share would begin at one.
    """
    return count.failed > plan.max_failed and count.failed > plan.max_failed_share * count.seen


def too_many_refused(plan: Plan, count: WaveCount) -> bool:
    """Whether so many devices cannot take the release that a person should look, harm or not."""
    return count.refused > plan.max_failed and count.refused > plan.max_refused_share * count.seen


@dataclass(frozen=True)
class Silence:
    """Devices that have fallen silent for longer than some time, with the release and without it."""

    lost: int
    activated: int
    control_silent: int
    control: int


def more_silent_than_chance(plan: Plan, silence: Silence) -> bool:
    """Whether devices with the release are silent more often than the rest of the fleet is at the same time.

    A bricked box and a cut cable look alike. The devices that have not activated are the control group: their share of
    silence, with one more added (rule of succession), is the chance; more than ``max_failed`` lost devices with a
    binomial tail below one in a thousand is no chance.
    """
    if silence.lost <= plan.max_failed:
        return False
    chance = (silence.control_silent + 1) / (silence.control + 2)
    return _binomial_tail(silence.lost, silence.activated, chance) < CHANCE


def settled(plan: Plan, count: WaveCount) -> bool:
    """Whether enough of a wave's seen devices have ended. A wave that nobody was seen of is not settled: it told nothing."""
    return count.seen > 0 and count.ended >= plan.settled_share * count.seen


def worst(findings: Iterable[Finding]) -> Verdict:
    """Of all gates in all strata: one failure fails, one doubt is a doubt."""
    verdicts = {finding.verdict for finding in findings}
    if Verdict.FAILED in verdicts:
        return Verdict.FAILED
    return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in verdicts else Verdict.PASSED


def _binomial_tail(at_least: int, of: int, chance: float) -> float:
    """Probability of ``at_least`` successes among ``of``; ``chance`` lies between 0 and 1.

    Summed from the term nearest to the mean outwards, each from its neighbour: binomial coefficients of a large fleet are
    beyond what a float holds, and the terms vanish within a few deviations.
    """
    if at_least <= of * chance:
        return 1.0 - _outwards(at_least - 1, of, chance, step=-1)
    return _outwards(at_least, of, chance, step=1)


def _outwards(first: int, of: int, chance: float, *, step: int) -> float:
    """Sum of the binomial's terms from ``first`` away from the mean."""
    if not 0 <= first <= of:
        return 0.0
    ways = math.lgamma(of + 1) - math.lgamma(first + 1) - math.lgamma(of - first + 1)
    term = math.exp(ways + first * math.log(chance) + (of - first) * math.log1p(-chance))
    total, k, odds = 0.0, first, chance / (1.0 - chance)
    while 0 <= k <= of and term > total * 1e-12:
        total += term
        term *= (of - k) / (k + 1) * odds if step > 0 else k / ((of - k + 1) * odds)
        k += step
    return total


def _silence(seconds: float) -> int:
    """Coarse, so that seconds of difference do not undo the draw."""
    return 0 if seconds < 1800 else 1 if seconds < 86_400 else 2  # noqa: PLR2004  (half an hour, a day)
