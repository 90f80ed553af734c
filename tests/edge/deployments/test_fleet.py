"""The section ``deployments`` of a box: refused before anything connects, examined by the doctor, shown to people."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from contracts.deployments import DeploymentState, DeploymentStatus, ShadowFigures
from contracts.errors import ConfigurationError
from edge.agent import Agent
from edge.check import check
from edge.checkup.finding import Verdict
from edge.deployments.errors import SourceUnavailableError
from edge.deployments.fleet import event_detail, findings, headline, this_machine
from edge.settings import load_settings
from tests.edge.deployments.ceremony import Ceremony
from tests.edge.farm import VirtualClock, configuration


@pytest.fixture
def ceremony(tmp_path: Path) -> Ceremony:
    clock = VirtualClock()
    clock.wall = datetime.now(timezone.utc).replace(microsecond=0)
    return Ceremony(tmp_path, clock=clock)


def section(ceremony: Ceremony) -> dict[str, object]:
    (ceremony.folder / "root.json").write_bytes(ceremony.root)
    return {"root_file": "root.json", "sources": [{"kind": "folder", "path": "repository"}]}


def test_paths_are_relative_to_the_file_and_a_bad_root_stops_the_agent(ceremony: Ceremony) -> None:
    config = configuration(ceremony.folder, deployments=section(ceremony))
    settings = load_settings(config)
    assert settings.deployments is not None
    assert settings.deployments.sources[0].path == ceremony.repository.folder
    check(settings)
    root = ceremony.folder / "root.json"
    root.write_bytes(ceremony.root.replace(b'"version":1', b'"version":7'))
    with pytest.raises(ConfigurationError, match=r"deployments\.root_file.*no signed root"):
        check(settings)
    root.unlink()
    with pytest.raises(ConfigurationError, match="shoal fleet root export"):
        check(settings)
    with pytest.raises(ConfigurationError, match="needs url"):
        load_settings(configuration(ceremony.folder, deployments=section(ceremony) | {"sources": [{"kind": "http"}]}))


def test_models_configurations_and_the_agent_share_what_the_link_allows(ceremony: Ceremony) -> None:
    metered = section(ceremony) | {"bandwidth": {"max_bytes_per_day": 100_000}}
    agent = Agent(load_settings(configuration(ceremony.folder, port=9, deployments=metered)))
    try:
        assert agent._config is not None
        assert agent._agent is not None
        with pytest.raises(SourceUnavailableError, match="are used up"):
            agent._config._downloader._bandwidth.spend(100_000)
        assert agent._agent._downloader._bandwidth.left() == 0
    finally:
        agent.stop()


def test_the_doctor_says_whether_the_repository_can_be_trusted(ceremony: Ceremony) -> None:
    settings = load_settings(configuration(ceremony.folder, deployments=section(ceremony)))
    assert settings.deployments is not None
    ceremony.repository.refresh(ceremony.online, now=ceremony.clock.now())

    def examined() -> list[Verdict]:
        assert settings.deployments is not None
        found = findings(settings.deployments, data_dir=settings.data_dir, site="farm", device="edge-1")
        return [finding.verdict for finding in found]

    assert examined() == [Verdict.OK, Verdict.OK]
    ceremony.clock.advance(-30 * 86_400)
    ceremony.repository.refresh(ceremony.online, now=ceremony.clock.now())
    assert examined() == [Verdict.OK, Verdict.BAD]
    ceremony.repository.folder.rename(ceremony.folder / "gone")
    assert examined() == [Verdict.OK, Verdict.WARNING], "a stick is mostly absent"


def test_a_status_is_flat_enough_for_an_event_and_reads_in_a_line() -> None:
    status = DeploymentStatus(
        site="farm", device="edge-1", deployment="d-1", state=DeploymentState.ROLLED_BACK, reason="its process was lost 2 times",
        observed_at=datetime(2026, 11, 21, tzinfo=timezone.utc), shadow=ShadowFigures(frames=600, disagreement=0.1),
    )  # fmt: skip
    assert headline(status) == "rolled back: its process was lost 2 times"
    detail = event_detail(status)
    assert detail["state"] == "rolled_back"
    assert detail["shadow_frames"] == 600
    assert all(isinstance(value, (str, int, float, bool)) for value in detail.values())


def test_an_event_of_a_trial_names_all_of_its_units() -> None:
    units = tuple(f"raceway-hall-north-{n}" for n in range(64))
    status = DeploymentStatus(
        site="farm", device="edge-1", deployment="d-1", state=DeploymentState.PROBATION, units=units, reason="x" * 500,
        observed_at=datetime(2026, 11, 21, tzinfo=timezone.utc),
    )  # fmt: skip
    detail = event_detail(status)
    assert detail["units"].split() == list(units), "charts of tanks are marked by it"
    assert len(detail["reason"]) == 400


def test_this_machine_says_what_releases_ask_for() -> None:
    machine = this_machine()
    assert machine.memory_mb > 100
    assert machine.opset_max >= 17
