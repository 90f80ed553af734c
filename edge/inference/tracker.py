"""Detections of successive frames become tracks: ByteTrack's two-stage association over a constant-velocity filter.

After Zhang et al. 2022, "ByteTrack: Multi-Object Tracking by Associating Every Detection Box" (arXiv 2110.06864): sure
boxes are matched first, then the unsure ones with the tracks that are left, because a fish half behind another still
scores a little. Two things differ for farm cameras. Time is in seconds, not frames, so dropped frames do not matter. And
boxes are widened before they are compared by how far the fish may have gone (Yang et al. 2023, arXiv 2211.14317), so
that two frames per second suffice for calm fish. numpy only; no clocks, no images.

An id means "the same box seen again", not a fish for life: in a dense school ids are exchanged, so reports give
densities and flows, not individuals.

Array suffixes: T tracks, N detections, 4 centre x, centre y, width, height in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MAX_TRACKS = 1000
"""Tracks followed at once; beyond it the longest unseen go. Bounds time and memory whatever a model reports."""
NOT_TRACKED = -1
WELL_KNOWN = 4
"""Sightings after which a track is surely no clutter."""


@dataclass(frozen=True)
class TrackerOptions:
    """What may be tuned; lengths are relative to the box, so that near and far fish are treated alike."""

    high: float = 0.35
    """Score from which a detection is sure: it may begin a track."""
    low: float = 0.1
    """Score below which a detection is ignored; between the two it may only continue a track."""
    similarity: float = 0.2
    """Least overlap (IoU of the widened boxes) of a sure detection with its track."""
    low_similarity: float = 0.4
    """The same for an unsure detection: it has to fit better."""
    lost_s: float = 2.0
    """Seconds that a hidden fish is waited for before its track ends."""
    lost_frames: int = 3
    """Frames that it is waited for at least, for slow cameras."""
    acceleration: float = 1.5
    """How abruptly fish turn, in box lengths per second squared (standard deviation)."""
    speed: float = 1.5
    """How fast an unknown fish may be, in box lengths per second (standard deviation)."""
    position_noise: float = 0.08
    """Jitter of the detector's boxes, in box lengths (standard deviation)."""
    widen: float = 0.6
    """Boxes are widened by this many standard deviations of the predicted position, at most by one box length."""
    confirm_hits: int = 2
    """Sightings after which a track counts."""


class _Stage:
    """Life of a track; plain numbers, as they stand in an array."""

    TENTATIVE = 0
    TRACKED = 1
    LOST = 2


@dataclass
class _Tracks:
    """All tracks as columns. Position and speed of each coordinate have their own 2x2 covariance pp pv vv."""

    position: FloatArray
    speed: FloatArray
    pp: FloatArray
    pv: FloatArray
    vv: FloatArray
    id: IntArray
    stage: IntArray
    hits: IntArray
    misses: IntArray
    seen_s: FloatArray

    @classmethod
    def none(cls) -> _Tracks:
        """No tracks."""
        wide, whole = np.zeros((0, 4)), np.zeros(0, np.int64)
        return cls(wide, wide, wide, wide, wide, whole, whole, whole, whole, np.zeros(0))

    def __len__(self) -> int:
        return len(self.id)

    def where(self, keep: npt.NDArray[Any]) -> _Tracks:
        """Those that ``keep`` (mask or indices) selects."""
        return _Tracks(*[getattr(self, column)[keep] for column in _COLUMNS])

    def plus(self, other: _Tracks) -> _Tracks:
        """These and the others."""
        return _Tracks(*[np.concatenate([getattr(self, c), getattr(other, c)]) for c in _COLUMNS])


_COLUMNS = tuple(column.name for column in fields(_Tracks))


