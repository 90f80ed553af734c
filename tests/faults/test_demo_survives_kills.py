"""The promise of the demo: kill -9 any one of its processes, and nothing is lost and nothing counts twice."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from tests.shoal.running import open_folder, processes_of, running_demo

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(420)]

EXPECTED = {"broker", "postgres", "pipeline", "api", "edge-farm-1", "simulator"}
BETWEEN_KILLS_S = 4.0


def test_every_process_killed_in_turn_loses_nothing() -> None:
    with open_folder() as folder:
        summary = folder / "summary.json"
        with running_demo(folder / "demo", "--duration", "75", "--speed", "120", "--summary", str(summary)) as demo:
            demo.wait_until_running()
            assert set(demo.processes) == EXPECTED

            for name in sorted(EXPECTED):
                demo.kill_and_wait_for_another(name)
                time.sleep(BETWEEN_KILLS_S)

            status = demo.finish(timeout_s=240)
            output = demo.output

        said = json.loads(summary.read_text())
        assert status == 0, output
        assert said["lost"] == 0, output
        assert said["duplicates"] == 0, output
        assert said["accepted"] == said["stored"] + said["held"]
        assert said["held"] == 0
        assert said["processes_restarted"] >= len(EXPECTED)
        assert said["readings"] > 300
        assert said["observations"] > 3
        assert said["alarms"] >= 1, "the tank's aerator failed, so its oxygen must have raised an alarm"
        assert processes_of(folder) == [], "nothing may be left running"


def test_a_killed_supervisor_takes_everything_along_and_the_next_start_finds_all_data() -> None:
    with open_folder() as folder:
        summary = folder / "summary.json"
        with running_demo(folder / "demo", "--speed", "120") as demo:
            demo.wait_until_running()
            time.sleep(10)
            os.kill(demo.process.pid, signal.SIGKILL)
            demo.finish()
            deadline = time.monotonic() + 20
            while processes_of(folder) and time.monotonic() < deadline:
                time.sleep(0.2)
            assert processes_of(folder) == [], "children must die with the supervisor"
            credentials = (folder / "demo/credentials.json").read_text()

        with running_demo(folder / "demo", "--duration", "8", "--speed", "120", "--summary", str(summary)) as demo:
            status = demo.finish(timeout_s=240)
            output = demo.output

        said = json.loads(summary.read_text())
        assert status == 0, output
        assert said["lost"] == 0, output
        assert said["duplicates"] == 0, output
        assert said["readings"] > 15 * 12, "the readings of the first run count too"
        assert (folder / "demo/credentials.json").read_text() == credentials
