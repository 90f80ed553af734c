"""Attacks on the door and the border: tokens confused or guessed, strings that inject, paths that climb, bodies that flood."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cloud.auth.tokens import KeyTokens, RefreshTokens, UrlSigner, derive_key
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import SECRET, Api
from tests.cloud.api.test_access import is_problem

INJECTIONS = (
    "' OR '1'='1",
    "'; DROP TABLE app_user; --",
    '" OR ""="',
    "1; SELECT pg_sleep(5)",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
    "%00",
    "\r\nSet-Cookie: owned=1",
    "\U0001f41f" * 50,
    "=cmd|' /C calc'!A0",
)


@pytest.fixture
def admin(api: Api, token_of: Callable[[str], str], farm: farms.Farm) -> Iterator[httpx.Client]:
    del farm
    with api.client(token_of("admin")) as client:
        yield client


def forged(key: Any, algorithm: str, **changes: Any) -> str:
    now = datetime.now(timezone.utc)
    claims = {"iss": "shoal", "aud": "shoal-api", "sub": "1", "iat": now, "exp": now + timedelta(minutes=5), **changes}
    return jwt.encode(claims, key, algorithm=algorithm)


def test_a_token_signed_by_a_key_of_ones_own_is_refused_whatever_it_says_of_itself(api: Api) -> None:
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for token in (
        forged(own, "RS256"),
        forged(b"\0" * 32, "HS256"),
        forged(derive_key(SECRET.encode(), "refresh-token"), "HS256"),
        forged(derive_key(SECRET.encode(), "access-token"), "HS256", sid="not-a-uuid"),
        forged(derive_key(SECRET.encode(), "access-token"), "HS256", sid=["a"]),
        forged(derive_key(SECRET.encode(), "access-token"), "HS256", sid="0" * 32),
        forged(derive_key(SECRET.encode(), "access-token") * 2, "HS512"),
    ):
        with api.client(token) as client:
            assert is_problem(client.get("/api/v1/auth/me"), 401, "unauthenticated")


def test_one_kind_of_token_never_passes_for_another(api: Api, admin: httpx.Client) -> None:
    session = admin.get("/api/v1/auth/me").json()["id"]
    refresh = RefreshTokens(SECRET.encode())
    for token in (
        refresh.issue(uuid4(), 1),
        KeyTokens(SECRET.encode()).write(session, KeyTokens.new_secret()),
        UrlSigner(SECRET.encode(), minutes=60).sign("/api/v1/sites", datetime.now(timezone.utc)),
    ):
        with api.client(token) as client:
            assert is_problem(client.get("/api/v1/sites"), 401, "unauthenticated")
    access = admin.headers["Authorization"].removeprefix("Bearer ")
    with api.client() as client:
        answer = client.post("/api/v1/auth/refresh", json={"refresh_token": access[:200]})
        assert is_problem(answer, 401, "unauthenticated")


@pytest.mark.parametrize("text", INJECTIONS)
def test_strings_that_inject_are_data_or_refused(admin: httpx.Client, api: Api, farm_url: str, text: str) -> None:
    for path in ("/sites", "/alarms", "/users", "/batches", "/audit"):
        answer = admin.get(f"/api/v1{path}", params={"cursor": text, "site": text, "actor": text})
        assert answer.status_code < 500, (path, answer.text)
        assert "set-cookie" not in answer.headers
    with api.client() as client:
        login = client.post("/api/v1/auth/login", data={"username": text, "password": text})
        assert login.status_code in {401, 422, 429}
    made = admin.post("/api/v1/contacts", json={"name": text[:60], "email": "a@b.example"})
    assert made.status_code in {201, 422, 409}
    if made.status_code == 201:
        assert made.json()["name"] == text[:60], "what is taken is kept as it was given"
        admin.delete(f"/api/v1/contacts/{made.json()['id']}")
    with psycopg.connect(farm_url) as database:
        assert database.execute("SELECT count(*) FROM app_user").fetchone() != (0,)
        database.execute("DELETE FROM login_counter")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/images/../../../../etc/passwd",
        "/api/v1/images/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/../../../../etc/passwd",
        "/assets/..%2f..%2foutside.txt",
        "/%2e%2e/%2e%2e/outside.txt",
        "/api/v1/repository/..%2f..%2f..%2fetc%2fpasswd",
        "/api/v1/sites/fjord/reports/..%2f..%2fetc.csv?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z",
        "/api/v1/audit/export.%2e%2e",
    ],
)
def test_no_path_climbs_out(admin: httpx.Client, path: str) -> None:
    answer = admin.get(path)
    assert answer.status_code in {200, 400, 404, 422}
    assert "root:" not in answer.text
    assert "not for the web" not in answer.text


def test_bodies_that_are_too_large_or_too_deep_are_refused(admin: httpx.Client) -> None:
    big = b'{"name": "' + b"x" * 1_100_000 + b'"}'
    for headers in ({}, {"Idempotency-Key": "flood"}):
        answer = admin.post("/api/v1/contacts", content=big, headers={"Content-Type": "application/json", **headers})
        assert answer.status_code in {400, 413}
    deep = "[" * 100_000 + "]" * 100_000
    answer = admin.post("/api/v1/contacts", content=deep, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    chunks = (b"x" * 100_000 for _ in range(15))
    answer = admin.post("/api/v1/contacts", content=chunks, headers={"Content-Type": "application/json"})
    assert is_problem(answer, 413, "payload_too_large")


def test_nobody_gives_themselves_more_by_fields_that_are_not_asked_for(
    api: Api, admin: httpx.Client, token_of: Callable[[str], str]
) -> None:
    made = admin.post("/api/v1/invitations", json={"email": "mass@fjord.example", "role": "viewer"}).json()
    form = {
        "token": made["token"], "name": "Mass", "password": "plenty of oxygen", "role": "platform_admin",
        "organization_id": 1, "email": "admin2@fjord.example", "sites": None,
    }  # fmt: skip
    with api.client() as client:
        user = client.post("/api/v1/auth/register", json=form).json()["user"]
    assert (user["role"], user["email"]) == ("viewer", "mass@fjord.example")
    with api.client(token_of("viewer")) as client:
        assert client.patch("/api/v1/users/1", json={"role": "platform_admin"}).status_code == 403


def test_an_answer_tells_nothing_of_the_inside(admin: httpx.Client) -> None:
    for answer in (
        admin.get("/api/v1/nothing"),
        admin.get("/api/v1/units/abc"),
        admin.request("TRACE", "/api/v1/sites"),
    ):
        assert not any(word in answer.text for word in ("Traceback", "psycopg", "uvicorn", "site-packages"))
