"""Handing out frames, taking labels, review, and how the labelling stands."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

import structlog

from cloud.auth.dependencies import Principal
from cloud.auth.rules import Role
from cloud.auth.tokens import UrlSigner
from cloud.errors import BadRequestError, ConflictError, InvalidCursorError, InvalidFileError, NotFoundError
from cloud.farms.service import find_site_id
from cloud.kit.ids import decode_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from cloud.labels.repository import LabelRepository
from cloud.labels.rules import (
    CANDIDATES,
    LEASE,
    RECENT,
    Answer,
    Candidate,
    agreement,
    called,
    kappa,
    mean_agreement,
    next_order,
    status_after,
    unknown_names,
)
from cloud.labels.schemas import (
    AgreementOut,
    Annotator,
    AnnotatorPair,
    Decision,
    GivenLabel,
    LabelMarkOut,
    LabelProgress,
    LabelSettings,
    LabelTask,
    LabelTaskDetail,
    LabelTaskPage,
    NewLabel,
    NextFrame,
    NextTask,
    Review,
    TaskStatus,
)
from cloud.samples.endpoints import PATH
from cloud.samples.rules import RETURNED
from contracts.samples import LabelledBox
from contracts.vision import Detection, ModelRef

log = structlog.get_logger()

_CLOSED = frozenset({"accepted", "rejected"})
_COMPARED = 300
_PEOPLE = 100
_DAYS = timedelta(days=30)
_DEFAULT = LabelSettings.model_validate({})


async def get_settings(reader: ReadConnection | WriteConnection, user: Principal) -> LabelSettings:
    """What the organization labels."""
    body = await LabelRepository(reader, user.scope).settings()
    return _DEFAULT if body is None else LabelSettings.model_validate(body)


async def set_settings(writer: WriteConnection, user: Principal, new: LabelSettings, now: datetime) -> LabelSettings:
    """Replace what the organization labels; labels that were given keep their names."""
    await LabelRepository(writer, user.scope).set_settings(new.model_dump(mode="json"), actor=user.email, now=now)
    return new


async def list_tasks(
    reader: ReadConnection,
    user: Principal,
    page: PageQuery,
    *,
    site: str | None,
    status: TaskStatus | None,
    camera: str | None,
    signer: UrlSigner,
    now: datetime,
) -> LabelTaskPage:
    """The queue, most urgent first.

    Raises:
        NotFoundError: there is no such site.
    """
    site_id = None if site is None else await find_site_id(reader, user, site)
    after = None if page.cursor is None else _position(page.cursor)
    settings = await get_settings(reader, user)
    rows = await LabelRepository(reader, user.scope).tasks(
        site_id=site_id, status=None if status is None else status.value, camera=camera, after=after, rows=page.rows
    )
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(repr(row["priority"]), str(row["id"])))
    return LabelTaskPage(items=[_task(row, settings, signer, now) for row in shown], next_cursor=cursor)


async def get_task(
    reader: ReadConnection, user: Principal, task_id: UUID, signer: UrlSigner, now: datetime
) -> LabelTaskDetail:
    """One frame with its labels.

    Raises:
        NotFoundError: there is no such frame.
    """
    repository = LabelRepository(reader, user.scope)
    return await _detail(repository, user, await _found(repository, task_id), signer, now)


async def give_next(
    writer: WriteConnection, user: Principal, wish: NextFrame, signer: UrlSigner, now: datetime
) -> NextTask:
    """The best frame for this person, held for them.

    Raises:
        NotFoundError: there is no such site.
    """
    repository = LabelRepository(writer, user.scope)
    site_id = None if wish.site is None else await find_site_id(ReadConnection(writer), user, wish.site)
    settings = await get_settings(writer, user)
    await repository.lock_queue()
    rows = await repository.candidates(
        site_id=site_id,
        annotator=user.email,
        wanted=settings.annotators,
        skip=wish.skip,
        now=now,
        rows=CANDIDATES,
    )
    recent = [_camera(row) for row in await repository.recent_cameras(rows=RECENT)]
    best = next_order([Candidate(row["id"], _camera(row), row["priority"]) for row in rows], recent)[:1]
    detail = None
    for one in best:
        await repository.lease(one.id, annotator=user.email, until=now + LEASE, now=now)
        detail = await _detail(repository, user, await _found(repository, one.id), signer, now)
    counts = await repository.counts()
    return NextTask(task=detail, waiting=counts["open"])


async def hold(
    writer: WriteConnection, user: Principal, task_id: UUID, signer: UrlSigner, now: datetime
) -> LabelTaskDetail:
    """Take a frame, or keep it for longer.

    Raises:
        NotFoundError: there is no such frame.
        ConflictError: it is closed, or others hold or have labelled it.
    """
    repository = LabelRepository(writer, user.scope)
    await repository.lock_queue()
    row = await _found(repository, task_id, lock=True)
    settings = await get_settings(writer, user)
    _check_open(row)
    given = [each["annotator"] for each in await repository.labels([task_id])]
    holders = await repository.holders(task_id, now)
    others = {name for name in [*given, *holders] if name != user.email}
    if user.email not in given and len(others) >= settings.annotators and not _reviews(user):
        raise ConflictError(f"{', '.join(sorted(others))} labels this frame; take the next one")
    await repository.lease(task_id, annotator=user.email, until=now + LEASE, now=now)
    return await _detail(repository, user, row, signer, now)


async def release(writer: WriteConnection, user: Principal, task_id: UUID) -> None:
    """Let a frame go, so that others get it.

    Raises:
        NotFoundError: there is no such frame.
    """
    repository = LabelRepository(writer, user.scope)
    await _found(repository, task_id)
    await repository.release(task_id, annotator=user.email)


async def give_label(
    writer: WriteConnection, user: Principal, task_id: UUID, new: NewLabel, signer: UrlSigner, now: datetime
) -> tuple[LabelTaskDetail, bool]:
    """Take somebody's answer; their former one is replaced. And whether it is new: the same label again changes nothing.

    Raises:
        NotFoundError: there is no such frame.
        ConflictError: the frame is closed, enough others have labelled it, or the label's key is another's.
        InvalidFileError: boxes cannot be, or names are not in the settings.
    """
    repository = LabelRepository(writer, user.scope)
    row = await _found(repository, task_id, lock=True)
    known = await repository.label(new.id)
    if known is not None:
        if (known["sample_id"], known["annotator"]) != (task_id, user.email):
            raise ConflictError(f"id = {new.id}: another label has this key; make a new one")
        return await _detail(repository, user, row, signer, now), False
    settings = await get_settings(writer, user)
    check_answer(new, settings)
    _check_open(row)
    given = {each["annotator"] for each in await repository.labels([task_id])}
    if user.email not in given and len(given) >= settings.annotators and not _reviews(user):
        raise ConflictError(f"{', '.join(sorted(given))} labelled this frame already; take the next one")
    await repository.withdraw(task_id, because="replaced", now=now, annotator=user.email)
    await repository.add_labels([label_row(new, task_id, annotator=user.email, source="hand", now=now)])
    await repository.release(task_id, annotator=user.email)
    await settle(repository, task_id, settings)
    return await _detail(repository, user, await _found(repository, task_id), signer, now), True


async def undo(
    writer: WriteConnection, user: Principal, task_id: UUID, signer: UrlSigner, now: datetime
) -> LabelTaskDetail:
    """Take one's own label back and hold the frame again.

    Raises:
        NotFoundError: there is no such frame, or no label of one's own.
        ConflictError: a reviewer has decided already.
    """
    repository = LabelRepository(writer, user.scope)
    row = await _found(repository, task_id, lock=True)
    _check_open(row)
    if not await repository.withdraw(task_id, because="undone", now=now, annotator=user.email):
        raise NotFoundError("You have no label of this frame")
    await settle(repository, task_id, await get_settings(writer, user))
    await repository.lease(task_id, annotator=user.email, until=now + LEASE, now=now)
    return await _detail(repository, user, await _found(repository, task_id), signer, now)


async def review(
    writer: WriteConnection, user: Principal, task_id: UUID, decided: Review, signer: UrlSigner, now: datetime
) -> LabelTaskDetail:
    """Accept, return, reject or reopen a frame.

    Raises:
        NotFoundError: there is no such frame, or no such label of it.
        ConflictError: it is not in a state for that.
        BadRequestError: it is returned without saying why.
    """
    repository = LabelRepository(writer, user.scope)
    row = await _found(repository, task_id, lock=True)
    given = await repository.labels([task_id])
    closed = row["status"] in _CLOSED
    if closed != (decided.decision is Decision.REOPEN):
        raise ConflictError(f"The frame is {row['status']}; {'reopen it first' if closed else 'it is open already'}")
    label_id: UUID | None = None
    values: dict[str, Any] = {"reviewed_at": now, "reviewed_by": user.email, "review_note": decided.note}
    if decided.decision is Decision.ACCEPT:
        label_id = _chosen(given, decided.label_id)
        values |= {"status": "accepted", "accepted_label_id": label_id}
    elif decided.decision is Decision.REJECT:
        values |= {"status": "rejected", "accepted_label_id": None}
    elif decided.decision is Decision.RETURN:
        if not (decided.note or "").strip():
            raise BadRequestError("note: say what is to be done better")
        if not given:
            raise ConflictError("The frame has no label that could be returned")
        await repository.withdraw(task_id, because="returned", now=now)
        await repository.raise_priority(task_id, RETURNED)
        values |= {"status": "open", "accepted_label_id": None, "agreement": None}
    else:
        values |= {"status": "review" if given else "open", "accepted_label_id": None}
    await repository.set_task(task_id, **values)
    await repository.add_review(
        {
            "sample_id": task_id,
            "decision": decided.decision.value,
            "label_id": label_id,
            "note": decided.note,
            "reviewed_at": now,
            "reviewed_by": user.email,
        }
    )
    log.info("labels_reviewed", sample=str(task_id), decision=decided.decision.value)
    return await _detail(repository, user, await _found(repository, task_id), signer, now)


async def progress(reader: ReadConnection, user: Principal, now: datetime) -> LabelProgress:
    """How much is done, by whom, and how far people agree."""
    repository = LabelRepository(reader, user.scope)
    counts = await repository.counts()
    people = await repository.annotators(now - _DAYS, rows=_PEOPLE)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return LabelProgress(
        **counts,
        mine_today=await repository.mine_since(user.email, midnight),
        annotators=[Annotator(**row) for row in people],
        pairs=_pairs(await repository.twice_labelled(rows=_COMPARED)),
    )


async def settle(repository: LabelRepository, task_id: UUID, settings: LabelSettings) -> None:
    """Where a frame is after its labels have changed."""
    given = await repository.labels([task_id])
    await repository.set_task(
        task_id,
        status=status_after(len(given), settings.annotators),
        agreement=mean_agreement([answer_of(row["body"]) for row in given]),
    )


def check_answer(new: NewLabel, settings: LabelSettings) -> None:
    """Refuse what cannot be, or is not in the settings.

    Raises:
        InvalidFileError: with every fault by its place.
    """
    names = unknown_names(
        Answer([LabelledBox(label=one.label, box=one.box) for one in new.boxes], new.classes, new.scores),
        classes=settings.classes,
        image_classes=settings.image_classes,
        scores=settings.scores,
    )
    faults = new.faults() + [
        (where, f"{name!r} is not among the names in the settings; choose one of those or add it")
        for where, name in names
    ]
    if faults:
        raise InvalidFileError("; ".join(f"{where}: {what}" for where, what in faults[:5]), faults[:100])


def label_row(new: NewLabel, task_id: UUID, *, annotator: str, source: str, now: datetime) -> dict[str, Any]:
    """A row of the table of labels."""
    body = new.model_dump(mode="json", include={"boxes", "classes", "scores"})
    return {
        "id": new.id,
        "sample_id": task_id,
        "annotator": annotator,
        "body": body,
        "note": new.note,
        "labelled_at": now,
        "seconds": new.seconds,
        "source": source,
    }


def answer_of(body: Row) -> Answer:
    """What a stored label says."""
    boxes = [LabelledBox.model_validate(one) for one in body.get("boxes", ())]
    return Answer(boxes, body.get("classes", ()), body.get("scores", {}))


def model_of(row: Row) -> ModelRef | None:
    """The model that a row names."""
    if row["model_sha256"] is None:
        return None
    return ModelRef(name=row["model_name"], version=row["model_version"], sha256=row["model_sha256"])


def mark_of(row: Row) -> LabelMarkOut:
    """A mark as it is shown."""
    names = ("id", "subject", "subject_id", "fault", "right_answer", "note", "marked_at", "marked_by")
    return LabelMarkOut(**{name: row[name] for name in names}, model=model_of(row), task_id=row["sample_id"])


def _camera(row: Row) -> str:
    return f"{row['site_id']}/{row['device']}/{row['camera']}"


def _reviews(user: Principal) -> bool:
    return user.role.reaches(Role.FARM_MANAGER)


def _check_open(row: Row) -> None:
    if row["status"] in _CLOSED:
        raise ConflictError(f"The frame is {row['status']}; a reviewer can reopen it")


def _chosen(given: list[Row], wanted: UUID | None) -> UUID:
    if not given:
        raise ConflictError("The frame has no label that could be accepted")
    if wanted is None:
        return UUID(str(given[-1]["id"]))
    if wanted not in {row["id"] for row in given}:
        raise NotFoundError(f"label_id = {wanted}: the frame has no such label that counts")
    return wanted


def _pairs(rows: list[Row]) -> list[AnnotatorPair]:
    frames: dict[UUID, dict[str, Answer]] = defaultdict(dict)
    for row in rows:
        frames[row["sample_id"]][row["annotator"]] = answer_of(row["body"])
    overall: dict[tuple[str, str], list[float]] = defaultdict(list)
    names: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for answers in frames.values():
        for a, b in combinations(sorted(answers), 2):
            overall[a, b].append(agreement(answers[a], answers[b]).overall)
            names[a, b] += called(answers[a], answers[b])
    return [
        AnnotatorPair(
            first=a,
            second=b,
            frames=len(found),
            agreement=sum(found) / len(found),
            kappa=kappa(names[a, b]),
        )
        for (a, b), found in sorted(overall.items(), key=lambda each: (-len(each[1]), each[0]))[:_PEOPLE]
    ]


async def _found(repository: LabelRepository, task_id: UUID, *, lock: bool = False) -> Row:
    row = await repository.task(task_id, lock=lock)
    if row is None:
        raise NotFoundError(f"There is no frame {task_id}")
    return row


async def _detail(
    repository: LabelRepository, user: Principal, row: Row, signer: UrlSigner, now: datetime
) -> LabelTaskDetail:
    body = await repository.settings()
    settings = _DEFAULT if body is None else LabelSettings.model_validate(body)
    given = await repository.labels([row["id"]])
    if row["status"] != "accepted" and not _reviews(user):
        given = [
            each for each in given if each["annotator"] == user.email
        ]  # an answer that is seen is an answer that is repeated
    marks = await repository.marks(sample_id=row["id"], rows=20)
    holders = await repository.holders(row["id"], now)
    return LabelTaskDetail(
        task=_task(row, settings, signer, now),
        settings=settings,
        labels=[_given(each) for each in given],
        agreements=[
            AgreementOut(first=a["annotator"], second=b["annotator"], **_compared(a, b))
            for a, b in combinations(given, 2)
        ],
        marks=[mark_of(each) for each in marks],
        accepted_label=row["accepted_label_id"],
        leased_until=holders.get(user.email),
    )


def _compared(a: Row, b: Row) -> dict[str, Any]:
    return vars(agreement(answer_of(a["body"]), answer_of(b["body"])))


def _given(row: Row) -> GivenLabel:
    names = ("id", "annotator", "labelled_at", "seconds", "source", "note")
    body = row["body"]
    return GivenLabel(
        **{name: row[name] for name in names},
        boxes=body.get("boxes", []),
        classes=body.get("classes", []),
        scores=body.get("scores", {}),
    )


def _task(row: Row, settings: LabelSettings, signer: UrlSigner, now: datetime) -> LabelTask:
    names = (
        "id", "site", "unit", "device", "camera", "captured_at", "sha256", "width", "height", "source", "reason",
        "priority", "uncertainty", "novelty", "status", "labels", "marks", "agreement", "review_note",
    )  # fmt: skip
    return LabelTask(
        **{name: row[name] for name in names},
        image_url=signer.sign(f"{PATH}{row['id']}/image", now),
        model=model_of(row),
        proposals=[Detection.model_validate(one) for one in row["detections"]],
        wanted=settings.annotators,
    )


def _position(cursor: str) -> tuple[float, UUID]:
    priority, key = decode_cursor(cursor, 2)
    try:
        found = float(priority), UUID(key)
    except ValueError:
        found = None
    if found is None or not math.isfinite(found[0]):
        raise InvalidCursorError("The cursor is not one that this list returned; start again without it")
    return found
