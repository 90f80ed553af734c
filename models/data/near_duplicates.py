"""Pictures that are almost the same are found before a split can put them on both sides.

A picture becomes 16 x 16 cells of Lab colour, centred and of length 1; two pictures are near-duplicates when the cosine is at
least :data:`THRESHOLD` for any of eight turns and flips and three crops of either. No network is needed. Measured on 1,400
web pictures of sick fish and 1,637 crops of reef fish: copies that were encoded again (JPEG 50), halved, blurred, flipped, turned
by a right angle or cropped by up to a fifth are found in 95 to 100 %, brightened by a third in 77 %, turned by 5 degrees in 64 to
78 %; turned by 10 degrees or recoloured (hue by 24 degrees) mostly not. Of pictures of *different* classes 0.0 % and 1.5 % match
(silhouettes of like fish on plain water), so what is reported is nearly always real.

Array suffixes: N pictures, S scales, D numbers of a picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from contracts.datasets import DatasetImage
from models.data.errors import DatasetError
from models.data.frames import Located, read_picture
from models.data.pictures import Watch, unwatched
from models.data.splits import BETWEEN, SAME_VIDEO, TRAIN, Split, SplitRule, group_of
from models.runtime.preprocess import FloatArray, FrameArray

THRESHOLD = 0.94
SCALES = (1.0, 0.92, 0.84)
"""Parts of the picture, around its middle, that are compared with the whole of others."""
SIDE = 16
FEATURELESS = 4.0
"""Spread of the cells in Lab units below which a picture is plain water: such pictures are alike without being copies, and are
left out (and counted)."""
MOST_PAIRS = 1000
"""Pairs that are kept for the message; the rest is counted."""
SHOWN = 10
SAME = 0.99
"""From here on two pictures are one; like silhouettes of two fish stay below."""
CAMERAS_GO_ON = frozenset({"time", "steady"})
"""Rules by which a camera is in several parts, at other times; it hangs where it hung, so its pictures are alike."""
_BLOCK = 512
_NEVER = datetime.max.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class GuardOptions:
    """How near-duplicates are treated."""

    threshold: float = THRESHOLD
    """Cosine from which two pictures are near-duplicates."""
    join: bool = False
    """Keep them together instead of stopping: one group before splitting, or, where a camera is in several parts, what judges
    and looks like what trains is left out."""


@dataclass(frozen=True)
class Remedies:
    """What the command that found near-duplicates can be told, in its own words; empty where it cannot."""

    join: str = ""
    """Keeps those of one site together."""
    sites: str = ""
    """Puts both sites on one side."""
    other: str = ""
    threshold: str = ""
    """Says how alike copies are."""

    def told(self, *, same_site: bool, other_site: bool) -> str:
        """One sentence with those that help: joining is within a site, and moving sites is for pairs of two."""
        ways = [self.join] * same_site + [self.sites] * other_site + [self.other, "remove one of each pair"]
        if self.threshold:
            ways.append(f"where they are no copies, say how alike copies are ({self.threshold}, 1 is the same)")
        *first, last = [way for way in ways if way]
        words = f"{', '.join(first)}, or {last}" if first else last
        return f"{words[:1].upper()}{words[1:]}."


JOIN = "keep those of a site together (--join-near-duplicates)"
ON_FREEZE = Remedies(JOIN, "put both sites on one side (--by site --hold-out SITE)", threshold="--near-duplicate")
ON_FREEZE_BY_SITE = Remedies(
    JOIN, "hold out both sites or neither (--hold-out)", "cut off bars that all show (dataset import --crop)",
    threshold="--near-duplicate",
)  # fmt: skip
ON_FOLDER = Remedies(
    JOIN, "split by site (shoal models dataset freeze --by site) and train on that", threshold="--near-duplicate"
)
ON_SOURCES = Remedies(
    sites="hold out both sites or neither (held_out_sites of the source)",
    other="cut off bars that all show (crop of the source)", threshold="--near-duplicate",
)  # fmt: skip
ON_CHECK = Remedies(other="freeze it again (shoal models dataset freeze), which tells what helps")


class Pair(NamedTuple):
    """Two places in the list of pictures, and how alike they are (cosine, at most 1)."""

    first: int
    second: int
    similarity: float


@dataclass(frozen=True)
class Looks:
    """``numbers`` (S, N, D) describe pictures; ``plain`` (N,) tells those without any feature."""

    numbers: FloatArray
    plain: npt.NDArray[np.bool_]


def describe(located: Sequence[Located], *, watch: Watch = unwatched) -> Looks:
    """Read every picture once.

    Raises:
        DatasetError: one is missing or broken.
    """
    numbers_SND = np.zeros((len(SCALES), len(located), SIDE * SIDE * 3), np.float32)
    plain_N = np.zeros(len(located), bool)
    for place, each in enumerate(watch(located)):
        numbers_SND[:, place], plain_N[place] = describe_frame(read_picture(each.root, each.image))
    return Looks(numbers_SND, plain_N)


def describe_frame(frame: FrameArray) -> tuple[FloatArray, bool]:
    """Description (S, D) of one BGR picture, and whether it is featureless."""
    height, width = frame.shape[:2]
    numbers = np.zeros((len(SCALES), SIDE * SIDE * 3), np.float32)
    plain = False
    for row, scale in enumerate(SCALES):
        top, left = int(height * (1 - scale) / 2), int(width * (1 - scale) / 2)
        part = frame[top : max(height - top, top + 1), left : max(width - left, left + 1)]
        cells = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        lab = np.asarray(cv2.cvtColor(cells, cv2.COLOR_BGR2LAB), np.float32)
        lab -= lab.mean(axis=(0, 1))
        length = float(np.linalg.norm(lab))
        plain = plain or length / SIDE < FEATURELESS
        numbers[row] = (lab / max(length, 1e-6)).ravel()
    return numbers, plain


def find_pairs(
    looks: Looks,
    codes_N: npt.NDArray[np.int_],
    *,
    apart_N: npt.NDArray[np.int_] | None = None,
    threshold: float = THRESHOLD,
    watch: Watch = unwatched,
) -> Iterator[Pair]:
    """Yield the near-duplicates among pictures of different code (and of different ``apart``, where given)."""
    whole_ND, count = looks.numbers[0], len(codes_N)
    turned_VND = [
        _turn(view, quarter, flip=flip) for view in looks.numbers for quarter in range(4) for flip in (False, True)
    ]
    for start in watch(range(0, count, _BLOCK)):
        rows = slice(start, min(start + _BLOCK, count))
        best = np.full((rows.stop - start, count), -1.0, np.float32)
        for view_ND in turned_VND:
            np.maximum(best, whole_ND[rows] @ view_ND.T, out=best)
            # A part of the one and the whole of the other, and the other way round: both are asked in the full square.
        best[(codes_N[rows, None] == codes_N[None]) | looks.plain[rows, None] | looks.plain[None]] = -1
        if apart_N is not None:
            best[apart_N[rows, None] == apart_N[None]] = -1
        for first, second in np.argwhere(best >= threshold):
            yield Pair(int(start + first), int(second), float(best[first, second]))


def _turn(numbers_ND: FloatArray, quarter: int, *, flip: bool) -> FloatArray:
    grid = np.rot90(numbers_ND.reshape(-1, SIDE, SIDE, 3), quarter, (1, 2))
    return np.ascontiguousarray(grid[:, :, ::-1] if flip else grid).reshape(len(numbers_ND), -1)


def join_near_duplicates(
    images: Sequence[DatasetImage],
    looks: Looks,
    *,
    threshold: float = THRESHOLD,
    watch: Watch = unwatched,
) -> list[DatasetImage]:
    """Give pictures of one site that are near-duplicates, directly or through others, one group.

    It is named as that of its oldest picture, where times are known, and among those by the alphabet: whatever the order of the images.
    """
    sites = {site: number for number, site in enumerate(sorted({image.site for image in images}))}
    groups = {group: number for number, group in enumerate(dict.fromkeys(map(group_of, images)))}
    codes_N = np.array([groups[group_of(image)] for image in images])
    site_N = np.array([sites[image.site] for image in images])
    parent = list(range(len(groups)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    for pair in find_pairs(looks, codes_N, threshold=threshold, watch=watch):
        if site_N[pair.first] == site_N[pair.second]:
            one, other = root(int(codes_N[pair.first])), root(int(codes_N[pair.second]))
            parent[max(one, other)] = min(one, other)
    joined = [root(int(code)) for code in codes_N]
    oldest: dict[int, tuple[datetime, str]] = {}
    for image, number in zip(images, joined, strict=True):
        age = (image.captured_at or _NEVER, image.group)
        oldest[number] = min(age, oldest.get(number, age))
    return [image.model_copy(update={"group": oldest[number][1]}) for image, number in zip(images, joined, strict=True)]


def leave_out_of_judging(
    split: Split,
    images: Sequence[DatasetImage],
    looks: Looks,
    *,
    threshold: float = THRESHOLD,
    watch: Watch = unwatched,
) -> tuple[Split, int]:
    """Take out of the other parts what looks like a training picture of another camera of its site; return how many were.

    For :data:`CAMERAS_GO_ON`. One group for them would decide the part of all its pictures, and a picture that comes later could join two
    groups and carry what trained into what judges. So nothing moves: what stays in is where it would be without the others.

    Raises:
        DatasetError: nothing is left of a part.
    """
    part_of = {image.path: part for part, members in split.items() for image in members}
    kept = [place for place, image in enumerate(images) if image.path in part_of]
    mine = [images[place] for place in kept]
    trains_N = np.array([part_of[image.path] == TRAIN for image in mine])
    pairs = find_pairs(
        Looks(looks.numbers[:, kept], looks.plain[kept]), trains_N.astype(int), apart_N=_cameras(mine),
        threshold=threshold, watch=watch,
    )  # fmt: skip
    left_out = set()
    for pair in pairs:
        one, other = mine[pair.first], mine[pair.second]
        if one.site == other.site:
            left_out.add((other if trains_N[pair.first] else one).path)
    result = {part: [image for image in members if image.path not in left_out] for part, members in split.items()}
    for part, members in result.items():
        if not members:
            raise DatasetError(
                "split", part, "Every picture of it looks like one of another camera that trains. Hold out a site (--by site), or bring labels "
                "of other days.",
            )  # fmt: skip
    return result, len(left_out)


def contradictions(images: Sequence[DatasetImage], looks: Looks, *, watch: Watch = unwatched) -> list[str]:
    """Pictures that are one and the same (:data:`SAME`) under different classes, in words: one of the labels is wrong."""
    names = {classes: number for number, classes in enumerate(dict.fromkeys(image.classes for image in images))}
    if len(names) < 2:  # noqa: PLR2004 - one class for all, or boxes alone
        return []
    codes_N = np.array([names[image.classes] for image in images])
    # A crop may be found from one side only.
    found = {tuple(sorted(pair[:2])) for pair in find_pairs(looks, codes_N, threshold=SAME, watch=watch)}
    return [
        f"{images[one].path} and {images[other].path} are one picture under two labels" for one, other in sorted(found)
    ]


def refuse_near_duplicates(
    split: Split,
    images: Sequence[DatasetImage],
    looks: Looks,
    rule: SplitRule,
    *,
    threshold: float = THRESHOLD,
    remedies: Remedies = ON_FREEZE,
    watch: Watch = unwatched,
) -> dict[str, str | int | float]:
    """Stop when pictures of parts that claim to be independent are near-duplicates; return what was compared.

    ``same_video`` and ``between`` claim nothing towards ``train``: they are there to look like it. By time and steadily, pictures of one
    camera may look alike (it hangs where it hung), those of two cameras may not.

    Raises:
        DatasetError: listing the pairs, the most alike first, and the ``remedies`` that help.
    """
    part_of = {image.path: part for part, members in split.items() for image in members}
    known = {part: number for number, part in enumerate(sorted({*part_of.values()} - {SAME_VIDEO, BETWEEN}))}
    known[SAME_VIDEO] = known[BETWEEN] = known.get(TRAIN, len(known))
    kept = [place for place, image in enumerate(images) if image.path in part_of]
    mine = [images[place] for place in kept]
    looks = Looks(looks.numbers[:, kept], looks.plain[kept])
    codes_N = np.array([known[part_of[image.path]] for image in mine])
    apart_N = _cameras(mine) if rule.by in CAMERAS_GO_ON else None
    found: dict[tuple[int, int], float] = {}
    count = between = 0
    for pair in find_pairs(looks, codes_N, apart_N=apart_N, threshold=threshold, watch=watch):
        if threshold >= 1 and mine[pair.first].sha256 != mine[pair.second].sha256:
            continue  # who says 1 means the same file; cells that are equal but for rounding may be of two
        key = (min(pair.first, pair.second), max(pair.first, pair.second))
        if key in found:
            found[key] = max(found[key], pair.similarity)
            continue
        count += 1
        between += mine[pair.first].site != mine[pair.second].site
        if len(found) < MOST_PAIRS:
            found[key] = pair.similarity
    if count:
        raise DatasetError(
            "split",
            f"{count} near-duplicate pairs",
            "They are in parts that claim to be independent:\n"
            + "\n".join(_told(mine, part_of, key, found[key]) for key in sorted(found, key=lambda k: -found[k])[:SHOWN])
            + (f"\n  ... and {count - SHOWN} more" if count > SHOWN else "")
            + "\nA model would be judged on what it was trained on. "
            + remedies.told(same_site=count > between, other_site=between > 0),
        )
    return {
        "method": "lab16", "threshold": threshold, "pairs": 0, "pictures": len(mine),
        "featureless": int(looks.plain.sum()),
    }  # fmt: skip


def _cameras(images: Sequence[DatasetImage]) -> npt.NDArray[Any]:
    """Number of the camera of every image (N,)."""
    names = [f"{image.site}/{image.camera or ''}" for image in images]
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.array([numbers[name] for name in names])


def _told(images: Sequence[DatasetImage], part_of: dict[str, str], key: tuple[int, int], similarity: float) -> str:
    one, other = images[key[0]].path, images[key[1]].path
    return f"  {similarity:.3f}  {part_of[one]}: {one}  =  {part_of[other]}: {other}"
