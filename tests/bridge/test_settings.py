from __future__ import annotations

from pathlib import Path

import pytest

from bridge.__main__ import main
from bridge.settings import BridgeSettings, SinkKind, load_settings
from contracts.errors import ConfigurationError


def write(folder: Path, text: str) -> Path:
    path = folder / "bridge.yaml"
    path.write_text(text)
    return path


def test_the_defaults_are_a_bridge_on_one_machine() -> None:
    settings = load_settings()
    assert (settings.mqtt_host, settings.sink, settings.window) == ("127.0.0.1", SinkKind.CONFLUENT, 1000)
    assert not settings.tls


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_BRIDGE_MQTT_HOST", "broker.farm")
    settings = load_settings(write(tmp_path, "mqtt_host: other\nsink: kafka-python\n"))
    assert (settings.mqtt_host, settings.sink) == ("broker.farm", SinkKind.KAFKA_PYTHON)


@pytest.mark.parametrize(
    ("text", "field", "told"),
    [
        ("mqtt_port: many", "mqtt_port", "valid integer"),
        ("mqtt_port: 70000", "mqtt_port", "65535"),
        ("mqtt_prot: 1883", "mqtt_prot", "did you mean mqtt_port"),
        ("colour: red", "colour", "remove it"),
        ("kafka_bootstrap: kafka", "kafka_bootstrap", "host:port"),
        ("sink: rabbit", "sink", "'confluent' or 'kafka-python'"),
        ("window: 0", "window", "greater than or equal to 1"),
        ("shared_group: bridges", "client_id", "stable client_id each"),
        ("mqtt_cert_file: /etc/hosts", "mqtt_key_file", "needs both"),
        ("mqtt_ca_file: /no/such/file.pem", "mqtt_ca_file", "existing PEM file"),
        ("- just\n- a list", "config", "YAML mapping"),
        ("{unclosed", "config", "YAML mapping"),
    ],
)
def test_a_bad_setting_is_named_with_its_remedy(tmp_path: Path, text: str, field: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(write(tmp_path, text))
    assert caught.value.field == field
    assert told in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigurationError, match="existing YAML file"):
        load_settings(Path("/no/such/bridge.yaml"))


def test_passwords_stay_out_of_messages_and_prints(tmp_path: Path) -> None:
    settings = load_settings(None, mqtt_password="deep-secret", kafka_password="deep-secret")
    assert "deep-secret" not in repr(settings)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(write(tmp_path, "mqtt_password: [deep-secret]"))
    assert "deep-secret" not in str(caught.value)


def test_every_setting_explains_itself() -> None:
    assert [name for name, field in BridgeSettings.model_fields.items() if not field.description] == []


def test_bad_configuration_ends_the_program_with_2_and_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(write(tmp_path, "mqtt_prot: 1"))]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "mqtt_prot: 1 cannot be used. There is no such setting; did you mean mqtt_port."
    ]
