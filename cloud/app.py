"""Composition root of the API: settings in, one FastAPI application out.

``create_app`` wires the collaborators and connects to nothing; the lifespan opens and closes the database pool;
``run_api`` serves until a signal. Addresses: ``/api/v1`` for programs, ``/`` for the dashboard, probes beside them.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from cloud import health
from cloud.abnormal import endpoints as abnormal
from cloud.alarms import endpoints as alarms
from cloud.alarms import links as alarm_links
from cloud.api_keys import endpoints as api_keys
from cloud.audit import endpoints as audit
from cloud.auth import endpoints as auth
from cloud.auth import oidc_pages
from cloud.auth.callers import Callers
from cloud.auth.dependencies import scope_of
from cloud.auth.idempotency import Idempotency
from cloud.auth.oidc import Oidc, Provider
from cloud.auth.recognition import Recognition
from cloud.auth.service import LoginService
from cloud.auth.sessions import Sessions
from cloud.auth.tokens import AccessTokens, KeyTokens, RefreshTokens, UrlSigner
from cloud.commands import endpoints as commands
from cloud.db.session import sqlalchemy_url
from cloud.dead_letters import endpoints as dead_letters
from cloud.devices import endpoints as devices
from cloud.drift import endpoints as drift
from cloud.drift.gauges import DriftGauges
from cloud.enrolment import endpoints as enrolment
from cloud.enrolment.authority import Authority
from cloud.experiments import endpoints as experiments
from cloud.farms import endpoints as farms
from cloud.husbandry import endpoints as husbandry
from cloud.kit.conditional import ConditionalGet
from cloud.kit.http import Border, Observe
from cloud.kit.logs import configure_logging
from cloud.kit.pages import SinglePageApp
from cloud.kit.problems import document_problems, install
from cloud.kit.rate_limit import HEADERS as RATE_HEADERS
from cloud.kit.rate_limit import Limiter, ProcessLimiter, Rate, RateLimit, RedisLimiter
from cloud.kit.repository import Database
from cloud.kit.routing import add_flat, index_routes
from cloud.kit.shared_answers import SharedAnswers, is_shared
from cloud.kit.store_version import StoreVersion
from cloud.kit.tracing import exporting
from cloud.kpis import endpoints as kpis
from cloud.kpis.business import BusinessMetrics
from cloud.labels import endpoints as labels
from cloud.live import endpoints as live
from cloud.live.hub import LiveHub
from cloud.live.service import Seats
from cloud.metrics import HTTP_SECONDS
from cloud.model_health import endpoints as model_health
from cloud.model_health.gauges import HealthGauges
from cloud.notifications import endpoints as notifications
from cloud.notifications.links import Links
from cloud.observations import endpoints as observations
from cloud.operations import endpoints as operations
from cloud.operations.checks import database_check, live_check, storage_check
from cloud.operations.performance import PerformanceWindow
from cloud.overview import endpoints as overview
from cloud.predictions import endpoints as predictions
from cloud.predictions.callbacks import Callbacks
from cloud.predictions.repository import ListedPredictions
from cloud.predictions.serving import Serving
from cloud.predictions.tasks import DatabaseTasks, TaskRunner
from cloud.registry import endpoints as registry
from cloud.reports import endpoints as reports
from cloud.reports.service import MAX_AT_ONCE as REPORTS_AT_ONCE
from cloud.rollouts import endpoints as rollouts
from cloud.samples import endpoints as samples
from cloud.settings import CloudSettings, secret_key
from cloud.task_kinds import kinds, training_from
from cloud.tasks import endpoints as tasks
from cloud.tasks.gauges import TaskGauges
from cloud.tasks.inside import InsideWorker
from cloud.tasks.runner import TaskRunner as Worker
from cloud.telemetry import endpoints as telemetry
from cloud.telemetry.exports import MAX_AT_ONCE
from cloud.telemetry.service import ChannelLimits, ChannelPeriods, daily_temperatures
from cloud.timeline import endpoints as timeline
from cloud.training import endpoints as training
from cloud.training.listed import ListedTrainings
from cloud.unit_trials import endpoints as unit_trials
from cloud.users import endpoints as users
from contracts.bundles import Task
from contracts.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

log = structlog.get_logger()

API_VERSION = "1.0.0"
"""Version of the HTTP interface, not of the product."""
_FEATURES = (
    auth,
    users,
    api_keys,
    audit,
    overview,
    live,
    operations,
    tasks,
    farms,
    devices,
    commands,
    enrolment,
    telemetry,
    observations,
    predictions,
    drift,
    model_health,
    experiments,
    training,
    alarms,
    abnormal,
    notifications,
    husbandry,
    kpis,
    timeline,
    reports,
    dead_letters,
    registry,
    rollouts,
    unit_trials,
    samples,
    labels,
)
_RESERVED = frozenset({"a", "api", "live", "ready", "health", "metrics"})
_DESCRIPTION = """
Read and operate an aquaculture farm: units, live values with their age and quality, series, what the cameras saw, and
alarms. Sign in with `POST /api/v1/auth/login` and send `Authorization: Bearer <access_token>`. Every user sees one
organization; what belongs to another does not exist (404). Times are ISO 8601 in UTC; units are UCUM. Every refusal is
`application/problem+json` with a stable `code` and a `request_id`. Requests are counted by caller (`RateLimit-*`; 429 with
`Retry-After`). A POST with an `Idempotency-Key` can be sent again: it gets the same answer and happens once.
""".strip()
_TAGS = [
    {"name": "auth", "description": "Signing in and staying in."},
    {"name": "access", "description": "People, invitations, keys of machines, and the audit log."},
    {"name": "farms", "description": "Sites, units and their newest state."},
    {"name": "live", "description": "What changes, as it changes."},
    {"name": "devices", "description": "Edge boxes, and messages that failed."},
    {"name": "enrolment", "description": "Certificates for devices: given for a one-time token, renewed, revoked."},
    {"name": "fleet", "description": "Rollouts of models, and commands to boxes."},
    {"name": "diagnostics", "description": "Archives that boxes send when they are asked for diagnostics."},
    {"name": "telemetry", "description": "Readings over time."},
    {"name": "observations", "description": "What the cameras saw, with images."},
    {"name": "predictions", "description": "What models say of pictures, and the models behind it."},
    {"name": "drift", "description": "Whether models still see what they were made for."},
    {"name": "samples", "description": "Frames that boxes offer for labels, by resumable upload."},
    {"name": "labels", "description": "The label queue, review, what models had wrong, and frozen data sets."},
    {"name": "experiments", "description": "Whether another version of a model is better."},
    {"name": "training", "description": "Training models again: when, runs, and the candidates that came of them."},
    {"name": "registry", "description": "Signed releases of models, as boxes and mirrors fetch them."},
    {"name": "alarms", "description": "Alarms, acknowledging them, and advice on abnormal series."},
    {"name": "notifications", "description": "Who is told of alarms, and what was told."},
    {"name": "husbandry", "description": "Batches of fish and the farm's diary."},
    {"name": "tasks", "description": "Work that takes longer than a request."},
    {"name": "operations", "description": "For those who run the platform."},
    {"name": "health", "description": "Probes for supervisors and load balancers."},
]


def create_app(settings: CloudSettings, *, traces: TracerProvider | None = None) -> FastAPI:
    """The API and the dashboard as one ASGI application.

    Args:
        settings: of the API.
        traces: where spans of requests go; None, and no ``settings.traces``: nowhere.

    Raises:
        ConfigurationError: a setting cannot be used.
    """
    secret = secret_key(settings)
    database = Database(
        sqlalchemy_url(settings.database_url.get_secret_value()),
        pool_size=settings.database_pool_size,
        statement_timeout_s=settings.statement_timeout_s,
    )
    tokens = AccessTokens(secret, lifetime=timedelta(minutes=settings.access_token_minutes))

    traces = exporting("shoal-api") if traces is None and settings.traces else traces
    traced: dict[str, Any] = {}
    if traces is not None:  # one span a request: those of every dependency would outnumber what they tell
        traced["telemetry"] = {"tracer_provider": traces, "operation_spans": False, "metrics": False, "logs": False}
    app = FastAPI(
        **traced,
        title="Shoal",
        version=API_VERSION,
        summary="Open aquaculture platform",
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # the usual pages load scripts from elsewhere, which our security policy forbids
        redoc_url=None,
        lifespan=_lifespan,
        generate_unique_id_function=_operation_id,
        separate_input_output_schemas=False,
    )
    app.state.settings = settings
    app.state.traces = traces
    app.state.database = database
    app.state.tokens = tokens
    app.state.secret = secret
    app.state.links = Links(secret, settings.public_url)
    app.state.keys = KeyTokens(secret)
    app.state.recognition = Recognition(database, tokens, app.state.keys, lasts_s=settings.recognition_s)
    app.state.store_version = StoreVersion(sqlalchemy_url(settings.database_url.get_secret_value()))
    app.state.shared_answers = SharedAnswers(
        app.state.store_version, identify=scope_of, lasts_s=settings.shared_answers_s
    )
    app.state.limiter = _limiter(settings)
    app.state.authority = _authority(settings)
    app.state.oidc = _oidc(settings, secret)
    app.state.sessions = Sessions(
        database,
        tokens,
        RefreshTokens(secret),
        lasts=timedelta(days=settings.session_days),
        idle=timedelta(days=settings.session_idle_days),
    )
    app.state.login = LoginService(database, app.state.sessions)
    app.state.signer = UrlSigner(secret, minutes=settings.image_url_minutes)
    app.state.periods = ChannelPeriods()
    app.state.limits = ChannelLimits()
    app.state.live = LiveHub(
        database,
        signer=app.state.signer,
        periods=app.state.periods,
        limits=app.state.limits,
        interval_s=settings.live_interval_s,
    )
    app.state.live_seats = Seats(total=settings.live_max_clients, per_user=settings.live_max_clients_per_user)
    _add_tasks(app, settings, database)
    app.state.daily_temperatures = daily_temperatures
    app.state.export_limiter = CapacityLimiter(MAX_AT_ONCE)
    app.state.report_limiter = CapacityLimiter(REPORTS_AT_ONCE)
    app.state.serving = Serving(settings)
    callbacks = Callbacks(settings.callback_allow_hosts)
    app.state.task_runner = TaskRunner(database, app.state.serving, settings, callbacks, secret=secret)
    app.state.prediction_tasks = DatabaseTasks(
        database, app.state.serving, settings, callbacks, wake=app.state.task_runner.wake
    )
    app.state.business = BusinessMetrics()
    app.state.drift_gauges = DriftGauges()
    app.state.health_gauges = HealthGauges()
    app.state.started = monotonic()
    app.state.performance = PerformanceWindow(monotonic())
    app.state.checks = [
        ("database", database_check(database), True),
        ("image_store", storage_check(settings.storage_dir), False),
        ("live", live_check(app.state.live), False),
    ]
    app.state.product_version = _product_version()

    install(app)
    _add_routes(app, settings)
    _add_middleware(app, settings)
    _document(app)
    return app


def run_api(settings: CloudSettings) -> None:
    """Serve until SIGINT or SIGTERM, then exit with 0; requests under way get ten seconds to finish.

    For the main thread of a process of its own.

    Raises:
        ConfigurationError: a setting cannot be used, or the port is taken.
    """
    configure_logging(settings.log_level)
    app = create_app(settings)
    listener = _listen(settings.host, settings.port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        lifespan="on",
        ws_max_size=128_000,
        ws_per_message_deflate=False,  # every client would be compressed for by itself, with a window of its own
        forwarded_allow_ips=list(settings.trusted_proxies),
    )
    for stop in (signal.SIGINT, signal.SIGTERM):
        # uvicorn finishes what is under way and then raises the signal again: for us that is the clean end.
        signal.signal(stop, lambda *_: sys.exit(0))
    host, port = listener.getsockname()[:2]
    log.info("api_listening", url=f"http://{host}:{port}")
    with listener:
        _Server(config, app).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends the live streams first: they would never end by themselves, and it waits for what is under way."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop in order."""
        live: LiveHub = self._app.state.live
        await live.stop()
        await super().shutdown(sockets)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    database: Database = app.state.database
    live: LiveHub = app.state.live
    database.start()
    serving: Serving = app.state.serving
    limiter: Limiter = app.state.limiter
    store_version: StoreVersion = app.state.store_version
    settings: CloudSettings = app.state.settings
    warming = asyncio.create_task(serving.warm_up([Task(task) for task in settings.predict_warm_up]))
    live.start()
    runner: TaskRunner = app.state.task_runner
    if settings.predict_run_tasks:
        runner.start()
    inside: InsideWorker | None = app.state.inside_worker
    if inside is not None:
        inside.start()
    try:
        yield
    finally:
        if inside is not None:
            await inside.stop()
        await live.stop()
        warming.cancel()
        await runner.stop()
        await serving.stop()
        await limiter.stop()
        await store_version.stop()
        await database.stop()
        if app.state.traces is not None:
            await to_thread.run_sync(app.state.traces.shutdown)


