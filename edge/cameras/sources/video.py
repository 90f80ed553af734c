"""Video files, streams, USB cameras and GStreamer pipelines through OpenCV.

FFmpeg's own open and read timeouts are set, so that a camera that stalls in the middle of a picture cannot hold the thread for
long. GStreamer (and with it a Jetson's NVDEC) is there where OpenCV was built with it.
"""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING

from edge.cameras.settings import redacted
from edge.cameras.source import Frame
from edge.clock import Clock
from edge.errors import SourceEndedError, SourceError

if TYPE_CHECKING:
    import cv2

OPEN_TIMEOUT_S = 10.0
_AV_LOG_QUIET = -8


class Means(Enum):
    """What OpenCV reads with."""

    FFMPEG = "ffmpeg"
    V4L2 = "v4l2"
    GSTREAMER = "gstreamer"


def has_gstreamer() -> bool:
    """Whether this OpenCV was built with GStreamer; the wheel on PyPI is not, a Jetson's is."""
    import cv2

    lines = cv2.getBuildInformation().splitlines()
    return any("GStreamer" in line and "YES" in line for line in lines)


class VideoSource:
    """One ``cv2.VideoCapture`` at a time.

    Args:
        target: path, URL, GStreamer pipeline or device number.
        means: what OpenCV reads it with.
        paced: True for files, which come as fast as they are read.
    """

    def __init__(self, target: str | int, *, means: Means, clock: Clock, loop: bool, paced: bool) -> None:
        self.paced = paced
        self._target = target
        self._means = means
        self._clock = clock
        self._timeout_s = OPEN_TIMEOUT_S
        self._loop = loop
        self._capture: cv2.VideoCapture | None = None

    def open(self, *, timeout_s: float) -> None:
        """Connect and find the video."""
        import cv2

        self._timeout_s = timeout_s
        # What is wrong is told as an error, once; FFmpeg would write it to the terminal at every attempt.
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", str(_AV_LOG_QUIET))
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        name = str(self._target)
        if name.startswith("rtsp"):
            os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            int(min(OPEN_TIMEOUT_S, timeout_s) * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            int(timeout_s * 1000),
        ]
        if self._means is Means.V4L2:
            capture = cv2.VideoCapture(self._target, cv2.CAP_V4L2)
        elif self._means is Means.GSTREAMER:
            if not has_gstreamer():
                raise SourceError("this OpenCV was built without GStreamer; a Jetson image brings one with it")
            capture = cv2.VideoCapture(name, cv2.CAP_GSTREAMER, limits)
        else:
            capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, [*limits, cv2.CAP_PROP_N_THREADS, 1])
        if not capture.isOpened():
            capture.release()
            raise SourceError(f"{redacted(name)} cannot be opened as video")
        self._capture = capture

    @property
    def native_fps(self) -> float:
        """Frames per second that the file says it has; 0 when it does not say."""
        import cv2

        return float(self._capture.get(cv2.CAP_PROP_FPS)) if self._capture is not None else 0.0

    def read(self, *, skip: bool) -> Frame | None:
        """The next frame; its time is taken after the demuxer has given it."""
        if not self._grab():
            if not self.paced:
                raise SourceError(
                    f"no frame from {redacted(str(self._target))} for {self._timeout_s:g} s, or it has ended"
                )
            if not self._loop:
                raise SourceEndedError(f"{self._target} has ended")
            self.close()
            self.open(timeout_s=self._timeout_s)
            if not self._grab():
                raise SourceError(f"{self._target} holds no frames")
        observed_at, captured_s = self._clock.now(), self._clock.monotonic()
        if skip or self._capture is None:
            return None
        good, image = self._capture.retrieve()
        if not good or image is None:
            raise SourceError(f"{redacted(str(self._target))}: a frame could not be decoded")
        return Frame(observed_at, captured_s, decoded=image)

    def close(self) -> None:
        """Release the device or connection."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _grab(self) -> bool:
        return self._capture is not None and bool(self._capture.grab())
