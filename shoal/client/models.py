"""Shapes of requests and answers, generated from the OpenAPI document by ``shoal.write_client``."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict



class ActiveModels(TypedDict):
    """Which version answers for which task."""
    items: list[ModelOut]
    missing: dict[str, str]
    """Tasks that nothing answers for, with what to do about it."""



class AddedContact(TypedDict):
    """A new contact, with what is shown only once."""
    id: int
    name: str
    email: str | None
    phone: str | None
    push_topic: str | None
    webhook_url: str | None
    webhook_key: str | None
    """Signs what is posted to ``webhook_url``; give it to the receiver."""



class _AdjustmentAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str
    batch: str
    unit: str
    count: int
    """Counted minus booked fish: negative when fish are missing."""
    reason: str


class Adjustment(_AdjustmentAlways, total=False):
    """A count differs from the book."""
    note: str
    kind: Literal['adjustment']



class Advice(TypedDict):
    """One time in which a stream was not what it usually is."""
    id: str
    unit_id: int
    unit: str
    """Slug."""
    unit_name: str
    channel_id: int
    channel: str
    quantity: str
    ucum: str
    started_at: str
    """When the deviation began."""
    told_at: str
    """When it had lasted long enough to be told."""
    ended_at: str | None
    """Null: it goes on."""
    value: float
    """Newest mean of a quarter hour while it was open."""
    expected: float
    """What it usually is at that time of day."""
    spread: float
    """Robust standard deviation of that."""
    shared: bool
    """Other units moved too: weather, or what they share. Never an alarm."""
    text: str
    """All of it in one sentence."""
    is_alarm: bool
    """Whether it is a minor alarm at present."""



class _AdvicePageAlways(TypedDict):
    items: list[Advice]


class AdvicePage(_AdvicePageAlways, total=False):
    """Some advice, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class AdviceSettings(TypedDict):
    """What advice may do at a site."""
    quantities: dict[str, Mode]
    """Every quantity that can be judged."""



class AgreementOut(TypedDict):
    """How far two people agree on a frame."""
    first: str
    second: str
    overall: float
    """Mean of the parts that follow, as far as there are any."""
    boxes: float | None
    """F1 of boxes of the same class whose overlap (IoU) is 0.5 and more."""
    overlap: float | None
    """Mean overlap of the objects that both marked."""
    classes: float | None
    scores: float | None



class Alarm(TypedDict):
    """One occurrence of an alarm. Two facts, not one state: is it active, and has a person acknowledged it."""
    id: str
    site: str
    """Slug of the site."""
    unit: UnitRef | None
    subject: str | None
    """What it is about, as the box names it: a channel, a camera (``camera.cam-1``), an actuator; null when it is about the unit
    or the box."""
    definition: str
    """Stable name of the rule, e.g. ``do.low.critical``."""
    severity: Severity
    active: bool
    """The condition holds now."""
    acknowledged: bool
    """A person has taken it on."""
    raised_at: str
    cleared_at: str | None
    acknowledged_at: str | None
    acknowledged_by: str | None
    """E-mail of the person, or ``device:<slug>`` when it was acknowledged at the tank."""
    value: float | None
    """The value that raised it."""
    limit: float | None
    """The limit that the value crossed."""
    ucum: str | None
    quantity: str | None
    message: str
    action: str | None
    """What to do."""
    source: str | None
    """Where the limit comes from."""
    origin: str
    """Who saw it: ``edge``, ``cloud`` or ``both``."""
    suppressed_by: str | None
    """The alarm that explains this one, which calls nobody while that lasts."""
    shelved_until: str | None
    """Until then it calls nobody, by the word of a person."""
    shelved_by: str | None
    shelved_because: str | None
    assignee: Assignee | None
    """Whose work it is; they may not have taken it on yet."""
    assigned_at: str | None
    assigned_by: str | None



class AlarmCounts(TypedDict, total=False):
    """Active alarms by severity."""
    critical: int
    major: int
    minor: int
    warning: int



class _AlarmPageAlways(TypedDict):
    items: list[Alarm]


class AlarmPage(_AlarmPageAlways, total=False):
    """Some alarms, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class AlarmPerformance(TypedDict):
    """How well the alarms of a site serve its people."""
    start: str
    end: str
    alarms: int
    per_day: float
    by_severity: dict[str, int]
    acknowledged: int
    acknowledge_p50_s: float | None
    acknowledge_p95_s: float | None
    unanswered: int
    """Ended without anybody having taken them on."""
    bad_actors: list[ReportedActor]
    chattering: list[ChatteringAlarm]
    floods: int
    """Times when more than ten came in ten minutes."""
    flood_share: float
    """Share of the time in which a flood was under way; the target is below 0.01."""
    stale: int
    """Active for more than a day at the end; the target is below 5."""
    suppressed: int
    """Explained by another alarm; they called nobody."""
    shelved: list[Alarm]
    """Shelved now."""



class AlarmStep(TypedDict):
    """One change of an alarm."""
    change: str
    occurred_at: str
    recorded_at: str
    actor: str | None
    assignee: str | None
    """E-mail of the person that it was assigned to; with the change ``assigned`` alone."""



class Annotator(TypedDict):
    """One person's work of the last 30 days."""
    annotator: str
    labels: int
    accepted: int
    """Of these, in accepted frames and the one that was accepted."""
    returned: int
    """Sent back by a reviewer."""
    seconds_median: float | None



class AnnotatorPair(TypedDict):
    """How two people agree over the frames that both labelled."""
    first: str
    second: str
    frames: int
    agreement: float
    """Mean over the frames, 0 to 1."""
    kappa: float | None
    """Cohen's kappa over what each called every object; null when chance alone explains everything."""



class ApiKey(TypedDict):
    """A key, without its secret."""
    id: int
    name: str
    role: Role
    scopes: list[str]
    sites: list[str] | None
    created_at: str
    created_by: str
    expires_at: str
    revoked_at: str | None



class _ApiKeyPageAlways(TypedDict):
    items: list[ApiKey]


class ApiKeyPage(_ApiKeyPageAlways, total=False):
    """Some keys."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class Approval(TypedDict, total=False):
    """A second person's word."""
    reason: str



class ArchiveOut(TypedDict):
    """An archive that is here."""
    file: str
    bytes: int
    sha256: str
    stored_at: str



class ArmOut(TypedDict):
    """One arm of a trial by unit."""
    arm: Literal['active', 'candidate']
    versions: list[str]
    """More than one: the arm changed within the period, and the comparison mixes them."""
    units: int
    looked_at: int
    """Answers to pictures whose label people have accepted."""
    right: int
    accuracy: float | None


ArtifactKind: TypeAlias = "Literal['model', 'config', 'agent']"
"""What a rollout can bring to devices."""



class Assignee(TypedDict):
    """A person whose work an alarm is, or could be."""
    id: int
    email: str
    name: str



class AuditCheck(TypedDict):
    """Whether the log is as it was written."""
    entries: int
    head: str
    """Hash of the last entry; keep it elsewhere, and later compare."""
    intact: bool
    fault: str | None
    """The first thing that is wrong."""



class AuditEntry(TypedDict):
    """One change: who, what, before, after, from where."""
    number: int
    """Within the organization's chain, without gaps."""
    recorded_at: str
    actor: str
    """E-mail of a person, `key:{name}` of a machine, `contact:{name}` by a signed link, `command:{name}` at the server."""
    actor_kind: str | None
    action: str
    """Operation of this document, such as `changeUser`."""
    change: str
    """`insert`, `update`, `delete`, or `event` for what changed no row."""
    subject: str
    """Kind of thing, such as `app_user`."""
    key: dict[str, Any] | None
    before: dict[str, Any] | None
    """Values that were changed; secrets are shown as `(hidden)`."""
    after: dict[str, Any] | None
    address: str | None
    request_id: str | None
    hash: str
    """SHA-256 over the entry and the hash of the one before."""



class _AuditPageAlways(TypedDict):
    items: list[AuditEntry]


class AuditPage(_AuditPageAlways, total=False):
    """Some entries."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class Batch(TypedDict):
    """A batch and where its fish are."""
    id: int
    code: str
    species: str
    origin: str
    stocked: int
    dead: int
    harvested: int
    present: int
    holdings: list[Holding]
    """Units that hold some of it now."""



class _BatchItemAlways(TypedDict):
    index: int
    """Uploaded pictures first, then references, each in the order of the request."""
    name: str
    """Its file name, or the sha256 that refers to it."""


class BatchItem(_BatchItemAlways, total=False):
    """One picture of a batch; either a prediction or a problem."""
    prediction: Prediction | None
    problem: PictureProblem | None



class _BatchPageAlways(TypedDict):
    items: list[Batch]


class BatchPage(_BatchPageAlways, total=False):
    """Some batches, by code."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class BatchPrediction(TypedDict):
    """Predictions of several pictures. One that cannot be used does not stop the others."""
    model: ModelRef
    predicted: int
    failed: int
    items: list[BatchItem]



class Before(TypedDict):
    """What is known of a unit in the hours before a moment, oldest first."""
    unit_id: int
    unit: str
    start: str
    at: str
    items: list[Happening]
    cut: list[Kind]
    """Kinds of which there is more: only the newest 200 are shown."""



class _Body_classifyImageAlways(TypedDict):
    file: str
    """One fish as JPEG or PNG, at least 32 x 32 pixels."""


class Body_classifyImage(_Body_classifyImageAlways, total=False):
    unit_id: int | None
    """Unit that the picture shows: kept in the history, and decides which version a trial gives it."""
    all_probabilities: bool
    """Tell the probability of every class."""
    model: str | None
    """Name of a model; without it the active one answers."""
    version: str | None
    """Version of the model; without it the active or newest."""



class _Body_explainPredictionAlways(TypedDict):
    file: str
    """JPEG or PNG."""


class Body_explainPrediction(_Body_explainPredictionAlways, total=False):
    model: str | None
    """Name of a model; without it the active one answers."""
    version: str | None
    """Version of the model; without it the active or newest."""
    unit_id: int | None
    """Unit that the picture shows: kept in the history, and decides which version a trial gives it."""



class _Body_loginAlways(TypedDict):
    username: str
    password: str


class Body_login(_Body_loginAlways, total=False):
    grant_type: str | None
    scope: str
    client_id: str | None
    client_secret: str | None



class Body_predict(TypedDict, total=False):
    file: str | None
    """JPEG or PNG. Either this or `image_sha256`."""
    image_sha256: str | None
    """An evidence image that is stored already."""
    task: Task | None
    """What to do; detection without it and without a model."""
    model: str | None
    """Name of a model; without it the active one answers."""
    version: str | None
    """Version of the model; without it the active or newest."""
    unit_id: int | None
    """Unit that the picture shows: kept in the history, and decides which version a trial gives it."""
    all_probabilities: bool
    """Tell the probability of every class."""



class Body_predictAsync(TypedDict, total=False):
    files: list[str] | None
    """Up to 64 JPEG or PNG."""
    references: str
    """sha256 of up to 1,000 stored evidence images, separated by commas or blanks."""
    task: Task | None
    """What to do; detection without it and without a model."""
    model: str | None
    """Name of a model; without it the active one answers."""
    version: str | None
    """Version of the model; without it the active or newest."""
    unit_id: int | None
    """Unit that the picture shows: kept in the history, and decides which version a trial gives it."""
    all_probabilities: bool
    """Tell the probability of every class."""
    callback_url: str | None
    """https address that is told of the end by a signed POST; see `callback_key`."""



class Body_predictBatch(TypedDict, total=False):
    files: list[str] | None
    """Up to 64 JPEG or PNG."""
    references: str
    """sha256 of up to 1,000 stored evidence images, separated by commas or blanks."""
    task: Task | None
    """What to do; detection without it and without a model."""
    model: str | None
    """Name of a model; without it the active one answers."""
    version: str | None
    """Version of the model; without it the active or newest."""
    unit_id: int | None
    """Unit that the picture shows: kept in the history, and decides which version a trial gives it."""
    all_probabilities: bool
    """Tell the probability of every class."""



class Box(TypedDict):
    """Axis-aligned box as fractions of the image: left, top, width, height."""
    x: float
    y: float
    w: float
    h: float



class BoxIn(TypedDict):
    """A box with its class."""
    label: str
    box: Box



class CacheStats(TypedDict):
    """Remembered results."""
    entries: int
    hits: int
    misses: int



class CalibrationChange(TypedDict):
    """From when on the values of a channel rest on another calibration."""
    since: str
    """Time of the first reading that does."""
    calibration: str | None
    """Identity of the record on the box; null: from here on none was applied."""



class _CalibrationRecordAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str
    unit: str
    sensor: str
    """Serial number or channel."""
    reference: float
    before: float


