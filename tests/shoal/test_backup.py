from __future__ import annotations

import io
import os
import shutil
import signal
import sqlite3
import tarfile
import time
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import psycopg
import pytest
import zstandard

from contracts.errors import ConfigurationError
from edge.outbox.store import SEQUENCE_JUMP
from shoal.backup.archive import ArchiveWriter, DamagedArchiveError, extract, written_whole
from shoal.backup.manifest import BackupManifest
from shoal.backup.restore import restore
from shoal.backup.save import prune, save
from shoal.box import BoxConfig, BoxFolder
from tests.edge.farm import new_outbox, readings_draft
from tests.shoal.running import open_folder, processes_of, running_demo, shoal

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=timezone.utc)


def archive_of(folder: Path, target: Path) -> Path:
    with written_whole(target) as file:
        writer = ArchiveWriter(file)
        writer.add_tree(folder, "box")
        writer.close(BackupManifest(made_at=NOW, shoal_version="1", database=False, files=tuple(writer.files)))
    return target


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    folder = tmp_path / "farm"
    (folder / "images").mkdir(parents=True)
    (folder / "images/fish.jpg").write_bytes(os.urandom(200_000))
    (folder / "secret.key").write_text("k" * 48)
    (folder / "empty").mkdir()
    return folder


def test_an_archive_brings_every_file_and_empty_folder_back(farm: Path, tmp_path: Path) -> None:
    archive = archive_of(farm, tmp_path / "one.tar.zst")
    extract(archive, tmp_path / "back")
    assert (tmp_path / "back/box/images/fish.jpg").read_bytes() == (farm / "images/fish.jpg").read_bytes()
    assert (tmp_path / "back/box/empty").is_dir()
    assert archive.stat().st_mode & 0o777 == 0o600, "it holds every password of the box"


@pytest.mark.parametrize("where", [0.02, 0.5, 0.98])
def test_a_changed_byte_anywhere_is_found(farm: Path, tmp_path: Path, where: float) -> None:
    archive = archive_of(farm, tmp_path / "one.tar.zst")
    content = bytearray(archive.read_bytes())
    content[int(len(content) * where)] ^= 0x10
    archive.write_bytes(content)
    with pytest.raises(DamagedArchiveError):
        extract(archive, tmp_path / "back")


@pytest.mark.parametrize("where", [0.0, 0.4, 0.999])
def test_an_archive_that_was_cut_short_is_refused(farm: Path, tmp_path: Path, where: float) -> None:
    archive = archive_of(farm, tmp_path / "one.tar.zst")
    os.truncate(archive, int(archive.stat().st_size * where))
    with pytest.raises(DamagedArchiveError):
        extract(archive, tmp_path / "back")


@pytest.mark.parametrize("name", ["../outside", "/etc/shoal", "box/../../outside"])
def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path, name: str) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    archive = tmp_path / "evil.tar.zst"
    archive.write_bytes(zstandard.ZstdCompressor().compress(plain.getvalue()))
    with pytest.raises(DamagedArchiveError, match="no backup has"):
        extract(archive, tmp_path / "back")


def test_a_failed_backup_leaves_no_file_that_looks_like_one(tmp_path: Path) -> None:
    attempt = written_whole(tmp_path / "shoal-1.tar.zst")
    attempt.__enter__().write(b"half")
    assert attempt.__exit__(OSError, OSError("no space"), None) is not True
    assert list(tmp_path.iterdir()) == []


def test_pruning_keeps_the_newest_and_never_everything(tmp_path: Path) -> None:
    for day in ("20261119", "20261120", "20261121"):
        (tmp_path / f"shoal-{day}T030000Z.tar.zst").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.name for path in prune(tmp_path, keep=2)] == ["shoal-20261119T030000Z.tar.zst"]
    assert len(prune(tmp_path, keep=0)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "shoal-20261121T030000Z.tar.zst"]


class SmallBox:
    """A box whose database is elsewhere, with one edge outside its folder: everything but PostgreSQL."""

    def __init__(self, root: Path) -> None:
        self.folder = BoxFolder(root / "box")
        self.folder.create()
        self.edge_data = root / "edge-data"
        self.config_file = root / "edge.yaml"
        self.config_file.write_text(
            f"site: farm-1\ndevice: edge-1\ndata_dir: {self.edge_data}\nmqtt: {{host: 127.0.0.1}}\n"
            "units: [{slug: tank-1, name: Tank 1, kind: tank, species: atlantic_salmon, volume_m3: 40}]\n"
        )
        self.folder.save(
            BoxConfig(
                ports={"mqtt": 1883},
                mqtt_password="m",
                database_password="d",
                database_url="postgresql://elsewhere/shoal",
                edges={"edge-farm-1": str(self.config_file)},
            )
        )
        self.folder.secret_key_file.write_text("k" * 48)

    def destroy(self) -> None:
        shutil.rmtree(self.folder.root)
        shutil.rmtree(self.edge_data)
        self.config_file.unlink()


