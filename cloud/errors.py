"""What the HTTP API can answer besides success, one class per reason.

Every refusal leaves as ``application/problem+json`` (RFC 9457) with a stable ``code`` that a program may branch on and
the request id that a person may quote. Services raise these; ``cloud.kit.problems`` turns them into responses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from contracts.errors import ShoalError


class ApiError(ShoalError):
    """Base of every answer that is not a success.

    Args:
        detail: what was wrong with this request, for a person; never a secret.
        headers: response headers that belong to the refusal, such as ``Retry-After``.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.faults: tuple[tuple[str, str], ...] = ()
        """Parts of the request that are at fault, as (where, what)."""


class BadRequestError(ApiError):
    """The request can never succeed as it is."""

    status = 400
    code = "bad_request"
    title = "Bad request"


class InvalidCursorError(BadRequestError):
    """The page cursor was not issued by this endpoint."""

    code = "invalid_cursor"
    title = "Invalid cursor"


class InvalidRangeError(BadRequestError):
    """The time range is empty, reversed or too long."""

    code = "invalid_range"
    title = "Invalid time range"


class WeakPasswordError(BadRequestError):
    """The password does not fulfil the policy."""

    code = "weak_password"
    title = "Choose another password"


class UnauthenticatedError(ApiError):
    """No credentials, or credentials that are not valid any more."""

    status = 401
    code = "unauthenticated"
    title = "Sign in first"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class InvalidCredentialsError(UnauthenticatedError):
    """E-mail and password do not belong together; which of them is wrong is not told."""

    code = "invalid_credentials"
    title = "Wrong e-mail or password"


class TokenReusedError(UnauthenticatedError):
    """A refresh token that works once came a second time: somebody else may have it."""

    code = "token_reused"
    title = "Refresh token used twice"


class ForbiddenError(ApiError):
    """Signed in, but the role does not reach."""

    status = 403
    code = "forbidden"
    title = "Not allowed"


class InvalidSignatureError(ForbiddenError):
    """A signed address was changed or has expired."""

    code = "invalid_signature"
    title = "Invalid or expired address"


class InvalidTokenError(ForbiddenError):
    """A one-time token was used, is too old, or was never made."""

    code = "invalid_token"
    title = "Invalid or used token"


class NotFoundError(ApiError):
    """Nothing of that name in the organization of the user; other organizations' things look the same."""

    status = 404
    code = "not_found"
    title = "Not found"


class ConflictError(ApiError):
    """It does not fit what is there already."""

    status = 409
    code = "conflict"
    title = "Conflict with what is there"


class StockMismatchError(ConflictError):
    """The book of a batch would have fewer than no fish."""

    code = "stock_mismatch"
    title = "More fish than the book holds"


class WithdrawalRunningError(ConflictError):
    """A treatment's withdrawal period forbids the harvest."""

    code = "withdrawal_running"
    title = "Withdrawal period is not over"


class NoModelError(ConflictError):
    """No installed model does what was asked; the detail says how to get one."""

    code = "no_model"
    title = "No such model is installed"


class UnusableModelError(ConflictError):
    """The model's files are not what their manifest says, or fail their own test; it is not run."""

    code = "unusable_model"
    title = "The model cannot be used"


class UnsupportedImageError(ApiError):
    """The bytes are no picture of a kind that is read here, whatever their name says."""

    status = 415
    code = "unsupported_image"
    title = "Not a JPEG or PNG"


class UnusableImageError(ApiError):
    """A picture of the right kind, from which no model could tell anything."""

    status = 422
    code = "unusable_image"
    title = "The picture cannot be used"


class InvalidFileError(ApiError):
    """Rows of a file are at fault; nothing of it was taken.

    Args:
        faults: where and what, one pair per fault.
    """

    status = 422
    code = "invalid_file"
    title = "Faults in the file"

    def __init__(self, detail: str, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


class CallbackRefusedError(BadRequestError):
    """The address may not be called from here."""

    code = "callback_refused"
    title = "The address may not be called"


class PayloadTooLargeError(ApiError):
    """The body is larger than this API accepts."""

    status = 413
    code = "payload_too_large"
    title = "Payload too large"


class ChecksumMismatchError(ApiError):
    """The bytes of an upload are not those that were announced (tus checksum extension)."""

    status = 460
    code = "checksum_mismatch"
    title = "Checksum mismatch"


class WrongProtocolVersionError(ApiError):
    """The request speaks another version of the upload protocol, or does not say which."""

    status = 412
    code = "wrong_protocol_version"
    title = "Another version of the upload protocol"


class LockedOutError(ApiError):
    """Too many failed logins.

    Args:
        retry_after_s: seconds until another try is looked at.
    """

    status = 429
    code = "locked_out"
    title = "Too many failed logins"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Try again in {retry_after_s} seconds", headers={"Retry-After": str(retry_after_s)})


class RateLimitedError(ApiError):
    """Too many requests in too short a time.

    Args:
        retry_after_s: seconds until the next one is answered.
    """

    status = 429
    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, retry_after_s: int, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(
            f"Try again in {retry_after_s} seconds", headers={"Retry-After": str(retry_after_s), **(headers or {})}
        )


class IdempotencyMismatchError(ApiError):
    """An Idempotency-Key came again with another request."""

    status = 422
    code = "idempotency_mismatch"
    title = "Idempotency-Key was used for another request"


class InProgressError(ConflictError):
    """The same request is being answered right now."""

    code = "in_progress"
    title = "The same request is under way"


class NotInstalledError(ApiError):
    """This server lacks a library that the request needs."""

    status = 501
    code = "not_installed"
    title = "Not installed on this server"


class UnavailableError(ApiError):
    """Something that the API needs is away; the same request may succeed later."""

    status = 503
    code = "unavailable"
    title = "Temporarily unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": "2"})


class StoreFullError(ApiError):
    """There is no room, and nothing that may be dropped to make some."""

    status = 507
    code = "store_full"
    title = "The store is full"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": "3600"})


class BusyError(ApiError):
    """As much is waiting as may wait; nothing was taken.

    Args:
        retry_after_s: when it is worth another try.
    """

    status = 503
    code = "busy"
    title = "Too much is waiting"

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)})
