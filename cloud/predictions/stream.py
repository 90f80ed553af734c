"""Kafka ``prediction-requests`` → checked picture → model → Kafka ``predictions``; what cannot be predicted → ``error-messages``.

A batch's offsets are committed only when Kafka has confirmed every prediction and dead letter of it, so a crash repeats and
loses nothing. While Kafka or the active model is away the batch waits. SIGTERM finishes the batch in hand, commits and leaves.
"""

from __future__ import annotations

import hashlib
import signal
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

import structlog
from prometheus_client import generate_latest

from cloud.dead_letters.rules import LetterLimit
from cloud.errors import ApiError, NoModelError, NotFoundError, UnusableModelError
from cloud.kit.logs import configure_logging
from cloud.kit.stream import (
    BatchLimits,
    ConfirmingPublisher,
    KafkaAccess,
    KafkaClient,
    StreamConsumer,
    StreamLoop,
    StreamMessage,
    open_confirming,
    open_stream,
)
from cloud.metrics import (
    STREAM_PREDICT_LAG_MESSAGES,
    STREAM_PREDICT_LAG_SECONDS,
    STREAM_PREDICT_RETRIES,
    STREAM_PREDICT_SECONDS,
    STREAM_PREDICTIONS,
)
from cloud.observations.images import path_of
from cloud.predictions.catalogue import Catalogue, Choice, Installed
from cloud.predictions.formats import read_header
from cloud.predictions.predictor import UNKNOWN, Answer, InferenceError, Predictor, open_predictor
from cloud.predictions.rules import level_of, memory_of
from cloud.settings import StreamPredictorSettings
from contracts.base import Sha256Hex
from contracts.bundles import Task
from contracts.dead_letters import DeadLetter
from contracts.errors import InvalidMessageError, RetryableError
from contracts.predictions import PredictionMade, PredictionRequest, decode_request
from contracts.probes import Condition, ProbeServer
from contracts.topics import KafkaTopic
from contracts.vision import ModelRef

log = structlog.get_logger()

