"""What an archive says of itself. It is the last member, so an archive that was cut short has none and is refused."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

MANIFEST = "MANIFEST.json"
FORMAT = 1
"""Raised when an older Shoal could not restore the archive any more."""


class ArchivedFile(BaseModel):
    """One file of the archive."""

    model_config = ConfigDict(frozen=True)

    path: str
    """Name in the archive, with forward slashes."""
    size: int
    """Bytes."""
    sha256: str


class ArchivedEdge(BaseModel):
    """Where an edge agent of the box had its file and its data."""

    model_config = ConfigDict(frozen=True)

    name: str
    config: str
    """Path of its configuration: absolute, or below the box's folder when it was in there."""
    data_dir: str
    """The same for its data."""
    waiting: int
    """Messages in its outbox that the store had not confirmed."""


class BackupManifest(BaseModel):
    """Everything that a restore needs to know, and what a person wants to read."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    made_at: datetime
    shoal_version: str
    database: bool
    """False when the box uses a database elsewhere, which has backups of its own."""
    postgres_major: int | None = None
    """The data directory can only be read by this major version."""
    schema_revision: str | None = None
    """Alembic's head at the time; a newer Shoal migrates at its first start."""
    edges: tuple[ArchivedEdge, ...] = ()
    files: tuple[ArchivedFile, ...]

    @property
    def bytes(self) -> int:
        """Size of everything before compression."""
        return sum(file.size for file in self.files)
