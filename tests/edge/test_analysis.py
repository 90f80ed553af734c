"""One camera's frames to observations: counts with interval, tracks, lines, the picture's trust, alarms and kept pictures."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np

from contracts.alarms import AlarmBatch, AlarmChange
from contracts.envelope import Envelope
from contracts.quality import QualityFlag
from contracts.topics import Kind
from contracts.vision import Box, Detection, ModelRef, Observation
from edge.cameras.settings import CameraSettings, LineSettings
from edge.cameras.source import Frame
from edge.clock import SystemClock
from edge.inference.analysis import Analyst, Closed
from edge.inference.engine import FrameResult
from edge.inference.settings import ObservationSettings
from edge.sampling.keeper import PictureKeeper
from edge.sampling.settings import SamplingSettings
from edge.sampling.store import PictureClass
from models.runtime.preprocess import FrameArray
from shoal.simulate.fish import FishScene
from tests.edge.farm import START

MODEL = ModelRef(name="m", version="1.0.0", sha256="a" * 64)


class Moment(SystemClock):
    """A clock that a test moves."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


class Watcher:
    """A simulated tank before one camera, with a detector that never errs."""

    def __init__(self, folder: Path, *, lines: tuple[LineSettings, ...] = (), fouled_after_s: float = 600) -> None:
        self.clock = Moment(assume_synchronised=True)
        self.scene = FishScene(2, 640, 360, 8)
        self.film: list[tuple[FrameArray, list[Box]]] = []
        self.camera = CameraSettings(
            name="cam-1", unit="tank-1", source="usb:0", lines=lines, fouled_after_s=fouled_after_s
        )
        settings = SamplingSettings(min_free_bytes=0, random_share=0)
        self.pictures = PictureKeeper(folder, settings, site="s", device="d", clock=self.clock, seed=1)
        self.memory: dict[str, str] = {}
        self.restart()

    def restart(self) -> None:
        settings = ObservationSettings(evidence_every_s=30)
        self.analyst = Analyst(self.camera, settings, clock=self.clock, memory=self.memory, pictures=self.pictures)

    def window(self, *, fps: float = 5, spoil: float | None = None, confidence: float = 0.8) -> Closed:
        """Ten seconds of fish; ``spoil`` blurs the picture."""
        for _ in range(int(10 * fps)):
            image, boxes = self.next_frame(fps)
            found = tuple(Detection(label="salmon", confidence=confidence, box=box) for box in boxes)
            weak = Detection(label="salmon", confidence=0.12, box=Box(x=0.9, y=0.9, w=0.05, h=0.05))
            self.clock.now_s += 1 / fps
            self.see(image if spoil is None else blurred(image, spoil), (*found, weak))
        at = START + timedelta(seconds=self.clock.now_s)
        closed = self.analyst.close(ended_at=at, dropped=0, model=MODEL)
        for key, value in closed.state.items():
            self.memory.pop(key, None)
            if value is not None:
                self.memory[key] = value
        return closed

    def next_frame(self, fps: float) -> tuple[FrameArray, list[Box]]:
        """The tank as it moves on; at one frame a second a short film goes round."""
        if fps >= 5 or len(self.film) < 20:
            self.scene.step(1 / fps)
            self.film.append(self.scene.render())
            return self.film[-1]
        self.film.append(self.film.pop(0))
        return self.film[-1]

    def see(self, image: FrameArray, found: tuple[Detection, ...]) -> None:
        frame = Frame(START + timedelta(seconds=self.clock.now_s), self.clock.now_s, decoded=image)
        self.analyst.see(frame, FrameResult(found, MODEL, self.clock.now_s, threshold=0.4))


def blurred(image: FrameArray, sigma: float) -> FrameArray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def alarms(closed: Closed) -> list[tuple[str, AlarmChange]]:
    found = []
    for draft in closed.drafts:
        if draft.kind is Kind.ALARMS:
            batch = AlarmBatch.model_validate_json(draft.body)
            found += [(event.definition, event.change) for event in batch.alarms]
    return found


