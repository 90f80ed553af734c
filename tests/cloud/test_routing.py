"""The index of routes finds what FastAPI's own search finds."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from cloud.app import create_app
from cloud.kit.routing import RouteIndex
from cloud.settings import CloudSettings


@pytest.fixture(scope="module")
def app() -> FastAPI:
    settings = CloudSettings(
        database_url=SecretStr("postgresql://nobody@localhost/none"),
        secret_key=SecretStr("a secret of at least thirty-two characters"),
    )
    return create_app(settings)


def asked(method: str, path: str) -> Scope:
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": [], "query_string": b""}


def searched(app: FastAPI, scope: Scope) -> BaseRoute | None:
    return next((route for route in app.routes[1:] if route.matches(dict(scope))[0] is Match.FULL), None)


def indexed(app: FastAPI, scope: Scope) -> BaseRoute | None:
    index = app.routes[0]
    assert isinstance(index, RouteIndex)
    match, child_scope = index.matches(dict(scope))
    return child_scope["shoal.route"] if match is Match.FULL else None


def test_every_route_is_found_by_the_index_as_by_the_search(app: FastAPI) -> None:
    routes = [route for route in app.routes if isinstance(route, Route) and route.path.startswith("/api/v1/")]
    assert len(routes) > 100
    for route in routes:
        for filled in ("7", "fjord", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "latest"):
            path = "/".join(filled if part.startswith("{") else part for part in route.path.split("/"))
            for method in route.methods or ():
                scope = asked(method, path)
                assert indexed(app, scope) is searched(app, scope), (method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/nothing"),
        ("GET", "/api/v1/sites/"),
        ("DELETE", "/api/v1/sites"),
        ("GET", "/api/v1/"),
        ("GET", "/live"),
        ("GET", "/"),
    ],
)
def test_what_is_no_route_is_left_to_the_search(app: FastAPI, method: str, path: str) -> None:
    assert indexed(app, asked(method, path)) is None


def test_below_a_prefix_of_a_proxy_the_search_decides(app: FastAPI) -> None:
    assert indexed(app, {**asked("GET", "/api/v1/sites"), "root_path": "/shoal"}) is None
