"""Predictions and models on the HTTP API."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from cloud.predictions.rules import Level
from contracts.base import UtcDatetime
from contracts.bundles import DataSource, Task
from contracts.vision import Detection, ModelRef


class PictureOut(ApiModel):
    """The picture that was looked at."""

    sha256: str
    media_type: Literal["image/jpeg", "image/png"]
    """Found in the bytes; what the sender called it does not count."""
    width: int
    """Pixels, after turning."""
    height: int
    turned: bool
    """The camera was held otherwise than upright, so the picture was turned by its EXIF orientation first."""


class Prediction(ApiModel):
    """What one version of a model says of one picture."""

    id: int | None = None
    """In the history; null for pictures of a batch, which are found there by ``image.sha256``."""
    created_at: UtcDatetime
    image: PictureOut
    unit_id: int | None
    task: Task
    model: ModelRef
    """The sha256 is the one of the running session's file."""
    arm: Literal["asked", "active", "candidate"]
    """Why this version: the request named it, it is the active one, or the unit takes part in a trial of it."""
    label: str | None = None
    """Of a classification; ``unknown`` when the model is not sure enough of any of its classes. Null for other tasks."""
    best_label: str | None = None
    """The most likely class, also where ``label`` is ``unknown``."""
    confidence: float | None = None
    """Of ``best_label``, from 0 to 1; of detections their mean; null where nothing was found."""
    level: Level | None = None
    """``high`` from 0.9, ``medium`` from 0.6, else ``low``; ``unknown`` is always ``low``. Only of classifications."""
    probabilities: dict[str, float] | None = None
    """Of every class, when asked for."""
    present: tuple[str, ...] = ()
    """Labels of a score model that reach their threshold."""
    detections: tuple[Detection, ...] = ()
    """Boxes are fractions of the turned picture (left, top, width, height)."""
    count: int | None = None
    """Number of detections; null for other tasks."""
    latency_ms: float
    """From the whole picture to the answer, waiting included."""
    cached: bool
    """The same version had seen the same picture before."""


class Explanation(ApiModel):
    """Which parts of a picture a classifier's answer rests on: each was covered in turn, and the model asked again."""

    model: ModelRef
    image_sha256: str
    label: str
    """The most likely class of the whole picture."""
    confidence: float
    """In it, of the whole picture."""
    lost: list[list[float]]
    """What the confidence loses when a part is covered, -1 to 1: rows from the top, columns from the left, all of one size."""


class PictureProblem(ApiModel):
    """Why a picture of a batch has no prediction."""

    code: str
    """As in problems: ``unsupported_image``, ``unusable_image``, ``payload_too_large``, ``not_found``, ``busy``."""
    detail: str


class BatchItem(ApiModel):
    """One picture of a batch; either a prediction or a problem."""

    index: int
    """Uploaded pictures first, then references, each in the order of the request."""
    name: str
    """Its file name, or the sha256 that refers to it."""
    prediction: Prediction | None = None
    problem: PictureProblem | None = None


class BatchPrediction(ApiModel):
    """Predictions of several pictures. One that cannot be used does not stop the others."""

    model: ModelRef
    predicted: int
    failed: int
    items: list[BatchItem]


class CallbackOut(ApiModel):
    """What became of the callback."""

    state: Literal["pending", "waiting", "sent", "failed"]
    """``pending`` before the end of the task; ``waiting`` while it is tried; ``failed`` for good after six tries."""
    attempts: int
    error: str | None


class PredictionTaskOut(ApiModel):
    """A prediction that was asked for later."""

    task_id: UUID
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    """``cancelled`` by ``DELETE /tasks/{id}``: what was predicted until then is not kept."""
    created_at: UtcDatetime
    finished_at: UtcDatetime | None
    pictures: int
    done: int
    """Pictures that have been looked at."""
    attempts: int
    """More than 1: a process died with it, and it was run again."""
    error: str | None
    result: BatchPrediction | None
    """Once ``done``."""
    callback: CallbackOut | None


class PredictionTaskAccepted(ApiModel):
    """Where the result will be."""

    task_id: UUID
    state: Literal["waiting"] = "waiting"
    status_url: str
    """Ask here, or wait for the callback."""
    callback_key: str | None
    """Signs callbacks of this organization: ``X-Shoal-Signature: t=<unix seconds>,v1=<hex>`` is HMAC-SHA256 with this text as
    its key over ``<t>.<body>``. Null without an address."""


