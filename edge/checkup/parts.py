"""The box's own parts: the outbox file, and whether actuators can be reached and proven."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from edge.checkup.finding import Finding, Verdict
from edge.checkup.links import retained_of
from edge.guard.actuators.outputs.mqtt import topics_of
from edge.guard.gpio import CONSUMER
from edge.guard.settings import ActuatorSettings, GpioOutput, GuardSettings, MqttOutput
from edge.sections import GpioPin

HEAR_S = 2.0


def outbox_finding(path: Path) -> Finding:
    """Whether the outbox file is whole; it may be in use."""
    if not path.exists():
        return Finding("outbox", Verdict.OK, f"{path} will be made at the first start")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            rows = connection.execute("SELECT count(*) FROM message").fetchone()[0]
    except sqlite3.Error as error:
        verdict, rows = str(error), 0
    if verdict != "ok":
        remedy = "Restart the agent: it sets the file aside, carries over what can be read and begins a new one"
        return Finding("outbox", Verdict.BAD, f"{path} is corrupt: {verdict}", remedy)
    return Finding("outbox", Verdict.OK, f"{path} is whole and holds {rows} messages")


def actuator_findings(settings: GuardSettings) -> Iterator[Finding]:
    """Whether each actuator can be reached, is safe without power as far as is known, and is proven."""
    for actuator in settings.actuators:
        subject = f"actuator {actuator.name}"
        if isinstance(actuator.output, MqttOutput):
            yield _relay(subject, actuator.output, settings)
            yield from _without_power(subject, actuator, actuator.output)
        elif isinstance(actuator.output, GpioOutput):
            yield _pin(subject, actuator.output.pin)
        if actuator.proof is None and actuator.safe_on:
            remedy = "Fit a current clamp and name its channel in proof: a relay that clicks is no running motor"
            yield Finding(subject, Verdict.WARNING, "Nothing proves that it runs", remedy)


def _pin(subject: str, pin: GpioPin) -> Finding:
    """Whether the kernel has the line, and nobody else uses it; it is not requested: the agent may be driving it."""
    import gpiod

    try:
        with gpiod.Chip(pin.chip) as chip:
            line = chip.get_line_info(pin.line)
    except (OSError, ValueError) as error:
        remedy = "Compare with 'gpioinfo', and put the agent's user into the group of the device (often gpio)"
        return Finding(subject, Verdict.BAD, f"{pin} cannot be opened: {error}", remedy)
    if line.used and line.consumer != CONSUMER:
        return Finding(subject, Verdict.BAD, f"{pin} is used by {line.consumer!r}", "Stop that program, or use another")
    return Finding(
        subject, Verdict.OK, f"{pin} ({line.name or 'unnamed'}){', in use by the agent' if line.used else ''}"
    )


def _relay(subject: str, output: MqttOutput, settings: GuardSettings) -> Finding:
    topics = topics_of(output)
    asked = [topic for topic in (topics.state, topics.availability) if topic is not None]
    if not asked:
        remedy = "Name its state_topic, so that a relay that does not obey is noticed"
        return Finding(subject, Verdict.WARNING, "It reports no state", remedy)
    heard = retained_of(output.broker or settings.broker, asked, wait_s=HEAR_S)
    if heard is None:
        return Finding(subject, Verdict.BAD, "Its broker does not let us in", "See the guard's broker above")
    if topics.availability is not None and heard.get(topics.availability) == topics.offline:
        return Finding(subject, Verdict.BAD, "Its node is offline", "Check the node's power and network")
    if not heard:
        remedy = "Check the topics, and that the node keeps its state on the broker (retain)"
        return Finding(subject, Verdict.WARNING, f"Nothing is on {' or '.join(asked)}", remedy)
    state = heard.get(topics.state) if topics.state is not None else None
    return Finding(subject, Verdict.OK, "Its node is there" + (f"; state {state}" if state else ""))


def _without_power(subject: str, actuator: ActuatorSettings, output: MqttOutput) -> Iterator[Finding]:
    """ESPHome inverts on the node, where we cannot look; the others are told apart by ``inverted``."""
    if actuator.safe_on and not actuator.inverted and output.style != "esphome":
        what = "Without power at its relay it stops, as far as the configuration says"
        remedy = "Wire it to the normally closed contact and set inverted: true"
        yield Finding(subject, Verdict.WARNING, what, remedy)
