"""Somebody says that a model was wrong: the record is kept, and the frame comes to the head of the label queue."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from uuid import UUID

import structlog
from anyio import to_thread

from cloud.auth.dependencies import Principal
from cloud.errors import ConflictError, InvalidCursorError, NotFoundError
from cloud.kit.ids import decode_moment_cursor, encode_cursor, parse_observation_id
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from cloud.labels.repository import LabelRepository
from cloud.labels.schemas import LabelMarkOut, LabelMarkPage, NewMark
from cloud.labels.service import mark_of, model_of
from cloud.observations.images import path_of
from cloud.samples.rules import MARKED
from cloud.samples.service import Store, keep
from contracts.samples import Sample, SampleReason

log = structlog.get_logger()

_MAX_CAMERA, _MAX_PREDICTION = 2**31 - 1, 2**63 - 1


async def add(
    writer: WriteConnection, user: Principal, new: NewMark, store: Store, now: datetime
) -> tuple[LabelMarkOut, bool]:
    """Keep a mark, and its frame for a label; and whether it is new.

    Raises:
        NotFoundError: the organization has no such observation or prediction.
        ConflictError: another mark has this key.
    """
    repository = LabelRepository(writer, user.scope)
    known = await repository.mark(new.id)
    if known is not None:
        if (known["subject"], known["subject_id"]) != (new.subject, new.subject_id):
            raise ConflictError(f"id = {new.id}: another mark has this key; make a new one")
        return mark_of(known), False
    row = await _subject(repository, new)
    sample_id = await _frame(writer, user, row, store, now)
    if sample_id is not None:
        await repository.raise_priority(sample_id, MARKED)
    added = await repository.add_mark(
        {
            "id": new.id,
            "site_id": row["site_id"],
            "subject": new.subject,
            "subject_id": new.subject_id,
            "fault": new.fault,
            "right_answer": new.right_answer,
            "note": new.note,
            "model_name": row["model_name"],
            "model_version": row["model_version"],
            "model_sha256": row["model_sha256"],
            "sample_id": sample_id,
            "marked_at": now,
            "marked_by": user.email,
        }
    )
    stored = await repository.mark(new.id)
    if not added or stored is None:
        raise ConflictError(f"id = {new.id}: another mark has this key; make a new one")
    log.info("model_marked_wrong", subject=new.subject, fault=new.fault, sample=str(sample_id))
    return mark_of(stored), True


async def list_marks(reader: ReadConnection, user: Principal, page: PageQuery, *, model: str | None) -> LabelMarkPage:
    """Marks, newest first."""
    before = None
    if page.cursor is not None:
        moment, key = decode_moment_cursor(page.cursor)
        try:
            before = (moment, UUID(key))
        except ValueError:
            raise InvalidCursorError("The cursor is not one that this list returned; start again without it") from None
    rows = await LabelRepository(reader, user.scope).marks(model=model, before=before, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["marked_at"].isoformat(), str(row["id"])))
    return LabelMarkPage(items=[mark_of(row) for row in shown], next_cursor=cursor)


async def _subject(repository: LabelRepository, new: NewMark) -> Row:
    row = None
    if new.subject == "observation":
        named = parse_observation_id(new.subject_id)
        if named is not None and named[0] <= _MAX_CAMERA:
            row = await repository.observation(*named)
    elif new.subject_id.isdecimal() and int(new.subject_id) <= _MAX_PREDICTION:
        row = await repository.prediction(int(new.subject_id))
    if row is None:
        raise NotFoundError(f"There is no {new.subject} {new.subject_id}")
    return row


async def _frame(writer: WriteConnection, user: Principal, row: Row, store: Store, now: datetime) -> UUID | None:
    """The frame in the queue; None when the picture is not here (not arrived yet, or not kept)."""
    if row["sha256"] is None or row["site"] is None:
        known = await LabelRepository(writer, user.scope).tasks_of([row.get("image_sha256") or ""])
        return next((UUID(str(task["id"])) for task in known.values()), None)
    data = await to_thread.run_sync(_read, path_of(store.folder, row["sha256"]))
    if data is None:
        log.error("image_file_missing", sha256=row["sha256"])
        return None
    sample = Sample(
        site=row["site"],
        device=row["device"],
        camera=row["camera"],
        unit=row["unit"],
        observed_at=row.get("image_observed_at") or row["observed_at"],
        image_sha256=row["sha256"],
        reason=SampleReason.OPERATOR,
        score=1.0,
        detections=row.get("detections") or (),
        model=model_of(row),
    )
    return await keep(
        writer,
        user,
        store,
        sample,
        data,
        site_id=row["site_id"],
        source="evidence",
        marked=True,
        size=(row["width"], row["height"]),
        now=now,
    )


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
