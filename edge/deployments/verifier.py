"""May this device run what it was told? Only when the signed assignment and the signed image repository say the same.

Signed assignment -> repository metadata (TUF: root, timestamp, snapshot, targets, the model's own role) -> release document.
The TUF client does what TUF claims; this module keeps what TUF does not: a floor of time for a clock that stands still, floors of
versions for a wiped cache, the lowest release that may run, the channel of the timestamp, and the newest assignment seen.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error as SigningError
from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError, RepositoryError
from tuf.api.metadata import Metadata, Targets
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from contracts.base import UtcDatetime
from contracts.deployments import (
    ASSIGNER_ROLE,
    ASSIGNMENT_TYPE,
    CHANNEL_FIELD,
    FLOOR_FIELD,
    Assignment,
    Cause,
    Release,
    SignedAssignment,
    model_role,
)
from contracts.errors import InvalidMessageError
from edge.clock import Clock
from edge.deployments.disk import write_whole
from edge.deployments.errors import NotHereError, RefusedError, SourceUnavailableError, TrustError
from edge.deployments.rules import Machine, why_not_agreed, why_not_here
from edge.deployments.sources import Source

log = structlog.get_logger()

MEMORY_FILE = "trust.json"
CACHE = "tuf"
MAX_RELEASE_DOCUMENT = 262_144
AHEAD = timedelta(days=1)
"""An assignment from further in the future is refused: its date would shut out all later ones."""
_ONLINE = ("timestamp", "snapshot")


class TrustMemory(BaseModel):
    """What must not be forgotten, apart from the TUF client's cache: a box whose cache was wiped is not fooled by old metadata."""

    model_config = ConfigDict(extra="ignore")

    time_floor: UtcDatetime | None = None
    """No earlier than this can it be."""
    versions: dict[str, int] = {}
    """Highest version of each role that was accepted. A new root may start the others anew, that is how a fast-forward heals."""
    floors: dict[str, int] = {}
    """Lowest release that may run, by model, as people signed it."""
    newest_assignment: UtcDatetime | None = None
    assigners: tuple[str, ...] = ()
    """Keys that signed it may be named by; other keys start anew."""


class Resolved(BaseModel):
    """An assignment that this device may carry out."""

    model_config = ConfigDict(frozen=True)

    assignment: Assignment
    release: Release
    release_sha256: str


