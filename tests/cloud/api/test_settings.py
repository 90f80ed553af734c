"""Settings explain what is wrong before anything connects; the program ends with 2."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cloud.app import create_app
from cloud.settings import load_settings, secret_key
from contracts.errors import ConfigurationError

URL = "postgresql://shoal:hush@127.0.0.1:1/shoal"
KEY = "x" * 40


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("SHOAL_"):
            monkeypatch.delenv(name)


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_DATABASE_URL", URL)
    monkeypatch.setenv("SHOAL_PORT", "9000")
    monkeypatch.setenv("SHOAL_CORS_ORIGINS", '["https://app.example"]')
    settings = load_settings()
    assert settings.port == 9000
    assert settings.cors_origins == ("https://app.example",)
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"database_url": None}, "database_url"),
        ({"port": "eighty"}, "port"),
        ({"port": 70_000}, "port"),
        ({"access_token_minutes": 0}, "access_token_minutes"),
        ({"log_level": "loud"}, "log_level"),
    ],
)
def test_bad_setting_is_named_with_a_remedy(changes: dict[str, object], field: str) -> None:
    given = {key: value for key, value in {"database_url": URL, **changes}.items() if value is not None}
    with pytest.raises(ConfigurationError) as refused:
        load_settings(**given)
    assert refused.value.field == field
    assert f"SHOAL_{field.upper()}" in refused.value.remedy
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("url", ["mysql://root:hush@localhost/db", "nonsense hush", ""])
def test_other_databases_are_refused_without_showing_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        create_app(load_settings(database_url=url, secret_key=KEY))
    assert "database_url" in refused.value.field.lower()


def test_secret_key_must_exist_and_be_long() -> None:
    with pytest.raises(ConfigurationError, match="SHOAL_SECRET_KEY_FILE"):
        secret_key(load_settings(database_url=URL))
    with pytest.raises(ConfigurationError) as refused:
        secret_key(load_settings(database_url=URL, secret_key="tooshort"))
    assert "tooshort" not in str(refused.value)


def test_secret_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret.key"
    settings = load_settings(database_url=URL, secret_key_file=path)
    first = secret_key(settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(first) >= 32
    assert secret_key(settings) == first
    assert secret_key(load_settings(database_url=URL, secret_key_file=tmp_path / "other")) != first


def test_unusable_secret_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        secret_key(load_settings(database_url=URL, secret_key_file=tmp_path))
    assert refused.value.field == "secret_key_file"


def test_taken_port_ends_the_program_with_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = {**os.environ, "SHOAL_DATABASE_URL": URL, "SHOAL_SECRET_KEY": KEY, "SHOAL_PORT": str(port)}
        ended = subprocess.run(
            [sys.executable, "-m", "cloud"], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert ended.returncode == 2
    assert str(port) in ended.stderr
    assert "SHOAL_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_missing_settings_end_the_program_with_2() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cloud"], env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert "SHOAL_DATABASE_URL" in ended.stderr


def test_api_process_loads_no_heavy_library() -> None:
    heavy = ("numpy", "cv2", "torch", "onnxruntime", "kafka", "confluent_kafka", "alembic")
    code = f"import sys, cloud.app; print([name for name in {heavy!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert loaded.stdout.strip() == "[]"