def _add_routes(app: FastAPI, settings: CloudSettings) -> None:
    for router in (*(feature.router for feature in _FEATURES), oidc_pages.router):
        add_flat(app, router, prefix="/api/v1")
    for router in (health.router, operations.probes, alarm_links.router):
        add_flat(app, router)
    for route in app.router.routes:
        if isinstance(route, APIRoute) and is_shared(route.endpoint):
            route.app = app.state.shared_answers.around(route.app)
    if app.state.traces is None:  # a span is named by the route that FastAPI's own search finds
        index_routes(app, prefix="/api/v1/")
    # Not mounted: a mount at "/" would answer before a wrong method could become a 405.
    app.router.default = SinglePageApp(settings.dashboard_dir, reserved=_RESERVED)


def _add_tasks(app: FastAPI, settings: CloudSettings, database: Database) -> None:
    """Workers behind a broker where one is named, else one inside this process."""
    folder = settings.storage_dir / "tasks"
    app.state.task_folder = folder
    app.state.training = training_from(settings, settings.storage_dir)
    app.state.other_tasks = (ListedPredictions(), ListedTrainings(app.state.training))
    app.state.task_kinds = kinds(folder, app.state.training)
    app.state.task_gauges = TaskGauges(app.state.other_tasks)
    if settings.tasks_broker_url is not None:
        from cloud.tasks.broker import celery_app, hint_through

        app.state.task_hint = hint_through(celery_app(settings.tasks_broker_url.get_secret_value()))
        app.state.inside_worker = None
        return
    runner = Worker(database, app.state.task_kinds, folder)
    app.state.inside_worker = InsideWorker(database, app.state.task_kinds, runner)
    app.state.task_hint = app.state.inside_worker.hint


