"""One look at the store per interval for all watchers of this process, and the streams that tell them.

look (rows since the last mark) -> site (what differs) -> stream (one message for everybody who watches the same) ->
watcher (sends at its own pace). While nobody watches, nobody looks. Several processes each look for themselves, so an
ingest anywhere is seen everywhere, without a broker between them (docs/decisions/0045).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from time import monotonic
from uuid import UUID

import structlog
from pydantic import TypeAdapter
from sqlalchemy.exc import SQLAlchemyError

from cloud.alarms.service import watched_alarms
from cloud.auth.tokens import UrlSigner
from cloud.devices.schemas import Device
from cloud.errors import UnavailableError
from cloud.farms.schemas import Unit
from cloud.kit.repository import Database, ReadConnection, Row
from cloud.kit.schemas import ApiModel
from cloud.live.repository import LiveRepository
from cloud.live.rules import Coverage, resume_position, resume_token
from cloud.live.schemas import Heartbeat, LiveChannel, LiveObservation, LiveReading, LiveSite, Snapshot
from cloud.live.site import Change, SiteState, aged
from cloud.metrics import LIVE_LOOK_SECONDS, LIVE_LOOKS_FAILED, LIVE_MESSAGES
from cloud.observations import service as observations
from cloud.telemetry import service as telemetry

log = structlog.get_logger()

KEPT_MESSAGES = 150
"""Deltas that a stream keeps for those who come back: two and a half minutes at one a second."""
KEPT_BYTES = 16_000_000
"""And their bytes; the oldest go first, the newest always stays."""
IDLE_S = 180.0
"""A stream that nobody follows ends after this; until then a watcher can go on where it broke off."""
MAX_STREAMS = 2000
HEARTBEAT_S = 15.0
_SEEN_EVERY_S = 2.0
_DESCRIBE_EVERY_S = 60.0
_SEEN_WITHIN = timedelta(days=1)
_SECTIONS = ("channels", "readings", "observations", "alarms", "devices")
_UNKNOWN_AGAIN_S = 5.0


class TooSlowError(Exception):
    """The watcher is so far behind that what it misses is no longer kept."""


@dataclass(frozen=True)
class Message:
    """One message of a stream, as JSON."""

    kind: str
    seq: int
    resume: str | None
    data: bytes


class Stream:
    """Everything that one coverage is told, numbered, with the newest part kept for those who come back."""

    def __init__(self, coverage: Coverage, epoch: str) -> None:
        self.coverage = coverage
        self.name = coverage.name
        self.epoch = epoch
        self.seq = 0
        self.watchers = 0
        self.idle_since = monotonic()
        self.kept: deque[Message] = deque()
        self._kept_bytes = 0
        self._changed = asyncio.Event()
        self._snapshot: Message | None = None

    @property
    def oldest(self) -> int:
        """Number of the oldest message that is kept; one more than the newest when none is."""
        return self.seq - len(self.kept) + 1

    def publish(self, body: bytes, now: datetime) -> None:
        """Tell a delta; ``body`` are its lists as JSON members."""
        self.seq += 1
        resume = resume_token(self.epoch, self.name, self.seq)
        head = f'{{"type":"delta","seq":{self.seq},"resume":"{resume}","server_time":"{_iso(now)}",'.encode()
        message = Message("delta", self.seq, resume, head + body + b"}")
        self.kept.append(message)
        self._kept_bytes += len(message.data)
        while len(self.kept) > KEPT_MESSAGES or (self._kept_bytes > KEPT_BYTES and len(self.kept) > 1):
            self._kept_bytes -= len(self.kept.popleft().data)
        self._snapshot = None
        self.wake()

    def wake(self) -> None:
        """Let every watcher look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def changed(self, timeout_s: float) -> bool:
        """Wait for something new; False when the time is over."""
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        except asyncio.TimeoutError:
            return False
        return True

    def after(self, seq: int) -> Message | None:
        """The message that follows number ``seq``; None while there is none.

        Raises:
            TooSlowError: it is no longer kept.
        """
        if seq >= self.seq:
            return None
        if seq < self.oldest - 1:
            raise TooSlowError
        return self.kept[seq + 1 - self.oldest]

    def snapshot(self, sites: Iterable[SiteState], *, interval_s: float, now: datetime) -> Message:
        """How things stand; made once for all who ask between two changes."""
        if self._snapshot is None:
            resume = resume_token(self.epoch, self.name, self.seq)
            body = _standing(self.coverage, sites, seq=self.seq, resume=resume, interval_s=interval_s, now=now)
            self._snapshot = Message("snapshot", self.seq, resume, _encoded(body))
        return self._snapshot


