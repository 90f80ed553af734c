"""Joining what the features know of one unit. Eight queries, whatever there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from cloud.alarms.repository import AlarmRepository
from cloud.auth.dependencies import Principal
from cloud.auth.tokens import UrlSigner
from cloud.devices.repository import DeviceRepository
from cloud.errors import InvalidRangeError
from cloud.farms.service import find_site_id, get_unit
from cloud.husbandry.repository import HusbandryRepository
from cloud.kit.repository import ReadConnection, Row
from cloud.observations.repository import ObservationRepository
from cloud.observations.service import IMAGES_PATH
from cloud.telemetry.repository import TelemetryRepository
from cloud.telemetry.rules import Resolution
from cloud.timeline.rules import HABIT_DAYS, HourMean, Item, Kind, departure, diary_words, quality_words
from cloud.timeline.schemas import Before, Happening

MOST = 200
"""Items of one kind that are shown, the newest: more than a person reads."""
MAX_HOURS = 100_000
"""Hours of all channels that are compared: 190 channels for 22 days."""
_EARLIEST_YEAR = 2000


async def get_before(
    reader: ReadConnection, user: Principal, unit_id: int, *, at: datetime, hours: int, signer: UrlSigner, now: datetime
) -> Before:
    """What is known of a unit from ``hours`` before ``at`` until that moment.

    Raises:
        NotFoundError: the organization has no such unit.
        InvalidRangeError: the moment is long before there were any readings.
    """
    if at.year < _EARLIEST_YEAR:
        raise InvalidRangeError(f"at = {at.isoformat()} is before {_EARLIEST_YEAR}; check the date")
    unit = await get_unit(reader, user, unit_id)
    site_id = await find_site_id(reader, user, unit.site)
    start, end = at - timedelta(hours=hours), at + timedelta(microseconds=1)
    found: dict[Kind, list[Item]] = {
        Kind.DIARY: await _diary(HusbandryRepository(reader, user.scope), site_id, unit.id, start, end),
        Kind.ALARM: await _alarms(AlarmRepository(reader, user.scope), site_id, unit.id, start, end),
        Kind.DEVICE: _events(
            await DeviceRepository(reader, user.scope).events_of_unit(unit.id, start, end, rows=MOST + 1)
        ),
        Kind.IMAGE: _images(
            await ObservationRepository(reader).evidence_by_hour(unit.id, start, end, rows=MOST + 1), signer, now
        ),
        **await _water(TelemetryRepository(reader), unit.id, start, end),
    }
    shown = {kind: sorted(items, key=_order)[-MOST:] for kind, items in found.items()}
    return Before(
        unit_id=unit.id,
        unit=unit.slug,
        start=start,
        at=at,
        items=[
            Happening(at=item.at, kind=item.kind, words=item.words, link=item.link, image_url=item.image_url)
            for item in sorted((item for items in shown.values() for item in items), key=_order)
        ],
        cut=[kind for kind, items in found.items() if len(items) > MOST],
    )


def _order(item: Item) -> tuple[datetime, str, str]:
    return item.at, item.kind.value, item.link


async def _diary(
    repository: HusbandryRepository, site_id: int, unit_id: int, start: datetime, end: datetime
) -> list[Item]:
    rows = await repository.records(site_id, unit_id=unit_id, start=start, end=end, rows=MOST + 1)
    return [
        Item(
            row["occurred_at"],
            Kind.DIARY,
            diary_words(row["kind"], row["unit"], row["body"], row["to_unit"]),
            str(row["id"]),
        )
        for row in rows
        if row["struck_at"] is None
    ]


async def _alarms(
    repository: AlarmRepository, site_id: int, unit_id: int, start: datetime, end: datetime
) -> list[Item]:
    items = []
    for row in await repository.around(site_id, unit_id, start, end, rows=MOST + 1):
        link, severity = str(row["id"]), row["severity"]
        value = "" if row["value"] is None else f" at {row['value']:g} {row['ucum'] or ''}".rstrip()
        limit = "" if row["limit_value"] is None else f" (limit {row['limit_value']:g})"
        since = f", since {row['raised_at'].isoformat()}" if row["raised_at"] < start else ""
        words = f"{severity} alarm {row['definition']}: {row['message']}{value}{limit}{since}"
        items.append(Item(max(start, row["raised_at"]), Kind.ALARM, words, link))
        if row["cleared_at"] is not None and row["cleared_at"] < end:
            items.append(Item(row["cleared_at"], Kind.ALARM, f"{severity} alarm {row['definition']} cleared", link))
    return items


def _events(rows: Iterable[Row]) -> list[Item]:
    return [
        Item(
            row["occurred_at"],
            Kind.DEVICE,
            f"{row['device']}: {row['name']}{': ' if row['message'] else ''}{row['message']}",
            str(row["id"]),
        )
        for row in rows
    ]


def _images(rows: Iterable[Row], signer: UrlSigner, now: datetime) -> list[Item]:
    return [
        Item(
            row["observed_at"],
            Kind.IMAGE,
            f"Picture of {row['camera']}",
            row["sha256"],
            signer.sign(IMAGES_PATH + row["sha256"], now),
        )
        for row in rows
    ]


async def _water(
    repository: TelemetryRepository, unit_id: int, start: datetime, end: datetime
) -> dict[Kind, list[Item]]:
    changes = await repository.quality_changes(unit_id, start, end, rows=MOST + 1)
    habit = start - timedelta(days=HABIT_DAYS)
    rows = await repository.means([unit_id], Resolution.HOUR, start=habit, end=end, rows=MAX_HOURS)
    channels: dict[tuple[int, str, str], list[HourMean]] = defaultdict(list)
    for row in rows:
        key = (row["channel_id"], row["channel"], row["quantity"])
        channels[key].append(HourMean(row["bucket"], row["mean"]))
    departures = [
        departure(channel, channel_id, quantity, hours, start)
        for (channel_id, channel, quantity), hours in channels.items()
    ]
    return {
        Kind.QUALITY: [
            Item(row["bucket"], Kind.QUALITY, quality_words(row["channel"], row["state"]), str(row["channel_id"]))
            for row in changes
        ],
        Kind.DEPARTURE: [item for item in departures if item is not None],
    }
