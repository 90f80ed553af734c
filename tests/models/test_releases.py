"""Keys on disk and in services, the command line from ceremony to release, and the signature for other tools."""

from __future__ import annotations

import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pkcs11
import pytest
from moto import mock_aws
from pkcs11.util.ec import encode_named_curve_parameters
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import KEY_FOR_TYPE_AND_SCHEME
from typer.testing import CliRunner

from contracts.deployments import DesiredModels
from contracts.errors import ConfigurationError
from models.releases.errors import ReleaseError
from models.releases.interop import export
from models.releases.keys import create_key, import_key, load_signer, read_public, uri_of
from models.releases.proposal import propose
from shoal.cli import app
from tests.edge.deployments.agent_wheels import agent_wheel, dependency_wheel
from tests.edge.deployments.ceremony import Ceremony, golden_bundle, person
from tests.models.tiny_bundle import tiny_detector
from tests.servers.presence import missing

PASSPHRASE = "correct horse battery"
PIN = "123456"
SOFT_HSM = [Path("/usr/lib/softhsm/libsofthsm2.so"), *Path("/usr/lib").glob("*/softhsm/libsofthsm2.so")]
"""Where distributions put the library of SoftHSM."""


def test_a_key_on_disk_is_encrypted_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    public = create_key(tmp_path, "ada", PASSPHRASE)
    private = tmp_path / "ada.key.pem"
    assert b"ENCRYPTED" in private.read_bytes()
    assert private.stat().st_mode & 0o077 == 0
    signature = load_signer(public, PASSPHRASE).sign(b"release")
    read_public(public).verify_signature(signature, b"release")
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        load_signer(public, "wrong passphrase")
    with pytest.raises(ConfigurationError, match="has a key of this name"):
        create_key(tmp_path, "ada", PASSPHRASE)
    with pytest.raises(ConfigurationError, match="at least 12"):
        create_key(tmp_path, "bo", "short")


def test_a_key_in_a_cloud_service_signs_and_never_leaves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    with mock_aws():
        made = boto3.client("kms").create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256")
        public = import_key(tmp_path, "cy", f"awskms:{made['KeyMetadata']['KeyId']}")
        signature = load_signer(public).sign(b"release")
        key = read_public(public)
        assert (key.keytype, key.scheme) in KEY_FOR_TYPE_AND_SCHEME
        key.verify_signature(signature, sha256(b"release").digest())  # moto hashes the digest once more
    assert [path.name for path in tmp_path.iterdir()] == ["cy.pub.json"]
    with pytest.raises(ConfigurationError, match="schemes awskms"):
        import_key(tmp_path, "x", "post-it:desk")


def test_a_key_in_a_pkcs11_token_signs_and_never_leaves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = pkcs11.lib(str(_soft_token(tmp_path, monkeypatch))).get_token(token_label="cy")
    with token.open(user_pin=PIN, rw=True) as session:
        for number in (2, 3):
            curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
            session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True).generate_keypair(
                id=bytes([number]), store=True
            )
    public = import_key(tmp_path / "keys", "cy", "hsm:3?label=cy")
    assert uri_of(public) == "hsm:3?label=cy"
    assert read_public(public).keyid != read_public(import_key(tmp_path / "keys", "dan", "hsm:")).keyid
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["cy.pub.json", "dan.pub.json"]

    key, signer = read_public(public), load_signer(public, PIN)
    assert (key.keytype, key.scheme) in KEY_FOR_TYPE_AND_SCHEME
    key.verify_signature(signer.sign(b"release"), b"release")
    with pytest.raises(UnverifiedSignatureError):
        key.verify_signature(signer.sign(b"release"), b"another")
    with pytest.raises(pkcs11.exceptions.PinIncorrect):
        load_signer(public, "4321").sign(b"release")
    with pytest.raises(ConfigurationError, match="No PKCS#11 token found for label nobody"):
        import_key(tmp_path / "keys", "x", "hsm:2?label=nobody")


