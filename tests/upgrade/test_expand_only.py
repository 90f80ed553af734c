"""Migrations only add: the programs of the version before go on working while, and after, the schema is the new one."""

from __future__ import annotations

import ast
import hashlib
import importlib
import tarfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cloud.db.migrate import head, upgrade
from tests.architecture.tree import ROOT
from tests.cloud.postgres import Postgres
from tests.servers.presence import MissingServerError, missing
from tests.upgrade.narrows import Catalog, Column, narrowed
from tests.upgrade.previous import ARCHIVE, MIGRATIONS, git_blobs, previous

_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
  a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
"""
_RULES = """
SELECT c.relname, pg_get_constraintdef(k.oid), array(
  SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY(k.conkey))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND k.contype IN ('c', 'u', 'f', 'p', 'x') AND NOT c.relispartition
UNION ALL
SELECT c.relname, regexp_replace(pg_get_indexdef(i.indexrelid), 'INDEX \\S+ ', 'INDEX '), array(
  SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY(i.indkey))
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND i.indisunique AND NOT c.relispartition
"""


@pytest.fixture(scope="module")
def schemas() -> Iterator[tuple[Catalog, Catalog, psycopg.Connection]]:
    """The catalog before and after the migrations since the previous version, and a connection to the newer one."""
    postgres = Postgres()
    try:
        postgres.start()
    except MissingServerError as error:
        missing("PostgreSQL", str(error))
    try:
        upgrade(postgres.url(), to=previous().schema)
        with psycopg.connect(postgres.url()) as database:
            before = catalog(database)
        upgrade(postgres.url())
        with psycopg.connect(postgres.url()) as database:
            yield before, catalog(database), database
    finally:
        postgres.stop()


@pytest.mark.integration
def test_migrations_since_the_version_before_take_nothing_from_it(
    schemas: tuple[Catalog, Catalog, psycopg.Connection],
) -> None:
    before, after, _ = schemas
    told = _told_since(previous().schema)
    untold = [f"{where} {what}" for where, what in narrowed(before, after) if where not in told]
    assert untold == [], "add only; or tell it in the migration: NARROWS = {'table.column': 'why N-1 can live with it'}"
    assert before.columns.keys() < after.columns.keys(), "there is something to compare"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("ALTER TABLE unit DROP COLUMN species", "unit.species is gone"),
        ("ALTER TABLE unit RENAME COLUMN stage TO life_stage", "unit.stage is gone"),
        ("ALTER TABLE unit RENAME TO tank", "unit.slug is gone"),
        ("ALTER TABLE unit ALTER COLUMN volume_m3 TYPE text", "unit.volume_m3 was double precision and is text"),
        ("ALTER TABLE unit ALTER COLUMN species SET NOT NULL", "unit.species may no longer be NULL"),
        ("ALTER TABLE unit ADD COLUMN depth_m real NOT NULL", "unit.depth_m is new, NOT NULL and without a default"),
        ("ALTER TABLE unit ADD UNIQUE (name)", "unit.name has a new rule: UNIQUE (name)"),
        ("CREATE UNIQUE INDEX ON unit (name)", "unit.name has a new rule: CREATE UNIQUE INDEX ON public.unit"),
        ("ALTER TABLE unit ADD CHECK (volume_m3 > 1)", "unit.volume_m3 has a new rule: CHECK"),
    ],
)
def test_a_migration_that_would_break_the_version_before_is_named(
    schemas: tuple[Catalog, Catalog, psycopg.Connection], planted: str, found: str
) -> None:
    _, after, database = schemas
    with database.transaction(force_rollback=True):
        database.execute(planted.encode())
        complaints = [f"{where} {what}" for where, what in narrowed(after, catalog(database))]
    assert any(complaint.startswith(found) for complaint in complaints), complaints


@pytest.mark.integration
def test_adding_breaks_nobody(schemas: tuple[Catalog, Catalog, psycopg.Connection]) -> None:
    _, after, database = schemas
    with database.transaction(force_rollback=True):
        database.execute("ALTER TABLE unit ADD COLUMN depth_m real, ADD COLUMN grid text NOT NULL DEFAULT 'a' UNIQUE")
        database.execute("CREATE TABLE jetty (id int PRIMARY KEY, name text NOT NULL)")
        assert list(narrowed(after, catalog(database))) == []


def test_a_migration_that_farms_have_is_not_edited() -> None:
    """Theirs has run; a changed file would describe a schema that nobody has. Words may change, statements may not."""
    with tarfile.open(ARCHIVE) as archive:
        changed = []
        for member in archive.getmembers():
            if member.isfile() and Path(member.name).parent == MIGRATIONS:
                source = archive.extractfile(member)
                assert source is not None
                now = ROOT / member.name
                if not now.exists() or _statements(source.read().decode()) != _statements(now.read_text()):
                    changed.append(member.name)
    assert changed == []


def test_the_archive_is_what_its_commit_holds() -> None:
    facts = previous()
    blobs = git_blobs(facts.commit)
    if blobs is None:
        pytest.skip("this checkout has no history that reaches the previous version; its sha256 was compared instead")
    with tarfile.open(ARCHIVE) as archive:
        for member in archive.getmembers():
            if member.isfile():
                source = archive.extractfile(member)
                assert source is not None
                content = source.read()
                blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
                assert blobs.get(member.name) == blob, member.name


def test_there_is_something_to_upgrade_to() -> None:
    assert previous().schema < head()


def catalog(database: psycopg.Connection) -> Catalog:
    """What the database says of its tables."""
    columns = {
        (table, name): Column(kind, required, filled)
        for table, name, kind, required, filled in database.execute(_COLUMNS)
    }
    rules = {(table, rule): frozenset(names) for table, rule, names in database.execute(_RULES)}
    return Catalog(columns, rules)


def _told_since(schema: str) -> set[str]:
    told: set[str] = set()
    for path in sorted((ROOT / MIGRATIONS).glob("[0-9]*.py")):
        if path.stem.split("_")[0] > schema:
            told |= set(getattr(importlib.import_module(f"cloud.db.migrations.versions.{path.stem}"), "NARROWS", {}))
    return told


def _statements(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
