"""``index.csv`` beside a folder of images: what a file name does not tell.

The column ``path`` is needed; ``label``, ``site``, ``camera``, ``group`` and ``captured_at`` are used where they are there, under
these names or the ones that public data sets use for them.
"""

from __future__ import annotations

import csv
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from models.data.errors import DatasetError

INDEX = "index.csv"
ALIASES: dict[str, tuple[str, ...]] = {
    "label": ("label", "species", "class"),
    "site": ("site", "habitat", "farm"),
    "camera": ("camera",),
    "group": ("group", "track", "sequence", "near_duplicate_group", "video"),
    "captured_at": ("captured_at", "observed_at", "timestamp"),
}
"""Our word for a column, and the names under which it is found; the first that is there counts."""


class Origin(NamedTuple):
    """Where one image comes from, as far as the index tells."""

    label: str | None = None
    site: str | None = None
    camera: str | None = None
    group: str | None = None
    captured_at: datetime | None = None


def read_index(folder: Path) -> dict[str, Origin]:
    """The rows of the folder's index by path; empty when there is no index.

    Raises:
        DatasetError: no column ``path``, a path twice, a time that is none.
    """
    path = folder / INDEX
    if not path.is_file():
        return {}
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError("data.index", str(path), f"It cannot be read as UTF-8 text: {error}.") from error
    columns = set(rows[0]) if rows else set()
    if "path" not in columns:
        raise DatasetError("data.index", str(path), "Its first line must name the columns, one of them 'path'.")
    names = {word: next((a for a in aliases if a in columns), None) for word, aliases in ALIASES.items()}
    found: dict[str, Origin] = {}
    for number, row in enumerate(rows, start=2):
        if row["path"] in found:
            raise DatasetError(f"{path}:{number}", row["path"], "The path is there twice. Keep one line for an image.")
        told = {word: row.get(column) or None for word, column in names.items() if column is not None}
        stamp = told.pop("captured_at", None)
        found[row["path"]] = Origin(**told, captured_at=read_time(stamp, f"{path}:{number}"))
    return found


def read_time(text: str | None, where: str) -> datetime | None:
    """An ISO 8601 moment; without a time zone it is UTC.

    Raises:
        DatasetError: it is none.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise DatasetError(where, text, "captured_at is a moment like 2026-05-01T06:30:00Z.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
