"""The figures of a farm: what a person computes by hand from the diary and the water."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from cloud.kit.repository import Database
from cloud.kpis.business import BusinessMetrics
from contracts.alarms import Severity
from contracts.devices import Inventory, LimitInEffect
from tests.cloud.api.conftest import Api
from tests.cloud.api.skerry import END, START, Skerry, fact, roll, write
from tests.cloud.api.test_access import is_problem

pytestmark = pytest.mark.usefixtures("skerry")


def figures(client: httpx.Client, **query: Any) -> dict[str, dict[str, Any]]:
    period = {"start": START.isoformat(), "end": END.isoformat()}
    answer = client.get("/api/v1/sites/skerry/kpis", params=period | query)
    assert answer.status_code == 200, answer.text
    return {kpi["name"]: kpi for kpi in answer.json()["kpis"]}


def test_a_month_of_a_pen_by_hand(manager: httpx.Client) -> None:
    found = figures(manager, unit="pen-1", cost=455)
    value = {name: kpi["value"] for name, kpi in found.items()}
    assert value["mortality"] == pytest.approx(3.0)  # 30 of 1000
    assert value["survival"] == pytest.approx(97.0)
    # 970 fish of 150 g from 1000 of 100 g; the 30 that died are booked with 100 g
    assert value["biomass_gain"] == pytest.approx(45.5)
    assert value["fcr_economic"] == pytest.approx(60 / 45.5)
    assert value["fcr_biological"] == pytest.approx(60 / 48.5)
    assert value["feed"] == 60
    assert value["sgr"] == pytest.approx(1.3516, abs=1e-4)  # 100 to 150 g in 30 days, a published vector
    assert value["tgc"] == pytest.approx(1000 * (150 ** (1 / 3) - 100 ** (1 / 3)) / 300)
    assert value["condition_factor"] == pytest.approx(100 * 150 / 23**3)
    assert value["production_efficiency"] == pytest.approx(45.5 / 100 / 30)
    assert value["cost_per_kg"] == pytest.approx(10)
    # 1440 judged hours of oxygen and temperature, three of them without enough oxygen; turbidity has no limit
    assert value["water_quality_compliance"] == pytest.approx(100 * 1437 / 1440)
    assert value["stream_uptime"] == pytest.approx(100 * (720 + 720 + 360) / 2160)
    verdicts = {name: kpi["verdict"] for name, kpi in found.items()}
    assert (verdicts["mortality"], verdicts["fcr_economic"], verdicts["sgr"]) == ("met", "missed", "no_target")
    assert verdicts["water_quality_compliance"] == "met"
    assert "30 dead of 1000 fish" in found["mortality"]["computed_from"][0]
    assert any("turbidity" in words for words in found["water_quality_compliance"]["computed_from"])


@pytest.fixture
def box_tells(farm_url: str, skerry: Skerry) -> Iterator[Callable[..., None]]:
    """Lets the skerry's box tell these limits, for the time of a test."""

    def tell(*limits: LimitInEffect) -> None:
        inventory = Inventory(agent_version="0.1.0", limits=limits).model_dump(mode="json")
        with psycopg.connect(farm_url) as database:
            database.execute("UPDATE device SET inventory = %s WHERE id = %s", (Jsonb(inventory), skerry.device))

    yield tell
    with psycopg.connect(farm_url) as database:
        database.execute("UPDATE device SET inventory = NULL WHERE id = %s", (skerry.device,))


def watched(
    quantity: str, side: str, value: float, severity: Severity = Severity.WARNING, **more: Any
) -> LimitInEffect:
    return LimitInEffect.model_validate(
        {
            "channel": f"pen-1.{quantity}",
            "definition": f"{quantity}.{side}.{severity.value}",
            "severity": severity,
            "side": side,
            "value": value,
            "source": "Kari: own trial",
            **more,
        }
    )


def test_water_is_judged_by_the_limits_that_the_box_follows(
    manager: httpx.Client, box_tells: Callable[..., None]
) -> None:
    name = "water_quality_compliance"
    shipped = figures(manager, unit="pen-1")[name]
    assert "2 channels judged by the shipped table, because their box tells no limits" in shipped["computed_from"]

    # 40 % is enough for this site; its own limit of turbidity is always crossed; temperature it does not watch
    box_tells(
        watched("do_sat", "low", 90, Severity.CRITICAL),  # the warning is the range, wherever it lies
        watched("do_sat", "low", 35),
        watched("turbidity", "high", 1.5),
    )
    own = figures(manager, unit="pen-1")[name]
    assert own["value"] == pytest.approx(100 * 720 / (720 + 360))
    assert own["verdict"] == "missed"
    assert own["computed_from"] == [
        "720 of 1080 measured hours of 2 channels",
        "2 channels judged by the limits in effect, as their box tells them now",
        "without a limit: temperature",
    ]

    box_tells(watched("do_sat", "low", 11, law="los"))  # 39 % in water of 10 Cel: LOS is 28 %
    assert figures(manager, unit="pen-1")[name]["value"] == 100
    box_tells(watched("do_sat", "low", 13, law="los"))
    assert figures(manager, unit="pen-1")[name]["value"] == pytest.approx(100 * 717 / 720)

    box_tells()
    nothing = figures(manager, unit="pen-1")[name]
    assert nothing["missing"] == "no measured hours to judge", (
        "a box that watches nothing is not a box that does not tell"
    )


