"""Another model in some units of a box: it comes, it is watched, it goes, and the other units never notice. The pipeline is simulated."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.deployments import (
    Cause,
    DeploymentState,
    DeploymentStatus,
    DesiredModels,
    DesiredTrial,
    Hold,
    HoldKind,
)
from contracts.errors import ShoalError
from edge.deployments import updater as updater_module
from edge.deployments.disk import write_whole
from edge.deployments.downloader import Bandwidth, Downloader
from edge.deployments.rules import Conditions
from edge.deployments.second_place import SecondPlace
from edge.deployments.settings import BandwidthSettings
from edge.deployments.slots import Slots
from edge.deployments.trial import Work
from edge.deployments.unit_trial import FOLDER, UnitTrialUpdater, open_trial_slots, trial_to_start_with
from edge.inference.engine import EngineReport
from tests.edge.deployments.ceremony import DEVICE, SITE, Ceremony
from tests.edge.deployments.test_updater import OLD, Box, Pipeline, SimulatedCandidate, power_for, report_of

_S = DeploymentState
UNITS = ("tank-1", "tank-2", "tank-3")


class Units(Pipeline):
    """The units of the box: all have the model of ``box``, some that of the trial."""

    def __init__(self, box: BoxPipeline) -> None:
        super().__init__()
        self.box = box
        self.trial: EngineReport | None = None
        self.where: tuple[str, ...] = ()
        self.asked: tuple[str, ...] = ()
        self.tried: SimulatedCandidate | None = None
        self.box_ms = 10.0
        self.cameras = set(UNITS)

    def begin(self, folder: Path, slots: Slots) -> None:
        left = trial_to_start_with(folder, slots)
        self.trial, self.where, self.tried, self.done = None, (), None, Work()
        if left is not None and self.cameras & set(left[1]):
            self.trial, self.where = report_of(left[0]), left[1]

    def running(self) -> EngineReport | None:
        return self.trial

    def seen(self) -> frozenset[str]:
        return frozenset(self.cameras)

    def try_out_in(self, units: Any, bundle: str, *, every_s: float = 0.0, comparison: Any = None) -> Any:
        self.asked, self.tried = tuple(units), self.try_out(bundle, every_s=every_s, comparison=comparison)
        return self.tried

    def drop(self, candidate: Any) -> bool:
        self.tried = None
        return False

    def swap_to(self, candidate: Any) -> None:
        self.trial, self.where, self.tried, self.done = candidate.report, self.asked, None, Work(0, 0, 0, 10.0)
        self.swaps.append(candidate.bundle)

    def beside(self) -> bool:
        return bool(self.where)

    def rejoin(self) -> None:
        self.trial, self.where = None, ()

    def box_sha256(self) -> str | None:
        return self.box.now.model.sha256 if self.box.now is not None else None

    def box_frame_ms(self) -> float:
        return self.box_ms

    def box_memory_bytes(self) -> int:
        return 300_000_000

    def elsewhere(self) -> dict[str, str]:
        return dict.fromkeys(self.where, self.trial.model.sha256) if self.trial is not None else {}

    def by_unit(self) -> dict[str, str]:
        return dict.fromkeys(UNITS, str(self.box_sha256())) | self.elsewhere()

    @property
    def models_in_memory(self) -> int:
        return 1 + (self.trial is not None) + (self.tried is not None) + (self.box.tried is not None)


class BoxPipeline(Pipeline):
    """That of the box's own model, which tells whether a candidate is loaded."""

    tried: SimulatedCandidate | None = None

    def boot(self, slots: Slots) -> None:
        self.tried = None
        super().boot(slots)

    def try_out(self, bundle: str, *, every_s: float = 0.0, comparison: Any = None) -> Any:
        self.tried = super().try_out(bundle, every_s=every_s, comparison=comparison)
        return self.tried

    def drop(self, candidate: Any) -> bool:
        self.tried = None
        return super().drop(candidate)

    def swap_to(self, candidate: Any) -> None:
        self.tried = None
        super().swap_to(candidate)


