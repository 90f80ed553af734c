"""The worker process: loads one model, then answers jobs until the agent goes away.

Started by ``worker_client`` as ``python -m edge.inference.worker SOCKET MEMORY``. It holds no state worth saving and may be
killed at any moment.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from contracts.errors import ConfigurationError, ShoalError
from contracts.vision import Detection
from edge.inference.engine import Engine, load_engine
from edge.inference.health import HealthEngine, load_health
from edge.inference.worker_channel import Attach, Channel, FrameRing, Infer, Inferred, Load, Loaded, Refused
from edge.logs import configure_logging
from edge.parent import die_with_parent

if TYPE_CHECKING:
    from edge.cameras.source import Image

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
    if load.goes_first:
        _go_first()
    try:
        engine = load_engine(load.settings, cache=load.cache)
    except (ShoalError, ImportError, OSError, MemoryError) as error:
        reason = f"{error.value}: {error.remedy}" if isinstance(error, ConfigurationError) else str(error)
        channel.send(Refused(reason))
        return 0
    health, trouble = _health(load, engine)
    channel.send(Loaded(replace(engine.report, health=health.model if health else None, health_trouble=trouble)))
    ring: FrameRing | None = None
    while True:
        message = channel.wait()
        if isinstance(message, Attach):
            ring = FrameRing(memory, slots=message.slots, height=message.height, width=message.width)
        elif isinstance(message, Infer) and ring is not None:
            channel.send(_infer(engine, health, ring, message))


def _go_first() -> None:
    """When memory runs out the kernel ends this process, not the one of the box's own model; nobody needs a right to ask for that."""
    with suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text("1000")


def _health(load: Load, engine: Engine) -> tuple[HealthEngine | None, str]:
    """The health model, or why it does not run: a bad one must not take the counts away."""
    try:
        return load_health(load.settings, color=engine.report.image.color), ""
    except (ShoalError, ImportError, OSError, MemoryError) as error:
        reason = f"{error.value}: {error.remedy}" if isinstance(error, ConfigurationError) else str(error)
        log.error("health_model.not_loaded", reason=reason)  # noqa: TRY400  (the event says it all)
        return None, reason


def _infer(engine: Engine, health: HealthEngine | None, ring: FrameRing, job: Infer) -> Inferred:
    batch = ring.images[job.first : job.first + len(job.placements)]
    try:
        looks = engine.look_fitted(batch, job.placements)
    except Exception as error:  # noqa: BLE001  (a model may fail in any way; it is told, and the next job is another chance)
        return Inferred(job.job, None, f"{type(error).__name__}: {error}")
    found = [look.detections for look in looks]
    return Inferred(
        job.job,
        tuple(tuple(detections) for detections in found),
        health=_look(engine, health, batch, job, found),
        distances=tuple(look.distance for look in looks),
    )


def _look(
    engine: Engine, health: HealthEngine | None, batch: Image, job: Infer, found: Sequence[Sequence[Detection]]
) -> tuple[tuple[Mapping[str, float], ...], ...]:
    """What the health model says of each frame whose turn it is; a failure of it leaves the detections as they are."""
    if health is None or not any(job.health):
        return ()
    threshold = engine.report.threshold
    try:
        return tuple(
            health.look(frame, place, one, threshold) if wanted else ()
            for frame, place, one, wanted in zip(batch, job.placements, found, job.health, strict=True)
        )
    except Exception as error:  # noqa: BLE001  (see above)
        log.warning("health_model.failed", error=f"{type(error).__name__}: {error}")
        return ()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
