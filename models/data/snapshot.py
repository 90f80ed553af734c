"""A split data set is frozen to one JSON file, so that a model can name exactly what it was trained on."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from contracts.datasets import DatasetSnapshot
from models.data.splits import Split, fingerprint


def freeze(name: str, labels: tuple[str, ...], split: Split) -> DatasetSnapshot:
    """Make the snapshot of all images of a split; its ``splits`` name groups as ``site/group``."""
    images = [image for part in split.values() for image in part]
    return DatasetSnapshot(
        name=name,
        created_at=datetime.now(timezone.utc),
        labels=labels,
        images=tuple(images),
        splits={part: tuple(sorted({f"{i.site}/{i.group}" for i in members})) for part, members in split.items()},
        sha256=fingerprint(images),
    )


def write_snapshot(snapshot: DatasetSnapshot, path: Path) -> None:
    """Write the snapshot as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(snapshot.model_dump_json(indent=1))
