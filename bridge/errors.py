"""Errors of the bridge, named for what the caller does next: wait and try again, or take a record out of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.errors import RetryableError, ShoalError

if TYPE_CHECKING:
    from collections.abc import Mapping


class SinkUnavailableError(RetryableError):
    """The sink could not make a batch durable now; the bridge keeps the batch and submits it again."""


class NumbersUnavailableError(RetryableError):
    """Adapted messages cannot be numbered durably now (disk full, say); the bridge keeps the batch and walks it again."""


class RecordRefusedError(ShoalError):
    """The sink works, but some records of the batch can never be stored (too large, say): they go to dead letters.

    Args:
        refused: index within the batch to the reason, for a person.
    """

    def __init__(self, refused: Mapping[int, str]) -> None:
        super().__init__(f"{len(refused)} records refused: {next(iter(refused.values()), '')}")
        self.refused = dict(refused)


class UplinkBrokenError(ShoalError):
    """The uplink cannot go on in this process; the broker still has what was not acknowledged, so start a new one."""
