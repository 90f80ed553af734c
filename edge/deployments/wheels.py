"""Which wheels of an agent's release this machine needs, and whether what a wheel holds may be installed. Pure but for reading wheels.

A release carries the wheels of all machines of a fleet. Of each distribution a machine takes the one that fits it best; what a release
does not bring, the machine's own environment has.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from contracts.deployments import AGENT_DISTRIBUTION, Cause, Release, ReleaseFile
from edge.deployments.errors import RefusedError

PIP = "pip"
MOST_UNPACKED_BYTES = 6_000_000_000
"""Of all wheels of a version together; a wheel that unpacks to more is a bomb."""
SLOT_SHARE = 1.6
"""Bytes of a slot for each unpacked byte: bytecode, and the interpreter's own files."""


def chosen(release: Release, tags: Sequence[Tag]) -> tuple[ReleaseFile, ...]:
    """The wheels for this machine, the agent's first.

    Args:
        release: verified.
        tags: of this interpreter, best first.

    Raises:
        RefusedError: a distribution has none that fits, or the release is none of the agent.
    """
    rank = {tag: index for index, tag in enumerate(tags)}
    best: dict[str, tuple[int, ReleaseFile]] = {}
    named = set()
    for file in release.files:
        if not file.path.endswith(".whl"):
            continue
        try:
            name, version, _, of_wheel = parse_wheel_filename(PurePosixPath(file.path).name)
        except InvalidWheelFilename as error:
            raise RefusedError(f"{file.path} is no wheel", Cause.INCOMPATIBLE) from error
        named.add(name)
        if file.path == release.model_file and (name, str(version)) != (AGENT_DISTRIBUTION, release.version):
            raise RefusedError(f"{file.path} is not the agent {release.version}", Cause.INCOMPATIBLE)
        fits = [rank[tag] for tag in of_wheel if tag in rank]
        if fits and (name not in best or min(fits) < best[name][0]):
            best[name] = (min(fits), file)
    missing = sorted(named - set(best))
    if missing:
        raise RefusedError(f"no wheel of {', '.join(missing)} fits this machine ({tags[0]})", Cause.INCOMPATIBLE)
    if AGENT_DISTRIBUTION not in best or best[AGENT_DISTRIBUTION][1].path != release.model_file:
        raise RefusedError("the release has no wheel of the agent", Cause.INCOMPATIBLE)
    agent = best.pop(AGENT_DISTRIBUTION)[1]
    return (agent, *(file for _, (_, file) in sorted(best.items())))


def file_name(file: ReleaseFile) -> str:
    """Under which pip takes it."""
    return PurePosixPath(file.path).name


def pip_of(wheels: Iterable[ReleaseFile]) -> ReleaseFile | None:
    """The release's own pip, so that a machine without one can install it."""
    return next((file for file in wheels if file_name(file).startswith(f"{PIP}-")), None)


def requirements(wheels: Iterable[ReleaseFile], folder: Path) -> str:
    """What pip is told to install: files of this folder, each by its hash, and nothing else."""
    return "".join(
        f"{folder / file_name(file)} --hash=sha256:{file.sha256}\n"
        for file in wheels
        if not file_name(file).startswith(f"{PIP}-")
    )


def unpacked_bytes(wheel: Path) -> int:
    """What a wheel unpacks to.

    Raises:
        RefusedError: it is no archive, or a name in it leads out of the slot.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise RefusedError(f"{wheel.name} cannot be read: {error}") from error
    for info in infos:
        path = PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in info.filename or ":" in info.filename:
            raise RefusedError(f"{wheel.name} holds {info.filename!r}, which leads out of its place")
    return sum(info.file_size for info in infos)
