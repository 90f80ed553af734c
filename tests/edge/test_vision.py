"""Frames to observations: counts, evidence with its detections, windows without frames, a model that fails."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path

import cv2
import pytest

from contracts.envelope import Envelope, decode
from contracts.errors import ConfigurationError
from contracts.quality import QualityFlag
from contracts.vision import Evidence, Observation, ObservationBatch
from edge.cameras.capture import CameraCapture, Drop
from edge.cameras.settings import CameraSettings
from edge.cameras.source import open_source
from edge.clock import SystemClock
from edge.deployments.shadow_run import ShadowRun
from edge.inference.candidate import Candidate
from edge.inference.engine import EngineReport, load_engine
from edge.inference.pipeline import VisionPipeline
from edge.inference.rules import end_after, evidence_due
from edge.inference.settings import ModelSettings, ObservationSettings
from edge.inference.worker_client import WorkerClient
from edge.outbox.publisher import compose
from edge.outbox.store import Outbox
from edge.supervisor import Supervisor
from models.runtime import load_bundle, shipped_bundle
from tests.edge.farm import START, eventually, new_outbox
from tests.models.tiny_bundle import bright_cells, edit_manifest, tiny_detector

CLOCK = SystemClock(assume_synchronised=True)


class Sight:
    """One folder camera with its pipeline, running."""

    def __init__(self, folder: Path, *, bundle: Path | None, window_s: float = 0.5, health: Path | None = None) -> None:
        self.outbox: Outbox = new_outbox(folder)
        self.reports: list[tuple[EngineReport | None, str]] = []
        self.lost: list[str] = []
        camera = CameraSettings(name="cam-1", unit="tank-1", source=f"folder:{folder / 'frames'}", fps=20)
        self.capture = CameraCapture(
            camera,
            lambda: open_source(camera, CLOCK),
            queue=2,
            clock=CLOCK,
            on_frame=self._wake,
            on_change=lambda *_: None,
        )
        model = None
        if bundle is not None:
            model = ModelSettings(bundle=str(bundle), health_model=str(health) if health else None, health_every_s=0.1)
        self.worker = None
        if model is not None:
            self.worker = WorkerClient(
                model,
                clock=CLOCK,
                on_report=lambda report, reason: self.reports.append((report, reason)),
                on_lost=self.lost.append,
            )
        self.pipeline = VisionPipeline(
            [self.capture],
            self.outbox,
            settings=ObservationSettings(window_s=window_s, evidence_every_s=1.0),
            clock=CLOCK,
            model=model,
            worker=self.worker,
            observe_latency=lambda _: None,
        )
        self._supervisor = Supervisor()
        self._supervisor.start("vision", self.pipeline.run)
        self._camera = self._supervisor.start("camera", self.capture.run)

    def _wake(self) -> None:
        self.pipeline.wake()

    def bodies(self) -> list[Observation | Evidence]:
        found: list[Observation | Evidence] = []
        for row in self.outbox.rows_after(0, limit=1000):
            envelope = decode(compose(row, site="f", device="d", backfill=False), row.kind)
            assert isinstance(envelope, Envelope)
            if isinstance(envelope.body, ObservationBatch):
                found += envelope.body.observations
            elif isinstance(envelope.body, Evidence):
                found.append(envelope.body)
        return found

    def observations(self) -> list[Observation]:
        return [body for body in self.bodies() if isinstance(body, Observation)]

    def stop_camera(self) -> None:
        self._supervisor.stop([self._camera], timeout_s=3)

    def stop(self) -> None:
        self._supervisor.stop_all(timeout_s=3)
        self.outbox.close()


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    (tmp_path / "frames").mkdir()
    for number, cells in enumerate([[(0, 0), (2, 1)], [(1, 1), (3, 0), (0, 1)]]):
        cv2.imwrite(str(tmp_path / "frames" / f"{number}.png"), bright_cells(cells, scale=4, value=230))
    return tmp_path


def test_observations_carry_counts_model_and_an_image_whose_hash_is_its_bytes(frames: Path) -> None:
    sight = Sight(frames, bundle=tiny_detector(frames / "bundle"))
    eventually(lambda: len([one for one in sight.observations() if one.model]) >= 4)
    seen = [observation for observation in sight.observations() if observation.model][1]
    assert (seen.count_min, seen.count_max) == (2, 3)
    assert seen.count_mean == pytest.approx(2.5, abs=0.2)
    assert seen.model is not None
    assert seen.quality is QualityFlag.GOOD
    images = {body.sha256: body for body in sight.bodies() if isinstance(body, Evidence)}
    shown = [one for one in sight.observations() if one.image_sha256 and one.model]
    assert shown
    assert all(observation.image_sha256 in images for observation in shown)
    assert all(len(observation.detections) in {2, 3} for observation in shown)
    assert len(shown) < len(sight.observations())
    sight.stop()


def test_windows_follow_each_other_without_gap_and_their_ends_are_unique_over_restarts(frames: Path) -> None:
    bundle = tiny_detector(frames / "bundle")
    first = Sight(frames, bundle=bundle, window_s=0.2)
    eventually(lambda: len(first.observations()) >= 3)
    first.stop()
    second = Sight(frames, bundle=bundle, window_s=0.2)
    eventually(lambda: len(second.observations()) >= 8)
    ends = [observation.observed_at for observation in second.observations()]
    assert ends == sorted(set(ends))
    starts = [observation.started_at for observation in second.observations()]
    assert starts[1:3] == ends[:2]
    second.stop()


def test_a_camera_that_shows_nothing_gives_observations_that_claim_nothing(tmp_path: Path) -> None:
    sight = Sight(tmp_path, bundle=None)
    seen = eventually(sight.observations)[0]
    assert (seen.frames, seen.count_mean, seen.quality) == (0, None, QualityFlag.MISSING)
    sight.stop()


def test_without_a_model_frames_are_seen_and_not_counted(frames: Path) -> None:
    sight = Sight(frames, bundle=None)
    seen = eventually(lambda: [observation for observation in sight.observations() if observation.frames])[0]
    assert (seen.count_mean, seen.model, seen.quality) == (None, None, QualityFlag.NOT_EVALUATED)
    sight.stop()


def test_a_damaged_model_degrades_to_observations_without_counts(frames: Path) -> None:
    bundle = tiny_detector(frames / "bundle")
    (bundle / "model.onnx").write_bytes(b"damaged")
    sight = Sight(frames, bundle=bundle)
    engine, reason = eventually(lambda: sight.reports)[0]
    assert engine is None
    assert "truncated or altered" in reason
    assert eventually(sight.observations)[0].count_mean is None
    sight.stop()


def test_a_model_whose_golden_frame_gives_another_result_is_refused(tmp_path: Path) -> None:
    bundle = tiny_detector(tmp_path / "bundle")
    cv2.imwrite(str(bundle / "golden.png"), bright_cells([(0, 0)]))
    (bundle / "golden.json").write_text('{"detections": []}')
    edit_manifest(bundle, golden=["golden.png"])
    with pytest.raises(ConfigurationError, match="golden"):
        load_engine(ModelSettings(bundle=str(bundle)))


def test_ends_increase_and_evidence_keeps_its_rhythm() -> None:
    later = START + timedelta(seconds=1)
    assert end_after(None, START) == START
    assert end_after(START, later) == later
    assert end_after(later, START) > later
    assert isinstance(end_after(later, later), datetime)
    assert evidence_due(None, 0, 30)
    assert not evidence_due(0, 20, 30)
    assert evidence_due(0, 29.9, 30)
    assert evidence_due(0, 10, 0)


def test_real_underwater_frames_give_detections_with_their_image_and_model(tmp_path: Path, shared_data: Path) -> None:
    (tmp_path / "frames").mkdir()
    for path in sorted((shared_data / "fish_detection" / "images").glob("*.jpg"))[::200]:
        (tmp_path / "frames" / path.name).symlink_to(path)
    bundle = shipped_bundle("fish-detector")
    sight = Sight(tmp_path, bundle=bundle)
    found = eventually(
        lambda: [one for one in sight.observations() if one.detections and one.image_sha256 is not None], timeout_s=40
    )
    images = {body.sha256: body for body in sight.bodies() if isinstance(body, Evidence)}
    for observation in found:
        assert observation.model is not None
        assert observation.model.sha256 == load_bundle(bundle).sha256
        assert hashlib.sha256(images[str(observation.image_sha256)].data).hexdigest() == observation.image_sha256
        assert {detection.label for detection in observation.detections} == {"fish"}
    engine, _ = sight.reports[0]
    assert engine is not None
    assert engine.golden_frames > 0
    sight.stop()


class TwoTanks:
    """Two tanks with a camera each, and a model that only sees what is very bright."""

    def __init__(self, folder: Path) -> None:
        self.outbox = new_outbox(folder)
        self.reports: list[EngineReport | None] = []
        settings = [
            CameraSettings(name=f"cam-{n}", unit=f"tank-{n}", source=f"folder:{folder / 'frames'}", fps=20)
            for n in (1, 2)
        ]
        self.captures = [
            CameraCapture(
                one,
                partial(open_source, one, CLOCK),
                queue=2,
                clock=CLOCK,
                on_frame=self._wake,
                on_change=lambda *_: None,
            )
            for one in settings
        ]
        self.pipeline = VisionPipeline(
            self.captures,
            self.outbox,
            settings=ObservationSettings(window_s=0.4, evidence_every_s=60.0),
            clock=CLOCK,
            model=ModelSettings(bundle=str(tiny_detector(folder / "old", name="old"))),
            worker=self.worker(folder / "old"),
            observe_latency=lambda _: None,
        )
        self._supervisor = Supervisor()
        self._supervisor.start("vision", self.pipeline.run)
        for capture in self.captures:
            self._supervisor.start(capture.settings.name, capture.run)

    def worker(self, bundle: Path, *, goes_first: bool = False) -> WorkerClient:
        return WorkerClient(
            ModelSettings(bundle=str(bundle)),
            clock=CLOCK,
            goes_first=goes_first,
            on_report=lambda report, _reason: self.reports.append(report),
            on_lost=lambda _reason: None,
        )

    def _wake(self) -> None:
        self.pipeline.wake()

    def seen(self) -> list[Observation]:
        found: list[Observation] = []
        for row in self.outbox.rows_after(0, limit=5000):
            envelope = decode(compose(row, site="f", device="d", backfill=False), row.kind)
            if isinstance(envelope, Envelope) and isinstance(envelope.body, ObservationBatch):
                found += envelope.body.observations
        return found

    def models(self) -> dict[str, str]:
        """By unit the model of the newest observation."""
        return {one.unit: one.model.name for one in self.seen() if one.model is not None}

    def lost(self) -> int:
        return sum(capture.counts().by_reason.get(Drop.LOST, 0) for capture in self.captures)

    def stop(self) -> None:
        self._supervisor.stop_all(timeout_s=3)
        self.outbox.close()


def test_another_model_looks_at_one_tank_beside_the_other_and_no_frame_is_lost_when_it_comes_and_goes(
    frames: Path,
) -> None:
    tanks = TwoTanks(frames)
    eventually(lambda: tanks.models() == {"tank-1": "old", "tank-2": "old"}, timeout_s=40)
    worker = tanks.worker(tiny_detector(frames / "new", name="new"), goes_first=True)
    compared = ShadowRun()
    candidate = Candidate(worker, clock=CLOCK, comparison=compared, cameras=tanks.pipeline.cameras_of(["tank-2"]))
    tanks.pipeline.try_out(candidate)
    tanks.pipeline.drop(Candidate(tanks.worker(frames / "old"), clock=CLOCK))  # the end of another one leaves it alone
    eventually(lambda: compared.figures().frames >= 3, timeout_s=40)
    assert tanks.pipeline.models_elsewhere() == {}
    tanks.pipeline.swap_to(candidate)
    eventually(lambda: tanks.models() == {"tank-1": "old", "tank-2": "new"}, timeout_s=40)
    assert [*tanks.pipeline.models_elsewhere()] == ["tank-2"]
    trial = tanks.pipeline.trial
    assert trial is not None
    assert trial.results > 0
    # a process that dies is replaced, and the other tank does not notice
    pid = worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: worker.losses == 1 and worker.ready, timeout_s=40)
    lost = tanks.lost()
    assert tanks.pipeline.main.worker is not None
    assert tanks.pipeline.main.worker.losses == 0
    if sys.platform == "linux":  # and when memory runs out it is this one, in every life of its, that the kernel ends
        likely = [
            int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (worker.pid, tanks.pipeline.main.worker.pid)
        ]
        assert likely == [1000, int(Path("/proc/self/oom_score_adj").read_text())]

    tanks.pipeline.rejoin()
    eventually(lambda: tanks.pipeline.trial is None, timeout_s=40)
    began = len(tanks.seen())
    eventually(lambda: len(tanks.seen()) > began + 4 and tanks.models() == {"tank-1": "old", "tank-2": "old"})
    assert tanks.lost() == lost
    changes = [one.model.name for one in tanks.seen() if one.unit == "tank-2" and one.model is not None]
    assert [name for name, _ in groupby(changes)] == ["old", "new", "old"], "no observation mixes two models"
    eventually(lambda: not worker.ready)
    tanks.stop()
