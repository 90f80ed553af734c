"""Configurations from the fleet: what they may change, how a box starts with one, and how it goes back by itself."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.deployments import DeploymentState, DeploymentStatus, DesiredAgent, agent_sha256
from contracts.errors import ConfigurationError
from edge.deployments.agent_version import AgentVersion
from edge.deployments.config_updater import ConfigUpdater, settle
from edge.deployments.fleet import new_config_updater
from edge.deployments.overlay import Overlays, laid_over, parse
from edge.deployments.start import config_folder, settings_to_start_with, would_start
from edge.deployments.state import Deployment
from edge.settings import load_settings
from models.releases.proposal import propose_config
from tests.edge.deployments.ceremony import DEVICE, SITE
from tests.edge.deployments.restarted_box import RestartedBox, power_cuts
from tests.edge.farm import VirtualClock, configuration

NAME = "farm-settings"
GOOD = "health:\n  every_s: 7\n"


class Box(RestartedBox):
    """One box and its configurations."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(folder, model=NAME)
        self.start()

    def start(self) -> None:
        self.left = ""
        self.settings, self.overlay = settings_to_start_with(self.config)
        assert self.settings.deployments is not None
        self.updater: ConfigUpdater = new_config_updater(
            self.settings.deployments,
            running=self.overlay,
            would_start=lambda content: would_start(self.config, content),
            **self.surroundings(),
        )

    def release(self, version: str, text: str) -> None:
        file = self.ceremony.folder / "settings.yaml"
        file.write_text(text)
        propose_config(self.ceremony.repository, file, name=NAME, version=version, now=self.clock.now())
        self.ceremony.sign_and_publish()

    @property
    def every_s(self) -> float:
        return self.settings.health.every_s


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_a_signed_configuration_holds_after_a_new_start_and_its_probation(box: Box) -> None:
    before = box.every_s
    box.release("1.0.0", GOOD)
    box.want("1.0.0", activate=False)
    assert (box.state, box.left) == (DeploymentState.ACTIVATING, "")
    box.want("1.0.0")
    assert box.left == f"the configuration {NAME} 1.0.0"
    assert box.every_s == before, "nothing changes under a running agent"
    box.start()
    assert box.every_s == 7
    assert box.state is DeploymentState.PROBATION
    box.clock.advance(61)
    box.work()
    status = box.updater.status()
    assert status is not None
    assert (status.state, status.running_sha256) == (DeploymentState.COMMITTED, status.sha256)
    box.start()
    assert (box.every_s, box.state) == (7, DeploymentState.COMMITTED)


def test_a_configuration_waits_for_the_fish(box: Box) -> None:
    box.release("1.0.0", GOOD)
    box.feeding = ("tank-1",)
    box.want("1.0.0")
    assert box.left == ""
    assert box.told[-1].waiting_for == "feeding at tank-1"
    box.feeding, box.busy = (), "the agent's probation, a-1"
    box.work()
    assert (box.told[-1].waiting_for, box.left) == (box.busy, "")
    box.busy = ""
    box.work()
    assert box.left


