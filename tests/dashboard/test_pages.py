"""What a person does with the dashboard, in a real Chromium."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.dashboard.conftest import go, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.dashboard.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.integration]


def expect_soon(page: Page, condition: str, *arguments: object, timeout_s: float = 20) -> None:
    """Wait until a JavaScript condition holds in the page."""
    page.wait_for_function(condition, arg=list(arguments), timeout=timeout_s * 1000)


def oxygen(page: Page) -> Locator:
    """The first oxygen value on the wall."""
    return page.get_by_test_id("reading-do").first


def test_wrong_password_is_told_and_signs_nobody_in(page: Page, stack: Stack) -> None:
    page.goto("/")
    page.get_by_label("Email").fill(stack.operator.email)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Email or password is wrong").wait_for()
    expect(page.get_by_test_id("unit-tile")).to_have_count(0)


def test_live_oxygen_appears_with_unit_age_and_quality_and_keeps_moving(page: Page, stack: Stack) -> None:
    sign_in(page, stack.operator)
    text = oxygen(page).inner_text()
    assert re.search(r"\d+\.\d\d", text)
    assert "mg/L" in text
    assert re.search(r"\d+ s", text)
    assert re.search(r"Good|Unchecked|Suspect|Fail|Missing", text)
    before = page.get_by_test_id("value").all_inner_texts()
    expect_soon(
        page,
        "([before]) => [...document.querySelectorAll('[data-testid=value]')].map(e => e.innerText).join() !== before",
        ",".join(before),
    )
    expect(page.get_by_test_id("link-state")).to_have_attribute("data-state", "live")
    if stack.can_stop:  # the mock has no live stream, so the page asks, and says so
        page.get_by_test_id("asking-banner").wait_for()


def test_last_image_has_its_boxes_and_its_model(page: Page, stack: Stack) -> None:
    sign_in(page, stack.operator)
    tile = page.get_by_test_id("unit-tile").filter(has=page.get_by_test_id("evidence-image")).first
    expect_soon(
        page,
        "() => [...document.querySelectorAll('[data-testid=evidence-image]')].some(e => e.naturalWidth > 0)",
        timeout_s=60,
    )
    assert tile.get_by_test_id("fish-count").inner_text() != ""
    boxes = tile.get_by_test_id("detection-boxes")
    expect(boxes.locator("rect")).not_to_have_count(0)
    tile.get_by_role("button", name="Hide the boxes").click()
    expect(boxes).to_have_count(0)
    tile.locator("button[aria-expanded]").click()
    expect(tile.get_by_test_id("model-hash")).to_contain_text(re.compile(r"sha256 [0-9a-f]{8}"), use_inner_text=True)


def test_operator_acknowledges_an_alarm_and_the_rail_says_who(page: Page, stack: Stack) -> None:
    sign_in(page, stack.operator)
    waiting = page.get_by_test_id("alarm-card").filter(has=page.get_by_role("button", name="Acknowledge"))
    waiting.first.wait_for(timeout=60_000)
    name = waiting.first.get_attribute("data-alarm")
    active = "Active" in waiting.first.inner_text()
    waiting.first.get_by_role("button", name="Acknowledge").click()
    same = page.locator(f"[data-alarm='{name}']")
    if active:
        same.get_by_text(f"acknowledged by {stack.operator.email}").wait_for()
    else:  # cleared and acknowledged: nothing is left to do, so it leaves the rail
        same.wait_for(state="detached")
    expect(same.get_by_role("button", name="Acknowledge")).to_have_count(0)


def test_viewer_sees_alarms_without_a_button(page: Page, stack: Stack) -> None:
    if stack.viewer is None:
        pytest.skip("this stack has no viewer")
    sign_in(page, stack.viewer)
    page.get_by_test_id("alarm-card").first.wait_for()
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)


def test_values_turn_stale_when_the_server_goes_and_live_again_when_it_returns(page: Page, stack: Stack) -> None:
    if not stack.can_stop:
        pytest.skip("this stack is not ours to stop")
    page.clock.install()
    sign_in(page, stack.operator)
    stack.stop_server()
    page.clock.run_for(4_000)
    banner = page.get_by_test_id("connection-banner")
    banner.wait_for()
    expect(banner).to_contain_text("No connection since", use_inner_text=True)
    page.clock.run_for(70_000)
    expect_soon(page, "() => document.querySelector('[data-testid=reading-do]').dataset.stale === 'true'")
    expect(oxygen(page)).to_contain_text("Stale", use_inner_text=True)
    expect(page.get_by_test_id("link-state")).to_have_attribute("data-state", "no_connection")
    stack.start_server()
    page.clock.run_for(4_000)
    page.clock.resume()
    banner.wait_for(state="detached")
    expect_soon(page, "() => document.querySelector('[data-testid=reading-do]').dataset.stale === 'false'")


def test_a_tile_out_of_sight_is_brought_up_to_date_for_paper(page: Page, stack: Stack) -> None:
    if not stack.can_stop:
        pytest.skip("this stack is not ours to stop")
    page.clock.install()
    page.set_viewport_size({"width": 390, "height": 300})
    sign_in(page, stack.operator)
    page.clock.run_for(1_000)
    below = page.get_by_test_id("unit-tile").last.get_by_test_id("reading-do")
    stack.stop_server()
    page.clock.run_for(70_000)
    expect_soon(page, "() => document.querySelector('[data-testid=reading-do]').dataset.stale === 'true'")
    expect(below, "it keeps its last look while nobody sees it").to_have_attribute("data-stale", "false")
    page.evaluate("() => addEventListener('beforeprint', () => { window.paper = document.body.innerHTML; })")
    page.pdf()
    assert 'data-stale="false"' not in page.evaluate("() => window.paper")


def test_unit_page_draws_charts_and_recent_pictures(page: Page, stack: Stack) -> None:
    sign_in(page, stack.operator)
    page.get_by_test_id("unit-tile").first.get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/units/\d+"))
    page.locator("[data-testid=chart] canvas").first.wait_for()
    page.get_by_test_id("chart").nth(2).wait_for()
    page.get_by_test_id("observation").first.wait_for()
    sources = page.get_by_test_id("limit-source").all_inner_texts()
    assert "Fivelstad 1999; outlet[V]" in sources
    assert "Handbook[S/K]? confirm" in [source.replace("\n", "") for source in sources]
    with page.expect_response(re.compile(r"/series\?")) as answered:
        page.get_by_role("group", name="Time span").get_by_role("button", name="7 d").click()
    assert answered.value.ok


def test_fleet_admin_watches_a_wave_pauses_and_rolls_back_with_a_reason(page: Page, stack: Stack) -> None:
    if stack.fleet_admin is None:
        pytest.skip("this stack has no fleet admin")
    sign_in(page, stack.fleet_admin)
    page.get_by_role("link", name="Rollouts").click()
    page.get_by_role("link", name="Detector for dull water").click()
    page.locator("[data-testid=wave][aria-current=step]").get_by_text("early").wait_for()
    expect(page.locator("[aria-current=step]")).to_contain_text("1 failed", use_inner_text=True)
    slow = page.get_by_role("row").filter(has_text="Latency, new to old")
    expect(slow).to_contain_text(re.compile(r"≤\s1.5\s+1.72 \(1.55 . 1.89\)\s+5\s+Failed"), use_inner_text=True)
    status = page.get_by_test_id("rollout-status")
    for order, state in (("Pause", "paused"), ("Roll back", "rolling_back")):
        page.get_by_role("button", name=order, exact=True).click()
        dialog = page.get_by_role("dialog")
        send = dialog.get_by_role("button", name=order, exact=True)
        dialog.get_by_label("Why").fill("latency is too high")
        if order == "Roll back":
            dialog.get_by_text("goes back to 1.0.0").wait_for()
            expect(send).to_be_disabled()
            dialog.get_by_label("I have read what it does").check()
        send.click()
        page.locator(f"[data-status={state}]").wait_for()
    expect(status).to_have_text("Rolling back", use_inner_text=True)
    page.get_by_role("tab", name="Decision log").click()
    page.get_by_text("rolled back: latency is too high (ordered by fleet_admin@nordfjord.example)").last.wait_for()
    page.get_by_role("tab", name="Devices").click()
    page.get_by_role("cell", name="edge-5").wait_for()


def test_fleet_admin_asks_for_a_rollout(page: Page, stack: Stack) -> None:
    if stack.fleet_admin is None:
        pytest.skip("this stack has no fleet admin")
    sign_in(page, stack.fleet_admin)
    page.get_by_role("link", name="Rollouts").click()
    page.get_by_role("button", name="Roll out a release").click()
    dialog = page.get_by_role("dialog")
    send = dialog.get_by_role("button", name="Ask for it")
    dialog.get_by_label("Name").fill("Autumn")
    dialog.get_by_label("Model").fill("fish-detector")
    dialog.get_by_role("combobox", name="Version", exact=True).fill("1.2")
    expect(send).to_be_disabled()
    dialog.get_by_role("combobox", name="Version", exact=True).fill("1.2.0")
    dialog.get_by_label("Farms").click()
    page.get_by_role("option", name="Thessaly").click()
    page.keyboard.press("Escape")
    send.click()
    page.locator("[data-status=asked]").wait_for()
    page.get_by_text("No gate was asked yet").wait_for()
    page.get_by_text("thessaly", exact=True).wait_for()


def test_a_second_person_approves_a_rollout_and_its_author_cannot(page: Page, stack: Stack) -> None:
    if stack.fleet_admin is None:
        pytest.skip("this stack has no fleet admin")
    sign_in(page, stack.fleet_admin)
    page.get_by_role("link", name="Rollouts").click()
    page.get_by_role("link", name="Detector for the night").click()
    page.get_by_text("It waits for a second person. Look at").wait_for()
    page.get_by_role("button", name="Approve", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Approve", exact=True).click()
    page.locator("[data-status=asked]").wait_for()
    page.get_by_text(f"{stack.fleet_admin.email}, ").wait_for()
    page.get_by_role("link", name="All rollouts").click()
    page.get_by_role("button", name="Roll out a release").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Winter")
    dialog.get_by_label("Model").fill("fish-detector")
    dialog.get_by_role("combobox", name="Version", exact=True).fill("1.3.0")
    dialog.get_by_label("A second person must approve it").check()
    dialog.get_by_role("button", name="Ask for it").click()
    page.get_by_text("another fleet admin must approve it").wait_for()
    expect(page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Stop it").wait_for()


def test_a_second_person_approves_a_trial_on_a_phone_and_reads_what_another_one_shows(page: Page, stack: Stack) -> None:
    if not stack.can_stop or stack.fleet_admin is None:
        pytest.skip("only the mock has trials of many boxes")
    sign_in(page, stack.fleet_admin)
    page.set_viewport_size({"width": 360, "height": 740})
    go(page, "/sites/nordfjord/rollouts?part=trials")
    page.get_by_role("link", name="Eyes for the spring").click()
    page.get_by_text("It waits for a second person. Look at the version, the tanks").wait_for()
    page.get_by_role("button", name="Approve", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Approve", exact=True).click()
    page.locator("[data-status=asked]").wait_for()
    page.get_by_role("link", name="All trials").click()
    page.get_by_role("link", name="More fish in the dark").click()
    page.get_by_text("1 box runs something else. Of 1 box it is not known. 6 boxes run what they should.").wait_for()
    boxes = page.get_by_role("region", name="Boxes").last.get_by_role("row")
    expect(boxes.nth(1), "what differs comes first").to_contain_text("edge-3", use_inner_text=True)
    page.get_by_text("8 boxes · 1,612 hours compared · 14 labelled pictures").wait_for()
    told = page.get_by_test_id("trial-verdict").all_inner_texts()
    assert told == ["Counts more", "No clear difference", "Too few boxes"]
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("link", name="All trials").click()
    page.get_by_role("link", name="Finer input").click()
    page.get_by_text("No box has had it for a whole hour yet").wait_for()
    expect(page.get_by_role("button", name="End it")).to_have_count(0)


def test_drift_is_shown_with_pictures_and_taken_as_the_new_normal(page: Page, stack: Stack) -> None:
    if not stack.can_stop or stack.fleet_admin is None:
        pytest.skip("only the mock has a picture that grew dull")
    sign_in(page, stack.fleet_admin)
    page.get_by_role("link", name="Drift").click()
    advice = page.get_by_test_id("drift-alert")
    advice.get_by_role("img", name="Tank 2 since the change, picture 1").wait_for()
    advice.get_by_role("button", name="Take this as the new normal").click()
    page.get_by_role("dialog").get_by_role("button", name="Take this as the new normal").click()
    page.get_by_text("No advice here").wait_for()
    page.get_by_role("button", name="Over").click()
    page.get_by_text(f"taken as normal by {stack.fleet_admin.email}").wait_for()
    page.get_by_role("tab", name="Versions at units").click()
    page.get_by_role("row").filter(has_text="Drifts").get_by_role("link", name="Tank 2").click()
    page.get_by_test_id("drift-line").first.wait_for()
    expect(page.get_by_role("row").filter(has_text="Clarity").filter(has_text="Drifts")).to_have_count(1)


def test_a_task_is_followed_and_ended(page: Page, stack: Stack) -> None:
    if not stack.can_stop:
        pytest.skip("only the mock has tasks that are under way")
    sign_in(page, stack.operator)
    page.get_by_role("link", name="Tasks").click()
    running = page.locator("[data-testid=task][data-state=running]")
    running.wait_for()
    expect(page.get_by_role("progressbar", name="Progress: Export")).to_have_attribute("aria-valuenow", "42")
    running.get_by_role("button", name="End it").click()
    page.get_by_role("dialog").get_by_role("button", name="End it").click()
    running.wait_for(state="detached")
    page.get_by_role("button", name="Failed", exact=True).click()
    page.get_by_text("The data set has no label of the class wrasse").wait_for()


def test_a_fleet_admin_sees_both_answers_side_by_side(page: Page, stack: Stack) -> None:
    if not stack.can_stop or stack.fleet_admin is None:
        pytest.skip("only the mock has frames on which two models differ")
    sign_in(page, stack.fleet_admin)
    page.get_by_role("link", name="Rollouts").click()
    page.get_by_role("link", name="Detector for dull water").click()
    page.get_by_role("tab", name="Side by side").click()
    first = page.get_by_test_id("sample-pair").first
    first.get_by_text("Candidate: fish-detector 1.1.0").wait_for()
    expect(first.get_by_test_id("detection-boxes")).to_have_count(2)
    expect(first).to_contain_text("90 % without a partner", use_inner_text=True)
    expect(first).to_contain_text("alone with it: 1", use_inner_text=True)


def test_two_quantities_share_a_chart_that_keys_move(page: Page, stack: Stack) -> None:
    sign_in(page, stack.operator)
    page.get_by_test_id("unit-tile").first.get_by_role("link").first.click()
    pair = page.get_by_test_id("pair-chart")
    pair.locator("canvas").wait_for()
    expect(page.get_by_test_id("pair-line")).to_have_count(2)
    expect(page.get_by_test_id("pair-line").first).to_contain_text("mg/L", use_inner_text=True)
    with page.expect_request(re.compile(r"/series\?.*max_points=(?!480)")):
        pair.press("+")
    page.get_by_role("button", name="Whole time").wait_for()
    with page.expect_download() as kept:
        page.get_by_role("button", name="CSV", exact=True).last.click()
    head, *rows = kept.value.path().read_text().splitlines()
    assert head.startswith("time,")
    assert len(rows) > 100


def test_model_dot_says_what_the_server_found(page: Page, stack: Stack) -> None:
    if not stack.can_stop:
        pytest.skip("only the mock has a box that is known to be too slow")
    sign_in(page, stack.operator)
    page.locator("[data-unit=tank-1] [data-health=well]").wait_for()
    page.locator("[data-unit=tank-2] [data-health=doubtful]").get_by_role("img", name="the box is too slow").wait_for()


def test_rollouts_are_closed_to_an_operator(page: Page, stack: Stack) -> None:
    sign_in(page, stack.operator)
    expect(page.get_by_role("link", name="Rollouts")).to_have_count(0)
    page.evaluate(
        "() => { history.pushState({}, '', '/sites/nordfjord/rollouts'); dispatchEvent(new PopStateEvent('popstate')); }"
    )
    page.get_by_text("Not open to you").wait_for()
    expect(page.get_by_role("button", name="Roll out a release")).to_have_count(0)


def test_page_returns_after_login_and_a_dead_token_leads_back_to_it(page: Page, stack: Stack) -> None:
    sign_in(page, stack.operator)
    page.evaluate("""() => {
        const session = JSON.parse(sessionStorage.getItem('shoal.session'));
        sessionStorage.setItem('shoal.session', JSON.stringify({...session, token: 'forged'}));
    }""")
    page.reload()
    page.get_by_text("Your session has ended").wait_for()
    assert page.evaluate("() => sessionStorage.getItem('shoal.session')") is None


@pytest.mark.parametrize("size", [(390, 844), (820, 1180), (1440, 900), (3840, 2160)], ids=lambda size: f"{size[0]}")
def test_nothing_is_cut_off_and_every_target_fits_a_finger(page: Page, stack: Stack, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    sign_in(page, stack.operator)
    page.get_by_test_id("fish-count").first.wait_for()
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    small = page.evaluate("""() => [...document.querySelectorAll('button, [role=combobox]')]
        .filter(e => e.offsetParent !== null)
        .map(e => [e.getAttribute('aria-label') ?? e.innerText, e.getBoundingClientRect()])
        .filter(([, box]) => box.height < 43.5 || box.width < 43.5)
        .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)""")
    assert small == []


BROKEN = """() => [...document.querySelectorAll('nav a, button')]
    .filter(e => e.checkVisibility({ visibilityProperty: true }))
    .flatMap(e => {
        const wrong = [], box = e.getBoundingClientRect(), nodes = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
        if (box.width < 43.5 || box.height < 43.5) wrong.push(`${box.width} x ${box.height}`);
        if (box.left < 0 || box.right > innerWidth || e.scrollWidth > e.clientWidth) wrong.push('too wide');
        for (let node = nodes.nextNode(); node !== null; node = nodes.nextNode()) {
            for (const word of node.data.matchAll(/\\S+/g)) {
                const range = document.createRange();
                range.setStart(node, word.index);
                range.setEnd(node, word.index + word[0].length);
                if (new Set([...range.getClientRects()].map(line => line.top)).size > 1) wrong.push('breaks');
            }
        }
        return wrong.map(how => `${e.innerText}: ${how}`);
    })"""
"""What is wrong with buttons and the ways to other pages: a word on two lines, out of its place, or too small for a finger."""


def test_no_button_breaks_a_word_on_the_smallest_phone_in_any_language(page: Page, stack: Stack) -> None:
    if stack.fleet_admin is None:
        pytest.skip("this stack has nobody who sees every page")
    page.set_viewport_size({"width": 320, "height": 640})
    sign_in(page, stack.fleet_admin)
    wrong = {}
    for language in ("en", "nb", "es", "el", "tr"):
        page.evaluate("to => localStorage.setItem('shoal.language', to)", language)
        page.reload()
        page.get_by_test_id("unit-tile").first.wait_for()
        assert page.evaluate("() => document.documentElement.lang") == language
        bar = page.locator("nav:visible")
        expect(bar.get_by_role("link")).to_have_count(4)
        wrong[language] = page.evaluate(BROKEN)
        bar.get_by_role("button").click()
        page.get_by_role("dialog").get_by_role("link").last.wait_for()
        wrong[language] += page.evaluate(BROKEN)
    assert not any(wrong.values()), wrong
