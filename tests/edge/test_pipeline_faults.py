"""What one camera's bad frame or a mistake in the analysis does to the rest: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge.cameras.capture import Drop
from edge.inference.analysis import Analyst
from tests.edge.farm import eventually
from tests.edge.test_vision import Sight
from tests.edge.test_worker import accounted
from tests.models.tiny_bundle import bright_cells, tiny_detector


@pytest.fixture
def sight(tmp_path: Path) -> Iterator[Sight]:
    """A camera of which every second picture is torn."""
    (tmp_path / "frames").mkdir()
    cv2.imwrite(str(tmp_path / "frames" / "0.png"), bright_cells([(0, 0)], scale=4))
    (tmp_path / "frames" / "1.png").write_bytes(b"\x89PNG torn")
    running = Sight(tmp_path, bundle=tiny_detector(tmp_path / "bundle"))
    yield running
    running.stop()


@pytest.mark.faults
def test_torn_pictures_are_counted_and_the_others_are_looked_at(sight: Sight) -> None:
    eventually(lambda: sight.pipeline.stats.results > 5, timeout_s=40)
    counts = sight.capture.counts()
    assert counts.by_reason[Drop.UNDECODABLE] >= 5
    assert accounted(counts)


@pytest.mark.faults
def test_an_analysis_that_fails_leaves_the_pipeline_running(sight: Sight, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a mistake in the analysis")

    monkeypatch.setattr(Analyst, "see", fail)
    eventually(lambda: sight.pipeline.stats.analysis_errors > 3, timeout_s=40)
    assert accounted(sight.capture.counts())
    monkeypatch.undo()
    eventually(lambda: any(one.frames for one in sight.observations()))
