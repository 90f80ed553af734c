"""Pictures in, predictions out; the past; and the models behind them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, UploadFile

from cloud.auth.dependencies import Operator, Viewer
from cloud.auth.scope import Scope
from cloud.errors import BadRequestError, PayloadTooLargeError
from cloud.kit.pagination import Paging
from cloud.kit.problems import problems
from cloud.kit.repository import Database, Reader, database_of
from cloud.predictions import models, service
from cloud.predictions.rules import Level
from cloud.predictions.schemas import (
    ActiveModels,
    BatchPrediction,
    Explanation,
    ModelDetail,
    ModelsHealth,
    ModelsOut,
    ModelsStats,
    Prediction,
    PredictionPage,
    PredictionStats,
    PredictionTaskAccepted,
    PredictionTaskOut,
    SpeciesOut,
)
from cloud.predictions.service import Asked, Source
from cloud.predictions.serving import Serving
from cloud.predictions.tasks import PredictionTasks, callback_key
from cloud.settings import CloudSettings
from contracts.base import Sha256Hex, UtcDatetime
from contracts.bundles import Task

router = APIRouter(tags=["predictions"])

UPLOADS = frozenset(
    {
        "/api/v1/predictions/classify",
        "/api/v1/ml/explain",
        "/api/v1/ml/predict",
        "/api/v1/ml/predict/batch",
        "/api/v1/ml/predict/async",
    }
)
"""Addresses that take pictures, and so larger bodies than the others."""


async def serving_of(request: Request) -> Serving:
    """The models of the application that serves this request."""
    serving: Serving = request.app.state.serving
    return serving


async def settings_of(request: Request) -> CloudSettings:
    """The application's settings."""
    settings: CloudSettings = request.app.state.settings
    return settings


async def tasks_of(request: Request) -> PredictionTasks:
    """Where predictions are asked for later."""
    tasks: PredictionTasks = request.app.state.prediction_tasks
    return tasks


async def secret_of(request: Request) -> bytes:
    """The application's secret."""
    secret: bytes = request.app.state.secret
    return secret


async def pool_of(request: Request) -> Database:
    """The application's connections."""
    return database_of(request)


Models = Annotated[Serving, Depends(serving_of)]
Settings = Annotated[CloudSettings, Depends(settings_of)]
Tasks = Annotated[PredictionTasks, Depends(tasks_of)]
Secret = Annotated[bytes, Depends(secret_of)]
Pool = Annotated[Database, Depends(pool_of)]

ModelName = Annotated[
    str | None,
    Form(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Name of a model; without it the active one answers."),
]
ModelVersion = Annotated[
    str | None,
    Form(pattern=r"^\d{1,9}\.\d{1,9}\.\d{1,9}$", description="Version of the model; without it the active or newest."),
]
UnitId = Annotated[
    int | None,
    Form(description="Unit that the picture shows: kept in the history, and decides which version a trial gives it."),
]
Probabilities = Annotated[bool, Form(description="Tell the probability of every class.")]
References = Annotated[
    str,
    Form(
        max_length=70_000,
        description="sha256 of up to 1,000 stored evidence images, separated by commas or blanks.",
    ),
]
TaskKind = Annotated[Task | None, Form(description="What to do; detection without it and without a model.")]
Start = Annotated[UtcDatetime | None, Query(description="First moment; 30 days before the end without it.")]
End = Annotated[UtcDatetime | None, Query(description="Moment after the last; now without it.")]
OfUnit = Annotated[int | None, Query(alias="unit_id", description="Only of this unit.")]
_PICTURE = problems(400, 401, 403, 404, 409, 413, 415, 503)


@router.post("/predictions/classify", summary="Name the species in a picture", responses=_PICTURE)
async def classify_image(
    user: Operator,
    pool: Pool,
    serving: Models,
    settings: Settings,
    file: Annotated[UploadFile, File(description="One fish as JPEG or PNG, at least 32 x 32 pixels.")],
    unit_id: UnitId = None,
    all_probabilities: Probabilities = False,  # noqa: FBT002 - a form field
    model: ModelName = None,
    version: ModelVersion = None,
) -> Prediction:
    """The most likely class with its confidence and level; ``unknown`` when the model is not sure enough of any of its classes.

    409 with the code ``no_model`` when no classifier is installed; the detail says how to get one.
    """
    asked = Asked("classify", Task.CLASSIFICATION, model, version, unit_id, all_probabilities)
    return await service.predict_one(pool, serving, user, await _read(file, settings), asked)


@router.get("/predictions/history", summary="Past predictions", responses=problems(400, 401, 404))
async def list_predictions(
    user: Viewer,
    reader: Reader,
    page: Paging,
    start: Annotated[UtcDatetime | None, Query(description="First moment.")] = None,
    end: Annotated[UtcDatetime | None, Query(description="Moment after the last.")] = None,
    unit_id: OfUnit = None,
    label: Annotated[
        str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="Only this label, e.g. `unknown`.")
    ] = None,
    model: Annotated[
        str | None, Query(max_length=63, pattern=r"^[a-z0-9_-]*$", description="Only of this model.")
    ] = None,
    level: Annotated[Level | None, Query(description="Only of this level.")] = None,
) -> PredictionPage:
    """Of the organization, newest first."""
    return await service.list_predictions(
        reader, user, page, start=start, end=end, unit_id=unit_id, label=label, model=model, level=level
    )


