"""SQL of users, sessions, keys and failed logins. Organization and site are known here by name only: their feature lies above."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, column, delete, func, insert, literal, select, table, update
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.dialects.postgresql import insert as upsert

from cloud.auth.rules import LOCK_LIMITS, LOCK_TIME, LOCK_WINDOW, Role, count_attempt
from cloud.auth.tables import ApiKey, IdempotencyKey, LoginCounter, Session, User
from cloud.kit.queries import Query
from cloud.kit.repository import Repository, Row

_ORGANIZATION = table("organization", column("id"), column("slug"), column("name"))
_SITE = table("site", column("id"), column("slug"), column("organization_id"))

_ACTIVE = (
    select(
        User.id,
        User.email,
        User.name,
        User.role,
        User.organization_id,
        User.password_hash,
        User.site_ids,
        User.tokens_from,
        _ORGANIZATION.c.slug.label("organization"),
    )
    .join(_ORGANIZATION, _ORGANIZATION.c.id == User.organization_id)
    .where(User.disabled_at.is_(None))
)
_BY_ID = _ACTIVE.where(User.id == bindparam("user_id"))
_ACTIVE_BY_ID = Query(_BY_ID)
_ACTIVE_BY_SESSION = Query(
    _BY_ID.join(
        Session, and_(Session.user_id == User.id, Session.id == bindparam("session_id"), Session.ended_at.is_(None))
    )
)
_ACTIVE_KEY = Query(
    select(
        ApiKey.id,
        ApiKey.name,
        ApiKey.role,
        ApiKey.scopes,
        ApiKey.site_ids,
        ApiKey.organization_id,
        _ORGANIZATION.c.slug.label("organization"),
    )
    .join(_ORGANIZATION, _ORGANIZATION.c.id == ApiKey.organization_id)
    .where(
        ApiKey.id == bindparam("key_id"),
        ApiKey.secret_hash == bindparam("secret_hash"),
        ApiKey.revoked_at.is_(None),
        ApiKey.expires_at > bindparam("now"),
    )
)
_SESSION_KEPT = timedelta(days=30)
"""Sessions that are over stay as long for whoever asks where they came from; the audit log keeps their beginning."""


class UserRepository(Repository):
    """Users who may sign in."""

    async def active_by_email(self, email: str) -> Row | None:
        """The user with this (normalised) e-mail, with the password hash."""
        return await self._one(_ACTIVE.where(User.email == email))

    async def active_by_id(self, user_id: int, session_id: UUID | None = None) -> Row | None:
        """The user with this id; with a session, only while that lasts."""
        if session_id is None:
            return await self._one(_ACTIVE_BY_ID, {"user_id": user_id})
        return await self._one(_ACTIVE_BY_SESSION, {"user_id": user_id, "session_id": session_id})

    async def active_by_subject(self, subject: str) -> Row | None:
        """The user whom the identity provider calls so."""
        return await self._one(_ACTIVE.where(User.oidc_subject == subject))

    async def link_subject(self, user_id: int, subject: str) -> None:
        """Remember what the identity provider calls a user."""
        await self._connection.execute(update(User).where(User.id == user_id).values(oidc_subject=subject))

    async def set_password_hash(self, user_id: int, password_hash: str, now: datetime) -> None:
        """Replace a password; access tokens of before are refused."""
        await self._connection.execute(
            update(User).where(User.id == user_id).values(password_hash=password_hash, tokens_from=now)
        )

    async def site_slugs(self, site_ids: Collection[int]) -> dict[int, str]:
        """Slugs of sites by key."""
        rows = await self._all(select(_SITE.c.id, _SITE.c.slug).where(_SITE.c.id.in_(site_ids)))
        return {row["id"]: row["slug"] for row in rows}

    async def site_keys(self, slugs: Collection[str], *, organization_id: int) -> dict[str, int]:
        """Keys of an organization's sites by slug."""
        own = (_SITE.c.organization_id == organization_id, _SITE.c.slug.in_(slugs))
        return {row["slug"]: row["id"] for row in await self._all(select(_SITE.c.id, _SITE.c.slug).where(*own))}


