"""The Python client and ``shoal admin`` against the real API."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ConfigurationError
from shoal.admin.session import connected, session_file
from shoal.admin.table import MOST, every_page
from shoal.client import ApiFailure, AsyncClient, Client
from shoal.write_client import DOCUMENT, HERE, generate
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import Api

VIEWER = "viewer@fjord.example"


def test_the_client_is_that_of_the_openapi_document() -> None:
    for name, text in generate(json.loads(DOCUMENT.read_text())).items():
        assert (HERE / name).read_text() == text, "run: python -m shoal.write_client"


def test_a_program_reads_and_is_refused_with_a_reason(api: Api) -> None:
    with Client(api.url, email=VIEWER, password=farms.PASSWORD) as client:
        assert [site["slug"] for site in client.list_sites()["items"]] == ["fjord"]
        latest = client.get_site_latest("fjord")
        assert {unit["unit"]["slug"] for unit in latest["units"]} == {"tank-1", "tank-2"}
        with pytest.raises(ApiFailure, match="There is no site 'nowhere'") as failure:
            client.get_site("nowhere")
        assert (failure.value.status, failure.value.code) == (404, "not_found")
        assert failure.value.request_id
        with pytest.raises(ApiFailure, match="not_found"):
            client.get_site("../devices")  # a part of a path stays one


def test_an_expired_login_is_renewed_by_itself(api: Api) -> None:
    with Client(api.url, email=VIEWER, password=farms.PASSWORD) as client:
        client.list_sites()
        first = client.refresh_token
        client._login.token = "of yesterday"
        assert client.list_sites()["items"]
        assert client.refresh_token != first
    with Client(api.url, email=VIEWER, password="a wrong password") as client, pytest.raises(ApiFailure) as failure:
        client.list_sites()
    assert failure.value.code == "invalid_credentials"
    with Client("http://127.0.0.1:9", key="shk_none") as client, pytest.raises(ApiFailure, match="does not answer"):
        client.list_sites()


def test_many_requests_at_once_renew_the_login_once(api: Api) -> None:
    async def story() -> list[Any]:
        async with AsyncClient(api.url, email=VIEWER, password=farms.PASSWORD) as client:
            await client.list_sites()
            client._login.token = "of yesterday"
            return await asyncio.gather(*(client.list_units("fjord") for _ in range(5)))

    pages = asyncio.run(story())
    assert all([unit["slug"] for unit in page["items"]] == ["tank-1", "tank-2"] for page in pages)


def test_changes_come_to_a_program(api: Api) -> None:
    with Client(api.url, email=VIEWER, password=farms.PASSWORD) as client:
        client.list_sites()
        snapshot = next(iter(client.live(sites=["fjord"])))
    assert snapshot["type"] == "snapshot"

    async def first() -> dict[str, Any]:
        async with AsyncClient(api.url, email=VIEWER, password=farms.PASSWORD) as client:
            await client.list_sites()
            messages = client.live(sites=["fjord"])
            message = await anext(messages)
            await messages.aclose()  # type: ignore[attr-defined]  # an async generator
            return message

    assert asyncio.run(first())["type"] == "snapshot"


def test_an_admin_looks_after_a_farm_from_a_terminal(shoal: Callable[..., str], tmp_path: Path) -> None:
    assert stat.S_IMODE(session_file().stat().st_mode) == 0o600
    assert "fleet@fjord.example" in shoal("whoami")
    assert "fjord" in shoal("sites")
    assert [unit["slug"] for unit in json.loads(shoal("units", "fjord", "--json"))] == ["tank-1", "tank-2"]
    assert "tank-1.do" in shoal("latest", "fjord")
    assert "do.low.critical" in shoal("alarms", "--all")
    assert json.loads(shoal("devices", "--json"))[0]["slug"] == "box-1"
    assert "database" in shoal("health")
    assert "GET /api/v1/sites" in shoal("performance")
    assert "wrote" in shoal("export", "fjord", "--out", str(tmp_path), "--quantity", "do")
    (file,) = tmp_path.glob("fjord-*.csv")
    assert file.read_text().startswith("time,site,unit,channel")
    assert "export" in shoal("tasks", "list")
    assert "Signed out" in shoal("logout")
    assert not session_file().exists()


def test_people_and_machines_are_let_in_from_a_terminal(shoal: Callable[..., str], api: Api) -> None:
    [invited] = json.loads(shoal("invitations", "add", "newcomer@fjord.example", "--role", "viewer", "--json"))
    assert "newcomer@fjord.example" in shoal("invitations", "list")
    assert "Withdrawn" in shoal("invitations", "withdraw", str(invited["id"]))
    [made] = json.loads(shoal("keys", "add", "scale-house", "--scope", "farms:read", "--site", "fjord", "--json"))
    with api.client(made["key"]) as machine:
        assert machine.get("/api/v1/sites").status_code == 200
        assert "scale-house" in shoal("keys", "list")
        assert "Revoked" in shoal("keys", "revoke", str(made["id"]))
        assert machine.get("/api/v1/sites").status_code == 401


def test_models_are_looked_at_from_a_terminal(shoal: Callable[..., str]) -> None:
    listed = json.loads(shoal("models", "list", "--json"))
    model = next(each["key"] for each in listed if each["active"])
    assert model in [each["key"] for each in json.loads(shoal("models", "list", "--active", "--json"))]
    card = shoal("models", "show", model)
    assert "threshold" in card
    assert "licence" in card
    assert isinstance(json.loads(shoal("models", "stats", "--json")), list)


def test_the_fleet_is_grouped_and_rolled_out_to_from_a_terminal(shoal: Callable[..., str]) -> None:
    (box,) = json.loads(shoal("devices", "--site", "fjord", "--json", of="fleet"))[:1]
    name = f"fjord/{box['slug']}"
    assert name in shoal("groups", "set", "pilot", name, "--note", "first ones", of="fleet")
    assert "turbid" in shoal("tag", name, "turbid", of="fleet")
    chosen = ("--group", "pilot", "--tag", "turbid")
    assert [each["slug"] for each in json.loads(shoal("devices", *chosen, "--json", of="fleet"))] == [box["slug"]]
    asked = json.loads(
        shoal("rollout", "create", "fish-detector", "1.1.0", "--back-to", "1.0.0", *chosen, "--json", of="fleet")
    )[0]
    assert (asked["status"], asked["groups"], asked["tags"]) == ("asked", ["pilot"], ["turbid"])
    assert asked["id"] in shoal("rollout", "list", of="fleet")
    assert "agrees" in shoal("deployments", of="fleet")
    assert "certificate" in shoal("health", of="fleet")
    assert shoal("deployments", "--differing", "--json", of="fleet").strip().startswith("[")
    shoal("rollout", "pause", asked["id"], "--reason", "storm warning", of="fleet")
    assert "canary" in shoal("rollout", "show", asked["id"], "--devices", of="fleet")
    shoal("tag", name, of="fleet")
    shoal("groups", "delete", "pilot", of="fleet")
    assert "pilot" not in shoal("groups", "list", of="fleet")


def test_what_a_command_leaves_out_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    def page(cursor: str | None) -> dict[str, Any]:
        first = int(cursor or 0)
        return {"items": [*range(first, first + 500)], "next_cursor": str(first + 500) if first < 5500 else None}

    assert every_page(page) == [*range(MOST)]
    assert f"Only the first {MOST}: there are more" in capsys.readouterr().err
    assert len(every_page(page, limit=700)) == 700
    assert capsys.readouterr().err == "", "so many were asked for"


def test_a_key_goes_to_its_own_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_API_URL", "https://farm.example")
    monkeypatch.setenv("SHOAL_API_KEY", "shk_farm")
    with connected("https://farm.example/") as client:
        assert client.url == "https://farm.example/"
    with pytest.raises(ConfigurationError, match="is that of SHOAL_API_URL"), connected("https://other.example"):
        pass


def test_no_two_models_share_a_name_in_the_document(api: Api) -> None:
    """Two of one name would be told apart by the modules they lie in, in the client and in the dashboard too."""
    names = api.app.openapi()["components"]["schemas"]
    assert [name for name in names if "__" in name] == []
