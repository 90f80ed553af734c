"""What a shift does with the dashboard, in a real Chromium against the real API, ingest and database."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from contracts.devices import DeviceEvent, EventBatch
from contracts.samples import Sample, SampleReason
from contracts.vision import Box, Detection
from tests.dashboard.conftest import go, serious_barriers, sign_in
from tests.dashboard.mock_api import draw_fish
from tests.dashboard.real_farm import MODEL, PASSWORD, SITE, RealFarm
from tests.dashboard.stack import Account

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, WebSocketRoute

pytestmark = [pytest.mark.browser, pytest.mark.integration]

PAGES = (
    "",
    "/alarms",
    "/alarms?part=performance",
    "/alarms?part=why",
    "/../../units/1",
    "/records",
    "/records?part=batches",
    "/records?part=health",
    "/records?part=import",
    "/records?write=mortality",
    "/kpis",
    "/reports",
    "/classify",
    "/devices",
    "/devices?part=health",
    "/devices?part=runs",
    "/devices?part=groups",
    "/labels",
    "/labels?part=queue",
    "/labels?part=progress",
    "/labels?part=datasets",
    "/drift",
    "/drift?part=series",
    "/tasks",
    "/rollouts",
    "/rollouts?part=trials",
    "/rollouts?part=releases",
    "/dead-letters",
    "/settings",
    "/settings?part=on-call",
    "/settings?part=access",
    "/settings?part=screen",
)


@pytest.fixture
def page(desk: Page) -> Page:
    """The desk of somebody who may everything on the farm."""
    return desk


def unit_id(farm: RealFarm, slug: str) -> int:
    """The number of a unit in its page's address."""
    with farm.client("viewer") as client:
        units = client.get(f"/api/v1/sites/{SITE}/latest").json()["units"]
    return next(int(each["unit"]["id"]) for each in units if each["unit"]["slug"] == slug)


