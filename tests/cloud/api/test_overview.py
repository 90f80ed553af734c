"""Sites, units and everything that is new at a site."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import psycopg
import pytest

from cloud.farms.schemas import Unit, UnitPage
from cloud.overview.schemas import Site, SiteLatest, SitePage, UnitLatest
from cloud.telemetry.schemas import CalibrationChange, LatestReading
from contracts.alarms import Severity
from contracts.quality import QUALITY_TESTS, QualityFlag
from tests.cloud.api import farm as farms


@contextmanager
def statements_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """SQL statements that the API sends meanwhile, seen where all of them pass: at the driver's cursor."""
    seen: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def noted(cursor: Any, query: Any, *args: Any, **options: Any) -> Any:
        seen.append(str(query))
        return await execute(cursor, query, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.AsyncCursor, "execute", noted)
        yield seen


def latest_of(client: httpx.Client) -> SiteLatest:
    answer = client.get("/api/v1/sites/fjord/latest")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-cache", (
        "asked anew every time, and 304 while nothing has changed"
    )
    return SiteLatest.model_validate_json(answer.content)


def unit_of(latest: SiteLatest, slug: str) -> UnitLatest:
    return next(each for each in latest.units if each.unit.slug == slug)


def reading_of(latest: SiteLatest, channel: str) -> LatestReading:
    return next(reading for each in latest.units for reading in each.readings if reading.channel == channel)


def test_sites_say_how_much_there_is(viewer: httpx.Client) -> None:
    page = SitePage.model_validate_json(viewer.get("/api/v1/sites").content)
    (site,) = page.items
    assert (site.slug, site.units, site.devices, site.devices_online) == ("fjord", 2, 1, 1)
    assert site.open_alarms >= 1
    assert page.next_cursor is None
    assert Site.model_validate_json(viewer.get("/api/v1/sites/fjord").content) == site


def test_units_come_in_pages(viewer: httpx.Client) -> None:
    first = UnitPage.model_validate_json(viewer.get("/api/v1/sites/fjord/units?limit=1").content)
    assert [unit.slug for unit in first.items] == ["tank-1"]
    assert first.next_cursor is not None
    answer = viewer.get("/api/v1/sites/fjord/units", params={"limit": 1, "cursor": first.next_cursor})
    second = UnitPage.model_validate_json(answer.content)
    assert [unit.slug for unit in second.items] == ["tank-2"]
    assert second.next_cursor is None
    unit = Unit.model_validate_json(viewer.get(f"/api/v1/units/{second.items[0].id}").content)
    assert (unit.slug, unit.site) == ("tank-2", "fjord")


def test_latest_value_carries_what_it_takes_to_judge_it(viewer: httpx.Client, farm: farms.Farm) -> None:
    latest = latest_of(viewer)
    oxygen = reading_of(latest, "tank-1.do")
    assert (oxygen.label, oxygen.ucum, oxygen.decimals) == ("Dissolved oxygen", "mg/L", 2)
    assert oxygen.value == pytest.approx(8.599)
    assert oxygen.observed_at == farm.now
    assert oxygen.quality is QualityFlag.GOOD
    assert oxygen.age_s == pytest.approx((latest.server_time - farm.now).total_seconds(), abs=0.01)
    assert oxygen.stale is (latest.server_time - farm.now > timedelta(seconds=60))
    assert abs(latest.server_time - datetime.now(timezone.utc)) < timedelta(seconds=30)


def test_a_flagged_value_says_why_and_what_it_rests_on(viewer: httpx.Client) -> None:
    latest = latest_of(viewer)
    warm = reading_of(latest, "tank-1.temperature")
    assert warm.quality is QualityFlag.SUSPECT
    assert [(each.test, each.quality) for each in warm.tests] == [
        ("rate_of_change", QualityFlag.SUSPECT),
        ("calibration_expired", QualityFlag.SUSPECT),
        ("of_tomorrow", QualityFlag.NOT_EVALUATED),
    ]
    assert warm.tests[0].meaning == QUALITY_TESTS["rate_of_change"].meaning
    assert warm.tests[1].remedy == QUALITY_TESTS["calibration_expired"].remedy
    assert warm.tests[2].meaning is None, "a test that a newer box has is shown by its code"
    assert warm.calibration == "SN-7#2"
    assert warm.observed_at is not None
    [change] = viewer.get(f"/api/v1/channels/{warm.channel_id}/calibrations").json()
    assert CalibrationChange.model_validate(change) == CalibrationChange(since=warm.observed_at, calibration="SN-7#2")
    oxygen = reading_of(latest, "tank-1.do")
    assert (oxygen.tests, oxygen.calibration) == ([], None)
    assert viewer.get(f"/api/v1/channels/{oxygen.channel_id}/calibrations").json() == []


