"""Which server, and as whom: from the environment, or from the login that is kept in a private file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.errors import ConfigurationError
from shoal.client import Client


def session_file() -> Path:
    """Where a login is kept."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return folder / "shoal" / "session.json"


def sign_in(url: str, email: str, password: str) -> str:
    """Sign in and keep the login; returns the name of the user."""
    with Client(url) as client:
        answer = client.login({"username": email, "password": password})
    _keep(url, answer["refresh_token"])
    return answer["user"]["name"]


def sign_out() -> None:
    """End the login and forget it."""
    try:
        with connected() as client:
            client.logout()
    finally:
        session_file().unlink(missing_ok=True)


@contextmanager
def connected(wanted: str | None = None) -> Iterator[Client]:
    """The server, signed in.

    Args:
        wanted: its address; None: the one of the environment, or of the login.

    Raises:
        ConfigurationError: neither a key nor a login, or a key or login of another server.
    """
    known, key = os.environ.get("SHOAL_API_URL"), os.environ.get("SHOAL_API_KEY")
    url = wanted or known
    if url and key:
        if known and url.rstrip("/") != known.rstrip("/"):  # no other server sees the key of this one
            raise ConfigurationError(
                "URL",
                url,
                f"SHOAL_API_KEY is that of SHOAL_API_URL, {known}. Set SHOAL_API_URL and the key of this one.",
            )
        with Client(url, key=key) as client:
            yield client
        return
    if not session_file().is_file():
        raise ConfigurationError(
            "SHOAL_API_KEY", "(not set)", "Sign in with: shoal admin login URL, or set SHOAL_API_URL and SHOAL_API_KEY."
        )
    kept = json.loads(session_file().read_text(encoding="utf-8"))
    if wanted is not None and wanted.rstrip("/") != kept["url"].rstrip("/"):
        raise ConfigurationError(
            "URL", wanted, f"You are signed in to {kept['url']}. Sign in with: shoal admin login {wanted}"
        )
    with Client(kept["url"], refresh_token=kept["refresh_token"]) as client:
        try:
            yield client
        finally:
            # A refresh token works once: what is kept must be the newest, whatever the command did.
            if client.refresh_token and client.refresh_token != kept["refresh_token"]:
                _keep(kept["url"], client.refresh_token)


def _keep(url: str, refresh_token: str) -> None:
    path = session_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps({"url": url, "refresh_token": refresh_token}), encoding="utf-8")
    partial.replace(path)
