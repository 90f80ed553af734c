"""A bundle folder becomes a proposed release: files by hash into ``blobs``, deltas against earlier releases, one document to sign."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from contracts.bundles import ModelManifest
from contracts.deployments import Release, ReleaseDelta, ReleaseFile, Requirements, blob_path
from contracts.errors import ConfigurationError
from models.releases.errors import ReleaseError
from models.releases.repository import Repository
from models.runtime import delta

DELTA_BASES = 3
"""Earlier releases that a delta is made against, the newest: devices that were away longer take the whole file."""
WORTH = 0.8
"""A delta larger than this share of the file is not worth its place."""
MANIFEST = "manifest.json"


def propose(
    repository: Repository,
    bundle: Path,
    *,
    now: datetime,
    requires: Requirements | None = None,
    floor: int | None = None,
) -> Release:
    """Stage a release of the bundle in this folder.

    Args:
        repository: where to stage it.
        bundle: folder of the bundle.
        now: the time, which people sign.
        requires: what a device must have; None asks for the operator set of the manifest alone.
        floor: lowest release that devices may run from now on; None keeps it.

    Raises:
        ConfigurationError: the folder is no bundle that can be released.
        ReleaseError: the repository has no role for the model, or the version is taken.
    """
    manifest = _manifest(bundle)
    if not manifest.golden:
        raise ConfigurationError(
            "manifest.golden", "()", "A release needs golden frames: devices test themselves with them before use."
        )
    paths = sorted(
        path.relative_to(bundle).as_posix()
        for path in bundle.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(bundle).parts)
    )
    files = tuple(_store(repository, bundle, path) for path in paths)
    model = next((file for file in files if file.path == manifest.file), None)
    if model is None or model.sha256 != manifest.sha256:
        raise ConfigurationError("manifest.sha256", manifest.sha256, f"{manifest.file} is missing or another file.")
    for name in manifest.golden:
        if not {name, str(Path(name).with_suffix(".json"))} <= set(paths):
            raise ConfigurationError("manifest.golden", name, "The frame or its expected result is missing.")
    earlier = repository.releases(manifest.name)
    number = max((release.release for release in earlier), default=0) + 1
    requires = requires or Requirements()
    if requires.opset_max is None:
        requires = requires.model_copy(update={"opset_max": manifest.opset})
    release = Release(
        model=manifest.name,
        version=manifest.version,
        release=number,
        sha256=manifest.sha256,
        model_file=manifest.file,
        files=files,
        deltas=_deltas(repository, earlier, model),
        requires=requires,
        created_at=now.replace(microsecond=0),
    )
    document = release.model_dump_json(exclude_none=True).encode()
    repository.stage_release(release, document, floor=floor, now=now)
    return release


def _manifest(bundle: Path) -> ModelManifest:
    try:
        return ModelManifest.model_validate_json((bundle / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigurationError("bundle", str(bundle), f"Give the folder of a bundle: {error}.") from error


def _store(repository: Repository, bundle: Path, path: str) -> ReleaseFile:
    content = (bundle / path).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    put_blob(repository.folder, content, digest)
    return ReleaseFile(path=path, sha256=digest, bytes=len(content))


def put_blob(folder: Path, content: bytes, sha256: str) -> None:
    """Put bytes where devices find them by their hash."""
    path = folder / blob_path(sha256)
    if path.exists() and path.stat().st_size == len(content):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


def _deltas(repository: Repository, earlier: list[Release], model: ReleaseFile) -> tuple[ReleaseDelta, ...]:
    content = (repository.folder / blob_path(model.sha256)).read_bytes()
    found: dict[str, ReleaseDelta] = {}
    for release in earlier[-DELTA_BASES:]:
        if release.sha256 == model.sha256:
            continue
        path = repository.folder / blob_path(release.sha256)
        try:
            base = path.read_bytes()
        except OSError as error:
            raise ReleaseError(f"{path} of the release {release.version} is missing: {error.strerror}") from error
        made = delta.encode(base, content)
        if len(made) <= WORTH * len(content):
            digest = hashlib.sha256(made).hexdigest()
            put_blob(repository.folder, made, digest)
            found[release.sha256] = ReleaseDelta(
                path=model.path, base_sha256=release.sha256, sha256=digest, bytes=len(made)
            )
    return tuple(found.values())
