"""Labels out to a file and in from one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from cloud.auth.dependencies import Principal
from cloud.errors import InvalidFileError
from cloud.farms.service import find_site_id
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from cloud.labels.formats import Frame, Incoming, from_coco, from_label_studio, to_coco, to_label_studio
from cloud.labels.repository import LabelRepository
from cloud.labels.rules import Answer, box_fault, unknown_names
from cloud.labels.schemas import MAX_BOXES, ExportFormat, ImportedLabels, LabelSettings, TaskStatus
from cloud.labels.service import answer_of, get_settings, settle
from contracts.vision import Detection

MAX_FRAMES = 5000
"""Of one export or import."""
_READ = {ExportFormat.COCO: from_coco, ExportFormat.LABEL_STUDIO: from_label_studio}


async def export(
    reader: ReadConnection,
    user: Principal,
    form: ExportFormat,
    *,
    status: TaskStatus | None,
    site: str | None,
    after: UUID | None,
    now: datetime,
) -> tuple[bytes, UUID | None]:
    """A file of up to ``MAX_FRAMES`` frames with their newest label (or the accepted one), and after which one it goes on.

    Raises:
        NotFoundError: there is no such site.
    """
    repository = LabelRepository(reader, user.scope)
    site_id = None if site is None else await find_site_id(reader, user, site)
    settings = await get_settings(reader, user)
    statuses = [each.value for each in TaskStatus] if status is None else [status.value]
    rows = await repository.labelled(statuses, after=after, rows=MAX_FRAMES + 1, site_id=site_id)
    more = rows[MAX_FRAMES - 1]["id"] if len(rows) > MAX_FRAMES else None
    found = await frames(repository, rows[:MAX_FRAMES], settings.licence)
    if form is ExportFormat.LABEL_STUDIO:
        return json.dumps(to_label_studio(found), indent=1).encode(), more
    info = {"description": f"Labels of {user.organization}", "date_created": now.isoformat(), "version": "1"}
    return json.dumps(to_coco(found, settings.classes, info), indent=1).encode(), more


async def frames(repository: LabelRepository, rows: Sequence[Row], licence: str) -> list[Frame]:
    """Frames with the label that was accepted, or the newest one."""
    newest: dict[UUID, Row] = {}
    accepted = {row["id"]: row["accepted_label_id"] for row in rows}
    for label in await repository.labels([row["id"] for row in rows]):
        wanted = accepted[label["sample_id"]]
        if wanted is None or label["id"] == wanted:
            newest[label["sample_id"]] = label
    return [_frame(row, newest.get(row["id"]), licence) for row in rows]


async def take(
    writer: WriteConnection,
    user: Principal,
    form: ExportFormat,
    document: Any,
    *,
    dry_run: bool,
    now: datetime,
) -> ImportedLabels:
    """Take the labels of a file for review: all of them, or none when anything is wrong with it.

    Raises:
        InvalidFileError: with every fault by its place.
    """
    parsed = _READ[form](document)
    repository = LabelRepository(writer, user.scope)
    settings = await get_settings(writer, user)
    known = await repository.tasks_of({one.sha256 for one in parsed.answers[:MAX_FRAMES]}, lock=not dry_run)
    faults = [*parsed.faults, *_file_faults(parsed.answers, known, settings, user)]
    if faults:
        raise InvalidFileError("; ".join(f"{where}: {what}" for where, what in faults[:5]), faults[:100])
    rows, closed, repeated = [], 0, 0
    there = await repository.known_labels([_key(one, known, user) for one in parsed.answers])
    for one in parsed.answers:
        task = known[one.sha256]
        if _key(one, known, user) in there:
            repeated += 1
        elif task["status"] in {"accepted", "rejected"}:
            closed += 1
        else:
            rows.append(_row(one, known, user, now))
    if not dry_run:
        for row in rows:
            await repository.withdraw(row["sample_id"], because="replaced", now=now, annotator=row["annotator"])
        await repository.add_labels(rows)
        for sample_id in {row["sample_id"] for row in rows}:
            await settle(repository, sample_id, settings)
    return ImportedLabels(labels=len(parsed.answers), stored=len(rows), known=repeated, closed=closed, dry_run=dry_run)


def _frame(row: Row, label: Row | None, licence: str) -> Frame:
    names = (
        "sha256", "media_type", "width", "height", "site", "unit", "device", "camera", "captured_at", "reason", "source",
    )  # fmt: skip
    model = None if row["model_name"] is None else f"{row['model_name']}@{row['model_version']}"
    return Frame(
        **{name: row[name] for name in names},
        licence=licence,
        answer=None if label is None else answer_of(label["body"]),
        annotator=None if label is None else label["annotator"],
        reviewer=row["reviewed_by"] if row["status"] == "accepted" else None,
        model=model,
        proposals=[Detection.model_validate(one) for one in row["detections"]],
    )


def _file_faults(
    answers: Sequence[Incoming], known: dict[str, Row], settings: LabelSettings, user: Principal
) -> list[tuple[str, str]]:
    if len(answers) > MAX_FRAMES:
        return [("(file)", f"{len(answers)} labels are too many; {MAX_FRAMES} fit in one file")]
    found: list[tuple[str, str]] = []
    seen: set[tuple[str, str]] = set()
    for one in answers:
        if one.sha256 not in known:
            found.append((one.where, f"no frame of this organization has the sha256 {one.sha256}; upload it first"))
        name = _annotator(one, user)
        if (one.sha256, name) in seen:
            found.append((one.where, f"{name} labels this frame twice in the file"))
        seen.add((one.sha256, name))
        found += _faults(one, settings)
    return found


def _faults(one: Incoming, settings: LabelSettings) -> list[tuple[str, str]]:
    answer = one.answer
    unknown = unknown_names(
        answer, classes=settings.classes, image_classes=settings.image_classes, scores=settings.scores
    )
    found = [
        (f"{one.where}.{where}", f"{name!r} is not among the names in the settings; add it there first")
        for where, name in unknown
    ]
    if len(answer.boxes) > MAX_BOXES:
        found.append((one.where, f"{len(answer.boxes)} boxes are too many; {MAX_BOXES} fit"))
    cannot = ((f"{one.where}.boxes.{i}", box_fault(box.box)) for i, box in enumerate(answer.boxes))
    return found + [(where, what) for where, what in cannot if what is not None]


def _annotator(one: Incoming, user: Principal) -> str:
    """Who labelled, as far as the file says; always with who brought it."""
    return f"import:{user.email}" if one.annotator is None else f"import:{user.email}:{one.annotator}"


def _body(answer: Answer) -> dict[str, Any]:
    return {
        "boxes": [{"label": each.label, "box": each.box.model_dump(mode="json")} for each in answer.boxes],
        "classes": list(answer.classes),
        "scores": dict(answer.scores or {}),
    }


def _key(one: Incoming, known: dict[str, Row], user: Principal) -> UUID:
    """The same answer of the same file is the same label, however often it is imported."""
    content = json.dumps([_annotator(one, user), _body(one.answer)], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()
    return uuid5(NAMESPACE_URL, f"urn:shoal:label:{known[one.sha256]['id']}:{digest}")


def _row(one: Incoming, known: dict[str, Row], user: Principal, now: datetime) -> dict[str, Any]:
    return {
        "id": _key(one, known, user),
        "sample_id": known[one.sha256]["id"],
        "annotator": _annotator(one, user),
        "body": _body(one.answer),
        "note": None,
        "labelled_at": now,
        "seconds": None,
        "source": "import",
        "withdrawn_at": None,
        "withdrawn_because": None,
    }