class AccountRows(Repository):
    """Users as the identity provider brings them."""

    async def add(self, *, email: str, name: str, role: Role, organization: str, now: datetime) -> None:
        """Store a user without a password; does nothing when the e-mail is taken or there is no such organization."""
        owner = select(
            literal(email),
            literal(name),
            literal(role.value),
            _ORGANIZATION.c.id,
            literal(now, TIMESTAMP(timezone=True)),
        ).where(_ORGANIZATION.c.slug == organization)
        columns = ["email", "name", "role", "organization_id", "created_at"]
        await self._connection.execute(upsert(User).from_select(columns, owner).on_conflict_do_nothing())


class SessionRepository(Repository):
    """Logins that last."""

    async def start(self, values: Row, *, most: int) -> None:
        """Store a session; when the user has too many, the one used longest ago ends."""
        await self._connection.execute(insert(Session).values(**values))
        lasting = (Session.user_id == values["user_id"], Session.ended_at.is_(None))
        surplus = select(Session.id).where(*lasting).order_by(Session.used_at.desc(), Session.id).offset(most)
        await self._connection.execute(
            update(Session)
            .where(Session.id.in_(surplus))
            .values(ended_at=values["started_at"], ended_because="too_many")
        )

    async def rotate(self, session_id: UUID, generation: int, *, now: datetime, idle: timedelta) -> Row | None:
        """Make the next generation the one that works; None when this one does not work."""
        return await self._one(
            update(Session)
            .where(
                Session.id == session_id,
                Session.generation == generation,
                Session.ended_at.is_(None),
                Session.expires_at > now,
                Session.used_at > now - idle,
            )
            .values(generation=generation + 1, used_at=now)
            .returning(Session.user_id, Session.generation)
        )

    async def session(self, session_id: UUID) -> Row | None:
        """One session."""
        return await self._one(
            select(Session.id, Session.user_id, Session.generation, Session.ended_at).where(Session.id == session_id)
        )

    async def end(self, session_id: UUID, *, because: str, now: datetime) -> bool:
        """End a session; False when it was over."""
        ended = update(Session).where(Session.id == session_id, Session.ended_at.is_(None))
        return await self._one(ended.values(ended_at=now, ended_because=because).returning(Session.id)) is not None

    async def end_all(self, user_id: int, *, because: str, now: datetime, but: UUID | None = None) -> None:
        """End every session of a user, but one perhaps."""
        ended = update(Session).where(Session.user_id == user_id, Session.ended_at.is_(None))
        if but is not None:
            ended = ended.where(Session.id != but)
        await self._connection.execute(ended.values(ended_at=now, ended_because=because))

    async def forget_old(self, now: datetime) -> None:
        """Delete sessions that have been over for long."""
        await self._connection.execute(delete(Session).where(Session.expires_at < now - _SESSION_KEPT))


class KeyRepository(Repository):
    """Keys of machines."""

    async def active(self, key_id: int, secret_hash: str, now: datetime) -> Row | None:
        """The key, while it is good."""
        return await self._one(_ACTIVE_KEY, {"key_id": key_id, "secret_hash": secret_hash, "now": now})


class AttemptRepository(Repository):
    """Failed logins, counted together by all processes."""

    async def count(self, keys: Iterable[tuple[str, str]], now: datetime) -> datetime | None:
        """Count an attempt under each (kind, key). Until when it is refused, or None when it may be looked at."""
        refused: list[datetime] = []
        for kind, key in sorted(keys, key=lambda pair: pair[1]):  # one order, so that two attempts cannot deadlock
            limit = LOCK_LIMITS[kind]
            fresh = upsert(LoginCounter).values(key=key, failures=0, last_at=now).on_conflict_do_nothing()
            await self._connection.execute(fresh)
            row = await self._one(
                select(LoginCounter.failures, LoginCounter.last_at).where(LoginCounter.key == key).with_for_update()
            )
            failures, last_at = count_attempt(limit, row["failures"], row["last_at"], now) if row else (1, now)
            await self._connection.execute(
                update(LoginCounter).where(LoginCounter.key == key).values(failures=failures, last_at=last_at)
            )
            if failures > limit:
                refused.append(last_at + LOCK_TIME)
        return max(refused, default=None)

    async def forgive(self, keys: Iterable[tuple[str, str]]) -> None:
        """The attempt was a success: the account is forgiven at this address, the wider counters lose this one alone."""
        for kind, key in sorted(keys, key=lambda pair: pair[1]):
            left = literal(0) if kind == "pair" else func.greatest(LoginCounter.failures - 1, 0)
            await self._connection.execute(update(LoginCounter).where(LoginCounter.key == key).values(failures=left))

    async def forget_old(self, now: datetime) -> None:
        """Delete counters that count nothing any more."""
        await self._connection.execute(delete(LoginCounter).where(LoginCounter.last_at < now - LOCK_WINDOW))


