"""Downlink topics and who handles them; the same for every client library.

A handler runs in the network thread and must return at once. One that fails is logged: a bad message from the cloud must not
end the connection that alarms leave by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import structlog

log = structlog.get_logger()

Handler: TypeAlias = Callable[[str, bytes], None]
"""Gets the topic and the payload of one downlink message."""


class Routes:
    """Topic filters with their handlers, in the order they were added."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, Handler]] = []

    def add(self, topic_filter: str, handler: Handler) -> None:
        """Hand every message that matches ``topic_filter`` to ``handler``; several may match one topic."""
        self._routes.append((topic_filter, handler))

    def filters(self) -> list[str]:
        """What to subscribe to, each filter once."""
        return list(dict.fromkeys(topic_filter for topic_filter, _ in self._routes))

    def dispatch(self, topic: str, payload: bytes) -> None:
        """Call the handlers of a message."""
        for topic_filter, handler in self._routes:
            if matches(topic_filter, topic):
                try:
                    handler(topic, payload)
                except Exception:  # whatever a handler does wrong, the link stays
                    log.exception("downlink.handler_failed", topic=topic)


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic is covered by a filter with ``+`` and ``#`` (MQTT 3.1.1, section 4.7)."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] != levels[0]:
        return False  # wildcards at the first level do not reach the server's own topics
    if wanted[-1] == "#":
        wanted.pop()
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(want in {"+", level} for want, level in zip(wanted, levels, strict=True))
