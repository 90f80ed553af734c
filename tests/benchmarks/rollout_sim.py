"""Rollouts of a good and of bad models over a simulated fleet, seed by seed: who was harmed, and whether it finished.

The floor is a rollout as most update systems do it: everybody in three waves as soon as four fifths of the wave before report
success, no shadow run and no gate on quality. The figure is the share of devices that a silently worse model harmed (in turbid
water it misses fish and reports success); ours is counted as one device when it is none, so that the ratio is finite.
Virtual time; one process. ``details`` has every fault.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from cloud.rollouts.plan import DAY_S, HOUR_S, Plan, Wave
from cloud.rollouts.state import RolloutStatus
from tests.benchmarks.harness import Pair, result
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


def run(quick: bool) -> dict[str, Any]:
    """Measure; `quick` is one seed of a small fleet."""
    return _measure((200,), 1) if quick else _measure((1_000,), 5)


def full() -> dict[str, Any]:
    """Twenty seeds of a thousand and of ten thousand devices: an hour and a half of one core."""
    return _measure((1_000, 10_000), 20)


def _measure(sizes: tuple[int, ...], seeds: int) -> dict[str, Any]:
    details: dict[str, Any] = {}
    for size in sizes:
        for fault in Fault:
            began = time.perf_counter()
            outcomes = [FleetSimulation(devices=size, fault=fault, seed=seed, plan=PLAN).run() for seed in range(seeds)]
            seconds = (time.perf_counter() - began) / seeds
            details[f"{size} devices, {fault.value}"] = _words(fault, outcomes, seconds)
    pairs = []
    for seed in range(min(seeds, 5)):
        ours = FleetSimulation(devices=sizes[0], fault=Fault.SILENT, seed=seed, plan=PLAN).run()
        floor = FleetSimulation(devices=sizes[0], fault=Fault.SILENT, seed=seed, plan=STATUS_ONLY).run()
        shares = {"ours_harmed": ours.harmed, "floor_harmed": floor.harmed}
        pairs.append(Pair(ours=max(ours.harmed, 1) / ours.devices, floor=floor.harmed / floor.devices, details=shares))
    return result(
        "rollout_sim",
        pairs,
        unit="share of devices harmed by a silently worse model",
        higher_is_better=False,
        details=details | {"bar_share_harmed": 0.01},
    )


def _words(fault: Fault, outcomes: list[Outcome], seconds: float) -> str:
    """One line per fault: a good model finishes, a bad one goes back."""
    wanted = RolloutStatus.ROLLED_BACK if fault in BAD_MODEL else RolloutStatus.FINISHED
    right = sum(
        outcome.status is wanted and outcome.wave == (0 if fault in BAD_MODEL else len(PLAN.waves) - 1)
        for outcome in outcomes
    )
    harmed = max(outcome.harmed / outcome.devices for outcome in outcomes)
    what = "stopped within the canary" if fault in BAD_MODEL else "finished"
    hours = median(outcome.finished_h or 0.0 for outcome in outcomes)
    return (
        f"{what} {right}/{len(outcomes)}, after {hours:.0f} h, harmed at most {harmed:.2%}, every deployment ended"
        f" {sum(outcome.ended for outcome in outcomes)}/{len(outcomes)}, {seconds:.1f} s each"
    )
