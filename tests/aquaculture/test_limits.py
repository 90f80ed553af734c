"""Limits are data with a source; the most specific row wins."""

from __future__ import annotations

import csv
from importlib import resources

import pytest

from aquaculture.limits import Bound, Limit, known_species, limiting_saturation_percent, limits_for
from contracts.quantities import QUANTITIES


def by_definition(limits: tuple[Limit, ...]) -> dict[str, Limit]:
    """Index limits by the alarm definition they make."""
    return {limit.definition: limit for limit in limits}


def test_salmon_fry_in_fresh_water_have_oxygen_limits_in_mg_l() -> None:
    limits = by_definition(limits_for("salmo_salar", "fry", fresh=True))
    assert limits["do.low.critical"].bound == Bound(5.0)
    assert "oxygen" in limits["do.low.critical"].action


def test_salmon_in_the_sea_have_an_oxygen_limit_that_follows_temperature() -> None:
    critical = by_definition(limits_for("salmo_salar", "growout", fresh=False))["do_sat.low.critical"]
    assert critical.bound.at(7) == pytest.approx(24)
    assert critical.bound.at(19) == pytest.approx(40)
    assert critical.bound.at(13) == pytest.approx(32)
    assert critical.bound.at(None) is None


def test_limiting_saturation_is_held_outside_the_published_range() -> None:
    assert limiting_saturation_percent(-5) == limiting_saturation_percent(4)
    assert limiting_saturation_percent(30) == limiting_saturation_percent(20)


def test_a_species_row_replaces_the_row_for_any_fish() -> None:
    tilapia = by_definition(limits_for("oreochromis_niloticus", "growout", fresh=True))
    anyone = by_definition(limits_for("nobody_knows", "growout", fresh=True))
    assert tilapia["nh3.high.warning"].bound == Bound(0.05)
    assert anyone["nh3.high.warning"].bound == Bound(0.02)


def test_rows_that_nobody_read_at_the_source_are_marked_to_confirm() -> None:
    assert by_definition(limits_for("sparus_aurata", "growout", fresh=False))["temperature.high.critical"].to_confirm
    assert not by_definition(limits_for("oreochromis_niloticus", "growout", fresh=True))["do.low.critical"].to_confirm


def test_every_row_has_a_known_quantity_its_unit_a_source_and_ordered_bounds() -> None:
    text = resources.files("aquaculture").joinpath("limits.csv").read_text(encoding="utf-8")
    for line in csv.DictReader(text.splitlines()):
        quantity = QUANTITIES[line["quantity"]]
        assert line["ucum"] == quantity.ucum, line
        assert line["source"], line
        assert line["evidence"], line
        numbers = [
            float(line[c]) for c in ("crit_lo", "warn_lo", "warn_hi", "crit_hi") if line[c] and "T" not in line[c]
        ]
        assert numbers == sorted(numbers), line


def test_every_species_with_rows_is_listed() -> None:
    assert "salmo_salar" in known_species()
    assert "*" not in known_species()
