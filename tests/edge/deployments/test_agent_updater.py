"""The agent installs a new version of itself: signed, tried, started in its own place, and taken back by the launcher."""

from __future__ import annotations

import ensurepip
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from contracts.deployments import (
    AGENT_NAME,
    Cause,
    DeploymentState,
    DesiredAgent,
    DesiredModels,
    agent_sha256,
    blob_path,
)
from contracts.errors import ConfigurationError
from edge import launcher
from edge.deployments import agent_slots, fleet
from edge.deployments.agent_slots import AgentSlots, launch
from edge.deployments.agent_updater import UNHEARD_S, AgentUpdater
from edge.deployments.errors import NoRoomError, RefusedError, SourceUnavailableError
from edge.deployments.fleet import agent_finding, new_agent_updater
from edge.launcher import MOST_STARTS, Launch, Pointer, Version, next_start
from models.releases.assignments import assign
from models.releases.proposal import propose_agent
from tests.edge.deployments.agent_wheels import agent_wheel, dependency_wheel
from tests.edge.deployments.ceremony import DEVICE, SITE
from tests.edge.deployments.restarted_box import RestartedBox, power_cuts
from tests.edge.farm import eventually

_S = DeploymentState


class StandInSlots(AgentSlots):
    """Slots whose environments are made in no time; what a version says of itself is ``says``."""

    refuses = ""

    def _run(self, command: list[str], environment: Mapping[str, str], what: str, **more: Any) -> str:
        if what == "its environment":
            place = Path(command[-1])
            (place / "bin").mkdir()
            (place / "bin" / "python").symlink_to(sys.executable)
            (place / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
        elif what == "its self-test":
            if StandInSlots.refuses:
                raise RefusedError(StandInSlots.refuses, Cause.SELF_TEST)
            place = Path(command[0]).parent.parent
            kept = [path.name.split("-")[1] for path in place.glob("wheels/shoal-*.whl")]
            return json.dumps({"version": kept[0], "from": str(place.resolve())})
        return ""


class StartedError(BaseException):
    """The launcher has put something in its own place."""


class Box(RestartedBox):
    """One box and the versions of its agent, started by the launcher."""

    updater: AgentUpdater

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, model=AGENT_NAME)
        self.patch = patch
        self.slots = self.settings.data_dir / "agent"
        self.heard = True
        StandInSlots.refuses = ""
        patch.setattr(fleet, "AgentSlots", StandInSlots)
        self.start()

    def start(self, *, launched: bool = True) -> None:
        """A new life."""
        self.left = ""
        slot = self.launch() if launched else ""
        pointer = launcher.read(self.slots) or Pointer()
        active = pointer.active
        self.runs = Version(slot, active.version, active.sha256) if slot and active is not None else None
        self.patch.setattr(fleet, "running", lambda _launched: self.runs)
        assert self.settings.deployments is not None
        self.updater = new_agent_updater(
            self.settings.deployments,
            config=self.config,
            heard=lambda: self.heard,
            pause=self.pause,
            launched=Launch(("launcher",), str(self.slots), slot, launcher.base_version(), ()) if launched else None,
            **self.surroundings(),
        )

    def launch(self) -> str:
        """What the real launcher starts: a slot, or the machine's own."""
        started: list[str] = []

        def execve(python: str, _command: list[str], environment: dict[str, str]) -> None:
            started.append(json.loads(environment[launcher.ENVIRONMENT])["slot"])
            raise StartedError

        with self.patch.context() as patch:
            patch.setattr(os, "execve", execve)
            with pytest.raises(StartedError):
                launcher.main(["--slots", str(self.slots), "run"])
        return started[0]

    def hear(self, desired: DesiredModels) -> None:
        self.updater.hear(desired)

    def release(self, version: str, **wheel: Any) -> None:
        wheels = self.ceremony.folder / f"wheels-{version}"
        agent_wheel(wheels, version, **wheel)
        dependency_wheel(wheels)
        propose_agent(self.ceremony.repository, wheels, now=self.clock.now())
        self.ceremony.sign_and_publish()

    def live(self, version: str) -> None:
        """A version that works, to its end."""
        self.release(version)
        self.want(version)
        self.start()
        self.work()
        self.clock.advance(61)
        self.work()
        assert self.state is _S.COMMITTED

    @property
    def version(self) -> str:
        return self.runs.version if self.runs is not None else "own"


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    return Box(tmp_path, monkeypatch)


