"""A device gets its certificate from our authority, speaks to a real Mosquitto with it, renews it, and loses it."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from pydantic import SecretStr

from cloud.auth.accounts import create_user
from cloud.enrolment.authority import Authority
from cloud.enrolment.commands import write_acl, write_revocation_list
from cloud.errors import BadRequestError
from cloud.farms.provision import provision
from contracts.errors import ConfigurationError
from edge.enrolment import EnrolmentError, enrol, renew
from tests.bridge.certificates import authority as broker_authority
from tests.bridge.certificates import signed
from tests.bridge.farm import READINGS_TOPIC, payload
from tests.cloud.api.conftest import Api, Serving, settings_for
from tests.servers.mosquitto import SHIPPED, Mosquitto, ShippedMosquitto
from tests.servers.presence import MissingServerError, missing

PASSWORD = "plenty of oxygen"
PASSPHRASE = b"the passphrase of the authority"
CARRIED = {"Success", "No matching subscribers"}
NOW = datetime.now(timezone.utc)


@pytest.fixture
def ca_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "ca"
    Authority.create(folder, PASSPHRASE, now=NOW)
    return folder


@pytest.fixture
def platform(database_url: str, ca_dir: Path, tmp_path: Path) -> Iterator[Api]:
    """An API with an authority, and two farms."""
    for organization, site in (("shoal", "north"), ("rival", "south")):
        provision(database_url, organization, [{"slug": site}])
        create_user(database_url, f"fleet@{organization}.example", PASSWORD, "fleet_admin", organization)
    settings = settings_for(database_url, storage_dir=tmp_path, dashboard_dir=tmp_path)
    settings = settings.model_copy(update={"ca_dir": ca_dir, "ca_passphrase": SecretStr(PASSPHRASE.decode())})
    with Serving(settings) as running:
        yield running


def admin_of(platform: Api, organization: str = "shoal") -> httpx.Client:
    form = {"username": f"fleet@{organization}.example", "password": PASSWORD}
    with platform.client() as client:
        token = client.post("/api/v1/auth/login", data=form).json()["access_token"]
    return platform.client(token)


def token_for(admin: httpx.Client, device: str = "edge-1", site: str = "north") -> str:
    answer = admin.post("/api/v1/enrolment/tokens", json={"site": site, "device": device})
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["token"]
    return token


def test_a_token_gives_one_certificate_and_the_key_stays_private(platform: Api, tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    with admin_of(platform) as admin:
        token = token_for(admin)
        done = enrol(platform.url, token, folder)
        listed = admin.get("/api/v1/enrolment/certificates").json()["items"]
        entries = admin.get("/api/v1/audit?subject=device_certificate").json()["items"]
    assert (done.site, done.device) == ("north", "edge-1")
    assert [each["serial"] for each in listed] == [done.serial]
    assert entries[0]["actor"] == "device:north/edge-1"
    assert stat.S_IMODE((folder / "device.key").stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate((folder / "device.pem").read_bytes())
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "north/edge-1"
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH], "a device cannot pose as the broker"
    with pytest.raises(EnrolmentError, match="403"):
        enrol(platform.url, token, tmp_path / "second")
    with pytest.raises(ConfigurationError, match="renew"):
        enrol(platform.url, token, folder)


def test_a_device_renews_before_its_certificate_ends_and_a_thief_of_the_certificate_does_not(
    platform: Api, tmp_path: Path
) -> None:
    folder = tmp_path / "tls"
    with admin_of(platform) as admin:
        first = enrol(platform.url, token_for(admin), folder)
        assert renew(platform.url, folder, now=NOW, within=timedelta(days=30)) is None
        key = (folder / "device.key").read_bytes()
        second = renew(platform.url, folder, now=NOW + timedelta(days=61), within=timedelta(days=30))
        assert second is not None
        assert second.serial != first.serial
        assert (folder / "device.key").read_bytes() != key, "with a new key"
        listed = {each["serial"]: each for each in admin.get("/api/v1/enrolment/certificates").json()["items"]}
        assert listed[second.serial]["renews"] == first.serial
        stolen = tmp_path / "stolen"
        stolen.mkdir()
        (stolen / "device.pem").write_bytes((folder / "device.pem").read_bytes())
        own = ec.generate_private_key(ec.SECP256R1())
        (stolen / "device.key").write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        before = (stolen / "device.pem").read_bytes()
        with pytest.raises(EnrolmentError, match="400"):
            renew(platform.url, stolen, now=NOW, within=None)
        assert (stolen / "device.pem").read_bytes() == before
        revoked = admin.post(f"/api/v1/enrolment/certificates/{second.serial}/revoke", json={"reason": "stolen"})
        assert revoked.status_code == 204
        with pytest.raises(EnrolmentError, match="403"):
            renew(platform.url, folder, now=NOW, within=None)


def test_one_farm_neither_enrols_nor_sees_nor_revokes_at_another(platform: Api, tmp_path: Path) -> None:
    with admin_of(platform) as admin, admin_of(platform, "rival") as rival:
        done = enrol(platform.url, token_for(admin), tmp_path / "tls")
        assert rival.post("/api/v1/enrolment/tokens", json={"site": "north", "device": "x"}).status_code == 404
        assert rival.get("/api/v1/enrolment/certificates").json()["items"] == []
        path = f"/api/v1/enrolment/certificates/{done.serial}/revoke"
        assert rival.post(path, json={"reason": "spite"}).status_code == 404


def csr(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bridge")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def test_the_authority_gives_the_name_and_refuses_weak_keys(ca_dir: Path) -> None:
    authority = Authority(ca_dir, PASSPHRASE)
    issued = authority.sign(
        csr(ec.generate_private_key(ec.SECP256R1())), "north/edge-1", now=NOW, lasts=timedelta(days=1)
    )
    subject = x509.load_pem_x509_certificate(issued.pem.encode()).subject
    assert subject.rfc4514_string() == "CN=north/edge-1", "whatever the request calls itself"
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    for request in (csr(weak), "nonsense", csr(ec.generate_private_key(ec.SECP256R1()))[:-60]):
        with pytest.raises(BadRequestError):
            authority.sign(request, "north/edge-1", now=NOW, lasts=timedelta(days=1))


def test_an_authority_is_encrypted_and_never_overwritten(ca_dir: Path) -> None:
    assert b"ENCRYPTED" in (ca_dir / "ca.key").read_bytes()
    assert stat.S_IMODE((ca_dir / "ca.key").stat().st_mode) == 0o600
    with pytest.raises(ConfigurationError, match="already"):
        Authority.create(ca_dir, PASSPHRASE, now=NOW)
    with pytest.raises(ConfigurationError, match="does not open"):
        Authority(ca_dir, b"another passphrase")


def test_a_token_is_never_sent_in_the_clear(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="https"):
        enrol("http://shoal.example.org", "token", tmp_path)


class Link:
    """What a broker says to a device with the certificate of a folder."""

    def __init__(self, port: int, folder: Path, broker_ca: Path) -> None:
        self.answers: list[str] = []
        self._answered = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.tls_set(str(broker_ca), str(folder / "device.pem"), str(folder / "device.key"))
        self.client.on_publish = self._heard
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _heard(self, _client: object, _data: object, _mid: int, reason: object, _properties: object) -> None:
        self.answers.append(str(reason))
        self._answered.set()

    def send(self, topic: str) -> str:
        self._answered.clear()
        self.client.publish(topic, payload(1), qos=1)
        assert self._answered.wait(20), "the broker answers"
        return self.answers[-1]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def is_let_in(port: int, folder: Path, broker_ca: Path) -> bool:
    """Whether a broker lets the device of a folder in."""
    over, connected = threading.Event(), threading.Event()

    def on_connect(*_: object) -> None:
        connected.set()
        over.set()

    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.tls_set(str(broker_ca), str(folder / "device.pem"), str(folder / "device.key"))
    client.on_connect = on_connect
    client.on_disconnect = lambda *_: over.set()
    try:
        client.connect("127.0.0.1", port)
    except OSError:  # with TLS 1.2 the refusal is part of the handshake
        return False
    client.loop_start()
    assert over.wait(20), "the broker answers or closes"
    client.disconnect()
    client.loop_stop()
    return connected.is_set()


def start(broker: Mosquitto) -> Mosquitto:
    try:
        broker.start()
    except MissingServerError as error:
        missing(broker.name, str(error))
    return broker


@pytest.mark.integration
def test_an_enrolled_device_speaks_to_mosquitto_and_a_revoked_one_does_not(
    platform: Api, database_url: str, ca_dir: Path, tmp_path: Path
) -> None:
    config = tmp_path / "broker"
    config.mkdir()
    broker_authority(config, "servers")
    signed(config, "broker", by="servers", name="broker")
    (config / "ca.pem").write_bytes((ca_dir / "ca.pem").read_bytes())
    with admin_of(platform) as admin:
        enrol(platform.url, token_for(admin), tmp_path / "one")
        lost = enrol(platform.url, token_for(admin, "edge-2"), tmp_path / "two")
    authority = Authority(ca_dir, PASSPHRASE)
    write_acl(database_url, SHIPPED / "acl", config / "acl", NOW)
    write_revocation_list(database_url, authority, config / "revoked.pem", NOW)

    class Listed(ShippedMosquitto):
        """The shipped configuration with the line for the list."""

        def command(self) -> list[str]:
            command = super().command()
            with Path(command[-1]).open("a") as file:
                file.write(f"\ncrlfile {config}/revoked.pem\n")
            return command

    broker = start(Listed(tmp_path / "mosquitto", config))
    try:
        one, two = (Link(broker.port, tmp_path / name, config / "servers.pem") for name in ("one", "two"))
        assert one.send(READINGS_TOPIC) in CARRIED
        assert one.send("$aws/things/north.edge-1/shadow/name/config/update") in CARRIED
        assert two.send(READINGS_TOPIC) == "Not authorized"
        assert two.send("$aws/things/north.edge-1/shadow/name/config/update") == "Not authorized"
        assert two.send(READINGS_TOPIC.replace("edge-1", "edge-2")) in CARRIED
        one.close()
        two.close()
    finally:
        broker.stop()
    with admin_of(platform) as admin:
        admin.post(f"/api/v1/enrolment/certificates/{lost.serial}/revoke", json={"reason": "fell into the sea"})
    assert write_revocation_list(database_url, authority, config / "revoked.pem", datetime.now(timezone.utc)) == 1
    broker = start(broker)
    try:
        assert is_let_in(broker.port, tmp_path / "one", config / "servers.pem")
        assert not is_let_in(broker.port, tmp_path / "two", config / "servers.pem")
    finally:
        broker.stop()
