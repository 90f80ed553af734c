"""A folder of labelled crops with ``index.csv`` (path, species, track) becomes a training part and a judging part, by track.

Pictures of one track are nearly the same picture: a split by image would judge what was trained on.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from models.data.errors import DatasetError

INDEX = "index.csv"
FOLDS = 5


@dataclass(frozen=True)
class Crop:
    """One labelled picture."""

    path: Path
    label: str
    track: str

    @property
    def fold(self) -> int:
        """From 0 to 4, the same for a whole track, whatever else is in the data."""
        return hashlib.sha256(self.track.encode()).digest()[0] % FOLDS


def read_crops(folder: Path) -> list[Crop]:
    """The pictures of the index.

    Raises:
        DatasetError: no index, a missing column, too few classes or pictures.
    """
    index = folder / INDEX
    try:
        rows = list(csv.DictReader(index.read_text().splitlines()))
    except OSError as error:
        raise DatasetError("--data", str(folder), f"{INDEX} with path, species and track is needed.") from error
    if not rows or not {"path", "species", "track"} <= set(rows[0]):
        raise DatasetError("--data", str(index), "It needs the columns path, species and track.")
    crops = [Crop(folder / row["path"], row["species"], row["track"]) for row in rows]
    if len({crop.label for crop in crops}) < 2:  # noqa: PLR2004 - nothing to tell apart
        raise DatasetError("--data", str(index), "At least two species are needed.")
    return crops


def snapshot_sha256(crops: list[Crop], folder: Path) -> str:
    """Identity of the data: names, labels and contents."""
    digest = hashlib.sha256()
    for crop in sorted(crops, key=lambda each: str(each.path)):
        content = hashlib.sha256(crop.path.read_bytes()).hexdigest()
        digest.update(f"{crop.path.relative_to(folder)}\t{crop.label}\t{crop.track}\t{content}\n".encode())
    return digest.hexdigest()
