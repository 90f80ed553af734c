"""Keys for machines."""

from __future__ import annotations

from datetime import datetime, timezone

from fastapi import APIRouter, Request

from cloud.api_keys import service
from cloud.api_keys.schemas import ApiKeyPage, MadeApiKey, NewApiKey
from cloud.auth.dependencies import FarmManager
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer

router = APIRouter(prefix="/api-keys", tags=["access"])


@router.get("", summary="Keys", responses=problems(400, 401, 403))
async def list_api_keys(user: FarmManager, reader: Reader, page: Paging) -> ApiKeyPage:
    """Keys of the organization by name, those that were revoked included; never their secrets."""
    return await service.list_keys(reader, user, page)


@router.post("", status_code=201, summary="Make a key", responses=problems(401, 403, 404, 409))
async def make_api_key(request: Request, new: NewApiKey, user: FarmManager, writer: Writer) -> MadeApiKey:
    """Make a key for a machine. The secret is shown here and never again."""
    return await service.make_key(writer, user, new, request.app.state.keys, datetime.now(timezone.utc))


@router.delete("/{key_id}", status_code=204, summary="Revoke a key", responses=problems(401, 403, 404))
async def revoke_api_key(key_id: int, user: FarmManager, writer: Writer) -> None:
    """Make a key useless from its next request on; other processes of the API notice within two seconds."""
    await service.revoke_key(writer, user, key_id, datetime.now(timezone.utc))