class TrialBox(Box):
    """A box with three tanks; ``box`` is the deployment of its own model, ``trial`` that of some units."""

    def __init__(self, ceremony: Ceremony, **settings: Any) -> None:
        self.trial_told: list[DeploymentStatus] = []
        self.memory_mb = (8000, 4000)
        self.units = Units(BoxPipeline())
        super().__init__(ceremony, **settings)

    def start(self) -> None:
        self.pipeline = self.units.box
        super().start()
        place, clock = SecondPlace(), self.ceremony.clock
        # As in the agent: both share the place beside the model.
        self.updater._place = place
        if self.updater.deployment is not None and self.updater._holds_place(self.updater.deployment):
            place.take("box")
        folder = self.folder / FOLDER
        self.trial_slots = open_trial_slots(self.folder, box="shipped")
        self.units.begin(self.folder, self.trial_slots)
        bandwidth = Bandwidth(
            BandwidthSettings(), file=self.folder / "b.json", clock=clock, zone=None, pause=lambda _s: None
        )
        self.trial = UnitTrialUpdater(
            self.settings,
            folder=folder,
            site=SITE,
            device=DEVICE,
            clock=clock,
            verifier=self.ceremony.verifier(folder=folder, sources=[self.source]),
            downloader=Downloader(
                folder / "blobs",
                sources=[self.source],
                bandwidth=bandwidth,
                known=self.trial_slots.known_files,
                min_free_bytes=0,
            ),
            slots=self.trial_slots,
            units=self.units if self.units.cameras else None,
            place=place,
            box_is_busy=lambda: self.updater.deployment is not None and self.updater.deployment.unfinished,
            conditions=lambda: self.conditions,
            tell=self.trial_told.append,
            memory_mb=lambda: self.memory_mb,
        )

    def try_in(self, *units: str, version: str = "1.0.0", days: float = 7, **arguments: Any) -> DesiredTrial:
        signed = self.ceremony.assign(version, units=units, runs_for=timedelta(days=days), **arguments)
        wish = DesiredTrial(assignment=signed)
        self.trial.desire(wish)
        return wish

    @property
    def trial_state(self) -> DeploymentState | None:
        return self.trial.deployment.state if self.trial.deployment is not None else None

    def turn(self) -> None:
        self.updater.work()
        self.trial.work()
        self.ceremony.clock.advance(5)
        done, units = self.pipeline.done, self.units.done
        self.pipeline.done = Work(done.results + 5, done.errors, done.restarts, 10.0, done.refused)
        self.units.done = Work(units.results + 5, units.errors, units.restarts, 10.0, units.refused, units.hopeless)
        assert self.units.models_in_memory <= 2

    def work_trial(self, until: DeploymentState, *, turns: int = 100) -> None:
        for _ in range(turns):
            if self.trial_state is until:
                return
            self.turn()
        raise AssertionError(f"{until} was not reached: {self.trial.deployment}")

    def work_box(self, until: DeploymentState, *, turns: int = 100) -> None:
        for _ in range(turns):
            if self.state is until:
                return
            self.turn()
        raise AssertionError(f"{until} was not reached: {self.updater.deployment}")

    def trial_states(self) -> list[str]:
        return [status.state.value for status in self.trial_told]

    def why(self) -> str:
        return self.trial_told[-1].reason or ""


@pytest.fixture
def box(tmp_path: Path) -> TrialBox:
    ceremony = Ceremony(tmp_path)
    ceremony.release(ceremony.bundle())
    return TrialBox(ceremony)


def test_two_tanks_get_another_model_and_the_third_keeps_that_of_the_box(box: TrialBox) -> None:
    box.try_in("tank-1", "tank-3")
    box.work_trial(_S.COMMITTED)
    assert box.trial_states() == [
        "assigned", "downloading", "verifying", "self_test", "shadow_run", "activating", "probation", "committed",
    ]  # fmt: skip
    new = box.trial.reported().running_sha256
    assert box.units.by_unit() == {"tank-1": new, "tank-2": OLD, "tank-3": new}
    assert box.trial.reported().units == {"tank-1": new, "tank-3": new}
    assert box.trial.reported().committed_sha256 == new
    assert box.trial_told[-1].units == ("tank-1", "tank-3")
    assert box.slots.pointer.active.slot is None, "the box starts with its own model"


