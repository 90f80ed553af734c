"""A bundle folder becomes a proposed release: files by hash into ``blobs``, deltas against earlier releases, one document to sign."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import yaml
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from pydantic import ValidationError

from contracts.bundles import ModelManifest
from contracts.deployments import (
    AGENT_DISTRIBUTION,
    AGENT_NAME,
    ArtifactKind,
    Release,
    ReleaseDelta,
    ReleaseFile,
    Requirements,
    blob_path,
)
from contracts.errors import ConfigurationError
from models.releases.errors import ReleaseError
from models.releases.repository import Repository
from models.runtime import delta

DELTA_BASES = 3
"""Earlier releases that a delta is made against, the newest: devices that were away longer take the whole file."""
WORTH = 0.8
"""A delta larger than this share of the file is not worth its place."""
MANIFEST = "manifest.json"
CONFIG_FILE = "config.yaml"
_MACHINE = re.compile(r"^(?:linux|manylinux\d+|manylinux_\d+_\d+|musllinux_\d+_\d+|macosx_\d+_\d+)_")
"""What stands before the machine in a wheel's platform."""


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
    files = tuple(_store(repository, path, (bundle / path).read_bytes()) for path in paths)
    model = next((file for file in files if file.path == manifest.file), None)
    if model is None or model.sha256 != manifest.sha256:
        raise ConfigurationError("manifest.sha256", manifest.sha256, f"{manifest.file} is missing or another file.")
    for name in manifest.golden:
        if not {name, str(Path(name).with_suffix(".json"))} <= set(paths):
            raise ConfigurationError("manifest.golden", name, "The frame or its expected result is missing.")
    earlier = repository.releases(manifest.name)
    requires = requires or Requirements()
    if requires.opset_max is None:
        requires = requires.model_copy(update={"opset_max": manifest.opset})
    release = Release(
        model=manifest.name,
        version=manifest.version,
        release=_next(earlier),
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


def propose_config(
    repository: Repository,
    file: Path,
    *,
    name: str,
    version: str,
    now: datetime,
    requires: Requirements | None = None,
    floor: int | None = None,
) -> Release:
    """Stage a release of a configuration: one file of settings that boxes lay over their own.

    What it says is judged by every box before it starts with it; here it only has to be a mapping in YAML.

    Raises:
        ConfigurationError: the file cannot be read.
        ReleaseError: the repository has no role for the name, or the version is taken.
    """
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError("file", str(file), f"{' '.join(str(error).split())}. Give a YAML file.") from error
    if not isinstance(document, dict):
        raise ConfigurationError("file", str(file), "A configuration is 'name: value' lines, such as 'alarms:'.")
    content = file.read_bytes()
    note = json.dumps({"kind": "config", "name": name, "version": version, "sections": sorted(map(str, document))})
    files = tuple(_store(repository, *file) for file in ((CONFIG_FILE, content), (MANIFEST, note.encode())))
    release = Release(
        kind=ArtifactKind.CONFIG,
        model=name,
        version=version,
        release=_next(repository.releases(name)),
        sha256=files[0].sha256,
        model_file=CONFIG_FILE,
        files=files,
        requires=requires or Requirements(),
        created_at=now.replace(microsecond=0),
    )
    repository.stage_release(release, release.model_dump_json(exclude_none=True).encode(), floor=floor, now=now)
    return release


def propose_agent(
    repository: Repository,
    wheels: Path,
    *,
    now: datetime,
    requires: Requirements | None = None,
    floor: int | None = None,
) -> Release:
    """Stage a release of the agent: its wheel, and those of what it needs, for every machine of the fleet.

    Wheels are files by hash like everything else: what a box has of an earlier version it does not fetch again.

    Args:
        repository: where to stage it; its people of the name ``agent`` sign it.
        wheels: the agent's wheel, or a folder with it and others. What is not in it a box takes from its own environment.
        now: the time, which people sign.
        requires: what a device must have; None asks for nothing but a machine that the wheels are for.
        floor: lowest release that devices may run from now on; None keeps it.

    Raises:
        ConfigurationError: these are no wheels that can be released.
        ReleaseError: the repository has no role for the agent, or the version is taken.
    """
    paths = sorted(wheels.glob("*.whl")) if wheels.is_dir() else [wheels]
    versions: dict[str, str] = {}
    machines: dict[str, set[str]] = {}
    agent: Path | None = None
    for path in paths:
        name, version, on = _wheel(path)
        if versions.setdefault(name, version) != version:
            raise ConfigurationError("wheels", path.name, f"There is {name} {versions[name]} too: keep one of them.")
        machines.setdefault(name, set()).update(on)
        agent = path if name == AGENT_DISTRIBUTION else agent
    if agent is None:
        raise ConfigurationError("wheels", str(wheels), f"Give the wheel of {AGENT_DISTRIBUTION}, or its folder.")
    version = versions[AGENT_DISTRIBUTION]
    _check_agent(agent)
    requires = requires or Requirements()
    bound = [on for on in machines.values() if on]
    if bound:
        requires = requires.model_copy(update={"machines": tuple(sorted(set.intersection(*bound)))})
        if not requires.machines:
            raise ConfigurationError(
                "wheels",
                str(wheels),
                "No machine has a wheel of everything in it. Add those that one lacks (pip download).",
            )
    note = json.dumps({"kind": "agent", "version": version, "packages": versions}, sort_keys=True).encode()
    files = [_store(repository, f"wheels/{path.name}", path.read_bytes()) for path in paths]
    main = next(file for file in files if file.path == f"wheels/{agent.name}")
    release = Release(
        kind=ArtifactKind.AGENT,
        model=AGENT_NAME,
        version=version,
        release=_next(repository.releases(AGENT_NAME)),
        sha256=main.sha256,
        model_file=main.path,
        files=(*files, _store(repository, MANIFEST, note)),
        requires=requires,
        created_at=now.replace(microsecond=0),
    )
    repository.stage_release(release, release.model_dump_json(exclude_none=True).encode(), floor=floor, now=now)
    return release


def _wheel(path: Path) -> tuple[str, str, set[str]]:
    """Distribution, version, and the machines it is bound to; none: to no machine."""
    try:
        name, version, _, tags = parse_wheel_filename(path.name)
    except InvalidWheelFilename as error:
        raise ConfigurationError("wheels", path.name, f"It is no wheel: {error}.") from error
    return name, str(version), {_MACHINE.sub("", tag.platform) for tag in tags if tag.platform != "any"}


def _check_agent(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigurationError("wheels", path.name, f"It cannot be read: {error}.") from error
    if "edge/__main__.py" not in names:
        raise ConfigurationError("wheels", path.name, "There is no agent in it: edge/__main__.py is missing.")


def _manifest(bundle: Path) -> ModelManifest:
    try:
        return ModelManifest.model_validate_json((bundle / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigurationError("bundle", str(bundle), f"Give the folder of a bundle: {error}.") from error


def _next(earlier: Sequence[Release]) -> int:
    """Number of the next release of a name."""
    return max((release.release for release in earlier), default=0) + 1


def _store(repository: Repository, path: str, content: bytes) -> ReleaseFile:
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
