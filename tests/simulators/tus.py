"""A tus 1.0.0 server (resumable uploads, https://tus.io/protocols/resumable-upload) that can lose the connection.

Core protocol and the creation extension, over real sockets. Uploads are content-addressed like the label queue's: the same
sha256 twice is one upload, and a finished upload whose bytes have another sha256 is thrown away (status 460).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class TusServer:
    """Keeps uploads in memory.

    Attributes:
        cut_after: bytes of request bodies after which every connection is cut, once; None cuts none.
        deaf: takes the next chunk and cuts the line before the answer.
        status: answer everything with this status; None answers as it should.
        requests: method and path of every request.
    """

    def __init__(self, *, token: str | None = None) -> None:
        self.cut_after: int | None = None
        self.deaf = False
        self.status: int | None = None
        self.requests: list[tuple[str, str]] = []
        self.created = 0
        self.parts: dict[str, bytearray] = {}
        self.lengths: dict[str, int] = {}
        self.samples: dict[str, dict[str, Any]] = {}
        self.received = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                if not self._admitted():
                    return
                told = dict(pair.split(" ") for pair in self.headers["Upload-Metadata"].split(","))
                sha256 = base64.b64decode(told["sha256"]).decode()
                if sha256 not in server.parts:
                    server.parts[sha256] = bytearray()
                    server.lengths[sha256] = int(self.headers["Upload-Length"])
                    server.samples[sha256] = json.loads(base64.b64decode(told["sample"]))
                    server.created += 1
                self._answer(201, Location=f"/samples/{sha256}")

            def do_HEAD(self) -> None:
                if not self._admitted():
                    return
                upload = server.parts.get(self._name())
                if upload is None:
                    self._answer(404)
                else:
                    length = str(server.lengths[self._name()])
                    self._answer(200, **{"Upload-Offset": str(len(upload)), "Upload-Length": length})

            def do_PATCH(self) -> None:
                if not self._admitted():
                    return
                name = self._name()
                upload = server.parts.get(name)
                if upload is None or int(self.headers["Upload-Offset"]) != len(upload):
                    self.rfile.read(int(self.headers["Content-Length"]))
                    self._answer(404 if upload is None else 409)
                    return
                if not self._take(upload, int(self.headers["Content-Length"])):
                    self.close_connection = True
                    self.connection.close()
                    return
                if len(upload) == server.lengths[name] and hashlib.sha256(upload).hexdigest() != name:
                    del server.parts[name]
                    self._answer(460)
                    return
                self._answer(204, **{"Upload-Offset": str(len(upload))})

            def _take(self, upload: bytearray, length: int) -> bool:
                """Store what arrives, byte for byte; False when the line is cut."""
                while length:
                    piece = self.rfile.read(min(length, 1000))
                    upload += piece
                    server.received += len(piece)
                    length -= len(piece)
                    if server.cut_after is not None and server.received >= server.cut_after:
                        server.cut_after = None
                        return False
                deaf, server.deaf = server.deaf, False
                return not deaf

            def _admitted(self) -> bool:
                server.requests.append((self.command, self.path))
                refused = token is not None and self.headers["Authorization"] != f"Bearer {token}"
                status = 401 if refused else 412 if self.headers["Tus-Resumable"] != "1.0.0" else server.status
                if status is not None:
                    self.rfile.read(int(self.headers["Content-Length"] or 0))
                    self._answer(status)
                return status is None

            def _name(self) -> str:
                return self.path.rpartition("/")[2]

            def _answer(self, status: int, **headers: str) -> None:
                self.send_response(status)
                for key, value in {"Tus-Resumable": "1.0.0", "Content-Length": "0", **headers}.items():
                    self.send_header(key, value)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

            def handle(self) -> None:
                with contextlib.suppress(OSError, ValueError):  # the line was cut on purpose
                    super().handle()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/samples"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2)
