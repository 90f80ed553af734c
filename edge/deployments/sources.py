"""Where bytes come from: the platform's API, a mirror, S3, a USB stick. All alike, all resumable, none trusted."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from edge.deployments.errors import NotHereError, SourceUnavailableError
from edge.deployments.settings import ArtifactSource

CHUNK = 65_536


class Source(Protocol):
    """Reads files of a repository by their path."""

    name: str
    counts: bool
    """Whether its bytes count against the bandwidth."""

    def read(self, path: str, *, offset: int = 0) -> tuple[int, Iterator[bytes]]:
        """The bytes of a file from ``offset`` on, or from the beginning where the source cannot do that: the first number says.

        Raises:
            NotHereError: it has no such file.
            SourceUnavailableError: it cannot be reached; also while the bytes are read.
        """
        ...


def open_source(settings: ArtifactSource) -> Source:
    """The source that the settings ask for; nothing connects yet."""
    if settings.kind == "http":
        return HttpSource(settings)
    if settings.kind == "s3":
        return S3Source(settings)
    return FolderSource(settings)


class HttpSource:
    """Any web server; ranges where it knows them."""

    def __init__(self, settings: ArtifactSource) -> None:
        self.name, self.counts = settings.name, settings.counts
        self._url = (settings.url or "").rstrip("/")
        self._settings = settings

    def read(self, path: str, *, offset: int = 0) -> tuple[int, Iterator[bytes]]:
        """As ``Source.read``."""
        parts = urlsplit(self._url)
        connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = connect(parts.netloc, timeout=self._settings.timeout_s)
        headers = self._headers() | ({"Range": f"bytes={offset}-"} if offset else {})
        try:
            connection.request("GET", f"{parts.path}/{quote(path)}", headers=headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise SourceUnavailableError(f"{parts.netloc}: {type(error).__name__}: {error}") from error
        if answer.status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            begins = offset if answer.status == HTTPStatus.PARTIAL_CONTENT else 0
            return begins, _body(connection, answer, parts.netloc)
        connection.close()
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return offset, iter(())
        if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise NotHereError(f"{self._url} has no {path}")
        raise SourceUnavailableError(f"{parts.netloc} answers {answer.status}")

    def _headers(self) -> dict[str, str]:
        path = self._settings.token_file
        if path is None:
            return {}
        try:
            token = path.read_text(encoding="utf-8").partition("\n")[0].strip()
        except OSError as error:
            raise SourceUnavailableError(f"the token file {path} cannot be read: {error.strerror}") from error
        return {"Authorization": f"Bearer {token}"}


def _body(connection: http.client.HTTPConnection, answer: http.client.HTTPResponse, host: str) -> Iterator[bytes]:
    try:
        while True:
            chunk = answer.read(CHUNK)
            if not chunk:
                return
            yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise SourceUnavailableError(f"{host}: the connection was lost: {type(error).__name__}") from error
    finally:
        connection.close()


class S3Source:
    """S3-compatible storage through boto3 (``pip install 'shoal[edge,s3]'``), with its usual ways to find credentials."""

    def __init__(self, settings: ArtifactSource) -> None:
        self.name, self.counts = settings.name, settings.counts
        self._settings = settings
        self._client: Any = None

    def read(self, path: str, *, offset: int = 0) -> tuple[int, Iterator[bytes]]:
        """As ``Source.read``."""
        try:
            import boto3
            from boto3.session import Config
        except ImportError as error:
            raise SourceUnavailableError("boto3 is missing: pip install 'shoal[edge,s3]'") from error
        settings = self._settings
        key = "/".join(part for part in (settings.prefix.strip("/"), path) if part)
        try:
            if self._client is None:
                config = Config(connect_timeout=settings.timeout_s, read_timeout=settings.timeout_s)
                self._client = boto3.client("s3", endpoint_url=settings.url, config=config)
            extra = {"Range": f"bytes={offset}-"} if offset else {}
            answer = self._client.get_object(Bucket=settings.bucket, Key=key, **extra)
        except Exception as error:
            code = str(getattr(error, "response", {}).get("Error", {}).get("Code", error))
            if code in {"NoSuchKey", "404", "AccessDenied"}:  # without the right to list, S3 hides what is missing
                raise NotHereError(f"{self.name} has no {key}") from error
            if code == "InvalidRange":
                return offset, iter(())
            raise SourceUnavailableError(f"{self.name}: {code}") from error

        def chunks() -> Iterator[bytes]:
            try:
                yield from answer["Body"].iter_chunks(CHUNK)
            except Exception as error:
                raise SourceUnavailableError(f"{self.name}: the connection was lost: {error}") from error

        return offset, chunks()


class FolderSource:
    """A USB stick, a mounted share, or a repository on this machine."""

    def __init__(self, settings: ArtifactSource) -> None:
        self.name, self.counts = settings.name, settings.counts
        self._folder = settings.path or Path()

    def read(self, path: str, *, offset: int = 0) -> tuple[int, Iterator[bytes]]:
        """As ``Source.read``."""
        if not self._folder.is_dir():
            raise SourceUnavailableError(f"{self._folder} is not there")
        if not (self._folder / path).is_file():
            raise NotHereError(f"{self._folder} has no {path}")

        def chunks() -> Iterator[bytes]:
            try:
                with (self._folder / path).open("rb") as file:
                    file.seek(offset)
                    while chunk := file.read(CHUNK):
                        yield chunk
            except OSError as error:
                raise SourceUnavailableError(f"{self._folder / path}: {error.strerror}") from error

        return offset, chunks()
