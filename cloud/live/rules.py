"""Decisions of the live interface: what a subscription covers, and whether a stream can go on where it broke off. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Coverage:
    """What one subscription sees, by key. Equal coverages share one stream.

    Attributes:
        site_ids: sites.
        unit_ids: units of them; None is all, those that come later too.
    """

    site_ids: frozenset[int]
    unit_ids: frozenset[int] | None

    def covers(self, site_id: int, unit_id: int | None) -> bool:
        """Whether a change at this site (and in this unit; None: it concerns the site) is part of it."""
        if site_id not in self.site_ids:
            return False
        return unit_id is None or self.unit_ids is None or unit_id in self.unit_ids

    @property
    def name(self) -> str:
        """Short name that is the same for equal coverages."""
        units = "all" if self.unit_ids is None else ",".join(map(str, sorted(self.unit_ids)))
        sites = ",".join(map(str, sorted(self.site_ids)))
        return hashlib.sha256(f"{sites}/{units}".encode()).hexdigest()[:16]


def resume_token(epoch: str, stream: str, seq: int) -> str:
    """Names a place in a stream of one process. It opens nothing: whoever shows it must be allowed to subscribe anyway."""
    return f"{epoch}.{stream}.{seq}"


def resume_position(token: str | None, *, epoch: str, stream: str, oldest: int, newest: int) -> int | None:
    """Number of the last message that the client has, when what follows it is still kept; None: it needs a snapshot.

    Args:
        token: what the client showed.
        epoch: of this process.
        stream: of the subscription.
        oldest: number of the oldest message that is kept.
        newest: number of the newest one.
    """
    parts = (token or "").split(".")
    if len(parts) != 3 or parts[:2] != [epoch, stream] or not parts[2].isdecimal():  # noqa: PLR2004
        return None
    seq = int(parts[2])
    return seq if oldest - 1 <= seq <= newest else None
