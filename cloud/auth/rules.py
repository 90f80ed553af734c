"""Roles, who may grant what, what a key may do, and what a password must be. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import Enum

MIN_PASSWORD = 12  # OWASP ASVS 4.0.3, 2.1.1
MAX_PASSWORD = 128  # a longer one only costs hashing time


class Role(str, Enum):
    """What a user may do; each role includes those before it."""

    VIEWER = "viewer"
    """Sees everything of the organization."""
    OPERATOR = "operator"
    """Also acknowledges alarms."""
    FARM_MANAGER = "farm_manager"
    """Also manages the farm's units and people."""
    FLEET_ADMIN = "fleet_admin"
    """Also manages devices and their models, and sees messages that failed."""
    PLATFORM_ADMIN = "platform_admin"
    """Also sees what belongs to no organization yet."""

    def reaches(self, needed: Role) -> bool:
        """Whether this role may do what ``needed`` may do."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


def grant_fault(
    role: Role, site_ids: Collection[int] | None, *, granted: Role, granted_sites: Collection[int] | None
) -> str | None:
    """Why somebody with a role and sites may not give (or take) another role and sites, or None.

    Nobody gives what they do not have: no higher role, and no site beyond their own.
    """
    if not role.reaches(Role.FARM_MANAGER):
        return f"This needs the role {Role.FARM_MANAGER.value}; yours is {role.value}"
    if not role.reaches(granted):
        return f"role = {granted.value}: it is above yours, which is {role.value}"
    if site_ids is not None and (granted_sites is None or not set(granted_sites) <= set(site_ids)):
        return "sites: you are limited to some sites yourself; name some of those"
    return None


KEY_MAX_ROLE = Role.FLEET_ADMIN
"""The platform is administered by people."""
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
PEOPLE_ONLY = frozenset({"auth", "access"})
"""Tags of endpoints about users, keys and the audit log, which no key opens."""


def key_allows(scopes: Collection[str], tags: Sequence[str], method: str) -> bool:
    """Whether a key's scopes (``{tag}:{read|write}``, ``*`` for every tag) open an endpoint. Writing includes no reading."""
    verb = "read" if method in _READS else "write"
    return not PEOPLE_ONLY.intersection(tags) and any(f"{tag}:{verb}" in scopes for tag in ("*", *tags))


LOCK_WINDOW = timedelta(minutes=15)
"""Failed logins older than this are forgotten."""
LOCK_TIME = timedelta(minutes=5)
"""How long a counter that is full stays closed after the last failure."""
DECIDED_AFTER = timedelta(seconds=2)
"""A password that is being looked at is decided by then."""
LOCK_LIMITS = {"pair": 5, "address": 30, "account": 20}
"""Failures within the window that close each counter: per account and address (a typing error locks nobody else out),
per address (one machine trying many accounts) and per account (many machines trying one)."""


def count_attempt(limit: int, failures: int, last_at: datetime | None, now: datetime) -> tuple[int, datetime]:
    """A counter after one more attempt, as (failures, last_at); above the limit the attempt is not looked at.

    An attempt counts before its password is looked at, so that many at once cannot slip through. A closed counter
    does not stay closed longer for being tried.
    """
    closed = failures >= limit
    if last_at is None or now - last_at > (LOCK_TIME if closed else LOCK_WINDOW):
        return 1, now
    return (limit + 1, last_at) if closed else (failures + 1, now)


def undecided(closed_until: datetime, now: datetime) -> bool:
    """Whether a counter closed so lately that attempts of other processes may still turn out well; then it is looked at again."""
    return now - (closed_until - LOCK_TIME) < DECIDED_AFTER


def password_fault(password: str, *, email: str = "") -> str | None:
    """Why a password is refused, or None.

    Length is what counts, and that it is none of those that are tried first (NIST SP 800-63B section 5.1.1.2).
    """
    if len(password) < MIN_PASSWORD:
        return f"Use at least {MIN_PASSWORD} characters."
    if len(password) > MAX_PASSWORD:
        return f"Use at most {MAX_PASSWORD} characters."
    plain = re.sub(r"[^a-z0-9]", "", password.lower().translate(_DISGUISES))
    name = re.sub(r"[^a-z0-9]", "", email.lower().partition("@")[0])
    if plain.rstrip("0123456789") in _COMMON or plain in _COMMON or len(set(password)) < _MIN_DISTINCT:
        return "It is one of the passwords that are tried first; use some words that belong together for you alone."
    if name and plain.replace(name, "").strip("0123456789") == "":
        return "It is made of the e-mail address; use something else."
    return None


_MIN_DISTINCT = 4
_DISGUISES = str.maketrans("@$!", "asi")
# Those of ten characters and more at the head of published lists, without their digits at the end.
_COMMON = frozenset(
    [
        "password",
        "passwordpassword",
        "passwort",
        "qwertyuiop",
        "qwertyuiopasdfghjkl",
        "asdfghjkl",
        "iloveyou",
        "letmein",
        "welcome",
        "administrator",
        "changeme",
        "changemenow",
        "adminadmin",
        "rootroot",
        "supersecret",
        "trustnoone",
        "sunshine",
        "princess",
        "football",
        "baseball",
        "superman",
        "abcdefghij",
        "abcdefghijk",
        "letmeinplease",
        "mypassword",
        "secret",
        "secretsecret",
        "qwerty",
        "qwertyqwerty",
        "azerty",
        "azertyuiop",
        "monkey",
        "dragon",
        "master",
        "test",
        "testtest",
        "testpassword",
        "default",
        "guest",
        "shoal",
        "shoalshoal",
        "fishfarm",
        "aquaculture",
        "salmon",
        "0123456789",
        "1234567890",
        "12345678910",
        "9876543210",
        "1q2w3e4r5t",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "qazwsxedc",
        "qazwsxedcrfv",
        "zaq12wsx",
        "abc123abc123",
        "passw0rd",
        "p4ssw0rd",
        "p4ssword",
    ]
)


def normal_email(email: str) -> str:
    """How an e-mail address is stored and looked up: people type it with any case and stray spaces."""
    return email.strip().lower()
