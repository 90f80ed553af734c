from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.bundles import ImageInput
from models.runtime.errors import InferenceError
from models.runtime.preprocess import PAD_VALUE, placement, preprocess, shrink_or_grow

LETTERBOX = ImageInput(width=384, height=224)

fractions = st.floats(0, 1, allow_nan=False, width=32)
sides = st.integers(16, 4000)


@given(sides, sides, fractions, fractions, fractions, fractions)
def test_a_box_comes_back_through_the_letterbox(
    width: int, height: int, x0: float, x1: float, y0: float, y1: float
) -> None:
    box = np.array([[min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)]], np.float32)
    place = placement(width, height, LETTERBOX)
    np.testing.assert_allclose(
        place.to_fractions(place.to_pixels(box)), box, atol=1e-3 / min(place.width, place.height) * 384
    )


@given(sides, sides, st.sampled_from(["letterbox", "stretch"]))
def test_the_picture_lies_inside_the_input(width: int, height: int, fit: str) -> None:
    image = LETTERBOX.model_copy(update={"fit": fit})
    place = placement(width, height, image)
    assert place.left >= 0
    assert place.top >= 0
    assert place.left + place.width <= image.width
    assert place.top + place.height <= image.height
    assert fit == "letterbox" or (place.width, place.height) == (image.width, image.height)


@settings(deadline=None, max_examples=30)
@given(st.integers(8, 900), st.integers(8, 900), st.integers(0, 255))
def test_a_flat_picture_stays_flat_and_the_border_is_grey(width: int, height: int, value: int) -> None:
    (tensor,), (place,) = preprocess([np.full((height, width, 3), value, np.uint8)], LETTERBOX)
    inside = tensor[place.top : place.top + place.height, place.left : place.left + place.width]
    assert (inside == value).all()
    outside = tensor.astype(np.int64).sum() - inside.astype(np.int64).sum()
    assert outside == (tensor.size - inside.size) * PAD_VALUE


def test_opencv_frames_become_rgb() -> None:
    blue = np.zeros((224, 384, 3), np.uint8)
    blue[..., 0] = 200
    rgb, _ = preprocess([blue], LETTERBOX)
    bgr, _ = preprocess([blue], LETTERBOX.model_copy(update={"color": "BGR"}))
    assert rgb[0, 0, 0].tolist() == [0, 0, 200]
    assert bgr[0, 0, 0].tolist() == [200, 0, 0]
    assert blue[0, 0].tolist() == [200, 0, 0], "the caller's frame must not change"


def test_float_models_get_their_scale_mean_and_std_in_their_layout() -> None:
    image = ImageInput(
        width=32, height=16, layout="NCHW", dtype="float32", scale=1 / 255, mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 1.0)
    )
    frame = np.zeros((16, 32, 3), np.uint8)
    frame[..., 2] = 255
    tensor, _ = preprocess([frame], image)
    assert tensor.dtype == np.float32
    assert tensor.shape == (1, 3, 16, 32)
    np.testing.assert_allclose(tensor[0, :, 0, 0], [1.0, -1.0, 0.0], atol=1e-6)


def test_infrared_cameras_give_grey_frames() -> None:
    grey = np.full((30, 40), 90, np.uint8)
    tensor, _ = preprocess([grey, grey[..., None]], LETTERBOX)
    assert (tensor[:, 112, 192] == 90).all()


def test_frames_of_different_sizes_share_a_batch() -> None:
    tensor, places = preprocess([np.zeros((1080, 1920, 3), np.uint8), np.zeros((480, 640, 3), np.uint8)], LETTERBOX)
    assert tensor.shape == (2, 224, 384, 3)
    assert [(p.width, p.height) for p in places] == [(384, 216), (299, 224)]


def test_no_frames_give_an_empty_batch() -> None:
    tensor, places = preprocess([], LETTERBOX)
    assert tensor.shape == (0, 224, 384, 3)
    assert places == []


@pytest.mark.parametrize(
    "frame",
    [np.zeros((0, 10, 3), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.uint16)],
    ids=["empty", "four channels", "sixteen bit"],
)
def test_what_is_not_an_image_is_refused(frame: np.ndarray) -> None:
    with pytest.raises(InferenceError, match="a frame must"):
        preprocess([frame], LETTERBOX)


def test_shrinking_does_not_skip_pixels() -> None:
    frame = np.zeros((1080, 1920, 3), np.uint8)
    frame[::2] = 200  # stripes of one pixel: sampling would give 0 or 200
    small = shrink_or_grow(frame, 384, 216)
    assert abs(int(small.mean()) - 100) <= 2
    assert small.std() < 10
