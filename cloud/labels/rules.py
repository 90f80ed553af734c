"""Who gets which frame, how far people agree, and what makes a label. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from uuid import UUID

from contracts.samples import LabelledBox
from contracts.vision import Box

LEASE = timedelta(minutes=15)
"""How long a frame is one person's before others get it; every look at it renews the lease."""
SAME = 0.5
"""Overlap (IoU) from which two boxes are one object."""
CANDIDATES = 60
"""Frames at the head of the queue among which the next one is chosen."""
RECENT = 20
"""Labels that were given last: a camera that is among them often waits."""
CROWDED = 0.15
"""Taken from a frame's priority for every one of the recent labels that its camera has had."""
NOTHING = "(nothing)"
"""What an annotator called an object that they did not mark, for the kappa."""
EDGE = 1e-6


@dataclass(frozen=True)
class Candidate:
    """A frame that may be next."""

    id: UUID
    camera: str
    priority: float


def next_order(candidates: Iterable[Candidate], recent: Iterable[str]) -> list[Candidate]:
    """The frames to offer, best first: by priority, less what their camera has had of the recent labels.

    So a camera that makes many hard frames does not take a whole sitting. A frame that a person marked (priority above 2) stays
    before every other as long as its camera has had less than half of the recent labels.
    """
    had = Counter(recent)
    return sorted(candidates, key=lambda one: (-(one.priority - CROWDED * had[one.camera]), one.id))


def iou(a: Box, b: Box) -> float:
    """Overlap of two boxes: shared area by covered area, 0 to 1."""
    width = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    height = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a.w * a.h + b.w * b.h - shared)


def match(mine: Sequence[LabelledBox], theirs: Sequence[LabelledBox]) -> list[tuple[int, int, float]]:
    """Pairs of boxes that are one object, by greatest overlap first, whatever they are called."""
    overlaps = [
        (overlap, i, j)
        for i, a in enumerate(mine)
        for j, b in enumerate(theirs)
        if (overlap := iou(a.box, b.box)) >= SAME
    ]
    pairs: list[tuple[int, int, float]] = []
    taken_i: set[int] = set()
    taken_j: set[int] = set()
    for overlap, i, j in sorted(overlaps, key=lambda each: (-each[0], each[1], each[2])):
        if i not in taken_i and j not in taken_j:
            pairs.append((i, j, overlap))
            taken_i.add(i)
            taken_j.add(j)
    return pairs


@dataclass(frozen=True)
class Answer:
    """What one person says of one frame."""

    boxes: Sequence[LabelledBox] = ()
    classes: Sequence[str] = ()
    scores: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Agreement:
    """How far two answers are one."""

    overall: float
    """Mean of the parts that either answer has, 0 to 1."""
    boxes: float | None
    """F1 of boxes with the same class that overlap; None when neither drew any."""
    overlap: float | None
    """Mean IoU of the objects that both marked."""
    classes: float | None
    """Share of the frame's classes that both gave; None when neither gave any."""
    scores: float | None
    """1 less the mean difference of the scores that both gave."""


def agreement(mine: Answer, theirs: Answer) -> Agreement:
    """Compare two answers for the same frame. Two that both say "nothing is here" agree wholly."""
    pairs = match(mine.boxes, theirs.boxes)
    total = len(mine.boxes) + len(theirs.boxes)
    same = sum(mine.boxes[i].label == theirs.boxes[j].label for i, j, _ in pairs)
    boxes = 2 * same / total if total else None
    either, both = set(mine.classes) | set(theirs.classes), set(mine.classes) & set(theirs.classes)
    classes = len(both) / len(either) if either else None
    a, b = mine.scores or {}, theirs.scores or {}
    shared = sorted(set(a) & set(b))
    scores = 1 - sum(abs(a[name] - b[name]) for name in shared) / len(shared) if shared else None
    parts = [part for part in (boxes, classes, scores) if part is not None]
    return Agreement(
        overall=sum(parts) / len(parts) if parts else 1.0,
        boxes=boxes,
        overlap=sum(overlap for *_, overlap in pairs) / len(pairs) if pairs else None,
        classes=classes,
        scores=scores,
    )


def mean_agreement(answers: Sequence[Answer]) -> float | None:
    """Mean over all pairs; None with fewer than two answers."""
    pairs = [agreement(a, b).overall for a, b in combinations(answers, 2)]
    return sum(pairs) / len(pairs) if pairs else None


def called(mine: Answer, theirs: Answer) -> list[tuple[str, str]]:
    """What each of two people called every object that either marked, and every class that either gave the frame."""
    pairs = match(mine.boxes, theirs.boxes)
    found = [(mine.boxes[i].label, theirs.boxes[j].label) for i, j, _ in pairs]
    seen_i, seen_j = {i for i, *_ in pairs}, {j for _, j, _ in pairs}
    found += [(box.label, NOTHING) for i, box in enumerate(mine.boxes) if i not in seen_i]
    found += [(NOTHING, box.label) for j, box in enumerate(theirs.boxes) if j not in seen_j]
    given = sorted(set(mine.classes) | set(theirs.classes))
    return found + [
        (name if name in mine.classes else NOTHING, name if name in theirs.classes else NOTHING) for name in given
    ]


def kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Cohen's kappa: agreement beyond chance, 1 perfect, 0 as by chance (Cohen 1960, doi:10.1177/001316446002000104).

    None without objects, or where both always said one and the same thing, for then chance alone explains everything.
    """
    if not pairs:
        return None
    total = len(pairs)
    observed = sum(a == b for a, b in pairs) / total
    mine, theirs = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    expected = sum(mine[name] * theirs[name] for name in mine) / total**2
    return None if expected >= 1 - EDGE else (observed - expected) / (1 - expected)


def box_fault(box: Box) -> str | None:
    """Why a box cannot be one, or None."""
    if box.w <= 0 or box.h <= 0:
        return f"its width {box.w} and height {box.h} must be above 0"
    if box.x + box.w > 1 + EDGE or box.y + box.h > 1 + EDGE:
        return "it reaches beyond the picture: x + w and y + h may be 1 at most"
    return None


def unknown_names(
    answer: Answer, *, classes: Sequence[str], image_classes: Sequence[str], scores: Sequence[str]
) -> list[tuple[str, str]]:
    """(where, name) of everything that the organization's settings do not know."""
    found = [(f"boxes.{i}.label", box.label) for i, box in enumerate(answer.boxes) if box.label not in classes]
    found += [(f"classes.{i}", name) for i, name in enumerate(answer.classes) if name not in image_classes]
    return found + [(f"scores.{name}", name) for name in answer.scores or {} if name not in scores]


def status_after(labels: int, wanted: int) -> str:
    """Where a frame is in the queue with so many labels that count."""
    return "review" if labels >= wanted else "open"