class Verifier:
    """Decides by signatures alone; holds no connection and no opinion.

    Args:
        folder: for the cache and what must not be forgotten.
        root: the root that the device was provisioned with, bytes.
        sources: where to read, in this order.
        channel: whose timestamps count.
        machine: what this device is.
    """

    def __init__(
        self,
        folder: Path,
        *,
        root: bytes,
        sources: Sequence[Source],
        channel: str,
        site: str,
        device: str,
        clock: Clock,
        machine: Callable[[], Machine],
    ) -> None:
        self._folder = folder
        self._root = root
        self._sources = sources
        self._channel = channel
        self._site, self._device = site, device
        self._clock = clock
        self._machine = machine
        self.expires_at: datetime | None = None
        """When the newest timestamp ends: what is left of the freeze window."""
        self.trouble = ""
        """Why the repository could not be trusted at the last look; empty when it could."""
        self.distrusted = False
        """Whether a source was reached at the last look, and none could be trusted."""
        self.bytes = 0
        """Bytes of metadata that were read since the start."""
        folder.mkdir(parents=True, exist_ok=True)
        self.memory = self._recall()
        self._floor_since_s = clock.monotonic()
        """Since when the time floor is known in this life of the agent."""

    def now(self) -> datetime:
        """The time as far as this box knows it: never before what was signed or seen, and from then on it passes."""
        now, floor = self._clock.now(), self.memory.time_floor
        if floor is None:
            return now
        return max(now, floor + timedelta(seconds=self._clock.monotonic() - self._floor_since_s))

    def refresh(self) -> None:
        """Look at the repository; whatever source answers first.

        Raises:
            SourceUnavailableError: no source can be reached.
            TrustError: none of those that can be reached has metadata that can be trusted.
        """
        self._with_any_source(self._refreshed)

    def resolve(self, signed: SignedAssignment) -> Resolved:
        """Check an assignment against the repository.

        Raises:
            RefusedError: it must never be carried out.
            SourceUnavailableError, TrustError: it cannot be told now.
        """
        assignment = self._readable(signed)
        found: Resolved = self._with_any_source(lambda source: self._resolved(source, signed, assignment))
        return found

    # -- steps ---------------------------------------------------------------------------------------------------

    def _readable(self, signed: SignedAssignment) -> Assignment:
        try:
            assignment = signed.unverified()
        except InvalidMessageError as error:
            raise RefusedError(str(error)) from error
        if (assignment.site, assignment.device) != (self._site, self._device):
            raise RefusedError(f"the assignment is for {assignment.site}/{assignment.device}")
        if assignment.expires_at <= self.now():
            raise RefusedError(f"the assignment expired at {assignment.expires_at:%Y-%m-%d %H:%M} UTC")
        return assignment

    def _resolved(self, source: Source, signed: SignedAssignment, assignment: Assignment) -> Resolved:
        updater = self._refreshed(source)
        self._check_signature(signed, assignment)
        try:
            target = updater.get_targetinfo(assignment.path)
            if target is None:
                raise NotHereError(f"no signed release {assignment.path} in {source.name}")
            with self._fetcher(source).download_file(
                f"targets/{_hashed(target.path, target.hashes['sha256'])}", min(target.length, MAX_RELEASE_DOCUMENT)
            ) as file:
                document = file.read()
            target.verify_length_and_hashes(document)
        except DownloadError as error:
            raise SourceUnavailableError(f"{source.name}: {error}") from error
        except RepositoryError as error:
            raise TrustError(_explained(error, self._clock)) from error
        try:
            release = Release.model_validate_json(document)
        except ValidationError as error:
            raise RefusedError(f"the release {assignment.path} cannot be read by this agent: {error}") from error
        digest = hashlib.sha256(document).hexdigest()
        role = self._cached(model_role(assignment.model))
        signed_floor = int(role.signed.unrecognized_fields.get(FLOOR_FIELD, 1)) if role is not None else 1
        floor = max(signed_floor, self.memory.floors.get(assignment.model, 1))
        # People may have signed with a clock that was ahead: what is trusted now bounds how far that can lock the box out.
        dated = release.created_at if self.expires_at is None else min(release.created_at, self.expires_at)
        newest = max(dated, self.memory.time_floor or dated)
        if role is not None and role.signed.version < self.memory.versions.get(model_role(assignment.model), 0):
            raise TrustError(f"rolled back: the releases of {assignment.model} were newer before")
        self._remember(
            floors={**self.memory.floors, assignment.model: floor},
            time_floor=newest,
            versions=self.memory.versions | self._versions([model_role(assignment.model)]),
        )
        reason = why_not_agreed(assignment, release, release_sha256=digest, floor=floor)
        if reason is not None:
            raise RefusedError(reason)
        reason = why_not_here(release.requires, self._machine())
        if reason is not None:
            raise RefusedError(reason, Cause.INCOMPATIBLE)
        self._remember(newest_assignment=assignment.issued_at)
        return Resolved(assignment=assignment, release=release, release_sha256=digest)

    def _check_signature(self, signed: SignedAssignment, assignment: Assignment) -> None:
        targets = self._cached(Targets.type)
        delegations = targets.signed.delegations if targets is not None else None
        role = (delegations.roles or {}).get(ASSIGNER_ROLE) if delegations is not None else None
        if delegations is None or role is None:
            raise RefusedError("the repository names nobody who may sign assignments")
        keys = [delegations.keys[keyid] for keyid in role.keyids if keyid in delegations.keys]
        try:
            Envelope.from_dict(
                {
                    "payload": signed.payload,
                    "payloadType": ASSIGNMENT_TYPE,
                    "signatures": [{"keyid": one.keyid, "sig": one.sig} for one in signed.signatures],
                }
            ).verify(keys, role.threshold)
            base64.b64decode(signed.payload, validate=True)
        except (SigningError, ValueError, KeyError) as error:
            raise RefusedError(f"the assignment is not signed by an online key of the repository ({error})") from error
        if assignment.issued_at > self.now() + AHEAD and self._clock.trusted():
            raise RefusedError(f"the assignment is from the future: {assignment.issued_at:%Y-%m-%d %H:%M} UTC")
        keyids = tuple(sorted(role.keyids))
        if keyids != self.memory.assigners:
            self._remember(assigners=keyids, newest_assignment=None)
        newest = self.memory.newest_assignment
        if newest is not None and assignment.issued_at < newest:
            raise RefusedError(f"a later assignment, of {newest:%Y-%m-%d %H:%M:%S} UTC, was accepted already")

    def _refreshed(self, source: Source) -> Updater:
        cache = self._folder / CACHE
        cache.mkdir(parents=True, exist_ok=True)
        updater = Updater(
            str(cache),
            "metadata/",
            fetcher=self._fetcher(source),
            config=UpdaterConfig(max_root_rotations=64, root_max_length=64_000, snapshot_max_length=500_000),
            bootstrap=self._root,
        )
        # The client knows no floor of time: a clock that has lost its battery would take expired metadata for good.
        updater._trusted_set.reference_time = self.now()  # noqa: SLF001
        try:
            updater.refresh()
        except DownloadHTTPError as error:
            raise NotHereError(f"{source.name} has no repository metadata: {error}") from error
        except DownloadLengthMismatchError as error:
            raise TrustError(f"{source.name} sends more than was signed: {error}") from error
        except DownloadError as error:
            raise SourceUnavailableError(f"{source.name}: {error.__cause__ or error}") from error
        except RepositoryError as error:
            raise TrustError(_explained(error, self._clock)) from error
        self._check_memory()
        return updater

    def _check_memory(self) -> None:
        """Versions and channel, as this box remembers them apart from the client's cache."""
        timestamp = self._cached("timestamp")
        if timestamp is None or timestamp.signed.unrecognized_fields.get(CHANNEL_FIELD) != self._channel:
            (self._folder / CACHE / "timestamp.json").unlink(missing_ok=True)
            raise TrustError(f"the timestamp is not of the channel {self._channel}")
        found = self._versions(["root", *_ONLINE, Targets.type])
        known = self.memory.versions
        if found["root"] < known.get("root", 0):
            raise TrustError(f"root {known['root']} was seen before, this is {found['root']}")
        if found["root"] > known.get("root", 0):
            known = {}  # people may have revoked a stolen key that had counted up: what it signed no longer binds
        behind = [role for role, version in found.items() if version < known.get(role, 0)]
        if behind:
            for role in behind:  # they must not be what the next look starts from
                (self._folder / CACHE / f"{role}.json").unlink(missing_ok=True)
            raise TrustError(f"rolled back: {behind[0]} {known[behind[0]]} was seen before, this is {found[behind[0]]}")
        floor = self.memory.time_floor
        if self._clock.trusted() and (floor is None or self._clock.now() > floor):
            floor = self._clock.now().replace(
                microsecond=0
            )  # metadata that has just been accepted bounds how far ahead it is
        if floor != self.memory.time_floor or {**known, **found} != self.memory.versions:
            self._remember(time_floor=floor, versions={**known, **found})
        self.expires_at = timestamp.signed.expires

    def _with_any_source(self, step: Callable[[Source], Any]) -> Any:
        reasons: list[tuple[str, Exception]] = []
        for source in self._sources:
            try:
                found = step(source)
            except (NotHereError, SourceUnavailableError, TrustError) as error:  # noqa: PERF203  (few sources)
                reasons.append((source.name, error))
            else:
                self.trouble, self.distrusted = "", False
                return found
        self.trouble = "; ".join(f"{name}: {error}" for name, error in reasons)[:500]
        self.distrusted = any(isinstance(error, TrustError) for _, error in reasons)
        raise (TrustError if self.distrusted else SourceUnavailableError)(self.trouble)

    def _fetcher(self, source: Source) -> _Fetcher:
        return _Fetcher(source, self._channel, self._count)

    def _count(self, size: int) -> None:
        self.bytes += size

    # -- memory --------------------------------------------------------------------------------------------------

    def _cached(self, role: str) -> Metadata[Any] | None:
        """Metadata that the client has just verified and written."""
        try:
            return Metadata.from_bytes((self._folder / CACHE / f"{role}.json").read_bytes())
        except (OSError, RepositoryError):
            return None

    def _versions(self, roles: Sequence[str]) -> dict[str, int]:
        found = {role: self._cached(role) for role in roles}
        return {role: metadata.signed.version for role, metadata in found.items() if metadata is not None}

    def _recall(self) -> TrustMemory:
        path = self._folder / MEMORY_FILE
        try:
            return TrustMemory.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return TrustMemory()
        except (OSError, ValidationError) as error:
            log.error("deployments.memory_damaged", file=str(path), reason=str(error)[:200])  # noqa: TRY400
            return TrustMemory()

    def _remember(self, **changes: Any) -> None:
        memory = self.memory.model_copy(update=changes)
        if memory != self.memory:
            write_whole(self._folder / MEMORY_FILE, json.dumps(memory.model_dump(mode="json")).encode())
            if memory.time_floor != self.memory.time_floor:
                self._floor_since_s = self._clock.monotonic()
            self.memory = memory


class _Fetcher(FetcherInterface):
    """The TUF client's way to a source: in memory and bounded, so that a small or read-only /tmp does not matter."""

    def __init__(self, source: Source, channel: str, count: Callable[[int], None]) -> None:
        self._source = source
        self._channel = channel
        self._count = count

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = url if url != "metadata/timestamp.json" else f"metadata/channels/{self._channel}/timestamp.json"
        try:
            _, chunks = self._source.read(path)
            yield from chunks
        except NotHereError as error:
            raise DownloadHTTPError(str(error), 404) from error
        except SourceUnavailableError as error:
            raise DownloadError(str(error)) from error

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """As the interface says."""
        content = bytearray()
        for chunk in self._fetch(url):
            content += chunk
            if len(content) > max_length:
                raise DownloadLengthMismatchError(f"{url} is longer than {max_length} bytes")
        self._count(len(content))
        yield io.BytesIO(bytes(content))


def _hashed(path: str, sha256: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/{sha256}.{name}"


def _explained(error: Exception, clock: Clock) -> str:
    text = f"{type(error).__name__}: {error}"
    if "xpired" in text:
        text += f" (this box believes that it is {clock.now():%Y-%m-%d %H:%M} UTC)"
    return text[:400]
