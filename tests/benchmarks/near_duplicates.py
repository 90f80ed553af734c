"""Near-duplicates: pictures described per second on one core, which altered copies are found, and how often strangers match.

`value` describes a picture as the guard of data sets does; the floor is a difference hash of 8 x 8 bits of the same picture. `details`
has, for each given set of real pictures, the share of copies found by kind of change, and the share of pictures that match one of
another class, which is never a copy. `python -m tests.benchmarks near_duplicates` prints the table of docs/models.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.data.class_folders import import_class_folders
from models.data.frames import Located, read_picture
from models.data.near_duplicates import THRESHOLD, Looks, describe, describe_frame, find_pairs
from models.runtime.preprocess import FrameArray
from tests.benchmarks.harness import paired_rates, result
from tests.benchmarks.quality_series import folder

SETS = ("fish_health", "fish_species")
EVERY = 20
"""Of every so many pictures all copies are made."""
PICTURES = 40


def run(quick: bool) -> dict[str, Any]:
    """Measure; quick leaves the real sets out."""
    rng = np.random.default_rng(1)
    frames = [cv2.resize(rng.integers(0, 255, (8, 12, 3), np.uint8), (360, 202)) for _ in range(PICTURES)]
    pairs = paired_rates(_over(frames, describe_frame), _over(frames, difference_hash), rounds=1 if quick else 3)
    data = None if quick else folder()
    details = {name: of_set(data / name) for name in SETS} if data is not None else {}
    return result("near_duplicates", pairs, unit="pictures/s", details=details | {"threshold": THRESHOLD})


def of_set(source: Path) -> dict[str, Any]:
    """Shares found by kind of change, and strangers that match."""
    images = import_class_folders(source, licence="", provenance="")
    located = [Located(source.parent, image) for image in images]
    looks = describe(located)
    labels = np.unique([image.classes[0] for image in images], return_inverse=True)[1]
    strangers = {pair.first for pair in find_pairs(looks, labels)}
    found: dict[str, list[bool]] = {}
    for place in range(0, len(images), EVERY):
        picture = read_picture(source.parent, located[place].image)
        for name, copy in copies(picture).items():
            found.setdefault(name, []).append(_is_found(picture, copy))
    return {
        "pictures": len(images),
        "found": {name: round(float(np.mean(hits)), 2) for name, hits in found.items()},
        "match_another_class": round(len(strangers) / len(images), 4),
    }


def copies(picture: FrameArray) -> dict[str, FrameArray]:
    """What happens to pictures between two files of one data set."""
    height, width = picture.shape[:2]
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV).astype(int)
    return {
        "jpeg_50": cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], cv2.IMREAD_COLOR),
        "half_size": cv2.resize(picture, (max(8, width // 2), max(8, height // 2)), interpolation=cv2.INTER_AREA),
        "blurred": cv2.GaussianBlur(picture, (0, 0), max(width, height) / 200),
        "mirrored": np.ascontiguousarray(picture[:, ::-1]),
        "quarter_turn": np.ascontiguousarray(np.rot90(picture)),
        "cropped_6_percent_each_side": _cropped(picture, 0.06),
        "cropped_10_percent_each_side": _cropped(picture, 0.10),
        "brighter_by_a_third": np.clip(picture * 1.3 + 15, 0, 255).astype(np.uint8),
        "turned_5_degrees": _turned(picture, 5),
        "turned_10_degrees": _turned(picture, 10),
        "hue_24_degrees": cv2.cvtColor(np.clip(np.add(hsv, (12, 20, 0)), 0, 255).astype(np.uint8), cv2.COLOR_HSV2BGR),
    }


def difference_hash(picture: FrameArray) -> bytes:
    """Is each of 9 x 8 cells brighter than its neighbour?"""
    cells = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (9, 8), interpolation=cv2.INTER_AREA)
    return np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes()


def _is_found(picture: FrameArray, copy: FrameArray) -> bool:
    views = [describe_frame(picture), describe_frame(copy)]
    looks = Looks(np.stack([numbers for numbers, _ in views], axis=1), np.array([plain for _, plain in views]))
    return any(find_pairs(looks, np.arange(2)))


def _over(frames: list[FrameArray], work: Callable[[FrameArray], Any]) -> Callable[[], float]:
    def step() -> float:
        for frame in frames:
            work(frame)
        return float(len(frames))

    return step


def _cropped(picture: FrameArray, share: float) -> FrameArray:
    height, width = picture.shape[:2]
    top, left = int(height * share), int(width * share)
    return picture[top : height - top, left : width - left]


def _turned(picture: FrameArray, degrees: float) -> FrameArray:
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)