def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press a key until the target has the focus, as somebody without a mouse does."""
    target.wait_for()
    for _ in range(80):
        page.keyboard.press(key)
        if target.evaluate("e => e === document.activeElement"):
            return
    raise AssertionError(f"{key} does not reach {target}")


def test_a_live_value_appears_with_its_unit_and_moves_by_itself(page: Page) -> None:
    go(page, f"/sites/{SITE}")
    oxygen = page.locator("[data-unit=tank-1]").get_by_test_id("reading-do")
    oxygen.get_by_text("mg/L").wait_for()
    page.wait_for_function("() => document.querySelector('[data-testid=link-state]').dataset.state === 'live'")
    before = oxygen.get_by_test_id("value").inner_text()
    page.wait_for_function(
        "before => document.querySelector('[data-unit=tank-1] [data-testid=reading-do] [data-testid=value]').innerText"
        " !== before",
        arg=before,
    )
    expect(page.get_by_test_id("asking-banner")).to_have_count(0)


def test_oxygen_falls_and_the_alarm_is_seen_taken_on_and_ends(page: Page, farm: RealFarm) -> None:
    go(page, f"/sites/{SITE}/alarms")
    page.get_by_text("No open alarms on this farm").wait_for()
    farm.oxygen["tank-3"] = 4.3
    card = page.get_by_test_id("alarm-card")
    card.wait_for()
    expect(card).to_contain_text("Tank 3", use_inner_text=True)
    expect(card).to_contain_text("Active · not acknowledged", use_inner_text=True)
    card.get_by_role("button", name="Details").click()
    card.get_by_text("In ").filter(has_text="it calls").or_(card.get_by_text("Nobody answered")).wait_for()
    card.get_by_text("If nobody answers").wait_for()
    card.get_by_role("button", name="Acknowledge").click()
    card.get_by_text("acknowledged by fleet_admin@fjord.example").wait_for()
    farm.oxygen["tank-3"] = 8.9
    page.get_by_text("No open alarms on this farm").wait_for()
    page.get_by_role("tab", name="Over").click()
    page.get_by_role("cell", name="fleet_admin@fjord.example").first.wait_for()


def test_a_cut_line_goes_on_where_it_broke_off_and_no_alarm_is_missed(browser: Browser, farm: RealFarm) -> None:
    """The socket is cut while oxygen falls; asked values do not count, so they are refused meanwhile."""
    context = browser.new_context(base_url=farm.url)
    tab = context.new_page()
    tab.set_default_timeout(40_000)
    lines: list[WebSocketRoute] = []
    said: list[list[dict[str, object]]] = []
    asked: list[dict[str, object]] = []

    def relay(line: WebSocketRoute) -> None:
        heard: list[dict[str, object]] = []
        lines.append(line)
        said.append(heard)
        server = line.connect_to_server()

        def up(message: str | bytes) -> None:
            asked.append(json.loads(message))
            server.send(message)

        def down(message: str | bytes) -> None:
            heard.append(json.loads(message))
            line.send(message)

        line.on_message(up)
        server.on_message(down)

    tab.route_web_socket(re.compile("/api/v1/live$"), relay)
    sign_in(tab, Account("operator@fjord.example", PASSWORD))
    tab.wait_for_function("() => document.querySelector('[data-testid=link-state]').dataset.state === 'live'")
    while not any(each["type"] == "delta" for each in said[0]):
        tab.wait_for_timeout(100)
    tab.route(re.compile("/(latest|alarms)(\\?|$)"), lambda route: route.abort())
    last = said[0][-1]
    lines[0].close()
    farm.oxygen["tank-3"] = 4.2
    tab.get_by_test_id("alarm-card").filter(has_text="Tank 3").wait_for()
    assert asked[1]["resume"] == last["resume"]
    assert [each["type"] for each in said[1][:1]] == ["delta"]
    assert said[1][0]["seq"] == last["seq"] + 1  # type: ignore[operator]
    expect(tab.get_by_test_id("asking-banner")).to_have_count(0)
    farm.oxygen["tank-3"] = 8.9
    tab.get_by_text("Cleared").first.wait_for()
    context.close()
    with farm.client("operator") as client:
        for alarm in client.get("/api/v1/alarms", params={"site": SITE, "open": True}).json()["items"]:
            client.post(f"/api/v1/alarms/{alarm['id']}/acknowledge").raise_for_status()


def test_an_alarm_is_shelved_with_a_reason_and_taken_off_again(page: Page, farm: RealFarm) -> None:
    farm.oxygen["tank-2"] = 4.1
    go(page, f"/sites/{SITE}/alarms")
    card = page.get_by_test_id("alarm-card")
    card.get_by_role("button", name="Shelve…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Shelve", exact=True)).to_be_disabled()
    dialog.get_by_label("Why").fill("The probe is being cleaned")
    dialog.get_by_role("button", name="Shelve", exact=True).click()
    card.get_by_test_id("shelved").wait_for()
    expect(card.get_by_test_id("shelved")).to_contain_text("The probe is being cleaned", use_inner_text=True)
    card.get_by_role("button", name="Take off the shelf").click()
    card.get_by_test_id("shelved").wait_for(state="detached")
    farm.oxygen["tank-2"] = 8.9


def test_an_alarm_is_made_somebodys_work_and_still_calls(page: Page, farm: RealFarm) -> None:
    farm.oxygen["tank-2"] = 4.1
    go(page, f"/sites/{SITE}/alarms")
    card = page.get_by_test_id("alarm-card").filter(has_text="not acknowledged")
    card.get_by_role("button", name="Assign…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Person").click()
    page.get_by_role("option", name=re.compile("operator@fjord.example")).click()
    dialog.get_by_role("button", name="Save").click()
    card.get_by_text("Work of Operator").wait_for()
    expect(card).to_contain_text("not acknowledged", use_inner_text=True)
    card.get_by_role("button", name="Details").click()
    card.get_by_text("Assigned: operator@fjord.example").wait_for()
    farm.oxygen["tank-2"] = 8.9
    card.get_by_role("button", name="Acknowledge").click()
    card.wait_for(state="detached")


def test_somebody_is_invited_comes_in_by_the_link_and_is_let_go(page: Page, browser: Browser, farm: RealFarm) -> None:
    go(page, f"/sites/{SITE}/settings?part=access")
    form = page.get_by_role("form", name="Invite")
    form.get_by_label("Email").fill("deckhand@fjord.example")
    form.get_by_role("button", name="Invite").click()
    link = page.get_by_test_id("secret").inner_text()
    assert link.startswith(f"{farm.url}/join#token=")
    page.get_by_role("button", name="Close").click()
    context = browser.new_context(base_url=farm.url)
    other = context.new_page()
    other.set_default_timeout(40_000)
    other.goto(link)
    other.get_by_label("Your name").fill("Deck Hand")
    other.get_by_label("Password").fill("nine herrings swim")
    other.get_by_role("button", name="Come in").click()
    other.get_by_test_id("unit-tile").first.wait_for()
    page.reload()
    page.get_by_role("button", name="Change deckhand@fjord.example").click()
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    page.get_by_role("dialog", name="Disable").get_by_role("button", name="Disable").click()
    page.get_by_role("row", name=re.compile("deckhand.*Disabled")).wait_for()
    other.reload()
    other.get_by_role("button", name="Sign in").wait_for()
    context.close()
    page.get_by_text("changeUser").first.wait_for()
    page.get_by_role("button", name="Check the log").click()
    page.get_by_text("Nothing was changed or removed").wait_for()


def test_a_key_is_shown_once_opens_what_it_may_and_is_revoked(page: Page, farm: RealFarm) -> None:
    go(page, f"/sites/{SITE}/settings?part=access")
    form = page.get_by_role("form", name="Make a key")
    form.get_by_label("Name").fill("feed computer")
    form.get_by_role("button", name="Make a key").click()
    key = page.get_by_test_id("secret").inner_text()
    page.get_by_role("button", name="Close").click()
    page.get_by_test_id("secret").wait_for(state="detached")
    assert key not in page.content()
    headers = {"Authorization": f"Bearer {key}"}
    series = f"{farm.url}/api/v1/channels/1/series.csv"
    assert httpx.get(series, headers=headers).status_code != 401
    assert httpx.get(f"{farm.url}/api/v1/alarms", headers=headers).status_code == 403
    page.get_by_role("button", name="Revoke feed computer").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").wait_for(state="detached")
    assert httpx.get(series, headers=headers).status_code == 401


def test_shifts_and_a_ladder_are_changed_and_taken_back(page: Page, farm: RealFarm) -> None:
    with farm.client("farm_manager") as client:
        client.post("/api/v1/contacts", json={"name": "Night watch", "phone": "+4712345678"}).raise_for_status()
        go(page, f"/sites/{SITE}/settings?part=on-call")
        page.get_by_role("button", name="Change the shifts").click()
        page.get_by_role("button", name="Add a shift").click()
        shift = page.get_by_test_id("shift")
        shift.get_by_label("From").fill("22:00")
        shift.get_by_label("To").fill("06:00")
        shift.get_by_text("on the next day").wait_for()
        page.get_by_role("button", name="Save").click()
        page.get_by_role("cell", name=re.compile("22:00.06:00")).wait_for()
        page.get_by_role("button", name="Change Warning").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Add a step").click()
        dialog.get_by_label("After (min)").last.fill("90")
        dialog.get_by_role("button", name="Save").click()
        dialog.wait_for(state="detached")
        kept = client.get(f"/api/v1/sites/{SITE}/ladders").json()
        assert kept["own"] == ["warning"]
        assert kept["ladders"]["warning"]["steps"][-1]["after_s"] == 5400
        page.get_by_role("button", name="Change Warning").click()
        dialog.get_by_role("button", name="Back to the shipped one").click()
        dialog.wait_for(state="detached")
        assert client.get(f"/api/v1/sites/{SITE}/ladders").json()["own"] == []


def test_dead_fish_are_written_down_without_a_network_and_arrive_once(page: Page, farm: RealFarm) -> None:
    go(page, f"/sites/{SITE}/records?write=mortality&unit=tank-1")
    form = page.get_by_role("form", name="Dead fish")
    form.get_by_role("button", name="One more: Fish").click()
    form.get_by_label("Cause").first.click()
    page.get_by_role("option", name="injury").click()
    form.get_by_label("Note").fill("found at the outlet")
    page.context.set_offline(True)
    form.get_by_role("button", name="Save").click()
    page.get_by_test_id("waiting-record").wait_for()
    expect(page.get_by_test_id("waiting-record")).to_contain_text("Kept on this device", use_inner_text=True)
    page.context.set_offline(False)
    page.get_by_test_id("waiting-record").wait_for(state="detached")
    page.get_by_role("cell", name=re.compile("found at the outlet")).wait_for()
    with farm.client("viewer") as client:
        found = client.get(f"/api/v1/sites/{SITE}/records", params={"kind": "mortality"}).json()["items"]
    written = [each["record"] for each in found if each["record"]["note"] == "found at the outlet"]
    assert [(each["count"], each["cause"], each["batch"]) for each in written] == [(2, "injury", "S-26")]


def test_fish_are_moved_by_form_and_the_wall_tells_what_each_tank_holds(page: Page) -> None:
    go(page, f"/sites/{SITE}/records?write=transfer&unit=tank-2")
    form = page.get_by_role("form", name="Transfer")
    form.get_by_label("To unit").click()
    expect(page.get_by_role("option", name="Tank 2")).to_have_count(0)
    page.get_by_role("option", name="Tank 3").click()
    form.get_by_role("textbox", name="Fish").fill("2500")
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="detached")
    go(page, f"/sites/{SITE}")
    today = page.locator("[data-unit=tank-3]").get_by_test_id("today")
    today.get_by_text("2,500").wait_for()
    fed = page.locator("[data-unit=tank-1]").get_by_test_id("today")
    expect(fed, "what was fed since midnight of the farm").to_contain_text(
        re.compile(r"45\s*kg|0\s*kg"), use_inner_text=True
    )


def test_a_picture_is_shown_to_the_detector_and_its_boxes_are_drawn(page: Page) -> None:
    go(page, f"/sites/{SITE}/classify")
    picture, _ = draw_fish(9, seed=4)
    page.get_by_test_id("picture-file").set_input_files(
        {"name": "tank.jpg", "mimeType": "image/jpeg", "buffer": picture}
    )
    told = page.get_by_test_id("prediction")
    told.get_by_text("found").wait_for()
    expect(told).to_contain_text(re.compile(r"sha256 [0-9a-f]{8}"), use_inner_text=True)
    page.get_by_role("cell", name=re.compile(r"fish-detector|detector")).first.wait_for()
    page.get_by_role("button", name="Which species is it?").click()
    page.get_by_role("alert").or_(told.get_by_text("How sure it is")).wait_for()


def test_a_record_that_the_server_refuses_stays_with_its_reason(page: Page) -> None:
    go(page, f"/sites/{SITE}/records?write=mortality&unit=tank-1")
    form = page.get_by_role("form", name="Dead fish")
    form.get_by_role("textbox", name="Fish").fill("90000")
    form.get_by_label("Cause").first.click()
    page.get_by_role("option", name="unknown").click()
    form.get_by_role("button", name="Save").click()
    waiting = page.get_by_test_id("waiting-record")
    waiting.get_by_text("The farm server refused it").wait_for()
    waiting.get_by_role("button", name="Discard").click()
    waiting.wait_for(state="detached")


def test_a_file_with_faults_is_told_by_row_and_nothing_of_it_is_taken(page: Page) -> None:
    go(page, f"/sites/{SITE}/records?part=import")
    head = "occurred_at,unit,batch,count,cause,detail,note\n"
    day = time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime(time.time() - 7200))
    good, bad = f"{day},tank-1,S-26,2,unknown,,from a file\n", f"{day},tank-1,S-26,many,bored,,\n"
    chosen = page.get_by_test_id("import-file")
    chosen.set_input_files({"name": "dead.csv", "mimeType": "text/csv", "buffer": (head + good + bad).encode()})
    faults = page.get_by_test_id("import-faults")
    faults.get_by_role("cell", name="3", exact=True).first.wait_for()
    expect(faults).to_contain_text("many", use_inner_text=True)
    expect(page.get_by_role("button", name="Take them in")).to_have_count(0)
    chosen.set_input_files({"name": "dead.csv", "mimeType": "text/csv", "buffer": (head + good).encode()})
    page.get_by_role("button", name="Take them in").click()
    page.get_by_text("1 records taken in").wait_for()


def upload_frame(farm: RealFarm, seed: int) -> str:
    """What a box does: a frame that the model was not sure of, with its proposals; returns its sha256."""
    image, boxes = draw_fish(3, seed=seed)
    sha256 = hashlib.sha256(image).hexdigest()
    sample = Sample(
        site=SITE, device="box-1", camera="cam-tank-1", unit="tank-1", observed_at=datetime.now(timezone.utc),
        image_sha256=sha256, reason=SampleReason.NEAR_THRESHOLD, score=0.9, model=MODEL,
        detections=tuple(Detection(label="fish", confidence=0.5, box=Box(**each["box"])) for each in boxes),
    )  # fmt: skip
    told = {"sha256": sha256, "sample": sample.model_dump_json(exclude_none=True)}
    metadata = ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in told.items())
    with farm.client("operator") as box:
        head = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(image)), "Upload-Metadata": metadata}
        begun = box.post("/api/v1/samples", headers=head).raise_for_status()
        head = {
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": "0",
            "Content-Type": "application/offset+octet-stream",
        }
        box.patch(begun.headers["location"], headers=head, content=image).raise_for_status()
    return sha256


def test_an_operator_labels_a_frame_a_manager_accepts_it_and_it_is_frozen(browser: Browser, farm: RealFarm) -> None:
    sha256 = upload_frame(farm, time.time_ns() % 1_000_000)
    context = browser.new_context(base_url=farm.url, viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(40_000)
    sign_in(tab, Account("operator@fjord.example", PASSWORD))
    tab.get_by_role("link", name="Labels").click()
    work = tab.get_by_test_id("label-work")
    work.wait_for()
    boxes = tab.get_by_test_id("label-box")
    expect(boxes).to_have_count(3)  # what the model proposes
    tab.wait_for_function("() => document.querySelector('[data-testid=label-image]').naturalWidth > 0")
    area = tab.get_by_test_id("box-plane").bounding_box()
    assert area is not None

    def drag(start: tuple[float, float], end: tuple[float, float]) -> None:
        (x, y), (to_x, to_y) = start, end
        tab.mouse.move(area["x"] + x * area["width"], area["y"] + y * area["height"])
        tab.mouse.down()
        tab.mouse.move(area["x"] + to_x * area["width"], area["y"] + to_y * area["height"], steps=4)
        tab.mouse.up()

    tab.keyboard.press("0")
    expect(boxes).to_have_count(0)
    drag((0.1, 0.1), (0.3, 0.3))
    drag((0.3, 0.3), (0.4, 0.5))  # the chosen box has handles: its corner is drawn out
    width, height = (
        float(boxes.first.evaluate(f"e => parseFloat(getComputedStyle(e).{side})")) for side in ("width", "height")
    )
    assert width / area["width"] == pytest.approx(0.3, abs=0.02)
    assert height / area["height"] == pytest.approx(0.4, abs=0.02)
    tab.keyboard.press("b")
    tab.keyboard.press("ArrowRight")
    expect(boxes).to_have_count(2)
    tab.keyboard.press("Delete")
    tab.keyboard.press("u")
    expect(boxes).to_have_count(2)
    tab.keyboard.press("?")
    tab.get_by_role("dialog", name="Keys").get_by_role("button", name="Close").click()
    tab.keyboard.press("Enter")
    tab.get_by_text("No frame waits here").wait_for()
    context.close()

    context = browser.new_context(base_url=farm.url, viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(40_000)
    sign_in(tab, Account("farm_manager@fjord.example", PASSWORD))
    tab.get_by_role("link", name="Labels").click()
    tab.get_by_role("tab", name="Review").click()
    tab.get_by_test_id("label-review").wait_for()
    expect(tab.get_by_test_id("label-box")).to_have_count(2)
    tab.get_by_role("button", name="Accept").click()
    tab.get_by_text("Nothing waits for review").wait_for()
    tab.get_by_role("tab", name="Data sets").click()
    tab.get_by_label("Name").fill("first")
    tab.get_by_role("button", name="Freeze").click()
    tab.get_by_test_id("frozen").wait_for()
    context.close()
    with farm.client("viewer") as client:
        version = client.get("/api/v1/datasets").json()["items"][0]
        document = client.get(f"/api/v1/datasets/{version['id']}/annotations.json").content
    assert hashlib.sha256(document).hexdigest() == version["sha256"]
    (image,) = json.loads(document)["images"]
    assert (image["sha256"], image["annotator"], image["reviewer"]) == (
        sha256, "operator@fjord.example", "farm_manager@fjord.example",
    )  # fmt: skip
    assert len(json.loads(document)["annotations"]) == 2


def test_a_wrong_picture_on_the_unit_page_leads_the_queue(page: Page, farm: RealFarm) -> None:
    go(page, f"/units/{unit_id(farm, 'tank-2')}")
    page.get_by_test_id("observation").first.click()
    page.get_by_role("button", name="Wrong", exact=True).click()
    page.get_by_label("Note").fill("two at the bottom")
    page.get_by_role("button", name="Fish missed").click()
    page.get_by_test_id("marked").wait_for()
    go(page, f"/sites/{SITE}/labels")
    page.get_by_test_id("label-work").wait_for()
    page.get_by_text("two at the bottom").wait_for()


def test_counts_are_cast_back_over_a_change_of_models_and_kept_as_a_file(page: Page, farm: RealFarm) -> None:
    """First nobody counted, then one model did, then a rollout brought another that counts a quarter more."""
    go(page, f"/units/{unit_id(farm, 'tank-3')}")
    counts = page.get_by_role("region", name="Fish in sight")
    counts.get_by_text("The cameras counted no fish in this time").wait_for()
    expect(counts.get_by_role("button", name="CSV")).to_have_count(0)
    farm.change_models("tank-3", fish=8.0, ratio=1.25)
    span = page.get_by_role("group", name="Time span")
    span.get_by_role("button", name="1 d").click()
    counts.locator("[data-cast-back=known]").wait_for()
    counts.get_by_text("Cast back", exact=True).wait_for()
    change = counts.get_by_test_id("count-change")
    expect(change).to_contain_text("fish-detector 1.1.0", use_inner_text=True)
    expect(change).to_contain_text("+25 %", use_inner_text=True)
    with page.expect_download() as kept:
        counts.get_by_role("button", name="CSV").click()
    head, *rows = kept.value.path().read_text().splitlines()
    assert head == "time,observations,counted,cast_back"
    counted, cast_back = ([float(row.split(",")[column]) for row in rows] for column in (2, 3))
    assert counted[0] == pytest.approx(8.0, rel=0.06)
    assert [cast / count for cast, count in zip(cast_back, counted, strict=True)][:: len(rows) - 1] == pytest.approx(
        [1.25, 1.0]
    )
    span.get_by_role("button", name="1 h").click()
    counts.locator("[data-cast-back=unchanged]").wait_for()
    counts.get_by_text("One model counted all the time").wait_for()


def test_messages_of_a_farm_that_was_entered_too_late_are_put_back_and_a_torn_one_is_refused_again(
    page: Page, farm: RealFarm
) -> None:
    for what in ("pump of tank 1 serviced", "pump of tank 2 serviced"):
        event = DeviceEvent(name="pump.serviced", occurred_at=datetime.now(timezone.utc), message=what)
        farm.strangers("skerry", "box-7", EventBatch(events=(event,)))
    farm.babble(b'{"v": 1, "site": "fjord", "device": "bo')
    farm.found("skerry")
    go(page, f"/sites/{SITE}/dead-letters")
    letters = page.get_by_test_id("dead-letter")
    letters.nth(2).wait_for()
    late = page.get_by_role("checkbox", name="Choose the message from shoal/1/skerry/box-7/events")
    page.get_by_text("skerry/box-7 is not registered here").first.wait_for()
    several = page.get_by_role("group", name="Choose several")
    expect(several.get_by_role("button", name="Put back")).to_be_disabled()
    late.first.check()
    late.last.check()
    several.get_by_text("2 chosen").wait_for()
    several.get_by_role("checkbox", name="Choose all shown").check()
    several.get_by_text(f"{letters.count()} chosen").wait_for()
    several.get_by_role("button", name="Put back").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("is refused again stays here").wait_for()
    dialog.get_by_label("Why").fill("the farm is entered now")
    dialog.get_by_role("button", name="Put back").click()
    result = page.get_by_test_id("letter-result")
    result.wait_for()
    assert re.match("2 put back, [1-9] refused again", result.inner_text())
    state = page.get_by_role("group", name="Which messages")
    state.get_by_role("button", name="Put back").click()
    page.get_by_text("fleet_admin@fjord.example the farm is entered now").nth(1).wait_for()
    with farm.client("fleet_admin") as client:
        assert [each["slug"] for each in client.get("/api/v1/sites/skerry/latest").json()["devices"]] == ["box-7"]

    state.get_by_role("button", name="Open").click()
    torn = letters.filter(has_text=f"shoal/1/{SITE}/box-1/readings").first
    torn.get_by_role("button", name="Discard").click()
    dialog.wait_for()
    expect(dialog.get_by_role("button", name="Discard")).to_be_disabled()
    dialog.get_by_label("Why").fill("the cable was loose")
    dialog.get_by_role("button", name="Discard").click()
    page.get_by_text("1 discarded").wait_for()
    state.get_by_role("button", name="Discarded").click()
    page.get_by_text("the cable was loose").wait_for()


def test_an_answer_is_marked_as_wrong_where_it_was_asked_for(page: Page) -> None:
    go(page, f"/sites/{SITE}/classify")
    picture, _ = draw_fish(7, seed=8)
    page.get_by_test_id("picture-file").set_input_files(
        {"name": "tank.jpg", "mimeType": "image/jpeg", "buffer": picture}
    )
    page.get_by_test_id("prediction").get_by_text("found").wait_for()
    row = page.get_by_role("row").filter(has_text=hashlib.sha256(picture).hexdigest()[:8]).first
    row.get_by_role("button", name="Wrong", exact=True).click()
    row.get_by_label("What is right").fill("7")
    row.get_by_role("button", name="Another count").click()
    row.get_by_test_id("marked").wait_for()


def test_labels_of_another_tool_are_checked_and_wait_for_review(page: Page, farm: RealFarm) -> None:
    sha256 = upload_frame(farm, time.time_ns() % 1_000_000)
    image = {"id": 1, "file_name": f"{sha256}.jpg", "width": 640, "height": 360}
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [64, 36, 128, 72]}
    file: dict[str, object] = {"images": [image], "annotations": [box], "categories": [{"id": 1, "name": "fish"}]}

    def choose(document: dict[str, object]) -> None:
        page.get_by_test_id("labels-file").set_input_files(
            {"name": "coco.json", "mimeType": "application/json", "buffer": json.dumps(document).encode()}
        )

    go(page, f"/sites/{SITE}/labels?part=import")
    choose(file | {"annotations": [box | {"image_id": 7}]})
    page.get_by_test_id("labels-faults").get_by_role("cell", name="annotations.0.image_id").wait_for()
    expect(page.get_by_role("button", name="Take them in")).to_have_count(0)
    choose(file)
    page.get_by_role("button", name="Take them in").click()
    page.get_by_test_id("taken").wait_for()
    go(page, f"/sites/{SITE}/labels?part=review")
    page.get_by_test_id("label-review").wait_for()
    expect(page.get_by_test_id("label-box")).to_have_count(1)


def test_the_language_changes_everything_at_once(page: Page) -> None:
    go(page, f"/sites/{SITE}")
    for name, said in (("Norsk", "Løst oksygen"), ("Ελληνικά", "Διαλυμένο οξυγόνο"), ("English", "Dissolved oxygen")):
        page.locator("[aria-haspopup=menu]").click()
        page.get_by_role("menuitem", name=name).click()
        page.get_by_text(said).first.wait_for()


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_a_serious_barrier(page: Page, path: str) -> None:
    """By axe, in the colours of both themes."""
    go(page, f"/sites/{SITE}{path}")
    page.locator("main h1, main h2").first.wait_for()
    page.wait_for_function("() => document.querySelector('[role=progressbar]') === null")
    for _ in range(2):
        assert serious_barriers(page) == []
        page.get_by_role("button", name=re.compile("Use the (light|dark) theme")).click()


def test_the_keyboard_alone_reaches_the_page_and_its_ways(page: Page) -> None:
    go(page, f"/sites/{SITE}")
    page.get_by_test_id("unit-tile").first.wait_for()
    page.evaluate("() => { document.body.tabIndex = -1; document.body.focus(); }")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.getAttribute('href')") == "#page"
    seen: list[str] = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("() => document.activeElement.textContent"))
        if seen[-1] == "Alarms":
            break
    assert seen[-1] == "Alarms"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Alarms").wait_for()


def test_without_a_mouse_a_person_signs_in_takes_on_an_alarm_and_writes_down_dead_fish(
    browser: Browser, farm: RealFarm
) -> None:
    context = browser.new_context(base_url=farm.url)
    tab = context.new_page()
    tab.set_default_timeout(40_000)
    tab.goto("/")
    tab.get_by_label("Email").wait_for()
    if not tab.get_by_label("Email").evaluate("e => e === document.activeElement"):
        tab_to(tab, tab.get_by_label("Email"))
    tab.keyboard.type("operator@fjord.example")
    tab_to(tab, tab.get_by_label("Password"))
    tab.keyboard.type(PASSWORD)
    tab.keyboard.press("Enter")
    tab.get_by_test_id("unit-tile").first.wait_for()

    farm.oxygen["tank-2"] = 4.1
    tab_to(tab, tab.get_by_role("link", name="Alarms", exact=True))
    tab.keyboard.press("Enter")
    card = tab.get_by_test_id("alarm-card").filter(has_text="Tank 2")
    tab_to(tab, card.get_by_role("button", name="Acknowledge"))
    tab.keyboard.press("Enter")
    card.get_by_text("acknowledged by operator@fjord.example").wait_for()
    farm.oxygen["tank-2"] = 8.9

    tab_to(tab, tab.get_by_role("link", name="Records", exact=True), "Shift+Tab")
    tab.keyboard.press("Enter")
    tab_to(tab, tab.get_by_role("button", name="Dead fish", exact=True))
    tab.keyboard.press("Enter")
    form = tab.get_by_role("form", name="Dead fish")
    tab_to(tab, form.get_by_role("combobox", name="Unit"))
    tab.keyboard.press("ArrowDown")
    tab.get_by_role("option").first.wait_for()
    tab.keyboard.press("Enter")
    form.get_by_role("combobox", name="Unit").filter(has_text="Tank 1").wait_for()
    tab_to(tab, form.get_by_role("button", name="One more: Fish"))
    tab.keyboard.press("Space")
    tab_to(tab, form.get_by_role("combobox", name="Cause").first)
    tab.keyboard.press("ArrowDown")
    tab.get_by_role("option").first.wait_for()
    tab.keyboard.press("End")
    tab.keyboard.press("Enter")
    tab_to(tab, form.get_by_label("Note"))
    tab.keyboard.type("by keys alone")
    tab_to(tab, form.get_by_role("button", name="Save"))
    tab.keyboard.press("Enter")
    tab.get_by_role("cell", name=re.compile("by keys alone")).wait_for()
    tab.get_by_test_id("waiting-record").wait_for(state="detached")
    context.close()
