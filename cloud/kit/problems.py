"""Errors as ``application/problem+json`` (RFC 9457), in responses and in the OpenAPI document.

One shape for every refusal: our own errors, validation, unknown paths and methods, a database that is away.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from cloud.errors import ApiError, UnavailableError
from cloud.kit.schemas import ApiModel

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:shoal:problem:"


class FieldProblem(ApiModel):
    """One part of the request that is not as it should be."""

    location: str
    """Where, e.g. ``query.limit``."""
    message: str


class Problem(ApiModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(examples=["urn:shoal:problem:not_found"])
    """URI of the kind of problem."""
    title: str
    """The kind of problem, in words; the same for every occurrence."""
    status: int
    detail: str
    """What was wrong with this request."""
    code: str = Field(examples=["not_found"])
    """Stable name of the kind of problem; programs branch on this."""
    request_id: str
    """Quote it when asking for help; the server's log has the same id."""
    errors: list[FieldProblem] | None = None
    """The parts that failed validation."""


def problem_response(
    scope: Scope,
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: list[FieldProblem] | None = None,
) -> Response:
    """A refusal, ready to send."""
    problem = Problem(
        type=_TYPE_PREFIX + code,
        title=title,
        status=status,
        detail=detail,
        code=code,
        request_id=scope.get("state", {}).get("request_id", ""),
        errors=errors,
    )
    content = problem.model_dump_json(exclude_none=True)
    return Response(content, int(status), {**(headers or {}), "Cache-Control": "no-store"}, MEDIA_TYPE)


def error_response(scope: Scope, error: ApiError) -> Response:
    """The refusal that one of our own errors stands for."""
    return problem_response(
        scope,
        status=error.status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        headers=error.headers,
        errors=[FieldProblem(location=where, message=what) for where, what in error.faults] or None,
    )


def install(app: FastAPI) -> None:
    """Make every error of the application leave as a problem."""

    @app.exception_handler(ApiError)
    async def _ours(request: Request, error: ApiError) -> Response:
        return error_response(request.scope, error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [
            FieldProblem(location=".".join(str(part) for part in fault["loc"]), message=fault["msg"])
            for fault in error.errors()
        ]
        detail = "; ".join(f"{fault.location}: {fault.message}" for fault in errors)
        return problem_response(
            request.scope, status=422, code="invalid_request", title="Invalid request", detail=detail, errors=errors
        )

    @app.exception_handler(HTTPException)
    async def _framework(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        code = status.phrase.lower().replace(" ", "_").replace("-", "_")
        detail = f"{request.method} {request.url.path}: {error.detail}"
        return problem_response(
            request.scope, status=status, code=code, title=status.phrase, detail=detail, headers=error.headers
        )

    @app.exception_handler(DBAPIError)
    @app.exception_handler(PoolTimeoutError)
    async def _database(request: Request, error: Exception) -> Response:
        if isinstance(error, DBAPIError) and not _is_outage(error):
            raise error
        log.warning("database_unavailable", error=type(error).__name__)
        return error_response(request.scope, UnavailableError("The database does not answer right now"))


def _is_outage(error: DBAPIError) -> bool:
    """Class 08 connection, 53 resources, 57 operator intervention (restart, time-out); no code: never connected."""
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return error.connection_invalidated or type(error).__name__ in {"OperationalError", "InterfaceError"}
    return str(state)[:2] in {"08", "53", "57"}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses of an endpoint for these refusals."""
    return {status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in statuses}


def document_problems(document: dict[str, Any]) -> None:
    """Give every refusal in an OpenAPI document its real media type and shape, 422 included."""
    reference = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for path in document["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                declared = [body.get("schema", {}).get("$ref", "") for body in response.get("content", {}).values()]
                if any(each.rpartition("/")[2] in {"Problem", "HTTPValidationError"} for each in declared):
                    response["content"] = {MEDIA_TYPE: reference}
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)