class CalibrationRecord(_CalibrationRecordAlways, total=False):
    """A sensor was checked or calibrated against a reference."""
    note: str
    kind: Literal['calibration']
    after: float | None
    """What it showed after the calibration; null when it was only checked."""



class CallbackOut(TypedDict):
    """What became of the callback."""
    state: Literal['pending', 'waiting', 'sent', 'failed']
    """``pending`` before the end of the task; ``waiting`` while it is tried; ``failed`` for good after six tries."""
    attempts: int
    error: str | None



class CameraNow(TypedDict):
    """How a camera of a box does."""
    name: str
    state: str
    fps: float
    last_frame_age_s: float | None
    """When the box said so; null where no frame has come."""



class _CertificatePageAlways(TypedDict):
    items: list[DeviceCertificate]


class CertificatePage(_CertificatePageAlways, total=False):
    """Some certificates."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class Change(TypedDict):
    """One line of a record's history."""
    change: str
    changed_at: str
    actor: str
    origin: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


Channel: TypeAlias = "Literal['sms', 'voice', 'email', 'webhook', 'push']"
"""Ways to reach a person or a program."""



class ChatteringAlarm(TypedDict):
    """An alarm that came three times in a minute."""
    definition: str
    unit: str | None
    subject: str | None



class _ClosingAlways(TypedDict):
    code: Literal['unauthenticated', 'forbidden', 'not_found', 'invalid_message', 'too_slow', 'too_many_clients', 'unavailable']
    detail: str


class Closing(_ClosingAlways, total=False):
    """Why the server ends the stream; the last message."""
    type: Literal['closing']



class CommandList(TypedDict):
    """The newest commands of a box, newest first."""
    items: list[CommandOut]


CommandName: TypeAlias = "Literal['diagnostics', 'log.level']"
"""What may be ordered here. Actuators and alarms of a farm are not run from afar by this way."""



class CommandOut(TypedDict):
    """A command and where it stands."""
    id: str
    name: str
    arguments: dict[str, str | int | float | bool | None]
    state: CommandState
    """``ordered``, ``sent``, then the box's answer: ``done``, ``refused``, ``failed`` or ``expired``."""
    reason: str
    """In the box's words, or why there is no answer."""
    issued_at: str
    issued_by: str
    expires_at: str
    sent_at: str | None
    attempts: int
    """How often it was given to the broker."""
    finished_at: str | None
    """When the box ended it, by its own clock."""
    ends_at: str | None
    """When a level of the log ends that the box has set."""
    archive: ArchiveOut | None
    """The whole archive of ``diagnostics``, when the box is set up to send it (``diagnostics.upload``) and it has come."""
    archive_stays: str | None
    """Why the box keeps the whole archive of ``diagnostics``, and what to set up; null while it may still come."""


CommandState: TypeAlias = "Literal['ordered', 'sent', 'done', 'refused', 'failed', 'expired']"
"""Where a command stands. What a box has done is known by its answer alone."""



class Contact(TypedDict):
    """A contact as it is stored."""
    id: int
    name: str
    email: str | None
    phone: str | None
    push_topic: str | None
    webhook_url: str | None



class CooldownHours(TypedDict, total=False):
    """Hours after a trigger has fired in which it does not fire again."""
    wrong_marks: float
    drift: float
    new_labels: float
    schedule: float



class CountBucket(TypedDict):
    """Fish that cameras saw at a time, as the mean over the bucket's observations; no estimate of the stock."""
    at: str
    """Its begin."""
    observations: int
    mean: float
    """As it was counted then."""
    cast_back: float | None
    """Derived: ``mean`` as the model that looks at the end of the range would have counted it. Null where it was not asked for, and
    where a change in between has no ratio."""


CountResolution: TypeAlias = "Literal['five_minutes', 'hour', 'day']"
"""Width of the buckets of a chart of counts."""



class CountSeries(TypedDict):
    """Counts of a unit over time, with the changes of models that they must be read with."""
    unit_id: int
    resolution: CountResolution
    items: list[CountBucket]
    """Buckets with observations, oldest first."""
    changes: list[ModelChange]
    """Marks for the chart, oldest first."""
    derived: bool
    """Whether ``cast_back`` was asked for. A chart must show it as derived: it is multiplied by measured ratios, not counted."""



class _CullAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str
    batch: str
    """Code of the batch."""
    unit: str
    """Slug of the unit."""
    count: int
    reason: str


class Cull(_CullAlways, total=False):
    """Fish are killed and taken out on purpose."""
    note: str
    mean_weight_g: float | None
    """Mean weight in grams; null keeps the weight that the book has."""
    kind: Literal['cull']



class _DataSourceAlways(TypedDict):
    name: str
    licence: str
    attribution: str
    images: int


class DataSource(_DataSourceAlways, total=False):
    """One data set that the model was trained or evaluated on."""
    sha256: str | None



class _DatasetPageAlways(TypedDict):
    items: list[DatasetVersion]


class DatasetPage(_DatasetPageAlways, total=False):
    """Some data sets, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class DatasetVersion(TypedDict):
    """A frozen version: the same images and labels for ever."""
    id: str
    name: str
    number: int
    sha256: str
    """Of ``annotations.json``: names what a model was trained on."""
    images: int
    bytes: int
    """Of the images."""
    licence: str
    note: str | None
    counts: dict[str, Any]
    """Boxes and frames by class, frames by site, camera and reason, and frames without any box."""
    lineage: dict[str, Any]
    """The version before with what came and went since, annotators, reviewers, agreement, and the models that proposed."""
    created_at: str
    created_by: str



class DayUse(TypedDict):
    """One day in UTC."""
    day: str
    predictions: int
    confidence_mean: float | None



class DeadLetter(TypedDict):
    """A message that could not be processed; it is kept whole."""
    id: str
    received_at: str
    """When it came last."""
    stage: str
    """Step that refused it: ``decode``, ``authorize``, ``route``, ``store`` or ``predict``."""
    reason: str
    """Stable code, e.g. ``bad_json``."""
    detail: str
    origin: str
    """MQTT topic, or Kafka topic/partition/offset."""
    site: str | None
    device: str | None
    count: int
    """How often the same message came."""
    bytes: int
    """Size of the whole message."""
    preview: str
    """Its first 500 bytes as text; what is not UTF-8 is replaced."""
    state: LetterState
    """The same message that comes again as a dead letter is open again."""
    settled_at: str | None
    """When it was put back or discarded."""
    settled_by: str | None
    settled_why: str | None



class DeadLetterOrder(TypedDict):
    """An order about dead letters, and how far it is."""
    id: str
    action: LetterAction
    why: str
    status: str
    """``waiting`` until the ingest takes it, ``running``, ``done``."""
    asked_at: str
    asked_by: str
    finished_at: str | None
    letters: int
    """That belong to it."""
    replayed: int
    """Whose message is stored now; that of another order before counts too."""
    refused: int
    """That were refused again."""
    discarded: int
    left_out: int
    """Letters that were selected too but did not fit one order; order again for them."""
    refused_letters: list[RefusedLetter]
    """The first hundred of those that were refused again."""



class DeadLetterOrders(TypedDict):
    """The newest orders, newest first."""
    items: list[DeadLetterOrder]



class _DeadLetterPageAlways(TypedDict):
    items: list[DeadLetter]


class DeadLetterPage(_DeadLetterPageAlways, total=False):
    """Some dead letters, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class DeadLetterReason(TypedDict):
    """Open letters of one reason."""
    stage: str
    reason: str
    letters: int
    newest_at: str
    sites: list[str]
    """Sites that they name, at most ten."""



class DeadLetterReasons(TypedDict):
    """Why messages are dead letters, the most frequent reason first, at most a hundred."""
    items: list[DeadLetterReason]


Decision: TypeAlias = "Literal['accept', 'return', 'reject', 'reopen']"
"""What a reviewer decides."""



class _DecisionPageAlways(TypedDict):
    items: list[DecisionView]


class DecisionPage(_DecisionPageAlways, total=False):
    """Some decisions, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class DecisionView(TypedDict):
    """One line of the decision log."""
    at: str
    words: str



class _DeltaAlways(TypedDict):
    seq: int
    resume: str
    server_time: str


class Delta(_DeltaAlways, total=False):
    """What became different since the message before, whose ``seq`` is one less. Lists without entries are absent."""
    type: Literal['delta']
    channels: list[LiveChannel]
    """Channels that are new, or whose limits or description changed."""
    readings: list[LiveReading]
    observations: list[LiveObservation]
    alarms: list[Alarm]
    """Raised, acknowledged, shelved or cleared; one that is neither active nor unacknowledged is off the list."""
    devices: list[Device]
    """Boxes whose link or version changed, or that were heard of again."""



class Dependency(TypedDict):
    """Something that this process needs."""
    name: str
    status: Literal['ok', 'degraded', 'down', 'not_used']
    required: bool
    """Without it no request can be served."""
    latency_ms: float | None
    """How long it took to answer."""
    detail: str
    """What it said, or what is wrong and what to do."""



class DesiredView(TypedDict):
    """What a device should run."""
    deployment: str
    name: str
    """Of the model or configuration; ``agent`` for the agent."""
    version: str
    sha256: str
    activate: bool
    """False: it goes as far as the shadow run, until its wave is judged."""
    changed_at: str
    sent: bool
    """Whether the newest version of this was handed to the downlink. That the device has it, only its report tells."""



class DetailedHealth(TypedDict):
    """How this process does, with everything that it depends on."""
    status: Literal['ok', 'degraded', 'down']
    """``down`` when something that is required is down."""
    version: str
    uptime_s: float
    checked_at: str
    dependencies: list[Dependency]



class _DetectionAlways(TypedDict):
    label: str
    confidence: float
    box: Box


class Detection(_DetectionAlways, total=False):
    """One object that the detector found in one frame."""
    track: int | None



class _DeviceAlways(TypedDict):
    id: int
    slug: str
    name: str
    site: str
    """Slug of the site."""
    state: Literal['unknown', 'online', 'offline']
    """Whether its agent is connected; ``unknown`` until it has said so."""
    state_at: str | None
    """Since when."""
    last_seen_at: str | None
    """When anything that the device sent was last stored."""
    agent_version: str | None


class Device(_DeviceAlways, total=False):
    """An edge box at a farm."""
    tags: list[str]
    """Words that people put on it."""
    groups: list[str]
    """Names of its groups."""



class DeviceCertificate(TypedDict):
    """A certificate that was issued."""
    serial: str
    site: str
    device: str
    issued_at: str
    expires_at: str
    renews: str | None
    """Serial of the one before; null for the first."""
    revoked_at: str | None
    revoked_because: str | None



class DeviceDiagnostics(TypedDict):
    """The newest diagnostics of a box, newest first."""
    items: list[Diagnostics]



class DeviceGroup(TypedDict):
    """Devices that people name together."""
    name: str
    note: str
    devices: list[str]
    """``site/device``, those that you may see."""
    created_at: str
    created_by: str



class _DeviceGroupPageAlways(TypedDict):
    items: list[DeviceGroup]


class DeviceGroupPage(_DeviceGroupPageAlways, total=False):
    """Some groups, by name."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class DeviceHealth(TypedDict):
    """What a box last said of itself in a heartbeat; one is sent every 30 s."""
    site: str
    device: str
    state: Literal['unknown', 'online', 'offline']
    observed_at: str | None
    """When it said this, by its clock; null when no heartbeat of the last seven days is here."""
    degraded: list[str]
    """What is not working as configured, in the box's words; empty is well, as long as ``observed_at`` is fresh."""
    certificate_expires_at: str | None
    """End of the certificate that it shows to its broker; null when it shows none."""
    uptime_s: float | None
    outbox_rows: int | None
    """Messages that wait on the box for the store."""
    outbox_bytes: int | None
    outbox_oldest_age_s: float | None
    disk_free_bytes: int | None
    rss_bytes: int | None
    """Memory of the agent."""
    cpu_percent: float | None
    model: str | None
    """Name and version of the model that runs; null where none does."""
    provider: str | None
    """What the model runs on."""
    last_seen_at: str | None
    """When anything that the box sent was last stored."""
    agent_version: str | None
    clock_trusted: bool | None
    """Whether the box knows the time; null where its agent does not tell."""
    temperatures_c: dict[str, float]
    """Degrees Celsius by thermal zone; empty where the machine, or an older agent, tells none."""
    cameras: list[CameraNow]
    channel_age_s: dict[str, float]
    """Seconds since the newest reading of every channel, at ``observed_at``."""



class _DeviceHealthPageAlways(TypedDict):
    items: list[DeviceHealth]


