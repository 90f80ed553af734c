"""Writing the diary so that its books always balance.

A record is checked against the records of its batch inside the transaction that stores it, with the batch locked: two people
who harvest the same pen at once cannot both succeed. A record is never changed; it is struck out and written anew.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from aquaculture.stock import Move, StockError
from cloud.auth.dependencies import Principal
from cloud.errors import (
    BadRequestError,
    ConflictError,
    InvalidFileError,
    NotFoundError,
    StockMismatchError,
    WithdrawalRunningError,
)
from cloud.farms.service import find_site_id
from cloud.husbandry.books import books_of, content_of, recorded_of
from cloud.husbandry.records import COMMON
from cloud.husbandry.repository import HusbandryRepository
from cloud.husbandry.rules import MAX_FAULTS, Fault, read_rows
from cloud.husbandry.schemas import Imported, Recorded, RowFault, Strike
from cloud.husbandry.withdrawals import DailyTemperatures, clocks
from cloud.kit.repository import ReadConnection, Row, WriteConnection

log = structlog.get_logger()

AHEAD = timedelta(minutes=10)
"""How far a person's clock may be ahead."""


@dataclass(frozen=True)
class Writing:
    """Who writes, from where, and when."""

    user: Principal
    origin: str | None
    now: datetime


async def record(
    writer: WriteConnection, writing: Writing, site: str, new: Any, temperatures: DailyTemperatures
) -> tuple[Recorded, bool]:
    """Write one record down; returns it as it stands, and whether it is new.

    Raises:
        NotFoundError: the organization has no such site, unit or batch.
        BadRequestError: it lies in the future.
        ConflictError: another record has this id.
        StockMismatchError: it takes more fish than there are.
        WithdrawalRunningError: a treatment forbids this harvest.
    """
    diary = await _Diary.open(writer, writing, site)
    await diary.check_names(new)
    before = await diary.repository.known([new.id])
    if before:
        return _same(before[new.id], site, new), False
    await diary.write([new], change="recorded", temperatures=temperatures)
    row = await diary.repository.record(new.id)
    if row is None:  # somebody else's organization has this id
        raise ConflictError(f"The id {new.id} is taken; make a new one")
    log.info("diary_recorded", site=site, kind=new.kind, record=str(new.id), user=writing.user.id)
    return recorded_of(row), True


async def import_rows(
    writer: WriteConnection,
    writing: Writing,
    site: str,
    text: str,
    temperatures: DailyTemperatures,
    *,
    kind: str,
    dry_run: bool,
) -> Imported:
    """A CSV file into the diary: every row, or none.

    Raises:
        NotFoundError: the organization has no such site.
        InvalidFileError: rows are at fault, each named; nothing was recorded. A dry run answers them instead.
    """
    diary = await _Diary.open(writer, writing, site)
    records, faults = read_rows(text, kind=kind, units=diary.units, batches=set(diary.batches))
    known = await diary.repository.known([each.id for each in records])
    fresh = [each for each in records if each.id not in known]
    if not faults:
        try:
            async with writer.begin_nested() as attempt:
                await diary.write(fresh, change="imported", temperatures=temperatures)
                if dry_run:
                    await attempt.rollback()
        except (StockMismatchError, WithdrawalRunningError, BadRequestError, ConflictError) as error:
            faults = [Fault(0, "file", "", error.detail)]
    if faults and not dry_run:
        shown = [
            (f"row {fault.row}.{fault.field}", f"{fault.message} (is {fault.value!r})") for fault in faults[:MAX_FAULTS]
        ]
        raise InvalidFileError(
            f"{len(faults)} faults, nothing was recorded. First: {shown[0][0]}: {shown[0][1]}", shown
        )
    return Imported(
        rows=len(records) + len({fault.row for fault in faults}),
        recorded=0 if faults else len(fresh),
        repeated=len(known),
        faults=[
            RowFault(row=fault.row, field=fault.field, value=fault.value, message=fault.message)
            for fault in faults[:MAX_FAULTS]
        ],
        dry_run=dry_run,
    )


async def strike(writer: WriteConnection, writing: Writing, record_id: UUID, why: Strike) -> Recorded:
    """Strike a record out, when the book balances without it; doing it again changes nothing.

    Raises:
        NotFoundError: the organization has no such record.
        StockMismatchError: later records need the fish that this one brought.
    """
    repository = HusbandryRepository(writer, writing.user.scope)
    row = await repository.record(record_id)
    if row is None:
        raise NotFoundError(f"There is no record {record_id}")
    if row["batch"] is not None:
        await repository.batch(row["batch"], lock=True)
    if await repository.strike(record_id, actor=writing.user.email, reason=why.reason, now=writing.now):
        await repository.add_changes(
            [_change(record_id, "struck", writing, before=content_of(row), after={"reason": why.reason})]
        )
        if row["batch"] is not None:
            batch = await repository.batch(row["batch"])
            await _check_books(repository, [] if batch is None else [batch["id"]])
        log.info("diary_struck", record=str(record_id), user=writing.user.id)
    changed = await repository.record(record_id)
    assert changed is not None  # noqa: S101
    return recorded_of(changed)