def _add_middleware(app: FastAPI, settings: CloudSettings) -> None:
    """The last one added is the outermost."""
    app.add_middleware(Idempotency, secret=app.state.secret)
    app.add_middleware(ConditionalGet, never=("/api/v1/auth/",))
    app.add_middleware(RateLimit, identify=_callers(app, settings), limiter=app.state.limiter)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=4)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-ID"],
            expose_headers=["ETag", "Retry-After", "X-Request-ID", *RATE_HEADERS],
        )
    app.add_middleware(
        Border,
        max_request_bytes=settings.max_request_bytes,
        larger=dict.fromkeys(predictions.UPLOADS | labels.UPLOADS | commands.UPLOADS, settings.max_upload_bytes),
        observe=_observer(app.state.performance),
    )


def _callers(app: FastAPI, settings: CloudSettings) -> Callers:
    def rate(per_minute: float | None) -> Rate | None:
        return None if per_minute is None else Rate(per_minute, settings.rate_burst)

    machine, person = rate(settings.rate_per_minute), rate(settings.rate_per_minute_user)
    return Callers(app.state.tokens, app.state.keys, machine=machine, person=person)


def _oidc(settings: CloudSettings, secret: bytes) -> Oidc | None:
    if settings.oidc_issuer is None:
        return None
    for name in ("oidc_client_secret", "public_url"):
        if getattr(settings, name) is None:
            remedy = f"oidc_issuer is set, so it is needed: SHOAL_{name.upper()}."
            raise ConfigurationError(name, "(not set)", remedy)
    assert settings.oidc_client_secret is not None  # noqa: S101
    assert settings.public_url is not None  # noqa: S101
    redirect = f"{settings.public_url.rstrip('/')}/api/v1/auth/oidc/callback"
    provider = Provider(
        settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret.get_secret_value(), redirect
    )
    return Oidc(provider, secret)


