"""How this box comes to its certificate: a key made here that never leaves, a request, and the authority's answer.

``key.pem`` is written before anything is sent, and a renewal puts the new pair in place only when it is whole: whatever fails,
the box keeps what it had.
"""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contracts.errors import ConfigurationError, ShoalError

CERTIFICATE, KEY, AUTHORITY = "device.pem", "device.key", "ca.pem"
_TIMEOUT_S = 30
_MAX_ANSWER = 100_000
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class EnrolmentError(ShoalError):
    """The authority refused or did not answer; nothing on this box has changed."""


@dataclass(frozen=True)
class Enrolled:
    """What lies in the folder now."""

    site: str
    device: str
    serial: str
    expires_at: datetime


def enrol(url: str, token: str, folder: Path) -> Enrolled:
    """Exchange a one-time token for a certificate.

    Args:
        url: of the platform, such as ``https://shoal.example.org``.
        token: as the platform showed it.
        folder: where the key (mode 0600), the certificate and the authority's are put.

    Raises:
        ConfigurationError: the address or the folder cannot be used, or the folder holds a certificate already.
        EnrolmentError: the platform refused, or does not answer.
    """
    address = _checked(url)
    if (folder / CERTIFICATE).exists():
        remedy = "It holds a certificate already: renew it with `shoal edge renew-certificate`, or name another folder."
        raise ConfigurationError("folder", str(folder), remedy)
    key, request = _request_of()
    _prepare(folder)
    answer = _post(f"{address}/api/v1/enrolment/certificate", {"token": token, "request": request})
    return _put(folder, key, answer)


def renew(url: str, folder: Path, *, now: datetime, within: timedelta | None) -> Enrolled | None:
    """Get the next certificate by the present one, with a new key; None when the present one lasts long enough.

    Args:
        url: of the platform.
        folder: where ``enrol`` put the files.
        now: wall clock, UTC.
        within: renew when less than this is left; None renews at once.

    Raises:
        ConfigurationError: the address or the folder cannot be used.
        EnrolmentError: the platform refused, or does not answer; the present certificate stays.
    """
    address = _checked(url)
    try:
        present = (folder / CERTIFICATE).read_text(encoding="ascii")
        old = serialization.load_pem_private_key((folder / KEY).read_bytes(), None)
        expires_at = x509.load_pem_x509_certificate(present.encode()).not_valid_after_utc
    except (OSError, ValueError, TypeError) as error:
        remedy = f"It holds no certificate with its key ({error}). Enrol first: shoal edge enroll."
        raise ConfigurationError("folder", str(folder), remedy) from error
    if not isinstance(old, ec.EllipticCurvePrivateKey):
        raise ConfigurationError("folder", str(folder), "Its key is of another kind than we make; enrol again.")
    if within is not None and expires_at - now > within:
        return None
    key, request = _request_of()
    signature = base64.b64encode(old.sign(request.encode(), ec.ECDSA(hashes.SHA256()))).decode()
    answer = _post(
        f"{address}/api/v1/enrolment/renewal", {"certificate": present, "request": request, "signature": signature}
    )
    return _put(folder, key, answer)


def _request_of() -> tuple[bytes, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shoal edge")]))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, request.public_bytes(serialization.Encoding.PEM).decode()


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ConfigurationError("url", url, "Use https: whoever listens to the token could enrol in this box's name.")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError("url", url, "Write it as https://shoal.example.org.")
    return url.rstrip("/")


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(folder / f"{KEY}.probe", b"")
        (folder / f"{KEY}.probe").unlink()
    except OSError as error:
        raise ConfigurationError("folder", str(folder), f"{error.strerror}. Name one that can be written.") from error


def _post(url: str, content: dict[str, str]) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310  (the scheme has been checked)
        url, json.dumps(content).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
            answer = json.loads(response.read(_MAX_ANSWER))
    except urllib.error.HTTPError as error:
        try:
            detail = json.loads(error.read(_MAX_ANSWER))["detail"]
        except (ValueError, KeyError, TypeError):
            detail = error.reason
        raise EnrolmentError(f"{url} answered {error.code}: {detail}") from error
    except (OSError, ValueError) as error:
        raise EnrolmentError(f"{url} does not answer as it should: {error}") from error
    if not isinstance(answer, dict):
        raise EnrolmentError(f"{url} does not answer as it should")
    return answer


def _put(folder: Path, key: bytes, answer: dict[str, Any]) -> Enrolled:
    try:
        certificate = x509.load_pem_x509_certificate(answer["certificate"].encode())
        enrolled = Enrolled(answer["site"], answer["device"], answer["serial"], certificate.not_valid_after_utc)
        authority = answer["authority"].encode()
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    except (KeyError, AttributeError, ValueError, TypeError) as error:
        raise EnrolmentError(f"the platform's answer cannot be used: {error}") from error
    # The three are written whole beside the old ones, then take their places; the key is private from its first byte on.
    files = {KEY: key, CERTIFICATE: answer["certificate"].encode(), AUTHORITY: authority}
    for name, content in files.items():
        _write(folder / f"{name}.new", content)
    for name in files:
        os.replace(folder / f"{name}.new", folder / name)  # noqa: PTH105  (atomic)
    return enrolled


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
