"""Reports as people get them: the farm's month as PDF and CSV, read back as text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from pypdf import PdfReader

from cloud.reports.service import MAX_WAITING, Name
from tests.cloud.api.conftest import Api
from tests.cloud.api.skerry import END, START, fact, write
from tests.cloud.api.test_access import is_problem

pytestmark = pytest.mark.usefixtures("skerry")


def ask(client: httpx.Client, name: str, kind: str, **query: Any) -> httpx.Response:
    period = {"start": START.isoformat(), "end": END.isoformat()}
    return client.get(f"/api/v1/sites/skerry/reports/{name}.{kind}", params=period | query)


def pages(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return [re.sub(r"\s+", " ", page.extract_text()) for page in PdfReader(io.BytesIO(answer.content)).pages]


def tables(answer: httpx.Response) -> dict[str, list[dict[str, str]]]:
    """Tables of a CSV report by title."""
    assert answer.status_code == 200, answer.text
    blocks = answer.content.decode("utf-8-sig").split("\r\n\r\n")
    found = {}
    for block in blocks[1:]:
        title, _, rest = block.partition("\r\n")
        name = next(csv.reader([title]))[0]
        found[name] = list(csv.DictReader(io.StringIO(rest)))
    return found


@pytest.fixture
def a_check(manager: httpx.Client) -> Iterator[None]:
    """Lice were counted, a probe was calibrated, and somebody wrote a note that a spreadsheet would run."""
    records = [
        fact("lice_count", 3, unit="pen-1", fish=20, adult_females=4, mobile=10, attached=2, sea_temperature_c=9.5),
        fact("calibration", 4, unit="pen-1", sensor="DO-77", reference=100, before=97.5, after=100),
        fact("note", 4.5, unit="pen-1", note='=HYPERLINK("http://evil") <b>bold</b> Łosoś'),
        fact("treatment", 6, unit="pen-1", product="Florocol", active_substance="florfenicol", dose="10 mg/kg",
             reason="furunculosis", prescriber="Dr Lie", ended_at=(START + timedelta(days=7)).isoformat(),
             withdrawal_degree_days=0),
    ]  # fmt: skip
    keys = [write(manager, record) for record in records]
    yield
    for key in keys:
        manager.post(f"/api/v1/records/{key}/strike", json={"reason": "end of the test"})


def test_the_daily_log_names_the_farm_the_time_twice_and_every_page(manager: httpx.Client, a_check: None) -> None:
    told = pages(ask(manager, "daily-log", "pdf"))
    first = told[0]
    assert first.startswith("Daily log Farm Skerry & Søn <sea> (skerry)")
    assert "Europe/Oslo" in first
    assert f"From {START:%Y-%m-%d} 0" in first  # an hour or two after midnight in Oslo
    assert f"{START:%Y-%m-%d} 00:00 UTC" in first
    assert "for manager@skerry.example" in first
    assert re.search(r"Figures from records of the diary: \d+, and \d+ struck out and left out", first)
    assert "Figures from 108000 readings in 1800 hours of channels" in first
    for number, text in enumerate(told, start=1):
        assert f"Page {number} of {len(told)}" in text
        assert "Skerry & Søn <sea> · Daily log · made" in text
    whole = " ".join(told)
    assert '=HYPERLINK("http://evil") <b>bold</b> ?oso?' in whole
    assert "Letters that this file cannot show stand as ?" in first


def test_a_spreadsheet_gets_no_formula_and_every_letter(manager: httpx.Client, a_check: None) -> None:
    answer = ask(manager, "daily-log", "csv")
    what = [row["What"] for row in tables(answer)["Diary"]]
    assert 'pen-1: note: =HYPERLINK("http://evil") <b>bold</b> Łosoś' in what
    (oxygen,) = [row for row in tables(answer)["Water"] if row["Channel"] == "pen-1.do_sat"]
    assert (oxygen["Lowest hour"], oxygen["Highest hour"], oxygen["Readings"]) == ("40", "95", "43200")
    assert answer.headers["content-disposition"].endswith('.csv"')


def test_lice_come_with_their_interval_and_the_limit_of_their_week(manager: httpx.Client, a_check: None) -> None:
    (row,) = tables(ask(manager, "weekly-lice", "csv", region="norway-south"))["Lice by pen and count"]
    assert (row["Adult females per fish"], row["Against it"], row["Fish"]) == ("0.2", "unsure", "20")
    assert row["95 % interval"] == "0.054 to 0.512"
    assert row["Limit"] in {"0.2", "0.5"}
    assert row["Time (UTC)"] == f"{START + timedelta(days=3):%Y-%m-%d %H:%M}"
    assert row["Time (local)"] != row["Time (UTC)"]


def test_the_month_of_the_pen_and_why_its_fish_died(manager: httpx.Client) -> None:
    told = tables(ask(manager, "production", "csv"))
    pen = next(row for row in told["Production"] if row["Unit"] == "pen-1")
    assert (pen["Fish at start"], pen["Dead"], pen["Dead %"], pen["Fish at end"]) == ("1000", "30", "3", "970")
    assert (pen["kg gained"], pen["kg feed"], pen["FCR economic"]) == ("45.5", "60", "1.319")
    assert [tuple(row.values()) for row in told["Mortality by cause"]] == [
        ("pen-1", "environment", "oxygen", "20", "66.67"),
        ("pen-1", "unknown", "", "10", "33.33"),
    ]
    (page,) = pages(ask(manager, "production", "pdf"))
    assert "1.319" in page


def test_a_batch_is_traced_back_and_forward(manager: httpx.Client, a_check: None) -> None:
    gone = fact("harvest", 29.5, batch="S-1", unit="pen-1", count=100, destination="Oslo fish market")
    elsewhere = fact("feeding", 6, unit="pen-2", product="Grow 3", lot="OTHER", amount_kg=3)
    keys = [write(manager, elsewhere), write(manager, gone)]
    told = tables(ask(manager, "traceability", "csv", batch="S-1"))
    whole = " ".join(pages(ask(manager, "traceability", "pdf", batch="S-1")))
    for key in keys:
        manager.post(f"/api/v1/records/{key}/strike", json={"reason": "end of the test"})
    back = next(title for title in told if title.startswith("Back"))
    assert back == "Back: batch S-1, salmo_salar, from Hatchery <3>"
    assert "1000 fish of 100 g stocked from Hatchery <3>" in told[back][0]["What"]
    lots = told["Feed lots given while the fish were there"]
    assert [(row["Lot"], row["kg"], row["Units"]) for row in lots] == [("L15", "30", "pen-1"), ("L5", "30", "pen-1")]
    assert "Florocol" in told["Treatments of the fish"][0]["What"]
    assert "100 fish harvested" in told["Forward: harvested, culled, escaped"][0]["What"]
    assert told["Forward: still held"][0]["Fish"] == "870"
    assert "Oslo fish market" in whole
    assert "OTHER" not in whole


def test_water_is_judged_hour_by_hour_with_every_exceedance(manager: httpx.Client) -> None:
    told = tables(ask(manager, "water-compliance", "csv"))
    summary = {row["Channel"]: row for row in told["Time in range; the target is 99.5 %"]}
    assert summary["pen-1.do_sat"]["Hours"] == "720"
    assert float(summary["pen-1.do_sat"]["In range %"]) == pytest.approx(100 * 717 / 720, abs=0.01)
    assert summary["pen-1.temperature"]["In range %"] == "100"
    assert "Remen 2016" in summary["pen-1.do_sat"]["Limits from"]
    assert summary["pen-1.do_sat"]["Judged by"] == "shipped table"
    (night,) = told["Exceedances"]
    # Saturation must stay 20 points above LOS, which is 28 % in water of 10 Cel
    assert (night["Hours"], night["Limit"], night["Worst mean"], night["Side"]) == ("3", "48", "40", "low")
    assert night["From (UTC)"] == f"{START + timedelta(hours=100):%Y-%m-%d %H:%M}"


def test_calibrations_and_alarms_have_their_lists(manager: httpx.Client, a_check: None) -> None:
    (row,) = tables(ask(manager, "calibrations", "csv"))["Calibrations and checks"]
    assert (row["Sensor"], row["Off by"], row["By"]) == ("DO-77", "-2.5", "manager@skerry.example")
    (page,) = pages(ask(manager, "alarm-performance", "pdf"))
    assert "Alarms per day" in page
    assert "Page 1 of 1" in page


@pytest.mark.parametrize("name", [each.value for each in Name])
def test_every_report_belongs_to_its_organization(
    anonymous: httpx.Client, rival: httpx.Client, manager: httpx.Client, name: str
) -> None:
    batch = {"batch": "S-1"} if name == Name.TRACEABILITY.value else {}
    for kind in ("pdf", "csv"):
        assert ask(manager, name, kind, **batch).status_code == 200
        assert is_problem(ask(rival, name, kind, **batch), 404, "not_found")
        assert is_problem(ask(anonymous, name, kind), 401, "unauthenticated")


def test_questions_without_an_answer_are_refused(manager: httpx.Client) -> None:
    assert is_problem(ask(manager, "traceability", "pdf"), 400, "bad_request")
    assert is_problem(ask(manager, "traceability", "pdf", batch="none"), 404, "not_found")
    assert is_problem(ask(manager, "daily-log", "pdf", batch="S-1"), 400, "bad_request")
    assert is_problem(ask(manager, "gossip", "pdf"), 422, "invalid_request")
    assert is_problem(
        ask(manager, "daily-log", "csv", start=END.isoformat(), end=START.isoformat()), 400, "invalid_range"
    )


def test_more_reports_than_can_be_made_are_sent_away_for_a_while(manager: httpx.Client, api: Api) -> None:
    limiter = api.app.state.report_limiter

    class Full:
        """What the limiter says when everybody wants a report."""

        def statistics(self) -> SimpleNamespace:
            return SimpleNamespace(tasks_waiting=MAX_WAITING)

    api.app.state.report_limiter = Full()
    try:
        answer = ask(manager, "daily-log", "csv")
    finally:
        api.app.state.report_limiter = limiter
    assert is_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "2"
