"""Pictures checked before they are decoded, batches, versions in memory, and what is decided without I/O."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cloud.errors import (
    ApiError,
    BusyError,
    ConflictError,
    NoModelError,
    PayloadTooLargeError,
    UnsupportedImageError,
    UnusableImageError,
    UnusableModelError,
)
from cloud.predictions.batching import MicroBatcher, QueueFullError
from cloud.predictions.catalogue import Catalogue, Choice
from cloud.predictions.formats import read_header
from cloud.predictions.rules import Level, batch_size, level_of, retry_after_s, takes_candidate
from cloud.predictions.serving import Served, Serving
from cloud.predictions.state import ResultCache, VersionStatistics
from cloud.settings import ModelSplit, PredictionSettings
from contracts.bundles import Task
from tests.cloud.pictures import colour, encoded, jpeg, jpeg_of_size, png_of_size, with_exif
from tests.models.tiny_bundle import edit_manifest, tiny_classifier, tiny_detector

PIXELS = 50_000_000


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", UnsupportedImageError, "empty"),
        (b"not a picture at all", UnsupportedImageError, "no known kind"),
        (b"GIF89a" + bytes(40), UnsupportedImageError, "a GIF"),
        (b"RIFF\0\0\0\0WEBPVP8 ", UnsupportedImageError, "a WebP"),
        (b"\0\0\0\x18ftypheic", UnsupportedImageError, "a HEIC"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnsupportedImageError, "SVG"),
        (b"PK\x03\x04" + bytes(40), UnsupportedImageError, "a ZIP archive"),
        (b"\xff\xd8\xff\xe0", UnusableImageError, "no picture in it"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), UnusableImageError, "no picture in it"),
        (jpeg(colour("red", width=31, height=400)), UnusableImageError, "at least 32 x 32"),
        (encoded(colour("red", width=16, height=16), ".png"), UnusableImageError, "at least 32 x 32"),
        (png_of_size(60_000, 60_000), PayloadTooLargeError, "60000 x 60000"),
        (png_of_size(1_000_000, 40), PayloadTooLargeError, "20000 a side"),
        (jpeg_of_size(65_000, 65_000), PayloadTooLargeError, "65000 x 65000"),
        (encoded(np.zeros((64, 64, 3), np.uint16), ".png"), UnusableImageError, "16 bits"),
        (jpeg(colour("red"))[:-40], UnusableImageError, "ends before"),
        (encoded(colour("red"), ".png")[:-20], UnusableImageError, "ends before"),
        (encoded(colour("red"), ".png").replace(b"IDAT", b"IDaT"), UnusableImageError, "altered"),
    ],
)  # fmt: skip
def test_a_picture_is_refused_by_its_bytes_with_a_reason(data: bytes, error: type[ApiError], words: str) -> None:
    with pytest.raises(error) as refused:
        read_header(data, max_pixels=PIXELS)
    assert words in refused.value.detail
    assert 400 <= refused.value.status < 500


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_size_and_kind_come_from_the_bytes(suffix: str) -> None:
    header = read_header(encoded(colour("red", width=80, height=40), suffix), max_pixels=PIXELS)
    assert (header.width, header.height, header.turned) == (80, 40, False)
    assert header.media_type == {".jpg": "image/jpeg", ".png": "image/png"}[suffix]


@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (80, 40)), (3, (80, 40)), (6, (40, 80)), (8, (40, 80)), (99, (80, 40))]
)
def test_size_is_that_of_the_turned_picture(orientation: int, size: tuple[int, int]) -> None:
    header = read_header(with_exif(jpeg(colour("red", width=80, height=40)), orientation), max_pixels=PIXELS)
    assert (header.width, header.height) == size
    assert header.turned is (orientation in {3, 6, 8})


def test_a_thumbnails_end_is_not_taken_for_the_pictures() -> None:
    whole = jpeg(colour("red", width=80, height=40))
    comment = b"\xff\xfe\x00\x06\xff\xd9\xff\xd9"
    with pytest.raises(UnusableImageError, match="ends before"):
        read_header((whole[:2] + comment + whole[2:])[:-30], max_pixels=PIXELS)


def test_levels_follow_the_thresholds_and_unknown_is_low() -> None:
    assert [level_of(c, unknown=False) for c in (0.59, 0.6, 0.89, 0.9)] == [
        Level.LOW,
        Level.MEDIUM,
        Level.MEDIUM,
        Level.HIGH,
    ]
    assert level_of(0.95, unknown=True) is Level.LOW


def test_a_unit_keeps_its_arm_and_the_share_is_kept() -> None:
    units = [f"fjord/tank-{n}" for n in range(2000)]
    first = [takes_candidate("fish-species@1.1.0", unit, 0.2) for unit in units]
    assert first == [takes_candidate("fish-species@1.1.0", unit, 0.2) for unit in units]
    assert 0.17 < sum(first) / len(units) < 0.23
    grown = [takes_candidate("fish-species@1.1.0", unit, 0.5) for unit in units]
    assert all(later for earlier, later in zip(first, grown, strict=True) if earlier)  # a larger share takes nobody out
    assert first != [takes_candidate("fish-species@1.2.0", unit, 0.2) for unit in units]
    assert not any(takes_candidate("x", unit, 0.0) for unit in units)
    assert all(takes_candidate("x", unit, 1.0) for unit in units)


def test_a_processor_takes_pictures_one_by_one_and_an_accelerator_together() -> None:
    assert batch_size(None, dynamic=True, provider="CPUExecutionProvider") == 1
    assert batch_size(None, dynamic=True, provider="CUDAExecutionProvider") == 8
    assert batch_size(4, dynamic=True, provider="CPUExecutionProvider") == 4
    assert batch_size(4, dynamic=False, provider="CUDAExecutionProvider") == 1


def test_retry_after_is_a_whole_second_at_least() -> None:
    assert (retry_after_s(0, 10), retry_after_s(64, 100), retry_after_s(10_000, 1000)) == (1, 6, 60)


def test_results_are_forgotten_after_a_while_and_beyond_a_number() -> None:
    cache: ResultCache[str] = ResultCache(entries=2, ttl_s=10)
    cache.put("a", "m", "first", 0)
    cache.put("b", "m", "second", 1)
    assert cache.get("a", "m", 2) == "first"
    cache.put("c", "m", "third", 3)  # b was used longest ago
    assert (cache.get("a", "m", 4), cache.get("b", "m", 4), cache.get("c", "m", 4)) == ("first", None, "third")
    assert cache.get("a", "another model", 4) is None
    assert cache.get("a", "m", 10) is None
    assert len(cache) == 1


def test_statistics_keep_rates_of_the_latest() -> None:
    statistics = VersionStatistics()
    assert (statistics.percentile_ms(0.5), statistics.error_rate) == (None, 0.0)
    for n in range(100):
        statistics.batch(2, float(n))
        statistics.answer(0.95, unknown=False)
    statistics.answer(1.0, unknown=True)
    assert (statistics.predictions, statistics.batches, statistics.unknown) == (200, 100, 1)
    assert statistics.percentile_ms(0.95) == 95.0
    assert statistics.confidences == [0] * 9 + [101]


class Echo:
    """Stands where a model does: slow until told otherwise."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.batches: list[list[int]] = []

    def __call__(self, items: Sequence[int]) -> list[int | Exception]:
        assert self.go.wait(20)
        self.batches.append(list(items))
        return [item if item >= 0 else ValueError("negative") for item in items]


