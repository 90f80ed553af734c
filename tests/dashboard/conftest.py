"""A farm to look at, and a page that fails the test when it logs an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.dashboard.stack import Account, MockStack, RunningStack, Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


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
