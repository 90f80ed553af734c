"""Who runs PostgreSQL when we are root, and where its data can be so that this user gets there."""

from __future__ import annotations

import hashlib
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import ConfigurationError

SERVICE_USERS = ("shoal", "nobody")
"""Who runs the server when we are root: the first that exists."""
FALLBACK_ROOT = Path("/var/lib/shoal")
"""Where root keeps a database whose proper place the service user cannot reach."""


@dataclass(frozen=True)
class Account:
    """The operating-system user that the server runs as."""

    uid: int
    gid: int
    name: str


def service_account() -> Account | None:
    """Whom to become when we are root; ``None`` when we are not."""
    if os.geteuid() != 0:
        return None
    for name in SERVICE_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name)
    raise ConfigurationError(
        "user", "root", "PostgreSQL does not run as root. Create a user named shoal, or start as a normal user"
    )


def owner(data_dir: Path) -> Account:
    """The owner of existing data stays its owner, whatever users were added to the machine since."""
    status = data_dir.stat()
    return Account(status.st_uid, status.st_gid, str(status.st_uid))


def place(data_dir: Path, account: Account | None) -> Path:
    """Where the database really goes: as asked, or below /var/lib/shoal when the service user cannot get there."""
    wanted = data_dir.absolute()
    if account is None or is_reachable(wanted.parent, account):
        return wanted
    name = hashlib.sha256(str(wanted).encode()).hexdigest()[:12]
    return FALLBACK_ROOT / f"database-{name}" / wanted.name


def is_reachable(path: Path, account: Account) -> bool:
    """Whether the account may walk to ``path`` and read it; folders that do not exist yet will be ours to open."""
    for part in (path, *path.parents):
        try:
            status = part.stat()
        except FileNotFoundError:
            continue
        bits = status.st_mode
        if status.st_uid == account.uid:
            allowed = bits & 0o100
        elif status.st_gid == account.gid:
            allowed = bits & 0o010
        else:
            allowed = bits & 0o001
        if not allowed:
            return False
    return True
