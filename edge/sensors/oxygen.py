"""How long the oxygen of a unit lasts: at worst when its supply stops now, and as fast as it falls at present.

Both are derived at readings of oxygen, from what the settings know of the unit and the critical limit of its fish. A part that
is unknown makes the value absent: no volume, no fish, no limit, a temperature outside the law.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from aquaculture.limits import Bound, Side
from aquaculture.oxygen import oxygen_left, salmon_fry_oxygen_demand_mg_kg_h, salmon_oxygen_demand_mg_kg_h
from aquaculture.trend import Window, is_trend, seconds_to_limit
from aquaculture.water import oxygen_solubility_mg_l
from contracts.alarms import Severity
from edge.limits import limits_of
from edge.sensors.derived import HPA_PER_ATM, Derivation

if TYPE_CHECKING:
    from edge.settings import AlarmSettings, UnitSettings

LONGEST_MIN = 1440.0
"""A day or more is told as a day: nobody plans with what is beyond it."""
SPANS_S = (300.0, 1200.0)
"""A quick window for a failed blower, a slow one for probes that report once a minute or for a stocked tank at dusk."""
LEAST_FALL_MG_L = 0.3
"""A window that fell by less has shown nothing: probes state 0.1 to 0.2 mg/L."""
EVERY_S = 10.0
"""How often a trend is worked out: the slope moves no faster, and the median of all pairs costs half a millisecond."""

_SALMON = "salmo_salar"
_GRAMS_FROM = 200.0

CriticalOxygen = Callable[[Mapping[str, float]], "float | None"]
"""The critical oxygen in mg/L at these values; None without a temperature where the limit needs one."""


def oxygen_derivations(
    measured: Iterable[tuple[str, str, str]], units: Sequence[UnitSettings], alarms: AlarmSettings
) -> dict[str, tuple[Derivation, ...]]:
    """The derivations of this file by the channel of oxygen that they are made from.

    Args:
        measured: name, unit and quantity of every configured channel.
        units: units of the box.
        alarms: site values; the one for the critical limit of oxygen counts here too.
    """
    by_slug = {unit.slug: unit for unit in units}
    found: dict[str, tuple[Derivation, ...]] = {}
    for name, slug, quantity in measured:
        unit = by_slug.get(slug)
        critical = _critical_of(unit, alarms) if quantity == "do" and unit is not None else None
        if unit is None or critical is None:
            continue
        left = _left(unit, critical)
        found[name] = (_falls(critical),) if left is None else (_falls(critical), left)
    return found


def _critical_of(unit: UnitSettings, alarms: AlarmSettings) -> CriticalOxygen | None:
    """The critical limit of the unit's fish: in mg/L, else in saturation."""
    bounds: dict[str, Bound] = {}
    for limit in limits_of(unit, alarms):
        if limit.side is Side.LOW and limit.severity is Severity.CRITICAL:
            own = alarms.override_of(limit.definition, unit.slug)
            bounds[limit.quantity] = limit.bound if own is None or own.limit is None else Bound(own.limit)
    if "do" in bounds:
        return lambda values: bounds["do"].at(values.get("temperature"))
    saturation = bounds.get("do_sat")
    if saturation is None:
        return None

    def critical(values: Mapping[str, float]) -> float | None:
        temperature = values.get("temperature")
        percent = saturation.at(temperature)
        if temperature is None or percent is None:
            return None
        pressure_atm = values.get("pressure", HPA_PER_ATM) / HPA_PER_ATM
        return percent / 100 * oxygen_solubility_mg_l(temperature, values["salinity"], pressure_atm)

    return critical


def _left(unit: UnitSettings, critical: CriticalOxygen) -> Derivation | None:
    demand = _demand_of(unit)
    if demand is None or not unit.volume_m3 or not unit.biomass_kg:
        return None
    density = unit.biomass_kg / unit.volume_m3

    def formula(values: Mapping[str, float]) -> float | None:
        limit = critical(values)
        if limit is None:
            return None
        left = oxygen_left(values["do"], limit, demand_mg_kg_h=demand(values), density_kg_m3=density)
        return min(LONGEST_MIN, left.shortest)

    return Derivation("oxygen_left", "do", ("temperature",), ("salinity", "pressure"), formula, 1)


def _demand_of(unit: UnitSettings) -> Callable[[Mapping[str, float]], float] | None:
    """What the unit's fish use in mg/(kg.h): the farm's own figure, else the law of the species; of a range the most."""
    own, weight_g = unit.oxygen_demand_mg_kg_h, unit.fish_weight_g
    if own is not None:
        return lambda _values: own
    if unit.species != _SALMON or weight_g is None:
        return None
    if weight_g < _GRAMS_FROM:
        return lambda values: salmon_fry_oxygen_demand_mg_kg_h(weight_g, values["temperature"])[1]
    return lambda values: salmon_oxygen_demand_mg_kg_h(weight_g / 1000, values["temperature"])


class _Falls:
    """Minutes until oxygen is critical at the slope of the present; remembers the windows of one channel.

    A fall that is no more than noise counts as none. Nothing is told before there is a window, nor once the limit is reached:
    then ``do.low.critical`` tells.
    """

    def __init__(self, critical: CriticalOxygen) -> None:
        self._critical = critical
        self.forget()

    def forget(self) -> None:
        """Begin anew: somebody had the probe in hand."""
        self._windows = [Window(span_s) for span_s in SPANS_S]
        self._told_s: float | None = None

    def __call__(self, values: Mapping[str, float]) -> float | None:
        now_s, oxygen = values["at_s"], values["do"]
        for window in self._windows:
            window.add(oxygen, now_s)
        if self._told_s is not None and 0 <= now_s - self._told_s < EVERY_S:
            return None
        self._told_s = now_s
        limit = self._critical(values)
        slopes = [(window.slope(), span_s) for window, span_s in zip(self._windows, SPANS_S, strict=True)]
        known = [(slope, span_s) for slope, span_s in slopes if slope is not None]
        if limit is None or oxygen <= limit or not known:
            return None
        falls = [
            seconds_to_limit(oxygen, limit, Side.LOW, slope)
            for slope, span_s in known
            if is_trend(slope) and -slope.per_hour * span_s / 3600 >= LEAST_FALL_MG_L
        ]
        return min([LONGEST_MIN, *(seconds / 60 for seconds in falls if seconds is not None)])


def _falls(critical: CriticalOxygen) -> Derivation:
    falls = _Falls(critical)
    return Derivation("do_critical_in", "do", (), ("temperature", "salinity", "pressure"), falls, 1, falls.forget)
