"""Settings of the cameras: where each looks, how often, and how long its silence is borne."""

from __future__ import annotations

from pydantic import Field

from contracts.base import Slug
from edge.sections import Section

# pydantic evaluates these annotations at run time, so they stay in the form that Python 3.10 and pydantic both read.


class CameraSettings(Section):
    """One camera."""

    name: Slug
    """Stable name, unique within the box."""
    unit: Slug
    """Slug of the unit that it looks into."""
    source: str = Field(pattern=r"^(file:|folder:|rtsp://|rtsps://|http://|https://|usb:\d+$).*")
    """``file:/x.mp4``, ``folder:/dir`` of images, ``rtsp://``, ``http://`` (MJPEG) or ``usb:0``. Credentials in it are never
    shown."""
    fps: float = Field(default=2.0, gt=0, le=60)
    """Frames per second that go to the model; more are read and left out. Two tell the count of a tank."""
    loop: bool = True
    """Start a file or folder again at its end."""
    read_timeout_s: float = Field(default=10.0, gt=0)
    """Seconds without a frame after which a source is closed and opened again."""


def redacted(source: str) -> str:
    """A camera source without its user name and password."""
    scheme, separator, rest = source.partition("://")
    if not separator:
        return source
    authority, slash, tail = rest.partition("/")
    host = authority.rpartition("@")[2]
    return f"{scheme}://{host}{slash}{tail.partition('?')[0]}"
