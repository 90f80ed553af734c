"""Provisioning a farm: idempotent, and never undoing what a file does not mention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloud.consumers import Ingest
from cloud.farms.provision import provision
from contracts.errors import ConfigurationError
from tests.cloud.messages import clock, counts, one, readings, rows

SITES: list[dict[str, Any]] = [
    {"slug": "fjord", "name": "Fjord farm", "timezone": "Europe/Oslo", "latitude": 60.1, "longitude": 5.2}
]
UNITS: list[dict[str, Any]] = [
    {
        "site": "fjord",
        "slug": "tank-1",
        "name": "Smolt 1",
        "kind": "tank",
        "volume_m3": 120.0,
        "species": "salmo_salar",
    },
    {"site": "fjord", "slug": "pen-1", "kind": "net_pen"},
]


def test_provisioning_twice_makes_one_farm(database_url: str) -> None:
    for _ in range(2):
        provision(database_url, {"slug": "north", "name": "North Fish"}, SITES, UNITS)
    assert one(database_url, "SELECT name, timezone, latitude FROM site") == ("Fjord farm", "Europe/Oslo", 60.1)
    assert rows(database_url, "SELECT slug, name, kind, volume_m3 FROM unit ORDER BY id") == [
        ("tank-1", "Smolt 1", "tank", 120.0),
        ("pen-1", "Pen 1", "net_pen", None),
    ]


def test_a_site_that_registered_itself_joins_the_organization_and_keeps_its_data(
    database_url: str, tmp_path: Path
) -> None:
    ingest = Ingest(database_url, storage_dir=tmp_path, clock=clock)
    ingest.write([readings(1)])
    provision(database_url, "north", SITES, UNITS)
    ingest.write([readings(2)])
    ingest.close()
    owner = "SELECT o.slug, s.name FROM site s JOIN organization o ON o.id = s.organization_id"
    assert rows(database_url, owner) == [("north", "Fjord farm")]
    assert one(database_url, "SELECT name FROM unit WHERE slug = 'tank-1'") == "Smolt 1"
    assert counts(database_url)["reading"] == 2


@pytest.mark.parametrize(
    ("units", "field"),
    [
        ([{"site": "fjord", "slug": "Tank 1"}], "units.0.slug"),
        ([{"site": "fjord", "slug": "tank-1", "volume": 3}], "units.0.volume"),
        ([{"site": "lake", "slug": "tank-1"}], "units.0.site"),
    ],
)
def test_a_wrong_file_is_refused_by_field_and_changes_nothing(
    database_url: str, units: list[dict[str, object]], field: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        provision(database_url, "north", SITES, units)
    assert refused.value.field == field
    assert counts(database_url)["site"] == 0
