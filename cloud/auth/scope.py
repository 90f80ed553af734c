"""What a request may see: one organization, and either all of its sites or some. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    """Whose things a repository may touch. Every repository of a feature is made with one."""

    organization_id: int
    site_ids: tuple[int, ...] | None = None
    """Keys of the sites; None means every site of the organization, those of tomorrow included."""

    def covers(self, site_id: int) -> bool:
        """Whether a site of the organization is within the scope."""
        return self.site_ids is None or site_id in self.site_ids
