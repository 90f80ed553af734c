"""A release goes out by the dashboard, over everything that is real: two people in Chromium, API, database, controller, broker, box.

The box is an agent in a process of its own with the shipped detector; the repository is signed by two people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
import pytest
from playwright.sync_api import expect

from cloud.auth.accounts import create_user
from cloud.db import migrate
from cloud.farms.writer import ensure_organization, ensure_site
from tests.cloud.postgres import Postgres
from tests.cloud.test_rollout_chain import PASSPHRASE, Chain
from tests.dashboard.conftest import sign_in
from tests.dashboard.real_farm import PASSWORD, ApiServer
from tests.dashboard.stack import Account
from tests.edge.farm import eventually
from tests.servers.mosquitto import Mosquitto
from tests.servers.presence import MissingServerError, missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.integration, pytest.mark.timeout(900)]

ADA, BO = "ada@farm.example", "bo@farm.example"


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """A farm of one tank whose box looks at it with the shipped detector; two newer ones are released."""
    folder = tmp_path_factory.mktemp("rollouts")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("SHOAL_ASSIGNER_PASSPHRASE", PASSPHRASE)
        for name in ("ROUND_S", "RETRY_S"):
            patch.setattr(f"cloud.rollouts.controller.{name}", 0.2)
        try:
            postgres, broker = Postgres(), Mosquitto(folder / "mosquitto")
            broker.start()
        except MissingServerError as error:
            missing("PostgreSQL or Mosquitto", str(error))
        stack.callback(broker.stop)
        postgres.start()
        stack.callback(postgres.stop)
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE shoal")
        url = postgres.url("shoal")
        migrate.upgrade(url)
        with psycopg.connect(url) as database:
            ensure_site(database, ensure_organization(database, "shoal"), "farm")
        for email in (ADA, BO):
            create_user(url, email, PASSWORD, "fleet_admin", "shoal", name=email.partition("@")[0].title())
        chain = Chain(folder, broker, url)
        stack.callback(chain.close)
        chain.box.start()
        chain.ceremony.release(chain.shipped)
        for version in ("2.1.0", "2.2.0"):
            chain.release(version)
        chain.controller.start()
        eventually(lambda: chain.models().get("running_sha256") == chain.shipped_sha256, timeout_s=120)
        eventually(lambda: chain.execute("SELECT id FROM camera"))
        yield chain


@pytest.fixture(scope="module")
def desk(browser: Browser, chain: Chain) -> Iterator[Callable[[str], Page]]:
    """The dashboard of that farm; called with an address, it gives the tab of that person at the rollouts."""
    api = ApiServer(chain.url, chain.folder / "pictures")
    api.start()
    tabs: dict[str, Page] = {}

    def come(email: str) -> Page:
        if email not in tabs:
            tabs[email] = browser.new_context(base_url=api.url, viewport={"width": 1440, "height": 900}).new_page()
            tabs[email].set_default_timeout(120_000)
            sign_in(tabs[email], Account(email, PASSWORD))
        tabs[email].get_by_role("link", name="Rollouts", exact=True).click()
        return tabs[email]

    yield come
    for tab in tabs.values():
        tab.context.close()
    api.stop()


def ask(page: Page, name: str, version: str, *, back_to: str, least_count: str = "0.8") -> None:
    """Fill in the form: a second in shadow, the shipped waves, and no gate on how fast this machine happens to be."""
    page.get_by_role("button", name="Roll out a release").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name", exact=True).fill(name)
    dialog.get_by_label("Model").fill("fish-detector")
    dialog.get_by_role("combobox", name="Version", exact=True).fill(version)
    dialog.get_by_label("Back to version").fill(back_to)
    dialog.get_by_label("A second person must approve it").check()
    dialog.get_by_label("A plan of its own").check()
    dialog.get_by_label("Hours in shadow").fill("0.0003")
    gates = dialog.get_by_test_id("plan-gate")
    gates.filter(has_text="Latency").get_by_role("button", name="Remove").click()
    count = gates.filter(has_text="Count")
    count.get_by_label("At least").fill(least_count)
    count.get_by_label("At most").fill("")
    dialog.get_by_role("button", name="Ask for it").click()
    page.get_by_text("another fleet admin must approve it").wait_for()


def approve(page: Page, name: str) -> None:
    """As somebody who did not ask for it."""
    page.get_by_role("link", name=name).click()
    page.get_by_role("button", name="Approve", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Approve", exact=True).click()
    page.get_by_role("dialog").wait_for(state="detached")


def running(chain: Chain) -> str:
    """What the box's inference session says that it runs, by sha256."""
    return str(chain.models().get("running_sha256"))


def test_a_release_is_asked_for_approved_watched_through_its_wave_and_rolled_back(
    chain: Chain, desk: Callable[[str], Page]
) -> None:
    ada, bo = desk(ADA), desk(BO)
    shipped = json.loads((chain.shipped / "manifest.json").read_text())["version"]
    ask(ada, "Better eyes", "2.1.0", back_to=shipped)
    expect(ada.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    approve(bo, "Better eyes")
    for page in (ada, bo):
        canary = page.locator("[data-testid=wave][aria-current=step]").filter(has_text="canary")
        canary.get_by_text("1 on trial").wait_for()
        canary.get_by_text("May activate since").wait_for()
    for gate in ("Disagreement", "Count, new to old", "Drop in confidence"):
        bo.get_by_role("row").filter(has_text=gate).get_by_text("Passed").wait_for()
    bo.get_by_role("tab", name="Devices").click()
    bo.get_by_role("row", name=re.compile("edge-1.*canary.*on trial")).wait_for()
    assert running(chain) not in {chain.shipped_sha256, "None"}

    ada.get_by_role("button", name="Roll back", exact=True).click()
    dialog = ada.get_by_role("dialog")
    dialog.get_by_text(f"goes back to {shipped}").wait_for()
    dialog.get_by_label("Why").fill("the night shift counts other fish")
    dialog.get_by_label("I have read what it does").check()
    dialog.get_by_role("button", name="Roll back", exact=True).click()
    for page in (ada, bo):
        page.locator("[data-status=rolled_back]").wait_for()
    ada.get_by_test_id("wave").filter(has_text="canary").get_by_text("1 gone back").wait_for()
    ada.get_by_role("tab", name="Decision log").click()
    ada.get_by_text(f"rolled back: the night shift counts other fish (ordered by {ADA})").first.wait_for()
    ada.get_by_text(f"approved by {BO}").wait_for()
    assert running(chain) == chain.shipped_sha256


def test_a_release_that_fails_its_gate_goes_back_before_it_counts_a_fish(
    chain: Chain, desk: Callable[[str], Page]
) -> None:
    ada, bo = desk(ADA), desk(BO)
    ask(ada, "Doubled eyes", "2.2.0", back_to="", least_count="2")
    approve(bo, "Doubled eyes")
    failed = ada.get_by_role("row").filter(has_text="Count, new to old").filter(has_text="Failed")
    failed.wait_for()
    ada.locator("[data-status=rolled_back]").wait_for()
    ada.get_by_test_id("wave").filter(has_text="canary").get_by_text("stopped").wait_for()
    expect(ada.get_by_role("button", name="Roll back", exact=True)).to_have_count(0)
    assert running(chain) == chain.shipped_sha256