def test_what_waits_goes_together_and_each_gets_its_own() -> None:
    echo = Echo()
    batcher = MicroBatcher(echo, max_batch=4, max_wait_s=0, max_queue=100)
    futures = [batcher.submit(n) for n in (0, 1, 2, -3, 4, 5, 6)]
    echo.go.set()
    assert [futures[n].result(20) for n in (0, 1, 2, 4, 5, 6)] == [0, 1, 2, 4, 5, 6]
    assert isinstance(futures[3].exception(20), ValueError)
    assert sum(map(len, echo.batches)) == 7
    assert max(map(len, echo.batches)) == 4
    batcher.close()
    batcher.join(20)


def test_a_full_queue_refuses_and_a_closed_one_finishes() -> None:
    echo = Echo()
    batcher = MicroBatcher(echo, max_batch=1, max_wait_s=0, max_queue=2)
    first = batcher.submit(1)
    while batcher.waiting:  # until the thread has it
        pass
    futures = [batcher.submit(2), batcher.submit(3)]
    with pytest.raises(QueueFullError):
        batcher.submit(4)
    batcher.close()
    echo.go.set()
    assert [future.result(20) for future in (first, *futures)] == [1, 2, 3]
    with pytest.raises(QueueFullError):
        batcher.submit(5)


