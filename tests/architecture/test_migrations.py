"""Migrations are one line: two that follow the same one would stop every start on a new database."""

from __future__ import annotations

from alembic.script import ScriptDirectory

from tests.architecture.tree import ROOT


def test_each_migration_follows_the_one_before() -> None:
    scripts = ScriptDirectory(str(ROOT / "cloud/db/migrations"))
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert scripts.get_heads() == revisions[:1]
    assert revisions == sorted(revisions, reverse=True), "their numbers tell the order"
