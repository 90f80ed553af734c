"""Errors named for what the caller does next: fix the configuration, send to dead letters, or retry."""

from __future__ import annotations


class ShoalError(Exception):
    """Base of every error that Shoal raises on purpose."""


class ConfigurationError(ShoalError):
    """A setting cannot be used; the program stops before it connects to anything (exit code 2).

    Args:
        field: dotted name of the setting, as the user writes it (``cameras.0.source``).
        value: what was given; shown to the user, so never pass a secret.
        remedy: one sentence that tells what to write or do instead.
    """

    def __init__(self, field: str, value: object, remedy: str) -> None:
        super().__init__(f"{field}: {value!r} cannot be used. {remedy}")
        self.field = field
        self.value = value
        self.remedy = remedy


class InvalidMessageError(ShoalError):
    """A message that can never be processed, however often it is tried: send it to dead letters.

    Args:
        reason: short stable code (``bad_json``, ``unknown_version``), used as a metric label.
        detail: what was wrong, for a person.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class UnsupportedVersionError(InvalidMessageError):
    """The message names a schema version this program does not know."""

    def __init__(self, what: str, version: object, known: tuple[int, ...]) -> None:
        super().__init__(
            "unknown_version",
            f"{what} has version {version!r}; this program knows {', '.join(map(str, known))}."
            " Upgrade the receiver, then replay the dead letter",
        )
        self.version = version


class RetryableError(ShoalError):
    """The world is not ready (a broker away, a database restarting): keep the message and try again."""
