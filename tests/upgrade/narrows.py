"""What a new schema takes from the programs of the version before: a comparison of two catalogs, without a database.

Programs of N-1 run on the schema of N for as long as an upgrade takes, and after a step back. So a migration may add; what
narrows (drops, renames, retypes, newly demands) must be told in the migration: ``NARROWS = {"table.column": "why N-1 can
live with it"}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column as PostgreSQL describes it."""

    type: str
    required: bool
    """NOT NULL."""
    filled: bool
    """The database has a value when an INSERT names none: default, identity or generated."""


@dataclass(frozen=True)
class Catalog:
    """Tables of a database."""

    columns: Mapping[tuple[str, str], Column]
    """By table and column."""
    rules: Mapping[tuple[str, str], frozenset[str]]
    """Checks, unique and foreign keys by table and definition, with the columns that they speak of."""


def narrowed(before: Catalog, after: Catalog) -> Iterator[tuple[str, str]]:
    """What statements of the version before may stumble over, as (``table.column``, what happened)."""
    tables = {table for table, _ in before.columns}
    for (table, name), old in before.columns.items():
        new = after.columns.get((table, name))
        where = f"{table}.{name}"
        if new is None:
            yield where, "is gone"
        elif new.type != old.type:
            yield where, f"was {old.type} and is {new.type}"
        elif new.required and not old.required:
            yield where, "may no longer be NULL"
        elif old.filled and not new.filled and new.required:
            yield where, "has no default any more"
    for (table, name), new in after.columns.items():
        if table in tables and (table, name) not in before.columns and new.required and not new.filled:
            yield f"{table}.{name}", "is new, NOT NULL and without a default"
    for (table, rule), columns in after.rules.items():
        known = {name for name in columns if (table, name) in before.columns}
        if table in tables and (table, rule) not in before.rules and known:
            yield f"{table}.{min(known)}", f"has a new rule: {rule}"
