"""Frames from boxes by resumable upload (tus 1.0.0), and their images."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import FileResponse

from cloud.auth.dependencies import FleetAdmin, ImageViewer, Operator
from cloud.auth.tokens import UrlSigner
from cloud.errors import BadRequestError, UnsupportedImageError, WrongProtocolVersionError
from cloud.kit.origin import origin_of
from cloud.kit.problems import Problem, problems
from cloud.kit.repository import Database, Reader, Writer, database_of
from cloud.samples import service
from cloud.samples.rules import MAX_BYTES
from cloud.samples.schemas import SamplePairs
from cloud.samples.service import Store
from contracts.base import Slug

router = APIRouter(tags=["samples"])

TUS = "1.0.0"
PATH = "/api/v1/samples/"
_BODY = "application/offset+octet-stream"
_TUS = {"Tus-Resumable": TUS}


def store_of(request: Request) -> Store:
    """Where the application that serves this request keeps samples."""
    settings = request.app.state.settings
    return Store(settings.storage_dir, settings.samples_max_bytes)


TheStore = Annotated[Store, Depends(store_of)]
Pool = Annotated[Database, Depends(database_of)]
Version = Annotated[str | None, Header(alias="Tus-Resumable", description="`1.0.0`")]
Length = Annotated[int | None, Header(alias="Upload-Length", description="Bytes of the whole frame.")]
Offset = Annotated[int | None, Header(alias="Upload-Offset", description="Where these bytes begin.")]
Metadata = Annotated[
    str,
    Header(
        alias="Upload-Metadata",
        description="`sha256` of the frame and `sample`, its description as JSON (contracts.samples.Sample), each in base64.",
    ),
]


def _empty(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    return {status: {"description": description}}


@router.options(
    "/samples",
    status_code=204,
    response_class=Response,
    summary="What the upload can do",
    responses={**_empty(204, "In the headers"), **problems(401, 403)},
)
async def get_upload_options(user: Operator) -> Response:
    """Version, extension and largest size."""
    del user
    headers = {"Tus-Version": TUS, "Tus-Extension": "creation", "Tus-Max-Size": str(MAX_BYTES)}
    return Response(status_code=204, headers=_TUS | headers)


@router.post(
    "/samples",
    status_code=201,
    response_class=Response,
    summary="Begin to upload a frame",
    responses={
        **_empty(200, "This frame, or a part of it, is here already"),
        **_empty(201, "Begun; `Location` is its address"),
        **problems(400, 401, 403, 404, 409, 412, 413, 507),
    },
)
async def create_upload(
    user: Operator,
    writer: Writer,
    store: TheStore,
    version: Version = None,
    upload_length: Length = None,
    upload_metadata: Metadata = "",
) -> Response:
    """Begin, with what is known of the frame; the same content again finds the upload that there is.

    Give each box a key of its own for this: role `operator`, scopes `samples:read` and `samples:write`, limited to its site.
    """
    _check(version)
    if upload_length is None or upload_length < 1:
        raise BadRequestError("Upload-Length: send how many bytes the frame has; it must be known from the beginning")
    upload, is_new = await service.create(
        writer, user, store, length=upload_length, metadata=upload_metadata, now=_now()
    )
    headers = {"Location": f"{PATH}{upload.id}", "Upload-Offset": str(upload.reached)}
    return Response(status_code=201 if is_new else 200, headers=_TUS | headers)


@router.head(
    "/samples/{upload_id}",
    response_class=Response,
    summary="How far an upload is",
    responses={**_empty(200, "In `Upload-Offset`"), **problems(401, 403, 404, 412)},
)
async def get_upload_offset(upload_id: UUID, user: Operator, reader: Reader, version: Version = None) -> Response:
    """Bytes that are safe on the disk; 404 when the upload was forgotten and has to begin anew."""
    upload = await service.find(reader, user, upload_id)
    _check(version)
    headers = {
        "Upload-Offset": str(upload.reached),
        "Upload-Length": str(upload.length),
        "Cache-Control": "no-store",
    }
    return Response(status_code=200, headers=_TUS | headers)


@router.patch(
    "/samples/{upload_id}",
    status_code=204,
    response_class=Response,
    summary="Go on with an upload",
    responses={
        **_empty(204, "Safe on the disk, up to `Upload-Offset`"),
        **problems(400, 401, 403, 404, 409, 412, 413, 415, 422),
        460: {"model": Problem, "description": "The whole frame has another sha256; begin anew"},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {_BODY: {"schema": {"type": "string", "format": "binary", "maxLength": MAX_BYTES}}},
        }
    },
)
async def append_to_upload(
    request: Request,
    upload_id: UUID,
    user: Operator,
    pool: Pool,
    store: TheStore,
    version: Version = None,
    upload_offset: Offset = None,
) -> Response:
    """Add bytes at the offset that the server has. A cut line loses nothing of what came before the cut.

    With its last byte the frame is checked and enters the label queue.
    """
    async with pool.read() as reader:
        await service.find(reader, user, upload_id)
    _check(version)
    if request.headers.get("content-type", "") != _BODY:
        raise UnsupportedImageError(f"Content-Type: send the bytes as {_BODY}")
    if upload_offset is None or upload_offset < 0:
        raise BadRequestError("Upload-Offset: say where these bytes begin")
    upload = await service.take(
        pool, user, store, upload_id, request.stream(), offset=upload_offset, declared=origin_of(request), now=_now()
    )
    return Response(status_code=204, headers=_TUS | {"Upload-Offset": str(upload.reached)})


@router.get("/samples/pairs", summary="Frames that two models saw differently", responses=problems(400, 401, 403))
async def list_sample_pairs(
    request: Request,
    user: FleetAdmin,
    reader: Reader,
    model: Annotated[Slug, Query(description="Name of the candidate, e.g. `fish-detector`.")],
    version: Annotated[str, Query(max_length=40, pattern=r"^[0-9A-Za-z.+-]+$", description="Its version.")],
    limit: Annotated[int, Query(ge=1, le=100, description="Frames at most, those that differ most.")] = 48,
) -> SamplePairs:
    """Frames of shadow runs on which the candidate and the active model differ, each with the boxes of both.

    Boxes choose them within their budget of samples, so they are examples and no count: the figures of the rollout are the count.
    """
    signer: UrlSigner = request.app.state.signer
    return await service.list_pairs(reader, user, signer, _now(), model=model, version=version, most=limit)


@router.get(
    "/samples/{sample_id}/image",
    summary="The frame of a sample",
    response_class=FileResponse,
    responses={
        200: {"description": "The image", "content": {"image/jpeg": {}, "image/png": {}}},
        304: {"description": "The cached image is the one"},
        **problems(401, 403, 404),
    },
)
async def get_sample_image(
    sample_id: UUID,
    viewer: ImageViewer,
    reader: Reader,
    store: TheStore,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """By signed address (`expires`, `signature`) or with an access token."""
    image = await service.find_image(reader, sample_id, scope=viewer, store=store)
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{image.sha256}"'}
    if if_none_match is not None and image.sha256 in if_none_match:
        return Response(status_code=304, headers=headers)
    return FileResponse(image.path, media_type=image.media_type, headers=headers)


def _check(version: str | None) -> None:
    if version != TUS:
        raise WrongProtocolVersionError(
            f"Tus-Resumable: {version or '(not sent)'} is not spoken here; send {TUS}", headers={"Tus-Version": TUS}
        )


def _now() -> datetime:
    return datetime.now(timezone.utc)
