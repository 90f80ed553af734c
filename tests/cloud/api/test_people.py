"""Inviting, registering, changing and disabling people; what a site-limited person sees; keys of machines."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from cloud.db import migrate
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import Api, Serving, settings_for
from tests.cloud.api.test_access import is_problem

PASSWORD = "plenty of oxygen"
NUMBERS = count(1)


@pytest.fixture(scope="module")
def second_site(farm: farms.Farm, farm_url: str) -> str:
    """Another site of the fjord's organization, with one unit."""
    del farm
    with psycopg.connect(farm_url) as database:
        site = database.execute(
            "INSERT INTO site (organization_id, slug, name) SELECT id, 'bay', 'Bay' FROM organization"
            " WHERE slug = 'shoal' RETURNING id"
        ).fetchone()
        assert site is not None
        database.execute("INSERT INTO unit (site_id, slug, name) VALUES (%s, 'pen-1', 'Pen 1')", site)
    return "bay"


@pytest.fixture
def newcomer(api: Api, platform_admin: httpx.Client, second_site: str) -> Callable[..., dict[str, Any]]:
    """Lets somebody in with a role and sites; the answer to their registration."""
    del second_site

    def let_in(role: str, sites: list[str] | None = None) -> dict[str, Any]:
        email = f"new-{next(NUMBERS)}@fjord.example"
        made = platform_admin.post("/api/v1/invitations", json={"email": email, "role": role, "sites": sites})
        assert made.status_code == 201, made.text
        with api.client() as client:
            registered = client.post(
                "/api/v1/auth/register", json={"token": made.json()["token"], "name": "New", "password": PASSWORD}
            )
        assert registered.status_code == 201, registered.text
        answer: dict[str, Any] = registered.json()
        return answer

    return let_in


def test_an_invitation_lets_one_person_in_once(api: Api, platform_admin: httpx.Client) -> None:
    email = f"once-{next(NUMBERS)}@fjord.example"
    made = platform_admin.post("/api/v1/invitations", json={"email": email.upper(), "role": "operator"}).json()
    assert made["email"] == email
    form = {"token": made["token"], "name": "Once", "password": PASSWORD}
    with api.client() as client:
        weak = client.post("/api/v1/auth/register", json={**form, "password": "password1234"})
        assert is_problem(weak, 400, "weak_password")
        answer = client.post("/api/v1/auth/register", json=form)
        assert answer.status_code == 201, "a refused password does not use the invitation up"
        assert answer.json()["user"]["role"] == "operator"
        assert is_problem(client.post("/api/v1/auth/register", json=form), 403, "invalid_token")
        guessed = client.post("/api/v1/auth/register", json={**form, "token": "guess"})
        assert is_problem(guessed, 403, "invalid_token")
    taken = platform_admin.post("/api/v1/invitations", json={"email": email, "role": "operator"})
    assert is_problem(taken, 409, "conflict")


def test_a_withdrawn_or_old_invitation_is_useless(api: Api, platform_admin: httpx.Client, farm_url: str) -> None:
    form = {"name": "Late", "password": PASSWORD}
    for spoil in ("withdraw", "wait"):
        email = f"late-{next(NUMBERS)}@fjord.example"
        made = platform_admin.post("/api/v1/invitations", json={"email": email, "role": "viewer"}).json()
        if spoil == "withdraw":
            assert platform_admin.delete(f"/api/v1/invitations/{made['id']}").status_code == 204
            assert is_problem(platform_admin.delete(f"/api/v1/invitations/{made['id']}"), 404, "not_found")
        else:
            with psycopg.connect(farm_url) as database:
                database.execute(
                    "UPDATE invitation SET expires_at = now() - interval '1 second' WHERE id = %s", (made["id"],)
                )
        with api.client() as client:
            answer = client.post("/api/v1/auth/register", json={**form, "token": made["token"]})
        assert is_problem(answer, 403, "invalid_token")


