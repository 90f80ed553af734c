"""Ways out: each takes a message and an address, and either the other side has it or it raises why not.

Ownership: the queue keeps a message until ``send`` has returned. A channel never retries by itself.
"""

from __future__ import annotations

from typing import Protocol

from cloud.notifications.messages import Message


class DeliveryError(Exception):
    """The message was not taken.

    Args:
        permanent: trying again is useless (a wrong number, a refused address).
    """

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.permanent = permanent


class Sender(Protocol):
    """One channel."""

    def send(self, message: Message, address: str) -> str:
        """Hand the message over; returns what the provider calls it, or an empty text.

        Raises:
            DeliveryError: it was not taken.
        """
        ...
