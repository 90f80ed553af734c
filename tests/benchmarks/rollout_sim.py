"""Rollouts of a good and of bad models over a simulated fleet, seed by seed: who was harmed, and whether it finished.

The floor is a rollout as most update systems do it: everybody in three waves as soon as four fifths of the wave before report
success, no shadow run and no gate on quality. The figure is the share of devices that a silently worse model harmed (in turbid
water it misses fish and reports success); ours is counted as one device when it is none, so that the ratio is finite.
Virtual time; one process. ``details`` has every fault.

Every outcome is kept in a file as soon as it is known, under a digest of the code that made it: a long run that is cut goes on
where it was, and what other code found is not taken for its own.
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from cloud.rollouts import plan as plan_module
from cloud.rollouts import rules as rules_module
from cloud.rollouts import state as state_module
from cloud.rollouts.plan import DAY_S, HOUR_S, Plan, Wave
from cloud.rollouts.state import RolloutStatus
from tests.benchmarks.harness import Pair, result
from tests.simulators import fleet as fleet_module
from tests.simulators.fleet import BAD_MODEL, Fault, FleetSimulation, Outcome

PLAN = Plan(seen_within_s=2 * HOUR_S, deadline_s=25 * DAY_S)
STATUS_ONLY = Plan(
    waves=(
        Wave(name="first", share=0.1, bake_s=2 * HOUR_S),
        Wave(name="half", share=0.5, bake_s=2 * HOUR_S),
        Wave(name="all", share=1.0, bake_s=0),
    ),
    shadow_s=0,
    gates=(),
    max_failed_share=0.1,
    seen_within_s=2 * HOUR_S,
    deadline_s=25 * DAY_S,
)


KEPT = Path(tempfile.gettempdir()) / "shoal-rollout-sim.jsonl"
SEEDS = 20
PAIRS = 5
"""Rollouts of the floor that ours are compared with."""


def run(quick: bool) -> dict[str, Any]:
    """Measure all faults with twenty seeds of a thousand devices; `quick` is one seed of a small fleet."""
    size, seeds = (200, 1) if quick else (1_000, SEEDS)
    outcomes = _outcomes(size, seeds)
    pairs: list[Pair] = []
    for ours in outcomes[size, Fault.SILENT][:PAIRS]:
        floor = FleetSimulation(devices=size, fault=Fault.SILENT, seed=len(pairs), plan=STATUS_ONLY).run()
        shares = {"ours_harmed": ours.harmed, "floor_harmed": floor.harmed}
        pairs.append(Pair(ours=max(ours.harmed, 1) / ours.devices, floor=floor.harmed / floor.devices, details=shares))
    return result(
        "rollout_sim",
        pairs,
        unit="share of devices harmed by a silently worse model",
        higher_is_better=False,
        details=_details(outcomes) | {"bar_share_harmed": 0.01},
    )


def full() -> dict[str, Any]:
    """Twenty seeds of ten thousand devices: a quarter of an hour of a free core."""
    return _details(_outcomes(10_000, SEEDS))


def summary() -> dict[str, Any]:
    """What is kept so far, of a run that was cut."""
    outcomes: dict[tuple[int, Fault], list[Outcome]] = defaultdict(list)
    for (size, fault, _), outcome in sorted(_kept(), key=lambda each: (each[0][0], list(Fault).index(each[0][1]))):
        outcomes[size, fault].append(outcome)
    return _details(outcomes)


def _outcomes(size: int, seeds: int) -> dict[tuple[int, Fault], list[Outcome]]:
    """Of every fault and seed; those that are kept are not run again."""
    kept = dict(_kept())
    outcomes: dict[tuple[int, Fault], list[Outcome]] = {(size, fault): [] for fault in Fault}
    with KEPT.open("a", encoding="utf-8") as file:
        for fault, seed in _order(seeds):
            outcome = kept.get((size, fault, seed))
            if outcome is None:
                began = time.process_time()
                outcome = FleetSimulation(devices=size, fault=fault, seed=seed, plan=PLAN).run()
                seconds = time.process_time() - began
                plain = asdict(outcome) | {"status": outcome.status.value}
                line = {"code": _code(), "size": size, "fault": fault.value, "seed": seed, "cpu_s": round(seconds, 2)}
                file.write(json.dumps(line | {"outcome": plain}) + "\n")
                file.flush()
                told = f"{outcome.status.value}, {outcome.harmed}/{outcome.devices} harmed, {seconds:.1f} s"
                print(f"{size} {fault.value} seed {seed}: {told}", file=sys.stderr)
            outcomes[size, fault].append(outcome)
    return outcomes


def _order(seeds: int) -> Iterator[tuple[Fault, int]]:
    """Bad models first, because they end within the canary; then seed by seed, so that a cut leaves all faults alike."""
    for faults in ([fault for fault in Fault if fault in BAD_MODEL], [it for it in Fault if it not in BAD_MODEL]):
        for seed in range(seeds):
            for fault in faults:
                yield fault, seed


def _kept() -> Iterator[tuple[tuple[int, Fault, int], Outcome]]:
    """Outcomes of this very code."""
    if not KEPT.exists():
        return
    for line in KEPT.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue  # a line that was cut
        if row["code"] == _code():
            plain = row["outcome"] | {"status": RolloutStatus(row["outcome"]["status"])}
            yield (row["size"], Fault(row["fault"]), row["seed"]), Outcome(**plain | {"log": tuple(plain["log"])})


@functools.cache
def _code() -> str:
    """Digest of what decides an outcome."""
    digest = hashlib.sha256()
    for module in (plan_module, rules_module, state_module, fleet_module):
        digest.update(Path(str(module.__file__)).read_bytes())
    digest.update(PLAN.model_dump_json().encode())
    return digest.hexdigest()[:16]


def _details(outcomes: dict[tuple[int, Fault], list[Outcome]]) -> dict[str, Any]:
    return {f"{size} devices, {fault.value}": _words(fault, found) for (size, fault), found in outcomes.items()}


def _words(fault: Fault, outcomes: list[Outcome]) -> str:
    """One line per fault: a good model finishes, a bad one goes back."""
    wanted = RolloutStatus.ROLLED_BACK if fault in BAD_MODEL else RolloutStatus.FINISHED
    right = sum(
        outcome.status is wanted and outcome.wave == (0 if fault in BAD_MODEL else len(PLAN.waves) - 1)
        for outcome in outcomes
    )
    harmed = max((outcome.harmed / outcome.devices for outcome in outcomes), default=0.0)
    what = "stopped within the canary" if fault in BAD_MODEL else "finished"
    hours = median(outcome.finished_h or 0.0 for outcome in outcomes)
    return (
        f"{what} {right}/{len(outcomes)}, after {hours:.0f} h, harmed at most {harmed:.2%}, every deployment ended"
        f" {sum(outcome.ended for outcome in outcomes)}/{len(outcomes)}"
    )