class Watcher:
    """One client's place in a stream. Nothing is queued for it: it reads what the stream keeps, or falls behind."""

    def __init__(self, hub: LiveHub, stream: Stream, position: int | None) -> None:
        self._hub = hub
        self._stream = stream
        self._position = position
        self._told_available = True
        self._left = False

    def leave(self) -> None:
        """The client is gone, or watches something else. Safe twice."""
        if not self._left:
            self._left = True
            self._stream.watchers -= 1
            self._stream.idle_since = monotonic()
            self._stream.wake()

    async def next(self) -> Message | None:
        """The next message: a snapshot first unless it resumes, then every delta, and heartbeats between them.

        None when it was left, or when the hub stops.

        Raises:
            TooSlowError: it fell behind what is kept.
        """
        if self._position is None:
            message = self._stream.snapshot(
                self._hub.standing(self._stream.coverage), interval_s=self._hub.interval_s, now=self._hub.now()
            )
            self._position = message.seq
            return self._counted(message)
        until = monotonic() + HEARTBEAT_S
        while not (self._left or self._hub.closed):
            following = self._stream.after(self._position)
            if following is not None:
                self._position = following.seq
                return self._counted(following)
            left_s = until - monotonic()
            if left_s <= 0 or self._told_available != self._hub.available:
                return self._counted(self._heartbeat())
            await self._stream.changed(left_s)
        return None

    def _heartbeat(self) -> Message:
        self._told_available = self._hub.available
        body = Heartbeat(
            seq=self._position or 0,
            server_time=self._hub.now(),
            store="ok" if self._told_available else "unavailable",
        )
        return Message("heartbeat", body.seq, None, _encoded(body))

    def _counted(self, message: Message) -> Message:
        LIVE_MESSAGES.labels(message.kind).inc()
        return message


@dataclass
class _Watched:
    """A site somebody watches, and the versions of what was told of it."""

    state: SiteState
    alarm_versions: dict[UUID, str] = field(default_factory=dict)
    seen: dict[int, tuple[object, ...]] = field(default_factory=dict)
    described_at: float = 0.0
    has_unknown: bool = False
    """Whether a channel has measured that was not described yet."""


