"""What can go wrong on the way to a new model, named for what the updater does next."""

from __future__ import annotations

from contracts.deployments import Cause
from contracts.errors import RetryableError, ShoalError


class NotHereError(RetryableError):
    """The source does not have this file: ask the next one."""


class SourceUnavailableError(RetryableError):
    """The source cannot be reached, or the connection was lost: try again later, or the next source."""


class TamperedError(RetryableError):
    """The bytes are not the ones that were signed; they were thrown away: ask another source."""


class TrustError(RetryableError):
    """The repository's metadata cannot be trusted as it is now: expired, too few signatures, rolled back. Try again later."""


class RefusedError(ShoalError):
    """This assignment must never be carried out: forged, for another device, replayed, below the floor, not compatible."""

    def __init__(self, message: str, cause: Cause = Cause.UNTRUSTED) -> None:
        super().__init__(message)
        self.cause = cause


class NoRoomError(RetryableError):
    """The disk has no room for the release: wait until there is."""
