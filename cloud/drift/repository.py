"""SQL of drift: hours out of observations, what was judged, advice. The API's queries name the scope that asks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from cloud.auth.scope import Scope
from cloud.drift.tables import DriftAlert, DriftHour, DriftSeries, DriftSignal
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site, Unit
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection

# Means over windows of ten seconds. NULL values are left out of the object, so that a missing signal is no zero.
_HOURS = text("""
WITH seen AS (
    SELECT unit_id, model_sha256, date_trunc('hour', observed_at, 'UTC') AS hour,
           min(model_name) AS model_name, min(model_version) AS model_version, count(*) AS observations,
           jsonb_strip_nulls(jsonb_build_object(
               'image_quality', avg(image_quality),
               'light', avg((analysis -> 'image_parts' ->> 'light')::float8),
               'glare', avg((analysis -> 'image_parts' ->> 'glare')::float8),
               'clarity', avg((analysis -> 'image_parts' ->> 'clarity')::float8),
               'clean', avg((analysis -> 'image_parts' ->> 'clean')::float8),
               'embedding', avg((analysis ->> 'embedding_distance')::float8),
               'confidence', avg(confidence_mean),
               'count', avg(count_mean)
           )) AS signals
    FROM observation
    WHERE observed_at >= :start AND observed_at < :end AND model_sha256 IS NOT NULL
    GROUP BY 1, 2, 3
), labels AS (
    SELECT unit_id, model_sha256, hour, jsonb_object_agg(label, total / told) AS mix
    FROM (
        SELECT unit_id, model_sha256, date_trunc('hour', observed_at, 'UTC') AS hour, label,
               sum(number::float8) AS total, max(count(*)) OVER (PARTITION BY unit_id, model_sha256,
               date_trunc('hour', observed_at, 'UTC')) AS told
        FROM observation, jsonb_each_text(analysis -> 'classes') AS class (label, number)
        WHERE observed_at >= :start AND observed_at < :end AND model_sha256 IS NOT NULL
        GROUP BY 1, 2, 3, 4
    ) AS one
    GROUP BY 1, 2, 3
), written AS (
    INSERT INTO drift_hour (unit_id, model_sha256, hour, observations, signals, mix)
    SELECT unit_id, model_sha256, hour, observations, signals, coalesce(mix, '{}'::jsonb)
    FROM seen LEFT JOIN labels USING (unit_id, model_sha256, hour)
    ON CONFLICT (unit_id, model_sha256, hour) DO UPDATE
    SET observations = excluded.observations, signals = excluded.signals, mix = excluded.mix
)
INSERT INTO drift_series (unit_id, model_sha256, model_name, model_version, reference_from, newest_hour)
SELECT unit_id, model_sha256, min(model_name), min(model_version), min(hour), max(hour) FROM seen GROUP BY 1, 2
ON CONFLICT (unit_id, model_sha256) DO UPDATE SET newest_hour = greatest(drift_series.newest_hour, excluded.newest_hour)
""")

_IMAGES = text("""
SELECT sha256 FROM (
    SELECT DISTINCT ON (date_trunc('day', observed_at, 'UTC')) sha256, observed_at
    FROM image WHERE unit_id = :unit_id AND observed_at >= :start AND observed_at < :end
    ORDER BY date_trunc('day', observed_at, 'UTC'), observed_at DESC
) AS last_of_day
ORDER BY observed_at DESC LIMIT :rows
""")

# Frames whose label was accepted. The model was wrong where it proposed another number of objects than there are, or one that is not
# there under this name: no accepted box overlaps it by half (IoU 0.5, as three times the shared area against the sum of both).
_ERRORS = text("""
SELECT count(*) FILTER (WHERE captured_at >= :newest) AS newest,
       count(*) FILTER (WHERE captured_at >= :newest AND is_wrong) AS newest_wrong,
       count(*) FILTER (WHERE captured_at < :newest) AS before,
       count(*) FILTER (WHERE captured_at < :newest AND is_wrong) AS before_wrong
