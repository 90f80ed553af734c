"""A TCP tap between the bridge and its broker: notes every packet the bridge sends, and can cut the line."""

from __future__ import annotations

import contextlib
import socket
import threading

PUBACK = 0x40
_LINGER_RESET = b"\x01\x00\x00\x00\x00\x00\x00\x00"


class Tap:
    """Listens on ``port`` and forwards to ``target``.

    Attributes:
        pubacks: per connection, the packet ids that the bridge acknowledged, in order.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self.pubacks: list[list[int]] = []
        self._links: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection, as a switch that loses power does."""
        links, self._links = self._links, []
        for link in links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def close(self) -> None:
        self._closed = True
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            self._links += [near, far]
            noted: list[int] = []
            self.pubacks.append(noted)
            threading.Thread(target=self._forward, args=(near, far, noted), daemon=True).start()
            threading.Thread(target=self._forward, args=(far, near, None), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, noted: list[int] | None) -> None:
        buffer = b""
        with contextlib.suppress(OSError):
            while block := source.recv(65536):
                if noted is not None:
                    buffer = _note(buffer + block, noted)
                target.sendall(block)
        for link in (source, target):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)


def _note(buffer: bytes, noted: list[int]) -> bytes:
    """Read whole packets from the front; what is left of the last one is returned."""
    while len(buffer) >= 2:
        length, at, shift = 0, 1, 0
        while True:
            if at >= len(buffer):
                return buffer
            length |= (buffer[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not buffer[at - 1] & 0x80:
                break
        if len(buffer) < at + length:
            return buffer
        if buffer[0] & 0xF0 == PUBACK:
            noted.append(int.from_bytes(buffer[at : at + 2], "big"))
        buffer = buffer[at + length :]
    return buffer
