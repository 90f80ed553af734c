"""The API on a real port, over a real PostgreSQL that holds a farm and a rival's farm."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
import structlog
import uvicorn
from fastapi import FastAPI
from psycopg.sql import SQL, Identifier
from pydantic import SecretStr
from typer.testing import CliRunner

from cloud.app import _listen, create_app
from cloud.db import migrate
from cloud.kit.logs import configure_logging
from cloud.settings import CloudSettings
from shoal.cli import app as shoal_app
from tests.cloud.api import farm as farms
from tests.cloud.api.kelp import Kelp
from tests.cloud.api.kelp import build as build_kelp
from tests.cloud.api.skerry import MANAGER, Skerry, live_a_month
from tests.cloud.api.skerry import build as build_skerry

SECRET = "a secret of at least thirty-two characters"


@dataclass(frozen=True)
class Api:
    """A running API."""

    app: FastAPI
    url: str
    settings: CloudSettings

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20)


class Serving:
    """Serves an application from a thread until the block ends."""

    def __init__(self, settings: CloudSettings) -> None:
        self._settings = settings
        self._app = create_app(settings)
        self._server = uvicorn.Server(uvicorn.Config(self._app, log_config=None, access_log=False, lifespan="on"))
        self._listener = _listen("127.0.0.1", 0)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})

    def __enter__(self) -> Api:
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        return Api(self._app, f"http://127.0.0.1:{self._listener.getsockname()[1]}", self._settings)

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        self._listener.close()


@pytest.fixture(scope="session", autouse=True)
def _logs_as_in_production() -> Iterator[None]:
    configure_logging("info")
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def storage_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="session")
def dashboard_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<!doctype html><title>Shoal</title>")
    (folder / "favicon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "assets" / "index-a1b2c3.js").write_text("export const farm = 1;\n" * 200)
    (folder.parent / "outside.txt").write_text("not for the web")
    return folder


@pytest.fixture(scope="session")
def farm_url(postgres_url: Callable[[str], str]) -> Iterator[str]:
    """Database of the farm; shared by all tests of this folder, which leave it as they found it or do not mind."""
    name = f"shoal_api_{os.getpid()}"
    with psycopg.connect(postgres_url("postgres"), autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        migrate.upgrade(postgres_url(name))
        yield postgres_url(name)
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture(scope="session")
def farm(farm_url: str, storage_dir: Path) -> farms.Farm:
    return farms.build(farm_url, storage_dir)


def settings_for(database_url: str, *, storage_dir: Path, dashboard_dir: Path) -> CloudSettings:
    return CloudSettings(
        database_url=SecretStr(database_url),
        storage_dir=storage_dir,
        dashboard_dir=dashboard_dir,
        secret_key=SecretStr(SECRET),
        rate_per_minute=None,  # every test comes from one address
        rate_per_minute_user=None,
        predict_run_tasks=False,  # several APIs of these tests share a database, and not their models
    )


@pytest.fixture(scope="session")
def api(farm: farms.Farm, farm_url: str, storage_dir: Path, dashboard_dir: Path) -> Iterator[Api]:
    with Serving(settings_for(farm_url, storage_dir=storage_dir, dashboard_dir=dashboard_dir)) as running:
        yield running


@pytest.fixture(scope="session")
def token_of(api: Api) -> Callable[[str], str]:
    """Access token of a user by the name before the @; each signs in once."""
    tokens: dict[str, str] = {}

    def token(name: str) -> str:
        if name not in tokens:
            email = next(email for email in farms.USERS if email.startswith(f"{name}@"))
            with api.client() as client:
                answer = client.post("/api/v1/auth/login", data={"username": email, "password": farms.PASSWORD})
            tokens[name] = answer.json()["access_token"]
        return tokens[name]

    return token


@pytest.fixture
def shoal(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs a command of somebody whose login is kept in a folder of this test, and returns what it prints."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("SHOAL_API_KEY", raising=False)
    runner = CliRunner()

    def run(*arguments: str, of: str = "admin") -> str:
        done = runner.invoke(shoal_app, [of, *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    run("login", api.url, "--email", "fleet@fjord.example", "--password", farms.PASSWORD)
    return run


@pytest.fixture
def anonymous(api: Api) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


@pytest.fixture
def viewer(api: Api, token_of: Callable[[str], str]) -> Iterator[httpx.Client]:
    with api.client(token_of("viewer")) as client:
        yield client


@pytest.fixture
def operator(api: Api, token_of: Callable[[str], str]) -> Iterator[httpx.Client]:
    with api.client(token_of("operator")) as client:
        yield client


@pytest.fixture
def fleet_admin(api: Api, token_of: Callable[[str], str]) -> Iterator[httpx.Client]:
    with api.client(token_of("fleet")) as client:
        yield client


@pytest.fixture
def platform_admin(api: Api, token_of: Callable[[str], str]) -> Iterator[httpx.Client]:
    with api.client(token_of("admin")) as client:
        yield client


@pytest.fixture
def rival(api: Api, token_of: Callable[[str], str]) -> Iterator[httpx.Client]:
    with api.client(token_of("rival")) as client:
        yield client


@pytest.fixture(scope="session")
def kelp(api: Api, farm_url: str) -> Iterator[Kelp]:
    """A farm whose frames are labelled."""
    built = build_kelp(api, farm_url)
    yield built
    built.close()


@pytest.fixture(scope="session")
def skerry(api: Api, farm_url: str) -> Skerry:
    """A second farm, with a month of its diary."""
    built = build_skerry(farm_url)
    with api.client() as client:
        answer = client.post("/api/v1/auth/login", data={"username": MANAGER, "password": farms.PASSWORD})
    with api.client(answer.json()["access_token"]) as client:
        live_a_month(client)
    return built


@pytest.fixture
def manager(api: Api, skerry: Skerry) -> Iterator[httpx.Client]:
    """The farm manager of the skerry."""
    del skerry
    with api.client() as client:
        answer = client.post("/api/v1/auth/login", data={"username": MANAGER, "password": farms.PASSWORD})
    with api.client(answer.json()["access_token"]) as client:
        yield client