class DeviceHealthPage(_DeviceHealthPageAlways, total=False):
    """Some boxes, by site and name."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class _DevicePageAlways(TypedDict):
    items: list[Device]


class DevicePage(_DevicePageAlways, total=False):
    """Some devices."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class DeviceStanding(TypedDict):
    """Desired, reported, verified and running on one device."""
    site: str
    device: str
    last_seen_at: str | None
    items: list[StandingView]



class _DeviceStandingPageAlways(TypedDict):
    items: list[DeviceStanding]


class DeviceStandingPage(_DeviceStandingPageAlways, total=False):
    """Some devices, by site and name."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class DeviceTags(TypedDict):
    """The tags of a device, all of them."""
    tags: list[str]



class DeviceView(TypedDict):
    """One device in a rollout."""
    site: str
    device: str
    wave: int
    step: str
    reason: str
    active_at: str | None
    """When its session first reported the new hash."""
    ended_at: str | None
    numbers: dict[str, float]
    """Its newest numbers by ``phase.metric``."""



class Diagnostics(TypedDict):
    """What a box that was asked for diagnostics told of itself."""
    made_at: str
    message: str
    file: str
    """Archive in the folder ``diagnostics`` of the box's data; the box keeps the newest five."""
    bytes: int
    sha256: str
    summary: dict[str, Any] | None
    """What of the archive fitted an event: ``about``, ``status``, ``configuration``, ``versions``, ``findings``, ``machine``,
    ``errors`` and ``log``; parts that did not fit are absent. None when it cannot be read."""



class DriftAlertOut(TypedDict):
    """Advice that a signal is not what it was. It has called nobody and changed nothing by itself."""
    id: str
    site: str
    unit_id: int
    unit: str
    unit_name: str
    model: ModelRef
    signal: Signal
    family: Family
    started_at: str
    told_at: str
    ended_at: str | None
    ended_because: Literal['stable', 'accepted', 'replaced'] | None
    accepted_by: str | None
    psi: float
    p: float
    shift: float
    text: str
    """All of it in one sentence, with where to look."""
    evidence: list[str]
    """Signed addresses of images since then, newest first."""
    before: list[str]
    """Signed addresses of images of the reference."""



class _DriftAlertPageAlways(TypedDict):
    items: list[DriftAlertOut]


class DriftAlertPage(_DriftAlertPageAlways, total=False):
    """Some advice, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class DriftHourOut(TypedDict):
    """Means of one hour."""
    hour: str
    """Its begin."""
    observations: int
    signals: dict[str, float]
    mix: dict[str, float]
    """Mean number per frame by label."""



class DriftHours(TypedDict):
    """A version at a unit over a period, for a chart."""
    start: str
    end: str
    items: list[DriftHourOut]



class DriftSeriesOut(TypedDict):
    """A version of a model at a unit."""
    site: str
    unit_id: int
    unit: str
    unit_name: str
    model: ModelRef
    status: Literal['learning', 'stable', 'drift']
    """Of its worst signal; ``learning`` for two weeks after a version began."""
    reference_from: str
    newest_hour: str
    judged_until: str | None
    """Days before this have been judged."""
    signals: list[SignalOut]



class _DriftSeriesPageAlways(TypedDict):
    items: list[DriftSeriesOut]


class DriftSeriesPage(_DriftSeriesPageAlways, total=False):
    """Some versions at units, by unit."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""


DriftVerdict: TypeAlias = "Literal['learning', 'stable', 'drift']"
"""What a comparison has shown."""


Duty: TypeAlias = "Literal['primary', 'backup', 'manager', 'everyone']"
"""Roles on call."""



class Enrolment(TypedDict):
    """A device that asks for its first certificate."""
    token: str
    request: str
    """Certificate request in PEM, made with a key that stays on the device. Its subject is ignored."""



class EnrolmentToken(TypedDict):
    """What to hand to the device; it is shown here and never again."""
    token: str
    site: str
    device: str
    expires_at: str



class _EscapeAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str
    batch: str
    """Code of the batch."""
    unit: str
    """Slug of the unit."""
    count: int
    reason: str


class Escape(_EscapeAlways, total=False):
    """Fish are lost alive."""
    note: str
    mean_weight_g: float | None
    """Mean weight in grams; null keeps the weight that the book has."""
    kind: Literal['escape']



class Explanation(TypedDict):
    """Which parts of a picture a classifier's answer rests on: each was covered in turn, and the model asked again."""
    model: ModelRef
    image_sha256: str
    label: str
    """The most likely class of the whole picture."""
    confidence: float
    """In it, of the whole picture."""
    lost: list[list[float]]
    """What the confidence loses when a part is covered, -1 to 1: rows from the top, columns from the left, all of one size."""


Export: TypeAlias = "Literal['csv', 'jsonl']"
"""Forms of an export."""


ExportFormat: TypeAlias = "Literal['coco', 'label_studio']"
"""How labels are written."""



class FailedTest(TypedDict):
    """A quality test that did not pass, or could not be made yet."""
    test: str
    """Code, e.g. ``rate_of_change``."""
    quality: QualityFlag
    meaning: str | None
    """What its failure means; null for a test that this program does not know."""
    remedy: str | None
    """What to do at the tank."""


Family: TypeAlias = "Literal['input', 'prediction', 'performance']"
"""What drifted."""



class _FeedingAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str
    unit: str
    product: str
    lot: str
    """Lot number on the bag: traceability needs it."""
    amount_kg: float


class Feeding(_FeedingAlways, total=False):
    """Feed given to a unit, by lot."""
    note: str
    kind: Literal['feeding']
    uneaten_kg: float



class FieldProblem(TypedDict):
    """One part of the request that is not as it should be."""
    location: str
    """Where, e.g. ``query.limit``."""
    message: str



class _GateAlways(TypedDict):
    metric: Metric


class Gate(_GateAlways, total=False):
    """One condition that a stratum must meet before the next wave begins."""
    phase: Phase
    at_most: float | None
    at_least: float | None
    window_s: float
    min_devices: int



class _GateReasonAlways(TypedDict):
    metric: str
    slice: str
    verdict: Literal['passed', 'failed', 'inconclusive']
    text: str


class GateReason(_GateReasonAlways, total=False):
    """One rule of the gate on one slice."""
    waived: bool



class GateStanding(TypedDict):
    """A gate in one stratum as it stands."""
    metric: str
    phase: str
    at_most: float | None
    at_least: float | None
    stratum: list[str]
    """Machine, kind of unit, species and water (``clear`` or ``turbid``); empty where it is not known."""
    verdict: str
    """``passed``, ``failed`` or ``inconclusive``."""
    devices: int
    """That have reported."""
    mean: float | None
    low: float | None
    """95 % bounds of the mean, one-sided."""
    high: float | None



class GivenLabel(TypedDict):
    """One person's answer."""
    id: str
    annotator: str
    labelled_at: str
    seconds: float | None
    source: Literal['hand', 'import']
    boxes: list[LabelledBox]
    classes: list[str]
    scores: dict[str, float]
    note: str | None



class _GroupMembersAlways(TypedDict):
    devices: list[str]
    """``site/device`` of every member; those that were members and are not named are members no longer."""


class GroupMembers(_GroupMembersAlways, total=False):
    """What a group should be."""
    note: str



class Happening(TypedDict):
    """One thing that happened."""
    at: str
    kind: Kind
    words: str
    link: str
    """Id of the record (diary), alarm, channel (quality, departure), event (device) or image."""
    image_url: str | None
    """Signed address, for images."""



class _HarvestAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str
    batch: str
    """Code of the batch."""
    unit: str
    """Slug of the unit."""
    count: int


class Harvest(_HarvestAlways, total=False):
    """Fish are taken out for sale. Refused while a treatment's withdrawal is not over."""
    note: str
    mean_weight_g: float | None
    """Mean weight in grams; null keeps the weight that the book has."""
    kind: Literal['harvest']
    destination: str



class Health(TypedDict):
    """A summary for people."""
    status: Literal['ok', 'degraded']
    version: str
    uptime_s: float
    missing: list[str]
    """What is not there, in words."""



class _HeartbeatAlways(TypedDict):
    seq: int
    server_time: str
    store: Literal['ok', 'unavailable']
    """``unavailable``: the server cannot see changes right now, so that what is shown only grows older."""


class Heartbeat(_HeartbeatAlways, total=False):
    """Nothing changed. A client that hears nothing for three heartbeats should connect again."""
    type: Literal['heartbeat']



class Holding(TypedDict):
    """Fish of one batch in one unit."""
    site: str
    unit: str
    batch: str
    count: int
    mean_weight_g: float | None
    biomass_kg: float | None
    density_kg_m3: float | None
    """Null without a weight or a volume."""



class ImageParts(TypedDict):
    """What the image quality is made of; each from 0 (useless) to 1 (good)."""
    light: float
    glare: float
    live: float
    clarity: float
    clean: float



class Imported(TypedDict):
    """What an import did, or would do. Either every row is in, or none."""
    rows: int
    recorded: int
    repeated: int
    """Rows that were in the diary already."""
    faults: list[RowFault]
    """The first hundred."""
    dry_run: bool



class ImportedLabels(TypedDict):
    """What came of an import."""
    labels: int
    """Labels that the file has for frames of this organization."""
    stored: int
    """Of these, stored now."""
    known: int
    """Were here already."""
    closed: int
    """For frames that are accepted or rejected; left as they are."""
    dry_run: bool



class Interval(TypedDict):
    """95 % interval of a number."""
    low: float
    high: float



class Invitation(TypedDict):
    """An invitation, or a reset of a password."""
    id: int
    email: str
    role: Role
    sites: list[str] | None
    is_reset: bool
    """True: it sets a new password for a user who exists."""
    created_at: str
    created_by: str
    expires_at: str
    used_at: str | None



class _InvitationPageAlways(TypedDict):
    items: list[Invitation]


class InvitationPage(_InvitationPageAlways, total=False):
    """Some invitations."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class IssuedCertificate(TypedDict):
    """A certificate, and whom to trust."""
    site: str
    device: str
    certificate: str
    """PEM."""
    authority: str
    """Certificate of the authority in PEM."""
    serial: str
    expires_at: str



class KeyView(TypedDict):
    """One of the keys that may sign; its private half is with its owner, never here."""
    keyid: str
    name: str
    """Whose it is, as its public file says."""
    signed: bool
    """Whether a signature by it is there, and is right."""


Kind: TypeAlias = "Literal['diary', 'alarm', 'quality', 'departure', 'device', 'image']"
"""Where an item comes from."""



class Kpi(TypedDict):
    """One figure."""
    name: str
    label: str
    ucum: str
    value: float | None
    """Null when it cannot be told; ``missing`` says why."""
    target: KpiTarget | None
    verdict: KpiVerdict
    computed_from: list[str]
    missing: str | None



class KpiTarget(TypedDict):
    """What a figure shall be."""
    value: float
    below: bool
    """True: below the value. False: at least the value."""


KpiVerdict: TypeAlias = "Literal['met', 'missed', 'no_target', 'missing']"
"""How a figure stands to its target."""



class LabelMarkOut(TypedDict):
    """Somebody says that a model was wrong."""
    id: str
    subject: Literal['observation', 'prediction']
    subject_id: str
    fault: str
    right_answer: str | None
    """What it should have said, where somebody knows."""
    note: str | None
    model: ModelRef | None
    task_id: str | None
    """The frame in the queue; null when its picture is not kept."""
    marked_at: str
    marked_by: str



class _LabelMarkPageAlways(TypedDict):
    items: list[LabelMarkOut]


class LabelMarkPage(_LabelMarkPageAlways, total=False):
    """Some marks, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class LabelProgress(TypedDict):
    """Where the labelling stands."""
    open: int
    review: int
    accepted: int
    rejected: int
    marked: int
    """Open frames on which somebody saw the model fail."""
    mine_today: int
    """The caller's labels since midnight UTC."""
    annotators: list[Annotator]
    pairs: list[AnnotatorPair]
    """Over the newest 300 frames with two labels and more."""



class LabelSettings(TypedDict, total=False):
    """What the organization labels."""
    classes: list[str]
    """Of boxes, in the order of the number keys."""
    image_classes: list[str]
    """Of whole frames, such as the species of a crop."""
    scores: list[str]
    """Given to whole frames between 0 and 1, such as signs of bad health."""
    annotators: int
    """People who label each frame before it is reviewed. With two and more their agreement is told."""
    licence: str
    """Under which the frames are in data sets."""



