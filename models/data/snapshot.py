"""A split data set is frozen to one JSON file, so that a model can name exactly what it was trained on.

Drafts are what importers write: images and labels, not split, free to be written again. A frozen file is named by its sha256
(``tank-fish-3f9a0c12d4e5.json``) and read only when it still has it; whoever wants other data freezes another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contracts.datasets import DatasetImage, DatasetSnapshot
from models.data.errors import DatasetError
from models.data.frames import Located
from models.data.pictures import check_picture
from models.data.splits import Split, fingerprint, labels_of


def freeze(
    name: str,
    labels: tuple[str, ...],
    split: Split,
    *,
    rule: dict[str, Any] | None = None,
    guard: dict[str, Any] | None = None,
    origin: dict[str, Any] | None = None,
) -> DatasetSnapshot:
    """Make the snapshot of all images of a split; its ``splits`` name groups as ``site/group``."""
    images = [image.model_copy(update={"split": part}) for part, members in split.items() for image in members]
    return DatasetSnapshot(
        name=name,
        created_at=datetime.now(timezone.utc),
        labels=labels,
        images=tuple(images),
        splits={part: tuple(sorted({f"{i.site}/{i.group}" for i in members})) for part, members in split.items()},
        rule=rule or {},
        guard=guard or {},
        origin=origin or {},
        sha256=fingerprint(images),
    )


def draft(
    name: str, labels: tuple[str, ...], images: Sequence[DatasetImage], *, origin: dict[str, Any] | None = None
) -> DatasetSnapshot:
    """What an importer found, not split yet."""
    return DatasetSnapshot(
        name=name,
        created_at=datetime.now(timezone.utc),
        labels=labels,
        images=tuple(images),
        origin=origin or {},
        sha256=fingerprint(images),
    )


def frozen_path(snapshot: DatasetSnapshot, folder: Path) -> Path:
    """Where a frozen data set is written."""
    return folder / f"{snapshot.name}-{snapshot.sha256[:12]}.json"


def write_snapshot(snapshot: DatasetSnapshot, path: Path) -> None:
    """Write the snapshot as JSON: whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.half")
    half.write_text(snapshot.model_dump_json(indent=1, exclude_defaults=True))
    half.replace(path)


def read_snapshot(path: Path) -> DatasetSnapshot:
    """Read a draft or a frozen data set and prove that it is the one that its sha256 names.

    Raises:
        DatasetError: unreadable, not a data set, or altered.
    """
    try:
        snapshot = DatasetSnapshot.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DatasetError(
            "dataset",
            str(path),
            f"It cannot be read ({error.strerror}). Give a file that shoal models dataset import or freeze wrote.",
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DatasetError(
            "dataset", str(path), f"It is no data set: {where}: {first['msg']}. Write it with shoal models dataset."
        ) from error
    found = fingerprint(snapshot.images)
    if found != snapshot.sha256:
        raise DatasetError(
            "dataset.sha256",
            found,
            f"{path} was frozen as {snapshot.sha256}: it was altered since. Freeze the data again, as a version of its own.",
        )
    return snapshot


def merge(drafts: Sequence[DatasetSnapshot]) -> tuple[tuple[str, ...], list[DatasetImage]]:
    """The images of several drafts as one set, with all their labels.

    Raises:
        DatasetError: one path twice, with different content.
    """
    labels = tuple(dict.fromkeys(label for part in drafts for label in part.labels))
    images: dict[str, DatasetImage] = {}
    for part in drafts:
        for image in part.images:
            bare = image.model_copy(update={"split": None})
            other = images.setdefault(image.path, bare)
            if other != bare:
                raise DatasetError(
                    "data.image", image.path, f"{part.name} describes it otherwise than an earlier draft. Keep one."
                )
    return labels, list(images.values())


def in_splits(snapshot: DatasetSnapshot) -> dict[str, list[DatasetImage]]:
    """The images by split; those of a draft are in the split ``all``."""
    parts: dict[str, list[DatasetImage]] = {}
    for image in snapshot.images:
        parts.setdefault(image.split or "all", []).append(image)
    return parts


def locate(images: Iterable[DatasetImage], roots: Sequence[Path]) -> list[Located]:
    """Find the file of every image below one of the folders.

    Raises:
        DatasetError: a file is nowhere.
    """
    homes: dict[str, Path] = {}
    found = []
    for image in images:
        top = Path(image.path).parts[0]
        root = homes.get(top)
        if root is None or not (root / image.path).is_file():
            root = next((place for place in roots if (place / image.path).is_file()), None)
            if root is None:
                places = ", ".join(dict.fromkeys(str(place.resolve()) for place in roots))
                raise DatasetError(
                    "--data", image.path, f"There is no such file below {places}. Give the folder that holds {top} with --data, "
                    "or bring the file back.",
                )  # fmt: skip
            homes[top] = root
        found.append(Located(root, image))
    return found


def check_files(located: Sequence[Located], labels: Sequence[str]) -> Iterable[Located]:
    """Yield every image when its file was found to be the one that was frozen, whole, with labels that are allowed.

    Raises:
        DatasetError: at the first that is not.
    """
    allowed = set(labels)
    for each in located:
        path = each.root / each.image.path
        picture = check_picture(path)
        if picture.sha256 != each.image.sha256:
            raise DatasetError(
                "data.sha256", picture.sha256, f"{path} was frozen as {each.image.sha256}. Fetch the same file again."
            )
        if (picture.width, picture.height) != (each.image.width, each.image.height):
            raise DatasetError("data.width", f"{picture.width}x{picture.height}", f"{path} was frozen otherwise.")
        strange = labels_of(each.image) - allowed
        if strange:
            raise DatasetError(
                "data.labels", ", ".join(sorted(strange)), f"{each.image.path}: the data set has no such class."
            )
        yield each
