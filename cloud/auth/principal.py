"""Who is asking: a person, or a machine with a key. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from cloud.auth.rules import Role
from cloud.auth.scope import Scope


@dataclass(frozen=True)
class Principal:
    """The signed-in user, or the machine, behind a request."""

    id: int
    """Key of the user, or of the API key."""
    email: str
    """E-mail of the user; ``key:{name}`` for a machine. Histories name people and machines so."""
    name: str
    role: Role
    organization_id: int
    organization: str
    site_ids: tuple[int, ...] | None = None
    """Sites that they are limited to; None for all of the organization."""
    kind: Literal["user", "api_key"] = "user"
    session_id: UUID | None = None
    """The login behind the access token."""

    @property
    def scope(self) -> Scope:
        """What they may see and touch."""
        return Scope(self.organization_id, self.site_ids)

    @property
    def actor(self) -> dict[str, Any]:
        """How the audit log names them."""
        return {
            "actor": self.email,
            "actor_kind": self.kind,
            "actor_id": self.id,
            "organization_id": self.organization_id,
        }