def test_each_box_has_its_own_word_and_the_table_speaks_for_the_silent_one(
    manager: httpx.Client, box_tells: Callable[..., None], skerry: Skerry, farm_url: str
) -> None:
    box_tells(watched("do_sat", "low", 35))
    with psycopg.connect(farm_url) as database:
        (old_box,) = database.execute(
            "INSERT INTO device (site_id, slug, name, registered_at)"
            " SELECT site_id, 'box-old', 'Old box', registered_at FROM device WHERE id = %s RETURNING id",
            (skerry.device,),
        ).fetchone() or (None,)
        (channel,) = database.execute(
            "INSERT INTO channel (device_id, name, unit_id, quantity, ucum)"
            " VALUES (%s, 'pen-2.temperature', %s, 'temperature', 'Cel') RETURNING id",
            (old_box, skerry.units["pen-2"]),
        ).fetchone() or (0,)
        roll(database, "reading_1h", channel, {START + timedelta(hours=hour): 20.0 for hour in range(10)})
    try:
        both = figures(manager)["water_quality_compliance"]
    finally:
        with psycopg.connect(farm_url) as database:
            database.execute("DELETE FROM reading_1h WHERE channel_id = %s", (channel,))
            database.execute("DELETE FROM channel WHERE id = %s", (channel,))
            database.execute("DELETE FROM device WHERE id = %s", (old_box,))
    assert both["computed_from"][:3] == [
        "720 of 730 measured hours of 2 channels",
        "1 channels judged by the limits in effect, as their box tells them now",
        "1 channels judged by the shipped table, because their box tells no limits",
    ]


def test_what_cannot_be_told_says_why(manager: httpx.Client) -> None:
    empty = figures(manager, unit="pen-2")
    assert {kpi["verdict"] for kpi in empty.values()} - {"missing"} == {"no_target"}  # feed alone: none was given
    assert empty["mortality"]["missing"] == "no fish in this time"
    assert empty["fcr_economic"]["missing"] == "no feeding was recorded"
    assert "cost=" in empty["cost_per_kg"]["missing"]
    assert empty["water_quality_compliance"]["missing"] == "no measured hours to judge"

    late = figures(manager, unit="pen-1", start=(START + timedelta(days=20)).isoformat())
    assert "weighed 21 days before" in late["biomass_gain"]["missing"]
    assert late["biomass_gain"]["value"] is None


def test_feed_of_a_pen_with_two_batches_is_not_divided_by_guess(manager: httpx.Client) -> None:
    alone = figures(manager, batch="S-1")
    assert alone["fcr_economic"]["value"] == pytest.approx(60 / 45.5)
    mixed = write(manager, fact("stocking", 12, batch="S-2", unit="pen-1", count=10, mean_weight_g=120))
    both = figures(manager, batch="S-1")
    assert both["fcr_economic"]["missing"] == "pen-1 held another batch too, and feed is recorded by unit"
    assert both["mortality"]["value"] == pytest.approx(3.0)
    manager.post(f"/api/v1/records/{mixed}/strike", json={"reason": "end of the test"})


def test_figures_belong_to_the_organization(
    anonymous: httpx.Client, rival: httpx.Client, manager: httpx.Client, skerry: Skerry
) -> None:
    path = f"/api/v1/sites/skerry/kpis?start={START:%Y-%m-%dT%H:%M:%SZ}&end={END:%Y-%m-%dT%H:%M:%SZ}"
    assert is_problem(anonymous.get(path), 401, "unauthenticated")
    assert is_problem(rival.get(path), 404, "not_found")
    assert is_problem(manager.get(f"{path}&unit=pen-9"), 404, "not_found")
    assert is_problem(manager.get(f"{path}&batch=none"), 404, "not_found")
    assert is_problem(manager.get(f"{path}&cost=-1"), 422, "invalid_request")
    backwards = f"/api/v1/sites/skerry/kpis?start={END:%Y-%m-%dT%H:%M:%SZ}&end={START:%Y-%m-%dT%H:%M:%SZ}"
    assert is_problem(manager.get(backwards), 400, "invalid_range")


def gauges_of(client: httpx.Client) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    pairs = (line.rpartition(" ") for line in lines if line.startswith("shoal_business"))
    return {name: float(value) for name, _, value in pairs}


def test_prometheus_gets_figures_of_every_site_once_a_minute(manager: httpx.Client, api: Api) -> None:
    api.app.state.business = BusinessMetrics()  # as if a minute had passed
    first = gauges_of(manager)
    assert first['shoal_business_fish{site="skerry"}'] == 970
    assert first['shoal_business_dead_fish_30d{site="skerry"}'] == 30
    assert first['shoal_business_mortality_percent_30d{site="skerry"}'] == pytest.approx(3.0)
    assert 'shoal_business_feed_kg_24h{site="fjord"}' in first
    dead = write(manager, fact("mortality", 29.9, batch="S-1", unit="pen-1", count=70, cause="unknown"))
    assert gauges_of(manager) == first  # a second scrape within the minute reads nothing
    api.app.state.business = BusinessMetrics()  # as if a minute had passed
    assert gauges_of(manager)['shoal_business_mortality_percent_30d{site="skerry"}'] == pytest.approx(10.0)
    manager.post(f"/api/v1/records/{dead}/strike", json={"reason": "end of the test"})


def test_a_database_that_is_away_leaves_the_last_figures(manager: httpx.Client, api: Api) -> None:
    before = gauges_of(manager)
    away = Database("postgresql+psycopg://nobody@127.0.0.1:1/none", pool_size=1, statement_timeout_s=1)
    away.start()

    async def scrape() -> None:
        await BusinessMetrics().refresh(away, datetime.now(timezone.utc))
        await away.stop()

    asyncio.run(scrape())
    assert gauges_of(manager) == before
