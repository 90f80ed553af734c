"""Access tokens (JWT, HS256), refresh tokens, keys of machines, signed addresses.

The keys that sign them are derived from one secret, so that one kind can never pass for another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from uuid import UUID

import jwt

from cloud.errors import InvalidSignatureError, UnauthenticatedError

_ALGORITHM = "HS256"
_ISSUER = "shoal"
_AUDIENCE = "shoal-api"
_MAX_TOKEN = 4096
_ID_LIMIT = 2**31  # keys are int4
_READ_BEFORE = 4096
"""Access tokens whose signature need not be computed again; beyond it the one read first is forgotten."""


def derive_key(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose (HMAC-SHA256 as the extract step of HKDF, RFC 5869)."""
    return hmac.new(secret, purpose.encode(), hashlib.sha256).digest()


@dataclass(frozen=True)
class AccessToken:
    """A token as it is handed to the client."""

    token: str
    expires_in_s: int


@dataclass(frozen=True)
class Claims:
    """What an access token says."""

    user_id: int
    issued_at: datetime
    session_id: UUID | None


class AccessTokens:
    """Issues and reads access tokens. A token names user and session alone; role and sites are read on every request."""

    def __init__(self, secret: bytes, *, lifetime: timedelta) -> None:
        self._key = derive_key(secret, "access-token")
        self._lifetime = lifetime
        self._read_before: OrderedDict[str, tuple[float, Claims]] = OrderedDict()

    def issue(self, user_id: int, session_id: UUID | None = None) -> AccessToken:
        """A token for this user, valid from now; it ends with its session, or by itself."""
        now = datetime.now(timezone.utc)
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(user_id),
            "iat": now,
            "exp": now + self._lifetime,
        }
        if session_id is not None:
            claims["sid"] = session_id.hex
        return AccessToken(jwt.encode(claims, self._key, algorithm=_ALGORITHM), int(self._lifetime.total_seconds()))

    def read(self, token: str) -> Claims:
        """What a token says.

        Raises:
            UnauthenticatedError: expired, signed by someone else, with another algorithm, or for another audience.
        """
        if len(token) > _MAX_TOKEN:
            raise UnauthenticatedError("The access token is not valid")
        known = self._read_before.get(token)
        if known is not None and time.time() < known[0]:
            return known[1]
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
            session_id = UUID(hex=claims["sid"]) if "sid" in claims else None
            issued_at = datetime.fromtimestamp(claims["iat"], timezone.utc)
        except jwt.ExpiredSignatureError as error:
            raise UnauthenticatedError("The login has expired; sign in again") from error
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise UnauthenticatedError("The access token is not valid") from error
        if not 0 < user_id < _ID_LIMIT:
            raise UnauthenticatedError("The access token is not valid")
        read = Claims(user_id, issued_at, session_id)
        self._read_before[token] = (float(claims["exp"]), read)
        if len(self._read_before) > _READ_BEFORE:
            self._read_before.popitem(last=False)
        return read


class RefreshTokens:
    """Refresh tokens: session and generation, signed. Only the session's newest generation works, once.

    Nothing of a token is stored, so that a copy of the database opens no session.
    """

    _FORM = re.compile(r"shr_([0-9a-f]{32})_([0-9]{1,9})_([A-Za-z0-9_-]{43})")

    def __init__(self, secret: bytes) -> None:
        self._key = derive_key(secret, "refresh-token")

    def issue(self, session_id: UUID, generation: int) -> str:
        """The token of a generation."""
        return f"shr_{session_id.hex}_{generation}_{_mac(self._key, session_id.hex, str(generation))}"

    def read(self, token: str) -> tuple[UUID, int]:
        """Session and generation of a token.

        Raises:
            UnauthenticatedError: we have not issued it.
        """
        match = self._FORM.fullmatch(token)
        if match is None or not hmac.compare_digest(match[3], _mac(self._key, match[1], match[2])):
            raise UnauthenticatedError("The refresh token is not valid; sign in again")
        return UUID(hex=match[1]), int(match[2])


class KeyTokens:
    """Keys of machines: ``shk_{id}_{secret}_{mark}``. The mark tells our keys from guesses without asking the database."""

    PREFIX = "shk_"
    _FORM = re.compile(r"shk_([0-9]{1,10})_([A-Za-z0-9-]{1,64})_([A-Za-z0-9_-]{43})")

    def __init__(self, secret: bytes) -> None:
        self._key = derive_key(secret, "api-key")

    @staticmethod
    def new_secret() -> str:
        """256 random bits."""
        return secrets.token_hex(32)

    def write(self, key_id: int, secret: str) -> str:
        """The key as it is shown, once."""
        return f"{self.PREFIX}{key_id}_{secret}_{_mac(self._key, str(key_id), secret)}"

    def read(self, token: str) -> tuple[int, str]:
        """Id and secret of a key that carries our mark; whether it is still good, the database says.

        Raises:
            UnauthenticatedError: we have not made it.
        """
        match = self._FORM.fullmatch(token)
        if match is None or not hmac.compare_digest(match[3], _mac(self._key, match[1], match[2])):
            raise UnauthenticatedError("The key is not valid")
        key_id = int(match[1])
        if not 0 < key_id < _ID_LIMIT:
            raise UnauthenticatedError("The key is not valid")
        return key_id, match[2]


def hash_of(secret: str) -> str:
    """SHA-256 of a random secret, in hex: what is stored of keys and one-time tokens."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _mac(key: bytes, *parts: str) -> str:
    made = hmac.new(key, "\n".join(parts).encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def expiry_of(token: str) -> datetime:
    """When an access token that was accepted ends; a key of a machine tells no time. It proves nothing: check it first."""
    if token.startswith(KeyTokens.PREFIX):
        return datetime.max.replace(tzinfo=timezone.utc)
    claims = jwt.decode(token, options={"verify_signature": False})
    return datetime.fromtimestamp(claims["exp"], timezone.utc)


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
