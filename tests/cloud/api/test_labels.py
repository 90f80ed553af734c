"""From a frame to a frozen data set: handing out, labels, agreement, review, marks, files, and who may do which."""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from contracts.samples import SampleReason
from shoal.cli import app as shoal_app
from tests.cloud.api import farm as farms
from tests.cloud.api.kelp import Kelp, answer, box_key, frame
from tests.cloud.api.test_access import is_problem

FISH = (0.1, 0.2, 0.1, 0.2)
BY_SITE = ["--by", "group", "--judge-share", "0.5"]
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _one_annotator(kelp: Kelp) -> Iterator[None]:
    """Every test begins with the settings that nobody has changed."""
    yield
    settings(kelp)


def settings(kelp: Kelp, **changed: Any) -> None:
    assert kelp.mia.put("/api/v1/labels/settings", json={"classes": ["fish"], **changed}).status_code == 200


def tasks_at(path: str) -> str:
    return f"/api/v1/labels/tasks{path}"


def label(client: httpx.Client, task: str, *corners: tuple[float, float, float, float], **more: Any) -> Json:
    given = client.post(tasks_at(f"/{task}/labels"), json=answer(*corners, **more))
    assert given.status_code == 201, given.text
    detail: Json = given.json()
    return detail


def review(client: httpx.Client, task: str, decision: str, **more: Any) -> httpx.Response:
    return client.post(tasks_at(f"/{task}/review"), json={"decision": decision, **more})


def next_of(client: httpx.Client, *skip: str) -> Json:
    given = client.post("/api/v1/labels/next", json={"skip": list(skip)})
    assert given.status_code == 200, given.text
    answered: Json = given.json()
    return answered


def finish_everything(kelp: Kelp) -> None:
    """Reject what other tests have left in the queue, so that the next frame is one's own."""
    for status in ("open", "review"):
        for task in kelp.mia.get("/api/v1/labels/tasks", params={"status": status, "limit": 500}).json()["items"]:
            review(kelp.mia, task["id"], "reject")


def test_an_operator_labels_a_manager_accepts_and_undo_works_until_then(kelp: Kelp) -> None:
    finish_everything(kelp)
    task = kelp.upload(frame(1001))
    mine = next_of(kelp.ada)
    assert mine["task"]["task"]["id"] == task
    assert mine["task"]["leased_until"] is not None
    assert next_of(kelp.ben)["task"] is None  # held by Ada
    detail = label(kelp.ada, task, FISH, (0.5, 0.5, 0.2, 0.2), seconds=12.5)
    assert (detail["task"]["status"], detail["task"]["labels"]) == ("review", 1)
    undone = kelp.ada.post(tasks_at(f"/{task}/undo")).json()
    assert (undone["task"]["status"], undone["labels"], undone["leased_until"] is not None) == ("open", [], True)
    again = label(kelp.ada, task, FISH)
    accepted = review(kelp.mia, task, "accept")
    assert accepted.json()["accepted_label"] == again["labels"][0]["id"]
    assert is_problem(kelp.ada.post(tasks_at(f"/{task}/undo")), 409, "conflict")
    assert is_problem(review(kelp.mia, task, "accept"), 409, "conflict")
    assert review(kelp.mia, task, "reopen").json()["task"]["status"] == "review"
    assert review(kelp.mia, task, "reject", note="blurred").json()["task"]["status"] == "rejected"


def test_the_same_label_twice_is_one_and_another_replaces_it(kelp: Kelp) -> None:
    task = kelp.upload(frame(1002))
    given = answer(FISH)
    first = kelp.ada.post(tasks_at(f"/{task}/labels"), json=given)
    second = kelp.ada.post(tasks_at(f"/{task}/labels"), json=given)
    assert (first.status_code, second.status_code) == (201, 200)
    assert len(label(kelp.ada, task, FISH, FISH)["labels"][0]["boxes"]) == 2
    assert len(kelp.mia.get(tasks_at(f"/{task}")).json()["labels"]) == 1
    stolen = kelp.mia.post(tasks_at(f"/{task}/labels"), json=given)
    assert is_problem(stolen, 409, "conflict")


