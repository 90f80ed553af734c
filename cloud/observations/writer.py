"""Observations and their evidence images into the database and the storage folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from cloud.db.timeseries import OBSERVATION, Room
from cloud.devices.clocks import Moved
from cloud.devices.directory import Directory
from cloud.devices.messages import Accepted, Quarantine, Stored
from cloud.devices.rules import is_plausible
from cloud.observations.images import store
from contracts.errors import RetryableError
from contracts.vision import Evidence, Observation, ObservationBatch

_OBSERVATION = """
INSERT INTO observation (camera_id, observed_at, unit_id, started_at, frames, frames_dropped, count_mean, count_min,
    count_max, confidence_mean, latency_ms, detections, image_sha256, image_observed_at, model_name, model_version,
    model_sha256, image_quality, quality, quality_test, count_low, count_high, activity_bl_s, analysis)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
_ANALYSIS = {"image_parts", "tracks", "lines", "classes", "health", "embedding_distance"}
_HIDE = "DELETE FROM observation WHERE camera_id = %s AND observed_at = %s"
_MOVE_IMAGE = "UPDATE image SET observed_at = %s WHERE sha256 = %s AND observed_at = %s"
_IMAGE = """
INSERT INTO image (sha256, camera_id, unit_id, observed_at, media_type, width, height, bytes, stored_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


def write(
    database: Connection[Any], directory: Directory, room: Room, messages: Sequence[Accepted], now: datetime
) -> Stored:
    """Store the observations of new messages within the caller's transaction."""
    rows: list[tuple[Any, ...]] = []
    moments: list[datetime] = []
    quarantined: list[Quarantine] = []
    for position, message in enumerate(messages):
        body = message.envelope.body
        assert isinstance(body, ObservationBatch)  # noqa: S101  (the ingest sorts by kind)
        plausible = [o for o in body.observations if is_plausible(o.observed_at, message.received_at)]
        if len(plausible) < len(body.observations):
            detail = f"{len(body.observations) - len(plausible)} observations with a stamp that cannot be true"
            quarantined.append(Quarantine(position, "implausible_time", detail))
        rows += [_row(database, directory, message, observation) for observation in plausible]
        moments += [observation.observed_at for observation in plausible]
    room.check(OBSERVATION, moments, now)
    return Stored(_insert(database, _OBSERVATION, rows), quarantined)


def write_evidence(
    database: Connection[Any], directory: Directory, storage_dir: Path, messages: Sequence[Accepted], now: datetime
) -> Stored:
    """Store evidence images of new messages: the files at once, their rows within the caller's transaction.

    Raises:
        RetryableError: the storage folder cannot be written.
    """
    rows: list[tuple[Any, ...]] = []
    quarantined: list[Quarantine] = []
    for position, message in enumerate(messages):
        evidence = message.envelope.body
        assert isinstance(evidence, Evidence)  # noqa: S101  (the ingest sorts by kind)
        actual = hashlib.sha256(evidence.data).hexdigest()
        if actual != evidence.sha256:
            detail = f"the image has sha256 {actual}, the message says {evidence.sha256}"
            quarantined.append(Quarantine(position, "sha256_mismatch", detail))
            continue
        try:
            store(storage_dir, evidence.sha256, evidence.data)
        except OSError as error:
            raise RetryableError(f"image cannot be written to {storage_dir}: {error}") from error
        camera_id = directory.camera(database, message.device, evidence.camera, evidence.unit)
        unit_id = directory.unit(database, message.device, evidence.unit)
        rows.append(
            (
                *(evidence.sha256, camera_id, unit_id, evidence.observed_at, evidence.media_type),
                *(evidence.width, evidence.height, len(evidence.data), now),
            )
        )
    return Stored(_insert(database, _IMAGE, sorted(rows)), quarantined)


def restamp(
    database: Connection[Any], directory: Directory, room: Room, messages: Sequence[Moved], now: datetime
) -> None:
    """Move observations and images whose clock has learned the time to where they belong."""
    with database.cursor() as cursor:
        for one in messages:
            before, after = one.before.envelope.body, one.after.envelope.body
            if isinstance(before, Evidence) and isinstance(after, Evidence):
                cursor.execute(_MOVE_IMAGE, (after.observed_at, before.sha256, before.observed_at))
            elif isinstance(before, ObservationBatch):
                for seen in before.observations:
                    camera_id = directory.camera(database, one.before.device, seen.camera, seen.unit)
                    cursor.execute(_HIDE, (camera_id, seen.observed_at))
    observed = [one.after for one in messages if isinstance(one.after.envelope.body, ObservationBatch)]
    write(database, directory, room, observed, now)


def _row(
    database: Connection[Any], directory: Directory, message: Accepted, observation: Observation
) -> tuple[Any, ...]:
    model = observation.model
    return (
        directory.camera(database, message.device, observation.camera, observation.unit),
        observation.observed_at,
        directory.unit(database, message.device, observation.unit),
        observation.started_at,
        observation.frames,
        observation.frames_dropped,
        observation.count_mean,
        observation.count_min,
        observation.count_max,
        observation.confidence_mean,
        observation.latency_ms,
        Jsonb([detection.model_dump(mode="json", exclude_none=True) for detection in observation.detections]),
        observation.image_sha256,
        observation.image_observed_at,
        *((None, None, None) if model is None else (model.name, model.version, model.sha256)),
        observation.image_quality,
        int(observation.quality),
        observation.quality_test,
        *(observation.count_interval or (None, None)),
        observation.activity_bl_s,
        _analysis(observation),
    )


def _analysis(observation: Observation) -> Jsonb | None:
    """What is looked at beside its picture and not over time; None when nothing of it was told."""
    told = observation.model_dump(mode="json", include=_ANALYSIS, exclude_defaults=True)
    return Jsonb(told) if told else None


def _insert(database: Connection[Any], statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    if not rows:
        return 0
    with database.cursor() as cursor:
        cursor.executemany(statement, rows)
        return cursor.rowcount
