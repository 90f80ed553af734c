"""A chart of 100,000 rows moved along by the pointer in a real Chromium: frames in which it was drawn anew, per second.

The floor is the same chart with as many rows as a screen has room for (480). Both are moved by the same hand: a pointer that is
held by the browser and moves in every frame that it offers, back and forth over a part of the width that is loaded, so that no request is waited for. A frame
counts only when the chart's canvas was cleared in it; Chromium offers 60 a second. ``draw_ms`` is what a frame's script costs.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from tests.benchmarks.harness import Pair, result
from tests.browser import ARGUMENTS, CHROMIUM
from tests.dashboard.mock_api import PASSWORD, MockServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROWS, FEW = 100_000, 480
BAR_FPS = 30
_WATCH = """() => {
    const canvas = document.querySelector('[data-testid=chart] canvas');
    const frames = { drawn: 0, offered: 0, ms: 0 };
    let drew = false;
    const clear = CanvasRenderingContext2D.prototype.clearRect;
    CanvasRenderingContext2D.prototype.clearRect = function (...box) {
        if (this.canvas === canvas) drew = true;
        return clear.apply(this, box);
    };
    const ask = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = work => ask(at => {
        const began = performance.now();
        work(at);
        frames.ms += performance.now() - began;
    });
    const look = () => { frames.offered += 1; frames.drawn += drew; drew = false; ask(look); };
    ask(look);
    window.__frames = frames;
    window.__ask = ask;
}"""

_MOVE = """({ seconds, left, width, y }) => new Promise(done => {
    const over = document.querySelector('[data-testid=chart] .u-over');
    Object.assign(window.__frames, { drawn: 0, offered: 0, ms: 0 });
    const began = performance.now();
    const step = () => {
        const passed = (performance.now() - began) / 1000;
        if (passed >= seconds) return done({ ...window.__frames, passed });
        const clientX = left + width * Math.abs((passed * 0.8) % 2 - 1);
        over.dispatchEvent(new PointerEvent('pointermove', { pointerId: 1, clientX, clientY: y, bubbles: true }));
        window.__ask(step);
    };
    window.__ask(step);
})"""
"""A hand that moves in every frame: what a driver outside sends comes ten times a second on a busy machine."""

_MANY = """rows => {
    const asked = window.fetch;
    window.fetch = async (request, options) => {
        const url = new URL(request.url ?? request, location.href);
        if (!/channels\\/30\\/series$/.test(url.pathname)) return asked(request, options);
        const [start, end] = ['start', 'end'].map(name => Date.parse(url.searchParams.get(name)));
        const points = Array.from({ length: rows }, (_, row) => {
            const mean = 9 + Math.sin(row / rows * 40) + 0.2 * Math.sin(row * 0.7);
            const t = new Date(start + row / rows * (end - start)).toISOString();
            return { t, n: 1, min: mean - 0.05, max: mean + 0.05, mean, last: mean, good: 1 };
        });
        window.__answered = true;
        return Response.json({ channel_id: 30, quantity: 'do', ucum: 'mg/L', bucket_s: 1, points });
    };
}"""
"""A server that answers one channel with so many rows, within the page: what is measured is the chart, not the way to it."""


def run(quick: bool) -> dict[str, Any]:
    """Measure; see the module."""
    from playwright.sync_api import sync_playwright

    seconds, rounds = (1.0, 1) if quick else (3.0, 3)
    server = MockServer()
    server.start()
    try:
        with sync_playwright() as playwright:
            path = next(found for name in CHROMIUM if (found := shutil.which(name)))
            browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
            pages = {rows: _chart(browser, server.url, rows) for rows in (ROWS, FEW)}
            turns = [{rows: _pan(page, seconds) for rows, page in pages.items()} for _ in range(rounds)]
            browser.close()
    finally:
        server.stop()
    pairs = [
        Pair(
            ours=turn[ROWS]["fps"],
            floor=turn[FEW]["fps"],
            details={
                "draw_ms": turn[ROWS]["draw_ms"],
                "floor_draw_ms": turn[FEW]["draw_ms"],
                "offered_fps": turn[ROWS]["offered"],
            },
        )
        for turn in turns
    ]
    return result("chart_pan", pairs, unit="frames/s", details={"bar_fps": BAR_FPS, "rows": ROWS, "charts_beside": 4})


def _chart(browser: Browser, url: str, rows: int) -> Page:
    """The page of the unit that needs a person most (tank 3), its first chart with so many rows and looked at closer, so that it can be moved both ways."""
    page = browser.new_context(
        base_url=url, service_workers="block", viewport={"width": 1440, "height": 900}
    ).new_page()
    page.set_default_timeout(120_000)
    page.goto("/")
    page.get_by_label("Email").fill("operator@nordfjord.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_test_id("unit-tile").first.get_by_role("link").first.click()
    chart = page.get_by_test_id("chart").first
    chart.locator("canvas").wait_for(timeout=60_000)
    page.evaluate(_MANY, rows)
    page.get_by_role("button", name="Closer").click()
    page.wait_for_function("() => window.__answered", timeout=60_000)
    chart.scroll_into_view_if_needed()
    page.wait_for_timeout(1_500)  # what was loaded is drawn
    page.evaluate(_WATCH)
    return page


def _pan(page: Page, seconds: float) -> dict[str, float]:
    box = page.locator("[data-testid=chart] .u-over").first.bounding_box()
    assert box is not None
    y, left, width = box["y"] + box["height"] / 2, box["x"] + box["width"] * 0.3, box["width"] * 0.4
    page.keyboard.down("Shift")
    page.mouse.move(left, y)
    page.mouse.down()
    frames = page.evaluate(_MOVE, {"seconds": seconds, "left": left, "width": width, "y": y})
    passed = frames["passed"]
    page.mouse.up()
    page.keyboard.up("Shift")
    page.wait_for_timeout(300)
    return {
        "fps": frames["drawn"] / passed,
        "offered": round(frames["offered"] / passed, 1),
        "draw_ms": round(frames["ms"] / max(1, frames["drawn"]), 2),
    }
