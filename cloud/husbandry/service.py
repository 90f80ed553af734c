"""Writing the diary so that its books always balance, and reading it.

A record is checked against the records of its batch inside the transaction that stores it, with the batch locked: two people
who harvest the same pen at once cannot both succeed. A record is never changed; it is struck out and written anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog

from aquaculture.lice import MIN_FISH, lice_limit, lice_mean
from aquaculture.stock import Book, Move, StockError, book
from aquaculture.withdrawal import Withdrawal as Prescription
from aquaculture.withdrawal import WithdrawalState, withdrawal_state
from cloud.auth.dependencies import Principal
from cloud.errors import (
    BadRequestError,
    ConflictError,
    InvalidCursorError,
    InvalidFileError,
    NotFoundError,
    StockMismatchError,
    WithdrawalRunningError,
)
from cloud.farms.service import find_site_id
from cloud.husbandry.records import COMMON, RECORDS
from cloud.husbandry.repository import HusbandryRepository
from cloud.husbandry.rules import MAX_FAULTS, Entry, Fault, bound_units, read_rows, stock_entries
from cloud.husbandry.schemas import (
    Batch,
    BatchPage,
    Change,
    Holding,
    Imported,
    LiceStatus,
    NewBatch,
    Recorded,
    RecordHistory,
    RecordPage,
    RowFault,
    Strike,
    Withdrawal,
)
from cloud.kit.ids import decode_cursor, decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection

log = structlog.get_logger()

AHEAD = timedelta(minutes=10)
"""How far a person's clock may be ahead."""
LOOK_BACK = timedelta(days=5 * 366)
"""How long treatments are looked at: medicine records are kept for five years (Regulation (EU) 2019/6 article 108) [K]."""


class DailyTemperatures(Protocol):
    """Measured mean water temperature by unit id and UTC day, in Cel; days without a measurement are absent."""

    async def __call__(
        self, connection: ReadConnection | WriteConnection, unit_ids: Collection[int], first: date, last: date
    ) -> dict[tuple[int, date], float]:
        """Of these units, from ``first`` to ``last``, both included."""
        ...


@dataclass(frozen=True)
class Writing:
    """Who writes, from where, and when."""

    user: Principal
    origin: str | None
    now: datetime


# -- batches ---------------------------------------------------------------------------------------------------------


async def add_batch(writer: WriteConnection, user: Principal, new: NewBatch, now: datetime) -> Batch:
    """Begin to follow a batch; the same batch again changes nothing.

    Raises:
        ConflictError: another batch has this code.
    """
    repository = HusbandryRepository(writer, user.organization_id)
    added = await repository.add_batch(code=new.code, species=new.species, origin=new.origin, actor=user.email, now=now)
    row = await repository.batch(new.code)
    assert row is not None  # noqa: S101  (just added, or the reason why not)
    if not added and (row["species"], row["origin"]) != (new.species, new.origin):
        raise ConflictError(f"Batch {new.code} exists with species {row['species']} and origin {row['origin']!r}")
    return await _batch(repository, row)


async def list_batches(reader: ReadConnection, user: Principal, page: PageQuery) -> BatchPage:
    """Batches of the organization, by code."""
    repository = HusbandryRepository(reader, user.organization_id)
    after = None if page.cursor is None else decode_cursor(page.cursor, 1)[0]
    rows = await repository.batches(after=after, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["code"]))
    books = _books(await repository.stock_records(batch_ids=[row["id"] for row in shown]))
    return BatchPage(items=[_shown_batch(row, books.get(row["code"], Book())) for row in shown], next_cursor=cursor)


async def get_batch(reader: ReadConnection, user: Principal, code: str) -> Batch:
    """One batch.

    Raises:
        NotFoundError: the organization has no such batch.
    """
    repository = HusbandryRepository(reader, user.organization_id)
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
    repository = HusbandryRepository(reader, user.organization_id)
    units = await repository.units(site_id)
    books = _books(await repository.stock_records(site_id=site_id))
    found = [holding for code, each in books.items() for holding in _holdings(code, each) if holding.site == site]
    return [
        _with_density(holding, units[holding.unit]["volume_m3"])
        for holding in sorted(found, key=lambda h: (h.unit, h.batch))
    ]


