"""What is done with pictures that people and programs send, and what they did before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cloud.auth.dependencies import Principal
from cloud.auth.scope import Scope
from cloud.errors import ApiError, BadRequestError, BusyError, InvalidRangeError, NotFoundError
from cloud.farms.service import get_unit
from cloud.kit.ids import decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import Database, ReadConnection, Row
from cloud.observations.images import path_of
from cloud.predictions.catalogue import Choice
from cloud.predictions.repository import PredictionRepository
from cloud.predictions.rules import Level
from cloud.predictions.schemas import (
    BatchItem,
    BatchPrediction,
    DayUse,
    Explanation,
    Levels,
    ModelUse,
    PastPrediction,
    PictureOut,
    PictureProblem,
    Prediction,
    PredictionPage,
    PredictionStats,
    SpeciesCount,
    SpeciesOut,
)
from cloud.predictions.serving import Picture, Served, Serving
from contracts.bundles import Task
from contracts.vision import ModelRef

MAX_FILES: Final = 64
"""Pictures in one request."""
MAX_REFERENCES: Final = 1000
"""Stored images that one request may refer to."""
_AT_ONCE: Final = 8
"""Pictures of one batch that are under way together: enough to fill a model's batch, and others get their turn."""
_BUSY_TRIES: Final = 20
_USUAL_PERIOD: Final = timedelta(days=30)
_LONGEST_PERIOD: Final = timedelta(days=366)
_MAX_ROW: Final = 2**63 - 1


@dataclass(frozen=True)
class Asked:
    """What a request says beside its pictures."""

    source: str
    task: Task | None = None
    model: str | None = None
    version: str | None = None
    unit_id: int | None = None
    probabilities: bool = False


@dataclass(frozen=True)
class Source:
    """A picture that is read when its turn comes."""

    name: str
    read: Callable[[], Awaitable[bytes]]


async def predict_one(database: Database, serving: Serving, user: Principal, data: bytes, asked: Asked) -> Prediction:
    """One picture, kept in the history.

    Raises:
        ApiError: the picture, the unit or the model cannot be used, or too much is waiting.
    """
    choice = await choose(database, serving, user, asked)
    with serving.arriving(choice.model):
        picture = serving.check(data)
    served = await serving.predict(picture, choice)
    now = datetime.now(timezone.utc)
    async with database.append() as writer:
        kept = await PredictionRepository(writer, user.scope).add([_row(picture, served, asked, now)])
    return _out(picture, served, asked, now, key=kept[0])


async def explain(database: Database, serving: Serving, user: Principal, data: bytes, asked: Asked) -> Explanation:
    """Which parts of a picture a classifier's answer rests on. Nothing of it is kept.

    Raises:
        BadRequestError: the model is no classifier.
        ApiError: the picture, the unit or the model cannot be used, or another picture is being explained.
    """
    choice = await choose(database, serving, user, asked)
    if choice.model.manifest.task is not Task.CLASSIFICATION:
        raise BadRequestError(
            f"model: {choice.model.key} is no classifier; of its {choice.model.manifest.task.value} the boxes tell what it saw"
        )
    picture = serving.check(data)
    found = await serving.explain(picture, choice)
    return Explanation(
        model=model_ref(choice),
        image_sha256=picture.sha256,
        label=found.label,
        confidence=found.confidence,
        lost=[list(row) for row in found.lost],
    )


async def predict_batch(
    database: Database, serving: Serving, user: Principal, sources: Sequence[Source], asked: Asked
) -> BatchPrediction:
    """Several pictures; those that can be used are kept in the history.

    Raises:
        ApiError: the unit or the model cannot be used.
    """
    choice = await choose(database, serving, user, asked)
    items, rows = await predict_all(serving, sources, choice, asked)
    if rows:
        async with database.write() as writer:
            await PredictionRepository(writer, user.scope).add(rows)
    return batch_of(choice, items)


async def choose(database: Database, serving: Serving, user: Principal, asked: Asked) -> Choice:
    """The version for a request.

    Raises:
        NotFoundError: the user's organization has no such unit, or there is no such model.
        NoModelError: none is installed that does it.
    """
    unit = None
    if asked.unit_id is not None:
        async with database.read() as reader:
            found = await get_unit(reader, user, asked.unit_id)
        unit = f"{found.site}/{found.slug}"
    return serving.catalogue.choose(asked.task, model=asked.model, version=asked.version, unit=unit)


