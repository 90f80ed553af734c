"""A picture as FFmpeg's decoder left it: brightness at full size, colour at half of it (4:2:0).

What a model needs of it is small. Halving the brightness plane alone and then mixing the colours in costs less than half of making a
whole BGR image and halving that. The pixels are those of the standard's formula to the nearest level; FFmpeg's own conversion,
which makes the whole image, is one level darker in the mean.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edge.cameras.source import Image

_PLANAR = ("yuv420p", "yuvj420p")
_BT709 = 1
_BT601 = (2, 5, 6)
"""2 is "not said", which FFmpeg takes for BT.601."""
_FULL_RANGE = 2
_LUMA = {_BT709: (0.2126, 0.0722), **dict.fromkeys(_BT601, (0.299, 0.114))}
"""Parts of red and of blue in the brightness (ITU-R BT.709 and BT.601), by FFmpeg's number of the colour space."""


class DecodedPicture:
    """Wraps a ``VideoFrame`` of PyAV; may be read from another thread than the one that decoded it."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._frame.width, self._frame.height

    def whole(self) -> Image:
        """All pixels, BGR. One thread: PyAV would start one per processor for every picture."""
        image: Image = self._frame.to_ndarray(format="bgr24", threads=1)
        return image

    def halved(self, times: int) -> Image:
        """The pixels with width and height halved by area so many times, BGR."""
        import cv2
        import numpy as np

        frame = self._frame
        width, height = (side >> times for side in self.size)
        if frame.format.name not in _PLANAR or frame.colorspace not in _LUMA:
            return np.asarray(cv2.resize(self.whole(), (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        full = frame.format.name == "yuvj420p" or frame.color_range == _FULL_RANGE
        planes = [
            np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
            for plane in frame.planes
        ]
        fitted = [
            plane
            if plane.shape == (height, width)
            else cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)
            for plane in planes
        ]
        return np.asarray(cv2.transform(cv2.merge(fitted), _to_bgr(frame.colorspace, full)), np.uint8)


@cache
def _to_bgr(colorspace: int, full: bool) -> npt.NDArray[np.float32]:  # noqa: FBT001  (a key of the cache)
    """Matrix (3 x 4) from Y, U, V and 1 to B, G, R."""
    import numpy as np

    red, blue = _LUMA[colorspace]
    green = 1 - red - blue
    lift, luma, chroma = (0.0, 1.0, 1.0) if full else (16.0, 255 / 219, 255 / 224)
    to_red, to_blue = 2 * (1 - red) * chroma, 2 * (1 - blue) * chroma
    mixed = np.array(
        [
            [luma, to_blue, 0.0],
            [luma, -to_blue * blue / green, -to_red * red / green],
            [luma, 0.0, to_red],
        ]
    )
    offset = mixed @ np.array([-lift, -128.0, -128.0])
    return np.column_stack([mixed, offset]).astype(np.float32)
