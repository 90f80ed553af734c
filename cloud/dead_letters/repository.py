"""SQL of dead letters."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, tuple_

from cloud.auth.scope import Scope
from cloud.dead_letters.tables import DeadLetterRow
from cloud.farms.repository import own_sites
from cloud.farms.tables import Site
from cloud.kit.repository import Repository, Row

PREVIEW_BYTES = 500


class DeadLetterRepository(Repository):
    """Dead letters; a letter belongs to an organization through the site that its topic named."""

    async def letters(self, *, scope: Scope | None, before: tuple[datetime, str] | None, rows: int) -> list[Row]:
        """Newest letters of one organization's sites, or (None) all, those of nobody included."""
        letter = DeadLetterRow
        statement = (
            select(
                letter.id,
                letter.received_at,
                letter.stage,
                letter.reason,
                letter.detail,
                letter.origin,
                letter.site,
                letter.device,
                letter.count,
                func.length(letter.payload).label("bytes"),
                func.substr(letter.payload, 1, PREVIEW_BYTES).label("head"),
            )
            .order_by(letter.received_at.desc(), letter.id.desc())
            .limit(rows)
        )
        if scope is not None:
            own = select(Site.slug).where(own_sites(scope))
            statement = statement.where(letter.site.in_(own))
        if before is not None:
            statement = statement.where(tuple_(letter.received_at, letter.id) < before)
        return await self._all(statement)
