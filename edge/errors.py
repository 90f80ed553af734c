"""Errors of the agent, named for what the caller does next; configuration errors are those of ``contracts.errors``."""

from __future__ import annotations

from contracts.errors import RetryableError


class OutboxUnavailableError(RetryableError):
    """The outbox could not persist (disk full, file locked): the message is not accepted, keep it and try again."""


class SourceError(RetryableError):
    """A camera source failed or stayed silent too long: close it, wait, open it again."""


class SourceEndedError(SourceError):
    """A finite source (a file played once, a folder) has no more frames: stop reading it."""


class LinkDownError(RetryableError):
    """The broker is not connected: keep the message in the outbox."""


class ActuationRefusedError(Exception):
    """A wish that cannot be granted: tell the person why; trying again changes nothing while the reason lasts."""


class CommandRefusedError(Exception):
    """A command that must not be done: answer with the reason."""


class UploadLaterError(RetryableError):
    """An upload cannot go on now: no connection, no permission, or a server in trouble. Try again later."""
