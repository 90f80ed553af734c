"""Schemas say what the code says, accept what ships, and refuse what a person mistypes."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from shoal.firmware.schemas import texts
from tests.deploy.files import ROOT

FOLDER = ROOT / "firmware_configs"
SAMPLES = sorted((ROOT / "edge/sensors/drivers").glob("*/sample.yaml"))
FILES = [
    *[("probe", path) for path in sorted((FOLDER / "probes").glob("*.yaml"))],
    *[("calibration", path) for path in sorted((FOLDER / "calibration").glob("*.yaml"))],
    *[("guard", path) for path in sorted((FOLDER / "rules").glob("*.yaml"))],
    *[("cameras", path) for path in sorted((FOLDER / "cameras").glob("*.yaml"))],
    ("nodes", FOLDER / "esphome/farm.yaml"),
    ("edge", ROOT / "edge/edge.example.yaml"),
]


@lru_cache
def validator(name: str) -> Any:
    return jsonschema_rs.validator_for(json.loads((FOLDER / f"schema/{name}.schema.json").read_text()))


def read(path: Path) -> Any:
    return json.loads(json.dumps(yaml.safe_load(path.read_text()), default=str))  # moments as JSON has them


@pytest.mark.parametrize("name", sorted(texts()))
def test_a_schema_is_generated_from_the_settings(name: str) -> None:
    assert (FOLDER / "schema" / name).read_text() == texts()[name], "run: shoal firmware schema"


@pytest.mark.parametrize(("schema", "path"), FILES, ids=lambda value: value.stem if isinstance(value, Path) else value)
def test_what_ships_is_accepted_by_its_schema_and_names_it(schema: str, path: Path) -> None:
    assert [error.message for error in validator(schema).iter_errors(read(path))] == []
    if schema != "edge":
        assert path.read_text().startswith(f"# yaml-language-server: $schema=../schema/{schema}.schema.json\n")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.parent.name)
def test_every_drivers_sample_is_accepted_in_a_boxs_file(path: Path) -> None:
    box = {"site": "north", "device": "box-1", "units": [{"slug": "tank-1"}], "sensors": read(path)}
    assert validator("edge").is_valid(box)


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        ("edge", {"site": "north", "device": "Box 1", "units": [{"slug": "tank-1"}]}),
        ("edge", {"site": "north", "device": "box-1", "units": []}),
        (
            "edge",
            {"site": "n", "device": "b", "units": [{"slug": "t"}], "sensors": [{"name": "a", "driver": "modbus"}]},
        ),
        ("edge", {"site": "n", "device": "b", "units": [{"slug": "t", "salinty": 3}]}),
        ("bridge", {"mqtt_port": 70000}),
        ("environment", {"SHOAL_DATABASE_ULR": "postgresql://db/shoal"}),
        ("calibration", {"serial": "a", "quantity": "do", "records": []}),
        ("guard", {"gaurd": {}}),
        ("nodes", {"nodes": [{"name": "a", "unit": "u"}]}),
    ],
)
def test_a_slip_is_refused(schema: str, document: dict[str, Any]) -> None:
    assert not validator(schema).is_valid(document)


def test_a_driver_of_another_package_is_left_to_it() -> None:
    box = {
        "site": "n",
        "device": "b",
        "units": [{"slug": "t"}],
        "sensors": [{"name": "a", "driver": "sonar", "baud": 9}],
    }
    assert validator("edge").is_valid(box)


def test_every_field_of_a_box_explains_itself_in_an_editor() -> None:
    schema = json.loads((FOLDER / "schema/edge.schema.json").read_text())
    parts = {"EdgeSettings": schema, **schema["$defs"]}
    silent = [
        f"{name}.{field}"
        for name, part in parts.items()
        for field, what in part.get("properties", {}).items()
        if "description" not in what and "const" not in what
    ]
    assert silent == []


def test_the_environment_of_the_compose_files_is_in_the_schema() -> None:
    known = json.loads((FOLDER / "schema/environment.schema.json").read_text())["properties"]
    used = set()
    for path in (ROOT / "deploy/compose").glob("*.yaml"):
        for service in yaml.safe_load(path.read_text())["services"].values():
            command = service.get("command")
            if isinstance(command, list) and command[:1] == ["cloud"]:
                used |= {name for name in service.get("environment") or {} if name.startswith("SHOAL_")}
    assert used - known.keys() - {"SHOAL_SECRETS_DIR"} == set()
    assert len(used) > 5
