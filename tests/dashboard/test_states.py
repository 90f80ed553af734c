"""What every page shows while it waits, when the server fails, is away or refuses, and when an answer grows old.

The farm itself (units, values, open alarms) goes on; what the page asks for beyond it is held back and then answered badly.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.dashboard.conftest import go, sign_in
from tests.dashboard.mock_fleet import TRIAL

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.dashboard.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.integration]

PAGES = (
    "alarms?part=over",
    "alarms?part=performance",
    "alarms?part=why",
    "records",
    "records?part=batches",
    "records?part=health",
    "kpis",
    "classify",
    "devices",
    "devices?part=health",
    "devices?part=runs",
    "devices?part=groups",
    "labels",
    "labels?part=review",
    "labels?part=queue",
    "labels?part=progress",
    "labels?part=datasets",
    "labels?part=settings",
    "drift",
    "drift?part=series",
    "tasks",
    "rollouts",
    "rollouts?part=trials",
    "rollouts?part=releases",
    f"rollouts/trials/{TRIAL}",
    "reports?report=traceability",
    "dead-letters",
    "settings?part=on-call",
    "settings?part=access",
)
FARM = re.compile(r"/api/v1/(sites|sites/\w+/latest|auth/\w+|alarms\?.*open=true.*|live)$")
SAID = {
    500: ("This did not load", "Try again in a minute"),
    0: ("No connection to the farm server", "This page tries again by itself"),
    403: ("Not open to you", "Ask your farm manager"),
}
"""Status of the answer, 0 for none, to what is said of it and what to do."""


class BadLine:
    """Holds back what pages ask for, until it is told how to answer."""

    def __init__(self, page: Page, url: str) -> None:
        self._url = url
        self._held: list[Route] = []
        self._status: int | None = None
        page.route(re.compile("/api/v1/"), self._handle)

    def hold(self) -> None:
        """From now on nothing is answered."""
        self._status = None

    def answer(self, status: int) -> None:
        """Answer what waits, and all that comes."""
        self._status = status
        held, self._held = self._held, []
        for route in held:
            self._handle(route)

    def _handle(self, route: Route) -> None:
        if FARM.fullmatch(route.request.url.removeprefix(self._url)):
            route.fallback()
        elif self._status is None:
            self._held.append(route)
        elif self._status == 0:
            route.abort()
        else:
            body = {
                "type": "about:blank",
                "title": "Bad",
                "status": self._status,
                "detail": "the disk is full",
                "code": "x",
            }
            route.fulfill(status=self._status, content_type="application/problem+json", body=json.dumps(body))


@pytest.mark.parametrize("status", SAID)
def test_a_page_says_that_it_loads_then_why_it_did_not_and_what_to_do(page: Page, stack: Stack, status: int) -> None:
    if not stack.can_stop or stack.fleet_admin is None:
        pytest.skip("only the mock has a line that can be made bad")
    sign_in(page, stack.fleet_admin)
    line = BadLine(page, stack.url)
    wrong = []
    for path in PAGES:
        line.hold()
        go(page, f"/sites/nordfjord/{path}")
        main = page.locator("main")
        main.get_by_text("Loading…").first.wait_for()
        line.answer(status)
        main.get_by_text("Loading…").first.wait_for(state="detached")
        told = main.inner_text()
        missing = [words for words in SAID[status] if words not in told]
        if missing or ("Bad" in told) or re.search("undefined|NaN|Unexpected token|Traceback", told):
            wrong.append((path, missing, told[:300]))
    assert not wrong, wrong


def test_what_was_there_stays_with_its_age_when_it_cannot_be_renewed(page: Page, stack: Stack) -> None:
    if not stack.can_stop or stack.fleet_admin is None:
        pytest.skip("only the mock has a line that can be made bad")
    sign_in(page, stack.fleet_admin)
    go(page, "/sites/nordfjord/tasks")
    page.get_by_test_id("task").first.wait_for()
    BadLine(page, stack.url).answer(0)
    page.get_by_text("It could not be renewed").wait_for()
    expect(page.get_by_test_id("task")).not_to_have_count(0)
