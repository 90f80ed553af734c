"""The updater killed at every step, and what holds it up. The pipeline is simulated, everything else is real."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.bundles import ImageInput
from contracts.deployments import Cause, DeploymentState, DeploymentStatus, DesiredModels, Hold, HoldKind
from contracts.vision import ModelRef
from edge.deployments import updater as updater_module
from edge.deployments.downloader import Bandwidth, Downloader
from edge.deployments.rules import Conditions
from edge.deployments.settings import ArtifactSource, BandwidthSettings, DeploymentSettings
from edge.deployments.slots import Installed, Slots
from edge.deployments.trial import Work
from edge.deployments.updater import Updater
from edge.inference.engine import EngineReport
from models.releases.assignments import sign_assignment
from tests.edge.deployments.ceremony import DEVICE, SITE, Ceremony, Mirror

_S = DeploymentState
OLD = "0" * 64


@dataclass
class SimulatedCandidate:
    """Loads at once, and says of itself what its manifest says."""

    bundle: str
    report: EngineReport | None
    comparison: Any = None
    refused: str = ""
    lost: int = 0

    @property
    def worker(self) -> SimulatedCandidate:
        return self


@dataclass
class Pipeline:
    """The box's pipeline over restarts of the agent: starts with what the pointer names."""

    refuses: str = ""
    now: EngineReport | None = None
    done: Work = field(default_factory=Work)
    swaps: list[str] = field(default_factory=list)
    swap_gap_ms: float | None = 1.0
    frames: int = 10

    def boot(self, slots: Slots) -> None:
        active = slots.pointer.active
        self.now = report_of(active.bundle) if active.slot is not None else report(OLD)

    def running(self) -> EngineReport | None:
        return self.now

    def work(self) -> Work:
        return self.done

    def try_out(self, bundle: str, *, every_s: float = 0.0, comparison: Any = None) -> Any:
        candidate = SimulatedCandidate(bundle, None if self.refuses else report_of(bundle), comparison, self.refuses)
        for _ in range(self.frames if comparison is not None else 0):
            comparison.pair([], [], active_s=0.01, candidate_s=0.01)
        return candidate

    def drop(self, candidate: Any) -> bool:
        return False

    def swap_to(self, candidate: Any) -> None:
        self.now = candidate.report
        self.swaps.append(candidate.bundle)
        self.done = Work(self.done.results, self.done.errors)

    def memory_bytes(self, candidate: Any) -> int:
        return 1

    def elsewhere(self) -> dict[str, str]:
        return {}


def _no_room(*_arguments: object) -> None:
    raise OSError(28, "No space left on device")


def report(sha256: str, golden: int = 1) -> EngineReport:
    model = ModelRef(name="tiny", version="1.0.0", sha256=sha256)
    return EngineReport(model, ImageInput(width=64, height=32), "CPUExecutionProvider", golden, 1.0, 1.0)


def report_of(bundle: str) -> EngineReport:
    try:
        return report(json.loads((Path(bundle) / "manifest.json").read_text())["sha256"])
    except OSError:
        return report(OLD)


class Box:
    """One device; ``start`` makes a new agent on the same disk."""

    def __init__(self, ceremony: Ceremony, **settings: Any) -> None:
        self.ceremony = ceremony
        self.folder = ceremony.folder / "box"
        self.source: Any = Mirror(ceremony.repository.folder)
        self.pipeline = Pipeline()
        self.conditions = Conditions()
        self.told: list[DeploymentStatus] = []
        self.settings = DeploymentSettings(
            root_file=Path("root.json"),
            sources=(ArtifactSource(kind="folder", path=Path()),),
            **{
                "shadow_run": {"frames": 5, "every_s": 0},
                "probation": {"length_s": 60, "frames": 10},
                "retry_s": 1,
                "min_free_bytes": 0,
                **settings,
            },
        )
        self.start()

    def start(self) -> None:
        clock = self.ceremony.clock
        self.slots = Slots(self.folder / "slots", configured=Installed(None, "shipped", OLD))
        self.pipeline.boot(self.slots)
        downloader = Downloader(
            self.folder / "blobs",
            sources=[self.source],
            bandwidth=Bandwidth(
                BandwidthSettings(), file=self.folder / "b.json", clock=clock, zone=None, pause=lambda _s: None
            ),
            known=self.slots.known_files,
            min_free_bytes=0,
        )
        self.updater = Updater(
            self.settings,
            folder=self.folder,
            site=SITE,
            device=DEVICE,
            clock=clock,
            verifier=self.ceremony.verifier(folder=self.folder, sources=[self.source]),
            downloader=downloader,
            slots=self.slots,
            trial=self.pipeline,
            conditions=lambda: self.conditions,
            tell=self.told.append,
        )

    def desire(self, version: str = "1.0.0", **arguments: Any) -> None:
        self.updater.desire(DesiredModels(assignment=self.ceremony.assign(version, **arguments)))

    @property
    def state(self) -> DeploymentState | None:
        return self.updater.deployment.state if self.updater.deployment is not None else None

    def work(self, until: DeploymentState, *, turns: int = 100) -> None:
        for _ in range(turns):
            if self.state is until:
                return
            self.updater.work()
            self.ceremony.clock.advance(5)
            done = self.pipeline.done
            self.pipeline.done = Work(done.results + 5, done.errors, done.restarts, 10.0, done.refused)
        raise AssertionError(f"{until} was not reached: {self.updater.deployment}")

    def states(self) -> list[str]:
        return [status.state.value for status in self.told]