class LabelTask(TypedDict):
    """A frame in the queue."""
    id: str
    site: str
    unit: str
    device: str
    camera: str
    captured_at: str
    sha256: str
    width: int
    height: int
    image_url: str
    """Signed address of the frame."""
    source: Literal['edge', 'evidence']
    """Uploaded as a sample, or the image behind an observation."""
    reason: SampleReason
    """Why it is here."""
    priority: float
    """The higher, the sooner: 0.6 times the uncertainty and 0.4 times the novelty; 1 more when returned, 2 more when marked."""
    uncertainty: float
    novelty: float
    """How different it looks from the frames of its camera that came before, 0 to 1."""
    model: ModelRef | None
    """Which made the proposals."""
    proposals: list[Detection]
    status: TaskStatus
    labels: int
    """Labels that count."""
    wanted: int
    """Labels before the review."""
    marks: int
    """Times that somebody said the model is wrong here."""
    agreement: float | None
    """Of the labels, 0 to 1; null with fewer than two."""
    review_note: str | None



class LabelTaskDetail(TypedDict):
    """A frame with its labels. Until it is accepted, annotators see their own answer alone; reviewers see all."""
    task: LabelTask
    settings: LabelSettings
    labels: list[GivenLabel]
    agreements: list[AgreementOut]
    marks: list[LabelMarkOut]
    accepted_label: str | None
    leased_until: str | None
    """Until then the frame is the caller's."""



class _LabelTaskPageAlways(TypedDict):
    items: list[LabelTask]


class LabelTaskPage(_LabelTaskPageAlways, total=False):
    """Some of the queue, most urgent first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class LabelledBox(TypedDict):
    """A box that a person drew or confirmed."""
    label: str
    box: Box



class _LadderAlways(TypedDict):
    steps: list[Step]


class Ladder(_LadderAlways, total=False):
    """What follows when nobody takes an alarm on."""
    repeat_s: float | None
    """Seconds between repetitions of the last step; null: never again."""
    rounds: int
    """Repetitions at most."""
    hours: Literal['always', 'office']
    """``office``: outside 07 to 16 h local time on working days it waits."""



class LatestReading(TypedDict):
    """The newest value of one channel, with what it takes to judge it."""
    channel_id: int
    channel: str
    """Name of the channel within its device."""
    quantity: str
    """Code, e.g. ``do``."""
    label: str
    """The quantity in English."""
    value: float | None
    """In ``ucum``; null when the channel never reported."""
    ucum: str
    """Unit in UCUM, e.g. ``mg/L``."""
    decimals: int
    """Digits after the point that are worth showing."""
    observed_at: str | None
    """When it was measured, at the tank."""
    age_s: float | None
    """Seconds between ``observed_at`` and the answer's ``server_time``."""
    quality: QualityFlag
    """QARTOD flag: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing."""
    tests: list[FailedTest]
    """Why it is flagged: the test that decided first, then the others that did not pass."""
    calibration: str | None
    """Identity of the calibration record that the value rests on; null when none was applied."""
    stale: bool
    """True when the value says nothing about now: older than 60 s and than three usual periods of the channel."""
    stale_after_s: float
    """Age from which the value is stale, so that a page which keeps counting can tell by itself."""
    derived: bool
    """Computed from other channels."""
    limits: list[ShownLimit]
    """What its alarms follow; empty when the box has told none."""


LetterAction: TypeAlias = "Literal['replay', 'discard']"
"""What can be ordered about dead letters."""


LetterState: TypeAlias = "Literal['open', 'replayed', 'discarded']"
"""What became of a letter."""


Level: TypeAlias = "Literal['low', 'medium', 'high']"
"""How much a classification can be relied on."""



class Levels(TypedDict):
    """Classifications by how much they can be relied on."""
    high: int
    medium: int
    low: int



class _LiceCountAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str
    unit: str
    fish: int
    adult_females: int
    mobile: int
    attached: int


class LiceCount(_LiceCountAlways, total=False):
    """Sea lice on a sample of fish of one pen, as totals over the sample."""
    note: str
    kind: Literal['lice_count']
    sea_temperature_c: float | None



class LiceStatus(TypedDict):
    """Lice of one pen against the limit of its region."""
    record: str
    unit: str
    occurred_at: str
    fish: int
    adult_females: float
    """Per fish."""
    low: float
    """Lower end of the 95 % interval (Poisson, Garwood)."""
    high: float
    mobile: float
    attached: float
    limit: float | None
    limit_source: str | None
    verdict: Verdict | None
    enough_fish: bool
    """At least 20, as the authority asks."""



class LineFlow(TypedDict):
    """Fish over one counting line in the window, each way."""
    name: str
    entered: int
    left: int
    entered_interval: Interval
    """Of what really crossed: tracks that were lost or found on the line may have."""
    left_interval: Interval



class Live(TypedDict, total=False):
    """The process answers."""
    status: Literal['ok']



class LiveChannel(TypedDict):
    """The newest value of a channel with everything that is needed to show it."""
    channel_id: int
    channel: str
    """Name of the channel within its device."""
    quantity: str
    """Code, e.g. ``do``."""
    label: str
    """The quantity in English."""
    value: float | None
    """In ``ucum``; null when the channel never reported."""
    ucum: str
    """Unit in UCUM, e.g. ``mg/L``."""
    decimals: int
    """Digits after the point that are worth showing."""
    observed_at: str | None
    """When it was measured, at the tank."""
    age_s: float | None
    """Seconds between ``observed_at`` and the answer's ``server_time``."""
    quality: QualityFlag
    """QARTOD flag: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing."""
    tests: list[FailedTest]
    """Why it is flagged: the test that decided first, then the others that did not pass."""
    calibration: str | None
    """Identity of the calibration record that the value rests on; null when none was applied."""
    stale: bool
    """True when the value says nothing about now: older than 60 s and than three usual periods of the channel."""
    stale_after_s: float
    """Age from which the value is stale, so that a page which keeps counting can tell by itself."""
    derived: bool
    """Computed from other channels."""
    limits: list[ShownLimit]
    """What its alarms follow; empty when the box has told none."""
    unit_id: int



class LiveObservation(TypedDict):
    """The newest of the cameras of a unit."""
    unit_id: int
    observation: ObservationOut | None
    """The newest observation; its image may still be on the way."""
    evidence: ObservationOut | None
    """The newest observation whose image has arrived."""



class _LiveReadingAlways(TypedDict):
    channel_id: int
    unit_id: int
    value: float
    observed_at: str
    age_s: float
    """Seconds between ``observed_at`` and the message's ``server_time``."""
    quality: QualityFlag


class LiveReading(_LiveReadingAlways, total=False):
    """A new value of a channel that an earlier message described."""
    tests: list[FailedTest]
    """Why it is flagged; absent when nothing failed."""



class LiveSite(TypedDict):
    """A site that is watched, with the watched units."""
    site: str
    units: list[Unit]


LogLevelName: TypeAlias = "Literal['debug', 'info', 'warning', 'error']"
"""Least severe line that a box logs."""



class _LoginAnswerAlways(TypedDict):
    access_token: str
    """Send it as ``Authorization: Bearer <access_token>``."""
    expires_in: int
    """Seconds until the token stops working."""
    refresh_token: str
    """Works once, for the next pair of tokens (`POST /auth/refresh`)."""
    refresh_expires_in: int
    """Seconds until the refresh token stops working when it is not used."""
    user: User


class LoginAnswer(_LoginAnswerAlways, total=False):
    """A successful login."""
    token_type: Literal['bearer']



class MadeApiKey(TypedDict):
    """A new key with its secret, which is shown here and never again."""
    api_key: ApiKey
    key: str
    """Send it as ``Authorization: Bearer <key>``."""


Metric: TypeAlias = "Literal['disagreement', 'count_ratio', 'confidence_drop', 'latency_ratio', 'memory_mb', 'errors', 'wrong_marks']"
"""What devices report of a model in shadow or in service, one number per device and report."""


Mode: TypeAlias = "Literal['off', 'advise', 'alarm']"
"""What is done about a quantity at a site."""



class _ModelChangeAlways(TypedDict):
    at: str
    device: str
    change: Literal['activated', 'rolled_back']
    """``rolled_back`` is also the end of a trial in some units: the unit has the model of its box again."""
    sha256: str | None
    """Of the model that runs since."""
    model: str | None
    """Its name; null where no rollout of the fleet names it."""
    version: str | None
    rollout_id: str | None
    reason: str


class ModelChange(_ModelChangeAlways, total=False):
    """A moment at which another model began to look at a unit: counts before and after it are not of the same eyes."""
    count_ratio: float | None
    """Fish counted by the model that looks since over those counted by the one before, on the same frames of this box's shadow run;
    null where nobody compared them."""



class ModelChanges(TypedDict):
    """Changes of models at a unit, oldest first."""
    items: list[ModelChange]
    cut: bool
    """Whether there were more than fit; then the newest are shown."""



class _ModelDetailAlways(TypedDict):
    key: str
    """``name@version``; what ``/ml/models/{version}`` takes."""
    model: ModelRef
    task: Task
    labels: list[str]
    active: bool
    """It answers for its task when nobody asks for another."""
    loaded: bool
    """It is in the memory of the process that answered."""
    shipped: bool
    """It came with Shoal."""
    bytes: int
    created_at: str
    licence: str
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


class ModelDetail(_ModelDetailAlways, total=False):
    """An installed bundle with its card."""
    candidate_share: float | None
    """Part of the units that it is tried on instead of the active version."""



class _ModelOutAlways(TypedDict):
    key: str
    """``name@version``; what ``/ml/models/{version}`` takes."""
    model: ModelRef
    task: Task
    labels: list[str]
    active: bool
    """It answers for its task when nobody asks for another."""
    loaded: bool
    """It is in the memory of the process that answered."""
    shipped: bool
    """It came with Shoal."""
    bytes: int
    created_at: str
    licence: str


class ModelOut(_ModelOutAlways, total=False):
    """An installed bundle."""
    candidate_share: float | None
    """Part of the units that it is tried on instead of the active version."""



class ModelRef(TypedDict):
    """Which model made a number: the sha256 is the one of the *running* session's file."""
    name: str
    version: str
    sha256: str



class ModelUse(TypedDict):
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



class ModelsHealth(TypedDict):
    """Health of the models in the process that answered."""
    status: Literal['ok', 'degraded']
    items: list[VersionHealth]
    broken: dict[str, str]
    """Folders whose manifest cannot be used, with the reason."""



class ModelsOut(TypedDict):
    """Installed bundles, by name, newest version first."""
    items: list[ModelOut]



class ModelsStats(TypedDict):
    """Statistics of the process that answered."""
    items: list[VersionStats]
    cache: CacheStats
    memory_bytes: int
    """What the loaded versions are counted with."""



class _MortalityAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str
    batch: str
    """Code of the batch."""
    unit: str
    """Slug of the unit."""
    count: int
    cause: str
    """Main cause; ``unknown`` is allowed and is itself watched."""


class Mortality(_MortalityAlways, total=False):
    """Dead and moribund fish, with their cause in two levels (``aquaculture.causes``)."""
    note: str
    mean_weight_g: float | None
    """Mean weight in grams; null keeps the weight that the book has."""
    kind: Literal['mortality']
    detail: str | None


Name: TypeAlias = "Literal['daily-log', 'weekly-lice', 'production', 'traceability', 'water-compliance', 'alarm-performance', 'calibrations']"
"""Of a report."""



class NameView(TypedDict):
    """A model, a configuration or the agent, with its releases."""
    name: str
    kind: ArtifactKind | None
    """Null before its first release."""
    floor: int
    """Lowest release that devices may run."""
    releases: list[ReleaseView]
    """Newest first, at most 50."""
    older: int
    """How many more there are."""



class NewAdviceSettings(TypedDict):
    """What advice may do at a site. It replaces what was set; what is not named is as shipped: ``advise``."""
    quantities: dict[str, Mode]



class _NewApiKeyAlways(TypedDict):
    name: str
    """What it is for; histories name the machine by it."""
    role: Role
    """What it may do at most: not above one's own role, and never the platform's administration."""
    scopes: list[str]
    """What it opens: `{tag}:read` or `{tag}:write` with a tag of this document, such as `telemetry:read`; `*` for every
    tag. Writing includes no reading. Users, keys and the audit log open to no key."""


class NewApiKey(_NewApiKeyAlways, total=False):
    """A key to be made."""
    sites: list[str] | None
    """Slugs of the sites that it is limited to; null for all."""
    days: int
    """After as many days it stops working; two years at most."""



class NewAssignee(TypedDict):
    """Whose work an alarm shall be."""
    user_id: int | None
    """A user of the organization who may see the site; null takes the alarm from whoever has it."""



class _NewBatchAlways(TypedDict):
    code: str
    species: str
    """Code as in the limits for fish, e.g. ``salmo_salar``."""


class NewBatch(_NewBatchAlways, total=False):
    """A batch to follow."""
    origin: str



class _NewCommandAlways(TypedDict):
    name: CommandName


class NewCommand(_NewCommandAlways, total=False):
    """What a box should do."""
    id: str
    """Chosen by the caller, or made here. The same id again orders nothing new."""
    level: LogLevelName | None
    """For ``log.level``, which needs it."""
    minutes: int
    """For ``log.level``: after that the box logs as before."""
    lasts_s: int
    """Seconds until it expires; a box that was away longer does not do it."""