def test_a_signed_version_is_installed_beside_the_agent_and_committed_when_it_works(box: Box) -> None:
    box.release("0.2.0")
    box.want("0.2.0", activate=False)
    assert (box.state, box.left, box.version) == (_S.ACTIVATING, "", "own")
    box.feeding = ("tank-1",)
    box.want("0.2.0")
    assert (box.told[-1].waiting_for, box.left) == ("feeding at tank-1", "")
    box.feeding, box.busy = (), "the model's deployment d-1, probation"
    box.work()
    assert (box.told[-1].waiting_for, box.left) == (box.busy, "")
    box.busy = ""
    box.work()
    assert box.left == "the agent 0.2.0"
    box.start()
    box.work()
    assert (box.state, box.version) == (_S.PROBATION, "0.2.0")
    reported = box.updater.reported()
    assert reported.running_sha256 == reported.verified_sha256 is not None
    assert reported.committed_sha256 is None, "until its probation is over the machine's own is committed"
    box.clock.advance(61)
    box.work()
    status = box.updater.status()
    assert status is not None
    assert (status.state, status.running_sha256) == (_S.COMMITTED, status.sha256)
    assert status.sha256 == box.ceremony.repository.release(AGENT_NAME, "0.2.0")[0].sha256
    for _ in range(MOST_STARTS + 2):  # one start after the other, each with a minute of good work
        box.start()
        box.clock.advance(61)
        box.work()
        assert (box.version, box.state) == ("0.2.0", _S.COMMITTED)


def test_a_version_whose_lease_ended_says_what_it_had_waited_for(box: Box) -> None:
    box.release("0.2.0")
    box.feeding = ("tank-1",)
    box.want("0.2.0")
    box.clock.advance(90_000)
    box.work()
    assert (box.state, box.told[-1].cause, box.left) == (_S.REFUSED, Cause.LEASE, "")
    assert box.reason == "the lease ended in the state activating, waiting for: feeding at tank-1"


def test_the_next_version_takes_the_other_slot_and_an_old_one_can_be_ordered_back(box: Box) -> None:
    box.live("0.2.0")
    first = box.runs
    box.live("0.3.0")
    assert first is not None
    assert box.runs is not None
    assert {first.slot, box.runs.slot} == {"a", "b"}
    box.want("0.2.0")
    box.start()
    assert box.version == "0.2.0"
    assert box.updater.deployment is not None
    assert box.updater.deployment.downloaded_bytes == 0, "its wheels were still here"


def test_the_version_that_machines_came_with_is_a_way_back_once_it_is_released(box: Box) -> None:
    box.release("0.1.0")  # the wheel of the machine's own
    box.live("0.2.0")
    box.want("0.1.0")
    box.start()
    box.work()
    assert (box.version, box.state) == ("0.1.0", _S.PROBATION)
    box.clock.advance(61)
    box.work()
    assert box.state is _S.COMMITTED


def test_a_version_that_does_not_stay_up_is_left_by_the_launcher_without_any_network(box: Box) -> None:
    box.live("0.2.0")
    box.release("0.3.0")
    box.want("0.3.0")
    shutil.rmtree(box.ceremony.repository.folder)
    for _ in range(2):
        box.start()
        box.work()  # it comes up, and dies
        assert (box.version, box.state) == ("0.3.0", _S.PROBATION)
    box.start()
    box.work()
    assert (box.version, box.state) == ("0.2.0", _S.ROLLED_BACK)
    assert box.reason == "the agent started 2 times within its probation"
    assert box.told[-1].running_sha256 != box.told[-1].sha256