@router.get("/predictions/species", summary="What was recognized", responses=problems(400, 401, 404))
async def count_species(
    user: Viewer, reader: Reader, start: Start = None, end: End = None, unit_id: OfUnit = None
) -> SpeciesOut:
    """Labels of classifications over a period (the last 30 days), most frequent first."""
    return await service.count_species(reader, user, start=start, end=end, unit_id=unit_id)


@router.get("/predictions/stats", summary="Predictions in numbers", responses=problems(400, 401, 404))
async def get_prediction_stats(
    user: Viewer, reader: Reader, start: Start = None, end: End = None, unit_id: OfUnit = None
) -> PredictionStats:
    """Of the organization over a period (the last 30 days), by version and by day."""
    return await service.prediction_stats(reader, user, start=start, end=end, unit_id=unit_id)


@router.post("/ml/predict", summary="Run a model on a picture", responses=_PICTURE)
async def predict(
    user: Operator,
    pool: Pool,
    serving: Models,
    settings: Settings,
    file: Annotated[UploadFile | None, File(description="JPEG or PNG. Either this or `image_sha256`.")] = None,
    image_sha256: Annotated[Sha256Hex | None, Form(description="An evidence image that is stored already.")] = None,
    task: TaskKind = None,
    model: ModelName = None,
    version: ModelVersion = None,
    unit_id: UnitId = None,
    all_probabilities: Probabilities = False,  # noqa: FBT002 - a form field
) -> Prediction:
    """Any installed model: detections, a class, or scores. The fish detector ships with Shoal."""
    asked = Asked("predict", task, model, version, unit_id, all_probabilities)
    if (file is None) == (image_sha256 is None):
        raise BadRequestError("Send either `file` or `image_sha256`, and not both")
    if file is not None:
        data = await _read(file, settings)
    else:
        (stored,) = await service.stored_sources(
            pool, user.scope, [str(image_sha256)], storage_dir=settings.storage_dir
        )
        data = await stored.read()
    return await service.predict_one(pool, serving, user, data, asked)


@router.post("/ml/explain", summary="What a classifier looked at", responses=_PICTURE)
async def explain_prediction(
    user: Operator,
    pool: Pool,
    serving: Models,
    settings: Settings,
    file: Annotated[UploadFile, File(description="JPEG or PNG.")],
    model: ModelName = None,
    version: ModelVersion = None,
    unit_id: UnitId = None,
) -> Explanation:
    """A map of 7 x 7 parts with what covering each takes from the confidence. A second or two of a core, so one at a time: 503 while
    another is made. It tells what the answer rests on, not that it is right; nothing is kept in the history.
    """
    asked = Asked("explain", Task.CLASSIFICATION, model, version, unit_id)
    return await service.explain(pool, serving, user, await _read(file, settings), asked)


@router.post("/ml/predict/batch", summary="Run a model on many pictures", responses=_PICTURE)
async def predict_batch(
    user: Operator,
    pool: Pool,
    serving: Models,
    settings: Settings,
    files: Annotated[list[UploadFile] | None, File(description="Up to 64 JPEG or PNG.")] = None,
    references: References = "",
    task: TaskKind = None,
    model: ModelName = None,
    version: ModelVersion = None,
    unit_id: UnitId = None,
    all_probabilities: Probabilities = False,  # noqa: FBT002 - a form field
) -> BatchPrediction:
    """Every picture has a prediction or a problem; one that cannot be used does not stop the others."""
    asked = Asked("batch", task, model, version, unit_id, all_probabilities)
    sources = await _sources(user.scope, pool, settings, files or [], references)
    return await service.predict_batch(pool, serving, user, sources, asked)


