"""Alembic's revisions, in ``versions``; they travel in the wheel."""
