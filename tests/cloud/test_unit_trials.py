"""Trials in some units over a real database and a really signed repository: who takes part, what boxes are told, how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from cloud.consumers import Ingest
from cloud.rollouts.assigner import Assigner
from cloud.rollouts.controller import Controller
from cloud.unit_trials import store
from cloud.unit_trials.conductor import Conductor
from cloud.unit_trials.plan import TrialGate, TrialMetric, TrialPlan
from cloud.unit_trials.rules import Differences, Paired, choose, judge, paired, units_of, why_not, why_stop, why_worse
from contracts.deployments import TRIAL_EVENT, DesiredTrial, decode_desired_trial
from contracts.devices import CameraInventory, DeviceEvent, EventBatch, Inventory
from contracts.downlink import DesiredState, Downlink
from contracts.topics import Kind
from tests.cloud.api.farm import Box9
from tests.cloud.test_rollout_controller import learnt_here
from tests.edge.deployments.ceremony import Ceremony

UNITS = ["tank-1", "tank-2", "tank-3", "tank-4"]


def test_half_of_the_tanks_of_a_box_are_the_same_half_whatever_other_boxes_there_are() -> None:
    half = choose(UNITS, share=0.5, named=(), box="fjord/edge-1", seed=1)
    assert len(half) == 2
    assert half == choose(list(reversed(UNITS)), share=0.5, named=(), box="fjord/edge-1", seed=1)
    drawn = {choose(UNITS, share=0.5, named=(), box="fjord/edge-1", seed=seed) for seed in range(30)}
    assert len(drawn) > 3, "another seed is another half"
    assert len(choose(UNITS, share=0.99, named=(), box="b", seed=1)) == 3, "one is left to compare with"
    assert len(choose(UNITS[:2], share=0.01, named=(), box="b", seed=1)) == 1
    assert choose(UNITS[:1], share=0.5, named=(), box="b", seed=1) == ()
    assert choose(UNITS, share=None, named={"tank-3", "tank-9"}, box="b", seed=1) == ("tank-3",)
    assert choose(UNITS, share=None, named=set(UNITS), box="b", seed=1) == ()


def test_a_box_that_did_not_say_that_it_can_is_left_alone() -> None:
    cameras = [{"unit": "tank-1"}, {"unit": "tank-2"}, {"unit": "tank-1"}]
    assert units_of({"cameras": cameras}) == ("tank-1", "tank-2")
    assert why_not({"cameras": cameras, "unit_trials": True}) is None
    assert "cannot" in (why_not({"cameras": cameras}) or "")
    assert "cannot" in (why_not(None) or "")
    assert "two units" in (why_not({"cameras": cameras[:1], "unit_trials": True}) or "")


def test_a_trial_ends_everywhere_when_boxes_go_back_by_themselves() -> None:
    plan = TrialPlan()
    assert why_stop({"committed": 3, "rolled_back": 1}, plan) is None
    assert why_stop({"committed": 3, "rolled_back": 2}, plan) == "2 of 5 boxes went back by themselves"
    assert why_stop({"committed": 38, "rolled_back": 2}, plan) is None
    assert why_stop({"committed": 36, "rolled_back": 4}, plan) is not None
    assert why_stop({"withdrawn": 9, "refused": 9}, plan) is None, "neither is a model that worked badly"
    assert why_stop({}, TrialPlan(max_failed=0)) is None
    assert why_stop({"committed": 38, "rolled_back": 1}, TrialPlan(max_failed=0, max_failed_share=0)) is not None
    assert why_stop({"committed": 6, "rolled_back": 4}, TrialPlan(max_failed=4)) is None
    assert why_stop({"committed": 6, "rolled_back": 4}, TrialPlan(max_failed_share=0.5)) is None


def test_what_a_trial_shows_ends_it_only_when_it_is_far_and_sure() -> None:
    fine, plan = paired([], seed=1), TrialPlan()
    few = Paired(3, 0.5, 0.45, 0.55, 0.25)
    assert why_worse(Differences(Paired(3, 1.2, 1.1, 1.3, 0.25), fine, Paired(3, 0.05, 0.02, 0.09, 0.25)), plan) is None
    assert why_worse(Differences(Paired(3, 0.5, 0.3, 0.7, 0.25), fine, fine), plan) is None, "not sure"
    assert "less than 0.6" in (why_worse(Differences(few, fine, fine), plan) or "")
    assert "more than 1.7" in (why_worse(Differences(Paired(3, 2.0, 1.8, 2.2, 0.25), fine, fine), plan) or "")
    assert "off by 30% more" in (why_worse(Differences(fine, fine, Paired(3, 0.3, 0.2, 0.4, 0.25)), plan) or "")
    assert why_worse(Differences(fine, fine, fine), plan) is None
    assert why_worse(Differences(few, Paired(9, -0.9, -0.95, -0.8, 0.01), fine), TrialPlan(gates=())) is None


def test_a_gate_of_a_trial_fails_only_where_the_whole_interval_lies_beyond_its_limit() -> None:
    gate = TrialGate(metric=TrialMetric.CONFIDENCE, at_least=-0.1, min_devices=5)
    assert judge(gate, Paired(5, -0.2, -0.25, -0.15, 0.06)) == "failed"
    assert judge(gate, Paired(4, -0.2, -0.25, -0.15, 0.12)) == "inconclusive", "four boxes, and it asks for five"
    assert judge(gate, Paired(5, -0.12, -0.2, -0.05, 0.06)) == "inconclusive", "the limit lies within"
    assert judge(gate, Paired(5, 0.0, -0.02, 0.02, 0.9)) == "passed"
    shown = Differences(paired([], seed=1), Paired(5, -0.2, -0.25, -0.15, 0.06), paired([], seed=1))
    assert why_worse(shown, TrialPlan(gates=(gate,))) == (
        "its confidence differs by -0.20 from that of the boxes' own models, less than -0.1"
    )
    for wrong, words in (
        ({}, "give at_most, at_least or both"),
        ({"at_least": 2.0, "at_most": 1.0}, "at_least 2.0 is above at_most 1.0"),
        ({"at_least": 0.5, "min_devices": 2}, "greater than or equal to 3"),
    ):
        with pytest.raises(ValidationError, match=words):
            TrialGate.model_validate({"metric": "count", **wrong})


def test_boxes_that_agree_show_a_difference_and_two_of_them_show_none() -> None:
    found = paired([0.2, 0.25, 0.3, 0.2, 0.22, 0.28], seed=1)
    assert found.mean == pytest.approx(0.2417, abs=1e-3)
    assert found.low is not None
    assert found.high is not None
    assert 0.2 <= found.low < found.mean < found.high <= 0.3  # type: ignore[operator]
    assert found.p == pytest.approx(2 / 2**6), "of 64 ways to flip the signs only the two outermost are as large"
    assert paired([0.2, 0.3], seed=1).low is None
    assert paired([], seed=1).mean is None
    none = paired([0.2, -0.2, 0.1, -0.1], seed=1)
    assert none.low is not None
    assert none.high is not None
    assert none.low < 0 < none.high
    assert none.p == 1.0
    many = paired([0.1] * 20, seed=1)
    assert many.p is not None
    assert many.p < 0.01


@dataclass
class Fleet:
    """Two boxes of two tanks each, one of them too old, and what they were told."""

    url: str
    boxes: dict[str, Box9]
    ceremony: Ceremony
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc) - timedelta(hours=12))
    told: list[tuple[str, str, DesiredTrial]] = field(default_factory=list)

    def __post_init__(self) -> None:
        desk = Assigner(self.ceremony.repository.folder, self.ceremony.assigner)
        self.controller = Controller(
            self.url, desk=desk, send=self._hear, besides=(Conductor(desk).round,), now=lambda: self.now
        )

    def _hear(self, message: Downlink) -> None:
        assert isinstance(message.body, DesiredState)
        desired = decode_desired_trial(message.body.document.state.desired)
        self.told.append((message.device, message.body.shadow, desired))

    def ask(self, *, version: str = "1.1.0", units: list[str] | None = None, days: float = 7, **plan: Any) -> UUID:
        key = uuid4()
        self.execute(
            "INSERT INTO unit_trial (id, organization_id, name, model, version, share, units, days, seed, status, created_at,"
            " created_by, plan) SELECT %s, organization_id, 'try it', 'tiny', %s, %s, %s, %s, 1, 'asked', %s, 'ada', %s"
            " FROM site WHERE slug = 'fjord'",
            (key, version, None if units else 0.5, Jsonb(units) if units else None, days, self.now, Jsonb(plan)),
        )
        return key

    def later(self, **passes: float) -> list[tuple[str, DesiredTrial]]:
        self.now += timedelta(**passes)
        self.told.clear()
        with psycopg.connect(self.url, autocommit=True) as database:
            self.controller.round(database)
        assert {shadow for _, shadow, _ in self.told} <= {"trial"}
        return [(device, desired) for device, _, desired in self.told]

    def say(self, key: UUID, state: str, *, box: str = "box-1", **detail: Any) -> None:
        event = DeviceEvent(
            name=TRIAL_EVENT, occurred_at=self.now, detail={"deployment": str(key), "state": state, **detail}
        )
        self.boxes[box].send(EventBatch(events=(event,)), Kind.EVENTS)
        self.now += timedelta(seconds=1)

    def status(self, key: UUID) -> tuple[str, str]:
        ((status, reason),) = self.execute("SELECT status, reason FROM unit_trial WHERE id = %s", (key,))
        return status, reason

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        with psycopg.connect(self.url) as database:
            cursor = database.execute(statement, parameters)
            return [] if cursor.description is None else cursor.fetchall()


@pytest.fixture
def fleet(database_url: str, tmp_path: Path) -> Iterator[Fleet]:
    ceremony = Ceremony(tmp_path)
    ceremony.release(ceremony.bundle("1.1.0"))
    ingest = Ingest(database_url, storage_dir=tmp_path)
    boxes = {name: Box9(ingest, "fjord", name) for name in ("box-1", "box-2")}
    for name, box in boxes.items():
        cameras = tuple(CameraInventory(name=f"cam-{n}", unit=f"{name}-tank-{n}", kind="rtsp") for n in (1, 2))
        can = True if name == "box-1" else None
        box.born(Inventory(agent_version="0.1.0", machine="x86_64", cameras=cameras, unit_trials=can))
    yield Fleet(database_url, boxes, ceremony)
    ingest.close()


def test_half_of_the_tanks_are_told_what_is_signed_for_them_and_an_old_agent_is_left_out(fleet: Fleet) -> None:
    key = fleet.ask()
    new = fleet.ceremony.repository.release("tiny", "1.1.0")[0].sha256
    ((device, desired),) = fleet.later()
    assert device == "box-1"
    assert desired.assignment is not None
    assignment = desired.assignment.unverified()
    assert (assignment.deployment, assignment.sha256, assignment.slot) == (str(key), new, "b")
    assert assignment.ends_at == fleet.now + timedelta(days=7)
    (unit,) = assignment.units
    assert fleet.execute("SELECT units, others FROM unit_trial_box") == [([unit], [f"box-1-tank-{3 - int(unit[-1])}"])]
    status, reason = fleet.status(key)
    assert status == "running"
    assert reason == "1 units of 1 boxes; left out: fjord/box-2: its agent cannot run a model in some units only"
    assert fleet.later() == [], "told once"
    assert len(fleet.later(minutes=6)) == 1, "and again while it does not answer"


def test_what_learnt_from_the_labels_of_another_farm_is_tried_in_no_tank_of_this_one(fleet: Fleet) -> None:
    fleet.execute("INSERT INTO organization (slug, name) VALUES ('delta', 'Delta')")
    learnt_here(fleet.execute, fleet.ceremony.repository.release("tiny", "1.1.0")[0].sha256, "delta")
    key = fleet.ask()
    assert fleet.later() == []
    status, reason = fleet.status(key)
    assert (status, "learnt from the labels of another organization" in reason) == ("refused", True), reason


def test_a_trial_that_somebody_is_just_ending_does_not_begin(fleet: Fleet) -> None:
    key = fleet.ask()
    with psycopg.connect(fleet.url) as person:
        person.execute("UPDATE unit_trial SET status = 'ended', ended_at = now() WHERE id = %s", (key,))
        assert fleet.later() == [], "whoever ends it has not finished"
    assert fleet.later() == []
    assert fleet.status(key)[0] == "ended"


def test_a_word_of_a_box_that_is_no_state_stops_no_trial(fleet: Fleet) -> None:
    key = fleet.ask()
    fleet.later()
    fleet.say(key, "shadow_run")
    fleet.say(key, "of tomorrow", reason="x")
    fleet.boxes["box-1"].send(
        EventBatch(events=(DeviceEvent(name=TRIAL_EVENT, occurred_at=fleet.now, detail={"deployment": str(key)}),)),
        Kind.EVENTS,
    )
    fleet.later()
    assert fleet.execute("SELECT state FROM unit_trial_box") == [("shadow_run",)]
    assert "cannot go on" not in fleet.status(key)[1]


def test_what_boxes_said_of_earlier_trials_is_not_read_again_in_every_round(fleet: Fleet) -> None:
    key = fleet.ask()
    fleet.later()
    fleet.say(key, "shadow_run")
    fleet.say(key, "probation")
    fleet.execute(
        "INSERT INTO device_event (device_id, name, occurred_at, received_at, detail)"
        " SELECT device_id, 'trial.status', %s - make_interval(mins => n), now(),"
        "  jsonb_build_object('deployment', 'earlier-' || n %% 9, 'state', 'committed')"
        " FROM unit_trial_box, generate_series(1, 3000) AS n",
        (fleet.now,),
    )
    with psycopg.connect(fleet.url, prepare_threshold=0) as database:
        database.execute("ANALYZE device_event")
        database.execute(
            "SET LOCAL plan_cache_mode = force_generic_plan"
        )  # as for a statement that is asked again and again
        (said,) = store.hear(database, key)
        assert said.state == "probation"
        read = database.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'device_event'"
        ).fetchone()
    assert read is not None
    assert read[0] < 10, "of 3002 words of this box two are of this trial"


def test_a_trial_follows_what_the_box_says_and_ends_when_its_units_are_back(fleet: Fleet) -> None:
    key = fleet.ask(units=["fjord/box-1-tank-2"])
    fleet.later()
    fleet.say(key, "shadow_run")
    fleet.later()
    began = fleet.now
    fleet.say(key, "probation", units="box-1-tank-2")
    fleet.say(key, "committed", units="box-1-tank-2")
    fleet.later(hours=2)
    assert fleet.execute("SELECT state, active_at, ended_at FROM unit_trial_box") == [("committed", began, None)]
    another = fleet.ask()
    fleet.later()
    status, reason = fleet.status(another)
    assert status == "refused"
    assert "fjord/box-1: it takes part in another trial" in reason

    fleet.execute("UPDATE unit_trial SET status = 'ending', reason = 'enough pictures' WHERE id = %s", (key,))
    ((_, desired),) = fleet.later()
    assert desired.end
    assert desired.reason == "enough pictures"
    assert desired.assignment is not None, "the box knows by it which trial is meant"
    fleet.say(key, "withdrawn", reason="enough pictures")
    assert fleet.later() == []
    assert fleet.status(key) == ("ended", "enough pictures; boxes: withdrawn 1")


def test_a_box_that_goes_back_by_itself_ends_the_trial_with_its_reason(fleet: Fleet) -> None:
    key = fleet.ask(units=["fjord/box-1-tank-2"])
    fleet.later()
    fleet.say(key, "rolled_back", reason="it failed on 9 frames, more than 0")
    fleet.later()
    assert fleet.status(key)[0] == "ended"
    assert fleet.execute("SELECT state, reason FROM unit_trial_box") == [
        ("rolled_back", "it failed on 9 frames, more than 0")
    ]


def more_boxes(fleet: Fleet) -> None:
    for name in ("box-2", "box-3"):
        cameras = tuple(CameraInventory(name=f"cam-{n}", unit=f"{name}-tank-{n}", kind="rtsp") for n in (1, 2))
        box = fleet.boxes[name] = Box9(fleet.boxes["box-1"].ingest, "fjord", name)
        box.born(Inventory(agent_version="0.1.0", machine="x86_64", cameras=cameras, unit_trials=True))


def test_a_release_that_counts_half_of_the_fish_of_the_other_tanks_ends_without_a_person(fleet: Fleet) -> None:
    more_boxes(fleet)
    key = fleet.ask()
    fleet.later()
    new = fleet.ceremony.repository.release("tiny", "1.1.0")[0].sha256
    began = fleet.now
    for name in fleet.boxes:
        fleet.say(key, "probation", box=name)
    fleet.later()
    fleet.execute(
        "INSERT INTO drift_hour (unit_id, model_sha256, hour, observations, signals, mix)"
        " SELECT u.id, CASE WHEN during AND b.units @> to_jsonb(u.slug) THEN %s ELSE 'old' END,"
        "  date_trunc('hour', %s::timestamptz) + make_interval(hours => h), 360,"
        "  jsonb_build_object('count', CASE WHEN during AND b.units @> to_jsonb(u.slug) THEN 10 ELSE 20 END + u.id * 0.01), '{}'"
        " FROM unit_trial_box AS b JOIN device AS d ON d.id = b.device_id JOIN unit AS u ON u.site_id = d.site_id"
        "  AND b.units || b.others @> to_jsonb(u.slug) CROSS JOIN generate_series(-10, 10) AS h"
        " CROSS JOIN LATERAL (SELECT h > 0 AS during) AS at",
        (new, began),
    )
    assert fleet.later(minutes=10) == [], "nothing speaks against it before there are hours to compare"
    assert {device for device, desired in fleet.later(hours=9) if desired.end} == fleet.boxes.keys()
    status, reason = fleet.status(key)
    assert status == "ending"
    assert reason == "it counts 0.50 fish for each of the boxes' own models, less than 0.6"


def test_a_trial_keeps_to_the_limits_that_it_was_asked_with(fleet: Fleet) -> None:
    more_boxes(fleet)
    key = fleet.ask(max_failed=0, gates=[])
    assert len(fleet.later()) == 3
    fleet.say(key, "rolled_back", reason="it failed on 9 frames")
    assert {device for device, desired in fleet.later() if desired.end} == {"box-2", "box-3"}
    assert fleet.status(key) == ("ending", "1 of 3 boxes went back by themselves"), "where two are the rule"


def test_boxes_that_go_back_by_themselves_end_the_trial_in_the_others(fleet: Fleet) -> None:
    more_boxes(fleet)
    key = fleet.ask()
    assert len(fleet.later()) == 3
    for name in ("box-1", "box-3"):
        fleet.say(key, "probation", box=name)
        fleet.say(key, "rolled_back", box=name, reason="it failed on 9 frames")
    ((device, desired),) = fleet.later()
    assert (device, desired.end, desired.reason) == ("box-2", True, "2 of 3 boxes went back by themselves")
    assert fleet.status(key) == ("ending", "2 of 3 boxes went back by themselves")


def test_what_cannot_be_tried_is_refused_with_the_reason(fleet: Fleet) -> None:
    unpublished = fleet.ask(version="9.9.9")
    all_of_them = fleet.ask(units=["fjord/box-1-tank-1", "fjord/box-1-tank-2"])
    assert fleet.later() == []
    assert "has not published tiny 9.9.9" in fleet.status(unpublished)[1]
    assert fleet.status(all_of_them)[0] == "refused"
    assert "none would be left to compare with" in fleet.status(all_of_them)[1]


def test_a_box_with_more_tanks_than_can_be_told_refuses_the_trial_by_name(fleet: Fleet) -> None:
    cameras = tuple(CameraInventory(name=f"cam-{n}", unit=f"hall-{n}", kind="rtsp") for n in range(140))
    hall = fleet.boxes["hall"] = Box9(fleet.boxes["box-1"].ingest, "fjord", "hall")
    hall.born(Inventory(agent_version="0.1.0", machine="x86_64", cameras=cameras, unit_trials=True))
    key, named = fleet.ask(), fleet.ask(units=[f"fjord/hall-{n}" for n in range(65)])
    assert fleet.later() == []
    assert fleet.status(key) == (
        "refused",
        "share: 70 of the 140 units of fjord/hall would take part, and at most 64 of one box can; ask for a share of at most 0.45,"
        " or name its units, or leave the box out by sites, groups or tags",
    )
    assert fleet.status(named)[0] == "refused"
    assert "units: 65 of the 140 units of fjord/hall" in fleet.status(named)[1]
    assert "name at most 64 of them" in fleet.status(named)[1]
    most = fleet.ask(units=[f"fjord/hall-{n}" for n in range(64)])
    ((device, desired),) = fleet.later()
    assert (device, fleet.status(most)[0]) == ("hall", "running")
    assert desired.assignment is not None
    assert len(desired.assignment.unverified().units) == 64


def test_a_box_that_is_away_for_ever_does_not_keep_a_trial_open(fleet: Fleet) -> None:
    key = fleet.ask(days=2)
    fleet.later()
    fleet.later(days=2.5)
    assert fleet.status(key)[0] == "running"
    fleet.later(days=1)
    assert fleet.status(key)[0] == "ended"
    assert fleet.status(key)[1].endswith("boxes: told 1")


def test_one_trial_that_cannot_go_on_stops_no_other(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, good = fleet.ask(units=["fjord/nowhere"]), fleet.ask()
    begin = Conductor._begin

    def fail(self: Conductor, database: Any, asked: Any, now: datetime) -> None:
        if asked.id == broken:
            raise ValueError("a surprise")
        begin(self, database, asked, now)

    monkeypatch.setattr(Conductor, "_begin", fail)
    assert len(fleet.later()) == 1
    assert fleet.status(good)[0] == "running"
    assert "a surprise" in fleet.status(broken)[1]

    def surprised(*_: Any) -> None:
        raise KeyError("of tomorrow")

    _, reason = fleet.status(good)
    monkeypatch.setattr(Conductor, "_why_stop", surprised)
    for _ in range(2):
        fleet.later()
        assert fleet.status(good)[1] == f"{reason}; the conductor cannot go on with it: KeyError: 'of tomorrow'"
    monkeypatch.undo()
    fleet.later()
    assert fleet.status(good) == ("running", reason), "it goes on"
