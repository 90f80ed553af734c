"""SQL of keys, for whoever administers them. Every query names the scope that asks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from cloud.auth.scope import Scope
from cloud.auth.tables import ApiKey
from cloud.kit.repository import ReadConnection, Repository, Row, WriteConnection

_KEYS = select(
    ApiKey.id,
    ApiKey.name,
    ApiKey.role,
    ApiKey.scopes,
    ApiKey.site_ids,
    ApiKey.created_at,
    ApiKey.created_by,
    ApiKey.expires_at,
    ApiKey.revoked_at,
)


class ApiKeyRepository(Repository):
    """Keys of one organization; for somebody who is limited to sites, those within them."""

    def __init__(self, connection: ReadConnection | WriteConnection, scope: Scope) -> None:
        super().__init__(connection)
        self._scope = scope
        self._own: ColumnElement[bool] = ApiKey.organization_id == scope.organization_id
        if scope.site_ids is not None:
            mine = literal(list(scope.site_ids), JSONB)
            self._own = and_(self._own, ApiKey.site_ids.is_not(None), mine.contains(ApiKey.site_ids))

    async def keys(self, *, after: str | None, rows: int) -> list[Row]:
        """Keys by name, those after ``after``."""
        statement = _KEYS.where(self._own).order_by(ApiKey.name).limit(rows)
        if after is not None:
            statement = statement.where(ApiKey.name > after)
        return await self._all(statement)

    async def add(self, values: Row) -> int | None:
        """Store a key and return its id; None when the name is taken."""
        statement = insert(ApiKey).values(organization_id=self._scope.organization_id, **values)
        row = await self._one(statement.on_conflict_do_nothing().returning(ApiKey.id))
        return None if row is None else row["id"]

    async def revoke(self, key_id: int, now: datetime) -> bool:
        """Make a key useless; False when there is none that works."""
        statement = update(ApiKey).where(self._own, ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
        return await self._one(statement.values(revoked_at=now).returning(ApiKey.id)) is not None