def test_an_observation_tells_counts_with_interval_tracks_activity_and_the_picture(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path, lines=(LineSettings(name="middle", a=(0.5, 0), b=(0.5, 1)),))
    seen: list[Observation] = [watcher.window().observation for _ in range(6)]
    for observation in seen:
        assert observation.count_mean is not None
        assert observation.count_interval is not None
        low, high = observation.count_interval
        assert low <= observation.count_mean <= high
        assert observation.classes == {"salmon": observation.count_mean}  # the unsure box is not counted
        assert observation.count_max is not None
        assert observation.tracks is not None
        assert observation.count_max <= observation.tracks <= 16
        assert observation.activity_bl_s is not None
        assert 0.05 < observation.activity_bl_s < 2
        assert [flow.name for flow in observation.lines] == ["middle"]
        assert (observation.quality, observation.quality_test) == (QualityFlag.GOOD, None)
        assert observation.image_parts is not None
        assert observation.image_quality is not None
        assert observation.image_quality > 0.8
    assert sum(flow.entered + flow.left for one in seen for flow in one.lines) > 0
    shown = [one for one in seen if one.detections]
    assert 2 <= len(shown) <= 3
    assert any(d.track is not None for one in shown for d in one.detections)


def test_an_observation_tells_how_far_its_pictures_lie_from_what_the_model_was_taught(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    image, _ = watcher.next_frame(5)
    for distance in (1.0, 1.4, None, 9.0):
        watcher.clock.now_s += 0.2
        frame = Frame(START, watcher.clock.now_s, decoded=image)
        watcher.analyst.see(frame, FrameResult((), MODEL, watcher.clock.now_s, distance=distance))
    closed = watcher.analyst.close(ended_at=START + timedelta(seconds=10), dropped=0, model=MODEL)
    assert closed.observation.embedding_distance == 1.4  # one odd frame does not move it
    assert watcher.window().observation.embedding_distance is None


def test_observations_fit_into_an_envelope_that_older_receivers_read(tmp_path: Path) -> None:
    closed = Watcher(tmp_path).window()
    body = closed.drafts[0].body
    envelope = {"v": 1, "site": "s", "device": "d", "boot": "boot-0001", "stream": "stream-1", "seq": 1}
    text = b'{"sent_at": "2026-01-01T00:00:00Z", ' + str(envelope)[1:-1].replace("'", '"').encode() + b', "body": ' + body + b"}"  # fmt: skip
    assert Envelope.model_validate_json(text).kind is Kind.OBSERVATIONS
    assert len(body) < 3000


def test_a_smeared_lens_makes_counts_suspect_at_once_and_raises_one_alarm_that_a_restart_remembers(
    tmp_path: Path,
) -> None:
    watcher = Watcher(tmp_path, fouled_after_s=120)
    for _ in range(70):  # long enough that the baseline of the picture is remembered
        watcher.window(fps=1)
    assert any(key.startswith("view:") for key in watcher.memory)
    first = watcher.window(fps=1, spoil=9)
    assert first.observation.quality is QualityFlag.SUSPECT
    assert first.observation.quality_test == "image_clarity"
    assert first.observation.count_mean is not None  # told, with its doubt
    raised = [alarm for _ in range(20) for alarm in alarms(watcher.window(fps=1, spoil=9))]
    assert raised == [("camera.fouled", AlarmChange.RAISED)]
    watcher.restart()
    assert list(watcher.analyst.alarms.active()) == ["camera.fouled"]
    assert alarms(watcher.window(fps=1, spoil=9)) == []
    cleared = [alarm for _ in range(120) for alarm in alarms(watcher.window(fps=1))]
    assert cleared == [("camera.fouled", AlarmChange.CLEARED)]


def test_doubtful_frames_become_samples_and_evidence_is_kept_as_it_was_sent(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    watcher.window(confidence=0.9)
    assert watcher.pictures.store.usage()[PictureClass.EVIDENCE][0] == 1
    before = watcher.pictures.samples
    closed = watcher.window(confidence=0.41)
    assert watcher.pictures.samples == before + 1
    for _ in range(4):
        closed = watcher.window()
        if closed.observation.image_sha256 is not None:
            break
    assert closed.observation.image_sha256 is not None
    original = watcher.pictures.picture(closed.observation.image_sha256)
    drawn = watcher.pictures.picture(closed.observation.image_sha256, boxes=True)
    assert original is not None
    assert drawn not in {None, original}
    watcher.pictures.close()


def test_without_frames_or_without_a_model_nothing_is_claimed(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    empty = watcher.analyst.close(ended_at=START, dropped=3, model=None).observation
    assert (empty.quality, empty.count_interval, empty.tracks, empty.image_parts) == (
        QualityFlag.MISSING,
        None,
        None,
        None,
    )
    watcher.analyst.see(Frame(START, 0.0, decoded=watcher.scene.render()[0]), None)
    unlooked = watcher.analyst.close(ended_at=START, dropped=0, model=None).observation
    assert (unlooked.quality, unlooked.count_mean, unlooked.tracks) == (QualityFlag.NOT_EVALUATED, None, None)
    assert unlooked.image_parts is not None
