"""The book of one batch: movements and deaths in, how many fish each unit holds out.

The book is a replay of entries in time order, so it is the same whenever and however often it is made. Its invariant:
stocked + adjusted - dead - harvested - culled - escaped = the fish that the units hold. An entry that takes more fish than a
unit holds at that moment is refused by name; nothing is guessed. Source: by definition, book-keeping of heads and kilograms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum


class Move(str, Enum):
    """What an entry does with the fish."""

    STOCKING = "stocking"
    """Fish come into a unit from outside the book."""
    TRANSFER = "transfer"
    """Fish move from one unit to another; grading and splitting are transfers."""
    MORTALITY = "mortality"
    """Dead and moribund fish taken out."""
    CULL = "cull"
    """Fish killed and taken out on purpose."""
    ESCAPE = "escape"
    """Fish lost alive."""
    HARVEST = "harvest"
    """Fish taken out for sale."""
    ADJUSTMENT = "adjustment"
    """The difference between a count and the book, with its sign."""


_ORDER = list(Move)
"""At one instant fish come in before they go out."""


@dataclass(frozen=True)
class StockEntry:
    """One line of the book.

    ``count`` is positive; for an adjustment it carries the sign. ``to_unit`` belongs to a transfer alone.
    """

    key: str
    at: datetime
    move: Move
    unit: str
    count: int
    to_unit: str | None = None
    mean_weight_g: float | None = None


@dataclass(frozen=True)
class Weighing:
    """A sample of fish weighed: the mean weight of the unit from then on."""

    at: datetime
    unit: str
    mean_weight_g: float


@dataclass(frozen=True)
class Holding:
    """What a unit holds of the batch."""

    count: int = 0
    mean_weight_g: float | None = None
    """None when nobody has weighed or stated it."""

    @property
    def biomass_kg(self) -> float | None:
        """Count times mean weight; None without a weight."""
        return None if self.mean_weight_g is None else self.count * self.mean_weight_g / 1000


@dataclass(frozen=True)
class Booked:
    """An entry with the mean weight that the book gave its fish, in grams; None without one."""

    entry: StockEntry
    weight_g: float | None


@dataclass(frozen=True)
class Book:
    """The state after all entries."""

    holdings: dict[str, Holding] = field(default_factory=dict)
    """By unit; units that are empty again stay with a count of 0."""
    counts: dict[Move, int] = field(default_factory=dict)
    """Fish by kind of entry."""
    biomass_kg: dict[Move, float] = field(default_factory=dict)
    """Biomass by kind of entry, as far as weights are known."""
    lines: tuple[Booked, ...] = ()
    """The entries in the order in which they were booked."""

    @property
    def present(self) -> int:
        """Fish in all units."""
        return sum(holding.count for holding in self.holdings.values())

    @property
    def imbalance(self) -> int:
        """Fish that the entries do not explain: always 0, or the book is wrong."""
        came = self.counts.get(Move.STOCKING, 0) + self.counts.get(Move.ADJUSTMENT, 0)
        left = sum(self.counts.get(move, 0) for move in (Move.MORTALITY, Move.CULL, Move.ESCAPE, Move.HARVEST))
        return came - left - self.present


class StockError(ValueError):
    """An entry takes more fish than there are; names the entry, the unit and what it holds then.

    Args:
        entry: the line that cannot be.
        available: fish in its unit at that moment.
    """

    def __init__(self, entry: StockEntry, available: int) -> None:
        super().__init__(
            f"{entry.move.value} of {abs(entry.count)} fish from {entry.unit} at {entry.at.isoformat()}: the book holds"
            f" {available} there then. Correct the count, the time or the unit, or record an adjustment with its reason first."
        )
        self.entry = entry
        self.available = available


def book(entries: Iterable[StockEntry], weighings: Sequence[Weighing] = ()) -> Book:
    """Replay the entries of one batch.

    Mean weights mix by count when fish come together; a weighing replaces the mean of its unit. Weights between two
    weighings stay as they are: growth is a forecast, not a record.

    Raises:
        StockError: the first entry, in time, that takes more fish than its unit holds.
    """
    holdings: dict[str, Holding] = {}
    counts: dict[Move, int] = {}
    biomass: dict[Move, float] = {}
    booked: list[Booked] = []
    lines: list[tuple[datetime, int, str, StockEntry | Weighing]] = [
        (entry.at, _ORDER.index(entry.move), entry.key, entry) for entry in entries
    ]
    lines += [(weighing.at, len(_ORDER), weighing.unit, weighing) for weighing in weighings]
    for _, _, _, line in sorted(lines, key=lambda line: line[:3]):
        held = holdings.get(line.unit, Holding())
        if isinstance(line, Weighing):
            holdings[line.unit] = replace(held, mean_weight_g=line.mean_weight_g)
            continue
        weight_g = held.mean_weight_g if line.mean_weight_g is None else line.mean_weight_g
        booked.append(Booked(line, weight_g))
        counts[line.move] = counts.get(line.move, 0) + line.count
        if weight_g is not None:
            biomass[line.move] = biomass.get(line.move, 0.0) + line.count * weight_g / 1000
        if line.move is Move.STOCKING:
            holdings[line.unit] = _joined(held, line.count, line.mean_weight_g)
            continue
        taken = -line.count if line.move is Move.ADJUSTMENT else line.count
        if taken > held.count:
            raise StockError(line, held.count)
        holdings[line.unit] = replace(held, count=held.count - taken)
        if line.to_unit is not None:
            holdings[line.to_unit] = _joined(holdings.get(line.to_unit, Holding()), line.count, weight_g)
    return Book(holdings, counts, biomass, tuple(booked))


def _joined(held: Holding, count: int, weight_g: float | None) -> Holding:
    total = held.count + count
    if weight_g is None or (held.count and held.mean_weight_g is None):
        # One unknown part makes the mean unknown, unless the unit was empty.
        return Holding(total, weight_g if not held.count else None)
    before_g = 0.0 if held.mean_weight_g is None else held.count * held.mean_weight_g
    return Holding(total, (before_g + count * weight_g) / total if total else weight_g)