def test_old_value_is_stale_and_keeps_its_age(viewer: httpx.Client) -> None:
    old = reading_of(latest_of(viewer), "tank-2.do")
    assert old.stale
    assert old.age_s is not None
    assert old.age_s >= 7200


def test_channel_that_never_reported_is_missing_not_absent(viewer: httpx.Client) -> None:
    silent = reading_of(latest_of(viewer), "tank-2.ph")
    assert (silent.value, silent.observed_at, silent.age_s) == (None, None, None)
    assert silent.quality is QualityFlag.MISSING
    assert silent.stale


def test_unknown_quantity_is_shown_by_its_code(viewer: httpx.Client) -> None:
    reading = reading_of(latest_of(viewer), "tank-2.secchi")
    assert (reading.label, reading.ucum, reading.value) == ("secchi", "m", 1.25)


def test_derived_channels_come_after_measured_ones(viewer: httpx.Client) -> None:
    readings = unit_of(latest_of(viewer), "tank-1").readings
    assert [reading.derived for reading in readings] == sorted(reading.derived for reading in readings)
    assert readings[-1].quantity == "do_sat"


def test_unit_shows_newest_observation_and_newest_image(viewer: httpx.Client, farm: farms.Farm) -> None:
    unit = unit_of(latest_of(viewer), "tank-1")
    assert unit.observation is not None
    assert unit.evidence is not None
    assert unit.observation.observed_at == farm.now
    assert unit.observation.image_url is None, "its image has not arrived"
    assert unit.observation.image_sha256 == farms.LATER_SHA256
    assert unit.evidence.image_sha256 == farms.JPEG_SHA256
    assert unit.evidence.observed_at == farm.now - timedelta(seconds=20)
    assert unit.evidence.model == farms.MODEL
    assert unit.evidence.image_url is not None
    image = httpx.get(f"{viewer.base_url}".rstrip("/") + unit.evidence.image_url)
    assert image.content == farms.JPEG
    assert unit_of(latest_of(viewer), "tank-2").observation is None


def test_unit_counts_active_alarms(viewer: httpx.Client) -> None:
    latest = latest_of(viewer)
    assert unit_of(latest, "tank-1").alarms.critical == 1
    assert unit_of(latest, "tank-1").worst_severity is Severity.CRITICAL
    assert unit_of(latest, "tank-2").worst_severity is None
    assert [device.slug for device in latest.devices] == ["box-1"]
    assert latest.devices[0].state == "online"


def test_latest_takes_a_fixed_number_of_queries(viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    latest_of(viewer)
    with statements_of(monkeypatch) as statements:
        # An address that nobody has asked for, so that the answer is not one that is shared.
        assert viewer.get("/api/v1/sites/fjord/latest?never=asked").status_code == 200
    # Site, devices, units, alarms, readings, observations, evidence; periods and limits of channels are remembered. Left out are
    # the user, who may be known from a moment ago, the tasks that the process looks for meanwhile, and the store's version.
    others = ("app_user", "task", "pg_current_snapshot")
    of_the_site = [each for each in statements if not any(other in each for other in others)]
    assert len(of_the_site) == 7
    assert sum("reading_latest" in statement for statement in statements) == 1


def test_latest_is_compressed_for_whom_wants_it(viewer: httpx.Client) -> None:
    for _ in range(2):  # read, and shared
        answer = viewer.get("/api/v1/sites/fjord/latest", headers={"Accept-Encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"].lower() == "accept-encoding"
        assert answer.json()["site"]["slug"] == "fjord"
    plain = viewer.get("/api/v1/sites/fjord/latest", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers


def test_a_reading_comes_with_the_limits_that_its_box_watches(viewer: httpx.Client) -> None:
    readings = {reading.quantity: reading for reading in unit_of(latest_of(viewer), "tank-1").readings}
    [oxygen] = readings["do"].limits
    assert (oxygen.definition, oxygen.severity, oxygen.side, oxygen.value) == (
        "do.low.critical",
        "critical",
        "low",
        5.0,
    )
    [saturation] = readings["do_sat"].limits
    # Limiting saturation at 11.5 Cel is 24 + 16 x 4.5 / 12 = 30 % (Remen et al. 2016), and 20 points on top.
    assert saturation.value == 50.0
    assert readings["temperature"].limits == []