def test_nobody_gives_more_than_they_have(
    api: Api, newcomer: Callable[..., dict[str, Any]], fleet_admin: httpx.Client
) -> None:
    above = fleet_admin.post("/api/v1/invitations", json={"email": "up@fjord.example", "role": "platform_admin"})
    assert is_problem(above, 403, "forbidden")
    limited = newcomer("farm_manager", ["bay"])
    with api.client(limited["access_token"]) as client:
        for sites in (None, ["fjord"], ["bay", "fjord"]):
            asked = {"email": "wide@fjord.example", "role": "viewer", "sites": sites}
            assert is_problem(client.post("/api/v1/invitations", json=asked), 403, "forbidden"), sites
        within = client.post(
            "/api/v1/invitations", json={"email": "within@fjord.example", "role": "viewer", "sites": ["bay"]}
        )
        assert within.status_code == 201
        foreign = {"email": "x@fjord.example", "role": "viewer", "organization": "rival"}
        assert is_problem(client.post("/api/v1/invitations", json=foreign), 403, "forbidden")
        unknown = {"email": "x@fjord.example", "role": "viewer", "sites": ["lagoon"]}
        assert is_problem(client.post("/api/v1/invitations", json=unknown), 404, "not_found")
        everybody = client.get("/api/v1/users").json()["items"]
        assert {tuple(person["sites"]) for person in everybody} == {("bay",)}, "only those within one's own sites"


def test_somebody_limited_to_a_site_sees_that_site_alone(
    api: Api, newcomer: Callable[..., dict[str, Any]], farm: farms.Farm
) -> None:
    limited = newcomer("operator", ["bay"])
    assert limited["user"]["sites"] == ["bay"]
    with api.client(limited["access_token"]) as client:
        assert client.get("/api/v1/auth/me").json()["sites"] == ["bay"]
        assert [site["slug"] for site in client.get("/api/v1/sites").json()["items"]] == ["bay"]
        assert client.get("/api/v1/sites/bay/units").status_code == 200
        assert client.get("/api/v1/alarms").json()["items"] == []
        assert client.get("/api/v1/devices").json()["items"] == []
        for path in (
            "/sites/fjord",
            "/sites/fjord/latest",
            "/units/1",
            "/channels/1/series?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z",
            f"/images/{farms.JPEG_SHA256}",
            "/sites/fjord/records",
        ):
            assert is_problem(client.get(f"/api/v1{path}"), 404, "not_found"), path
        assert is_problem(client.post(f"/api/v1/alarms/{farm.active_alarm}/acknowledge"), 404, "not_found")


def test_fewer_rights_hold_from_the_next_request_on(
    api: Api, newcomer: Callable[..., dict[str, Any]], platform_admin: httpx.Client
) -> None:
    person = newcomer("farm_manager")
    path = f"/api/v1/users/{person['user']['id']}"
    with api.client(person["access_token"]) as client:
        assert client.get("/api/v1/users").status_code == 200
        changed = platform_admin.patch(path, json={"role": "viewer", "sites": ["bay"]}).json()
        assert (changed["role"], changed["sites"]) == ("viewer", ["bay"])
        assert is_problem(client.get("/api/v1/users"), 403, "forbidden")
        assert is_problem(client.get("/api/v1/sites/fjord"), 404, "not_found")
        assert platform_admin.patch(path, json={"sites": None}).json()["sites"] is None
        assert client.get("/api/v1/sites/fjord").status_code == 200
        assert platform_admin.patch(path, json={"disabled": True}).json()["disabled_at"] is not None
        assert is_problem(client.get("/api/v1/auth/me"), 401, "unauthenticated")
        refreshed = client.post("/api/v1/auth/refresh", json={"refresh_token": person["refresh_token"]})
        assert is_problem(refreshed, 401, "unauthenticated")