class _Diary:
    """The diary of one site within one transaction."""

    def __init__(self, writer: WriteConnection, writing: Writing, site: str, site_id: int) -> None:
        self.repository = HusbandryRepository(writer, writing.user.scope)
        self.units: dict[str, Row] = {}
        self.batches: dict[str, int] = {}
        self._writer = writer
        self._writing = writing
        self._site = site
        self._site_id = site_id

    @classmethod
    async def open(cls, writer: WriteConnection, writing: Writing, site: str) -> _Diary:
        # A read of one row within the transaction: the types keep readers from writing, not writers from reading.
        site_id = await find_site_id(ReadConnection(writer), writing.user, site)
        diary = cls(writer, writing, site, site_id)
        diary.units = await diary.repository.units(site_id)
        diary.batches = {row["code"]: row["id"] for row in await diary.repository.batches()}
        return diary

    async def check_names(self, new: Any) -> None:
        for field in ("unit", "to_unit"):
            unit = getattr(new, field, None)
            if unit is not None and unit not in self.units:
                raise NotFoundError(f"{field} = {unit!r}: there is no such unit at {self._site}")
        batch = getattr(new, "batch", None)
        if batch is not None and batch not in self.batches:
            raise NotFoundError(f"batch = {batch!r}: there is no such batch; add it first")

    async def write(self, records: Sequence[Any], *, change: str, temperatures: DailyTemperatures) -> None:
        now = self._writing.now
        for new in records:
            if new.occurred_at > now + AHEAD:
                raise BadRequestError(
                    f"occurred_at = {new.occurred_at.isoformat()} is in the future; check date and time zone"
                )
        touched = sorted({new.batch for new in records if getattr(new, "batch", None) is not None})
        for code in touched:  # in one order everywhere
            await self.repository.batch(code, lock=True)
        added = await self.repository.add([self._row(new) for new in records])
        if len(added) < len(records):
            taken = next(new.id for new in records if new.id not in added)
            raise ConflictError(f"The id {taken} is taken; make a new one")
        await self.repository.add_changes(
            [_change(new.id, change, self._writing, after=_written(new)) for new in records]
        )
        await _check_books(self.repository, [self.batches[code] for code in touched])
        harvests = [new for new in records if new.kind == Move.HARVEST.value]
        if harvests:
            await self._check_withdrawals(harvests, temperatures)

    async def _check_withdrawals(self, harvests: Sequence[Any], temperatures: DailyTemperatures) -> None:
        for harvest in harvests:
            for clock in await clocks(self.repository, self._writer, self._site_id, temperatures, harvest.occurred_at):
                if harvest.unit in clock.holds and not clock.cleared:
                    when = "not to be foretold" if clock.clears_on is None else f"about {clock.clears_on.isoformat()}"
                    raise WithdrawalRunningError(
                        f"{harvest.unit} holds fish treated with {clock.product} until {clock.ended_at.date().isoformat()}:"
                        f" {clock.degree_days:g} of {clock.needed_degree_days:g} degree-days and {clock.days:g} of"
                        f" {clock.needed_days:g} days have passed ({clock.unmeasured_days} days without a temperature count"
                        f" nothing); over {when}"
                    )

    def _row(self, new: Any) -> dict[str, Any]:
        unit, to_unit = getattr(new, "unit", None), getattr(new, "to_unit", None)
        batch = getattr(new, "batch", None)
        return {
            "id": new.id,
            "site_id": self._site_id,
            "unit_id": None if unit is None else self.units[unit]["id"],
            "to_unit_id": None if to_unit is None else self.units[to_unit]["id"],
            "batch_id": None if batch is None else self.batches[batch],
            "kind": new.kind,
            "occurred_at": new.occurred_at,
            "body": {name: value for name, value in _written(new).items() if name not in COMMON},
            "recorded_at": self._writing.now,
            "recorded_by": self._writing.user.email,
        }


async def _check_books(repository: HusbandryRepository, batch_ids: Collection[int]) -> None:
    if not batch_ids:
        return
    try:
        books_of(await repository.stock_records(batch_ids=batch_ids))
    except StockError as error:
        raise StockMismatchError(str(error)) from error


def _written(new: Any) -> dict[str, Any]:
    content: dict[str, Any] = new.model_dump(mode="json")
    return content


def _same(row: Row, site: str, new: Any) -> Recorded:
    stands = recorded_of(row)
    if row["site"] != site or stands.record != new:
        raise ConflictError(
            f"The record {new.id} is in the diary with another content; strike it out and write a new one"
        )
    return stands


def _change(
    record_id: UUID,
    change: str,
    writing: Writing,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "record_id": record_id,
        "change": change,
        "changed_at": writing.now,
        "actor": writing.user.email,
        "origin": writing.origin,
        "before": before,
        "after": after,
    }
