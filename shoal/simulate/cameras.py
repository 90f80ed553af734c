"""Simulated cameras as IP cameras serve them: Motion JPEG over HTTP at ``/<site>/<unit>.mjpeg``.

A camera renders only while somebody watches, once for all watchers; a slow watcher skips frames. ``.jpg`` gives one
picture and ``/`` lists what there is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import structlog

from shoal.simulate.fish import FishScene

log = structlog.get_logger()

JPEG_QUALITY = 82
IDLE_S = 3.0
"""A camera without watchers stops rendering after this long."""
FRAME_WAIT_S = 5.0
BOUNDARY = "shoal-frame"


class Camera:
    """One camera: a scene, the newest JPEG of it and the thread that renders it on demand."""

    def __init__(self, make_scene: Callable[[], FishScene], *, fps: float) -> None:
        self._make_scene = make_scene
        self._fps = fps
        self._condition = threading.Condition()
        self._jpeg = b""
        self._number = 0
        self._wanted_until = 0.0
        self._thread: threading.Thread | None = None
        self._closed = False
        self.blackout = False
        """True while the picture is lost: black with sensor noise, as a camera at night gives it."""
        self.activity = 1.0

    def frames(self) -> Iterator[bytes]:
        """JPEG pictures from now on, until the camera closes; what the caller misses is skipped."""
        seen = 0
        while True:
            with self._condition:
                self._want()
                if self._number == seen and not self._closed:
                    self._condition.wait(FRAME_WAIT_S)
                if self._closed:
                    return
                if self._number == seen:
                    continue
                seen, jpeg = self._number, self._jpeg
            yield jpeg

    def close(self) -> None:
        """Stop rendering and let all watchers go."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(2)

    def _want(self) -> None:
        self._wanted_until = time.monotonic() + IDLE_S + FRAME_WAIT_S
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._render, name="camera", daemon=True)
            self._thread.start()

    def _render(self) -> None:
        scene = self._make_scene()
        dark = np.random.default_rng(0)
        period = 1 / self._fps
        due = before = time.monotonic()
        while True:
            now = time.monotonic()
            scene.activity = self.activity
            scene.step(now - before)
            before = now
            if self.blackout:
                frame = np.clip(dark.normal(3, 2, (scene.height, scene.width, 3)), 0, 255).astype(np.uint8)
            else:
                frame, _ = scene.render()
            encoded, jpeg = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            with self._condition:
                if encoded:
                    self._jpeg, self._number = jpeg.tobytes(), self._number + 1
                    self._condition.notify_all()
                if self._closed or time.monotonic() > self._wanted_until:
                    self._thread = None
                    return
            due = max(due + period, time.monotonic() - period)
            time.sleep(max(0.0, due - time.monotonic()))


class CameraServer:
    """Serves cameras by path, e.g. ``{"farm-1/tank-1": camera}``, on 127.0.0.1.

    Raises:
        OSError: the port is in use.
    """

    def __init__(self, cameras: dict[str, Camera], *, port: int) -> None:
        self._cameras = cameras
        self._server = _Server(("127.0.0.1", port), _handler(cameras))
        self.port = int(self._server.server_address[1])
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Serve in a thread."""
        self._thread = threading.Thread(target=self._server.serve_forever, name="cameras", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the cameras and the port; safe twice."""
        for camera in self._cameras.values():
            camera.close()
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join(2)
            self._thread = None
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


def _handler(cameras: dict[str, Camera]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name, _, form = self.path.lstrip("/").partition("?")[0].rpartition(".")
            camera = cameras.get(name)
            try:
                if self.path == "/":
                    self._whole("text/plain", "".join(f"/{known}.mjpeg\n" for known in sorted(cameras)).encode())
                elif camera is None or form not in {"mjpeg", "jpg"}:
                    self.send_error(HTTPStatus.NOT_FOUND, "no such camera; / lists them")
                elif form == "jpg":
                    self._whole("image/jpeg", next(camera.frames(), b""))
                else:
                    self._stream(camera)
            except (BrokenPipeError, ConnectionResetError, TimeoutError):
                self.close_connection = True

        def _whole(self, media_type: str, body: bytes) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self, camera: Camera) -> None:
            self.connection.settimeout(10)
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            for jpeg in camera.frames():
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (http.server's signature)
            log.debug("camera request", line=format % args)

    return Handler
