"""Facts of a unit as sentences, and which channels left their own habit. Pure.

A channel is compared with itself: the mean of an hour with the means of the same hour of the days before, by median and median
absolute deviation (MAD), which a few odd days do not move. It explains; it never alarms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from statistics import median
from typing import Any

from contracts.quantities import QUANTITIES, Quantity, with_unit

HABIT_DAYS = 14
"""How many days before are a channel's habit."""
LEAST_DAYS = 5
"""Fewer say nothing about a habit."""
NOTABLE = 3.5
"""Modified z-score from which a value is an outlier (Iglewicz & Hoaglin 1993)."""
_NORMAL = 0.6745
"""Makes the MAD of a normal distribution comparable with its standard deviation (the same source)."""


class Kind(str, Enum):
    """Where an item comes from."""

    DIARY = "diary"
    ALARM = "alarm"
    QUALITY = "quality"
    DEPARTURE = "departure"
    DEVICE = "device"
    IMAGE = "image"


@dataclass(frozen=True)
class Item:
    """One thing that happened: ``link`` is the id of the record, alarm, channel, event or image."""

    at: datetime
    kind: Kind
    words: str
    link: str
    image_url: str | None = None


@dataclass(frozen=True)
class HourMean:
    """Mean of a channel over the hour that begins at ``at``."""

    at: datetime
    mean: float


def departure(channel: str, channel_id: int, quantity: str, hours: Sequence[HourMean], start: datetime) -> Item | None:
    """The hour since ``start`` in which a channel was farthest from its habit; None when it kept to it.

    The spread is never taken below half of the last digit that is worth showing: a probe that repeats itself is not precise.
    """
    known = QUANTITIES.get(quantity)
    finest = 0.5 * 10.0 ** -(known.decimals if known else 2)
    by_moment = {hour.at: hour.mean for hour in hours}
    best: tuple[float, HourMean, float, float] | None = None
    for hour in hours:
        if hour.at < start:
            continue
        before = (hour.at - timedelta(days=day) for day in range(1, HABIT_DAYS + 1))
        # Days within the asked time are what shall be explained, so they are no habit.
        habit = [by_moment[moment] for moment in before if moment < start and moment in by_moment]
        if len(habit) < LEAST_DAYS:
            continue
        usual = median(habit)
        spread = max(finest, median(abs(each - usual) for each in habit))
        score = _NORMAL * (hour.mean - usual) / spread
        if best is None or abs(score) > abs(best[0]):
            best = (score, hour, usual, spread)
    if best is None or abs(best[0]) < NOTABLE:
        return None
    score, hour, usual, spread = best
    label = known.label if known else quantity
    words = (
        f"{label} ({channel}) {_shown(hour.mean, known)}, {'above' if score > 0 else 'below'} its habit at this hour:"
        f" usually {_shown(usual, known)}, give or take {_shown(spread, known)};"
        f" that is {abs(hour.mean - usual) / spread:.0f} times its usual spread"
    )
    return Item(hour.at, Kind.DEPARTURE, words, str(channel_id))


def quality_words(channel: str, state: str) -> str:
    """A change of what a channel's readings are worth, from a minute of its rollup."""
    return f"{channel}: {_STATES[state]}"


_STATES = {
    "good": "readings are good again",
    "doubtful": "some readings are doubted by a quality test",
    "failed": "no reading can be used: every one fails a quality test",
}


def diary_words(kind: str, unit: str, body: Mapping[str, Any], to_unit: str | None = None) -> str:
    """A record of the diary as a sentence."""
    words = _DIARY[kind](body) if kind in _DIARY else kind.replace("_", " ")
    where = f" to {to_unit}" if to_unit else ""
    note = f" ({body['note']})" if body.get("note") and kind != "note" else ""
    return f"{unit}: {words}{where}{note}"


def _shown(value: float, quantity: Quantity | None) -> str:
    return f"{value:.2f}" if quantity is None else with_unit(value, quantity)


def _weight(body: Mapping[str, Any]) -> str:
    return f" of {body['mean_weight_g']:g} g" if body.get("mean_weight_g") is not None else ""


_DIARY = {
    "stocking": lambda b: (
        f"{b['count']} fish{_weight(b)} stocked{' from ' + b['supplier'] if b.get('supplier') else ''}"
    ),
    "transfer": lambda b: f"{b['count']} fish{_weight(b)} moved",
    "harvest": lambda b: (
        f"{b['count']} fish{_weight(b)} harvested{', to ' + b['destination'] if b.get('destination') else ''}"
    ),
    "cull": lambda b: f"{b['count']} fish culled: {b['reason']}",
    "escape": lambda b: f"{b['count']} fish escaped: {b['reason']}",
    "mortality": lambda b: f"{b['count']} dead fish, cause {'/'.join(filter(None, (b['cause'], b.get('detail'))))}",
    "adjustment": lambda b: f"count corrected by {b['count']:+d} fish: {b['reason']}",
    "feeding": lambda b: (
        f"{b['amount_kg']:g} kg of {b['product']}, lot {b['lot']}, {b.get('uneaten_kg', 0):g} kg of it uneaten"
    ),
    "weight_sample": lambda b: f"{b['fish']} fish weighed, mean {b['mean_weight_g']:g} g",
    "treatment": lambda b: (
        f"treated with {b['product']} ({b['active_substance']}), {b['dose']}, for {b['reason']}, until {b['ended_at']}"
    ),
    "lice_count": lambda b: (
        f"lice on {b['fish']} fish: {b['adult_females']} adult females, {b['mobile']} mobile, {b['attached']} attached"
    ),
    "welfare_sample": lambda b: f"welfare, {b['indicator'].replace('_', ' ')}: {b['scores']}",
    "calibration": lambda b: f"{b['sensor']} checked against {b['reference']:g}: it showed {b['before']:g}",
    "note": lambda b: f"{b.get('topic', 'note').replace('_', ' ')}: {b.get('note', '')}",
}
