"""The three units of every simulated site: a fry tank in fresh water, a pen in the sea and a green pond."""

from __future__ import annotations

from shoal.simulate.water import UnitModel

DEFAULT_UNITS = (
    UnitModel(
        slug="tank-1", kind="tank", species="salmo_salar", stage="fry", volume_m3=30, biomass_kg=750, weight_kg=0.008,
        salinity=0.0, temperature_mean_c=12.0, temperature_swing_c=0.4, aerator_kla_h=8.0, surface_kla_h=0.3,
        exchange_h=0.5, alkalinity_mmol_l=1.8, feeding_hours=tuple(8.0 + 1.5 * n for n in range(7)), meal_h=0.3,
    ),
    UnitModel(
        slug="pen-1", kind="net_pen", species="salmo_salar", stage="growout", volume_m3=12_000, biomass_kg=120_000,
        weight_kg=2.5, salinity=33.0, temperature_mean_c=9.5, temperature_swing_c=0.3, aerator_kla_h=0.0,
        surface_kla_h=0.2, exchange_h=2.2, tide=0.6, alkalinity_mmol_l=2.3,
    ),
    UnitModel(
        slug="pond-1", kind="pond", species="oreochromis_niloticus", stage="growout", volume_m3=1_500,
        biomass_kg=2_250, weight_kg=0.3, salinity=0.5, temperature_mean_c=27.0, temperature_swing_c=1.6,
        aerator_kla_h=0.5, surface_kla_h=0.12, exchange_h=0.02, algae_mg_l_h=1.3, algae_night_mg_l_h=0.35,
        alkalinity_mmol_l=2.4, feeding_hours=(9.0, 13.0, 17.0),
    ),
)  # fmt: skip
