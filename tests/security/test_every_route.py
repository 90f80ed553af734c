"""Every route of the OpenAPI document: anonymous, too low a role, another organization, and allowed.

A route that is new fails here until somebody says what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from cloud.auth.accounts import create_user
from cloud.auth.rules import Role
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import Api
from tests.cloud.api.test_http import OPEN

PUBLIC = OPEN | {"/live", "/ready", "/health"}
"""Asked by whoever has no login: one-time tokens, probes."""
STREAMS = frozenset({"watchEvents"})
"""Answers that never end: see the tests of cloud.live."""
ENDS_THE_LOGIN = frozenset({"logout"})

Q, M, F, P = Role.OPERATOR, Role.FARM_MANAGER, Role.FLEET_ADMIN, Role.PLATFORM_ADMIN
NEEDS: dict[str, Role] = {
    "acknowledgeAlarm": Q, "shelveAlarm": Q, "unshelveAlarm": Q, "listAlarmAssignees": Q,
    "setAlarmAssignee": Q, "addRecord": Q, "importRecords": Q, "strikeRecord": Q,
    "listContacts": Q, "listNotifications": Q, "getProofs": Q, "classifyImage": Q, "predict": Q, "predictBatch": Q,
    "explainPrediction": Q, "predictAsync": Q,
    "addContact": M, "changeContact": M, "removeContact": M, "setRoster": M, "setLadders": M, "testAlarmPath": M,
    "addBatch": M, "setRationale": M, "setAdviceSettings": M, "listUsers": M, "getUser": M, "changeUser": M,
    "resetUser": M, "signUserOut": M, "listInvitations": M, "invite": M, "withdrawInvitation": M, "listApiKeys": M,
    "makeApiKey": M, "revokeApiKey": M, "listAuditEntries": M, "checkAuditLog": M, "exportAuditLog": M,
    "listDeadLetters": F, "makeEnrolmentToken": F, "listCertificates": F, "revokeCertificate": F,
    "getDetailedHealth": F, "getPerformance": F, "resetPerformance": F, "listRollouts": F, "askRollout": F,
    "getRollout": F, "listRolloutDevices": F, "listRolloutDecisions": F, "orderRollout": F, "cancelTask": Q,
    "listUnitTrials": F, "askUnitTrial": F, "getUnitTrial": F, "approveUnitTrial": F, "listUnitTrialBoxes": F,
    "compareUnitTrial": F, "endUnitTrial": F, "adoptUnitTrial": F,
    "approveRollout": F, "setDeviceTags": F, "setDeviceGroup": F, "deleteDeviceGroup": F,
    "getDeviceDiagnostics": F, "listSamplePairs": F, "orderCommand": F, "listCommands": F, "getCommand": F, "getCommandArchive": F,
    "putDeviceArchive": Q, "listDeadLetterReasons": F, "orderDeadLetters": F, "listDeadLetterOrders": F,
    "getDeadLetterOrder": F, "listDeviceDeployments": F,
    "getUploadOptions": Q, "createUpload": Q, "getUploadOffset": Q, "appendToUpload": Q, "giveNextLabelTask": Q,
    "holdLabelTask": Q, "releaseLabelTask": Q, "addLabel": Q, "undoLabel": Q, "addLabelMark": Q, "reviewLabelTask": M,
    "setLabelSettings": M, "importLabels": M, "freezeDataset": M,
    "acceptDrift": M, "listTrainingRuns": F, "listRetrainRules": F, "askTrainingRun": P, "getTrainingRun": P,
    "cancelTrainingRun": P, "setRetrainRule": P,
    "listReleases": F, "getRelease": F,
    "listOrganizations": P, "addOrganization": P,
}  # fmt: skip
"""Least role of every operation that a viewer may not call."""
OF_NOBODY = frozenset(
    {
        "exportAuditLog",  # one's own log, in a form
        "setRationale",  # one's own, under the name of a definition that all share
        "setDeviceGroup",  # one's own, under a name that others may use too
        "getMlModel",  # models are the platform's
        "getTrainingRun",  # and so is their training
        "cancelTrainingRun",
        "setRetrainRule",
        "getRelease",
        "repositoryFile",  # and so are their signed files
    }
)
"""Operations with something in their path that belongs to no organization."""
NOWHERE = {
    "site": "nowhere", "unit_id": 2**31 - 1, "channel_id": 2**31 - 1, "sha256": "0" * 64, "definition": "do.low.critical",
    "contact_id": 2**31 - 1, "code": "no-such-batch", "user_id": 2**31 - 1, "invitation_id": 2**31 - 1,
    "key_id": 2**31 - 1, "serial": "ff", "kind": "csv", "name": "daily-log", "version": "9.9.9", "path": "nothing",
    "model_sha256": "0" * 64, "model": "no-such-model",
}  # fmt: skip
NOT_MADE = frozenset(
    {
        "alert_id",
        "command_id",
        "dataset_id",
        "order_id",
        "rollout_id",
        "run_id",
        "sample_id",
        "task_id",
        "trial_id",
        "upload_id",
    }
)
"""Things that this test does not make; that they are of one organization is tested with their features."""
RANGE = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}
QUERIES: dict[str, dict[str, Any]] = {
    "getBefore": {"at": "2026-01-02T00:00:00Z"},
    "importRecords": {"kind": "mortality"},
}
BODIES: dict[str, Any] = {
    "shelveAlarm": {"minutes": 30, "reason": "testing"},
    "setAlarmAssignee": {"user_id": None},
    "strikeRecord": {"reason": "testing"},
    "changeContact": {"name": "X", "email": "x@lagoon.example"},
    "setRoster": {"shifts": []},
    "setLadders": {},
    "setAdviceSettings": {"quantities": {}},
    "changeUser": {"name": "Taken over"},
    "revokeCertificate": {"reason": "spite"},
    "addLabel": {"id": str(uuid4())},
    "reviewLabelTask": {"decision": "reject"},
    "endUnitTrial": {"reason": "spite"},
    "adoptUnitTrial": {"back_to": None},
    "approveUnitTrial": {"reason": "spite"},
    "orderRollout": {"kind": "pause", "reason": "spite"},
    "approveRollout": {},
    "setDeviceTags": {"tags": []},
    "orderCommand": {"name": "diagnostics"},
    "setDeviceGroup": {"devices": []},
    "addRecord": {
        "id": str(uuid4()), "kind": "mortality", "occurred_at": "2026-01-01T00:00:00Z", "unit": "tank-1",
        "batch": "none", "count": 1, "cause": "unknown",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    name: str
    method: str
    path: str
    names: tuple[str, ...]

    def send(self, client: httpx.Client, values: dict[str, Any], *, body: Any = None) -> httpx.Response:
        path = self.path
        for name in self.names:
            path = path.replace("{" + name + "}", str(values.get(name, uuid4())))
        arguments: dict[str, Any] = {"params": {**RANGE, **QUERIES.get(self.name, {})}}
        if body is not None:
            arguments["json"] = body
        elif self.name == "importRecords":
            arguments |= {"content": b"id\n", "headers": {"Content-Type": "text/csv"}}
        return client.request(self.method, path, **arguments)


@pytest.fixture(scope="module")
def operations(api: Api) -> list[Operation]:
    document = api.app.openapi()
    return [
        Operation(
            operation["operationId"],
            method.upper(),
            path,
            tuple(each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"),
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.fixture(scope="module")
def guarded(operations: list[Operation]) -> list[Operation]:
    return [each for each in operations if each.path not in PUBLIC and each.name not in STREAMS]


@pytest.fixture(scope="module")
def as_role(api: Api, token_of: Callable[[str], str], farm_url: str) -> Iterator[dict[Role, httpx.Client]]:
    """A client for each role in the fjord's organization."""
    create_user(farm_url, "manager@fjord.example", farms.PASSWORD, "farm_manager", "shoal")
    with api.client() as client:
        form = {"username": "manager@fjord.example", "password": farms.PASSWORD}
        manager = client.post("/api/v1/auth/login", data=form).json()["access_token"]
    tokens = {
        Role.VIEWER: token_of("viewer"),
        Role.OPERATOR: token_of("operator"),
        Role.FARM_MANAGER: manager,
        Role.FLEET_ADMIN: token_of("fleet"),
        Role.PLATFORM_ADMIN: token_of("admin"),
    }
    clients = {role: api.client(token) for role, token in tokens.items()}
    yield clients
    for client in clients.values():
        client.close()


