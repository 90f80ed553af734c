"""What a manager does at a desk: figures, reports, people, boxes, evidence; in a real Chromium against the real API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect

from models.releases.proposal import propose
from tests.dashboard.conftest import go, serious_barriers, sign_in
from tests.dashboard.real_farm import MODEL, PASSWORD, SITE, RealFarm
from tests.dashboard.stack import Account

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FilePayload, Page

pytestmark = [pytest.mark.browser, pytest.mark.integration]


def test_figures_have_their_target_and_source_or_say_why_they_cannot_be_told(desk: Page) -> None:
    go(desk, f"/sites/{SITE}/kpis")
    figures = desk.get_by_test_id("kpi")
    figures.first.wait_for()
    told = figures.filter(has_not_text="Cannot be told")
    expect(told.first).to_contain_text("From ", use_inner_text=True)
    untold = figures.filter(has_text="Cannot be told").first.inner_text()
    assert len(untold.split("Cannot be told")[1].strip()) > 20, "and why"
    expect(desk.locator("[data-verdict=met], [data-verdict=missed]")).not_to_have_count(0)
    desk.get_by_label("Unit").click()
    with desk.expect_request(re.compile(r"/kpis\?.*unit=tank-2")):
        desk.get_by_role("option", name="Tank 2").click()
    figures.first.wait_for()


def test_a_report_is_looked_at_and_kept_as_pdf_and_csv(desk: Page) -> None:
    go(desk, f"/sites/{SITE}/reports")
    desk.get_by_label("Report").click()
    desk.get_by_role("option", name="Traceability of a batch").click()
    expect(desk.get_by_role("button", name="Preview"), "of which batch?").to_be_disabled()
    desk.get_by_label("Batch").click()
    desk.get_by_role("option", name="S-26").click()
    desk.get_by_role("button", name="Preview").click()
    preview = desk.get_by_test_id("report-preview")
    preview.get_by_text("Hatchery North").first.wait_for()
    kept = {}
    for form in ("PDF", "CSV"):
        with desk.expect_download() as download:
            desk.get_by_role("button", name=form, exact=True).click()
        kept[download.value.suggested_filename.rsplit(".", 1)[1]] = download.value.path().read_bytes()
    assert kept["pdf"].startswith(b"%PDF-")
    assert "Hatchery North" in kept["csv"].decode()


def test_a_role_is_changed_a_password_reset_and_the_log_tells_both(
    desk: Page, browser: Browser, farm: RealFarm
) -> None:
    go(desk, f"/sites/{SITE}/settings?part=access")
    desk.get_by_role("button", name="Change viewer@fjord.example").click()
    dialog = desk.get_by_role("dialog", name="viewer@fjord.example")
    dialog.get_by_label("Role").click()
    desk.get_by_role("option", name=re.compile("^Operator")).click()
    dialog.get_by_role("button", name="Save").click()
    desk.get_by_role("row", name=re.compile("viewer@fjord.example.*Operator")).wait_for()
    desk.get_by_role("button", name="Change viewer@fjord.example").click()
    dialog.get_by_role("button", name="Reset the password").click()
    link = desk.get_by_test_id("secret").inner_text()
    context = browser.new_context(base_url=farm.url)
    other = context.new_page()
    other.set_default_timeout(40_000)
    other.goto(link)
    other.get_by_text("All your sessions end").wait_for()
    other.get_by_label("Password").fill("a herring in the net")
    other.get_by_role("button", name="Save").click()
    other.get_by_role("button", name="Sign in").wait_for()
    sign_in(other, Account("viewer@fjord.example", "a herring in the net"))
    other.get_by_role("button", name=re.compile("^Account of")).click()
    other.get_by_text("Operator", exact=True).wait_for()
    other.get_by_role("menuitem", name="Sign out").click()
    other.get_by_role("button", name="Sign in").wait_for()
    context.close()
    desk.reload()
    log = desk.get_by_role("region", name="Who changed what").last
    log.get_by_role("row").filter(has_text="changeUser").first.wait_for()
    expect(log).to_contain_text("viewer", use_inner_text=True)


def test_a_box_is_asked_for_diagnostics_and_a_louder_log(desk: Page) -> None:
    go(desk, f"/sites/{SITE}/devices")
    desk.get_by_role("button", name="Commands").click()
    part = desk.get_by_test_id("commands")
    part.get_by_role("button", name="Ask for diagnostics").click()
    part.get_by_role("row").filter(has_text="Diagnostics").filter(has_text="Ordered").wait_for()
    part.get_by_role("button", name="Set for a while").click()
    part.get_by_role("row").filter(has_text="Log debug for 30 min").wait_for()
    expect(part).to_contain_text("fleet_admin@fjord.example", use_inner_text=True)


def test_a_hot_box_is_found_its_hashes_compared_and_its_tags_and_group_changed(desk: Page, farm: RealFarm) -> None:
    farm.box_says(temperatures_c={"CPU-therm": 97.0}, clock_trusted=False, degraded=("camera top is lost",))
    go(desk, f"/sites/{SITE}/devices?part=health")
    row = desk.get_by_role("region", name="Health").get_by_role("row").filter(has_text=f"{SITE}/box-1")
    row.get_by_text("camera top is lost").wait_for()
    for words in ("Hot: 97 °C", "Clock is not right", "97 °C", "Not right"):
        expect(row, words).to_contain_text(words, use_inner_text=True)
    with desk.expect_download() as kept:
        desk.get_by_role("button", name="CSV").click()
    assert b"camera top is lost" in kept.value.path().read_bytes()
    desk.get_by_label("Find a box").fill("no such box")
    desk.get_by_text("No box fits").wait_for()
    desk.get_by_role("tab", name="What runs").click()
    runs = desk.get_by_role("region", name="What runs").get_by_role("row").filter(has_text=f"{SITE}/box-1")
    runs.filter(has_text="Model").get_by_text(MODEL.sha256[:12]).wait_for()
    expect(runs.filter(has_text="Model")).to_contain_text("Nothing wanted", use_inner_text=True)
    runs.first.get_by_role("button", name=f"{SITE}/box-1").click()
    drawer = desk.get_by_test_id("device-drawer")
    drawer.get_by_text(MODEL.sha256).wait_for()
    expect(drawer).to_contain_text("CPU-therm", use_inner_text=True)
    drawer.get_by_label("Tags").fill("turbid, spare")
    drawer.get_by_role("button", name="Save").click()
    drawer.get_by_text("Saved").or_(drawer.get_by_label("Tags")).first.wait_for()
    drawer.get_by_role("button", name="Close").click()
    desk.get_by_role("tab", name="Groups").click()
    desk.get_by_role("button", name="New group").click()
    form = desk.get_by_role("dialog")
    form.get_by_label("Group").fill("pilot")
    form.get_by_label("Boxes").fill(f"{SITE}/box-1")
    form.get_by_role("button", name="Save").click()
    desk.get_by_role("row").filter(has_text="pilot").filter(has_text=f"{SITE}/box-1").wait_for()
    with farm.client("fleet_admin") as client:
        box = client.get("/api/v1/devices", params={"site": SITE}).json()["items"][0]
    assert (box["tags"], box["groups"]) == (["spare", "turbid"], ["pilot"])
    desk.get_by_role("button", name="Forget pilot").click()
    desk.get_by_role("button", name="Forget it").click()
    desk.get_by_text("No group yet").wait_for()


def test_readings_of_a_chart_are_kept_and_what_came_before_a_death_is_listed(desk: Page) -> None:
    go(desk, "/units/1")
    chart = desk.get_by_role("region", name="Dissolved oxygen")
    chart.locator("canvas").wait_for()
    for form, first in (("CSV", b"mg/L"), ("Parquet", b"PAR1")):
        with desk.expect_download() as kept:
            chart.get_by_role("button", name=form).click()
        assert first in kept.value.path().read_bytes()[:400]
    before = desk.get_by_test_id("before")
    before.get_by_role("listitem").filter(has_text="46 kg").wait_for()
    before.get_by_role("listitem").filter(has_text="3").first.wait_for()


def test_a_picture_is_shown_to_the_classifier_with_a_map_of_what_it_looked_at(desk: Page, farm: RealFarm) -> None:
    farm.teach_species()
    go(desk, f"/sites/{SITE}/classify")
    desk.get_by_role("button", name="Which species is it?").click()
    frame = np.zeros((70, 140, 3), np.uint8)
    frame[:35, :70] = (0, 255, 0)
    encoded = cv2.imencode(".png", frame)[1].tobytes()
    picture: FilePayload = {"name": "fish.png", "mimeType": "image/png", "buffer": encoded}
    chosen, told = desk.get_by_test_id("picture-file"), desk.get_by_test_id("prediction")
    chosen.set_input_files(picture)
    refused = desk.get_by_role("alert")
    told.or_(refused).wait_for()
    while refused.count():  # the folder of models is looked at every few seconds
        desk.wait_for_timeout(500)
        chosen.set_input_files(picture)
        told.or_(refused).wait_for()
    told.get_by_text("How sure it is of each species").wait_for()
    told.get_by_role("button", name="Show what it looked at").click()
    told.get_by_test_id("explained").wait_for()
    expect(told.get_by_test_id("explained")).to_contain_text("Covering the top left", use_inner_text=True)
    expect(told.locator("[data-testid=attention-map] rect").nth(20)).to_be_attached()
    told.get_by_role("button", name="Hide the map").click()
    told.get_by_test_id("attention-map").wait_for(state="detached")


def test_a_release_is_seen_to_gather_signatures_and_is_then_rolled_out(desk: Page, farm: RealFarm) -> None:
    ceremony = farm.people_who_release()
    propose(ceremony.repository, ceremony.bundle("1.1.0"), now=ceremony.clock.now())
    ceremony.repository.sign(ceremony.cy)
    go(desk, f"/sites/{SITE}/rollouts?part=releases")
    staged = desk.get_by_test_id("staged")
    staged.get_by_text("cy has signed").wait_for()
    expect(staged).to_contain_text("1 of 2", use_inner_text=True)
    expect(staged).to_contain_text("1 more signature is needed", use_inner_text=True)
    expect(staged).to_contain_text("shoal fleet release sign --key keys/ada.pub.json", use_inner_text=True)
    expect(staged.locator("input"), "a browser takes no key").to_have_count(0)
    releases = desk.get_by_role("region", name="fish-detector").get_by_role("row")
    expect(releases.filter(has_text="1.1.0")).to_contain_text("Proposed", use_inner_text=True)
    expect(releases.filter(has_text="1.1.0").get_by_role("button", name="Roll out")).to_have_count(0)
    published = releases.filter(has_text="1.0.0")
    expect(published).to_contain_text("2 of 2", use_inner_text=True)
    published.get_by_text("ada has signed").wait_for()
    published.get_by_text("cy has not signed").wait_for()
    ceremony.sign_and_publish(ceremony.ada)
    releases.filter(has_text="1.1.0").filter(has_text="Published").wait_for()
    staged.wait_for(state="detached")
    expect(desk.get_by_test_id("role-end").nth(5), "root, targets, the model, snapshot, channels").to_be_attached()
    releases.filter(has_text="1.1.0").get_by_role("button", name="Details").click()
    shown = desk.get_by_test_id("release")
    shown.get_by_text("fish", exact=True).wait_for()
    desk.get_by_role("button", name="Close").click()
    releases.filter(has_text="1.1.0").get_by_role("button", name="Roll out").click()
    form = desk.get_by_role("dialog")
    expect(form.get_by_label("Version", exact=False).first).to_have_value("1.1.0")
    expect(form.get_by_label("Back to version")).to_have_value("1.0.0")
    form.get_by_role("button", name="Ask for it").click()
    desk.get_by_role("heading", name="fish-detector 1.1.0").wait_for()
    desk.get_by_text("Asked", exact=True).first.wait_for()


def test_a_release_is_tried_in_one_tank_compared_ended_and_rolled_out(desk: Page, farm: RealFarm) -> None:
    go(desk, f"/sites/{SITE}/rollouts?part=trials")
    desk.get_by_role("button", name="Try a release in some tanks").click()
    form = desk.get_by_role("dialog")
    form.get_by_label("Model").fill(MODEL.name)
    form.get_by_label(re.compile("^Version")).fill("1.1.0")
    form.get_by_label("Days").fill("0")
    send = form.get_by_role("button", name="Ask for it")
    expect(send, "for no time at all?").to_be_disabled()
    form.get_by_label("Days").fill("7")
    form.get_by_label("Which tanks").click()
    desk.get_by_role("option", name="Named tanks of this farm").click()
    expect(send, "in which tanks?").to_be_disabled()
    form.get_by_role("combobox", name=re.compile("^Tanks")).click()
    desk.get_by_role("option", name="Tank 2").click()
    desk.keyboard.press("Escape")
    form.get_by_label("A second person must approve it").check()
    send.click()
    desk.get_by_role("heading", name=f"{MODEL.name} 1.1.0").wait_for()
    desk.get_by_text("another fleet admin must approve it").wait_for()
    desk.get_by_text("no tank has the release").wait_for()
    expect(desk.get_by_role("button", name="Approve", exact=True), "whoever asked is no second person").to_have_count(0)
    expect(desk.get_by_role("button", name="Roll it out"), "nothing was tried").to_have_count(0)
    with farm.client("fleet_admin") as client:
        asked = client.get("/api/v1/unit-trials").json()["items"][0]
    assert (asked["units"], asked["days"], asked["share"]) == ([f"{SITE}/tank-2"], 7, None)

    farm.carry_out(asked["id"], version="1.1.0", unit="tank-2", other="tank-1", more=1.3)
    desk.locator("[data-status=running]").wait_for()
    desk.get_by_text("1 box runs what it should.").wait_for()
    tanks = desk.get_by_test_id("trial-unit")
    expect(tanks.filter(has_text="tank-2")).to_contain_text(f"should have {MODEL.name} 1.1.0", use_inner_text=True)
    expect(tanks.filter(has_text="tank-1")).to_contain_text(f"has {MODEL.name} {MODEL.version}", use_inner_text=True)
    desk.get_by_text("1 box · 24 hours compared · 0 labelled pictures").wait_for()
    desk.get_by_text("Too few boxes to tell anything: 3 for an interval").wait_for()
    counted = desk.get_by_role("row").filter(has_text="Fish counted")
    for words in ("1.30", "no interval", "Too few boxes"):
        expect(counted, words).to_contain_text(words, use_inner_text=True)
    for _ in range(2):
        assert serious_barriers(desk) == []
        desk.get_by_role("button", name=re.compile("Use the (light|dark) theme")).click()
    farm.box_says()
    desk.get_by_text("1 box runs something else.").wait_for()

    desk.get_by_role("button", name="End it").click()
    desk.get_by_text("as soon as their fish are left in peace").wait_for()
    ending = form.get_by_role("button", name="End it")
    expect(ending, "why?").to_be_disabled()
    form.get_by_label("Why").fill("enough pictures")
    ending.click()
    desk.locator("[data-status=ending]").wait_for()
    expect(desk.get_by_test_id("trial-reason")).to_have_text("enough pictures", use_inner_text=True)
    desk.get_by_role("button", name="Roll it out to all tanks").click()
    form.get_by_label("Back to version").fill("1.0.0")
    form.get_by_role("button", name="Roll it out to all tanks").click()
    desk.get_by_role("heading", name="adopted").wait_for()
    desk.get_by_role("link", name="All rollouts").click()
    desk.get_by_role("tab", name="In some tanks").click()
    desk.get_by_role("row").filter(has_text="enough pictures").filter(has_text="Ending").wait_for()


def test_a_version_of_the_agent_is_asked_for_in_the_form(desk: Page, farm: RealFarm) -> None:
    go(desk, f"/sites/{SITE}/rollouts")
    desk.get_by_role("button", name="Roll out a release").click()
    form = desk.get_by_role("dialog")
    form.get_by_label("Name").fill("Agent for the winter")
    form.get_by_label("What is rolled out").click()
    desk.get_by_role("option", name="Agent").click()
    form.get_by_label("Model").wait_for(state="detached")
    form.get_by_label("Version", exact=False).first.fill("0.2.0")
    form.get_by_text("The version that machines came with is none").wait_for()
    form.get_by_role("button", name="Ask for it").click()
    desk.get_by_role("heading", name="Agent for the winter").wait_for()
    with farm.client("fleet_admin") as client:
        newest = client.get("/api/v1/rollouts", params={"limit": 1}).json()["items"][0]
    assert (newest["kind"], newest["model"], newest["version"], newest["back_to"]) == ("agent", "agent", "0.2.0", None)


def test_how_alarms_served_and_why_each_exists(desk: Page) -> None:
    go(desk, f"/sites/{SITE}/alarms")
    desk.get_by_role("tab", name="Do they serve?").click()
    desk.get_by_text("Alarms a day").wait_for()
    with desk.expect_response(re.compile("/alarm-performance")) as answered:
        desk.get_by_role("group", name="Period").get_by_role("button").last.click()
    assert answered.value.ok
    desk.get_by_role("tab", name="Why they exist").click()
    row = desk.get_by_role("row").filter(has_text="do.low.critical")
    row.first.wait_for()


def test_a_batch_is_begun_and_a_wrong_record_struck_out_with_a_reason(desk: Page) -> None:
    go(desk, f"/sites/{SITE}/records?part=batches")
    form = desk.get_by_role("form", name="Begin a batch")
    form.get_by_label("Batch").fill("T-27")
    form.get_by_label("Origin").fill("Hatchery South")
    form.get_by_role("button").last.click()
    desk.get_by_role("row").filter(has_text="T-27").get_by_text("Hatchery South").wait_for()
    desk.get_by_role("tab", name="Lice and withdrawals").or_(desk.get_by_role("tab").nth(2)).first.click()
    desk.get_by_role("table").get_by_role("row").filter(has_text="Tank 1").first.wait_for()
    go(desk, f"/sites/{SITE}/records")
    note = desk.get_by_role("row").filter(has_text="Cleaned the outlet grid")
    note.get_by_role("button", name="Strike out").click()
    note.get_by_label("Why").fill("it was tank 2")
    note.get_by_role("button", name="Strike out").click()
    note.get_by_text("it was tank 2").wait_for()


def test_a_contact_is_added_the_way_to_them_tested_and_taken_off(desk: Page) -> None:
    go(desk, f"/sites/{SITE}/settings?part=on-call")
    desk.get_by_text("an alarm reaches nobody outside this screen").wait_for()
    form = desk.get_by_role("form", name="Add", exact=True)
    form.get_by_label("Name").fill("Kari Nordmann")
    form.get_by_label("Phone").fill("+47 98 76 54 32")
    form.get_by_role("button", name="Add").click()
    row = desk.get_by_role("row").filter(has_text="+4798765432")
    row.wait_for()
    desk.get_by_role("button", name="Test now").click()
    desk.get_by_text("test messages are on their way").wait_for()
    row.get_by_role("button", name="Remove").click()
    desk.get_by_text("an alarm reaches nobody outside this screen").wait_for()


def test_a_person_of_several_farms_goes_from_one_to_the_other(desk: Page, browser: Browser, farm: RealFarm) -> None:
    farm.found("skerry")
    context = browser.new_context(base_url=farm.url)
    tab = context.new_page()
    tab.set_default_timeout(40_000)
    sign_in(tab, Account("operator@fjord.example", PASSWORD))
    tab.get_by_role("button", name="Nordfjord").or_(tab.get_by_role("combobox", name="Farm")).first.click()
    tab.get_by_role("menuitem", name=re.compile("skerry", re.IGNORECASE)).or_(
        tab.get_by_role("option", name=re.compile("skerry", re.IGNORECASE))
    ).click()
    tab.wait_for_url(re.compile("/sites/skerry"))
    tab.get_by_text("No units on this farm yet").wait_for()
    context.close()


FIRST_DAY = {
    "": "No units on this farm yet",
    "alarms": "No open alarms on this farm",
    "alarms?part=over": "No alarm has ended yet",
    "alarms?part=performance": "No alarm in this time",
    "records": "No record yet",
    "records?part=batches": "The book holds no fish here",
    "records?part=health": "Nobody has counted lice yet",
    "kpis": "no fish in this time",
    "reports": "Daily log",
    "classify": "Nothing was asked yet",
    "devices": "No edge box has reported from this farm yet",
    "devices?part=health": "No edge box has reported from this farm yet",
    "devices?part=runs": "No edge box has reported from this farm yet",
    "devices?part=groups": "No group yet",
    "labels": "No frame waits here",
    "labels?part=review": "Nothing waits for review",
    "labels?part=queue": "No frame waits here",
    "labels?part=progress": "No frame has been labelled by two people yet.",
    "labels?part=datasets": "No data set yet",
    "drift": "No advice here",
    "drift?part=series": "No version has worked at a unit yet",
    "tasks": "Nothing is or was done here",
    "rollouts": "No rollout yet",
    "rollouts?part=trials": "No trial yet",
    "dead-letters": "No dead letters",
    "settings": "No box has told its limits yet",
    "settings?part=calibrations": "No reading yet",
    "settings?part=on-call": "Nothing was tested yet.",
    "settings?part=access": "No machine has a key.",
}
"""Part of the dashboard to what it says while there is nothing to show."""

_BLANK = """() => [...document.querySelectorAll('main section, main [role=tabpanel], main table')]
    .filter(each => each.innerText.trim() === (each.querySelector('h1, h2, h3')?.innerText.trim() ?? '')
        || (each.matches('table') && each.querySelector('tbody tr') === null))
    .map(each => each.getAttribute('aria-label') ?? each.id)"""
"""What has a title or a head and nothing below."""


def test_on_a_farms_first_day_every_page_says_what_is_not_there_yet(browser: Browser, farm: RealFarm) -> None:
    account = farm.neighbours("bay", "bay")
    context = browser.new_context(base_url=farm.url)
    tab = context.new_page()
    tab.set_default_timeout(40_000)
    tab.goto("/")
    tab.get_by_label("Email").fill(account.email)
    tab.get_by_label("Password").fill(account.password)
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url("**/sites/bay")
    blank = []
    for path, said in FIRST_DAY.items():
        go(tab, f"/sites/bay/{path}")
        main = tab.locator("main")
        main.get_by_text(said).first.wait_for()
        main.get_by_text("Loading…").first.wait_for(state="detached")
        blank += [(path, name) for name in tab.evaluate(_BLANK)]
        assert not re.search(r"undefined|NaN|\bnull\b", main.inner_text()), path
    assert not blank, blank
    go(tab, "/units/999999")
    tab.locator("main").get_by_text("Not found").wait_for()
    context.close()
