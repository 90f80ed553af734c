"""Reading what a report says, and making its file in a worker thread while other requests go on.

The connection goes back to the pool before the file is made, and a question that is too large is refused before it is read
whole. Two reports are made at a time and a few may wait; more are sent away for a while.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from anyio import CapacityLimiter, to_thread

from cloud.alarms.performance import Occurrence, performance
from cloud.alarms.repository import AlarmRepository
from cloud.auth.dependencies import Principal
from cloud.errors import BadRequestError, InvalidRangeError, NotFoundError, NotInstalledError, UnavailableError
from cloud.farms.repository import FarmRepository
from cloud.husbandry.repository import HusbandryRepository
from cloud.kit.repository import Database, ReadConnection, Row
from cloud.kpis.account import account
from cloud.kpis.service import check_range, ledgers_of
from cloud.kpis.water import judge_water
from cloud.reports import contents, csv_file
from cloud.reports.document import MAX_ROWS, Report, Table
from cloud.telemetry.repository import TelemetryRepository
from cloud.telemetry.rules import Resolution

MAX_AT_ONCE = 2
MAX_WAITING = 8
Progress: TypeAlias = Callable[[float, str], None]
"""Hears how far a report is, from 0 to 1, and at what, in words."""
_READ_SHARE, _MADE_SHARE = 0.5, 0.95
LIFE = timedelta(days=5 * 366)
"""How far back the records of a batch are traced."""


class Name(str, Enum):
    """Of a report."""

    DAILY_LOG = "daily-log"
    WEEKLY_LICE = "weekly-lice"
    PRODUCTION = "production"
    TRACEABILITY = "traceability"
    WATER_COMPLIANCE = "water-compliance"
    ALARM_PERFORMANCE = "alarm-performance"
    CALIBRATIONS = "calibrations"


TITLES = {
    Name.DAILY_LOG: "Daily log",
    Name.WEEKLY_LICE: "Sea lice",
    Name.PRODUCTION: "Production and mortality",
    Name.TRACEABILITY: "Traceability of batch",
    Name.WATER_COMPLIANCE: "Water within its limits",
    Name.ALARM_PERFORMANCE: "How the alarms served",
    Name.CALIBRATIONS: "Calibrations of sensors",
}


class Format(str, Enum):
    """Of a report's file."""

    PDF = "pdf"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        """For the answer's header."""
        return "application/pdf" if self is Format.PDF else "text/csv; charset=utf-8"


@dataclass(frozen=True)
class Order:
    """Which report somebody wants."""

    name: Name
    site: str
    start: datetime
    end: datetime
    batch: str | None = None
    region: str | None = None


async def make(
    database: Database,
    user: Principal,
    order: Order,
    kind: Format,
    *,
    limiter: CapacityLimiter,
    now: datetime,
    progress: Progress = lambda _share, _words: None,
) -> bytes:
    """The file of a report; ``progress`` hears how far it is (0 to 1) and at what.

    Raises:
        NotFoundError: the organization has no such site or batch.
        BadRequestError: the traceability report needs a batch, and no other takes one.
        InvalidRangeError: the time is empty, reversed or too long, or there is more in it than one report holds.
        NotInstalledError: a PDF was asked for and reportlab is not there.
        UnavailableError: too many reports are waiting already.
    """
    check_range(order.start, order.end)
    if (order.batch is not None) != (order.name is Name.TRACEABILITY):
        raise BadRequestError(
            "The traceability report is of one batch: add batch=. All others are of a site: leave it out"
        )
    render = _renderer(kind)
    if limiter.statistics().tasks_waiting >= MAX_WAITING:
        raise UnavailableError("Too many reports are being made; try again in a moment")
    async with limiter:
        progress(0.05, "Reading the records")
        async with database.read() as reader:
            report = await _read(reader, user, order, now, progress)
        if report.rows > MAX_ROWS:
            raise InvalidRangeError(
                f"The report would have {report.rows} rows, at most {MAX_ROWS}; choose a shorter time"
            )
        words = f"Making the {kind.value.upper()} of {report.rows} rows"
        progress(_READ_SHARE, words)

        def drawn(share: float) -> None:
            progress(_READ_SHARE + (_MADE_SHARE - _READ_SHARE) * share, words)

        return await to_thread.run_sync(render, report, drawn)