def test_anonymous_gets_nothing_but_what_is_public(api: Api, guarded: list[Operation]) -> None:
    with api.client() as anonymous:
        wrong = {
            operation.name: answer.status_code
            for operation in guarded
            if (answer := operation.send(anonymous, NOWHERE)).status_code != 401
        }
    assert wrong == {}
    assert len(guarded) > 60


def test_what_is_public_survives_anybody(api: Api, operations: list[Operation]) -> None:
    with api.client() as anonymous:
        for operation in operations:
            if operation.path in PUBLIC:
                assert operation.send(anonymous, NOWHERE).status_code in {200, 403, 404, 422, 501}, operation.name


def test_every_role_may_call_what_the_table_says_and_nothing_else(
    as_role: dict[Role, httpx.Client], guarded: list[Operation]
) -> None:
    wrong = []
    for operation in guarded:
        if operation.name in ENDS_THE_LOGIN:
            continue
        needed = NEEDS.get(operation.name, Role.VIEWER)
        below = [role for role in Role if not role.reaches(needed)]
        for role in [*below[-1:], needed]:
            status = operation.send(as_role[role], NOWHERE).status_code
            expected = status == 403 if role in below else (status not in {401, 403} and status < 500) or status == 501
            if not expected:
                wrong.append((operation.name, role.value, status))
    assert wrong == []


