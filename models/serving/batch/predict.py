"""One step of the pipeline: entries in, rows out. Opens the bundle once per worker."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

from contracts.bundles import Task
from models.runtime import Classifier, Detector, InferenceError, Scorer, find_bundle, load_bundle, open_session
from models.serving.batch.manifest import ImageEntry
from models.serving.batch.rules import Row

MAX_IMAGE_BYTES = 50_000_000


class BatchPredictor:
    """Runs a bundle over encoded pictures; a picture that cannot be used becomes a row with its error.

    Args:
        bundle: name of a shipped bundle, or path of a folder.
        read: opens what an entry names.
    """

    def __init__(self, bundle: str, read: Callable[[str], bytes]) -> None:
        self._session = open_session(load_bundle(find_bundle(bundle)))
        self._read = read
        manifest = self._session.manifest
        self._task = manifest.task
        self._classifier = Classifier(self._session) if self._task is Task.CLASSIFICATION else None
        self._detector = Detector(self._session) if self._task is Task.DETECTION else None
        self._scorer = Scorer(self._session) if self._task is Task.SCORES else None
        self._same = {
            "task": self._task.value,
            "model_name": manifest.name,
            "model_version": manifest.version,
            "model_sha256": self._session.sha256,
        }

    def predict(self, entries: Sequence[ImageEntry]) -> list[Row]:
        """One row per entry."""
        rows = [self._empty(entry) for entry in entries]
        good: list[tuple[Row, bytes]] = []
        for entry, row in zip(entries, rows, strict=True):
            try:
                data = self._read(entry.image)
            except Exception as error:  # noqa: BLE001 - every file system has errors of its own
                row["error"] = f"cannot be read: {type(error).__name__}"
                continue
            row["sha256"] = hashlib.sha256(data).hexdigest()
            if len(data) > MAX_IMAGE_BYTES:
                row["error"] = f"larger than {MAX_IMAGE_BYTES} bytes"
            elif entry.sha256 is not None and row["sha256"] != entry.sha256:
                row["error"] = "not the picture that the manifest means (sha256)"
            else:
                good.append((row, data))
        try:
            self._fill(good)
        except InferenceError:
            for pair in good:
                self._fill_alone(pair)
        return rows

    def _fill_alone(self, pair: tuple[Row, bytes]) -> None:
        try:
            self._fill([pair])
        except InferenceError as error:
            pair[0]["error"] = str(error)[:300]

    def _fill(self, good: Sequence[tuple[Row, bytes]]) -> None:
        images = [data for _, data in good]
        if self._classifier is not None:
            for (row, _), said in zip(good, self._classifier.classify_encoded(images), strict=True):
                row |= {"label": said.label, "best_label": said.best_label, "confidence": said.confidence}
        elif self._scorer is not None:
            for (row, _), scored in zip(good, self._scorer.score_encoded(images), strict=True):
                row |= {"detections": json.dumps(scored.scores), "confidence": max(scored.scores.values())}
        elif self._detector is not None:
            for (row, _), found in zip(good, self._detector.detect_encoded(images), strict=True):
                row |= {
                    "count": len(found),
                    "confidence": sum(each.confidence for each in found) / len(found) if found else None,
                    "detections": json.dumps([each.model_dump(mode="json", exclude_none=True) for each in found]),
                }

    def _empty(self, entry: ImageEntry) -> Row:
        return {
            "image": entry.image,
            "unit": entry.unit,
            "observed_at": entry.observed_at,
            "sha256": entry.sha256 or "",
            **self._same,
            "label": None,
            "best_label": None,
            "confidence": None,
            "count": None,
            "detections": None,
            "error": None,
            "flags": [],
        }
