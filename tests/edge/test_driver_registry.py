"""Drivers are found by name: our own, those of installed packages, and an unknown one names the nearest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ConfigurationError
from edge.check import check
from edge.clock import SystemClock
from edge.sensors.driver import DriverContext
from edge.sensors.registry import OURS, driver_kind, driver_names, open_driver
from edge.settings import load_settings
from tests.edge.farm import configuration

PACKAGE = """
from typing import Literal

from contracts.errors import ConfigurationError
from edge.sensors.driver import DriverHealth, DriverKind
from edge.sensors.settings import ChannelSettings, SensorSettings


class PingChannel(ChannelSettings):
    pin: int


class PingSensor(SensorSettings):
    driver: Literal["sonar"] = "sonar"
    bus: int = 1
    channels: tuple[PingChannel, ...]


class Sonar:
    def __init__(self, settings, context):
        self.name = settings.name
        self.context = context

    def run(self, stop):
        stop.wait()

    def health(self):
        return DriverHealth(self.name, True, 0, 0)


def check(settings, field):
    if settings.bus > 8:
        raise ConfigurationError(f"{field}.bus", settings.bus, "There are eight buses.")


KIND = DriverKind(PingSensor, Sonar, check)
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package as pip would: a module, and metadata with its entry point."""

    def write(name: str = "sonar", value: str = "shoal_sonar:KIND", *, package: str = "shoal-sonar") -> None:
        folder = tmp_path / package
        folder.mkdir()
        (folder / f"{package.replace('-', '_')}.py").write_text(PACKAGE)
        metadata = folder / f"{package.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[shoal.edge.drivers]\n{name} = {value}\n")
        monkeypatch.syspath_prepend(str(folder))
        driver_kind.cache_clear()

    yield write
    sys.modules.pop("shoal_sonar", None)
    driver_kind.cache_clear()


def sonar(**more: Any) -> list[dict[str, Any]]:
    channel = {"name": "tank-1.level", "unit": "tank-1", "quantity": "level", "pin": 4}
    return [{"name": "depth", "driver": "sonar", "channels": [channel], **more}]


def test_every_driver_of_ours_loads_by_its_name() -> None:
    assert [driver_kind(name).settings.model_fields["driver"].default for name in OURS] == list(OURS)


def test_an_unknown_driver_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(configuration(tmp_path, sensors=[{"name": "x", "driver": "mqqt", "channels": []}]))
    assert caught.value.field == "sensors.0.driver"
    assert caught.value.value == "mqqt"
    assert "Did you mean 'mqtt'?" in caught.value.remedy


def test_an_installed_package_brings_a_driver(tmp_path: Path, install: Install) -> None:
    install()
    assert "sonar" in driver_names()
    settings = load_settings(configuration(tmp_path, sensors=sonar(bus=2)))
    driver = open_driver(settings.sensors[0], DriverContext("farm.edge-1.depth", SystemClock(), lambda _: None))
    assert driver.health().name == "depth"
    check(settings)
    with pytest.raises(ConfigurationError, match="eight buses") as caught:
        check(load_settings(configuration(tmp_path, sensors=sonar(bus=9))))
    assert caught.value.field == "sensors.0.bus"


def test_the_settings_of_a_foreign_driver_explain_themselves_too(tmp_path: Path, install: Install) -> None:
    install()
    with pytest.raises(ConfigurationError) as caught:
        load_settings(configuration(tmp_path, sensors=sonar(buss=2)))
    assert caught.value.field == "sensors.0.buss"
    assert "Did you mean 'bus'?" in caught.value.remedy
    broken = sonar()
    broken[0]["channels"][0]["pinn"] = 3
    with pytest.raises(ConfigurationError, match="Did you mean 'pin'"):
        load_settings(configuration(tmp_path, sensors=broken))


@pytest.mark.parametrize(
    ("value", "remedy"),
    [("shoal_sonar:NONE", "cannot be imported"), ("shoal_nowhere:KIND", "reinstall"), ("shoal_sonar:Sonar", "author")],
)
def test_a_package_that_is_broken_is_named(tmp_path: Path, install: Install, value: str, remedy: str) -> None:
    install(value=value)
    with pytest.raises(ConfigurationError, match=remedy):
        load_settings(configuration(tmp_path, sensors=sonar()))


def test_two_packages_with_one_driver_are_refused_and_ours_cannot_be_taken_over(
    tmp_path: Path, install: Install
) -> None:
    install()
    install(value="shoal_other:KIND", package="shoal-other")
    with pytest.raises(ConfigurationError, match="Two packages"):
        load_settings(configuration(tmp_path, sensors=sonar()))
    install(name="mqtt", package="shoal-takeover")
    assert driver_kind("mqtt").settings.__module__ == "edge.sensors.drivers.mqtt.settings"
