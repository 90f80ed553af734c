"""Settings of the cameras: where each looks, how often, and how long its silence is borne."""

from __future__ import annotations

import math
import re
from hashlib import sha256
from pathlib import Path

from pydantic import Field, model_validator

from contracts.base import Fraction, Slug
from edge.sections import Section, paths_below

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


_GST_SECRETS = re.compile(r"\b(user-id|user-pw)=\S+")


class LineSettings(Section):
    """A line that fish are counted over. Who stands at ``a`` and looks to ``b`` sees "in" go from left to right."""

    name: Slug
    """Stable name, unique within the camera."""
    a: tuple[Fraction, Fraction]
    """One end, as fractions of the frame from its left and top."""
    b: tuple[Fraction, Fraction]
    """The other end."""
    margin: float = Field(default=0.03, ge=0, le=0.3)
    """Half-width of the band that must be crossed whole, as a fraction of the frame's width: a fish that hovers on the line
    counts once."""

    @model_validator(mode="after")
    def _has_length(self) -> LineSettings:
        if math.dist(self.a, self.b) < 0.02:  # noqa: PLR2004  (a fish is wider)
            raise ValueError("a and b are the same point: give two ends of a line")
        return self


class CameraSettings(Section):
    """One camera."""

    name: Slug
    """Stable name, unique within the box."""
    unit: Slug
    """Slug of the unit that it looks into."""
    source: str = Field(pattern=r"^(file:|folder:|rtsp://|rtsps://|http://|https://|usb:\d+$|gst:.*appsink).*")
    """``file:/x.mp4``, ``folder:/dir`` of images, ``rtsp://``, ``http://`` (MJPEG), ``usb:0``, or ``gst:`` with a
    GStreamer pipeline that ends in BGR and ``appsink``. Of an RTSP camera the sub-stream is enough for a model and costs a
    seventh. Credentials in it are never shown."""
    fps: float = Field(default=2.0, gt=0, le=60)
    """Frames per second that go to the model; more are read and left out. Two tell the count of a tank."""
    priority: int = Field(default=1, ge=1, le=10)
    """Share of a model that cannot keep up with all cameras: a camera with 2 gets twice the frames of one with 1."""
    keyframes_only: bool = False
    """Decode key frames alone: 3 to 11 times cheaper, and as many frames as the camera sends key frames (one or two a second is
    usual). For RTSP and files; needs the extra ``video``."""
    loop: bool = True
    """Start a file or folder again at its end."""
    read_timeout_s: float = Field(default=10.0, gt=0)
    """Seconds without a frame after which a source is closed and opened again, at least: a camera that is slow by nature is
    given six of its own measured periods."""
    lines: tuple[LineSettings, ...] = ()
    """Lines that fish are counted over, e.g. across the mouth of a channel; needs about 5 fps."""
    fouled_after_s: float = Field(default=600.0, ge=0)
    """Seconds of lost contrast before the alarm ``camera.fouled``; turbidity after feeding passes in less."""
    dark_after_s: float = Field(default=50_400.0, ge=0)
    """Seconds of a black picture before the alarm ``camera.dark``: 14 h, longer than a night. Where the light is always on,
    600."""
    calibration_file: Path | None = None
    """File with the calibration of its lens and place, told by its hash; models that measure lengths ask for one. None: it has
    none."""

    def relative_to(self, folder: Path) -> CameraSettings:
        """A video or folder of images is found beside the configuration too."""
        scheme, _, rest = self.source.partition(":")
        source = f"{scheme}:{folder / rest}" if scheme in {"file", "folder"} else self.source
        return paths_below(self, folder).model_copy(update={"source": source})

    def calibration_sha256(self) -> str | None:
        """Hash of the calibration; None without one, or while the file cannot be read."""
        try:
            return None if self.calibration_file is None else sha256(self.calibration_file.read_bytes()).hexdigest()
        except OSError:
            return None


def redacted(source: str) -> str:
    """A camera source without its user name and password."""
    source = _GST_SECRETS.sub(r"\1=***", source)
    scheme, separator, rest = source.partition("://")
    if not separator:
        return source
    address, _, query = rest.partition("?")
    if "@" in query:  # a password with a question mark, or a query with an @: which of them cannot be told
        return f"{scheme}://***"
    return f"{scheme}://{address.rpartition('@')[2]}"  # the last @: people leave a / in their password unescaped