def test_two_annotators_do_not_see_each_other_and_their_agreement_is_told(kelp: Kelp) -> None:
    settings(kelp, annotators=2)
    finish_everything(kelp)
    task = kelp.upload(frame(1003))
    assert next_of(kelp.ada)["task"]["task"]["id"] == task
    assert next_of(kelp.ben)["task"]["task"]["id"] == task  # two are wanted
    assert label(kelp.ada, task, FISH)["task"]["status"] == "open"
    assert kelp.ben.get(tasks_at(f"/{task}")).json()["labels"] == []
    detail = label(kelp.ben, task, FISH, (0.6, 0.6, 0.2, 0.2))
    assert (detail["task"]["status"], len(detail["labels"])) == ("review", 1)
    seen = kelp.mia.get(tasks_at(f"/{task}")).json()
    assert [each["annotator"] for each in seen["labels"]] == ["ada@kelp.example", "ben@kelp.example"]
    assert seen["agreements"][0]["boxes"] == seen["task"]["agreement"] == pytest.approx(2 / 3)
    pair = kelp.mia.get("/api/v1/labels/progress").json()["pairs"][0]
    assert (pair["first"], pair["second"]) == ("ada@kelp.example", "ben@kelp.example")
    assert pair["agreement"] == pytest.approx(2 / 3)
    ours = next(each for each in seen["labels"] if each["annotator"].startswith("ada"))
    assert review(kelp.mia, task, "accept", label_id=ours["id"]).json()["accepted_label"] == ours["id"]


def test_a_returned_frame_comes_first_with_the_reason(kelp: Kelp) -> None:
    finish_everything(kelp)
    task = kelp.upload(frame(1004, score=0.0, confidences=()))
    kelp.upload(frame(1005, reason=SampleReason.DRIFT, score=1.0))
    label(kelp.ada, task)
    assert is_problem(review(kelp.mia, task, "return"), 400, "bad_request")
    assert review(kelp.mia, task, "return", note="two fish are missing").status_code == 200
    came = next_of(kelp.ben)["task"]["task"]
    assert (came["id"], came["review_note"]) == (task, "two fish are missing")


