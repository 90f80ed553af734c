"""The control plane of AWS IoT Core as the fleet uses it, against a stand-in of AWS in the process."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from moto import mock_aws

from cloud.registry.aws_iot import AwsIotFleet
from contracts.deployments import Assignment, DesiredModels, Hold, HoldKind, ReportedModels, SignedAssignment

NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)
ASSIGNMENT = Assignment(
    site="farm", device="edge-1", deployment="d-1", path="models/fish-detector/1.1.0.json", sha256="b" * 64, bytes=1,
    model="fish-detector", version="1.1.0", issued_at=NOW, expires_at=NOW + timedelta(days=14), release_sha256="c" * 64,
)  # fmt: skip
SIGNED = SignedAssignment.model_validate(
    {
        "payload": base64.b64encode(ASSIGNMENT.model_dump_json().encode()).decode(),
        "signatures": [{"keyid": "a" * 64, "sig": base64.b64encode(b"s" * 64).decode()}],
    }
)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    with mock_aws():
        control, data = boto3.client("iot"), boto3.client("iot-data")
        control.create_thing(thingName="farm.edge-1")
        yield control, data


def test_a_wish_becomes_the_shadow_and_what_the_box_says_is_read_back(account: tuple[Any, Any]) -> None:
    control, data = account
    fleet = AwsIotFleet(control, data)
    assert fleet.reported("farm", "edge-1") is None
    assert fleet.desire("farm", "edge-1", DesiredModels(assignment=SIGNED)) == 1
    assert fleet.desire("farm", "edge-1", DesiredModels(assignment=SIGNED, activate=False)) == 2
    kept = json.loads(data.get_thing_shadow(thingName="farm.edge-1", shadowName="models")["payload"].read())
    assert DesiredModels.model_validate_json(json.dumps(kept["state"]["desired"])).assignment == SIGNED
    told = ReportedModels(running_sha256="b" * 64)
    payload = json.dumps({"state": {"reported": told.model_dump(mode="json")}}).encode()
    data.update_thing_shadow(thingName="farm.edge-1", shadowName="models", payload=payload)
    assert fleet.reported("farm", "edge-1") == told
    hold = Hold(unit="x" * 63, kind=HoldKind.TREATMENT, begins=NOW, ends=NOW)
    too_much = DesiredModels(assignment=SIGNED, holds=(hold,) * 50)
    with pytest.raises(ValueError, match="AWS takes 8000"):
        fleet.desire("farm", "edge-1", too_much)


def test_a_job_holds_the_signed_assignment_and_ends_by_itself(account: tuple[Any, Any]) -> None:
    control, data = account
    fleet = AwsIotFleet(control, data)
    arn = fleet.create_job("job-1", "farm", "edge-1", SIGNED, timeout_min=99_999)
    assert arn.endswith("job/job-1")
    job = control.describe_job(jobId="job-1")["job"]
    assert job["timeoutConfig"] == {"inProgressTimeoutInMinutes": 10_080}
    document = json.loads(control.get_job_document(jobId="job-1")["document"])
    assert document["operation"] == "deploy-model"
    assert SignedAssignment.model_validate_json(json.dumps(document["assignment"])).unverified() == ASSIGNMENT
    fleet.cancel_job("job-1", "the wave was stopped")
    assert control.describe_job(jobId="job-1")["job"]["status"] == "CANCELED"