def _renderer(kind: Format) -> Callable[[Report, Callable[[float], None]], bytes]:
    if kind is Format.CSV:
        return lambda report, _drawn: csv_file.render(report)
    try:
        from cloud.reports import pdf_file
    except ModuleNotFoundError as error:
        raise NotInstalledError("PDF needs reportlab: pip install 'shoal[cloud]'; CSV works without") from error
    return pdf_file.render


async def _read(reader: ReadConnection, user: Principal, order: Order, now: datetime, progress: Progress) -> Report:
    farms = FarmRepository(reader, user.scope)
    site = await farms.site(order.site)
    if site is None:
        raise NotFoundError(f"There is no site {order.site!r}")
    question = _Reading(reader, user, order, site, await farms.units(site["id"]), progress)
    tables = await _READ_BY[order.name](question)
    try:
        zone, zone_name = ZoneInfo(site["timezone"]), site["timezone"]
    except (ZoneInfoNotFoundError, ValueError):
        zone, zone_name = ZoneInfo("UTC"), f"UTC ({site['timezone']!r} is no time zone)"
    return Report(
        title=TITLES[order.name] if order.batch is None else f"{TITLES[order.name]} {order.batch}",
        farm=site["name"],
        site=site["slug"],
        zone=zone,
        zone_name=zone_name,
        start=order.start,
        end=order.end,
        made_at=now,
        made_by=user.email,
        tables=tables,
        provenance=question.provenance,
    )


class _Reading:
    """One report while its facts are read; collects where they came from."""

    def __init__(
        self, reader: ReadConnection, user: Principal, order: Order, site: Row, units: list[Row], progress: Progress
    ) -> None:
        self._progress = progress
        self._asked = 0
        self.reader = reader
        self.order = order
        self.site_id: int = site["id"]
        self.units = units
        self.diary = HusbandryRepository(reader, user.scope)
        self.alarms = AlarmRepository(reader, user.scope)
        self.provenance: list[str] = []

    def reads(self, what: str) -> None:
        """Tell what is read next; a report reads at most a handful of things."""
        self._asked += 1
        self._progress(_READ_SHARE * (1 - 0.7**self._asked), f"Reading {what}")

    async def records(self, kind: str | None = None) -> list[Row]:
        """Valid records of the time, oldest first."""
        self.reads("the diary" if kind is None else f"records of {kind.replace('_', ' ')}")
        rows = await self.diary.records(
            self.site_id, kind=kind, start=self.order.start, end=self.order.end, rows=MAX_ROWS + 1
        )
        if len(rows) > MAX_ROWS:
            raise InvalidRangeError(f"More than {MAX_ROWS} records; choose a shorter time")
        valid = contents.valid(rows)
        words = "records of the diary" if kind is None else f"records of {kind.replace('_', ' ')}"
        self.provenance.append(f"{words}: {len(valid)}, and {len(rows) - len(valid)} struck out and left out")
        return valid

    async def occurrences(self) -> list[Occurrence]:
        """Alarms of the time."""
        self.reads("the alarms")
        rows = await self.alarms.occurrences(self.site_id, self.order.start, self.order.end, rows=MAX_ROWS + 1)
        if len(rows) > MAX_ROWS:
            raise InvalidRangeError(f"More than {MAX_ROWS} alarms; choose a shorter time")
        self.provenance.append(f"alarms: {len(rows)}")
        return [Occurrence(**row) for row in rows]


