"""The version before this one: its programs as an archive, so that an upgrade is tried whatever history a checkout has.

``unpack`` gives a folder from which ``python -m shoal`` runs it. ``keep`` replaces the archive, at a release.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import subprocess
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.architecture.tree import ROOT

_HERE = Path(__file__).parent
ARCHIVE = _HERE / "previous.tar.xz"
_FACTS = _HERE / "previous.json"
MIGRATIONS = Path("cloud/db/migrations/versions")
# What the programs need to run; the dashboard's files, documents and model weights are not part of the question.
_KEPT = (
    "contracts", "aquaculture", "bridge", "cloud", "shoal", "edge", "models/__init__.py", "models/runtime",
    ":(exclude)cloud/dashboard", ":(exclude)*.md", ":(exclude)**/cases/*",
)  # fmt: skip


@dataclass(frozen=True)
class Previous:
    """What is kept of a version."""

    commit: str
    """It was made of this one."""
    schema: str
    """Its newest migration."""
    sha256: str
    """Of the archive."""


def previous() -> Previous:
    """The version whose archive lies here; fails if the archive is not the one that was kept."""
    facts = Previous(**json.loads(_FACTS.read_text()))
    found = hashlib.sha256(ARCHIVE.read_bytes()).hexdigest()
    assert found == facts.sha256, f"{ARCHIVE.name} has the sha256 {found}; keep it again: python -m tests.upgrade"
    return facts


def unpack(folder: Path) -> Path:
    """Write the previous version's files into ``folder``, which is made."""
    previous()
    folder.mkdir(parents=True)
    with tarfile.open(ARCHIVE) as archive:
        for member in archive.getmembers():
            if member.isfile():
                source = archive.extractfile(member)
                assert source is not None
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(source.read())
    return folder


def keep(commit: str) -> Previous:
    """Make the archive of ``commit`` (anything that git can name)."""
    exact = _git("rev-parse", "--verify", f"{commit}^{{commit}}").decode().strip()
    tar = _git("archive", "--format=tar", exact, "--", *_KEPT)
    ARCHIVE.write_bytes(lzma.compress(tar, preset=9 | lzma.PRESET_EXTREME))
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        files = [Path(name) for name in archive.getnames()]
    newest = max(file.stem for file in files if file.parent == MIGRATIONS and file.stem[0].isdigit())
    facts = Previous(exact, newest.split("_")[0], hashlib.sha256(ARCHIVE.read_bytes()).hexdigest())
    _FACTS.write_text(json.dumps(asdict(facts), indent=2) + "\n")
    return facts


def git_blobs(commit: str) -> dict[str, str] | None:
    """Path to git's name of the content for every file of a commit; None where git or the history is missing."""
    try:
        lines = _git("ls-tree", "-r", "-z", commit).decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        return None
    return {path: fields.split()[2] for fields, _, path in (line.partition("\t") for line in lines if line)}


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout
