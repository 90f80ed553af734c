"""A farm's file becomes nodes that ESPHome accepts, and a farm's mistake is named before anything is written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from contracts.errors import ConfigurationError
from shoal.cli import app
from shoal.firmware.check import check, read_node
from shoal.firmware.nodes import NodesFile
from shoal.firmware.render import read_parts, render, write
from tests.deploy.files import ROOT, passes
from tests.tools.registry import need

ESPHOME = ROOT / "firmware_configs/esphome"
PACKAGES = ESPHOME / "packages"


def farm(**node: Any) -> NodesFile:
    """One tank with an aerator that knows its oxygen, and what the test changes."""
    given = {
        "name": "tank-1", "unit": "tank-1", "parts": ["modbus", "do_modbus", "aerator"], "probe": "in_situ_rdo_pro",
    }  # fmt: skip
    return NodesFile.model_validate({"nodes": [{**given, **node}]})


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    """Folder with the rendered nodes of the shipped farm."""
    done = CliRunner().invoke(app, ["firmware", "render", str(ESPHOME / "farm.yaml"), "--to", str(tmp_path / "nodes")])
    assert done.exit_code == 0, done.output
    assert "secrets.yaml" in done.output, "what is left to do is said"
    return tmp_path / "nodes"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_esphome_accepts_every_rendered_node(nodes: Path) -> None:
    shutil.copy(ESPHOME / "examples/secrets.yaml", nodes)
    files = [str(path) for path in sorted(nodes.glob("*.yaml")) if path.name != "secrets.yaml"]
    assert len(files) == 3
    assert passes(need("esphome"), "config", *files).count("reboot_timeout: 0s") >= 3


def test_a_rendered_node_says_what_the_example_written_by_hand_says(nodes: Path) -> None:
    for name, example in (("tank-1", "tank-1-rdo"), ("pond-1", "pond-1-ezo"), ("hall-power", "hall-power")):
        by_hand = read_node(ESPHOME / f"examples/{example}.yaml")["substitutions"]
        rendered = read_node(nodes / f"{name}.yaml")["substitutions"]
        differing = {key for key, value in by_hand.items() if rendered.get(key) != str(value)} - {"friendly_name"}
        assert differing == set()


def test_what_was_rendered_passes_our_own_check(nodes: Path, tmp_path: Path) -> None:
    nodes.rename(tmp_path / "esphome")
    results = list(check(tmp_path))
    assert {result.path.name for result in results} >= {"tank-1.yaml", "pond-1.yaml", "hall-power.yaml", "aerator.yaml"}
    assert [result for result in results if result.fault] == []


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"parts": ["aerater"]}, "There are: aerator, current_clamp"),
        ({"parts": ["aerator"], "probe": None}, "It needs do_mg_l: add do_modbus or ezo"),
        ({"parts": ["do_modbus", "aerator"]}, "It needs line: add modbus"),
        ({"parts": ["modbus", "do_modbus", "ezo"]}, "both are the node's do_mg_l"),
        ({"probe": None}, "do_register"),
        ({"probe": "in_situ"}, "in_situ_rdo_pro"),
        ({"values": {"do_on_bellow": 7}}, "No part of the node asks for it"),
        ({"values": {"unit": "tank-2"}}, "No part of the node asks for it"),
    ],
)
def test_a_mistake_in_the_farms_file_is_named_with_its_remedy(node: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        render(farm(**node), read_parts(PACKAGES))
    assert said in str(caught.value)


def test_two_parts_on_one_pin_are_refused(tmp_path: Path) -> None:
    shutil.copytree(PACKAGES, tmp_path / "packages")
    feeder = tmp_path / "packages/feeder.yaml"
    feeder.write_text(feeder.read_text().replace("GPIO27", "GPIO26"))
    with pytest.raises(ConfigurationError, match="both wired to GPIO26"):
        render(farm(parts=["modbus", "do_modbus", "aerator", "feeder"]), read_parts(tmp_path / "packages"))


def test_every_pair_of_shipped_parts_that_may_stand_together_has_its_own_pins() -> None:
    parts = read_parts(PACKAGES)
    wired = [(pin, part.name) for part in parts.values() for pin in part.pins]
    assert len({pin for pin, _ in wired}) == len(wired), wired


@pytest.mark.parametrize(
    "broken",
    [
        {"nodes": []},
        {"nodes": [{"name": "Tank 1", "unit": "tank-1", "parts": ["ezo"]}]},
        {"nodes": [{"name": "a", "unit": "u", "parts": ["ezo"]}, {"name": "a", "unit": "v", "parts": ["ezo"]}]},
        {"nodes": [{"name": "a", "unit": "u", "parts": ["ezo", "ezo"]}]},
        {"nodes": [{"name": "a", "unit": "u", "parts": ["ezo"], "values": {"x": "1\nesphome: {}"}}]},
        {"nodes": [{"name": "a", "unit": "u", "parts": ["ezo"], "partz": 1}]},
    ],
)
def test_a_farms_file_that_makes_no_sense_is_refused_whole(tmp_path: Path, broken: dict[str, Any]) -> None:
    path = tmp_path / "farm.yaml"
    path.write_text(yaml.safe_dump(broken))
    done = CliRunner().invoke(
        app, ["firmware", "render", str(path), "--packages", str(PACKAGES), "--to", str(tmp_path / "out")]
    )
    assert isinstance(done.exception, ConfigurationError)
    assert not (tmp_path / "out").exists()


def test_rendering_again_changes_nothing_and_never_touches_what_a_person_wrote(nodes: Path) -> None:
    parts = read_parts(PACKAGES)
    texts = {path.name: path.read_text() for path in nodes.glob("*.yaml")}
    assert {what for what, _ in write(nodes, texts, PACKAGES)} == {"same"}
    fewer = {name: text for name, text in texts.items() if name != "pond-1.yaml"}
    assert ("left over", "pond-1.yaml") in list(write(nodes, fewer, PACKAGES))
    assert (nodes / "pond-1.yaml").exists()
    (nodes / "tank-1.yaml").write_text("esphome: {name: mine}\n")
    with pytest.raises(ConfigurationError, match="written by hand"):
        list(write(nodes, render(farm(), parts), PACKAGES))
    assert (nodes / "tank-1.yaml").read_text() == "esphome: {name: mine}\n"