class _NewContactAlways(TypedDict):
    name: str


class NewContact(_NewContactAlways, total=False):
    """A person, or a program that listens."""
    email: str | None
    phone: str | None
    """With country code, digits only: ``+4712345678``."""
    push_topic: str | None
    """Topic on the push server (ntfy) that the person's app listens to. Whoever knows it can listen too: make it long and random."""
    webhook_url: str | None



class _NewDatasetAlways(TypedDict):
    name: str
    """The first under a name is version 1; later ones count on."""


class NewDataset(_NewDatasetAlways, total=False):
    """A version of a data set to be frozen from accepted labels."""
    sites: list[str] | None
    """Of some sites; without it, of all that the caller sees."""
    captured_from: str | None
    captured_before: str | None
    note: str | None
    licence: str | None
    """Without it, the one of the settings."""



class _NewDeadLetterOrderAlways(TypedDict):
    action: LetterAction


class NewDeadLetterOrder(_NewDeadLetterOrderAlways, total=False):
    """What to do with which letters: those that are named, or all open ones that the other fields select."""
    why: str
    """For the log; required to discard."""
    letters: list[str] | None
    """Ids. Letters that are discarded already may be put back so."""
    reason: str | None
    stage: str | None
    site: str | None
    since: str | None
    """Only letters that came then or later."""



class _NewEnrolmentAlways(TypedDict):
    site: str
    device: str


class NewEnrolment(_NewEnrolmentAlways, total=False):
    """A device that is to get its first certificate."""
    hours: int
    """How long the token can be used."""



class _NewInvitationAlways(TypedDict):
    email: str
    role: Role


class NewInvitation(_NewInvitationAlways, total=False):
    """Somebody who is to be let in."""
    sites: list[str] | None
    """Slugs of the sites that they will be limited to; null for all."""
    organization: str | None
    """Another organization than one's own; for platform admins."""
    days: int
    """How long it can be used."""



class _NewLabelAlways(TypedDict):
    id: str
    """Made by whoever labels: sent again it is the same label."""


class NewLabel(_NewLabelAlways, total=False):
    """An answer for a frame. No boxes and no classes say that there is nothing in it."""
    boxes: list[BoxIn]
    classes: list[str]
    scores: dict[str, Any]
    note: str | None
    seconds: float | None
    """How long it took."""



class _NewMarkAlways(TypedDict):
    id: str
    """Made by whoever says it: sent again it is the same mark."""
    subject: Literal['observation', 'prediction']
    subject_id: str
    """Id of the observation or the prediction."""
    fault: Literal['missed', 'false', 'wrong_class', 'wrong_count', 'other']
    """Fish that were missed, what is no fish, another class, another count."""


class NewMark(_NewMarkAlways, total=False):
    """A model was wrong."""
    right_answer: str | None
    """What it should have said: the class, or the count."""
    note: str | None



class NewOrganization(TypedDict):
    """An organization to be made."""
    slug: str
    name: str



class NewPassword(TypedDict):
    """A change of one's own password."""
    current: str
    password: str
    """At least 12 characters, at most 128, and none that is tried first."""



class NewRationale(TypedDict):
    """Why an alarm exists (ISA-18.2 rationalization)."""
    consequence: str
    """What happens if nobody answers. If nothing does, it should not be an alarm."""
    respond_within_s: int
    instruction: str
    owner: str



class _NewRolloutAlways(TypedDict):
    name: str
    model: str
    """Name of the model or configuration; ``agent`` for the agent."""
    version: str
    """Must be published in the image repository, with the signatures that its role asks for."""


class NewRollout(_NewRolloutAlways, total=False):
    """A release for a fleet."""
    kind: ArtifactKind
    """What is rolled out: a model, a configuration of boxes, or a version of the agent."""
    back_to: str | None
    """Version that devices go back to, published too. Null: devices that activated keep what they have when it is rolled back."""
    sites: list[str] | None
    """Null: every site that you may see."""
    groups: list[str] | None
    """Only devices of one of these groups. Null: whatever their group."""
    tags: list[str] | None
    """Only devices that have all of these tags. Null: whatever their tags."""
    leave_out_incompatible: bool
    """True leaves out devices that are known to be unable to take it; else they are a reason to refuse the rollout."""
    second_person: bool
    """True makes it wait until somebody else approves it, even where that is not the rule."""
    plan: Plan
    seed: int
    """Draws the devices of the waves; the same seed draws the same."""



class NewTask(TypedDict):
    """Work to be done."""
    kind: str
    """``report`` or ``export``."""
    params: dict[str, Any]
    """Of the kind: ``report`` takes site, name, format, start, end, batch, region; ``export`` takes site, quantities, format,
    start, end, resolution."""



class NewTrainingRun(TypedDict):
    """A run that somebody asks for."""
    model: str
    reason: str



class _NewUnitTrialAlways(TypedDict):
    name: str
    model: str
    version: str
    """Must be published in the image repository."""


class NewUnitTrial(_NewUnitTrialAlways, total=False):
    """A release for some of the units of each box, beside the model of the box."""
    days: float
    """How long it lasts. The end is signed: boxes keep to it without a network."""
    share: float | None
    """Of the units of each box, chosen by ``seed``; at least one has the release and one has not. Half of them when no units are named."""
    units: list[str] | None
    """Named ones, ``site/unit``, instead of a share."""
    sites: list[str] | None
    """Null: every site that you may see."""
    groups: list[str] | None
    """Only boxes of one of these groups."""
    tags: list[str] | None
    """Only boxes that have all of these tags."""
    second_person: bool
    """True makes it wait until somebody else approves it, even where that is not the rule."""
    seed: int
    """Chooses the units; the same seed chooses the same."""
    plan: TrialPlan | None
    """When it ends in all boxes without a person. Null: two failures and a tenth, and the careful gates."""



class NextFrame(TypedDict, total=False):
    """What to label next."""
    site: str | None
    """Of one site; without it, of all."""
    skip: list[str]
    """Frames that the annotator has passed over."""



class NextTask(TypedDict):
    """The next frame, now held by the caller."""
    task: LabelTaskDetail | None
    """Null when nothing waits for the caller."""
    waiting: int
    """Open frames in all."""



class _NoteAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str


class Note(_NoteAlways, total=False):
    """Anything else worth knowing later: cleaning, net change, visitors, weather."""
    note: str
    kind: Literal['note']
    unit: str | None
    topic: Literal['note', 'cleaning', 'net_change', 'grading', 'vaccination', 'visitor', 'maintenance', 'diagnosis']



class Notification(TypedDict):
    """One message to one contact."""
    id: str
    kind: str
    """``alarm``, ``cleared``, ``self_test`` or ``rollout``."""
    alarm_id: str | None
    contact: str
    channel: Channel
    due_at: str
    attempts: int
    sent_at: str | None
    confirmed_at: str | None
    """When the person opened the link of a test and said that it had come."""
    cancelled_at: str | None
    failed_at: str | None
    error: str | None
    reference: str | None



class _NotificationPageAlways(TypedDict):
    items: list[Notification]


class NotificationPage(_NotificationPageAlways, total=False):
    """Some messages, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class ObservationOut(TypedDict):
    """What one camera saw over one window (ten seconds by default), with the image and the model behind it."""
    id: str
    """``{camera_id}-{microseconds since 1970}``."""
    camera: str
    unit_id: int
    observed_at: str
    """End of the window, at the tank."""
    started_at: str
    frames: int
    """Frames that went through the model."""
    frames_dropped: int
    """Frames captured and not processed."""
    count_mean: float | None
    """Fish in view, mean over the frames; null when the frames could not be judged."""
    count_min: int | None
    count_max: int | None
    confidence_mean: float | None
    latency_ms: float | None
    """Mean time from capture to result, in milliseconds."""
    detections: list[Detection]
    """What the model found in the evidence image; boxes are fractions of it (left, top, width, height)."""
    image_url: str | None
    """Signed address of the evidence image; null until the image has arrived."""
    image_sha256: str | None
    image_observed_at: str | None
    image_quality: float | None
    """Between 0 and 1: the worst of ``image_parts``, median over the frames."""
    image_parts: ImageParts | None
    """Light, glare, liveness, clarity and cleanness of the picture, each from 0 (useless) to 1 (good)."""
    model: ModelRef | None
    """The model that counted: the sha256 is the one of the running session's file."""
    quality: QualityFlag
    quality_test: str | None
    """The test that failed when the quality is suspect, e.g. ``image_clarity``."""
    count_interval: Interval | None
    """Of ``count_mean`` over the frames; without the model's own error."""
    tracks: int | None
    """Tracks seen in the window; not individuals."""
    lines: list[LineFlow]
    """Fish over the counting lines, each way."""
    activity_bl_s: float | None
    """Median swimming speed across the picture, body lengths per second."""
    classes: dict[str, float]
    """Mean number per frame by label."""
    health: dict[str, float]
    """Mean score by health label, over the fish that a health model looked at."""
    embedding_distance: float | None
    """How far the pictures lie from those that the model was trained on, which lie about 1 away; null when it does not tell."""



class _ObservationPageAlways(TypedDict):
    items: list[ObservationOut]


class ObservationPage(_ObservationPageAlways, total=False):
    """Some observations, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class OneTimeToken(TypedDict):
    """What to hand to the person; it is shown here and never again."""
    id: int
    email: str
    token: str
    expires_at: str



class Opinion(TypedDict):
    """What one model says of a frame, from its own threshold on."""
    model: ModelRef | None
    detections: list[Detection]



class Order(TypedDict):
    """What should be done, and why; the reason stays in the decision log."""
    kind: OrderKind
    reason: str


OrderKind: TypeAlias = "Literal['pause', 'resume', 'cancel', 'roll_back']"
"""What a person may want of a rollout."""



class Organization(TypedDict):
    """A company or institute that runs sites."""
    id: int
    slug: str
    name: str



class _OrganizationPageAlways(TypedDict):
    items: list[Organization]


class OrganizationPage(_OrganizationPageAlways, total=False):
    """Some organizations."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""


Outcome: TypeAlias = "Literal['waiting', 'running', 'proposed', 'inconclusive', 'refused', 'failed', 'cancelled']"
"""State of a run."""



class PasswordReset(TypedDict):
    """A new password by a one-time token."""
    token: str
    password: str



class PastPrediction(TypedDict):
    """A prediction of the history."""
    id: int
    created_at: str
    source: Literal['classify', 'predict', 'batch', 'async']
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



class PathProof(TypedDict):
    """Whether the way to one contact by one channel was proven to work."""
    contact: str
    channel: Channel
    tested_at: str
    sent_at: str | None
    confirmed_at: str | None
    proven: bool
    """Sent and confirmed within a day."""



class Performance(TypedDict):
    """How this process answered over the last minutes. Percentiles are right to 5 %."""
    window_s: int
    covered_s: float
    """Seconds of the window since the start or the last reset."""
    total: RouteFigures
    routes: dict[str, RouteFigures]
    """By path template; requests that match no route are ``other``."""



class Person(TypedDict):
    """A user, as those see them who administer the organization."""
    id: int
    email: str
    name: str
    role: Role
    sites: list[str] | None
    """Slugs of the sites that they are limited to; null for all."""
    created_at: str
    disabled_at: str | None
    has_password: bool
    """False: signs in through the identity provider alone."""
    last_seen_at: str | None
    """When a login of theirs was last begun or carried on."""



class PersonChange(TypedDict, total=False):
    """What is to change; what is left out stays."""
    name: str | None
    role: Role | None
    sites: list[str] | None
    """Slugs of sites; null for all of the organization."""
    disabled: bool | None



class _PersonPageAlways(TypedDict):
    items: list[Person]


