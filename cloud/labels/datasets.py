"""Frozen versions of data sets: accepted labels as one COCO document with a hash, and an archive of it with its images.

The document lies at ``<storage>/datasets/<id>.json``, written before the row that names it; it is never changed.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import structlog
from anyio import to_thread

from cloud.auth.dependencies import Principal
from cloud.errors import ConflictError, InvalidCursorError, NotFoundError
from cloud.farms.service import find_site_id
from cloud.kit.ids import decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from cloud.labels.dataset_repository import DatasetRepository
from cloud.labels.exchange import frames
from cloud.labels.formats import Frame, count, to_coco
from cloud.labels.repository import LabelRepository
from cloud.labels.schemas import DatasetPage, DatasetVersion, NewDataset
from cloud.labels.service import get_settings
from cloud.samples.service import Store
from cloud.samples.store import path_of, put

log = structlog.get_logger()

MAX_IMAGES = 20_000
"""Of one version; freeze by site or time beyond it."""
_PIECE = 1_000_000
_MOST_LISTED = 50


class NothingNewError(ConflictError):
    """The version before has the same frames with the same labels."""


@dataclass(frozen=True)
class Archive:
    """A frozen version with what it is packed from."""

    name: str
    document: bytes | None
    """None in a part that follows another."""
    images: Sequence[tuple[str, Path]]
    """Name in the archive, and the file."""


async def freeze(
    writer: WriteConnection, user: Principal, new: NewDataset, store: Store, now: datetime
) -> DatasetVersion:
    """Freeze the accepted labels of the caller's sites (or of some) as the next version under a name.

    Raises:
        NotFoundError: a site is not one of theirs.
        ConflictError: there is nothing accepted, or too much.
        NothingNewError: nothing was accepted or taken back since the version before.
    """
    repository = DatasetRepository(writer, user.scope)
    await repository.lock()
    site_ids = None
    if new.sites is not None:
        site_ids = [await find_site_id(ReadConnection(writer), user, slug) for slug in new.sites]
    rows = await repository.accepted(
        site_ids=site_ids, captured_from=new.captured_from, captured_before=new.captured_before, rows=MAX_IMAGES + 1
    )
    if not rows:
        raise ConflictError("No accepted frame fits; label and accept some first")
    if len(rows) > MAX_IMAGES:
        raise ConflictError(f"More than {MAX_IMAGES} frames fit; name sites or a time, and freeze several sets")
    settings = await get_settings(writer, user)
    labels = LabelRepository(writer, user.scope)
    found = await frames(labels, rows, new.licence or settings.licence)
    before = await repository.newest(new.name)
    content = _content_hash(found)
    if before is not None and before["content_sha256"] == content:
        raise NothingNewError(f"Nothing is new since version {before['number']} of {new.name}")
    number = 1 if before is None else before["number"] + 1
    counts = count(found)
    lineage = await _lineage(repository, rows, found, before)
    info = {
        "description": f"{new.name} version {number} of {user.organization}",
        "version": str(number),
        "date_created": now.isoformat(),
        "contributor": user.email,
        "content_sha256": content,
        "counts": counts,
        "lineage": lineage,
    }
    coco = to_coco(found, settings.classes, info)
    document = await to_thread.run_sync(lambda: json.dumps(coco, sort_keys=True, separators=(",", ":")).encode())
    dataset_id = uuid4()
    await to_thread.run_sync(put, _document(store, dataset_id), document)
    values = {
        "id": dataset_id,
        "site_ids": sorted({row["site_id"] for row in rows}),
        "name": new.name,
        "number": number,
        "note": new.note,
        "licence": new.licence or settings.licence,
        "sha256": hashlib.sha256(document).hexdigest(),
        "content_sha256": content,
        "images": len(rows),
        "bytes": sum(row["bytes"] for row in rows),
        "counts": counts,
        "lineage": lineage,
        "created_at": now,
        "created_by": user.email,
    }
    await repository.add(values, [(row["id"], row["accepted_label_id"]) for row in rows])
    log.info("dataset_frozen", dataset=f"{new.name}@{number}", images=len(rows), sha256=values["sha256"])
    return _shown(values)


async def list_datasets(reader: ReadConnection, user: Principal, page: PageQuery, *, name: str | None) -> DatasetPage:
    """Versions, newest first."""
    before = None
    if page.cursor is not None:
        moment, key = decode_moment_cursor(page.cursor)
        try:
            before = (moment, UUID(key))
        except ValueError:
            raise InvalidCursorError("The cursor is not one that this list returned; start again without it") from None
    rows = await DatasetRepository(reader, user.scope).datasets(name=name, before=before, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["created_at"].isoformat(), str(row["id"])))
    return DatasetPage(items=[_shown(row) for row in shown], next_cursor=cursor)


async def get_dataset(reader: ReadConnection, user: Principal, dataset_id: UUID) -> DatasetVersion:
    """One version.

    Raises:
        NotFoundError: there is none of theirs.
    """
    return _shown(await _found(DatasetRepository(reader, user.scope), dataset_id))


async def get_document(reader: ReadConnection, user: Principal, dataset_id: UUID, store: Store) -> bytes:
    """``annotations.json`` as it was frozen, checked against its hash.

    Raises:
        NotFoundError: there is no such version, or its file is gone or altered.
    """
    row = await _found(DatasetRepository(reader, user.scope), dataset_id)
    return await _read(row, store)


async def open_archive(
    reader: ReadConnection,
    user: Principal,
    dataset_id: UUID,
    store: Store,
    *,
    after: str | None = None,
    images: int | None = None,
) -> Archive:
    """What an archive, or a part of it, is packed from.

    Args:
        reader: of the request.
        user: who asks.
        dataset_id: of the version.
        store: where its files are.
        after: only images whose sha256 follows this one, and no document; None from the first.
        images: so many at most; None all.

    Raises:
        NotFoundError: there is no such version, or a file of it is gone.
    """
    repository = DatasetRepository(reader, user.scope)
    row = await _found(repository, dataset_id)
    document = await _read(row, store) if after is None else None
    suffixes = {"image/jpeg": "jpg", "image/png": "png"}
    packed = [
        (
            f"images/{each['sha256']}.{suffixes[each['media_type']]}",
            path_of(store.folder, user.organization_id, each["sha256"]),
        )
        for each in await repository.images(dataset_id, after=after, rows=images)
    ]
    missing = await to_thread.run_sync(lambda: next((path for _, path in packed if not path.is_file()), None))
    if missing is not None:
        log.error("dataset_image_missing", dataset=str(dataset_id), sha256=missing.name)
        raise NotFoundError(
            f"The image {missing.name} of this data set is missing in the store; restore it from a backup"
        )
    return Archive(f"{row['name']}-{row['number']}", document, packed)


def pack(archive: Archive) -> Iterator[bytes]:
    """The archive piece by piece; images are compressed already, so they are stored as they are."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as file:
        if archive.document is not None:
            file.writestr(_entry("annotations.json"), archive.document, zipfile.ZIP_DEFLATED)
        for name, path in archive.images:
            with file.open(_entry(name), "w") as entry:
                entry.write(path.read_bytes())
            if pipe.waiting >= _PIECE:
                yield pipe.drain()
    yield pipe.drain()