@router.post(
    "/ml/predict/async",
    summary="Run a model on pictures later",
    status_code=202,
    responses=_PICTURE,
)
async def predict_async(
    user: Operator,
    tasks: Tasks,
    settings: Settings,
    secret: Secret,
    files: Annotated[list[UploadFile] | None, File(description="Up to 64 JPEG or PNG.")] = None,
    references: References = "",
    task: TaskKind = None,
    model: ModelName = None,
    version: ModelVersion = None,
    unit_id: UnitId = None,
    all_probabilities: Probabilities = False,  # noqa: FBT002 - a form field
    callback_url: Annotated[
        str | None,
        Form(
            max_length=2000, description="https address that is told of the end by a signed POST; see `callback_key`."
        ),
    ] = None,
) -> PredictionTaskAccepted:
    """Answers at once with a task; the pictures are predicted as there is time, also when this server is restarted meanwhile.

    `callback_url` must be a public address; redirects are not followed, and a callback that fails is tried six times in two hours.
    """
    asked = Asked("async", task, model, version, unit_id, all_probabilities)
    named = _checked_count(files or [], references)
    uploads = [((file.filename or "")[:200], await _read(file, settings)) for file in files or []]
    task_id = await tasks.submit(user, asked, uploads=uploads, references=named, callback_url=callback_url)
    return PredictionTaskAccepted(
        task_id=task_id,
        status_url=f"/api/v1/ml/predict/async/{task_id}",
        callback_key=None if callback_url is None else callback_key(secret, user.organization_id),
    )


@router.get("/ml/predict/async/{task_id}", summary="A prediction asked for later", responses=problems(401, 404))
async def get_async_prediction(user: Viewer, tasks: Tasks, task_id: UUID) -> PredictionTaskOut:
    """How far it is, and its result once it is done."""
    return await tasks.status(user, task_id)


@router.get("/ml/models", summary="Installed models", responses=problems(401))
async def list_ml_models(user: Viewer, serving: Models, settings: Settings) -> ModelsOut:
    """By name, newest version first."""
    del user
    return models.list_models(serving, settings)


@router.get("/ml/models/{version}", summary="One installed model", responses=problems(401, 404, 409))
async def get_ml_model(
    user: Viewer,
    serving: Models,
    settings: Settings,
    version: Annotated[
        str, Path(max_length=100, description="`name@version`, or a version that only one model has, or a sha256.")
    ],
) -> ModelDetail:
    """With its card: figures, data, licence and training."""
    del user
    return models.get_model(serving, settings, version)


@router.get("/models/active", summary="Active models", responses=problems(401))
async def list_active_models(user: Viewer, serving: Models, settings: Settings) -> ActiveModels:
    """Which version answers for which task, and what to do where none does."""
    del user
    return models.active_models(serving, settings)


@router.get("/models/all", summary="All models", responses=problems(401))
async def list_all_models(user: Viewer, serving: Models, settings: Settings) -> ModelsOut:
    """The same as `/ml/models`."""
    del user
    return models.list_models(serving, settings)


@router.get("/models/stats", summary="Statistics of models", responses=problems(401))
async def get_model_stats(user: Viewer, serving: Models) -> ModelsStats:
    """Latency, errors, confidence and batches of each version in the process that answers, since it started."""
    del user
    return models.model_stats(serving)


@router.get("/models/health", summary="Health of models", responses=problems(401))
async def get_model_health(user: Viewer, serving: Models) -> ModelsHealth:
    """Loaded, tested, failing: of each version in the process that answers."""
    del user
    return models.model_health(serving)


async def _read(file: UploadFile, settings: CloudSettings) -> bytes:
    limit = settings.predict_max_image_bytes
    if file.size is not None and file.size > limit:
        raise PayloadTooLargeError(
            f"A picture may have at most {limit} bytes; this one has {file.size}. Send it smaller"
        )
    return await file.read()


def _checked_count(files: list[UploadFile], references: str) -> list[str]:
    named = service.parse_references(references)
    if not files and not named:
        raise BadRequestError("Send `files` or `references`; both are empty")
    if len(files) > service.MAX_FILES:
        raise BadRequestError(
            f"{len(files)} files are too many; {service.MAX_FILES} fit. Send the rest in another request"
        )
    return named


async def _sources(
    scope: Scope, pool: Database, settings: CloudSettings, files: list[UploadFile], references: str
) -> list[Source]:
    named = _checked_count(files, references)

    def uploaded(file: UploadFile) -> Source:
        async def read() -> bytes:
            return await _read(file, settings)

        return Source((file.filename or "")[:200], read)

    stored = await service.stored_sources(pool, scope, named, storage_dir=settings.storage_dir)
    return [*map(uploaded, files), *stored]
