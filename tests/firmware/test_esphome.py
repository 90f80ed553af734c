from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.files import ROOT, passes
from tests.tools.registry import need

ESPHOME = ROOT / "firmware_configs/esphome"
EXAMPLES = sorted(path for path in (ESPHOME / "examples").glob("*.yaml") if path.name != "secrets.yaml")


class _Loader(yaml.SafeLoader):
    """ESPHome's own tags, kept as text."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: f"!{suffix} {getattr(node, 'value', '')}")


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506  (a safe loader with tags as text)
    return document


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_esphome_accepts_the_example(example: Path, tmp_path: Path) -> None:
    shutil.copytree(ESPHOME, tmp_path / "esphome")  # it writes beside its files
    said = passes(need("esphome"), "config", str(tmp_path / "esphome/examples" / example.name))
    assert "reboot_timeout: 0s" in said, "no network is no reason to restart"


def test_a_node_never_restarts_for_want_of_a_network_or_a_broker() -> None:
    base = read(ESPHOME / "packages/base.yaml")
    assert base["wifi"]["reboot_timeout"] == "0s"
    assert base["mqtt"]["reboot_timeout"] == "0s"


def test_an_aerator_is_on_and_a_feeder_off_after_a_restart_and_neither_order_lasts_for_ever() -> None:
    aerator = read(ESPHOME / "packages/aerator.yaml")["switch"][0]
    assert aerator["restore_mode"] == "ALWAYS_ON"
    assert aerator["pin"]["inverted"] is True, "the normally closed contact: without power it runs"
    assert {"switch.turn_on": "aerator"} in aerator["on_turn_off"]
    feeder = read(ESPHOME / "packages/feeder.yaml")["switch"][0]
    assert feeder["restore_mode"] == "ALWAYS_OFF"
    assert {"switch.turn_off": "feeder"} in feeder["on_turn_on"]


def test_the_probes_registers_are_those_of_its_map() -> None:
    probe = read(ROOT / "firmware_configs/probes/in_situ_rdo_pro.yaml")
    node = read(ESPHOME / "examples/tank-1-rdo.yaml")["substitutions"]
    line = read(ESPHOME / "packages/modbus.yaml")["uart"]
    first = probe["first_register"]
    assert int(node["do_register"]) == probe["values"]["do"]["register"] - first
    assert int(node["temperature_register"]) == probe["values"]["temperature"]["register"] - first
    assert (line["baud_rate"], line["parity"][0], line["stop_bits"]) == tuple(probe["line"].values())


def test_every_package_is_used_by_an_example() -> None:
    used = "".join(path.read_text() for path in EXAMPLES)
    assert [path.name for path in (ESPHOME / "packages").glob("*.yaml") if path.name not in used] == []
