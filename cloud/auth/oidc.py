"""Signing in through a company's identity provider (OpenID Connect): authorization code with PKCE, state and nonce.

start: browser -> provider, with a sealed cookie -> callback: code -> ID token, checked against the provider's keys -> the user
-> a session, whose first refresh token is handed to the page in the fragment of its address (it works once).
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
import structlog
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from cryptography.fernet import Fernet, InvalidToken

from cloud.auth.tokens import derive_key
from cloud.errors import ForbiddenError, UnavailableError

log = structlog.get_logger()

COOKIE = "shoal_oidc"
COOKIE_SECONDS = 600
"""How long somebody may take at the provider."""
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""Signatures with a public key alone: a provider's key set must never be taken for a shared secret."""
_SCOPE = "openid email profile"
_TIMEOUT_S = 10.0
_KEYS_FOR_S = 3600.0
_KEYS_AGAIN_AFTER_S = 60.0
"""An unknown key is looked for at the provider, but not more often than this."""
_MAX_TOKEN = 16_384


@dataclass(frozen=True)
class Provider:
    """The company's identity provider, and what we are there."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str


@dataclass(frozen=True)
class Identity:
    """Who the provider says it is."""

    subject: str
    """``issuer|sub``."""
    email: str | None
    """Only when the provider has verified it."""
    name: str


class Oidc:
    """One provider."""

    def __init__(self, provider: Provider, secret: bytes) -> None:
        self._provider = provider
        self._seal = Fernet(base64.urlsafe_b64encode(derive_key(secret, "oidc")))
        self._document: dict[str, Any] | None = None
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_at = float("-inf")

    async def start(self) -> tuple[str, str]:
        """Address to send the browser to, and the cookie that it must bring back."""
        document = await self._discover()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        query = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": self._provider.redirect_uri,
            "scope": _SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        sealed = self._seal.encrypt(json.dumps({"state": state, "nonce": nonce, "verifier": verifier}).encode())
        address: str = document["authorization_endpoint"]
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", sealed.decode()

    async def finish(self, *, code: str, state: str, cookie: str) -> Identity:
        """Who has come back from the provider.

        Raises:
            ForbiddenError: the answer is not to our question, or the ID token does not hold.
            UnavailableError: the provider does not answer.
        """
        try:
            asked = json.loads(self._seal.decrypt(cookie.encode(), ttl=COOKIE_SECONDS))
        except (InvalidToken, ValueError) as error:
            raise ForbiddenError(
                "The sign-in has taken too long, or was begun in another browser; try again"
            ) from error
        if not secrets.compare_digest(asked["state"], state):
            raise ForbiddenError("The answer belongs to another sign-in; try again")
        token = await self._exchange(code, asked["verifier"])
        return await self._read(token, asked["nonce"])

    async def _exchange(self, code: str, verifier: str) -> dict[str, Any]:
        document = await self._discover()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._provider.redirect_uri,
            "code_verifier": verifier,
        }
        credentials = (self._provider.client_id, self._provider.client_secret)
        return await _asked("POST", document["token_endpoint"], data=form, auth=credentials)

    async def _read(self, token: dict[str, Any], nonce: str) -> Identity:
        refused = ForbiddenError("The identity provider's answer does not hold; try again")
        id_token = token.get("id_token")
        if not isinstance(id_token, str) or len(id_token) > _MAX_TOKEN:
            raise refused
        try:
            header = jwt.get_unverified_header(id_token)
            key = await self._key(str(header.get("kid", "")))
            if key is None or header.get("alg") not in _ALGORITHMS:
                raise refused  # noqa: TRY301
            claims = jwt.decode(
                id_token,
                key,
                algorithms=_ALGORITHMS,
                audience=self._provider.client_id,
                issuer=self._provider.issuer,
                leeway=30,
                options={"require": ["exp", "iat", "sub", "aud", "iss", "nonce"]},
            )
            checked = CodeIDToken(
                claims,
                header,
                {"iss": {"value": self._provider.issuer}, "nonce": {"value": nonce}},
                {"nonce": nonce, "client_id": self._provider.client_id, "access_token": token.get("access_token")},
            )
            checked.validate(leeway=30)
        except ForbiddenError:
            raise
        except Exception as error:  # two libraries, each with errors of its own; all mean that it does not hold
            log.warning("oidc_refused", error=type(error).__name__)
            raise refused from error
        email = claims.get("email")
        verified = isinstance(email, str) and claims.get("email_verified") is True
        name = claims.get("name")
        return Identity(
            subject=f"{self._provider.issuer}|{claims['sub']}",
            email=email if verified else None,
            name=name[:100]
            if isinstance(name, str) and name.isprintable() and name
            else str(email or claims["sub"])[:100],
        )

    async def _key(self, kid: str) -> jwt.PyJWK | None:
        age = monotonic() - self._keys_at
        if age > _KEYS_FOR_S or (kid not in self._keys and age > _KEYS_AGAIN_AFTER_S):
            document = await self._discover()
            found = await _asked("GET", document["jwks_uri"])
            self._keys = {key.key_id or "": key for key in jwt.PyJWKSet.from_dict(found).keys if key.key_type != "oct"}
            self._keys_at = monotonic()
        return self._keys.get(kid)

    async def _discover(self) -> dict[str, Any]:
        if self._document is None:
            issuer = self._provider.issuer
            document = await _asked("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if document.get("issuer") != issuer:
                raise UnavailableError("The identity provider calls itself by another name than oidc_issuer")
            self._document = document
        return self._document


async def _asked(method: str, url: str, **arguments: Any) -> dict[str, Any]:
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as client:
            answer = await client.request(method, url, headers={"Accept": "application/json"}, **arguments)
            answer.raise_for_status()
            content = answer.json()
    except httpx.HTTPStatusError as error:
        if error.response.is_client_error:
            raise ForbiddenError("The identity provider refused the sign-in; try again") from error
        raise UnavailableError("The identity provider does not answer right now") from error
    except (httpx.HTTPError, ValueError) as error:
        raise UnavailableError("The identity provider does not answer right now") from error
    if not isinstance(content, dict):
        raise UnavailableError("The identity provider does not answer as it should")
    return content
