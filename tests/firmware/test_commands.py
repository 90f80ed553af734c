from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shoal.cli import app
from shoal.firmware.check import check
from shoal.firmware.difference import differences
from tests.deploy.files import ROOT

SHIPPED = ROOT / "firmware_configs"


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """A farm's own copy."""
    for name in ("probes", "calibration", "rules", "esphome"):
        shutil.copytree(SHIPPED / name, tmp_path / "farm" / name)
    return tmp_path / "farm"


def faults(folder: Path) -> dict[str, str]:
    return {result.path.name: result.fault for result in check(folder) if result.fault}


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_everything_that_ships_is_good() -> None:
    done = CliRunner().invoke(app, ["firmware", "check", str(SHIPPED)])
    assert done.exit_code == 0, done.output
    assert done.output.count("good") > 15


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("esphome/packages/base.yaml", "reboot_timeout: 0s", "reboot_timeout: 15min", "wifi.reboot_timeout"),
        ("esphome/packages/aerator.yaml", "ALWAYS_ON", "RESTORE_DEFAULT_OFF", "Write ALWAYS_ON"),
        ("esphome/packages/feeder.yaml", "ALWAYS_OFF", "ALWAYS_ON", "Write ALWAYS_OFF"),
        ("probes/in_situ_rdo_pro.yaml", "type: float32", "type: float33", "float"),
        ("rules/pond-aerators.yaml", "guard:", "gaurd:", "guard"),
        ("calibration/rdo-4711.yaml", "serial:", "serail:", "serial"),
    ],
)
def test_a_mistake_is_named_in_its_file(farm: Path, file: str, old: str, new: str, said: str) -> None:
    changed(farm / file, old, new)
    found = faults(farm)
    assert list(found) == [Path(file).name]
    assert said in found[Path(file).name]


def test_a_difference_is_one_of_meaning(farm: Path) -> None:
    path = farm / "esphome/examples/pond-1-ezo.yaml"
    path.write_text("# a new comment\n" + path.read_text())
    original = SHIPPED / "esphome"
    assert list(differences(original, farm / "esphome")) == []
    changed(path, '"4.0"', '"4.5"')
    (farm / "esphome/packages/power.yaml").unlink()
    assert list(differences(original, farm / "esphome")) == [
        "~ examples/pond-1-ezo.yaml substitutions.do_on_below: '4.0' -> '4.5'",
        "- packages/power.yaml",
    ]


def test_a_folder_without_anything_to_check_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["firmware", "check", str(tmp_path)])
    assert done.exit_code != 0