def test_nobody_changes_themselves_or_those_above(
    newcomer: Callable[..., dict[str, Any]], platform_admin: httpx.Client, fleet_admin: httpx.Client
) -> None:
    del newcomer
    me = platform_admin.get("/api/v1/auth/me").json()["id"]
    assert is_problem(platform_admin.patch(f"/api/v1/users/{me}", json={"role": "viewer"}), 400, "bad_request")
    assert is_problem(fleet_admin.patch(f"/api/v1/users/{me}", json={"disabled": True}), 403, "forbidden")
    assert is_problem(fleet_admin.post(f"/api/v1/users/{me}/reset"), 403, "forbidden")
    assert is_problem(fleet_admin.post(f"/api/v1/users/{me}/sign-out"), 403, "forbidden")


def test_a_reset_lets_the_person_choose_a_new_password(
    api: Api, newcomer: Callable[..., dict[str, Any]], platform_admin: httpx.Client
) -> None:
    person = newcomer("viewer")["user"]
    token = platform_admin.post(f"/api/v1/users/{person['id']}/reset").json()["token"]
    with api.client() as client:
        as_invitation = client.post("/api/v1/auth/register", json={"token": token, "name": "X", "password": PASSWORD})
        assert is_problem(as_invitation, 403, "invalid_token")
        form = {"token": token, "password": "a new one for the net pen"}
        assert client.post("/api/v1/auth/password/reset", json=form).status_code == 204
        assert is_problem(client.post("/api/v1/auth/password/reset", json=form), 403, "invalid_token")
        login = {"username": person["email"], "password": form["password"]}
        assert client.post("/api/v1/auth/login", data=login).status_code == 200


def test_a_lost_phone_is_signed_out(
    api: Api, newcomer: Callable[..., dict[str, Any]], platform_admin: httpx.Client
) -> None:
    person = newcomer("viewer")
    assert platform_admin.post(f"/api/v1/users/{person['user']['id']}/sign-out").status_code == 204
    with api.client(person["access_token"]) as client:
        assert is_problem(client.get("/api/v1/auth/me"), 401, "unauthenticated")


def test_the_first_user_needs_the_setup_token_and_there_is_one_first(
    empty_database_url: str, tmp_path: Path, dashboard_dir: Path
) -> None:
    migrate.upgrade(empty_database_url)
    settings = settings_for(empty_database_url, storage_dir=tmp_path, dashboard_dir=dashboard_dir)
    settings = settings.model_copy(update={"setup_token": SecretStr("the token of this server")})
    form = {
        "token": "the token of this server",
        "name": "Ana",
        "email": "ana@farm.example",
        "password": PASSWORD,
        "organization": "farm",
    }
    with Serving(settings) as running, running.client() as client:
        wrong = client.post("/api/v1/auth/register", json={**form, "token": "some other token"})
        assert is_problem(wrong, 403, "invalid_token")
        nameless = client.post("/api/v1/auth/register", json={**form, "email": None})
        assert is_problem(nameless, 400, "bad_request")
        first = client.post("/api/v1/auth/register", json=form).json()["user"]
        assert (first["role"], first["organization"]) == ("platform_admin", "farm")
        second = client.post("/api/v1/auth/register", json={**form, "email": "ben@farm.example"})
        assert is_problem(second, 403, "invalid_token")


def test_a_platform_admin_makes_organizations_and_invites_into_them(api: Api, platform_admin: httpx.Client) -> None:
    slug = f"reef-{next(NUMBERS)}"
    made = platform_admin.post("/api/v1/organizations", json={"slug": slug, "name": "Reef"})
    assert made.status_code == 201
    again = platform_admin.post("/api/v1/organizations", json={"slug": slug, "name": "Reef"})
    assert is_problem(again, 409, "conflict")
    asked = {"email": f"boss@{slug}.example", "role": "farm_manager", "organization": slug}
    token = platform_admin.post("/api/v1/invitations", json=asked).json()["token"]
    with api.client() as client:
        form = {"token": token, "name": "Boss", "password": PASSWORD}
        answer = client.post("/api/v1/auth/register", json=form).json()
    assert answer["user"]["organization"] == slug
    with api.client(answer["access_token"]) as client:
        assert client.get("/api/v1/sites").json()["items"] == []
    assert slug in [each["slug"] for each in platform_admin.get("/api/v1/organizations?limit=500").json()["items"]]


