"""Limits are data with a source; the most specific row wins."""

from __future__ import annotations

import csv
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from aquaculture.limits import (
    Bound,
    Limit,
    OxygenZone,
    Side,
    SiteLimit,
    known_species,
    limiting_saturation_percent,
    limits_for,
    salmon_oxygen_zone,
)
from aquaculture.ranges import OutOfRangeError
from contracts.alarms import Severity
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
    recalled = by_definition(limits_for("sparus_aurata", "growout", fresh=False))["temperature.high.critical"]
    assert recalled.cited == "confirm [K]; confirm with a fish-health person"


def test_no_sourced_limit_is_missing_or_changed(shared_data: Path) -> None:
    bounds = ("ucum", "crit_lo", "warn_lo", "warn_hi", "crit_hi", "evidence", "source")
    text = resources.files("aquaculture").joinpath("limits.csv").read_text(encoding="utf-8")
    ours: dict[tuple[str, str, str], list[tuple[str, ...]]] = {}
    for line in csv.DictReader(text.splitlines()):
        key = (line["species"].strip("*"), line["water"], line["quantity"])
        ours.setdefault(key, []).append(tuple(line[name] for name in bounds))
    for line in csv.DictReader((shared_data / "species_limits.csv").read_text().splitlines()):
        water = line["stage"] if line["stage"] in {"sea", "fresh"} else "any"
        species = line["species"]
        if species == "*freshwater":
            species, water = "", "fresh"
        assert tuple(line[name] for name in bounds) in ours[species, water, line["metric"]], line


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


@pytest.mark.parametrize(
    ("saturation", "temperature", "zone"),
    [
        (31, 13, OxygenZone.RED),
        (32, 13, OxygenZone.ORANGE),
        (42, 13, OxygenZone.YELLOW),
        (52, 13, OxygenZone.APPETITE),
        (59, 13, OxygenZone.GREEN),
        (60, 19, OxygenZone.APPETITE),
        (60, 7, OxygenZone.GREEN),
    ],
)
def test_the_same_saturation_is_another_zone_in_warmer_water(
    saturation: float, temperature: float, zone: OxygenZone
) -> None:
    assert salmon_oxygen_zone(saturation, temperature) is zone


def site_limit(value: float | None = 6.0, **more: Any) -> SiteLimit:
    facts: dict[str, Any] = {
        "quantity": "do",
        "side": Side.LOW,
        "severity": Severity.CRITICAL,
        "reason": "soft water, vet's advice",
        "by": "Eva",
        "valid_from": date(2026, 11, 10),
    }
    return SiteLimit(value=value, **{**facts, **more})


def test_a_site_has_the_last_word_and_its_reason_stands_with_the_limit() -> None:
    limits = by_definition(limits_for("salmo_salar", "fry", fresh=True, site=[site_limit()]))
    own = limits["do.low.critical"]
    assert (own.bound, own.evidence, own.source) == (Bound(6.0), "site", "Eva: soft water, vet's advice")
    assert "oxygen" in own.action, "the action of the table stays"
    assert not own.to_confirm
    assert limits["do.low.warning"].bound == Bound(7.0), "the others stay"


def test_a_site_may_take_a_limit_away_or_add_one() -> None:
    gone = limits_for("salmo_salar", "fry", fresh=True, site=[site_limit(None)])
    assert "do.low.critical" not in by_definition(gone)
    own = site_limit(450.0, quantity="orp", side=Side.HIGH, severity=Severity.MAJOR, action="Stop the ozone")
    added = by_definition(limits_for("salmo_salar", "fry", fresh=True, site=[own]))["orp.high.major"]
    assert (added.bound, added.ucum, added.action) == (Bound(450.0), "mV", "Stop the ozone")


def test_limits_hold_from_their_day_on() -> None:
    later = site_limit(6.5, valid_from=date(2026, 12, 1))
    for day, expected in ((date(2026, 11, 9), 5.0), (date(2026, 11, 20), 6.0), (date(2026, 12, 1), 6.5)):
        limits = limits_for("salmo_salar", "fry", fresh=True, on=day, site=[later, site_limit()])
        assert by_definition(limits)["do.low.critical"].bound == Bound(expected)
    assert limits_for("salmo_salar", "fry", fresh=True, on=date(2020, 1, 1)) == ()


def test_a_site_limit_in_the_wrong_unit_or_without_a_reason_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match=r"value = 80 mg/L .*check the unit"):
        site_limit(80)
    with pytest.raises(ValueError, match="reason: say it"):
        site_limit(reason=" ")
    with pytest.raises(ValueError, match="quantity = 'oxygen' is unknown"):
        site_limit(quantity="oxygen")
