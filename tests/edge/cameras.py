"""A motion JPEG camera that can be told to stall, break off or send rubbish; it speaks real HTTP."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np


def jpeg(number: int = 0, *, width: int = 64, height: int = 32) -> bytes:
    image = np.full((height, width, 3), number * 7 % 256, np.uint8)
    good, data = cv2.imencode(".jpg", image)
    assert good
    return bytes(data.tobytes())


class MjpegCamera:
    """Serves one stream. ``mode``: ``stream``, ``stall`` (keeps the connection, sends nothing), ``close``, ``rubbish``."""

    def __init__(self, *, fps: float = 50, content_length: bool = True) -> None:
        self.mode = "stream"
        self.sent = 0
        self.connections = 0
        self._period_s = 1 / fps
        self._closing = threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.connections += 1
                if camera.mode == "close":
                    self.close_connection = True
                    self.send_error(503)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                try:
                    while not camera._closing.is_set():
                        if camera.mode == "close":
                            self.wfile.write(
                                b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 9999\r\n\r\n\xff\xd8"
                            )
                            return
                        if camera.mode != "stall":
                            data = b"not a picture" if camera.mode == "rubbish" else jpeg(camera.sent)
                            length = f"Content-Length: {len(data)}\r\n" if content_length else ""
                            self.wfile.write(
                                f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + data + b"\r\n"
                            )
                            camera.sent += 1
                        camera._closing.wait(camera._period_s)
                except OSError:
                    return

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/tank-1.mjpeg"

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
