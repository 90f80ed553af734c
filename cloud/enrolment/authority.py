"""The certificate authority of the devices: signs what a device asks for, and lists what is no longer good.

Its private key lies encrypted in a folder of the server. It signs certificates of clients alone, so that nobody who gets
one can pose as the broker.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud.errors import BadRequestError
from contracts.errors import ConfigurationError

CERTIFICATE = "ca.pem"
KEY = "ca.key"
_LASTS = timedelta(days=3650)
_BACK = timedelta(minutes=5)
"""A certificate is good a little before now: clocks of devices differ."""
_CRL_LASTS = timedelta(days=30)
"""A broker refuses everybody once its list is older; make a new one every day."""
_MIN_RSA = 2048
MAX_NAME = 64
"""Characters of a common name, by X.520."""


@dataclass(frozen=True)
class Issued:
    """A signed certificate."""

    pem: str
    serial: str
    expires_at: datetime


class Authority:
    """Signs with the key in a folder. Make one with ``create``, open it with ``Authority(folder, passphrase)``.

    Raises:
        ConfigurationError: the folder holds no authority, or the passphrase is not its own.
    """

    def __init__(self, folder: Path, passphrase: bytes) -> None:
        try:
            self.certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
            key = serialization.load_pem_private_key((folder / KEY).read_bytes(), passphrase)
        except OSError as error:
            remedy = f"{error.strerror}. Make the authority with: shoal cloud ca init"
            raise ConfigurationError("ca_dir", str(folder), remedy) from error
        except (ValueError, TypeError) as error:
            remedy = "Its key does not open: give the passphrase, or the secret key, that it was made with."
            raise ConfigurationError("ca_dir", str(folder), remedy) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ConfigurationError("ca_dir", str(folder), "Its key is of another kind than we make.")
        self._key = key

    @classmethod
    def create(cls, folder: Path, passphrase: bytes, *, now: datetime) -> Authority:
        """Make a new authority in a folder that holds none.

        Raises:
            ConfigurationError: there is one already, or the folder cannot be used.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Shoal devices")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACK)
            .not_valid_after(now + _LASTS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        encrypted = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase),
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # O_EXCL: an authority is never overwritten, because every device trusts it.
            with os.fdopen(os.open(folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(encrypted)
            (folder / CERTIFICATE).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        except FileExistsError as error:
            raise ConfigurationError("ca_dir", str(folder), "It holds an authority already; use that.") from error
        except OSError as error:
            raise ConfigurationError("ca_dir", str(folder), f"{error.strerror}.") from error
        return cls(folder, passphrase)

    @property
    def pem(self) -> str:
        """Our own certificate, which brokers trust."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def sign(self, request_pem: str, name: str, *, now: datetime, lasts: timedelta) -> Issued:
        """A certificate for a device's request. The name is ours to give; what the request says of it is ignored.

        Args:
            request_pem: a PKCS #10 request.
            name: common name, ``{site}/{device}``: the user in the broker.
            now: wall clock, UTC.
            lasts: how long the certificate is good; never longer than our own.

        Raises:
            BadRequestError: the request cannot be read, is not signed by its own key, or its key is too weak.
        """
        request = _request(request_pem)
        serial = x509.random_serial_number()
        expires_at = min(now + lasts, self.certificate.not_valid_after_utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.certificate.subject)
            .public_key(request.public_key())
            .serial_number(serial)
            .not_valid_before(now - _BACK)
            .not_valid_after(expires_at)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        return Issued(pem, f"{serial:x}", certificate.not_valid_after_utc)

    def prove(self, certificate_pem: str, signed: bytes, signature: bytes, *, now: datetime) -> str:
        """Serial of one of our certificates whose key has signed something.

        Raises:
            BadRequestError: it is not ours, has ended, or the signature is not its key's.
        """
        refused = BadRequestError("certificate: it is not one of ours, has ended, or did not sign the request")
        try:
            certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
            certificate.verify_directly_issued_by(self.certificate)
            _verify(certificate.public_key(), signature, signed)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise refused from error
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise refused
        return f"{certificate.serial_number:x}"

    def revocation_list(self, revoked: Iterable[tuple[str, datetime]], *, now: datetime) -> str:
        """The list of (serial, when) that a broker refuses, in PEM."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - _BACK)
            .next_update(now + _CRL_LASTS)
            .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for serial, moment in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(moment)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _request(pem: str) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key = request.public_key()
        is_signed = request.is_signature_valid
    except (ValueError, TypeError, InvalidSignature) as error:
        raise BadRequestError("request: it is no certificate request in PEM") from error
    strong = (
        isinstance(key, ed25519.Ed25519PublicKey)
        or (isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1)))
        or (isinstance(key, rsa.RSAPublicKey) and _MIN_RSA <= key.key_size <= 2 * _MIN_RSA)
    )
    if not is_signed or not strong:
        raise BadRequestError("request: sign it with a key of its own: EC P-256 or P-384, Ed25519, or RSA of 2048 bits")
    return request


def _verify(key: object, signature: bytes, signed: bytes) -> None:
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, signed)
    elif isinstance(key, rsa.RSAPublicKey):
        from cryptography.hazmat.primitives.asymmetric import padding

        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    else:
        raise InvalidSignature


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
