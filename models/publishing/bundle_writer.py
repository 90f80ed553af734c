"""The files of a bundle: manifest, golden frames with their results, licence notice. Nothing is computed here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2

from contracts.bundles import DataSource, ModelManifest
from models.runtime import Detector
from models.runtime.bundle import MANIFEST_NAME
from models.runtime.golden import GoldenExpectation, read_frame
from models.runtime.preprocess import FrameArray

GOLDEN_FOLDER = "golden"
GOLDEN_WIDTH = 384
_JPEG_QUALITY = 85


def identity(path: Path) -> tuple[str, int]:
    """Return sha256 and size in bytes of a file."""
    content = path.read_bytes()
    return hashlib.sha256(content).hexdigest(), len(content)


def write_manifest(folder: Path, manifest: ModelManifest) -> None:
    """Write ``manifest.json``."""
    (folder / MANIFEST_NAME).write_text(manifest.model_dump_json(indent=2, exclude_none=True) + "\n")


def write_golden_frame(folder: Path, name: str, picture: FrameArray) -> str:
    """Save a small copy of the picture and return its path within the bundle."""
    (folder / GOLDEN_FOLDER).mkdir(parents=True, exist_ok=True)
    height = round(picture.shape[0] * GOLDEN_WIDTH / picture.shape[1])
    small = cv2.resize(picture, (GOLDEN_WIDTH, height), interpolation=cv2.INTER_AREA)
    path = f"{GOLDEN_FOLDER}/{name}.jpg"
    cv2.imwrite(str(folder / path), small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return path


def write_golden_result(folder: Path, path: str, detector: Detector) -> int:
    """Save what the detector finds in the golden frame now; return how many."""
    (found,) = detector.detect([read_frame(folder / path)])
    expectation = GoldenExpectation(detections=tuple(found))
    text = expectation.model_dump_json(indent=1, include={"detections"}, exclude_none=True)
    (folder / path).with_suffix(".json").write_text(text + "\n")
    return len(found)


def write_notice(folder: Path, manifest: ModelManifest, sources: Sequence[DataSource], golden: Sequence[str]) -> None:
    """Write ``NOTICE``: licence of the weights, and whom to credit for data and golden frames."""
    lines = [f"{manifest.name} {manifest.version}", f"Weights: {manifest.licence}", ""]
    lines += [f"{credit}" for credit in manifest.attribution]
    lines += ["", "Trained and judged on:"]
    lines += [f"- {source.name}, {source.licence}. {source.attribution}" for source in sources]
    lines += ["", "Golden frames (scaled and compressed again):"]
    lines += [f"- {line}" for line in golden]
    (folder / "NOTICE").write_text("\n".join(lines) + "\n")
