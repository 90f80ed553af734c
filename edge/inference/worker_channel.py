"""Between the agent and its worker process: one socket pair for messages, one piece of shared memory for frames.

Frames never travel through the socket: they are drawn into the ring at the model's size, and a job names its slots. The
memory is anonymous (``memfd``), so neither the size of /dev/shm nor a killed process can hurt it. There is one socket pair
per worker: a killed worker can leave no lock behind.
"""

from __future__ import annotations

import mmap
import os
import pickle
import socket
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from contracts.vision import Detection
from edge.inference.engine import EngineReport
from edge.inference.settings import ModelSettings

if TYPE_CHECKING:
    from edge.cameras.source import Image
    from models.runtime.preprocess import Placement

MAX_MESSAGE_BYTES = 64_000_000
_HEADER = struct.Struct("!I")
_RECEIVE_BYTES = 1 << 16


@dataclass(frozen=True)
class Load:
    """To the worker, first: which model to load."""

    settings: ModelSettings
    cache: Path | None
    """Folder for engines that are built on this device."""
    log_level: str
    goes_first: bool = False
    """Whether the kernel should end this process before any other when memory runs out."""


@dataclass(frozen=True)
class Attach:
    """To the worker: the ring has this shape now."""

    slots: int
    height: int
    width: int


@dataclass(frozen=True)
class Infer:
    """To the worker: run the model on consecutive slots."""

    job: int
    first: int
    placements: tuple[Placement, ...]
    health: tuple[bool, ...] = ()
    """Whether the health model looks at it, for each frame; empty: at none."""


@dataclass(frozen=True)
class Loaded:
    """From the worker: the model runs."""

    report: EngineReport


@dataclass(frozen=True)
class Refused:
    """From the worker, before it ends: the model cannot be used."""

    reason: str


@dataclass(frozen=True)
class Inferred:
    """From the worker: the result of a job, or why there is none."""

    job: int
    detections: tuple[tuple[Detection, ...], ...] | None
    error: str = ""
    health: tuple[tuple[Mapping[str, float], ...], ...] = ()
    """Of each frame the scores of its fish; empty when the health model looked at none."""
    distances: tuple[float | None, ...] = ()
    """Of each frame how far it lies from those of the training; None when the model does not tell."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Detections travel as JSON: pickle takes twice the processor time for as many models as a school has fish."""
        found = None if self.detections is None else _DETECTIONS.dump_json(self.detections)
        return _inferred, (self.job, found, self.error, self.health, self.distances)


_DETECTIONS = TypeAdapter(tuple[tuple[Detection, ...], ...])


def _inferred(
    job: int,
    found: bytes | None,
    error: str,
    health: tuple[tuple[Mapping[str, float], ...], ...],
    distances: tuple[float | None, ...],
) -> Inferred:
    return Inferred(job, None if found is None else _DETECTIONS.validate_json(found), error, health, distances)


Message = Load | Attach | Infer | Loaded | Refused | Inferred


class Channel:
    """Messages over one end of a socket pair. Both ends are ours, so pickle is safe here."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._received = bytearray()

    def fileno(self) -> int:
        """For ``select``."""
        return self._socket.fileno()

    def send(self, message: Message) -> None:
        """Send one message; the answer to it bounds how many wait, so this does not block for long.

        Raises:
            OSError: the other end is gone.
        """
        body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        self._socket.sendall(_HEADER.pack(len(body)) + body)

    def wait(self) -> Message:
        """The next message, however long it takes.

        Raises:
            EOFError: the other end is gone.
        """
        while (message := self._complete()) is None:
            self._receive(0)
        return message

    def poll(self) -> Message | None:
        """The next message if it is there completely; never blocks, also when the sender froze in the middle of one.

        Raises:
            EOFError: the other end is gone.
        """
        while (message := self._complete()) is None:
            try:
                self._receive(socket.MSG_DONTWAIT)
            except BlockingIOError:  # noqa: PERF203  (this is how it says that nothing more is there)
                return None
        return message

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def _receive(self, flags: int) -> None:
        try:
            data = self._socket.recv(_RECEIVE_BYTES, flags)
        except BlockingIOError:
            raise
        except OSError as error:
            raise EOFError(str(error)) from error
        if not data:
            raise EOFError("the other end is closed")
        self._received += data

    def _complete(self) -> Message | None:
        if len(self._received) < _HEADER.size:
            return None
        (length,) = _HEADER.unpack_from(self._received)
        if length > MAX_MESSAGE_BYTES:
            raise EOFError(f"a message of {length} bytes")
        end = _HEADER.size + length
        if len(self._received) < end:
            return None
        message: Any = pickle.loads(memoryview(self._received)[_HEADER.size : end])  # noqa: S301  (from our own child)
        del self._received[:end]
        return message  # type: ignore[no-any-return]


def anonymous_memory() -> int:
    """A descriptor of memory that has no name, belongs to nobody's quota but the process', and vanishes with it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("shoal-frames")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class FrameRing:
    """Slots for frames of one size in shared memory.

    Args:
        descriptor: from ``anonymous_memory``; stays the caller's.

    Raises:
        OSError: there is not so much memory.
    """

    def __init__(self, descriptor: int, *, slots: int, height: int, width: int) -> None:
        import numpy as np

        size = slots * height * width * 3
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)  # now, as an error, and not later as SIGBUS
        else:
            os.ftruncate(descriptor, size)
        self.slots = slots
        self._memory = mmap.mmap(descriptor, size)
        self.images: Image = np.frombuffer(self._memory, np.uint8).reshape(slots, height, width, 3)
