from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shoal.cli import app
from tests.deploy.files import DEPLOY, run
from tests.tools.registry import need

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MOST_EXPOSED = 2.5
"""systemd's exposure score from 0 (best) to 10; a unit without any hardening has 9.6."""


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_the_unit(unit: Path) -> None:
    done = run(need("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", str(unit))
    # The program and the mount are not on this machine; everything else that systemd says is a fault.
    said = [line for line in done.stderr.splitlines() if unit.name in line and "is not executable" not in line]
    assert said == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_unit_is_hardened(unit: Path) -> None:
    done = run(need("systemd-analyze"), "security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found.group(1)) <= MOST_EXPOSED, done.stdout


def test_the_timer_is_read() -> None:
    done = run(need("systemd-analyze"), "calendar", "*-*-* 02:30:00")
    assert done.returncode == 0
    assert "OnCalendar=*-*-* 02:30:00" in (DEPLOY / "systemd/shoal-backup.timer").read_text()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_unit_starts_a_command_that_exists(unit: Path) -> None:
    found = re.search(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    assert found is not None
    words = found.group(1).split()[1:]
    if "edge.launcher" in words:  # it starts `python -m edge` with the rest
        words = ["edge", *words[words.index("run") :]]
    if words[0] == "-m":
        words = words[1:]
    named = [word for word in words if not word.startswith(("-", "/")) and not word.isdigit()]
    assert CliRunner().invoke(app, [*named, "--help"]).exit_code == 0


def test_the_agent_is_watched_and_never_given_up() -> None:
    text = (DEPLOY / "systemd/shoal-edge.service").read_text()
    assert "WatchdogSec=60" in text
    assert "StartLimitIntervalSec=0" in text
