"""What is wrong with this box and what to do about it: each finding with its remedy. Changes nothing.

Unlike the pre-flight checks it asks the network too (broker, cameras), looks at all things and does not stop at the first.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import psutil

from contracts.errors import ConfigurationError
from edge.cameras.settings import CameraSettings, redacted
from edge.cameras.source import first_frame, open_source
from edge.check import check
from edge.clock import RELEASED_AT, SystemClock, kernel_synchronised
from edge.errors import SourceError
from edge.inference.settings import ModelSettings
from edge.sensors.calibration import describe, read_probe, record_id
from edge.sensors.settings import BrokerSensorSettings
from edge.settings import EdgeSettings

BROKER_TIMEOUT_S = 3.0
SUBSTREAM_HEIGHT = 800
"""Pixels above which a stream is surely a camera's main stream."""
LEAST_MODEL_MB = 300
"""A worker process with a small model, measured 130 MB, and room to work."""


class Verdict(str, Enum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    verdict: Verdict
    what: str
    remedy: str = ""


def examine(settings: EdgeSettings) -> Iterator[Finding]:
    """Look at everything, most basic first."""
    yield _settings(settings)
    yield _clock()
    yield _disk(settings)
    yield _broker("uplink broker", *settings.uplink_address)
    for sensor in settings.sensors:
        if isinstance(sensor, BrokerSensorSettings):
            yield _broker(f"sensor broker of {sensor.name}", sensor.broker.host, sensor.broker.port)
    yield from _calibrations(settings)
    if settings.model is not None and settings.cameras:
        yield _model_memory(settings.model)
    yield _model(settings)
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


def _settings(settings: EdgeSettings) -> Finding:
    try:
        check(settings)
    except ConfigurationError as error:
        return Finding("settings", Verdict.BAD, f"{error.field}: {error.value!r} cannot be used", error.remedy)
    return Finding("settings", Verdict.OK, f"{len(settings.sensors)} sensors, {len(settings.cameras)} cameras")


def _clock() -> Finding:
    now = SystemClock().now()
    if now < RELEASED_AT:
        return Finding(
            "clock", Verdict.BAD, f"It shows {now:%Y-%m-%d %H:%M} UTC", "Set the date; fit a battery to the clock"
        )
    if kernel_synchronised() is False:
        return Finding(
            "clock",
            Verdict.WARNING,
            "Nothing synchronises it",
            "Start chrony or systemd-timesyncd with a reachable server",
        )
    return Finding("clock", Verdict.OK, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _disk(settings: EdgeSettings) -> Finding:
    folder = settings.data_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    what = f"{free / 1e9:.1f} GB free at {folder}"
    if free < settings.outbox.min_free_bytes:
        return Finding("disk", Verdict.BAD, what, "Free some space: below outbox.min_free_bytes old data is dropped")
    if free < settings.outbox.max_bytes:
        return Finding(
            "disk", Verdict.WARNING, what, "Lower outbox.max_bytes or free some space: the quota does not fit"
        )
    return Finding("disk", Verdict.OK, what)


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