class PastPrediction(ApiModel):
    """A prediction of the history."""

    id: int
    created_at: UtcDatetime
    source: Literal["classify", "predict", "batch", "async"]
    unit_id: int | None
    image_sha256: str
    task: Task
    model: ModelRef
    arm: str
    label: str | None
    best_label: str | None
    confidence: float | None
    level: Level | None
    count: int | None
    latency_ms: float
    cached: bool


class PredictionPage(Page[PastPrediction]):
    """Some predictions, newest first."""


class Levels(ApiModel):
    """Classifications by how much they can be relied on."""

    high: int
    medium: int
    low: int


class SpeciesCount(ApiModel):
    """One label over a period."""

    label: str
    predictions: int
    confidence_mean: float | None
    levels: Levels
    last_at: UtcDatetime


class SpeciesOut(ApiModel):
    """What classifications named, most frequent first. Pictures are counted, not fish."""

    start: UtcDatetime
    end: UtcDatetime
    items: list[SpeciesCount]


class ModelUse(ApiModel):
    """One version over a period, in this organization."""

    model: ModelRef
    task: Task
    arm: str
    predictions: int
    unknown: int
    levels: Levels
    cached: int
    confidence_mean: float | None
    latency_ms_mean: float | None
    """Of those that were not cached."""


class DayUse(ApiModel):
    """One day in UTC."""

    day: UtcDatetime
    predictions: int
    confidence_mean: float | None


class PredictionStats(ApiModel):
    """Predictions of the organization over a period."""

    start: UtcDatetime
    end: UtcDatetime
    predictions: int
    unknown: int
    by_model: list[ModelUse]
    by_day: list[DayUse]
    """Days without predictions are left out."""


class ModelOut(ApiModel):
    """An installed bundle."""

    key: str
    """``name@version``; what ``/ml/models/{version}`` takes."""
    model: ModelRef
    task: Task
    labels: list[str]
    active: bool
    """It answers for its task when nobody asks for another."""
    loaded: bool
    """It is in the memory of the process that answered."""
    candidate_share: float | None = Field(default=None, ge=0, le=1)
    """Part of the units that it is tried on instead of the active version."""
    shipped: bool
    """It came with Shoal."""
    bytes: int
    created_at: UtcDatetime
    licence: str


class ModelDetail(ModelOut):
    """An installed bundle with its card."""

    width: int
    """Of the picture that the network sees, in pixels."""
    height: int
    threshold: float
    """Confidence below which a detection is not reported."""
    unknown_below: float | None
    """Confidence below which a classification is ``unknown``."""
    metrics: dict[str, float]
    """As judged before it was published."""
    attribution: list[str]
    data: list[DataSource]
    training: dict[str, str | int | float | bool | None]


class ModelsOut(ApiModel):
    """Installed bundles, by name, newest version first."""

    items: list[ModelOut]


class ActiveModels(ApiModel):
    """Which version answers for which task."""

    items: list[ModelOut]
    missing: dict[str, str]
    """Tasks that nothing answers for, with what to do about it."""


class VersionStats(ApiModel):
    """How one version has done in the process that answered, since it started."""

    key: str
    predictions: int
    errors: int
    error_rate: float
    """Of the latest thousand."""
    cached: int
    unknown: int
    batches: int
    batch_size_mean: float | None
    latency_ms_p50: float | None
    """Of batches through the model, over the latest thousand pictures."""
    latency_ms_p95: float | None
    latency_ms_p99: float | None
    confidence_histogram: list[int]
    """Answers by confidence in ten equal parts from 0 to 1."""
    waiting: int
    """Pictures in its queue now."""


class CacheStats(ApiModel):
    """Remembered results."""

    entries: int
    hits: int
    misses: int


class ModelsStats(ApiModel):
    """Statistics of the process that answered."""

    items: list[VersionStats]
    cache: CacheStats
    memory_bytes: int
    """What the loaded versions are counted with."""


class VersionHealth(ApiModel):
    """Whether a version can be relied on to answer."""

    key: str
    status: Literal["ok", "degraded", "refused", "not_loaded"]
    """``degraded``: more than a twentieth of the latest thousand failed; ``refused``: it could not be loaded."""
    active: bool
    loaded: bool
    loaded_at: UtcDatetime | None
    load_ms: float | None
    self_test: bool | None
    """Its golden frames gave the published answers at load; null without golden frames, or not loaded."""
    provider: str | None
    """What runs the graph, as onnxruntime reports it."""
    error_rate: float
    last_error: str | None
    last_error_at: UtcDatetime | None


class ModelsHealth(ApiModel):
    """Health of the models in the process that answered."""

    status: Literal["ok", "degraded"]
    items: list[VersionHealth]
    broken: dict[str, str]
    """Folders whose manifest cannot be used, with the reason."""
