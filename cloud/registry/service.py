"""What the repository holds and who has signed it. Read from its folder with public keys alone: nothing can be signed here.

the folder -> verified signatures (``models.releases``) -> releases, roles and what waits for whom
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from anyio import to_thread
from pydantic import ValidationError
from tuf.api.exceptions import RepositoryError, StorageError

from cloud.errors import NotFoundError, UnavailableError
from cloud.registry.schemas import (
    KeyView,
    NameView,
    ReleaseDetail,
    ReleaseRegistry,
    ReleaseView,
    RoleView,
    SignaturesView,
    StagedView,
)
from contracts.bundles import ModelManifest
from contracts.deployments import ArtifactKind, Release, blob_path, model_role
from models.releases.errors import ReleaseError

if TYPE_CHECKING:
    from models.releases.repository import Repository, Signatures, Standing

MOST_RELEASES = 50
"""Releases of one name in an answer."""
LARGEST_TEXT = 200_000
"""Bytes of a card, a manifest or a configuration that are read; larger ones are not shown."""
_CARD, _MANIFEST = "README.md", "manifest.json"

T = TypeVar("T")


async def registry(folder: Path | None) -> ReleaseRegistry:
    """Releases, roles and what waits for signatures.

    Raises:
        UnavailableError: the folder cannot be read.
    """
    if folder is None:
        return ReleaseRegistry(served=False, publisher=False, names=[], roles=[], assigners=[], staged=[])
    return await _read(lambda: _registry(_open(folder)))


async def release(folder: Path | None, model: str, version: str) -> ReleaseDetail:
    """One release, with its card and its figures.

    Raises:
        NotFoundError: there is none.
        UnavailableError: the folder cannot be read.
    """
    found = None if folder is None else await _read(lambda: _detail(_open(folder), model, version))
    if found is None:
        raise NotFoundError(f"There is no release {model} {version}")
    return found


async def _read(work: Callable[[], T]) -> T:
    """In a thread: files, and signatures that are checked."""
    try:
        return await to_thread.run_sync(work)
    except (OSError, ReleaseError, RepositoryError, StorageError, ValueError) as error:
        raise UnavailableError(f"The repository of releases cannot be read: {error}") from error


def _open(folder: Path) -> Repository:
    # The signing library loads those of every key service, a second of processor time that an API's start need not wait for.
    from models.releases.repository import Repository

    if not folder.is_dir():  # not mounted, or misspelt: not the same as a repository that holds nothing yet
        raise ReleaseError(
            f"SHOAL_REPOSITORY_DIR = {folder} is no folder; mount it, or name the one of `shoal fleet init`"
        )
    return Repository(folder)


def _registry(repository: Repository) -> ReleaseRegistry:
    staged = {role: repository.standing(role) for role in repository.staged()}
    names = []
    for name in repository.models():
        releases = _releases(repository, name, staged.get(model_role(name)))
        kind = releases[0][1].kind if releases else None
        shown = [view for view, _ in releases[:MOST_RELEASES]]
        older = max(0, len(releases) - MOST_RELEASES)
        names.append(NameView(name=name, kind=kind, floor=repository.floor(name), releases=shown, older=older))
    return ReleaseRegistry(
        served=True,
        publisher=repository.is_the_publishers,
        names=names,
        roles=[
            RoleView(
                role=one.role,
                version=one.version,
                expires_at=one.expires,
                online=one.online,
                signatures=_signatures(one.signatures),
            )
            for one in repository.roles()
        ],
        assigners=repository.assigners(),
        staged=[
            StagedView(
                role=one.role,
                version=one.version,
                expires_at=one.expires,
                missing=one.missing,
                needs=[_signatures(need) for need in one.needs],
                changes=list(one.changes),
            )
            for one in staged.values()
        ],
    )


def _releases(repository: Repository, name: str, staged: Standing | None) -> list[tuple[ReleaseView, Release]]:
    """Newest first: proposed ones, then what is published."""
    floor = repository.floor(name)
    found = []
    if staged is not None:
        (need, *_) = staged.needs
        found += [
            (_view(one, "proposed", need, runnable=one.release >= floor), one) for one in repository.proposed(name)
        ]
    found += [
        (_view(one.release, "published", one.signatures, runnable=one.release.release >= floor), one.release)
        for one in repository.vouched(name)
    ]
    return found


def _view(one: Release, state: str, signatures: Signatures, *, runnable: bool) -> ReleaseView:
    return ReleaseView.model_validate(
        {name: getattr(one, name) for name in ("model", "kind", "version", "release", "sha256", "bytes", "created_at")}
        | {"state": state, "runnable": runnable, "signatures": _signatures(signatures)}
    )


def _signatures(one: Signatures) -> SignaturesView:
    keys = [KeyView(keyid=key.keyid, name=key.name, signed=key.signed) for key in one.keys]
    return SignaturesView(threshold=one.threshold, signed=one.signed, missing=one.missing, keys=keys)


def _detail(repository: Repository, model: str, version: str) -> ReleaseDetail | None:
    role = model_role(model)
    if model not in repository.models():
        return None
    staged = repository.standing(role) if role in repository.staged() else None
    for view, document in _releases(repository, model, staged):
        if document.version == version:
            return ReleaseDetail(**view.model_dump(), **_contents(repository.folder, document))
    return None


def _contents(folder: Path, document: Release) -> dict[str, Any]:
    """What the files of a release say of it; what cannot be read is told as absent."""
    note = _text(folder, document, _MANIFEST)
    found: dict[str, Any] = {
        "requires": document.requires,
        "files": len(document.files),
        "card": None,
        "task": None,
        "labels": [],
        "threshold": None,
        "licence": None,
        "data": [],
        "slices": {},
        "figures": {},
        "settings": None,
        "packages": {},
    }
    if document.kind is ArtifactKind.CONFIG:
        return found | {"settings": _text(folder, document, document.model_file)}
    if document.kind is ArtifactKind.AGENT:
        return found | {"packages": _packages(note)}
    try:
        manifest = ModelManifest.model_validate_json(note or "")
    except ValidationError:
        return found
    slices: dict[str, dict[str, float]] = {}
    for name, value in manifest.metrics.items():
        of, dot, figure = name.partition(".")
        if dot:
            slices.setdefault(of, {})[figure] = value
    return found | {
        "card": _text(folder, document, _CARD),
        "task": manifest.task.value,
        "labels": list(manifest.labels),
        "threshold": manifest.threshold,
        "licence": manifest.licence,
        "data": list(manifest.data),
        "slices": slices,
        "figures": {name: value for name, value in manifest.metrics.items() if "." not in name},
    }


def _packages(note: str | None) -> dict[str, str]:
    try:
        packages = json.loads(note or "").get("packages")
    except (ValueError, AttributeError):
        return {}
    return {str(name): str(version) for name, version in packages.items()} if isinstance(packages, dict) else {}


def _text(folder: Path, document: Release, path: str) -> str | None:
    file = document.file(path)
    if file is None or file.bytes > LARGEST_TEXT:
        return None
    try:
        return (folder / blob_path(file.sha256)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None  # a copy may hold only a part of the files