@dataclass
class Power:
    """That of a box while it lasts."""

    calls: int
    """That are left."""
    gone: bool = False


@contextmanager
def power_for(monkeypatch: pytest.MonkeyPatch, call: str, *, calls: int) -> Iterator[Power]:
    """The power is cut at the call of this function of ``os`` after so many; the block ends there."""
    real, power = getattr(os, call), Power(calls)

    def called(*arguments: Any) -> None:
        if power.calls == 0:
            power.gone = True
            raise SystemExit("the power is gone")
        power.calls -= 1
        real(*arguments)

    with monkeypatch.context() as patch, suppress(SystemExit):
        patch.setattr(os, call, called)
        yield power


@pytest.fixture
def box(tmp_path: Path) -> Box:
    ceremony = Ceremony(tmp_path)
    ceremony.release(ceremony.bundle())
    return Box(ceremony)


def test_every_state_is_told_once_and_active_is_what_the_session_says(box: Box) -> None:
    box.desire()
    box.work(_S.COMMITTED)
    assert box.states() == [
        "assigned", "downloading", "verifying", "self_test", "shadow_run", "activating", "probation", "committed",
    ]  # fmt: skip
    reported = box.updater.reported()
    assert reported.running_sha256 == reported.committed_sha256 == reported.verified_sha256
    assert reported.repository_expires_at is not None
    assert not list((box.folder / "blobs").iterdir()), "blobs of a committed model are not kept twice"


@pytest.mark.parametrize("killed_at", [one for one in DeploymentState if not one.ended])
def test_an_agent_killed_at_any_step_ends_with_the_same_model(box: Box, killed_at: DeploymentState) -> None:
    box.desire()
    box.work(killed_at)
    box.start()
    box.work(_S.COMMITTED)
    assert box.pipeline.running() == report_of(str(box.slots.bundle("a")))
    box.start()
    assert box.state is _S.COMMITTED
    assert box.slots.pointer.active.slot == "a"


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_power_cut_at_every_write_never_leaves_a_model_that_was_not_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    cuts, ceremony = 0, Ceremony(tmp_path)
    approved = {OLD, ceremony.release(ceremony.bundle()).sha256}
    for cut in range(0, 120, 5 if call == "fsync" else 3):
        box = Box(ceremony)
        box.folder = ceremony.folder / f"box-{call}-{cut}"
        box.start()
        box.desire()
        with power_for(monkeypatch, call, calls=cut) as power:
            box.work(_S.COMMITTED)
        cuts += power.gone
        box.start()
        running = box.pipeline.running()
        assert running is not None
        assert running.model.sha256 in approved
        if box.state is None:
            box.desire()
        box.work(_S.COMMITTED)
        if power.calls > 0:
            break
    assert cuts >= 5


