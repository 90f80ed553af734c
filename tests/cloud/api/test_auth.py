"""Signing in, staying in, and getting out."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from cloud.auth.accounts import create_user, set_password, user_exists
from cloud.auth.tokens import AccessTokens, derive_key
from contracts.errors import ConfigurationError
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import SECRET, Api, Serving, settings_for
from tests.cloud.api.test_access import is_problem

KEY = derive_key(SECRET.encode(), "access-token")


@pytest.fixture(autouse=True)
def _forgotten(farm_url: str) -> Iterator[None]:
    yield
    with psycopg.connect(farm_url) as database:
        database.execute("DELETE FROM login_counter")


@pytest.fixture
def fresh_api(farm: farms.Farm, farm_url: str, tmp_path: Path, dashboard_dir: Path) -> Iterator[Api]:
    """An API whose database remembers no failed login."""
    with psycopg.connect(farm_url) as database:
        database.execute("DELETE FROM login_counter")
    with Serving(settings_for(farm_url, storage_dir=tmp_path, dashboard_dir=dashboard_dir)) as running:
        yield running


def sign_in(client: httpx.Client, email: str, password: str) -> httpx.Response:
    return client.post("/api/v1/auth/login", data={"username": email, "password": password})


def test_login_gives_a_token_that_works(anonymous: httpx.Client) -> None:
    answer = sign_in(anonymous, " Viewer@Fjord.example", farms.PASSWORD)
    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 3600
    assert body["user"]["role"] == "viewer"
    me = anonymous.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert me.json() == body["user"]
    assert set(me.json()) == {"id", "email", "name", "role", "organization", "sites"}


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("viewer@fjord.example", "wrong password"),
        ("nobody@fjord.example", farms.PASSWORD),
        ("viewer@fjord.example", farms.PASSWORD + "x" * 4000),
        ("viewer\0@fjord.example", farms.PASSWORD),
        ("' OR 1=1 --", "' OR 1=1 --"),
    ],
)
def test_wrong_credentials_look_alike(fresh_api: Api, email: str, password: str) -> None:
    with fresh_api.client() as client:
        answer = sign_in(client, email, password)
    assert is_problem(answer, 401, "invalid_credentials")
    assert answer.json()["detail"] == "The e-mail or the password is wrong"


def test_repeated_failures_lock_the_account_even_for_the_right_password(fresh_api: Api) -> None:
    with fresh_api.client() as client:
        for _ in range(5):
            assert sign_in(client, "viewer@fjord.example", "wrong password").status_code == 401
        answer = sign_in(client, "viewer@fjord.example", farms.PASSWORD)
        assert is_problem(answer, 429, "locked_out")
        assert 0 < int(answer.headers["retry-after"]) <= 301
        assert sign_in(client, "operator@fjord.example", farms.PASSWORD).status_code == 200


def test_a_lock_holds_in_every_process_of_the_api(fresh_api: Api, api: Api) -> None:
    for turn in range(5):
        with (fresh_api if turn % 2 else api).client() as client:
            assert sign_in(client, "operator@fjord.example", "wrong password").status_code == 401
    for each in (fresh_api, api):
        with each.client() as client:
            assert is_problem(sign_in(client, "operator@fjord.example", farms.PASSWORD), 429, "locked_out")


def at_once(apis: list[Api], password: str, count: int) -> list[int]:
    """So many screens behind one address, all at the same moment; the status of each answer."""
    ready = threading.Barrier(count)

    def screen(number: int) -> int:
        with apis[number % len(apis)].client() as client:
            ready.wait(30)
            return sign_in(client, "viewer@fjord.example", password).status_code

    with ThreadPoolExecutor(count) as screens:
        return sorted(screens.map(screen, range(count)))


def test_after_a_power_cut_every_screen_of_a_farm_signs_in_with_the_same_account(fresh_api: Api, api: Api) -> None:
    assert at_once([fresh_api, api], farms.PASSWORD, 10) == [200] * 10
    assert at_once([fresh_api], "wrong password", 8) == [401] * 5 + [429] * 3, "no more guesses for coming together"


def test_login_form_must_be_complete(anonymous: httpx.Client) -> None:
    answer = anonymous.post("/api/v1/auth/login", data={"username": "viewer@fjord.example"})
    assert is_problem(answer, 422, "invalid_request")
    assert "password" in answer.json()["errors"][0]["location"]


def test_a_user_who_is_disabled_in_the_database_is_out_in_a_moment(fresh_api: Api, farm_url: str) -> None:
    create_user(farm_url, "leaver@fjord.example", farms.PASSWORD, "operator", "shoal")
    with fresh_api.client() as client, psycopg.connect(farm_url, autocommit=True) as database:
        token = sign_in(client, "leaver@fjord.example", farms.PASSWORD).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.get("/api/v1/auth/me").status_code == 200
        database.execute("UPDATE app_user SET disabled_at = now() WHERE email = 'leaver@fjord.example'")
        deadline = time.monotonic() + 20
        while client.get("/api/v1/auth/me").status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.1)  # what this process remembers lasts two seconds
        assert is_problem(client.get("/api/v1/auth/me"), 401, "unauthenticated")
        assert is_problem(sign_in(client, "leaver@fjord.example", farms.PASSWORD), 401, "invalid_credentials")


def claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(timezone.utc)
    good = {"iss": "shoal", "aud": "shoal-api", "sub": "1", "iat": now, "exp": now + timedelta(minutes=5)}
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


def unsigned() -> str:
    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    body = claims(iat=0, exp=4_000_000_000)
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(body)}."


FORGED: dict[str, Callable[[], str]] = {
    "no algorithm": unsigned,
    "another secret": lambda: jwt.encode(claims(), b"x" * 32, algorithm="HS256"),
    "the secret without derivation": lambda: jwt.encode(claims(), SECRET.encode(), algorithm="HS256"),
    "the key of image addresses": lambda: jwt.encode(
        claims(), derive_key(SECRET.encode(), "image-url"), algorithm="HS256"
    ),
    "another algorithm": lambda: jwt.encode(claims(), KEY + KEY, algorithm="HS512"),
    "expired": lambda: jwt.encode(
        claims(exp=datetime.now(timezone.utc) - timedelta(seconds=1)), KEY, algorithm="HS256"
    ),
    "no expiry": lambda: jwt.encode(claims(exp=None), KEY, algorithm="HS256"),
    "another audience": lambda: jwt.encode(claims(aud="other"), KEY, algorithm="HS256"),
    "another issuer": lambda: jwt.encode(claims(iss="other"), KEY, algorithm="HS256"),
    "a user who never was": lambda: AccessTokens(SECRET.encode(), lifetime=timedelta(minutes=5)).issue(2**31 - 1).token,
    "a user id beyond the key": lambda: jwt.encode(claims(sub=str(2**40)), KEY, algorithm="HS256"),
    "a user id that is no number": lambda: jwt.encode(claims(sub="1; DROP TABLE app_user"), KEY, algorithm="HS256"),
    "nonsense": lambda: "nonsense",
    "far too long": lambda: "a" * 10_000,
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_forged_token_is_refused(anonymous: httpx.Client, forge: Callable[[], str]) -> None:
    answer = anonymous.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {forge()}"})
    assert is_problem(answer, 401, "unauthenticated")


def test_good_token_of_the_same_make_is_accepted(anonymous: httpx.Client) -> None:
    token = jwt.encode(claims(), KEY, algorithm="HS256")
    assert anonymous.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Basic dXNlcjpwYXNz", "Token abc"])
def test_other_schemes_are_no_credentials(anonymous: httpx.Client, header: str) -> None:
    assert is_problem(anonymous.get("/api/v1/auth/me", headers={"Authorization": header}), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("email", "password", "role", "organization", "field"),
    [
        ("not an address", "long enough password", "viewer", "shoal", "email"),
        ("a@b.example", "short", "viewer", "shoal", "password"),
        ("a@b.example", "long enough password", "emperor", "shoal", "role"),
        ("a@b.example", "long enough password", "viewer", "Not A Slug", "organization"),
        ("viewer@fjord.example", "long enough password", "viewer", "shoal", "email"),
    ],
)
def test_bad_account_is_refused_by_field(
    farm: farms.Farm, farm_url: str, email: str, password: str, role: str, organization: str, field: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        create_user(farm_url, email, password, role, organization)
    assert refused.value.field == field
    assert password not in str(refused.value)


def test_new_password_replaces_the_old(fresh_api: Api, farm_url: str) -> None:
    create_user(farm_url, "Forgetful@Fjord.example", farms.PASSWORD, "viewer", "shoal", name="Fay")
    assert user_exists(farm_url, "forgetful@fjord.example")
    set_password(farm_url, "forgetful@fjord.example", "another good password")
    with fresh_api.client() as client:
        assert sign_in(client, "forgetful@fjord.example", farms.PASSWORD).status_code == 401
        assert sign_in(client, "forgetful@fjord.example", "another good password").json()["user"]["name"] == "Fay"
    with pytest.raises(ConfigurationError):
        set_password(farm_url, "nobody@fjord.example", "another good password")
