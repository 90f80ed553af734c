"""The dashboard in a real Chromium: what it loads, how soon a phone can use it, and what a wall of 400 tiles costs.

The value is the processor share of the page that shows 400 units, each with five values that change once a second over the
live WebSocket; the floor is the same page whose stream only says that it is alive. Both are counted by Chromium's own processor
time, so a busy machine makes them a little dearer rather than senseless. In ``details``: JavaScript of the first load (gzip), and heap
after forced collections over minutes. ``--part heap`` runs half an hour and does not mind company; ``--part phone``, ``wall`` and
``load`` are the others singly.

The phone has a processor slowed four times and a line as Lighthouse's slow 4G has it; the pages come as the product sends them. Each
figure is the median of three visits, in seconds from the address to the first moment at which the page can be used and does at once what
it is told (``s``); beside it what a busy machine does not change, or changes little: kilobytes on the line, requests, and seconds of
script, of the slowed processor, until then.

``login``: the field of the password holds what was typed into it, and the form is one that sends. Nothing is in the browser's cache.
``wall``: the first unit's risk, values and their ages can be read, and its link and the buttons of its alarms take a tap. Signed in,
nothing in the cache.
``wall_whole``: the same visit until React has drawn the wall, with pictures, figures of the day and ways to the other pages.
``wall_again``, ``wall_whole_again``: the same on a phone whose service worker keeps the files; page and API still come over the line.

Seconds are of wall time and need a quiet machine. To compare, name another build in ``SHOAL_AGAINST`` (a folder as
``cloud/dashboard/dist``): it is visited turn by turn with this one, and ``ratio`` is the median of ours over its.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import WebSocket, WebSocketDisconnect

from tests.benchmarks.harness import Pair, machine, result
from tests.browser import ARGUMENTS, CHROMIUM
from tests.dashboard.mock_api import PASSWORD, MockFarm, MockServer, Unit, demo_units
from tests.dashboard.mock_live import PROTOCOL, snapshot

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page

UNITS = 400
LONG_HEAP_S = 1800.0
"""Of ``--part heap``: long enough to tell a leak from the page settling."""
PARTS = ("load", "phone", "wall", "heap")
BARS = {"first_load_gzip_kb": 300, "phone_s": 2.0, "wall_cpu_share": 0.15, "heap_growth_kb_per_min": 0}
_SITE = "nordfjord"
_PHONE: dict[str, Any] = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 0.75e6 / 8,
}
"""Lighthouse's slow 4G: 1.6 Mbit/s down, 0.75 up, 150 ms."""
_VISITS = 3
_AGAINST = "SHOAL_AGAINST"
_READABLE = "[data-testid=unit-tile], [data-testid=glance-tile]"
_WHOLE = "[data-testid=unit-tile]"


class Wall:
    """The live stream of a farm, told once a second to the page that follows it.

    Over a WebSocket of its own: a message that the browser's driver hands to the page is a script each time, which the engine compiles.
    """

    def __init__(self, farm: MockFarm) -> None:
        self._farm = farm
        self._seq = 0
        self.changing = True
        self._loop: asyncio.AbstractEventLoop | None = None
        self._line: WebSocket | None = None

    async def serve(self, line: WebSocket) -> None:
        """A page has come; until it goes."""
        await line.accept(subprotocol=PROTOCOL)
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                if (await line.receive_json())["type"] == "subscribe":
                    self._loop, self._line = asyncio.get_running_loop(), line
                    await line.send_text(self._snapshot())
        if self._line is line:
            self._line = None

    def _snapshot(self) -> str:
        self._seq += 1
        return json.dumps(snapshot(self._farm.latest(_SITE), [], seq=self._seq))

    def tell(self) -> None:
        """One second of the farm: everything has changed, or nothing. Nobody hears it before a page has come."""
        line, loop = self._line, self._loop
        if line is None or loop is None:
            return
        # On a machine that stands still for seconds the line may break; the page opens another and is told everything anew.
        with contextlib.suppress(WebSocketDisconnect):
            asyncio.run_coroutine_threadsafe(line.send_text(self._second()), loop).result(timeout=60)

    def _second(self) -> str:
        if not self.changing:
            self._seq -= 1
            return self._message(type="heartbeat", store="ok")
        now = self._farm.now()
        names = ("channel_id", "value", "observed_at", "age_s", "quality")
        readings = [
            {name: reading[name] for name in names} | {"tests": []}
            for each in self._farm.latest(_SITE)["units"]
            for reading in each["readings"]
        ]
        for reading in readings:
            reading["observed_at"] = now.isoformat()
            reading["age_s"] = 0.0
        return self._message(type="delta", readings=readings)

    def _message(self, **message: Any) -> str:
        self._seq += 1
        told = {"seq": self._seq, "resume": str(self._seq), "server_time": self._farm.now().isoformat(), **message}
        return json.dumps(told)


