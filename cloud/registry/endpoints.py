"""The repository of releases: who signed what, for people; its files, in ranges, for boxes and site mirrors.

Nothing here is trusted by a box: every one verifies for itself. Nothing can be signed here: keys are with their owners.
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse

from cloud.auth.dependencies import FleetAdmin, Viewer
from cloud.errors import NotFoundError
from cloud.kit.problems import problems
from cloud.registry import service
from cloud.registry.schemas import ReleaseDetail, ReleaseRegistry
from cloud.settings import CloudSettings
from contracts.base import Slug

router = APIRouter(tags=["registry"])

_FILE = re.compile(
    r"^(?:blobs/[0-9a-f]{64}"
    r"|targets/models/[a-z0-9_-]{1,63}/[0-9a-f]{64}\.\d+\.\d+\.\d+\.json"
    r"|metadata/\d+\.[a-z0-9_-]{1,80}\.json"
    r"|metadata/channels/[a-z0-9-]{1,32}/timestamp\.json)$"
)
"""What a repository publishes; its settings and what is staged stay inside."""
_FOR_EVER = "private, max-age=31536000, immutable"


@router.get("/repository/{path:path}", responses=problems(401, 404), response_class=FileResponse)
async def repository_file(
    request: Request,
    _caller: Viewer,
    path: Annotated[str, Path(max_length=200, description="As `docs/fleet.md` lays the repository out")],
) -> FileResponse:
    """One file of the repository of model releases; `Range` resumes what was cut off."""
    settings: CloudSettings = request.app.state.settings
    folder = settings.repository_dir
    if folder is None or _FILE.match(path) is None or not (folder / path).is_file():
        raise NotFoundError(f"the repository has no file {path!r}")
    changes = path.endswith("timestamp.json")
    return FileResponse(
        folder / path,
        media_type="application/json" if path.endswith(".json") else "application/octet-stream",
        headers={"Cache-Control": "no-store" if changes else _FOR_EVER},
    )


@router.get("/releases", summary="Releases and their signatures", responses=problems(401, 403))
async def list_releases(request: Request, _caller: FleetAdmin) -> ReleaseRegistry:
    """Every name with its releases, who signed each and how many must; what is proposed and whom it waits for; when roles end."""
    settings: CloudSettings = request.app.state.settings
    return await service.registry(settings.repository_dir)


@router.get("/releases/{model}/{version}", summary="One release", responses=problems(401, 403, 404))
async def get_release(
    request: Request,
    _caller: FleetAdmin,
    model: Annotated[Slug, Path(description="Name of the model or configuration; agent for the agent")],
    version: Annotated[str, Path(max_length=40, description="Such as 1.0.0")],
) -> ReleaseDetail:
    """One release with its card, its figures by slice, its settings or its packages."""
    settings: CloudSettings = request.app.state.settings
    return await service.release(settings.repository_dir, model, version)
