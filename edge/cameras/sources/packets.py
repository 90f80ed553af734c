"""Streams and files through PyAV, packet by packet: stamped when they arrive, and decoded only where it is worth it.

With ``keyframes_only`` everything else is thrown away before the decoder sees it, 3 to 11 times cheaper (decision 0016). PyAV is
the extra ``video``; without it OpenCV reads the same sources and decodes every frame.
"""

from __future__ import annotations

import importlib.util
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from edge.cameras.settings import redacted
from edge.cameras.source import Frame
from edge.cameras.sources.picture import DecodedPicture
from edge.clock import Clock
from edge.errors import SourceEndedError, SourceError

OPEN_TIMEOUT_S = 10.0
ANALYSE_US = 500_000
"""Microseconds that FFmpeg may look at a stream before it says what is in it; what is missing the decoder finds out."""
MOST_IN_DECODER = 64
"""Packets whose time of arrival is kept while the decoder holds them: more than any decoder reorders."""


def has_pyav() -> bool:
    """Whether the extra ``video`` is installed."""
    return importlib.util.find_spec("av") is not None


class PacketSource:
    """One container at a time.

    Args:
        target: path or URL.
        keyframes_only: decode key frames alone.
        paced: True for files, which come as fast as they are read.
    """

    def __init__(self, target: str, *, clock: Clock, keyframes_only: bool, loop: bool, paced: bool) -> None:
        self.paced = paced
        self.native_fps = 0.0
        """Frames per second that a read at full speed gives; 0 when the file does not say."""
        self._target = target
        self._shown = redacted(target)
        self._clock = clock
        self._keyframes_only = keyframes_only
        self._loop = loop
        self._timeout_s = OPEN_TIMEOUT_S
        self._container: Any = None
        self._packets: Iterator[Any] = iter(())
        self._decoded: list[Any] = []
        self._arrived: OrderedDict[int, tuple[datetime, float]] = OrderedDict()

    def open(self, *, timeout_s: float) -> None:
        """Connect and find the video; FFmpeg gives up by itself when the peer falls silent."""
        import av

        av.logging.set_level(None)  # what is wrong is told as an error, once
        self._timeout_s = timeout_s
        options = {"analyzeduration": str(ANALYSE_US)}
        if self._target.startswith("rtsp"):
            options |= {"rtsp_transport": "tcp", "timeout": str(int(timeout_s * 1e6))}
        try:
            self._container = av.open(
                self._target, options=options, timeout=(min(OPEN_TIMEOUT_S, timeout_s), timeout_s)
            )
            stream = self._container.streams.video[0]
        except (av.FFmpegError, IndexError, OSError) as error:
            self.close()
            raise SourceError(f"{self._shown} cannot be opened as video: {_said(error)}") from error
        stream.codec_context.thread_count = 1
        if self._keyframes_only:
            stream.codec_context.skip_frame = "NONKEY"
        elif stream.average_rate:
            self.native_fps = float(stream.average_rate)
        self._decoded, self._arrived = [], OrderedDict()
        self._packets = self._container.demux(stream)

    def read(self, *, skip: bool) -> Frame | None:
        """The next frame. Its time is the arrival of its packet, however long the decoder keeps it."""
        import av

        try:
            picture = self._next_picture(skip=skip)
            if skip or picture is None:
                return None
            now = (self._clock.now(), self._clock.monotonic())
            observed_at, captured_s = self._arrived.pop(picture.pts, now)
            return Frame(observed_at, captured_s, picture=DecodedPicture(picture))
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"{self._shown}: {_said(error)}") from error

    def close(self) -> None:
        """Close the connection."""
        container, self._container = self._container, None
        self._packets, self._decoded = iter(()), []
        if container is not None:
            container.close()

    def _next_picture(self, *, skip: bool) -> Any:
        """The next decoded picture; ``None`` for a packet that is no picture of ours."""
        import av

        while not self._decoded:
            packet = next(self._packets, None)
            if packet is None:
                self._ended()
                continue
            if packet.dts is None and packet.size == 0:
                self._decoded = list(packet.decode())  # the end: what the decoder still holds
                continue
            if self._keyframes_only and (skip or not packet.is_keyframe):
                if skip or not self.paced:
                    return None  # a sign of life, and no other picture needs it
                continue
            self._stamp(packet.pts)
            try:
                self._decoded = list(packet.decode())
            except av.InvalidDataError:
                if self.paced:
                    raise
                return None  # a stream is often joined in the middle of a group of pictures
            if not self._decoded and not self.paced:
                return None
        return self._decoded.pop(0)

    def _stamp(self, pts: int | None) -> None:
        if pts is None:
            return
        self._arrived[pts] = (self._clock.now(), self._clock.monotonic())
        while len(self._arrived) > MOST_IN_DECODER:
            self._arrived.popitem(last=False)

    def _ended(self) -> None:
        if not self.paced:
            raise SourceError(f"{self._shown}: the stream ended")
        if not self._loop:
            raise SourceEndedError(f"{self._target} has ended")
        self.close()
        self.open(timeout_s=self._timeout_s)


def _said(error: Exception) -> str:
    """What FFmpeg said, without the address, which may hold a password."""
    return str(getattr(error, "strerror", None) or type(error).__name__)
