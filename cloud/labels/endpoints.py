"""The label queue, review, marks, files of labels, and frozen data sets."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from cloud.auth.dependencies import FarmManager, Operator, Viewer
from cloud.auth.tokens import UrlSigner
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Reader, Writer
from cloud.labels import datasets, exchange, marks, service
from cloud.labels.schemas import (
    DatasetPage,
    DatasetVersion,
    ExportFormat,
    ImportedLabels,
    LabelMarkOut,
    LabelMarkPage,
    LabelProgress,
    LabelSettings,
    LabelTaskDetail,
    LabelTaskPage,
    NewDataset,
    NewLabel,
    NewMark,
    NextFrame,
    NextTask,
    Review,
    TaskStatus,
)
from cloud.samples.endpoints import TheStore
from contracts.base import Sha256Hex, Slug

router = APIRouter(tags=["labels"])

UPLOADS = frozenset({"/api/v1/labels/import"})
"""Addresses that take files, and so larger bodies than the others."""


def _signer(request: Request) -> UrlSigner:
    signer: UrlSigner = request.app.state.signer
    return signer


Signer = Annotated[UrlSigner, Depends(_signer)]
OfSite = Annotated[Slug | None, Query(description="Of one site; without it, all.")]


@router.get("/labels/tasks", summary="The label queue", responses=problems(400, 401, 404))
async def list_label_tasks(
    user: Viewer,
    reader: Reader,
    page: Paging,
    signer: Signer,
    site: OfSite = None,
    status: Annotated[TaskStatus | None, Query(description="Of one status; without it, all.")] = None,
    camera: Annotated[Slug | None, Query(description="Of cameras with this name.")] = None,
) -> LabelTaskPage:
    """Frames with what a model proposes, most urgent first: marked by people, returned, then by uncertainty and novelty."""
    return await service.list_tasks(
        reader, user, page, site=site, status=status, camera=camera, signer=signer, now=_now()
    )


@router.post("/labels/next", summary="The next frame to label", responses=problems(401, 403, 404))
async def give_next_label_task(wish: NextFrame, user: Operator, writer: Writer, signer: Signer) -> NextTask:
    """The most urgent frame that the caller has not labelled and nobody else holds, held for 15 minutes.

    A camera of which many frames were labelled just now waits for others.
    """
    return await service.give_next(writer, user, wish, signer, _now())


@router.get("/labels/progress", summary="How the labelling stands", responses=problems(401))
async def get_label_progress(user: Viewer, reader: Reader) -> LabelProgress:
    """Frames by status, each person's work of 30 days, and how far people agree."""
    return await service.progress(reader, user, _now())


@router.get("/labels/settings", summary="What is labelled", responses=problems(401))
async def get_label_settings(user: Viewer, reader: Reader) -> LabelSettings:
    """Classes, scores, and how many people label each frame."""
    return await service.get_settings(reader, user)


@router.put("/labels/settings", summary="Change what is labelled", responses=problems(401, 403))
async def set_label_settings(new: LabelSettings, user: FarmManager, writer: Writer) -> LabelSettings:
    """For the whole organization. Labels that were given keep their names."""
    return await service.set_settings(writer, user, new, _now())


@router.get("/labels/tasks/{task_id}", summary="A frame and its labels", responses=problems(401, 404))
async def get_label_task(task_id: UUID, user: Viewer, reader: Reader, signer: Signer) -> LabelTaskDetail:
    """Until it is accepted, annotators see their own answer alone."""
    return await service.get_task(reader, user, task_id, signer, _now())


@router.post("/labels/tasks/{task_id}/lease", summary="Hold a frame", responses=problems(401, 403, 404, 409))
async def hold_label_task(task_id: UUID, user: Operator, writer: Writer, signer: Signer) -> LabelTaskDetail:
    """For 15 minutes from now; what the caller held before is let go."""
    return await service.hold(writer, user, task_id, signer, _now())


@router.delete(
    "/labels/tasks/{task_id}/lease", status_code=204, summary="Let a frame go", responses=problems(401, 403, 404)
)
async def release_label_task(task_id: UUID, user: Operator, writer: Writer) -> None:
    """Others get it again at once."""
    await service.release(writer, user, task_id)


@router.post(
    "/labels/tasks/{task_id}/labels",
    status_code=201,
    summary="Label a frame",
    responses={200: {"model": LabelTaskDetail, "description": "It is here already"}, **problems(401, 403, 404, 409)},
)
async def add_label(
    response: Response, task_id: UUID, new: NewLabel, user: Operator, writer: Writer, signer: Signer
) -> LabelTaskDetail:
    """The caller's answer, instead of any that they gave before. Sent again with the same id it changes nothing."""
    detail, is_new = await service.give_label(writer, user, task_id, new, signer, _now())
    if not is_new:
        response.status_code = 200
    return detail


@router.post("/labels/tasks/{task_id}/undo", summary="Take one's label back", responses=problems(401, 403, 404, 409))
async def undo_label(task_id: UUID, user: Operator, writer: Writer, signer: Signer) -> LabelTaskDetail:
    """As long as no reviewer has decided; the frame is the caller's again."""
    return await service.undo(writer, user, task_id, signer, _now())


@router.post("/labels/tasks/{task_id}/review", summary="Decide on a frame", responses=problems(400, 401, 403, 404, 409))
async def review_label_task(
    task_id: UUID, decided: Review, user: FarmManager, writer: Writer, signer: Signer
) -> LabelTaskDetail:
    """Accept a label, return the frame with a note, reject it, or reopen one that was decided."""
    return await service.review(writer, user, task_id, decided, signer, _now())


