"""The files of a bundle: manifest, golden frames with their results, licence notice; and its last test before it is put in place."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2

from contracts.bundles import DataSource, ModelManifest, Task
from contracts.errors import ConfigurationError, ShoalError
from models.runtime import Classifier, Detector, check_golden, load_bundle, open_session
from models.runtime.bundle import MANIFEST_NAME
from models.runtime.golden import GoldenExpectation, read_frame
from models.runtime.preprocess import FrameArray
from models.runtime.scorer import Scorer
from models.runtime.session import Session

GOLDEN_FOLDER = "golden"
GOLDEN_WIDTH = 384
_JPEG_QUALITY = 85


class GoldenError(ShoalError):
    """The new bundle does not give its own golden results: do not use it."""


def identity(path: Path) -> tuple[str, int]:
    """Return sha256 and size in bytes of a file."""
    content = path.read_bytes()
    return hashlib.sha256(content).hexdigest(), len(content)


def write_manifest(folder: Path, manifest: ModelManifest) -> None:
    """Write ``manifest.json``: whole or not at all."""
    partial = folder / f".{MANIFEST_NAME}.partial"
    partial.write_text(manifest.model_dump_json(indent=2, exclude_none=True) + "\n")
    partial.replace(folder / MANIFEST_NAME)


def write_golden_frame(folder: Path, name: str, picture: FrameArray) -> str:
    """Save a small copy of the picture and return its path within the bundle."""
    (folder / GOLDEN_FOLDER).mkdir(parents=True, exist_ok=True)
    height = round(picture.shape[0] * GOLDEN_WIDTH / picture.shape[1])
    small = cv2.resize(picture, (GOLDEN_WIDTH, height), interpolation=cv2.INTER_AREA)
    path = f"{GOLDEN_FOLDER}/{name}.jpg"
    cv2.imwrite(str(folder / path), small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return path


def write_golden_result(folder: Path, path: str, session: Session) -> None:
    """Save what the model says of the golden frame now, whatever its task."""
    frame = read_frame(folder / path)
    task = session.manifest.task
    if task is Task.DETECTION:
        (look,) = Detector(session).look([frame])
        expected = GoldenExpectation(detections=tuple(look.detections), distance=look.distance)
        fields = {"detections", "distance"}
    elif task is Task.SCORES:
        (scored,) = Scorer(session).score([frame])
        expected, fields = GoldenExpectation(scores=scored.scores), {"scores"}
    else:
        (said,) = Classifier(session).classify([frame])
        expected, fields = GoldenExpectation(label=said.label, confidence=said.confidence), {"label", "confidence"}
    text = expected.model_dump_json(indent=1, include=fields, exclude_none=True)
    (folder / path).with_suffix(".json").write_text(text + "\n")


def write_notice(folder: Path, manifest: ModelManifest, sources: Sequence[DataSource], golden: Sequence[str]) -> None:
    """Write ``NOTICE``: licence of the weights, and whom to credit for data and golden frames."""
    lines = [f"{manifest.name} {manifest.version}", f"Weights: {manifest.licence}", ""]
    lines += [f"{credit}" for credit in manifest.attribution]
    lines += ["", "Trained and judged on:"]
    lines += [f"- {source.name}, {source.licence}. {source.attribution}" for source in sources]
    lines += ["", "Golden frames (scaled and compressed again):"]
    lines += [f"- {line}" for line in golden]
    (folder / "NOTICE").write_text("\n".join(lines) + "\n")


def check_output(bundle: Path) -> None:
    """A bundle replaces a bundle, an empty folder or nothing: whatever else is in a folder is somebody's.

    Raises:
        ConfigurationError: it would take other files away.
    """
    if (bundle.is_dir() and any(bundle.iterdir()) and not (bundle / MANIFEST_NAME).is_file()) or bundle.is_file():
        raise ConfigurationError(
            "--output",
            str(bundle),
            "It holds other things than a bundle, and a bundle replaces all of it. Give a new folder.",
        )


def put_in_place(draft: Path, bundle: Path) -> None:
    """Test the draft on its own golden frames; only then it becomes the bundle, in place of an earlier one.

    Raises:
        GoldenError: it fails; the earlier bundle stays.
    """
    result = check_golden(open_session(load_bundle(draft)))
    if not result.passed:
        raise GoldenError("; ".join(result.failures) or "there are no golden frames")
    shutil.rmtree(bundle, ignore_errors=True)
    draft.replace(bundle)
