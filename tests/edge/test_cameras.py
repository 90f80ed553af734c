"""Cameras: exact counts under overload, recovery from stalls and flapping, every kind of source, evidence under a limit."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cameras.capture import CameraCapture, Drop
from edge.cameras.evidence import encode_jpeg, evidence
from edge.cameras.settings import CameraSettings
from edge.cameras.source import Frame, FrameSource, open_source
from edge.cameras.state import LONGEST_WAIT_S, Life, Phase, on_failure, on_frame, on_open, on_silence, retry_wait_s
from edge.clock import SystemClock
from edge.errors import SourceEndedError, SourceError
from edge.supervisor import Supervisor
from tests.edge.cameras import MjpegCamera, jpeg
from tests.edge.farm import START, eventually

CLOCK = SystemClock(assume_synchronised=True)


def settings(source: str, *, fps: float = 60, loop: bool = True, read_timeout_s: float = 0.5) -> CameraSettings:
    return CameraSettings(name="cam-1", unit="tank-1", source=source, fps=fps, loop=loop, read_timeout_s=read_timeout_s)


@pytest.fixture
def camera() -> Iterator[MjpegCamera]:
    camera = MjpegCamera()
    yield camera
    camera.close()


class Running:
    """A capture in its thread, with the phases it went through."""

    def __init__(
        self, camera: CameraSettings, *, queue: int = 2, source: Callable[[], FrameSource] | None = None
    ) -> None:
        self.phases: list[Phase] = []
        self.capture = CameraCapture(
            camera,
            source or partial(open_source, camera, CLOCK),
            queue=queue,
            clock=CLOCK,
            on_frame=lambda: None,
            on_change=lambda _camera, _before, after, _reason: self.phases.append(after.phase),
        )
        self._supervisor = Supervisor()
        self._worker = self._supervisor.start("camera", self.capture.run)

    def process(self) -> bool:
        """Take one frame and be done with it, as the pipeline does."""
        if self.capture.take() is None:
            return False
        self.capture.done()
        return True

    def is_over(self) -> bool:
        return self._worker.thread is not None and not self._worker.thread.is_alive()

    def stop(self) -> None:
        self._supervisor.stop_all(timeout_s=3)


@pytest.fixture
def capture() -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(camera: CameraSettings, **options: int) -> Running:
        running = Running(camera, **options)  # type: ignore[arg-type]
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop()


def test_frames_flow_and_stay_encoded_until_wanted(camera: MjpegCamera, capture: Callable[..., Running]) -> None:
    running = capture(settings(camera.url))
    frame = eventually(running.capture.take)
    assert frame.decoded is None
    assert frame.image.shape == (32, 64, 3)


def test_a_camera_without_content_length_works(capture: Callable[..., Running]) -> None:
    camera = MjpegCamera(content_length=False)
    running = capture(settings(camera.url))
    assert eventually(running.capture.take).image.shape == (32, 64, 3)
    camera.close()


def test_captured_is_processed_plus_dropped_plus_waiting_under_overload(
    camera: MjpegCamera, capture: Callable[..., Running]
) -> None:
    running = capture(settings(camera.url), queue=3)
    taken = 0
    for _ in range(10):
        taken += running.process()
        threading.Event().wait(0.1)
    counts = running.capture.counts()
    assert counts.captured == counts.processed + counts.dropped + counts.waiting
    assert counts.processed == taken
    assert counts.dropped > 10
    assert counts.waiting <= 3


def test_frames_above_the_wanted_rate_are_not_captured(camera: MjpegCamera, capture: Callable[..., Running]) -> None:
    running = capture(settings(camera.url, fps=5))
    eventually(lambda: running.capture.counts().captured)
    before, sent = running.capture.counts().captured, camera.sent
    threading.Event().wait(1.0)
    assert 3 <= running.capture.counts().captured - before <= 7
    assert camera.sent - sent > 25


@pytest.mark.faults
@pytest.mark.parametrize("fault", ["stall", "close", "rubbish"])
def test_a_camera_that_fails_is_lost_and_comes_back(
    camera: MjpegCamera, capture: Callable[..., Running], fault: str
) -> None:
    running = capture(settings(camera.url, read_timeout_s=0.3))
    eventually(lambda: running.capture.counts().captured > 3)
    camera.mode = fault
    eventually(lambda: running.phases[-1:] == [Phase.LOST])
    assert running.capture.health().state == "lost"
    camera.mode = "stream"
    eventually(lambda: running.phases[-1:] == [Phase.STREAMING])
    before = running.capture.counts().captured
    eventually(lambda: running.capture.counts().captured > before + 3)
    assert running.capture.health().reconnects >= 1


@pytest.mark.faults
def test_a_flapping_camera_keeps_exact_counts_and_one_thread(
    camera: MjpegCamera, capture: Callable[..., Running]
) -> None:
    running = capture(settings(camera.url, read_timeout_s=0.2))
    threads = threading.active_count()
    taken = 0
    for turn in range(8):
        camera.mode = "close" if turn % 2 else "stream"
        for _ in range(10):
            taken += running.process()
            threading.Event().wait(0.03)
    camera.mode = "stream"
    eventually(lambda: running.capture.health().state == "streaming")
    counts = running.capture.counts()
    assert counts.captured == counts.processed + counts.dropped + counts.waiting
    assert counts.processed == taken
    assert threading.active_count() <= threads + 3  # the camera's own connection threads


@pytest.mark.faults
def test_a_camera_that_is_not_there_is_waited_for(capture: Callable[..., Running]) -> None:
    camera = MjpegCamera()
    url = camera.url
    camera.close()
    running = capture(settings(url))
    eventually(lambda: running.phases == [Phase.LOST])
    assert running.capture.health().last_frame_age_s is None


def test_a_folder_is_paced_and_loops(tmp_path: Path, capture: Callable[..., Running]) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(number))
    running = capture(settings(f"folder:{tmp_path}", fps=20))
    eventually(lambda: running.capture.counts().captured)
    before = running.capture.counts().captured
    threading.Event().wait(1.0)
    assert 14 <= running.capture.counts().captured - before <= 23


def test_frames_that_the_box_has_no_time_for_are_spared_and_counted(
    camera: MjpegCamera, capture: Callable[..., Running]
) -> None:
    running = capture(settings(camera.url, fps=30))
    running.capture.set_rate(5)
    eventually(lambda: running.capture.counts().by_reason.get(Drop.SPARED, 0) > 20)
    while running.process():
        pass
    counts = running.capture.counts()
    assert counts.captured == counts.processed + sum(counts.by_reason.values()) + counts.waiting
    assert counts.captured - counts.by_reason[Drop.SPARED] < counts.captured / 3
    running.capture.set_rate(30)
    spared = running.capture.counts().by_reason[Drop.SPARED]
    eventually(lambda: running.capture.counts().captured > counts.captured + 20)
    assert running.capture.counts().by_reason[Drop.SPARED] <= spared + 2


def test_a_folder_played_once_ends(tmp_path: Path, capture: Callable[..., Running]) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(number))
    running = capture(settings(f"folder:{tmp_path}", loop=False))
    eventually(running.is_over)
    assert running.phases == [Phase.WARMING, Phase.STREAMING, Phase.ENDED]
    assert running.capture.counts().captured == 3


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "tank.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 32))
    for number in range(25):
        writer.write(np.full((32, 64, 3), number * 10, np.uint8))
    writer.release()
    return path


def test_a_video_file_plays_at_its_own_speed(video: Path, capture: Callable[..., Running]) -> None:
    running = capture(settings(f"file:{video}", fps=5), queue=60)
    eventually(lambda: running.capture.counts().captured >= 3)
    frames = [running.capture.take() for _ in range(3)]
    levels = [int(frame.image.mean()) for frame in frames if frame is not None]
    assert levels == pytest.approx([40, 90, 140], abs=6)  # every fifth frame of 25 a second


def test_a_video_file_loops_and_ends_when_told_not_to(video: Path) -> None:
    looping = open_source(settings(f"file:{video}"), CLOCK)
    looping.open(timeout_s=1)
    assert all(looping.read(skip=False) is not None for _ in range(60))
    looping.close()
    once = open_source(settings(f"file:{video}", loop=False), CLOCK)
    once.open(timeout_s=1)
    for _ in range(25):
        once.read(skip=False)
    with pytest.raises(SourceEndedError):
        once.read(skip=False)
    once.close()


def test_an_unreachable_stream_is_an_error_within_its_time_limit() -> None:
    source = open_source(settings("rtsp://user:secret@127.0.0.1:9/x"), CLOCK)
    with pytest.raises(SourceError) as caught:
        source.open(timeout_s=0.5)
    assert "secret" not in str(caught.value)


@pytest.mark.faults
def test_an_rtsp_server_that_accepts_and_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = open_source(settings(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/x"), CLOCK)
        started = time.monotonic()
        with pytest.raises(SourceError):
            source.open(timeout_s=1.0)
        assert time.monotonic() - started < 5


def test_evidence_fits_under_its_limit_and_names_its_bytes() -> None:
    noise = np.random.default_rng(7).integers(0, 255, (480, 640, 3), np.uint8)
    for limit in (200_000, 60_000, 15_000):
        data, width, height = encode_jpeg(noise, limit)
        assert len(data) <= limit
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        assert decoded.shape[:2] == (height, width)
    image = evidence(Frame(START, 0.0, decoded=noise), camera="cam-1", unit="tank-1", max_bytes=60_000)
    assert image.sha256 == hashlib.sha256(image.data).hexdigest()


def test_a_small_camera_jpeg_is_kept_as_it_is() -> None:
    original = jpeg()
    image = evidence(Frame(START, 0.0, encoded=original), camera="cam-1", unit="tank-1", max_bytes=60_000)
    assert image.data == original
    assert (image.width, image.height) == (64, 32)


@given(failures=st.integers(0, 500), jitter=st.floats(0, 1))
def test_waits_are_bounded_and_never_zero(failures: int, jitter: float) -> None:
    wait = retry_wait_s(Life(failures=failures), jitter=jitter)
    assert 0 < wait <= LONGEST_WAIT_S


def test_a_camera_that_gives_one_frame_and_dies_waits_longer_each_time() -> None:
    life = Life()
    waits = []
    for turn in range(4):
        life = on_frame(on_open(life, turn * 10.0), turn * 10.0)
        life = on_failure(life, turn * 10.0 + 0.1)
        waits.append(retry_wait_s(life, jitter=1))
    assert waits == [0.5, 1, 2, 4]
    life = on_open(life, 100.0)
    for second in range(10):
        life = on_frame(life, 100.0 + second)
    assert retry_wait_s(on_failure(life, 111.0), jitter=1) == 0.5


def streaming(period_s: float, *, frames: int = 50) -> tuple[Life, float]:
    """A camera that has delivered with this rhythm, and the time of its last frame."""
    life, now_s = on_open(Life(), 0.0), 0.0
    for _ in range(frames):
        now_s += period_s
        life = on_frame(life, now_s)
    return life, now_s


def test_a_slow_camera_is_not_a_stalled_one() -> None:
    life, now_s = streaming(10.0)
    assert on_silence(life, now_s + 20).phase is Phase.STREAMING
    assert life.patience_s(10.0) == pytest.approx(60, rel=0.01)
    assert on_silence(life, now_s + 31).phase is Phase.STALLED


def test_a_camera_that_pauses_around_its_key_frames_is_not_stalled() -> None:
    life, now_s = streaming(0.04)
    assert on_silence(life, now_s + 0.5).phase is Phase.STREAMING
    assert on_silence(life, now_s + 1.1).phase is Phase.STALLED


def test_a_stall_that_ends_is_counted_and_changes_no_rhythm() -> None:
    life, now_s = streaming(0.04)
    life = on_frame(on_silence(life, now_s + 5), now_s + 5)
    assert (life.phase, life.stalls, life.reconnects) == (Phase.STREAMING, 1, 0)
    assert life.period_s == pytest.approx(0.04)


def test_a_camera_that_has_shown_nothing_yet_is_given_more_time_with_every_attempt() -> None:
    life, limits = Life(), []
    for _ in range(5):
        limits.append(life.patience_s(10.0))
        life = on_failure(on_open(life, 0.0), 100.0)
    assert limits == [10, 20, 40, 80, 80]


@given(steps=st.lists(st.sampled_from(["open", "frame", "silence", "failure"]), max_size=60), gap_s=st.floats(0, 100))
def test_whatever_happens_the_counts_never_fall_and_only_a_stream_stalls(steps: list[str], gap_s: float) -> None:
    does = {"open": on_open, "frame": on_frame, "silence": on_silence, "failure": on_failure}
    life, now_s = Life(), 0.0
    for step in steps:
        before, now_s = life, now_s + gap_s
        life = does[step](life, now_s)
        assert life.stalls >= before.stalls
        assert life.reconnects >= before.reconnects
        if life.phase is Phase.STALLED:
            assert before.phase in {Phase.STREAMING, Phase.STALLED}
        assert life.stall_after_s >= 1.0
        assert life.patience_s(10.0) >= 10.0
