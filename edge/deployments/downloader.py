"""A verified release becomes verified files on this disk: from what is here already, by delta, by resumable download.

Every file is named by its hash. A part is kept over lost connections and restarts; what is complete and wrong is thrown away.
Bandwidth and daily budget hold for all metered sources together. Nothing is written outside of ``folder``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from contracts.deployments import Release, ReleaseFile, blob_path
from edge.clock import Clock
from edge.deployments.disk import move, sync_file, write_whole
from edge.deployments.errors import NoRoomError, NotHereError, SourceUnavailableError, TamperedError
from edge.deployments.settings import BandwidthSettings
from edge.deployments.slots import sha256_of
from edge.deployments.sources import Source
from edge.outbox.timetable import rate_at

log = structlog.get_logger()

BUDGET_FILE = "budget.json"
DAY_S = 86_400
_WORK_SHARE = 2.2
"""Bytes on the disk for each byte of a release: blobs and the slot beside them."""


class Bandwidth:
    """What all downloads of a box may take: bytes per second by time of day, and bytes of a day, remembered over restarts.

    Models, configurations and versions of the agent share one: a second one waits while the first is kept waiting.

    Args:
        file: that remembers the day's bytes.
        pause: waits these seconds; a true answer means to stop.
    """

    def __init__(
        self,
        settings: BandwidthSettings,
        *,
        file: Path,
        clock: Clock,
        zone: str | None,
        pause: Callable[[float], object],
    ) -> None:
        self._settings = settings
        self._file = file
        self._clock = clock
        self._zone = zone
        self._pause = pause
        self._hours: dict[int, int] = {}
        self._owed_s = 0.0
        self._lock = threading.RLock()
        with suppress(OSError, ValueError):
            self._hours = {int(hour): int(size) for hour, size in json.loads(file.read_bytes()).items()}

    def left(self) -> int | None:
        """Bytes that are left of the day; None: no bound."""
        most = self._settings.max_bytes_per_day
        if most is None:
            return None
        hour = int(self._clock.now().timestamp()) // 3600
        with self._lock:
            self._hours = {one: size for one, size in self._hours.items() if hour - DAY_S // 3600 < one <= hour}
            return max(0, most - sum(self._hours.values()))

    def spend(self, size: int) -> None:
        """Note bytes that came, and wait as long as they may take.

        Raises:
            SourceUnavailableError: the day's bytes are used up, or the agent stops.
        """
        with self._lock:
            self._spend(size)

    def save(self) -> None:
        """Remember over a restart."""
        if self._settings.max_bytes_per_day is not None:
            with self._lock:
                write_whole(self._file, json.dumps(self._hours).encode())

    def _spend(self, size: int) -> None:
        hour = int(self._clock.now().timestamp()) // 3600
        self._hours[hour] = self._hours.get(hour, 0) + size
        rate = rate_at(
            self._settings.windows,
            self._settings.max_bytes_per_s,
            self._clock.now(),
            zone=self._zone,
            trusted=self._clock.trusted(),
        )
        self._owed_s += 0.0 if rate is None else size / rate
        if self._owed_s >= 0.05:  # noqa: PLR2004  (a wait that the scheduler can keep)
            owed_s, self._owed_s = self._owed_s, 0.0
            if self._pause(owed_s):
                raise SourceUnavailableError("the agent stops")
        if self.left() == 0:
            self.save()
            raise SourceUnavailableError(f"the {self._settings.max_bytes_per_day} bytes of the day are used up")


class Downloader:
    """Fetches the files of releases.

    Args:
        folder: for blobs and parts; on the disk of ``data_dir``.
        known: files on this box that may be copied or be the base of a delta.
        min_free_bytes: disk space that must be left.
    """

    def __init__(
        self,
        folder: Path,
        *,
        sources: Sequence[Source],
        bandwidth: Bandwidth,
        known: Callable[[], Iterable[Path]],
        min_free_bytes: int,
    ) -> None:
        self._folder = folder
        self._sources = sources
        self._bandwidth = bandwidth
        self._known = known
        self._min_free_bytes = min_free_bytes
        self.transferred = 0
        """Bytes that came from sources since the start."""
        self.saved = 0
        """Bytes that did not have to come: deltas, and files that were here."""
        folder.mkdir(parents=True, exist_ok=True)

    def blob(self, file: ReleaseFile) -> Path:
        """Where a fetched file is."""
        return self._folder / file.sha256

    def fetch(self, release: Release, progress: Callable[[float], None] = lambda _share: None) -> None:
        """Have every file of the release here, proven by its hash.

        Raises:
            SourceUnavailableError, NotHereError, TamperedError: try again later; what came is kept.
            NoRoomError: the disk is too full.
        """
        missing = [file for file in release.files if not self._is_here(file)]
        self._check_room(sum(file.bytes for file in missing))
        known = self._by_hash(release, missing)
        done = release.bytes - sum(file.bytes for file in missing)
        for file in missing:
            progress(done / max(1, release.bytes))
            if file.sha256 in known:
                self._copy(known[file.sha256], file)
                self.saved += file.bytes
            elif not self._by_delta(release, file, known):
                self._download(file.sha256, file.bytes)
            done += file.bytes
        self._bandwidth.save()
        progress(1.0)

    def forget(self, keep: Iterable[str] = ()) -> None:
        """Remove blobs and parts, but not those whose hash is named."""
        kept = set(keep)
        for path in self._folder.iterdir():
            if path.is_file() and path.name != BUDGET_FILE and path.name.removesuffix(".part") not in kept:
                path.unlink(missing_ok=True)

    # -- within --------------------------------------------------------------------------------------------------

    def _is_here(self, file: ReleaseFile) -> bool:
        path = self.blob(file)
        if not path.is_file():
            return False
        if path.stat().st_size == file.bytes and sha256_of(path) == file.sha256:
            return True
        path.unlink()
        return False

    def _check_room(self, size: int) -> None:
        free = shutil.disk_usage(self._folder).free
        needed = int(size * _WORK_SHARE) + self._min_free_bytes
        if free < needed:
            raise NoRoomError(f"{free // 1_000_000} MB are free, {needed // 1_000_000} MB are needed")

    def _by_hash(self, release: Release, missing: Sequence[ReleaseFile]) -> dict[str, Path]:
        """Files of this box that are wanted or can be a base; only those of a fitting size are read."""
        wanted = {file.sha256 for file in missing} | {delta.base_sha256 for delta in release.deltas}
        sizes = {file.bytes for file in missing}
        found: dict[str, Path] = {}
        for path in self._known():
            try:
                if path.stat().st_size in sizes or (release.deltas and path.suffix == Path(release.model_file).suffix):
                    digest = sha256_of(path)
                    if digest in wanted:
                        found[digest] = path
            except OSError:  # noqa: PERF203  (a file may vanish, the others count)
                continue
        return found

    def _copy(self, source: Path, file: ReleaseFile) -> None:
        part = self._folder / f"{file.sha256}.part"
        shutil.copyfile(source, part)
        self._finish(part, file.sha256)

    def _by_delta(self, release: Release, file: ReleaseFile, known: dict[str, Path]) -> bool:
        """Whether a delta made the file; a delta that is wrong costs its bytes and no more."""
        from models.runtime.delta import DeltaError, decode

        for delta in release.deltas:
            if delta.path != file.path or delta.base_sha256 not in known:
                continue
            try:
                self._download(delta.sha256, delta.bytes)
                path = self._folder / delta.sha256
                made = decode(known[delta.base_sha256].read_bytes(), path.read_bytes(), size=file.bytes)
                path.unlink()
                _check(made, file.sha256)
            except (DeltaError, NotHereError, TamperedError, OSError) as error:
                log.warning("deployments.delta_failed", file=file.path, reason=str(error))
                continue
            part = self._folder / f"{file.sha256}.part"
            part.write_bytes(made)
            self._finish(part, file.sha256)
            self.saved += file.bytes - delta.bytes
            return True
        return False

    def _download(self, sha256: str, size: int) -> None:
        """One blob from the first source that gives it whole and right."""
        failures: list[tuple[str, NotHereError | SourceUnavailableError | TamperedError]] = []
        for source in self._sources:
            try:
                self._from(source, sha256, size)
            except (NotHereError, SourceUnavailableError, TamperedError) as error:  # noqa: PERF203  (few sources)
                failures.append((source.name, error))
            else:
                return
        reasons = "; ".join(f"{name}: {error}" for name, error in failures)[:500]
        for worst in (TamperedError, SourceUnavailableError):
            if any(isinstance(error, worst) for _, error in failures):
                raise worst(reasons)
        raise NotHereError(reasons)

    def _from(self, source: Source, sha256: str, size: int) -> None:
        part, whole = self._folder / f"{sha256}.part", self._folder / sha256
        if whole.is_file():
            return
        have = part.stat().st_size if part.exists() else 0
        if have < size:
            if source.counts and self._bandwidth.left() == 0:
                raise SourceUnavailableError("the bytes of the day are used up")
            begins, chunks = source.read(blob_path(sha256), offset=have)
            with part.open("r+b" if have else "wb") as file:
                file.truncate(begins)
                file.seek(begins)
                have = begins
                for chunk in chunks:
                    if have + len(chunk) > size:
                        break  # endless data ends here
                    file.write(chunk)
                    have += len(chunk)
                    self.transferred += len(chunk)
                    if source.counts:
                        file.flush()
                        self._bandwidth.spend(len(chunk))
                else:
                    if have < size:
                        raise SourceUnavailableError(f"{have} bytes of {size} came")
        if part.stat().st_size != size or sha256_of(part) != sha256:
            part.unlink()
            raise TamperedError(f"the bytes of {sha256[:12]} are not what was signed")
        self._finish(part, sha256)

    def _finish(self, part: Path, sha256: str) -> None:
        sync_file(part)
        move(part, self._folder / sha256)


def _check(content: bytes, sha256: str) -> None:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise TamperedError("the delta makes another file than the release says")
