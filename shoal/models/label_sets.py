"""Where ``shoal models dataset fetch`` finds a label set: an API, part by part with patience, or a storage."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from contracts.errors import ConfigurationError
from models.data.label_sets import DOCUMENT, LabelSet, Piece, Source, StorageSource, newest, of_pointer, reference

if TYPE_CHECKING:
    from shoal.client import ApiFailure, Client
    from shoal.client.models import DatasetVersion

PART = 100
"""Images of one request: some 100 MB at most."""
TRIES = 8
"""Requests in a row that may fail before it is given up; what has come stays."""
_Answer = TypeVar("_Answer")


def find(text: str, place: str | None, stack: ExitStack) -> tuple[LabelSet, Source]:
    """The label set that is named, and where its files come from.

    Args:
        text: ``NAME``, ``NAME@NUMBER`` or ``NAME@HASH``.
        place: address of an API, a ``labels.json``, or None for the API that one is signed in to.
        stack: closes what is opened.

    Raises:
        ConfigurationError: there is none, or one may not have it; the message says what to do.
    """
    name, version = reference(text)
    if place is not None and not place.startswith(("http://", "https://")):
        storage = StorageSource(Path(place))
        return of_pointer(storage.pointer, name, version), storage
    from shoal.admin.session import connected

    client = stack.enter_context(connected(place))
    api = ApiSource(client)
    label_set = newest(api.versions(name), name, version, api.names)
    api.chosen(label_set)
    return label_set, api


class ApiSource:
    """The API of a platform. Whoever may see the sites of a label set may fetch it."""

    def __init__(self, client: Client, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._sleep = sleep
        self._ids: dict[str, str] = {}
        self._id = ""
        self.names: list[str] = []
        """Of all label sets, when there is none of the name that was asked for."""

    def versions(self, name: str) -> list[LabelSet]:
        """Of a label set, newest first."""
        found = self._listed(name)
        if not found:
            self.names = sorted({each["name"] for each in self._listed(None)})
        self._ids = {each["sha256"]: each["id"] for each in found}
        return [
            LabelSet(each["name"], each["number"], each["sha256"], each["images"], each["bytes"], self._client.url)
            for each in found
        ]

    def chosen(self, label_set: LabelSet) -> None:
        """The one whose files are asked for from now on."""
        self._id = self._ids[label_set.sha256]

    def document(self) -> bytes:
        """As it was frozen, to the byte."""
        return self._part(images=0)[DOCUMENT]

    def images(self, wanted: Sequence[str], every: Sequence[str]) -> Iterator[Piece]:
        """A hundred with each request."""
        missing = set(wanted)
        for first in (place for place, sha256 in enumerate(every) if sha256 in missing):
            if every[first] not in missing:  # it came with the part before
                continue
            count = 0
            while count < PART and first + count < len(every) and every[first + count] in missing:
                count += 1
            before = f"{int(every[first], 16) - 1:064x}"
            for name, content in self._part(after=before, images=count).items():
                sha256 = Path(name).stem
                missing.discard(sha256)
                yield sha256, content
            missing -= set(every[first : first + count])  # what did not come is not asked for again

    def takes_room(self, folder: Path) -> bool:
        """Always."""
        del folder
        return True

    def _listed(self, name: str | None) -> list[DatasetVersion]:
        found: list[DatasetVersion] = []
        cursor: str | None = None
        while True:
            page = self._patiently(lambda: self._client.list_datasets(name=name, limit=100, cursor=cursor))  # noqa: B023
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def _part(self, *, images: int, after: str | None = None) -> dict[str, bytes]:
        def ask() -> dict[str, bytes]:
            content = self._client.get_dataset_archive(self._id, after=after, images=images)
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return {name: archive.read(name) for name in archive.namelist()}

        return self._patiently(ask)

    def _patiently(self, ask: Callable[[], _Answer]) -> _Answer:
        """Farms have links that go away for a minute, and a server may ask to wait."""
        from shoal.client import ApiFailure

        for attempt in range(TRIES):
            try:
                return ask()
            except ApiFailure as failure:
                if attempt == TRIES - 1 or failure.status not in {0, 429, 500, 502, 503, 504}:
                    raise _told(failure) from failure
                why = failure.detail
            except zipfile.BadZipFile as error:  # cut off on its way
                if attempt == TRIES - 1:
                    raise ConfigurationError(
                        "--from",
                        self._client.url,
                        "What it sends is cut off each time. Give the same command again later.",
                    ) from error
                why = f"{self._client.url} sent less than the whole part"
            pause_s = min(60.0, 2.0**attempt)
            typer.echo(f"{why}; once more in {pause_s:.0f} s (try {attempt + 2} of {TRIES})", err=True)
            self._sleep(pause_s)
        raise AssertionError


def _told(failure: ApiFailure) -> ConfigurationError:
    """What to do about a refusal."""
    remedies = {
        0: "Is the address right, and the network up? The same command goes on where it was.",
        401: "The login or key is not valid (any more). Sign in with: shoal admin login URL, or set SHOAL_API_URL and SHOAL_API_KEY.",
        403: "This login or key may not see label sets: it needs the role viewer, a key also the scope labels:read.",
        404: "Whoever runs the platform looks after it; then the same command goes on where it was.",
    }
    remedy = remedies.get(failure.status, "The same command goes on where it was.")
    return ConfigurationError("--from", f"{failure.detail} ({failure.code})", remedy)
