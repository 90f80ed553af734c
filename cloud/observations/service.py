"""Observations with the signed address of their evidence, and the images themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import structlog

from cloud.auth.dependencies import Principal
from cloud.auth.scope import Scope
from cloud.auth.tokens import UrlSigner
from cloud.errors import InvalidCursorError, NotFoundError
from cloud.farms.service import get_unit
from cloud.kit.ids import observation_id, parse_observation_id
from cloud.kit.pagination import cut
from cloud.kit.repository import ReadConnection, Row
from cloud.metrics import IMAGES_SERVED_BYTES
from cloud.observations.images import path_of
from cloud.observations.repository import ObservationRepository
from cloud.observations.schemas import Interval, LineFlow, ObservationOut, ObservationPage
from contracts.vision import ModelRef

log = structlog.get_logger()

IMAGES_PATH = "/api/v1/images/"
_NEVER = datetime(9000, 1, 1, tzinfo=timezone.utc)
_MAX_ID = 2**31 - 1
_SHOWN_TYPES = frozenset({"image/jpeg", "image/png"})


@dataclass(frozen=True)
class StoredImage:
    """An image that may be sent."""

    path: Path
    media_type: str


async def list_unit_observations(
    reader: ReadConnection, user: Principal, unit_id: int, *, limit: int, before: str | None, signer: UrlSigner
) -> ObservationPage:
    """Observations of a unit, newest first.

    Raises:
        NotFoundError: the user's organization has no such unit.
        InvalidCursorError: ``before`` is neither an observation id nor a moment.
    """
    moment, camera_id = _position(before)
    unit = await get_unit(reader, user, unit_id)
    rows = await ObservationRepository(reader).of_unit(unit.id, before=moment, before_camera=camera_id, rows=limit + 1)
    shown, cursor = cut(rows, limit, lambda row: observation_id(row["camera_id"], row["observed_at"]))
    now = datetime.now(timezone.utc)
    return ObservationPage(items=[_observation(row, signer, now) for row in shown], next_cursor=cursor)


async def latest_by_unit(
    reader: ReadConnection, site_id: int, *, signer: UrlSigner, now: datetime
) -> tuple[dict[int, ObservationOut], dict[int, ObservationOut]]:
    """By unit id: the newest observation, and the newest one whose image has arrived."""
    repository = ObservationRepository(reader)
    newest = await repository.latest_of_site(site_id)
    evidence = await repository.latest_evidence_of_site(site_id)
    return (
        {row["unit_id"]: _observation(row, signer, now) for row in newest},
        {row["unit_id"]: _observation(row, signer, now) for row in evidence},
    )


async def find_image(reader: ReadConnection, sha256: str, *, scope: Scope | None, storage_dir: Path) -> StoredImage:
    """A stored image.

    Raises:
        NotFoundError: no image has this hash, it belongs to another organization, or its file is gone.
    """
    row = await ObservationRepository(reader).image(sha256, scope=scope)
    if row is None or row["media_type"] not in _SHOWN_TYPES:
        raise NotFoundError("There is no such image")
    # The hash comes from the row, not from the request, so that no request can name a path.
    path = path_of(storage_dir, row["sha256"])
    if not path.is_file():
        log.error("image_file_missing", sha256=row["sha256"])
        raise NotFoundError("The file of this image is missing in the store")
    IMAGES_SERVED_BYTES.inc(row["bytes"])
    return StoredImage(path, row["media_type"])


def _position(before: str | None) -> tuple[datetime, int]:
    """Where a page starts: an observation id, a moment, or (None) the newest."""
    if before is None:
        return _NEVER, _MAX_ID
    named = parse_observation_id(before)
    if named is not None and named[0] <= _MAX_ID and named[1] < _NEVER:
        return named[1], named[0]
    try:
        # An unescaped "+" in a query string arrives as a blank.
        moment = datetime.fromisoformat(before.strip().replace(" ", "+").replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidCursorError("before must be an observation id or a moment in ISO 8601 with a time zone")
    return moment, 0


def _observation(row: Row, signer: UrlSigner, now: datetime) -> ObservationOut:
    sha256 = row["image_sha256"]
    analysis = row["analysis"] or {}
    return ObservationOut(
        id=observation_id(row["camera_id"], row["observed_at"]),
        camera=row["camera"],
        unit_id=row["unit_id"],
        observed_at=row["observed_at"],
        started_at=row["started_at"],
        frames=row["frames"],
        frames_dropped=row["frames_dropped"],
        count_mean=row["count_mean"],
        count_min=row["count_min"],
        count_max=row["count_max"],
        confidence_mean=row["confidence_mean"],
        latency_ms=row["latency_ms"],
        detections=row["detections"] or [],
        image_url=signer.sign(IMAGES_PATH + sha256, now) if row["has_image"] else None,
        image_sha256=sha256,
        image_observed_at=row["image_observed_at"],
        image_quality=row["image_quality"],
        image_parts=analysis.get("image_parts"),
        model=_model(row),
        quality=row["quality"],
        quality_test=row["quality_test"],
        count_interval=None if row["count_low"] is None else Interval(low=row["count_low"], high=row["count_high"]),
        tracks=analysis.get("tracks"),
        lines=[_line(line) for line in analysis.get("lines", ())],
        activity_bl_s=row["activity_bl_s"],
        classes=analysis.get("classes", {}),
        health=analysis.get("health", {}),
        embedding_distance=analysis.get("embedding_distance"),
    )


def _line(line: Row) -> LineFlow:
    intervals = {
        name: Interval(low=line[name][0], high=line[name][1]) for name in ("entered_interval", "left_interval")
    }
    return LineFlow(name=line["name"], entered=line["entered"], left=line["left"], **intervals)


def _model(row: Row) -> ModelRef | None:
    if row["model_sha256"] is None:
        return None
    return ModelRef(name=row["model_name"], version=row["model_version"], sha256=row["model_sha256"])
