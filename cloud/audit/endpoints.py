"""The audit log."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse

from cloud.audit import service
from cloud.audit.repository import AuditRepository
from cloud.audit.schemas import AuditCheck, AuditPage
from cloud.auth.dependencies import FarmManager
from cloud.kit.origin import origin_of
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, database_of
from contracts.base import UtcDatetime

router = APIRouter(prefix="/audit", tags=["access"])

_Text = Annotated[str | None, Query(max_length=320, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Export(str, Enum):
    """Forms of an export."""

    CSV = "csv"
    JSONL = "jsonl"


@router.get("", summary="The audit log", responses=problems(400, 401, 403))
async def list_audit_entries(
    user: FarmManager,
    reader: Reader,
    page: Paging,
    actor: _Text = None,
    action: _Text = None,
    subject: _Text = None,
    start: Annotated[UtcDatetime | None, Query(description="First moment.")] = None,
    end: Annotated[UtcDatetime | None, Query(description="Moment after the last.")] = None,
) -> AuditPage:
    """Who changed what, before and after, from where; newest first. Nothing here can be changed or removed."""
    return await service.list_entries(
        reader, user, page, actor=actor, action=action, subject=subject, start=start, end=end
    )


@router.get("/check", summary="Check the audit log", responses=problems(401, 403))
async def check_audit_log(user: FarmManager, reader: Reader) -> AuditCheck:
    """Follow the hashes from the first entry to the last."""
    return await service.check(reader, user)


@router.get(
    "/export.{kind}",
    summary="Export the audit log",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The log", "content": {"text/csv": {}, "application/jsonl": {}}},
        **problems(401, 403),
    },
)
async def export_audit_log(request: Request, kind: Annotated[Export, Path()], user: FarmManager) -> StreamingResponse:
    """The whole log, oldest first. A JSON line holds the very text that was hashed, so the chain can be checked anywhere."""
    service.check_reach(user)
    database = database_of(request)
    async with database.write(origin_of(request)) as writer:
        await AuditRepository(writer, user.organization_id).note("audit_entry", {"exported_as": kind.value})
    media = "text/csv; charset=utf-8" if kind is Export.CSV else "application/jsonl"
    headers = {"Content-Disposition": f'attachment; filename="audit-{user.organization}.{kind.value}"'}
    return StreamingResponse(service.lines(database, user, kind.value), media_type=media, headers=headers)
