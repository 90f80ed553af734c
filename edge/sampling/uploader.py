"""Samples to the label queue when the link is idle: resumable, idempotent, within a bandwidth (tus 1.0.0, decision 0018).

create (POST, once per sample) -> ask how far it is (HEAD) -> send the next chunk (PATCH) -> ... -> done. After a lost
connection or a restart the server says how much it has and the upload goes on from there; a sample that it has already costs
one question. Nothing here is urgent: any failure means "later".
"""

from __future__ import annotations

import base64
import http.client
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import structlog

from edge.clock import Clock
from edge.errors import UploadLaterError
from edge.sampling.settings import UploadSettings
from edge.sampling.store import PictureStore, Upload

log = structlog.get_logger()

TUS = "1.0.0"
LONGEST_WAIT_S = 1800.0
FORGOTTEN = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE, 460})
"""The server no longer knows this upload, or its bytes do not match (460, tus checksum): create it again."""
UNWANTED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""The server will never take this sample; it is not offered again."""
DONE = frozenset({HTTPStatus.OK, HTTPStatus.NO_CONTENT})


@dataclass
class UploadStats:
    """Counts since the start."""

    uploaded: int = 0
    refused: int = 0
    interrupted: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class _Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]

    def offset(self) -> int:
        """Bytes that the server has."""
        try:
            return int(self.headers["upload-offset"])
        except (KeyError, ValueError) as error:
            raise UploadLaterError("the server did not say how much it has; is it a tus server?") from error


class SampleUploader:
    """Uploads the samples of a store, one at a time, from one thread.

    Args:
        idle: whether the link has nothing more important to do; asked before every chunk.
    """

    def __init__(
        self, store: PictureStore, settings: UploadSettings, *, clock: Clock, idle: Callable[[], bool]
    ) -> None:
        self.stats = UploadStats()
        self._store = store
        self._settings = settings
        self._clock = clock
        self._idle = idle

    def run(self, stop: threading.Event) -> None:
        """Upload until ``stop`` is set; wait longer after every failure in a row."""
        failures = 0
        while not stop.is_set():
            wait_s = self._settings.every_s
            try:
                while not stop.is_set() and self._idle() and self.upload_one(stop.wait):
                    failures = 0
            except UploadLaterError as later:
                failures += 1
                self.stats.interrupted += 1
                wait_s = min(LONGEST_WAIT_S, wait_s * 2 ** min(failures - 1, 10))
                log.info("sample.upload_later", reason=str(later), wait_s=wait_s)
            except sqlite3.ProgrammingError:
                if not stop.is_set():
                    raise
                return  # the store was closed while a slow server still answered
            stop.wait(wait_s)

    def upload_one(self, pause: Callable[[float], object]) -> bool:
        """Upload the next sample as far as the link stays idle.

        Args:
            pause: waits these seconds, which keeps the bandwidth; a true answer means to stop.

        Returns:
            Whether one sample was settled, so that the next may follow.

        Raises:
            UploadLaterError: try again later; what the server has is kept there.
        """
        upload = self._store.next_upload()
        if upload is None:
            return False
        sha256 = upload.picture.sha256
        data = self._store.read(sha256)
        if data is None:
            self._store.mark_uploaded(sha256)  # damaged on disk: there is nothing to send
            return True
        location = upload.location or self._create(upload, len(data))
        offset = None if location is None else self._reached(location, sha256)
        while location is not None and offset is not None and offset < len(data):
            if not self._idle():
                return False
            began_s = self._clock.monotonic()
            chunk = data[offset : offset + self._settings.chunk_bytes]
            offset = self._send(location, sha256, offset, chunk)
            self.stats.bytes += len(chunk)
            took_s = self._clock.monotonic() - began_s
            if pause(max(0.0, len(chunk) / self._settings.bytes_per_s - took_s)):
                return False
        if offset is not None:
            self._store.mark_uploaded(sha256)
            self.stats.uploaded += 1
            log.info("sample.uploaded", sha256=sha256, bytes=len(data))
        return True

    def _create(self, upload: Upload, length: int) -> str | None:
        """Create the upload and remember its address; None when the server does not want it."""
        sha256 = upload.picture.sha256
        told = {"sha256": sha256, "filename": f"{sha256}.jpg", "filetype": "image/jpeg", "sample": upload.picture.note}
        metadata = ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in told.items())
        answer = self._ask("POST", self._settings.url, {"Upload-Length": str(length), "Upload-Metadata": metadata})
        if answer.status in UNWANTED:
            self._give_up(sha256, answer.status)
            return None
        if answer.status not in {HTTPStatus.OK, HTTPStatus.CREATED} or "location" not in answer.headers:
            raise UploadLaterError(f"creating an upload was answered {answer.status}")
        location = urljoin(self._settings.url, answer.headers["location"])
        if urlsplit(location)[:2] != urlsplit(self._settings.url)[:2]:  # the token goes to one server only
            raise UploadLaterError(f"the server sent the upload to another place: {location}")
        self._store.remember_location(sha256, location)
        return location

    def _reached(self, location: str, sha256: str) -> int | None:
        """Bytes that the server has; None when it has forgotten the upload."""
        answer = self._ask("HEAD", location, {})
        if answer.status in FORGOTTEN:
            self._store.remember_location(sha256, None)
            return None
        if answer.status not in DONE:
            raise UploadLaterError(f"asking how much the server has was answered {answer.status}")
        return answer.offset()

    def _send(self, location: str, sha256: str, offset: int, chunk: bytes) -> int | None:
        """Send a chunk; the bytes that the server has now, or None when it does not want the sample."""
        headers = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
        answer = self._ask("PATCH", location, headers, chunk)
        if answer.status in UNWANTED:
            self._give_up(sha256, answer.status)
            return None
        if answer.status in FORGOTTEN:
            self._store.remember_location(sha256, None)
        if answer.status not in DONE:  # 409 too: the next try asks for the offset first
            raise UploadLaterError(f"a chunk from {offset} was answered {answer.status}")
        reached = answer.offset()
        if not offset < reached <= offset + len(chunk):
            raise UploadLaterError(f"the server says {reached} bytes after a chunk of {len(chunk)} from {offset}")
        return reached

    def _give_up(self, sha256: str, status: int) -> None:
        log.warning("sample.refused", sha256=sha256, status=status)
        self.stats.refused += 1
        self._store.mark_uploaded(sha256)

    def _ask(self, method: str, address: str, headers: dict[str, str], body: bytes | None = None) -> _Answer:
        parts = urlsplit(address)
        connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = connect(parts.netloc, timeout=self._settings.timeout_s)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request(method, path, body=body, headers=self._common_headers() | headers)
            answer = connection.getresponse()
            answer.read(65_536)
        except (OSError, http.client.HTTPException) as error:
            raise UploadLaterError(f"{parts.netloc}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise UploadLaterError(
                f"{parts.netloc} refuses this box ({answer.status}): check sampling.upload.token_file"
            )
        return _Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()})

    def _common_headers(self) -> dict[str, str]:
        headers = {"Tus-Resumable": TUS}
        path = self._settings.token_file
        if path is not None:
            try:
                token = path.read_text(encoding="utf-8").partition("\n")[0].strip()
            except OSError as error:
                raise UploadLaterError(f"sampling.upload.token_file {path} cannot be read: {error.strerror}") from error
            headers["Authorization"] = f"Bearer {token}"
        return headers
