"""Minutes of oxygen: what is left when the supply stops, and how soon a fall is critical; an alarm while there is still time."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.alarms import AlarmChange
from contracts.devices import ChannelInventory
from contracts.quality import QualityFlag
from contracts.telemetry import Reading
from edge.guard.rules import Remembered, Watch, plan, take
from edge.sensors.derived import Derivation, derive, possible
from edge.sensors.oxygen import LONGEST_MIN, oxygen_derivations
from edge.settings import AlarmOverride, AlarmSettings, UnitSettings
from tests.edge.farm import START

DO, WARMTH = ("tank-1.do", "tank-1", "do"), ("tank-1.temperature", "tank-1", "temperature")
TROUT = UnitSettings(slug="tank-1", name="Tank 1", species="oncorhynchus_mykiss")  # critical at 5 mg/L
STOCKED = {"volume_m3": 100.0, "biomass_kg": 3000.0}
CHANNEL = ChannelInventory(name="tank-1.do_critical_in", unit="tank-1", quantity="do_critical_in", ucum="min")


def salmon(**known: Any) -> UnitSettings:
    """Salmon of 1 kg in the sea, whose critical oxygen is a law of temperature."""
    facts: dict[str, Any] = {"species": "salmo_salar", "salinity": 33.0, "fish_weight_g": 1000.0, **STOCKED, **known}
    return UnitSettings(slug="tank-1", **facts)


def derivations(unit: UnitSettings, alarms: AlarmSettings | None = None) -> dict[str, Derivation]:
    found = oxygen_derivations([DO, WARMTH], [unit], alarms or AlarmSettings())
    return {one.quantity: one for one in found.get(DO[0], ())}


def reading(value: float, quantity: str = "do", *, at_s: float = 0.0, **known: Any) -> Reading:
    ucum = {"do": "mg/L", "temperature": "Cel"}[quantity]
    at = START + timedelta(seconds=at_s)
    return Reading(
        channel=f"tank-1.{quantity}", unit="tank-1", quantity=quantity, value=value, ucum=ucum, observed_at=at, **known
    )


def left(unit: UnitSettings, do: float = 9.0, warmth: float | None = 12.0, **known: Any) -> Reading | None:
    partners = {} if warmth is None else {"temperature": reading(warmth, "temperature")}
    return derive(derivations(unit)["oxygen_left"], reading(do, **known), partners, salinity_g_kg=unit.salinity)


def test_salmon_in_a_stocked_tank_have_minutes_left_when_the_supply_stops() -> None:
    found = left(salmon())
    assert found is not None
    # 93.9 x 1.03^12 x 1.56 = 209 mg/(kg.h) x 30 kg/m3 = 0.104 mg/(L.min); from 9 to LOS(12) = 30.7 % of 8.7 mg/L; at worst
    # half as much again is used by 15 % more fish, and the probe is 0.2 mg/L too high
    assert found.value == pytest.approx((9 - 0.307 * 8.73 - 0.2) / (0.1045 * 1.5 * 1.15), rel=0.01)
    assert (found.channel, found.quantity, found.ucum, found.derived) == (
        "tank-1.oxygen_left",
        "oxygen_left",
        "min",
        True,
    )


def test_a_farm_that_measured_its_demand_needs_no_law_of_the_species() -> None:
    trout = TROUT.model_copy(update={**STOCKED, "oxygen_demand_mg_kg_h": 300.0})
    found = left(trout)
    assert found is not None
    assert found.value == pytest.approx((9 - 5 - 0.2) / (300 * 30 / 60_000 * 1.5 * 1.15), abs=0.05)


@pytest.mark.parametrize("unknown", ["volume_m3", "biomass_kg", "fish_weight_g"])
def test_what_nobody_knows_makes_no_minutes(unknown: str) -> None:
    assert "oxygen_left" not in derivations(salmon(**{unknown: None}))


def test_no_minutes_without_temperature_or_outside_the_law() -> None:
    assert left(salmon(), warmth=None) is None
    assert left(salmon(), warmth=25.0) is None  # the law of demand ends at 18 Cel
    assert left(salmon(fish_weight_g=50.0)) is None  # between fry and 200 g nobody has published one


def test_a_doubtful_probe_makes_doubtful_minutes() -> None:
    found = left(salmon(), quality=QualityFlag.SUSPECT, test="spike")
    assert found is not None
    assert (found.quality, found.test) == (QualityFlag.SUSPECT, "inputs")
    assert left(salmon(), quality=QualityFlag.FAIL, test="gross_range") is None


def test_an_unknown_limit_makes_no_channel_and_a_site_value_moves_it() -> None:
    assert not derivations(UnitSettings(slug="tank-1"))
    assert set(possible([DO, WARMTH], oxygen_derivations([DO, WARMTH], [TROUT], AlarmSettings()))) == {
        "tank-1.do_sat",
        "tank-1.do_critical_in",
    }
    trout = TROUT.model_copy(update={**STOCKED, "oxygen_demand_mg_kg_h": 300.0})
    later = AlarmSettings(overrides=(AlarmOverride(definition="do.low.critical", limit=6.0),))
    values = {"do": 9.0, "temperature": 12.0, "salinity": 0.0, "at_s": 0.0}
    usual, own = (derivations(trout, alarms)["oxygen_left"].formula(values) for alarms in (AlarmSettings(), later))
    assert usual is not None
    assert own is not None
    assert own < usual


class Watched:
    """A tank of trout whose oxygen is judged by the fall and by the limit, as the box does it; virtual time."""

    def __init__(self, alarms: AlarmSettings | None = None) -> None:
        self.settings = alarms or AlarmSettings()
        self.fall = derivations(TROUT, self.settings)["do_critical_in"]
        oxygen = ChannelInventory(name="tank-1.do", unit="tank-1", quantity="do", ucum="mg/L")
        watches = plan([oxygen, CHANNEL], [TROUT], self.settings)
        self.memory: dict[str, tuple[Watch, Remembered]] = {
            watch.rule.definition: (watch, Remembered()) for watch in watches
        }
        self.raised: dict[str, float] = {}
        self.cleared: dict[str, float] = {}
        self.minutes: float | None = None

    def hear(self, value: float, at_s: float, **known: Any) -> None:
        main = reading(round(value, 2), at_s=at_s, **known)
        found = derive(self.fall, main, {}, salinity_g_kg=0.0)
        if found is not None:
            self.minutes = found.value
        for one in (main, *([found] if found is not None else [])):
            for name, (watch, memory) in list(self.memory.items()):
                if watch.channel != one.channel:
                    continue
                step = take(
                    watch,
                    memory,
                    value=one.value,
                    temperature_c=None,
                    now_s=at_s,
                    occurred_at=one.observed_at,
                    new_id=uuid4,
                )
                assert step is not None
                self.memory[name] = (watch, step.memory)
                if step.event is not None:
                    told = self.raised if step.event.change is AlarmChange.RAISED else self.cleared
                    told.setdefault(name, at_s)


@settings(max_examples=25, deadline=None)
@given(
    level=st.floats(5.3, 11), noise=st.floats(0, 0.15), period_s=st.sampled_from([10, 30, 60]), seed=st.integers(0, 999)
)
def test_noise_without_a_trend_never_alarms(level: float, noise: float, period_s: int, seed: int) -> None:
    tank, chance = Watched(), random.Random(seed)
    for number in range(200):
        tank.hear(level + chance.uniform(-noise, noise), number * period_s)
    assert not [name for name in tank.raised if name.startswith("do.falling")]
    assert tank.minutes == LONGEST_MIN


@settings(max_examples=20, deadline=None)
@given(
    per_hour=st.floats(2, 25), noise=st.floats(0, 0.08), period_s=st.sampled_from([5, 10, 30]), seed=st.integers(0, 999)
)
def test_a_falling_tank_alarms_before_its_limit(per_hour: float, noise: float, period_s: int, seed: int) -> None:
    tank, chance, at_s = Watched(), random.Random(seed), 0.0
    while "do.low.critical" not in tank.raised:
        fallen = max(0.0, at_s - 1200) / 3600 * per_hour  # the blower fails after twenty quiet minutes
        tank.hear(max(0.0, 9.0 - fallen) + chance.uniform(-noise, noise), at_s)
        at_s += period_s
    for severity in ("warning", "critical"):
        assert 1200 < tank.raised[f"do.falling.{severity}"] < tank.raised["do.low.critical"]


def test_a_fall_that_stops_clears_its_alarm_once_the_slope_has_turned() -> None:
    tank = Watched()
    for at_s in range(0, 5400, 10):
        tank.hear(9.0 - 12.0 * min(600, max(0, at_s - 1200)) / 3600, at_s)  # caught at 7 mg/L
    assert set(tank.raised) == {"do.falling.critical", "do.falling.warning"}
    assert set(tank.cleared) == set(tank.raised)
    assert tank.minutes == LONGEST_MIN


def test_who_is_near_is_woken_later_and_who_wants_none_gets_none() -> None:
    assert {
        name: watch.bound.value
        for name, (watch, _) in Watched(AlarmSettings(respond_within_min=5)).memory.items()
        if name.startswith("do.falling")
    } == {"do.falling.critical": 5, "do.falling.warning": 10}
    assert "do.falling.critical" not in Watched(AlarmSettings(respond_within_min=None)).memory
    off = AlarmSettings(overrides=(AlarmOverride(definition="do.falling.warning", enabled=False),))
    assert {"do.falling.warning"} == set(Watched().memory) - set(Watched(off).memory)


def test_a_probe_that_is_cleaned_falls_into_no_alarm() -> None:
    tank = Watched()
    for at_s in range(0, 1200, 10):
        tank.hear(10.5, at_s, quality=QualityFlag.SUSPECT, test="maintenance")  # in air
    for at_s in range(1200, 3600, 10):
        tank.hear(6.0, at_s)
    assert not [name for name in tank.raised if name.startswith("do.falling")]
