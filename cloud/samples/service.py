"""Uploads that may be cut off at any byte, and frames that have arrived."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import structlog
from anyio import to_thread
from starlette.requests import ClientDisconnect

from cloud.auth.dependencies import Principal
from cloud.auth.scope import Scope
from cloud.auth.tokens import UrlSigner
from cloud.devices.rules import is_plausible
from cloud.errors import (
    BadRequestError,
    ChecksumMismatchError,
    ConflictError,
    NotFoundError,
    PayloadTooLargeError,
    StoreFullError,
    UnsupportedImageError,
    UnusableImageError,
)
from cloud.farms.service import find_site_id
from cloud.kit.repository import Database, ReadConnection, Row, WriteConnection
from cloud.metrics import SAMPLES_REFUSED, SAMPLES_STORED
from cloud.predictions.look import Look, look_at
from cloud.samples.repository import SampleImages, SampleRepository
from cloud.samples.rules import (
    COMPARED,
    MAX_BYTES,
    MAX_PIXELS,
    MetadataError,
    make_room,
    novelty,
    priority,
    read_metadata,
    uncertainty,
)
from cloud.samples.schemas import Opinion, SamplePair, SamplePairs
from cloud.samples.store import append, finish, part_of, path_of, put
from contracts.samples import Sample
from contracts.vision import Detection, ModelRef

log = structlog.get_logger()

IMAGES = "/api/v1/samples/"
"""Where the frames of samples are fetched."""
UPLOAD_LASTS = timedelta(days=7)
"""An upload that was not touched for longer is forgotten; the box begins it anew."""
MOST_UPLOADS = 1000
"""Uploads of an organization that may be under way; beyond it the longest untouched are forgotten."""
_MOST_GONE = 2000
"""Frames that make room for one."""
_NO_PICTURE = (UnsupportedImageError, UnusableImageError, PayloadTooLargeError)


@dataclass(frozen=True)
class Store:
    """Where frames are kept, and how much."""

    folder: Path
    max_bytes: int
    """Of one organization."""


@dataclass(frozen=True)
class Upload:
    """How far an upload is."""

    id: UUID
    length: int
    reached: int


async def create(
    writer: WriteConnection, user: Principal, store: Store, *, length: int, metadata: str, now: datetime
) -> tuple[Upload, bool]:
    """Begin an upload, or find the one (or the whole sample) of the same content; and whether it is new.

    Raises:
        PayloadTooLargeError: longer than a sample may be.
        BadRequestError: the metadata do not say what is needed.
        UnusableImageError: the frame's stamp cannot be true.
        NotFoundError: the site is not one of the caller's.
        StoreFullError: the store is full of frames that people have labelled.
    """
    if length > MAX_BYTES:
        raise PayloadTooLargeError(f"Upload-Length: {length} bytes are too many; a sample has at most {MAX_BYTES}")
    try:
        offered = read_metadata(metadata)
    except MetadataError as error:
        raise BadRequestError(str(error)) from error
    sample = offered.sample
    if not is_plausible(sample.observed_at, now):
        raise UnusableImageError(f"sample.observed_at: {sample.observed_at.isoformat()} cannot be true; set the clock")
    site_id = await find_site_id(ReadConnection(writer), user, sample.site)
    repository = SampleRepository(writer, user.scope)
    await repository.lock_store()
    known = await repository.sample_of(offered.sha256)
    if known is not None:
        return Upload(known["id"], known["bytes"], known["bytes"]), False
    under_way = await repository.upload_of(offered.sha256)
    if under_way is not None:
        if under_way["length"] != length:
            raise BadRequestError(
                f"Upload-Length: {length}, but the upload of this sha256 was begun with {under_way['length']}"
            )
        return Upload(under_way["id"], length, under_way["reached"]), False
    gone = await _forget_old(repository, user, store, now)
    gone += await free(repository, store, length, organization_id=user.organization_id)
    upload_id = uuid4()
    added = await repository.add_upload(
        {
            "id": upload_id,
            "site_id": site_id,
            "sha256": offered.sha256,
            "length": length,
            "reached": 0,
            "sample": sample.model_dump(mode="json", exclude_none=True),
            "created_at": now,
            "created_by": user.email,
            "touched_at": now,
        }
    )
    if not added:
        raise ConflictError("Another site of the organization uploads the same picture; look at its camera's wiring")
    await _unlink(gone)
    return Upload(upload_id, length, 0), True


async def find(reader: ReadConnection, user: Principal, upload_id: UUID) -> Upload:
    """How far an upload is; a sample that has arrived is whole.

    Raises:
        NotFoundError: there is neither; begin anew.
    """
    repository = SampleRepository(reader, user.scope)
    row = await repository.upload(upload_id)
    if row is not None:
        return Upload(upload_id, row["length"], row["reached"])
    sample = await repository.sample(upload_id)
    if sample is None:
        raise NotFoundError(f"There is no upload {upload_id}; create it again")
    return Upload(upload_id, sample["bytes"], sample["bytes"])


async def take(
    database: Database,
    user: Principal,
    store: Store,
    upload_id: UUID,
    body: AsyncIterator[bytes],
    *,
    offset: int,
    declared: Mapping[str, Any],
    now: datetime,
) -> Upload:
    """Add bytes to an upload; when it is whole, it becomes a sample. What came before a line was cut is kept.

    Raises:
        NotFoundError: there is no such upload; begin anew.
        ConflictError: it is not at this offset; ask for it.
        BadRequestError: more bytes than the upload has.
        ChecksumMismatchError: the bytes are not those that were announced; all are thrown away.
        UnsupportedImageError: they are no JPEG or PNG; all are thrown away.
        UnusableImageError: the picture is broken; all are thrown away.
    """
    async with database.read() as reader:
        upload = await find(reader, user, upload_id)
    if offset != upload.reached:
        raise ConflictError(f"Upload-Offset: {offset}, but {upload.reached} bytes are here; ask with HEAD first")
    if upload.reached == upload.length:
        return upload
    data, cut = await _gather(body, upload.length - offset)
    refused: Exception | None = None
    async with database.write(declared) as writer:
        repository = SampleRepository(writer, user.scope)
        row = await repository.upload(upload_id, lock=True)
        if row is None:
            raise NotFoundError(f"There is no upload {upload_id}; create it again")
        if row["reached"] != offset:
            raise ConflictError(f"Upload-Offset: {offset}, but {row['reached']} bytes are here; ask with HEAD first")
        reached = offset + len(data)
        part = part_of(store.folder, user.organization_id, upload_id)
        await to_thread.run_sync(append, part, offset, data)
        if reached < row["length"]:
            await repository.reached(upload_id, reached, now)
        else:
            try:
                await _complete(repository, user, store, row, part, now)
                SAMPLES_STORED.inc()
            except (ChecksumMismatchError, *_NO_PICTURE) as error:
                # Not raised within the transaction: it would undo that the upload is forgotten.
                refused = error
                await to_thread.run_sync(lambda: part.unlink(missing_ok=True))
            await repository.end_upload(upload_id)
    if refused is not None:
        SAMPLES_REFUSED.inc()
        log.warning("sample_refused", upload=str(upload_id), by=user.email, reason=str(refused))
        raise refused
    if cut:
        log.info("sample_cut_off", upload=str(upload_id), reached=reached)
    return Upload(upload_id, row["length"], reached)


async def keep(
    writer: WriteConnection,
    user: Principal,
    store: Store,
    sample: Sample,
    data: bytes,
    *,
    site_id: int,
    source: str,
    marked: bool,
    size: tuple[int, int],
    now: datetime,
) -> UUID:
    """Put a picture that the cloud has already into the queue; the same picture again is found, not added.

    ``size`` is the width and height of a picture that cannot be decoded here.

    Raises:
        StoreFullError: the store is full of frames that people have labelled.
        ConflictError: a site beyond the caller's has the same picture.
    """
    repository = SampleRepository(writer, user.scope)
    await repository.lock_store()
    known = await repository.sample_of(sample.image_sha256)
    if known is not None:
        return UUID(str(known["id"]))
    gone = await free(repository, store, len(data), organization_id=user.organization_id)
    try:
        look: Look | None = await to_thread.run_sync(lambda: look_at(data, max_pixels=MAX_PIXELS))
    except _NO_PICTURE:
        look = None
    path = path_of(store.folder, user.organization_id, sample.image_sha256)
    await to_thread.run_sync(put, path, data)
    sample_id = uuid4()
    values = await _row(repository, sample, look, site_id=site_id, size=size, marked=marked)
    kept = {"id": sample_id, "source": source, "bytes": len(data), "stored_at": now, "stored_by": user.email}
    if not await repository.add(values | kept):
        raise ConflictError("Another site of the organization has the same picture; look at its camera's wiring")
    await _unlink(gone)
    return sample_id


async def list_pairs(
    reader: ReadConnection, user: Principal, signer: UrlSigner, now: datetime, *, model: str, version: str, most: int
) -> SamplePairs:
    """Frames that a candidate and the active model saw differently, those that differ most first."""
    rows = await SampleRepository(reader, user.scope).pairs(model, version, rows=most)
    return SamplePairs(items=[_pair(row, signer, now) for row in rows])


def _pair(row: Row, signer: UrlSigner, now: datetime) -> SamplePair:
    candidate = ModelRef(name=row["other_name"], version=row["other_version"], sha256=row["other_sha256"])
    active = None
    if row["model_name"] is not None:
        active = ModelRef(name=row["model_name"], version=row["model_version"], sha256=row["model_sha256"])
    return SamplePair(
        **{name: row[name] for name in ("id", "site", "unit", "unit_name", "device", "camera", "captured_at", "score")},
        image_url=signer.sign(f"{IMAGES}{row['id']}/image", now),
        active=Opinion(model=active, detections=[Detection.model_validate(one) for one in row["detections"]]),
        candidate=Opinion(
            model=candidate, detections=[Detection.model_validate(one) for one in row["other_detections"]]
        ),
    )


@dataclass(frozen=True)
class SampleImage:
    """An image that may be sent."""

    path: Path
    media_type: str
    sha256: str


async def find_image(reader: ReadConnection, sample_id: UUID, *, scope: Scope | None, store: Store) -> SampleImage:
    """The image of a sample.

    Raises:
        NotFoundError: there is no such sample, or its file is gone.
    """
    row = await SampleImages(reader).image(sample_id, scope=scope)
    if row is None:
        raise NotFoundError(f"There is no sample {sample_id}")
    path = path_of(store.folder, row["organization_id"], row["sha256"])
    if not path.is_file():
        log.error("sample_file_missing", sample=str(sample_id))
        raise NotFoundError("The file of this sample is missing in the store")
    return SampleImage(path, row["media_type"], row["sha256"])


async def free(repository: SampleRepository, store: Store, wanted: int, *, organization_id: int) -> list[Path]:
    """Make room for ``wanted`` bytes: frames that nobody has labelled go, the least worth first.

    Returns:
        Their files, to be deleted when nothing that could undo this is left to do.

    Raises:
        StoreFullError: even without them there is no room.
    """
    kept = await repository.kept_bytes()
    if kept + wanted <= store.max_bytes:
        return []
    rows = {str(row["id"]): row for row in await repository.expendable(rows=_MOST_GONE)}
    gone = make_room(kept, wanted, store.max_bytes, [(key, row["bytes"]) for key, row in rows.items()])
    if gone is None:
        raise StoreFullError(
            f"The store of samples holds {kept} of {store.max_bytes} bytes, and people have labelled all of it;"
            " give it more (SHOAL_SAMPLES_MAX_BYTES)"
        )
    removed = await repository.remove([rows[key]["id"] for key in gone])
    log.info("samples_dropped", count=len(removed), organization=organization_id)
    return [path_of(store.folder, organization_id, row["sha256"]) for row in removed]


async def _complete(
    repository: SampleRepository, user: Principal, store: Store, row: Row, part: Path, now: datetime
) -> None:
    data = await to_thread.run_sync(part.read_bytes)
    actual = hashlib.sha256(data).hexdigest()
    if actual != row["sha256"]:
        raise ChecksumMismatchError(
            f"The bytes have the sha256 {actual}, announced was {row['sha256']}; send them anew"
        )
    look = await to_thread.run_sync(lambda: look_at(data, max_pixels=MAX_PIXELS))
    sample = Sample.model_validate(row["sample"])
    await to_thread.run_sync(finish, part, path_of(store.folder, user.organization_id, actual))
    values = await _row(repository, sample, look, site_id=row["site_id"], size=(0, 0), marked=False)
    kept = {"id": row["id"], "source": "edge", "bytes": len(data), "stored_at": now, "stored_by": user.email}
    await repository.add(values | kept)


async def _row(
    repository: SampleRepository,
    sample: Sample,
    look: Look | None,
    *,
    site_id: int,
    size: tuple[int, int],
    marked: bool,
) -> dict[str, Any]:
    vector = [] if look is None else list(look.vector)
    others = await repository.looks(site_id, sample.camera, rows=COMPARED)
    unsure = uncertainty(sample.reason, sample.score, sample.detections)
    new = novelty(vector, others)
    model, other = sample.model, sample.other_model
    seen_by_two = other is not None and sample.other is not None
    width, height = size if look is None else (look.header.width, look.header.height)
    return {
        "site_id": site_id,
        "unit": sample.unit,
        "device": sample.device,
        "camera": sample.camera,
        "captured_at": sample.observed_at,
        "sha256": sample.image_sha256,
        "media_type": "image/jpeg" if look is None else look.header.media_type,
        "width": width,
        "height": height,
        "reason": sample.reason.value,
        "score": sample.score,
        "detections": [one.model_dump(mode="json", exclude_none=True) for one in sample.detections],
        "model_name": None if model is None else model.name,
        "model_version": None if model is None else model.version,
        "model_sha256": None if model is None else model.sha256,
        "other_detections": [one.model_dump(mode="json", exclude_none=True) for one in sample.other or ()]
        if seen_by_two
        else None,
        "other_name": other.name if other is not None and seen_by_two else None,
        "other_version": other.version if other is not None and seen_by_two else None,
        "other_sha256": other.sha256 if other is not None and seen_by_two else None,
        "look": vector,
        "uncertainty": unsure,
        "novelty": new,
        "priority": priority(unsure, new, marked=marked),
        "status": "open",
    }


async def _gather(body: AsyncIterator[bytes], room: int) -> tuple[bytes, bool]:
    """What comes, and whether the line was cut before its end."""
    data = bytearray()
    try:
        async for piece in body:
            data += piece
            if len(data) > room:
                raise BadRequestError(f"The body has more than the {room} bytes that are missing")
    except ClientDisconnect:
        return bytes(data), True
    return bytes(data), False


async def _forget_old(repository: SampleRepository, user: Principal, store: Store, now: datetime) -> list[Path]:
    forgotten = await repository.forget_uploads(now - UPLOAD_LASTS, keep=MOST_UPLOADS - 1)
    return [part_of(store.folder, user.organization_id, upload_id) for upload_id in forgotten]


async def _unlink(files: Sequence[Path]) -> None:
    def unlink() -> None:
        for file in files:
            file.unlink(missing_ok=True)

    await to_thread.run_sync(unlink)
