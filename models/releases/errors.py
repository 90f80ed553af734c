"""What can go wrong with releases, named for what the caller does next."""

from __future__ import annotations

from contracts.errors import ShoalError


class ReleaseError(ShoalError):
    """What was asked cannot be done with this repository as it is; nothing was changed. The text says what to do."""


class NotEnoughSignaturesError(ReleaseError):
    """People have to sign first."""
