"""Access tokens (JWT, HS256) and signed addresses. The keys are derived, so that one can never pass for the other."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import jwt

from cloud.errors import InvalidSignatureError, UnauthenticatedError

_ALGORITHM = "HS256"
_ISSUER = "shoal"
_AUDIENCE = "shoal-api"
_MAX_TOKEN = 4096
_ID_LIMIT = 2**31  # keys are int4


def derive_key(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose (HMAC-SHA256 as the extract step of HKDF, RFC 5869)."""
    return hmac.new(secret, purpose.encode(), hashlib.sha256).digest()


@dataclass(frozen=True)
class AccessToken:
    """A token as it is handed to the client."""

    token: str
    expires_in_s: int


class AccessTokens:
    """Issues and reads access tokens. A token names the user alone; role and organization are read on every request."""

    def __init__(self, secret: bytes, *, lifetime: timedelta) -> None:
        self._key = derive_key(secret, "access-token")
        self._lifetime = lifetime

    def issue(self, user_id: int) -> AccessToken:
        """A token for this user, valid from now."""
        now = datetime.now(timezone.utc)
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(user_id),
            "iat": now,
            "exp": now + self._lifetime,
        }
        return AccessToken(jwt.encode(claims, self._key, algorithm=_ALGORITHM), int(self._lifetime.total_seconds()))

    def user_id(self, token: str) -> int:
        """The user that a token was issued to.

        Raises:
            UnauthenticatedError: expired, signed by someone else, with another algorithm, or for another audience.
        """
        if len(token) > _MAX_TOKEN:
            raise UnauthenticatedError("The access token is not valid")
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                issuer=_ISSUER,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
            user_id = int(claims["sub"])
        except jwt.ExpiredSignatureError as error:
            raise UnauthenticatedError("The login has expired; sign in again") from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise UnauthenticatedError("The access token is not valid") from error
        if not 0 < user_id < _ID_LIMIT:
            raise UnauthenticatedError("The access token is not valid")
        return user_id


class UrlSigner:
    """Signs addresses that work without a header for a while, for ``<img>``."""

    def __init__(self, secret: bytes, *, minutes: int) -> None:
        self._key = derive_key(secret, "image-url")
        self._period_s = minutes * 60

    def sign(self, path: str, now: datetime) -> str:
        """The path with ``expires`` and ``signature``; the same within a period, so that a browser's cache holds."""
        expires = (int(now.timestamp()) // self._period_s + 2) * self._period_s
        return f"{path}?expires={expires}&signature={self._signature(path, expires)}"

    def verify(self, path: str, expires: int, signature: str, *, now: datetime) -> None:
        """Check a signed address.

        Raises:
            InvalidSignatureError: the address was changed, or its time is over.
        """
        expected = self._signature(path, expires).encode()
        if not hmac.compare_digest(expected, signature.encode(errors="replace")) or now.timestamp() > expires:
            raise InvalidSignatureError(
                "The address of this image has been changed or has expired; load the page again"
            )

    def _signature(self, path: str, expires: int) -> str:
        return hmac.new(self._key, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()
