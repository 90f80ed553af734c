"""What is wrong with this box and what to do about it: each finding with its remedy. Changes nothing.

Unlike the pre-flight checks it asks the network too (broker, cameras), looks at all things and does not stop at the first.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import psutil

from contracts.errors import ConfigurationError
from edge.cameras.settings import CameraSettings, redacted
from edge.cameras.source import first_frame, open_source
from edge.check import check, missing_keys, runs_here
from edge.checkup.finding import Finding, Verdict
from edge.checkup.links import broker_findings, certificate_finding
from edge.checkup.machine import examine_machine
from edge.checkup.parts import actuator_findings, outbox_finding
from edge.clock import SystemClock
from edge.errors import SourceError
from edge.inference.settings import ModelSettings
from edge.limits import without_oxygen_limit
from edge.sensors.calibration import describe, read_probe, record_id
from edge.sensors.registry import driver_kind
from edge.sensors.sampler import channels_of
from edge.sensors.settings import BrokerSensorSettings
from edge.settings import EdgeSettings

if TYPE_CHECKING:
    from rich.table import Table

BROKER_TIMEOUT_S = 3.0
SUBSTREAM_HEIGHT = 800
"""Pixels above which a stream is surely a camera's main stream."""
LEAST_MODEL_MB = 300
"""A worker process with a small model, measured 175 MB, and room to work."""

__all__ = ["Finding", "Verdict", "examine", "examine_quietly", "table"]


def examine(settings: EdgeSettings) -> Iterator[Finding]:
    """Look at everything, most basic first."""
    yield from _examine_parts(settings)
    yield from _deployments(settings)
    yield from _cameras(settings)


def examine_quietly(settings: EdgeSettings) -> Iterator[Finding]:
    """What can be looked at beside the work of the agent within a moment: no network, no camera, no model."""
    yield from _limits(settings)
    yield from examine_machine(
        settings.data_dir,
        min_free_bytes=settings.outbox.min_free_bytes,
        max_bytes=settings.outbox.max_bytes,
        cameras=bool(settings.cameras),
    )
    yield from _certificate(settings)
    yield from _keys(settings)
    yield from _calibrations(settings)


def _certificate(settings: EdgeSettings) -> Iterator[Finding]:
    tls = settings.mqtt.tls
    path = settings.aws_iot.cert_file if settings.aws_iot is not None else tls and tls.cert_file
    if path:
        yield certificate_finding("certificate of uplink broker", path, now=SystemClock().now())


def _examine_parts(settings: EdgeSettings) -> Iterator[Finding]:
    now = SystemClock().now()
    yield _settings(settings)
    yield from _keys(settings)
    yield from _limits(settings)
    yield from examine_machine(
        settings.data_dir,
        min_free_bytes=settings.outbox.min_free_bytes,
        max_bytes=settings.outbox.max_bytes,
        cameras=bool(settings.cameras),
    )
    yield outbox_finding(settings.outbox_file)
    yield from _uplink(settings)
    for sensor in settings.sensors:
        if isinstance(sensor, BrokerSensorSettings):
            yield from broker_findings(f"sensor broker of {sensor.name}", sensor.broker, now=now)
        for seen in driver_kind(sensor.driver).look(sensor):
            subject = f"sensor {sensor.name}, {seen.subject}"
            yield Finding(subject, Verdict.OK if seen.well else Verdict.BAD, seen.what, seen.remedy)
    if settings.guard.actuators or settings.guard.inputs or settings.guard.siren:
        for field, broker in settings.guard.brokers():
            yield from broker_findings(field, broker, now=now)
    yield from actuator_findings(settings.guard)
    yield from _calibrations(settings)
    if settings.model is not None and settings.cameras:
        yield _model_memory(settings.model)
    yield _model(settings)


def _deployments(settings: EdgeSettings) -> Iterator[Finding]:
    if settings.deployments is None:
        return
    from edge.deployments.fleet import agent_finding, findings

    yield agent_finding(settings.data_dir)
    yield from findings(settings.deployments, data_dir=settings.data_dir, site=settings.site, device=settings.device)


def _cameras(settings: EdgeSettings) -> Iterator[Finding]:
    for camera in settings.cameras:
        source = open_source(camera, SystemClock())
        subject = f"camera {camera.name}"
        try:
            source.open(timeout_s=camera.read_timeout_s)
            height, width = first_frame(source).image.shape[:2]
        except SourceError as error:
            yield Finding(
                subject, Verdict.BAD, str(error), "Check its power, cable, address and login; open it in a player"
            )
        else:
            yield _camera(subject, camera, width=width, height=height)
        finally:
            source.close()


def _limits(settings: EdgeSettings) -> Iterator[Finding]:
    for gap in without_oxygen_limit(channels_of(settings), settings.units, settings.alarms):
        what, _, remedy = gap.partition(": ")
        yield Finding("limits", Verdict.BAD, what, remedy[0].upper() + remedy[1:])


def _camera(subject: str, camera: CameraSettings, *, width: int, height: int) -> Finding:
    what = f"{redacted(camera.source)} gives {width} x {height} pixels"
    if camera.source.startswith("rtsp") and height > SUBSTREAM_HEIGHT:
        return Finding(
            subject,
            Verdict.WARNING,
            what,
            "Name the camera's sub-stream: a model sees as much, for a seventh of the work",
        )
    return Finding(subject, Verdict.OK, what)


