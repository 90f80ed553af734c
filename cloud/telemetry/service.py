"""Latest values, series and exports of channels."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

from pydantic import TypeAdapter

from cloud.auth.dependencies import Principal
from cloud.errors import InvalidRangeError, NotFoundError
from cloud.farms.service import checked_id, find_site_id
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from cloud.telemetry import rules
from cloud.telemetry.repository import TelemetryRepository
from cloud.telemetry.rules import Resolution
from cloud.telemetry.schemas import CalibrationChange, FailedTest, LatestReading, Series, SeriesPoint, ShownLimit
from contracts.devices import LimitInEffect
from contracts.quality import QUALITY_TESTS, TEST_ORDER, QualityFlag
from contracts.quantities import QUANTITIES, Quantity

MAX_CALIBRATIONS = 1000
"""Changes that one answer has: a probe that is calibrated weekly for twenty years."""
_LIMITS = TypeAdapter(tuple[LimitInEffect, ...])


class ChannelPeriods:
    """How often each channel usually reports, remembered for a while: it changes when somebody changes a sensor."""

    KNOWN_FOR_S = 600.0
    UNKNOWN_FOR_S = 20.0
    CAPACITY = 50_000

    def __init__(self) -> None:
        self._periods: OrderedDict[int, tuple[float, float | None]] = OrderedDict()

    async def of(
        self, channel_ids: Sequence[int], repository: TelemetryRepository, now: datetime
    ) -> dict[int, float | None]:
        """Usual period of each channel in seconds, None while not known; at most one query."""
        moment = now.timestamp()
        missing = [key for key in channel_ids if self._periods.get(key, (0.0, None))[0] <= moment]
        if missing:
            measured = await repository.periods_s(missing)
            for key in missing:
                period_s = measured.get(key)
                lasts_s = self.UNKNOWN_FOR_S if period_s is None else self.KNOWN_FOR_S
                self._periods[key] = (moment + lasts_s, period_s)
                self._periods.move_to_end(key)
        periods = {key: self._periods[key][1] for key in channel_ids}
        while len(self._periods) > self.CAPACITY:
            self._periods.popitem(last=False)
        return periods


class ChannelLimits:
    """The limits that boxes watch, remembered for a moment: they change when somebody changes a box's settings."""

    KNOWN_FOR_S = 15.0
    CAPACITY = 1000

    def __init__(self) -> None:
        self._sites: OrderedDict[int, tuple[float, dict[int, list[LimitInEffect]]]] = OrderedDict()

    async def of(self, site_id: int, repository: TelemetryRepository, now: datetime) -> dict[int, list[LimitInEffect]]:
        """By channel id; at most one query."""
        known = self._sites.get(site_id)
        if known is None or known[0] <= now.timestamp():
            found = await limits_in_effect(repository, site_id)
            known = (now.timestamp() + self.KNOWN_FOR_S, found)
            self._sites[site_id] = known
            self._sites.move_to_end(site_id)
            while len(self._sites) > self.CAPACITY:
                self._sites.popitem(last=False)
        return known[1]


async def limits_in_effect(repository: TelemetryRepository, site_id: int) -> dict[int, list[LimitInEffect]]:
    """What the boxes of a site say that they watch, by channel id; a channel is not there when its box does not tell.

    An empty list is the word of a box that watches nothing on that channel.
    """
    found: dict[int, list[LimitInEffect]] = {}
    for row in await repository.limits_of_site(site_id):
        found.update({channel_id: [] for channel_id in row["channels"].values()})
        for limit in _LIMITS.validate_python(row["limits"]):
            if (channel_id := row["channels"].get(limit.channel)) is not None:
                found[channel_id].append(limit)
    return found


async def latest_by_unit(
    reader: ReadConnection, site_id: int, *, periods: ChannelPeriods, limits: ChannelLimits, now: datetime
) -> dict[int, list[LatestReading]]:
    """Newest reading of every channel of a site, by unit id; measured channels first, then derived ones."""
    repository = TelemetryRepository(reader)
    rows = await repository.latest_of_site(site_id)
    usual = await periods.of([row["channel_id"] for row in rows if row["value"] is not None], repository, now)
    watched = await limits.of(site_id, repository, now)
    water_c = {
        row["unit_id"]: row["value"] for row in rows if row["quantity"] == "temperature" and row["value"] is not None
    }
    by_unit: dict[int, list[LatestReading]] = {}
    for row in rows:
        shown = rules.shown_limits(watched.get(row["channel_id"], ()), water_c.get(row["unit_id"]))
        by_unit.setdefault(row["unit_id"], []).append(_latest(row, usual.get(row["channel_id"]), shown, now))
    return by_unit


async def daily_temperatures(
    connection: ReadConnection | WriteConnection, unit_ids: Collection[int], first: date, last: date
) -> dict[tuple[int, date], float]:
    """Mean water temperature in Cel by unit id and UTC day, from ``first`` to ``last``, both included."""
    start = datetime.combine(first, time(), timezone.utc)
    end = datetime.combine(last, time(), timezone.utc) + timedelta(days=1)
    rows = await TelemetryRepository(connection).daily_temperatures(unit_ids, start, end)
    return {(row["unit_id"], row["day"]): row["mean_c"] for row in rows}


