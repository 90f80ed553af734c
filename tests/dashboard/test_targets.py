"""What is touched is large enough: 44 px where people work with gloves, 24 px elsewhere (WCAG 2.2, 2.5.8)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.dashboard.conftest import sign_in
from tests.dashboard.real_farm import PASSWORD, SITE, RealFarm
from tests.dashboard.stack import Account

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.integration]

GLOVE_PX, FINGERTIP_PX = 44, 24
AT_THE_PEN = (
    f"/sites/{SITE}",
    f"/sites/{SITE}/alarms",
    f"/sites/{SITE}/alarms?part=over",
    f"/sites/{SITE}/records",
    f"/sites/{SITE}/records?write=mortality",
    f"/sites/{SITE}/records?write=treatment",
    f"/sites/{SITE}/records?part=import",
    "/units/1",
)
AT_THE_DESK = tuple(
    f"/sites/{SITE}/{page}"
    for page in (
        "kpis",
        "reports",
        "classify",
        "devices",
        "devices?part=health",
        "devices?part=groups",
        "labels",
        "labels?part=queue",
        "labels?part=settings",
        "drift",
        "tasks",
        "rollouts",
        "rollouts?part=trials",
        "rollouts?part=releases",
        "dead-letters",
        "settings?part=on-call",
        "settings?part=access",
        "settings?part=screen",
    )
)
SMALL = """least => [...document.querySelectorAll(
    'a[href], button, [role=button], [role=tab], [role=combobox], [role=switch], [role=checkbox], input, textarea')]
  .filter(e => e.checkVisibility({ visibilityProperty: true }) && getComputedStyle(e).pointerEvents !== 'none')
  .filter(e => e.getAttribute('aria-hidden') !== 'true' && !e.closest('[inert], [aria-hidden=true]'))
  // A link within a sentence is as high as its line.
  .filter(e => !(e.tagName === 'A' && getComputedStyle(e).display === 'inline'))
  .map(e => [e, (e.closest('label') ?? e.closest('.MuiInputBase-root, .MuiSwitch-root, .MuiCheckbox-root') ?? e).getBoundingClientRect()])
  // Only for who cannot see: the skip link, the input behind a button that chooses a file.
  .filter(([, box]) => box.width > 2 && box.height > 2)
  .filter(([, box]) => box.width < least - 0.5 || box.height < least - 0.5)
  .map(([e, box]) => `${e.getAttribute('aria-label') ?? e.innerText ?? ''} <${e.tagName} ${e.getAttribute('role') ?? ''}> `
    + `${box.width.toFixed(0)} x ${box.height.toFixed(0)}`)"""


@contextmanager
def phone(browser: Browser, farm: RealFarm, who: str) -> Iterator[Page]:
    """A phone with a touch screen in somebody's hand."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, base_url=farm.url, has_touch=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(40_000)
    sign_in(page, Account(f"{who}@fjord.example", PASSWORD))
    yield page
    context.close()


def small_targets(page: Page, paths: tuple[str, ...], least_px: int) -> dict[str, list[str]]:
    """What is smaller than that, by page; and what is wider than the screen."""
    found = {}
    for path in paths:
        page.goto(path)
        page.locator("main h1, main h2").first.wait_for()
        page.wait_for_function("() => document.querySelector('[role=progressbar]') === null")
        if (details := page.get_by_role("button", name="Details")).count():
            details.first.click()
        small: list[str] = page.evaluate(SMALL, least_px)
        if page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth"):
            small.append("the page scrolls sideways")
        if small:
            found[path] = small
    return found


def test_at_the_pen_every_target_fits_a_glove(browser: Browser, farm: RealFarm) -> None:
    farm.oxygen["tank-2"] = 4.1
    with phone(browser, farm, "operator") as page:
        small = small_targets(page, AT_THE_PEN, GLOVE_PX)
        assert not small, small
    farm.oxygen["tank-2"] = 8.9


def test_at_the_desk_every_target_fits_a_fingertip(browser: Browser, farm: RealFarm) -> None:
    with phone(browser, farm, "fleet_admin") as page:
        small = small_targets(page, AT_THE_DESK, FINGERTIP_PX)
        assert not small, small
