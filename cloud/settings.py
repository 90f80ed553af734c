"""Settings of the API, of ingest and of the maintenance: environment variables with the prefix ``SHOAL_``, checked before anything connects."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.errors import ConfigurationError

_Settings = TypeVar("_Settings", bound=BaseSettings)
_MIN_SECRET = 32
_DASHBOARD = Path(__file__).parent / "dashboard" / "dist"


class RetentionSettings(BaseSettings):
    """How long the store keeps what. Give the same to the API and to the ingest: charts choose by it what to read."""

    model_config = SettingsConfigDict(env_prefix="SHOAL_", extra="ignore", frozen=True)

    database_url: SecretStr
    """PostgreSQL as ``postgresql://user:password@host:port/name``. Secret, because it carries the password."""
    retention_raw_days: float | None = Field(default=90, ge=3)
    """Days that single readings are kept; a season's charts need no seconds. Longer than any edge box may be offline,
    because late readings of dropped days are in no rollup on TimescaleDB. None: for ever."""
    retention_1m_days: float | None = Field(default=730, ge=3)
    """Days that the rollup by minute is kept: two years, so that a batch of fish can be compared with the one before.
    Not shorter than ``retention_raw_days``. None: for ever."""
    retention_1h_days: float | None = Field(default=None, ge=3)
    """Days that the rollup by hour is kept. None, the default: for ever, it is small."""
    retention_1d_days: float | None = Field(default=None, ge=3)
    """Days that the rollup by day is kept. None, the default: for ever."""
    retention_observations_days: float | None = Field(default=None, ge=3)
    """Days that observations of cameras are kept (images are not covered). None, the default: for ever."""
    retention_health_days: float | None = Field(default=90, ge=3)
    """Days that heartbeats of devices are kept. None: for ever."""
    retention_waiting_days: float | None = Field(default=90, ge=8)
    """Days that readings and messages of a box without a clock wait for its time (decision 0009); nobody learns it later.
    None: for ever."""
    compress_after_days: float | None = Field(default=14, ge=2)
    """Age in days at which TimescaleDB turns readings into columns (a tenth of the size); late readings cost double from
    then on. Without effect on plain PostgreSQL. None: never."""
    maintain_every_s: float = Field(default=300, ge=1)
    """Seconds between two rounds of maintenance. Charts are exact in between, but for readings that are late by more than
    this on TimescaleDB."""

    @model_validator(mode="after")
    def _finer_ends_first(self) -> RetentionSettings:
        """Every level must reach at least as far back as the finer one, or a chart would find a hole."""
        levels = ("raw", "1m", "1h", "1d")
        for finer, coarser in pairwise(levels):
            short, long = (getattr(self, f"retention_{level}_days") for level in (finer, coarser))
            if long is not None and (short is None or short > long):
                raise ValueError(f"retention_{coarser}_days must not be shorter than retention_{finer}_days")
        return self


