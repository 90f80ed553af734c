"""Every driver folder: its recorded cases give the readings they must, its sample loads, its README is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from edge.sensors.registry import OURS, AnySensor
from tests.edge.driver_cases import PLAYERS, told
from tests.edge.farm import ROOT

FOLDER = ROOT / "edge" / "sensors" / "drivers"
CASES = sorted(FOLDER.glob("*/cases/*.json"))
SENSOR = TypeAdapter(AnySensor)


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_recorded_case(path: Path) -> None:
    case = json.loads(path.read_text())
    settings = SENSOR.validate_python(case["sensor"])
    readings, faults = PLAYERS[settings.driver](settings, case["input"])
    assert [told(reading) for reading in readings] == case["expect"]
    assert faults == case["faults"]


@pytest.mark.parametrize("driver", OURS)
def test_a_newcomer_finds_a_readme_a_sample_and_cases(driver: str) -> None:
    folder = FOLDER / driver
    assert f"# Driver `{driver}`" in (folder / "README.md").read_text()
    assert list((folder / "cases").glob("*.json"))
    samples = [SENSOR.validate_python(entry) for entry in yaml.safe_load((folder / "sample.yaml").read_text())]
    assert {sample.driver for sample in samples} == {driver}
