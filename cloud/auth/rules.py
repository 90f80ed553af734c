"""Roles, and what a password must be. Pure."""

from __future__ import annotations

from enum import Enum

MIN_PASSWORD = 10
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


def password_fault(password: str) -> str | None:
    """Why a password is refused, or None. Length is what counts (NIST SP 800-63B section 5.1.1.2)."""
    if len(password) < MIN_PASSWORD:
        return f"Use at least {MIN_PASSWORD} characters."
    if len(password) > MAX_PASSWORD:
        return f"Use at most {MAX_PASSWORD} characters."
    return None


def normal_email(email: str) -> str:
    """How an e-mail address is stored and looked up: people type it with any case and stray spaces."""
    return email.strip().lower()