Record = tuple[str, bytes | None, bytes]
"""Topic, key, value."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class WaitingError(RetryableError):
    """The batch waits for a model, or for the limit of dead letters."""


@dataclass(frozen=True)
class _Asked:
    """A request that can be predicted."""

    message: StreamMessage
    request: PredictionRequest
    data: bytes
    sha256: Sha256Hex


@dataclass(frozen=True)
class _Refused:
    """A request that never can."""

    message: StreamMessage
    reason: str
    detail: str


class StreamPredictor:
    """Requests in, records out. Loads versions as they are asked for, up to the bounds of the settings.

    Args:
        settings: bounds, and where pictures and bundles are.
        catalogue: the installed bundles; None looks where the settings say.
    """

    def __init__(self, settings: StreamPredictorSettings, *, catalogue: Catalogue | None = None) -> None:
        self._settings = settings
        self._catalogue = catalogue or Catalogue(
            settings.models_dir, active=settings.predict_active, splits=settings.predict_split
        )
        self._loaded: OrderedDict[str, tuple[Installed, Predictor]] = OrderedDict()

    def warm_up(self) -> None:
        """Load the active detector, so that the first batch does not wait for it; what fails shows with that batch."""
        try:
            self._predictor(self._catalogue.active(Task.DETECTION))
        except ApiError as error:
            log.warning("predict.not_warm", reason=error.detail)

    def checked(self, message: StreamMessage) -> _Asked | _Refused:
        """A request with its picture, or why it is none."""
        try:
            request = decode_request(message.value)
            data = self._picture(request)
            if len(data) > self._settings.predict_max_image_bytes:
                return _Refused(message, "payload_too_large", f"the picture has {len(data)} bytes")
            read_header(data, max_pixels=round(self._settings.predict_max_megapixels * 1e6))
        except InvalidMessageError as error:
            return _Refused(message, error.reason, error.detail)
        except ApiError as error:
            return _Refused(message, error.code, error.detail)
        return _Asked(message, request, data, hashlib.sha256(data).hexdigest())

    def predicted(self, items: Sequence[_Asked | _Refused], now: datetime) -> tuple[list[Record], int]:
        """Records to send, in the order of the requests, and how many of them are dead letters.

        Raises:
            WaitingError: the active model is not installed, or cannot be run: a bad deployment must not drain the stream.
        """
        outcomes: dict[int, Record] = {}
        refused = 0
        by_model: dict[str, list[tuple[int, _Asked, Choice]]] = defaultdict(list)
        for index, item in enumerate(items):
            if isinstance(item, _Asked):
                choice = self._chosen(item.request)
                if isinstance(choice, Choice):
                    by_model[choice.model.key].append((index, item, choice))
                    continue
                item = _Refused(item.message, *choice)  # noqa: PLW2901 - it has become one
            outcomes[index] = _letter(item, now)
            refused += 1
        for members in by_model.values():
            answers = self._answers(members[0][2], [item.data for _, item, _ in members])
            for (index, item, choice), answer in zip(members, answers, strict=True):
                if isinstance(answer, Answer):
                    outcomes[index] = _made(item, choice, answer, now)
                else:
                    outcomes[index] = _letter(_Refused(item.message, "unusable_image", str(answer)), now)
                    refused += 1
        return [outcomes[index] for index in sorted(outcomes)], refused

    def _picture(self, request: PredictionRequest) -> bytes:
        if request.data is not None:
            return request.data
        try:
            return path_of(self._settings.storage_dir, str(request.image_sha256)).read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"there is no stored image {request.image_sha256}") from None

    def _chosen(self, request: PredictionRequest) -> Choice | tuple[str, str]:
        unit = f"{request.site}/{request.unit}" if request.site and request.unit else None
        try:
            return self._catalogue.choose(request.task, model=request.model, version=request.version, unit=unit)
        except NoModelError as error:
            if request.model is None and request.version is None:
                raise WaitingError(error.detail) from error
            return error.code, error.detail
        except ApiError as error:
            return error.code, error.detail

    def _answers(self, choice: Choice, images: Sequence[bytes]) -> Sequence[Answer | Exception]:
        try:
            predictor = self._predictor(choice.model)
        except UnusableModelError as error:
            if choice.arm != "asked":
                raise WaitingError(error.detail) from error
            return [error] * len(images)
        try:
            return predictor.predict(images)
        except InferenceError:
            return [_alone(predictor, image) for image in images]

    def _predictor(self, model: Installed) -> Predictor:
        sha256 = model.manifest.sha256
        if sha256 not in self._loaded:
            limit = self._settings.predict_max_memory_mb * 1e6
            needed = memory_of(model.manifest.bytes)
            if needed > limit:
                raise UnusableModelError(f"{model.key} needs {needed} bytes. Raise SHOAL_PREDICT_MAX_MEMORY_MB")
            predictor, _ = open_predictor(model, threads=self._settings.predict_threads)
            while self._loaded and (
                len(self._loaded) >= self._settings.predict_max_models
                or needed + sum(memory_of(each.manifest.bytes) for each, _ in self._loaded.values()) > limit
            ):
                self._loaded.popitem(last=False)
            self._loaded[sha256] = (model, predictor)
        self._loaded.move_to_end(sha256)
        return self._loaded[sha256][1]


class _Batch:
    """``cloud.kit.stream.Work``: check while the batch before is being predicted, then predict and send."""

    def __init__(
        self, predictor: StreamPredictor, publisher: ConfirmingPublisher, limit: LetterLimit, confirm_s: float
    ) -> None:
        self._predictor = predictor
        self._publisher = publisher
        self._limit = limit
        self._confirm_s = confirm_s
        self._items: list[_Asked | _Refused] = []
        self._records: tuple[list[Record], int] | None = None

    def add(self, messages: Sequence[StreamMessage]) -> None:
        """Check."""
        self._items += map(self._predictor.checked, messages)

    def store(self) -> None:
        """Predict, send, and wait for Kafka.

        Raises:
            RetryableError: nothing of the batch counts; it is tried again, without being predicted twice.
        """
        started = time.monotonic()
        wait_s = self._limit.wait_s(started)
        if wait_s > 0:
            raise WaitingError(f"paused for {wait_s:.0f} s: too many requests were refused; see the dead letters")
        if self._records is None:
            self._records = self._predictor.predicted(self._items, datetime.now(timezone.utc))
        records, refused = self._records
        self._publisher.publish_all(records, timeout_s=self._confirm_s)
        self._limit.spend(refused, time.monotonic())
        STREAM_PREDICTIONS.labels("predicted").inc(len(records) - refused)
        STREAM_PREDICTIONS.labels("refused").inc(refused)
        STREAM_PREDICT_SECONDS.observe(time.monotonic() - started)
        newest = max((item.message.timestamp for item in self._items), default=_EPOCH)
        STREAM_PREDICT_LAG_SECONDS.set(max(0.0, time.time() - newest.timestamp()))


class StreamPredictorProcess:
    """The loop with its connections.

    Args:
        settings: where Kafka is, and the bounds.
    """

    def __init__(self, settings: StreamPredictorSettings) -> None:
        self._settings = settings
        self._access = _access(settings)
        self._predictor = StreamPredictor(settings)
        self._publisher: ConfirmingPublisher | None = None
        self._consumer: StreamConsumer | None = None
        self._loop: StreamLoop | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Start; Kafka may still be away."""
        publisher = self._publisher = open_confirming(self._access)
        limit = LetterLimit(
            self._settings.stream_predict_dead_letter_rate_per_s, self._settings.stream_predict_dead_letter_burst
        )
        self._predictor.warm_up()
        self._loop = StreamLoop(
            "predict",
            open_consumer=self._opened,
            begin=lambda: _Batch(self._predictor, publisher, limit, self._settings.stream_predict_confirm_s),
            limits=BatchLimits(self._settings.stream_predict_batch, 64_000_000, self._settings.stream_predict_wait_s),
            on_retry=STREAM_PREDICT_RETRIES.inc,
        )
        STREAM_PREDICT_LAG_MESSAGES.set_function(self._lag)
        self._thread = threading.Thread(target=self._run, args=(self._loop,), name="stream-predict", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until the loop fails, or ``end`` or ``stop`` is called."""
        self._ended.wait()

    def end(self) -> None:
        """Let ``wait`` return; fit for a signal handler."""
        self._ended.set()

    def stop(self, *, timeout_s: float = 60.0) -> None:
        """Finish the batch in hand, commit, leave. Safe twice."""
        self._ended.set()
        if self._loop is not None:
            self._loop.stop()
        if self._thread is not None:
            self._thread.join(timeout_s)
        if self._publisher is not None:
            self._publisher.close()

    def condition(self) -> Condition:
        """Whether the loop runs."""
        alive = self._thread is not None and self._thread.is_alive() and self.failure is None
        return Condition(alive=alive, obstacles=() if alive else (str(self.failure or "not started"),))

    def _opened(self) -> StreamConsumer:
        self._consumer = open_stream(
            self._access, group=self._settings.stream_predict_group, topics=[KafkaTopic.PREDICTION_REQUESTS.value]
        )
        return self._consumer

    def _lag(self) -> float:
        told = getattr(self._consumer, "lag", lambda: None)()  # kafka-python may not be asked from another thread
        return -1.0 if told is None else float(told)

    def _run(self, loop: StreamLoop) -> None:
        try:
            loop.run()
        except BaseException as error:  # told to whoever waits; the process then ends
            log.exception("predict.failed")
            self.failure = error
        finally:
            self._ended.set()


def run_stream_predictor(settings: StreamPredictorSettings) -> int:
    """Predict until SIGTERM or SIGINT, then drain.

    Returns:
        Exit code: 0 after a signal, 1 after a failure that a restart may cure.

    Raises:
        ConfigurationError: a setting cannot be used; nothing was connected.
    """
    configure_logging(settings.log_level)
    process = StreamPredictorProcess(settings)
    probes = ProbeServer(
        settings.stream_predict_metrics_host,
        settings.stream_predict_metrics_port,
        condition=process.condition,
        metrics=generate_latest,
        field="stream_predict_metrics_port",
    )
    probes.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.end())
    process.start()
    log.info("predict.started", kafka=settings.kafka_bootstrap, group=settings.stream_predict_group)
    process.wait()
    process.stop()
    probes.stop()
    log.info("predict.stopped")
    return 1 if process.failure is not None else 0


def _alone(predictor: Predictor, image: bytes) -> Answer | Exception:
    try:
        return predictor.predict([image])[0]
    except InferenceError as error:
        return error


def _made(item: _Asked, choice: Choice, answer: Answer, now: datetime) -> Record:
    request, manifest = item.request, choice.model.manifest
    level: Literal["low", "medium", "high"] | None = None
    if answer.label is not None and answer.confidence is not None:
        level = level_of(answer.confidence, unknown=answer.label == UNKNOWN).value
    made = PredictionMade(
        request=request.id,
        site=request.site,
        unit=request.unit,
        requested_at=request.requested_at,
        predicted_at=now,
        image_sha256=item.sha256,
        task=manifest.task,
        model=ModelRef(name=manifest.name, version=manifest.version, sha256=manifest.sha256),
        arm=choice.arm,
        label=answer.label,
        best_label=answer.best_label,
        confidence=answer.confidence,
        level=level,
        probabilities=answer.probabilities if request.probabilities or manifest.task is Task.SCORES else None,
        present=answer.present,
        detections=answer.detections,
    )
    return KafkaTopic.PREDICTIONS.value, item.message.key, made.model_dump_json().encode()


def _letter(refused: _Refused, now: datetime) -> Record:
    message = refused.message
    origin = f"{message.topic}/{message.partition}/{message.offset}"
    letter = DeadLetter(
        id=hashlib.sha256(origin.encode() + b"\n" + message.value).hexdigest(),
        received_at=now,
        stage="predict",
        reason=refused.reason,
        detail=refused.detail[:1000],
        origin=origin,
        payload=message.value[:4_000_000],
    )
    return KafkaTopic.ERROR_MESSAGES.value, message.key, letter.model_dump_json().encode()


def _access(settings: StreamPredictorSettings) -> KafkaAccess:
    password = settings.kafka_password
    return KafkaAccess(
        client=KafkaClient(settings.kafka_client),
        bootstrap=settings.kafka_bootstrap,
        security_protocol=settings.kafka_security_protocol,
        ca_file=settings.kafka_ca_file,
        sasl_mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username,
        password=None if password is None else password.get_secret_value(),
    )
