"""One box's pictures: every frame is offered to the rules, what they choose and every evidence image goes to the store.

A disk that fails loses pictures, never observations: it is told once and counted.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from contracts.samples import Sample
from contracts.vision import Detection, Evidence, ModelRef
from edge.cameras.evidence import draw_boxes, frame_jpeg
from edge.clock import Clock
from edge.errors import SourceError
from edge.sampling.rules import DAY_S, Choice, Chooser, Offer
from edge.sampling.settings import SamplingSettings
from edge.sampling.store import PictureClass, PictureStore

if TYPE_CHECKING:
    from edge.cameras.settings import CameraSettings
    from edge.cameras.source import Frame
    from edge.inference.candidate import BothSaw

log = structlog.get_logger()

FOLDER = "pictures"
"""Name of the store in the agent's ``data_dir``."""
MOST_BOXES = 200
"""Of one sample: its description travels in a header, and the server takes 60,000 characters of it."""
MOST_BOXES_OF_TWO = MOST_BOXES // 2
"""The same of each model, where two have seen the frame."""


def open_keeper(
    data_dir: Path, settings: SamplingSettings, *, site: str, device: str, clock: Clock
) -> PictureKeeper | None:
    """The keeper of a box, or None when its disk does not let it: the cameras go on without pictures."""
    try:
        return PictureKeeper(data_dir, settings, site=site, device=device, clock=clock, seed=time.time_ns())
    except (OSError, sqlite3.Error) as error:
        log.error("pictures.unavailable", folder=str(data_dir / FOLDER), error=str(error))  # noqa: TRY400  (the event says it all)
        return None


class PictureKeeper:
    """Keeps evidence and samples of all cameras.

    Args:
        seed: of the random share.
    """

    def __init__(
        self, data_dir: Path, settings: SamplingSettings, *, site: str, device: str, clock: Clock, seed: int
    ) -> None:
        self.failed = 0
        """Pictures that the disk did not take since the start."""
        self.samples = 0
        """Samples kept since the start."""
        self._settings = settings
        self._site, self._device = site, device
        self.store = PictureStore(
            data_dir / FOLDER,
            quotas={
                PictureClass.EVIDENCE: settings.evidence_max_bytes,
                PictureClass.SAMPLE: settings.samples_max_bytes,
            },
            min_free_bytes=settings.min_free_bytes,
        )
        kept = self.store.newest(PictureClass.SAMPLE, limit=max(1, settings.per_day))
        ages = [(one.camera, (clock.now() - one.observed_at).total_seconds()) for one in kept]
        self._chooser = Chooser(
            settings,
            seed=seed,
            taken=[(camera, age_s) for camera, age_s in ages if 0 <= age_s < DAY_S],
            now_s=clock.monotonic(),
        )
        self._newest: dict[str, float] = {}
        """When the newest sample of each camera was captured, monotonic seconds."""

    def offer(self, frame: Frame, camera: CameraSettings, offer: Offer, model: ModelRef) -> None:
        """Keep the frame when the rules choose it."""
        choice = self._chooser.consider(offer) if self._settings.enabled else None
        if choice is None:
            return
        self._keep_sample(
            frame,
            camera,
            choice,
            detections=tuple(d for d in offer.detections if d.confidence >= offer.threshold)[:MOST_BOXES],
            model=model,
        )

    def offer_pair(self, saw: BothSaw, camera: CameraSettings, at_s: float) -> None:
        """Keep a frame that a candidate on trial has seen too, with both answers, when they differ enough."""
        if not self._settings.enabled or self._newest.get(camera.name) == saw.frame.captured_s:
            return  # a frame that is kept already, with one answer, would be paid for twice
        choice = self._chooser.consider_pair(camera.name, at_s, saw.active, saw.candidate)
        if choice is not None:
            self._keep_sample(
                saw.frame,
                camera,
                choice,
                detections=saw.active[:MOST_BOXES_OF_TWO],
                model=saw.active_model,
                other=saw.candidate[:MOST_BOXES_OF_TWO],
                other_model=saw.candidate_model,
            )

    def _keep_sample(
        self,
        frame: Frame,
        camera: CameraSettings,
        choice: Choice,
        *,
        detections: tuple[Detection, ...],
        model: ModelRef,
        other: tuple[Detection, ...] | None = None,
        other_model: ModelRef | None = None,
    ) -> None:
        try:
            data, _, _ = frame_jpeg(frame, self._settings.image_max_bytes)
        except SourceError as error:
            log.warning("sample.not_encoded", camera=camera.name, error=str(error))
            return
        sample = Sample(
            site=self._site,
            device=self._device,
            camera=camera.name,
            unit=camera.unit,
            observed_at=frame.observed_at,
            image_sha256=PictureStore.name_of(data),
            reason=choice.reason,
            score=choice.score,
            detections=detections,
            model=model,
            other=other,
            other_model=other_model,
        )
        note = sample.model_dump_json(exclude_none=True)
        if self._put(PictureClass.SAMPLE, data, camera.name, frame.observed_at, note, worth=choice.score):
            self.samples += 1
            self._newest[camera.name] = frame.captured_s

    def keep_evidence(self, image: Evidence, detections: Sequence[Detection]) -> None:
        """Keep an evidence image as it was sent, with what was found in it beside."""
        note = json.dumps([one.model_dump(mode="json", exclude_none=True) for one in detections])
        self._put(PictureClass.EVIDENCE, image.data, image.camera, image.observed_at, note)

    def picture(self, sha256: str, *, boxes: bool = False) -> bytes | None:
        """A kept picture as JPEG: the original, or a copy with its boxes drawn. None when there is none."""
        data = self.store.read(sha256)
        known = self.store.find(sha256) if boxes and data is not None else None
        if data is None or known is None:
            return data
        note = json.loads(known.note)
        found = note.get("detections", []) if isinstance(note, dict) else note
        return draw_boxes(data, [Detection.model_validate(one) for one in found])

    def close(self) -> None:
        """Close the store. Safe to call twice."""
        self.store.close()

    def _put(
        self, kind: PictureClass, data: bytes, camera: str, observed_at: datetime, note: str, *, worth: float = 0.0
    ) -> bool:
        try:
            kept = self.store.put(kind, data, camera=camera, observed_at=observed_at, note=note, worth=worth)
        except OSError as error:
            self.failed += 1
            if self.failed == 1:
                log.error("picture.not_kept", camera=camera, error=str(error))  # noqa: TRY400  (the event says it all)
            return False
        return kept is not None
