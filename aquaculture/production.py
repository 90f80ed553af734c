"""What went in and what came out: feed conversion, mortality, biomass, density. Masses are in kilograms."""

from __future__ import annotations

from dataclasses import dataclass

from aquaculture.ranges import require

_NO_GROWTH = "without growth there is no ratio: take a longer period, or check the weighings"
_TONNES_KG = 1e9


@dataclass(frozen=True)
class BiomassChange:
    """Biomass of a period in kg: what stood there, and what was carried in and out alive or for sale.

    Raises:
        OutOfRangeError: a mass below 0.
    """

    opening_kg: float
    closing_kg: float
    harvested_kg: float = 0.0
    culled_kg: float = 0.0
    moved_out_kg: float = 0.0
    moved_in_kg: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            require(name, value, 0, _TONNES_KG, "kg", remedy="a mass is not negative")

    @property
    def gain_kg(self) -> float:
        """Growth that left or stayed: closing + harvested + culled + moved out - moved in - opening (definition)."""
        out = self.harvested_kg + self.culled_kg + self.moved_out_kg
        return self.closing_kg + out - self.moved_in_kg - self.opening_kg


def fcr_economic(feed_kg: float, change: BiomassChange) -> float:
    """Economic feed conversion ratio: feed per kg of biomass gained; dead fish cost feed and count nothing.

    Source: the definition. Feed 0 to 1e9 kg.

    Raises:
        OutOfRangeError: feed below 0, or no gain to divide by.
    """
    require("feed_kg", feed_kg, 0, _TONNES_KG, "kg")
    require("gain_kg", change.gain_kg, 1e-9, _TONNES_KG, "kg", remedy=_NO_GROWTH)
    return feed_kg / change.gain_kg


def fcr_biological(feed_kg: float, change: BiomassChange, mortality_kg: float) -> float:
    """Biological feed conversion ratio: feed per kg grown, fish that died later included.

    Source: the definition. Never above the economic ratio.

    Raises:
        OutOfRangeError: a mass below 0, or nothing grown to divide by.
    """
    require("feed_kg", feed_kg, 0, _TONNES_KG, "kg")
    require("mortality_kg", mortality_kg, 0, _TONNES_KG, "kg", remedy="a mass is not negative")
    grown = change.gain_kg + mortality_kg
    require("gain_kg + mortality_kg", grown, 1e-9, _TONNES_KG, "kg", remedy=_NO_GROWTH)
    return feed_kg / grown


def daily_mortality_percent(dead: int, opening_count: int) -> float:
    """Dead fish of a day in percent of those that were there when it began.

    Source: the definition.

    Raises:
        OutOfRangeError: no fish, or more dead than there were.
    """
    require("opening_count", opening_count, 1, 1e9, "{fish}")
    require("dead", dead, 0, opening_count, "{fish}", remedy="more dead than there were: check the count")
    return 100 * dead / opening_count


def cumulative_mortality_percent(dead: int, stocked: int) -> float:
    """All dead fish of a batch in percent of those stocked.

    Source: the definition. Norway in the sea: 14 to 16 % a year of standing stock.

    Raises:
        OutOfRangeError: none stocked, or more dead than stocked.
    """
    require("stocked", stocked, 1, 1e9, "{fish}")
    require("dead", dead, 0, stocked, "{fish}", remedy="more dead than were stocked: check the count")
    return 100 * dead / stocked


def biomass_kg(count: int, mean_weight_g: float) -> float:
    """Biomass in kg of so many fish with a mean weight in grams.

    Source: the definition.

    Raises:
        OutOfRangeError: a count below 0 or a weight outside 0.001 to 100,000 g.
    """
    require("count", count, 0, 1e9, "{fish}")
    require("mean_weight_g", mean_weight_g, 0.001, 100_000, "g", remedy="weights are in grams: 0.1 kg is 100")
    return count * mean_weight_g / 1000


def density_kg_m3(biomass_kg: float, volume_m3: float) -> float:
    """Stocking density in kg/m3.

    Source: the definition. Refused above 500 kg/m3, where fish no longer fit.

    Raises:
        OutOfRangeError: a mass below 0, a volume outside 0.001 to 1e6 m3, or a density that cannot be.
    """
    require("biomass_kg", biomass_kg, 0, _TONNES_KG, "kg")
    require("volume_m3", volume_m3, 0.001, 1e6, "m3", remedy="the volume is in cubic metres: 1000 L are 1")
    density = biomass_kg / volume_m3
    require("density_kg_m3", density, 0, 500, "kg/m3", remedy="check the volume (m3, not litres) and the biomass (kg)")
    return density