# -- writing ---------------------------------------------------------------------------------------------------------


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
    return _recorded(row), True


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
    repository = HusbandryRepository(writer, writing.user.organization_id)
    row = await repository.record(record_id)
    if row is None:
        raise NotFoundError(f"There is no record {record_id}")
    if row["batch"] is not None:
        await repository.batch(row["batch"], lock=True)
    if await repository.strike(record_id, actor=writing.user.email, reason=why.reason, now=writing.now):
        await repository.add_changes(
            [_change(record_id, "struck", writing, before=_content(row), after={"reason": why.reason})]
        )
        if row["batch"] is not None:
            batch = await repository.batch(row["batch"])
            await _check_books(repository, [] if batch is None else [batch["id"]])
        log.info("diary_struck", record=str(record_id), user=writing.user.id)
    changed = await repository.record(record_id)
    assert changed is not None  # noqa: S101
    return _recorded(changed)


# -- reading ---------------------------------------------------------------------------------------------------------


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
    repository = HusbandryRepository(reader, user.organization_id)
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
    return RecordPage(items=[_recorded(row) for row in shown], next_cursor=cursor)


async def get_record(reader: ReadConnection, user: Principal, record_id: UUID) -> RecordHistory:
    """One record with its history.

    Raises:
        NotFoundError: the organization has no such record.
    """
    repository = HusbandryRepository(reader, user.organization_id)
    row = await repository.record(record_id)
    if row is None:
        raise NotFoundError(f"There is no record {record_id}")
    changes = [Change(**change) for change in await repository.history(record_id)]
    return RecordHistory(recorded=_recorded(row), changes=changes)


async def list_withdrawals(
    reader: ReadConnection, user: Principal, site: str, temperatures: DailyTemperatures, now: datetime
) -> list[Withdrawal]:
    """Treatments at a site whose withdrawal still runs, and what they hold back.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(reader, user, site)
    repository = HusbandryRepository(reader, user.organization_id)
    clocks = await _clocks(repository, reader, site_id, temperatures, now)
    return [clock for clock in clocks if not clock.cleared]


async def list_lice(
    reader: ReadConnection, user: Principal, site: str, *, region: str | None, now: datetime
) -> list[LiceStatus]:
    """The newest lice count of every pen of a site, with its doubt, against the limit of the region.

    Raises:
        NotFoundError: the organization has no such site.
    """
    site_id = await find_site_id(reader, user, site)
    rows = await HusbandryRepository(reader, user.organization_id).newest_by_unit(
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


# -- how it is done --------------------------------------------------------------------------------------------------


class _Diary:
    """The diary of one site within one transaction."""

    def __init__(self, writer: WriteConnection, writing: Writing, site: str, site_id: int) -> None:
        self.repository = HusbandryRepository(writer, writing.user.organization_id)
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
            for clock in await _clocks(self.repository, self._writer, self._site_id, temperatures, harvest.occurred_at):
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
        _books(await repository.stock_records(batch_ids=batch_ids))
    except StockError as error:
        raise StockMismatchError(str(error)) from error


async def _clocks(
    repository: HusbandryRepository,
    connection: ReadConnection | WriteConnection,
    site_id: int,
    temperatures: DailyTemperatures,
    at: datetime,
) -> list[Withdrawal]:
    """The withdrawal clocks of a site's treatments at a moment."""
    rows = await repository.valid(site_id, ("treatment", "transfer"), since=at - LOOK_BACK)
    entries = [_entry(row) for row in rows]
    treatments = [entry for entry in entries if entry.kind == "treatment" and entry.occurred_at <= at]
    if not treatments:
        return []
    transfers = [entry for entry in entries if entry.kind == "transfer"]
    units = await repository.units(site_id)
    clocks = []
    for treatment in treatments:
        holds = sorted(bound_units(treatment, transfers, at))
        ended_at = datetime.fromisoformat(treatment.body["ended_at"])
        measured = await temperatures(connection, [units[unit]["id"] for unit in holds], ended_at.date(), at.date())
        state = _state(treatment, ended_at, measured, at)
        clocks.append(_withdrawal(treatment, holds, ended_at, state))
    return clocks


