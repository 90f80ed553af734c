"""What ``shoal models dataset`` does: folders → draft → frozen data set, and the check of a frozen one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from contracts.datasets import DatasetImage, DatasetSnapshot
from models.data.class_folders import import_class_folders
from models.data.coco import import_coco
from models.data.errors import DatasetError
from models.data.frames import Located
from models.data.near_duplicates import (
    CAMERAS_GO_ON,
    ON_CHECK,
    ON_FREEZE,
    ON_FREEZE_BY_SITE,
    SHOWN,
    THRESHOLD,
    GuardOptions,
    Looks,
    contradictions,
    describe,
    join_near_duplicates,
    leave_out_of_judging,
    refuse_near_duplicates,
)
from models.data.pictures import Watch, unwatched
from models.data.snapshot import (
    check_files,
    draft,
    freeze,
    frozen_path,
    in_splits,
    locate,
    merge,
    read_snapshot,
    write_snapshot,
)
from models.data.splits import SplitRule, apply_rule, labels_of, refuse_shared_groups
from models.data.yolo import Crop, import_yolo, read_names

FORMATS = ("yolo", "coco", "classes")


def import_dataset(
    source: Path,
    kind: str,
    *,
    name: str,
    labels: Sequence[str] = (),
    licence: str,
    provenance: str,
    site: str = "unknown",
    crop: Crop | None = None,
    watch: Watch = unwatched,
) -> DatasetSnapshot:
    """Read a data set in one of :data:`FORMATS` as a draft.

    Raises:
        DatasetError: something in it is broken or wrong; the message names the file, its line and the remedy.
    """
    given = tuple(labels)
    if kind == "coco":
        images, given = import_coco(source, given, licence=licence, provenance=provenance, site=site, watch=watch)
    elif kind == "classes":
        images = import_class_folders(source, given, licence=licence, provenance=provenance, site=site, watch=watch)
        given = given or tuple(sorted({label for image in images for label in image.classes}))
    elif kind == "yolo":
        given = given or read_names(source)
        if not given and source.is_dir():  # a folder that is not there is told by the importer
            raise DatasetError(
                "--label", "none", "YOLO files number the classes, and there is no data.yaml or classes.txt: name them in their order "
                "(--label fish, or one for each).",
            )  # fmt: skip
        images = import_yolo(source, given, licence=licence, provenance=provenance, site=site, crop=crop, watch=watch)
    else:
        raise DatasetError("format", kind, f"Use {', '.join(FORMATS)}.")
    return draft(name, given, images)


def freeze_dataset(
    drafts: Sequence[Path],
    rule: SplitRule,
    *,
    name: str | None,
    folder: Path,
    roots: Sequence[Path],
    console: Console,
    guard: GuardOptions | None = None,
) -> tuple[DatasetSnapshot, Path]:
    """Merge the drafts, split them, prove that the split does not leak, and write the frozen file.

    Raises:
        DatasetError: a file is missing or altered, or the split leaks.
    """
    guard = guard or GuardOptions()
    parts = [read_snapshot(path) for path in drafts]
    labels, images = merge(parts)
    located = locate(images, roots)
    looks = _looks(located, labels, console)
    goes_on = rule.by in CAMERAS_GO_ON
    if guard.join and not goes_on:
        images = join_near_duplicates(images, looks, threshold=guard.threshold, watch=_shown("joining", console))
    wrong = contradictions(images, looks, watch=_shown("labels", console))
    for line in wrong[:SHOWN]:
        console.print(f"warning: {line}", soft_wrap=True)
    if len(wrong) > SHOWN:
        console.print(f"warning: and {len(wrong) - SHOWN} more such pairs")
    split = apply_rule(images, rule)
    left_out = 0
    if guard.join and goes_on:
        split, left_out = leave_out_of_judging(
            split, images, looks, threshold=guard.threshold, watch=_shown("looking alike", console)
        )
        if left_out:
            console.print(f"left out of judging: {left_out} pictures that look like those of another camera that train")
    refuse_shared_groups(split, rule)
    remedies = ON_FREEZE_BY_SITE if rule.by == "site" else ON_FREEZE
    remedies = replace(remedies, join="") if guard.join else remedies
    result = refuse_near_duplicates(
        split, images, looks, rule, threshold=guard.threshold, remedies=remedies, watch=_shown("comparing", console)
    )
    snapshot = freeze(
        name or parts[0].name,
        labels,
        split,
        rule=rule.model_dump(mode="json", exclude_defaults=True) | {"by": rule.by},
        guard=result
        | {"joined": guard.join, "contradictions": len(wrong)}
        | ({"left_out": left_out} if left_out else {}),
        origin=parts[0].origin if len(parts) == 1 else {"parts": [part.origin for part in parts if part.origin]},
    )
    path = frozen_path(snapshot, folder)
    write_snapshot(snapshot, path)
    return snapshot, path


def check_dataset(path: Path, *, roots: Sequence[Path], console: Console) -> DatasetSnapshot:
    """Prove that a data set is what it says: its sha256, every file, every label, and a split that does not leak.

    Raises:
        DatasetError: it is not.
    """
    snapshot = read_snapshot(path)
    looks = _looks(locate(snapshot.images, roots), snapshot.labels, console)
    if snapshot.rule:
        rule = SplitRule.model_validate(snapshot.rule)
        split = in_splits(snapshot)
        refuse_shared_groups(split, rule)
        refuse_near_duplicates(
            split,
            snapshot.images,
            looks,
            rule,
            threshold=float(snapshot.guard.get("threshold", THRESHOLD)),
            remedies=ON_CHECK,
            watch=_shown("comparing", console),
        )
    return snapshot


def _looks(located: Sequence[Located], labels: Sequence[str], console: Console) -> Looks:
    for _ in track(check_files(located, labels), "checking", total=len(located), console=console):
        pass
    return describe(located, watch=_shown("describing", console))


def _shown(what: str, console: Console) -> Watch:
    return lambda items: track(items, what, console=console)


def show_dataset(snapshot: DatasetSnapshot, console: Console) -> None:
    """Print what is in it: parts, classes, sites and licences."""
    console.print(f"[b]{snapshot.name}[/b] {snapshot.sha256[:12]} of {snapshot.created_at:%Y-%m-%d %H:%M} UTC")
    if snapshot.rule:
        console.print("split " + ", ".join(f"{key} {value}" for key, value in snapshot.rule.items()))
    else:
        console.print("a draft: not split yet (shoal models dataset freeze)")
    if snapshot.guard:
        console.print("near-duplicates: " + ", ".join(f"{key} {value}" for key, value in snapshot.guard.items()))
    parts = in_splits(snapshot)
    console.print(_table("part", {name: _counts(images) for name, images in parts.items()}))
    classes: dict[str, Counter[str]] = {label: Counter() for label in snapshot.labels}
    for part, images in parts.items():
        for image in images:
            for label in [*image.classes, *(box.label for box in image.boxes)]:
                classes[label][part] += 1
    console.print(_table("class", classes))
    sites: dict[str, list[DatasetImage]] = defaultdict(list)
    for image in snapshot.images:
        sites[image.site].append(image)
    console.print(_table("site", {site: _counts(images) for site, images in sorted(sites.items())}))
    for licence, count in Counter(image.licence for image in snapshot.images).most_common():
        console.print(f"licence: {licence} ({count} images)")


def _counts(images: Sequence[DatasetImage]) -> Counter[str]:
    return Counter(
        images=len(images),
        groups=len({(image.site, image.group) for image in images}),
        sites=len({image.site for image in images}),
        boxes=sum(len(image.boxes) for image in images),
        empty=sum(not labels_of(image) for image in images),
    )


def _table(head: str, rows: dict[str, Counter[str]]) -> Table:
    columns = list(dict.fromkeys(key for counts in rows.values() for key in counts))
    table = Table(head, *columns)
    for name, counts in rows.items():
        table.add_row(name, *(str(counts[column]) for column in columns))
    return table
