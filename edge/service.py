"""What the agent tells its service manager (systemd): ready, alive, stopping, starting anew. Nothing when there is none.

The protocol of sd_notify(3) is one datagram of ``NAME=value`` lines to the socket in ``NOTIFY_SOCKET``, so it needs no library.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

import structlog

log = structlog.get_logger()


class ServiceManager:
    """Speaks to systemd.

    Args:
        address: of the socket; a leading ``@`` means an abstract one. Empty: nobody listens.
        watchdog_s: seconds after which systemd kills an agent that has not said that it lives; None when it does not ask.
    """

    def __init__(self, address: str = "", *, watchdog_s: float | None = None) -> None:
        self.watchdog_s = watchdog_s
        self._address = "\0" + address[1:] if address.startswith("@") else address

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> ServiceManager:
        """As systemd has set it up for this process."""
        microseconds = environment.get("WATCHDOG_USEC", "")
        for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog_s = int(microseconds) / 1e6 if microseconds.isdigit() and for_us else None
        return cls(environment.get("NOTIFY_SOCKET", ""), watchdog_s=watchdog_s)

    def ready(self, status: str) -> None:
        """Everything has been started."""
        self._send(f"READY=1\nSTATUS={status}")

    def alive(self, status: str) -> None:
        """The vital workers make progress."""
        self._send(f"WATCHDOG=1\nSTATUS={status}")

    def stopping(self) -> None:
        """A clean stop has begun."""
        self._send("STOPPING=1")

    def starts_anew(self) -> None:
        """This process goes on as another start of the agent; after ``stopping`` it would be killed for not having ended."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.settimeout(1.0)
                sock.sendto(text.encode(), self._address)
        except OSError as error:
            log.warning("service.not_told", error=str(error))
