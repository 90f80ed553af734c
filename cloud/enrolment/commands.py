"""The authority at the command line of the server: made once; its lists for the broker as often as you like."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from cloud.db.session import create_engine
from cloud.enrolment.authority import Authority
from cloud.enrolment.repository import enrolled_devices, revoked_serials
from contracts.errors import ConfigurationError
from contracts.topics import thing_name

_MARK = "# Devices with shadows and jobs, written by `shoal cloud ca acl`; what follows is replaced."


def write_revocation_list(database_url: str, authority: Authority, file: Path, now: datetime) -> int:
    """Write the list of revoked certificates; returns how many there are."""
    engine = create_engine(database_url, pool_size=1)
    try:
        with engine.connect() as connection:
            revoked = revoked_serials(connection, now)
    finally:
        engine.dispose()
    _replace(file, authority.revocation_list(revoked, now=now))
    return len(revoked)


def write_acl(database_url: str, shipped: Path, file: Path, now: datetime) -> int:
    """Write the broker's ACL: the shipped rules, and two lines for each enrolled device; returns how many there are.

    The shipped rules already tie the topics of readings and the rest to the name in the certificate. Shadows and jobs
    have site and device in one level of their topic, which no pattern of Mosquitto can make of that name.
    """
    engine = create_engine(database_url, pool_size=1)
    try:
        with engine.connect() as connection:
            devices = enrolled_devices(connection, now)
    finally:
        engine.dispose()
    try:
        rules = shipped.read_text(encoding="utf-8").partition(_MARK)[0].rstrip()
    except OSError as error:
        raise ConfigurationError("shipped", str(shipped), f"{error.strerror}. Name deploy/mosquitto/acl.") from error
    lines = [
        f"user {site}/{device}\ntopic readwrite $aws/things/{thing_name(site, device)}/#" for site, device in devices
    ]
    _replace(file, "\n\n".join([rules, _MARK, *lines]) + "\n")
    return len(devices)


def _replace(file: Path, text: str) -> None:
    try:
        new = file.with_name(file.name + ".new")
        new.write_text(text, encoding="utf-8")
        os.replace(new, file)  # noqa: PTH105  (a broker that reads meanwhile sees the old or the new one)
    except OSError as error:
        raise ConfigurationError("file", str(file), f"{error.strerror}. Give a file that can be written.") from error
