"""The edge's tracker on a simulated school whose fish have names, against greedy overlap matching without a filter.

Boxes are the truth made worse the way a detector does it: jitter, misses, low scores behind other fish, clutter. MOTA and
switches after Bernardin and Stiefelhagen 2008, IDF1 after Ristani et al. 2016, at IoU 0.5. Where the real data is at hand,
a labelled video of wild fish (no identities) tells how many boxes are followed and whether a hidden box is bridged.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.vision import Box
from edge.inference.engine import UNSURE_SHARE
from edge.inference.tracker import NOT_TRACKED, Tracker, TrackerOptions, assign
from models.runtime import BundleError, Detector, load_bundle, open_session, shipped_bundle
from shoal.simulate.fish import FishScene
from tests.benchmarks.harness import Pair, result
from tests.servers.presence import ROOT

Array = npt.NDArray[np.float64]
Update = Callable[[Array, Array, float], Sequence[int] | npt.NDArray[np.int64]]
WIDTH, HEIGHT = 640, 360
VIDEO = "7268_F1"
VIDEO_FPS = 10.0


@dataclass
class Scene:
    """Frames of one camera: when, true boxes with their fish, and what a detector would say."""

    times_s: list[float] = field(default_factory=list)
    truth: list[tuple[Array, list[int]]] = field(default_factory=list)
    found: list[tuple[Array, Array]] = field(default_factory=list)


@dataclass
class Score:
    """Counts over a scene."""

    truth: int = 0
    missed: int = 0
    false: int = 0
    switches: int = 0
    mota: float = 0.0
    idf1: float = 0.0
    tracks: int = 0


def run(quick: bool) -> dict[str, Any]:
    """Score both trackers on the same scenes at several frame rates."""
    seeds, seconds = ((1,), 20.0) if quick else ((1, 2, 3), 60.0)
    conditions = {f"{fish} fish, {fps:g} fps": (fish, fps) for fish in (8, 25) for fps in (2.0, 5.0, 10.0)}
    pairs, table = [], {}
    cost_us: list[float] = []
    for name, (fish, fps) in conditions.items():
        ours, floor = Score(), Score()
        for seed in seeds:
            scene = simulate(seed, fish=fish, fps=fps, seconds=seconds)
            _add(ours, follow(scene, Tracker().update))
            tracker, began = Tracker(), time.process_time()
            for at_s, (boxes, scores) in zip(scene.times_s, scene.found, strict=True):
                tracker.update(boxes, scores, at_s)
            cost_us.append((time.process_time() - began) / len(scene.times_s) * 1e6)
            _add(floor, follow(scene, GreedyOverlap().update))
        for score in (ours, floor):
            score.mota, score.idf1 = score.mota / len(seeds), score.idf1 / len(seeds)
        pairs.append(Pair(ours=ours.idf1, floor=floor.idf1, details={"condition": name}))
        table[name] = {"ours": _shown(ours), "greedy": _shown(floor)}
    details: dict[str, Any] = {"conditions": table, "cpu_us_per_frame": round(float(np.median(cost_us)))}
    details["fish-detector, 8 fish, 10 fps"] = with_shipped_detector(10.0 if quick else 40.0)
    video = labelled_video()
    if video is not None:
        details["video_7268_F1"] = bridged(video)
    return result("tracking", pairs, unit="IDF1", details=details)


def simulate(seed: int, *, fish: int, fps: float, seconds: float, place: str = "tank") -> Scene:
    """A school before a camera, seen through a detector that jitters, misses and invents."""
    school = FishScene(seed, WIDTH, HEIGHT, fish, place="net_pen" if place == "net_pen" else "tank")
    rng = np.random.default_rng(seed)
    scene = Scene()
    for frame in range(int(seconds * fps)):
        school.step(1 / fps)
        _, boxes = school.render()
        corners = _pixels(boxes)
        scene.times_s.append(frame / fps)
        scene.truth.append((corners, list(school.in_view)))
        scene.found.append(detected(corners, rng))
    return scene


def detected(corners: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """What a fair detector makes of true boxes: 4 % jitter, 12 % missed, unsure where fish overlap, some clutter."""
    count = len(corners)
    size = np.maximum(corners[:, 2:] - corners[:, :2], 1)
    noisy = corners + np.tile(size, 2) * rng.normal(0, 0.04, (count, 4))
    hidden = (overlaps(corners, corners) - np.eye(count) > 0.15).any(axis=1) if count else np.zeros(0, bool)
    scores = np.clip(rng.normal(np.where(hidden, 0.38, 0.7), 0.15), 0.02, 1.0)
    kept = (rng.random(count) > 0.12) & (scores > 0.1)
    clutter = rng.poisson(0.3)
    place = rng.uniform(0, 1, (clutter, 2)) * [WIDTH * 0.9, HEIGHT * 0.9]
    extra = np.concatenate([place, place + rng.uniform(15, 60, (clutter, 2))], axis=1)
    boxes = np.concatenate([noisy[kept], extra])
    return boxes, np.concatenate([scores[kept], rng.uniform(0.1, 0.5, clutter)])


def with_shipped_detector(seconds: float) -> dict[str, Any] | None:
    """The same with the boxes of the shipped detector on the rendered frames; None where none is shipped."""
    try:
        bundle = load_bundle(shipped_bundle("fish-detector"))
    except BundleError:
        return None
    detector = Detector(open_session(bundle), threshold=bundle.manifest.threshold * UNSURE_SHARE)
    school, scene = FishScene(4, WIDTH, HEIGHT, 8), Scene()
    for frame in range(int(seconds * 10)):
        school.step(0.1)
        image, boxes = school.render()
        found = detector.detect([image])[0]
        scene.times_s.append(frame / 10)
        scene.truth.append((_pixels(boxes), list(school.in_view)))
        scene.found.append((_pixels([one.box for one in found]), np.array([one.confidence for one in found])))
    options = TrackerOptions(high=bundle.manifest.threshold)
    return {
        "ours": _shown(follow(scene, Tracker(options).update)),
        "greedy": _shown(follow(scene, GreedyOverlap().update)),
    }


def _pixels(boxes: Sequence[Box]) -> Array:
    corners = np.array([[b.x, b.y, b.x + b.w, b.y + b.h] for b in boxes]).reshape(-1, 4)
    return np.asarray(corners * [WIDTH, HEIGHT, WIDTH, HEIGHT])


class GreedyOverlap:
    """The floor: each box continues the track of the last frame that it overlaps most, else begins one."""

    def __init__(self) -> None:
        self._boxes = np.zeros((0, 4))
        self._ids: list[int] = []
        self._next = 0

    def update(self, boxes: Array, scores: Array, _at_s: float) -> list[int]:
        """Ids of the detections; those below 0.35 have none."""
        sure = np.flatnonzero(scores >= 0.35)
        table = overlaps(self._boxes, boxes[sure])
        ids = [NOT_TRACKED] * len(boxes)
        while table.size and table.max() > 0.2:
            row, column = np.unravel_index(int(table.argmax()), table.shape)
            ids[sure[column]] = self._ids[row]
            table[row, :] = table[:, column] = 0
        for index in sure:
            if ids[index] == NOT_TRACKED:
                ids[index], self._next = self._next, self._next + 1
        self._boxes, self._ids = boxes[sure], [ids[index] for index in sure]
        return ids


def follow(scene: Scene, update: Update) -> Score:
    """Run a tracker over a scene and score it."""
    score, last, together = Score(), dict[int, int](), dict[tuple[int, int], int]()
    seen, said = dict[int, int](), dict[int, int]()
    for at_s, (boxes, fish), (found, scores) in zip(scene.times_s, scene.truth, scene.found, strict=True):
        ids = np.asarray(update(found, scores, at_s))
        tracked = np.flatnonzero(ids != NOT_TRACKED)
        table = overlaps(boxes, found[tracked])
        for row, one in enumerate(fish):  # a match of the frame before is kept while it holds
            for column, index in enumerate(tracked):
                if last.get(one) == ids[index] and table[row, column] >= 0.5:
                    table[row, column] += 1
        rows, columns = assign(table, 0.5)
        for row, column in zip(rows, columns, strict=True):
            one, track = fish[row], int(ids[tracked[column]])
            score.switches += one in last and last[one] != track
            last[one] = track
            together[one, track] = together.get((one, track), 0) + 1
        score.truth += len(fish)
        score.missed += len(fish) - len(rows)
        score.false += len(tracked) - len(columns)
        for one in fish:
            seen[one] = seen.get(one, 0) + 1
        for index in tracked:
            said[int(ids[index])] = said.get(int(ids[index]), 0) + 1
    score.mota = 1 - (score.missed + score.false + score.switches) / max(score.truth, 1)
    names, tracks = list(seen), list(said)
    shared = np.array([[float(together.get((n, t), 0)) for t in tracks] for n in names]).reshape(
        len(names), len(tracks)
    )
    rows, columns = assign(shared, 0.5)
    score.idf1 = 2 * float(shared[rows, columns].sum()) / max(score.truth + sum(said.values()), 1)
    score.tracks = len(said)
    return score


def labelled_video() -> list[tuple[float, Array]] | None:
    """Time and boxes in pixels of the labelled frames of the video (some are left out), None where the data is not at hand."""
    data = Path(os.environ.get("SHOAL_TEST_DATA") or ROOT.parent / "shared" / "data") / "fish_detection"
    if not (data / "index.csv").is_file():
        return None
    with (data / "index.csv").open(encoding="utf-8") as lines:
        names = {int(row["frame"]): Path(row["path"]).stem for row in csv.DictReader(lines) if row["sequence"] == VIDEO}
    frames = []
    for number, name in sorted(names.items()):
        rows = [line.split()[1:5] for line in (data / "labels" / f"{name}.txt").read_text().splitlines()]
        centred = np.array(rows, float).reshape(-1, 4) * 360
        corners = np.concatenate([centred[:, :2] - centred[:, 2:] / 2, centred[:, :2] + centred[:, 2:] / 2], axis=1)
        frames.append((number / VIDEO_FPS, corners))
    return frames


def bridged(frames: list[tuple[float, Array]]) -> dict[str, Any]:
    """Labels of real fish have no names. Measured: boxes followed, tracks made, and hidden frames that keep their numbers.

    Three frames are hidden at many places; a fish that the tracker followed across them when it saw them should keep its
    number when it does not.
    """
    tracker = Tracker()
    plain = [tracker.update(boxes, np.ones(len(boxes)), at_s) for at_s, boxes in frames]
    kept = gaps = 0
    for start in range(10, len(frames) - 6, 7):
        before, after = plain[start - 1], plain[start + 3]
        lasting = [one for one in before if one != NOT_TRACKED and one in after]
        again = Tracker()
        ids: list[npt.NDArray[np.int64]] = []
        for number in range(start - 8, start + 4):
            at_s, boxes = frames[number]
            boxes = boxes[:0] if start <= number < start + 3 else boxes
            ids.append(again.update(boxes, np.ones(len(boxes)), at_s))
        for one in lasting:
            old, new = ids[7][list(before).index(one)], ids[-1][list(after).index(one)]
            gaps += 1
            kept += bool(old == new and new != NOT_TRACKED)
    return {
        "frames": len(frames),
        "boxes": sum(map(len, plain)),
        "boxes_followed": sum(int((ids != NOT_TRACKED).sum()) for ids in plain),
        "tracks": len({int(one) for ids in plain for one in ids if one != NOT_TRACKED}),
        "fish_over_hidden_frames": gaps,
        "fish_that_kept_their_number": kept,
    }


def overlaps(first: Array, second: Array) -> Array:
    """IoU of every pair of corner boxes."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-9))


def _add(total: Score, one: Score) -> None:
    for name in ("truth", "missed", "false", "switches", "mota", "idf1", "tracks"):
        setattr(total, name, getattr(total, name) + getattr(one, name))


def _shown(score: Score) -> dict[str, Any]:
    return {
        "mota": round(score.mota, 3),
        "idf1": round(score.idf1, 3),
        "switches": score.switches,
        "boxes": score.truth,
        "tracks": score.tracks,
    }
