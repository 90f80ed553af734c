"""Pre-flight checks: what the settings ask for is there and usable, proven before anything connects or starts.

Each check raises ConfigurationError with the field, the value and what to do. Cameras and brokers on the network are not
asked: they may be away at boot and come back, which is the agent's daily work.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from contracts.errors import ConfigurationError
from edge.cameras.settings import CameraSettings, redacted
from edge.guard.plan import check_lines, check_names
from edge.sensors.registry import driver_kind
from edge.sensors.sampler import channels_of
from edge.sensors.settings import BrokerSensorSettings
from edge.settings import EdgeSettings


def check(settings: EdgeSettings) -> None:
    """Run every check; returns when the agent can start.

    Raises:
        ConfigurationError: the first thing that cannot work.
    """
    steps: tuple[Callable[[EdgeSettings], None], ...] = (
        _data_dir_is_writable,
        _port_is_free,
        _secrets_are_readable,
        _uplink_is_installed,
        _sensors_can_start,
        _guard_fits_together,
        _cameras_are_readable,
        _bundle_loads,
    )
    for step in steps:
        step(settings)


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


def _secrets_are_readable(settings: EdgeSettings) -> None:
    if settings.uplink == "aws_iot" and settings.aws_iot is not None:
        for name in ("ca_file", "cert_file", "key_file"):
            path = getattr(settings.aws_iot, name)
            if path is not None:
                _readable(f"aws_iot.{name}", path)
    brokers = [("mqtt", settings.mqtt)]
    brokers += [
        (f"sensors.{i}.broker", sensor.broker)
        for i, sensor in enumerate(settings.sensors)
        if isinstance(sensor, BrokerSensorSettings)
    ]
    brokers += settings.guard.brokers()
    for field, broker in brokers:
        if broker.password_file is not None:
            _readable(f"{field}.password_file", broker.password_file)
        if broker.tls is not None:
            for name in ("ca_file", "cert_file", "key_file"):
                path = getattr(broker.tls, name)
                if path is not None:
                    _readable(f"{field}.tls.{name}", path)


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
    check_names(settings.guard, channels=channels_of(settings), units=[unit.slug for unit in settings.units])


def _uplink_is_installed(settings: EdgeSettings) -> None:
    if settings.uplink == "aws_iot" and importlib.util.find_spec("awsiot") is None:
        raise ConfigurationError(
            "uplink", "aws_iot", "AWS's client is not installed: pip install 'shoal[edge,aws]', or set 'uplink: mqtt'."
        )


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
