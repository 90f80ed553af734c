"""The OpenSSF model signature beside a release, for tools that know nothing of this repository (sigstore/model-transparency).

It has one signer, no threshold and no expiry, so it is an export and never what a device trusts.
Needs ``pip install 'shoal[interop]'``.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from contracts.deployments import Release, blob_path
from contracts.errors import ConfigurationError

SIGNATURE = "model.sig"


def export(folder: Path, release: Release, target: Path, private_key: Path, *, password: str | None = None) -> Path:
    """Write the bundle of a release into ``target`` with its OpenSSF signature beside it; return the signature's path.

    Args:
        folder: of the repository.
        release: the one to write.
        target: folder to write into.
        private_key: elliptic curve key in PEM (``openssl ecparam -name prime256v1 -genkey``); the format knows no ed25519.
        password: of the key.

    Raises:
        ConfigurationError: the key cannot be used, or the target is not empty.
    """
    from model_signing import signing

    bundle = target / f"{release.model}-{release.version}"
    if bundle.exists():
        raise ConfigurationError("out", str(bundle), "It exists already: give another folder.")
    with tempfile.TemporaryDirectory(dir=_made(target)) as draft:
        for file in release.files:
            place = Path(draft) / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / blob_path(file.sha256), place)
        shutil.copytree(draft, bundle)
    signature = target / f"{bundle.name}.{SIGNATURE}"
    try:
        config: Any = signing.Config
        config().use_elliptic_key_signer(private_key=private_key, password=password).sign(bundle, signature)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        shutil.rmtree(bundle)
        raise ConfigurationError("key", str(private_key), f"Give an elliptic curve key in PEM ({error}).") from error
    return signature


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
