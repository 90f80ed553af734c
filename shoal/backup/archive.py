"""One compressed file with everything in it: a tar, through zstd, readable by ``tar --zstd`` where Shoal is gone.

Written to a private temporary name and renamed when it is complete and on the disk. Read front to back; every file is compared
with the sha256 that the manifest at the end tells, so nothing is trusted before all of it was seen.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

import zstandard
from pydantic import ValidationError

from contracts.errors import ShoalError
from shoal.backup.manifest import FORMAT, MANIFEST, ArchivedFile, BackupManifest

LEVEL = 3
CHUNK = 1 << 20


class DamagedArchiveError(ShoalError):
    """The archive cannot be restored: cut short, changed, or not one of ours. Use an older one."""


class ArchiveWriter:
    """Adds files one after the other; ``close`` writes the manifest."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._compressed = zstandard.ZstdCompressor(level=LEVEL, threads=1, write_checksum=True).stream_writer(
            stream, closefd=False
        )
        self._tar = tarfile.open(fileobj=self._compressed, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self.files: list[ArchivedFile] = []

    def add(self, source: Path, name: str) -> bool:
        """Add a file; false when it has gone meanwhile, as pictures do that were thinned out."""
        try:
            file = source.open("rb")
        except FileNotFoundError:
            return False
        with file:
            status = os.fstat(file.fileno())
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = status.st_size, int(status.st_mtime), 0o600
            reader = _Hashing(file, status.st_size)
            self._tar.addfile(member, reader)
        self.files.append(ArchivedFile(path=name, size=status.st_size, sha256=reader.sha256))
        return True

    def add_tree(self, folder: Path, name: str) -> int:
        """Add every regular file below a folder, with its folders, empty ones too; how many files."""
        count = 0
        for path in sorted(folder.rglob("*")):
            inside = f"{name}/{path.relative_to(folder).as_posix()}"
            if path.is_dir() and not path.is_symlink():
                member = tarfile.TarInfo(inside)
                member.type, member.mode = tarfile.DIRTYPE, 0o700
                self._tar.addfile(member)
            elif path.is_file() and not path.is_symlink():
                count += self.add(path, inside)
        return count

    def close(self, manifest: BackupManifest) -> None:
        """Write the manifest and the ends of both formats."""
        text = manifest.model_dump_json(indent=1).encode()
        member = tarfile.TarInfo(MANIFEST)
        member.size, member.mode = len(text), 0o600
        self._tar.addfile(member, io.BytesIO(text))
        self._tar.close()
        self._compressed.close()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def written_whole(target: Path) -> Iterator[IO[bytes]]:
    """A file of mode 0600 that appears under its name only when all of it is on the disk."""
    temporary = target.with_name(f".{target.name}.part")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too
    finally:
        os.close(folder)


def extract(archive: Path, target: Path) -> BackupManifest:
    """Unpack into an empty folder and prove every byte.

    Raises:
        DamagedArchiveError: it is not whole; whatever lies in ``target`` then is not to be used.
    """
    found: dict[str, ArchivedFile] = {}
    manifest: BackupManifest | None = None
    try:
        with archive.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
            with tarfile.open(fileobj=plain, mode="r|") as tar:
                for member in tar:
                    if member.name == MANIFEST:
                        manifest = _manifest(tar, member)
                    else:
                        _unpack(tar, member, target, found)
            while plain.read(CHUNK):  # to the end, where the checksum stands
                pass
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise DamagedArchiveError(f"{archive}: {error}") from error
    if manifest is None:
        raise DamagedArchiveError(f"{archive}: it ends before its manifest, so it was never completed")
    expected = {entry.path: entry for entry in manifest.files}
    if wrong := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
        raise DamagedArchiveError(f"{archive}: {len(wrong)} files are not what was saved, such as {wrong[0]}")
    return manifest


def _manifest(tar: tarfile.TarFile, member: tarfile.TarInfo) -> BackupManifest:
    text = tar.extractfile(member)
    try:
        manifest = BackupManifest.model_validate_json(text.read() if text else b"")
    except ValidationError as error:
        raise DamagedArchiveError(f"its manifest cannot be read: {error.error_count()} errors") from error
    if manifest.format > FORMAT:
        raise DamagedArchiveError(
            f"it was made by Shoal {manifest.shoal_version} in format {manifest.format}; restore it with that or a newer one"
        )
    return manifest


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, found: dict[str, ArchivedFile]) -> None:
    inside = PurePosixPath(member.name)
    if inside.is_absolute() or ".." in inside.parts or not (member.isfile() or member.isdir()):
        raise DamagedArchiveError(f"it has a member {member.name!r} that no backup has")
    path = target / inside
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    assert source is not None  # noqa: S101  (a regular file)
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            file.write(chunk)
    found[member.name] = ArchivedFile(path=member.name, size=member.size, sha256=digest.hexdigest())


class _Hashing:
    """Reads exactly ``size`` bytes and hashes what the archive gets: a file that grows meanwhile is cut, one that shrinks padded."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left, self._digest = file, size, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        chunk = self._file.read(wanted)
        chunk += bytes(wanted - len(chunk))
        self._left -= wanted
        self._digest.update(chunk)
        return chunk

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()
