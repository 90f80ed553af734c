"""Work that goes on beside a program, in a thread of its own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Any

import psycopg
import structlog
from psycopg import Connection

from contracts.errors import RetryableError

log = structlog.get_logger()

RETRY_S = 5.0


class OwnThread(ABC):
    """Starts and ends the thread; what it does is ``run``.

    Args:
        name: of the thread, and of its work in the log.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start working."""
        # Each thread has an event of its own: one that outlived its stop is not called back by the next start.
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, args=(self._stopping,), name=self._name, daemon=True)
        self._thread.start()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """End after what is in hand; what takes longer dies with the process. Safe twice."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        """Whether the thread works."""
        return self._thread is not None and self._thread.is_alive()

    @abstractmethod
    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set."""


class DatabaseThread(OwnThread):
    """Works on one connection until it breaks, and then on the next; no failure ends it.

    Args:
        name: of the thread; ``shoal-{name}`` is what the database knows it by.
        url: of PostgreSQL.
        connection: more that libpq should know of the connection (timeouts).
    """

    def __init__(self, name: str, url: str, **connection: str | int) -> None:
        super().__init__(name)
        self._url = url
        self._connection: dict[str, Any] = {"connect_timeout": 5, **connection}

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set, over a database that comes and goes."""
        while not stop.is_set():
            try:
                with psycopg.connect(
                    self._url, autocommit=True, application_name=f"shoal-{self._name}", **self._connection
                ) as database:
                    self._serve(database, stop)
            except (psycopg.Error, RetryableError) as error:  # noqa: PERF203  (a loop of retries)
                log.warning("thread_waits", thread=self._name, error=str(error).strip(), retry_s=RETRY_S)
                stop.wait(RETRY_S)
            except Exception:
                log.exception("thread_failed", thread=self._name, retry_s=RETRY_S)
                stop.wait(RETRY_S)

    @abstractmethod
    def _serve(self, database: Connection[Any], stop: threading.Event) -> None:
        """Work on a connection until ``stop`` is set."""
