"""Whoever works at the command line of the server: may do what a platform admin may, and the audit log says who it was."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy import column, select, table

from cloud.auth.principal import Principal
from cloud.auth.rules import Role
from cloud.db.session import sqlalchemy_url
from cloud.errors import ApiError
from cloud.kit.repository import Database, Repository, WriteConnection
from contracts.errors import ConfigurationError

_Result = TypeVar("_Result")
_ORGANIZATION = table("organization", column("id"), column("slug"))


def operator_name() -> str:
    """How histories name them."""
    return f"command:{os.environ.get('SUDO_USER') or os.environ.get('USER') or f'uid {os.geteuid()}'}"


def of_command(action: str) -> dict[str, Any]:
    """How the audit log names them."""
    return {"actor": operator_name(), "actor_kind": "command", "organization_id": None, "action": action}


def as_operator(
    database_url: str, organization: str, action: str, do: Callable[[WriteConnection, Principal], Awaitable[_Result]]
) -> _Result:
    """Do something in one transaction, as an administrator of an organization.

    Raises:
        ConfigurationError: there is no such organization, or what is asked for is refused.
    """

    async def story() -> _Result:
        database = Database(sqlalchemy_url(database_url), pool_size=1, statement_timeout_s=60)
        database.start()
        try:
            async with database.write(of_command(action)) as writer:
                organization_id = await _Organizations(writer).key(organization)
                if organization_id is None:
                    raise ConfigurationError("organization", organization, "There is none of this slug.")
                name = operator_name()
                return await do(writer, Principal(0, name, name, Role.PLATFORM_ADMIN, organization_id, organization))
        except ApiError as refusal:
            raise ConfigurationError(action, "(as given)", f"{refusal.title}: {refusal.detail}") from refusal
        finally:
            await database.stop()

    return asyncio.run(story())


class _Organizations(Repository):
    async def key(self, slug: str) -> int | None:
        row = await self._one(select(_ORGANIZATION.c.id).where(_ORGANIZATION.c.slug == slug))
        return None if row is None else row["id"]
