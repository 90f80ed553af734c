"""A picture in its decoder's format gives the model the pixels that the whole image would have given it."""

from __future__ import annotations

from datetime import datetime, timezone

import cv2
import numpy as np
import pytest

from contracts.bundles import ImageInput
from edge.cameras.source import Frame
from models.runtime.preprocess import PAD_VALUE, fit, placement
from shoal.simulate.fish import FishScene

av = pytest.importorskip("av")
picture = pytest.importorskip("edge.cameras.sources.picture")

SIZE = (1280, 720)
DARKER = 1.25
"""Mean levels of 255: FFmpeg's own conversion comes out up to two levels below the standard's formula, ours at the nearest."""
MOST_DARKER = 4


def frame_of(pixels: np.ndarray, *, format_: str = "yuv420p", colorspace: int = 2, full: bool = False) -> Frame:
    """A frame as FFmpeg's decoder gives it."""
    decoded = av.VideoFrame.from_ndarray(pixels, format="bgr24").reformat(format=format_)
    decoded.colorspace, decoded.color_range = colorspace, 2 if full else 1
    return Frame(datetime.now(timezone.utc), 0.0, picture=picture.DecodedPicture(decoded))


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    scene = FishScene(seed=3)
    scene.step(0.2)
    return np.asarray(cv2.resize(scene.render()[0], SIZE), np.uint8)


@pytest.mark.parametrize("colorspace", [1, 2, 5], ids=["bt709", "not said", "bt601"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full range"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_halved_picture_is_the_whole_one_halved(
    pixels: np.ndarray, colorspace: int, *, full: bool, times: int
) -> None:
    frame = frame_of(pixels, colorspace=colorspace, full=full)
    width, height = (side >> times for side in SIZE)
    whole = cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA)
    small = frame_of(pixels, colorspace=colorspace, full=full).image_for(width, height)
    difference = np.abs(small.astype(int) - whole)
    assert difference.mean() < DARKER
    assert difference.max() <= MOST_DARKER


@pytest.mark.parametrize(
    ("yuv", "bgr"),
    [
        ((16, 128, 128), (0, 0, 0)),
        ((126, 128, 128), (128, 128, 128)),
        ((235, 128, 128), (255, 255, 255)),
        ((81, 90, 200), (0, 32, 191)),
        ((60, 180, 120), (156, 37, 38)),
    ],
)
def test_flat_colours_are_those_of_the_standard(yuv: tuple[int, int, int], bgr: tuple[int, int, int]) -> None:
    """Expected values from ITU-R BT.601 by hand, limited range."""
    sizes = (64 * 64, 32 * 32, 32 * 32)
    flat = np.concatenate([np.full(size, level, np.uint8) for size, level in zip(sizes, yuv, strict=True)])
    decoded = av.VideoFrame.from_ndarray(flat.reshape(96, 64), format="yuv420p")
    decoded.colorspace, decoded.color_range = 5, 1
    assert (picture.DecodedPicture(decoded).halved(1) == bgr).all()


@pytest.mark.parametrize("format_", ["yuv420p", "yuvj420p", "yuv422p", "nv12"])
def test_whatever_the_decoder_gives_the_model_sees_the_same(pixels: np.ndarray, format_: str) -> None:
    image = ImageInput(width=384, height=224)
    drawn = []
    for part in (False, True):
        frame = frame_of(pixels, format_=format_)
        place = placement(*frame.size, image)
        assert place == placement(*SIZE, image)
        canvas = np.full((image.height, image.width, 3), PAD_VALUE, np.uint8)
        fit(frame.image_for(place.width, place.height) if part else frame.image, canvas, image, place=place)
        drawn.append(canvas.astype(int))
    assert np.abs(drawn[0] - drawn[1]).mean() < DARKER


def test_a_picture_is_never_made_smaller_than_its_use(pixels: np.ndarray) -> None:
    assert frame_of(pixels).image_for(640, 360).shape == (360, 640, 3)
    assert frame_of(pixels).image_for(641, 360).shape == (720, 1280, 3)
    assert frame_of(pixels).image_for(384, 216).shape == (360, 640, 3)
    assert frame_of(pixels).image_for(4000, 3000).shape == (720, 1280, 3)