def key_of(client: httpx.Client, **changes: Any) -> httpx.Response:
    asked = {"name": f"key {next(NUMBERS)}", "role": "operator", "scopes": ["farms:read"], **changes}
    return client.post("/api/v1/api-keys", json=asked)


def test_a_key_opens_what_it_is_for_and_nothing_else(api: Api, fleet_admin: httpx.Client, farm: farms.Farm) -> None:
    made = key_of(fleet_admin, scopes=["farms:read", "alarms:write"]).json()
    with api.client(made["key"]) as machine:
        assert machine.get("/api/v1/auth/me").json()["email"] == f"key:{made['api_key']['name']}"
        assert machine.get("/api/v1/sites").status_code == 200
        assert is_problem(machine.get("/api/v1/alarms"), 403, "forbidden")
        assert machine.post(f"/api/v1/alarms/{farm.cleared_alarm}/acknowledge").status_code == 200
        assert is_problem(machine.get("/api/v1/users"), 403, "forbidden")
        assert is_problem(machine.post("/api/v1/auth/logout"), 403, "forbidden")
    listed = fleet_admin.get("/api/v1/api-keys?limit=500").json()["items"]
    assert made["api_key"]["name"] in [each["name"] for each in listed]
    assert made["key"].split("_")[2] not in str(listed)


def test_a_key_of_one_site_sees_that_site_alone(api: Api, fleet_admin: httpx.Client, second_site: str) -> None:
    made = key_of(fleet_admin, scopes=["*:read"], sites=[second_site]).json()
    with api.client(made["key"]) as machine:
        assert [site["slug"] for site in machine.get("/api/v1/sites").json()["items"]] == [second_site]
        assert is_problem(machine.get("/api/v1/sites/fjord"), 404, "not_found")


def test_a_revoked_or_expired_key_is_out_at_once(api: Api, fleet_admin: httpx.Client, farm_url: str) -> None:
    revoked, expired = key_of(fleet_admin).json(), key_of(fleet_admin).json()
    assert fleet_admin.delete(f"/api/v1/api-keys/{revoked['api_key']['id']}").status_code == 204
    assert is_problem(fleet_admin.delete(f"/api/v1/api-keys/{revoked['api_key']['id']}"), 404, "not_found")
    with psycopg.connect(farm_url) as database:
        database.execute("UPDATE api_key SET expires_at = now() WHERE id = %s", (expired["api_key"]["id"],))
    for made in (revoked, expired):
        with api.client(made["key"]) as machine:
            assert is_problem(machine.get("/api/v1/sites"), 401, "unauthenticated")


def test_a_key_gives_no_more_than_its_maker_has(fleet_admin: httpx.Client, platform_admin: httpx.Client) -> None:
    for client in (fleet_admin, platform_admin):
        assert is_problem(key_of(client, role="platform_admin"), 403, "forbidden")
    assert is_problem(key_of(fleet_admin, scopes=["everything"]), 422, "invalid_request")
    assert is_problem(key_of(fleet_admin, sites=["lagoon"]), 404, "not_found")
    taken = key_of(fleet_admin).json()["api_key"]["name"]
    assert is_problem(key_of(fleet_admin, name=taken), 409, "conflict")


@pytest.mark.parametrize("forge", ["shk_1_x_y", "shk_", "shk_99999999999_a_" + "b" * 43, "shk_1_a_" + "b" * 43])
def test_a_forged_key_is_refused(api: Api, forge: str) -> None:
    with api.client(forge) as machine:
        assert is_problem(machine.get("/api/v1/sites"), 401, "unauthenticated")