class ModelSplit(BaseModel):
    """Another version of a model for a part of the units."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    """The candidate."""
    share: float = Field(ge=0, le=1)
    """Part of the units that get it; the same ones always."""


class PredictionSettings(BaseSettings):
    """How models are served. The bounds are per process."""

    model_config = SettingsConfigDict(env_prefix="SHOAL_", extra="ignore", frozen=True)

    models_dir: Path | None = None
    """Folder with further bundles, ``name/`` or ``name/version/``; looked at again every five seconds. None: only those shipped."""
    predict_active: dict[Literal["detection", "classification", "scores"], str] = Field(default_factory=dict)
    """``name@version`` (or ``name``) by task, as JSON. Empty, the default: the newest version of the usual name."""
    predict_split: dict[str, ModelSplit] = Field(default_factory=dict)
    """By name of a model, a version that a part of the units gets, as JSON: ``{"fish-species": {"version": "1.1.0", "share": 0.1}}``."""
    predict_warm_up: tuple[Literal["detection", "classification", "scores"], ...] = ()
    """Tasks whose active version is loaded at the start. Empty, the default: the first picture loads it (a second or two)."""
    predict_max_models: int = Field(default=4, ge=1, le=100)
    """Versions in memory at most; the one used longest ago leaves."""
    predict_max_memory_mb: float = Field(default=1024, gt=0)
    """Megabytes that loaded versions may take, counted as three times their files; one that needs more alone is refused."""
    predict_threads: int = Field(default=1, ge=1, le=64)
    """Threads per call of a model. One costs the least processor time; more processes scale better."""
    predict_max_batch: int | None = Field(default=None, ge=1, le=64)
    """Pictures of different requests that go through a model together. None, the default: 8 where an accelerator runs the graph,
    and 1 on a processor, which gains nothing by batches and would let every picture of one wait for all (decision 0041)."""
    predict_max_wait_ms: float = Field(default=2, ge=0, le=1000)
    """Milliseconds that a batch waits for pictures that are on their way; a request that is alone never waits."""
    predict_queue: int = Field(default=64, ge=1, le=10_000)
    """Pictures that may wait for a version; the next is refused with 503 and Retry-After."""
    predict_timeout_s: float = Field(default=30, gt=0, le=600)
    """Seconds after which a picture that still waits is given up with 503."""
    predict_cache_entries: int = Field(default=2000, ge=0, le=1_000_000)
    """Results that are remembered by picture and model. 0: none."""
    predict_cache_ttl_s: float = Field(default=600, ge=0)
    """Seconds that a result is remembered."""
    predict_max_image_bytes: int = Field(default=20_000_000, ge=1024)
    """Bytes of one picture at most."""
    predict_max_megapixels: float = Field(default=50, gt=0, le=1000)
    """Million pixels that a picture may unfold to; three bytes each while it is decoded."""


class TrainingRecipe(BaseModel):
    """How a model is trained again. Paths are of the machine that trains."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: Path
    """Training configuration, such as ``models/detector/deepfish.yaml``."""
    dataset: str | None = Field(default=None, min_length=1)
    """Frozen data set; ``{folder}`` stands for the folder of the run, where ``prepare`` may have made it. Or:"""
    labels: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*$")
    """``ORGANIZATION/NAME`` of a label set: what is accepted is frozen as its next version when a run is asked for, and the run fetches
    that version from the storage, splits it and trains on it."""
    shared: bool = False
    """With ``labels``: the organization lets others run what is learnt from its labels, with the golden frames among them. False: its boxes
    alone take what comes of it, and nobody else sees the runs."""
    split: tuple[str, ...] = ("--by", "steady")
    """With ``labels``: options of ``shoal models dataset fetch`` that say who judges."""
    prepare: tuple[str, ...] = ()
    """Command that makes the data set first, as a list of words with ``{folder}``; empty: it is there."""
    production: str | None = None
    """Bundle in production, by name or folder, that the candidate is compared with. None: the gate finds nothing to compare with."""
    rules: str | None = None
    """File of gate rules. None: those of the task."""
    seed: int = Field(default=1, ge=0)
    """Of the first run; later ones count on."""

    @property
    def organization(self) -> str | None:
        """Whose labels it learns from; None: from a data set that is the platform's."""
        return None if self.labels is None else self.labels.partition("/")[0]

    @model_validator(mode="after")
    def _learns_from_one_thing(self) -> TrainingRecipe:
        if (self.dataset is None) == (self.labels is None):
            raise ValueError("a recipe says dataset or labels, and one of them alone")
        if self.labels is not None and self.prepare:
            raise ValueError("a recipe with labels needs no prepare: the label set is fetched by itself")
        if self.labels is None and self.shared:
            raise ValueError("shared is about the labels of an organization: leave it out, or say labels")
        return self


