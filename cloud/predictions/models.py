"""The installed models as the API tells of them. Statistics and health are those of the process that answers."""

from __future__ import annotations

from typing import Any, Final, Literal

from cloud.errors import NoModelError
from cloud.predictions.catalogue import Installed
from cloud.predictions.schemas import (
    ActiveModels,
    CacheStats,
    ModelDetail,
    ModelOut,
    ModelsHealth,
    ModelsOut,
    ModelsStats,
    VersionHealth,
    VersionStats,
)
from cloud.predictions.serving import Serving
from cloud.settings import PredictionSettings
from contracts.bundles import Task
from contracts.vision import ModelRef

_DEGRADED: Final = 0.05


def list_models(serving: Serving, settings: PredictionSettings) -> ModelsOut:
    """Every installed version."""
    return ModelsOut(items=[ModelOut(**_told(each, serving, settings)) for each in serving.catalogue.all()])


def get_model(serving: Serving, settings: PredictionSettings, version: str) -> ModelDetail:
    """One installed version with its card.

    Raises:
        NotFoundError: there is none.
        ConflictError: several models have this version.
    """
    found = serving.catalogue.find(version)
    manifest = found.manifest
    return ModelDetail(
        **_told(found, serving, settings),
        width=manifest.input.width,
        height=manifest.input.height,
        threshold=manifest.threshold,
        unknown_below=None if manifest.classification is None else manifest.classification.unknown_below,
        metrics=manifest.metrics,
        attribution=list(manifest.attribution),
        data=list(manifest.data),
        training=manifest.training,
    )


def active_models(serving: Serving, settings: PredictionSettings) -> ActiveModels:
    """Which version answers for which task."""
    items, missing = [], {}
    for task in Task:
        try:
            items.append(ModelOut(**_told(serving.catalogue.active(task), serving, settings)))
        except NoModelError as error:  # noqa: PERF203 - three tasks
            missing[task.value] = error.detail
    return ActiveModels(items=items, missing=missing)


def model_stats(serving: Serving) -> ModelsStats:
    """How the versions that were asked have done in this process."""
    items = []
    for each in serving.catalogue.all():
        known = serving.statistics.get(each.key)
        if known is None:
            continue
        loaded = serving.loaded(each)
        items.append(
            VersionStats(
                key=each.key,
                predictions=known.predictions,
                errors=known.errors,
                error_rate=known.error_rate,
                cached=known.cached,
                unknown=known.unknown,
                batches=known.batches,
                batch_size_mean=round(known.predictions / known.batches, 2) if known.batches else None,
                latency_ms_p50=known.percentile_ms(0.5),
                latency_ms_p95=known.percentile_ms(0.95),
                latency_ms_p99=known.percentile_ms(0.99),
                confidence_histogram=list(known.confidences),
                waiting=0 if loaded is None else loaded.batcher.waiting,
            )
        )
    cache = serving.cache
    return ModelsStats(
        items=items,
        cache=CacheStats(entries=len(cache), hits=cache.hits, misses=cache.misses),
        memory_bytes=serving.memory_bytes,
    )


def model_health(serving: Serving) -> ModelsHealth:
    """Whether the models can be relied on."""
    items = [_health(each, serving) for each in serving.catalogue.all()]
    bad = any(each.status in {"degraded", "refused"} for each in items)
    broken = serving.catalogue.broken()
    return ModelsHealth(status="degraded" if bad or broken else "ok", items=items, broken=broken)


def _health(model: Installed, serving: Serving) -> VersionHealth:
    loaded, known, refused = serving.loaded(model), serving.statistics.get(model.key), serving.refused(model)
    error_rate = 0.0 if known is None else known.error_rate
    status: Literal["ok", "degraded", "refused", "not_loaded"] = "ok"
    if refused is not None:
        status = "refused"
    elif error_rate > _DEGRADED:
        status = "degraded"
    elif loaded is None:
        status = "not_loaded"
    return VersionHealth(
        key=model.key,
        status=status,
        active=serving.catalogue.is_active(model),
        loaded=loaded is not None,
        loaded_at=None if loaded is None else loaded.loaded_at,
        load_ms=None if loaded is None else loaded.load_ms,
        self_test=None if loaded is None else loaded.self_test,
        provider=None if loaded is None else loaded.predictor.provider,
        error_rate=error_rate,
        last_error=refused or (None if known is None else known.last_error),
        last_error_at=None if known is None else known.last_error_at,
    )


def _told(model: Installed, serving: Serving, settings: PredictionSettings) -> dict[str, Any]:
    manifest = model.manifest
    split = settings.predict_split.get(manifest.name)
    return {
        "key": model.key,
        "model": ModelRef(name=manifest.name, version=manifest.version, sha256=manifest.sha256),
        "task": manifest.task,
        "labels": list(manifest.labels),
        "active": serving.catalogue.is_active(model),
        "loaded": serving.is_loaded(model),
        "candidate_share": split.share if split is not None and split.version == manifest.version else None,
        "shipped": model.shipped,
        "bytes": manifest.bytes,
        "created_at": manifest.created_at,
        "licence": manifest.licence,
    }
