"""How much to feed: tables of a feed's maker by size and temperature, and what oxygen leaves of the appetite of salmon.

A table is data with a version and a source; between its lines it is interpolated, beyond them it says nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from aquaculture.limits import full_appetite_saturation_percent, limiting_saturation_percent
from aquaculture.ranges import require

FEED_TABLE_OUTLET_MG_L = 7.0
"""Tables hold where at least this much oxygen leaves the unit (Raisioaqua's feed tables)."""


@dataclass(frozen=True)
class FeedTable:
    """Percent of biomass a day by mean weight in g and temperature in Cel.

    Attributes:
        product, season: what it is for; makers give one for each season.
        source, valid_from: where it comes from, and since when.
        percent_day: one row per weight, one column per temperature.

    Raises:
        ValueError: axes that do not rise, fewer than two lines, or a cell outside 0 to 30 % a day; the field is named.
    """

    product: str
    source: str
    valid_from: date
    weights_g: tuple[float, ...]
    temperatures_c: tuple[float, ...]
    percent_day: tuple[tuple[float, ...], ...]
    season: str = "any"

    def __post_init__(self) -> None:
        for name, axis in (("weights_g", self.weights_g), ("temperatures_c", self.temperatures_c)):
            if len(axis) < 2 or any(a >= b for a, b in pairwise(axis)):  # noqa: PLR2004
                message = f"{name} = {axis}: give two values or more, each above the one before"
                raise ValueError(message)
        if len(self.percent_day) != len(self.weights_g) or any(
            len(row) != len(self.temperatures_c) for row in self.percent_day
        ):
            message = f"percent_day: give {len(self.weights_g)} rows of {len(self.temperatures_c)} cells"
            raise ValueError(message)
        for row in self.percent_day:
            for cell in row:
                require("percent_day", cell, 0, 30, "%/d")

    def rate_percent_day(self, weight_g: float, temperature_c: float) -> float:
        """Ration in percent of biomass a day, linear between the lines of the table.

        Source: the table's own; bilinear interpolation by definition.

        Raises:
            OutOfRangeError: a fish or a temperature that the table does not know; it is not continued beyond its lines.
        """
        table = f"the table of {self.product} ends there: use the one for this size or season"
        require("weight_g", weight_g, self.weights_g[0], self.weights_g[-1], "g", remedy=table)
        require("temperature_c", temperature_c, self.temperatures_c[0], self.temperatures_c[-1], "Cel", remedy=table)
        row, down = _place(self.weights_g, weight_g)
        column, right = _place(self.temperatures_c, temperature_c)
        upper, lower = self.percent_day[row], self.percent_day[row + 1]
        above = upper[column] + (upper[column + 1] - upper[column]) * right
        below = lower[column] + (lower[column + 1] - lower[column]) * right
        return above + (below - above) * down


def ration_kg_day(
    table: FeedTable, *, biomass_kg: float, mean_weight_g: float, temperature_c: float, outlet_do_mg_l: float
) -> float:
    """Feed of a day in kg by the table; 0 while less oxygen leaves the unit than the table asks for.

    Source: the table's own; the condition of 7 mg/L at the outlet is Raisioaqua's.

    Raises:
        OutOfRangeError: biomass outside 0 to 1e8 kg, oxygen outside 0 to 40 mg/L, or what the table does not know.
    """
    require("biomass_kg", biomass_kg, 0, 1e8, "kg")
    require("outlet_do_mg_l", outlet_do_mg_l, 0, 40, "mg/L")
    rate = table.rate_percent_day(mean_weight_g, temperature_c)
    return biomass_kg * rate / 100 if outlet_do_mg_l >= FEED_TABLE_OUTLET_MG_L else 0.0


def salmon_appetite_share(saturation_percent: float, temperature_c: float) -> float:
    """Share of full appetite that oxygen leaves to Atlantic salmon, 0 to 1: none at the limiting saturation.

    Source: Remen et al. 2016 for both ends (``aquaculture.limits``); the line between them is derived. Valid 4 to 20 Cel.

    Raises:
        OutOfRangeError: saturation outside 0 to 400 % or temperature outside its range.
    """
    require("saturation_percent", saturation_percent, 0, 400, "%")
    require("temperature_c", temperature_c, 4, 20, "Cel")
    none, full = limiting_saturation_percent(temperature_c), full_appetite_saturation_percent(temperature_c)
    return min(1.0, max(0.0, (saturation_percent - none) / (full - none)))


def salmon_max_feed_percent_day(temperature_c: float) -> float:
    """Most that Atlantic salmon of 0.3 to 0.5 kg eat, in percent of biomass a day.

    Source: Remen et al. 2016: 0.47 at 7 Cel to 0.88 at 19 Cel; linear between. Valid 7 to 19 Cel.

    Raises:
        OutOfRangeError: temperature outside its range.
    """
    require("temperature_c", temperature_c, 7, 19, "Cel")
    return 0.47 + (0.88 - 0.47) * (temperature_c - 7) / 12


def _place(axis: Sequence[float], value: float) -> tuple[int, float]:
    """Line before the value, and how far it is to the next, 0 to 1."""
    index = min(bisect_right(axis, value) - 1, len(axis) - 2)
    return index, (value - axis[index]) / (axis[index + 1] - axis[index])