def test_the_table_names_no_operation_that_is_gone(guarded: list[Operation]) -> None:
    assert set(NEEDS) <= {operation.name for operation in guarded}


@pytest.fixture(scope="module")
def things(api: Api, as_role: dict[Role, httpx.Client], farm: farms.Farm, farm_url: str) -> dict[str, Any]:
    """Real things of the fjord, by the name of the parameter that names them."""
    admin = as_role[Role.PLATFORM_ADMIN]
    contact = admin.post("/api/v1/contacts", json={"name": "Own", "email": "own@fjord.example"}).json()["id"]
    key = admin.post("/api/v1/api-keys", json={"name": "own", "role": "viewer", "scopes": ["*:read"]}).json()
    invited = admin.post("/api/v1/invitations", json={"email": "own@fjord.example", "role": "viewer"}).json()
    batch = {"code": "own-batch", "species": "salmo_salar", "origin": "hatchery"}
    assert admin.post("/api/v1/batches", json=batch).status_code == 201
    record, task = uuid4(), uuid4()
    note = {"id": str(record), "kind": "note", "occurred_at": "2026-01-01T12:00:00Z", "note": "nets are clean"}
    assert admin.post("/api/v1/sites/fjord/records", json=note).status_code == 201
    with psycopg.connect(farm_url) as database:
        site = database.execute("SELECT id, organization_id FROM site WHERE slug = 'fjord'").fetchone()
        viewer = database.execute("SELECT id FROM app_user WHERE email = 'viewer@fjord.example'").fetchone()
        assert site is not None
        assert viewer is not None
        now = datetime.now(timezone.utc)
        database.execute(
            "INSERT INTO device_certificate (serial, site_id, device, issued_at, expires_at)"
            " VALUES ('abc123', %s, 'box-1', %s, %s)",
            (site[0], now, now + timedelta(days=1)),
        )
    return {
        "site": "fjord", "unit_id": 1, "channel_id": 1, "sha256": farms.JPEG_SHA256, "alarm_id": farm.active_alarm,
        "contact_id": contact, "key_id": key["api_key"]["id"], "invitation_id": invited["id"], "code": "own-batch",
        "record_id": record, "user_id": viewer[0], "serial": "abc123", "name": "daily-log", "task_id": task,
        "model_sha256": farms.MODEL.sha256, "device": "box-1",
    }  # fmt: skip


def test_the_things_of_another_organization_do_not_exist(
    api: Api, token_of: Callable[[str], str], guarded: list[Operation], things: dict[str, Any]
) -> None:
    wrong = []
    with api.client(token_of("rival-fleet")) as rival:
        for operation in guarded:
            if not operation.names or operation.name in OF_NOBODY:
                continue
            answer = operation.send(rival, things, body=BODIES.get(operation.name))
            if answer.status_code != 404:
                wrong.append((operation.name, answer.status_code, answer.text[:200]))
    assert wrong == []


def test_the_same_things_exist_for_their_own(
    as_role: dict[Role, httpx.Client], guarded: list[Operation], things: dict[str, Any]
) -> None:
    """Or the test before would pass for things that exist for nobody."""
    own = as_role[Role.PLATFORM_ADMIN]
    missing = [
        (operation.name, answer.status_code, answer.text[:200])
        for operation in guarded
        if operation.names
        and operation.method == "GET"
        and operation.name not in OF_NOBODY
        and not set(operation.names) & NOT_MADE
        and (answer := operation.send(own, things)).status_code != 200
    ]
    assert missing == []