class Tracker:
    """Follows what one camera's detector sees.

    Args:
        options: see there.
        first_id: number of the first track.
    """

    def __init__(self, options: TrackerOptions | None = None, *, first_id: int = 1) -> None:
        self.options = options or TrackerOptions()
        self.next_id = first_id
        """Number of the next track."""
        self._tracks = _Tracks.none()
        self._at_s: float | None = None

    def update(self, boxes_N4: npt.NDArray[Any], scores_N: npt.NDArray[Any], at_s: float) -> IntArray:
        """Take one frame's detections into account.

        Args:
            boxes_N4: corners x0 y0 x1 y1 in pixels (of any scale, the same for both axes).
            scores_N: confidence of each, 0 to 1; include the unsure ones down to ``options.low``.
            at_s: monotonic time of the frame in seconds; a frame that is not later than the last changes nothing.

        Returns:
            The track id of each detection, ``NOT_TRACKED`` where it has none (yet).
        """
        ids = np.full(len(scores_N), NOT_TRACKED, np.int64)
        if self._at_s is not None and at_s <= self._at_s:
            return ids
        first = self._at_s is None
        self._predict(0.0 if self._at_s is None else at_s - self._at_s)
        self._at_s = at_s
        options, scores = self.options, np.asarray(scores_N, np.float64)
        found_N4 = _centred(np.asarray(boxes_N4, np.float64).reshape(-1, 4))
        sure = np.flatnonzero(scores >= options.high)
        unsure = np.flatnonzero((scores >= options.low) & (scores < options.high))
        known = np.flatnonzero(self._tracks.stage != _Stage.TENTATIVE)
        tentative = np.flatnonzero(self._tracks.stage == _Stage.TENTATIVE)
        matched = np.full(len(scores), -1, np.int64)

        known, sure = self._match(known, sure, found_N4, matched, options.similarity)
        visible = known[self._tracks.stage[known] == _Stage.TRACKED]
        self._match(visible, unsure, found_N4, matched, options.low_similarity)
        _, sure = self._match(tentative, sure, found_N4, matched, options.similarity)

        self._correct(matched, found_N4, at_s)
        self._begin(sure, found_N4, matched, at_s, certain=first)
        seen = matched >= 0
        confirmed = self._tracks.stage[matched[seen]] == _Stage.TRACKED
        ids[np.flatnonzero(seen)[confirmed]] = self._tracks.id[matched[seen]][confirmed]
        self._forget(at_s)
        return ids

    def vanished(self) -> FloatArray:
        """Where the well-known tracks should be that the last frame, for the first time, does not show: (V, 4)."""
        t = self._tracks
        gone = (t.stage == _Stage.LOST) & (t.misses == 1) & (t.hits >= WELL_KNOWN)
        return np.asarray(t.position[gone])

    @property
    def following(self) -> int:
        """Tracks that count and were seen in the last frame."""
        return int(np.count_nonzero(self._tracks.stage == _Stage.TRACKED))

    def _predict(self, dt: float) -> None:
        """Move every track on by ``dt`` seconds: white-noise acceleration, per coordinate."""
        t = self._tracks
        noise = (self.options.acceleration * _length(t.position))[:, None] ** 2 * np.array([1.0, 1.0, 0.1, 0.1])
        t.position = t.position + dt * t.speed
        t.position[:, 2:] = np.maximum(t.position[:, 2:], 1e-6)
        t.pp = t.pp + 2 * dt * t.pv + dt * dt * t.vv + noise * dt**4 / 4
        t.pv = t.pv + dt * t.vv + noise * dt**3 / 2
        t.vv = t.vv + noise * dt * dt

    def _match(
        self, tracks: IntArray, found: IntArray, found_N4: FloatArray, matched: IntArray, least: float
    ) -> tuple[IntArray, IntArray]:
        """Assign detections to tracks by overlap, write it into ``matched``; return the tracks and detections left."""
        if not len(tracks) or not len(found):
            return tracks, found
        position = self._tracks.position[tracks]
        room = np.sqrt(self._tracks.pp[tracks, :2].max(axis=1)) * self.options.widen
        room = np.minimum(room, _length(position))
        overlap_TN = _overlap(position, found_N4[found], room)
        rows, columns = assign(overlap_TN, least)
        matched[found[columns]] = tracks[rows]
        return np.delete(tracks, rows), np.delete(found, columns)

    def _correct(self, matched: IntArray, found_N4: FloatArray, at_s: float) -> None:
        """Let the matched tracks learn from their detections; the others were missed once more."""
        t = self._tracks
        seen = np.flatnonzero(matched >= 0)
        rows = matched[seen]
        missed = np.ones(len(t), bool)
        missed[rows] = False
        t.misses[missed] += 1
        t.stage[missed & (t.stage == _Stage.TRACKED)] = _Stage.LOST
        noise = (self.options.position_noise * _length(t.position[rows]))[:, None] ** 2
        gain = t.pp[rows] / (t.pp[rows] + noise)
        speed_gain = t.pv[rows] / (t.pp[rows] + noise)
        surprise = found_N4[seen] - t.position[rows]
        t.position[rows] += gain * surprise
        t.speed[rows] += speed_gain * surprise
        t.vv[rows] -= speed_gain * t.pv[rows]
        t.pv[rows] *= 1 - gain
        t.pp[rows] *= 1 - gain
        t.hits[rows] += 1
        t.misses[rows] = 0
        t.seen_s[rows] = at_s
        sure = (t.stage[rows] != _Stage.TENTATIVE) | (t.hits[rows] >= self.options.confirm_hits)
        t.stage[rows[sure]] = _Stage.TRACKED

    def _begin(self, new: IntArray, found_N4: FloatArray, matched: IntArray, at_s: float, *, certain: bool) -> None:
        """Sure detections without a track begin one; those of the very first frame count at once."""
        new = new[: MAX_TRACKS - min(len(self._tracks), MAX_TRACKS)]
        count = len(new)
        if not count:
            return
        matched[new] = len(self._tracks) + np.arange(count)
        boxes, length = found_N4[new], _length(found_N4[new])[:, None]
        variance = np.ones(4) * (self.options.position_noise * length) ** 2
        speed_variance = np.array([1, 1, 0.05, 0.05]) * (self.options.speed * length) ** 2
        stage = _Stage.TRACKED if certain or self.options.confirm_hits <= 1 else _Stage.TENTATIVE
        ids = self.next_id + np.arange(count)
        self.next_id += count
        self._tracks = self._tracks.plus(
            _Tracks(
                position=boxes,
                speed=np.zeros((count, 4)),
                pp=variance,
                pv=np.zeros((count, 4)),
                vv=speed_variance,
                id=ids,
                stage=np.full(count, stage, np.int64),
                hits=np.ones(count, np.int64),
                misses=np.zeros(count, np.int64),
                seen_s=np.full(count, at_s),
            )
        )

    def _forget(self, at_s: float) -> None:
        """End tentative tracks that were missed once and lost ones that were waited for long enough."""
        t, options = self._tracks, self.options
        gone = (t.stage == _Stage.TENTATIVE) & (t.misses > 0)
        gone |= (at_s - t.seen_s > options.lost_s) & (t.misses > options.lost_frames)
        kept = t.where(~gone) if gone.any() else t
        if len(kept) >= MAX_TRACKS:
            kept = kept.where(np.sort(np.argsort(-kept.seen_s, kind="stable")[: MAX_TRACKS * 3 // 4]))
        self._tracks = kept


def assign(score_RC: FloatArray, least: float) -> tuple[IntArray, IntArray]:
    """Pair rows with columns so that the sum of ``score - least`` is largest; pairs below ``least`` are not made.

    The Hungarian method by shortest augmenting paths (Kuhn 1955; Jonker and Volgenant 1987), O(rows^2 columns). Every row
    has a dummy column worth ``least`` of its own, which is how it stays alone.

    Returns:
        Row and column indices of the pairs.
    """
    gain = np.where(score_RC >= least, score_RC - least, 0.0)
    rows, columns = _obvious(gain)
    if gain.any():
        left_rows, left_columns = np.flatnonzero(gain.any(axis=1)), np.flatnonzero(gain.any(axis=0))
        pairs = _augment(gain[np.ix_(left_rows, left_columns)])
        rows = np.concatenate([rows, left_rows[pairs[0]]])
        columns = np.concatenate([columns, left_columns[pairs[1]]])
    return rows, columns


def _obvious(gain: FloatArray) -> tuple[IntArray, IntArray]:
    """Take pairs that need no deliberation out of ``gain``: worth at least what both could have with others, together.

    Whoever parts such a pair gains no more than the pair was worth. On most frames that is every fish.
    """
    found: list[tuple[IntArray, IntArray]] = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    while gain.size:
        every_row, every_column = np.arange(gain.shape[0]), np.arange(gain.shape[1])
        best_column, best_row = gain.argmax(axis=1), gain.argmax(axis=0)
        worth = gain[every_row, best_column]
        without = gain.copy()
        without[every_row, best_column] = 0.0
        else_row = without.max(axis=1)
        without[every_row, best_column] = worth
        without[best_row, every_column] = 0.0
        else_column = without.max(axis=0)[best_column]
        mutual = best_row[best_column] == every_row
        rows = np.flatnonzero(mutual & (worth > 0) & (worth >= else_row + else_column))
        if not len(rows):
            break
        columns = best_column[rows]
        gain[rows] = 0.0
        gain[:, columns] = 0.0
        found.append((rows, columns))
    return np.concatenate([r for r, _ in found]), np.concatenate([c for _, c in found])


def _augment(gain: FloatArray) -> tuple[IntArray, IntArray]:
    """The pairs of the largest total gain; no pair where there is no gain."""
    count, width = gain.shape
    cost = np.concatenate([-gain, np.zeros((count, count))], axis=1)
    owner = np.full(width + count, -1, np.int64)
    row_price, column_price = np.zeros(count), np.zeros(width + count)
    for start in range(count):
        row, column = start, -1
        nearest = np.full(width + count, np.inf)
        came_from = np.full(width + count, -1, np.int64)
        done = np.zeros(width + count, bool)
        path_rows: list[int] = [start]
        path_columns: list[int] = []
        while True:
            reach = cost[row] - row_price[row] - column_price
            better = ~done & (reach < nearest)
            nearest[better] = reach[better]
            came_from[better] = column
            open_ = np.where(done, np.inf, nearest)
            column = int(open_.argmin())
            step = open_[column]
            row_price[path_rows] += step
            column_price[path_columns] -= step
            nearest[~done] -= step
            done[column] = True
            path_columns.append(column)
            if owner[column] < 0:
                break
            row = int(owner[column])
            path_rows.append(row)
        while column >= 0:
            before = int(came_from[column])
            owner[column] = start if before < 0 else owner[before]
            column = before
    taken = np.flatnonzero((owner[:width] >= 0) & (gain[owner[:width], np.arange(width)] > 0))
    return owner[taken], taken


def _centred(corners_N4: FloatArray) -> FloatArray:
    low, high = corners_N4[:, :2], corners_N4[:, 2:]
    return np.concatenate([(low + high) / 2, np.maximum(high - low, 1e-6)], axis=1)


def _length(boxes_N4: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(boxes_N4[:, 2], boxes_N4[:, 3]))


def _overlap(first_T4: FloatArray, second_N4: FloatArray, room_T: FloatArray) -> FloatArray:
    """IoU of every pair, (T, N), both boxes widened on all sides by the track's ``room``."""
    half_T = first_T4[:, None, 2:] / 2 + room_T[:, None, None]
    half_TN = second_N4[None, :, 2:] / 2 + room_T[:, None, None]
    apart = np.abs(first_T4[:, None, :2] - second_N4[None, :, :2])
    shared = np.clip(half_T + half_TN - apart, 0.0, 2 * np.minimum(half_T, half_TN)).prod(axis=2)
    union = (2 * half_T).prod(axis=2) + (2 * half_TN).prod(axis=2) - shared
    return np.asarray(shared / union)