def test_it_ends_when_it_is_withdrawn_and_starts_no_more_at_the_next_start(box: TrialBox) -> None:
    wish = box.try_in("tank-2")
    box.work_trial(_S.COMMITTED)
    box.trial.desire(wish.model_copy(update={"end": True, "reason": "enough pictures"}))
    box.work_trial(_S.WITHDRAWN)
    assert box.why() == "enough pictures"
    assert set(box.units.by_unit().values()) == {OLD}
    box.start()
    assert not box.units.beside()
    for _ in range(3):  # the retained order comes again after every connect
        box.trial.desire(wish.model_copy(update={"end": True}))
        box.turn()
    assert box.trial_state is _S.WITHDRAWN


def test_it_ends_by_itself_on_a_box_that_hears_nothing_any_more(box: TrialBox) -> None:
    box.try_in("tank-2", days=2)
    box.work_trial(_S.COMMITTED)
    box.ceremony.repository.folder.rename(box.ceremony.folder / "gone")
    box.start()
    assert box.units.by_unit()["tank-2"] != OLD
    box.ceremony.clock.advance(2 * 86_400)
    box.work_trial(_S.WITHDRAWN)
    assert "it was to end at" in box.why()
    assert set(box.units.by_unit().values()) == {OLD}


def test_it_ends_on_a_box_that_hears_nothing_and_has_lost_the_time(box: TrialBox) -> None:
    box.try_in("tank-2", days=2)
    box.work_trial(_S.COMMITTED)
    clock = box.ceremony.clock
    box.ceremony.repository.folder.rename(box.ceremony.folder / "gone")
    clock.wall, clock.knows_the_time = clock.wall.replace(year=1970), False
    box.start()
    clock.advance(86_400)
    box.turn()
    assert box.units.beside(), "only a day has passed"
    clock.advance(86_400)
    box.work_trial(_S.WITHDRAWN)
    assert "it was to end at" in box.why()


def test_a_trial_that_works_badly_goes_back_alone_and_needs_no_network(box: TrialBox) -> None:
    box.try_in("tank-2")
    box.work_trial(_S.PROBATION)
    box.ceremony.repository.folder.rename(box.ceremony.folder / "gone")
    box.conditions = Conditions(feeding=("tank-2",))  # no window holds up the way back
    box.units.done = Work(20, 9)
    box.work_trial(_S.ROLLED_BACK)
    assert "failed on 9 frames" in box.why()
    assert box.trial_told[-1].cause is Cause.PROBATION
    assert box.pipeline.swaps == [], "the box's own model was never touched"
    assert set(box.units.by_unit().values()) == {OLD}


def test_a_trial_that_slows_the_other_tanks_down_goes_back(box: TrialBox) -> None:
    box.try_in("tank-2")
    box.work_trial(_S.PROBATION)
    box.units.box_ms = 50.0
    box.work_trial(_S.ROLLED_BACK)
    assert "beside it the box's own model takes 50 ms a frame, alone it took 10 ms" in box.why()


@pytest.mark.parametrize(
    ("done", "why"),
    [
        (Work(100, refused="the model file is truncated"), "does not load any more: the model file is truncated"),
        (Work(100, restarts=3, hopeless=True), "its process was lost 3 times"),
    ],
)
def test_a_trial_is_watched_after_its_probation_too(box: TrialBox, done: Work, why: str) -> None:
    box.try_in("tank-2")
    box.work_trial(_S.COMMITTED)
    box.units.trial, box.units.done = None, done
    box.work_trial(_S.ROLLED_BACK)
    assert why in box.why()
    assert not box.units.beside()


