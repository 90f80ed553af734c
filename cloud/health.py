"""Probes: ``/live`` (is the process well), ``/ready`` (can it serve), ``/health`` (both, for people), ``/metrics``.

``/live`` never looks at the database: a restart of the API does not repair a database.
"""

from __future__ import annotations

from datetime import datetime, timezone
from time import monotonic
from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from cloud.db.base import Base
from cloud.kit.repository import Database, Repository
from cloud.kit.schemas import ApiModel

router = APIRouter(tags=["health"])

_MISSING = text("SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE to_regclass(name) IS NULL ORDER BY name")


class SchemaRepository(Repository):
    """Asks the database which of the tables that the API reads are there."""

    async def missing_tables(self) -> list[str]:
        """Tables that the migrations have not made yet."""
        rows = await self._all(_MISSING, {"names": sorted(Base.metadata.tables)})
        return [row["name"] for row in rows]


class Live(ApiModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(ApiModel):
    """Whether requests can be served."""

    status: Literal["ok", "unavailable"]
    missing: list[str]
    """What is not there, in words; empty when ready."""


class Health(ApiModel):
    """A summary for people."""

    status: Literal["ok", "degraded"]
    version: str
    uptime_s: float
    missing: list[str]
    """What is not there, in words."""


@router.get("/live", summary="Liveness")
async def get_live() -> Live:
    """Always ok while the process answers."""
    return Live()


@router.get("/ready", summary="Readiness", responses={503: {"model": Ready, "description": "Not ready"}})
async def get_ready(request: Request, response: Response) -> Ready:
    """200 when the database can be used; else 503 and what is missing."""
    missing = await _missing(request)
    if missing:
        response.status_code = 503
    return Ready(status="unavailable" if missing else "ok", missing=missing)


@router.get("/health", summary="Health summary")
async def get_health(request: Request) -> Health:
    """Version, uptime and what is missing; always 200, so that it can be read when something is wrong."""
    missing = await _missing(request)
    return Health(
        status="degraded" if missing else "ok",
        version=request.app.state.product_version,
        uptime_s=round(monotonic() - request.app.state.started, 1),
        missing=missing,
    )


@router.get("/metrics", summary="Prometheus metrics", response_class=Response, include_in_schema=False)
async def get_metrics(request: Request) -> Response:
    """Everything in ``cloud.metrics``, for Prometheus."""
    state, now = request.app.state, datetime.now(timezone.utc)
    await state.business.refresh(state.database, now)
    await state.task_gauges.refresh(state.database, now)
    await state.drift_gauges.refresh(state.database, now)
    await state.health_gauges.refresh(state.database, now)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _missing(request: Request) -> list[str]:
    database: Database = request.app.state.database
    try:
        async with database.read() as reader:
            tables = await SchemaRepository(reader).missing_tables()
    except (SQLAlchemyError, OSError):
        return ["database: it does not answer"]
    if tables:
        return [f"database: the tables {', '.join(tables)} are missing; run the migrations"]
    return []
