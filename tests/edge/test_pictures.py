"""Pictures on the box's disk: bounded, never half there, and sent to the label queue in pieces when the link is idle."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from contracts.bundles import ImageInput
from contracts.samples import Sample, SampleReason
from contracts.vision import Box, Detection, Evidence, ModelRef
from edge.cameras.settings import CameraSettings
from edge.cameras.source import Frame
from edge.clock import SystemClock
from edge.deployments.shadow_run import ShadowRun
from edge.errors import UploadLaterError
from edge.inference.candidate import BothSaw, Candidate
from edge.inference.engine import EngineReport
from edge.inference.worker_client import Answer
from edge.page import Page, Sources
from edge.sampling.keeper import PictureKeeper
from edge.sampling.rules import Offer
from edge.sampling.settings import SamplingSettings, UploadSettings
from edge.sampling.store import PictureClass, PictureStore
from edge.sampling.uploader import SampleUploader
from edge.settings import MetricsSettings
from tests.edge.farm import START, eventually
from tests.servers.presence import ROOT
from tests.simulators.tus import TusServer

CLOCK = SystemClock(assume_synchronised=True)
MODEL = ModelRef(name="m", version="1.0.0", sha256="a" * 64)


def open_store(folder: Path, *, evidence: int = 10_000, samples: int = 10_000, free: int = 0) -> PictureStore:
    quotas = {PictureClass.EVIDENCE: evidence, PictureClass.SAMPLE: samples}
    return PictureStore(folder / "pictures", quotas=quotas, min_free_bytes=free)


def put(store: PictureStore, number: int, kind: PictureClass = PictureClass.EVIDENCE, *, size: int = 1000, worth: float = 0) -> str | None:  # fmt: skip
    data = number.to_bytes(4, "big") * (size // 4)
    return store.put(kind, data, camera="cam-1", observed_at=START + timedelta(seconds=number), note="[]", worth=worth)


def files(store: PictureStore) -> set[str]:
    return {path.name for path in (store.folder / "files").glob("*/*")}


def test_each_class_keeps_to_its_quota_and_the_least_worth_then_the_oldest_go(tmp_path: Path) -> None:
    store = open_store(tmp_path, evidence=5000, samples=3000)
    evidence = [put(store, i) for i in range(8)]
    samples = [put(store, 100 + i, PictureClass.SAMPLE, worth=w) for i, w in enumerate((0.9, 0.1, 0.5, 0.7))]
    assert store.usage() == {PictureClass.EVIDENCE: (5, 5000), PictureClass.SAMPLE: (3, 3000)}
    assert files(store) == {*evidence[3:], samples[0], samples[2], samples[3]}
    store.mark_uploaded(str(samples[0]))
    assert put(store, 200, PictureClass.SAMPLE, worth=0.2) is not None
    assert store.read(str(samples[0])) is None  # uploaded: first to go, whatever its worth
    assert put(store, 300, size=6000) is None
    assert (store.refused, store.evicted) == (1, 5)
    store.close()


def test_when_the_disk_runs_low_evidence_makes_room_for_samples_and_nothing_makes_room_for_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path, free=100_000)
    disk = namedtuple("disk", "total used free")  # noqa: PYI024
    room = 103_500
    monkeypatch.setattr(
        "edge.sampling.store.shutil.disk_usage",
        lambda _: disk(0, 0, room - sum(path.stat().st_size for path in (store.folder / "files").glob("*/*"))),
    )
    assert [put(store, i) is not None for i in range(3)] == [True] * 3
    assert put(store, 50, PictureClass.SAMPLE) is not None
    assert store.usage() == {PictureClass.EVIDENCE: (2, 2000), PictureClass.SAMPLE: (1, 1000)}
    room = 100_500
    assert put(store, 51, PictureClass.SAMPLE) is None
    assert store.refused == 1
    store.close()


def test_the_same_picture_is_one_file_and_a_damaged_one_is_not_shown(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    name = put(store, 1)
    assert put(store, 1) == put(store, 1, PictureClass.SAMPLE) == name
    assert name is not None
    assert store.usage() == {PictureClass.EVIDENCE: (1, 1000), PictureClass.SAMPLE: (1, 1000)}
    (store.folder / "files" / name[:2] / name).write_bytes(b"rot")
    assert store.read(name) is None
    assert store.usage() == {}
    assert store.read("../../etc/passwd") is None
    store.close()


def test_what_a_kill_left_behind_is_tidied_and_a_damaged_index_begins_anew(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    kept, lost = put(store, 1), put(store, 2)
    store.close()
    (store.folder / "files" / str(lost)[:2] / str(lost)).unlink()
    (store.folder / "files" / str(kept)[:2] / "unfinished.part").write_bytes(b"half")
    store = open_store(tmp_path)
    assert files(store) == {kept}
    assert [one.sha256 for one in store.newest(PictureClass.EVIDENCE)] == [kept]
    store.close()
    (store.folder / "index.db").write_bytes(b"no database at all" * 100)
    store = open_store(tmp_path)
    assert files(store) == set()
    store.close()


@pytest.mark.faults
def test_a_kill_at_any_moment_leaves_index_and_files_in_agreement(tmp_path: Path) -> None:
    script = (
        "from datetime import datetime, timezone\n"
        "from pathlib import Path\n"
        "from edge.sampling.store import PictureClass, PictureStore\n"
        "quotas = dict.fromkeys(PictureClass, 20_000)\n"
        f"store = PictureStore(Path({str(tmp_path)!r}) / 'pictures', quotas=quotas, min_free_bytes=0)\n"
        "print('ready', flush=True)\n"
        "for i in range(10**6):\n"
        "    data = i.to_bytes(4, 'big') * 250\n"
        "    store.put(PictureClass(i % 2), data, camera='c', observed_at=datetime.now(timezone.utc), note='[]')\n"
    )
    for turn in range(4):
        child = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.05 + 0.04 * turn)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        store = open_store(tmp_path, evidence=20_000, samples=20_000)
        named = {p.sha256 for kind in PictureClass for p in store.newest(kind, limit=100)}
        assert files(store) == named
        assert all(store.read(name) is not None for name in named)
        assert all(size <= 20_000 for _, size in store.usage().values())
        assert named
        store.close()


@pytest.fixture
def server() -> Iterator[TusServer]:
    server = TusServer(token="secret")
    yield server
    server.close()


class Box1:
    """A box with samples and an uploader whose pauses take no time."""

    def __init__(self, folder: Path, server: TusServer, *, samples: int = 1, size: int = 200_000) -> None:
        (folder / "token").write_text("secret\n")
        self.folder, self.url = folder, server.url
        self.store = open_store(folder, samples=10_000_000)
        self.names = [self.add(number, size=size) for number in range(samples)]
        self.busy = False
        self.paused_s: list[float] = []
        self.restart()

    def add(self, number: int, *, size: int) -> str:
        data = np.random.default_rng(number).bytes(size)
        sample = Sample(
            site="s", device="d", camera="cam-1", unit="u", observed_at=START, image_sha256=PictureStore.name_of(data),
            reason=SampleReason.RANDOM, score=0.5, model=MODEL,
        )  # fmt: skip
        name = self.store.put(
            PictureClass.SAMPLE, data, camera="cam-1", observed_at=START, note=sample.model_dump_json(exclude_none=True)
        )
        assert name is not None
        return name

    def restart(self) -> None:
        settings = UploadSettings(
            url=self.url, token_file=self.folder / "token", chunk_bytes=20_000, timeout_s=2, every_s=0.05
        )
        self.uploader = SampleUploader(self.store, settings, clock=CLOCK, idle=lambda: not self.busy)

    def step(self) -> bool:
        return self.uploader.upload_one(self.paused_s.append)


def fish(x: float) -> Detection:
    return Detection(label="fish", confidence=0.9, box=Box(x=x, y=0.2, w=0.1, h=0.1))


def test_a_frame_on_which_a_candidate_differs_is_kept_with_both_answers_within_the_budget(tmp_path: Path) -> None:
    settings = SamplingSettings(random_share=0, gap_s=60)
    keeper = PictureKeeper(tmp_path, settings, site="s", device="d", clock=CLOCK, seed=1)
    camera = CameraSettings(name="cam-1", unit="tank-1", source="usb:0")
    other = ModelRef(name="m", version="1.1.0", sha256="b" * 64)

    def saw(number: int, *found: Detection) -> BothSaw:
        image = np.full((90, 160, 3), number, np.uint8)
        frame = Frame(START + timedelta(seconds=number), float(number), decoded=image)
        return BothSaw(0, frame, (fish(0.1), fish(0.5)), MODEL, found, other)

    keeper.offer_pair(saw(1, fish(0.1), fish(0.5), fish(0.8)), camera, 0.0)
    assert keeper.samples == 0, "a fifth without a partner is the usual noise"
    keeper.offer_pair(saw(2, fish(0.8)), camera, 1.0)
    keeper.offer_pair(saw(3, fish(0.8)), camera, 2.0)
    assert keeper.samples == 1, "the neighbouring frame teaches the same"
    (kept,) = keeper.store.newest(PictureClass.SAMPLE)
    sample = Sample.model_validate_json(kept.note)
    assert (sample.reason, sample.score) == (SampleReason.DISAGREEMENT, 1.0)
    assert sample.detections == (fish(0.1), fish(0.5))
    assert (sample.other, sample.other_model) == ((fish(0.8),), other)

    unsure = fish(0.1).model_copy(update={"confidence": 0.41})
    alone = saw(4, fish(0.8))
    keeper.offer(alone.frame, camera, Offer("cam-1", 100.0, [unsure], threshold=0.4), MODEL)
    keeper.offer_pair(alone, camera, 100.0)
    assert keeper.samples == 2, "it is kept with one answer already, and is not paid for twice"
    keeper.offer_pair(saw(5, fish(0.8)), camera, 101.0)
    newest = Sample.model_validate_json(keeper.store.newest(PictureClass.SAMPLE)[0].note)
    assert (keeper.samples, newest.other) == (3, (fish(0.8),)), "the next on which they differ brings both answers"
    keeper.close()


def test_a_candidate_tells_the_frame_that_both_have_answered() -> None:
    class Worker:
        """A process that answers at once."""

        idle, memory_bytes = True, 0
        answers: list[Answer]

        def listen(self, **_listeners: object) -> None:
            self.answers = []

        def draw(self, _frame: Frame, *, bank: int, index: int) -> None:
            assert (bank, index) == (0, 0)

        def submit(self, _places: object, *, bank: int) -> None:
            self.answers = [Answer(detections=((fish(0.3), fish(0.7).model_copy(update={"confidence": 0.1})),))]

        def receive(self) -> Answer | None:
            return self.answers.pop() if self.answers else None

        def tend(self) -> None: ...

    def report(version: str) -> EngineReport:
        model = ModelRef(name="m", version=version, sha256=version[0] * 64)
        seen = ImageInput(name="images", width=16, height=16)
        return EngineReport(model, seen, "cpu", golden_frames=1, warm_up_ms=1.0, latency_ms=1.0, threshold=0.4)

    candidate = Candidate(Worker(), clock=CLOCK, comparison=ShadowRun())  # type: ignore[arg-type]
    candidate.report = report("2.0.0")
    both: list[BothSaw] = []
    candidate.on_both = both.append
    frame = Frame(START, 0.0, decoded=np.zeros((9, 16, 3), np.uint8))
    candidate.offer(frame, (fish(0.1),), report("1.0.0"), frame_s=0.01, camera=3)
    candidate.tend()
    (saw,) = both
    assert (saw.camera, saw.frame, saw.active, saw.candidate) == (3, frame, (fish(0.1),), (fish(0.3),))
    assert (saw.active_model.version, saw.candidate_model.version) == ("1.0.0", "2.0.0")


def test_a_sample_arrives_whole_with_what_is_known_of_it_and_within_the_bandwidth(
    tmp_path: Path, server: TusServer
) -> None:
    box = Box1(tmp_path, server)
    assert box.step()
    assert not box.step()
    (name,) = box.names
    assert bytes(server.parts[name]) == box.store.read(name)
    assert server.samples[name]["reason"] == "random"
    assert Sample.model_validate(server.samples[name]).image_sha256 == name
    assert sum(box.paused_s) == pytest.approx(200_000 / 50_000, rel=0.2)  # 50 kB/s by default
    box.store.close()


@pytest.mark.parametrize("cut_after", [1, 35_000, 60_000, 199_000])
def test_a_lost_link_resumes_where_the_server_is_even_after_a_restart(
    tmp_path: Path, server: TusServer, cut_after: int
) -> None:
    box = Box1(tmp_path, server)
    server.cut_after = cut_after
    with pytest.raises(UploadLaterError):
        box.step()
    box.restart()
    assert box.step()
    assert bytes(server.parts[box.names[0]]) == box.store.read(box.names[0])
    assert server.received == 200_000  # not a byte twice
    assert server.created == 1
    assert box.store.waiting() == 0
    box.store.close()


def test_an_answer_that_is_lost_does_not_send_the_chunk_twice(tmp_path: Path, server: TusServer) -> None:
    box = Box1(tmp_path, server)
    server.deaf = True
    with pytest.raises(UploadLaterError):
        box.step()
    assert box.step()
    assert server.received == 200_000
    box.store.close()


def test_a_server_that_forgot_gets_it_anew_and_one_that_has_it_is_only_asked(tmp_path: Path, server: TusServer) -> None:
    box = Box1(tmp_path, server)
    server.cut_after = 50_000
    with pytest.raises(UploadLaterError):
        box.step()
    server.parts.clear()
    while box.store.waiting():
        box.step()
    assert bytes(server.parts[box.names[0]]) == box.store.read(box.names[0])
    received = server.received
    box.store._index.execute("UPDATE picture SET uploaded = 0")  # as if the box had lost its memory
    assert box.step()
    assert server.received == received
    box.store.close()


def test_bytes_that_arrive_damaged_are_sent_again(tmp_path: Path, server: TusServer) -> None:
    box = Box1(tmp_path, server)
    server.cut_after = 50_000
    with pytest.raises(UploadLaterError):
        box.step()
    server.parts[box.names[0]][7] ^= 0xFF
    with pytest.raises(UploadLaterError, match="460"):
        box.step()
    assert box.step()
    assert bytes(server.parts[box.names[0]]) == box.store.read(box.names[0])
    box.store.close()


def test_a_busy_link_comes_first_and_the_upload_waits_between_chunks(tmp_path: Path, server: TusServer) -> None:
    box = Box1(tmp_path, server)

    def pause(_: float) -> None:
        box.busy = True  # an alarm has come up

    assert not box.uploader.upload_one(pause)
    assert server.received == 20_000
    box.busy = False
    assert box.step()
    assert server.received == 200_000
    box.store.close()


def test_an_unwanted_sample_is_not_offered_again_and_a_refused_box_waits(tmp_path: Path, server: TusServer) -> None:
    box = Box1(tmp_path, server, samples=2, size=5000)
    server.status = 422
    assert box.step()
    assert (box.uploader.stats.refused, box.store.waiting()) == (1, 1)
    server.status = None
    (tmp_path / "token").write_text("wrong")
    with pytest.raises(UploadLaterError, match="token_file"):
        box.step()
    assert box.store.waiting() == 1
    box.store.close()


def test_the_worker_goes_on_by_itself_after_the_link_is_back(tmp_path: Path, server: TusServer) -> None:
    box = Box1(tmp_path, server, samples=3, size=30_000)
    server.cut_after = 40_000
    box.uploader._settings = box.uploader._settings.model_copy(update={"bytes_per_s": 10_000_000})
    stop = threading.Event()
    worker = threading.Thread(target=box.uploader.run, args=(stop,))
    worker.start()
    eventually(lambda: box.store.waiting() == 0)
    stop.set()
    worker.join(3)
    assert not worker.is_alive()
    assert box.uploader.stats.interrupted == 1
    assert server.received == 90_000
    box.store.close()


def picture() -> tuple[bytes, Detection]:
    image = np.full((120, 160, 3), 60, np.uint8)
    found = Detection(label="fish", confidence=0.41, box=Box(x=0.25, y=0.25, w=0.5, h=0.5), track=7)
    return cv2.imencode(".jpg", image)[1].tobytes(), found


def test_the_original_is_kept_and_boxes_are_drawn_only_on_request(tmp_path: Path) -> None:
    keeper = PictureKeeper(tmp_path, SamplingSettings(min_free_bytes=0), site="s", device="d", clock=CLOCK, seed=1)
    data, found = picture()
    sha256 = PictureStore.name_of(data)
    image = Evidence(camera="cam-1", unit="u", observed_at=START, width=160, height=120, sha256=sha256, data=data)
    keeper.keep_evidence(image, [found])
    assert keeper.picture(sha256) == data
    drawn = keeper.picture(sha256, boxes=True)
    assert drawn is not None
    pixels = cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert int(pixels[60, 40, 1]) > 150  # the left side of the box is green
    assert abs(int(pixels[60, 80, 1]) - 60) < 20
    assert keeper.picture("0" * 64, boxes=True) is None
    keeper.close()


def test_the_local_page_shows_a_kept_picture_with_and_without_its_boxes(tmp_path: Path) -> None:
    keeper = PictureKeeper(tmp_path, SamplingSettings(min_free_bytes=0), site="s", device="d", clock=CLOCK, seed=1)
    data, found = picture()
    sha256 = PictureStore.name_of(data)
    image = Evidence(camera="cam-1", unit="u", observed_at=START, width=160, height=120, sha256=sha256, data=data)
    keeper.keep_evidence(image, [found])
    sources = Sources(
        dict, bytes, health=lambda: (True, []), operate=lambda *_: "", picture=lambda name, boxes: keeper.picture(name, boxes=boxes)
    )  # fmt: skip
    page = Page(MetricsSettings(port=0), sources)
    page.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{page.port}/pictures/") as browser:
        plain, drawn = browser.get(f"{sha256}.jpg"), browser.get(f"{sha256}.jpg?boxes")
        assert (plain.headers["Content-Type"], plain.content) == ("image/jpeg", data)
        assert drawn.content not in {b"", data}
        assert {browser.get(f"{wrong}.jpg").status_code for wrong in ("0" * 64, "..%2f..%2findex", "x")} == {404}
    page.stop()
    keeper.close()


def test_a_doubtful_frame_is_kept_with_its_reason_and_a_full_disk_costs_no_observation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SamplingSettings(min_free_bytes=0, random_share=0)
    keeper = PictureKeeper(tmp_path, settings, site="s", device="d", clock=CLOCK, seed=1)
    data, found = picture()
    camera = CameraSettings(name="cam-1", unit="tank-1", source="usb:0")
    frame = Frame(CLOCK.now(), 0.0, encoded=data)
    keeper.offer(frame, camera, Offer("cam-1", 0.0, [found], threshold=0.4), MODEL)
    (kept,) = keeper.store.newest(PictureClass.SAMPLE)
    sample = Sample.model_validate_json(kept.note)
    assert (sample.reason, sample.unit, sample.detections) == (SampleReason.NEAR_THRESHOLD, "tank-1", (found,))
    assert keeper.picture(sample.image_sha256) == data

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge.sampling.store._write_whole", full)
    other = cv2.imencode(".jpg", np.zeros((50, 50, 3), np.uint8))[1].tobytes()
    keeper.offer(Frame(CLOCK.now(), 0.0, encoded=other), camera, Offer("cam-1", 500.0, [found], threshold=0.4), MODEL)
    assert (keeper.failed, keeper.samples) == (1, 1)
    keeper.close()
    again = PictureKeeper(
        tmp_path, settings.model_copy(update={"per_day": 1}), site="s", device="d", clock=CLOCK, seed=1
    )
    monkeypatch.undo()
    again.offer(Frame(CLOCK.now(), 0.0, encoded=other), camera, Offer("cam-1", CLOCK.monotonic(), [found], threshold=0.4), MODEL)  # fmt: skip
    assert again.samples == 0  # the budget of the day is spent, also after a restart
    again.close()


def test_the_index_is_plain_sqlite_that_a_person_can_read(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    put(store, 1)
    store.close()
    index = sqlite3.connect(store.folder / "index.db")
    assert index.execute("SELECT camera, bytes FROM picture").fetchall() == [("cam-1", 1000)]
    index.close()
