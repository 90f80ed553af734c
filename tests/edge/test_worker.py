"""The model's process: frozen, killed, lied to; the cameras go on, and every captured frame is accounted for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cameras.capture import Counts, Drop
from edge.inference import state
from edge.inference.state import HOPELESS_AFTER, LONGEST_WAIT_S, Phase, WorkerLife
from edge.inference.worker_channel import FrameRing, anonymous_memory
from tests.edge.farm import eventually
from tests.edge.test_vision import Sight
from tests.models.tiny_bundle import bright_cells, edit_manifest, tiny_detector

RECOVERY_S = 40.0
"""Generous for a loaded machine; on a quiet one a frozen worker is replaced within five seconds."""


@pytest.fixture
def sight(tmp_path: Path) -> Iterator[Callable[..., Sight]]:
    """A camera whose pictures show two and three fish in turn."""
    (tmp_path / "frames").mkdir()
    for number, cells in enumerate([[(0, 0), (2, 1)], [(1, 1), (3, 0), (0, 1)]]):
        cv2.imwrite(str(tmp_path / "frames" / f"{number}.png"), bright_cells(cells, scale=4))
    started: list[Sight] = []

    def start(bundle: Path | None = None) -> Sight:
        started.append(Sight(tmp_path, bundle=bundle or tiny_detector(tmp_path / "bundle")))
        return started[-1]

    yield start
    for running in started:
        running.stop()


def accounted(counts: Counts) -> bool:
    return counts.captured == counts.processed + sum(counts.by_reason.values()) + counts.waiting


def pid_of(sight: Sight) -> int:
    assert sight.worker is not None
    pid: int = eventually(
        lambda: sight.worker.pid if sight.worker and sight.worker.ready else None, timeout_s=RECOVERY_S
    )
    return pid


@pytest.mark.faults
@pytest.mark.parametrize("fault", [signal.SIGSTOP, signal.SIGKILL])
def test_a_frozen_or_killed_worker_is_replaced_and_results_flow_again(
    sight: Callable[..., Sight], fault: signal.Signals
) -> None:
    running = sight()
    first = pid_of(running)
    eventually(lambda: running.pipeline.stats.results > 5)
    os.kill(first, fault)
    eventually(lambda: running.lost, timeout_s=RECOVERY_S)
    before = running.pipeline.stats.results
    eventually(lambda: running.pipeline.stats.results > before + 5, timeout_s=RECOVERY_S)
    assert pid_of(running) != first
    assert not psutil.pid_exists(first)
    assert ("hangs" if fault is signal.SIGSTOP else "SIGKILL") in running.lost[0]
    counts = running.capture.counts()
    assert accounted(counts)
    assert counts.by_reason.get(Drop.LOST, 0) <= 4
    seen = [one for one in running.observations() if one.frames]
    assert {one.count_max for one in seen} <= {2, 3, None}


@pytest.mark.faults
def test_a_worker_that_freezes_while_no_frame_comes_is_found_by_its_canary(sight: Callable[..., Sight]) -> None:
    running = sight()
    first = pid_of(running)
    running.stop_camera()
    os.kill(first, signal.SIGSTOP)
    eventually(lambda: running.lost, timeout_s=RECOVERY_S)
    assert pid_of(running) != first


@pytest.mark.faults
def test_a_model_that_fails_its_golden_frames_leaves_the_cameras_without_counts(
    tmp_path: Path, sight: Callable[..., Sight]
) -> None:
    bundle = tiny_detector(tmp_path / "bundle")
    cv2.imwrite(str(bundle / "golden.png"), bright_cells([(0, 0)]))
    (bundle / "golden.json").write_text('{"detections": []}')
    edit_manifest(bundle, golden=["golden.png"])
    running = sight(bundle)
    report, reason = eventually(lambda: running.reports, timeout_s=RECOVERY_S)[0]
    assert report is None
    assert "golden" in reason
    assert eventually(lambda: [one for one in running.observations() if one.frames])[0].count_mean is None
    assert running.worker is not None
    assert running.worker.hopeless
    assert accounted(running.capture.counts())


def test_the_distance_from_what_the_model_was_taught_comes_through_the_worker(
    tmp_path: Path, sight: Callable[..., Sight]
) -> None:
    bundle = tiny_detector(tmp_path / "bundle")
    edit_manifest(bundle, embedding={"name": "scores", "mean": [0.0] * 8, "spread": [0.1] * 8, "frames": 100})
    running = sight(bundle)
    seen = eventually(lambda: [one for one in running.observations() if one.count_max], timeout_s=RECOVERY_S)[0]
    assert seen.embedding_distance is not None
    assert seen.embedding_distance > 1


def test_stopping_leaves_no_process_and_no_unfinished_frame(sight: Callable[..., Sight]) -> None:
    running = sight()
    pid = pid_of(running)
    running.stop()
    assert not psutil.pid_exists(pid)
    counts = running.capture.counts()
    assert accounted(counts)


def test_frames_in_shared_memory_are_seen_by_both_ends() -> None:
    descriptor = anonymous_memory()
    try:
        ours = FrameRing(descriptor, slots=3, height=4, width=5)
        theirs = FrameRing(descriptor, slots=3, height=4, width=5)
        ours.images[1] = 7
        assert np.array_equal(theirs.images[1], np.full((4, 5, 3), 7))
        assert not theirs.images[2].any()
    finally:
        os.close(descriptor)


def test_the_first_failure_is_repaired_at_once_and_a_habit_ever_more_slowly() -> None:
    life = state.on_start(WorkerLife(), 0.0, load_timeout_s=60)
    life = state.on_failure(life, 10.0)
    assert life.may_start(10.0)
    waits = []
    for _ in range(12):
        life = state.on_failure(state.on_start(life, 20.0, load_timeout_s=60), 20.0)
        waits.append(life.start_after_s - 20.0)
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == LONGEST_WAIT_S
    assert life.hopeless


def test_a_worker_that_answered_for_long_is_forgiven() -> None:
    life = state.on_failure(WorkerLife(), 0.0)
    life = state.on_ready(state.on_start(life, 1.0, load_timeout_s=60), 2.0)
    assert state.on_answer(life, 3.0).failures == 1
    assert state.on_answer(life, 100.0).failures == 0


def test_a_model_that_is_refused_is_tried_again_after_minutes() -> None:
    life = state.on_refusal(state.on_start(WorkerLife(), 0.0, load_timeout_s=60), 1.0)
    assert life.hopeless
    assert not life.may_start(200.0)
    assert life.may_start(302.0)


@given(expected_s=st.floats(0, 10), now_s=st.floats(0, 1e6))
def test_every_job_has_a_deadline_longer_than_it_usually_takes(expected_s: float, now_s: float) -> None:
    ready = state.on_ready(WorkerLife(phase=Phase.LOADING), now_s)
    asked = state.on_asked(ready, now_s, expected_s=expected_s)
    assert asked.deadline_s is not None
    assert not asked.overdue(now_s + expected_s)
    assert asked.overdue(now_s + 20 * expected_s + 3.1)
    assert state.on_answer(asked, now_s).deadline_s is None


def test_a_worker_that_fails_three_times_in_a_row_is_no_longer_expected() -> None:
    life = WorkerLife()
    for _ in range(HOPELESS_AFTER):
        assert not life.hopeless
        life = state.on_failure(life, 1.0)
    assert life.hopeless