def _state(
    treatment: Entry, ended_at: datetime, measured: Mapping[tuple[int, date], float], at: datetime
) -> WithdrawalState:
    """Where fish of one treatment are in several units, each day counts as the coldest of them."""
    daily: dict[date, float] = {}
    for (_, day), mean_c in measured.items():
        daily[day] = min(mean_c, daily.get(day, mean_c))
    needed = Prescription(treatment.body["withdrawal_degree_days"], treatment.body["withdrawal_days"])
    return withdrawal_state(needed, ended_at, daily, at)


def _withdrawal(treatment: Entry, holds: list[str], ended_at: datetime, state: WithdrawalState) -> Withdrawal:
    return Withdrawal(
        treatment=treatment.id,
        product=treatment.body["product"],
        unit=treatment.unit or "",
        holds=holds,
        ended_at=ended_at,
        needed_degree_days=treatment.body["withdrawal_degree_days"],
        degree_days=state.degree_days,
        needed_days=treatment.body["withdrawal_days"],
        days=state.days,
        unmeasured_days=state.unmeasured_days,
        cleared=state.cleared,
        clears_on=state.clears_on,
    )


def _books(rows: Sequence[Row]) -> dict[str, Book]:
    """The book of every batch in these records; units are named ``site/unit``, because slugs repeat between sites."""
    by_batch: dict[str, list[Entry]] = defaultdict(list)
    for row in rows:
        by_batch[row["batch"]].append(_entry(row, whole_names=True))
    return {code: book(*stock_entries(entries)) for code, entries in by_batch.items()}


def _entry(row: Row, *, whole_names: bool = False) -> Entry:
    unit, to_unit = row["unit"], row["to_unit"]
    if whole_names:
        unit = f"{row['site']}/{unit}"
        to_unit = None if to_unit is None else f"{row['site']}/{to_unit}"
    return Entry(row["id"], row["kind"], row["occurred_at"], unit, to_unit, row["batch"], row["body"])


async def _batch(repository: HusbandryRepository, row: Row) -> Batch:
    books = _books(await repository.stock_records(batch_ids=[row["id"]]))
    return _shown_batch(row, books.get(row["code"], Book()))


def _shown_batch(row: Row, state: Book) -> Batch:
    return Batch(
        id=row["id"],
        code=row["code"],
        species=row["species"],
        origin=row["origin"],
        stocked=state.counts.get(Move.STOCKING, 0),
        dead=state.counts.get(Move.MORTALITY, 0),
        harvested=state.counts.get(Move.HARVEST, 0),
        present=state.present,
        holdings=_holdings(row["code"], state),
    )


def _holdings(code: str, state: Book) -> list[Holding]:
    found = []
    for name, held in sorted(state.holdings.items()):
        if held.count:
            site, _, unit = name.partition("/")
            found.append(
                Holding(
                    site=site,
                    unit=unit,
                    batch=code,
                    count=held.count,
                    mean_weight_g=held.mean_weight_g,
                    biomass_kg=held.biomass_kg,
                    density_kg_m3=None,
                )
            )
    return found


def _with_density(holding: Holding, volume_m3: float | None) -> Holding:
    if holding.biomass_kg is None or not volume_m3:
        return holding
    return holding.model_copy(update={"density_kg_m3": holding.biomass_kg / volume_m3})


def _written(new: Any) -> dict[str, Any]:
    content: dict[str, Any] = new.model_dump(mode="json")
    return content


def _content(row: Row) -> dict[str, Any]:
    """A stored record in the form in which it came."""
    names = {name: row[name] for name in ("unit", "to_unit", "batch") if row[name] is not None}
    moment = row["occurred_at"].isoformat()
    return {"id": str(row["id"]), "kind": row["kind"], "occurred_at": moment, **names, **row["body"]}


def _recorded(row: Row) -> Recorded:
    return Recorded(
        site=row["site"],
        record=RECORDS.validate_python(_content(row)),
        recorded_at=row["recorded_at"],
        recorded_by=row["recorded_by"],
        struck_at=row["struck_at"],
        struck_by=row["struck_by"],
        struck_because=row["struck_because"],
    )


def _same(row: Row, site: str, new: Any) -> Recorded:
    stands = _recorded(row)
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


def _position(cursor: str) -> tuple[datetime, UUID]:
    moment, key = decode_moment_cursor(cursor)
    try:
        return moment, UUID(key)
    except ValueError as error:
        raise InvalidCursorError("The cursor is not one that this list returned; start again without it") from error
