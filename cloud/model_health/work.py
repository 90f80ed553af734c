"""The scheduled looks at models: how each unit's does, and what has not produced for long. Twice is once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog

from cloud.model_health.repository import HealthWriter
from cloud.model_health.rules import SILENT_SITE, Seen, judge
from cloud.tasks.kinds import Kind, NoParams, Work

log = structlog.get_logger()

HEALTH_EVERY = timedelta(minutes=5)
STALENESS_EVERY = timedelta(hours=1)
IDLE = timedelta(days=7)
"""A version that produced nothing anywhere for so long is told, until it is a month."""
FORGOTTEN = timedelta(days=30)


async def look(work: Work, params: NoParams) -> dict[str, Any]:
    """How the model of every unit with a camera does; the work of ``model_health``."""
    del params
    async with work.database.write() as writer:
        repository = HealthWriter(writer)
        rows, counts = [], dict.fromkeys(("ok", "degraded", "stale", "dark"), 0)
        for row in await repository.seen(work.now, work.now - timedelta(hours=1)):
            suspect = None if row["suspect"] is None else float(row["suspect"])
            seen = Seen(row["newest_at"], row["box_seen_at"], int(row["frames"]), int(row["dropped"]), suspect)
            status, reason = judge(seen, work.now)
            counts[status.value] += 1
            names = ("unit_id", "newest_at", "model_name", "model_version", "model_sha256", "latency_ms", "confidence")
            kept = {name: row[name] for name in names}
            rows.append({**kept, "status": status.value, "reason": reason, "since": work.now, "looked_at": work.now})
        await repository.keep(rows, work.now)
    return counts


async def tell_stale(work: Work, params: NoParams) -> dict[str, Any]:
    """Sites and versions that have not produced; the work of ``staleness``. Its result is the record."""
    del params
    async with work.database.read() as reader:
        repository = HealthWriter(reader)
        sites = await repository.silent_sites(work.now - SILENT_SITE)
        models = await repository.idle_models(work.now - IDLE, work.now - FORGOTTEN)
    for row in sites:
        log.warning(
            "site_sees_nothing", site=row["site"], since=None if row["newest_at"] is None else str(row["newest_at"])
        )
    return {
        "sites": [row["site"] for row in sites],
        "models": [f"{row['model']}@{row['version']}" for row in models],
    }


def health_kinds() -> tuple[Kind[Any], ...]:
    """Both, on their schedules."""
    return (
        Kind("model_health", "data", NoParams, look, timedelta(minutes=5), every=HEALTH_EVERY),
        Kind("staleness", "data", NoParams, tell_stale, timedelta(minutes=5), every=STALENESS_EVERY),
    )
