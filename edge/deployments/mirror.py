"""A site's mirror: one download per farm. Fetches a file from upstream when a box first asks for it, keeps it, serves ranges.

Trusted for nothing; every box verifies for itself. Files that never change (blobs, release documents, versioned metadata) are kept;
timestamps, and the question whether there is a next root, go upstream, and a kept timestamp answers while upstream is away.
"""

from __future__ import annotations

import hashlib
import re
import threading
import zlib
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import structlog

from contracts.errors import ConfigurationError
from edge.deployments.errors import NotHereError, SourceUnavailableError
from edge.deployments.settings import ArtifactSource
from edge.deployments.sources import CHUNK, Source, open_source

log = structlog.get_logger()

_ALLOWED = re.compile(
    r"^(blobs/[0-9a-f]{64}|targets/models/[a-z0-9_-]+/[0-9a-f]{64}\.[\d.]+\.json|metadata/[\w./-]+\.json)$"
)
_LONGEST_METADATA = 5_000_000
LOCKS = 64
_RANGE = re.compile(r"^bytes=(\d+)-$")


class Mirror:
    """The files, and who fetches them. One request upstream for each file, however many boxes ask at once.

    Args:
        sources: upstream, in this order.
        max_bytes: of blobs that are kept; beyond it those that were asked for least lately go.
    """

    def __init__(self, sources: Sequence[Source], folder: Path, *, max_bytes: int) -> None:
        self._sources = sources
        self._folder = folder
        self._max_bytes = max_bytes
        self._locks = [threading.Lock() for _ in range(LOCKS)]
        self.fetched = 0
        """Bytes that came from upstream."""
        folder.mkdir(parents=True, exist_ok=True)

    def file(self, path: str) -> Path:
        """The file of this path, fetched when it is not here.

        Raises:
            NotHereError: upstream has none, or it is no path of a repository.
            SourceUnavailableError: upstream cannot be reached and nothing is kept.
        """
        if not _ALLOWED.match(path) or ".." in path:
            raise NotHereError(f"{path!r} is no file of a repository")
        place = self._folder / path
        with self._locks[zlib.crc32(path.encode()) % LOCKS]:  # few, however many names somebody asks for
            if place.is_file() and not path.endswith("timestamp.json"):
                with suppress(OSError):
                    place.touch()
                return place
            try:
                self._fetch(path, place)
            except SourceUnavailableError:
                if not place.is_file():
                    raise
            return place

    def _fetch(self, path: str, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.part")
        missing = 0
        reasons: list[str] = []
        for source in self._sources:
            have = part.stat().st_size if part.exists() and path.startswith("blobs/") else 0
            try:
                begins, chunks = source.read(path, offset=have)
                with part.open("r+b" if have else "wb") as file:
                    file.truncate(begins)
                    file.seek(begins)
                    size = begins
                    for chunk in chunks:
                        size += len(chunk)
                        _check_length(path, size, self._max_bytes)
                        file.write(chunk)
                        self.fetched += len(chunk)
            except NotHereError:
                missing += 1
            except SourceUnavailableError as error:
                reasons.append(f"{source.name}: {error}")
            else:
                if path.startswith("blobs/") and not _is(part, path.rpartition("/")[2]):
                    part.unlink()
                    reasons.append(f"{source.name}: not the bytes of this name")
                    continue
                part.replace(place)
                self._make_room()
                return
        if missing == len(self._sources):
            raise NotHereError(path)
        raise SourceUnavailableError("; ".join(reasons))

    def _make_room(self) -> None:
        blobs = [(path, path.stat()) for path in (self._folder / "blobs").glob("*") if path.is_file()]
        used = sum(known.st_size for _, known in blobs)
        for path, known in sorted(blobs, key=lambda one: one[1].st_mtime)[:-1]:
            if used <= self._max_bytes:
                return
            path.unlink(missing_ok=True)
            used -= known.st_size


def _check_length(path: str, size: int, most: int) -> None:
    if size > (most if path.startswith("blobs/") else _LONGEST_METADATA):
        raise SourceUnavailableError(f"{path} does not end")


def _is(path: Path, sha256: str) -> bool:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest() == sha256


class _Handler(BaseHTTPRequestHandler):
    mirror: Mirror
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        path = unquote(self.path.partition("?")[0]).lstrip("/")
        try:
            place = self.mirror.file(path)
        except NotHereError:
            self._plain(HTTPStatus.NOT_FOUND)
            return
        except (SourceUnavailableError, OSError) as error:
            log.warning("mirror.unavailable", path=path, reason=str(error))
            self._plain(HTTPStatus.BAD_GATEWAY)
            return
        found = _RANGE.match(self.headers.get("Range", ""))
        with place.open("rb") as file:
            size = place.stat().st_size
            begins = int(found[1]) if found else 0
            if begins > size:
                self._plain(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                return
            self.send_response(HTTPStatus.PARTIAL_CONTENT if found else HTTPStatus.OK)
            self.send_header("Content-Length", str(size - begins))
            self.send_header("Accept-Ranges", "bytes")
            if found:
                self.send_header("Content-Range", f"bytes {begins}-{max(begins, size - 1)}/{size}")
            self.end_headers()
            file.seek(begins)
            while chunk := file.read(CHUNK):
                self.wfile.write(chunk)

    def _plain(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        log.debug("mirror.request", line=format % args)


def open_server(mirror: Mirror, *, host: str, port: int) -> ThreadingHTTPServer:
    """A web server of the mirror; the caller runs it.

    Raises:
        ConfigurationError: the port is taken.
    """
    handler = type("Handler", (_Handler,), {"mirror": mirror})
    try:
        server = ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        raise ConfigurationError("port", port, f"It cannot be opened: {error.strerror}.") from error
    server.daemon_threads = True
    return server


def serve(upstream: Sequence[str], folder: Path, *, host: str, port: int, max_bytes: int) -> None:
    """Serve until Ctrl-C."""
    sources = [open_source(ArtifactSource(kind="http", url=url)) for url in upstream]
    with open_server(Mirror(sources, folder, max_bytes=max_bytes), host=host, port=port) as server:
        log.info("mirror.serves", host=host, port=server.server_address[1], folder=str(folder))
        with suppress(KeyboardInterrupt):
            server.serve_forever(0.5)
