"""Pre-flight checks: what the settings ask for is there and usable, proven before anything connects or starts.

Each check raises ConfigurationError with the field, the value and what to do. Cameras and brokers on the network are not
asked: they may be away at boot and come back, which is the agent's daily work.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import socket
import tempfile
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from aquaculture.limits import Side
from contracts.errors import ConfigurationError
from contracts.quantities import QUANTITIES, with_unit
from edge.cameras.settings import CameraSettings, redacted
from edge.diagnostics.bundle import MAX_BYTES
from edge.guard.gpio import check_pins
from edge.guard.plan import check_lines, check_names
from edge.guard.rules import Watch, plan
from edge.limits import without_oxygen_limit
from edge.outbox.traces import NO_EXPORTER
from edge.sections import files_named
from edge.sensors.registry import driver_kind
from edge.sensors.sampler import channels_of
from edge.settings import EdgeSettings

PAGE_TIMEOUT_S = 3.0
DIAGNOSTICS_TIMEOUT_S = 60.0
"""A slow disk's fsync is measured for the archive."""
_WAIT_FOR_THEIR_FILES = ("announce.", "cameras.", "deployments.sources.", "diagnostics.", "sampling.")
"""Sections whose keys and files keep no agent from starting: without them it watches over the fish all the same."""


def watched(settings: EdgeSettings) -> list[str]:
    """What the box will watch in each unit, one line each, and what it will not: for whoever has written the file."""
    channels = channels_of(settings)
    watches = plan(channels, settings.units, settings.alarms)
    lines = []
    for unit in settings.units:
        what = [_words(watch) for watch in watches if watch.unit == unit.slug]
        fish = f"{unit.species or 'any fish'}, {unit.stage}, {'fresh' if unit.fresh else 'sea'} water"
        lines.append(f"  {unit.name or unit.slug} ({fish}): {'; '.join(what) or 'no limit on any channel'}")
    return lines + [f"  warning: {gap}" for gap in without_oxygen_limit(channels, settings.units, settings.alarms)]


def _words(watch: Watch) -> str:
    sign = "<" if watch.rule.side is Side.LOW else ">"
    law = "LOS(T) + " if watch.bound.law == "los" else ""
    kind = QUANTITIES[watch.quantity]
    confirm = " (confirm)" if "confirm with" in watch.source else ""
    return f"{watch.channel} {sign} {law}{with_unit(watch.bound.value, kind)} {watch.rule.severity.value}{confirm}"


def check(settings: EdgeSettings, *, beside_the_agent: bool = False) -> None:
    """Run every check; returns when the agent can start.

    Args:
        settings: what the file says.
        beside_the_agent: the agent of this very box may be running: a port that its page has taken is no fault then.

    Raises:
        ConfigurationError: the first thing that cannot work.
    """
    steps: tuple[Callable[[EdgeSettings], None], ...] = (
        _data_dir_is_writable,
        _secrets_are_readable,
        _uplink_is_installed,
        _sensors_can_start,
        _guard_fits_together,
        _cameras_are_readable,
        _bundle_loads,
        _root_is_readable,
    )
    for step in steps:
        step(settings)
    if not (beside_the_agent and runs_here(settings)):
        _port_is_free(settings)


def runs_here(settings: EdgeSettings) -> bool:
    """Whether the agent of this very box runs now, with its page on the port of the settings."""
    host = "127.0.0.1" if settings.metrics.host in {"0.0.0.0", "::"} else settings.metrics.host  # noqa: S104  (compared)
    connection = http.client.HTTPConnection(host, settings.metrics.port, timeout=PAGE_TIMEOUT_S)
    try:
        connection.request("GET", "/status.json")
        status = json.loads(connection.getresponse().read(1_000_000))
        return bool((status["site"], status["device"]) == (settings.site, settings.device))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return False
    finally:
        connection.close()


def archive_of_the_agent(settings: EdgeSettings, *, pin: str = "") -> bytes | None:
    """Diagnostics that the agent of this very box makes of itself; None when it does not run or does not give them."""
    if not runs_here(settings):
        return None
    host = "127.0.0.1" if settings.metrics.host in {"0.0.0.0", "::"} else settings.metrics.host  # noqa: S104  (compared)
    connection = http.client.HTTPConnection(host, settings.metrics.port, timeout=DIAGNOSTICS_TIMEOUT_S)
    try:
        connection.request("GET", "/diagnostics.zip", headers={"X-Shoal-Pin": pin})
        answer = connection.getresponse()
        return answer.read(MAX_BYTES) if answer.status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _data_dir_is_writable(settings: EdgeSettings) -> None:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as probe:
            probe.write(b"shoal")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        raise ConfigurationError(
            "data_dir",
            str(folder),
            f"It cannot be written ({error.strerror}): choose a folder on a writable disk, or give the agent's user the right.",
        ) from error