def _soft_token(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new token of SoftHSM with the label ``cy``; returns the library that speaks for it."""
    found = [path for path in SOFT_HSM if path.exists()]
    tool = shutil.which("softhsm2-util")
    if not found or tool is None:
        missing("SoftHSM", "apt-get install softhsm2 (tests/servers/system-packages.sh)")
    tokens = folder / "tokens"
    tokens.mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    monkeypatch.setenv("PYKCS11LIB", str(found[0]))
    label = ["--init-token", "--free", "--label", "cy", "--pin", PIN, "--so-pin", PIN]
    subprocess.run([tool, *label], check=True, capture_output=True)
    return found[0]


def test_a_bundle_without_golden_frames_is_not_released(tmp_path: Path) -> None:
    ceremony = Ceremony(tmp_path)
    with pytest.raises(ConfigurationError, match="golden"):
        propose(ceremony.repository, tiny_detector(tmp_path / "bare"), now=ceremony.clock.now())
    with pytest.raises(ReleaseError, match="no role for 'other'"):
        propose(
            ceremony.repository,
            golden_bundle(tmp_path / "other", name="other", version="1.0.0", graph="o"),
            now=ceremony.clock.now(),
        )


def test_a_version_is_released_once_and_the_floor_never_falls(tmp_path: Path) -> None:
    ceremony = Ceremony(tmp_path)
    ceremony.release(ceremony.bundle())
    with pytest.raises(ReleaseError, match="released already"):
        propose(ceremony.repository, ceremony.bundle(), now=ceremony.clock.now())
    ceremony.release(ceremony.bundle("2.0.0"), floor=2)
    with pytest.raises(ReleaseError, match="the floor must be from 2"):
        propose(ceremony.repository, ceremony.bundle("3.0.0"), now=ceremony.clock.now(), floor=1)


def test_the_openssf_signature_beside_a_release_verifies_and_notices_a_change(tmp_path: Path) -> None:
    from model_signing import verifying

    ceremony = Ceremony(tmp_path)
    release = ceremony.release(ceremony.bundle())
    key, public = tmp_path / "ec.pem", tmp_path / "ec.pub"
    subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True, capture_output=True
    )
    subprocess.run(["openssl", "ec", "-in", key, "-pubout", "-out", public], check=True, capture_output=True)
    signature = export(ceremony.repository.folder, release, tmp_path / "out", key)
    bundle = tmp_path / "out" / "tiny-1.0.0"
    config: Any = verifying.Config
    verify = config().use_elliptic_key_verifier(public_key=public).verify
    verify(bundle, signature)
    (bundle / "manifest.json").write_text("{}")
    with pytest.raises(ValueError, match=r"manifest\.json"):
        verify(bundle, signature)


def test_two_people_release_a_model_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_KEY_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("SHOAL_REPOSITORY", str(tmp_path / "repository"))
    runner = CliRunner()

    def shoal(*arguments: object, status: int = 0) -> str:
        result = runner.invoke(app, ["fleet", *map(str, arguments)])
        assert result.exit_code == status, result.output + repr(result.exception)
        return result.output

    keys = tmp_path / "keys"
    for name in ("ada", "bo", "cy", "online", "assigner"):
        shoal("keys", "create", name, "--out", keys)
    public = {name: keys / f"{name}.pub.json" for name in ("ada", "bo", "cy", "online", "assigner")}
    people = [option for name in ("ada", "bo", "cy") for option in ("--root-key", public[name])]
    shoal("init", *people, "--online-key", public["online"], "--assigner-key", public["assigner"])
    shoal("model", "add", "tiny", *[option for name in ("ada", "bo", "cy") for option in ("--key", public[name])])
    said = shoal("release", "sign", "--key", public["ada"], "--yes")
    assert "signed by ada: 1 more needed, of bo, cy" in said
    refused = runner.invoke(app, ["fleet", "release", "publish", "--key", str(public["online"])])
    assert isinstance(refused.exception, ReleaseError)
    shoal("release", "sign", "--key", public["bo"], "--yes")
    shoal("release", "publish", "--key", public["online"])
    shoal("root", "export", "--out", tmp_path / "root.json")
    assert json.loads((tmp_path / "root.json").read_text())["signed"]["_type"] == "root"

    bundle = golden_bundle(tmp_path / "bundle", name="tiny", version="1.0.0", graph="one")
    assert "new: models/tiny/1.0.0.json, release 1" in shoal("release", "propose", bundle)
    for name in ("cy", "ada"):
        shoal("release", "sign", "--key", public[name], "--yes")
    shoal("release", "publish", "--key", public["online"], "--to", tmp_path / "stick")
    assert (tmp_path / "stick" / "metadata" / "channels" / "site" / "timestamp.json").exists()
    assert not (tmp_path / "stick" / "repository.json").exists()
    status = shoal("status")
    assert "tiny 1.0.0  release 1" in status
    assert "timestamp (online)" in status
    desired = json.loads(shoal("assign", "tiny", "1.0.0", "farm/edge-1", "--key", public["assigner"]))
    assignment = DesiredModels.model_validate(desired["state"]["desired"]).assignment
    assert assignment is not None
    assert assignment.unverified().version == "1.0.0"
    shoal("model", "add", "agent", *[option for name in ("ada", "bo", "cy") for option in ("--key", public[name])])
    for name in ("cy", "ada"):
        shoal("release", "sign", "--key", public[name], "--yes")
    shoal("release", "publish", "--key", public["online"])
    agent_wheel(tmp_path / "wheels", "0.2.0")
    dependency_wheel(tmp_path / "wheels", tag="cp310-abi3-manylinux_2_28_aarch64")
    said = shoal("release", "propose-agent", tmp_path / "wheels")
    assert "2 wheels" in said
    assert "for aarch64" in said
    assert "no wheel of pip" in said
    assert "new: models/agent/0.2.0.json, release 1" in said
    shoal("release", "discard", "model-agent")

    shoal("refresh", "--key", public["online"])
    shoal("root", "rotate")
    assert "staged: root 2" in shoal("status")
    shoal("release", "discard", "root")


def test_who_signed_a_release_is_told_by_the_people_of_its_time(tmp_path: Path) -> None:
    ceremony = Ceremony(tmp_path)
    ceremony.release(ceremony.bundle("1.0.0"))
    dan, eve = person("dan"), person("eve")
    repository = ceremony.repository
    repository.add_model("tiny", [dan.public_key, eve.public_key, ceremony.cy.public_key], 2, now=ceremony.clock.now())
    ceremony.sign_and_publish()
    propose(repository, ceremony.bundle("1.1.0"), now=ceremony.clock.now(), floor=2)
    assert [release.version for release in repository.proposed("tiny")] == ["1.1.0"]
    ceremony.sign_and_publish(dan, ceremony.cy)
    newest, first = repository.vouched("tiny")
    assert [key.name for key in newest.signatures.keys if key.signed] == ["cy", "dan"]
    assert [key.name for key in first.signatures.keys if key.signed] == ["ada", "bo"], "who were the people then"
    assert (first.signatures.threshold, first.signatures.missing) == (2, 0)
    assert (repository.floor("tiny"), repository.proposed("tiny")) == (2, [])


def test_a_new_root_waits_for_the_old_people_and_for_the_new_ones(tmp_path: Path) -> None:
    ceremony = Ceremony(tmp_path)
    dan, eve = person("dan"), person("eve")
    ceremony.repository.rotate_root(
        root_keys=[dan.public_key, eve.public_key, ceremony.cy.public_key], now=ceremony.clock.now()
    )
    ceremony.repository.sign(dan, role="root")
    old, new = ceremony.repository.standing("root").needs
    assert ([key.name for key in old.keys], old.missing) == (["ada", "bo", "cy"], 2)
    assert ([key.name for key in new.keys if key.signed], new.missing) == (["dan"], 1)
    of_people = [one for one in ceremony.repository.roles() if not one.online]
    assert [(one.role, one.signatures.missing) for one in of_people] == [("root", 0), ("targets", 0)]
