"""Serves a built single-page application: hashed assets for good, and ``index.html`` for every page address."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_NOT_FOUND = 404
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"  # kept, but checked by ETag on every load: a new build shows at once


class SinglePageApp(StaticFiles):
    """Static files with the fallback that client-side routing needs.

    Args:
        directory: the build, with ``index.html`` and hashed files in ``assets/``.
        reserved: first path segments that are never pages (``api``), so that a wrong API address is a 404.
    """

    def __init__(self, directory: Path, *, reserved: frozenset[str]) -> None:
        super().__init__(directory=directory, check_dir=False)
        self._build = directory
        self._reserved = reserved

    async def check_config(self) -> None:
        """Without a build there is no page; the API around it runs on."""
        if not (self._build / "index.html").is_file():
            raise HTTPException(_NOT_FOUND, "the dashboard has not been built")

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at a path, or the page."""
        # As it was asked for, before dots are resolved: "/api/../x" is an API address too.
        if scope["path"].lstrip("/").partition("/")[0] in self._reserved:
            raise HTTPException(_NOT_FOUND, "there is no such address")
        first, _, rest = path.replace("\\", "/").partition("/")
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            # A missing asset must be a 404: a page in its place would be taken for a script.
            if error.status_code != _NOT_FOUND or first == "assets" or "." in path.rpartition("/")[2].lstrip("."):
                raise
            response = await super().get_response("index.html", scope)
        response.headers["Cache-Control"] = _FOR_GOOD if first == "assets" and rest else _ASK_AGAIN
        return response
