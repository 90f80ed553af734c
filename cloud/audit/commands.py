"""The audit log at the command line: every chain checked, or one written out."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cloud.audit.repository import chains, hash_at, links
from cloud.audit.rules import Finding, check_chain
from cloud.db.session import create_engine


def verify(database_url: str) -> dict[int, Finding]:
    """Follow the chain of every organization (0: of none) from its first entry."""
    engine = create_engine(database_url, pool_size=1)
    try:
        with engine.connect() as connection:
            return {chain: check_chain(links(connection, chain)) for chain in chains(connection)}
    finally:
        engine.dispose()


def export(database_url: str) -> Iterator[str]:
    """Every entry of every chain as a JSON line with the text that was hashed, and its hash."""
    engine = create_engine(database_url, pool_size=1)
    try:
        with engine.connect() as connection:
            for chain in chains(connection):
                for link in links(connection, chain):
                    yield json.dumps({"record": link.record, "hash": link.hash}, ensure_ascii=False)
    finally:
        engine.dispose()


def has_head(database_url: str, chain: int, entries: int, hashed: str) -> bool:
    """Whether a head that was written down is still in its chain: what was cut off, or computed anew, is not."""
    engine = create_engine(database_url, pool_size=1)
    try:
        with engine.connect() as connection:
            return hash_at(connection, chain, entries) == hashed
    finally:
        engine.dispose()
