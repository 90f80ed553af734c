"""What one camera's frames say: the analyst sees every processed frame and sums up each window in an observation.

frame -> image quality -> tracks -> lines, activity, counts -> (window closes) -> observation, evidence image, alarms of the
picture. One analyst per camera, used by the pipeline's thread alone. It does no scheduling, runs no model, persists nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt
import structlog

from contracts.alarms import AlarmBatch, AlarmEvent
from contracts.vision import Detection, Evidence, ImageParts, ModelRef, Observation, ObservationBatch
from edge.cameras.alarms import MEMORY_PREFIX, STATE_PREFIX, ViewAlarms
from edge.cameras.evidence import evidence
from edge.cameras.quality import QualityMeter
from edge.cameras.settings import CameraSettings
from edge.cameras.source import Frame
from edge.clock import Clock
from edge.errors import SourceError
from edge.inference.counting import Activity, Line, LineCounter
from edge.inference.engine import FrameResult
from edge.inference.rules import Motion, Window, evidence_due, median_parts, summarise
from edge.inference.settings import ObservationSettings
from edge.inference.tracker import NOT_TRACKED, Tracker, TrackerOptions
from edge.outbox.store import Draft
from edge.sampling.keeper import PictureKeeper
from edge.sampling.rules import Offer

log = structlog.get_logger()

MEMORY_EVERY_S = 600.0
"""How often it is written; a restart forgets at most this much of what was learned."""
JUDGE_EVERY_S = 2.0
"""Seconds between two judgements of the picture: dirt and darkness do not come and go faster, and each costs 0.5 ms."""
COUNTS_KEPT = 600
"""Counts that tell how fast the school changes: five minutes at two frames a second."""
BORDER = 0.1
"""Tracks may end this near to the edge of the picture: the fish swam out of it."""


@dataclass(frozen=True)
class Closed:
    """A window that is over: its observation, and what goes into the outbox in one transaction."""

    observation: Observation
    drafts: tuple[Draft, ...]
    state: Mapping[str, str | None] = field(default_factory=dict)
    """Keys to remember with it; None forgets one."""


@dataclass(frozen=True)
class _Sight:
    """A processed frame with what was found in it."""

    frame: Frame
    detections: tuple[Detection, ...]
    ids: npt.NDArray[np.int64]

    def tracked(self) -> tuple[Detection, ...]:
        """The detections with the numbers of their tracks."""
        return tuple(
            one if track == NOT_TRACKED else one.model_copy(update={"track": int(track)})
            for one, track in zip(self.detections, self.ids, strict=True)
        )


class Analyst:
    """Looks at the frames of one camera.

    Args:
        memory: what earlier analysts left in ``Closed.state``.
        pictures: keeps evidence and samples on the box; None keeps none.
    """

    def __init__(
        self,
        camera: CameraSettings,
        settings: ObservationSettings,
        *,
        clock: Clock,
        memory: Mapping[str, str] | None = None,
        pictures: PictureKeeper | None = None,
    ) -> None:
        self._camera = camera
        self._settings = settings
        self._clock = clock
        self._window = Window(clock.now())
        self._counts: deque[int] = deque(maxlen=COUNTS_KEPT)
        self._latest: _Sight | None = None
        self._last_evidence_s: float | None = None
        memory, alarms = memory or {}, f"{STATE_PREFIX}{camera.name}/"
        self._meter = QualityMeter(memory=memory.get(MEMORY_PREFIX + camera.name))
        self._judged_s: float | None = None
        self._remembered_s = clock.monotonic()
        self.alarms = ViewAlarms(
            camera, memory={key.removeprefix(alarms): text for key, text in memory.items() if key.startswith(alarms)}
        )
        self._tracker: Tracker | None = None
        self._tracker_model: tuple[str, float] | None = None
        self._lines = [LineCounter(Line(one.name, one.a, one.b, one.margin)) for one in camera.lines]
        self._activity = Activity()
        self._pictures = pictures

    def see(self, frame: Frame, result: FrameResult | None) -> None:
        """Take a processed frame into account.

        Args:
            frame: decoded; it may be kept until the window closes.
            result: what the model says; None when no model looked at it.
        """
        latency_s = (result.done_s if result is not None else self._clock.monotonic()) - frame.captured_s
        sure = () if result is None else tuple(d for d in result.detections if d.confidence >= result.threshold)
        self._window.add(None if result is None else sure, latency_s * 1000)
        if result is not None:
            self._window.look(result.health)
            if result.distance is not None:
                self._window.distances.append(result.distance)
        judging = self._judged_s is None or frame.captured_s - self._judged_s >= JUDGE_EVERY_S
        if judging:
            self._window.parts.append(self._meter.judge(frame.image, frame.captured_s))
            self._judged_s = frame.captured_s
        ids = np.full(len(sure), NOT_TRACKED, np.int64)
        if result is not None and self._settings.tracking:
            ids = self._follow(frame, result)
        if judging and result is not None and self._pictures is not None:
            self._offer(self._pictures, frame, result)
        self._latest = _Sight(frame, sure, ids)

    def close(self, *, ended_at: datetime, dropped: int, model: ModelRef | None) -> Closed:
        """Sum the window up and begin the next one.

        Args:
            ended_at: end of the window; later than every earlier end of this camera.
            dropped: frames of this window that were captured and did not reach ``see``.
            model: the model that runs now.
        """
        image, detections = self._evidence()
        parts = median_parts(self._window.parts)
        observation = summarise(
            self._window,
            camera=self._camera.name,
            unit=self._camera.unit,
            ended_at=ended_at,
            dropped=dropped,
            model=model,
            evidence=image,
            detections=detections,
            parts=parts,
            motion=self._motion(),
            before=tuple(self._counts),
        )
        self._counts.extend(self._window.counts)
        self._window, self._latest = Window(ended_at), None
        events, state = self._judge_view(parts, ended_at)
        drafts = [Draft.of(ObservationBatch(observations=(observation,)))]
        if events:
            drafts.insert(0, Draft.of(AlarmBatch(alarms=events)))
        if image is not None:
            drafts.append(Draft.of(image))
        return Closed(observation, tuple(drafts), state)

    @property
    def empty(self) -> bool:
        """Whether no frame has come in this window."""
        return self._window.frames == 0

    def _follow(self, frame: Frame, result: FrameResult) -> npt.NDArray[np.int64]:
        """Tracks of the frame's sure detections; a new model begins new tracks."""
        running = (result.model.sha256, result.threshold)
        if self._tracker is None or self._tracker_model != running:
            options = TrackerOptions(high=result.threshold, low=min(0.1, result.threshold / 2))
            self._tracker = Tracker(options, first_id=1 if self._tracker is None else self._tracker.next_id)
            self._tracker_model = running
        height, width = frame.image.shape[:2]
        boxes = corners(result.detections, width, height)
        ids = self._tracker.update(boxes, np.array([d.confidence for d in result.detections]), frame.captured_s)
        followed = ids != NOT_TRACKED
        self._activity.see(ids[followed].tolist(), boxes[followed].tolist(), frame.captured_s)
        self._window.tracks.update(ids[followed].tolist())
        if self._lines:
            centres = (boxes[followed, :2] + boxes[followed, 2:]) / 2
            places = [(int(t), float(x), float(y)) for t, (x, y) in zip(ids[followed], centres, strict=True)]
            for line in self._lines:
                line.see(places, width=width, height=height, at_s=frame.captured_s)
        return np.asarray(ids[[d.confidence >= result.threshold for d in result.detections]], np.int64)

    def _offer(self, pictures: PictureKeeper, frame: Frame, result: FrameResult) -> None:
        """Offer the frame for a label."""
        vanished = 0
        if self._tracker is not None:
            height, width = frame.image.shape[:2]
            where = self._tracker.vanished()[:, :2] / [width, height]
            vanished = int(np.count_nonzero((np.abs(where - 0.5) < 0.5 - BORDER).all(axis=1)))
        offer = Offer(
            self._camera.name,
            frame.captured_s,
            result.detections,
            result.threshold,
            look=self._meter.look if result.distance is None else (*self._meter.look, result.distance),
            vanished=vanished,
        )
        pictures.offer(frame, self._camera, offer, result.model)

    def _motion(self) -> Motion | None:
        if self._tracker is None:
            return None
        speed, _ = self._activity.close()
        return Motion(len(self._window.tracks), speed, tuple(line.close() for line in self._lines))

    def _judge_view(
        self, parts: ImageParts | None, at: datetime
    ) -> tuple[tuple[AlarmEvent, ...], dict[str, str | None]]:
        if parts is None:
            return (), {}
        now_s = self._clock.monotonic()
        events, state = self.alarms.judge(parts, now_s=now_s, at=at)
        for event in events:
            log.warning("camera.alarm", camera=self._camera.name, change=event.change.value, message=event.message)
        if now_s - self._remembered_s >= MEMORY_EVERY_S:
            self._remembered_s = now_s
            state[MEMORY_PREFIX + self._camera.name] = self._meter.dump()
        return events, state

    def _evidence(self) -> tuple[Evidence | None, Sequence[Detection]]:
        now_s = self._clock.monotonic()
        if self._latest is None or not evidence_due(self._last_evidence_s, now_s, self._settings.evidence_every_s):
            return None, ()
        try:
            image = evidence(
                self._latest.frame,
                camera=self._camera.name,
                unit=self._camera.unit,
                max_bytes=self._settings.evidence_max_bytes,
            )
        except SourceError as error:
            log.warning("camera.no_evidence", camera=self._camera.name, error=str(error))
            return None, ()
        self._last_evidence_s = now_s
        detections = self._latest.tracked()
        if self._pictures is not None:
            self._pictures.keep_evidence(image, detections)
        return image, detections


def corners(detections: Sequence[Detection], width: int, height: int) -> npt.NDArray[np.float64]:
    """Boxes as corners x0 y0 x1 y1 in pixels, (N, 4)."""
    boxes = np.array([(d.box.x, d.box.y, d.box.x + d.box.w, d.box.y + d.box.h) for d in detections], np.float64)
    return boxes.reshape(-1, 4) * [width, height, width, height]
