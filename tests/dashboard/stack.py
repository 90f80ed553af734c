"""The farm that browser tests look at: a mock in this process, or a running box named by the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol

from tests.dashboard.mock_api import PASSWORD, MockServer


@dataclass(frozen=True)
class Account:
    """Someone who can sign in."""

    email: str
    password: str


class Stack(Protocol):
    """A farm with a dashboard in front of it."""

    url: str
    operator: Account
    viewer: Account | None
    """Someone who may only look, where the stack has one."""
    fleet_admin: Account | None
    """Someone who rolls models out, where the stack has one."""
    can_stop: bool
    """Whether a test may take the server away."""

    def stop_server(self) -> None:
        """Let the dashboard's server vanish."""

    def start_server(self) -> None:
        """Bring it back on the same address."""


class MockStack:
    """The mock farm: quick, always with the same alarms."""

    can_stop = True

    def __init__(self) -> None:
        """Start it on a free port."""
        self._server = MockServer()
        self._server.start()
        self.url = self._server.url
        self.operator = Account("operator@nordfjord.example", PASSWORD)
        self.viewer: Account | None = Account("viewer@nordfjord.example", PASSWORD)
        self.fleet_admin: Account | None = Account("fleet_admin@nordfjord.example", PASSWORD)

    def stop_server(self) -> None:
        """Close the port; the farm itself goes on."""
        self._server.stop()

    def start_server(self) -> None:
        """Open the same port again."""
        self._server.start()


class RunningStack:
    """A real one, started elsewhere: ``SHOAL_TEST_DASHBOARD_URL`` with ``..._EMAIL`` and ``..._PASSWORD``."""

    can_stop = False
    viewer: Account | None = None
    fleet_admin: Account | None = None

    def __init__(self, url: str) -> None:
        """Take the operator's account from the environment."""
        self.url = url.rstrip("/")
        self.operator = Account(os.environ["SHOAL_TEST_DASHBOARD_EMAIL"], os.environ["SHOAL_TEST_DASHBOARD_PASSWORD"])

    def stop_server(self) -> None:
        """Not ours to stop."""
        raise NotImplementedError

    def start_server(self) -> None:
        """Not ours to start."""
        raise NotImplementedError