async def predict_all(
    serving: Serving,
    sources: Sequence[Source],
    choice: Choice,
    asked: Asked,
    *,
    task_id: UUID | None = None,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> tuple[list[BatchItem], list[dict[str, Any]]]:
    """Every picture's answer or problem, and the rows to keep; a few are under way at a time.

    Raises:
        UnusableModelError: the version cannot be run; no picture has an answer then.
    """
    room, done = asyncio.Semaphore(_AT_ONCE), 0
    rows: list[dict[str, Any]] = []

    async def one(index: int, source: Source) -> BatchItem:
        nonlocal done
        async with room:
            try:
                picture = serving.check(await source.read())
                served = await _patiently(serving, picture, choice)
            except ApiError as error:
                if error.status == ApiError.status or error.code == "unusable_model":
                    raise
                item = BatchItem(
                    index=index, name=source.name, problem=PictureProblem(code=error.code, detail=error.detail)
                )
            else:
                now = datetime.now(timezone.utc)
                rows.append(_row(picture, served, asked, now, task_id=task_id, index=index))
                item = BatchItem(index=index, name=source.name, prediction=_out(picture, served, asked, now))
            done += 1
            on_progress(done)
            return item

    working = [asyncio.ensure_future(one(index, source)) for index, source in enumerate(sources)]
    try:
        return list(await asyncio.gather(*working)), rows
    finally:
        for each in working:  # after a failure the others need not go on
            each.cancel()


def batch_of(choice: Choice, items: Sequence[BatchItem]) -> BatchPrediction:
    """The whole of a batch."""
    predicted = sum(item.prediction is not None for item in items)
    return BatchPrediction(
        model=model_ref(choice), predicted=predicted, failed=len(items) - predicted, items=list(items)
    )


def model_ref(choice: Choice) -> ModelRef:
    """The version by its names."""
    manifest = choice.model.manifest
    return ModelRef(name=manifest.name, version=manifest.version, sha256=manifest.sha256)


async def _patiently(serving: Serving, picture: Picture, choice: Choice) -> Served:
    """A batch gives way to single requests and comes again, for a while."""
    for _ in range(_BUSY_TRIES):
        try:
            return await serving.predict(picture, choice)
        except BusyError:  # noqa: PERF203 - a loop of retries
            await asyncio.sleep(0.25)
    return await serving.predict(picture, choice)


def parse_references(text: str) -> list[str]:
    """Hashes in a form field, separated by commas or white space.

    Raises:
        BadRequestError: too many, or one is no sha256.
    """
    found = text.replace(",", " ").split()
    if len(found) > MAX_REFERENCES:
        raise BadRequestError(
            f"{len(found)} references are too many; {MAX_REFERENCES} fit. Send the rest in another request"
        )
    for each in found:
        if len(each) != 64 or not set(each) <= set("0123456789abcdef"):  # noqa: PLR2004 - hexadecimal sha256
            raise BadRequestError(f"{each[:80]!r} is no sha256; take `image_sha256` of an observation")
    return found


async def stored_sources(
    database: Database, scope: Scope, references: Sequence[str], *, storage_dir: Path
) -> list[Source]:
    """Evidence images by reference. What is not there, or another organization's, fails when it is read."""
    async with database.read() as reader:
        known = await PredictionRepository(reader, scope).stored_images(references) if references else set()

    def source(sha256: str) -> Source:
        async def read() -> bytes:
            try:
                if sha256 not in known:
                    raise FileNotFoundError
                return await asyncio.to_thread(path_of(storage_dir, sha256).read_bytes)
            except OSError:
                raise NotFoundError("There is no such image") from None

        return Source(sha256, read)

    return [source(each) for each in references]


async def list_predictions(
    reader: ReadConnection,
    user: Principal,
    page: PageQuery,
    *,
    start: datetime | None,
    end: datetime | None,
    unit_id: int | None,
    label: str | None,
    model: str | None,
    level: Level | None,
) -> PredictionPage:
    """Past predictions of the organization, newest first.

    Raises:
        NotFoundError: the user's organization has no such unit.
        InvalidCursorError: the cursor is not one of this list.
    """
    before = None
    if page.cursor is not None:
        moment, key = decode_moment_cursor(page.cursor)
        before = (moment, min(int(key), _MAX_ROW) if key.isdecimal() else 0)
    if unit_id is not None:
        await get_unit(reader, user, unit_id)
    rows = await PredictionRepository(reader, user.scope).history(
        start=start,
        end=end,
        unit_id=unit_id,
        label=label,
        model=model,
        level=None if level is None else level.value,
        before=before,
        rows=page.rows,
    )
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["created_at"].isoformat(), str(row["id"])))
    return PredictionPage(items=[_past(row) for row in shown], next_cursor=cursor)