class TrainingSettings(BaseSettings):
    """How models are trained again."""

    model_config = SettingsConfigDict(env_prefix="SHOAL_", extra="ignore", frozen=True)

    training_recipes: dict[str, TrainingRecipe] = Field(default_factory=dict)
    """By name of a model, as JSON. Empty, the default: nothing is ever trained."""
    training_launcher: Literal["process", "celery", "kubernetes"] = "process"
    """``process``: a process of this machine (right for a box with a training environment); ``celery``: a worker of the queue ``ml``;
    ``kubernetes``: a Job of the cluster that this runs in."""
    training_program: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Words before ``models train``, where training has an environment of its own. None: this Python with ``-m shoal``."""
    training_image: str | None = None
    """Image of a Kubernetes Job, with the training environment."""
    training_claim: str = "shoal-storage"
    """PersistentVolumeClaim that the API's storage is on."""
    training_namespace: str = "shoal"
    """Namespace of the Jobs."""
    training_gpus: int = Field(default=0, ge=0, le=16)
    """GPUs of a Job."""
    training_pull_secrets: tuple[str, ...] = ()
    """Names of the secrets that open the registry of ``training_image``, as a JSON list. Empty: it needs none."""
    training_instance: str = Field(
        default="shoal", min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
    )
    """Label of the Jobs of this installation: two that share a namespace need two, or each deletes the other's."""
    training_kubernetes_url: str = Field(default="https://kubernetes.default.svc", pattern=r"^https?://")
    """API server of the cluster."""
    training_kubernetes_credentials: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    """Folder with ``token`` and ``ca.crt`` of a service account that may create, get, list and delete Jobs."""

    @model_validator(mode="after")
    def _job_has_an_image(self) -> TrainingSettings:
        """A Job without an image would fail in the night in which it is wanted."""
        if self.training_launcher == "kubernetes" and self.training_image is None:
            raise ValueError("training_launcher is kubernetes, so training_image is needed too")
        return self


