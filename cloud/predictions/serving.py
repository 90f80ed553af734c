"""From a checked picture to an answer: cache → version in memory → batch → statistics.

Versions are loaded when they are first asked for and leave when others need their room. All of it is per process: replicas
load what they are asked for and report their own statistics.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

import structlog

from cloud.errors import BusyError, PayloadTooLargeError, UnusableImageError, UnusableModelError
from cloud.metrics import (
    PREDICT_BATCH_SIZE,
    PREDICT_CACHE,
    PREDICT_CONFIDENCE,
    PREDICT_LOADED,
    PREDICT_SECONDS,
    PREDICTIONS,
)
from cloud.predictions.batching import MicroBatcher, QueueFullError
from cloud.predictions.catalogue import Catalogue, Choice, Installed
from cloud.predictions.formats import Header, read_header
from cloud.predictions.rules import Level, batch_size, level_of, memory_of, retry_after_s
from cloud.predictions.state import ResultCache, VersionStatistics
from cloud.settings import PredictionSettings
from contracts.bundles import Task

if TYPE_CHECKING:
    from cloud.predictions.predictor import Answer, Predictor
    from models.runtime.occlusion import OcclusionMap

log = structlog.get_logger()

_UNKNOWN: Final = "unknown"
_JOIN_S: Final = 10.0
_EXPLAIN_AGAIN_S: Final = 3


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture that may be decoded."""

    data: bytes
    sha256: str
    header: Header


@dataclass(frozen=True, slots=True)
class Served:
    """An answer with where it comes from."""

    choice: Choice
    answer: Answer
    level: Level | None
    latency_ms: float
    """From the picture in hand to the answer, queue included."""
    cached: bool


@dataclass(slots=True)
class _Loaded:
    model: Installed
    predictor: Predictor
    batcher: MicroBatcher[bytes, Answer]
    self_test: bool | None
    loaded_at: datetime
    load_ms: float


