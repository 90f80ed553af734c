"""The demo: a box with simulated farms, watched for a while, then counted.

check -> start -> run until Ctrl-C or ``--duration`` -> simulator off -> outboxes drain -> books -> stop. Kills and crashes
on the way are the supervisor's business; the books at the end must balance all the same.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from contracts.errors import ConfigurationError
from shoal import preflight, summary
from shoal.box import DEMO_MODEL, BoxConfig, BoxFolder, Credentials, DemoPlan, configure, write_edge_config
from shoal.ports import PortClaims
from shoal.service_user import place, service_account
from shoal.summary import Books, Summary
from shoal.up import Box, Progress

log = structlog.get_logger()

DRAIN_S = 60.0
"""How long the outboxes may take to empty at the end; a healthy box needs two seconds."""
POLL_S = 0.2


@dataclass(frozen=True)
class DemoOptions:
    """What the user asked for."""

    data_dir: Path
    sites: int = 1
    speed: float = 60.0
    duration_s: float | None = None
    video: Path | None = None
    fresh: bool = False
    http_port: int | None = None
    log_level: str = "info"


class Screen(Progress, Protocol):
    """What the user sees."""

    def running(self, address: str, credentials: Credentials, folder: BoxFolder, *, sites: tuple[str, ...]) -> None:
        """Everything is up."""

    def moved(self, database: str) -> None:
        """The database could not stay in the data folder."""

    def draining(self) -> None:
        """The farm has stopped; what is on the way arrives now."""


def run(options: DemoOptions, screen: Screen, *, stopped: Callable[[], bool]) -> Summary | None:
    """Run the demo; None when it was stopped before it had started.

    Raises:
        ConfigurationError: an option cannot be used; nothing was started.
        StartError: a process did not start; everything was stopped again.
    """
    began = time.monotonic()
    plan = _plan(options)
    folder = BoxFolder(options.data_dir)
    if options.fresh:
        _empty(folder)
    folder.create()
    with folder.lock(), closing(PortClaims()) as claims:
        folder.began_file.unlink(missing_ok=True)
        box = Box(folder, _configured(folder, claims, plan, options))
        if box.database_elsewhere is not None:
            screen.moved(box.database_elsewhere)
        try:
            box.start(screen, while_waiting=lambda: _stop_early(stopped))
            started_in_s = time.monotonic() - began
            folder.began_file.write_text(str(time.time()))
            screen.running(box.address, folder.credentials(), folder, sites=plan.sites)
            _watch(box, options.duration_s, stopped)
            screen.draining()
            books = _settle(box)
            return summary.summarise(
                books,
                processes_restarted=box.supervisor.restarts,
                started_in_s=started_in_s,
                ran_s=time.monotonic() - began,
            )
        except _StoppedEarlyError:
            return None
        finally:
            box.stop()


class _StoppedEarlyError(Exception):
    """Ctrl-C during the start."""


def _stop_early(stopped: Callable[[], bool]) -> None:
    if stopped():
        raise _StoppedEarlyError


def _plan(options: DemoOptions) -> DemoPlan:
    if options.sites < 1:
        raise ConfigurationError("sites", options.sites, "Use 1 or more")
    if not 0 < options.speed <= 3600:  # noqa: PLR2004  (beyond an hour per second the physics is only noise)
        raise ConfigurationError("speed", options.speed, "Use a factor above 0 and up to 3600")
    if options.duration_s is not None and options.duration_s <= 0:
        raise ConfigurationError("duration", options.duration_s, "Use a number of seconds above 0")
    return DemoPlan(
        sites=tuple(f"farm-{number}" for number in range(1, options.sites + 1)),
        speed=options.speed,
        video=preflight.check(model=DEMO_MODEL, video=options.video),
    )


def _configured(folder: BoxFolder, claims: PortClaims, plan: DemoPlan, options: DemoOptions) -> BoxConfig:
    config = configure(folder, claims, wanted_ports={"http": options.http_port}, demo=plan, log_level=options.log_level)
    edges = {f"edge-{site}": str(write_edge_config(folder, config, site)) for site in plan.sites}
    config = config.model_copy(update={"edges": edges})
    folder.save(config)
    return config


def _empty(folder: BoxFolder) -> None:
    """Remove an earlier demo; anything else is left alone."""
    if not folder.root.exists():
        return
    if not folder.config_file.exists() and any(folder.root.iterdir()):
        raise ConfigurationError(
            "fresh", str(folder.root), "It is not the folder of a demo, so it is not emptied; choose another --data-dir"
        )
    with folder.lock():
        pass
    shutil.rmtree(place(folder.database, service_account()), ignore_errors=True)
    shutil.rmtree(folder.root)


def _watch(box: Box, duration_s: float | None, stopped: Callable[[], bool]) -> None:
    deadline = None if duration_s is None else time.monotonic() + duration_s
    while not stopped() and (deadline is None or time.monotonic() < deadline):
        box.supervisor.check()
        time.sleep(POLL_S)


def outboxes(box: Box) -> list[Path]:
    """The outbox files of all demo edges, of this run or an earlier one."""
    return sorted((box.folder.root / "edges").glob("*/data/outbox.db"))


def _settle(box: Box) -> Books:
    """Stop the farm, let everything arrive, stop the edges, and count while the database still runs."""
    box.supervisor.stop("simulator")
    deadline = time.monotonic() + DRAIN_S
    _wait_until_empty(box, deadline)
    for name in box.config.edges:
        box.supervisor.stop(name)  # the agent sends its last messages before it ends
    _wait_until_empty(box, min(deadline, time.monotonic() + 1))
    while True:
        box.supervisor.check()
        books = _books(box)
        if books is not None and (books.lost == 0 or time.monotonic() > deadline):
            return books
        if time.monotonic() > deadline + DRAIN_S:
            raise ConfigurationError(
                "database", str(box.folder.database), "It did not come back to be counted; see logs/"
            )
        time.sleep(POLL_S)


def _wait_until_empty(box: Box, deadline: float) -> None:
    while summary.messages_held(outboxes(box)) > 0 and time.monotonic() < deadline:
        box.supervisor.check()
        time.sleep(POLL_S)


def _books(box: Box) -> Books | None:
    import psycopg

    try:
        return summary.take_books(outboxes(box), box.config.dsn)
    except psycopg.Error:
        return None
