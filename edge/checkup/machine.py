"""The machine: clock, disk, shared memory, limits and heat. Reads kernel files below ``root``, so a test can bring its own."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.checkup.finding import Finding, Verdict
from edge.clock import RELEASED_AT, Clock, SystemClock, kernel_synchronised

SLOW_FSYNC_MS, HOPELESS_FSYNC_MS = 100.0, 1000.0
FSYNCS = 5
HOT_C, TOO_HOT_C = 80.0, 95.0
SHM_BYTES = 64_000_000
"""Shared memory that cameras and the model need; container engines give 64 MB unless told otherwise."""
TASKS = 256
OPEN_FILES = 1024
FORGETS = frozenset({"tmpfs", "ramfs", "overlay"})
"""File systems that forget everything, or everything when the container goes."""
NO_POWER_CUT = frozenset({"vfat", "exfat", "ntfs", "ntfs3", "fuseblk", "msdos"})
UNSAFE_OPTIONS = frozenset({"nobarrier", "barrier=0", "data=writeback"})


@dataclass(frozen=True)
class Mount:
    """Where a folder lives."""

    point: str
    kind: str
    options: frozenset[str]


def examine_machine(
    data_dir: Path, *, min_free_bytes: int, max_bytes: int, cameras: bool, root: Path = Path("/")
) -> Iterator[Finding]:
    """Everything about the machine, most basic first."""
    yield clock_finding(SystemClock(), synchronised=kernel_synchronised())
    yield rtc_finding(root)
    yield from disk_findings(_existing(data_dir), min_free_bytes=min_free_bytes, max_bytes=max_bytes, root=root)
    if cameras:
        yield shm_finding(root)
    yield limits_finding(root)
    yield from heat_findings(root)


def clock_finding(clock: Clock, *, synchronised: bool | None) -> Finding:
    """Whether the time can be believed."""
    now = clock.now()
    if now < RELEASED_AT:
        what = f"It shows {now:%Y-%m-%d %H:%M} UTC"
        return Finding("clock", Verdict.BAD, what, "Set the date; fit a battery to the clock; start chrony")
    if synchronised is False:
        remedy = "Start chrony or systemd-timesyncd with a reachable server"
        return Finding("clock", Verdict.WARNING, "Nothing synchronises it", remedy)
    return Finding("clock", Verdict.OK, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def rtc_finding(root: Path) -> Finding:
    """Whether the machine keeps the time without power."""
    if any((root / "sys/class/rtc").glob("rtc*")):
        return Finding("battery clock", Verdict.OK, "There is one")
    what = "There is none: after a power cut the box counts until the network tells it the time"
    return Finding("battery clock", Verdict.WARNING, what, "Fit one (DS3231), or install fake-hwclock")


def disk_findings(folder: Path, *, min_free_bytes: int, max_bytes: int, root: Path) -> Iterator[Finding]:
    """Space, speed of a durable write, and whether the file system survives a power cut."""
    free = shutil.disk_usage(folder).free
    what = f"{free / 1e9:.1f} GB free at {folder}"
    if free < min_free_bytes:
        yield Finding("disk", Verdict.BAD, what, "Free some space: below outbox.min_free_bytes old data is dropped")
    elif free < max_bytes:
        remedy = "Lower outbox.max_bytes or free some space: the quota does not fit"
        yield Finding("disk", Verdict.WARNING, what, remedy)
    else:
        yield Finding("disk", Verdict.OK, what)
    yield _fsync_finding(folder)
    mount = mount_of(folder, root)
    if mount is not None:
        yield mount_finding(mount)


def mount_finding(mount: Mount) -> Finding:
    """Whether what is written there is still there after a power cut."""
    what = f"{mount.kind} at {mount.point}"
    if "ro" in mount.options:
        return Finding(
            "file system",
            Verdict.BAD,
            f"{what} is read-only",
            "It may have failed: look at dmesg, remount or replace it",
        )
    if mount.kind in FORGETS:
        remedy = "Put data_dir on a disk; in a container, on a volume"
        return Finding(
            "file system", Verdict.WARNING, f"{what} forgets everything with the machine or container", remedy
        )
    if mount.kind in NO_POWER_CUT:
        return Finding("file system", Verdict.WARNING, f"{what} has no journal", "Use ext4 or f2fs for data_dir")
    unsafe = sorted(mount.options & UNSAFE_OPTIONS)
    if unsafe:
        remedy = f"Take {', '.join(unsafe)} out of /etc/fstab"
        return Finding(
            "file system", Verdict.WARNING, f"{what} with {', '.join(unsafe)}: a power cut may spoil it", remedy
        )
    return Finding("file system", Verdict.OK, what)


def mount_of(folder: Path, root: Path) -> Mount | None:
    """The mount that a folder is on; None where the kernel does not tell."""
    try:
        lines = (root / "proc/self/mounts").read_text().splitlines()
    except OSError:
        return None
    path = str(folder.resolve())
    found: Mount | None = None
    for line in lines:
        _, point, kind, options = line.split()[:4]
        point = point.replace("\\040", " ")
        if path == point or path.startswith(point.rstrip("/") + "/"):
            inner = found is None or len(point) >= len(found.point)
            found = Mount(point, kind, frozenset(options.split(","))) if inner else found
    return found


def shm_finding(root: Path) -> Finding:
    """Whether shared memory is enough for frames."""
    folder = root / "dev/shm"
    if not folder.is_dir():
        return Finding("shared memory", Verdict.WARNING, "There is no /dev/shm", "Mount a tmpfs there")
    size = shutil.disk_usage(folder)
    what = f"{size.free / 1e6:.0f} MB of {size.total / 1e6:.0f} MB free"
    if size.free < SHM_BYTES:
        return Finding("shared memory", Verdict.WARNING, what, "Give the container more: --shm-size=256m")
    return Finding("shared memory", Verdict.OK, what)


def limits_finding(root: Path) -> Finding:
    """How many threads and files the agent may have."""
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    tasks = _tasks_limit(root)
    what = f"{'unlimited' if tasks is None else tasks} tasks, {files} open files"
    if tasks is not None and tasks < TASKS:
        return Finding("limits", Verdict.WARNING, what, "Raise TasksMax, or --pids-limit of the container")
    if files < OPEN_FILES:
        return Finding("limits", Verdict.WARNING, what, "Raise LimitNOFILE, or ulimit -n")
    return Finding("limits", Verdict.OK, what)


def heat_findings(root: Path) -> Iterator[Finding]:
    """The hottest sensor of the machine; nothing where it has none."""
    hottest = max(temperatures(root).items(), key=lambda item: item[1], default=None)
    if hottest is None:
        return
    name, celsius = hottest
    what = f"{celsius:.0f} °C at {name}"
    if celsius >= TOO_HOT_C:
        yield Finding("heat", Verdict.BAD, what, "It is throttling or about to stop: cool it, lower the cameras' fps")
    elif celsius >= HOT_C:
        yield Finding("heat", Verdict.WARNING, what, "Clean the fan; give the box air; lower the cameras' fps")
    else:
        yield Finding("heat", Verdict.OK, what)


def temperatures(root: Path = Path("/")) -> dict[str, float]:
    """Every thermal zone of the kernel in degrees Celsius; Jetson boards list their processors and their GPU here."""
    found = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        try:
            celsius = int((zone / "temp").read_text()) / 1000
            name = (zone / "type").read_text().strip()
        except (OSError, ValueError):
            continue  # a sleeping sensor
        if celsius > -100:  # noqa: PLR2004  (zones that are off report -256)
            found[name if name not in found else zone.name] = celsius
    return found


def _fsync_finding(folder: Path) -> Finding:
    took_ms = []
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            for _ in range(FSYNCS):
                began = time.perf_counter()
                file.write(b"shoal" * 800)
                file.flush()
                os.fsync(file.fileno())
                took_ms.append((time.perf_counter() - began) * 1000)
    except OSError as error:
        return Finding(
            "durable writes",
            Verdict.BAD,
            f"{folder}: {error.strerror}",
            "Give the agent's user the right to write there",
        )
    middle = statistics.median(took_ms)
    what = f"A durable write takes {middle:.1f} ms"
    if middle >= HOPELESS_FSYNC_MS:
        return Finding("durable writes", Verdict.BAD, what, "The disk is failing or overloaded: replace it")
    if middle >= SLOW_FSYNC_MS:
        return Finding("durable writes", Verdict.WARNING, what, "Use an SSD or an industrial SD card for data_dir")
    return Finding("durable writes", Verdict.OK, what)


def _tasks_limit(root: Path) -> int | None:
    limits = []
    for path in ("sys/fs/cgroup/pids.max", "sys/fs/cgroup/pids/pids.max"):
        try:
            text = (root / path).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            limits.append(int(text))
    return min(limits, default=None)


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