def test_fish_in_its_units_hold_it_and_those_in_others_do_not(box: TrialBox) -> None:
    now = box.ceremony.clock.now()
    elsewhere = Hold(unit="tank-1", kind=HoldKind.TREATMENT, begins=now, ends=now + timedelta(days=1))
    box.conditions = Conditions(
        feeding=("tank-1",), maintenance=("tank-3.oxygen",), alarms=(("do.low.critical", "critical", "tank-3"),)
    )
    signed = box.ceremony.assign(units=("tank-2",), runs_for=timedelta(days=7))
    here = Hold(unit="tank-2", kind=HoldKind.FEEDING, begins=now, ends=now + timedelta(minutes=30))
    wish = DesiredTrial(assignment=signed, holds=(elsewhere, here))
    box.trial.desire(wish)
    box.work_trial(_S.ACTIVATING)
    box.turn()
    assert not box.units.beside()
    assert (
        box.trial.status() or box.trial_told[-1]
    ).waiting_for == f"feeding at tank-2 until {here.ends:%Y-%m-%d %H:%M} UTC"
    box.ceremony.clock.advance(1800)
    box.work_trial(_S.COMMITTED)
    # its end waits for the fish too, and meanwhile it goes on
    box.conditions = Conditions(feeding=("tank-2",))
    box.trial.desire(wish.model_copy(update={"end": True, "reason": "enough"}))
    for _ in range(3):
        box.turn()
    assert box.units.beside()
    assert (box.trial.status() or box.trial_told[-1]).waiting_for == "feeding at tank-2, to end: enough"
    box.start()  # it is not forgotten by a start without network
    box.turn()
    assert box.units.beside()
    box.conditions = Conditions()
    box.work_trial(_S.WITHDRAWN)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"units": UNITS}, "it names every unit of this box"),
        ({"units": ("tank-9",)}, "no camera of this box looks at tank-9"),
        ({"units": ()}, "names its units and the slot b"),
        ({"slot": "a"}, "names its units and the slot b"),
        ({"ends_at": None}, "names when it ends"),
        ({"sha256": "f" * 64}, "name different models"),
    ],
)
def test_a_trial_that_cannot_be_is_refused_with_the_reason(box: TrialBox, change: dict[str, Any], why: str) -> None:
    from models.releases.assignments import sign_assignment

    told = box.ceremony.assign(units=("tank-1",), runs_for=timedelta(days=1)).unverified()
    box.trial.desire(DesiredTrial(assignment=sign_assignment(box.ceremony.assigner, told.model_copy(update=change))))
    box.work_trial(_S.REFUSED)
    assert why in box.why()
    assert not box.units.swaps


def test_a_box_without_memory_for_two_models_refuses(box: TrialBox) -> None:
    box.memory_mb = (8000, 550)
    box.try_in("tank-1")
    box.work_trial(_S.REFUSED)
    assert box.why() == "a second model needs about 620 MB of memory, 550 MB are free"
    assert box.trial_told[-1].cause is Cause.INCOMPATIBLE


@pytest.mark.parametrize("reached", [_S.PROBATION, _S.COMMITTED])
@pytest.mark.parametrize(("free_mb", "looks"), [(150, 3), (70, 1)])
def test_a_trial_gives_its_memory_back_before_the_box_runs_out_of_it(
    box: TrialBox, reached: DeploymentState, free_mb: int, looks: int
) -> None:
    box.ceremony.release(box.ceremony.bundle("2.0.0"))
    box.try_in("tank-1")
    box.work_trial(reached)
    box.conditions = Conditions(feeding=("tank-1",), alarms=(("do.low", "critical", "tank-1"),))
    box.memory_mb = (8000, free_mb)
    for _ in range(looks - 1):
        box.turn()
        assert box.units.beside(), "a moment of it ends nothing"
    box.work_trial(_S.ROLLED_BACK, turns=4)
    assert f"with two models {free_mb} MB of memory are free, less than the 160 MB that the box keeps" in box.why()
    assert (box.units.models_in_memory, box.units.by_unit()) == (1, dict.fromkeys(UNITS, OLD))
    assert box.pipeline.swaps == [], "the box's own model was left alone"
    box.start()
    assert not box.units.beside()
    box.conditions, box.memory_mb = Conditions(), (8000, 4000)
    box.ceremony.clock.advance(1)
    box.try_in("tank-2", version="2.0.0")  # its place is free again
    box.work_trial(_S.COMMITTED)


def test_a_moment_without_memory_ends_no_trial(box: TrialBox) -> None:
    box.try_in("tank-1")
    box.work_trial(_S.COMMITTED)
    for free_mb in (150, 150, 160, 150, 150, 4000):
        box.memory_mb = (8000, free_mb)
        box.turn()
    assert box.trial_state is _S.COMMITTED
    assert box.units.beside()