def test_a_disk_that_is_full_in_the_moment_of_the_swap_loses_neither_the_new_model_nor_the_way_back(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.desire()
    box.work(_S.ACTIVATING)
    box.updater.work()
    assert box.pipeline.swaps == [str(box.slots.bundle("a"))]
    with monkeypatch.context() as full:
        full.setattr(updater_module, "write_whole", _no_room)
        for _ in range(2):
            box.updater.work()
            box.ceremony.clock.advance(10)
        assert box.state is _S.ACTIVATING
    box.ceremony.clock.advance(30 * 86_400)  # its lease has ended meanwhile, and it runs
    box.work(_S.PROBATION)
    assert len(box.pipeline.swaps) == 1, "it is not loaded a second time"
    assert box.slots.pointer.previous == box.slots.configured
    box.pipeline.done = Work(20, 9)
    box.work(_S.ROLLED_BACK)
    assert box.pipeline.running() == report(OLD)


def test_the_network_is_not_needed_after_the_download(box: Box) -> None:
    box.desire()
    box.work(_S.VERIFYING)
    box.ceremony.repository.folder.rename(box.ceremony.folder / "gone")
    box.start()
    box.work(_S.COMMITTED)


def test_a_source_that_is_away_is_waited_for_and_the_lease_ends_the_wait(box: Box) -> None:
    box.desire(lease=timedelta(hours=1))
    gone = box.ceremony.folder / "gone"
    box.ceremony.repository.folder.rename(gone)
    box.updater.work()
    box.updater.work()
    status = box.updater.status()
    assert status is not None
    assert status.state is _S.ASSIGNED
    assert status.waiting_for is not None
    box.ceremony.clock.advance(3700)
    box.work(_S.REFUSED)
    assert box.pipeline.swaps == []
    assert "the lease ended" in (box.told[-1].reason or "") or "expired" in (box.told[-1].reason or "")


def test_feeding_holds_the_swap_and_nothing_else(box: Box) -> None:
    box.conditions = Conditions(feeding=("tank-1",))
    box.desire()
    box.work(_S.ACTIVATING)
    for _ in range(5):
        box.updater.work()
    status = box.updater.status()
    assert status is not None
    assert status.waiting_for == "feeding at tank-1"
    assert box.pipeline.swaps == []
    box.conditions = Conditions()
    box.work(_S.COMMITTED)


def test_a_treatment_in_the_farms_diary_holds_the_swap(box: Box) -> None:
    now = box.ceremony.clock.now()
    hold = Hold(unit="tank-1", kind=HoldKind.TREATMENT, begins=now, ends=now + timedelta(minutes=30))
    box.updater.desire(DesiredModels(assignment=box.ceremony.assign(), holds=(hold,)))
    box.work(_S.ACTIVATING)
    box.updater.work()
    assert box.pipeline.swaps == []
    assert (
        box.updater.status() or box.told[-1]
    ).waiting_for == f"treatment at tank-1 until {hold.ends:%Y-%m-%d %H:%M} UTC"
    box.ceremony.clock.advance(1800)
    box.work(_S.COMMITTED)


def test_going_back_waits_for_no_window(box: Box) -> None:
    box.desire()
    box.work(_S.PROBATION)
    box.conditions = Conditions(feeding=("tank-1",), alarms=(("do.low.critical", "critical", "tank-1"),))
    box.pipeline.done = Work(20, 9)
    box.work(_S.ROLLED_BACK)
    running = box.pipeline.running()
    assert running is not None
    assert running.model.sha256 == OLD == box.updater.reported().running_sha256
    assert box.slots.pointer.active.slot is None
    assert "failed on" in (box.told[-1].reason or "")


def test_an_agent_killed_while_it_goes_back_goes_on_going_back(box: Box) -> None:
    box.desire()
    box.work(_S.PROBATION)
    box.pipeline.done = Work(20, 9)
    box.updater.work()
    assert box.updater.deployment is not None
    assert box.updater.deployment.rolling_back
    box.start()
    box.work(_S.ROLLED_BACK)
    assert box.slots.pointer.active.slot is None


def test_a_model_that_takes_the_agent_down_again_and_again_goes_back(box: Box) -> None:
    box.desire()
    box.work(_S.PROBATION)
    for _ in range(4):
        box.start()
    box.work(_S.ROLLED_BACK)
    assert "the agent started 4 times" in (box.told[-1].reason or "")


def test_a_candidate_that_does_not_load_is_refused_and_what_runs_is_not_touched(box: Box) -> None:
    box.pipeline.refuses = "Its golden frames give other results on this box"
    box.desire()
    box.work(_S.REFUSED)
    assert box.pipeline.swaps == []
    assert "golden frames" in (box.told[-1].reason or "")


def test_a_trial_for_some_units_is_refused_and_never_spread_to_all_of_them(box: Box) -> None:
    told = box.ceremony.assign().unverified().model_copy(update={"units": ("tank-1",), "slot": "b"})
    box.updater.desire(DesiredModels(assignment=sign_assignment(box.ceremony.assigner, told)))
    box.work(_S.REFUSED)
    assert "some units only" in (box.told[-1].reason or "")
    assert box.told[-1].cause is Cause.INCOMPATIBLE
    assert box.pipeline.swaps == []


def test_a_shadow_run_without_frames_is_inconclusive(box: Box) -> None:
    box.pipeline.frames = 0
    box.desire()
    box.work(_S.SHADOW_RUN)
    box.ceremony.clock.advance(30_000)
    box.work(_S.REFUSED)
    assert "inconclusive" in (box.told[-1].reason or "")
    assert box.pipeline.swaps == []


def test_a_later_assignment_replaces_a_download_but_waits_for_a_probation(box: Box) -> None:
    box.ceremony.release(box.ceremony.bundle("2.0.0"))
    box.desire()
    box.work(_S.DOWNLOADING)
    box.desire("2.0.0")
    box.work(_S.PROBATION)
    assert box.updater.deployment is not None
    assert box.updater.deployment.id == "d-2.0.0"
    box.ceremony.clock.advance(1)
    box.ceremony.release(box.ceremony.bundle("3.0.0"))
    box.desire("3.0.0")
    box.updater.work()
    assert box.updater.deployment.id == "d-2.0.0"
    box.work(_S.COMMITTED)
    assert box.updater.deployment.id == "d-2.0.0"
    box.updater.work()
    box.work(_S.COMMITTED)
    assert box.slots.pointer.active.version == "3.0.0"
    assert box.slots.pointer.active.slot == "b"


def test_a_replayed_assignment_does_not_even_take_the_place_of_what_is_known(box: Box) -> None:
    old = box.ceremony.assign(deployment="old")
    box.ceremony.clock.advance(60)
    box.desire()
    box.work(_S.COMMITTED)
    box.updater.desire(DesiredModels(assignment=old))
    box.updater.work()
    assert box.updater.deployment is not None
    assert box.updater.deployment.id == "d-1.0.0"


def test_a_committed_slot_that_is_damaged_later_goes_back_to_the_one_before(box: Box) -> None:
    box.desire()
    box.work(_S.COMMITTED)
    box.start()
    box.pipeline.now, box.pipeline.done = None, Work(refused="the model file is truncated")
    box.work(_S.ROLLED_BACK)
    assert box.updater.reported().running_sha256 == OLD


def test_a_rollout_holds_a_box_in_the_shadow_run_until_its_wave_is_released(box: Box) -> None:
    signed = box.ceremony.assign()
    box.updater.desire(DesiredModels(assignment=signed, activate=False))
    box.work(_S.SHADOW_RUN)
    for _ in range(5):
        box.updater.work()
    box.start()  # also over a restart, before anything was heard
    box.work(_S.SHADOW_RUN)
    for _ in range(5):
        box.updater.work()
    status = box.updater.status()
    assert status is not None
    assert status.state is _S.SHADOW_RUN
    assert status.waiting_for == "the rollout: it has not released this wave yet"
    assert status.shadow is not None
    held = [told for told in box.told if told.reason == "good after 10 frames"]
    assert len(held) == 2, "the rollout hears the figures that it judges by, and again after the restart"
    assert all(told.shadow is not None for told in held)
    assert box.pipeline.swaps == []
    box.updater.desire(DesiredModels(assignment=signed, activate=True))
    box.work(_S.COMMITTED)
    assert box.states().count("assigned") == 1


def test_going_back_to_what_worked_before_is_short_and_needs_no_network(box: Box) -> None:
    box.desire()
    box.work(_S.COMMITTED)
    box.ceremony.release(box.ceremony.bundle("2.0.0"))
    box.ceremony.clock.advance(1)
    box.desire("2.0.0")
    box.work(_S.PROBATION)
    box.work(_S.COMMITTED)
    box.told.clear()
    reads = len(box.source.reads)
    box.ceremony.clock.advance(1)
    box.updater.desire(DesiredModels(assignment=box.ceremony.assign("1.0.0", deployment="back"), urgent=True))
    box.updater.work()
    box.work(_S.COMMITTED)
    assert "shadow_run" not in box.states()
    assert not [path for path in box.source.reads[reads:] if path.startswith("blobs/")]
    assert box.slots.pointer.active.version == "1.0.0"


def test_why_a_deployment_ended_can_be_counted(box: Box) -> None:
    box.pipeline.refuses = "golden frames"
    box.desire()
    box.work(_S.REFUSED)
    causes = [box.told[-1].cause]
    box.ceremony.clock.advance(1)
    box.pipeline.refuses, box.pipeline.frames = "", 0
    box.desire(deployment="again")
    box.work(_S.SHADOW_RUN)
    box.ceremony.clock.advance(30_000)
    box.work(_S.REFUSED)
    causes.append(box.told[-1].cause)
    box.ceremony.clock.advance(1)
    box.pipeline.frames = 10
    box.desire(deployment="third")
    box.work(_S.PROBATION)
    box.pipeline.done = Work(20, 9)
    box.work(_S.ROLLED_BACK)
    causes.append(box.told[-1].cause)
    assert causes == [Cause.SELF_TEST, Cause.INCONCLUSIVE, Cause.PROBATION]
