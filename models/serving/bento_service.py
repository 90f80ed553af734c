"""The same bundle behind BentoML: ``bentoml serve models.serving.bento_service:ShoalModel``.

For companies that run BentoML already; the API of Shoal needs none of it. ``SHOAL_BUNDLE`` names the bundle (``fish-detector``
as shipped, or a folder). Nothing is downloaded, and no usage is reported (``BENTOML_DO_NOT_TRACK`` is set before it loads).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import bentoml  # after the line above on purpose
from bentoml.exceptions import InvalidArgument
from bentoml.validators import ContentType

from contracts.bundles import Task
from models.runtime import (
    Classifier,
    Detector,
    InferenceError,
    Scorer,
    check_golden,
    find_bundle,
    load_bundle,
    open_session,
)
from models.runtime.errors import BundleError

MAX_IMAGE_BYTES = 20_000_000


@bentoml.service(name="shoal-model", workers=1, traffic={"timeout": 30, "max_concurrency": 32})
class ShoalModel:
    """Runs one bundle; refuses to start when its files or its golden frames are not as published."""

    def __init__(self) -> None:
        bundle = load_bundle(find_bundle(os.environ.get("SHOAL_BUNDLE", "fish-detector"), field="SHOAL_BUNDLE"))
        self._session = open_session(bundle)
        manifest = self._session.manifest
        if manifest.golden and not (result := check_golden(self._session)).passed:
            raise BundleError("SHOAL_BUNDLE", str(bundle.folder), f"It fails its own test: {result.failures[0]}")
        self._classifier = Classifier(self._session) if manifest.task is Task.CLASSIFICATION else None
        self._detector = Detector(self._session) if manifest.task is Task.DETECTION else None
        self._scorer = Scorer(self._session) if manifest.task is Task.SCORES else None

    @bentoml.api
    def predict(self, image: Annotated[Path, ContentType("image/*")]) -> dict[str, Any]:
        """What the model says of one JPEG or PNG."""
        if image.stat().st_size > MAX_IMAGE_BYTES:
            raise InvalidArgument(f"A picture may have at most {MAX_IMAGE_BYTES} bytes")
        try:
            return {"model": self._identity(), **self._said(image.read_bytes())}
        except InferenceError as error:
            raise InvalidArgument(f"The picture cannot be used: {error}. Send a JPEG or PNG") from error

    @bentoml.api
    def model(self) -> dict[str, Any]:
        """Which model runs: the sha256 is the one of the running session's file."""
        return self._identity()

    def _identity(self) -> dict[str, Any]:
        manifest = self._session.manifest
        return {
            "name": manifest.name,
            "version": manifest.version,
            "sha256": self._session.sha256,
            "task": manifest.task.value,
            "labels": list(manifest.labels),
        }

    def _said(self, data: bytes) -> dict[str, Any]:
        if self._classifier is not None:
            (said,) = self._classifier.classify_encoded([data])
            return {"label": said.label, "confidence": said.confidence, "probabilities": said.scores}
        if self._scorer is not None:
            (scored,) = self._scorer.score_encoded([data])
            return {"scores": scored.scores, "present": list(scored.present)}
        assert self._detector is not None  # noqa: S101 - a manifest has one of three tasks
        (found,) = self._detector.detect_encoded([data])
        return {"detections": [each.model_dump(mode="json", exclude_none=True) for each in found]}