class AnswerRepository(Repository):
    """Answers to POST that are given again."""

    async def claim(
        self,
        key: str,
        caller: str,
        request_hash: str,
        *,
        now: datetime,
        kept: timedelta,
        dead: timedelta,
        most: int,
    ) -> Row | None:
        """Claim a key; None when it is ours now, else what is known of it."""
        over = (IdempotencyKey.expires_at < now) | (
            (IdempotencyKey.key == key) & IdempotencyKey.status.is_(None) & (IdempotencyKey.started_at < now - dead)
        )
        await self._connection.execute(delete(IdempotencyKey).where(over))
        claimed = await self._one(
            upsert(IdempotencyKey)
            .values(key=key, caller=caller, request_hash=request_hash, started_at=now, expires_at=now + kept)
            .on_conflict_do_nothing()
            .returning(IdempotencyKey.key)
        )
        if claimed is None:
            columns = (IdempotencyKey.request_hash, IdempotencyKey.status, IdempotencyKey.answer)
            known = await self._one(select(*columns).where(IdempotencyKey.key == key))
            # Freed between the two statements: whoever asks again will get it.
            return known or {"request_hash": request_hash, "status": None, "answer": None}
        own = select(IdempotencyKey.key).where(IdempotencyKey.caller == caller)
        surplus = own.order_by(IdempotencyKey.started_at.desc()).offset(most)
        await self._connection.execute(delete(IdempotencyKey).where(IdempotencyKey.key.in_(surplus)))
        return None

    async def keep(self, key: str, status: int, answer: bytes) -> None:
        """Keep the answer to a claimed key."""
        await self._connection.execute(
            update(IdempotencyKey).where(IdempotencyKey.key == key).values(status=status, answer=answer)
        )

    async def free(self, key: str) -> None:
        """Give a claimed key up."""
        await self._connection.execute(
            delete(IdempotencyKey).where(IdempotencyKey.key == key, IdempotencyKey.status.is_(None))
        )


class AccountRepository:
    """Users as the command line changes them, on a plain connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def organization_id(self, slug: str) -> int:
        """The organization of this slug, made when it is new."""
        statement = (
            upsert(_ORGANIZATION)
            .values(slug=slug, name=slug)
            .on_conflict_do_update(index_elements=["slug"], set_={"slug": slug})
            .returning(_ORGANIZATION.c.id)
        )
        organization_id: int = self._connection.execute(statement).scalar_one()
        return organization_id

    def exists(self, email: str) -> bool:
        """Whether a user has this e-mail, disabled or not."""
        return self._connection.execute(select(User.id).where(User.email == email)).first() is not None

    def add(self, *, email: str, name: str, role: Role, organization_id: int, password_hash: str) -> int:
        """Store a new user and return its id."""
        values = {
            "email": email,
            "name": name,
            "role": role.value,
            "organization_id": organization_id,
            "password_hash": password_hash,
        }
        user_id: int = self._connection.execute(insert(User).values(values).returning(User.id)).scalar_one()
        return user_id

    def set_password_hash(self, email: str, password_hash: str) -> bool:
        """Replace a password hash; False when there is no such user."""
        changed = self._connection.execute(
            update(User)
            .where(User.email == email)
            .values(password_hash=password_hash, tokens_from=func.now())
            .returning(User.id)
        )
        row = changed.first()
        if row is None:
            return False
        lasting = update(Session).where(Session.user_id == row[0], Session.ended_at.is_(None))
        self._connection.execute(lasting.values(ended_at=func.now(), ended_because="password"))
        return True
