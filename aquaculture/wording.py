"""The sentences in which an alarm tells of a limit, so that box and cloud speak of the same condition in the same words."""

from __future__ import annotations

from aquaculture.limits import Side
from contracts.quantities import QUANTITIES, with_unit


def crossed(quantity: str, place: str, value: float, limit: float, side: Side) -> str:
    """A value is beyond its limit; both in the quantity's own unit.

    Source: ANSI/ISA-18.2-2016, an alarm says what is where, how much, and against which limit.

    Raises:
        KeyError: the quantity is unknown.
    """
    meaning = QUANTITIES[quantity]
    beyond = "below" if side is Side.LOW else "above"
    return f"{meaning.label} in {place} was {with_unit(value, meaning)}, {beyond} {with_unit(limit, meaning)}"


def returned(quantity: str, place: str, value: float, limit: float) -> str:
    """A value is good again; the other end of ``crossed``, with the same source and errors."""
    meaning = QUANTITIES[quantity]
    return f"{meaning.label} in {place} is back at {with_unit(value, meaning)} (limit {with_unit(limit, meaning)})"