def test_a_wish_that_came_while_the_disk_was_full_is_not_forgotten(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    box.release("1.0.0", GOOD)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space"):
            box.want("1.0.0")
    box.work()
    assert (box.state, box.left) == (DeploymentState.ACTIVATING, f"the configuration {NAME} 1.0.0")


def test_what_waits_for_the_end_of_one_feeding_does_not_start_anew_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration and a version of the agent, say: nobody could tell which of both was wrong."""
    one, two = Box(tmp_path / "one"), Box(tmp_path / "two")
    for box in (one, two):
        box.release("1.0.0", GOOD)
        box.feeding = ("tank-1",)
        box.want("1.0.0")
        box.feeding = ()
    monkeypatch.setattr(one.updater, "_busy", lambda: two.left)
    monkeypatch.setattr(two.updater, "_busy", lambda: one.left)
    other, point = threading.Thread(target=two.work), one.updater._point

    def meanwhile(deployment: Deployment) -> None:
        other.start()
        other.join(0.3)  # long enough to do the same, if nothing kept it
        point(deployment)

    monkeypatch.setattr(one.updater, "_point", meanwhile)
    one.work()
    other.join()
    assert (one.left, two.left) == (f"the configuration {NAME} 1.0.0", "")
    assert two.told[-1].waiting_for == one.left


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mqtt:\n  host: evil.example\n", "The fleet may not change this"),
        ("health:\n  every_s: -3\n", "health.every_s"),
        ("deployments: null\n", "The fleet may not change this"),
    ],
)
def test_what_the_agent_would_not_start_with_is_refused_before_anything_changes(
    box: Box, text: str, reason: str
) -> None:
    box.release("1.0.0", text)
    box.want("1.0.0")
    assert box.state is DeploymentState.REFUSED
    assert reason in (box.told[-1].reason or "")
    assert box.left == ""
    assert Overlays(config_folder(box.settings.data_dir)).pointer() == (None, None)


def test_an_agent_that_starts_again_and_again_goes_back_before_it_starts(box: Box) -> None:
    before = box.every_s
    box.release("1.0.0", GOOD)
    box.want("1.0.0")
    for _ in range(2):
        box.start()
        assert box.state is DeploymentState.PROBATION
    box.start()
    assert box.state is DeploymentState.ROLLED_BACK
    assert box.every_s == before
    assert "started 3 times" in box.reason


def test_a_vital_part_that_hangs_takes_the_configuration_back_and_the_one_before_holds(box: Box) -> None:
    box.release("1.0.0", GOOD)
    box.want("1.0.0")
    box.start()
    box.clock.advance(61)
    box.work()
    box.release("1.1.0", "health:\n  every_s: 9\n")
    box.want("1.1.0")
    box.start()
    assert box.every_s == 9
    box.troubles = ["a vital part of the agent makes no progress"]
    box.work()
    assert box.left == "the configuration before"
    box.start()
    assert (box.every_s, box.state) == (7, DeploymentState.ROLLED_BACK)


def test_a_damaged_file_is_noticed_at_the_start(box: Box) -> None:
    before = box.every_s
    box.release("1.0.0", GOOD)
    box.want("1.0.0")
    (file,) = config_folder(box.settings.data_dir).glob("*.yaml")
    file.write_text("health:\n  every_s: 1\n")
    box.start()
    assert (box.every_s, box.state) == (before, DeploymentState.ROLLED_BACK)
    assert "damaged" in box.reason


@pytest.mark.parametrize("hangs", [False, True])
def test_after_a_power_cut_at_every_write_what_is_told_is_what_runs(
    box: Box, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    box.release("1.0.0", GOOD)

    def fresh() -> None:
        shutil.rmtree(config_folder(box.settings.data_dir), ignore_errors=True)
        box.troubles = []
        box.start()

    ends = []
    for cut in power_cuts(
        monkeypatch, lambda: box.live_with("1.0.0", hangs=hangs), fresh=fresh, counts=lambda _name: True
    ):
        went_wrong = box.updater.deployment is not None and bool(box.updater.deployment.rolling_back)
        box.start()
        box.troubles = []
        box.live_with("1.0.0", hangs=False)  # this time it would work
        assert box.updater.deployment is not None
        runs = box.overlay is not None and box.overlay.sha256 == box.updater.deployment.sha256
        assert box.state is (DeploymentState.COMMITTED if runs else DeploymentState.ROLLED_BACK), f"cut {cut}"
        assert not (went_wrong and runs), "what was to be taken back does not stay"
        ends.append(box.state)
    assert len(ends) >= 6
    assert (DeploymentState.ROLLED_BACK in ends) is hangs


def test_a_configuration_that_is_pointed_to_is_watched_before_a_newer_one(box: Box) -> None:
    box.release("1.0.0", GOOD)
    box.release("1.1.0", "health:\n  every_s: 9\n")
    box.want("1.0.0")
    box.want("1.1.0")  # heard before the agent has stopped
    box.start()
    assert (box.every_s, box.state) == (7, DeploymentState.PROBATION)


def test_a_way_back_that_was_cut_off_before_its_record_is_told_as_one(box: Box) -> None:
    box.release("1.0.0", GOOD)
    box.want("1.0.0")
    box.start()
    Overlays(config_folder(box.settings.data_dir)).point(None, None)
    box.start()
    box.clock.advance(61)
    box.work()
    assert (box.overlay, box.state) == (None, DeploymentState.ROLLED_BACK)


def test_a_model_is_no_configuration(box: Box, tmp_path: Path) -> None:
    box.ceremony.release(box.ceremony.bundle("2.0.0"))
    box.want("2.0.0")
    assert box.state is DeploymentState.REFUSED
    assert "is a model, no configuration" in (box.told[-1].reason or "")


def test_sections_are_merged_by_name_and_lists_replaced() -> None:
    own = {"alarms": {"on_delay_s": 8, "off_delay_s": 15}, "site": "farm", "outbox": {"windows": [1, 2]}}
    merged = laid_over(own, {"alarms": {"on_delay_s": 3}, "outbox": {"windows": [3]}})
    assert merged == {"alarms": {"on_delay_s": 3, "off_delay_s": 15}, "site": "farm", "outbox": {"windows": [3]}}
    with pytest.raises(ConfigurationError, match="It is not YAML"):
        parse(b"a: [")
    with pytest.raises(ConfigurationError, match="at most 200000 bytes"):
        parse(b"[" * 200_001)  # not even looked at


def test_a_box_without_the_section_starts_with_its_own_file(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    settings, overlay = settings_to_start_with(config)
    assert overlay is None
    assert settings == load_settings(config)
    assert settle(tmp_path, Overlays(tmp_path), max_boots=2) is None


def test_the_version_of_the_agent_is_told_no_sooner_than_it_runs(tmp_path: Path) -> None:
    told: list[DeploymentStatus] = []

    def agent(version: str) -> Callable[[DesiredAgent], None]:
        return AgentVersion(
            tmp_path, site=SITE, device=DEVICE, running=version, clock=VirtualClock(), tell=told.append
        ).desire

    wanted = DesiredAgent(deployment="r-1", version="9.1.0")
    old = agent("9.0.0")
    old(wanted)
    old(wanted)
    assert [(each.state.value, each.running_sha256 == each.sha256) for each in told] == [("activating", False)]
    assert (tmp_path / "wanted-version").read_text() == "9.1.0\n"
    agent("9.1.0")(wanted)
    assert (told[-1].state.value, told[-1].running_sha256) == ("committed", agent_sha256("9.1.0"))


def test_a_wish_for_a_version_is_written_although_the_disk_was_full_when_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[DeploymentStatus] = []
    agent = AgentVersion(tmp_path, site=SITE, device=DEVICE, running="9.0.0", clock=VirtualClock(), tell=told.append)

    def full(_source: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space"):
            agent.desire(DesiredAgent(deployment="r-1", version="9.1.0"))
    assert told == []
    agent.desire(DesiredAgent(deployment="r-1", version="9.1.0"))
    assert (tmp_path / "wanted-version").read_text() == "9.1.0\n"
    assert len(told) == 1