def test_a_batch_waits_for_what_is_on_its_way_and_not_longer() -> None:
    echo = Echo()
    echo.go.set()
    batcher = MicroBatcher(echo, max_batch=2, max_wait_s=30, max_queue=10)
    with batcher.arriving():
        first = batcher.submit(1)
        second = batcher.submit(2)
        assert (first.result(20), second.result(20)) == (1, 2)
    assert echo.batches == [[1, 2]]
    assert batcher.submit(3).result(20) == 3  # alone, and not held up for the thirty seconds
    batcher.close()


def catalogue(folder: Path, **settings: object) -> Catalogue:
    options: dict[str, object] = {"active": {}, "splits": {}, "shipped": folder / "none", **settings}
    return Catalogue(folder, **options)  # type: ignore[arg-type]


def test_the_newest_version_of_the_usual_name_is_active(tmp_path: Path) -> None:
    for version in ("1.2.0", "1.10.0", "1.9.9"):
        tiny_classifier(tmp_path / "fish-species" / version, name="fish-species", version=version)
    tiny_classifier(tmp_path / "other", name="other", version="9.0.0", gain=9)
    found = catalogue(tmp_path)
    assert found.active(Task.CLASSIFICATION).key == "fish-species@1.10.0"
    assert [each.key for each in found.all()][:2] == ["fish-species@1.10.0", "fish-species@1.9.9"]
    assert catalogue(tmp_path, active={"classification": "other"}).active(Task.CLASSIFICATION).key == "other@9.0.0"
    assert found.find("1.9.9").key == "fish-species@1.9.9"
    assert found.find(found.find("other").manifest.sha256).manifest.task is Task.CLASSIFICATION


def test_a_task_without_a_model_says_how_to_get_one(tmp_path: Path) -> None:
    tiny_detector(tmp_path / "tiny")
    with pytest.raises(NoModelError, match=r"models\.classifier\.train"):
        catalogue(tmp_path).active(Task.CLASSIFICATION)
    with pytest.raises(NoModelError, match="does detection, not classification"):
        catalogue(tmp_path).choose(Task.CLASSIFICATION, model="tiny", version=None, unit=None)


def test_an_ambiguous_version_is_a_question_back(tmp_path: Path) -> None:
    tiny_detector(tmp_path / "a", name="a")
    tiny_detector(tmp_path / "b", name="b")
    with pytest.raises(ConflictError, match=r"a@1\.0\.0, b@1\.0\.0"):
        catalogue(tmp_path).find("1.0.0")
    with pytest.raises(NoModelError, match="Several models"):
        catalogue(tmp_path).active(Task.DETECTION)


