"""Schemathesis asks every operation what it did not expect: no 5xx, and no answer that the document does not know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from cloud.auth.accounts import create_user
from cloud.enrolment.authority import Authority
from cloud.farms.provision import provision
from cloud.openapi import document
from tests.cloud.api.conftest import Api, Serving, settings_for

PASSWORD = "plenty of oxygen"
LEFT_OUT = frozenset({"logout", "watchEvents", "repositoryFile"})
"""Ends the login; never ends; files of releases."""
EXAMPLES = 3
schemathesis.serializer.alias(["application/offset+octet-stream", "application/zip"], "application/octet-stream")


@pytest.fixture
def attacked(database_url: str, tmp_path: Path) -> Iterator[tuple[Api, str]]:
    """An API with a database of its own, and a token of its platform admin."""
    provision(database_url, "shoal", [{"slug": "fjord"}], [{"site": "fjord", "slug": "tank-1"}])
    create_user(database_url, "admin@fjord.example", PASSWORD, "platform_admin", "shoal")
    Authority.create(tmp_path / "ca", PASSWORD.encode(), now=datetime.now(timezone.utc))
    app_settings = settings_for(database_url, storage_dir=tmp_path, dashboard_dir=tmp_path)
    authority = {"ca_dir": tmp_path / "ca", "ca_passphrase": SecretStr(PASSWORD)}
    with Serving(app_settings.model_copy(update=authority)) as running:
        with running.client() as client:
            form = {"username": "admin@fjord.example", "password": PASSWORD}
            token = client.post("/api/v1/auth/login", data=form).json()["access_token"]
        yield running, token


def test_no_operation_fails_or_answers_what_the_document_does_not_know(attacked: tuple[Api, str]) -> None:
    running, token = attacked
    schema: Any = schemathesis.openapi.from_dict(json.loads(document()))
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.definition.raw["operationId"] in LEFT_OUT:
            continue
        asked += 1
        _attack(operation, running.url, token)
    assert asked > 80


def _attack(operation: Any, url: str, token: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        answer = case.call(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=20)
        case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])

    ask()
