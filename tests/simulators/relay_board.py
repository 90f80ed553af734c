"""A relay board that speaks Modbus TCP: writes single coils (function 5) and tells them (function 1), byte for byte."""

from __future__ import annotations

import socketserver
import struct
import threading

COILS = 8


class _Session(socketserver.BaseRequestHandler):
    server: RelayBoard

    def handle(self) -> None:
        while header := self._exactly(8):
            transaction, protocol, length, unit, function = struct.unpack(">HHHBB", header)
            body = self._exactly(length - 2)
            if self.server.dead:
                return
            answer = self._answer(function, *struct.unpack(">HH", body))
            self.request.sendall(struct.pack(">HHHB", transaction, protocol, len(answer) + 1, unit) + answer)

    def _answer(self, function: int, address: int, value: int) -> bytes:
        if address >= COILS:
            return struct.pack(">BB", function | 0x80, 2)
        if function == 5:
            if not self.server.welded:
                self.server.coils[address] = value == 0xFF00
            return struct.pack(">BHH", function, address, value)
        return struct.pack(">BBB", function, 1, int(self.server.coils[address]))

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            more = self.request.recv(size - len(found))
            if not more:
                return b""
            found += more
        return found


class RelayBoard(socketserver.ThreadingTCPServer):
    """Listens on a port of its own. ``dead`` hangs up without an answer; ``welded`` says yes and does nothing."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Session)
        self.coils = [False] * COILS
        self.dead = False
        self.welded = False
        self.port = int(self.server_address[1])
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def energised(self, coil: int) -> bool:
        return self.coils[coil]

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
