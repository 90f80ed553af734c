"""A farm to look at, and a page that fails the test when it logs an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.dashboard.real_farm import PASSWORD, RealFarm
from tests.dashboard.stack import Account, MockStack, RunningStack, Stack
from tests.servers.presence import ROOT, MissingServerError, missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

expect.set_options(timeout=20_000)

AXE = ROOT / "cloud" / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def stack() -> Iterator[Stack]:
    """The farm of this test: the running box that the environment names, or a fresh mock."""
    if url := os.environ.get("SHOAL_TEST_DASHBOARD_URL"):
        yield RunningStack(url)
        return
    mock = MockStack()
    yield mock
    mock.stop_server()


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """An empty tab, 1440 x 900, whose scripts may not fail."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=stack.url)
    tab = context.new_page()
    tab.set_default_timeout(20_000)
    failures: list[str] = []
    tab.on("pageerror", lambda error: failures.append(str(error)))
    tab.on("console", lambda said: failures.append(said.text) if "Content Security Policy" in said.text else None)
    yield tab
    context.close()
    assert failures == []


def sign_in(page: Page, account: Account) -> None:
    """Sign in through the form and wait for the first tile."""
    page.goto("/")
    page.get_by_label("Email").fill(account.email)
    page.get_by_label("Password").fill(account.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_test_id("unit-tile").first.wait_for()


def go(page: Page, path: str) -> None:
    """To another page of the farm, as a link does."""
    page.evaluate("to => { history.pushState({}, '', to); dispatchEvent(new PopStateEvent('popstate')); }", path)


def serious_barriers(page: Page) -> list[tuple[str, str]]:
    """What keeps people from using the page as it stands, by axe: rule and the first place."""
    if not AXE.is_file():
        missing("axe-core", "cd cloud/dashboard && npm ci")
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        (each["id"], each["nodes"][0]["html"][:200])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


@pytest.fixture(scope="module")
def farm() -> Iterator[RealFarm]:
    """A living farm: three tanks, eight hours of water, a diary."""
    try:
        running = RealFarm()
    except MissingServerError as error:
        missing("PostgreSQL", str(error))
    running.begin()
    yield running
    running.end()


@pytest.fixture
def desk(tab_at_desk: Page, request: pytest.FixtureRequest) -> Page:
    """The same tab for every test of the module; a second try begins without what the first left open."""
    if getattr(request.node, "execution_count", 1) > 1:
        tab_at_desk.reload()
    return tab_at_desk


@pytest.fixture(scope="module")
def tab_at_desk(browser: Browser, farm: RealFarm) -> Iterator[Page]:
    """One tab of somebody who may everything on the farm, signed in; its scripts may not fail."""
    # Without transitions, so that colours are judged as they stay.
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=farm.url, reduced_motion="reduce")
    tab = context.new_page()
    tab.set_default_timeout(40_000)
    failures: list[str] = []
    tab.on("pageerror", lambda error: failures.append(str(error)))
    tab.on("console", lambda said: failures.append(said.text) if "Content Security Policy" in said.text else None)
    sign_in(tab, Account("fleet_admin@fjord.example", PASSWORD))
    yield tab
    context.close()
    assert failures == []
