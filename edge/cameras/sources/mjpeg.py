"""Motion JPEG over HTTP (``multipart/x-mixed-replace``), read by hand.

OpenCV's reader decodes every frame and loses the stream for good after some stalls; here a socket timeout bounds every read,
frames stay encoded until someone wants them, and a broken stream is an error that the capture recovers from.
"""

from __future__ import annotations

import base64
import http.client
import ssl
from urllib.parse import unquote, urlsplit

from edge.cameras.settings import redacted
from edge.cameras.source import Frame
from edge.clock import Clock
from edge.errors import SourceError

OPEN_TIMEOUT_S = 10.0
MAX_FRAME_BYTES = 20_000_000
MAX_HEADER_LINES = 64
MAX_LINE_BYTES = 65_536
_SOI = b"\xff\xd8"


class MjpegSource:
    """One HTTP connection at a time."""

    paced = False

    def __init__(self, url: str, *, clock: Clock) -> None:
        self._url = urlsplit(url)
        self._shown = redacted(url)
        self._clock = clock
        self._connection: http.client.HTTPConnection | None = None
        self._body: http.client.HTTPResponse | None = None
        self._boundary = b""
        self._at_part = False

    def open(self, *, timeout_s: float) -> None:
        """Ask for the stream and check that it is one."""
        self.close()
        host, port = self._url.hostname or "", self._url.port
        timeout = min(OPEN_TIMEOUT_S, timeout_s)
        if self._url.scheme == "https":
            self._connection = http.client.HTTPSConnection(
                host, port, timeout=timeout, context=ssl.create_default_context()
            )
        else:
            self._connection = http.client.HTTPConnection(host, port, timeout=timeout)
        path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        try:
            self._connection.request("GET", path, headers=self._headers())
            response = self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise SourceError(f"{self._shown}: {str(error) or type(error).__name__}") from error
        kind = response.headers.get_content_type()
        if response.status != http.HTTPStatus.OK or kind != "multipart/x-mixed-replace":
            self.close()
            raise SourceError(f"{self._shown} answered {response.status} {kind}, not a motion JPEG stream")
        boundary = response.headers.get_param("boundary") or ""
        self._boundary = str(boundary).strip().strip("-").encode()  # cameras disagree on who adds the dashes
        self._at_part = False
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout_s)
        self._body = response

    def read(self, *, skip: bool) -> Frame | None:
        """The next part of the stream."""
        try:
            encoded = self._part()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SourceError(f"{self._shown}: {str(error) or type(error).__name__}") from error
        if skip:
            return None
        return Frame(self._clock.now(), self._clock.monotonic(), encoded=encoded)

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection, self._body = self._connection, None, None
        if connection is not None:
            connection.close()

    def _headers(self) -> dict[str, str]:
        if self._url.username is None:
            return {}
        pair = f"{unquote(self._url.username)}:{unquote(self._url.password or '')}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    def _part(self) -> bytes:
        while not self._at_part:
            self._at_part = self._is_boundary(self._line())
        self._at_part = False
        length = self._content_length()
        data = self._until_boundary() if length is None else self._exactly(length)
        if not data.startswith(_SOI):
            raise SourceError(f"{self._shown}: a part that is not JPEG")
        return data

    def _content_length(self) -> int | None:
        """Read the headers of a part."""
        length: int | None = None
        for _ in range(MAX_HEADER_LINES):
            line = self._line().strip()
            if not line:
                return length
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
                if not 0 < length <= MAX_FRAME_BYTES:
                    raise SourceError(f"{self._shown}: a part of {length} bytes")
        raise SourceError(f"{self._shown}: more than {MAX_HEADER_LINES} header lines")

    def _until_boundary(self) -> bytes:
        """Body of a part without Content-Length: everything before the next boundary."""
        data = bytearray()
        while len(data) <= MAX_FRAME_BYTES:
            line = self._line()
            if self._is_boundary(line):
                self._at_part = True
                return bytes(data).rstrip(b"\r\n")
            data += line
        raise SourceError(f"{self._shown}: a part of more than {MAX_FRAME_BYTES} bytes")

    def _is_boundary(self, line: bytes) -> bool:
        return line.startswith(b"--") and self._boundary in line

    def _line(self) -> bytes:
        if self._body is None:
            raise SourceError(f"{self._shown} is not open")
        line = self._body.readline(MAX_LINE_BYTES)
        if not line:
            raise SourceError(f"{self._shown}: the stream ended")
        return line

    def _exactly(self, length: int) -> bytes:
        if self._body is None:
            raise SourceError(f"{self._shown} is not open")
        data = self._body.read(length)
        if len(data) < length:
            raise SourceError(f"{self._shown}: the stream ended inside a frame")
        return data