def test_a_wrong_observation_comes_to_the_head_of_the_queue(
    operator: httpx.Client, platform_admin: httpx.Client, viewer: httpx.Client, rival: httpx.Client, storage_dir: Path
) -> None:
    seen = viewer.get("/api/v1/units/1/observations").json()["items"]
    with_image = next(each for each in seen if each["image_url"])
    mark = {"id": str(uuid4()), "subject": "observation", "subject_id": with_image["id"], "fault": "missed"}
    assert is_problem(viewer.post("/api/v1/labels/marks", json=mark), 403, "forbidden")
    assert is_problem(rival.post("/api/v1/labels/marks", json=mark | {"id": str(uuid4())}), 404, "not_found")
    first, second = (operator.post("/api/v1/labels/marks", json=mark) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["model"]["sha256"] == farms.MODEL.sha256
    task = first.json()["task_id"]
    head = viewer.get("/api/v1/labels/tasks", params={"limit": 1}).json()["items"][0]
    assert (head["id"], head["source"], head["reason"], head["marks"]) == (task, "evidence", "operator", 1)
    assert head["priority"] > 2
    assert head["proposals"] == with_image["detections"]
    assert viewer.get(f"/api/v1/samples/{task}/image").content == farms.JPEG
    late = next(each for each in seen if each["image_sha256"] == farms.LATER_SHA256)
    kept = operator.post("/api/v1/labels/marks", json=mark | {"id": str(uuid4()), "subject_id": late["id"]})
    assert (kept.status_code, kept.json()["task_id"]) == (201, None)  # its picture has not arrived; the record is kept
    assert {each["id"] for each in viewer.get("/api/v1/labels/marks").json()["items"]} >= {mark["id"]}
    assert rival.get("/api/v1/labels/marks").json()["items"] == []
    audited = platform_admin.get("/api/v1/audit", params={"subject": "label_mark"}).json()["items"]
    assert audited[0]["actor"] == "operator@fjord.example"


def test_what_is_not_in_the_settings_is_refused_by_its_place(kelp: Kelp) -> None:
    task = kelp.upload(frame(1006))
    wrong = answer(FISH, classes=["cod"], scores={"lice": 0.5})
    wrong["boxes"][0]["label"] = "shark"
    told = kelp.ada.post(tasks_at(f"/{task}/labels"), json=wrong)
    assert is_problem(told, 422, "invalid_file")
    assert [each["location"] for each in told.json()["errors"]] == ["boxes.0.label", "classes.0", "scores.lice"]
    settings(kelp, classes=["fish", "shark"], image_classes=["cod"], scores=["lice"])
    assert kelp.ada.post(tasks_at(f"/{task}/labels"), json=wrong).status_code == 201
    beyond = kelp.ada.post(tasks_at(f"/{task}/labels"), json=answer((0.9, 0.1, 0.2, 0.2)))
    assert beyond.json()["errors"][0]["location"] == "boxes.0.box"


def test_labels_leave_as_files_and_come_back_for_review(kelp: Kelp) -> None:
    one = frame(1007)
    task = kelp.upload(one)
    label(kelp.ada, task, FISH)
    out = kelp.cleo.get("/api/v1/labels/export", params={"format": "coco", "status": "review"}).json()
    ours = [each for each in out["images"] if each["sha256"] == one.sample.image_sha256]
    boxes_out = [each | {"image_id": 1} for each in out["annotations"] if each["image_id"] == ours[0]["id"]]
    file = out | {"images": [ours[0] | {"id": 1, "annotator": "dr-fish"}], "annotations": boxes_out}
    form = {"format": "coco"}
    assert is_problem(kelp.ada.post("/api/v1/labels/import", params=form, json=file), 403, "forbidden")
    checked = kelp.mia.post("/api/v1/labels/import", params=form | {"dry_run": True}, json=file).json()
    assert (checked["labels"], checked["stored"]) == (1, 1)
    assert len(kelp.mia.get(tasks_at(f"/{task}")).json()["labels"]) == 1
    took, again = (kelp.mia.post("/api/v1/labels/import", params=form, json=file).json() for _ in range(2))
    assert (took["stored"], again["stored"], again["known"]) == (1, 0, 1)
    labels = kelp.mia.get(tasks_at(f"/{task}")).json()["labels"]
    assert [each["annotator"] for each in labels] == ["ada@kelp.example", "import:mia@kelp.example:dr-fish"]
    studio = kelp.mia.get("/api/v1/labels/export", params={"format": "label_studio", "status": "review"}).json()
    assert {each["data"]["sha256"] for each in studio} >= {one.sample.image_sha256}
    broken = file | {"images": [file["images"][0] | {"sha256": "0" * 64}]}
    told = kelp.mia.post("/api/v1/labels/import", params=form, json=broken)
    assert is_problem(told, 422, "invalid_file")
    assert "upload it first" in told.json()["errors"][0]["message"]


def test_a_frozen_data_set_never_changes_and_says_what_it_is(kelp: Kelp, storage_dir: Path) -> None:
    finish_everything(kelp)
    frames = [frame(1100 + i) for i in range(2)]
    for one in frames:
        task = kelp.upload(one)
        label(kelp.ada, task, FISH)
        review(kelp.mia, task, "accept")
    assert is_problem(kelp.ada.post("/api/v1/datasets", json={"name": "pens"}), 403, "forbidden")
    made = kelp.mia.post("/api/v1/datasets", json={"name": "pens", "licence": "CC-BY-4.0"})
    assert made.status_code == 201, made.text
    first = made.json()
    assert first["number"] == 1
    assert first["counts"]["boxes_by_class"]["fish"] >= 2
    path = f"/api/v1/datasets/{first['id']}"
    document = kelp.cleo.get(f"{path}/annotations.json").content
    assert hashlib.sha256(document).hexdigest() == first["sha256"]
    images = json.loads(document)["images"]
    assert {one.sample.image_sha256 for one in frames} <= {each["sha256"] for each in images}
    assert all(
        each[key] for each in images for key in ("site", "camera", "track", "captured_at", "annotator", "licence")
    )
    packed, again = (kelp.cleo.get(f"{path}/archive.zip").content for _ in range(2))
    assert packed == again
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        assert archive.read("annotations.json") == document
        assert archive.read(f"images/{frames[0].sample.image_sha256}.jpg") == frames[0].data
    assert is_problem(kelp.mia.post("/api/v1/datasets", json={"name": "pens", "licence": "x"}), 409, "conflict")
    task = kelp.upload(frame(1103))
    label(kelp.ada, task)  # nothing is in it: that teaches too
    review(kelp.mia, task, "accept")
    second = kelp.mia.post("/api/v1/datasets", json={"name": "pens"}).json()
    assert (second["number"], second["lineage"]["previous"]["added"]) == (2, 1)
    assert second["lineage"]["previous"]["sha256"] == first["sha256"]
    assert kelp.cleo.get(f"{path}/annotations.json").content == document
    file = storage_dir / "datasets" / f"{first['id']}.json"
    file.write_bytes(document.replace(b"fish", b"crab"))
    assert "not what was frozen" in kelp.cleo.get(f"{path}/annotations.json").json()["detail"]


def test_a_label_set_is_fetched_in_parts_by_command_and_says_what_is_wrong(
    kelp: Kelp, storage_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [frame(1110 + i, camera=f"cam-{i % 3}") for i in range(5)]
    for one in frames:
        task = kelp.upload(one)
        label(kelp.ada, task, FISH)
        review(kelp.mia, task, "accept")
    made = kelp.mia.post("/api/v1/datasets", json={"name": "nets"}).json()
    shas = sorted(
        each["sha256"] for each in kelp.cleo.get(f"/api/v1/datasets/{made['id']}/annotations.json").json()["images"]
    )
    path = f"/api/v1/datasets/{made['id']}/archive.zip"
    with zipfile.ZipFile(io.BytesIO(kelp.cleo.get(path, params={"after": shas[0], "images": 2}).content)) as part:
        assert [Path(name).stem for name in part.namelist()] == shas[1:3]  # no labels again
    with zipfile.ZipFile(io.BytesIO(kelp.cleo.get(path, params={"images": 0}).content)) as part:
        assert part.namelist() == ["annotations.json"]
    assert kelp.cleo.get(path, params={"after": "x"}).status_code == 422

    monkeypatch.setattr("shoal.models.label_sets.PART", 2)
    monkeypatch.setattr("shoal.models.label_sets.TRIES", 1)
    monkeypatch.chdir(tmp_path)
    key = kelp.mia.post(
        "/api/v1/api-keys", json={"name": "trainer", "role": "viewer", "scopes": ["labels:read"]}
    ).json()
    monkeypatch.setenv("SHOAL_API_KEY", key["key"])

    def fetch(what: str, fault: str = "") -> str:
        done = CliRunner().invoke(shoal_app, ["models", "dataset", "fetch", what, "--from", kelp.api.url, *BY_SITE])
        told = f"{done.output}{done.exception}"
        assert (fault in told) if fault else done.exit_code == 0, told
        return str(done.output)

    folder = tmp_path / f"nets-{made['sha256'][:12]}"
    lost = storage_dir / "samples" / str(_organization(kelp)) / shas[-1][:2] / shas[-1]
    lost.rename(tmp_path / "backup")
    fetch("nets", "restore it from a backup")
    kept = len(list((folder / "images").iterdir()))
    assert kept == (len(shas) - 1) // 2 * 2  # every part before the one that lacks it
    (tmp_path / "backup").rename(lost)
    assert "frozen: " in fetch(f"nets@{made['sha256'][:8]}")
    frozen = json.loads(next(folder.glob("nets-*.json")).read_text())
    assert frozen["origin"] == {"label_set": "nets", "number": 1, "sha256": made["sha256"], "server": kelp.api.url}
    assert {image["sha256"] for image in frozen["images"]} == {*shas}
    fetch("nets@9", "There is nets@1")
    fetch("next", "there is: ")
    monkeypatch.setenv("SHOAL_API_KEY", f"{key['key']}x")
    fetch("nets", "Sign in with: shoal admin login")


def test_a_freeze_waits_for_who_takes_a_label_back(kelp: Kelp, farm_url: str) -> None:
    one = frame(1150)
    task = kelp.upload(one)
    label(kelp.ada, task, FISH)
    review(kelp.mia, task, "accept")
    with psycopg.connect(farm_url) as reviewer, ThreadPoolExecutor(1) as pool:
        reviewer.execute("SELECT FROM sample WHERE id = %s FOR UPDATE", (task,))
        freezing = pool.submit(kelp.mia.post, "/api/v1/datasets", json={"name": "returned-meanwhile"})
        while not (freezing.done() or waits_for_a_lock(farm_url)):
            time.sleep(0.05)
        reviewer.execute(
            "UPDATE label SET withdrawn_at = now(), withdrawn_because = 'returned' WHERE sample_id = %s", (task,)
        )
        reviewer.execute("UPDATE sample SET status = 'open', accepted_label_id = NULL WHERE id = %s", (task,))
        reviewer.commit()
        made = freezing.result()
    assert made.status_code in {201, 409}, made.text  # 409: no other frame is accepted
    if made.status_code == 201:
        document = kelp.mia.get(f"/api/v1/datasets/{made.json()['id']}/annotations.json").json()
        assert one.sample.image_sha256 not in {each["sha256"] for each in document["images"]}


def _organization(kelp: Kelp) -> int:
    with psycopg.connect(str(kelp.api.settings.database_url.get_secret_value())) as database:
        row = database.execute("SELECT id FROM organization WHERE slug = 'kelp'").fetchone()
    assert row is not None
    return int(row[0])


def waits_for_a_lock(farm_url: str) -> bool:
    with psycopg.connect(farm_url, autocommit=True) as database:
        waiting = database.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
    return waiting is not None and waiting[0] > 0


def test_each_sees_and_does_what_is_theirs(
    kelp: Kelp, anonymous: httpx.Client, rival: httpx.Client, token_of: Callable[[str], str]
) -> None:
    del token_of
    here = kelp.upload(frame(1200))
    with kelp.api.client(box_key(kelp, "box-b", sites=["kelp-b"])) as box:
        there = kelp.upload(frame(1201, site="kelp-b"), client=box)
    for client, status in ((anonymous, 401), (rival, 404)):
        assert client.get(tasks_at(f"/{here}")).status_code == status
        assert client.post(tasks_at(f"/{here}/labels"), json=answer(FISH)).status_code == status
    for path, body in (
        (f"/{here}/labels", answer(FISH)), (f"/{here}/undo", None), (f"/{here}/lease", None),
    ):  # fmt: skip
        assert is_problem(kelp.cleo.post(tasks_at(path), json=body), 403, "forbidden")
    assert is_problem(review(kelp.ada, here, "accept"), 403, "forbidden")
    assert is_problem(kelp.ada.put("/api/v1/labels/settings", json={"classes": ["x"]}), 403, "forbidden")
    # Noor manages the second site alone.
    assert is_problem(kelp.noor.get(tasks_at(f"/{here}")), 404, "not_found")
    assert {each["site"] for each in kelp.noor.get(tasks_at("?limit=500")).json()["items"]} == {"kelp-b"}
    label(kelp.noor, there, FISH)
    assert review(kelp.noor, there, "accept").status_code == 200
    own = kelp.noor.post("/api/v1/datasets", json={"name": "second-site"}).json()
    assert own["counts"]["images_by_site"] == {"kelp-b": 1}
    assert kelp.mia.get(f"/api/v1/datasets/{own['id']}").status_code == 200
    others = kelp.mia.get("/api/v1/datasets").json()["items"]
    assert {each["id"] for each in kelp.noor.get("/api/v1/datasets").json()["items"]} == {own["id"]}
    assert rival.get("/api/v1/datasets").json()["items"] == []
    assert all(is_problem(rival.get(f"/api/v1/datasets/{each['id']}"), 404, "not_found") for each in others)


def test_a_held_frame_is_let_go_and_pages_neither_repeat_nor_skip(kelp: Kelp) -> None:
    finish_everything(kelp)
    wanted = {kelp.upload(frame(1300 + i, camera=f"cam-{i}")) for i in range(3)}
    first = next_of(kelp.ada)["task"]["task"]["id"]
    assert next_of(kelp.ada)["task"]["task"]["id"] == first  # still hers
    assert is_problem(kelp.ben.post(tasks_at(f"/{first}/lease")), 409, "conflict")
    assert kelp.ada.delete(tasks_at(f"/{first}/lease")).status_code == 204
    assert kelp.ben.post(tasks_at(f"/{first}/lease")).status_code == 200
    assert next_of(kelp.ada)["task"]["task"]["id"] != first
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(5):
        query: dict[str, str | int] = {"status": "open", "limit": 2}
        if cursor is not None:
            query["cursor"] = cursor
        page = kelp.cleo.get("/api/v1/labels/tasks", params=query).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(wanted)
    counts = kelp.cleo.get("/api/v1/labels/progress").json()
    assert counts["open"] == 3