class PersonPage(_PersonPageAlways, total=False):
    """Some users."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""


Phase: TypeAlias = "Literal['shadow', 'live']"
"""Where a metric was measured."""



class PictureOut(TypedDict):
    """The picture that was looked at."""
    sha256: str
    media_type: Literal['image/jpeg', 'image/png']
    """Found in the bytes; what the sender called it does not count."""
    width: int
    """Pixels, after turning."""
    height: int
    turned: bool
    """The camera was held otherwise than upright, so the picture was turned by its EXIF orientation first."""



class PictureProblem(TypedDict):
    """Why a picture of a batch has no prediction."""
    code: str
    """As in problems: ``unsupported_image``, ``unusable_image``, ``payload_too_large``, ``not_found``, ``busy``."""
    detail: str



class Plan(TypedDict, total=False):
    """A rollout as its author wrote it. Times in seconds.
    
    The defaults are those of the policy that harmed nobody in simulation: half a day of shadow before anything is in
    service, a canary of every stratum, and a bake that outlasts the lease, so that a box which never reports is missed
    before the next wave (tests/benchmarks/rollout_sim.py)."""
    waves: list[Wave]
    min_per_stratum: int
    min_first: int
    shadow_s: float
    soak_s: float
    lease_s: float
    wait_s: float
    seen_within_s: float
    settled_share: float
    max_failed_share: float
    max_failed: int
    max_refused_share: float
    harm_budget_h: float
    max_active: int
    inconclusive_s: float
    deadline_s: float
    gates: list[Gate]



class _PredictionAlways(TypedDict):
    created_at: str
    image: PictureOut
    unit_id: int | None
    task: Task
    model: ModelRef
    """The sha256 is the one of the running session's file."""
    arm: Literal['asked', 'active', 'candidate']
    """Why this version: the request named it, it is the active one, or the unit takes part in a trial of it."""
    latency_ms: float
    """From the whole picture to the answer, waiting included."""
    cached: bool
    """The same version had seen the same picture before."""


class Prediction(_PredictionAlways, total=False):
    """What one version of a model says of one picture."""
    id: int | None
    """In the history; null for pictures of a batch, which are found there by ``image.sha256``."""
    label: str | None
    """Of a classification; ``unknown`` when the model is not sure enough of any of its classes. Null for other tasks."""
    best_label: str | None
    """The most likely class, also where ``label`` is ``unknown``."""
    confidence: float | None
    """Of ``best_label``, from 0 to 1; of detections their mean; null where nothing was found."""
    level: Level | None
    """``high`` from 0.9, ``medium`` from 0.6, else ``low``; ``unknown`` is always ``low``. Only of classifications."""
    probabilities: dict[str, float] | None
    """Of every class, when asked for."""
    present: list[str]
    """Labels of a score model that reach their threshold."""
    detections: list[Detection]
    """Boxes are fractions of the turned picture (left, top, width, height)."""
    count: int | None
    """Number of detections; null for other tasks."""



class _PredictionPageAlways(TypedDict):
    items: list[PastPrediction]


class PredictionPage(_PredictionPageAlways, total=False):
    """Some predictions, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class PredictionStats(TypedDict):
    """Predictions of the organization over a period."""
    start: str
    end: str
    predictions: int
    unknown: int
    by_model: list[ModelUse]
    by_day: list[DayUse]
    """Days without predictions are left out."""



class _PredictionTaskAcceptedAlways(TypedDict):
    task_id: str
    status_url: str
    """Ask here, or wait for the callback."""
    callback_key: str | None
    """Signs callbacks of this organization: ``X-Shoal-Signature: t=<unix seconds>,v1=<hex>`` is HMAC-SHA256 with this text as
    its key over ``<t>.<body>``. Null without an address."""


class PredictionTaskAccepted(_PredictionTaskAcceptedAlways, total=False):
    """Where the result will be."""
    state: Literal['waiting']



class PredictionTaskOut(TypedDict):
    """A prediction that was asked for later."""
    task_id: str
    state: Literal['waiting', 'running', 'done', 'failed', 'cancelled']
    """``cancelled`` by ``DELETE /tasks/{id}``: what was predicted until then is not kept."""
    created_at: str
    finished_at: str | None
    pictures: int
    done: int
    """Pictures that have been looked at."""
    attempts: int
    """More than 1: a process died with it, and it was run again."""
    error: str | None
    result: BatchPrediction | None
    """Once ``done``."""
    callback: CallbackOut | None



class _ProblemAlways(TypedDict):
    type: str
    """URI of the kind of problem."""
    title: str
    """The kind of problem, in words; the same for every occurrence."""
    status: int
    detail: str
    """What was wrong with this request."""
    code: str
    """Stable name of the kind of problem; programs branch on this."""
    request_id: str
    """Quote it when asking for help; the server's log has the same id."""


class Problem(_ProblemAlways, total=False):
    """Why a request was refused (RFC 9457)."""
    errors: list[FieldProblem] | None
    """The parts that failed validation."""



class _ProofsAlways(TypedDict):
    proofs: list[PathProof]


class Proofs(_ProofsAlways, total=False):
    """The newest test of the alarm path of a site."""
    planned: int
    """Messages that this request has planned."""


QualityFlag: TypeAlias = "Literal[1, 2, 3, 4, 9]"
"""How far a value can be trusted. The numbers are the standard's and are stored as they are."""



class Rationale(TypedDict):
    """Why an alarm exists, and who said so."""
    consequence: str
    """What happens if nobody answers. If nothing does, it should not be an alarm."""
    respond_within_s: int
    instruction: str
    owner: str
    definition: str
    """Name of the alarm; a ``*`` stands for anything."""
    shipped: bool
    """Nobody of the organization has reviewed it yet."""
    reviewed_at: str | None
    reviewed_by: str | None



class Ready(TypedDict):
    """Whether requests can be served."""
    status: Literal['ok', 'unavailable']
    missing: list[str]
    """What is not there, in words; empty when ready."""



class RecordHistory(TypedDict):
    """A record and everything that was done to it."""
    recorded: Recorded
    changes: list[Change]



class _RecordPageAlways(TypedDict):
    items: list[Recorded]


class RecordPage(_RecordPageAlways, total=False):
    """Some records, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class _RecordedAlways(TypedDict):
    site: str
    record: Stocking | Transfer | Harvest | Cull | Escape | Mortality | Adjustment | Feeding | WeightSample | Treatment | LiceCount | WelfareSample | CalibrationRecord | Note
    recorded_at: str
    recorded_by: str


class Recorded(_RecordedAlways, total=False):
    """A record as it stands in the diary."""
    struck_at: str | None
    """Struck out: it counts nothing, and stays readable."""
    struck_by: str | None
    struck_because: str | None



class RefreshToken(TypedDict):
    """A refresh token, to be used or to be given up."""
    refresh_token: str



class RefusedLetter(TypedDict):
    """A letter that was not put back, and why; it stays as it was."""
    id: str
    why: str



class _RegistrationAlways(TypedDict):
    token: str
    """Of the invitation; or the server's setup token, while there is no user at all."""
    name: str
    password: str
    """At least 12 characters, at most 128, and none that is tried first."""


class Registration(_RegistrationAlways, total=False):
    """Somebody who comes in for the first time."""
    email: str | None
    """For the first user alone; an invitation knows it."""
    organization: str | None
    """For the first user alone: slug of the organization that is made."""



class ReleaseDetail(TypedDict):
    """One release with what is known of it. Parts that the release does not have are null or empty."""
    model: str
    """Name of the model or configuration; ``agent`` for the agent."""
    kind: ArtifactKind
    version: str
    release: int
    """Counts the releases of this name."""
    sha256: str
    bytes: int
    """Of all its files."""
    created_at: str
    """When it was proposed."""
    state: Literal['proposed', 'published']
    runnable: bool
    """False below the floor: no device runs it any more."""
    signatures: SignaturesView
    requires: Requirements
    files: int
    card: str | None
    """The model card, Markdown."""
    task: str | None
    labels: list[str]
    threshold: float | None
    """Confidence from which an answer of the model counts."""
    licence: str | None
    data: list[DataSource]
    """What it was trained and judged on."""
    slices: dict[str, dict[str, float]]
    """Figures by slice of the evaluation, such as unseen sites: slice to figure to value."""
    figures: dict[str, float]
    """Figures of the whole model, such as its time for a frame."""
    settings: str | None
    """Of a configuration: its YAML."""
    packages: dict[str, str]
    """Of a version of the agent: its packages with their versions."""



class ReleaseRegistry(TypedDict):
    """What the repository of this platform holds."""
    served: bool
    """Whether this platform has one at all."""
    publisher: bool
    """Whether changes are proposed and signed in this folder. A copy for devices knows only what is published."""
    names: list[NameView]
    roles: list[RoleView]
    """Those of people first."""
    assigners: list[str]
    """Names of the keys that sign which device runs what."""
    staged: list[StagedView]
    """In the order in which they are signed."""



class ReleaseView(TypedDict):
    """A release: proposed until enough people have signed it and somebody has published it."""
    model: str
    """Name of the model or configuration; ``agent`` for the agent."""
    kind: ArtifactKind
    version: str
    release: int
    """Counts the releases of this name."""
    sha256: str
    bytes: int
    """Of all its files."""
    created_at: str
    """When it was proposed."""
    state: Literal['proposed', 'published']
    runnable: bool
    """False below the floor: no device runs it any more."""
    signatures: SignaturesView



class Renewal(TypedDict):
    """A device that asks for its next certificate."""
    certificate: str
    """The present one, in PEM."""
    request: str
    """Certificate request in PEM, made with a new key."""
    signature: str
    """Base64 of the present key's signature (ECDSA or RSA with SHA-256, or Ed25519) over the bytes of ``request``."""



class ReportedActor(TypedDict):
    """An alarm that is raised more than others."""
    definition: str
    unit: str | None
    subject: str | None
    times: int
    share: float
    """Of all alarms of the time."""



class ReportedView(TypedDict):
    """What a device last said of a deployment."""
    at: str
    """By its own clock."""
    stored_at: str
    deployment: str
    state: str
    sha256: str | None
    reason: str
    waiting_for: str
    cause: str | None



class Requirements(TypedDict, total=False):
    """What a device must have to run a release."""
    agent: str | None
    memory_mb: int | None
    opset_max: int | None
    machines: list[str]
    calibrated_cameras: bool


Resolution: TypeAlias = "Literal['raw', '1m', '1h', '1d']"
"""What a series or an export is read from."""



class RetrainRuleBody(TypedDict, total=False):
    """When a model is trained again. A trigger that is null is off."""
    enabled: bool
    wrong_marks: int | None
    """Answers marked wrong since the last run."""
    drift_units: int | None
    """Units whose answers have drifted, by open advice; drift of pictures alone trains nothing."""
    drift_labels: int
    """Accepted labels since the last run without which drift trains nothing."""
    new_labels: int | None
    """Accepted labels since the last run."""
    every_days: int | None
    """Days since the last run; skipped without new labels."""
    cooldown_hours: CooldownHours
    most_per_day: int
    """Runs within 24 hours, whatever asks."""



class RetrainRuleOut(TypedDict):
    """A model's rule, and what the last look said."""
    model: str
    rule: RetrainRuleBody
    can_train: bool
    """There is a recipe for it in the settings."""
    changed_at: str | None
    changed_by: str | None
    looked_at: str | None
    said: str | None
    """Why a run was asked for, or why not."""



class RetrainRules(TypedDict):
    """Rules of the models that can be trained."""
    items: list[RetrainRuleOut]



class _ReviewAlways(TypedDict):
    decision: Decision


class Review(_ReviewAlways, total=False):
    """A reviewer's decision."""
    label_id: str | None
    """The label that is accepted; without it the newest."""
    note: str | None
    """Needed to return a frame: what is to be done better."""



class Revocation(TypedDict):
    """Why a certificate is to be refused."""
    reason: str


Role: TypeAlias = "Literal['viewer', 'operator', 'farm_manager', 'fleet_admin', 'platform_admin']"
"""What a user may do; each role includes those before it."""



class RoleView(TypedDict):
    """A role of the repository (TUF) as it is published."""
    role: str
    """``root``, ``targets``, ``model-NAME``, ``snapshot``, or ``timestamp (CHANNEL)``."""
    version: int
    expires_at: str
    """When devices stop trusting it, if it is not signed anew."""
    online: bool
    """Signed by the process that refreshes every day, and by no person."""
    signatures: SignaturesView



class _RolloutDevicePageAlways(TypedDict):
    items: list[DeviceView]


class RolloutDevicePage(_RolloutDevicePageAlways, total=False):
    """Some devices of a rollout, by site and name."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class _RolloutPageAlways(TypedDict):
    items: list[RolloutSummary]


class RolloutPage(_RolloutPageAlways, total=False):
    """Some rollouts, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class RolloutSummary(TypedDict):
    """A rollout in a list."""
    id: str
    name: str
    kind: ArtifactKind
    model: str
    """Name of the model or configuration; ``agent`` for the agent."""
    version: str
    back_to: str | None
    status: str
    """``proposed`` (a second person must approve), ``asked``, ``refused``, ``running``, ``paused``, ``finished``, ``rolling_back``, ``rolled_back`` or ``canceled``."""
    reason: str
    """The newest decision in words."""
    created_at: str
    created_by: str
    approved_at: str | None
    approved_by: str | None
    """Who agreed to it; null where nobody had to."""
    began_at: str | None
    ended_at: str | None
    """When the last deployment had ended."""



