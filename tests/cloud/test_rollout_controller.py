"""The controller of rollouts over a real database and a really signed repository: boxes speak through the ingest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from cloud.consumers import Ingest
from cloud.rollouts.assigner import Assigner
from cloud.rollouts.controller import Controller
from cloud.rollouts.plan import HOUR_S, Plan, Wave
from cloud.rollouts.state import Rollout
from contracts.deployments import DEPLOYMENT_EVENT, DesiredModels, decode_desired
from contracts.devices import CameraInventory, DeviceEvent, EventBatch, Health, Inventory
from contracts.downlink import DesiredState, Downlink
from contracts.topics import Kind
from contracts.vision import ModelRef
from models.releases.proposal import propose_agent
from tests.cloud.api.farm import Box9
from tests.cloud.api.skerry import roll
from tests.edge.deployments.agent_wheels import agent_wheel
from tests.edge.deployments.ceremony import Ceremony

PLAN = Plan(
    waves=(Wave(name="canary", share=0.3, bake_s=2 * HOUR_S), Wave(name="all", share=1, bake_s=0)),
    shadow_s=HOUR_S,
    min_per_stratum=1,
    seen_within_s=HOUR_S,
)
GOOD = {
    "frames": 700,
    "errors": 0,
    "disagreement": 0.05,
    "count_ratio": 1.0,
    "confidence_shift": 0.01,
    "latency_ratio": 1.0,
}


@dataclass
class Fleet:
    """Three boxes of one farm, a controller whose clock the test moves, and what boxes were told."""

    url: str
    boxes: dict[str, Box9]
    ceremony: Ceremony
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc) - timedelta(hours=12))
    told: list[tuple[str, DesiredModels]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.controller = self.another_controller()

    def another_controller(self) -> Controller:
        desk = Assigner(self.ceremony.repository.folder, self.ceremony.assigner)
        return Controller(self.url, desk=desk, send=self._hear, now=lambda: self.now)

    def _hear(self, message: Downlink) -> None:
        assert isinstance(message.body, DesiredState)
        self.told.append((message.device, decode_desired(message.body.document.state.desired)))

    def ask(
        self,
        version: str = "1.1.0",
        *,
        back_to: str | None = "1.0.0",
        groups: list[str] | None = None,
        tags: list[str] | None = None,
        leave_out: bool = False,
        kind: str = "model",
        name: str = "tiny",
    ) -> UUID:
        key = uuid4()
        chosen = (None if groups is None else Jsonb(groups), None if tags is None else Jsonb(tags), leave_out)
        self.execute(
            "INSERT INTO rollout (id, organization_id, name, kind, model, version, back_to, plan, seed, status, created_at,"
            " created_by, groups, tags, leave_out) SELECT %s, organization_id, 'better eyes', %s, %s, %s, %s, %s, 1,"
            " 'asked', %s, 'ada', %s, %s, %s FROM site WHERE slug = 'fjord'",
            (key, kind, name, version, back_to, Jsonb(PLAN.model_dump(mode="json")), self.now, *chosen),
        )
        return key

    def later(self, hours: float = 0.0) -> list[tuple[str, DesiredModels]]:
        """Some time passes, in which every box is heard; what they were told meanwhile."""
        self.now += timedelta(hours=hours)
        self.execute("UPDATE device SET last_seen_at = %s", (self.now,))
        self.told.clear()
        with psycopg.connect(self.url, autocommit=True) as database:
            self.controller.round(database)
        return list(self.told)

    def say(self, device: str, key: UUID | str, state: str, **detail: Any) -> None:
        event = DeviceEvent(
            name=DEPLOYMENT_EVENT,
            occurred_at=self.now,
            detail={"deployment": str(key), "state": state, "observed_at": self.now.isoformat(), **detail},
        )
        self.boxes[device].send(EventBatch(events=(event,)), Kind.EVENTS)
        self.now += timedelta(seconds=1)

    def beat(self, device: str, sha256: str, *, agent: str | None = None) -> None:
        health = Health(
            observed_at=self.now,
            uptime_s=1,
            rss_bytes=1,
            disk_free_bytes=1,
            outbox_rows=0,
            outbox_bytes=0,
            outbox_floor=1,
            model=ModelRef(name="tiny", version="1.1.0", sha256=sha256),
            agent_sha256=agent,
        )
        self.boxes[device].send(health, Kind.HEALTH)

    def order(self, key: UUID, kind: str) -> None:
        self.execute(
            "INSERT INTO rollout_order (organization_id, rollout_id, kind, reason, ordered_by, ordered_at)"
            " SELECT organization_id, id, %s, 'as they say', 'bo', now() FROM rollout WHERE id = %s",
            (kind, key),
        )

    def steps(self, key: UUID) -> dict[str, str]:
        rows = self.execute(
            "SELECT d.slug, m.step FROM rollout_device AS m JOIN device AS d ON d.id = m.device_id WHERE rollout_id = %s",
            (key,),
        )
        return dict(rows)

    def status(self, key: UUID) -> tuple[str, str]:
        ((status, reason),) = self.execute("SELECT status, reason FROM rollout WHERE id = %s", (key,))
        return status, reason

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        with psycopg.connect(self.url) as database:
            cursor = database.execute(statement, parameters)
            return [] if cursor.description is None else cursor.fetchall()


@pytest.fixture
def fleet(database_url: str, tmp_path: Path) -> Iterator[Fleet]:
    ceremony = Ceremony(tmp_path)
    ceremony.release(ceremony.bundle("1.0.0"))
    ceremony.release(ceremony.bundle("1.1.0"))
    ingest = Ingest(database_url, storage_dir=tmp_path)
    boxes = {f"box-{number}": Box9(ingest, "fjord", f"box-{number}") for number in range(1, 4)}
    for name, box in boxes.items():
        camera = CameraInventory(name="top", unit=f"tank-{name[-1]}", kind="rtsp")
        box.born(Inventory(agent_version="0.1.0", machine="x86_64", cameras=(camera,)))
    yield Fleet(database_url, boxes, ceremony)
    ingest.close()


def test_a_release_goes_out_in_waves_and_a_controller_that_dies_loses_nothing(fleet: Fleet) -> None:
    key = fleet.ask()
    new = fleet.ceremony.repository.release("tiny", "1.1.0")[0].sha256
    ((canary, desired),) = fleet.later()
    assert desired.assignment is not None
    assignment = desired.assignment.unverified()
    assert (assignment.device, assignment.sha256, assignment.rollout) == (canary, new, str(key))
    assert not desired.activate, "a shadow run first"

    fleet.say(canary, key, "shadow_run")
    fleet.later()
    fleet.say(canary, key, "shadow_run", waiting_for="the rollout", **{f"shadow_{k}": v for k, v in GOOD.items()})
    fleet.controller = fleet.another_controller()
    ((device, allowed),) = fleet.later(1.1)
    assert device == canary
    assert allowed.activate
    assert allowed.assignment == desired.assignment, "the same assignment, so that the box goes on where it is"

    fleet.say(canary, key, "probation", running_sha256=new)
    fleet.later()
    fleet.say(canary, key, "committed", running_sha256=new)
    fleet.later()
    assert fleet.steps(key)[canary] == "on_trial", "committed at once is not soaked"
    fleet.now += timedelta(hours=0.6)
    fleet.beat(canary, new)
    fleet.later()
    assert fleet.steps(key)[canary] == "done", "the session that runs proved it in a heartbeat"
    fleet.controller = fleet.another_controller()
    others = {device for device, _ in fleet.later(2.1)}
    assert others == fleet.boxes.keys() - {canary}
    assert fleet.status(key)[0] == "running"
    words = [row[0] for row in fleet.execute("SELECT words FROM rollout_entry ORDER BY id")]
    assert [word.split(":")[0] for word in words if word.startswith("wave")] == [
        "wave canary begins",
        "wave canary may activate",
        "wave canary passed",
        "wave all begins",
    ]


def test_a_candidate_that_sees_other_fish_goes_back_before_it_counted_one(fleet: Fleet) -> None:
    key = fleet.ask()
    ((canary, _),) = fleet.later()
    fleet.say(canary, key, "shadow_run", **{f"shadow_{k}": v for k, v in (GOOD | {"disagreement": 0.5}).items()})
    fleet.later()
    ((device, back),) = fleet.later(1.1)
    assert device == canary
    assert back.assignment is not None
    assert back.assignment.unverified().version == "1.0.0"
    assert back.urgent
    assert fleet.status(key)[0] == "rolling_back"
    fleet.later()
    status, reason = fleet.status(key)
    assert status == "rolled_back"
    assert set(fleet.steps(key).values()) == {"canceled"}
    assert fleet.execute("SELECT ended_at IS NOT NULL FROM rollout") == [(True,)]
    assert "disagreement" in " ".join(row[0] for row in fleet.execute("SELECT words FROM rollout_entry")) + reason


def test_an_order_to_roll_back_is_carried_out_once_and_reported_by_the_old_hash(fleet: Fleet) -> None:
    key = fleet.ask()
    new, old = (fleet.ceremony.repository.release("tiny", version)[0].sha256 for version in ("1.1.0", "1.0.0"))
    ((canary, _),) = fleet.later()
    fleet.say(canary, key, "shadow_run", **{f"shadow_{k}": v for k, v in GOOD.items()})
    fleet.later()
    fleet.later(1.1)
    fleet.say(canary, key, "probation", running_sha256=new)
    fleet.later()
    fleet.execute(
        "INSERT INTO rollout_order (organization_id, rollout_id, kind, reason, ordered_by, ordered_at)"
        " SELECT organization_id, id, 'roll_back', 'counts look wrong', 'ada', %s FROM rollout",
        (fleet.now,),
    )
    assert [device for device, _ in fleet.later()] == [canary]
    assert fleet.later() == []
    fleet.say(canary, f"{key}-back", "committed", running_sha256=old)
    fleet.later()
    assert fleet.steps(key)[canary] == "reverted"
    assert fleet.status(key)[0] == "rolled_back"


def test_a_device_that_does_not_answer_is_told_again(fleet: Fleet) -> None:
    fleet.ask()
    ((canary, first),) = fleet.later()
    assert fleet.later(0.05) == []
    ((again, second),) = fleet.later(0.05)
    assert (again, second) == (canary, first)


def test_what_two_people_have_not_signed_is_refused_with_the_remedy(fleet: Fleet) -> None:
    key = fleet.ask("9.9.9")
    assert fleet.later() == []
    status, reason = fleet.status(key)
    assert status == "refused"
    assert "not signed by enough people" in reason


def test_what_learnt_from_the_labels_of_another_farm_goes_to_no_box_of_this_one(fleet: Fleet) -> None:
    """Its golden frames are pictures of that farm; whoever runs the platform says whether they are shared."""
    release, _ = fleet.ceremony.repository.release("tiny", "1.1.0")
    fleet.execute("INSERT INTO organization (slug, name) VALUES ('delta', 'Delta')")
    learnt_here(fleet.execute, release.sha256, "delta")
    key = fleet.ask()
    assert fleet.later() == []
    status, reason = fleet.status(key)
    assert (status, "learnt from the labels of another organization" in reason) == ("refused", True)
    assert "delta" not in reason
    fleet.execute("""UPDATE training_run SET "order" = jsonb_set("order", '{labels,shared}', 'true')""")
    fleet.ask()
    assert len(fleet.later()) == 1


def test_what_learnt_from_the_farms_own_labels_goes_to_its_boxes(fleet: Fleet) -> None:
    release, _ = fleet.ceremony.repository.release("tiny", "1.1.0")
    learnt_here(fleet.execute, release.sha256, "fjord")
    fleet.ask()
    assert len(fleet.later()) == 1


def learnt_here(execute: Callable[..., Any], sha256: str, organization: str) -> None:
    """A run of this platform made the model from labels of an organization."""
    execute(
        'INSERT INTO training_run (id, model, trigger, reason, asked_at, asked_by, "order", state, starts, sha256, lineage, metrics,'
        " production_metrics, gate) SELECT gen_random_uuid(), 'tiny', 'asked', 'a test', now(), 'ada', jsonb_build_object('labels',"
        " jsonb_build_object('organization_id', id, 'shared', false)), 'proposed', 1, %s, '{}', '{}', '{}', '{}' FROM organization"
        " WHERE slug = %s",
        (sha256, organization),
    )


def test_a_second_rollout_leaves_the_boxes_of_the_first_alone(fleet: Fleet) -> None:
    fleet.ask()
    fleet.later()
    second = fleet.ask()
    fleet.later()
    status, reason = fleet.status(second)
    assert status == "refused"
    assert "take part in a rollout" in reason


def test_a_rollout_that_another_version_has_saved_stops_alone_and_a_person_decides(fleet: Fleet) -> None:
    fleet.execute("INSERT INTO device_tag (device_id, tag) SELECT id, 'old' FROM device WHERE slug = 'box-1'")
    fleet.execute("INSERT INTO device_tag (device_id, tag) SELECT id, 'new' FROM device WHERE slug <> 'box-1'")
    old = fleet.ask(tags=["old"])
    fleet.later()
    fleet.execute('UPDATE rollout_device SET state = state || \'{"mood": "of tomorrow"}\'')
    fleet.controller = fleet.another_controller()
    new = fleet.ask(tags=["new"])
    assert {device for device, _ in fleet.later()} <= {"box-2", "box-3"}
    assert fleet.status(new)[0] == "running", "one bad rollout stops nobody else's"
    status, reason = fleet.status(old)
    assert status == "paused"
    assert "TypeError" in reason
    assert "cancel it" in reason
    entries = len(fleet.execute("SELECT 1 FROM rollout_entry WHERE rollout_id = %s", (old,)))
    fleet.later()
    assert len(fleet.execute("SELECT 1 FROM rollout_entry WHERE rollout_id = %s", (old,))) == entries, "told once"

    fleet.execute("UPDATE rollout_device SET state = state - 'mood'")
    fleet.order(old, "resume")
    fleet.later()
    assert fleet.status(old)[0] == "running", "nothing of it was lost"

    fleet.execute(
        'UPDATE rollout_device SET state = state || \'{"mood": "of tomorrow"}\' WHERE rollout_id = %s', (old,)
    )
    fleet.controller = fleet.another_controller()
    fleet.later()
    fleet.order(old, "cancel")
    fleet.later()
    assert fleet.status(old)[0] == "canceled"
    again = fleet.ask(tags=["old"])
    fleet.later()
    assert fleet.status(again)[0] == "running", "its device is free"


@pytest.mark.parametrize("step", ["heard", "holds", "obey", "tick"])
def test_a_rollout_that_fails_at_any_step_of_a_round_stops_alone_and_can_be_canceled(
    fleet: Fleet, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.execute("INSERT INTO device_tag (device_id, tag) SELECT id, 'old' FROM device WHERE slug = 'box-1'")
    fleet.execute("INSERT INTO device_tag (device_id, tag) SELECT id, 'new' FROM device WHERE slug <> 'box-1'")
    old, new = fleet.ask(tags=["old"]), fleet.ask(tags=["new"])
    fleet.later()
    ((box,),) = fleet.execute("SELECT id FROM device WHERE slug = 'box-1'")

    working = getattr(Rollout, "cancel" if step == "obey" else step)

    def fails(rollout: Rollout, *given: Any, **named: Any) -> Any:
        if str(box) in rollout.deployments:
            raise KeyError("of tomorrow")
        return working(rollout, *given, **named)

    monkeypatch.setattr(Rollout, "cancel" if step == "obey" else step, fails)
    if step != "obey":
        fleet.later(0.1)
        assert "of tomorrow" in fleet.status(old)[1]
    fleet.order(old, "cancel")
    fleet.later(0.1)
    assert (fleet.status(old)[0], fleet.status(new)[0]) == ("canceled", "running")


def test_a_rollout_reaches_its_group_and_tags_alone(fleet: Fleet) -> None:
    fleet.execute(
        "INSERT INTO device_group (organization_id, name, created_at, created_by)"
        " SELECT organization_id, 'pilot', now(), 'ada' FROM site WHERE slug = 'fjord'"
    )
    fleet.execute(
        "INSERT INTO device_group_member (group_id, device_id) SELECT g.id, d.id FROM device_group AS g, device AS d"
        " WHERE d.slug IN ('box-1', 'box-2')"
    )
    fleet.execute("INSERT INTO device_tag (device_id, tag) SELECT id, 'turbid' FROM device WHERE slug <> 'box-1'")
    key = fleet.ask(groups=["pilot"], tags=["turbid"])
    fleet.later()
    assert fleet.steps(key).keys() == {"box-2"}
    nobody = fleet.ask(tags=["clear"])
    fleet.later()
    assert fleet.status(nobody)[0] == "refused"


def test_turbid_water_is_a_stratum_of_its_own_with_its_own_canary(fleet: Fleet) -> None:
    hours = [fleet.now - timedelta(hours=hour) for hour in range(1, 10)]
    (tank,), (other,) = fleet.execute("SELECT id FROM unit WHERE slug IN ('tank-1', 'tank-2') ORDER BY slug")
    with psycopg.connect(fleet.url) as database:
        row = database.execute(
            "INSERT INTO channel (device_id, name, unit_id, quantity, ucum) SELECT id, 'ntu', %s, 'turbidity', '[NTU]'"
            " FROM device WHERE slug = 'box-1' RETURNING id",
            (tank,),
        ).fetchone()
        assert row is not None
        roll(database, "reading_1h", row[0], dict.fromkeys(hours, 40.0) | {fleet.now - timedelta(days=30): 0.5})
        database.execute(
            "INSERT INTO drift_hour (unit_id, model_sha256, hour, observations, signals, mix)"
            " SELECT %s, 'ab', unnest(%s::timestamptz[]), 360, '{\"clarity\": 0.9}', '{}'",
            (other, hours),
        )
    key = fleet.ask()
    assert len(fleet.later()) == 3, "a canary of each: turbid, clear, and what nobody knows"
    strata = fleet.execute(
        "SELECT state -> 'stratum' ->> 3 FROM rollout_device WHERE rollout_id = %s ORDER BY 1", (key,)
    )
    assert [row[0] for row in strata] == ["", "clear", "turbid"]


def test_devices_that_cannot_take_it_are_named_before_anything_begins(fleet: Fleet) -> None:
    fleet.execute(
        "UPDATE device SET inventory = inventory || '{\"opset_max\": 9}' WHERE slug = 'box-3'"
    )  # its runtime is older than every model
    refused = fleet.ask()
    assert fleet.later() == []
    status, reason = fleet.status(refused)
    assert status == "refused"
    assert "1 of 3 devices cannot take it: fjord/box-3: it needs ONNX operator set" in reason
    key = fleet.ask(leave_out=True)
    fleet.later()
    assert fleet.steps(key).keys() == {"box-1", "box-2"}
    assert "1 of 3 devices are left out: fjord/box-3" in fleet.execute("SELECT words FROM rollout_entry")[1][0]


def test_programs_are_told_how_a_rollout_stands(fleet: Fleet) -> None:
    fleet.execute(
        "INSERT INTO contact (organization_id, name, webhook_url, webhook_nonce) SELECT organization_id, 'ci',"
        " 'https://ci.example/hook', 'n' FROM site WHERE slug = 'fjord'"
    )
    key = fleet.ask()
    fleet.later()
    fleet.later()
    told = [row[0] for row in fleet.execute("SELECT told FROM notification WHERE kind = 'rollout' ORDER BY due_at")]
    assert [(each["rollout"], each["status"], each["version"]) for each in told] == [(str(key), "running", "1.1.0")]
    fleet.execute(
        "INSERT INTO rollout_order (organization_id, rollout_id, kind, reason, ordered_by, ordered_at)"
        " SELECT organization_id, id, 'pause', 'storm', 'ada', %s FROM rollout",
        (fleet.now,),
    )
    fleet.later()
    told = [
        row[0] for row in fleet.execute("SELECT told FROM notification WHERE kind = 'rollout' ORDER BY due_at, step")
    ]
    assert (told[-1]["status"], told[-1]["reason"]) == ("paused", "paused: storm (ordered by ada)")


def test_a_version_of_the_agent_goes_out_in_waves_to_boxes_that_can_install_it(fleet: Fleet, tmp_path: Path) -> None:
    """Signed like a model; done is who reports the wheel's hash in a heartbeat after the soak."""
    wheels, repository = tmp_path / "wheels", fleet.ceremony.repository
    agent_wheel(wheels, "0.2.0")
    repository.add_model("agent", [one.public_key for one in (fleet.ceremony.ada, fleet.ceremony.bo)], 2, now=fleet.now)
    fleet.ceremony.sign_and_publish()
    typing_error = fleet.ask("0.9.0", back_to=None, kind="agent", name="agent")
    fleet.later()
    assert fleet.status(typing_error)[0] == "refused", (
        "where people release agents, a version that they did not is none"
    )
    new = propose_agent(repository, wheels, now=fleet.now).sha256
    fleet.ceremony.sign_and_publish()

    fleet.boxes["box-3"].born(Inventory(agent_version="0.1.0", machine="x86_64", agent_updates=False))
    refused = fleet.ask("0.2.0", back_to=None, kind="agent", name="agent")
    fleet.later()
    assert fleet.status(refused) == (
        "refused",
        "1 of 3 devices cannot take it: fjord/box-3: its agent cannot install itself: the launcher did not start it",
    )
    key = fleet.ask("0.2.0", back_to=None, kind="agent", name="agent", leave_out=True)
    ((canary, desired),) = fleet.later()
    assert desired.assignment is not None
    assert desired.assignment.unverified().path == "models/agent/0.2.0.json"
    fleet.say(canary, key, "activating", waiting_for="the rollout: it has not released this wave yet")
    fleet.later(1.1)
    fleet.say(canary, key, "probation", running_sha256=new)
    fleet.later()
    fleet.say(canary, key, "committed", running_sha256=new)
    fleet.later()
    fleet.now += timedelta(hours=0.6)
    fleet.beat(canary, "5" * 64, agent=new)
    fleet.later()
    assert fleet.steps(key)[canary] == "done"
    ((second, _),) = fleet.later(2.1)
    assert second != canary
    fleet.say(second, key, "rolled_back", reason="the agent started 3 times within its probation", cause="probation")
    fleet.later()
    assert fleet.steps(key)[second] == "failed"
