"""How versions do at units, the advice on them, and taking a change for the new normal."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from cloud.auth.dependencies import Principal
from cloud.auth.tokens import UrlSigner
from cloud.drift.repository import DriftRepository
from cloud.drift.schemas import (
    DriftAlertOut,
    DriftAlertPage,
    DriftHourOut,
    DriftHours,
    DriftSeriesOut,
    DriftSeriesPage,
    SignalOut,
)
from cloud.drift.signals import DriftVerdict, Signal
from cloud.errors import ConflictError, InvalidCursorError, InvalidRangeError, NotFoundError
from cloud.farms.service import checked_id, find_site_id, get_unit
from cloud.kit.ids import decode_cursor, decode_moment_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, Row, WriteConnection
from contracts.vision import ModelRef

log = structlog.get_logger()

IMAGES_PATH = "/api/v1/images/"
LONGEST = timedelta(days=92)
"""Of a chart."""
_MAX_ID = 2**31 - 1


async def list_series(
    reader: ReadConnection, user: Principal, page: PageQuery, *, site: str | None, model: str | None
) -> DriftSeriesPage:
    """Versions at units, by unit.

    Raises:
        NotFoundError: the organization has no such site.
        InvalidCursorError: the cursor is not of this list.
    """
    if site is not None:
        await find_site_id(reader, user, site)
    repository = DriftRepository(reader, user.scope)
    after = None if page.cursor is None else _place(page.cursor)
    rows = await repository.series(site=site, model=model, after=after, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(str(row["unit_id"]), row["model_sha256"]))
    signals = await repository.signals([(row["unit_id"], row["model_sha256"]) for row in shown])
    by_series: dict[tuple[int, str], list[Row]] = {}
    for one in signals:
        by_series.setdefault((one["unit_id"], one["model_sha256"]), []).append(one)
    items = [_series(row, by_series.get((row["unit_id"], row["model_sha256"]), [])) for row in shown]
    return DriftSeriesPage(items=items, next_cursor=cursor)


async def get_hours(
    reader: ReadConnection, user: Principal, unit_id: int, model_sha256: str, *, start: datetime | None, end: datetime
) -> DriftHours:
    """Hours of a version at a unit.

    Raises:
        NotFoundError: the organization has no such unit.
        InvalidRangeError: the period is empty or too long.
    """
    unit = await get_unit(reader, user, checked_id(unit_id, "unit"))
    first = end - timedelta(days=35) if start is None else start
    if not first < end <= first + LONGEST:
        raise InvalidRangeError(f"start must be before end, and at most {LONGEST.days} days before")
    rows = await DriftRepository(reader, user.scope).hours(unit.id, model_sha256, first, end)
    return DriftHours(start=first, end=end, items=[DriftHourOut(**row) for row in rows])


async def list_alerts(
    reader: ReadConnection,
    user: Principal,
    page: PageQuery,
    signer: UrlSigner,
    now: datetime,
    *,
    site: str | None,
    unit_id: int | None,
    is_open: bool | None,
) -> DriftAlertPage:
    """Advice, newest first.

    Raises:
        NotFoundError: the organization has no such site or unit.
        InvalidCursorError: the cursor is not of this list.
    """
    if site is not None:
        await find_site_id(reader, user, site)
    if unit_id is not None:
        await get_unit(reader, user, checked_id(unit_id, "unit"))
    before = None
    if page.cursor is not None:
        moment, key = decode_moment_cursor(page.cursor)
        try:
            before = (moment, UUID(key))
        except ValueError:
            raise _not_ours() from None
    repository = DriftRepository(reader, user.scope)
    rows = await repository.alerts(site=site, unit_id=unit_id, is_open=is_open, before=before, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["started_at"].isoformat(), str(row["id"])))
    return DriftAlertPage(items=[_alert(row, signer, now) for row in shown], next_cursor=cursor)


async def get_alert(
    reader: ReadConnection, user: Principal, alert_id: UUID, signer: UrlSigner, now: datetime
) -> DriftAlertOut:
    """One piece of advice.

    Raises:
        NotFoundError: the organization has none such.
    """
    return _alert(await _found(DriftRepository(reader, user.scope), alert_id), signer, now)


async def accept(
    writer: WriteConnection, user: Principal, alert_id: UUID, signer: UrlSigner, now: datetime
) -> DriftAlertOut:
    """What the unit is since the change is usual from now on: a reference of two weeks is learned from there.

    Raises:
        NotFoundError: the organization has no such advice.
        ConflictError: it is over.
    """
    repository = DriftRepository(writer, user.scope)
    found = await _found(repository, alert_id)
    if found["ended_at"] is not None:
        raise ConflictError("This advice is over; only what goes on can be accepted")
    await repository.accept(found, found["started_at"], user.email, now)
    log.info("drift_accepted", alert=str(alert_id), user=user.id)
    return _alert(await _found(repository, alert_id), signer, now)


async def _found(repository: DriftRepository, alert_id: UUID) -> Row:
    row = await repository.alert(alert_id)
    if row is None:
        raise NotFoundError(f"There is no advice {alert_id}")
    return row


def _series(row: Row, signals: list[Row]) -> DriftSeriesOut:
    verdicts = {one["verdict"] for one in signals}
    # Two days in a row make advice; one alone is shown at its signal and nowhere else.
    drifting = any(one["drift_days"] > 1 for one in signals)
    status = "drift" if drifting else "stable" if verdicts & {"stable", "drift"} else "learning"
    return DriftSeriesOut.model_validate(
        {
            **{name: row[name] for name in ("site", "unit_id", "unit", "unit_name")},
            **{name: row[name] for name in ("reference_from", "newest_hour", "judged_until")},
            "model": _model(row),
            "status": status,
            "signals": [_signal(one) for one in signals],
        }
    )


def _signal(row: Row) -> SignalOut:
    signal = Signal(row["signal"])
    names = ("psi", "ks", "p", "shift", "days", "changed_at", "drift_days")
    figures = {name: row[name] for name in names}
    return SignalOut(signal=signal, family=signal.family, verdict=DriftVerdict(row["verdict"]), **figures)


def _alert(row: Row, signer: UrlSigner, now: datetime) -> DriftAlertOut:
    def signed(name: str) -> list[str]:
        return [signer.sign(IMAGES_PATH + sha256, now) for sha256 in row[name]]

    rest = {name: value for name, value in row.items() if not name.startswith("model_")}
    return DriftAlertOut(**{**rest, "model": _model(row), "evidence": signed("evidence"), "before": signed("before")})


def _model(row: Row) -> ModelRef:
    return ModelRef(name=row["model_name"], version=row["model_version"], sha256=row["model_sha256"])


def _place(cursor: str) -> tuple[int, str]:
    unit_id, model = decode_cursor(cursor, 2)
    if not unit_id.isdecimal() or int(unit_id) > _MAX_ID:
        raise _not_ours()
    return int(unit_id), model


def _not_ours() -> InvalidCursorError:
    return InvalidCursorError("The cursor is not one that this list returned; start again without it")
