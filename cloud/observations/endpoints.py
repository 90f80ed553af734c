"""What the cameras saw, and the images that prove it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import FileResponse

from cloud.auth.dependencies import ImageViewer, Viewer
from cloud.auth.tokens import UrlSigner
from cloud.kit.problems import problems
from cloud.kit.repository import Reader
from cloud.observations import service
from cloud.observations.schemas import ObservationPage
from cloud.settings import CloudSettings
from contracts.base import Sha256Hex

router = APIRouter(tags=["observations"])


@router.get("/units/{unit_id}/observations", summary="Observations of a unit", responses=problems(400, 401, 404))
async def list_unit_observations(
    request: Request,
    unit_id: int,
    user: Viewer,
    reader: Reader,
    limit: Annotated[int, Query(ge=1, le=200, description="Observations per page.")] = 50,
    before: Annotated[
        str | None, Query(max_length=64, description="`next_cursor` of the page before, or a moment in ISO 8601.")
    ] = None,
) -> ObservationPage:
    """Newest first, each with the signed address of its image and the model that made its numbers."""
    signer: UrlSigner = request.app.state.signer
    return await service.list_unit_observations(reader, user, unit_id, limit=limit, before=before, signer=signer)


@router.get(
    "/images/{sha256}",
    summary="An evidence image",
    response_class=FileResponse,
    responses={
        200: {"description": "The image", "content": {"image/jpeg": {}, "image/png": {}}},
        304: {"description": "The cached image is the one"},
        **problems(401, 403, 404),
    },
)
async def get_image(
    request: Request,
    sha256: Annotated[Sha256Hex, Path()],
    viewer: ImageViewer,
    reader: Reader,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The image with this content, by signed address (`expires`, `signature`) or with an access token.

    An address names content, so the answer never changes and may be cached for good.
    """
    settings: CloudSettings = request.app.state.settings
    image = await service.find_image(reader, sha256, scope=viewer, storage_dir=settings.storage_dir)
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{sha256}"'}
    if if_none_match is not None and sha256 in if_none_match:
        return Response(status_code=304, headers=headers)
    return FileResponse(image.path, media_type=image.media_type, headers=headers)
