from __future__ import annotations

import re

from tests.deploy.files import ROOT, run
from tests.tools.registry import need

JETSON = ROOT / "firmware_configs/jetson"


def test_systemd_accepts_the_power_unit() -> None:
    done = run(
        need("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", str(JETSON / "shoal-power.service")
    )
    assert [
        line for line in done.stderr.splitlines() if "shoal-power" in line and "is not executable" not in line
    ] == []


def test_every_udev_rule_matches_something_and_does_something() -> None:
    for line in (JETSON / "99-shoal.rules").read_text().splitlines():
        if line and not line.startswith("#"):
            parts = [re.fullmatch(r'[A-Z]+(\{[\w/]+\})?(==|\+=|=)"[^"]*"', part.strip()) for part in line.split(",")]
            assert all(parts), line
            assert {"=="} < {part.group(2) for part in parts if part}, line


def test_the_clock_steps_at_the_start_only() -> None:
    assert "\nmakestep 1.0 3\n" in (JETSON / "chrony.conf").read_text()
