"""A cable between a client and a server on this machine: it can be pulled, go silent, and be mended."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading


class Cable:
    """Forwards TCP connections from its own port to ``target``."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.connections = 0
        """Connections that came through, ever."""
        self._whole = threading.Event()
        self._whole.set()
        self._speaks = threading.Event()
        self._speaks.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def pull(self) -> None:
        """End every connection and take no new one."""
        self._whole.clear()
        with self._lock:
            for pair in self._pairs:
                for end in pair:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)

    def go_silent(self) -> None:
        """Keep connections open and carry nothing, as a mobile network does that has lost its way."""
        self._speaks.clear()

    def mend(self) -> None:
        """Carry again."""
        self._whole.set()
        self._speaks.set()

    def close(self) -> None:
        """Pull it for good."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake who accepts
        self._listener.close()
        self.mend()
        self.pull()
        for thread in self._threads:
            thread.join(2)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._whole.is_set():
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                near.close()
                continue
            for end in (near, far):
                end.settimeout(None)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            with self._lock:
                self._pairs.append((near, far))
            thread = threading.Thread(target=self._carry, args=(near, far), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with selectors.DefaultSelector() as selector, near, far, contextlib.suppress(OSError):
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in selector.select():
                    assert isinstance(key.fileobj, socket.socket)
                    data = key.fileobj.recv(65536)
                    self._speaks.wait()
                    if not data:
                        return
                    key.data.sendall(data)
