"""Whole archives to the platform, for the commands that asked for them: shelf -> PUT -> done, tried again while the link is bad.

What waits is a small file beside each archive, so a restart goes on with it. The name of an upload is its command: sent twice it is
kept once. An archive that the shelf has let go, or that the platform does not want, is not offered again.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog

from edge.clock import Clock
from edge.deployments.disk import write_whole
from edge.diagnostics.settings import ArchiveUploadSettings
from edge.diagnostics.shelf import Shelf
from edge.errors import UploadLaterError

log = structlog.get_logger()

LOOK_S = 2.0
LONGEST_WAIT_S = 900.0
PIECE = 16_384
MARK = ".upload"
"""Ending of the file that says for which command an archive waits."""
UNWANTED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Nobody has ordered it there, or another one is there already; sending it again would change nothing."""


class ArchiveUploader:
    """Uploads archives of one box, one at a time, from one thread.

    Args:
        shelf: where archives lie.
        site: of the box.
        device: the box.
    """

    def __init__(self, shelf: Shelf, settings: ArchiveUploadSettings, *, site: str, device: str, clock: Clock) -> None:
        self._shelf = shelf
        self._settings = settings
        self._site, self._device = site, device
        self._clock = clock

    def offer(self, archive: Path, command: str) -> None:
        """Send this archive when the link allows.

        Raises:
            OSError: the disk is full or broken.
        """
        write_whole(archive.with_suffix(MARK), command.encode())

    def run(self, stop: threading.Event) -> None:
        """Upload until ``stop`` is set; wait longer after every failure in a row."""
        failures = 0
        while not stop.is_set():
            wait_s = LOOK_S
            try:
                while not stop.is_set() and self.upload_one(stop):
                    failures = 0
            except UploadLaterError as later:
                failures += 1
                wait_s = min(LONGEST_WAIT_S, LOOK_S * 2 ** min(failures, 10))
                log.info("diagnostics.upload_later", reason=str(later), wait_s=wait_s)
            except OSError as error:
                log.warning("diagnostics.not_read", reason=str(error))
            stop.wait(wait_s)

    def upload_one(self, stop: threading.Event) -> bool:
        """Upload the next archive that waits; False when none does.

        Raises:
            UploadLaterError: try again later.
        """
        mark = next(iter(self._shelf.waiting(MARK)), None)
        if mark is None:
            return False
        archive = mark.with_suffix(".zip")
        if not archive.exists():
            mark.unlink(missing_ok=True)
            return True
        content = archive.read_bytes()
        wanted = {
            "site": self._site,
            "device": self._device,
            "command": mark.read_text(encoding="ascii").strip(),
            "file": archive.name,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        status, why = self._put(wanted, content, stop)
        if status in UNWANTED:
            log.warning("diagnostics.not_wanted", file=archive.name, status=status, reason=why)
        elif not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise UploadLaterError(f"the platform answered {status}: {why}")
        else:
            log.info("diagnostics.uploaded", file=archive.name, bytes=len(content))
        mark.unlink(missing_ok=True)
        return True

    def _put(self, wanted: dict[str, str], content: bytes, stop: threading.Event) -> tuple[int, str]:
        parts = urlsplit(self._settings.url)
        connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = connect(parts.netloc, timeout=self._settings.timeout_s)
        headers = {"Content-Type": "application/zip", "Content-Length": str(len(content)), **self._authorization()}
        try:
            body = self._paced(content, stop)
            connection.request("PUT", f"{parts.path or '/'}?{urlencode(wanted)}", body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, _detail(answer.read(65_536))
        except (OSError, http.client.HTTPException) as error:
            raise UploadLaterError(f"{parts.netloc}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def _paced(self, content: bytes, stop: threading.Event) -> Iterator[bytes]:
        began_s = self._clock.monotonic()
        for start in range(0, len(content), PIECE):
            ahead_s = start / self._settings.bytes_per_s - (self._clock.monotonic() - began_s)
            if ahead_s > 0 and stop.wait(ahead_s):
                raise UploadLaterError("the agent stops")
            yield content[start : start + PIECE]

    def _authorization(self) -> dict[str, str]:
        path = self._settings.token_file
        if path is None:
            return {}
        try:
            token = path.read_text(encoding="utf-8").partition("\n")[0].strip()
        except OSError as error:
            raise UploadLaterError(f"diagnostics.upload.token_file {path} cannot be read: {error.strerror}") from error
        return {"Authorization": f"Bearer {token}"}


def _detail(answer: bytes) -> str:
    """What a refusal says (RFC 9457), for the log."""
    try:
        told: Any = json.loads(answer)
    except ValueError:
        return ""
    return str(told.get("detail", ""))[:300] if isinstance(told, dict) else ""
