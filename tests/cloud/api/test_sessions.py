"""Staying signed in: refresh tokens that work once, logout, and a changed password."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from cloud.auth.accounts import create_user, set_password
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import Api
from tests.cloud.api.test_access import is_problem

EMAIL = "stayer@fjord.example"


@pytest.fixture
def stayer(api: Api, farm_url: str) -> Iterator[dict[str, Any]]:
    """The answer to a login of a user of the test's own."""
    with psycopg.connect(farm_url) as database:
        known = database.execute("SELECT 1 FROM app_user WHERE email = %s", (EMAIL,)).fetchone()
    if known:
        set_password(farm_url, EMAIL, farms.PASSWORD)
    else:
        create_user(farm_url, EMAIL, farms.PASSWORD, "operator", "shoal")
    with api.client() as client:
        yield sign_in(client, farms.PASSWORD).json()


def sign_in(client: httpx.Client, password: str) -> httpx.Response:
    return client.post("/api/v1/auth/login", data={"username": EMAIL, "password": password})


def refresh(client: httpx.Client, token: str) -> httpx.Response:
    return client.post("/api/v1/auth/refresh", json={"refresh_token": token})


def works(api: Api, token: str) -> bool:
    with api.client(token) as client:
        return client.get("/api/v1/auth/me").status_code == 200


def test_a_refresh_token_carries_the_login_on(api: Api, stayer: dict[str, Any]) -> None:
    with api.client() as client:
        answer = refresh(client, stayer["refresh_token"])
    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert body["refresh_token"] != stayer["refresh_token"]
    assert body["user"] == stayer["user"]
    assert works(api, body["access_token"])


def test_a_refresh_token_that_comes_twice_ends_the_login_for_owner_and_thief(api: Api, stayer: dict[str, Any]) -> None:
    with api.client() as client:
        newer = refresh(client, stayer["refresh_token"]).json()
        assert is_problem(refresh(client, stayer["refresh_token"]), 401, "token_reused")
        assert is_problem(refresh(client, newer["refresh_token"]), 401, "unauthenticated")
    assert not works(api, newer["access_token"])
    assert not works(api, stayer["access_token"])


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: "nonsense",
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token.replace("_1_", "_2_"),
        lambda token: "shr_" + "0" * 32 + token[36:],
        lambda token: token + "\n",
    ],
)
def test_a_refresh_token_that_we_did_not_issue_is_refused(api: Api, stayer: dict[str, Any], change: Any) -> None:
    with api.client() as client:
        assert is_problem(refresh(client, change(stayer["refresh_token"])), 401, "unauthenticated")
        assert refresh(client, stayer["refresh_token"]).status_code == 200, "a guess ends nobody's session"


def test_logout_ends_both_tokens_at_once(api: Api, stayer: dict[str, Any]) -> None:
    with api.client(stayer["access_token"]) as client:
        assert client.post("/api/v1/auth/logout").status_code == 204
        assert is_problem(client.get("/api/v1/auth/me"), 401, "unauthenticated")
        assert is_problem(refresh(client, stayer["refresh_token"]), 401, "unauthenticated")


def test_an_idle_login_and_an_old_one_end(api: Api, stayer: dict[str, Any], farm_url: str) -> None:
    session = stayer["refresh_token"][4:36]
    with psycopg.connect(farm_url, autocommit=True) as database, api.client() as client:
        database.execute("UPDATE auth_session SET used_at = used_at - interval '8 days' WHERE id = %s", (session,))
        assert is_problem(refresh(client, stayer["refresh_token"]), 401, "unauthenticated")
        database.execute(
            "UPDATE auth_session SET used_at = now(), expires_at = now() - interval '1 second' WHERE id = %s",
            (session,),
        )
        assert is_problem(refresh(client, stayer["refresh_token"]), 401, "unauthenticated")


def test_a_changed_password_ends_every_other_login(api: Api, stayer: dict[str, Any]) -> None:
    with api.client() as client:
        other = sign_in(client, farms.PASSWORD).json()
    with api.client(stayer["access_token"]) as client:
        path = "/api/v1/auth/password"
        wrong = client.post(path, json={"current": "not this one", "password": "plenty of oxygen"})
        assert is_problem(wrong, 400, "bad_request")
        weak = client.post(path, json={"current": farms.PASSWORD, "password": "password1234"})
        assert is_problem(weak, 400, "weak_password")
        assert client.post(path, json={"current": farms.PASSWORD, "password": "plenty of oxygen"}).status_code == 204
        assert is_problem(refresh(client, other["refresh_token"]), 401, "unauthenticated")
        assert refresh(client, stayer["refresh_token"]).status_code == 200
    assert not works(api, other["access_token"])
    with api.client() as client:
        assert sign_in(client, farms.PASSWORD).status_code == 401
        assert sign_in(client, "plenty of oxygen").status_code == 200