class CloudSettings(RetentionSettings, PredictionSettings, TrainingSettings):
    """What the API needs to know. Lists are written as JSON in the environment."""

    storage_dir: Path = Path("storage")
    """Folder of the image store; ingest writes ``images/ab/<sha256>`` in it and the API reads them."""
    repository_dir: Path | None = None
    """Folder of the signed repository of model releases (`shoal fleet`), served to boxes; None serves none."""
    rollout_two_people: bool = False
    """True makes every rollout wait until a fleet admin other than its author approves it. Releases need two people's signatures anyway;
    this is about when and to whom they go."""
    secret_key: SecretStr | None = None
    """At least 32 characters; signs access tokens and image addresses. Replicas must share it. None: use the file."""
    secret_key_file: Path | None = None
    """File with the secret key; made with a random key (mode 0600) when it does not exist."""
    host: str = "127.0.0.1"
    """Address to listen on. The default is this machine alone; 0.0.0.0 belongs behind a TLS proxy."""
    port: int = Field(default=8080, ge=0, le=65535)
    """TCP port to listen on; 0 takes a free one."""
    dashboard_dir: Path = _DASHBOARD
    """Built dashboard that is served at ``/``; without it the API runs alone."""
    cors_origins: tuple[str, ...] = ()
    """Origins of other pages that may call this API. Empty, the default, means none: the dashboard is same-origin."""
    access_token_minutes: float = Field(default=60, gt=0, le=24 * 60)
    """How long an access token lasts; the longest time that a stolen one works."""
    recognition_s: float = Field(default=2, ge=0, le=60)
    """How long a process remembers who a token belongs to. A change through the same process counts at once; this is how late
    one through another process, or in the database itself, may count. 0 asks the database on every request."""
    shared_answers_s: float = Field(default=1, ge=0, le=60)
    """How long one answer serves all who ask the same (lists of sites, units, devices and alarms, and the newest of a site), while
    nothing is committed. A commit of any process ends it at once (decision 0079); what moves with the clock, such as the age of
    a reading, may be this late. 0: every request reads its own."""
    session_days: float = Field(default=30, gt=0, le=365)
    """Days after which a login ends whatever happens, and the password is asked for again."""
    session_idle_days: float = Field(default=7, gt=0, le=365)
    """Days after which a login ends that nobody has carried on with its refresh token: a week off the farm."""
    setup_token: SecretStr | None = Field(default=None, min_length=16)
    """Lets the first user of an empty platform register as its administrator; of no use once there is a user. None, the
    default: nobody registers without an invitation, and ``shoal cloud create-user`` makes the first."""
    oidc_issuer: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Identity provider (OpenID Connect) as it calls itself; LDAP and SAML come through it. Needs ``public_url``, and there the
    redirect address ``{public_url}/api/v1/auth/oidc/callback``. None, the default: people sign in by password alone."""
    oidc_client_id: str = "shoal"
    """What we are called there."""
    oidc_client_secret: SecretStr | None = None
    """Our secret there; needed with ``oidc_issuer``."""
    oidc_role: Literal["viewer", "operator", "farm_manager"] | None = None
    """Role of whoever comes from the provider for the first time. None, the default: only people who were invited come in; they
    are recognized by their verified e-mail."""
    oidc_organization: str = "shoal"
    """Slug of the organization that new people belong to."""
    ca_dir: Path | None = None
    """Folder of the authority that signs certificates of devices (``shoal cloud ca init``). None: devices cannot enrol here."""
    ca_passphrase: SecretStr | None = None
    """Opens the authority's key; needed with ``ca_dir``."""
    device_certificate_days: float = Field(default=90, gt=0, le=825)
    """How long a device's certificate lasts. A box that was off for longer must be given a new token."""
    rate_per_minute: float | None = Field(default=100, gt=0)
    """Requests per minute of each key of a machine, and of each address without a login. None: not limited."""
    rate_per_minute_user: float | None = Field(default=600, gt=0)
    """Requests per minute of each signed-in user. An open page of the dashboard asks 60 to 90 times a minute, and people have
    several open; farms share an account on the wall. None: not limited."""
    rate_burst: int = Field(default=200, ge=1)
    """Requests that may come at once after a pause: opening a page with many images must not be held up."""
    redis_url: SecretStr | None = None
    """Redis as ``redis://:password@host:6379/0``; then all processes of the API count requests together. While it is away each
    counts for itself. None, the default: each process counts for itself, right for a box."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1",)
    """Addresses of proxies whose ``X-Forwarded-For`` and ``-Proto`` are believed; whoever else sends them is not. The audit
    log, lockouts and rates go by the address found so."""
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Address under which people reach this API; tests of the alarm path link to it. None: no links."""
    image_url_minutes: int = Field(default=60, ge=1, le=24 * 60)
    """How long a signed image address works at least; it is stable for that long, so browsers cache it."""
    max_request_bytes: int = Field(default=1_000_000, ge=1024)
    """Larger request bodies are refused with 413, but for pictures."""
    max_upload_bytes: int = Field(default=64_000_000, ge=1024)
    """The same for requests that carry pictures, all of their pictures together."""
    samples_max_bytes: int = Field(default=20_000_000_000, ge=1_000_000)
    """Bytes of frames for labels that each organization may keep; beyond it frames that nobody has labelled go, the least worth
    first."""
    diagnostics_max_bytes: int = Field(default=200_000_000, ge=2_000_000)
    """Bytes of diagnostics archives that each organization may keep in the database; beyond it the oldest go."""
    predict_keep_days: float = Field(default=365, ge=1)
    """Days that predictions are kept in the history."""
    predict_task_keep_days: float = Field(default=7, ge=0.01)
    """Days that the results of predictions asked for later can be fetched."""
    predict_tasks_waiting: int = Field(default=1000, ge=1)
    """Predictions asked for later that may wait, over all organizations; the next is refused with 503."""
    predict_run_tasks: bool = True
    """Run predictions that were asked for later in this process. False where other processes on the same database do."""
    callback_allow_hosts: tuple[str, ...] = ()
    """Hosts of the own network that may be called back, as ``host`` or ``host:port``. Empty, the default: public addresses only."""
    database_pool_size: int = Field(default=5, ge=1, le=100)
    """Connections to PostgreSQL per API process; requests beyond that wait up to 5 s."""
    statement_timeout_s: float = Field(default=15, gt=0)
    """A query that runs longer is cancelled by PostgreSQL, so that one chart cannot hold a connection for good."""
    tasks_broker_url: SecretStr | None = None
    """Broker of the workers (``shoal cloud worker``), e.g. ``redis://host:6379/1``. None, the default: this process does the
    tasks itself, one at a time, which is right for a box."""
    live_interval_s: float = Field(default=0.5, ge=0.5, le=10)
    """Seconds between two looks at the store for the live interface; of several changes in between the last one counts."""
    live_max_clients: int = Field(default=500, ge=1, le=20_000)
    """Clients that may watch at once, per API process."""
    live_max_clients_per_user: int = Field(default=20, ge=1, le=20_000)
    """The same for one user, so that one forgotten script cannot take every place."""
    traces: bool = False
    """Send a span of every request to an OpenTelemetry collector, which ``OTEL_EXPORTER_OTLP_ENDPOINT`` names;
    ``OTEL_TRACES_SAMPLER`` says how many. Needs ``shoal[otel]``. Off by default, and then it costs nothing."""
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """Least severe event that is logged."""


