"""A JPEG decoded for a small use gives the model what the whole picture would have given it, at a fraction of the time."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.bundles import ImageInput
from models.runtime.errors import InferenceError
from models.runtime.jpeg import decode_for, jpeg_size, preprocess_encoded
from models.runtime.preprocess import preprocess
from shoal.simulate.fish import FishScene

INPUT = ImageInput(width=384, height=224)


@cache
def jpeg(width: int, height: int, *, progressive: bool = False) -> bytes:
    scene = FishScene(seed=3)
    scene.step(0.2)
    picture = cv2.resize(scene.render()[0], (width, height))
    options = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    return bytes(cv2.imencode(".jpg", picture, options)[1])


def turned(data: bytes) -> bytes:
    """The same with an EXIF segment that says: lie on the side."""
    entry = b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
    body = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00" + entry + b"\x00\x00\x00\x00"
    return data[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1281, 721), (64, 48)])
def test_the_header_says_the_size(width: int, height: int, *, progressive: bool) -> None:
    assert jpeg_size(jpeg(width, height, progressive=progressive)) == (width, height)


def test_what_says_no_size_is_decoded_whole() -> None:
    png = bytes(cv2.imencode(".png", np.zeros((720, 1280, 3), np.uint8))[1])
    assert jpeg_size(png) is None
    assert decode_for(png, 64, 36).shape == (720, 1280, 3)
    assert jpeg_size(turned(jpeg(640, 360))) is None
    assert decode_for(turned(jpeg(640, 360)), 64, 36).shape == (640, 360, 3)


@pytest.mark.parametrize(
    ("use", "decoded"),
    [((384, 216), (270, 480)), ((480, 270), (270, 480)), ((481, 270), (540, 960)), ((1000, 600), (1080, 1920))],
)
def test_a_picture_is_never_decoded_smaller_than_its_use(use: tuple[int, int], decoded: tuple[int, int]) -> None:
    assert decode_for(jpeg(1920, 1080), *use).shape[:2] == decoded


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1281, 721), (640, 480), (200, 100)])
def test_the_model_sees_the_same_as_from_the_whole_picture(width: int, height: int) -> None:
    data = jpeg(width, height)
    (whole,), (place,) = preprocess([cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)], INPUT)
    (part,), (same,) = preprocess_encoded([data], INPUT)
    assert same == place
    assert np.abs(whole.astype(int) - part).mean() < 1.5


@given(st.binary(max_size=200))
def test_noise_is_refused_and_breaks_nothing(noise: bytes) -> None:
    size = jpeg_size(b"\xff\xd8" + noise)
    assert size is None or min(size) > 0
    with pytest.raises(InferenceError, match="not an image"):
        decode_for(b"\x00" + noise, 64, 64)


def test_a_picture_cut_off_in_its_header_is_refused() -> None:
    with pytest.raises(InferenceError, match="not an image"):
        preprocess_encoded([jpeg(640, 360)[:120]], INPUT)
