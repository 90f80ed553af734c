"""An RTSP camera: H.264 over RTP, interleaved in the TCP connection (RFC 2326, RFC 6184), that can be told to fail.

Modes: ``stream``; ``stall`` stops in the middle of a picture and keeps the connection; ``cut`` closes it there; ``refuse`` answers
404; ``mute`` accepts and never answers.
"""

from __future__ import annotations

import base64
import io
import re
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import av
import numpy as np

PAYLOAD_TYPE = 96
CLOCK_HZ = 90_000
MOST_RTP_BYTES = 1400
_SPS, _PPS, _IDR = 7, 8, 5
_FU_A = 28
_START_CODE = re.compile(b"\x00\x00\x00?\x01")


@dataclass(frozen=True)
class Clip:
    """One second or so of video that repeats: the NAL units of each picture."""

    pictures: tuple[tuple[bytes, ...], ...]
    sps: bytes
    pps: bytes


@lru_cache
def encoded_clip(*, width: int = 320, height: int = 192, pictures: int = 20, gop: int = 10) -> Clip:
    """A bright square that wanders; every ``gop``-th picture is a key frame."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0",
        }
        for number in range(pictures):
            image = np.full((height, width, 3), 40, np.uint8)
            left = 10 + number * 8
            image[60:100, left : left + 40] = 220
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    units = [unit for unit in _START_CODE.split(buffer.getvalue()) if unit]
    sps = next(unit for unit in units if unit[0] & 31 == _SPS)
    pps = next(unit for unit in units if unit[0] & 31 == _PPS)
    grouped: list[list[bytes]] = []
    waiting: list[bytes] = []
    for unit in units:
        waiting.append(unit)
        if unit[0] & 31 in {1, _IDR}:  # one slice is one picture here
            grouped.append(waiting)
            waiting = []
    return Clip(tuple(tuple(group) for group in grouped), sps, pps)


class RtspCamera:
    """Serves one stream to any number of clients.

    Args:
        fps: pictures per second.
        login: ``user:password`` that Basic authentication must give; None asks for none.
    """

    def __init__(self, *, fps: float = 20, login: str | None = None) -> None:
        self.mode = "stream"
        self.connections = 0
        self.sent = 0
        """Pictures sent completely."""
        self._clip = encoded_clip()
        self._period_s = 1 / fps
        self._login = login
        self._closing = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.1)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        port: int = self._server.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"rtsp://{self._login + '@' if self._login else ''}127.0.0.1:{self.port}/stream1"

    def close(self) -> None:
        self._closing.set()
        for thread in list(self._threads):
            thread.join(3)
        self._server.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._server.accept()
            except (TimeoutError, socket.timeout):  # noqa: UP041  (two classes on Python 3.10)
                continue
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            client.settimeout(0.2)
            try:
                self._talk(client)
            except OSError:
                return

    def _talk(self, client: socket.socket) -> None:
        received = b""
        while not self._closing.is_set():
            try:
                data = client.recv(4096)
            except (TimeoutError, socket.timeout):  # noqa: UP041
                continue
            if not data:
                return
            received += data
            while b"\r\n\r\n" in received and self.mode != "mute":
                head, _, received = received.partition(b"\r\n\r\n")
                lines = head.decode().split("\r\n")
                method = lines[0].split(" ")[0]
                headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
                client.sendall(self._answer(method, lines[0], headers))
                if method == "PLAY" and self.mode != "refuse":
                    self._play(client)
                    return
                if method == "TEARDOWN":
                    return

    def _answer(self, method: str, request: str, headers: dict[str, str]) -> bytes:
        sequence = headers.get("cseq", "0")
        if self.mode == "refuse":
            return f"RTSP/1.0 404 Not Found\r\nCSeq: {sequence}\r\n\r\n".encode()
        wanted = "Basic " + base64.b64encode((self._login or "").encode()).decode()
        if self._login is not None and method != "OPTIONS" and headers.get("authorization") != wanted:
            return f'RTSP/1.0 401 Unauthorized\r\nCSeq: {sequence}\r\nWWW-Authenticate: Basic realm="camera"\r\n\r\n'.encode()
        extra, body = "", ""
        if method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = self._description()
            base = request.split(" ")[1]
            extra = f"Content-Base: {base}/\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 4711;timeout=60\r\n"
        elif method == "PLAY":
            extra = "Session: 4711\r\nRange: npt=0.000-\r\n"
        return f"RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n{extra}\r\n{body}".encode()

    def _description(self) -> str:
        sets = ",".join(base64.b64encode(unit).decode() for unit in (self._clip.sps, self._clip.pps))
        return "\r\n".join(
            [
                "v=0",
                "o=- 1 1 IN IP4 127.0.0.1",
                "s=tank",
                "c=IN IP4 0.0.0.0",
                "t=0 0",
                f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
                f"a=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK_HZ}",
                f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;sprop-parameter-sets={sets};"
                f"profile-level-id={self._clip.sps[1:4].hex()}",
                "a=control:track1",
                "",
            ]
        )

    def _play(self, client: socket.socket) -> None:
        sequence = number = 0
        client.settimeout(2.0)
        while not self._closing.is_set():
            if self.mode in {"stream", "mute", "refuse"}:
                units = self._clip.pictures[number % len(self._clip.pictures)]
                packets = list(_packets(units, sequence, int(number * self._period_s * CLOCK_HZ)))
                client.sendall(b"".join(packets))
                sequence += len(packets)
                number += 1
                self.sent += 1
            elif self.mode in {"stall", "cut"}:
                units = self._clip.pictures[number % len(self._clip.pictures)]
                packet = next(_packets(units, sequence, int(number * self._period_s * CLOCK_HZ)))
                client.sendall(packet[: len(packet) // 2])
                if self.mode == "cut":
                    return
                while self.mode == "stall" and not self._closing.wait(0.05):
                    pass
                return  # whoever waited through a stall has lost the thread of the stream
            self._closing.wait(self._period_s)


def _packets(units: tuple[bytes, ...], sequence: int, timestamp: int) -> Iterator[bytes]:
    """RTP packets of one picture, interleaved on channel 0."""
    for position, unit in enumerate(units):
        last_unit = position == len(units) - 1
        if len(unit) <= MOST_RTP_BYTES:
            yield _interleaved(unit, sequence, timestamp, marker=last_unit)
            sequence += 1
            continue
        header, body = unit[0], unit[1:]
        for start in range(0, len(body), MOST_RTP_BYTES):
            part = body[start : start + MOST_RTP_BYTES]
            first, last = start == 0, start + MOST_RTP_BYTES >= len(body)
            fragment = bytes([header & 0xE0 | _FU_A, first << 7 | last << 6 | header & 31]) + part
            yield _interleaved(fragment, sequence, timestamp, marker=last and last_unit)
            sequence += 1


def _interleaved(payload: bytes, sequence: int, timestamp: int, *, marker: bool) -> bytes:
    rtp = struct.pack("!BBHII", 0x80, marker << 7 | PAYLOAD_TYPE, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 0x5140)
    return struct.pack("!BBH", 0x24, 0, len(rtp) + len(payload)) + rtp + payload