async def count_species(
    reader: ReadConnection, user: Principal, *, start: datetime | None, end: datetime | None, unit_id: int | None
) -> SpeciesOut:
    """What classifications named over a period.

    Raises:
        NotFoundError: the user's organization has no such unit.
        InvalidRangeError: the period is empty or too long.
    """
    first, last = _period(start, end)
    if unit_id is not None:
        await get_unit(reader, user, unit_id)
    rows = await PredictionRepository(reader, user.scope).species(first, last, unit_id)
    return SpeciesOut(
        start=first,
        end=last,
        items=[
            SpeciesCount(
                label=row["label"],
                predictions=row["predictions"],
                confidence_mean=row["confidence_mean"],
                levels=_levels(row),
                last_at=row["last_at"],
            )
            for row in rows
        ],
    )


async def prediction_stats(
    reader: ReadConnection, user: Principal, *, start: datetime | None, end: datetime | None, unit_id: int | None
) -> PredictionStats:
    """Predictions of the organization over a period, by version and by day.

    Raises:
        NotFoundError: the user's organization has no such unit.
        InvalidRangeError: the period is empty or too long.
    """
    first, last = _period(start, end)
    if unit_id is not None:
        await get_unit(reader, user, unit_id)
    repository = PredictionRepository(reader, user.scope)
    versions = await repository.by_model(first, last, unit_id)
    days = await repository.by_day(first, last, unit_id)
    return PredictionStats(
        start=first,
        end=last,
        predictions=sum(row["predictions"] for row in versions),
        unknown=sum(row["unknown"] for row in versions),
        by_model=[
            ModelUse(
                model=_ref(row),
                task=row["task"],
                arm=row["arm"],
                predictions=row["predictions"],
                unknown=row["unknown"],
                levels=_levels(row),
                cached=row["cached"],
                confidence_mean=row["confidence_mean"],
                latency_ms_mean=row["latency_ms_mean"],
            )
            for row in versions
        ],
        by_day=[DayUse(**row) for row in days],
    )


def _period(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    try:
        last = end or (start + _USUAL_PERIOD if start is not None else datetime.now(timezone.utc))
        first = start or last - _USUAL_PERIOD
    except OverflowError:
        raise InvalidRangeError("The period lies outside the calendar") from None
    if not timedelta(0) < last - first <= _LONGEST_PERIOD:
        raise InvalidRangeError(f"A period may have up to {_LONGEST_PERIOD.days} days, and its end is after its start")
    return first, last


def _row(
    picture: Picture,
    served: Served,
    asked: Asked,
    now: datetime,
    *,
    task_id: UUID | None = None,
    index: int | None = None,
) -> dict[str, Any]:
    model, answer = served.choice.model.manifest, served.answer
    return {
        "unit_id": asked.unit_id,
        "created_at": now,
        "source": asked.source,
        "task_id": task_id,
        "task_index": None if task_id is None else index,
        "image_sha256": picture.sha256,
        "task": model.task.value,
        "model_name": model.name,
        "model_version": model.version,
        "model_sha256": model.sha256,
        "arm": served.choice.arm,
        "label": answer.label,
        "best_label": answer.best_label,
        "confidence": answer.confidence,
        "level": None if served.level is None else served.level.value,
        "found": len(answer.detections) if model.task is Task.DETECTION else None,
        "latency_ms": served.latency_ms,
        "cached": served.cached,
    }


def _out(picture: Picture, served: Served, asked: Asked, now: datetime, *, key: int | None = None) -> Prediction:
    task, answer = served.choice.model.manifest.task, served.answer
    wanted = asked.probabilities or task is Task.SCORES
    return Prediction(
        id=key,
        created_at=now,
        image=PictureOut(
            sha256=picture.sha256,
            media_type=picture.header.media_type,
            width=picture.header.width,
            height=picture.header.height,
            turned=picture.header.turned,
        ),
        unit_id=asked.unit_id,
        task=task,
        model=model_ref(served.choice),
        arm=served.choice.arm,
        label=answer.label,
        best_label=answer.best_label,
        confidence=answer.confidence,
        level=served.level,
        probabilities=answer.probabilities if wanted else None,
        present=answer.present,
        detections=answer.detections,
        count=len(answer.detections) if task is Task.DETECTION else None,
        latency_ms=served.latency_ms,
        cached=served.cached,
    )


def _past(row: Row) -> PastPrediction:
    return PastPrediction(
        model=_ref(row),
        count=row["found"],
        **{name: row[name] for name in PastPrediction.model_fields if name not in {"model", "count"}},
    )


def _ref(row: Row) -> ModelRef:
    return ModelRef(name=row["model_name"], version=row["model_version"], sha256=row["model_sha256"])


def _levels(row: Row) -> Levels:
    return Levels(high=row["high"], medium=row["medium"], low=row["low"])
