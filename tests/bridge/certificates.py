"""Certificates of a farm, by openssl: an authority, and who it signed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.servers.process import program

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_DAYS = ("-days", "2")


def authority(folder: Path, name: str) -> None:
    """``name.pem`` and ``name.key`` in ``folder``."""
    _openssl(
        folder, "req", "-x509", *_CURVE, *_DAYS, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem"
    )


def signed(folder: Path, file: str, *, by: str, name: str | None = None) -> None:
    """``file.pem`` and ``file.key`` for the common name ``name`` (a slash in it is part of the name)."""
    (folder / f"{file}.ext").write_text("subjectAltName=IP:127.0.0.1\n")
    subject = "/CN=" + (name or file).replace("/", "\\/")
    _openssl(folder, "req", *_CURVE, "-subj", subject, "-keyout", f"{file}.key", "-out", f"{file}.csr")
    signer = ("-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial")
    extension = ("-extfile", f"{file}.ext")
    _openssl(folder, "x509", "-req", *_DAYS, "-in", f"{file}.csr", *signer, *extension, "-out", f"{file}.pem")


def _openssl(folder: Path, *arguments: str) -> None:
    command = [program("openssl", "apt-get install openssl"), *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
