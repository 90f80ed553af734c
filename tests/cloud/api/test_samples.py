"""The cloud's side of the edge's resumable upload: cut lines, wrong bytes, wrong sites, a store that is full."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from starlette.requests import ClientDisconnect

from cloud.samples.schemas import SamplePairs
from cloud.samples.service import _gather
from contracts.samples import SampleReason
from contracts.vision import Box, Detection, ModelRef
from edge.clock import SystemClock
from edge.errors import UploadLaterError
from edge.sampling.settings import UploadSettings
from edge.sampling.store import PictureClass, PictureStore
from edge.sampling.uploader import SampleUploader
from tests.cloud.api.conftest import Serving, settings_for
from tests.cloud.api.kelp import Frame, Kelp, begin, box_key, frame, metadata, send
from tests.cloud.api.test_access import is_problem

HEAD = {"Tus-Resumable": "1.0.0"}


def stored(farm_url: str, one: Frame) -> tuple[object, ...] | None:
    columns = "unit, device, camera, captured_at, reason, model_version, width, height, status, stored_by, source"
    with psycopg.connect(farm_url) as database:
        return database.execute(
            f"SELECT {columns} FROM sample WHERE sha256 = %s",  # noqa: S608  (a list of the test's own)
            (one.sample.image_sha256,),
        ).fetchone()


def edge_store(folder: Path, *frames: Frame) -> PictureStore:
    quotas = {PictureClass.EVIDENCE: 0, PictureClass.SAMPLE: 10_000_000}
    store = PictureStore(folder / "pictures", quotas=quotas, min_free_bytes=0)
    for one in frames:
        note = one.sample.model_dump_json(exclude_none=True)
        kept = store.put(
            PictureClass.SAMPLE, one.data, camera=one.sample.camera, observed_at=one.sample.observed_at, note=note
        )
        assert kept == one.sample.image_sha256
    return store


def uploader(store: PictureStore, url: str, token: str, folder: Path, *, chunk_bytes: int = 4096) -> SampleUploader:
    (folder / "token").write_text(token + "\n")
    settings = UploadSettings(
        url=f"{url}/api/v1/samples", token_file=folder / "token", chunk_bytes=chunk_bytes, bytes_per_s=10_000_000
    )
    return SampleUploader(store, settings, clock=SystemClock(assume_synchronised=True), idle=lambda: True)


def test_what_an_edge_agent_uploads_is_in_the_queue_with_where_it_came_from(
    kelp: Kelp, tmp_path: Path, farm_url: str, storage_dir: Path
) -> None:
    one = frame(1)
    store = edge_store(tmp_path, one)
    uploads = uploader(store, kelp.api.url, box_key(kelp, "agent"), tmp_path)
    assert uploads.upload_one(lambda _s: None)
    assert not uploads.upload_one(lambda _s: None)
    assert (uploads.stats.uploaded, uploads.stats.bytes) == (1, len(one.data))
    sample = one.sample
    assert stored(farm_url, one) == (
        sample.unit, "box-k", sample.camera, sample.observed_at, "near_threshold", "1.0.0", 160, 120, "open", "key:agent",
        "edge",
    )  # fmt: skip
    (file,) = storage_dir.glob(f"samples/*/*/{sample.image_sha256}")
    assert file.read_bytes() == one.data
    task = next(
        each for each in kelp.mia.get("/api/v1/labels/tasks").json()["items"] if each["sha256"] == sample.image_sha256
    )
    assert task["proposals"][0]["confidence"] == 0.6
    with kelp.api.client() as anonymous:
        assert anonymous.get(task["image_url"]).content == one.data
    store.close()


def test_a_fleet_admin_sees_both_answers_those_that_differ_most_first(kelp: Kelp) -> None:
    candidate = ModelRef(name="fish-detector", version="9.1.0", sha256="cd" * 32)
    theirs = (Detection(label="fish", confidence=0.8, box=Box(x=0.7, y=0.6, w=0.1, h=0.2)),)
    for number, score in ((41, 0.6), (42, 1.0)):
        one = frame(number, reason=SampleReason.DISAGREEMENT, score=score)
        kelp.upload(Frame(one.data, one.sample.model_copy(update={"other": theirs, "other_model": candidate})))
    kelp.upload(frame(43, reason=SampleReason.DISAGREEMENT, score=0.9))
    asked = "/api/v1/samples/pairs?model=fish-detector&version="
    answer = kelp.fay.get(f"{asked}9.1.0")
    assert answer.status_code == 200, answer.text
    first, second = SamplePairs.model_validate_json(answer.content).items
    assert (first.score, second.score) == (1.0, 0.6)
    assert first.candidate.model == candidate
    assert first.candidate.detections == list(theirs)
    assert first.active.detections == list(frame(42).sample.detections)
    with kelp.api.client() as anonymous:
        assert anonymous.get(first.image_url).content == frame(42).data
    assert kelp.fay.get(f"{asked}9.2.0").json()["items"] == []
    assert is_problem(kelp.mia.get(f"{asked}9.1.0"), 403, "forbidden")


def test_a_line_that_is_cut_goes_on_where_the_disk_is(kelp: Kelp, farm_url: str) -> None:
    one = frame(2)
    location = begin(kelp.box, one).headers["location"]
    assert send(kelp.box, location, 0, one.data[:1000]).status_code == 204
    cut_off(kelp, location, one.data[1000:], 2000)
    assert begin(kelp.box, one).headers["location"] == location  # asked again after a restart
    answer = None
    for _ in range(5):  # the server may notice the cut while it is asked
        reached = int(kelp.box.head(location, headers=HEAD).headers["upload-offset"])
        assert reached in {1000, 3000}
        answer = send(kelp.box, location, reached, one.data[reached:])
        if answer.status_code == 204:
            break
    assert answer is not None
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(one.data)))
    assert stored(farm_url, one) is not None


def test_what_came_before_a_cut_is_kept() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"de"
        raise ClientDisconnect

    assert asyncio.run(_gather(body(), 10)) == (b"abcde", True)


def test_an_answer_that_was_lost_finds_the_sample_whole(kelp: Kelp) -> None:
    one = frame(3)
    key = kelp.upload(one)
    head = kelp.box.head(f"/api/v1/samples/{key}", headers=HEAD)
    assert head.headers["upload-offset"] == head.headers["upload-length"] == str(len(one.data))
    again = begin(kelp.box, one)
    assert (again.status_code, again.headers["location"]) == (200, f"/api/v1/samples/{key}")
    assert send(kelp.box, again.headers["location"], len(one.data), b"").status_code == 204


def test_other_bytes_than_announced_are_thrown_away_and_may_come_again(kelp: Kelp, farm_url: str) -> None:
    one, other = frame(4), frame(5)
    location = begin(kelp.box, one, **{"Upload-Length": str(len(other.data))}).headers["location"]
    assert is_problem(send(kelp.box, location, 0, other.data), 460, "checksum_mismatch")
    assert kelp.box.head(location, headers=HEAD).status_code == 404
    assert stored(farm_url, one) is None
    kelp.upload(one)
    assert stored(farm_url, one) is not None


def test_what_is_no_picture_is_refused_for_good(kelp: Kelp) -> None:
    text = b"not a picture " * 20
    sample = frame(6).sample.model_copy(update={"image_sha256": hashlib.sha256(text).hexdigest()})
    location = begin(kelp.box, Frame(text, sample)).headers["location"]
    assert is_problem(send(kelp.box, location, 0, text), 415, "unsupported_image")
    assert kelp.box.head(location, headers=HEAD).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status", "told"),
    [
        ({"Tus-Resumable": "0.2.0"}, 412, "0.2.0 is not spoken"),
        ({"Upload-Length": "0"}, 400, "Upload-Length"),
        ({"Upload-Length": "1000001"}, 413, "at most 1000000"),
        ({"Upload-Metadata": ""}, 400, "Upload-Metadata.sha256"),
        ({"Upload-Metadata": "sha256 !!!"}, 400, "not base64"),
        ({"Upload-Metadata": metadata(frame(7), sha256="AB" * 32)}, 400, "64 lower-case"),
        ({"Upload-Metadata": metadata(frame(7), sha256="ab" * 32)}, 400, "is not the sha256 beside it"),
        ({"Upload-Metadata": metadata(frame(7), sample="{}")}, 400, "Upload-Metadata.sample.site"),
        ({"Upload-Metadata": metadata(frame(7, site="lagoon"))}, 404, "lagoon"),
        ({"Upload-Metadata": metadata(frame(7, site="kelp-b"))}, 404, "kelp-b"),
    ],
)  # fmt: skip
def test_an_upload_that_cannot_be_is_refused_by_name(
    kelp: Kelp, headers: dict[str, str], status: int, told: str
) -> None:
    answer = begin(kelp.box, frame(7), **headers)
    assert answer.status_code == status, answer.text
    assert told in answer.json()["detail"]


def test_bytes_at_another_offset_or_too_many_are_refused_and_nothing_is_lost(kelp: Kelp) -> None:
    one = frame(8)
    location = begin(kelp.box, one).headers["location"]
    assert send(kelp.box, location, 0, one.data[:1000]).status_code == 204
    assert is_problem(send(kelp.box, location, 0, one.data[:1000]), 409, "conflict")
    assert is_problem(send(kelp.box, location, 1000, one.data), 400, "bad_request")
    assert is_problem(send(kelp.box, location, 1000, b"x", **{"Content-Type": "image/jpeg"}), 415, "unsupported_image")
    assert kelp.box.head(location, headers=HEAD).headers["upload-offset"] == "1000"


def test_uploads_are_for_those_who_may_and_their_own_alone(
    kelp: Kelp, anonymous: httpx.Client, rival: httpx.Client, token_of: Callable[[str], str]
) -> None:
    one = frame(9)
    location = begin(kelp.box, one).headers["location"]
    assert is_problem(begin(anonymous, one), 401, "unauthenticated")
    assert is_problem(begin(kelp.cleo, one), 403, "forbidden")
    assert is_problem(begin(rival, one), 404, "not_found")
    assert is_problem(send(rival, location, 0, one.data), 404, "not_found")
    assert rival.head(location, headers=HEAD).status_code == 404
    assert is_problem(send(kelp.noor, location, 0, one.data), 404, "not_found")  # of the other site
    key = kelp.upload(one)
    assert is_problem(rival.get(f"/api/v1/samples/{key}/image"), 404, "not_found")
    assert is_problem(kelp.box.get("/api/v1/labels/tasks"), 403, "forbidden")  # the key opens uploads alone
    assert kelp.cleo.get(f"/api/v1/samples/{key}/image").content == one.data


def test_a_full_store_lets_the_least_worth_go_and_never_what_people_have_labelled(
    kelp: Kelp, farm_url: str, storage_dir: Path, dashboard_dir: Path, tmp_path: Path
) -> None:
    dull = [frame(100 + i, camera="dull", score=0.0, confidences=(), brightness=90) for i in range(3)]
    keys = [kelp.upload(one) for one in dull]
    worth = kelp.mia.get("/api/v1/labels/tasks?camera=dull").json()["items"]
    assert [task["novelty"] < 0.2 for task in worth] == [
        False,
        True,
        True,
    ]  # the first of a camera is new, its likes are not
    labelled = worth[-1]["id"]
    empty = {"id": labelled, "boxes": []}
    assert kelp.ada.post(f"/api/v1/labels/tasks/{labelled}/labels", json=empty).status_code == 201
    with psycopg.connect(farm_url) as database:
        kept = database.execute(
            "SELECT sum(bytes) FROM sample WHERE organization_id = (SELECT id FROM organization WHERE slug = 'kelp')"
        ).fetchone()
    assert kept is not None
    settings = settings_for(farm_url, storage_dir=storage_dir, dashboard_dir=dashboard_dir)
    fresh = frame(200, reason=SampleReason.RANDOM)
    with Serving(settings.model_copy(update={"samples_max_bytes": int(kept[0]) + len(fresh.data) - 1})) as small:
        with small.client(box_key(kelp, "small")) as box:
            kelp.upload(fresh, client=box)
        left = {task["id"] for task in kelp.mia.get("/api/v1/labels/tasks?camera=dull").json()["items"]}
    assert labelled in left
    assert set(keys) - left


def test_a_box_whose_key_is_revoked_waits_and_loses_nothing(kelp: Kelp, tmp_path: Path) -> None:
    store = edge_store(tmp_path, frame(300))
    uploads = uploader(store, kelp.api.url, "shoal_1_wrong", tmp_path)
    with pytest.raises(UploadLaterError, match="token_file"):
        uploads.upload_one(lambda _s: None)
    assert store.waiting() == 1
    store.close()


def cut_off(kelp: Kelp, location: str, data: bytes, after: int) -> None:
    """Promise all of the bytes (from 1000 on), send some, and hang up."""
    address = urlsplit(kelp.api.url)
    head = (
        f"PATCH {location} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: {kelp.box.headers['Authorization']}\r\n"
        f"Tus-Resumable: 1.0.0\r\nUpload-Offset: 1000\r\nContent-Type: application/offset+octet-stream\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port or 80), timeout=20) as line:
        line.sendall(head.encode() + data[:after])
