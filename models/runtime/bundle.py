"""A bundle folder becomes a trusted :class:`Bundle`: manifest parsed, model file read once and its sha256 verified.

Nothing is executed here. Everything that does not fit is refused with one :class:`BundleError` that names the
field, the value and the remedy.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from contracts.bundles import ModelManifest, Task
from models.runtime.errors import BundleError

MANIFEST_NAME = "manifest.json"
SHIPPED_BUNDLES = Path(__file__).resolve().parent.parent / "bundles"

MAX_MANIFEST_BYTES = 1_000_000
MAX_MODEL_BYTES = 2_000_000_000
"""ONNX files are protobuf messages, which end at 2 GiB; a larger file is not one."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified model folder. ``sha256`` was computed from the bytes on disk, not copied from the manifest."""

    folder: Path
    manifest: ModelManifest
    sha256: str

    @property
    def model_path(self) -> Path:
        """The ONNX file."""
        return self.folder / self.manifest.file


def load_bundle(path: Path | str, *, field: str = "model.bundle") -> Bundle:
    """Read and verify the bundle in ``path`` (its folder, or its ``manifest.json``).

    Args:
        path: folder of the bundle.
        field: the setting that named the path, for the error message.

    Raises:
        BundleError: no such folder, unreadable or unsuitable manifest, missing, truncated or altered model file.
    """
    folder = _folder_of(Path(path), field)
    manifest = read_manifest(folder, field=field)
    bundle = Bundle(folder, manifest, manifest.sha256)
    read_model(bundle)
    return bundle


def read_model(bundle: Bundle) -> bytes:
    """Return the bytes of the model file, proven to be the ones that the manifest names.

    Raises:
        BundleError: the file is missing, has another size or another sha256.
    """
    manifest, path = bundle.manifest, bundle.model_path
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size == manifest.bytes <= MAX_MODEL_BYTES else b""
    except OSError as error:
        raise BundleError(
            "manifest.file", str(path), f"The model file cannot be read ({error.strerror}). {_COPY_AGAIN}"
        ) from error
    if not content:
        raise BundleError(
            "manifest.bytes",
            size,
            f"{path} should have {manifest.bytes} bytes: it is truncated or altered. {_COPY_AGAIN}",
        )
    found = hashlib.sha256(content).hexdigest()
    if found != manifest.sha256:
        raise BundleError(
            "manifest.sha256", found, f"{path} should have sha256 {manifest.sha256}: it was altered. {_COPY_AGAIN}"
        )
    return content


def shipped_bundle(name: str, *, field: str = "model.bundle") -> Path:
    """Return the folder of a bundle that comes with Shoal.

    Raises:
        BundleError: there is none of that name; the remedy lists those there are.
    """
    folder = SHIPPED_BUNDLES / name
    if Path(name).name == name and (folder / MANIFEST_NAME).is_file():
        return folder
    names = sorted(found.parent.name for found in SHIPPED_BUNDLES.glob(f"*/{MANIFEST_NAME}"))
    raise BundleError(
        field, name, f"Write the path of a bundle folder, or one of: {', '.join(names) or 'none shipped'}."
    )


def find_bundle(name_or_path: str | Path, *, field: str = "model.bundle") -> Path:
    """Return the folder for what a user wrote: a path when it exists or looks like one, else a shipped name.

    Raises:
        BundleError: neither.
    """
    path = Path(name_or_path).expanduser()
    if path.exists() or len(path.parts) > 1:
        return _folder_of(path, field)
    return shipped_bundle(str(name_or_path), field=field)


_COPY_AGAIN = "Copy or download the bundle again."


def _folder_of(path: Path, field: str) -> Path:
    folder = path.parent if path.name == MANIFEST_NAME else path
    if not folder.is_dir():
        raise BundleError(field, str(path), "There is no such folder. Write the path of a bundle folder.")
    if not (folder / MANIFEST_NAME).is_file():
        raise BundleError(field, str(path), f"The folder has no {MANIFEST_NAME}. Write the path of a bundle folder.")
    return folder.resolve()


def read_manifest(folder: Path, *, field: str = "model.bundle") -> ModelManifest:
    """What a bundle's folder says of itself; its model file is not looked at.

    Raises:
        BundleError: unreadable or unsuitable.
    """
    path = folder / MANIFEST_NAME
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise BundleError(field, str(path), f"The manifest has more than {MAX_MANIFEST_BYTES} bytes. {_COPY_AGAIN}")
        manifest = ModelManifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BundleError(field, str(path), f"The manifest cannot be read ({error.strerror}). {_COPY_AGAIN}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(["manifest", *map(str, first["loc"])])
        raise BundleError(where, _short(first["input"]), f"{first['msg']}. Correct {path}.") from error
    _check_manifest(manifest)
    return manifest


def _check_manifest(manifest: ModelManifest) -> None:
    for name, value in (("file", manifest.file), *((f"golden.{i}", g) for i, g in enumerate(manifest.golden))):
        if Path(value).is_absolute() or ".." in Path(value).parts:
            raise BundleError(f"manifest.{name}", value, "Files of a bundle must lie inside its folder.")
    if manifest.task is Task.DETECTION and manifest.detection is None:
        raise BundleError("manifest.detection", None, "A detector's manifest must say how to read its tensors.")
    if manifest.task is Task.CLASSIFICATION and manifest.classification is None:
        raise BundleError("manifest.classification", None, "A classifier's manifest must say how to read its tensor.")
    _check_labels(manifest)
    embedding = manifest.embedding
    if embedding is not None and len(embedding.mean) != len(embedding.spread):
        raise BundleError(
            "manifest.embedding.spread",
            f"{len(embedding.spread)} numbers",
            f"mean has {len(embedding.mean)}: give as many.",
        )
    image = manifest.input
    if manifest.detection is not None and not manifest.detection.batched and image.dynamic_batch:
        raise BundleError("manifest.input.dynamic_batch", "true", "Tensors without a batch dimension need false.")
    if image.dtype == "uint8" and (image.mean or image.std or image.scale != 1.0):
        raise BundleError("manifest.input.scale", image.scale, "uint8 input is normalised inside the graph.")
    for name, values in (("mean", image.mean), ("std", image.std)):
        if len(values) not in {0, 1, 3} or (name == "std" and 0.0 in values):
            raise BundleError(f"manifest.input.{name}", values, "Give none, one, or three non-zero numbers.")


def _check_labels(manifest: ModelManifest) -> None:
    if len(set(manifest.labels)) != len(manifest.labels):
        raise BundleError("manifest.labels", _short(manifest.labels), "Every label must have a name of its own.")
    if manifest.task is not Task.SCORES:
        return
    if manifest.scores is None:
        raise BundleError("manifest.scores", None, "A score model's manifest must say how to read its tensor.")
    for label in manifest.scores.thresholds:
        if label not in manifest.labels:
            known = ", ".join(manifest.labels)
            raise BundleError("manifest.scores.thresholds", label, f"It is none of the labels: {known}.")


def _short(value: object) -> object:
    text = repr(value)
    return value if len(text) <= 100 else text[:100] + "…"  # noqa: PLR2004 - one line on a terminal
