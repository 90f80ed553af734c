"""What can be done before React is here, in a real Chromium whose libraries are held back: sign in, see the farm, take on an alarm."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.dashboard.conftest import sign_in
from tests.servers.presence import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.dashboard.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.integration]

AXE = ROOT / "cloud" / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(autouse=True)
def patience(page: Page) -> None:
    """Each test loads the whole page twice, on a machine that does other things, too."""
    page.set_default_timeout(60_000)


@pytest.fixture
def let_go(page: Page) -> Callable[[], None]:
    """Holds React and MUI back until it is called."""
    held: list[Route] = []
    page.route(re.compile("/assets/libraries-"), lambda route: held.append(route))  # noqa: PLW0108 - a bound method cannot be marked

    def release() -> None:
        for route in held:
            route.continue_()

    return release


def log_in(page: Page, stack: Stack, password: str | None = None) -> None:
    page.get_by_label("Email").fill(stack.operator.email)
    page.get_by_label("Password").fill(password or stack.operator.password)
    page.get_by_role("button", name="Sign in").click()


def facts(page: Page, tile: str, reading: str) -> list[str]:
    """Of each unit: its name, its risk in words, and its oxygen with its unit."""
    found: list[str] = page.evaluate(
        """([tile, reading]) => [...document.querySelectorAll(`[data-testid=${tile}]`)].map(each => {
            const oxygen = each.querySelector(`[data-testid=${reading}]`).innerText;
            const words = ['Critical', 'Major', 'Minor', 'Warning', 'Normal', 'Silent', 'Stale'];
            const risk = words.find(word => each.querySelector('a').innerText.includes(word));
            return [each.dataset.unit, each.dataset.risk, risk, /mg\\/L/.test(oxygen), /\\d s/.test(oxygen)].join(' ');
        })""",
        [tile, reading],
    )
    return found


def test_a_person_signs_in_sees_the_farm_takes_on_an_alarm_and_opens_a_unit(
    page: Page, stack: Stack, let_go: Callable[[], None]
) -> None:
    page.goto("/sites/nordfjord")
    log_in(page, stack, "not the password")
    page.get_by_text("Email or password is wrong").wait_for()
    log_in(page, stack)
    tiles = page.get_by_test_id("glance-tile")
    tiles.first.wait_for()
    worst = tiles.filter(has=page.get_by_role("button", name=re.compile("^Ack:"))).first
    unit = page.locator(f"[data-unit={worst.get_attribute('data-unit')}]")
    said = unit.get_by_test_id("glance-alarm").first.locator("p").inner_text()
    line = unit.get_by_test_id("glance-alarm").filter(has_text=said)
    line.get_by_role("button").click()
    line.get_by_text("Active · acknowledged").wait_for()
    link = unit.get_by_role("link")
    link.click()
    page.wait_for_function("() => location.pathname.startsWith('/units/')")
    expect(link).to_contain_text("Loading", use_inner_text=True)
    expect(page.get_by_test_id("unit-tile")).to_have_count(0)
    let_go()
    page.locator("[data-testid=chart] canvas").first.wait_for()
    expect(page.get_by_test_id("glance")).to_have_count(0)


def test_the_first_picture_says_what_the_wall_says_and_grows_old(
    page: Page, stack: Stack, let_go: Callable[[], None]
) -> None:
    page.clock.install()
    page.goto("/")
    log_in(page, stack)
    page.get_by_test_id("glance-tile").first.wait_for()
    seen = facts(page, "glance-tile", "glance-do")
    assert len(seen) > 2
    page.clock.run_for(70_000)
    assert {each.split()[1] for each in facts(page, "glance-tile", "glance-do")} <= {"critical", "major", "silent"}
    expect(page.get_by_test_id("glance-do").first).to_have_attribute("data-stale", "true")
    page.get_by_role("alert").filter(has_text="Values below are the last ones heard").wait_for()
    let_go()
    page.clock.resume()
    page.get_by_test_id("unit-tile").first.wait_for()
    page.wait_for_function("() => document.querySelector('[data-testid=reading-do]').dataset.stale === 'false'")
    assert facts(page, "unit-tile", "reading-do") == seen


def test_a_failed_load_is_told(page: Page, stack: Stack) -> None:
    page.route("**/sw.js", lambda route: route.abort())  # else it would have kept the files
    sign_in(page, stack.operator)
    page.route(re.compile("/assets/libraries-"), lambda route: route.abort())
    page.reload()
    page.get_by_role("alert").filter(has_text="This did not load").wait_for()
    page.unroute(re.compile("/assets/libraries-"))
    page.get_by_role("button", name="Load it again").click()
    page.get_by_test_id("unit-tile").first.wait_for()


def test_who_comes_back_from_the_identity_provider_to_a_broken_answer_finds_the_login(page: Page, stack: Stack) -> None:
    del stack
    page.route("**/api/v1/auth/refresh", lambda route: route.fulfill(body="<html>"))
    page.goto("/#refresh_token=once")
    page.get_by_role("button", name="Sign in").wait_for()
    assert "once" not in page.url


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_neither_login_nor_first_picture_has_a_serious_barrier(
    page: Page, stack: Stack, let_go: Callable[[], None], theme: str
) -> None:
    if not AXE.exists():
        pytest.skip("npm ci in cloud/dashboard installs axe-core")
    del let_go
    page.add_init_script(f"localStorage.setItem('shoal.theme', '{theme}')")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/")
    log_in(page, stack, "not the password")
    page.get_by_text("Email or password is wrong").wait_for()
    assert barriers(page) == []
    log_in(page, stack)
    page.get_by_test_id("glance-tile").first.wait_for()
    assert barriers(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize(("language", "title"), [("nb", "Logg inn på anlegget"), ("el", "Σύνδεση στη μονάδα σας")])
def test_the_login_is_in_the_readers_language_at_once(
    page: Page, stack: Stack, let_go: Callable[[], None], language: str, title: str
) -> None:
    del stack, let_go
    page.route(re.compile(r"/assets/(en|nb|el)-"), lambda route: route.abort())
    page.add_init_script(f"localStorage.setItem('shoal.language', '{language}')")
    page.goto("/")
    page.get_by_role("heading", name=title).wait_for()


def barriers(page: Page) -> list[str]:
    """Serious faults that axe finds."""
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate("""async () => (await axe.run(document, {resultTypes: ['violations']})).violations
        .filter(each => ['serious', 'critical'].includes(each.impact))
        .map(each => each.id + ': ' + each.nodes.map(node => node.target.join(' ')).join(', '))""")
    return found