def test_units_are_split_and_pictures_without_a_unit_are_not(tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        tiny_classifier(tmp_path / version, name="fish-species", version=version)
    trial = catalogue(
        tmp_path,
        active={"classification": "fish-species@1.0.0"},
        splits={"fish-species": ModelSplit(version="1.1.0", share=0.5)},
    )

    def chosen(unit: str | None, version: str | None = None) -> tuple[str, str]:
        choice = trial.choose(
            Task.CLASSIFICATION, model="fish-species" if version else None, version=version, unit=unit
        )
        return choice.model.manifest.version, choice.arm

    arms = {chosen(f"fjord/tank-{n}") for n in range(40)}
    assert arms == {("1.0.0", "active"), ("1.1.0", "candidate")}
    assert chosen(None) == ("1.0.0", "active")
    assert chosen("fjord/tank-1", "1.0.0") == ("1.0.0", "asked")


def test_a_broken_manifest_is_told_and_hides_nobody(tmp_path: Path) -> None:
    tiny_detector(tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "manifest.json").write_text("{")
    found = catalogue(tmp_path)
    assert [each.key for each in found.all()] == ["tiny@1.0.0"]
    assert "bad" in found.broken()


def serve(folder: Path, **settings: object) -> tuple[Serving, Catalogue]:
    found = catalogue(folder)
    return Serving(PredictionSettings(**settings), catalogue=found), found  # type: ignore[arg-type]


def test_versions_leave_when_others_need_their_room(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        tiny_classifier(tmp_path / name, name=name, gain=10 + ord(name))

    async def story() -> None:
        serving, found = serve(tmp_path, predict_max_models=2, predict_cache_entries=0)
        picture = serving.check(jpeg(colour("green")))
        for name in ("a", "b", "a", "c"):
            assert (await serving.predict(picture, Choice(found.find(name), "asked"))).answer.label == "green"
        assert [each.manifest.name for each in found.all() if serving.is_loaded(each)] == ["a", "c"]
        assert len(serving.cache) == 0
        await serving.stop()
        assert not any(map(serving.is_loaded, found.all()))

    asyncio.run(story())


def test_a_version_that_needs_more_than_all_memory_is_refused(tmp_path: Path) -> None:
    tiny_classifier(tmp_path / "a")

    async def story() -> None:
        serving, found = serve(tmp_path, predict_max_memory_mb=1)
        with pytest.raises(UnusableModelError, match="SHOAL_PREDICT_MAX_MEMORY_MB"):
            await serving.predict(serving.check(jpeg(colour("red"))), Choice(found.find("tiny-colours"), "asked"))

    asyncio.run(story())


def test_an_altered_model_file_is_never_run(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "a")
    content = bytearray((folder / "model.onnx").read_bytes())
    content[-1] ^= 1
    (folder / "model.onnx").write_bytes(content)

    async def story() -> None:
        serving, found = serve(tmp_path)
        model = found.find("tiny-colours")
        with pytest.raises(UnusableModelError, match="sha256"):
            await serving.predict(serving.check(jpeg(colour("red"))), Choice(model, "asked"))
        assert "altered" in (serving.refused(model) or "")
        assert not serving.is_loaded(model)

    asyncio.run(story())


def test_a_version_that_fails_its_own_golden_frames_is_never_run(tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "a")
    (folder / "golden.png").write_bytes(encoded(colour("red"), ".png"))
    (folder / "golden.json").write_text('{"label": "blue", "confidence": 0.99}')
    edit_manifest(folder, golden=["golden.png"])

    async def story() -> None:
        serving, found = serve(tmp_path)
        with pytest.raises(UnusableModelError, match="fails its own test"):
            await serving.predict(serving.check(jpeg(colour("red"))), Choice(found.find("tiny-colours"), "asked"))

    asyncio.run(story())


def test_one_bad_picture_of_a_batch_fails_alone(tmp_path: Path) -> None:
    tiny_classifier(tmp_path / "a")
    good = jpeg(colour("blue"))
    bad = png_of_size(64, 64, content=b"no zlib stream")  # whole by its structure: only decoding finds out

    async def story() -> None:
        serving, found = serve(tmp_path)
        choice = Choice(found.find("tiny-colours"), "asked")
        pictures = [serving.check(data) for data in (good, bad, jpeg(colour("red")))]
        first, second, third = await asyncio.gather(
            *(serving.predict(picture, choice) for picture in pictures), return_exceptions=True
        )
        assert isinstance(first, Served)
        assert isinstance(third, Served)
        assert (first.answer.label, third.answer.label) == ("blue", "red")
        assert isinstance(second, UnusableImageError)
        assert serving.statistics["tiny-colours@1.0.0"].errors == 1
        await serving.stop()

    asyncio.run(story())


def test_a_picture_that_finds_the_queue_full_is_told_when_to_come_again(tmp_path: Path) -> None:
    tiny_classifier(tmp_path / "a")

    async def story() -> None:
        serving, found = serve(tmp_path, predict_queue=1, predict_max_batch=1, predict_cache_entries=0)
        choice = Choice(found.find("tiny-colours"), "asked")
        picture = serving.check(jpeg(colour("blue", width=2000, height=2000)))
        answers = await asyncio.gather(*(serving.predict(picture, choice) for _ in range(30)), return_exceptions=True)
        refused = [each for each in answers if isinstance(each, BusyError)]
        assert refused
        assert len(refused) + sum(isinstance(each, Served) for each in answers) == 30
        assert int(refused[0].headers["Retry-After"]) >= 1
        await serving.stop()

    asyncio.run(story())


def test_a_turned_picture_is_turned_before_the_model_sees_it(tmp_path: Path) -> None:
    tiny_detector(tmp_path / "a", width=64, height=64)
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[:16, 48:] = 255  # top right as stored; EXIF 6 turns it a quarter right: bottom right

    async def story() -> None:
        serving, found = serve(tmp_path)
        picture = serving.check(with_exif(encoded(frame, ".jpg"), 6))
        box = (await serving.predict(picture, Choice(found.find("tiny"), "asked"))).answer.detections[0].box
        assert (box.x, box.y) == pytest.approx((0.75, 0.75), abs=0.02)
        await serving.stop()

    asyncio.run(story())
