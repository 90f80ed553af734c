"""Take the pictures of docs/dashboard.md anew, in Chromium: ``python -m tests.dashboard.pictures``.

Every page is that of the real farm, but for those of OF_MOCK, which shows what takes hours or weeks.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser import ARGUMENTS, CHROMIUM
from tests.dashboard import mock_api, real_farm
from tests.dashboard.conftest import go, sign_in
from tests.dashboard.mock_live import MockLive
from tests.dashboard.real_farm import SITE, RealFarm
from tests.dashboard.stack import Account
from tests.dashboard.test_journeys import upload_frame
from tests.servers.presence import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
COLOURS = 256
"""Of a picture's palette, chosen to span all that occur: the red of an alarm is rare, and must stay red."""
COMMON = 32
"""Of these, the ones that fill most of the picture, kept exactly: a page's background has no tint."""


@dataclass(frozen=True)
class Picture:
    """One page in one size and theme."""

    name: str
    path: str
    size: str = "desktop"
    theme: str = "dark"
    anchor: str = ""
    """Heading that stands on top."""


OF_FARM = (
    Picture("wall", f"/sites/{SITE}"),
    Picture("wall-phone", f"/sites/{SITE}", "phone", "light"),
    Picture("alarms", f"/sites/{SITE}/alarms"),
    Picture("unit", "/units/1", theme="light"),
    Picture("unit-charts", "/units/1", anchor="Water over time"),
    Picture("unit-phone", "/units/1", "phone", anchor="Water over time"),
    Picture("kpis", f"/sites/{SITE}/kpis", theme="light"),
    Picture("record", f"/sites/{SITE}/records?write=mortality", "phone"),
    Picture("records-phone", f"/sites/{SITE}/records", "phone", "light"),
    Picture("labels", f"/sites/{SITE}/labels"),
    Picture("classify", f"/sites/{SITE}/classify", theme="light"),
    Picture("on-call", f"/sites/{SITE}/settings?part=on-call", theme="light"),
    Picture("access", f"/sites/{SITE}/settings?part=access"),
    Picture("devices", f"/sites/{SITE}/devices"),
    Picture("dead-letters", f"/sites/{SITE}/dead-letters"),
)
OF_MOCK = (
    Picture("rollout", "/rollouts", anchor="Detector for dull water"),
    Picture("rollout-proposed", "/rollouts", theme="light", anchor="Detector for the night"),
    Picture("rollout-pairs", "/rollouts", anchor="Detector for dull water"),
    Picture("trial", "/rollouts?part=trials", anchor="More fish in the dark"),
    Picture("trial-phone", "/rollouts?part=trials", "phone", "light", anchor="More fish in the dark"),
    Picture("releases", "/rollouts?part=releases"),
    Picture("release", "/rollouts?part=releases", theme="light"),
    Picture("health", "/devices?part=health"),
    Picture("runs", "/devices?part=runs", theme="light"),
    Picture("runs-phone", "/devices?part=runs", "phone"),
    Picture("drift", "/drift"),
    Picture("tasks", "/tasks", theme="light"),
    Picture("tasks-phone", "/tasks", "phone", "light"),
)
"""What takes hours or weeks on a real farm. ``anchor`` names the rollout or the trial."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Take the pictures of docs/dashboard.md anew."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="folder for the PNG files")
    parser.add_argument("names", nargs="*", help="only these pictures, such as wall or access; without: all")
    given = parser.parse_args(arguments)
    wanted = [each for each in OF_FARM if not given.names or each.name in given.names]
    of_mock = [each for each in OF_MOCK if not given.names or each.name in given.names]
    path = next(found for name in CHROMIUM if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        if wanted:
            _of_farm(browser, wanted, given.out)
        if of_mock:
            _of_mock(browser, of_mock, given.out)
        browser.close()


def _of_farm(browser: Browser, wanted: Sequence[Picture], out: Path) -> None:
    farm = RealFarm()
    farm.begin()
    farm.oxygen["tank-3"] = 4.4
    try:
        _people(farm)
        admin = Account("fleet_admin@fjord.example", real_farm.PASSWORD)
        for size in SIZES:
            with _signed_in(browser, farm.url, admin, size) as page:
                for picture in (each for each in wanted if each.size == size):
                    go(page, picture.path)
                    _take(page, picture.theme, out / f"dashboard-{picture.name}.png", picture.anchor)
    finally:
        farm.end()


def _people(farm: RealFarm) -> None:
    """Frames to label, people to call, somebody invited."""
    for seed in (11, 12):
        upload_frame(farm, seed)
    with farm.client("farm_manager") as client:
        for name, phone in (("Night watch", "+4712345678"), ("Kari Nordmann", "+4798765432")):
            client.post("/api/v1/contacts", json={"name": name, "phone": phone}).raise_for_status()
    with farm.client("fleet_admin") as client:
        guest = {"email": "kari@fjord.example", "role": "operator"}
        client.post("/api/v1/invitations", json=guest).raise_for_status()


def _of_mock(browser: Browser, wanted: Sequence[Picture], out: Path) -> None:
    farm = mock_api.MockFarm()
    server = mock_api.MockServer(farm, live=MockLive(farm).serve)
    server.start()
    try:
        admin = Account("fleet_admin@nordfjord.example", mock_api.PASSWORD)
        for size in SIZES:
            with _signed_in(browser, server.url, admin, size) as page:
                for picture in (each for each in wanted if each.size == size):
                    go(page, f"/sites/nordfjord{picture.path}")
                    if picture.anchor:
                        page.get_by_role("link", name=picture.anchor).click()
                    if picture.name == "rollout-pairs":
                        page.get_by_role("tab", name="Side by side").click()
                    if picture.name == "release":
                        _use(page, picture.theme)  # before the dialog stands over the switch
                        page.get_by_role("button", name="Details: fish-detector 1.2.0").click()
                        page.get_by_test_id("release").wait_for()
                    _take(page, picture.theme, out / f"dashboard-{picture.name}.png")
    finally:
        server.stop()


@contextmanager
def _signed_in(browser: Browser, url: str, who: Account, size: str) -> Iterator[Page]:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, base_url=url, reduced_motion="reduce", locale="en-GB"
    )
    page = context.new_page()
    page.set_default_timeout(40_000)
    sign_in(page, who)
    yield page
    context.close()


def _use(page: Page, theme: str) -> None:
    switch = page.get_by_role("button", name=re.compile("Use the (light|dark) theme"))
    switch.wait_for()
    if switch.get_attribute("aria-label") == f"Use the {theme} theme":
        switch.click()


def _take(page: Page, theme: str, target: Path, anchor: str = "") -> None:
    """Wait until the page rests, choose the theme, and keep what is seen without scrolling."""
    page.locator("main h1, main h2").first.wait_for()
    # A task's own progress stays; what only turns goes.
    page.wait_for_function("() => document.querySelector('[role=progressbar]:not([aria-valuenow])') === null")
    if page.get_by_role("dialog").count() == 0:
        _use(page, theme)
    if anchor:
        heading = page.get_by_role("heading", name=anchor)
        heading.evaluate("e => scrollTo(0, e.getBoundingClientRect().top + scrollY - 120)")
    page.mouse.move(0, 0)
    page.wait_for_timeout(2_000)  # pictures and charts are drawn
    for banner in ("connection-banner", "asking-banner"):  # a busy machine may be slow to tell
        page.get_by_test_id(banner).wait_for(state="detached")
    page.screenshot(path=target)
    _in_few_colours(Image.open(target).convert("RGB")).save(target, optimize=True)
    sys.stdout.write(f"{target.name} {target.stat().st_size // 1024} KB\n")


def _in_few_colours(picture: Image.Image) -> Image.Image:
    pixels = np.asarray(picture).reshape(-1, 3)
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    common = colours[np.argsort(counts)[-COMMON:]]
    rare = picture.quantize(COLOURS - len(common), Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*common.flatten().tolist(), *rare])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main()
