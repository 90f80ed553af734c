"""Routes of all features in one flat list, found through an index.

FastAPI keeps a router inside a router and tries their patterns one after the other, for each level anew: with 120 routes
that costs more than many an answer. Here a request is compared with the few routes that its method, its number of segments
and its first segment leave. Whatever the index does not know falls to FastAPI's own search, so that 404, 405 and redirects
stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import Receive, Scope, Send

_FOUND = "shoal.route"
_COPIED = (
    "response_model",
    "status_code",
    "tags",
    "dependencies",
    "summary",
    "description",
    "response_description",
    "responses",
    "deprecated",
    "methods",
    "operation_id",
    "response_model_include",
    "response_model_exclude",
    "response_model_by_alias",
    "response_model_exclude_unset",
    "response_model_exclude_defaults",
    "response_model_exclude_none",
    "include_in_schema",
    "response_class",
    "name",
    "callbacks",
    "openapi_extra",
)
"""What a decorator of a feature may say of a route."""


def add_flat(app: FastAPI, router: APIRouter, *, prefix: str = "") -> None:
    """Add the routes of a feature to the application's own, as ``include_router`` does, without a level between.

    Raises:
        TypeError: a route of a kind that is not known here.
    """
    for route in router.routes:
        if isinstance(route, APIRoute):
            said = {name: getattr(route, name) for name in _COPIED}
            app.router.add_api_route(prefix + route.path, route.endpoint, **said)
        elif isinstance(route, APIWebSocketRoute):
            app.router.add_api_websocket_route(prefix + route.path, route.endpoint, route.name)
        else:
            raise TypeError(f"{router!r} has a route of a kind that cannot be moved: {route!r}")


def index_routes(app: FastAPI, *, prefix: str) -> None:
    """Look into an index before the application's list; call it when every route is there."""
    app.router.routes.insert(0, RouteIndex(app.router.routes, prefix=prefix))


class RouteIndex(BaseRoute):
    """Stands before the routes that it finds.

    Args:
        routes: in the order in which they are tried.
        prefix: path under which they are indexed, e.g. ``/api/v1/``; others are left to the search.
    """

    def __init__(self, routes: Sequence[BaseRoute], *, prefix: str) -> None:
        self._prefix = prefix
        self._by_key: dict[tuple[str, str, int], list[Route]] = {}
        under = [route for route in routes if isinstance(route, Route) and route.path.startswith(prefix)]
        # A pattern that spans segments, or begins with a parameter, may match under any key: it stays in its place in each.
        anywhere = [route for route in under if ":path}" in route.path or self._rest(route.path).startswith("{")]
        keys = {self._key(method, route.path) for route in under for method in route.methods or ()}
        for method, first, count in keys:
            key = (method, first, count)
            self._by_key[key] = [
                route
                for route in under
                if method in (route.methods or ()) and (route in anywhere or self._key(method, route.path) == key)
            ]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The first route that fits, or none."""
        path: str = scope["path"]
        if scope["type"] != "http" or scope.get("root_path") or not path.startswith(self._prefix):
            return Match.NONE, {}
        for route in self._by_key.get(self._key(scope["method"], path), ()):
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                return match, {**child_scope, _FOUND: route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the route that was found."""
        route: Route = scope[_FOUND]
        await route.handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> NoReturn:
        """Names are looked up in the routes themselves."""
        raise NoMatchFound(name, path_params)

    def _rest(self, path: str) -> str:
        return path[len(self._prefix) :]

    def _key(self, method: str, path: str) -> tuple[str, str, int]:
        rest = self._rest(path)
        return method, rest.partition("/")[0], rest.count("/")