def test_a_candidate_that_the_box_has_no_memory_for_any_more_is_refused_and_leaves(box: TrialBox) -> None:
    signed = box.ceremony.assign(units=("tank-2",), runs_for=timedelta(days=7))
    box.trial.desire(DesiredTrial(assignment=signed, activate=False))
    box.work_trial(_S.SHADOW_RUN)
    box.turn()
    assert box.units.tried is not None
    box.memory_mb = (8000, 70)
    box.work_trial(_S.REFUSED, turns=2)
    assert "70 MB of memory are free" in box.why()
    assert box.trial_told[-1].cause is Cause.INCOMPATIBLE
    assert box.units.models_in_memory == 1


def test_memory_that_was_there_when_a_trial_was_admitted_is_looked_for_again_before_it_loads(box: TrialBox) -> None:
    box.try_in("tank-1")
    box.work_trial(_S.SELF_TEST)
    assert box.units.tried is None
    box.memory_mb = (8000, 550)
    box.work_trial(_S.REFUSED, turns=2)
    assert box.why() == "a second model needs about 620 MB of memory, 550 MB are free"


def test_the_boxes_own_model_goes_first_and_the_trial_ends_for_it(box: TrialBox) -> None:
    box.ceremony.release(box.ceremony.bundle("2.0.0"))
    box.try_in("tank-2")
    box.work_trial(_S.COMMITTED)
    box.ceremony.clock.advance(1)
    box.conditions = Conditions(feeding=("tank-2",))
    box.desire("2.0.0")
    for _ in range(8):
        box.turn()
    assert box.states()[-1] == "self_test"
    assert "which ends first" in ((box.updater.status() or box.told[-1]).waiting_for or "")
    box.conditions = Conditions()
    for _ in range(60):
        box.turn()
    assert box.state is _S.COMMITTED
    assert box.trial_state is _S.WITHDRAWN
    assert "about to change" in box.why()
    assert len(set(box.units.by_unit().values())) == 1


def test_the_release_of_a_trial_is_adopted_by_an_ordinary_assignment_without_a_download(box: TrialBox) -> None:
    box.try_in("tank-2")
    box.work_trial(_S.COMMITTED)
    new, reads = box.units.by_unit()["tank-2"], len(box.source.reads)
    box.ceremony.clock.advance(1)
    box.updater._downloader._known = lambda: [*box.slots.known_files(), *box.trial_slots.known_files()]
    box.desire(deployment="adopted")
    for _ in range(60):
        box.turn()
    assert box.state is _S.COMMITTED
    assert box.trial_state is _S.WITHDRAWN
    assert box.units.by_unit() == dict.fromkeys(UNITS, new)
    assert not [path for path in box.source.reads[reads:] if path.startswith("blobs/")]


def test_a_trial_waits_while_the_boxes_own_model_is_under_way(box: TrialBox) -> None:
    box.ceremony.release(box.ceremony.bundle("2.0.0"))
    box.updater.desire(DesiredModels(assignment=box.ceremony.assign("2.0.0"), activate=False))
    for _ in range(10):
        box.turn()
    assert box.states()[-1] == "shadow_run"
    box.try_in("tank-2")
    for _ in range(10):
        box.turn()
    assert box.trial_state is _S.SELF_TEST
    assert "goes first" in ((box.trial.status() or box.trial_told[-1]).waiting_for or "")
    box.ceremony.clock.advance(1)
    box.updater.desire(DesiredModels(assignment=box.ceremony.assign("2.0.0"), activate=True))
    box.work_trial(_S.COMMITTED)
    assert box.state is _S.COMMITTED


def test_another_trial_takes_the_place_of_the_first_after_its_end(box: TrialBox) -> None:
    box.ceremony.release(box.ceremony.bundle("2.0.0"))
    box.try_in("tank-1")
    box.work_trial(_S.COMMITTED)
    box.ceremony.clock.advance(1)
    box.try_in("tank-2", version="2.0.0")
    box.work_trial(_S.WITHDRAWN)
    assert "another trial" in box.why()
    box.work_trial(_S.COMMITTED)
    assert box.units.where == ("tank-2",)


