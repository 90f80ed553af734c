"""Which filters our session at the broker has, so that those that left the configuration can be unsubscribed.

A persistent session keeps a subscription until it is told otherwise: a route that was removed from the configuration would
go on delivering for ever. The broker cannot be asked, so a small file remembers. It is written before a filter is
subscribed and after a filter is unsubscribed; a crash in between leaves a filter too many in it, which costs nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

log = structlog.get_logger()

SUBSCRIPTIONS_FILE = "subscriptions.json"


class Subscriptions:
    """The filters of one session.

    Args:
        path: the file, or None to remember nothing.
        client_id: name of the session; what was remembered for another one does not count.
    """

    def __init__(self, path: Path | None, client_id: str) -> None:
        self._path = path
        self._client_id = client_id
        self._remembered = self._read()

    def stale(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """Filters that the session may have and the configuration does not want."""
        return tuple(sorted(self._remembered - set(wanted)))

    def add(self, filters: Iterable[str]) -> None:
        """These are about to be subscribed."""
        self._keep(self._remembered | set(filters))

    def remove(self, filters: Sequence[str]) -> None:
        """The broker has confirmed that these are unsubscribed."""
        self._keep(self._remembered - set(filters))

    def _read(self) -> frozenset[str]:
        if self._path is None or not self._path.exists():
            return frozenset()
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return frozenset(map(str, document["filters"])) if document["client_id"] == self._client_id else frozenset()
        except (OSError, ValueError, KeyError, TypeError) as error:
            # Not worth a stop: the session works, and the setting `unsubscribe` names what is left over.
            log.warning("subscriptions.unreadable", file=str(self._path), reason=str(error))
            return frozenset()

    def _keep(self, filters: frozenset[str] | set[str]) -> None:
        if filters == self._remembered:
            return
        self._remembered = frozenset(filters)
        if self._path is None:
            return
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_text(json.dumps({"client_id": self._client_id, "filters": sorted(filters)}), encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            log.warning("subscriptions.not_kept", file=str(self._path), reason=str(error))
