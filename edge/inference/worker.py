"""The worker process: loads one model, then answers jobs until the agent goes away.

Started by ``worker_client`` as ``python -m edge.inference.worker SOCKET MEMORY``. It holds no state worth saving and may be
killed at any moment.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

import structlog

from contracts.errors import ConfigurationError, ShoalError
from edge.inference.engine import Engine, load_engine
from edge.inference.worker_channel import Attach, Channel, FrameRing, Infer, Inferred, Load, Loaded, Refused
from edge.logs import configure_logging
from edge.parent import die_with_parent

log = structlog.get_logger()

NICE = 2
"""Alarms, sensors and the outbox go first when the processor is short."""


def main(arguments: list[str]) -> int:
    """Run until the other end of the socket is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the agent
    die_with_parent(signal.SIGKILL)  # also while it hangs in the model
    os.nice(NICE)
    channel = Channel(socket.socket(fileno=int(arguments[0])))
    try:
        return _serve(channel, int(arguments[1]))
    except (EOFError, BrokenPipeError):
        return 0


def _serve(channel: Channel, memory: int) -> int:
    load = channel.wait()
    if not isinstance(load, Load):
        return 1
    configure_logging(load.log_level)
    try:
        engine = load_engine(load.settings, cache=load.cache)
    except (ShoalError, ImportError, OSError, MemoryError) as error:
        reason = f"{error.value}: {error.remedy}" if isinstance(error, ConfigurationError) else str(error)
        channel.send(Refused(reason))
        return 0
    channel.send(Loaded(engine.report))
    ring: FrameRing | None = None
    while True:
        message = channel.wait()
        if isinstance(message, Attach):
            ring = FrameRing(memory, slots=message.slots, height=message.height, width=message.width)
        elif isinstance(message, Infer) and ring is not None:
            channel.send(_infer(engine, ring, message))


def _infer(engine: Engine, ring: FrameRing, job: Infer) -> Inferred:
    batch = ring.images[job.first : job.first + len(job.placements)]
    try:
        found = engine.detect_fitted(batch, job.placements)
    except Exception as error:  # noqa: BLE001  (a model may fail in any way; it is told, and the next job is another chance)
        return Inferred(job.job, None, f"{type(error).__name__}: {error}")
    return Inferred(job.job, tuple(tuple(detections) for detections in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