def run(quick: bool) -> dict[str, Any]:
    """Measure; see the module."""
    seconds, rounds, heap_s, units = (4, 1, 6, 40) if quick else (20, 3, 180, UNITS)
    with _farms(units) as (browser, small, large, wall):
        details: dict[str, Any] = {"bars": BARS, "first_load_gzip_kb": _first_load_kb(browser, small.url)}
        if not quick:
            details |= _phone(browser, small)
        with _wall_page(browser, large, wall) as page:
            pairs = page.costs(seconds=seconds, rounds=rounds)
            details |= page.heap(heap_s) | {"tiles": page.tiles}
    return result("dashboard", pairs, unit="share of a core", higher_is_better=False, details=details)


def part(name: str) -> dict[str, Any]:
    """One part alone, where the others would take too long or need a quieter machine; its figures as they are in ``details``.

    Args:
        name: of ``PARTS``.
    """
    found: dict[str, Any] = {"bars": BARS, "machine": machine()}
    with _farms(UNITS) as (browser, small, large, wall):
        if name == "load":
            return found | {"first_load_gzip_kb": _first_load_kb(browser, small.url)}
        if name == "phone":
            return found | _phone(browser, small)
        with _wall_page(browser, large, wall) as page:
            if name == "heap":
                return found | page.heap(LONG_HEAP_S) | {"tiles": page.tiles}
            pairs = page.costs(seconds=20, rounds=3)
            return found | {"tiles": page.tiles, "wall_cpu_share": [round(pair.ours, 3) for pair in pairs]}


@contextmanager
def _farms(units: int) -> Iterator[tuple[Browser, MockServer, MockServer, Wall]]:
    """Chromium, the mock of four units, that of many, and the live stream of the latter."""
    from playwright.sync_api import sync_playwright

    farm = _large_farm(units)
    wall = Wall(farm)
    small, large = MockServer(), MockServer(farm, live=wall.serve)
    small.start()
    large.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=_chromium(), args=list(ARGUMENTS))
            yield browser, small, large, wall
            browser.close()
    finally:
        small.stop()
        large.stop()


def _large_farm(units: int) -> MockFarm:
    farm = MockFarm()
    first = demo_units()[0]
    farm.units = [
        Unit(number, f"tank-{number}", f"Tank {number}", "tank", first.species, first.stage, dict(first.water), 9, camera=False)
        for number in range(1, units + 1)
    ]  # fmt: skip
    return farm


def _chromium() -> str:
    import shutil

    return next(found for name in CHROMIUM if (found := shutil.which(name)))


def _page(browser: Browser, url: str, **context: Any) -> Page:
    return browser.new_context(base_url=url, service_workers="block", **context).new_page()


def _sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Email").fill("operator@nordfjord.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_test_id("unit-tile").first.wait_for(timeout=120_000)


def _first_load_kb(browser: Browser, url: str) -> float:
    """Every script that the browser asks for until the wall stands, each by itself through gzip."""
    page = _page(browser, url)
    scripts: dict[str, int] = {}

    def weigh(response: Any) -> None:
        if response.url.endswith(".js"):
            scripts[response.url] = len(gzip.compress(response.body(), 6))

    page.on("response", weigh)
    _sign_in(page)
    page.wait_for_timeout(500)
    page.context.close()
    return round(sum(scripts.values()) / 1000, 1)


