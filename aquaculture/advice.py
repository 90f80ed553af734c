"""What to do at which value: a ladder of actions, finer than the limits, as data (``advice.csv``).

A colour tells that something is wrong; a ladder tells how much less to feed. It never raises an alarm.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources

from aquaculture.ranges import require
from contracts.quantities import QUANTITIES


@dataclass(frozen=True)
class Advice:
    """One rung: what to do from this value on."""

    species: str
    quantity: str
    from_value: float
    action: str
    evidence: str
    source: str
    valid_from: date


@lru_cache(maxsize=1)
def ladders() -> tuple[Advice, ...]:
    """Every rung, lowest first (source: ``advice.csv``, each row its own)."""
    text = resources.files("aquaculture").joinpath("advice.csv").read_text(encoding="utf-8")
    rungs = [
        Advice(
            row["species"],
            row["quantity"],
            float(row["from"]),
            row["action"],
            row["evidence"],
            row["source"],
            date.fromisoformat(row["valid_from"]),
        )
        for row in csv.DictReader(text.splitlines())
    ]
    return tuple(sorted(rungs, key=lambda rung: (rung.species, rung.quantity, rung.from_value)))


def advice_for(species: str, quantity: str, value: float) -> Advice | None:
    """The highest rung that the value has reached; None below the first, or where there is no ladder.

    Source: ``advice.csv``, each row its own.

    Raises:
        ValueError: an unknown quantity.
        OutOfRangeError: a value that no sensor of the quantity can report.
    """
    known = QUANTITIES.get(quantity)
    if known is None:
        message = f"quantity = {quantity!r} is unknown; use one of {', '.join(QUANTITIES)}"
        raise ValueError(message)
    require("value", value, known.low, known.high, known.ucum)
    rungs = [rung for rung in ladders() if rung.species == species and rung.quantity == quantity]
    return next((rung for rung in reversed(rungs) if value >= rung.from_value), None)
