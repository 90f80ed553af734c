"""A published repository to where devices fetch: a folder (USB stick, share) or S3-compatible storage.

Order matters: blobs and release documents first, then versioned metadata, the timestamps last. A device that looks in between sees the
state before. What is there already, by name and size, is not sent again: names of blobs are their hashes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from contracts.errors import ConfigurationError
from models.releases.repository import write_whole

_ORDER = ("blobs/", "targets/", "metadata/")
_S3 = re.compile(r"^s3://([^/]+)/?(.*)$")


class Destination(Protocol):
    """Where files go."""

    def size(self, path: str) -> int | None:
        """Bytes of a file that is there; None when it is not."""
        ...

    def put(self, path: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        ...


class FolderDestination:
    """A USB stick or a share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def size(self, path: str) -> int | None:
        """As ``Destination.size``."""
        place = self._folder / path
        return place.stat().st_size if place.is_file() else None

    def put(self, path: str, content: bytes) -> None:
        """As ``Destination.put``."""
        write_whole(self._folder / path, content)


class S3Destination:
    """A bucket; credentials are found as boto3 does."""

    def __init__(self, bucket: str, prefix: str, *, endpoint: str | None = None) -> None:
        import boto3

        self._client: Any = boto3.client("s3", endpoint_url=endpoint)
        self._bucket, self._prefix = bucket, prefix.strip("/")

    def size(self, path: str) -> int | None:
        """As ``Destination.size``."""
        try:
            return int(self._client.head_object(Bucket=self._bucket, Key=self._key(path))["ContentLength"])
        except self._client.exceptions.ClientError:
            return None

    def put(self, path: str, content: bytes) -> None:
        """As ``Destination.put``."""
        cache = "no-cache" if path.endswith("timestamp.json") else "public, max-age=31536000, immutable"
        self._client.put_object(Bucket=self._bucket, Key=self._key(path), Body=content, CacheControl=cache)

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}" if self._prefix else path


def destination(where: str, *, endpoint: str | None = None) -> Destination:
    """The destination of ``s3://bucket/prefix`` or of a folder's path.

    Raises:
        ConfigurationError: boto3 is missing.
    """
    found = _S3.match(where)
    if found is None:
        return FolderDestination(Path(where))
    try:
        return S3Destination(found[1], found[2], endpoint=endpoint)
    except ImportError as error:
        raise ConfigurationError("to", where, "Install the storage client: pip install 'shoal[s3]'.") from error


def upload(folder: Path, target: Destination, told: Callable[[str, int], None] = lambda _path, _size: None) -> int:
    """Copy what is published; returns the bytes that were sent.

    Args:
        folder: of the repository.
        target: where to.
        told: gets each path and its size when it was sent.
    """
    files = [
        path.relative_to(folder).as_posix()
        for kind in _ORDER
        for path in sorted((folder / kind).rglob("*"))
        if path.is_file()
    ]
    files = [path for path in files if not Path(path).name.startswith(".") and not path.endswith(".part")]
    files.sort(
        key=lambda path: (
            path.endswith("timestamp.json"),
            next(i for i, kind in enumerate(_ORDER) if path.startswith(kind)),
        )
    )
    sent = 0
    for path in files:
        content = (folder / path).read_bytes()
        if not path.endswith("timestamp.json") and target.size(path) == len(content):
            continue
        target.put(path, content)
        sent += len(content)
        told(path, len(content))
    return sent
