"""Predictions over HTTP: who may, what comes back, what is kept, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import psycopg
import pytest

from cloud.observations.images import store
from cloud.predictions.schemas import (
    BatchPrediction,
    Explanation,
    ModelsHealth,
    Prediction,
    PredictionPage,
    PredictionStats,
    SpeciesOut,
)
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import Api, Serving, settings_for
from tests.cloud.api.test_access import is_problem
from tests.cloud.pictures import Colour, colour, encoded, jpeg, png_of_size
from tests.models.tiny_bundle import tiny_classifier
from tests.servers.presence import ROOT

READS = (
    "/predictions/history",
    "/predictions/species",
    "/predictions/stats",
    "/ml/models",
    "/ml/models/fish-detector",
    "/models/active",
    "/models/all",
    "/models/stats",
    "/models/health",
)
WRITES = ("/predictions/classify", "/ml/explain", "/ml/predict", "/ml/predict/batch")
GREEN = jpeg(colour("green"))
NEWER = str(json.loads((ROOT / "models/bundles/fish-detector/manifest.json").read_text())["version"])
"""Of the classifier: the number that the shipped detector has too, so that it alone names neither."""


@pytest.fixture(scope="module")
def aquarium(
    farm: farms.Farm, farm_url: str, storage_dir: Path, dashboard_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """The API of the same farm with a classifier of colours in two versions."""
    folder = tmp_path_factory.mktemp("models")
    tiny_classifier(folder / "fish-species" / "1.0.0", name="fish-species")
    tiny_classifier(folder / "fish-species" / NEWER, name="fish-species", version=NEWER, gain=12)
    settings = settings_for(farm_url, storage_dir=storage_dir, dashboard_dir=dashboard_dir)
    changed = settings.model_copy(
        update={
            "models_dir": folder,
            "predict_active": {"classification": "fish-species@1.0.0"},
            "predict_warm_up": ("classification",),
        }
    )
    with Serving(changed) as running:
        yield running


@pytest.fixture
def client_of(aquarium: Api, token_of: Callable[[str], str]) -> Iterator[Callable[[str], httpx.Client]]:
    clients: list[httpx.Client] = []

    def client(name: str) -> httpx.Client:
        clients.append(aquarium.client(token_of(name)))
        return clients[-1]

    yield client
    for each in clients:
        each.close()


@pytest.fixture
def keeper(client_of: Callable[[str], httpx.Client]) -> httpx.Client:
    return client_of("operator")


def classify(client: httpx.Client, data: bytes, **form: Any) -> httpx.Response:
    return client.post("/api/v1/predictions/classify", files={"file": ("fish.jpg", data, "image/jpeg")}, data=form)


@pytest.mark.parametrize("path", READS)
def test_anonymous_reads_nothing(anonymous: httpx.Client, viewer: httpx.Client, path: str) -> None:
    assert is_problem(anonymous.get(f"/api/v1{path}"), 401, "unauthenticated")
    assert viewer.get(f"/api/v1{path}").status_code == 200


@pytest.mark.parametrize("path", WRITES)
def test_predicting_needs_an_operator(anonymous: httpx.Client, viewer: httpx.Client, path: str) -> None:
    parts = {"file": GREEN} if not path.endswith("batch") else {"files": GREEN}
    assert is_problem(anonymous.post(f"/api/v1{path}", files=parts), 401, "unauthenticated")
    assert is_problem(viewer.post(f"/api/v1{path}", files=parts), 403, "forbidden")


def test_a_picture_is_named_with_level_and_model(keeper: httpx.Client) -> None:
    answer = classify(keeper, GREEN, unit_id=1, all_probabilities=True)
    assert answer.status_code == 200, answer.text
    said = Prediction.model_validate_json(answer.content)
    assert (said.label, said.level, said.arm, said.unit_id) == ("green", "high", "active", 1)
    assert said.probabilities is not None
    assert sum(said.probabilities.values()) == pytest.approx(1, abs=1e-4)
    assert (said.image.width, said.image.height, said.image.media_type) == (64, 48, "image/jpeg")
    assert said.model.name == "fish-species"
    assert classify(keeper, GREEN).json()["probabilities"] is None


def test_a_grey_picture_is_unknown_and_never_sure(keeper: httpx.Client) -> None:
    grey = colour("green") // 32 + 120
    said = Prediction.model_validate_json(classify(keeper, jpeg(grey)).content)
    assert (said.label, said.level) == ("unknown", "low")
    assert said.best_label == "green"
    listed = PredictionPage.model_validate_json(keeper.get("/api/v1/predictions/history?label=unknown").content)
    assert said.id in {each.id for each in listed.items}


def test_the_same_picture_again_is_remembered_and_still_kept(keeper: httpx.Client) -> None:
    picture = jpeg(colour("blue", width=77, height=55))
    first, second = (Prediction.model_validate_json(classify(keeper, picture).content) for _ in range(2))
    assert (first.cached, second.cached) == (False, True)
    assert first.id != second.id
    assert first.confidence == second.confidence


def test_a_wrong_prediction_is_marked_once_with_the_right_answer(keeper: httpx.Client, viewer: httpx.Client) -> None:
    said = classify(keeper, jpeg(colour("red", width=81, height=57))).json()
    mark = {"id": str(uuid4()), "subject": "prediction", "subject_id": str(said["id"]), "fault": "wrong_class"}
    given = [keeper.post("/api/v1/labels/marks", json=mark | {"right_answer": "blue"}) for _ in range(2)]
    assert [each.status_code for each in given] == [201, 200]
    kept = given[0].json()
    assert (kept["right_answer"], kept["task_id"]) == ("blue", None)  # an uploaded picture is not kept
    assert kept["model"]["name"] == said["model"]["name"]  # whose rules of retraining count it
    assert mark["id"] in {each["id"] for each in viewer.get("/api/v1/labels/marks?model=fish-species").json()["items"]}


def test_a_version_can_be_asked_for(keeper: httpx.Client) -> None:
    said = Prediction.model_validate_json(classify(keeper, GREEN, model="fish-species", version=NEWER).content)
    assert (said.model.version, said.arm) == (NEWER, "asked")
    assert is_problem(classify(keeper, GREEN, model="fish-species", version="9.9.9"), 404, "not_found")
    assert is_problem(classify(keeper, GREEN, model="fish-detector"), 409, "no_model")


def test_a_map_tells_what_the_classifier_looked_at(keeper: httpx.Client, operator: httpx.Client) -> None:
    frame = np.zeros((70, 140, 3), np.uint8)
    frame[:35, :70] = (0, 255, 0)
    answer = keeper.post("/api/v1/ml/explain", files={"file": encoded(frame, ".png")})
    assert answer.status_code == 200, answer.text
    said = Explanation.model_validate_json(answer.content)
    assert (said.label, said.model.name) == ("green", "fish-species")
    assert [len(row) for row in said.lost] == [7] * 7
    assert max(map(max, said.lost[:3])) > 0 >= max(map(max, said.lost[4:]))
    broken = keeper.post("/api/v1/ml/explain", files={"file": b"no picture"})
    assert is_problem(broken, 415, "unsupported_image")
    assert is_problem(operator.post("/api/v1/ml/explain", files={"file": GREEN}), 409, "no_model")


def test_without_a_classifier_the_api_says_how_to_get_one(operator: httpx.Client) -> None:
    answer = classify(operator, GREEN)
    assert is_problem(answer, 409, "no_model")
    assert "python -m models.classifier.train" in answer.json()["detail"]


def test_the_shipped_detector_works_out_of_the_box(operator: httpx.Client) -> None:
    from models.runtime import shipped_bundle

    frame = (shipped_bundle("fish-detector") / "golden" / "between.jpg").read_bytes()
    answer = operator.post("/api/v1/ml/predict", files={"file": frame})
    assert answer.status_code == 200, answer.text
    said = Prediction.model_validate_json(answer.content)
    assert said.model.name == "fish-detector"
    assert said.count == len(said.detections) > 0
    assert {each.label for each in said.detections} == {"fish"}
    health = ModelsHealth.model_validate_json(operator.get("/api/v1/models/health").content)
    detector = next(each for each in health.items if each.key.startswith("fish-detector"))
    assert (health.status, detector.status, detector.self_test) == ("ok", "ok", True)
    stats = operator.get("/api/v1/models/stats").json()
    assert stats["items"][0]["predictions"] >= 1
    assert stats["memory_bytes"] > 0


@pytest.fixture(scope="module")
def evidence(farm_url: str, storage_dir: Path) -> str:
    """A picture that a camera of the farm took."""
    import hashlib

    data = jpeg(colour("red", width=90, height=70))
    sha256 = hashlib.sha256(data).hexdigest()
    store(storage_dir, sha256, data)
    with psycopg.connect(farm_url) as database:
        database.execute(
            "INSERT INTO image (sha256, camera_id, unit_id, observed_at, media_type, width, height, bytes, stored_at)"
            " SELECT %s, camera_id, unit_id, now() - INTERVAL '10 days', media_type, 90, 70, %s, now() FROM image LIMIT 1"
            " ON CONFLICT DO NOTHING",
            (sha256, len(data)),
        )
    return sha256


def test_a_stored_image_is_predicted_by_its_hash_and_only_by_its_owner(
    keeper: httpx.Client, client_of: Callable[[str], httpx.Client], evidence: str
) -> None:
    form = {"image_sha256": evidence, "task": "classification"}
    said = Prediction.model_validate_json(keeper.post("/api/v1/ml/predict", data=form).content)
    assert said.label == "red"
    assert is_problem(client_of("rival").post("/api/v1/ml/predict", data=form), 404, "not_found")
    assert is_problem(keeper.post("/api/v1/ml/predict", data={"task": "classification"}), 400, "bad_request")


def test_another_organizations_unit_does_not_exist(client_of: Callable[[str], httpx.Client]) -> None:
    rival = client_of("rival")
    assert is_problem(classify(rival, GREEN, unit_id=1), 404, "not_found")
    for name in ("history", "species", "stats"):
        assert is_problem(rival.get(f"/api/v1/predictions/{name}?unit_id=1"), 404, "not_found")


def test_each_organization_sees_its_own_predictions(
    keeper: httpx.Client, client_of: Callable[[str], httpx.Client]
) -> None:
    rival = client_of("rival")
    picture = jpeg(colour("blue", width=101, height=99))
    said = Prediction.model_validate_json(classify(rival, picture).content)
    ours = PredictionPage.model_validate_json(keeper.get("/api/v1/predictions/history?limit=500").content)
    theirs = PredictionPage.model_validate_json(rival.get("/api/v1/predictions/history").content)
    assert said.id in {each.id for each in theirs.items}
    assert said.id not in {each.id for each in ours.items}
    assert not {each.id for each in ours.items} & {each.id for each in theirs.items}


def test_a_batch_tells_each_pictures_fate(keeper: httpx.Client, evidence: str) -> None:
    colours: tuple[Colour, ...] = ("red", "green", "blue")
    files = [("files", (f"{name}.jpg", jpeg(colour(name)), "image/jpeg")) for name in colours]
    files += [
        ("files", ("bomb.png", png_of_size(60_000, 60_000), "image/png")),
        ("files", ("notes.txt", b"fish", "image/jpeg")),
    ]
    form = {"task": "classification", "references": f"{evidence}, {'0' * 64}"}
    answer = keeper.post("/api/v1/ml/predict/batch", files=files, data=form)
    assert answer.status_code == 200, answer.text
    batch = BatchPrediction.model_validate_json(answer.content)
    assert [each.prediction and each.prediction.label for each in batch.items] == [*colours, None, None, "red", None]
    codes = [each.problem.code for each in batch.items if each.problem is not None]
    assert codes == ["payload_too_large", "unsupported_image", "not_found"]
    assert (batch.predicted, batch.failed) == (4, 3)
    assert [each.name for each in batch.items][:2] == ["red.jpg", "green.jpg"]


def test_a_batch_has_its_bounds(keeper: httpx.Client) -> None:
    url = "/api/v1/ml/predict/batch"
    assert is_problem(keeper.post(url, files=[("files", ("x.jpg", b"x"))] * 65), 400, "bad_request")
    assert is_problem(keeper.post(url, data={"references": ",".join(["0" * 64] * 1001)}), 400, "bad_request")
    assert is_problem(keeper.post(url, data={"references": "../../etc/passwd"}), 400, "bad_request")
    assert is_problem(keeper.post(url, data={"references": ""}), 400, "bad_request")
    whole = keeper.post(url, data={"references": " ".join(["0" * 64] * 1000), "task": "classification"})
    assert (whole.status_code, whole.json()["failed"]) == (200, 1000)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 415, "unsupported_image"),
        (b"%PDF-1.7 fish", 415, "unsupported_image"),
        (jpeg(colour("red", width=20, height=20)), 422, "unusable_image"),
        (GREEN[:-50], 422, "unusable_image"),
        (png_of_size(60_000, 60_000), 413, "payload_too_large"),
        (png_of_size(64, 64, content=b"no zlib stream"), 422, "unusable_image"),
    ],
)
def test_a_picture_that_cannot_be_used_is_refused_by_name(
    keeper: httpx.Client, data: bytes, status: int, code: str
) -> None:
    assert is_problem(classify(keeper, data), status, code)


def test_only_uploads_may_be_large(keeper: httpx.Client) -> None:
    noise = encoded(np.random.default_rng(1).integers(0, 255, (900, 900, 3), "uint8"), ".png")
    assert len(noise) > 1_000_000
    assert classify(keeper, noise).status_code == 200
    assert is_problem(
        keeper.post("/api/v1/auth/login", data={"username": "x" * 1_000_001, "password": "x"}), 413, "payload_too_large"
    )


def test_pages_of_the_history_neither_repeat_nor_skip(keeper: httpx.Client) -> None:
    everything = [each["id"] for each in keeper.get("/api/v1/predictions/history?limit=500").json()["items"]]
    assert everything == sorted(everything, reverse=True)
    seen, cursor = [], None
    while True:
        page = keeper.get(
            "/api/v1/predictions/history", params={"limit": 3, **({"cursor": cursor} if cursor else {})}
        ).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == everything


def test_numbers_of_the_past_add_up(keeper: httpx.Client) -> None:
    classify(keeper, GREEN, unit_id=1)
    history = PredictionPage.model_validate_json(keeper.get("/api/v1/predictions/history?limit=500&unit_id=1").content)
    stats = PredictionStats.model_validate_json(keeper.get("/api/v1/predictions/stats?unit_id=1").content)
    species = SpeciesOut.model_validate_json(keeper.get("/api/v1/predictions/species?unit_id=1").content)
    assert stats.predictions == len(history.items) == sum(day.predictions for day in stats.by_day)
    assert {each.label for each in species.items} == {each.label for each in history.items if each.label}
    green = next(each for each in species.items if each.label == "green")
    assert green.predictions == green.levels.high + green.levels.medium + green.levels.low


@pytest.mark.parametrize(
    "query",
    [
        "history?cursor=WyJ4IiwieSJd",
        "history?unit_id=99999999999999999999",
        "history?level=sure",
        "history?label=%00",
        "species?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z",
        "stats?start=0001-01-01T00:00:00Z&end=9999-12-31T23:59:59Z",
        "stats?start=0001-01-01T00:00:00%2B14:00",
        "stats?end=yesterday",
    ],
)
def test_nasty_questions_are_refused_by_name(viewer: httpx.Client, query: str) -> None:
    answer = viewer.get(f"/api/v1/predictions/{query}")
    assert 400 <= answer.status_code < 500
    assert is_problem(answer, answer.status_code, answer.json()["code"])


@pytest.mark.parametrize(
    ("version", "status"),
    [
        (f"fish-species@{NEWER}", 200),
        (NEWER, 409),
        ("1.0.0", 200),
        ("nothing", 404),
        ("..%2f..%2fetc", 404),
        ("%00", 404),
    ],
)
def test_a_model_is_found_by_its_names(keeper: httpx.Client, version: str, status: int) -> None:
    assert keeper.get(f"/api/v1/ml/models/{version}").status_code == status


def test_models_tell_what_is_active_and_loaded(keeper: httpx.Client) -> None:
    classify(keeper, GREEN)
    items = {each["key"]: each for each in keeper.get("/api/v1/models/all").json()["items"]}
    assert items["fish-species@1.0.0"]["active"]
    assert items["fish-species@1.0.0"]["loaded"]
    assert not items[f"fish-species@{NEWER}"]["active"]
    active = keeper.get("/api/v1/models/active").json()
    assert {each["task"] for each in active["items"]} == {"detection", "classification"}
    assert "scores" in active["missing"]


def test_requests_that_come_together_are_batched(keeper: httpx.Client) -> None:
    pictures = [jpeg(colour("red", width=400 + n, height=400)) for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda picture: classify(keeper, picture), pictures))
    assert {answer.json()["label"] for answer in answers} == {"red"}
    stats = keeper.get("/api/v1/models/stats").json()["items"]
    ours = next(each for each in stats if each["key"] == "fish-species@1.0.0")
    assert ours["predictions"] >= 24
    assert ours["batches"] <= ours["predictions"]
