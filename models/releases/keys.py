"""Signing keys: made on the spot and kept encrypted, or in a token or cloud service behind a securesystemslib URI.

A key is two files: ``NAME.pub.json`` (public, to be passed around) and ``NAME.key.pem`` (PKCS#8, encrypted with a passphrase).
A key in a token has the public file alone, and its URI (``hsm:2?label=...``, ``awskms:...``, ``gcpkms:...``, ``hv:...``) in it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey

from contracts.errors import ConfigurationError

PUBLIC, PRIVATE = ".pub.json", ".key.pem"
NAME_FIELD, URI_FIELD = "x-shoal-name", "x-shoal-uri"
SHORTEST_PASSPHRASE = 12


def create_key(folder: Path, name: str, passphrase: str) -> Path:
    """Make an ed25519 key and return the path of its public half; the private half is readable by its owner alone.

    Raises:
        ConfigurationError: the name is taken, or the passphrase is short.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise ConfigurationError(
            "passphrase", f"({len(passphrase)} characters)", f"Give at least {SHORTEST_PASSPHRASE}: four random words."
        )
    public, private = folder / f"{name}{PUBLIC}", folder / f"{name}{PRIVATE}"
    if public.exists() or private.exists():
        raise ConfigurationError("name", name, f"{folder} has a key of this name. Choose another, or move it away.")
    folder.mkdir(parents=True, exist_ok=True)
    secret = Ed25519PrivateKey.generate()
    pem = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode()))
    descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    write_public(public, CryptoSigner(secret).public_key, name=name)
    return public


def write_public(path: Path, key: Key, *, name: str, uri: str | None = None) -> None:
    """Write the public file of a key, e.g. of one that a token or a cloud service holds."""
    key.unrecognized_fields[NAME_FIELD] = name
    document = {"keyid": key.keyid, **key.to_dict()}
    if uri is not None:
        document[URI_FIELD] = uri
    path.write_text(json.dumps(document, indent=2) + "\n")


def import_key(folder: Path, name: str, uri: str) -> Path:
    """Ask a token or a cloud service for its public key and write the public file.

    Raises:
        ConfigurationError: no such scheme, or it cannot be reached.
    """
    signers: dict[str, Any] = {}
    from securesystemslib.signer import AWSSigner, AzureSigner, GCPSigner, HSMSigner, VaultSigner

    signers = {"awskms": AWSSigner, "azurekms": AzureSigner, "gcpkms": GCPSigner, "hsm": HSMSigner, "hv": VaultSigner}
    scheme, _, rest = uri.partition(":")
    if scheme not in signers:
        raise ConfigurationError("uri", uri, f"Use one of the schemes {', '.join(signers)}.")
    try:
        found, key = signers[scheme].import_(*(_slot(rest) if scheme == "hsm" else [rest]))
    except Exception as error:
        raise ConfigurationError("uri", uri, f"It gave no public key: {error}.") from error
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{PUBLIC}"
    write_public(path, key, name=name, uri=found)
    return path


def _slot(rest: str) -> tuple[int | None, str | None]:
    """Id of the key and label of the token in ``ID?label=LABEL``; None for what is left out."""
    number, _, query = rest.partition("?")
    return int(number) if number else None, dict(parse_qsl(query)).get("label")


def read_public(path: Path) -> Key:
    """Read a public file.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        document = json.loads(path.read_text())
        document.pop(URI_FIELD, None)
        return Key.from_dict(document.pop("keyid"), document)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ConfigurationError("key", str(path), f"Give the {PUBLIC} file of a key ({error}).") from error


def name_of(key: Key) -> str:
    """Name of a key for people; the start of its id when it has none."""
    return str(key.unrecognized_fields.get(NAME_FIELD) or key.keyid[:8])


def uri_of(path: Path) -> str | None:
    """Where the private half is when it is not the file beside the public one."""
    uri = json.loads(path.read_text()).get(URI_FIELD)
    return None if uri is None else str(uri)


def load_signer(public: Path, passphrase: str | None = None) -> Signer:
    """The signer of a public file: the encrypted file beside it, or the token or service that it names.

    Raises:
        ConfigurationError: wrong passphrase, missing file, or the token cannot be used.
    """
    key, uri = read_public(public), uri_of(public)
    if uri is not None:
        try:
            return Signer.from_priv_key_uri(uri, key, (lambda _what: passphrase) if passphrase is not None else None)
        except Exception as error:
            raise ConfigurationError("key", uri, f"The key cannot be used: {error}.") from error
    private = public.with_name(public.name.removesuffix(PUBLIC) + PRIVATE)
    try:
        secret = load_pem_private_key(private.read_bytes(), None if passphrase is None else passphrase.encode())
        return CryptoSigner(secret, key if isinstance(key, SSlibKey) else None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError("key", str(private), f"The key cannot be opened: {error}.") from error
