"""Reading what the figures are made of: diary, rollups, units. The number of queries does not depend on the farm's size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.auth.dependencies import Principal
from cloud.errors import InvalidRangeError, NotFoundError
from cloud.farms.repository import FarmRepository
from cloud.farms.service import find_site_id
from cloud.husbandry.repository import HusbandryRepository
from cloud.husbandry.rules import Entry, stock_entries
from cloud.kit.repository import ReadConnection, Row
from cloud.kpis.account import Ledger, account, held_units, shared_units
from cloud.kpis.rules import Facts, Feed, Sample, Share, figures
from cloud.kpis.schemas import Kpi, KpiTarget, SiteKpis
from cloud.kpis.water import JudgedWater, judge_water
from cloud.telemetry.repository import TelemetryRepository
from cloud.telemetry.rules import Resolution
from cloud.telemetry.service import daily_temperatures

LONGEST = timedelta(days=366)


@dataclass(frozen=True)
class Question:
    """What somebody wants to know: ``unit`` and ``batch`` None stand for all."""

    site: str
    unit: str | None
    batch: str | None
    start: datetime
    end: datetime
    cost: float | None


async def get_kpis(reader: ReadConnection, user: Principal, question: Question) -> SiteKpis:
    """The figures of a site, or of one unit or batch of it.

    Raises:
        NotFoundError: the organization has no such site, unit or batch.
        InvalidRangeError: the time is empty, reversed, in the future, too long, or too much was measured in it.
    """
    check_range(question.start, question.end)
    site_id = await find_site_id(reader, user, question.site)
    diary = HusbandryRepository(reader, user.scope)
    units = {row["slug"]: row for row in await FarmRepository(reader, user.scope).units(site_id)}
    if question.unit is not None:
        if question.unit not in units:
            raise NotFoundError(f"There is no unit {question.unit!r} at {question.site}")
        units = {question.unit: units[question.unit]}
    if question.batch is not None and await diary.batch(question.batch) is None:
        raise NotFoundError(f"There is no batch {question.batch!r}")
    rows = await diary.stock_records(site_id=site_id)
    ledgers = ledgers_of(rows)
    chosen = {code: ledger for code, ledger in ledgers.items() if question.batch in {None, code}}
    if question.batch is not None:
        units = _where(chosen, units, question)
    fed = await diary.valid(site_id, ["feeding"], since=question.start)
    told = account(chosen, [f"{question.site}/{slug}" for slug in units], question.start, question.end)
    ids = {row["id"]: slug for slug, row in units.items()}
    first = min((growth.start for growth in told.growth), default=question.start)
    temperatures = await daily_temperatures(reader, list(ids), first.date(), question.end.date()) if ids else {}
    water = await judge_water(reader, site_id, list(units.values()), question.start, question.end)
    facts = Facts(
        account=told,
        feed=_feed(fed, set(units), ledgers, question),
        samples=_samples(rows, set(units), question),
        temperatures_c={(ids[unit_id], day): mean_c for (unit_id, day), mean_c in temperatures.items()},
        water=_share_of(water),
        streams=await _streams(reader, list(ids), question.start, question.end),
        volume_m3=_volume(units),
        days=(question.end - question.start) / timedelta(days=1),
        cost=question.cost,
    )
    return SiteKpis(
        site=question.site,
        unit=question.unit,
        batch=question.batch,
        start=question.start,
        end=question.end,
        kpis=[
            Kpi(
                name=figure.name,
                label=figure.label,
                ucum=figure.ucum,
                value=figure.value,
                target=None
                if figure.target is None
                else KpiTarget(value=figure.target.value, below=figure.target.below),
                verdict=figure.verdict,
                computed_from=list(figure.computed_from),
                missing=figure.missing,
            )
            for figure in figures(facts)
        ],
    )


def check_range(start: datetime, end: datetime) -> None:
    """Refuse times that have no figures.

    Raises:
        InvalidRangeError: the time is empty, reversed, in the future or too long.
    """
    if not timedelta() < end - start <= LONGEST:
        raise InvalidRangeError(f"end must be after start, by at most {LONGEST.days} days, and start in the past")


def ledgers_of(rows: Sequence[Row]) -> dict[str, Ledger]:
    """Book lines by batch; units are named ``site/unit``, because slugs repeat between sites."""
    entries: dict[str, list[Entry]] = defaultdict(list)
    for row in rows:
        unit, to_unit = (None if row[name] is None else f"{row['site']}/{row[name]}" for name in ("unit", "to_unit"))
        entry = Entry(row["id"], row["kind"], row["occurred_at"], unit, to_unit, row["batch"], row["body"])
        entries[row["batch"]].append(entry)
    return {code: stock_entries(lines) for code, lines in entries.items()}


def _where(ledgers: Mapping[str, Ledger], units: Mapping[str, Row], question: Question) -> dict[str, Row]:
    """Units that held the batch at any moment of the time."""
    held = held_units(ledgers, question.start, question.end)
    return {slug: row for slug, row in units.items() if f"{question.site}/{slug}" in held}


def _feed(rows: Sequence[Row], units: Collection[str], ledgers: Mapping[str, Ledger], question: Question) -> Feed:
    here = [row for row in rows if row["unit"] in units and row["occurred_at"] < question.end]
    unclear = None
    if question.batch is not None:
        shared = shared_units(ledgers, question.batch, question.start, question.end)
        shared &= {f"{question.site}/{slug}" for slug in units}
        if shared:
            names = ", ".join(sorted(name.rpartition("/")[2] for name in shared))
            unclear = f"{names} held another batch too, and feed is recorded by unit"
    given = sum(row["body"]["amount_kg"] for row in here)
    return Feed(given, sum(row["body"].get("uneaten_kg", 0.0) for row in here), len(here), unclear)


def _samples(rows: Sequence[Row], units: Collection[str], question: Question) -> list[Sample]:
    return [
        Sample(row["body"]["fish"], row["body"]["mean_weight_g"], row["body"]["mean_length_cm"])
        for row in rows
        if row["kind"] == "weight_sample"
        and row["body"].get("mean_length_cm") is not None
        and row["site"] == question.site
        and row["unit"] in units
        and question.batch in {None, row["batch"]}
        and question.start <= row["occurred_at"] < question.end
    ]


def _share_of(water: JudgedWater) -> Share:
    bucket = "minutes" if water.resolution is Resolution.MINUTE else "hours"
    return Share(
        water.in_range,
        water.measured,
        f"measured {bucket}",
        len(water.channels),
        judged_by=water.judged_by,
        unjudged=water.unjudged,
    )


async def _streams(reader: ReadConnection, unit_ids: Sequence[int], start: datetime, end: datetime) -> Share:
    """Whole hours since each channel's device is known; an hour with one reading counts as heard."""
    heard = due = channels = 0
    first, last = _next_hour(start), end.replace(minute=0, second=0, microsecond=0)
    rows = await TelemetryRepository(reader).hours_heard(unit_ids, first, last) if unit_ids else []
    for row in rows:
        hours = max(0, int((last - max(first, _next_hour(row["registered_at"]))) / timedelta(hours=1)))
        due += hours
        heard += min(hours, row["hours"])
        channels += 1
    return Share(heard, due, "whole hours", channels)


def _next_hour(moment: datetime) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    return hour if hour == moment else hour + timedelta(hours=1)


def _volume(units: Mapping[str, Row]) -> float | None:
    volumes = [row["volume_m3"] for row in units.values()]
    return sum(volumes) if volumes and all(volumes) else None
