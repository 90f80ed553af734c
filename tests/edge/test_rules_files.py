"""The rules that ship as examples are valid and do what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.devices import ChannelInventory
from contracts.errors import ConfigurationError
from edge.guard.actuators.outputs.mqtt import topics_of
from edge.guard.plan import check_names
from edge.guard.schema import RulesFile
from edge.guard.settings import MqttOutput
from tests.edge.farm import ROOT

RULES = ROOT / "firmware_configs" / "rules"
FILES = sorted(RULES.glob("*.yaml"))
UNITS = ("tank-1", "pond-1")


def channel(name: str, quantity: str) -> ChannelInventory:
    return ChannelInventory(name=name, unit=name.split(".", maxsplit=1)[0], quantity=quantity, ucum="1")


CHANNELS = (
    channel("pond-1.do", "do"),
    channel("tank-1.do", "do"),
    channel("tank-1.do_sat", "do_sat"),
    channel("pond-1.aerator-1.current", "current"),
    channel("pond-1.aerator-2.current", "current"),
)


def load(path: Path) -> RulesFile:
    return RulesFile.model_validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_rules_file_fits_together_and_is_told_in_the_readme(path: Path) -> None:
    check_names(load(path).guard, channels=CHANNELS, units=UNITS)
    assert f"[{path.name}]({path.name})" in (RULES / "README.md").read_text()
    assert path.read_text().startswith("# yaml-language-server: $schema=../schema/guard.schema.json")


def test_what_keeps_fish_alive_is_safe_on_and_a_feeder_is_not() -> None:
    kinds = {a.kind: a.safe_on for path in FILES for a in load(path).guard.actuators}
    assert kinds == {"aerator": True, "oxygen": True, "feeder": False}


def test_topics_are_those_that_the_firmwares_use() -> None:
    esphome = topics_of(MqttOutput(style="esphome", node="aerator-1", switch="aerator"))
    assert (esphome.command, esphome.state) == ("aerator-1/switch/aerator/command", "aerator-1/switch/aerator/state")
    assert (esphome.availability, esphome.offline) == ("aerator-1/status", "offline")
    tasmota = topics_of(MqttOutput(style="tasmota", node="pump"))
    assert (tasmota.command, tasmota.state) == ("cmnd/pump/POWER", "stat/pump/POWER")
    assert (tasmota.availability, tasmota.offline) == ("tele/pump/LWT", "Offline")


@pytest.mark.parametrize(
    ("change", "field", "remedy"),
    [
        ({"unit": "pond-9"}, "guard.actuators.0.unit", "Did you mean 'pond-1'?"),
        (
            {"rules": [{"channel": "pond-1.dq", "on_below": 1, "off_above": 2}]},
            "guard.actuators.0.rules.0.channel",
            "pond-1.do",
        ),
        ({"proof": {"channel": "pond-1.do", "min_a": 1}}, "guard.actuators.0.proof.channel", "quantity 'current'"),
        ({"backup": "aerator-1"}, "guard.actuators.0.backup", "aerator-2"),
        ({"interlocks": [{"input": "flow", "force": "off"}]}, "guard.actuators.0.interlocks.0.input", "there are none"),
        ({"name": "aerator-2"}, "guard", "rename one"),
    ],
)
def test_names_that_do_not_fit_are_refused_with_a_remedy(change: dict[str, Any], field: str, remedy: str) -> None:
    document = yaml.safe_load((RULES / "pond-aerators.yaml").read_text())
    document["guard"]["actuators"][0].update(change)
    with pytest.raises(ConfigurationError) as caught:
        check_names(RulesFile.model_validate(document).guard, channels=CHANNELS, units=UNITS)
    assert caught.value.field == field
    assert remedy in caught.value.remedy