class KafkaSettings(BaseSettings):
    """How to reach Kafka."""

    model_config = SettingsConfigDict(env_prefix="SHOAL_", extra="ignore", frozen=True)

    kafka_bootstrap: str = Field(default="127.0.0.1:9092", pattern=r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$")
    """Kafka brokers as ``host:port``, separated by commas."""
    kafka_client: Literal["confluent", "kafka-python"] = "confluent"
    """``confluent`` (librdkafka, ten times cheaper per message) or ``kafka-python`` (pure Python)."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """PLAINTEXT is for a private network only."""
    kafka_ca_file: Path | None = None
    """Certificate authority of the brokers. None: the system's."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How to log in to Kafka where it asks."""
    kafka_username: str | None = None
    """None: no login."""
    kafka_password: SecretStr | None = None
    """Of ``kafka_username``."""


class RolloutSettings(KafkaSettings):
    """What the controller of rollouts needs to know (``shoal cloud rollouts``)."""

    database_url: SecretStr
    """PostgreSQL as ``postgresql://user:password@host:port/name``."""
    repository_dir: Path
    """Folder of the signed repository of model releases (``shoal fleet``), the API's; only read here."""
    assigner_key: Path
    """Public file (``NAME.pub.json``) of a key that the repository names as assigner; the encrypted key lies beside it, or the file
    names a token or cloud service that holds it."""
    assigner_passphrase: SecretStr | None = None
    """Of that key. None: it needs none."""
    rollouts_metrics_host: str = "127.0.0.1"
    """Address of /healthz, /readyz and /metrics; 0.0.0.0 in a container."""
    rollouts_metrics_port: int = Field(default=9469, ge=0, le=65535)
    """TCP port of the same; 0 takes a free one."""
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """Least severe event that is logged."""


class IngestSettings(RetentionSettings, KafkaSettings):
    """What the Kafka consumers need to know (``shoal cloud ingest``)."""

    storage_dir: Path = Path("storage")
    """Folder of the image store, shared with the API."""
    ingest_groups: tuple[Literal["telemetry", "system", "alarms"], ...] = Field(
        default=("telemetry", "system", "alarms"), min_length=1
    )
    """Consumer groups to run here: ``telemetry`` (readings, observations, images), ``system`` (alarms, events,
    health, status, dead letters) and ``alarms`` (readings judged against the boxes' limits). Apart, one that is behind does
    not delay the others; in a large cluster each has processes of its own."""
    ingest_batch_messages: int = Field(default=4000, ge=1, le=100_000)
    """Messages per transaction at most. A transaction only grows so large behind an outage, and there large ones are
    faster: the latest value and the rollups of a channel change once in each."""
    ingest_batch_bytes: int = Field(default=8_000_000, ge=10_000)
    """Payload bytes per transaction at most; bounds the memory, which holds two batches."""
    ingest_batch_wait_s: float = Field(default=0.1, ge=0.001, le=10)
    """How long a batch waits for more after its first message; bounds the delay while the database keeps up."""
    ingest_auto_register: bool = True
    """False refuses messages of devices that nobody provisioned; they become dead letters."""
    ingest_dead_letter_rate_per_s: float = Field(default=5.0, gt=0)
    """Messages per second that the store may refuse in the long run; above it the group pauses instead of draining the
    stream into dead letters."""
    ingest_dead_letter_burst: int = Field(default=500, ge=1)
    """Refused messages that may come at once before the rate applies."""
    traces: bool = False
    """Send one span for each stored batch to an OpenTelemetry collector, linked to the traces of its messages, and one in the trace of
    each message that has one (boxes begin them with ``traces``, the bridge carries them with ``SHOAL_BRIDGE_TRACES``); as the API's:
    ``OTEL_EXPORTER_OTLP_ENDPOINT``, needs ``shoal[otel]``, costs nothing when off."""
    ingest_metrics_host: str = "127.0.0.1"
    """Address of /healthz, /readyz and /metrics; 0.0.0.0 in a container."""
    ingest_metrics_port: int = Field(default=9465, ge=0, le=65535)
    """TCP port of the same; 0 takes a free one."""
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """Least severe event that is logged."""


class BoxTraceSettings(BaseSettings):
    """Traces of a box (``shoal up``), whose ingest runs beside its bridge."""

    model_config = SettingsConfigDict(env_prefix="SHOAL_", extra="ignore", frozen=True)

    traces: bool = False
    """As the ingest's, and the same variable switches on the API's."""
    traces_share: float = Field(default=0.01, ge=0, le=1)
    """Part of the messages whose traces are gone on with, alarms always: the same as ``traces.share`` of the edge agents, because the
    broker of a box carries no user properties."""


class StreamPredictorSettings(PredictionSettings, KafkaSettings):
    """What the stream predictor needs to know (``shoal cloud predict``). It reads no database."""

    storage_dir: Path = Path("storage")
    """Folder of the image store, shared with the ingest: requests may name evidence images."""
    stream_predict_group: str = Field(default="shoal-predict", min_length=1, max_length=200)
    """Consumer group; several processes of one share the work."""
    stream_predict_batch: int = Field(default=32, ge=1, le=1000)
    """Requests per batch at most; what is not committed when a process dies is predicted again."""
    stream_predict_wait_s: float = Field(default=0.05, ge=0.001, le=10)
    """How long a batch waits for more after its first request."""
    stream_predict_confirm_s: float = Field(default=20, gt=0, le=300)
    """How long Kafka may take to confirm the predictions of a batch before it is tried again."""
    stream_predict_dead_letter_rate_per_s: float = Field(default=5.0, gt=0)
    """Requests per second that may be refused in the long run; above it the predictor pauses."""
    stream_predict_dead_letter_burst: int = Field(default=500, ge=1)
    """Refused requests that may come at once before the rate applies."""
    stream_predict_metrics_host: str = "127.0.0.1"
    """Address of /healthz, /readyz and /metrics; 0.0.0.0 in a container."""
    stream_predict_metrics_port: int = Field(default=9467, ge=0, le=65535)
    """TCP port of the same; 0 takes a free one."""
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """Least severe event that is logged."""


class WorkerSettings(TrainingSettings):
    """What a worker needs to know (``shoal cloud worker``)."""

    model_config = SettingsConfigDict(env_prefix="SHOAL_", extra="ignore", frozen=True)

    database_url: SecretStr
    """PostgreSQL as ``postgresql://user:password@host:port/name``."""
    tasks_broker_url: SecretStr
    """Where messages about tasks come from, the API's: ``redis://host:6379/1``, or any other that Celery knows."""
    storage_dir: Path = Path("storage")
    """Folder shared with the API; files of tasks go to ``tasks/`` in it."""
    task_queues: tuple[Literal["data", "ml"], ...] = Field(default=("data", "ml"), min_length=1)
    """What this worker takes: ``data`` (reports, exports, upkeep) and ``ml`` (models)."""
    task_concurrency: int = Field(default=2, ge=1, le=64)
    """Tasks at once, each in a process of its own."""
    task_lease_s: float = Field(default=30, ge=1, le=3600)
    """A worker that has not said for so long that it lives is taken for dead, and its task is begun again elsewhere."""
    task_tick_s: float = Field(default=15, ge=1, le=300)
    """How often to look for tasks that are scheduled, or that no worker has taken."""
    task_statement_timeout_s: float = Field(default=120, gt=0)
    """A query of a task that runs longer is cancelled."""
    worker_metrics_host: str = "127.0.0.1"
    """Address of /healthz, /readyz and /metrics; 0.0.0.0 in a container."""
    worker_metrics_port: int = Field(default=9470, ge=0, le=65535)
    """TCP port of the same; 0 takes a free one. Several workers on one machine need one each."""
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """Least severe event that is logged."""


class WatchSettings(BaseSettings):
    """How people are told of alarms (``shoal cloud watch``). A channel without its settings is not used."""

    model_config = SettingsConfigDict(env_prefix="SHOAL_", extra="ignore", frozen=True)

    database_url: SecretStr
    """PostgreSQL as ``postgresql://user:password@host:port/name``."""
    secret_key: SecretStr | None = None
    """The API's: it signs the links in messages and the webhooks. None: use the file."""
    secret_key_file: Path | None = None
    """File with the secret key, the API's."""
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Address under which people reach the API, for links in messages. None: messages carry no link."""
    smtp_host: str | None = None
    """Mail server. None: no mail."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    """587 with STARTTLS, 465 with TLS."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """``none`` is for a server on this machine only."""
    smtp_sender: str = "shoal@localhost"
    """Address that mails come from."""
    smtp_username: str | None = None
    """None: no login."""
    smtp_password: SecretStr | None = None
    """Of ``smtp_username``."""
    push_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Root of an ntfy server, the farm's own or ``https://ntfy.sh``; contacts name their topic on it. None: no pushes."""
    push_token: SecretStr | None = None
    """Access token of that server. None: it takes messages of anybody."""
    phone_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Provider of text messages and calls with Twilio's interface, e.g. ``https://api.twilio.com``. None: neither."""
    phone_account: str = ""
    """Account at the provider."""
    phone_token: SecretStr | None = None
    """Its secret."""
    phone_sender: str = ""
    """Our number, E.164 such as +4712345678."""
    watch_metrics_host: str = "127.0.0.1"
    """Address of /healthz, /readyz and /metrics; 0.0.0.0 in a container."""
    watch_metrics_port: int = Field(default=9468, ge=0, le=65535)
    """TCP port of the same; 0 takes a free one."""
    webhook_allow_private: bool = False
    """True lets webhooks call addresses of the server's own network: right on a farm's box, wrong in a company's cloud."""
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """Least severe event that is logged."""

    @model_validator(mode="after")
    def _phone_is_whole(self) -> WatchSettings:
        """A provider without an account would fail at three in the morning."""
        if self.phone_url is not None:
            for name in ("phone_account", "phone_token", "phone_sender"):
                if not getattr(self, name):
                    raise ValueError(f"phone_url is set, so {name} is needed too")
        return self


def load_worker_settings(**overrides: object) -> WorkerSettings:
    """Settings of a worker from the environment, with ``overrides`` on top.

    Raises:
        ConfigurationError: the first setting that is missing or cannot be used.
    """
    return _loaded(WorkerSettings, overrides)


def load_watch_settings(**overrides: object) -> WatchSettings:
    """Settings of the watch from the environment, with ``overrides`` on top.

    Raises:
        ConfigurationError: the first setting that is missing or cannot be used.
    """
    return _loaded(WatchSettings, overrides)


def load_rollout_settings(**overrides: object) -> RolloutSettings:
    """Settings of the controller of rollouts from the environment, with ``overrides`` on top.

    Raises:
        ConfigurationError: the first setting that is missing or cannot be used.
    """
    return _loaded(RolloutSettings, overrides)


def load_settings(**overrides: object) -> CloudSettings:
    """Settings of the API from the environment, with ``overrides`` on top.

    Raises:
        ConfigurationError: the first setting that is missing or cannot be used.
    """
    return _loaded(CloudSettings, overrides)


def load_ingest_settings(**overrides: object) -> IngestSettings:
    """Settings of the consumers from the environment, with ``overrides`` on top.

    Raises:
        ConfigurationError: the first setting that is missing or cannot be used.
    """
    return _loaded(IngestSettings, overrides)


def load_stream_predictor_settings(**overrides: object) -> StreamPredictorSettings:
    """Settings of the stream predictor from the environment, with ``overrides`` on top.

    Raises:
        ConfigurationError: the first setting that is missing or cannot be used.
    """
    return _loaded(StreamPredictorSettings, overrides)


def load_retention_settings(**overrides: object) -> RetentionSettings:
    """Settings of the maintenance from the environment, with ``overrides`` on top.

    Raises:
        ConfigurationError: the first setting that is missing or cannot be used.
    """
    return _loaded(RetentionSettings, overrides)


def load_box_trace_settings(**overrides: object) -> BoxTraceSettings:
    """Settings of a box's traces from the environment, with ``overrides`` on top.

    Raises:
        ConfigurationError: a setting cannot be used.
    """
    return _loaded(BoxTraceSettings, overrides)


def secrets_dir(environ: Mapping[str, str]) -> Path | None:
    """Folder with a file for each secret, such as ``shoal_database_url``: ``SHOAL_SECRETS_DIR``. The environment wins over it.

    Raises:
        ConfigurationError: there is no such folder.
    """
    given = environ.get("SHOAL_SECRETS_DIR")
    if given is None:
        return None
    if not Path(given).is_dir():
        raise ConfigurationError("SHOAL_SECRETS_DIR", given, "It must be a folder with one file per secret.")
    return Path(given)


def _loaded(kind: type[_Settings], overrides: Mapping[str, object]) -> _Settings:
    try:
        return kind(_secrets_dir=secrets_dir(os.environ), **overrides)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        if not field:  # several settings that do not fit together
            remedy = f"{first['msg']}."
            raise ConfigurationError("settings", "(together)", remedy) from error
        value = "(not set)" if first["type"] == "missing" else _shown(field, first["input"])
        raise ConfigurationError(field, value, f"{first['msg']}. Set SHOAL_{field.upper()}.") from error


def secret_key(settings: CloudSettings | WatchSettings) -> bytes:
    """The key that signs tokens and addresses, made on first use when it lives in a file.

    Raises:
        ConfigurationError: no key and no file are given, or the key is too short, or the file cannot be used.
    """
    if settings.secret_key is not None:
        return _long_enough("secret_key", settings.secret_key.get_secret_value())
    path = settings.secret_key_file
    if path is None:
        raise ConfigurationError(
            "secret_key",
            "(not set)",
            "Set SHOAL_SECRET_KEY to 32 random characters, or SHOAL_SECRET_KEY_FILE to a path.",
        )
    try:
        return _long_enough("secret_key_file", _read_or_create(path))
    except OSError as error:
        raise ConfigurationError("secret_key_file", str(path), f"It cannot be used: {error.strerror}.") from error


def _read_or_create(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # O_EXCL: two processes that start together agree on the first one's key.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        key = secrets.token_urlsafe(48)
        file.write(key + "\n")
    return key


def _long_enough(field: str, key: str) -> bytes:
    if len(key) < _MIN_SECRET:
        raise ConfigurationError(field, f"({len(key)} characters)", f"Use at least {_MIN_SECRET} random characters.")
    return key.encode()


def _shown(field: str, value: object) -> object:
    return (
        "(hidden)"
        if field
        in {
            "database_url",
            "tasks_broker_url",
            "secret_key",
            "setup_token",
            "ca_passphrase",
            "oidc_client_secret",
            "redis_url",
            "kafka_password",
            "smtp_password",
            "phone_token",
            "push_token",
        }
        else value
    )
