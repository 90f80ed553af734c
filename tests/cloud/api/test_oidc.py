"""Signing in through an identity provider that a company brings."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from pydantic import SecretStr

from cloud.auth.accounts import create_user
from cloud.farms.provision import provision
from contracts.errors import ConfigurationError
from tests.cloud.api.conftest import Api, Serving, settings_for
from tests.simulators.identity_provider import CLIENT, SECRET, IdentityProvider

START = "/api/v1/auth/oidc/start"


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as running:
        yield running


@pytest.fixture
def serve(database_url: str, provider: IdentityProvider, tmp_path: Path) -> Callable[..., Serving]:
    """An API that knows the provider, and one user who was invited."""
    provision(database_url, "shoal", [{"slug": "fjord"}])
    create_user(database_url, "ana@farm.example", "plenty of oxygen", "farm_manager", "shoal")

    def serving(**changes: Any) -> Serving:
        values = {
            "oidc_issuer": provider.issuer,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SecretStr(SECRET),
            "public_url": "http://shoal.test",
            **changes,
        }
        settings = settings_for(database_url, storage_dir=tmp_path, dashboard_dir=tmp_path)
        return Serving(settings.model_copy(update=values))

    return serving


def travel(running: Api, *, tamper: Callable[[str], str] = lambda address: address) -> httpx.Response:
    """A browser's way through the provider, up to our answer to the callback."""
    with running.client() as browser:
        away = browser.get(START)
        assert away.status_code == 302
        back = httpx.get(away.headers["location"]).headers["location"]
        parts = urlsplit(tamper(back))
        return browser.get(f"{parts.path}?{parts.query}")


def signed_in(running: Api, answer: httpx.Response) -> dict[str, Any]:
    page, _, fragment = answer.headers["location"].partition("#")
    assert page == "http://shoal.test/"
    token = parse_qs(fragment)["refresh_token"][0]
    with running.client() as client:
        tokens = client.post("/api/v1/auth/refresh", json={"refresh_token": token}).json()
        assert client.post("/api/v1/auth/refresh", json={"refresh_token": token}).json()["code"] == "token_reused"
    user: dict[str, Any] = tokens["user"]
    return user


def test_whoever_was_invited_is_recognized_and_stays_so_under_another_address(
    serve: Callable[..., Serving], provider: IdentityProvider
) -> None:
    with serve() as running:
        answer = travel(running)
        assert answer.status_code == 303
        assert signed_in(running, answer)["email"] == "ana@farm.example"
        provider.person = {**provider.person, "email": "ana@married.example"}
        assert signed_in(running, travel(running))["email"] == "ana@farm.example"


def test_the_login_page_is_told_that_there_is_a_provider(serve: Callable[..., Serving]) -> None:
    with serve() as running, running.client() as client:
        assert client.get("/api/v1/auth/ways").json() == {"identity_provider": True}
    with serve(oidc_issuer=None) as running, running.client() as client:
        assert client.get("/api/v1/auth/ways").json() == {"identity_provider": False}


def test_strangers_come_in_only_where_a_role_is_set(serve: Callable[..., Serving], provider: IdentityProvider) -> None:
    provider.person = {"sub": "2", "email": "Ben@Farm.example", "email_verified": True, "name": "Ben"}
    with serve() as running:
        assert travel(running).status_code == 403
    with serve(oidc_role="viewer") as running:
        user = signed_in(running, travel(running))
        assert (user["email"], user["role"], user["name"]) == ("ben@farm.example", "viewer", "Ben")
        with running.client() as client:
            form = {"username": "ben@farm.example", "password": ""}
            assert client.post("/api/v1/auth/login", data={**form, "password": "x" * 12}).status_code == 401


def test_an_address_that_nobody_verified_is_nobodys(serve: Callable[..., Serving], provider: IdentityProvider) -> None:
    provider.person = {"sub": "3", "email": "ana@farm.example", "email_verified": False, "name": "Eve"}
    with serve(oidc_role="viewer") as running:
        assert travel(running).status_code == 403


def unsigned(claims: dict[str, Any]) -> str:
    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none', 'kid': 'key-1'})}.{part(claims)}."


def test_an_id_token_that_does_not_hold_is_refused(serve: Callable[..., Serving], provider: IdentityProvider) -> None:
    with IdentityProvider() as other:
        lies: dict[str, Callable[[dict[str, Any]], str]] = {
            "no signature": unsigned,
            "another key": other.signed,
            "another issuer": lambda claims: provider.signed({**claims, "iss": other.issuer}),
            "another client": lambda claims: provider.signed({**claims, "aud": "somebody"}),
            "another nonce": lambda claims: provider.signed({**claims, "nonce": "of another sign-in"}),
            "no nonce": lambda claims: provider.signed({k: v for k, v in claims.items() if k != "nonce"}),
            "expired": lambda claims: provider.signed({**claims, "iat": 1, "exp": 2}),
            "an unknown key": lambda claims: jwt.encode(claims, other.key, algorithm="RS256", headers={"kid": "key-2"}),
            "a public key as a secret": lambda claims: jwt.encode(
                claims, base64.b64encode(provider.public_pem), algorithm="HS256", headers={"kid": "key-1"}
            ),
        }
        with serve() as running:
            for name, sign in lies.items():
                provider.sign = sign
                assert travel(running).status_code == 403, name
            provider.sign = provider.signed
            assert travel(running).status_code == 303


def test_an_answer_to_another_question_is_refused(serve: Callable[..., Serving]) -> None:
    with serve() as running:
        for tamper in (
            lambda address: address.replace("state=", "state=x"),
            lambda address: address.replace("code=", "code=x"),
            lambda address: address.partition("?")[0],
        ):
            assert travel(running, tamper=tamper).status_code == 403
        with running.client() as browser:
            back = httpx.get(browser.get(START).headers["location"]).headers["location"]
        with running.client() as another_browser:
            parts = urlsplit(back)
            assert another_browser.get(f"{parts.path}?{parts.query}").status_code == 403


def test_a_provider_that_is_away_is_said_so(serve: Callable[..., Serving]) -> None:
    with serve(oidc_issuer="http://127.0.0.1:1") as running, running.client() as client:
        assert client.get(START).json()["code"] == "unavailable"


def test_without_a_provider_there_is_none(api: Api) -> None:
    with api.client() as client:
        assert client.get(START).json()["code"] == "not_installed"


def test_half_a_configuration_stops_the_start(serve: Callable[..., Serving]) -> None:
    with pytest.raises(ConfigurationError, match="SHOAL_OIDC_CLIENT_SECRET"):
        serve(oidc_client_secret=None)
