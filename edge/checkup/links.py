"""Brokers and certificates: does it answer, does it let us in, how long are the certificates good."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from edge.checkup.finding import Finding, Verdict
from edge.messaging.client import new_client
from edge.sections import MqttSettings, TlsSettings

LOGIN_TIMEOUT_S = 5.0
SOON = timedelta(days=30)
CHECK = "Check host and port, the network and that the broker runs"


def broker_findings(subject: str, settings: MqttSettings, *, now: datetime) -> Iterator[Finding]:
    """Log in as the agent does, under another client id, and look at the certificates."""
    yield _login(subject, settings)
    if settings.tls is not None:
        yield from certificate_findings(subject, settings.tls, now=now)


def retained_of(settings: MqttSettings, topics: list[str], *, wait_s: float) -> dict[str, str] | None:
    """What the broker has on these topics within ``wait_s``; None when it does not let us in."""
    heard: dict[str, str] = {}
    done = threading.Event()

    def on_connect(client: Any, _userdata: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            done.set()
        else:
            client.subscribe([(topic, 0) for topic in topics])

    def on_message(_client: object, _userdata: object, message: Any) -> None:
        heard[message.topic] = message.payload.decode(errors="replace")
        if len(heard) == len(topics):
            done.set()

    client = new_client(settings, client_id=_own_id(), clean=True)
    client.on_connect, client.on_message = on_connect, on_message
    try:
        client.connect(settings.host, settings.port)
    except OSError:
        return None
    client.loop_start()
    done.wait(wait_s)
    connected = client.is_connected()
    client.disconnect()
    client.loop_stop()
    return heard if connected else None


def certificate_findings(subject: str, tls: TlsSettings, *, now: datetime) -> Iterator[Finding]:
    """How long the certificates of a connection are good."""
    for name, path in (("authority", tls.ca_file), ("certificate", tls.cert_file)):
        if path is not None:
            yield certificate_finding(f"{name} of {subject}", path, now=now)


def certificate_finding(subject: str, path: Path, *, now: datetime) -> Finding:
    """How long one certificate file is good."""
    remedy = "Renew it and put the new file in its place; the next connection takes it"
    try:
        begins, ends = validity(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        return Finding(
            subject, Verdict.BAD, f"{path} cannot be read as a certificate ({error})", "Write a PEM file there"
        )
    what = f"{path} is good until {ends:%Y-%m-%d}"
    if now >= ends:
        return Finding(subject, Verdict.BAD, f"{path} expired on {ends:%Y-%m-%d}", remedy)
    if now < begins:
        remedy = "Set the clock of this machine, or wait"
        return Finding(subject, Verdict.BAD, f"{path} is good only from {begins:%Y-%m-%d %H:%M} UTC", remedy)
    if ends - now < SOON:
        return Finding(subject, Verdict.WARNING, what, remedy)
    return Finding(subject, Verdict.OK, what)


def validity(pem: str) -> tuple[datetime, datetime]:
    """First and last moment of the first certificate in a PEM text (RFC 5280: tbsCertificate, fifth field).

    Raises:
        ValueError: there is no certificate in it.
    """
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    if begin not in pem or end not in pem:
        raise ValueError("there is no PEM certificate in it")
    der = base64.b64decode("".join(pem.partition(begin)[2].partition(end)[0].split()))
    try:
        tbs = _items(_items(_items(der)[0][1])[0][1])
        fields = tbs[1:] if tbs[0][0] == _VERSION_TAG else tbs
        begins, ends = _items(fields[3][1])[:2]
        return _moment(*begins), _moment(*ends)
    except IndexError as error:
        raise ValueError("the certificate is cut off") from error


_VERSION_TAG = 0xA0
_UTC_TIME = 0x17


def _items(der: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each DER element."""
    found, at = [], 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        found.append((tag, der[at : at + length]))
        at += length
    return found


def _moment(tag: int, content: bytes) -> datetime:
    form = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(content.decode("ascii"), form).replace(tzinfo=timezone.utc)


def _login(subject: str, settings: MqttSettings) -> Finding:
    where = f"{settings.host}:{settings.port}"
    answered = threading.Event()
    refused: list[str] = []
    heard: list[bool] = []

    def on_connect(_client: object, _userdata: object, _flags: object, reason: Any, _properties: object) -> None:
        heard.append(True)
        if reason.is_failure:
            refused.append(str(reason))
        answered.set()

    def on_disconnect(_client: object, _userdata: object, _flags: object, _reason: Any, _properties: object) -> None:
        answered.set()

    client = new_client(settings, client_id=_own_id(), clean=True)
    client.connect_timeout = LOGIN_TIMEOUT_S
    client.on_connect, client.on_disconnect = on_connect, on_disconnect
    try:
        client.connect(settings.host, settings.port)
    except OSError as error:
        reason = getattr(error, "verify_message", "") or str(error)
        remedy = "Check ca_file, the host name in the broker's certificate, and this machine's clock"
        return Finding(subject, Verdict.BAD, f"{where}: {reason}", remedy if "ertificate" in str(error) else CHECK)
    client.loop_start()
    in_time = answered.wait(LOGIN_TIMEOUT_S)
    client.disconnect()
    client.loop_stop()
    remedy = "Check username and password, or the certificate and the broker's access list"
    if refused:
        return Finding(subject, Verdict.BAD, f"{where} refuses the login: {refused[0]}", remedy)
    if in_time and not heard:
        what = f"{where} takes the connection and closes it without an answer, as some brokers do with a wrong login"
        return Finding(subject, Verdict.BAD, what, f"{remedy}; or another program listens there")
    if not heard:
        return Finding(subject, Verdict.BAD, f"{where} takes the connection and answers no MQTT", CHECK)
    return Finding(subject, Verdict.OK, f"{where} lets us in{' over TLS' if settings.tls else ''}")


def _own_id() -> str:
    """A client id that takes no running agent's connection away."""
    return f"shoal-doctor-{time.monotonic_ns() % 10**9}"