def _port_is_free(settings: EdgeSettings) -> None:
    page = settings.metrics
    try:
        address = socket.getaddrinfo(page.host, page.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(address[0], socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address[4])
    except OSError as error:
        raise ConfigurationError(
            "metrics.port",
            page.port,
            f"{page.host} port {page.port} cannot be opened ({error.strerror}): stop what uses it, choose another port, or 0"
            " for any free one.",
        ) from error


def check_keys(settings: EdgeSettings) -> None:
    """Refuse a missing file that the agent would start without: an upload, a download or a model waits for it, the fish do not.

    Raises:
        ConfigurationError: the first that cannot be read.
    """
    for field, path in files_named(settings):
        if field.startswith(_WAIT_FOR_THEIR_FILES):
            _readable(field, path)


def missing_keys(settings: EdgeSettings) -> list[str]:
    """What waits for a file that cannot be read, one sentence each: for an agent that has started without."""
    missing = []
    for field, path in files_named(settings):
        if field.startswith(_WAIT_FOR_THEIR_FILES):
            try:
                _readable(field, path)
            except ConfigurationError as error:
                missing.append(f"{field}: {path} cannot be read ({error.remedy.partition(':')[0]})")
    return missing


def _secrets_are_readable(settings: EdgeSettings) -> None:
    for field, path in files_named(settings):
        if field.startswith("aws_iot.") and settings.uplink != "aws_iot":
            continue
        if not field.startswith((*_WAIT_FOR_THEIR_FILES, "deployments.")):  # the root has a check of its own
            _readable(field, path)


def _sensors_can_start(settings: EdgeSettings) -> None:
    lines: dict[str, int] = {}
    for index, sensor in enumerate(settings.sensors):
        if sensor.line is not None and lines.setdefault(sensor.line, index) != index:
            raise ConfigurationError(
                f"sensors.{index}",
                sensor.line,
                f"sensors.{lines[sensor.line]} uses this line already: put what is on one line into one entry.",
            )
        driver_kind(sensor.driver).check(sensor, f"sensors.{index}")


def _guard_fits_together(settings: EdgeSettings) -> None:
    check_lines(settings.guard, settings.sensors)
    check_pins(settings.guard.pins())
    check_names(settings.guard, channels=channels_of(settings), units=[unit.slug for unit in settings.units])


def _uplink_is_installed(settings: EdgeSettings) -> None:
    if settings.uplink == "aws_iot" and importlib.util.find_spec("awsiot") is None:
        raise ConfigurationError(
            "uplink", "aws_iot", "AWS's client is not installed: pip install 'shoal[edge,aws]', or set 'uplink: mqtt'."
        )
    traces = settings.traces
    if traces is not None and traces.endpoint is not None and importlib.util.find_spec("opentelemetry") is None:
        raise ConfigurationError("traces.endpoint", traces.endpoint, NO_EXPORTER)


def _readable(field: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise ConfigurationError(
            field, str(path), f"{error.strerror}: write the path of a file that the agent's user can read."
        ) from error


def _cameras_are_readable(settings: EdgeSettings) -> None:
    for index, camera in enumerate(settings.cameras):
        field = f"cameras.{index}.source"
        scheme, _, rest = camera.source.partition(":")
        _decoder_is_there(f"cameras.{index}", camera, scheme)
        if scheme == "folder":
            _folder_has_images(field, Path(rest))
        elif scheme == "file":
            _video_is_readable(field, camera, Path(rest))
        elif scheme == "usb" and not Path(f"/dev/video{rest}").exists():
            present = sorted(str(path) for path in Path("/dev").glob("video*")) or ["no video devices"]
            raise ConfigurationError(
                field,
                camera.source,
                f"There is no /dev/video{rest}: plug the camera in; present now: {', '.join(present)}.",
            )


def _decoder_is_there(field: str, camera: CameraSettings, scheme: str) -> None:
    from edge.cameras.sources.packets import has_pyav
    from edge.cameras.sources.video import has_gstreamer

    if camera.keyframes_only and (scheme not in {"file", "rtsp", "rtsps"} or not has_pyav()):
        raise ConfigurationError(
            f"{field}.keyframes_only",
            camera.keyframes_only,
            "Only files and RTSP have key frames, and PyAV finds them: pip install 'shoal[video]', or set it to false.",
        )
    if scheme == "gst" and not has_gstreamer():
        raise ConfigurationError(
            f"{field}.source",
            redacted(camera.source),
            "This OpenCV was built without GStreamer: use the one of the Jetson image, or an rtsp:// source.",
        )


def _folder_has_images(field: str, folder: Path) -> None:
    from edge.cameras.sources.folder import SUFFIXES, images_in

    if not folder.is_dir():
        raise ConfigurationError(
            field, f"folder:{folder}", "There is no such folder: write the path of a folder of images."
        )
    if not images_in(folder):
        raise ConfigurationError(
            field,
            f"folder:{folder}",
            f"The folder holds no images ({', '.join(sorted(SUFFIXES))}): add some, or name another.",
        )


def _video_is_readable(field: str, camera: CameraSettings, path: Path) -> None:
    if not path.is_file():
        raise ConfigurationError(field, camera.source, "There is no such file: write the path of a video file.")
    from edge.cameras.source import first_frame, open_source
    from edge.clock import SystemClock
    from edge.errors import SourceError

    source = open_source(camera, SystemClock())
    try:
        source.open(timeout_s=camera.read_timeout_s)
        first_frame(source)
    except SourceError as error:
        raise ConfigurationError(
            field,
            camera.source,
            "It cannot be decoded as video: convert it, for example with 'ffmpeg -i IN -c:v libx264 OUT.mp4'.",
        ) from error
    finally:
        source.close()


def _bundle_loads(settings: EdgeSettings) -> None:
    if settings.model is None or not settings.cameras:
        return
    try:
        from models.runtime import find_bundle, load_bundle
    except ImportError as error:
        raise ConfigurationError(
            "model",
            settings.model.bundle,
            f"{error.name} is not installed: pip install 'shoal[edge,cpu]', or set 'model: null' to run without a model.",
        ) from error
    load_bundle(find_bundle(settings.model.bundle))


def _root_is_readable(settings: EdgeSettings) -> None:
    if settings.deployments is None:
        return
    try:
        from edge.deployments.fleet import read_root
    except ImportError as error:
        raise ConfigurationError(
            "deployments", error.name, "It is not installed: pip install 'shoal[edge]'."
        ) from error
    read_root(settings.deployments)
