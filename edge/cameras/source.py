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


@dataclass(frozen=True)
class Frame:
    """One image with the two times of its capture; still compressed where the source had it so."""

    observed_at: datetime
    captured_s: float
    """Monotonic time of capture."""
    encoded: bytes | None = None
    decoded: Image | None = None

    @cached_property
    def image(self) -> Image:
        """Pixels, BGR, height x width x 3; decoded when first asked for, so that dropped frames cost nothing.

        Raises:
            SourceError: the bytes are not an image.
        """
        if self.decoded is not None:
            return self.decoded
        import cv2
        import numpy as np

        image: Image | None = cv2.imdecode(np.frombuffer(self.encoded or b"\0", np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise SourceError("the camera sent bytes that are not an image")
        return image


class FrameSource(Protocol):
    """A camera, file or stream. Used by one thread; ``open`` may be called again after ``close``."""

    @property
    def paced(self) -> bool:
        """True when frames come as fast as they are asked for (files), so that the capture must keep the pace."""
        ...

    def open(self) -> None:
        """Connect, within the source's own time limit.

        Raises:
            SourceError: it cannot be opened now; try again later.
        """
        ...

    def read(self, *, skip: bool) -> Frame | None:
        """The next frame, within the read timeout; ``skip`` reads one without decoding it and returns ``None``.

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

        return MjpegSource(settings.source, clock=clock, timeout_s=settings.read_timeout_s)
    from edge.cameras.sources.video import VideoSource

    target: str | int = int(rest) if scheme == "usb" else rest if scheme == "file" else settings.source
    return VideoSource(
        target, clock=clock, timeout_s=settings.read_timeout_s, loop=settings.loop, paced=scheme == "file"
    )


def kind_of(source: str) -> str:
    """Kind of a source for the inventory: ``file``, ``folder``, ``rtsp``, ``http`` or ``usb``."""
    return source.partition(":")[0]