def test_a_restored_outbox_keeps_what_waited_and_never_gives_a_number_twice(tmp_path: Path) -> None:
    box = SmallBox(tmp_path)
    outbox = new_outbox(box.edge_data)
    outbox.accept([readings_draft(1), readings_draft(2), readings_draft(3)])
    outbox.release(1)
    saved = save(box.folder.root, tmp_path, now=NOW)  # while the agent has the file open
    assert saved.manifest.edges[0].waiting == 2
    outbox.accept([readings_draft(4)])  # sent under number 4 before the disk died
    stream = outbox.stream
    outbox.close()
    box.destroy()

    done = restore(saved.path, box.folder.root, now=NOW)

    assert done.kept == ()
    assert box.folder.secret_key_file.read_text() == "k" * 48
    back = new_outbox(box.edge_data)
    try:
        assert back.stream == stream
        assert [row.seq for row in back.rows_after(0, limit=10)] == [2, 3], "the store knows them by these numbers"
        back.accept([readings_draft(5)])
        assert back.last_seq > SEQUENCE_JUMP, "number 4 may be in the store with another content"
    finally:
        back.close()


def test_an_outbox_that_is_still_on_the_disk_is_newer_and_stays(tmp_path: Path) -> None:
    box = SmallBox(tmp_path)
    outbox = new_outbox(box.edge_data)
    outbox.accept([readings_draft(1)])
    saved = save(box.folder.root, tmp_path, now=NOW)
    outbox.accept([readings_draft(2)])
    outbox.close()
    shutil.rmtree(box.folder.root)

    done = restore(saved.path, box.folder.root, now=NOW)

    assert done.kept == ("edge-farm-1",)
    with closing(sqlite3.connect(box.edge_data / "outbox.db")) as connection:
        assert connection.execute("SELECT count(*) FROM message").fetchone() == (2,)


def test_a_box_is_never_overwritten_but_moved_aside_on_request(tmp_path: Path) -> None:
    box = SmallBox(tmp_path)
    saved = save(box.folder.root, tmp_path, now=NOW)
    with pytest.raises(ConfigurationError, match="--replace"):
        restore(saved.path, box.folder.root, now=NOW)
    done = restore(saved.path, box.folder.root, now=NOW, replace=True)
    assert done.aside is not None
    assert (done.aside / "box.json").exists()
    with pytest.raises(ConfigurationError, match="never overwritten"):
        save(box.folder.root, saved.path, now=NOW)


Row = tuple[int, datetime, float | None]


def stored(folder: Path) -> tuple[set[Row], int]:
    """Every reading of the running box, and how many pictures its database names."""
    config = BoxFolder(folder).loaded()
    with psycopg.connect(config.dsn) as connection:
        rows = connection.execute("SELECT channel_id, observed_at, value FROM reading").fetchall()
        images = connection.execute("SELECT sha256 FROM image").fetchall()
    for (sha256,) in images:
        assert (folder / "storage/images" / sha256[:2] / sha256).exists(), "a picture that the database names"
    return set(rows), len(images)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(420)
def test_a_destroyed_box_comes_back_with_everything_that_it_had_confirmed() -> None:
    with open_folder() as folder:
        data = folder / "demo"
        with running_demo(data, "--speed", "120") as demo:
            demo.wait_until_running()
            demo.wait_for(lambda: len(stored(data)[0]) > 100 and stored(data)[1] > 0, 90)
            confirmed, images = stored(data)
            made = shoal("admin", "backup", "--data-dir", str(data), "--to", str(folder), "--keep", "3", timeout_s=120)
            assert made.returncode == 0, made.stderr
            credentials = (data / "credentials.json").read_text()
            os.kill(demo.process.pid, signal.SIGKILL)  # the machine is gone ...
            demo.finish()
            deadline = time.monotonic() + 30
            while processes_of(data) and time.monotonic() < deadline:
                time.sleep(0.2)
        shutil.rmtree(data)  # ... and its disk

        archive = next(folder.glob("shoal-*.tar.zst"))
        checked = shoal("admin", "check-backup", str(archive), "--scratch", str(folder), timeout_s=120)
        assert checked.returncode == 0, checked.stderr
        assert "database starts" in checked.stdout
        restored = shoal("admin", "restore", str(archive), "--data-dir", str(data), timeout_s=120)
        assert restored.returncode == 0, restored.stderr

        with running_demo(data, "--speed", "120") as demo:
            demo.wait_for(lambda: demo.output.count("Shoal is running") == 2, 120)
            back, pictures = stored(data)
            assert confirmed <= back, "what was confirmed before the backup is there"
            assert pictures >= images
            assert (data / "credentials.json").read_text() == credentials
            demo.wait_for(lambda: len(stored(data)[0]) > len(back), 60)
            # The store closes the gap in the numbers, so the outbox empties as always.
            demo.wait_for(lambda: outbox_waits(data) < 40, 60)


def outbox_waits(folder: Path) -> int:
    path = folder / "edges/farm-1/data/outbox.db"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
        return int(connection.execute("SELECT count(*) FROM message").fetchone()[0])