@router.get("/labels/marks", summary="What models had wrong", responses=problems(400, 401))
async def list_label_marks(
    user: Viewer,
    reader: Reader,
    page: Paging,
    model: Annotated[
        str | None, Query(max_length=63, pattern=r"^[a-z0-9_-]*$", description="Only of this model.")
    ] = None,
) -> LabelMarkPage:
    """Marks of people, newest first."""
    return await marks.list_marks(reader, user, page, model=model)


@router.post(
    "/labels/marks",
    status_code=201,
    summary="Say that a model was wrong",
    responses={200: {"model": LabelMarkOut, "description": "It is here already"}, **problems(401, 403, 404, 409, 507)},
)
async def add_label_mark(
    response: Response, new: NewMark, user: Operator, writer: Writer, store: TheStore
) -> LabelMarkOut:
    """Of an observation or a prediction. Where its picture is kept, it goes to the head of the label queue."""
    mark, is_new = await marks.add(writer, user, new, store, _now())
    if not is_new:
        response.status_code = 200
    return mark


@router.get(
    "/labels/export",
    summary="Labels as a file",
    response_class=Response,
    responses={
        200: {
            "description": "The file; `Shoal-Next-After` says where a further one goes on",
            "content": {"application/json": {}},
        },
        **problems(401, 404),
    },
)
async def export_labels(
    user: Viewer,
    reader: Reader,
    form: Annotated[ExportFormat, Query(alias="format", description="How it is written.")] = ExportFormat.COCO,
    status: Annotated[TaskStatus | None, Query(description="Of one status; without it, all.")] = TaskStatus.ACCEPTED,
    site: OfSite = None,
    after: Annotated[UUID | None, Query(description="`Shoal-Next-After` of the file before.")] = None,
) -> Response:
    """Up to 5,000 frames, each with its accepted label or the newest one; for Label Studio with the model's proposals."""
    content, more = await exchange.export(reader, user, form, status=status, site=site, after=after, now=_now())
    headers = {"Content-Disposition": f'attachment; filename="labels-{form.value}.json"', "Cache-Control": "no-store"}
    if more is not None:
        headers["Shoal-Next-After"] = str(more)
    return Response(content, media_type="application/json", headers=headers)


@router.post("/labels/import", summary="Labels from a file", responses=problems(401, 403))
async def import_labels(
    document: Annotated[Any, Body(description="The file.")],
    user: FarmManager,
    writer: Writer,
    form: Annotated[ExportFormat, Query(alias="format", description="How it is written.")] = ExportFormat.COCO,
    dry_run: Annotated[bool, Query(description="Check alone.")] = False,  # noqa: FBT002
) -> ImportedLabels:
    """Labels for frames that are here (known by their sha256) go to review: all of the file, or with any fault none."""
    return await exchange.take(writer, user, form, document, dry_run=dry_run, now=_now())


@router.post("/datasets", status_code=201, summary="Freeze a data set", responses=problems(401, 403, 404, 409))
async def freeze_dataset(new: NewDataset, user: FarmManager, writer: Writer, store: TheStore) -> DatasetVersion:
    """Accepted labels as the next version under a name: it never changes again, and its frames are never dropped."""
    return await datasets.freeze(writer, user, new, store, _now())


@router.get("/datasets", summary="Data sets", responses=problems(400, 401))
async def list_datasets(
    user: Viewer, reader: Reader, page: Paging, name: Annotated[Slug | None, Query(description="Of one name.")] = None
) -> DatasetPage:
    """Versions, newest first."""
    return await datasets.list_datasets(reader, user, page, name=name)


@router.get("/datasets/{dataset_id}", summary="A version of a data set", responses=problems(401, 404))
async def get_dataset(dataset_id: UUID, user: Viewer, reader: Reader) -> DatasetVersion:
    """Its hash, counts and lineage."""
    return await datasets.get_dataset(reader, user, dataset_id)


@router.get(
    "/datasets/{dataset_id}/annotations.json",
    summary="The labels of a data set",
    response_class=Response,
    responses={200: {"description": "COCO", "content": {"application/json": {}}}, **problems(401, 404)},
)
async def get_dataset_annotations(dataset_id: UUID, user: Viewer, reader: Reader, store: TheStore) -> Response:
    """COCO with further keys per image: site, camera, track, captured_at, annotator, licence and more; its sha256 is the version's."""
    content = await datasets.get_document(reader, user, dataset_id, store)
    return Response(content, media_type="application/json")


@router.get(
    "/datasets/{dataset_id}/archive.zip",
    summary="A data set with its images",
    response_class=StreamingResponse,
    responses={200: {"description": "The archive", "content": {"application/zip": {}}}, **problems(401, 404)},
)
async def get_dataset_archive(
    dataset_id: UUID,
    user: Viewer,
    reader: Reader,
    store: TheStore,
    after: Annotated[
        Sha256Hex | None, Query(description="Only images whose sha256 follows this one, without `annotations.json`.")
    ] = None,
    images: Annotated[int | None, Query(ge=0, le=1000, description="So many images at most.")] = None,
) -> StreamingResponse:
    """`annotations.json` and `images/` in the order of their sha256, sent while it is packed; the same to the byte every time.

    With `after` and `images` it comes in parts, so that a download that was cut off goes on where it was.
    """
    archive = await datasets.open_archive(reader, user, dataset_id, store, after=after, images=images)
    headers = {"Content-Disposition": f'attachment; filename="{archive.name}.zip"'}
    return StreamingResponse(datasets.pack(archive), media_type="application/zip", headers=headers)


def _now() -> datetime:
    return datetime.now(timezone.utc)