def test_a_version_that_does_not_come_up_is_left_at_once_unless_the_machine_was_started_anew(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.release("0.2.0")
    box.want("0.2.0")
    box.start()  # and the power goes
    monkeypatch.setattr(launcher, "boot_id", lambda: "another start of the machine")
    box.start()
    assert box.version == "0.2.0"
    box.start()  # it died or hung before it had looked at anything, and nobody pulled a plug
    box.work()
    assert (box.version, box.state, box.reason) == ("own", _S.ROLLED_BACK, "the agent 0.2.0 did not come up")


def test_a_version_whose_vital_parts_hang_goes_back_by_itself(box: Box) -> None:
    box.release("0.2.0")
    box.want("0.2.0")
    box.start()
    box.troubles = ["a vital part of the agent makes no progress"]
    box.work()
    assert box.left == "the agent before"
    box.start()
    box.work()
    assert (box.version, box.state) == ("own", _S.ROLLED_BACK)
    assert "makes no progress" in box.reason


@pytest.mark.parametrize("heard_before", [True, False])
def test_a_version_that_loses_the_store_goes_back_but_not_where_there_was_none(box: Box, heard_before: bool) -> None:
    box.heard = heard_before
    box.release("0.2.0")
    box.want("0.2.0")
    box.start()
    box.heard = False
    box.clock.advance(61)
    box.work()
    assert box.state is _S.PROBATION, "nobody has heard of it yet"
    box.clock.advance(UNHEARD_S)
    box.work()
    assert box.left == ("the agent before" if heard_before else "")


def test_what_would_not_work_here_is_refused_before_anything_changes(box: Box) -> None:
    StandInSlots.refuses = "its self-test ended with 2: package: numpy 1.0 cannot be used"
    box.release("0.2.0")
    box.want("0.2.0")
    assert (box.state, box.left, box.told[-1].cause) == (_S.REFUSED, "", Cause.SELF_TEST)
    assert launcher.read(box.slots) == Pointer(base=launcher.base_version())
    box.start()
    box.work()
    assert (box.version, box.state) == ("own", _S.REFUSED)


def test_an_agent_that_the_launcher_did_not_start_says_so_and_how_to_change_it(box: Box, tmp_path: Path) -> None:
    box.start(launched=False)
    assert not box.updater.can_install
    box.release("0.2.0")
    box.want("0.2.0")
    assert (box.state, box.told[-1].cause) == (_S.REFUSED, Cause.INCOMPATIBLE)
    assert "python -I -m edge.launcher --slots DATA_DIR/agent" in box.reason
    finding = agent_finding(tmp_path / "elsewhere")
    assert "cannot install itself" in finding.what
    assert "edge.launcher" in finding.remedy


def test_the_doctor_tells_what_is_started_and_what_it_would_go_back_to(box: Box) -> None:
    assert "the machine's own agent" in agent_finding(box.settings.data_dir).what
    box.live("0.2.0")
    what = agent_finding(box.settings.data_dir).what
    assert what.startswith("0.2.0 in slot a is started, it would go back to the machine's own")


def test_a_package_of_the_machine_wins_over_an_older_slot(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.live("0.2.0")
    monkeypatch.setattr(launcher, "__version__", "0.5.0")
    box.start()
    box.work()
    assert (box.version, box.state) == ("own", _S.ROLLED_BACK)
    assert box.reason.startswith("this machine's own agent is 0.5.0")


def test_an_installed_package_takes_the_pointer_away_and_the_fleet_is_told(box: Box) -> None:
    box.live("0.2.0")
    (box.slots / launcher.POINTER).unlink()  # as deploy/debian/postinst does
    box.start()
    box.work()
    assert (box.version, box.state) == ("own", _S.ROLLED_BACK)


def test_an_agent_that_somebody_starts_by_hand_decides_nothing_of_a_probation(box: Box) -> None:
    box.release("0.2.0")
    box.want("0.2.0")
    box.start()
    box.work()
    assert box.state is _S.PROBATION
    box.start(launched=False)
    box.clock.advance(61)
    box.work()
    assert (box.state, box.left) == (_S.PROBATION, "")
    box.start()
    box.clock.advance(61)
    box.work()
    assert (box.version, box.state) == ("0.2.0", _S.COMMITTED)


def test_a_damaged_slot_is_left_for_the_one_before(box: Box) -> None:
    box.live("0.2.0")
    box.live("0.3.0")
    assert box.runs is not None
    (box.slots / box.runs.slot / "bin" / "python").unlink()
    box.start()
    box.work()
    assert (box.version, box.state) == ("0.2.0", _S.ROLLED_BACK)
    assert "is damaged" in box.reason


def test_a_wish_for_a_version_that_nobody_releases_is_left_to_the_machine(box: Box) -> None:
    box.updater.hear(DesiredAgent(deployment="w-1", version="0.9.0"))
    assert (box.settings.data_dir / "deployments" / "wanted-version").read_text() == "0.9.0\n"
    reported = box.updater.reported()
    assert reported.deployment is not None
    assert reported.deployment.state is _S.ACTIVATING
    assert reported.running_sha256 == agent_sha256("0.1.0")


# -- what new versions do while they are made and tried -------------------------------------------------------------


def slots_of(folder: Path, pause: Callable[[float], object]) -> AgentSlots:
    folder.mkdir()
    return AgentSlots(Launch((), str(folder), "", "", ()), min_free_bytes=0, pause=pause)


def test_nothing_of_an_installation_goes_on_when_the_agent_stops(tmp_path: Path) -> None:
    """pip for another environment is a process that starts another one."""
    told = tmp_path / "grandchild"
    slots = slots_of(tmp_path / "slots", lambda _s: told.exists() and told.read_text().endswith("\n"))
    with pytest.raises(SourceUnavailableError, match="the agent stops"):
        slots._run(["sh", "-c", f"sleep 600 & echo $! >{told}; wait"], os.environ, "pip")
    grandchild = int(told.read_text())
    eventually(lambda: not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == "zombie")


def test_a_self_test_that_hangs_or_never_stops_talking_is_refused_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = slots_of(tmp_path / "slots", time.sleep)
    with pytest.raises(RefusedError, match="its self-test did not end within 0 s"):
        slots._run(["sleep", "600"], os.environ, "its self-test", timeout_s=0.1)
    monkeypatch.setattr(agent_slots, "MOST_OUTPUT_BYTES", 100_000)
    with pytest.raises(RefusedError, match="its self-test says more than"):
        slots._run(["yes"], os.environ, "its self-test")


def test_an_installation_that_comes_to_nothing_leaves_the_disk_to_the_measurements(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_all: Any, **_more: Any) -> str:
        raise NoRoomError("pip found no room on the disk")

    monkeypatch.setattr(StandInSlots, "_run", full)
    box.release("0.2.0")
    box.want("0.2.0")
    assert (box.state, box.updater._waiting_for) == (_S.VERIFYING, "pip found no room on the disk")
    assert not [path for path in box.slots.iterdir() if path.is_dir()]


# -- attacks ---------------------------------------------------------------------------------------------------------


def test_an_archive_that_was_changed_on_its_way_is_never_installed(box: Box) -> None:
    box.release("0.2.0")
    release, _ = box.ceremony.repository.release(AGENT_NAME, "0.2.0")
    blob = box.ceremony.repository.folder / blob_path(release.sha256)
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    box.want("0.2.0")
    assert (box.state, box.left) == (_S.DOWNLOADING, "")
    assert "not what was signed" in box.updater._waiting_for


def test_what_one_person_alone_signed_is_not_trusted(box: Box) -> None:
    """Whoever holds the online keys may publish it all the same; the device counts the signatures."""
    box.release("0.2.0")
    file = max((box.ceremony.repository.folder / "metadata").glob("*.model-agent.json"))
    metadata = json.loads(file.read_bytes())
    metadata["signatures"] = metadata["signatures"][:1]
    file.write_text(json.dumps(metadata))
    box.want("0.2.0")
    assert (box.state, box.left) == (_S.ASSIGNED, "")
    assert "1/2 keys" in box.updater._waiting_for


def test_the_assignment_of_another_device_is_refused(box: Box) -> None:
    box.release("0.2.0")
    box.want("0.2.0", device="edge-2")
    assert (box.state, box.reason) == (_S.REFUSED, "the assignment is for farm/edge-2")


def test_a_version_below_the_floor_is_refused(box: Box) -> None:
    box.release("0.2.0")
    wheels = box.ceremony.folder / "wheels-0.3.0"
    agent_wheel(wheels, "0.3.0")
    propose_agent(box.ceremony.repository, wheels, now=box.clock.now(), floor=2)
    box.ceremony.sign_and_publish()
    box.want("0.2.0")
    assert box.state is _S.REFUSED
    assert "devices may run 2 and later" in box.reason


def test_the_people_of_a_model_release_no_agent(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have two signatures for ``models/tiny/*``, and write into it that it is the agent."""
    people = [one.public_key for one in (box.ceremony.ada, box.ceremony.bo)]
    box.ceremony.repository.add_model("tiny", people, 2, now=box.clock.now())
    box.ceremony.sign_and_publish()
    wheels = box.ceremony.folder / "wheels"
    agent_wheel(wheels, "0.2.0")
    with monkeypatch.context() as patch:
        for module in ("models.releases.repository", "models.releases.proposal"):
            patch.setattr(f"{module}.AGENT_NAME", "tiny")
        propose_agent(box.ceremony.repository, wheels, now=box.clock.now())
    box.ceremony.sign_and_publish()
    release, digest = box.ceremony.repository.release("tiny", "0.2.0")
    signed = assign(
        box.ceremony.assigner, release, digest, site=SITE, device=DEVICE, deployment="a-1", now=box.clock.now()
    )
    box.updater.hear(DesiredModels(assignment=signed))
    box.work()
    assert (box.state, box.reason) == (_S.REFUSED, "a release of the agent is called agent, not tiny")


def test_a_wheel_that_leads_out_of_its_slot_is_refused(box: Box) -> None:
    box.release("0.2.0", inside="../../../../../etc/evil.pth")
    box.want("0.2.0")
    assert box.state is _S.REFUSED
    assert "leads out of its place" in box.reason


def test_wheels_for_another_machine_are_refused_and_never_proposed_for_this_one(box: Box) -> None:
    wheels = box.ceremony.folder / "wheels-0.2.0"
    agent_wheel(wheels, "0.2.0")
    dependency_wheel(wheels, tag="cp37-cp37m-manylinux_2_17_x86_64")
    dependency_wheel(wheels, tag="cp37-cp37m-manylinux2014_aarch64")
    release = propose_agent(box.ceremony.repository, wheels, now=box.clock.now())
    assert release.requires.machines == ("aarch64", "x86_64")
    box.ceremony.sign_and_publish()
    box.want("0.2.0")
    assert (box.state, box.told[-1].cause) == (_S.REFUSED, Cause.INCOMPATIBLE)
    assert "no wheel of tinydep fits this machine" in box.reason


def test_a_folder_without_an_agent_or_with_two_versions_is_not_proposed(box: Box, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    dependency_wheel(wheels)
    with pytest.raises(ConfigurationError, match="Give the wheel of shoal"):
        propose_agent(box.ceremony.repository, wheels, now=box.clock.now())
    agent_wheel(wheels, "0.2.0")
    dependency_wheel(wheels, "2.0")
    with pytest.raises(ConfigurationError, match="keep one of them"):
        propose_agent(box.ceremony.repository, wheels, now=box.clock.now())


# -- power cuts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hangs", [False, True])
def test_after_a_power_cut_at_every_write_what_is_told_is_what_runs(
    box: Box, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    box.release("0.2.0")
    of_interest = {"active.json", "slot.json", "deployment.json"}  # others: test_trust, test_delivery

    def fresh() -> None:
        for folder in (box.slots, box.settings.data_dir / "deployments" / "agent"):
            shutil.rmtree(folder, ignore_errors=True)
        box.troubles = []
        box.start()

    for cut in power_cuts(
        monkeypatch, lambda: box.live_with("0.2.0", hangs=hangs), fresh=fresh, counts=of_interest.__contains__
    ):
        monkeypatch.setattr(launcher, "boot_id", lambda cut=cut: f"after cut {cut}")
        box.start()
        box.troubles = []
        box.live_with("0.2.0", hangs=False)  # this time it would work
        assert box.updater.deployment is not None
        runs = box.runs is not None and box.runs.sha256 == box.updater.deployment.sha256
        assert box.state is (_S.COMMITTED if runs else _S.ROLLED_BACK), f"cut {cut}"
        pointer = launcher.read(box.slots)
        assert pointer is not None
        assert not pointer.trial, f"cut {cut}"


# -- the launcher ----------------------------------------------------------------------------------------------------

ONE, TWO = Version("a", "0.2.0", "1" * 64, "d-1"), Version("b", "0.3.0", "2" * 64, "d-2")


def whole(pointer: Pointer) -> Pointer:
    """The next start, of slots that are whole."""
    return next_start(pointer, base="0.1.0", boot="one", damage=lambda _version: "")


def test_a_trial_has_its_starts_and_then_the_version_before_is_started() -> None:
    pointer = Pointer(base="0.1.0", active=TWO, previous=ONE, trial="d-2", most=3)
    for start in (1, 2, 3):
        pointer = replace(whole(pointer), up=True)
        assert (pointer.active, pointer.starts) == (TWO, start)
    pointer = whole(pointer)
    assert (pointer.active, pointer.previous, pointer.trial, pointer.starts) == (ONE, None, "", 1)
    assert (pointer.went_back, pointer.because) == ("d-2", "the agent started 3 times within its probation")


def test_when_both_slots_are_damaged_the_machines_own_agent_watches_the_fish() -> None:
    pointer = Pointer(base="0.1.0", active=TWO, previous=ONE)
    gone = next_start(pointer, base="0.1.0", boot="one", damage=lambda version: f"{version.slot} is damaged")
    assert gone.active is None


def test_a_committed_version_that_never_comes_up_again_is_left_at_last() -> None:
    pointer = Pointer(base="0.1.0", active=TWO, previous=ONE)
    for _ in range(MOST_STARTS):
        pointer = whole(pointer)
        assert pointer.active == TWO
    assert whole(pointer).active == ONE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"active": 7}',
        b'{"active": {"slot": "../x", "sha256": "1"}}',
        b'{"active": {"slot": "a", "version": "1", "sha256": "1"}, "starts": "many"}',
    ],
)
def test_a_damaged_pointer_starts_the_machines_own(box: Box, content: bytes) -> None:
    (box.slots / launcher.POINTER).write_bytes(content)
    assert launcher.read(box.slots) is None
    assert box.launch() == ""


def test_the_journal_says_which_version_is_left_and_why(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    box.live("0.2.0")
    box.live("0.3.0")
    assert box.runs is not None
    slot = box.runs.slot
    (box.slots / slot / "bin" / "python").unlink()
    capsys.readouterr()
    box.launch()
    left, starts = capsys.readouterr().err.splitlines()
    assert left == f"launcher: leaves 0.3.0 of slot {slot}: the slot {slot} with the agent 0.3.0 is damaged"
    assert starts.startswith("launcher: starts 0.2.0 of slot ")


def test_a_newer_launcher_may_tell_more_and_an_older_one_less(box: Box) -> None:
    assert launch({}) is None
    told = {"command": ["launcher"], "folder": "/f", "slot": "a", "base": "0.1.0", "paths": []}
    expected = Launch(("launcher",), "/f", "a", "0.1.0", ())
    assert launch({launcher.ENVIRONMENT: json.dumps(told | {"more": 1})}) == expected
    assert launch({launcher.ENVIRONMENT: json.dumps({"slot": "a"})}) is None


def test_a_trial_that_cannot_be_counted_is_not_started(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.live("0.2.0")
    box.release("0.3.0")
    box.want("0.3.0")

    def full(_path: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(launcher, "write_whole", full)
        box.start()
    box.runs = Version("a", "0.2.0", "") if box.runs is not None and box.runs.slot == "a" else box.runs
    assert box.runs is not None
    assert box.runs.slot == "a"
    box.work()
    assert box.state is _S.ROLLED_BACK
    box.start()
    assert box.version == "0.2.0"


def test_the_launcher_needs_nothing_but_the_standard_library() -> None:
    code = "import sys, edge.launcher; print(*sorted({m.split('.')[0] for m in sys.modules} - sys.stdlib_module_names))"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["__main__", "edge"]


def test_real_environments_are_made_started_and_left_by_the_real_launcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(tmp_path, monkeypatch)
    monkeypatch.setattr(fleet, "AgentSlots", AgentSlots)
    box.pause = time.sleep

    def started(start: int) -> str:
        command = [sys.executable, "-m", "edge.launcher", "--slots", str(box.slots), "run", "--start", str(start)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        return done.stdout

    box.start()
    (tmp_path / "wheels-0.2.0").mkdir()
    shutil.copy(pip_wheel(), tmp_path / "wheels-0.2.0")  # this machine's pip makes the others
    box.release("0.2.0")
    box.want("0.2.0")
    assert box.left, box.reason
    box.start()
    box.work()
    assert started(1) == "agent 0.2.0 watches water run --start 1\n"
    box.clock.advance(61)
    box.work()
    assert box.state is _S.COMMITTED
    box.release("0.3.0", fails=1)
    box.want("0.3.0")
    assert started(2) == "agent 0.3.0 watches water run --start 2\n"
    assert started(3) == "agent 0.2.0 watches water run --start 3\n"
    box.start()
    box.work()
    box.release("0.4.0", needs="nowhere_to_be_found")
    assert box.told[-1].state is _S.ROLLED_BACK
    box.want("0.4.0")
    assert (box.state, box.told[-1].cause) == (_S.REFUSED, Cause.SELF_TEST)
    assert "nowhere_to_be_found" in box.reason


def pip_wheel() -> Path:
    """That this Python makes environments with: its own, or Debian's."""
    folders = (Path(ensurepip.__file__).parent / "_bundled", Path(sysconfig.get_config_var("WHEEL_PKG_DIR") or "."))
    return next(wheel for folder in folders for wheel in sorted(folder.glob("pip-*.whl")))