class RolloutView(TypedDict):
    """One rollout."""
    id: str
    name: str
    kind: ArtifactKind
    model: str
    """Name of the model or configuration; ``agent`` for the agent."""
    version: str
    back_to: str | None
    status: str
    """``proposed`` (a second person must approve), ``asked``, ``refused``, ``running``, ``paused``, ``finished``, ``rolling_back``, ``rolled_back`` or ``canceled``."""
    reason: str
    """The newest decision in words."""
    created_at: str
    created_by: str
    approved_at: str | None
    approved_by: str | None
    """Who agreed to it; null where nobody had to."""
    began_at: str | None
    ended_at: str | None
    """When the last deployment had ended."""
    plan: Plan
    sites: list[str] | None
    groups: list[str] | None
    tags: list[str] | None
    wave: int | None
    """The open wave, by index; null before the start."""
    waves: list[WaveView]
    gates: list[GateStanding]
    harm_h: float
    """Bad device-hours so far."""



class Roster(TypedDict):
    """Who is on call at a site. Empty: everyone of the organization is told of everything."""
    shifts: list[Shift]



class RouteFigures(TypedDict):
    """How one route answered within the window."""
    requests: int
    requests_per_s: float
    error_rate: float
    """Share of the answers that were 500 and above."""
    refused_rate: float
    """Share of the answers that were 400 to 499."""
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    slowest_ms: float



class RowFault(TypedDict):
    """What is wrong with one row of a file."""
    row: int
    """Line in the file; the header is 1."""
    field: str
    value: str
    message: str



class RunningView(TypedDict):
    """What really runs: told by the running session, never taken from a wish."""
    sha256: str
    name: str
    """Name and version; empty where only the hash is told."""
    at: str



class SamplePair(TypedDict):
    """A frame that the active model and a candidate on trial saw differently. Without labels nobody knows who is right."""
    id: str
    site: str
    unit: str
    unit_name: str | None
    """Null when the unit is not known here."""
    device: str
    camera: str
    captured_at: str
    score: float
    """Share of the boxes of both that have no partner, 0 to 1."""
    image_url: str
    """Signed address of the frame."""
    active: Opinion
    candidate: Opinion



class SamplePairs(TypedDict):
    """Frames of one candidate, those that differ most first."""
    items: list[SamplePair]


SampleReason: TypeAlias = "Literal['near_threshold', 'rare_class', 'disagreement', 'drift', 'random', 'operator']"
"""Why the edge kept a frame."""



class SampleSize(TypedDict):
    """How many looked-at answers show a difference."""
    of_each_arm: int
    """On different units."""
    pictures: int | None
    """On the same pictures, where a disagreement was given."""
    power: float
    alpha: float



class _SeriesAlways(TypedDict):
    channel_id: int
    quantity: str
    ucum: str
    bucket_s: int
    """Width of every bucket, in seconds; buckets start at multiples of it since 2000-01-03 (a Monday), UTC."""
    points: list[SeriesPoint]


class Series(_SeriesAlways, total=False):
    """A channel over time. A bucket without readings is absent: gaps stay visible."""
    resolution: Resolution
    """What the buckets were made of: single readings, or a rollup by minute, hour or day. Of a rollup the first and last
    bucket reach over ``start`` and ``end`` to whole minutes, hours or days."""
    good_share: float | None
    """Share of the readings that no quality test doubted, 0 to 1; null without readings."""



class SeriesPoint(TypedDict):
    """One bucket of a series. Mean, least, most and last leave out readings that failed a quality test."""
    t: str
    """Start of the bucket."""
    n: int
    """Readings in the bucket."""
    min: float | None
    max: float | None
    mean: float | None
    last: float | None
    good: int
    """Readings that no quality test doubted."""


Severity: TypeAlias = "Literal['critical', 'major', 'minor', 'warning']"
"""How fast a person must act. CRITICAL is life-critical for fish."""



class _ShelfAlways(TypedDict):
    reason: str


class Shelf(_ShelfAlways, total=False):
    """Why an alarm shall call nobody for a while. It stays in the list, and comes back by itself."""
    minutes: int
    """At most a shift."""



class Shift(TypedDict):
    """A duty that comes every week, in farm time."""
    contact_id: int
    duty: Duty
    weekdays: list[int]
    """Days on which it starts; 0 is Monday."""
    start: str
    """``HH:MM``."""
    end: str
    """``HH:MM``; not after ``start``: on the next day. The same: a whole day."""



class ShownLadders(TypedDict):
    """The ladders that hold at a site."""
    ladders: dict[str, Ladder]
    own: list[Severity]
    """Those that the site has set itself; the others are shipped."""



class _ShownLimitAlways(TypedDict):
    definition: str
    severity: Severity
    side: Literal['low', 'high']
    value: float


class ShownLimit(_ShownLimitAlways, total=False):
    """A limit that the box watches now, at the temperature of the water where it depends on that."""
    source: str | None
    """Where it comes from, with its evidence tag; a limit that must be confirmed says so. Null when the box does not tell."""



class SignInWays(TypedDict):
    """How people come in here; nothing about who they are."""
    identity_provider: bool
    """There is one: send the browser to ``/api/v1/auth/oidc/start``."""


Signal: TypeAlias = "Literal['image_quality', 'light', 'glare', 'clarity', 'clean', 'embedding', 'confidence', 'count', 'classes', 'errors']"
"""One number per hour."""



class SignalOut(TypedDict):
    """What the newest day said of one signal."""
    signal: Signal
    family: Family
    verdict: DriftVerdict
    psi: float
    """Population stability index against the reference; 0.25 and more is a lot."""
    ks: float
    """Largest distance of the two distributions, from 0 to 1."""
    p: float
    """Probability of such a distance by chance, counted by the numbers that are independent."""
    shift: float
    """Of the mean, in usual spreads; of errors, in percentage points."""
    days: int
    """Length of the window that the figures are of."""
    changed_at: str | None
    """When a sudden change began, where one was found."""
    drift_days: int
    """Days in a row that said drift; from two on it is told."""



class SignaturesView(TypedDict):
    """How many of how many have signed."""
    threshold: int
    """How many must."""
    signed: int
    missing: int
    keys: list[KeyView]



class Site(TypedDict):
    """A farm, with how much of it there is."""
    id: int
    slug: str
    name: str
    timezone: str
    """IANA name, e.g. ``Europe/Oslo``."""
    latitude: float | None
    longitude: float | None
    units: int
    devices_online: int
    devices: int
    open_alarms: int
    """Alarms that are active or that nobody has acknowledged yet."""



class SiteKpis(TypedDict):
    """The figures of a site, a unit or a batch in a time."""
    site: str
    unit: str | None
    batch: str | None
    start: str
    end: str
    """Not later than now: the future has no figures."""
    kpis: list[Kpi]



class SiteLadders(TypedDict, total=False):
    """What happens when nobody takes an alarm on, by severity."""
    critical: Ladder | None
    """Null: the shipped one."""
    major: Ladder | None
    minor: Ladder | None
    warning: Ladder | None



class SiteLatest(TypedDict):
    """The newest of everything at one site."""
    site: Site
    server_time: str
    """When this answer was made; every ``age_s`` counts to it."""
    devices: list[Device]
    units: list[UnitLatest]



class SiteModelHealth(TypedDict):
    """Every unit of a site that has a camera; looked at every five minutes."""
    items: list[UnitModelHealth]



class _SitePageAlways(TypedDict):
    items: list[Site]


class SitePage(_SitePageAlways, total=False):
    """Some sites."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class _SnapshotAlways(TypedDict):
    seq: int
    """Number of the last change that is in it; the next delta has the next number."""
    resume: str
    """Give it with the next ``subscribe`` to go on from here."""
    server_time: str
    """Every ``age_s`` counts to it."""
    interval_s: float
    """Shortest time between two deltas."""
    sites: list[LiveSite]
    channels: list[LiveChannel]
    observations: list[LiveObservation]
    alarms: list[Alarm]
    """Those that are active or that nobody has acknowledged."""
    devices: list[Device]


class Snapshot(_SnapshotAlways, total=False):
    """How things stand. It replaces everything that the client knew."""
    type: Literal['snapshot']



class SpeciesCount(TypedDict):
    """One label over a period."""
    label: str
    predictions: int
    confidence_mean: float | None
    levels: Levels
    last_at: str



class SpeciesOut(TypedDict):
    """What classifications named, most frequent first. Pictures are counted, not fish."""
    start: str
    end: str
    items: list[SpeciesCount]



class StagedView(TypedDict):
    """A change that waits for signatures, or to be published."""
    role: str
    version: int
    expires_at: str
    missing: int
    """Signatures that are still needed; 0: it may be published."""
    needs: list[SignaturesView]
    """Of one circle of people, or of two: where a new root replaces people, the old and the new ones sign."""
    changes: list[str]
    """What it changes, in words."""



class StandingView(TypedDict):
    """One kind of artifact on one device."""
    kind: ArtifactKind
    desired: DesiredView | None
    reported: ReportedView | None
    running: RunningView | None
    verified_sha256: str | None
    """The newest that the device has verified completely, as far as its latest 50 reports go back."""
    committed_sha256: str | None
    """The newest that has passed its probation there, likewise."""
    agrees: bool | None
    """Whether what runs is what was wanted; null where either is not known."""


Status: TypeAlias = "Literal['ok', 'degraded', 'stale', 'dark']"
"""A dot on a page."""



class Step(TypedDict):
    """One rung of a ladder."""
    after_s: float
    """Seconds since the alarm was raised."""
    channels: list[Channel]
    to: Duty



class _StockingAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str
    batch: str
    """Code of the batch."""
    unit: str
    """Slug of the unit."""
    count: int


class Stocking(_StockingAlways, total=False):
    """Fish come into a unit."""
    note: str
    mean_weight_g: float | None
    """Mean weight in grams; null keeps the weight that the book has."""
    kind: Literal['stocking']
    supplier: str



class Strike(TypedDict):
    """Why a record is struck out."""
    reason: str


Task: TypeAlias = "Literal['detection', 'classification', 'scores']"
"""What the model's output means."""



class TaskOut(TypedDict):
    """Work, and how far it is."""
    id: str
    kind: str
    queue: str
    params: dict[str, Any]
    state: Literal['queued', 'running', 'succeeded', 'failed', 'cancelled']
    progress: float
    """From 0 to 1, as its worker told it at most every two seconds."""
    message: str
    """What it is at, in words."""
    result: dict[str, Any] | None
    """Of work that succeeded; ``file`` and ``bytes`` when ``GET /tasks/{id}/file`` has something to send."""
    error: str | None
    """Why it failed."""
    attempts: int
    """How often a worker has begun it; more than one after a worker died or something was away."""
    created_at: str
    created_by: str
    started_at: str | None
    """Of its first attempt; null before."""
    finished_at: str | None
    cancel_requested: bool
    """Somebody wants it to end; a worker that is at it stops within seconds."""



class _TaskPageAlways(TypedDict):
    items: list[TaskOut]


class TaskPage(_TaskPageAlways, total=False):
    """Some tasks, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""


TaskStatus: TypeAlias = "Literal['open', 'review', 'accepted', 'rejected']"
"""How far the labels of a frame are."""



class _TrainingFigureAlways(TypedDict):
    value: float | None


class TrainingFigure(_TrainingFigureAlways, total=False):
    """A figure with its 95 % interval."""
    low: float | None
    high: float | None



class TrainingRunDetail(TypedDict):
    """A run with its lineage, every slice and every reason."""
    id: str
    model: str
    trigger: Trigger
    reason: str
    asked_at: str
    asked_by: str
    state: Outcome
    step: str | None
    """prepare, train, export, evaluate, evaluate_production or gate."""
    progress: float
    """From 0 to 1, as of ``heard_at``."""
    message: str
    """What it is at, in words: ``train: epoch 12 of 40``."""
    starts: int
    """More than 1: it died and went on."""
    started_at: str | None
    heard_at: str | None
    finished_at: str | None
    error: str | None
    version: str | None
    """Of the candidate."""
    sha256: str | None
    bundle: str | None
    """Folder of the candidate's bundle below the storage, for ``shoal fleet``."""
    metrics: dict[str, TrainingFigure]
    """Of the candidate, over everything that was held out."""
    production_metrics: dict[str, TrainingFigure]
    """Of the model in production, on the same pictures."""
    lineage: dict[str, Any]
    """Data set with its hash, git revision, configuration with its hash, seed, and what the bundle itself tells."""
    slices: dict[str, dict[str, TrainingFigure]]
    production_slices: dict[str, dict[str, TrainingFigure]]
    reasons: list[GateReason]
    """Failures first."""



