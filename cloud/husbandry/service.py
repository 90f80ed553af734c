"""Batches, and reading the diary. What is written is ``writing``."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from aquaculture.lice import MIN_FISH, lice_limit, lice_mean
from aquaculture.stock import Book
from cloud.auth.dependencies import Principal
from cloud.errors import ConflictError, InvalidCursorError, NotFoundError
from cloud.farms.service import find_site_id
from cloud.husbandry.books import books_of, holdings_of, recorded_of, shown_batch, with_density
from cloud.husbandry.repository import HusbandryRepository
from cloud.husbandry.schemas import (
    Batch,
    BatchPage,
    Change,
    Holding,
    LiceStatus,
    NewBatch,
    RecordHistory,
    RecordPage,
)
from cloud.kit.ids import decode_cursor, decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection


async def add_batch(writer: WriteConnection, user: Principal, new: NewBatch, now: datetime) -> Batch:
    """Begin to follow a batch; the same batch again changes nothing.

    Raises:
        ConflictError: another batch has this code.
    """
    repository = HusbandryRepository(writer, user.scope)
    added = await repository.add_batch(code=new.code, species=new.species, origin=new.origin, actor=user.email, now=now)
    row = await repository.batch(new.code)
    assert row is not None  # noqa: S101  (just added, or the reason why not)
    if not added and (row["species"], row["origin"]) != (new.species, new.origin):
        raise ConflictError(f"Batch {new.code} exists with species {row['species']} and origin {row['origin']!r}")
    return await _batch(repository, row)


async def list_batches(reader: ReadConnection, user: Principal, page: PageQuery) -> BatchPage:
    """Batches of the organization, by code."""
    repository = HusbandryRepository(reader, user.scope)
    after = None if page.cursor is None else decode_cursor(page.cursor, 1)[0]
    rows = await repository.batches(after=after, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["code"]))
    books = books_of(await repository.stock_records(batch_ids=[row["id"] for row in shown]))
    return BatchPage(items=[shown_batch(row, books.get(row["code"], Book())) for row in shown], next_cursor=cursor)


async def get_batch(reader: ReadConnection, user: Principal, code: str) -> Batch:
    """One batch.

    Raises:
        NotFoundError: the organization has no such batch.
    """
    repository = HusbandryRepository(reader, user.scope)
    row = await repository.batch(code)
    if row is None:
        raise NotFoundError(f"There is no batch {code!r}")
    return await _batch(repository, row)


async def list_holdings(reader: ReadConnection, user: Principal, site: str) -> list[Holding]:
    """What each unit of a site holds now.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(reader, user, site)
    repository = HusbandryRepository(reader, user.scope)
    units = await repository.units(site_id)
    books = books_of(await repository.stock_records(site_id=site_id))
    found = [holding for code, each in books.items() for holding in holdings_of(code, each) if holding.site == site]
    return [
        with_density(holding, units[holding.unit]["volume_m3"])
        for holding in sorted(found, key=lambda h: (h.unit, h.batch))
    ]


async def list_records(
    reader: ReadConnection,
    user: Principal,
    site: str,
    page: PageQuery,
    *,
    kind: str | None,
    unit: str | None,
    batch: str | None,
    start: datetime | None,
    end: datetime | None,
) -> RecordPage:
    """Records of a site, newest first.

    Raises:
        NotFoundError: the organization has no such site or unit.
    """
    site_id = await find_site_id(reader, user, site)
    repository = HusbandryRepository(reader, user.scope)
    unit_id = None
    if unit is not None:
        units = await repository.units(site_id)
        if unit not in units:
            raise NotFoundError(f"There is no unit {unit!r} at {site}")
        unit_id = units[unit]["id"]
    before = None if page.cursor is None else _position(page.cursor)
    rows = await repository.records(
        site_id, kind=kind, unit_id=unit_id, batch=batch, start=start, end=end, before=before, rows=page.rows
    )
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["occurred_at"].isoformat(), str(row["id"])))
    return RecordPage(items=[recorded_of(row) for row in shown], next_cursor=cursor)


async def get_record(reader: ReadConnection, user: Principal, record_id: UUID) -> RecordHistory:
    """One record with its history.

    Raises:
        NotFoundError: the organization has no such record.
    """
    repository = HusbandryRepository(reader, user.scope)
    row = await repository.record(record_id)
    if row is None:
        raise NotFoundError(f"There is no record {record_id}")
    changes = [Change(**change) for change in await repository.history(record_id)]
    return RecordHistory(recorded=recorded_of(row), changes=changes)


async def list_lice(
    reader: ReadConnection, user: Principal, site: str, *, region: str | None, now: datetime
) -> list[LiceStatus]:
    """The newest lice count of every pen of a site, with its doubt, against the limit of the region.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(reader, user, site)
    rows = await HusbandryRepository(reader, user.scope).newest_by_unit(
        site_id, "lice_count", since=now - timedelta(days=366)
    )
    found = []
    for row in rows:
        body = row["body"]
        fish = body["fish"]
        mean = lice_mean(body["adult_females"], fish)
        limit = None if region is None else lice_limit(region, row["occurred_at"].date())
        found.append(
            LiceStatus(
                record=row["id"],
                unit=row["unit"],
                occurred_at=row["occurred_at"],
                fish=fish,
                adult_females=mean.mean,
                low=mean.low,
                high=mean.high,
                mobile=body["mobile"] / fish,
                attached=body["attached"] / fish,
                limit=None if limit is None else limit.adult_females,
                limit_source=None if limit is None else f"{limit.source} [{limit.evidence}]",
                verdict=None if limit is None else mean.against(limit.adult_females),
                enough_fish=fish >= MIN_FISH,
            )
        )
    return found


async def _batch(repository: HusbandryRepository, row: Row) -> Batch:
    books = books_of(await repository.stock_records(batch_ids=[row["id"]]))
    return shown_batch(row, books.get(row["code"], Book()))


def _position(cursor: str) -> tuple[datetime, UUID]:
    moment, key = decode_moment_cursor(cursor)
    try:
        return moment, UUID(key)
    except ValueError as error:
        raise InvalidCursorError("The cursor is not one that this list returned; start again without it") from error
