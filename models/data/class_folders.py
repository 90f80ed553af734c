"""A folder of pictures, one sub-folder for each class or an ``index.csv`` with labels, becomes dataset images with one class.

Without an index every picture is a group of its own, and nothing is known of what belongs together: freeze such a set with
near-duplicates joined.
"""

from __future__ import annotations

from pathlib import Path

from contracts.datasets import DatasetImage
from models.data.errors import DatasetError
from models.data.index import INDEX, Origin, read_index
from models.data.pictures import Watch, check_picture, find_pictures, unwatched


def import_class_folders(
    folder: Path,
    labels: tuple[str, ...] = (),
    *,
    licence: str,
    provenance: str,
    site: str = "unknown",
    watch: Watch = unwatched,
) -> list[DatasetImage]:
    """Read every picture with its class, in order of path; paths start with the folder's own name.

    Args:
        folder: holds a sub-folder for each class, or ``index.csv`` with path and label (species, class).
        labels: classes that may occur; empty takes what is there.
        licence: SPDX name or words of the licence, kept with every image.
        provenance: where the data came from and whom to credit, kept with every image.
        site: site of images that the index does not name.
        watch: goes through what it is given, and may show progress.

    Raises:
        DatasetError: no pictures, a class that is not allowed, a picture that the index does not name, an unreadable image.
    """
    origins = read_index(folder)
    names = list(origins) if origins else [f"{p.parent.name}/{p.name}" for p in _in_sub_folders(folder)]
    if not names:
        raise DatasetError("data.folder", str(folder), f"Give a folder with a sub-folder for each class, or {INDEX}.")
    images = []
    for number, name in enumerate(watch(names), start=2):
        origin = origins.get(name, Origin())
        label = origin.label or Path(name).parent.name
        if not label or (labels and label not in labels):
            where = f"{folder / INDEX}:{number}" if origins else str(folder / name)
            raise DatasetError(where, label, f"The classes are {', '.join(labels) or 'named by folders'}. Correct it.")
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise DatasetError(f"{folder / INDEX}:{number}", name, "Paths of an index lie inside its folder.")
        picture = check_picture(path)
        images.append(
            DatasetImage(
                path=f"{folder.name}/{name}",
                sha256=picture.sha256,
                width=picture.width,
                height=picture.height,
                site=origin.site or site,
                group=origin.group or name,
                camera=origin.camera,
                captured_at=origin.captured_at,
                classes=(label,),
                licence=licence,
                provenance=provenance,
            )
        )
    return images


def _in_sub_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for child in sorted(folder.iterdir()) if child.is_dir() for path in find_pictures(child)]