async def get_series(
    reader: ReadConnection,
    user: Principal,
    channel_id: int,
    *,
    start: datetime,
    end: datetime,
    max_points: int,
    kept: rules.Kept,
    now: datetime,
) -> Series:
    """A channel between two moments in at most ``max_points`` buckets, of what is the least to read and still there.

    Raises:
        InvalidRangeError: the range is empty, reversed or too long.
        NotFoundError: the user's organization has no such channel.
    """
    _check_range(start, end)
    repository = TelemetryRepository(reader)
    channel = await repository.channel(checked_id(channel_id, "channel"), scope=user.scope)
    if channel is None:
        raise NotFoundError(f"There is no channel {channel_id}")
    bucket_s = rules.bucket_width_s(start, end, max_points, at_least_s=kept.finest(start, now).width_s)
    resolution = rules.resolution_for(bucket_s)
    if resolution is Resolution.RAW:
        rows = await repository.series(channel_id, start=start, end=end, bucket_s=bucket_s)
    else:
        rows = await repository.rolled_up(channel_id, resolution, start=start, end=end, bucket_s=bucket_s)
    points = [SeriesPoint(**row) for row in rows]
    readings = sum(point.n for point in points)
    return Series(
        channel_id=channel_id,
        quantity=channel["quantity"],
        ucum=channel["ucum"],
        bucket_s=bucket_s,
        points=points,
        resolution=resolution,
        good_share=sum(point.good for point in points) / readings if readings else None,
    )


async def list_calibrations(reader: ReadConnection, user: Principal, channel_id: int) -> list[CalibrationChange]:
    """What the values of a channel rested on, newest first.

    Raises:
        NotFoundError: the user's organization has no such channel.
    """
    repository = TelemetryRepository(reader)
    if await repository.channel(checked_id(channel_id, "channel"), scope=user.scope) is None:
        raise NotFoundError(f"There is no channel {channel_id}")
    return [CalibrationChange(**row) for row in await repository.calibrations(channel_id, rows=MAX_CALIBRATIONS)]


@dataclass(frozen=True)
class Selection:
    """What an export contains.

    Attributes:
        name: for the file.
        channels: in the order of the file.
        start: first moment.
        end: moment after the last.
    """

    name: str
    channels: Sequence[Row]
    start: datetime
    end: datetime


async def select_channel(
    reader: ReadConnection, user: Principal, channel_id: int, *, start: datetime, end: datetime
) -> Selection:
    """One channel.

    Raises:
        InvalidRangeError: the range is empty, reversed or too long.
        NotFoundError: the user's organization has no such channel.
    """
    _check_range(start, end)
    repository = TelemetryRepository(reader)
    channels = await repository.channels(scope=user.scope, channel_id=checked_id(channel_id, "channel"))
    if not channels:
        raise NotFoundError(f"There is no channel {channel_id}")
    return Selection(f"channel-{channel_id}", channels, start, end)


async def select_site(
    reader: ReadConnection,
    user: Principal,
    site: str,
    *,
    quantities: Collection[str],
    start: datetime,
    end: datetime,
) -> Selection:
    """All channels of a site, or those of some quantities.

    Raises:
        InvalidRangeError: the range is empty, reversed or too long.
        NotFoundError: the user's organization has no such site.
    """
    _check_range(start, end)
    await find_site_id(reader, user, site)
    channels = await TelemetryRepository(reader).channels(scope=user.scope, site=site, quantities=quantities)
    return Selection(site, channels, start, end)


def _check_range(start: datetime, end: datetime) -> None:
    fault = rules.range_fault(start, end)
    if fault is not None:
        raise InvalidRangeError(fault)


def _latest(row: Row, period_s: float | None, limits: Sequence[rules.Shown], now: datetime) -> LatestReading:
    quantity = QUANTITIES.get(row["quantity"]) or _unknown(row)
    observed_at: datetime | None = row["observed_at"]
    # A tank's clock may run ahead of ours; an age below zero would read as a fault of the page.
    age_s = None if observed_at is None else max(0.0, round((now - observed_at).total_seconds(), 3))
    return LatestReading(
        channel_id=row["channel_id"],
        channel=row["channel"],
        quantity=row["quantity"],
        label=quantity.label,
        value=row["value"],
        ucum=row["ucum"],
        decimals=quantity.decimals,
        observed_at=observed_at,
        age_s=age_s,
        quality=QualityFlag.MISSING if row["quality"] is None else row["quality"],
        tests=failed_tests(row),
        calibration=row["calibration"],
        stale=rules.is_stale(age_s, period_s),
        stale_after_s=rules.stale_after_s(period_s),
        derived=row["derived"],
        limits=[
            ShownLimit(
                definition=each.definition,
                severity=each.severity,
                side=each.side,
                value=each.value,
                source=each.source,
            )
            for each in limits
        ],
    )


def failed_tests(row: Row) -> list[FailedTest]:
    """Why a newest reading (a row with ``quality``, ``test`` and ``also``) is flagged, the test that decided first."""
    named = {} if row["test"] is None else {row["test"]: row["quality"]}
    found = []
    others = sorted(
        (row["also"] or {}).items(), key=lambda other: (-other[1], TEST_ORDER.get(other[0], len(TEST_ORDER)))
    )
    for name, flag in (*named.items(), *others):
        known = QUALITY_TESTS.get(name)
        meaning, remedy = (None, None) if known is None else (known.meaning, known.remedy)
        found.append(FailedTest(test=name, quality=flag, meaning=meaning, remedy=remedy))
    return found


def _unknown(row: Row) -> Quantity:
    """A quantity that a newer edge knows and this program does not is shown by its code."""
    return Quantity(row["quantity"], row["quantity"], row["ucum"], float("-inf"), float("inf"), decimals=2)
