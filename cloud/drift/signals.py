"""What can drift, and what a comparison says of it: names and figures that need no arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeAlias

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DAY_HOURS = 24


class Family(str, Enum):
    """What drifted."""

    INPUT = "input"
    """The pictures."""
    PREDICTION = "prediction"
    """What the model says of them."""
    PERFORMANCE = "performance"
    """How often people say that it is wrong."""


class Signal(str, Enum):
    """One number per hour."""

    IMAGE_QUALITY = "image_quality"
    LIGHT = "light"
    GLARE = "glare"
    CLARITY = "clarity"
    CLEAN = "clean"
    EMBEDDING = "embedding"
    """How far the pictures lie from those that the model was trained on, where it tells."""
    CONFIDENCE = "confidence"
    COUNT = "count"
    CLASSES = "classes"
    """The mix of labels."""
    ERRORS = "errors"
    """Answers that people called wrong."""

    @property
    def family(self) -> Family:
        """What it tells of."""
        if self is Signal.ERRORS:
            return Family.PERFORMANCE
        return Family.PREDICTION if self in _PREDICTION else Family.INPUT


_PREDICTION = frozenset({Signal.CONFIDENCE, Signal.COUNT, Signal.CLASSES})
HOURLY = tuple(one for one in Signal if one not in {Signal.CLASSES, Signal.ERRORS})
"""Signals that are a number per hour."""


@dataclass(frozen=True)
class Tuning:
    """What counts as drift. The defaults are those of the table in docs/models.md."""

    reference_days: int = 28
    """Days after a version began at a unit that it is compared with."""
    least_days: int = 14
    """Days of reference without which nothing is judged."""
    window_days: int = 7
    """Newest days that are compared: one of each day of the week."""
    short_days: int = 2
    """The same, for a change so large that two days tell."""
    alpha: float = 0.001
    """Probability of chance that is accepted, of one comparison."""
    psi: float = 0.25
    """Population stability index from which a change is large enough to matter."""
    shift: float = 1.0
    """The same for a sudden change, in spreads of the reference."""
    delta: float = 0.002
    """Of ADWIN."""
    days_in_a_row: int = 2
    """A comparison must say so on so many days before it is told."""
    least_judged: int = 20
    """Answers that people have looked at, before and now, without which errors say nothing."""
    alpha_mix: float = 0.01
    """Probability of chance for the mix of labels: its days are few."""
    alpha_errors: float = 0.01
    """Probability of chance for errors: they are few, and cost people's time."""
    rise_points: float = 5.0
    """Percentage points of errors that are worth telling."""
    least_hours: int = 6
    """Hours that make a day count."""


class DriftVerdict(str, Enum):
    """What a comparison has shown."""

    LEARNING = "learning"
    """The reference is not complete."""
    STABLE = "stable"
    DRIFT = "drift"


@dataclass(frozen=True)
class Comparison:
    """The newest days against the reference.

    Attributes:
        psi: population stability index of the residuals over tenths of the reference.
        ks: largest distance of the two distributions, from 0 to 1.
        p: probability of such a distance by chance, with the effective numbers.
        shift: of the mean, in spreads of the reference.
        days: length of the window that these figures are of.
        effective: independent numbers that the reference and the window are worth.
        changed_at: when a sudden change began, where ADWIN found one.
    """

    verdict: DriftVerdict
    psi: float = 0.0
    ks: float = 0.0
    p: float = 1.0
    shift: float = 0.0
    days: int = 0
    effective: tuple[float, float] = (0.0, 0.0)
    changed_at: datetime | None = None


Hours: TypeAlias = Sequence[tuple[datetime, float]]
"""Whole hours in UTC with a value, in order."""

Days: TypeAlias = Sequence[tuple[datetime, Mapping[str, float]]]
"""Whole days in UTC with the mean number of each label, in order."""
