"""What a frame source is: open, next frame, close; it stamps frames as early as it can and never retries by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge.cameras.settings import CameraSettings
from edge.clock import Clock
from edge.errors import SourceError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]


FIRST_FRAME_PACKETS = 500
"""Ten seconds of a fast stream."""


class Picture(Protocol):
    """A decoded picture in the format of its decoder."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def whole(self) -> Image:
        """All pixels, BGR, height x width x 3."""
        ...

    def halved(self, times: int) -> Image:
        """The same with width and height halved by area so many times."""
        ...


@dataclass(frozen=True)
class Frame:
    """One image with the two times of its capture; still compressed, or in its decoder's format, where the source had it so."""

    observed_at: datetime
    captured_s: float
    """Monotonic time of capture."""
    encoded: bytes | None = None
    decoded: Image | None = None
    picture: Picture | None = None

    @cached_property
    def image(self) -> Image:
        """Pixels, BGR, height x width x 3; made when first asked for, so that dropped frames cost nothing.

        Raises:
            SourceError: the bytes are not an image.
        """
        if self.decoded is not None:
            return self.decoded
        if self.picture is not None:
            return self.picture.whole()
        import cv2
        import numpy as np

        image: Image | None = cv2.imdecode(np.frombuffer(self.encoded or b"\0", np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise SourceError("the camera sent bytes that are not an image")
        return image

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels.

        Raises:
            SourceError: the bytes are not an image.
        """
        if self.picture is not None:
            return self.picture.size
        size = self._encoded_size
        if size is not None:
            return size
        height, width = self.image.shape[:2]
        return width, height

    def image_for(self, width: int, height: int) -> Image:
        """Pixels for a use of this size: the whole image, or, where that is cheaper, one halved without falling below it.

        Raises:
            SourceError: the bytes are not an image.
            InferenceError: they began like one.
        """
        if "image" in self.__dict__ or (self.picture is None and self._encoded_size is None):
            return self.image
        if self.picture is None:
            from models.runtime.jpeg import decode_for

            return decode_for(self.encoded or b"", width, height)
        has_width, has_height = self.picture.size
        times = 0
        while has_width >> (times + 1) >= width and has_height >> (times + 1) >= height:
            times += 1
        return self.picture.halved(times) if times else self.image

    @cached_property
    def _encoded_size(self) -> tuple[int, int] | None:
        """What a JPEG's header says; ``None`` for everything else."""
        if self.encoded is None:
            return None
        from models.runtime.jpeg import jpeg_size

        return jpeg_size(self.encoded)


class FrameSource(Protocol):
    """A camera, file or stream. Used by one thread; ``open`` may be called again after ``close``."""

    @property
    def paced(self) -> bool:
        """True when frames come as fast as they are asked for (files), so that the capture must keep the pace."""
        ...

    def open(self, *, timeout_s: float) -> None:
        """Connect.

        Args:
            timeout_s: longest silence to bear, now and in every ``read``.

        Raises:
            SourceError: it cannot be opened now; try again later.
        """
        ...

    def read(self, *, skip: bool) -> Frame | None:
        """The next frame, within the time limit; ``skip`` reads one without decoding it and returns ``None``.

        Raises:
            SourceError: it failed or stayed silent.
            SourceEndedError: a finite source that does not loop has ended.
        """
        ...

    def close(self) -> None:
        """Let go of the device or connection. Safe to call twice."""
        ...


def open_source(settings: CameraSettings, clock: Clock) -> FrameSource:
    """The source that a camera's ``source`` names; opens nothing."""
    scheme, _, rest = settings.source.partition(":")
    if scheme == "folder":
        from edge.cameras.sources.folder import FolderSource

        return FolderSource(Path(rest), clock=clock, loop=settings.loop)
    if scheme in {"http", "https"}:
        from edge.cameras.sources.mjpeg import MjpegSource

        return MjpegSource(settings.source, clock=clock)
    from edge.cameras.sources.packets import PacketSource, has_pyav
    from edge.cameras.sources.video import Means, VideoSource

    target = rest if scheme == "file" else settings.source
    paced = scheme == "file"
    if scheme == "usb":
        return VideoSource(int(rest), means=Means.V4L2, clock=clock, loop=False, paced=False)
    if scheme == "gst":
        return VideoSource(rest, means=Means.GSTREAMER, clock=clock, loop=False, paced=False)
    if has_pyav():
        return PacketSource(
            target, clock=clock, keyframes_only=settings.keyframes_only, loop=settings.loop, paced=paced
        )
    return VideoSource(target, means=Means.FFMPEG, clock=clock, loop=settings.loop, paced=paced)


def first_frame(source: FrameSource) -> Frame:
    """The first frame of an open source; a stream that is joined in the middle gives it after some packets.

    Raises:
        SourceError: it failed, or there is none among so many packets.
    """
    for _ in range(FIRST_FRAME_PACKETS):
        frame = source.read(skip=False)
        if frame is not None:
            return frame
    raise SourceError(f"no picture in {FIRST_FRAME_PACKETS} packets")


def kind_of(source: str) -> str:
    """Kind of a source for the inventory: ``file``, ``folder``, ``rtsp``, ``http``, ``usb`` or ``gst``."""
    return source.partition(":")[0]
