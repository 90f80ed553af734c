"""Training again in a real database: rules ask once, runs are started, die, go on and end as proposals that nobody has promoted."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest

from cloud.auth.principal import Principal
from cloud.auth.rules import Role
from cloud.db.session import sqlalchemy_url
from cloud.errors import ConflictError, UnavailableError
from cloud.farms.writer import ensure_organization, ensure_site
from cloud.kit.repository import Database, Row
from cloud.samples.store import path_of
from cloud.settings import TrainingRecipe, TrainingSettings
from cloud.task_kinds import kinds
from cloud.tasks.runner import TaskRunner, schedule
from cloud.training.launchers import CeleryLauncher, Launcher, ProcessLauncher
from cloud.training.program import CANCEL, STATE
from cloud.training.repository import TrainingRepository
from cloud.training.rules import ALIVE, Decision, Trigger
from cloud.training.schemas import NewTrainingRun
from cloud.training.service import ask
from cloud.training.work import Training, look, order_of, tend, tidy
from tests.cloud.pictures import jpeg

NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
MODEL = "fish-detector"
STANDIN = (sys.executable, str(Path(__file__).with_name("standin_training.py")))


def training_in(folder: Path, launcher: Launcher | None = None, *, labels: str | None = None) -> Training:
    for name in ("c.yaml", "d.json"):
        (folder / name).write_text("{}")
    learns = {"dataset": str(folder / "d.json")} if labels is None else {"labels": labels}
    recipe = TrainingRecipe.model_validate({"config": folder / "c.yaml", "production": MODEL} | learns)
    settings = TrainingSettings(training_recipes={MODEL: recipe})
    return Training(settings, folder, STANDIN, launcher or ProcessLauncher())


def story(url: str, tell: Callable[[Database], Awaitable[None]]) -> None:
    async def run() -> None:
        database = Database(sqlalchemy_url(url), pool_size=4, statement_timeout_s=30)
        database.start()
        try:
            await tell(database)
        finally:
            await database.stop()

    asyncio.run(run())


def marked_wrong(url: str, count: int, at: datetime) -> None:
    with psycopg.connect(url) as database:
        organization = ensure_organization(database, "fjord")
        for number in range(count):
            database.execute(
                "INSERT INTO label_mark (id, organization_id, subject, subject_id, fault, model_name, marked_at, marked_by)"
                " VALUES (%s, %s, 'prediction', %s, 'missed', %s, %s, 'ana@fjord.example')",
                (uuid4(), organization, str(number), MODEL, at),
            )


async def runs(database: Database) -> list[Row]:
    async with database.read() as reader:
        return await TrainingRepository(reader).runs(model=MODEL, states=(), before=None, rows=10)


async def asked(database: Database, training: Training) -> UUID:
    recipe, decision = training.settings.training_recipes[MODEL], Decision(Trigger.ASKED, "a test")
    async with database.write() as writer:
        repository = TrainingRepository(writer)
        row = await order_of(writer, training, MODEL, recipe, decision, asked_by="ana", now=NOW)
        assert await repository.ask(row)
    run_id: UUID = row["id"]
    return run_id


async def pressed(database: Database, training: Training, now: datetime) -> None:
    """Somebody asks for a run in the dashboard."""
    user = Principal(0, "ana@fjord.example", "Ana", Role.PLATFORM_ADMIN, 0, "fjord")
    async with database.write() as writer:
        await ask(writer, user, training, NewTrainingRun(model=MODEL, reason="new cameras"), now)


async def tended(database: Database, training: Training, run_id: UUID, until: set[str]) -> Row:
    """See to a run until it is in one of these states."""
    for _ in range(600):
        await tend(training, database, datetime.now(timezone.utc))
        async with database.read() as reader:
            row = await TrainingRepository(reader).run(run_id)
        assert row is not None
        if row["state"] in until:
            return row
        await asyncio.sleep(0.1)
    raise AssertionError(row)


def test_wrong_marks_ask_once_and_the_candidate_waits_for_people(database_url: str, tmp_path: Path) -> None:
    training = training_in(tmp_path)

    async def tell(database: Database) -> None:
        assert await look(training, database, NOW) == {MODEL: "nothing asks for it"}
        marked_wrong(database_url, 20, NOW)
        said = await asyncio.gather(*(look(training, database, NOW) for _ in range(3)))
        assert sum(each[MODEL].startswith("wrong_marks: 20 answers") for each in said) == 1
        (run,) = await runs(database)
        assert (run["trigger"], run["asked_by"], run["state"]) == ("wrong_marks", "schedule", "waiting")
        ended = await tended(database, training, run["id"], {"proposed", "failed"})
        assert (ended["state"], ended["version"], ended["starts"]) == ("proposed", "1.1.0", 1), ended["error"]
        assert ended["lineage"]["dataset_sha256"] == "da" * 32
        assert ended["lineage"]["git_sha"] == "0123abc"
        assert ended["metrics"]["site=reef"]["map50"]["value"] == 0.5
        assert (tmp_path / ended["bundle"] / "manifest.json").is_file()
        # The marks have been answered by that run, and the trigger cools down.
        assert (await look(training, database, NOW + timedelta(hours=1)))[MODEL] == "nothing asks for it"
        marked_wrong(database_url, 20, NOW + timedelta(hours=2))
        assert "cools down" in (await look(training, database, NOW + timedelta(hours=3)))[MODEL]
        assert (await look(training, database, NOW + timedelta(hours=25)))[MODEL].startswith("wrong_marks")
        assert [run["order"]["seed"] for run in await runs(database)] == [2, 1]

    story(database_url, tell)


def test_accepted_labels_and_drift_ask_too(database_url: str, tmp_path: Path) -> None:
    training = training_in(tmp_path)
    with psycopg.connect(database_url) as database:
        database.execute("INSERT INTO organization (slug, name) VALUES ('fjord', 'Fjord')")
        database.execute("INSERT INTO site (organization_id, slug, name) SELECT id, 'fjord', 'Fjord' FROM organization")
        database.execute("INSERT INTO unit (site_id, slug, name) SELECT id, 'tank-1', 'Tank 1' FROM site")
        database.execute(
            "INSERT INTO drift_alert SELECT gen_random_uuid(), site_id, id, %s, '1.0.0', 'ab', 'confidence', 'prediction',"
            " now(), now(), NULL, NULL, NULL, 1, 0.0001, -2, 'fell', '[]', '[]' FROM unit",
            (MODEL,),
        )
        database.execute(
            "INSERT INTO sample (id, organization_id, site_id, unit, device, camera, captured_at, sha256, media_type, width,"
            " height, bytes, source, reason, score, detections, look, uncertainty, novelty, priority, stored_at, stored_by,"
            " status, reviewed_at, model_name)"
            " SELECT gen_random_uuid(), organization_id, id, 'tank-1', 'box', 'cam', now(), 'sha-' || n, 'image/jpeg', 1, 1, 1,"
            " 'edge', 'random', 1, '[]', '[]', 0, 0, 0, now(), 'box', CASE WHEN n <= 20 THEN 'accepted' ELSE 'open' END,"
            " %s::timestamptz, %s FROM site, generate_series(1, 30) AS n",
            (NOW, MODEL),
        )

    async def tell(database: Database) -> None:
        said = await look(training_in(tmp_path, labels="delta/pens"), database, NOW)
        assert said == {MODEL: "nothing asks for it"}, "labels and drift of one farm train no model of another"
        said = await look(training, database, NOW)
        assert said == {MODEL: "drift: answers drift at 1 units, and 20 labels are new"}

    story(database_url, tell)


def test_a_run_that_dies_is_started_again_and_one_that_always_dies_is_given_up(
    database_url: str, tmp_path: Path
) -> None:
    class Deadly(ProcessLauncher):
        patience = ALIVE
        starts = 0

        async def start(self, run_id: UUID, folder: Path, database: Database) -> None:
            self.starts += 1
            if self.starts == 2:
                raise UnavailableError("no room for another process")

    deadly = Deadly()
    training = training_in(tmp_path, deadly)

    async def tell(database: Database) -> None:
        run_id = await asked(database, training)
        states: list[str] = []
        said: list[str | None] = []
        for minute in range(20):
            states += (await tend(training, database, NOW + timedelta(minutes=minute))).values()
            said.append((await runs(database))[0]["error"])
        assert (deadly.starts, states[-1]) == (5, "failed")
        assert "no room for another process" in said
        row = (await runs(database))[0]
        assert (row["id"], row["error"]) == (run_id, "Given up: it died 5 times without getting further")
        assert (training.folder(run_id) / CANCEL).is_file()  # one that begins late after all leaves at once
        assert await tend(training, database, NOW + timedelta(days=1)) == {}

    story(database_url, tell)


def test_a_training_longer_than_five_turns_goes_on_while_it_gets_further(database_url: str, tmp_path: Path) -> None:
    class Turns(ProcessLauncher):
        """Each turn ends in the middle; the first twelve get two epochs of thirty further."""

        patience = ALIVE
        turns = 0

        async def start(self, run_id: UUID, folder: Path, database: Database) -> None:
            self.turns += 1
            said: dict[str, object] = {
                "state": "running",
                "step": "train",
                "done": [],
                "error": None,
                "message": "train",
            }
            heard_at = NOW + timedelta(hours=2 * self.turns)
            (folder / STATE).write_text(
                json.dumps(said | {"heard_at": heard_at.isoformat(), "progress": min(self.turns, 12) / 15})
            )

    launcher = Turns()
    training = training_in(tmp_path, launcher)

    async def tell(database: Database) -> None:
        await asked(database, training)
        for turn in range(30):
            await tend(training, database, NOW + timedelta(hours=2 * turn + 1))
        row = (await runs(database))[0]
        assert launcher.turns == row["starts"] == 12 + 5  # five more got no further
        assert row["state"] == "failed"
        assert "without getting further" in row["error"]

    story(database_url, tell)


def test_a_worse_candidate_is_refused_and_a_broken_run_tells_why(database_url: str, tmp_path: Path) -> None:
    training = training_in(tmp_path)

    async def tell(database: Database) -> None:
        (tmp_path / "worse").touch()
        refused = await tended(database, training, await asked(database, training), {"refused", "proposed", "failed"})
        assert refused["state"] == "refused"
        assert refused["gate"]["reasons"][0]["verdict"] == "failed"
        (tmp_path / "broken").touch()
        broken = await tended(database, training, await asked(database, training), {"proposed", "failed"})
        assert broken["state"] == "failed"
        assert "loss is nan at step 17" in broken["error"]
        assert broken["bundle"] is None

    story(database_url, tell)


def test_a_celery_worker_takes_it_from_the_queue_for_models(database_url: str, tmp_path: Path) -> None:
    training = training_in(tmp_path, CeleryLauncher())

    async def tell(database: Database) -> None:
        run_id = await asked(database, training)
        await tend(training, database, datetime.now(timezone.utc))
        every = kinds(tmp_path / "tasks", training)
        data, ml = (TaskRunner(database, every, tmp_path / "tasks") for _ in range(2))
        assert not await data.run_one(queues=("data",))
        assert await ml.run_one(queues=("ml",))
        assert (await tended(database, training, run_id, {"proposed", "failed"}))["state"] == "proposed"

    story(database_url, tell)


def test_the_schedule_asks_for_both_looks_once(database_url: str, tmp_path: Path) -> None:
    async def tell(database: Database) -> None:
        every = {name: kind for name, kind in kinds(tmp_path, training_in(tmp_path)).items() if "train" in name}
        made = [await schedule(database, every, NOW + timedelta(minutes=minute)) for minute in (0, 0, 1, 15)]
        assert made == [
            2,
            0,
            1,
            2,
        ]  # tending every minute, looking every quarter of an hour; a run is never on a schedule

    story(database_url, tell)


def test_a_recipe_of_labels_freezes_them_and_the_run_fetches_them_from_the_storage(
    database_url: str, tmp_path: Path
) -> None:
    training = training_in(tmp_path, labels="fjord/pens")

    def accept(numbers: range) -> None:
        with psycopg.connect(database_url) as database:
            organization = ensure_organization(database, "fjord")
            for number in numbers:
                store_accepted(database, tmp_path, organization, number)

    async def tell(database: Database) -> None:
        marked_wrong(database_url, 20, NOW)
        said = await look(training_in(tmp_path, labels="delta/pens"), database, NOW)
        assert said == {MODEL: "nothing asks for it"}
        said = await look(training, database, NOW)
        assert "but: No accepted frame fits" in said[MODEL]  # told, and nothing is asked for
        accept(range(8))
        said = await look(training, database, NOW)
        assert said[MODEL].startswith("wrong_marks: 20")
        (run,) = await runs(database)
        ended = await tended(database, training, run["id"], {"proposed", "failed"})
        assert ended["state"] == "proposed", ended["error"]
        labels = ended["lineage"]["labels"]
        assert (labels["organization"], labels["name"], labels["number"]) == ("fjord", "pens", 1)
        frozen = json.loads((training.folder(run["id"]) / "labels/dataset.json").read_text())
        assert frozen["origin"]["sha256"] == labels["sha256"]
        assert {image["split"] for image in frozen["images"]} == {"train", "judge"}
        again = await tended(database, training, await asked(database, training), {"proposed", "failed"})
        assert again["lineage"]["labels"] == labels  # nothing was accepted since, and somebody wanted it all the same
        run_folder, soon = training.folder(run["id"]), datetime.now(timezone.utc)
        assert await tidy(training, database, soon + timedelta(days=29)) == {"folders": 0}
        assert await tidy(training, database, soon + timedelta(days=31)) == {"folders": 4}
        assert {each.name for each in run_folder.iterdir()} >= {"bundle", "candidate.json", "gate.json", "log.txt"}
        assert not (run_folder / "labels").exists()
        later = NOW + timedelta(days=3)
        marked_wrong(database_url, 20, later)
        assert "nothing was accepted for fjord/pens" in (await look(training, database, later))[MODEL]
        accept(range(8, 12))
        third_id = await asked(database, training)
        accept(range(12, 16))
        documents = {*(tmp_path / "datasets").iterdir()}
        with pytest.raises(ConflictError, match="under way"):
            await pressed(database, training, later)
        assert {*(tmp_path / "datasets").iterdir()} == documents, "nothing is frozen for a run that does not begin"
        third = await tended(database, training, third_id, {"proposed", "failed"})
        assert (third["lineage"]["labels"]["number"], third["state"]) == (2, "proposed")

    story(database_url, tell)


def store_accepted(database: psycopg.Connection[Any], storage: Path, organization: int, number: int) -> None:
    """A frame of one of four days in the storage, with a label that a reviewer has accepted."""
    site, sample, label = ensure_site(database, organization, "fjord"), uuid4(), uuid4()
    data = jpeg(np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8))
    sha256 = hashlib.sha256(data).hexdigest()
    path = path_of(storage, organization, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    database.execute(
        "INSERT INTO sample (id, organization_id, site_id, unit, device, camera, captured_at, sha256, media_type, width,"
        " height, bytes, source, reason, score, detections, look, uncertainty, novelty, priority, stored_at, stored_by,"
        " status, reviewed_at, reviewed_by)"
        " VALUES (%s, %s, %s, 'tank-1', 'box', 'cam', %s, %s, 'image/jpeg', 64, 48, %s, 'edge', 'random', 1, '[]', '[]',"
        " 0, 0, 0, %s, 'box', 'accepted', %s, 'mia@fjord.example')",
        (sample, organization, site, NOW - timedelta(days=number % 4), sha256, len(data), NOW, NOW),
    )
    body = {"boxes": [{"label": "fish", "box": {"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.2}}], "classes": [], "scores": {}}
    database.execute(
        "INSERT INTO label (id, sample_id, annotator, body, labelled_at, source) VALUES (%s, %s, 'ada', %s, %s, 'hand')",
        (label, sample, json.dumps(body), NOW),
    )
    database.execute("UPDATE sample SET accepted_label_id = %s WHERE id = %s", (label, sample))
