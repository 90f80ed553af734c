"""The audit log on the HTTP API."""

from __future__ import annotations

from typing import Any

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime


class AuditEntry(ApiModel):
    """One change: who, what, before, after, from where."""

    number: int
    """Within the organization's chain, without gaps."""
    recorded_at: UtcDatetime
    actor: str
    """E-mail of a person, `key:{name}` of a machine, `contact:{name}` by a signed link, `command:{name}` at the server."""
    actor_kind: str | None
    action: str
    """Operation of this document, such as `changeUser`."""
    change: str
    """`insert`, `update`, `delete`, or `event` for what changed no row."""
    subject: str
    """Kind of thing, such as `app_user`."""
    key: dict[str, Any] | None
    before: dict[str, Any] | None
    """Values that were changed; secrets are shown as `(hidden)`."""
    after: dict[str, Any] | None
    address: str | None
    request_id: str | None
    hash: str
    """SHA-256 over the entry and the hash of the one before."""


class AuditPage(Page[AuditEntry]):
    """Some entries."""


class AuditCheck(ApiModel):
    """Whether the log is as it was written."""

    entries: int
    head: str
    """Hash of the last entry; keep it elsewhere, and later compare."""
    intact: bool
    fault: str | None
    """The first thing that is wrong."""
