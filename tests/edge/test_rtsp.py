"""RTSP cameras: a real server that speaks H.264 over RTP and fails in the ways that cameras fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from edge.cameras.capture import MOST_HUNG, CameraCapture
from edge.cameras.settings import CameraSettings
from edge.cameras.source import Frame, FrameSource, first_frame, open_source
from edge.cameras.sources.packets import PacketSource
from edge.cameras.sources.video import Means, VideoSource
from edge.cameras.state import Life
from edge.clock import SystemClock
from edge.errors import SourceError
from edge.supervisor import Supervisor
from tests.edge.farm import eventually
from tests.simulators.rtsp import RtspCamera

CLOCK = SystemClock(assume_synchronised=True)
RECOVERY_S = 40.0


@pytest.fixture
def camera() -> Iterator[RtspCamera]:
    camera = RtspCamera()
    yield camera
    camera.close()


def settings(url: str, *, read_timeout_s: float = 1.0) -> CameraSettings:
    return CameraSettings(name="cam-1", unit="tank-1", source=url, fps=60, read_timeout_s=read_timeout_s)


class Running:
    """A capture in its threads, with the lives it went through."""

    def __init__(self, camera: CameraSettings, make_source: Callable[[], FrameSource] | None = None) -> None:
        self.lives: list[Life] = []
        self.reasons: list[str] = []
        self.capture = CameraCapture(
            camera,
            make_source or partial(open_source, camera, CLOCK),
            queue=2,
            clock=CLOCK,
            on_frame=lambda: None,
            on_change=self._changed,
        )
        self._supervisor = Supervisor()
        self._supervisor.start("camera", self.capture.run)

    def _changed(self, _camera: CameraSettings, _before: Life, after: Life, reason: str) -> None:
        self.lives.append(after)
        self.reasons.append(reason)

    def phases(self) -> list[str]:
        return [life.phase.value for life in self.lives]

    def captured(self) -> int:
        return self.capture.counts().captured

    def stop(self) -> None:
        self._supervisor.stop_all(timeout_s=5)


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(camera: CameraSettings, make_source: Callable[[], FrameSource] | None = None) -> Running:
        started.append(Running(camera, make_source))
        return started[-1]

    yield begin
    for running in started:
        running.stop()


def make(means: str, url: str, *, keyframes_only: bool = False) -> FrameSource:
    if means == "pyav":
        return PacketSource(url, clock=CLOCK, keyframes_only=keyframes_only, loop=False, paced=False)
    return VideoSource(url, means=Means.FFMPEG, clock=CLOCK, loop=False, paced=False)


@pytest.mark.parametrize("means", ["pyav", "opencv"])
def test_frames_of_a_real_stream_arrive_with_either_decoder(camera: RtspCamera, means: str) -> None:
    source = make(means, camera.url)
    source.open(timeout_s=5)
    before = CLOCK.monotonic()
    frame = first_frame(source)
    assert frame.image.shape == (192, 320, 3)
    assert frame.image.max() > 180
    assert frame.captured_s <= CLOCK.monotonic()
    later = first_frame(source)
    assert later.captured_s >= before
    source.close()


def test_key_frames_alone_are_decoded_and_the_others_are_signs_of_life(camera: RtspCamera) -> None:
    source = make("pyav", camera.url, keyframes_only=True)
    source.open(timeout_s=5)
    first_frame(source)
    reads = [source.read(skip=False) for _ in range(40)]
    source.close()
    assert sum(frame is not None for frame in reads) in {3, 4, 5}  # every tenth picture is a key frame


def test_a_login_is_used_and_never_shown() -> None:
    camera = RtspCamera(login="user:secret")
    try:
        source = make("pyav", camera.url)
        source.open(timeout_s=5)
        assert first_frame(source).image.shape == (192, 320, 3)
        source.close()
        wrong = make("pyav", camera.url.replace("secret", "guess"))
        with pytest.raises(SourceError) as caught:
            wrong.open(timeout_s=5)
        assert "guess" not in str(caught.value)
    finally:
        camera.close()


@pytest.mark.faults
@pytest.mark.parametrize("fault", ["stall", "cut"])
def test_a_stream_that_stops_inside_a_picture_is_lost_and_comes_back(
    camera: RtspCamera, start: Callable[..., Running], fault: str
) -> None:
    running = start(settings(camera.url, read_timeout_s=2.5))
    eventually(lambda: running.captured() > 10, timeout_s=RECOVERY_S)
    camera.mode = fault
    eventually(lambda: "lost" in running.phases(), timeout_s=RECOVERY_S)
    if fault == "stall":
        assert running.phases()[:3] == ["warming", "streaming", "stalled"]
        assert running.capture.stalls >= 1
    camera.mode = "stream"
    before = running.captured()
    eventually(lambda: running.captured() > before + 10, timeout_s=RECOVERY_S)
    assert running.capture.health().reconnects == 1
    counts = running.capture.counts()
    assert counts.captured == counts.processed + sum(counts.by_reason.values()) + counts.waiting


@pytest.mark.faults
def test_a_camera_that_refuses_and_falls_silent_in_turn_leaks_no_thread(
    camera: RtspCamera, start: Callable[..., Running]
) -> None:
    camera.mode = "refuse"
    running = start(settings(camera.url))
    eventually(lambda: camera.connections >= 3, timeout_s=RECOVERY_S)
    assert sum(thread.name == "reader-cam-1" for thread in threading.enumerate()) <= 1
    camera.mode = "stream"
    eventually(lambda: running.captured() > 3, timeout_s=RECOVERY_S)
    assert running.capture.left_behind == 0


class HangingSource:
    """A driver that never returns, as a broken USB camera's does."""

    paced = False

    def __init__(self, release: threading.Event) -> None:
        self._release = release

    def open(self, *, timeout_s: float) -> None:
        del timeout_s
        self._release.wait()

    def read(self, *, skip: bool) -> Frame | None:
        del skip
        self._release.wait()
        return None

    def close(self) -> None:
        pass


@pytest.mark.faults
def test_a_driver_that_never_returns_costs_a_bounded_number_of_threads(
    start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.cameras.capture.OPEN_TIMEOUT_S", 0.05)
    monkeypatch.setattr("edge.cameras.capture.GRACE_S", 0.05)
    release = threading.Event()
    running = start(settings("usb:7"), lambda: HangingSource(release))
    eventually(lambda: running.capture.left_behind == MOST_HUNG, timeout_s=RECOVERY_S)
    threading.Event().wait(1.0)
    assert running.capture.left_behind == MOST_HUNG
    assert sum(thread.name == "reader-cam-1" for thread in threading.enumerate()) == MOST_HUNG
    release.set()
    running.stop()