class _Pipe(io.RawIOBase):
    """What ``ZipFile`` writes, until it is sent; it cannot seek, so sizes follow the data."""

    def __init__(self) -> None:
        self._pieces = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces += data
        return len(data)

    @property
    def waiting(self) -> int:
        return len(self._pieces)

    def drain(self) -> bytes:
        data = bytes(self._pieces)
        self._pieces.clear()
        return data


def _entry(name: str) -> zipfile.ZipInfo:
    """An entry without the moment of packing, so that every archive of a version is the same to the byte."""
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))


def _content_hash(found: Sequence[Frame]) -> str:
    content = [
        [
            frame.sha256,
            [] if frame.answer is None else [one.model_dump(mode="json") for one in frame.answer.boxes],
            [] if frame.answer is None else sorted(frame.answer.classes),
            {} if frame.answer is None else dict(frame.answer.scores or {}),
        ]
        for frame in found
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


async def _lineage(
    repository: DatasetRepository, rows: Sequence[Row], found: Sequence[Frame], before: Row | None
) -> dict[str, Any]:
    agreements = [row["agreement"] for row in rows if row["agreement"] is not None]
    told = {
        "annotators": dict(Counter(str(frame.annotator) for frame in found).most_common(_MOST_LISTED)),
        "reviewers": dict(Counter(str(frame.reviewer) for frame in found).most_common(_MOST_LISTED)),
        "proposed_by": dict(Counter(frame.model or "(none)" for frame in found).most_common(_MOST_LISTED)),
        "labelled_twice": len(agreements),
        "agreement_mean": sum(agreements) / len(agreements) if agreements else None,
        "previous": None,
    }
    if before is not None:
        then = {(row["sample_id"], row["label_id"]) for row in await repository.members(before["id"])}
        now = {(row["id"], row["accepted_label_id"]) for row in rows}
        frames_then, frames_now = {sample for sample, _ in then}, {sample for sample, _ in now}
        told["previous"] = {
            "number": before["number"],
            "sha256": before["sha256"],
            "added": len(frames_now - frames_then),
            "removed": len(frames_then - frames_now),
            "relabelled": sum(sample in frames_then for sample, _ in now - then),
        }
    return told


async def _found(repository: DatasetRepository, dataset_id: UUID) -> Row:
    row = await repository.dataset(dataset_id)
    if row is None:
        raise NotFoundError(f"There is no data set {dataset_id}")
    return row


async def _read(row: Row, store: Store) -> bytes:
    path = _document(store, row["id"])
    try:
        document = await to_thread.run_sync(path.read_bytes)
    except OSError as error:
        log.error("dataset_file_missing", dataset=str(row["id"]))  # noqa: TRY400  (the event says it all)
        raise NotFoundError("The file of this data set is missing in the store; restore it from a backup") from error
    if hashlib.sha256(document).hexdigest() != row["sha256"]:
        log.error("dataset_file_altered", dataset=str(row["id"]))
        raise NotFoundError("The file of this data set is not what was frozen; restore it from a backup")
    return document


def _document(store: Store, dataset_id: UUID) -> Path:
    return store.folder / "datasets" / f"{dataset_id}.json"


def _shown(row: Row) -> DatasetVersion:
    return DatasetVersion(**{name: row[name] for name in DatasetVersion.model_fields})