def _phone(browser: Browser, server: MockServer) -> dict[str, Any]:
    """Each visit to this build, and turn by turn to another where one is named; see the module."""
    other = os.environ.get(_AGAINST)
    if other is None:
        return {"phone": _summary(_visits(browser, [server])[0])}
    against = MockServer(dist=Path(other).resolve())
    against.start()
    try:
        ours, theirs = (_summary(each) for each in _visits(browser, [server, against]))
    finally:
        against.stop()
    ratio = {name: round(ours[name]["s"] / theirs[name]["s"], 2) for name in ours}
    return {"phone": ours, "phone_against": theirs, "phone_ratio": ratio}


def _visits(browser: Browser, servers: list[MockServer]) -> list[dict[str, list[dict[str, float]]]]:
    """By server and kind of visit, what each visit took."""
    found: list[dict[str, list[dict[str, float]]]] = [{} for _ in servers]
    phones = [Phone(browser, server) for server in servers]
    for _ in range(_VISITS):
        for phone, visits in zip(phones, found, strict=True):
            for name, each in (phone.log_in() | phone.look() | phone.look_again()).items():
                visits.setdefault(name, []).append(each)
    for phone in phones:
        phone.end()
    return found


def _summary(visits: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Medians by kind of visit."""
    return {
        name: {what: round(statistics.median(each[what] for each in several), 2) for what in several[0]}
        for name, several in visits.items()
    }


class Phone:
    """Somebody's phone on a slow line; signed in for the walls, and with a kept dashboard for those of another day."""

    def __init__(self, browser: Browser, server: MockServer) -> None:
        self._browser, self._server = browser, server
        signed = _page(browser, server.url)
        _sign_in(signed)
        self._session = signed.evaluate("() => sessionStorage.getItem('shoal.session')")
        signed.context.close()
        self._kept = browser.new_context(base_url=server.url, **_PHONE_LOOK)
        first = self._kept.new_page()
        _sign_in(first)
        first.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        first.wait_for_function("() => navigator.serviceWorker.controller !== null")
        first.close()

    def end(self) -> None:
        """Put it away."""
        self._kept.close()

    def log_in(self) -> dict[str, dict[str, float]]:
        """The login, seen for the first time."""
        page = _page(self._browser, self._server.url, **_PHONE_LOOK)
        visit = Visit(page, "/")
        field = page.locator("form input[type=password]")
        field.fill("typed", timeout=60_000)
        assert field.input_value() == "typed"
        assert page.locator("form button[type=submit]").is_enabled()
        took = visit.took()
        page.context.close()
        return {"login": took}

    def look(self) -> dict[str, dict[str, float]]:
        """The wall, for the first time at this address."""
        page = _page(self._browser, self._server.url, **_PHONE_LOOK)
        took = self._wall(page, "")
        page.context.close()
        return took

    def look_again(self) -> dict[str, dict[str, float]]:
        """The wall, by a phone that keeps the files."""
        page = self._kept.new_page()
        # What a service worker asks for does not go over the page's slow line.
        self._server.farm.page_delay_s = _PHONE["latency"] / 1000
        took = self._wall(page, "_again")
        self._server.farm.page_delay_s = 0.0
        page.close()
        return took

    def _wall(self, page: Page, name: str) -> dict[str, dict[str, float]]:
        page.add_init_script(f"sessionStorage.setItem('shoal.session', {json.dumps(self._session)})")
        visit = Visit(page, f"/sites/{_SITE}")
        page.locator(_READABLE).first.wait_for(timeout=60_000)
        usable = visit.took()
        page.locator(_WHOLE).first.wait_for(timeout=60_000)
        return {f"wall{name}": usable, f"wall_whole{name}": visit.took()}


_PHONE_LOOK: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


class Visit:
    """From an address on: seconds, and what went over the line and through the processor."""

    def __init__(self, page: Page, path: str) -> None:
        self._page = page
        self._requests = 0
        self._bytes = 0.0
        self._line = _cdp(page)
        self._line.send("Network.enable")
        self._line.send("Performance.enable")
        self._line.send("Network.emulateNetworkConditions", _PHONE)
        self._line.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        self._line.on("Network.loadingFinished", self._weigh)
        self._began = time.perf_counter()
        page.goto(path, wait_until="commit")

    def _weigh(self, told: Any) -> None:
        self._requests += 1
        self._bytes += told["encodedDataLength"]

    def took(self) -> dict[str, float]:
        """Until a task that is asked for now is done."""
        self._page.evaluate("() => new Promise(done => setTimeout(done))")
        seconds = time.perf_counter() - self._began
        metrics = {each["name"]: each["value"] for each in self._line.send("Performance.getMetrics")["metrics"]}
        return {
            "s": seconds,
            "script_s": metrics["ScriptDuration"],
            "kb": self._bytes / 1000,
            "requests": self._requests,
        }


class WallPage:
    """The page that shows the wall, told of a second every second."""

    def __init__(self, browser: Browser, page: Page, wall: Wall) -> None:
        self._page, self._wall = page, wall
        self._line = _cdp(page)
        self._line.send("HeapProfiler.enable")
        self._line.send("Performance.enable")
        self._whole = browser.new_browser_cdp_session()

    @property
    def tiles(self) -> int:
        """Units on the wall."""
        return self._page.get_by_test_id("unit-tile").count()

    def go_on(self, duration_s: float) -> float:
        """Tell the page once a second; answers the share of a core that its process used."""
        cpu, began = _renderer_cpu_s(self._whole), time.perf_counter()
        while time.perf_counter() - began < duration_s:
            self._wall.tell()
            self._page.wait_for_timeout(1_000)
        return (_renderer_cpu_s(self._whole) - cpu) / (time.perf_counter() - began)

    def costs(self, *, seconds: float, rounds: int) -> list[Pair]:
        """The share of a core while everything changes, against that while nothing does."""
        pairs = []
        for _ in range(rounds):
            shares = []
            for changing in (True, False):
                self._wall.changing = changing
                shares.append(self.go_on(seconds))
            pairs.append(Pair(ours=shares[0], floor=shares[1], details={}))
        self._wall.changing = True
        return pairs

    def heap(self, run_s: float) -> dict[str, Any]:
        """What the page keeps after forced collections, and by how much its JavaScript heap grows.

        In the first half the engine still compiles and optimizes what runs again and again, and keeps that beside the page's own
        objects: a line through the whole run rises by what settles. A page that leaks goes on rising in the second half.
        """
        every_s = min(30.0, run_s / 6)
        began = time.perf_counter()
        minutes, kept = [0.0], [self._kept()]
        while minutes[-1] * 60 < run_s:
            self.go_on(every_s)
            kept.append(self._kept())
            minutes.append((time.perf_counter() - began) / 60)
        heap = [look["heap_kb"] for look in kept]
        half = len(heap) // 2
        return {
            "heap_kb": heap,
            # From the second one on: the first still holds what building the page left.
            "heap_growth_kb_per_min": _slope(minutes[1:], heap[1:]),
            "heap_growth_second_half_kb_per_min": _slope(minutes[half:], heap[half:]),
            "heap_run_s": round(minutes[-1] * 60),
            "kept_first_and_last": [kept[0], kept[-1]],
        }

    def _kept(self) -> dict[str, int]:
        heap = _heap_kb(self._line)
        metrics = {each["name"]: int(each["value"]) for each in self._line.send("Performance.getMetrics")["metrics"]}
        rules = self._page.evaluate(
            "() => [...document.styleSheets].reduce((sum, each) => sum + each.cssRules.length, 0)"
        )
        return {
            "heap_kb": heap,
            "nodes": metrics["Nodes"],
            "listeners": metrics["JSEventListeners"],
            "style_rules": rules,
        }


def _slope(minutes: list[float], heap_kb: list[int]) -> float:
    return round(statistics.linear_regression(minutes, heap_kb).slope, 1)


@contextmanager
def _wall_page(browser: Browser, server: MockServer, wall: Wall) -> Iterator[WallPage]:
    page = _page(browser, server.url, viewport={"width": 1920, "height": 1080})
    _sign_in(page)
    shown = WallPage(browser, page, wall)
    shown.go_on(8)
    yield shown
    page.context.close()


def _cdp(page: Page) -> CDPSession:
    return page.context.new_cdp_session(page)


def _heap_kb(line: CDPSession) -> int:
    for _ in range(2):
        line.send("HeapProfiler.collectGarbage")
    return round(float(line.send("Runtime.getHeapUsage")["usedSize"]) / 1000)


def _renderer_cpu_s(whole: CDPSession) -> float:
    processes = whole.send("SystemInfo.getProcessInfo")["processInfo"]
    return float(sum(each["cpuTime"] for each in processes if each["type"] == "renderer"))
