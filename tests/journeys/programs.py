"""Shoal's programs as a user starts them: child processes with a log, ended by the test that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


class Program:
    """``shoal ...`` as a child process; use it as a context manager.

    Args:
        tree: folder whose code runs: this checkout, or another version.
    """

    def __init__(
        self, *arguments: str, log: Path, environment: Mapping[str, str] | None = None, tree: Path = ROOT
    ) -> None:
        self.arguments = arguments
        self.log = log
        with log.open("ab") as output:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "shoal", *arguments],
                cwd=tree,
                env={**os.environ, "PYTHONPATH": str(tree), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Program:  # noqa: PYI034  (typing.Self is newer than Python 3.10)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, *, timeout_s: float = 90.0) -> int:
        """Ask it to end as Ctrl-C or systemd would; returns the exit status."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise AssertionError(f"{self.arguments} did not stop in {timeout_s} s:\n{self.tail()}") from None
        print(f"--- shoal {' '.join(self.arguments)} ended with {self.child.returncode}\n{self.tail(15)}")  # noqa: T201  (pytest shows it when a test fails)
        return self.child.returncode

    def wait(self, timeout_s: float) -> int:
        """Wait until it ends by itself."""
        try:
            return self.child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.arguments} still runs after {timeout_s} s:\n{self.tail()}") from None

    def tail(self, lines: int = 40) -> str:
        """The end of what it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def eventually(ask: Callable[[], T | None], *, timeout_s: float, what: str) -> T:
    """Ask until there is an answer that is neither None nor False.

    Connection errors count as no answer: a server that is starting is the normal case.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            answer = ask()
        except httpx.TransportError:
            answer = None
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout_s} s")
        time.sleep(0.2)


class Api:
    """A logged-in user of the HTTP API."""

    def __init__(self, address: str, email: str, password: str) -> None:
        self.client = httpx.Client(base_url=address, timeout=10)
        answer = self.client.post("/api/v1/auth/login", data={"username": email, "password": password})
        answer.raise_for_status()
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def __enter__(self) -> Api:  # noqa: PYI034  (typing.Self is newer than Python 3.10)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def get(self, path: str, **query: object) -> Any:
        """GET below /api/v1 as JSON."""
        answer = self.client.get(f"/api/v1/{path}", params={k: str(v) for k, v in query.items()})
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str) -> Any:
        """POST below /api/v1 without a body."""
        answer = self.client.post(f"/api/v1/{path}")
        answer.raise_for_status()
        return answer.json()

    def unit(self, site: str, slug: str) -> dict[str, Any] | None:
        """What the farm wall shows of one unit; None while there is nothing."""
        answer = self.client.get(f"/api/v1/sites/{site}/latest")
        if answer.status_code != httpx.codes.OK:
            return None
        for shown in answer.json()["units"]:
            if shown["unit"]["slug"] == slug:
                found: dict[str, Any] = shown
                return found
        return None