FROM (
    SELECT sample.captured_at,
           CASE WHEN jsonb_array_length(sample.detections) <> jsonb_array_length(coalesce(label.body -> 'boxes', '[]')) THEN true
           ELSE EXISTS (
               SELECT 1
               FROM jsonb_to_recordset(sample.detections) AS proposed(label text, box jsonb)
               CROSS JOIN LATERAL jsonb_to_record(proposed.box) AS p(x float8, y float8, w float8, h float8)
               WHERE NOT EXISTS (
                   SELECT 1
                   FROM jsonb_to_recordset(label.body -> 'boxes') AS given(label text, box jsonb)
                   CROSS JOIN LATERAL jsonb_to_record(given.box) AS g(x float8, y float8, w float8, h float8)
                   WHERE given.label = proposed.label
                     AND 3 * greatest(0, least(p.x + p.w, g.x + g.w) - greatest(p.x, g.x))
                           * greatest(0, least(p.y + p.h, g.y + g.h) - greatest(p.y, g.y)) >= p.w * p.h + g.w * g.h
               )
           ) END AS is_wrong
    FROM sample JOIN label ON label.id = sample.accepted_label_id
    JOIN unit ON unit.site_id = sample.site_id AND unit.slug = sample.unit
    WHERE unit.id = :unit_id AND sample.model_sha256 = :model AND sample.status = 'accepted'
      AND sample.captured_at >= :start AND sample.captured_at < :end
) AS one
""")

_ALERT = (
    select(
        *[column for column in DriftAlert.__table__.columns if column.name != "site_id"],
        Site.slug.label("site"),
        Unit.slug.label("unit"),
        Unit.name.label("unit_name"),
    )
    .join(Site, Site.id == DriftAlert.site_id)
    .join(Unit, Unit.id == DriftAlert.unit_id)
)
_KEY = tuple_(DriftSignal.unit_id, DriftSignal.model_sha256)


class DriftWriter(Repository):
    """What the scheduled judging reads and writes, of every organization."""

    async def newest_hour(self) -> datetime | None:
        """Begin of the newest hour that was made."""
        row = await self._one(select(func.max(DriftHour.hour).label("hour")))
        return None if row is None else row["hour"]

    async def make_hours(self, start: datetime, end: datetime) -> None:
        """Hours of ``[start, end)`` out of observations; again is the same."""
        await self._connection.execute(_HOURS, {"start": start, "end": end})

    async def due(self, until: datetime, *, rows: int) -> list[Row]:
        """Series with a complete day before ``until`` that has not been judged, those that waited longest first."""
        judged = DriftSeries.judged_until
        statement = (
            select(*DriftSeries.__table__.columns, Unit.site_id, Unit.name.label("unit_name"))
            .join(Unit, Unit.id == DriftSeries.unit_id)
            .where((judged.is_(None)) | (judged < until))
            .order_by(judged.nulls_first(), DriftSeries.unit_id)
            .limit(rows)
        )
        return await self._all(statement)

    async def hours(
        self, unit_id: int, model_sha256: str, start: datetime, end: datetime, *, learned: timedelta, newest: timedelta
    ) -> list[Row]:
        """The first and the newest hours of a series, in order."""
        own = (DriftHour.unit_id == unit_id, DriftHour.model_sha256 == model_sha256)
        within = (DriftHour.hour >= start, DriftHour.hour < end)
        wanted = (DriftHour.hour < start + learned) | (DriftHour.hour >= end - newest)
        statement = select(DriftHour.hour, DriftHour.signals, DriftHour.mix).where(*own, *within, wanted)
        return await self._all(statement.order_by(DriftHour.hour))

    async def errors(self, unit_id: int, model_sha256: str, start: datetime, newest: datetime, end: datetime) -> Row:
        """Frames with an accepted label, and those that the model had wrong, before ``newest`` and since."""
        moments = {"start": start, "newest": newest, "end": end}
        row = await self._one(_ERRORS, {"unit_id": unit_id, "model": model_sha256, **moments})
        assert row is not None  # noqa: S101  (an aggregate always answers with one row)
        return row

    async def signals(self, unit_id: int, model_sha256: str) -> dict[str, Row]:
        """What was judged of a series, by signal."""
        own = (DriftSignal.unit_id == unit_id, DriftSignal.model_sha256 == model_sha256)
        rows = await self._all(select(*DriftSignal.__table__.columns).where(*own))
        return {row["signal"]: row for row in rows}

    async def judged(self, series: Row, until: datetime, signals: Collection[Row]) -> None:
        """Remember what was judged until a day."""
        own = (DriftSeries.unit_id == series["unit_id"], DriftSeries.model_sha256 == series["model_sha256"])
        await self._connection.execute(update(DriftSeries).where(*own).values(judged_until=until))
        if not signals:
            return
        statement = insert(DriftSignal)
        changed = {name: statement.excluded[name] for name in next(iter(signals)) if name not in _KEY_NAMES}
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=_KEY_NAMES, set_=changed), list(signals)
        )

    async def images(self, unit_id: int, start: datetime, end: datetime, *, rows: int) -> list[str]:
        """The last image of each day, newest first."""
        found = await self._all(_IMAGES, {"unit_id": unit_id, "start": start, "end": end, "rows": rows})
        return [row["sha256"] for row in found]

    async def open_signals(self, unit_id: int, model_sha256: str) -> set[str]:
        """Signals of a series with advice that is open."""
        own = (DriftAlert.unit_id == unit_id, DriftAlert.model_sha256 == model_sha256, DriftAlert.ended_at.is_(None))
        return {row["signal"] for row in await self._all(select(DriftAlert.signal).where(*own))}

    async def tell(self, row: dict[str, Any]) -> bool:
        """Begin advice; False when it is there already."""
        done = await self._connection.execute(insert(DriftAlert).values(row).on_conflict_do_nothing())
        return bool(done.rowcount)

    async def end(self, unit_id: int, model_sha256: str, signal: str, now: datetime, because: str) -> None:
        """End the advice on a signal."""
        own = (DriftAlert.unit_id == unit_id, DriftAlert.model_sha256 == model_sha256, DriftAlert.signal == signal)
        await self._connection.execute(
            update(DriftAlert).where(*own, DriftAlert.ended_at.is_(None)).values(ended_at=now, ended_because=because)
        )

    async def end_replaced(self, newest_before: datetime, now: datetime) -> int:
        """End advice on versions that a unit has not had since; how much."""
        gone = (
            select(DriftSeries.unit_id)
            .where(
                DriftSeries.unit_id == DriftAlert.unit_id,
                DriftSeries.model_sha256 == DriftAlert.model_sha256,
                DriftSeries.newest_hour < newest_before,
            )
            .exists()
        )
        statement = update(DriftAlert).where(DriftAlert.ended_at.is_(None), gone)
        done = await self._connection.execute(statement.values(ended_at=now, ended_because="replaced"))
        return done.rowcount

    async def forget(self, before: datetime) -> int:
        """Drop old hours; how many."""
        done = await self._connection.execute(delete(DriftHour).where(DriftHour.hour < before))
        return done.rowcount

    async def gauges(self, *, rows: int) -> list[Row]:
        """Newest figures by site, model, version and signal: the worst unit of each."""
        statement = (
            select(
                Site.slug.label("site"),
                DriftSeries.model_name,
                DriftSeries.model_version,
                DriftSignal.signal,
                func.max(DriftSignal.psi).label("psi"),
                func.max(DriftSignal.ks).label("ks"),
                func.count().filter(DriftSignal.verdict == "drift").label("drifting"),
                func.count().label("units"),
            )
            .join(Unit, Unit.id == DriftSignal.unit_id)
            .join(Site, Site.id == Unit.site_id)
            .join(
                DriftSeries,
                (DriftSeries.unit_id == DriftSignal.unit_id) & (DriftSeries.model_sha256 == DriftSignal.model_sha256),
            )
            .where(DriftSeries.newest_hour >= func.now() - text("INTERVAL '3 days'"))
            .group_by(Site.slug, DriftSeries.model_name, DriftSeries.model_version, DriftSignal.signal)
            .order_by(Site.slug, DriftSeries.model_name, DriftSeries.model_version, DriftSignal.signal)
            .limit(rows)
        )
        return await self._all(statement)

    async def open_alerts(self, *, rows: int) -> list[Row]:
        """Advice that is open, by site and family."""
        statement = (
            select(Site.slug.label("site"), DriftAlert.family, func.count().label("n"))
            .join(Site, Site.id == DriftAlert.site_id)
            .where(DriftAlert.ended_at.is_(None))
            .group_by(Site.slug, DriftAlert.family)
            .order_by(Site.slug)
            .limit(rows)
        )
        return await self._all(statement)


_KEY_NAMES = ("unit_id", "model_sha256", "signal")


class DriftRepository(Repository):
    """Drift of one organization."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._own = own_sites(scope)

    async def series(
        self, *, site: str | None, model: str | None, after: tuple[int, str] | None, rows: int
    ) -> list[Row]:
        """Versions at units, by unit and hash."""
        statement = (
            select(
                *DriftSeries.__table__.columns,
                Site.slug.label("site"),
                Unit.slug.label("unit"),
                Unit.name.label("unit_name"),
            )
            .join(Unit, Unit.id == DriftSeries.unit_id)
            .join(Site, Site.id == Unit.site_id)
            .where(self._own)
            .order_by(DriftSeries.unit_id, DriftSeries.model_sha256)
            .limit(rows)
        )
        if site is not None:
            statement = statement.where(Site.slug == site)
        if model is not None:
            statement = statement.where(DriftSeries.model_name == model)
        if after is not None:
            statement = statement.where(tuple_(DriftSeries.unit_id, DriftSeries.model_sha256) > after)
        return await self._all(statement)

    async def signals(self, keys: Collection[tuple[int, str]]) -> list[Row]:
        """What was judged of several series, whose keys come from ``series``."""
        if not keys:
            return []
        statement = select(*DriftSignal.__table__.columns).where(_KEY.in_(keys))
        return await self._all(statement.order_by(DriftSignal.signal))

    async def alerts(
        self,
        *,
        site: str | None,
        unit_id: int | None,
        is_open: bool | None,
        before: tuple[datetime, UUID] | None,
        rows: int,
    ) -> list[Row]:
        """Newest advice, that before (started_at, id)."""
        statement = _ALERT.where(self._own).order_by(DriftAlert.started_at.desc(), DriftAlert.id.desc()).limit(rows)
        if site is not None:
            statement = statement.where(Site.slug == site)
        if unit_id is not None:
            statement = statement.where(DriftAlert.unit_id == unit_id)
        if is_open is not None:
            statement = statement.where(DriftAlert.ended_at.is_(None) if is_open else DriftAlert.ended_at.is_not(None))
        if before is not None:
            statement = statement.where(tuple_(DriftAlert.started_at, DriftAlert.id) < before)
        return await self._all(statement)

    async def alert(self, alert_id: UUID) -> Row | None:
        """One piece of advice."""
        return await self._one(_ALERT.where(self._own, DriftAlert.id == alert_id))

    async def hours(self, unit_id: int, model_sha256: str, start: datetime, end: datetime) -> list[Row]:
        """Hours of a series in order."""
        statement = (
            select(DriftHour.hour, DriftHour.observations, DriftHour.signals, DriftHour.mix)
            .join(Unit, Unit.id == DriftHour.unit_id)
            .join(Site, Site.id == Unit.site_id)
            .where(
                self._own,
                DriftHour.unit_id == unit_id,
                DriftHour.model_sha256 == model_sha256,
                DriftHour.hour >= start,
                DriftHour.hour < end,
            )
        )
        return await self._all(statement.order_by(DriftHour.hour))

    async def accept(self, alert: Row, since: datetime, who: str, now: datetime) -> None:
        """What the unit is since then is usual: every open advice of its series ends, and the reference begins anew."""
        key = (alert["unit_id"], alert["model_sha256"])
        of_series = tuple_(DriftAlert.unit_id, DriftAlert.model_sha256) == key
        await self._connection.execute(
            update(DriftAlert)
            .where(of_series, DriftAlert.ended_at.is_(None))
            .values(ended_at=now, ended_because="accepted", accepted_by=who)
        )
        await self._connection.execute(
            update(DriftSeries)
            .where(tuple_(DriftSeries.unit_id, DriftSeries.model_sha256) == key)
            .values(reference_from=since)
        )
        await self._connection.execute(delete(DriftSignal).where(_KEY.in_([key])))
