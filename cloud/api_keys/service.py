"""Making, listing and revoking keys."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from cloud.api_keys.repository import ApiKeyRepository
from cloud.api_keys.schemas import ApiKey, ApiKeyPage, MadeApiKey, NewApiKey
from cloud.auth.principal import Principal
from cloud.auth.repository import UserRepository
from cloud.auth.rules import KEY_MAX_ROLE, grant_fault
from cloud.auth.tokens import KeyTokens, hash_of
from cloud.errors import ConflictError, ForbiddenError, NotFoundError
from cloud.kit.ids import decode_cursor, encode_cursor
from cloud.kit.pagination import PageQuery, cut
from cloud.kit.repository import ReadConnection, WriteConnection

log = structlog.get_logger()

_MAX_ID = 2**31 - 1


async def list_keys(reader: ReadConnection, user: Principal, page: PageQuery) -> ApiKeyPage:
    """Keys of the organization, by name."""
    after = None if page.cursor is None else decode_cursor(page.cursor, 1)[0]
    rows = await ApiKeyRepository(reader, user.scope).keys(after=after, rows=page.rows)
    shown, cursor = cut(rows, page.limit, lambda row: encode_cursor(row["name"]))
    keys = {key for row in shown for key in row["site_ids"] or ()}
    slugs = await UserRepository(reader).site_slugs(keys) if keys else {}
    items = [
        ApiKey(
            **{name: row[name] for name in row if name != "site_ids"},
            sites=None if row["site_ids"] is None else sorted(slugs[key] for key in row["site_ids"] if key in slugs),
        )
        for row in shown
    ]
    return ApiKeyPage(items=items, next_cursor=cursor)


async def make_key(
    writer: WriteConnection, user: Principal, new: NewApiKey, tokens: KeyTokens, now: datetime
) -> MadeApiKey:
    """Make a key; its secret leaves here once.

    Raises:
        ForbiddenError: it would open more than one may oneself.
        NotFoundError: there is no such site.
        ConflictError: the name is taken.
    """
    if not KEY_MAX_ROLE.reaches(new.role):
        raise ForbiddenError(f"role = {new.role.value}: a key reaches {KEY_MAX_ROLE.value} at most")
    site_ids = None
    if new.sites is not None:
        known = await UserRepository(writer).site_keys(new.sites, organization_id=user.organization_id)
        for slug in new.sites:
            if slug not in known:
                raise NotFoundError(f"sites: there is no site {slug!r}")
        site_ids = sorted(set(known.values()))
    fault = grant_fault(user.role, user.site_ids, granted=new.role, granted_sites=site_ids)
    if fault is not None:
        raise ForbiddenError(fault)
    secret = tokens.new_secret()
    expires_at = now + timedelta(days=new.days)
    scopes = sorted(set(new.scopes))
    key_id = await ApiKeyRepository(writer, user.scope).add(
        {
            "name": new.name,
            "role": new.role.value,
            "scopes": scopes,
            "site_ids": site_ids,
            "secret_hash": hash_of(secret),
            "created_at": now,
            "created_by": user.email,
            "expires_at": expires_at,
        }
    )
    if key_id is None:
        raise ConflictError(f"name = {new.name!r}: a key has it, perhaps a revoked one; choose another")
    log.info("api_key_made", key=key_id, user=user.id)
    made = ApiKey(
        id=key_id,
        name=new.name,
        role=new.role,
        scopes=scopes,
        sites=None if new.sites is None else sorted(set(new.sites)),
        created_at=now,
        created_by=user.email,
        expires_at=expires_at,
        revoked_at=None,
    )
    return MadeApiKey(api_key=made, key=tokens.write(key_id, secret))


async def revoke_key(writer: WriteConnection, user: Principal, key_id: int, now: datetime) -> None:
    """Make a key useless from its next request on; other processes of the API notice within two seconds.

    Raises:
        NotFoundError: the organization has no such key that works.
    """
    if not 0 < key_id <= _MAX_ID or not await ApiKeyRepository(writer, user.scope).revoke(key_id, now):
        raise NotFoundError(f"There is no working key {key_id}")