class LiveHub:
    """Looks and tells. ``start`` begins; ``stop`` ends every stream and is safe twice.

    Args:
        database: of the API.
        signer: signs the addresses of images.
        periods: how often channels report, shared with the rest of the API.
        limits: what boxes watch, likewise.
        interval_s: between two looks.
    """

    def __init__(
        self,
        database: Database,
        *,
        signer: UrlSigner,
        periods: telemetry.ChannelPeriods,
        limits: telemetry.ChannelLimits,
        interval_s: float,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._database = database
        self._signer = signer
        self._periods = periods
        self._limits = limits
        self.interval_s = interval_s
        self.now = now
        self.available = True
        """Whether the last look succeeded."""
        self.closed = False
        self._epoch = secrets.token_urlsafe(6).replace(".", "_")
        self._sites: dict[int, _Watched] = {}
        self._streams: dict[Coverage, Stream] = {}
        self._mark: str | None = None
        self._untold: list[Change] = []
        self._lock = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._seen_at = 0.0

    def start(self) -> None:
        """Begin; nothing is asked of the database before somebody watches."""
        self.closed = False
        self._task = asyncio.get_running_loop().create_task(self._run(), name="live-hub")

    async def stop(self) -> None:
        """End; watchers find ``closed`` set."""
        self.closed = True
        for stream in self._streams.values():
            stream.wake()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def watch(self, coverage: Coverage, sites: Mapping[int, str], resume: str | None) -> Watcher:
        """Follow a coverage; ``sites`` are the slugs of its sites by key.

        Raises:
            UnavailableError: too many different coverages are watched, or the database is away.
        """
        async with self._lock:
            stream = self._streams.get(coverage)
            if stream is None:
                if len(self._streams) >= MAX_STREAMS and not self._forget_one():
                    raise UnavailableError("Too many different selections are watched right now")
                await self._load(coverage, sites)
                stream = self._streams[coverage] = Stream(coverage, self._epoch)
            stream.watchers += 1
        position = resume_position(
            resume, epoch=self._epoch, stream=stream.name, oldest=stream.oldest, newest=stream.seq
        )
        self._wanted.set()
        return Watcher(self, stream, position)

    def standing(self, coverage: Coverage) -> list[SiteState]:
        """What is known of the sites of a coverage."""
        return [self._sites[site_id].state for site_id in sorted(coverage.site_ids)]

    async def _run(self) -> None:
        due = monotonic()
        while True:
            await self._wanted.wait()
            started = monotonic()
            try:
                async with self._lock:
                    await self._look()
            except (SQLAlchemyError, OSError) as error:
                LIVE_LOOKS_FAILED.inc()
                self._tell_availability(available=False, reason=type(error).__name__)
            except Exception:
                LIVE_LOOKS_FAILED.inc()
                log.exception("live_look_failed")
                self._tell_availability(available=False, reason="error")
            else:
                self._tell_availability(available=True, reason="")
            LIVE_LOOK_SECONDS.observe(monotonic() - started)
            # Looks keep their beat; one that took longer than an interval is not made up for.
            due = max(due + self.interval_s, monotonic())
            await asyncio.sleep(due - monotonic())

    async def _look(self) -> None:
        self._forget_idle()
        if not self._sites:
            self._mark = None
            self._wanted.clear()
            return
        moment = monotonic()
        with_cameras = moment - self._seen_at >= _SEEN_EVERY_S
        async with self._database.read() as reader:
            repository = LiveRepository(reader)
            mark = await repository.mark()
            # What a look that fails half-way has found already is told by the next one.
            await self._find(reader, repository, self._mark or mark, with_cameras=with_cameras)
        self._mark = mark
        if with_cameras:
            self._seen_at = moment
        changes, self._untold = self._untold, []
        if changes:
            self._tell(changes)

    async def _find(self, reader: ReadConnection, repository: LiveRepository, mark: str, *, with_cameras: bool) -> None:
        changes = self._untold
        site_ids = list(self._sites)
        now = self.now()
        by_site: dict[int, list[Row]] = {}
        for row in await repository.readings(site_ids, mark):
            by_site.setdefault(row["site_id"], []).append(row)
        for site_id, watched in self._sites.items():
            found, unknown = watched.state.measure(by_site.get(site_id, ()), now)
            changes += found
            watched.has_unknown |= unknown  # its row is not seen again by the next look, so it is remembered until then
            age_s = monotonic() - watched.described_at
            if age_s > _DESCRIBE_EVERY_S or (watched.has_unknown and age_s > _UNKNOWN_AGAIN_S):
                changes += watched.state.describe(await self._channels(reader, watched))
                watched.has_unknown = False
                watched.state.units = {row["id"]: Unit(**row) for row in await repository.units(site_id)}
        changes += await self._alarm_changes(reader, repository, site_ids)
        for row in await repository.devices(site_ids, mark):
            watched = self._sites[row.pop("site_id")]
            changes += watched.state.hear([Device(**row)])
        if with_cameras:
            changes += await self._camera_changes(reader, repository, site_ids)

    async def _alarm_changes(
        self, reader: ReadConnection, repository: LiveRepository, site_ids: list[int]
    ) -> list[Change]:
        """The open ones whose row is another than the one told, and those that are not open any more."""
        versions: dict[int, dict[UUID, str]] = {site_id: {} for site_id in site_ids}
        for row in await repository.open_alarms(site_ids):
            versions[row["site_id"]][row["id"]] = row["version"]
        changes: list[Change] = []
        for site_id, now_open in versions.items():
            watched = self._sites[site_id]
            told = watched.alarm_versions
            changed = [key for key, version in now_open.items() if told.get(key) != version]
            changed += told.keys() - now_open.keys()
            if changed:
                changes += watched.state.alert(await watched_alarms(reader, changed))
            watched.alarm_versions = now_open
        return changes

    async def _camera_changes(
        self, reader: ReadConnection, repository: LiveRepository, site_ids: list[int]
    ) -> list[Change]:
        keys: dict[int, dict[int, tuple[object, ...]]] = {site_id: {} for site_id in site_ids}
        for row in await repository.seen(site_ids, self.now() - _SEEN_WITHIN):
            key = (row["camera_id"], row["observed_at"], row["image_at"], row["has_image"])
            keys[row["site_id"]][row["unit_id"]] = key
        changes: list[Change] = []
        for site_id, found in keys.items():
            watched = self._sites[site_id]
            if found != watched.seen:
                changes += watched.state.see(await self._observations(reader, site_id))
                watched.seen = found
        return changes

    def _tell(self, changes: list[Change]) -> None:
        """Encode every entry once, and join for each stream those that it covers."""
        entries = [(change, _encoded(change.body)) for change in changes]
        now = self.now()
        for stream in self._streams.values():
            sections: dict[str, list[bytes]] = {}
            for change, data in entries:
                if stream.coverage.covers(change.site_id, change.unit_id):
                    sections.setdefault(change.section, []).append(data)
            if sections:
                body = b",".join(
                    b'"%s":[%s]' % (name.encode(), b",".join(sections[name])) for name in _SECTIONS if name in sections
                )
                stream.publish(body, now)

    async def _load(self, coverage: Coverage, sites: Mapping[int, str]) -> None:
        """Read how things stand at the sites that nobody watched before."""
        missing = coverage.site_ids - self._sites.keys()
        if not missing:
            return
        async with self._database.read() as reader:
            repository = LiveRepository(reader)
            if self._mark is None:
                self._mark = await repository.mark()
            for site_id in sorted(missing):
                watched = _Watched(SiteState(site_id, sites[site_id]))
                state = watched.state
                state.units = {row["id"]: Unit(**row) for row in await repository.units(site_id)}
                state.describe(await self._channels(reader, watched))
                state.see(await self._observations(reader, site_id))
                state.hear(Device(**row) for row in await repository.all_devices(site_id))
                versions = {row["id"]: row["version"] for row in await repository.open_alarms([site_id])}
                state.alert(await watched_alarms(reader, versions))
                watched.alarm_versions = versions
                self._sites[site_id] = watched

    async def _channels(self, reader: ReadConnection, watched: _Watched) -> list[LiveChannel]:
        watched.described_at = monotonic()
        by_unit = await telemetry.latest_by_unit(
            reader, watched.state.site_id, periods=self._periods, limits=self._limits, now=self.now()
        )
        return [
            LiveChannel.model_construct(None, unit_id=unit_id, **dict(reading))
            for unit_id, readings in by_unit.items()
            for reading in readings
        ]

    async def _observations(self, reader: ReadConnection, site_id: int) -> list[LiveObservation]:
        newest, evidence = await observations.latest_by_unit(reader, site_id, signer=self._signer, now=self.now())
        return [
            LiveObservation(unit_id=unit_id, observation=newest.get(unit_id), evidence=evidence.get(unit_id))
            for unit_id in sorted(newest.keys() | evidence.keys())
        ]

    def _tell_availability(self, *, available: bool, reason: str) -> None:
        if available == self.available:
            return
        self.available = available
        (log.info if available else log.warning)("live_store", available=available, reason=reason)
        for stream in self._streams.values():
            stream.wake()

    def _forget_idle(self) -> None:
        moment = monotonic()
        for coverage, stream in list(self._streams.items()):
            if stream.watchers == 0 and moment - stream.idle_since > IDLE_S:
                del self._streams[coverage]
        self._forget_sites()

    def _forget_one(self) -> bool:
        """Make room by ending the stream that has been idle longest."""
        idle = [(stream.idle_since, coverage) for coverage, stream in self._streams.items() if stream.watchers == 0]
        if not idle:
            return False
        del self._streams[min(idle, key=lambda each: each[0])[1]]
        self._forget_sites()
        return True

    def _forget_sites(self) -> None:
        watched = frozenset[int]().union(*(coverage.site_ids for coverage in self._streams))
        for site_id in self._sites.keys() - watched:
            del self._sites[site_id]


_READING = TypeAdapter(LiveReading)


def _encoded(body: ApiModel) -> bytes:
    """JSON of a model; a reading, of which there are most, leaves out what has its default."""
    if isinstance(body, LiveReading):
        return _READING.dump_json(body, exclude_defaults=True)
    return body.model_dump_json().encode()


def _standing(
    coverage: Coverage, sites: Iterable[SiteState], *, seq: int, resume: str, interval_s: float, now: datetime
) -> Snapshot:
    shown: list[LiveSite] = []
    channels: list[LiveChannel] = []
    seen: list[LiveObservation] = []
    alarms, devices = [], []
    for site in sites:

        def covered(unit_id: int | None, site_id: int = site.site_id) -> bool:
            return coverage.covers(site_id, unit_id)

        shown.append(LiveSite(site=site.slug, units=[unit for unit in site.units.values() if covered(unit.id)]))
        channels += [aged(channel, now) for channel in site.channels.values() if covered(channel.unit_id)]
        seen += [each for unit_id, each in site.observations.items() if covered(unit_id)]
        alarms += [alarm for alarm in site.alarms.values() if covered(None if alarm.unit is None else alarm.unit.id)]
        devices += list(site.devices.values())
    return Snapshot(
        seq=seq,
        resume=resume,
        server_time=now,
        interval_s=interval_s,
        sites=shown,
        channels=channels,
        observations=seen,
        alarms=alarms,
        devices=devices,
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