class TrainingRunOut(TypedDict):
    """One run, and the candidate that came of it. Nothing is promoted by it: a proposal waits for people's signatures."""
    id: str
    model: str
    trigger: Trigger
    reason: str
    asked_at: str
    asked_by: str
    state: Outcome
    step: str | None
    """prepare, train, export, evaluate, evaluate_production or gate."""
    progress: float
    """From 0 to 1, as of ``heard_at``."""
    message: str
    """What it is at, in words: ``train: epoch 12 of 40``."""
    starts: int
    """More than 1: it died and went on."""
    started_at: str | None
    heard_at: str | None
    finished_at: str | None
    error: str | None
    version: str | None
    """Of the candidate."""
    sha256: str | None
    bundle: str | None
    """Folder of the candidate's bundle below the storage, for ``shoal fleet``."""
    metrics: dict[str, TrainingFigure]
    """Of the candidate, over everything that was held out."""
    production_metrics: dict[str, TrainingFigure]
    """Of the model in production, on the same pictures."""



class _TrainingRunPageAlways(TypedDict):
    items: list[TrainingRunOut]


class TrainingRunPage(_TrainingRunPageAlways, total=False):
    """Some runs, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class _TransferAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str
    batch: str
    """Code of the batch."""
    unit: str
    """Slug of the unit."""
    count: int
    to_unit: str


class Transfer(_TransferAlways, total=False):
    """Fish move to another unit of the site; grading and splitting are transfers."""
    note: str
    mean_weight_g: float | None
    """Mean weight in grams; null keeps the weight that the book has."""
    kind: Literal['transfer']



class _TreatmentAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str
    unit: str
    product: str
    active_substance: str
    dose: str
    reason: str
    prescriber: str
    ended_at: str
    """End of the treatment; the withdrawal counts from here."""
    withdrawal_degree_days: float
    """K.d that must pass before harvest; 0 has to be said."""


class Treatment(_TreatmentAlways, total=False):
    """A treatment of all fish in a unit, with the withdrawal that its prescription asks for."""
    note: str
    kind: Literal['treatment']
    withdrawal_days: float



class TrialAdoption(TypedDict, total=False):
    """The release of a trial for all units of the fleet: an ordinary rollout."""
    back_to: str | None
    """Version that devices go back to when the rollout is rolled back."""
    second_person: bool | None
    """True makes the rollout wait until somebody else approves it, even where that is not the rule. Null: as the trial waited."""



class TrialApproval(TypedDict, total=False):
    """A second person's word."""
    reason: str



class TrialBox(TypedDict):
    """One box in a trial: what is desired, what it says, what runs."""
    site: str
    device: str
    state: str
    """``told``, and then what the box says: ``downloading``, ``shadow_run``, ``probation``, ``committed`` (it runs), ``withdrawn``, ``rolled_back``, ``refused``."""
    reason: str
    active_at: str | None
    ended_at: str | None
    heard_at: str | None
    """Of the heartbeat."""
    units: list[TrialUnit]
    agrees: bool | None
    """Whether every unit is looked at by what it should be; null while that is not known."""



class _TrialBoxPageAlways(TypedDict):
    items: list[TrialBox]


class TrialBoxPage(_TrialBoxPageAlways, total=False):
    """Some boxes, by site and name."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class TrialByPicture(TypedDict):
    """Two versions on the same pictures: a shadow run, or pictures asked of both."""
    model: str
    active_version: str
    candidate_version: str
    start: str
    end: str
    pictures: int
    both: int
    """Pictures that both have right."""
    only_active: int
    only_candidate: int
    neither: int
    difference: float | None
    p: float
    """Two-sided, exact (McNemar)."""
    verdict: Literal['better', 'worse', 'not_told']
    needed_pictures: int | None
    """Pictures that would show a difference of ``to_see`` with power 0.8, at the disagreement seen so far."""
    to_see: float



class TrialByUnit(TypedDict):
    """Two versions on different units at the same time."""
    model: str
    start: str
    end: str
    active: ArmOut
    candidate: ArmOut
    difference: float | None
    """Accuracy of the candidate minus that of the active version."""
    low: float | None
    """95 % interval by resampling units; null with fewer than three units of an arm."""
    high: float | None
    design_effect: float | None
    """How many answers are worth one, because answers of one unit are alike."""
    verdict: Literal['better', 'worse', 'not_told']
    needed_of_each_arm: int | None
    """Answers of each arm that would show a difference of ``to_see`` with power 0.8."""
    to_see: float



class _TrialComparisonAlways(TypedDict):
    trial_id: str
    version: str
    boxes: int
    """That take part and have had it for a whole hour."""
    hours: int
    """Of the trial that are compared, of all boxes; each has units with and without it."""
    labelled: int
    """Pictures of the trial whose label people have accepted."""
    differences: list[TrialDifference]


class TrialComparison(_TrialComparisonAlways, total=False):
    """What the release makes of the same water, box by box."""
    gates: list[TrialGateStanding]
    """Of the trial's plan."""



class TrialDifference(TypedDict):
    """Units with the release against the other units of the same boxes, one number of each box."""
    measure: Literal['count', 'confidence', 'count_error']
    """``count``: ratio of the counts, over what it was before the trial. ``confidence``: difference, over what it was before.
    ``count_error``: how far the counts are off what people found on the same pictures, as a share; less is better."""
    boxes: int
    mean: float | None
    low: float | None
    """95 % interval by resampling boxes; null with fewer than three."""
    high: float | None
    p: float | None
    """Of so large a difference by chance, by flipping the boxes' signs."""
    verdict: Literal['better', 'worse', 'higher', 'lower', 'not_told']
    """Told when the interval leaves no difference out and ``p`` is below 0.05, for which it takes six boxes that agree."""



class TrialEnd(TypedDict):
    """Why a trial should end."""
    reason: str
    """Boxes keep it in their records."""



class _TrialGateAlways(TypedDict):
    metric: TrialMetric


class TrialGate(_TrialGateAlways, total=False):
    """One condition: a trial whose whole 95 % interval lies beyond a limit ends in all boxes."""
    at_most: float | None
    at_least: float | None
    min_devices: int



class TrialGateStanding(TypedDict):
    """A gate of a trial as it stands."""
    metric: TrialMetric
    at_most: float | None
    at_least: float | None
    min_devices: int
    verdict: Literal['passed', 'failed', 'inconclusive']
    """``failed``: the whole interval lies beyond a limit, which ends the trial. ``inconclusive``: too few boxes, or a limit lies within it."""
    devices: int
    """Boxes that have given a number."""
    mean: float | None
    low: float | None
    """95 % interval."""
    high: float | None


TrialMetric: TypeAlias = "Literal['count', 'confidence', 'count_error']"
"""What units with the release are compared by with the other units of the same boxes."""



class TrialPlan(TypedDict, total=False):
    """When a trial ends in all boxes without a person."""
    max_failed: int
    max_failed_share: float
    gates: list[TrialGate]



class TrialUnit(TypedDict):
    """One unit of a box in a trial."""
    unit: str
    in_trial: bool
    running_sha256: str | None
    """What looks at it, by the newest heartbeat of the last seven days: the running session's word."""
    running: str
    """Name and version of it."""


Trigger: TypeAlias = "Literal['wrong_marks', 'drift', 'new_labels', 'schedule', 'asked']"
"""Why a model is trained again, the most urgent first."""



class Unit(TypedDict):
    """A tank, raceway, pond or net pen."""
    id: int
    slug: str
    name: str
    kind: str
    """``tank``, ``raceway``, ``pond`` or ``net_pen``."""
    volume_m3: float | None
    species: str | None
    stage: str | None
    """Life stage, as in the limits for fish."""
    site: str
    """Slug of the site."""



class UnitLatest(TypedDict):
    """The newest of everything in one unit."""
    unit: Unit
    readings: list[LatestReading]
    """One per channel, measured channels before derived ones."""
    observation: ObservationOut | None
    """The newest observation; its image may still be on the way."""
    evidence: ObservationOut | None
    """The newest observation whose image has arrived: what to show as the last picture."""
    alarms: AlarmCounts
    """Active alarms."""
    worst_severity: Severity | None
    """Of the active alarms."""



class UnitModelHealth(TypedDict):
    """How the model of one unit does."""
    unit_id: int
    unit: str
    unit_name: str
    status: Status
    reason: str
    since: str
    """Since when it has had this status."""
    looked_at: str
    newest_at: str | None
    """End of its newest observation."""
    model: ModelRef | None
    latency_ms: float | None
    """Mean of the last hour, from capture to result."""
    confidence: float | None
    """Mean of the last hour."""
    drift: list[str]
    """Signals with open advice on drift."""



class _UnitPageAlways(TypedDict):
    items: list[Unit]


class UnitPage(_UnitPageAlways, total=False):
    """Some units."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class UnitRef(TypedDict):
    """A unit by its names."""
    id: int
    slug: str
    name: str



class _UnitTrialPageAlways(TypedDict):
    items: list[UnitTrialSummary]


class UnitTrialPage(_UnitTrialPageAlways, total=False):
    """Some trials, newest first."""
    next_cursor: str | None
    """Give it back as ``cursor`` for the next page; null on the last page."""



class UnitTrialSummary(TypedDict):
    """A trial in a list."""
    id: str
    name: str
    model: str
    version: str
    sha256: str | None
    share: float | None
    units: list[str] | None
    days: float
    status: Literal['proposed', 'asked', 'refused', 'running', 'ending', 'ended']
    reason: str
    """Why it stands as it does."""
    created_at: str
    created_by: str
    approved_at: str | None
    approved_by: str | None
    began_at: str | None
    ends_at: str | None
    """When boxes end it by themselves."""
    ended_by: str | None
    ended_at: str | None



class UnitTrialView(TypedDict):
    """One trial."""
    id: str
    name: str
    model: str
    version: str
    sha256: str | None
    share: float | None
    units: list[str] | None
    days: float
    status: Literal['proposed', 'asked', 'refused', 'running', 'ending', 'ended']
    reason: str
    """Why it stands as it does."""
    created_at: str
    created_by: str
    approved_at: str | None
    approved_by: str | None
    began_at: str | None
    ends_at: str | None
    """When boxes end it by themselves."""
    ended_by: str | None
    ended_at: str | None
    plan: TrialPlan
    """When it ends in all boxes without a person."""



class _UserAlways(TypedDict):
    id: int
    email: str
    name: str
    role: Role
    organization: str
    """Slug of the organization; everything the user sees belongs to it."""


class User(_UserAlways, total=False):
    """A person who may sign in."""
    sites: list[str] | None
    """Slugs of the sites that the user is limited to; null for all of the organization."""


Verdict: TypeAlias = "Literal['below', 'unsure', 'above']"
"""A mean against a limit, with its interval."""



class VersionHealth(TypedDict):
    """Whether a version can be relied on to answer."""
    key: str
    status: Literal['ok', 'degraded', 'refused', 'not_loaded']
    """``degraded``: more than a twentieth of the latest thousand failed; ``refused``: it could not be loaded."""
    active: bool
    loaded: bool
    loaded_at: str | None
    load_ms: float | None
    self_test: bool | None
    """Its golden frames gave the published answers at load; null without golden frames, or not loaded."""
    provider: str | None
    """What runs the graph, as onnxruntime reports it."""
    error_rate: float
    last_error: str | None
    last_error_at: str | None



class VersionStats(TypedDict):
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



class Wave(TypedDict):
    """A part of the fleet that gets the release at about the same time."""
    name: str
    share: float
    bake_s: float



class WaveView(TypedDict):
    """A wave as it stands."""
    name: str
    share: float
    began_at: str | None
    released_at: str | None
    """When its devices might activate."""
    passed_at: str | None
    devices: int
    steps: dict[str, int]
    """How many devices are in each step."""



class _WeightSampleAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str
    batch: str
    unit: str
    fish: int
    mean_weight_g: float


class WeightSample(_WeightSampleAlways, total=False):
    """Fish weighed (and measured)."""
    note: str
    kind: Literal['weight_sample']
    sd_weight_g: float | None
    mean_length_cm: float | None



class _WelfareSampleAlways(TypedDict):
    id: str
    """Made by whoever writes the record down; the same record sent again changes nothing."""
    occurred_at: str
    unit: str
    indicator: str
    scores: dict[str, int]


class WelfareSample(_WelfareSampleAlways, total=False):
    """How many fish of a sample had each score of one indicator (FISHWELL, ``aquaculture.welfare``)."""
    note: str
    kind: Literal['welfare_sample']



class Withdrawal(TypedDict):
    """A treatment whose withdrawal binds fish of the unit or of those they were moved to."""
    treatment: str
    product: str
    unit: str
    """Where the treatment was."""
    holds: list[str]
    """Units whose fish may not be harvested for it."""
    ended_at: str
    needed_degree_days: float
    degree_days: float
    """Counted so far, from measured temperatures."""
    needed_days: float
    days: float
    unmeasured_days: int
    """Days without a temperature, which count nothing."""
    cleared: bool
    clears_on: str | None
