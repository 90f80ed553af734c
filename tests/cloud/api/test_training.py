"""Training over HTTP: runs that somebody asks for, rules, and who may."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest

from cloud.settings import TrainingRecipe, TrainingSettings
from cloud.training.work import Training
from tests.cloud.api.conftest import Api
from tests.cloud.api.test_access import is_problem

MODEL = "koi-detector"


@pytest.fixture
def recipe(api: Api, farm_url: str) -> Iterator[None]:
    """The API knows how to train a model; nothing is ever started, for its paths are nowhere."""
    before: Training = api.app.state.training
    settings = TrainingSettings(
        training_recipes={MODEL: TrainingRecipe.model_validate({"config": "/c", "dataset": "/d"})}
    )
    api.app.state.training = Training(settings, before.storage, before.program, before.launcher)
    yield
    api.app.state.training = before
    with psycopg.connect(farm_url, autocommit=True) as database:
        for table in ("training_run", "retrain_rule"):
            database.execute(f"DELETE FROM {table} WHERE model = %s", (MODEL,))  # noqa: S608  (our own names)


@pytest.mark.usefixtures("recipe")
def test_a_platform_admin_asks_for_a_run_and_cancels_it(
    platform_admin: httpx.Client, fleet_admin: httpx.Client, api: Api
) -> None:
    wish = {"model": MODEL, "reason": "new cameras"}
    assert is_problem(fleet_admin.post("/api/v1/training/runs", json=wish), 403, "forbidden")
    answer = platform_admin.post("/api/v1/training/runs", json=wish)
    assert answer.status_code == 202, answer.text
    run = answer.json()
    assert (run["state"], run["trigger"], run["asked_by"]) == ("waiting", "asked", "admin@fjord.example")
    assert is_problem(platform_admin.post("/api/v1/training/runs", json=wish), 409, "conflict")
    listed = fleet_admin.get(f"/api/v1/training/runs?model={MODEL}&state=waiting&state=running").json()["items"]
    assert [each["id"] for each in listed] == [run["id"]]
    assert "reasons" not in listed[0]  # slices name sites of everybody
    path = f"/api/v1/training/runs/{run['id']}"
    assert is_problem(fleet_admin.get(path), 403, "forbidden")
    cancelled = platform_admin.post(f"{path}/cancel").json()
    assert (cancelled["state"], cancelled["error"]) == ("cancelled", "Cancelled by admin@fjord.example")
    assert (api.app.state.training.folder(run["id"]) / "cancel").exists()
    assert platform_admin.get(path).json() == platform_admin.post(f"{path}/cancel").json() == cancelled


@pytest.mark.usefixtures("recipe")
def test_a_training_is_a_task_of_those_who_may_see_it_and_tells_how_far_it_is(
    platform_admin: httpx.Client, fleet_admin: httpx.Client, operator: httpx.Client, farm_url: str, api: Api
) -> None:
    run = platform_admin.post("/api/v1/training/runs", json={"model": MODEL, "reason": "new cameras"}).json()
    path = f"/api/v1/tasks/{run['id']}"
    assert fleet_admin.get(path).json()["state"] == "queued"
    with psycopg.connect(farm_url, autocommit=True) as database:
        database.execute(
            "UPDATE training_run SET state = 'running', step = 'train', progress = 0.4, message = 'train: epoch 6 of 12'"
            " WHERE id = %s",
            (run["id"],),
        )
    task = fleet_admin.get(path).json()
    assert (task["kind"], task["state"], task["progress"]) == ("training", "running", 0.4)
    assert task["message"] == "train: epoch 6 of 12"
    assert task["params"] == {"model": MODEL, "trigger": "asked", "reason": "new cameras"}
    assert [each["id"] for each in fleet_admin.get("/api/v1/tasks?kind=training&limit=1").json()["items"]] == [
        run["id"]
    ]
    assert is_problem(operator.get(path), 404, "not_found")
    assert is_problem(operator.delete(path), 404, "not_found")
    assert fleet_admin.delete(path).json()["state"] == "running", "seeing is not ending"
    ended = platform_admin.delete(path).json()
    assert (ended["state"], ended["error"]) == ("cancelled", "Cancelled by admin@fjord.example")
    assert (api.app.state.training.folder(run["id"]) / "cancel").exists()


@pytest.mark.usefixtures("recipe")
def test_rules_are_shown_as_shipped_until_somebody_sets_them(
    platform_admin: httpx.Client, fleet_admin: httpx.Client
) -> None:
    def shown() -> dict[str, object]:
        items = fleet_admin.get("/api/v1/training/rules").json()["items"]
        return next(each for each in items if each["model"] == MODEL)

    before = shown()
    assert (before["can_train"], before["changed_by"]) == (True, None)
    path = f"/api/v1/training/rules/{MODEL}"
    body = {"new_labels": 50, "wrong_marks": None, "every_days": 30}
    assert is_problem(fleet_admin.put(path, json=body), 403, "forbidden")
    answer = platform_admin.put(path, json=body)
    assert answer.status_code == 200, answer.text
    rule = answer.json()["rule"]
    assert (rule["new_labels"], rule["wrong_marks"], rule["most_per_day"]) == (50, None, 2)
    assert shown() == answer.json()
    for wrong in ({"new_labels": 0}, {"cooldown_hours": {"drift": 0}}, {"gold": 1}):
        assert is_problem(platform_admin.put(path, json=wrong), 422, "invalid_request")


def test_what_learns_from_the_labels_of_one_farm_is_told_to_no_other(
    platform_admin: httpx.Client, fleet_admin: httpx.Client, api: Api, token_of: Callable[[str], str], farm_url: str,
) -> None:  # fmt: skip
    before: Training = api.app.state.training
    run_id = uuid4()
    with psycopg.connect(farm_url, autocommit=True) as database, api.client(token_of("rival-fleet")) as rival:

        def seen_by(client: httpx.Client) -> tuple[bool, bool, bool]:
            runs = client.get(f"/api/v1/training/runs?model={MODEL}").json()["items"]
            rules = {each["model"] for each in client.get("/api/v1/training/rules").json()["items"]}
            return len(runs) == 1, client.get(f"/api/v1/tasks/{run_id}").status_code == 200, MODEL in rules

        def teach(*, shared: bool) -> None:
            recipe = TrainingRecipe.model_validate({"config": "/c", "labels": "shoal/pens", "shared": shared})
            settings = TrainingSettings(training_recipes={MODEL: recipe})
            api.app.state.training = Training(settings, before.storage, before.program, before.launcher)
            database.execute("DELETE FROM training_run WHERE id = %s", (run_id,))
            database.execute(
                'INSERT INTO training_run (id, model, trigger, reason, asked_at, asked_by, "order", state, starts, finished_at, lineage,'
                " metrics, production_metrics, gate) SELECT %s, %s, 'asked', 'a test', now(), 'ada', jsonb_build_object('labels',"
                " jsonb_build_object('organization_id', id, 'shared', %s::bool)), 'proposed', 1, now(), '{}', '{}', '{}', '{}'"
                " FROM organization WHERE slug = 'shoal'",
                (run_id, MODEL, shared),
            )

        try:
            teach(shared=False)
            assert seen_by(fleet_admin) == seen_by(platform_admin) == (True, True, True)
            assert seen_by(rival) == (False, False, False)
            teach(shared=True)
            assert seen_by(rival) == (True, True, True)
        finally:
            api.app.state.training = before
            database.execute("DELETE FROM training_run WHERE id = %s", (run_id,))


def test_a_model_without_a_recipe_cannot_be_trained(platform_admin: httpx.Client) -> None:
    answer = platform_admin.post("/api/v1/training/runs", json={"model": "no-such-model", "reason": "try"})
    assert is_problem(answer, 404, "not_found")
    assert "SHOAL_TRAINING_RECIPES" in answer.json()["detail"]
