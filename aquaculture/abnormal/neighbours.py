"""The same quantity in other units of the site: does it move too? Then it is weather or what they share, and not one probe.

And the sentence that tells a person what was seen, with numbers and units. Source of the comparison: QARTOD Test 11 (neighbour),
IOOS Manual for Real-Time Quality Control of Dissolved Oxygen Observations, version 2.1, 2018; the shares are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from aquaculture.abnormal.stream import Judgement, State
from contracts.quantities import Quantity, with_unit

FRESH = timedelta(minutes=45)
"""A neighbour's judgement that is further away in time says nothing."""
_HALF = 0.5
_MOVES_Z = 2.0
"""Robust z from which a neighbour moves at all."""
_NAMED = 3
"""Neighbours that a sentence names at most."""


@dataclass(frozen=True)
class Neighbour:
    """Another stream of the same quantity at the same site.

    Attributes:
        name: of its unit, as people call it.
        judgement: its newest.
    """

    name: str
    judgement: Judgement


def moved_too(own: Judgement, others: Sequence[Neighbour]) -> bool:
    """Whether at least half of the neighbours deviate the same way, by at least half as much. Source: see the module.

    Neighbours that are still learning, or that were last heard at another time, have no say; without any the answer is no.
    """
    heard = [one for one in others if _comparable(own, one)]
    return bool(heard) and sum(_moves(own, one) for one in heard) >= _HALF * len(heard)


def explain(own: Judgement, others: Sequence[Neighbour], *, quantity: Quantity, unit: str, width: timedelta) -> str:
    """What was seen, in one sentence; empty while there is nothing to compare with. Source: by definition.

    Args:
        own: of the stream, at the farm's clock.
        others: as for ``moved_too``.
        quantity: what is measured.
        unit: name of the tank or pen.
        width: of a bucket.
    """
    if own.expected is None or own.spread is None:
        return ""
    side = "above" if own.deviation > 0 else "below"
    usual = f"{with_unit(own.expected, quantity)}, give or take {with_unit(own.spread, quantity)}"
    text = (
        f"{quantity.label} in {unit} is {with_unit(abs(own.deviation), quantity)} {side} what it usually is"
        f" at {own.at:%H:%M} ({usual})"
    )
    if own.since is not None:
        text += f", for {_long(own.at + width - own.since)}"
    heard = [one for one in others if _comparable(own, one)]
    if moved := [one.name for one in heard if _moves(own, one)]:
        text += f"; {_list(moved)} moved the same way"
    if calm := [one.name for one in heard if not _moves(own, one)]:
        text += f"; {_list(calm)} did not move with it"
    return text


def _comparable(own: Judgement, other: Neighbour) -> bool:
    judged = other.judgement
    return judged.state is not State.LEARNING and abs(own.at - judged.at) <= FRESH


def _moves(own: Judgement, other: Neighbour) -> bool:
    far = other.judgement.deviation
    return far * own.deviation > 0 and abs(far) >= _HALF * abs(own.deviation) and abs(other.judgement.z) >= _MOVES_Z


def _long(lasted: timedelta) -> str:
    if lasted < timedelta(hours=2):
        return f"{lasted // timedelta(minutes=1)} minutes"
    return f"{lasted // timedelta(hours=1)} hours" if lasted < timedelta(days=2) else f"{lasted.days} days"


def _list(names: Sequence[str]) -> str:
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
