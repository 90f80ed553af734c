"""Every metric of the API and of ingest, declared in one place with unit and meaning."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

HTTP_SECONDS = Histogram(
    "shoal_http_request_duration_seconds",
    "Time to answer an HTTP request, by route template; requests that match no route share one label",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
LOGINS = Counter(
    "shoal_logins_total",
    "Logins by outcome: succeeded, failed, locked_out, token_reused, refused (by the identity provider)",
    ["outcome"],
)
ALARMS_ACKNOWLEDGED = Counter("shoal_alarms_acknowledged_total", "Alarms that people acknowledged")
NOTIFICATIONS = Counter(
    "shoal_notifications_total",
    "Messages about alarms by channel and outcome: sent, retried, failed",
    ["channel", "outcome"],
)
WATCH_ALARMS = Counter("shoal_watch_alarms_total", "Alarms that the watcher raised, by definition", ["definition"])
EVALUATOR_LIMITS = Gauge("shoal_evaluator_limits", "Limits that this process judges readings against")
EVALUATOR_READINGS = Counter(
    "shoal_evaluator_readings_total",
    "Readings by what they did: judged, ignored (old, unusable, without a limit), dropped (too many waited)",
    ["outcome"],
)
EVALUATOR_ALARMS = Counter(
    "shoal_evaluator_alarms_total",
    "Alarms that the cloud raised because the box had not, by definition",
    ["definition"],
)
EVALUATOR_FAILURES = Counter("shoal_evaluator_failures_total", "Batches or rounds that failed; storage goes on")
IMAGES_SERVED_BYTES = Counter("shoal_images_served_bytes_total", "Bytes of evidence images that were sent")
SAMPLES_STORED = Counter("shoal_samples_stored_total", "Frames that arrived for the label queue")
SAMPLES_REFUSED = Counter("shoal_samples_refused_total", "Uploads of frames that were whole and not a usable picture")
ROLLOUT_ACTIONS = Counter(
    "shoal_rollout_actions_total", "What the controller told devices: assign, activate, revert", ["kind"]
)
ROLLOUT_ROUND_SECONDS = Histogram("shoal_rollout_round_seconds", "Time of one round of the controller of rollouts")
LIVE_CLIENTS = Gauge("shoal_live_clients", "Clients that watch, by transport: websocket, events", ["transport"])
LIVE_MESSAGES = Counter("shoal_live_messages_total", "Messages handed to watchers, by kind", ["kind"])
LIVE_CLOSED = Counter("shoal_live_closed_total", "Streams that the server ended, by code", ["code"])
LIVE_LOOK_SECONDS = Histogram(
    "shoal_live_look_seconds",
    "Time of one look at the store for all watchers of this process",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
LIVE_LOOKS_FAILED = Counter("shoal_live_looks_failed_total", "Looks at the store that failed")
TASKS_QUEUED = Counter("shoal_tasks_queued_total", "Tasks that this process was asked for, by kind", ["kind"])
TASKS_STARTED = Counter("shoal_tasks_started_total", "Attempts at tasks that this process began, by kind", ["kind"])
TASKS_RETRIED = Counter(
    "shoal_tasks_retried_total", "Attempts that failed and are made again after a pause, by kind", ["kind"]
)
TASKS_FINISHED = Counter(
    "shoal_tasks_finished_total", "Tasks that this process ended, by kind and state", ["kind", "state"]
)
TASKS_LEFT_BEHIND = Counter(
    "shoal_tasks_left_behind_total", "Tasks given up because every worker that had them died, by kind", ["kind"]
)
TASK_SECONDS = Histogram(
    "shoal_task_seconds",
    "Time of one attempt at a task, by kind",
    ["kind"],
    buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600),
)
TASKS_UNFINISHED = Gauge("shoal_tasks_unfinished", "Tasks of all processes that wait or run", ["queue", "state"])
TASKS_WAITED_SECONDS = Gauge(
    "shoal_tasks_waited_seconds",
    "How long the task that waits longest has been due; grows when no worker works",
    ["queue"],
)
INGEST_MESSAGES = Counter(
    "shoal_ingest_messages_total", "Messages committed, by outcome: new, or repeated (the ledger knew it)", ["outcome"]
)
INGEST_ROWS = Counter("shoal_ingest_rows_total", "Rows that were new in the database")
INGEST_DEAD_LETTERS = Counter("shoal_ingest_dead_letters_total", "Dead letters stored, by reason", ["reason"])
DEAD_LETTERS_ORDERED = Counter(
    "shoal_dead_letters_ordered_total", "Dead letters that people ordered to be put back, by outcome", ["outcome"]
)
COMMANDS_SENT = Counter(
    "shoal_commands_sent_total", "Commands given to the broker; one that is sent again counts again"
)
COMMANDS_ANSWERED = Counter("shoal_commands_answered_total", "Answers of boxes to commands, by outcome", ["outcome"])
INGEST_BATCH_SECONDS = Histogram(
    "shoal_ingest_batch_seconds",
    "Time from a batch in memory to its commit",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
INGEST_RETRIES = Counter(
    "shoal_ingest_retries_total", "Waits of a batch: the database was away, or too much had been refused", ["group"]
)
INGEST_PAUSED = Gauge(
    "shoal_ingest_paused", "1 while the group pauses because too many messages became dead letters", ["group"]
)
INGEST_LAG_SECONDS = Gauge(
    "shoal_ingest_lag_seconds", "Age of the newest message of the last committed batch, from its receipt", ["group"]
)
STORE_BYTES = Gauge("shoal_store_bytes", "Size of a time series with its indexes, at the last maintenance", ["table"])
STORE_STRAY_ROWS = Gauge(
    "shoal_store_stray_rows", "Rows far from now that no partition takes; many mean a wrong clock", ["table"]
)
STORE_MAINTAINED_AT = Gauge(
    "shoal_store_maintained_timestamp_seconds", "When this process last finished the maintenance"
)
BUSINESS_FISH = Gauge("shoal_business_fish", "Fish that the books of a site hold now", ["site"])
BUSINESS_DEAD_FISH = Gauge("shoal_business_dead_fish_30d", "Fish found dead in the last 30 days", ["site"])
BUSINESS_MORTALITY_PERCENT = Gauge(
    "shoal_business_mortality_percent_30d",
    "Dead fish of the last 30 days in percent of those there were; the target is below 5",
    ["site"],
)
BUSINESS_FEED_KG = Gauge("shoal_business_feed_kg_24h", "Feed given in the last 24 hours, in kg", ["site"])
BUSINESS_UPTIME_PERCENT = Gauge(
    "shoal_business_stream_uptime_percent_24h",
    "Hours with readings of the last 24 whole hours, over all measured channels of a site",
    ["site"],
)
DATA_CHANNELS = Gauge(
    "shoal_data_channels",
    "Measured channels of a site by what their newest value is worth: good, unjudged, suspect, failed, silent (older than "
    "15 minutes), never (no value yet)",
    ["site", "state"],
)
BUSINESS_REFRESHED_AT = Gauge(
    "shoal_business_refreshed_timestamp_seconds", "When the shoal_business gauges were last read from the store"
)
PREDICTIONS = Counter(
    "shoal_predictions_total",
    "Pictures by what came of them: answered, failed (no usable answer), refused (the queue was full), late",
    ["model", "version", "outcome"],
)
PREDICT_SECONDS = Histogram(
    "shoal_predict_batch_seconds",
    "Time of one batch through decoding, model and reading of its answers",
    ["model", "version"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
PREDICT_BATCH_SIZE = Histogram(
    "shoal_predict_batch_size",
    "Pictures that went through a model together",
    ["model", "version"],
    buckets=(1, 2, 4, 8, 16, 32),
)
PREDICT_CONFIDENCE = Histogram(
    "shoal_predict_confidence",
    "Confidence of answers; a shift of its shape is the first sign of drift",
    ["model", "version"],
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1),
)
PREDICT_CACHE = Counter("shoal_predict_cache_total", "Looks into the cache of results: hit, miss", ["outcome"])
PREDICT_LOADED = Gauge("shoal_predict_models_loaded", "Versions in the memory of this process")
PREDICT_TASKS = Counter(
    "shoal_predict_tasks_total",
    "Predictions that were asked for later, by outcome: done, failed, retried, cancelled",
    ["outcome"],
)
PREDICT_CALLBACKS = Counter("shoal_predict_callbacks_total", "Callbacks by outcome: sent, retried, failed", ["outcome"])
STREAM_PREDICTIONS = Counter(
    "shoal_stream_predictions_total", "Requests of Kafka by outcome: predicted, refused (dead letter)", ["outcome"]
)
STREAM_PREDICT_LAG_SECONDS = Gauge(
    "shoal_stream_predict_lag_seconds",
    "Age of the newest request of the last committed batch, from its arrival in Kafka",
)
STREAM_PREDICT_LAG_MESSAGES = Gauge(
    "shoal_stream_predict_lag_messages", "Requests that wait in Kafka for this process; -1 when Kafka has not told"
)
STREAM_PREDICT_SECONDS = Histogram(
    "shoal_stream_predict_batch_seconds",
    "Time of a batch of requests from memory to Kafka's confirmation",
    buckets=(0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
)
STREAM_PREDICT_RETRIES = Counter("shoal_stream_predict_retries_total", "Waits of a batch: Kafka or a model was away")
DRIFT_PSI = Gauge(
    "shoal_drift_psi",
    "Population stability index of a signal against the reference of its unit: the worst unit; 0.25 and more is a lot",
    ["site", "model", "version", "signal"],
)
DRIFT_KS = Gauge(
    "shoal_drift_ks",
    "Kolmogorov-Smirnov distance of a signal from the reference of its unit, 0 to 1: the worst unit",
    ["site", "model", "version", "signal"],
)
DRIFT_UNITS = Gauge(
    "shoal_drift_units", "Units whose newest judged day says drift", ["site", "model", "version", "signal"]
)
DRIFT_ALERTS = Gauge(
    "shoal_drift_alerts_open",
    "Advice on drift that goes on, by family: input, prediction, performance",
    ["site", "family"],
)
MODEL_UNITS = Gauge(
    "shoal_model_units", "Units with a camera by how their model does: ok, degraded, stale, dark", ["site", "status"]
)
