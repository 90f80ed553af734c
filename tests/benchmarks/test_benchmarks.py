"""Every benchmark runs, prints one JSON object with the agreed fields, and has a ratio that can be compared."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.benchmarks.__main__ import BENCHMARKS
from tests.benchmarks.api import MAX_WAITED, Turn, told
from tests.benchmarks.harness import Pair, paired_rates, result
from tests.benchmarks.report import render
from tests.servers.presence import ROOT


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_prints_one_json_object(name: str) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", name, "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert {"name", "value", "unit", "floor", "ratio", "machine", "runs"} <= set(outcome)
    assert outcome["name"] == name
    assert outcome["value"] > 0
    assert outcome["ratio"] > 0


def test_ratio_is_higher_when_ours_is_better_whatever_the_unit() -> None:
    faster = result("bridge", [Pair(ours=200, floor=100, details={})], unit="messages/s")
    smaller = result("footprint", [Pair(ours=50, floor=100, details={})], unit="MB", higher_is_better=False)
    assert faster["ratio"] == smaller["ratio"] == 2.0


def test_ours_and_the_floor_take_turns() -> None:
    order: list[str] = []

    def step(name: str) -> float:
        order.append(name)
        return 1.0

    paired_rates(lambda: step("ours"), lambda: step("floor"), rounds=2)
    assert order == ["ours", "floor"] * 3


def test_page_names_every_result_with_its_ratio() -> None:
    outcome = result("bridge", [Pair(ours=90, floor=100, details={})], unit="messages/s", bar=0.8)
    page = render([outcome | {"measured_at": "2026-01-01T00:00:00+00:00"}])
    assert "| [bridge](#bridge) | 90 messages/s | 100 messages/s | 0.90 | 0.8 | 2026-01-01 |" in page


def test_the_latency_of_a_server_without_a_core_is_told_apart() -> None:
    served = Turn([2.0] * 20, refused=0, cpu_ms=1.5, waited=MAX_WAITED / 2)
    slow_itself = Turn([40.0] * 20, refused=0, cpu_ms=1.5, waited=MAX_WAITED / 2)
    starved = Turn([900.0] * 20, refused=3, cpu_ms=2.5, waited=0.8)
    figures = told("ours", 200, [served, slow_itself, starved])
    assert figures["ours_p95_ms_at_200"] == 900.0, "nothing is left out of the figure of the whole run"
    assert figures["ours_p95_ms_at_200_with_a_core"] == 40.0, "turns are chosen by the core, never by their latency"
    assert figures["ours_turns_with_a_core"] == 2
    assert figures["ours_refused_at_200"] == 3
    unknown = served._replace(waited=None)  # a system without schedstat
    assert told("ours", 200, [starved, unknown])["ours_p95_ms_at_200_with_a_core"] is None
