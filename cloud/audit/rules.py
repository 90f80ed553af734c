"""The chain of hashes: what an entry's hash is, and the first place where a chain is broken. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

START = "0" * 64
"""The hash before the first."""


@dataclass(frozen=True)
class Link:
    """One entry of a chain."""

    number: int
    record: str
    hash: str
    columns: Mapping[str, Any]
    """Columns that repeat parts of the record."""


@dataclass(frozen=True)
class Finding:
    """What a look at a chain found."""

    entries: int
    """Entries that are as they were written."""
    head: str
    """Hash of the last of them. Written down elsewhere, it proves later that nothing was cut off."""
    fault: str | None = None
    """What is wrong with the next entry, or None."""


def hash_after(previous: str, record: str) -> str:
    """Hash of an entry that follows the one with the hash ``previous``."""
    return hashlib.sha256(f"{previous}\n{record}".encode()).hexdigest()


def check_chain(links: Iterable[Link], *, after: Finding | None = None) -> Finding:
    """Follow a chain from its first entry, or on from a finding. Whatever was changed, removed or added is a fault."""
    head, entries = (START, 0) if after is None else (after.head, after.entries)
    if after is not None and after.fault is not None:
        return after
    for link in links:
        if link.number != entries + 1:
            return Finding(entries, head, f"entry {entries + 1} is missing; the next is {link.number}")
        if link.hash != hash_after(head, link.record):
            return Finding(entries, head, f"entry {link.number} was changed, or one before it")
        record = json.loads(link.record)
        for name, value in link.columns.items():
            if (record.get(name) if record.get(name) is not None else "unknown") != value:
                return Finding(entries, head, f"entry {link.number}: column {name} was changed")
        head, entries = link.hash, link.number
    return Finding(entries, head)