def test_a_trial_that_waits_for_the_fish_to_give_way_to_another_writes_that_once(
    box: TrialBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.ceremony.release(box.ceremony.bundle("2.0.0"))
    box.try_in("tank-1")
    box.work_trial(_S.COMMITTED)
    box.turn()
    box.ceremony.clock.advance(1)
    box.conditions = Conditions(feeding=("tank-1",))
    box.try_in("tank-2", version="2.0.0")
    writes: list[Path] = []

    def noted(file: Path, content: bytes) -> None:
        writes.append(file)
        write_whole(file, content)

    monkeypatch.setattr(updater_module, "write_whole", noted)
    for _ in range(20):
        box.turn()
    assert len(writes) == 1, "an hour of feeding is 14,400 looks"
    assert box.units.where == ("tank-1",)


def test_the_same_trial_signed_anew_ends_before_it_begins_again(box: TrialBox) -> None:
    wish = box.try_in("tank-1", deployment="the-trial")
    box.work_trial(_S.COMMITTED)
    box.ceremony.clock.advance(1)
    again = box.try_in("tank-2", deployment="the-trial")
    assert again != wish
    box.work_trial(_S.WITHDRAWN)
    box.work_trial(_S.COMMITTED)
    assert box.units.where == ("tank-2",)


def test_a_trial_that_cannot_be_downloaded_holds_nothing_up(box: TrialBox) -> None:
    for version in ("2.0.0", "3.0.0"):
        box.ceremony.release(box.ceremony.bundle(version))
    box.trial.desire(
        DesiredTrial(assignment=box.ceremony.assign(units=("tank-2",), runs_for=timedelta(days=7)), activate=False)
    )
    box.work_trial(_S.SHADOW_RUN)
    box.turn()
    assert box.units.tried is not None
    box.ceremony.clock.advance(1)
    box.try_in("tank-2", version="2.0.0")  # takes the place of the first, which is not in its unit yet
    box.work_trial(_S.DOWNLOADING)
    box.trial._downloader._sources = []
    box.ceremony.clock.advance(1)
    box.desire("3.0.0")
    box.work_box(_S.COMMITTED)
    assert box.trial_state is _S.DOWNLOADING


def test_a_box_whose_own_model_is_lost_goes_back_at_once_and_a_candidate_gives_way(box: TrialBox) -> None:
    box.desire()
    box.work_box(_S.COMMITTED)
    box.ceremony.release(box.ceremony.bundle("2.0.0"))
    box.ceremony.clock.advance(1)
    signed = box.ceremony.assign("2.0.0", units=("tank-2",), runs_for=timedelta(days=7))
    box.trial.desire(DesiredTrial(assignment=signed, activate=False))
    box.work_trial(_S.SHADOW_RUN)
    box.turn()
    box.pipeline.now, box.pipeline.done = None, Work(100, refused="the model file is truncated")
    box.work_trial(_S.WITHDRAWN)
    assert "about to change" in box.why()
    box.pipeline.done = Work()
    box.work_box(_S.ROLLED_BACK)
    assert box.units.by_unit() == dict.fromkeys(UNITS, OLD)


@pytest.mark.parametrize("gone", [{"tank-1"}, set(UNITS)])
def test_a_trial_whose_units_have_no_camera_after_a_new_start_ends(box: TrialBox, gone: set[str]) -> None:
    box.try_in("tank-1")
    box.work_trial(_S.COMMITTED)
    box.units.cameras -= gone
    box.start()
    box.work_trial(_S.ROLLED_BACK)
    assert "no camera" in box.why()


def test_a_trial_that_takes_the_agent_down_again_and_again_goes_back(box: TrialBox) -> None:
    box.try_in("tank-1")
    box.work_trial(_S.PROBATION)
    for _ in range(4):
        box.start()
    box.work_trial(_S.ROLLED_BACK)
    assert "the agent started 4 times" in box.why()
    box.start()
    assert not box.units.beside()


@pytest.mark.parametrize("killed_at", [one for one in DeploymentState if not one.ended])
def test_an_agent_killed_at_any_step_ends_with_the_same_trial(box: TrialBox, killed_at: DeploymentState) -> None:
    box.try_in("tank-2")
    box.work_trial(killed_at)
    box.start()
    box.work_trial(_S.COMMITTED)
    by_unit = box.units.by_unit()
    box.start()
    assert box.trial_state is _S.COMMITTED
    assert box.units.by_unit() == by_unit


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_power_cut_at_every_write_leaves_every_unit_with_a_proven_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    cuts, ceremony = 0, Ceremony(tmp_path)
    approved = {OLD, ceremony.release(ceremony.bundle()).sha256}
    for cut in range(0, 120, 7 if call == "fsync" else 4):
        box = TrialBox(ceremony)
        box.folder = ceremony.folder / f"box-{call}-{cut}"
        box.start()
        wish = box.try_in("tank-2")
        with power_for(monkeypatch, call, calls=cut) as power:
            box.work_trial(_S.COMMITTED)
            box.trial.desire(wish.model_copy(update={"end": True}))
            box.work_trial(_S.WITHDRAWN)
        cuts += power.gone
        box.start()
        assert set(box.units.by_unit().values()) <= approved
        box.trial.desire(wish.model_copy(update={"end": box.trial_state is not None}))
        box.work_trial(_S.WITHDRAWN if box.trial_state is not None else _S.COMMITTED)
        assert len(set(box.units.by_unit().values())) == (1 if box.trial_state is _S.WITHDRAWN else 2)
        if power.calls > 0:
            break
    assert cuts >= 5


@pytest.mark.parametrize("seed", [0, 4, 6])
def test_whatever_happens_no_unit_runs_a_model_that_was_not_approved_for_it(tmp_path: Path, seed: int) -> None:
    """Orders, forgeries, starts, fish and failures in any order; what runs was signed by two people and assigned to that unit."""
    from models.releases.assignments import sign_assignment

    draw, ceremony = random.Random(seed), Ceremony(tmp_path)
    versions = ("1.0.0", "2.0.0", "3.0.0")
    approved = {OLD} | {ceremony.release(ceremony.bundle(version)).sha256 for version in versions}
    box = TrialBox(ceremony)
    wishes: list[DesiredTrial] = []
    allowed: dict[str, set[str]] = {unit: {OLD} for unit in UNITS}

    def try_some() -> None:
        version, units = draw.choice(versions), draw.sample(UNITS, draw.choice([1, 2]))
        wish = box.try_in(*units, version=version, days=draw.choice([0.001, 5, 5]), deployment=f"t{len(wishes)}")
        wishes.append(wish)
        assert wish.assignment is not None
        for unit in units:
            allowed[unit].add(wish.assignment.unverified().sha256)

    def assign_all() -> None:
        signed = ceremony.assign(draw.choice(versions), deployment=f"b{ceremony.clock.monotonic()}")
        for unit in UNITS:
            allowed[unit].add(signed.unverified().sha256)
        box.updater.desire(DesiredModels(assignment=signed))

    def forge() -> None:
        told = ceremony.assign(units=("tank-1",), runs_for=timedelta(days=1)).unverified()
        forged = told.model_copy(update={"sha256": "e" * 64, "deployment": "forged"})
        stranger = draw.choice([ceremony.ada, ceremony.assigner])
        box.trial.desire(DesiredTrial(assignment=sign_assignment(stranger, forged)))

    def end_one() -> None:
        if wishes:
            box.trial.desire(draw.choice(wishes).model_copy(update={"end": True}))

    def replay() -> None:
        if wishes:
            box.trial.desire(draw.choice(wishes))

    def fail() -> None:
        box.units.done = Work(50, draw.choice([0, 9]), draw.choice([0, 3]))

    def feed() -> None:
        box.conditions = Conditions(feeding=tuple(draw.sample(UNITS, draw.choice([0, 0, 1]))))

    orders = [try_some, try_some, assign_all, assign_all]
    deeds: list[Callable[[], None]] = [*orders, forge, end_one, replay, fail, feed, box.start]
    met = False
    for _ in range(30):
        ceremony.clock.advance(1)
        draw.choice(deeds)()
        for _ in range(draw.randrange(20)):
            with suppress(ShoalError):
                box.turn()
            own, by_unit = box.updater.deployment, box.units.by_unit()
            met = met or (box.units.beside() and own is not None and own.unfinished)
            assert set(by_unit.values()) <= approved
            assert all(sha256 in allowed[unit] for unit, sha256 in by_unit.items())
    assert met, "a trial was to be in its units when the box's own model was about to change"
    box.conditions = Conditions()
    ceremony.clock.advance(6 * 86_400)
    for _ in range(120):
        box.turn()
    assert not box.units.beside(), "every trial ends"
    assert box.updater.deployment is None or box.updater.deployment.state.ended, (
        "and no deployment waits for one for ever"
    )
