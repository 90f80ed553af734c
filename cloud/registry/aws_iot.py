"""Desired models for boxes on AWS IoT Core: the same documents as on our broker, through AWS's own control plane.

Shadows and jobs hold what the bridge's downlink would publish; the box's code does not know the difference. Needs ``shoal[s3]`` (boto3).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from contracts.deployments import DEPLOY_OPERATION, MODELS_SHADOW, DesiredModels, ReportedModels, SignedAssignment
from contracts.topics import thing_name

LARGEST_SHADOW = 8_000
"""Bytes; AWS refuses documents above 8 KB."""
SHORTEST_TIMEOUT_MIN, LONGEST_TIMEOUT_MIN = 1, 10_080


class AwsIotFleet:
    """Things of one account.

    Args:
        control: boto3's client ``iot``.
        data: boto3's client ``iot-data`` of the account's endpoint.
    """

    def __init__(self, control: Any, data: Any) -> None:
        self._control, self._data = control, data

    def desire(self, site: str, device: str, desired: DesiredModels) -> int:
        """Set what a box should run; returns the shadow's version.

        Raises:
            ValueError: the document is larger than AWS takes.
        """
        document = json.dumps({"state": {"desired": desired.model_dump(mode="json")}}).encode()
        if len(document) > LARGEST_SHADOW:
            raise ValueError(
                f"the desired state of {site}/{device} has {len(document)} bytes; AWS takes {LARGEST_SHADOW}"
            )
        answer = self._data.update_thing_shadow(
            thingName=thing_name(site, device), shadowName=MODELS_SHADOW, payload=document
        )
        return int(json.loads(answer["payload"].read())["version"])

    def reported(self, site: str, device: str) -> ReportedModels | None:
        """What a box last said of itself; None when it has not."""
        try:
            answer = self._data.get_thing_shadow(thingName=thing_name(site, device), shadowName=MODELS_SHADOW)
        except self._data.exceptions.ResourceNotFoundException:
            return None
        told = json.loads(answer["payload"].read())["state"].get("reported")
        return None if told is None else ReportedModels.model_validate_json(json.dumps(told))

    def create_job(
        self,
        job: str,
        site: str,
        device: str,
        assignment: SignedAssignment,
        *,
        timeout_min: int,
        things: Sequence[str] = (),
    ) -> str:
        """Give one box a job that ends by itself; returns its ARN.

        Args:
            job: id, unique in the account; the same id again is refused by AWS.
            site: of the box.
            device: of the box.
            assignment: for this box alone.
            timeout_min: after which AWS calls it timed out.
            things: ARNs of the targets; empty looks the box's up.
        """
        minutes = min(max(timeout_min, SHORTEST_TIMEOUT_MIN), LONGEST_TIMEOUT_MIN)
        targets = list(things) or [self._control.describe_thing(thingName=thing_name(site, device))["thingArn"]]
        document = {"operation": DEPLOY_OPERATION, "assignment": assignment.model_dump(mode="json")}
        answer = self._control.create_job(
            jobId=job,
            targets=targets,
            document=json.dumps(document),
            targetSelection="SNAPSHOT",
            timeoutConfig={"inProgressTimeoutInMinutes": minutes},
            jobExecutionsRetryConfig={"criteriaList": [{"failureType": "TIMED_OUT", "numberOfRetries": 2}]},
        )
        return str(answer["jobArn"])

    def cancel_job(self, job: str, reason: str) -> None:
        """Take a job back from boxes that have not begun it."""
        self._control.cancel_job(jobId=job, comment=reason[:2028])
