"""Making users without the API: for the command line, for a box's first start and for tests."""

from __future__ import annotations

import re

from sqlalchemy.exc import IntegrityError

from cloud.auth.command_line import of_command
from cloud.auth.passwords import hash_password
from cloud.auth.repository import AccountRepository
from cloud.auth.rules import Role, normal_email, password_fault
from cloud.db.session import create_engine
from cloud.kit.origin import declaration
from contracts.base import SLUG_PATTERN
from contracts.errors import ConfigurationError

_EMAIL = re.compile(r"^[^@\s]{1,64}@[^@\s]{1,255}$")


def create_user(
    database_url: str, email: str, password: str, role: str | Role, organization: str, *, name: str | None = None
) -> int:
    """Store a user, with the organization (by slug) when it is new, and return the user's id.

    Raises:
        ConfigurationError: an argument cannot be used, or the e-mail is taken.
    """
    email = _checked_email(email)
    known = _checked_role(role)
    if not re.match(SLUG_PATTERN, organization):
        raise ConfigurationError("organization", organization, f"It must match {SLUG_PATTERN}.")
    hashed = _hashed(password, email)
    taken = ConfigurationError("email", email, "A user has this e-mail already; set a new password instead.")
    engine = create_engine(database_url, pool_size=1)
    try:
        with engine.begin() as connection:
            connection.execute(*declaration(of_command("createUser")))
            accounts = AccountRepository(connection)
            if accounts.exists(email):
                raise taken
            return accounts.add(
                email=email,
                name=name or email.partition("@")[0],
                role=known,
                organization_id=accounts.organization_id(organization),
                password_hash=hashed,
            )
    except IntegrityError as error:
        raise taken from error
    finally:
        engine.dispose()


def set_password(database_url: str, email: str, password: str) -> None:
    """Give a user a new password. Every session and access token of the user ends.

    Raises:
        ConfigurationError: the password is refused, or there is no such user.
    """
    email = _checked_email(email)
    hashed = _hashed(password, email)
    engine = create_engine(database_url, pool_size=1)
    try:
        with engine.begin() as connection:
            connection.execute(*declaration(of_command("setPassword")))
            if not AccountRepository(connection).set_password_hash(email, hashed):
                raise ConfigurationError("email", email, "There is no such user; create it first.")
    finally:
        engine.dispose()


def user_exists(database_url: str, email: str) -> bool:
    """Whether a user has this e-mail."""
    engine = create_engine(database_url, pool_size=1)
    try:
        with engine.connect() as connection:
            return AccountRepository(connection).exists(normal_email(email))
    finally:
        engine.dispose()


def _checked_email(email: str) -> str:
    email = normal_email(email)
    if not _EMAIL.match(email):
        raise ConfigurationError("email", email, "Write an address such as ana@farm.example.")
    return email


def _checked_role(role: str | Role) -> Role:
    try:
        return Role(role)
    except ValueError:
        known = ", ".join(each.value for each in Role)
        raise ConfigurationError("role", role, f"Use one of {known}.") from None


def _hashed(password: str, email: str) -> str:
    fault = password_fault(password, email=email)
    if fault is not None:
        raise ConfigurationError("password", "(hidden)", fault)
    return hash_password(password)