class Serving:
    """Answers of models for this process.

    Args:
        settings: bounds.
        catalogue: the installed bundles; None looks where the settings say.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        settings: PredictionSettings,
        *,
        catalogue: Catalogue | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self.catalogue = catalogue or Catalogue(
            settings.models_dir, active=settings.predict_active, splits=settings.predict_split
        )
        self._clock = clock
        self.cache: ResultCache[Answer] = ResultCache(
            entries=settings.predict_cache_entries, ttl_s=settings.predict_cache_ttl_s
        )
        self.statistics: defaultdict[str, VersionStatistics] = defaultdict(VersionStatistics)
        """By ``name@version``; as many as bundles were ever installed."""
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()
        self._refused: dict[str, str] = {}
        self._loading = asyncio.Lock()
        self._leaving: list[_Loaded] = []
        self._explaining = False

    def check(self, data: bytes) -> Picture:
        """A picture that may be decoded.

        Raises:
            UnsupportedImageError: it is neither JPEG nor PNG.
            UnusableImageError: broken, cut off, too small or too deep.
            PayloadTooLargeError: too many bytes or pixels.
        """
        limit = self._settings.predict_max_image_bytes
        if len(data) > limit:
            raise PayloadTooLargeError(
                f"A picture may have at most {limit} bytes; this one has {len(data)}. Send it smaller"
            )
        header = read_header(data, max_pixels=round(self._settings.predict_max_megapixels * 1e6))
        return Picture(data, hashlib.sha256(data).hexdigest(), header)

    async def predict(self, picture: Picture, choice: Choice) -> Served:
        """What a version says of a picture.

        Raises:
            BusyError: the queue is full, or the answer did not come in time.
            UnusableImageError: it cannot be decoded.
            UnusableModelError: the version cannot be run.
        """
        started = self._clock()
        model = choice.model
        statistics = self.statistics[model.key]
        known = self.cache.get(picture.sha256, model.manifest.sha256, started)
        PREDICT_CACHE.labels("hit" if known is not None else "miss").inc()
        if known is not None:
            statistics.cached += 1
            return self._served(choice, known, started, cached=True)
        loaded = await self._load(model)
        answer = await self._asked(loaded, picture)
        self.cache.put(picture.sha256, model.manifest.sha256, answer, self._clock())
        statistics.answer(answer.confidence, unknown=answer.label == _UNKNOWN)
        if answer.confidence is not None:
            PREDICT_CONFIDENCE.labels(model.manifest.name, model.manifest.version).observe(answer.confidence)
        return self._served(choice, answer, started, cached=False)

    async def explain(self, picture: Picture, choice: Choice) -> OcclusionMap:
        """Which parts of a picture a classifier's answer rests on. One at a time: it takes as long as 50 answers.

        Raises:
            BusyError: another one is under way.
            UnusableImageError: it cannot be decoded.
            UnusableModelError: the version cannot be run.
        """
        if self._explaining:
            raise BusyError("Another picture is being explained", _EXPLAIN_AGAIN_S)
        self._explaining = True
        try:
            loaded = await self._load(choice.model)
            return await asyncio.to_thread(loaded.predictor.explain, picture.data)
        except _inference_error() as error:
            raise UnusableImageError(
                f"{choice.model.key} could make nothing of it: {error}. Open it in a picture program and save it again"
            ) from error
        finally:
            self._explaining = False

    @contextmanager
    def arriving(self, model: Installed) -> Iterator[None]:
        """Tell a loaded version that a picture for it is on its way."""
        loaded = self._loaded.get(model.manifest.sha256)
        if loaded is None:
            yield
            return
        with loaded.batcher.arriving():
            yield

    async def warm_up(self, tasks: Sequence[Task]) -> None:
        """Load the active versions of these tasks, so that the first picture does not wait; what fails is logged."""
        for task in tasks:
            try:
                await self._load(self.catalogue.active(task))
            except Exception as error:  # noqa: BLE001, PERF203 - the API runs on without a model
                log.warning("predict.not_warm", task=task.value, reason=str(error))

    def is_loaded(self, model: Installed) -> bool:
        """Whether it is in memory."""
        return model.manifest.sha256 in self._loaded

    def loaded(self, model: Installed) -> _Loaded | None:
        """The version in memory, or None."""
        return self._loaded.get(model.manifest.sha256)

    def refused(self, model: Installed) -> str | None:
        """Why the version could not be loaded the last time, or None."""
        return self._refused.get(model.manifest.sha256)

    @property
    def memory_bytes(self) -> int:
        """What the loaded versions are counted with."""
        return sum(memory_of(each.model.manifest.bytes) for each in self._loaded.values())

    async def stop(self) -> None:
        """Finish what waits and let go of every version. Safe twice."""
        leaving = [*self._leaving, *self._loaded.values()]
        self._loaded.clear()
        self._leaving = []
        for each in leaving:
            each.batcher.close()
        for each in leaving:
            await asyncio.to_thread(each.batcher.join, _JOIN_S)
        PREDICT_LOADED.set(0)

    async def _asked(self, loaded: _Loaded, picture: Picture) -> Answer:
        name, version = loaded.model.manifest.name, loaded.model.manifest.version
        statistics = self.statistics[loaded.model.key]
        try:
            future = asyncio.wrap_future(loaded.batcher.submit(picture.data))
        except QueueFullError:
            PREDICTIONS.labels(name, version, "refused").inc()
            wait_s = retry_after_s(loaded.batcher.waiting, statistics.percentile_ms(0.5) or 50.0)
            raise BusyError(f"{loaded.batcher.waiting} pictures wait for {loaded.model.key}", wait_s) from None
        try:
            answer = await asyncio.wait_for(future, self._settings.predict_timeout_s)
        except asyncio.TimeoutError:
            PREDICTIONS.labels(name, version, "late").inc()
            statistics.failed("no answer in time", _now())
            raise BusyError(
                f"{loaded.model.key} did not answer within {self._settings.predict_timeout_s:g} s", 5
            ) from None
        except _inference_error() as error:
            PREDICTIONS.labels(name, version, "failed").inc()
            statistics.failed(str(error), _now())
            raise UnusableImageError(
                f"{loaded.model.key} could make nothing of it: {error}. Open it in a picture program and save it again"
            ) from error
        PREDICTIONS.labels(name, version, "answered").inc()
        return answer

    def _served(self, choice: Choice, answer: Answer, started: float, *, cached: bool) -> Served:
        level = None
        if answer.label is not None and answer.confidence is not None:
            level = level_of(answer.confidence, unknown=answer.label == _UNKNOWN)
        return Served(choice, answer, level, round((self._clock() - started) * 1000, 3), cached)

    async def _load(self, model: Installed) -> _Loaded:
        sha256 = model.manifest.sha256
        found = self._loaded.get(sha256)
        if found is None:
            async with self._loading:  # one at a time: two would both take the last room
                found = self._loaded.get(sha256) or await self._opened(model)
        self._loaded.move_to_end(sha256)
        return found

    async def _opened(self, model: Installed) -> _Loaded:
        limit = round(self._settings.predict_max_memory_mb * 1e6)
        if memory_of(model.manifest.bytes) > limit:
            raise UnusableModelError(
                f"{model.key} needs about {memory_of(model.manifest.bytes) / 1e6:.0f} MB and"
                f" {limit / 1e6:.0f} are allowed. Raise SHOAL_PREDICT_MAX_MEMORY_MB"
            )
        from cloud.predictions.predictor import open_predictor

        started = self._clock()
        try:
            predictor, tested = await asyncio.to_thread(open_predictor, model, threads=self._settings.predict_threads)
        except UnusableModelError as error:
            self._refused[model.manifest.sha256] = error.detail
            self.statistics[model.key].failed(error.detail, _now())
            log.warning("predict.model_refused", model=model.key, reason=error.detail)
            raise
        self._refused.pop(model.manifest.sha256, None)
        self._make_room(model, limit)
        batcher: MicroBatcher[bytes, Answer] = MicroBatcher(
            lambda images: self._run(predictor, model, images),
            max_batch=batch_size(
                self._settings.predict_max_batch,
                dynamic=model.manifest.input.dynamic_batch,
                provider=predictor.provider,
            ),
            max_wait_s=self._settings.predict_max_wait_ms / 1000,
            max_queue=self._settings.predict_queue,
            name=f"predict-{model.manifest.name}",
        )
        loaded = _Loaded(model, predictor, batcher, tested, _now(), round((self._clock() - started) * 1000, 1))
        self._loaded[model.manifest.sha256] = loaded
        PREDICT_LOADED.set(len(self._loaded))
        log.info("predict.model_loaded", model=model.key, sha256=predictor.sha256, provider=predictor.provider)
        return loaded

    def _make_room(self, model: Installed, limit: int) -> None:
        """Let those go that were used longest ago; what waits for them is still answered."""
        needed = memory_of(model.manifest.bytes)
        while self._loaded and (
            len(self._loaded) >= self._settings.predict_max_models or self.memory_bytes + needed > limit
        ):
            _, oldest = self._loaded.popitem(last=False)
            oldest.batcher.close()
            self._leaving = [each for each in self._leaving if each.batcher.busy]
            self._leaving.append(oldest)
            log.info("predict.model_unloaded", model=oldest.model.key)

    def _run(self, predictor: Predictor, model: Installed, images: Sequence[bytes]) -> list[Answer | Exception]:
        """In the batcher's thread. One bad picture costs the batch its speed and nobody else an answer."""
        started = time.perf_counter()
        answers: list[Answer | Exception]
        try:
            answers = list(predictor.predict(images))
        except Exception as error:  # noqa: BLE001 - each is told its own
            answers = [error] if len(images) == 1 else [_alone(predictor, image) for image in images]
        seconds = time.perf_counter() - started
        name, version = model.manifest.name, model.manifest.version
        PREDICT_SECONDS.labels(name, version).observe(seconds)
        PREDICT_BATCH_SIZE.labels(name, version).observe(len(images))
        good = sum(not isinstance(each, Exception) for each in answers)
        if good:
            self.statistics[model.key].batch(good, seconds * 1000)
        return answers


def _alone(predictor: Predictor, image: bytes) -> Answer | Exception:
    try:
        return predictor.predict([image])[0]
    except Exception as error:  # noqa: BLE001 - told to whoever sent it
        return error


def _inference_error() -> type[Exception]:
    from cloud.predictions.predictor import InferenceError

    return InferenceError


def _now() -> datetime:
    return datetime.now(timezone.utc)