async def _daily_log(what: _Reading) -> list[Table]:
    records, alarms = await what.records(), await what.occurrences()
    names = {unit["id"]: unit["slug"] for unit in what.units}
    means: list[Row] = []
    if names:
        what.reads("what was measured")
        means = await TelemetryRepository(what.reader).means(
            list(names), Resolution.HOUR, start=what.order.start, end=what.order.end, rows=100_001
        )
    if len(means) > 100_000:  # noqa: PLR2004  (a month of 130 channels)
        raise InvalidRangeError("More was measured than one log holds; choose a shorter time")
    what.provenance.append(f"{sum(row['n'] for row in means)} readings in {len(means)} hours of channels")
    return [contents.diary("Diary", records), contents.water(means, names), contents.alarms(alarms)]


async def _weekly_lice(what: _Reading) -> list[Table]:
    return [contents.lice(await what.records("lice_count"), what.order.region)]


async def _production(what: _Reading) -> list[Table]:
    order = what.order
    what.reads("the books of the batches")
    stock = await what.diary.stock_records(site_id=what.site_id)
    ledgers = ledgers_of(stock)
    accounts = {
        unit["slug"]: account(ledgers, [f"{order.site}/{unit['slug']}"], order.start, order.end) for unit in what.units
    }
    fed: dict[str, float] = defaultdict(float)
    for row in await what.records("feeding"):
        fed[row["unit"]] += row["body"]["amount_kg"]
    dead = await what.records("mortality")
    what.provenance.append(f"lines of books: {len(stock)}, of batches: {len(ledgers)}")
    missing = [f"{slug}: {'; '.join(each.unknown[:3])}" for slug, each in accounts.items() if each.unknown]
    what.provenance += [f"No masses of {words}" for words in missing]
    return [contents.production(accounts, fed), contents.causes(dead)]


async def _traceability(what: _Reading) -> list[Table]:
    code = what.order.batch or ""
    batch = await what.diary.batch(code)
    if batch is None:
        raise NotFoundError(f"There is no batch {code!r}")
    end = what.order.end
    what.reads("the book of the batch")
    moves = [row for row in await what.diary.stock_records(batch_ids=[batch["id"]]) if row["occurred_at"] < end]
    first = min((row["occurred_at"] for row in moves), default=end)
    given = await what.diary.valid(what.site_id, ["feeding", "treatment"], since=max(first, end - LIFE))
    given = [row for row in given if row["occurred_at"] < end]
    what.provenance.append(f"the whole life of the batch until then: {len(moves)} lines of its book")
    what.provenance.append(f"{len(given)} feedings and treatments at {what.order.site} since it began")
    return contents.traceability(batch, moves, given, ledgers_of(moves).get(code, ([], [])))


async def _water_compliance(what: _Reading) -> list[Table]:
    what.reads("what was measured")
    judged = await judge_water(what.reader, what.site_id, what.units, what.order.start, what.order.end)
    readings = sum(each.readings for each in judged.channels)
    what.provenance.append(f"{readings} readings of {len(judged.channels)} channels, judged by their means")
    what.provenance += judged.judged_by
    if judged.unjudged:
        what.provenance.append(f"measured without a limit: {', '.join(judged.unjudged)}")
    return contents.compliance(judged)


async def _alarm_performance(what: _Reading) -> list[Table]:
    return contents.alarm_service(performance(await what.occurrences(), what.order.start, what.order.end))


async def _calibrations(what: _Reading) -> list[Table]:
    return [contents.calibrations(await what.records("calibration"))]


_READ_BY = {
    Name.DAILY_LOG: _daily_log,
    Name.WEEKLY_LICE: _weekly_lice,
    Name.PRODUCTION: _production,
    Name.TRACEABILITY: _traceability,
    Name.WATER_COMPLIANCE: _water_compliance,
    Name.ALARM_PERFORMANCE: _alarm_performance,
    Name.CALIBRATIONS: _calibrations,
}