def _authority(settings: CloudSettings) -> Authority | None:
    if settings.ca_dir is None:
        return None
    if settings.ca_passphrase is None:
        raise ConfigurationError("ca_passphrase", "(not set)", "ca_dir is set, so it is needed: SHOAL_CA_PASSPHRASE.")
    return Authority(settings.ca_dir, settings.ca_passphrase.get_secret_value().encode())


def _limiter(settings: CloudSettings) -> Limiter:
    return ProcessLimiter() if settings.redis_url is None else RedisLimiter(settings.redis_url.get_secret_value())


def _document(app: FastAPI) -> None:
    """Make ``app.openapi`` tell the truth about errors."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document_problems(generate())
            live.document_events(generate())
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _observer(window: PerformanceWindow) -> Observe:
    def observe(method: str, route: str, status: int, seconds: float) -> None:
        HTTP_SECONDS.labels(method, route, str(status)).observe(seconds)
        window.observe(f"{method} {route}", status, seconds, monotonic())

    return observe


def _operation_id(route: APIRoute) -> str:
    """``list_sites`` becomes ``listSites``: generated clients get readable names."""
    first, *rest = route.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _product_version() -> str:
    try:
        return installed_version("shoal")
    except PackageNotFoundError:
        return "source"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's delay (40 ms per answer) off only where it can see TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        remedy = f"{error.strerror}. Stop the program that has it, or set SHOAL_PORT to another (0 takes a free one)."
        raise ConfigurationError("port", f"{host}:{port}", remedy) from error
    listener.listen(256)
    return listener