def _model_memory(model: ModelSettings) -> Finding:
    """Whether there is memory for the worker process and its frames; not /dev/shm, whose size does not matter here."""
    free_mb = psutil.virtual_memory().available / 1e6
    what = f"{free_mb:.0f} MB free"
    if free_mb < LEAST_MODEL_MB:
        return Finding(
            "memory for the model", Verdict.BAD, what, "End other programs or add memory: the model's process needs it"
        )
    if free_mb < model.max_memory_mb:
        return Finding(
            "memory for the model",
            Verdict.WARNING,
            what,
            "Lower model.max_memory_mb so that a leak ends before the box does",
        )
    return Finding("memory for the model", Verdict.OK, what)


def _calibrations(settings: EdgeSettings) -> Iterator[Finding]:
    """One finding for each probe that the configuration names."""
    folder = settings.quality.folder(settings.data_dir)
    quantities = {one.name: one.quantity for sensor in settings.sensors for one in sensor.channels}
    now = SystemClock().now()
    for one in settings.quality.channels:
        if one.probe is None:
            continue
        subject, path = f"calibration of {one.channel}", folder / f"{one.probe}.yaml"
        remedy = f"Calibrate the probe: shoal edge calibrate {one.channel} READING:REFERENCE"
        if not path.exists():
            yield Finding(subject, Verdict.WARNING, f"There is no record {path}", remedy)
            continue
        try:
            record = read_probe(path, quantities[one.channel]).at(now)
        except ConfigurationError as error:
            yield Finding(subject, Verdict.BAD, f"{error.field}: {error.value!r} cannot be used", error.remedy)
            continue
        if record is None:
            yield Finding(subject, Verdict.WARNING, "All records are of the future", "Check the clock and the records")
        elif record.expires is not None and record.expires <= now:
            what = f"{record_id(one.probe, record)} expired on {record.expires:%Y-%m-%d}"
            yield Finding(subject, Verdict.WARNING, what, remedy)
        else:
            yield Finding(subject, Verdict.OK, describe(record))


def _keys(settings: EdgeSettings) -> Iterator[Finding]:
    for missing in missing_keys(settings):
        remedy = "Put the file there, readable for the agent's user; until then only what needs it waits"
        yield Finding("keys and files", Verdict.BAD, missing, remedy)


def _settings(settings: EdgeSettings) -> Finding:
    try:
        check(settings, beside_the_agent=True)
    except ConfigurationError as error:
        return Finding("settings", Verdict.BAD, f"{error.field}: {error.value!r} cannot be used", error.remedy)
    what = f"{len(settings.sensors)} sensors, {len(settings.cameras)} cameras"
    return Finding("settings", Verdict.OK, f"{what}; the agent is running" if runs_here(settings) else what)


def _uplink(settings: EdgeSettings) -> Iterator[Finding]:
    """Log in to a broker of ours; of AWS only the address and the certificate, because a login would take the agent's place."""
    now = SystemClock().now()
    if settings.uplink == "aws_iot" and settings.aws_iot is not None:
        yield _broker("uplink broker", *settings.uplink_address)
        yield certificate_finding("certificate of uplink broker", settings.aws_iot.cert_file, now=now)
    else:
        yield from broker_findings("uplink broker", settings.mqtt, now=now)


def _broker(subject: str, host: str, port: int) -> Finding:
    try:
        with socket.create_connection((host, port), timeout=BROKER_TIMEOUT_S):
            return Finding(subject, Verdict.OK, f"{host}:{port} answers")
    except OSError as error:
        return Finding(
            subject, Verdict.BAD, f"{host}:{port}: {error}", "Check host and port, the network and that the broker runs"
        )


def _model(settings: EdgeSettings) -> Finding:
    if settings.model is None or not settings.cameras:
        return Finding("model", Verdict.OK, "None is needed")
    from edge.inference.engine import load_engine

    try:
        engine = load_engine(settings.model).report
    except (ConfigurationError, ImportError) as error:
        remedy = error.remedy if isinstance(error, ConfigurationError) else "pip install 'shoal[edge,cpu]'"
        return Finding("model", Verdict.BAD, str(error), remedy)
    if engine.fallback:
        return Finding(
            "model",
            Verdict.WARNING,
            f"It runs on {engine.provider} only. {engine.fallback}",
            "Install what the better provider needs, or name in model.providers the one that shall run",
        )
    return Finding(
        "model",
        Verdict.OK,
        f"{engine.model.name} {engine.model.version} runs on {engine.provider} in {engine.latency_ms:g} ms a frame,"
        f" {engine.golden_frames} golden frames passed",
    )


def table(findings: Iterable[Finding]) -> Table:
    """Findings for a terminal, each with its remedy."""
    from rich.table import Table
    from rich.text import Text

    colours = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.BAD: "bold red"}
    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "What", "Found"):
        found.add_column(heading, overflow="fold")
    for finding in findings:
        words = Text(finding.what)
        if finding.remedy:
            words.append(f"\n-> {finding.remedy}", style="italic")
        found.add_row(Text(finding.verdict.value, style=colours[finding.verdict]), Text(finding.subject), words)
    return found
