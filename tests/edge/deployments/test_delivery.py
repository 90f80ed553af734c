"""Bytes on their way to a box: every kind of source, cut lines, deltas, budgets, one download per farm, power cuts."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto import mock_aws

from contracts.deployments import Release, ReleaseFile, blob_path
from edge.deployments.downloader import Bandwidth, Downloader
from edge.deployments.errors import NoRoomError, SourceUnavailableError, TamperedError
from edge.deployments.mirror import Mirror as SiteMirror
from edge.deployments.mirror import open_server
from edge.deployments.settings import ArtifactSource, BandwidthSettings
from edge.deployments.slots import Installed, Slots, sha256_of
from edge.deployments.sources import Source, open_source
from models.releases.upload import destination, upload
from models.runtime import delta
from tests.edge.deployments.ceremony import Ceremony, Mirror
from tests.edge.farm import VirtualClock

CONFIGURED = Installed(None, "fish-detector", "0" * 64)


@pytest.fixture
def ceremony(tmp_path: Path) -> Ceremony:
    return Ceremony(tmp_path)


@pytest.fixture
def release(ceremony: Ceremony) -> Release:
    return ceremony.release(ceremony.bundle())


def downloader(folder: Path, *sources: Source, known: list[Path] | None = None, **bandwidth: int) -> Downloader:
    waited: list[float] = []
    budget = Bandwidth(
        BandwidthSettings(**bandwidth),  # type: ignore[arg-type]
        file=folder.parent / "budget.json",
        clock=VirtualClock(),
        zone="UTC",
        pause=waited.append,
    )
    fetcher = Downloader(folder, sources=sources, bandwidth=budget, known=lambda: known or [], min_free_bytes=0)
    fetcher.waited = waited  # type: ignore[attr-defined]
    return fetcher


def whole(fetcher: Downloader, release: Release) -> bool:
    return all(sha256_of(fetcher.blob(file)) == file.sha256 for file in release.files)


@contextmanager
def serving(mirror: SiteMirror) -> Iterator[str]:
    server = open_server(mirror, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_usb_stick_brings_everything_and_the_same_verification(ceremony: Ceremony, release: Release) -> None:
    stick = ceremony.folder / "stick"
    sent = upload(ceremony.repository.folder, destination(str(stick)))
    assert sent > release.bytes
    again = upload(ceremony.repository.folder, destination(str(stick)))
    assert again < 3000, "only the timestamps"
    source = open_source(ArtifactSource(kind="folder", path=stick))
    resolved = ceremony.verifier(sources=[source]).resolve(ceremony.assign())
    fetcher = downloader(ceremony.folder / "blobs", source)
    fetcher.fetch(resolved.release)
    assert whole(fetcher, resolved.release)
    absent = open_source(ArtifactSource(kind="folder", path=ceremony.folder / "pulled-out"))
    with pytest.raises(SourceUnavailableError, match="is not there"):
        ceremony.verifier(sources=[absent], folder=ceremony.folder / "other").refresh()


def test_s3_brings_everything_and_resumes(
    ceremony: Ceremony, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    with mock_aws():
        location = {"LocationConstraint": "eu-north-1"}
        boto3.client("s3").create_bucket(Bucket="releases", CreateBucketConfiguration=location)
        upload(ceremony.repository.folder, destination("s3://releases/farm"))
        source = open_source(ArtifactSource(kind="s3", bucket="releases", prefix="farm"))
        resolved = ceremony.verifier(sources=[source]).resolve(ceremony.assign())
        folder = ceremony.folder / "blobs"
        folder.mkdir()
        model = resolved.release.file("model.onnx")
        assert model is not None
        content = (ceremony.repository.folder / blob_path(model.sha256)).read_bytes()
        (folder / f"{model.sha256}.part").write_bytes(content[:500])
        fetcher = downloader(folder, source)
        fetcher.fetch(resolved.release)
        assert whole(fetcher, resolved.release)
        assert fetcher.transferred == release.bytes - 500


def test_one_download_per_farm_however_many_boxes_ask_at_once(ceremony: Ceremony, release: Release) -> None:
    upstream = Mirror(ceremony.repository.folder)
    site = SiteMirror([upstream], ceremony.folder / "site", max_bytes=10_000_000)
    with serving(site) as url:
        done: list[bool] = []

        def box(number: int) -> None:
            source = open_source(ArtifactSource(kind="http", url=url, metered=False))
            device = f"edge-{number}"
            verifier = ceremony.verifier(sources=[source], device=device, folder=ceremony.folder / device)
            resolved = verifier.resolve(ceremony.assign(device=device))
            fetcher = downloader(ceremony.folder / f"blobs-{number}", source)
            fetcher.fetch(resolved.release)
            done.append(whole(fetcher, resolved.release))

        boxes = [threading.Thread(target=box, args=(number,)) for number in range(6)]
        for one in boxes:
            one.start()
        for one in boxes:
            one.join(30)
    assert done == [True] * 6
    for file in release.files:
        assert upstream.reads.count(blob_path(file.sha256)) == 1


def test_a_mirror_whose_upstream_is_away_serves_what_it_has_and_nothing_outside_of_a_repository(
    ceremony: Ceremony, release: Release
) -> None:
    upstream = Mirror(ceremony.repository.folder)
    site = SiteMirror([upstream], ceremony.folder / "site", max_bytes=10_000_000)
    with serving(site) as url:
        source = open_source(ArtifactSource(kind="http", url=url))
        ceremony.verifier(sources=[source]).resolve(ceremony.assign())
        downloader(ceremony.folder / "blobs", source).fetch(release)
        gone = ceremony.repository.folder.with_name("gone")
        ceremony.repository.folder.rename(gone)
        fetcher = downloader(ceremony.folder / "blobs-2", source)
        fetcher.fetch(release)
        assert whole(fetcher, release)
        for path in ("repository.json", "staged/root.json", "blobs/../../etc/passwd", "metadata/../repository.json"):
            with pytest.raises(Exception, match="has no"):
                source.read(path)


class Cuts:
    """A source whose line is cut after so many bytes, again and again."""

    def __init__(self, inner: Source, after: int) -> None:
        self.name, self.counts = "cuts", True
        self._inner, self._after = inner, after
        self.cuts = 0

    def read(self, path: str, *, offset: int = 0) -> tuple[int, Iterator[bytes]]:
        begins, chunks = self._inner.read(path, offset=offset)

        def some() -> Iterator[bytes]:
            left = self._after
            for chunk in chunks:
                for start in range(0, len(chunk), 100):
                    piece = chunk[start : start + 100]
                    if left <= 0:
                        self.cuts += 1
                        raise SourceUnavailableError("the line was cut")
                    left -= len(piece)
                    yield piece

        return begins, some()


def test_a_line_that_is_cut_again_and_again_costs_no_byte_twice(ceremony: Ceremony, release: Release) -> None:
    source = Cuts(ceremony.source(), 200)
    transferred = 0
    for _ in range(60):
        fetcher = downloader(ceremony.folder / "blobs", source)  # a new start of the agent each time
        try:
            fetcher.fetch(release)
        except SourceUnavailableError:
            transferred += fetcher.transferred
        else:
            transferred += fetcher.transferred
            break
    assert source.cuts >= 5
    assert whole(fetcher, release)
    assert transferred <= 1.05 * release.bytes


def test_a_server_without_ranges_begins_anew_and_still_gives_the_right_file(
    ceremony: Ceremony, release: Release
) -> None:
    class NoRanges(Mirror):
        def read(self, path: str, *, offset: int = 0) -> tuple[int, Iterator[bytes]]:
            return super().read(path, offset=0)

    folder = ceremony.folder / "blobs"
    folder.mkdir()
    (folder / f"{release.sha256}.part").write_bytes(b"something else")
    fetcher = downloader(folder, NoRanges(ceremony.repository.folder))
    fetcher.fetch(release)
    assert whole(fetcher, release)


def test_tampered_bytes_are_thrown_away_and_the_next_source_is_asked(ceremony: Ceremony, release: Release) -> None:
    path = blob_path(release.sha256)
    content = bytearray((ceremony.repository.folder / path).read_bytes())
    content[100] ^= 1
    bad = Mirror(ceremony.repository.folder)
    bad.instead[path] = bytes(content)
    fetcher = downloader(ceremony.folder / "blobs", bad)
    with pytest.raises(TamperedError, match="not what was signed"):
        fetcher.fetch(release)
    assert not (ceremony.folder / "blobs" / f"{release.sha256}.part").exists()
    fetcher = downloader(ceremony.folder / "blobs", bad, ceremony.source())
    fetcher.fetch(release)
    assert whole(fetcher, release)


def test_a_damaged_part_is_thrown_away(ceremony: Ceremony, release: Release) -> None:
    folder = ceremony.folder / "blobs"
    folder.mkdir()
    (folder / f"{release.sha256}.part").write_bytes(b"x" * 600)
    fetcher = downloader(folder, ceremony.source())
    with pytest.raises(TamperedError):
        fetcher.fetch(release)
    fetcher.fetch(release)
    assert whole(fetcher, release)


def test_endless_bytes_are_cut_off(ceremony: Ceremony, release: Release) -> None:
    bad = Mirror(ceremony.repository.folder)
    bad.endless = {blob_path(release.sha256)}
    with pytest.raises(TamperedError):
        downloader(ceremony.folder / "blobs", bad).fetch(release)
    assert bad.served <= release.bytes + 2 * 65_536


def test_the_days_budget_holds_over_a_restart_and_the_link_is_not_filled(ceremony: Ceremony, release: Release) -> None:
    metered = Cuts(ceremony.source(), 10**9)
    fetcher = downloader(ceremony.folder / "blobs", metered, max_bytes_per_s=1000)
    fetcher.fetch(release)
    assert sum(fetcher.waited) == pytest.approx(release.bytes / 1000, rel=0.05)  # type: ignore[attr-defined]
    small = BandwidthSettings.model_construct(max_bytes_per_day=1000, max_bytes_per_s=None, windows=())
    clock = VirtualClock()
    file = ceremony.folder / "day.json"
    bandwidth = Bandwidth(small, file=file, clock=clock, zone="UTC", pause=lambda _s: None)
    with pytest.raises(SourceUnavailableError, match="are used up"):
        bandwidth.spend(1200)
    again = Bandwidth(small, file=file, clock=clock, zone="UTC", pause=lambda _s: None)
    assert again.left() == 0
    clock.advance(86_400)
    assert again.left() == 1000


def test_a_download_takes_the_rate_of_the_hour_and_the_strictest_while_the_time_is_not_known(tmp_path: Path) -> None:
    night = {"begins": "22:00", "ends": "06:00", "max_bytes_per_s": 100_000}
    settings = BandwidthSettings.model_validate({"max_bytes_per_s": 1000, "windows": [night]})
    clock, waited = VirtualClock(), list[float]()
    bandwidth = Bandwidth(settings, file=tmp_path / "day.json", clock=clock, zone="UTC", pause=waited.append)
    noon = clock.now().replace(hour=12, minute=0)
    for hour, expected_s in ((0, 100.0), (11, 1.0), (17, 1.0), (18, 100.0)):
        clock.wall = noon + timedelta(hours=hour)
        waited.clear()
        bandwidth.spend(100_000)
        assert waited == [pytest.approx(expected_s)], f"{clock.now():%H:%M}"
    clock.wall = noon + timedelta(hours=11)
    clock.knows_the_time = False
    waited.clear()
    bandwidth.spend(100_000)
    assert waited == [pytest.approx(100.0)]


def test_a_full_disk_is_said_before_anything_is_fetched(ceremony: Ceremony, release: Release) -> None:
    fetcher = downloader(ceremony.folder / "blobs", ceremony.source())
    fetcher._min_free_bytes = 10**18
    with pytest.raises(NoRoomError, match="are needed"):
        fetcher.fetch(release)
    assert fetcher.transferred == 0


def test_a_delta_against_the_installed_model_is_taken_and_its_result_proven(
    ceremony: Ceremony, release: Release
) -> None:
    second = ceremony.release(ceremony.bundle("2.0.0"))
    assert [one.base_sha256 for one in second.deltas] == [release.sha256]
    installed = ceremony.repository.folder / blob_path(release.sha256)
    known = ceremony.folder / "model.onnx"
    known.write_bytes(installed.read_bytes())
    fetcher = downloader(ceremony.folder / "blobs", ceremony.source(), known=[known])
    fetcher.fetch(second)
    assert whole(fetcher, second)
    others = sum(file.bytes for file in second.files if file.path != "model.onnx")
    assert fetcher.transferred == others + second.deltas[0].bytes
    # a delta that makes something else costs its bytes, and the whole file comes
    wrong = delta.encode(known.read_bytes(), b"y" * second.files[-1].bytes)
    bad = Mirror(ceremony.repository.folder)
    bad.instead[blob_path(second.deltas[0].sha256)] = wrong
    fetcher = downloader(ceremony.folder / "blobs-2", bad, known=[known])
    fetcher.fetch(second)
    assert whole(fetcher, second)


def test_what_is_on_the_box_already_is_not_fetched(ceremony: Ceremony, release: Release) -> None:
    known = [path for path in ceremony.bundle("1.0.0").rglob("*") if path.is_file()]
    fetcher = downloader(ceremony.folder / "blobs", ceremony.source(), known=known)
    fetcher.fetch(release)
    assert whole(fetcher, release)
    assert fetcher.transferred == 0


def test_a_delta_of_a_fine_tuned_head_is_small_and_of_any_bytes_right() -> None:
    rng = np.random.default_rng(5)
    weights = rng.normal(0, 0.05, 400_000).astype(np.float32)
    tuned = weights.copy()
    tuned[-15_000:] += rng.normal(0, 0.002, 15_000).astype(np.float32)
    base, result = b"header" + weights.tobytes(), b"a longer header" + tuned.tobytes()
    made = delta.encode(base, result)
    assert delta.decode(base, made, size=len(result)) == result
    assert len(made) <= 0.06 * len(result)
    for size in (0, 1, 3, 70_000):
        other = rng.bytes(size)
        assert delta.decode(base, delta.encode(base, other), size=size) == other
    with pytest.raises(delta.DeltaError):
        delta.decode(base, made, size=len(result) - 1)
    assert delta.decode(b"short", made, size=len(result)) != result, "the hash of the result is what tells"
    with pytest.raises(delta.DeltaError):
        delta.decode(base, made[:-20], size=len(result))


# -- slots ---------------------------------------------------------------------------------------------------------


def installed(ceremony: Ceremony, folder: Path, release: Release) -> Slots:
    slots = Slots(folder, configured=CONFIGURED)
    slots.install(slots.free(), release, lambda file: ceremony.repository.folder / blob_path(file.sha256))
    return slots


def test_a_release_goes_into_the_slot_that_does_not_run(ceremony: Ceremony, release: Release) -> None:
    slots = installed(ceremony, ceremony.folder / "slots", release)
    assert slots.pointer.active == CONFIGURED, "installed is not active"
    assert slots.holds("a", release)
    first = Installed("a", str(slots.bundle("a")), release.sha256)
    slots.point(first, CONFIGURED)
    again = Slots(ceremony.folder / "slots", configured=CONFIGURED)
    assert again.pointer.active == first
    assert again.pointer.previous == CONFIGURED
    assert again.free() == "b"
    with pytest.raises(ValueError, match="not overwritten"):
        again.install("a", release, lambda _file: Path())


def test_a_slot_that_was_changed_behind_our_back_is_noticed(ceremony: Ceremony, release: Release) -> None:
    slots = installed(ceremony, ceremony.folder / "slots", release)
    (slots.bundle("a") / "manifest.json").write_text("{}")
    assert not slots.holds("a", release)


def test_a_file_that_changes_while_it_is_written_leaves_the_slot_as_it_was(
    ceremony: Ceremony, release: Release
) -> None:
    slots = installed(ceremony, ceremony.folder / "slots", release)
    broken = ceremony.folder / "broken"
    broken.write_bytes(b"x")

    def blob(file: ReleaseFile) -> Path:
        return broken if file.path == "model.onnx" else ceremony.repository.folder / blob_path(file.sha256)

    with pytest.raises(TamperedError):
        slots.install("a", release, blob)
    assert slots.holds("a", release)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_power_cut_at_every_write_leaves_a_whole_slot_and_a_pointer_to_it(
    ceremony: Ceremony, release: Release, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    real = getattr(os, call)
    cuts = 0
    for cut in range(60):
        left = cut

        def power(*arguments: object) -> None:
            nonlocal left
            if left == 0:
                raise OSError(5, "the power is gone")
            left -= 1
            real(*arguments)

        folder = ceremony.folder / f"slots-{call}-{cut}"
        fetcher = downloader(ceremony.folder / f"blobs-{call}-{cut}", ceremony.source())
        monkeypatch.setattr(os, call, power)
        try:
            fetcher.fetch(release)
            slots = Slots(folder, configured=CONFIGURED)
            slots.install("a", release, fetcher.blob)
            slots.point(Installed("a", str(slots.bundle("a")), release.sha256), CONFIGURED)
        except OSError:
            cuts += 1
        finally:
            monkeypatch.setattr(os, call, real)
        after = Slots(folder, configured=CONFIGURED)
        if after.pointer.active.slot == "a":
            assert after.holds("a", release)
        else:
            assert after.pointer.active == CONFIGURED
        fetcher = downloader(ceremony.folder / f"blobs-{call}-{cut}", ceremony.source())
        fetcher.fetch(release)
        if after.pointer.active.slot is None:
            after.install("a", release, fetcher.blob)
        assert after.holds("a", release)
        if left > 0:
            break
    assert cuts >= 6


def test_nothing_needs_a_tmp_that_can_be_written(
    ceremony: Ceremony, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    def read_only() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", read_only)
    monkeypatch.setattr(tempfile, "_gettempdir", read_only)
    resolved = ceremony.verifier().resolve(ceremony.assign())
    fetcher = downloader(ceremony.folder / "blobs", ceremony.source())
    fetcher.fetch(resolved.release)
    slots = Slots(ceremony.folder / "slots", configured=CONFIGURED)
    slots.install("a", resolved.release, fetcher.blob)
    assert slots.holds("a", release)
