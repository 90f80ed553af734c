"""The box's own page, without any network: what people see and do on site, and who may."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge.page import Doorkeeper
from tests.edge.farm import eventually
from tests.edge.relay_node import RelayNode
from tests.edge.test_actuation import with_aerator
from tests.edge.test_agent import Box, Probe
from tests.servers.mosquitto import Mosquitto

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

JSON = "application/json"


@pytest.mark.parametrize(
    ("address", "host", "kind", "pin", "status"),
    [
        ("127.0.0.1", "127.0.0.1:9600", JSON, "", None),
        ("127.0.0.1", "localhost:9600", JSON, "", None),
        ("::1", "[::1]:9600", JSON, "", None),
        ("127.0.0.1", "evil.example:9600", JSON, "", 401),  # a name that was pointed at this machine
        ("127.0.0.1", "127.0.0.1:9600", "text/plain", "", 415),  # a form of another page
        ("192.168.1.7", "127.0.0.1:9600", JSON, "", 401),
        ("192.168.1.7", "192.168.1.2:9600", JSON, "0000", 401),
        ("192.168.1.7", "192.168.1.2:9600", JSON, "4711", None),
    ],
)
def test_who_may_operate_the_box(address: str, host: str, kind: str, pin: str, status: int | None) -> None:
    refusal = Doorkeeper("4711").refuses(address=address, host=host, kind=kind, pin=pin)
    assert (None if refusal is None else refusal[0].value) == status


def test_without_a_pin_nobody_else_may_and_guessing_ends_in_waiting() -> None:
    outside = {"address": "192.168.1.7", "host": "192.168.1.2", "kind": JSON}
    refusal = Doorkeeper(None).refuses(**outside, pin="")
    assert refusal is not None
    assert refusal[0].value == 403
    seconds = [0.0]
    door = Doorkeeper("4711", clock=lambda: seconds[0])
    answers = [door.refuses(**outside, pin=f"{guess:04}") for guess in range(6)]
    assert [answer[0].value for answer in answers if answer] == [401] * 5 + [429]
    assert door.refuses(**outside, pin="4711") is not None
    seconds[0] = 61
    assert door.refuses(**outside, pin="4711") is None


@pytest.fixture
def farm(tmp_path: Path, mosquitto_factory: Callable[..., Mosquitto]) -> Iterator[tuple[Box, RelayNode, Probe]]:
    broker = mosquitto_factory()
    box = Box(
        with_aerator(
            tmp_path,
            broker.port,
            siren={"output": {"type": "simulated"}},
            inputs=[{"name": "mains", "unit": "tank-1", "kind": "power", "topic": "farm/mains", "debounce_s": 0}],
        )
    )
    box.start()
    probe = Probe(broker.port)
    with RelayNode(broker.port) as node:
        eventually(lambda: box.log.exists() and box.page, timeout_s=60)
        eventually(lambda: not node.on)
        yield box, node, probe
    probe.stop()
    if box.process is not None and box.process.poll() is None:
        box.terminate()


def ask(box: Box, wish: Any, *, kind: str = JSON) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(box.page.removeprefix("http://").rstrip("/"), timeout=5)
    try:
        body = wish if isinstance(wish, str) else json.dumps(wish)
        connection.request("POST", "/do", body=body, headers={"Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_person_on_site_overrides_and_the_hard_rules_stand(farm: tuple[Box, RelayNode, Probe]) -> None:
    box, node, _ = farm
    wish = {"what": "actuator", "name": "aerator-1", "state": "on", "minutes": 5, "reason": "net cleaning"}
    status, said = ask(box, wish)
    assert status == 200
    assert "set ON by local page (127.0.0.1)" in said["done"]
    eventually(lambda: node.on)
    assert ask(box, {**wish, "state": "auto"})[0] == 200
    eventually(lambda: not node.on)
    assert ask(box, {**wish, "minutes": 9999})[0] == 409
    assert ask(box, {**wish, "name": "x"})[0] == 409
    assert ask(box, {"what": "dance"})[0] == 400
    assert ask(box, "no json")[0] == 400
    assert ask(box, wish, kind="text/plain")[0] == 415
    assert ask(box, "x" * 5000)[0] == 413


def test_a_person_on_site_lets_the_alarms_of_a_tank_rest(farm: tuple[Box, RelayNode, Probe]) -> None:
    box, _, _ = farm
    wish = {"what": "maintenance", "place": "tank-1", "reason": "new membrane", "minutes": 30}
    assert ask(box, wish)[0] == 200
    eventually(lambda: [window["reason"] for window in box.status()["maintenance"]] == ["new membrane"])
    assert ask(box, {**wish, "place": "tank-9"}) == (
        409,
        {"error": "there is no unit or measured channel 'tank-9' on this box"},
    )
    assert ask(box, {**wish, "reason": ""})[0] == 409
    assert ask(box, {"what": "maintenance", "place": "tank-1", "end": True})[0] == 200
    eventually(lambda: box.status()["maintenance"] == [])
    assert ask(box, {"what": "maintenance", "place": "tank-1", "end": True})[0] == 409


@pytest.mark.browser
def test_the_page_says_why_and_works_on_a_phone(farm: tuple[Box, RelayNode, Probe], browser: Browser) -> None:
    box, node, probe = farm
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url) if not request.url.startswith(box.page) else None)
    page.goto(box.page)
    page.get_by_text("Aerator 1 is OFF because dissolved oxygen 9.00 mg/L > 6.50 mg/L").wait_for()
    probe.oxygen = 4.0
    page.get_by_text("Aerator 1 is ON because dissolved oxygen 4.00 mg/L < 5.00 mg/L").wait_for()
    page.get_by_text("Proven by 6.2 A").wait_for()
    page.get_by_text("CRITICAL: Dissolved oxygen in tank-1 was 4.00 mg/L").wait_for()
    _operate(page, node, probe)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults == []
    context.close()


def _operate(page: Page, node: RelayNode, probe: Probe) -> None:
    page.once("dialog", lambda dialog: dialog.accept("new membrane"))
    page.get_by_role("button", name="Maintenance").click()
    page.get_by_text("(new membrane); its alarms rest").wait_for()
    page.get_by_role("button", name="End").click()
    page.get_by_text("(new membrane); its alarms rest").wait_for(state="detached")
    page.once("dialog", lambda dialog: dialog.accept("grading, the pump is off"))
    page.get_by_role("button", name="Shelve for 60 min").first.click()
    page.get_by_text("1 alarm is shelved").click()
    page.get_by_text("grading, the pump is off").wait_for()
    page.get_by_role("button", name="Take off the shelf").click()
    page.get_by_text("1 alarm is shelved").wait_for(state="hidden")
    page.get_by_role("button", name="Silence the siren").click()
    page.get_by_text("The siren is silenced until somebody acknowledges").wait_for()
    for _ in range(page.get_by_role("button", name="Acknowledge").count()):
        page.get_by_role("button", name="Acknowledge").first.click()
        page.get_by_role("status").get_by_text("acknowledged").wait_for()
        page.wait_for_timeout(300)
    probe.oxygen = 9.0
    page.get_by_text("Aerator 1 is OFF").wait_for()
    page.once("dialog", lambda dialog: dialog.accept("net cleaning"))
    page.get_by_role("button", name="On for 30 min").click()
    page.get_by_text("set it until").wait_for()
    eventually(lambda: node.on)
    page.get_by_role("button", name="Automatic").click()
    eventually(lambda: not node.on)
