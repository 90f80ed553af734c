"""Desired and reported models over the shadow and jobs topics of AWS IoT; the same on AWS and on a broker of ours.

On AWS the device asks for the shadow and is told of changes; on our broker the newest document is retained where AWS would answer. A
job with a signed assignment is the other way in. Whatever comes is only handed on: signatures decide, not topics.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import structlog
from pydantic import ValidationError

from contracts.deployments import (
    DEPLOY_OPERATION,
    MODELS_SHADOW,
    DeploymentState,
    DesiredModels,
    ReportedModels,
    SignedAssignment,
    decode_desired,
)
from contracts.devices import JobExecution, ShadowDocument
from contracts.errors import InvalidMessageError
from contracts.topics import jobs, shadow, thing_name
from edge.errors import LinkDownError
from edge.messaging.link import DeviceLink

log = structlog.get_logger()

TELL_EVERY_S = 1.0
LARGEST_REPORT = 7_500
"""Bytes; AWS takes documents of 8 KB."""
_RUNNING = frozenset({"QUEUED", "IN_PROGRESS"})


class ModelsShadow:
    """One named shadow of a device with what is deployed to it; that of the models also hears jobs.

    Args:
        name: of the shadow.
        decode: reads ``state.desired``.
        desired: gets what is wanted; called in the network thread, returns at once.
        reported: what there is to report, asked every second.
    """

    def __init__(
        self,
        link: DeviceLink,
        *,
        site: str,
        device: str,
        desired: Callable[[Any], None],
        reported: Callable[[], ReportedModels],
        name: str = MODELS_SHADOW,
        decode: Callable[[dict[str, Any] | None], Any] = decode_desired,
    ) -> None:
        self._link = link
        self._name, self._decode = name, decode
        self._thing = thing_name(site, device)
        self._desired = desired
        self._reported = reported
        self._told = ""
        self._ask = threading.Event()
        self._job: JobExecution | None = None
        self._job_deployment = ""
        self._job_told = ""
        self._lock = threading.Lock()
        for suffix, handler in (
            ("get/accepted", self._hear_document),
            ("update/delta", self._hear_delta),
        ):
            link.route(shadow(self._thing, name, suffix), handler)
        if name != MODELS_SHADOW:
            return
        link.route(jobs(self._thing, "notify-next"), self._hear_job)
        link.route(jobs(self._thing, "$next/get/accepted"), self._hear_job)

    def connected(self) -> None:
        """The link has just come up: ask for what was missed, and report anew."""
        self._told = self._job_told = ""
        self._ask.set()

    def run(self, stop: threading.Event) -> None:
        """Ask and report until ``stop`` is set."""
        while not stop.wait(TELL_EVERY_S):
            if not self._link.connected.is_set():
                continue
            try:
                self._talk()
            except LinkDownError:
                continue

    def _talk(self) -> None:
        if self._ask.is_set():
            self._ask.clear()
            self._link.publish(shadow(self._thing, self._name, "get"), b"")
            if self._name == MODELS_SHADOW:
                self._link.publish(jobs(self._thing, "$next/get"), b"{}")
        reported = self._reported()
        text = _stable(reported)
        if text != self._told:
            body = json.dumps({"state": {"reported": reported.model_dump(mode="json", exclude_none=False)}}).encode()
            if len(body) > LARGEST_REPORT:
                log.warning("shadow.report_too_large", bytes=len(body))
            else:
                self._link.publish(shadow(self._thing, self._name, "update"), body)
            self._told = text
        self._tell_job(reported)

    def _hear_document(self, _topic: str, payload: bytes) -> None:
        if not payload:
            return
        try:
            document = ShadowDocument.model_validate_json(payload)
            if document.state.desired is not None or self._name == MODELS_SHADOW:
                self._desired(self._decode(document.state.desired))
        except (ValidationError, InvalidMessageError) as error:
            log.warning("shadow.not_understood", reason=str(error)[:300])

    def _hear_delta(self, _topic: str, _payload: bytes) -> None:
        """A delta holds what differs, in pieces; the whole document is asked for."""
        self._ask.set()

    # -- jobs ----------------------------------------------------------------------------------------------------

    def _hear_job(self, _topic: str, payload: bytes) -> None:
        try:
            document = json.loads(payload or b"{}")
            execution = document.get("execution") if isinstance(document, dict) else None
            job = JobExecution.model_validate(execution) if execution else None
        except (ValueError, ValidationError) as error:
            log.warning("job.not_understood", reason=str(error)[:300])
            return
        if job is None or job.status not in _RUNNING:
            with self._lock:
                self._job = None
            return
        asked: dict[str, Any] = job.jobDocument or {}
        if asked.get("operation") != DEPLOY_OPERATION:
            log.info("job.of_another_kind", job=job.jobId, operation=str(asked.get("operation"))[:64])
            return
        try:
            signed = SignedAssignment.model_validate_json(json.dumps(asked.get("assignment")))
            deployment = signed.unverified().deployment
        except (ValidationError, InvalidMessageError) as error:
            log.warning("job.not_understood", job=job.jobId, reason=str(error)[:300])
            with self._lock:
                self._job, self._job_deployment, self._job_told = job, "", ""
            return
        with self._lock:
            self._job, self._job_deployment, self._job_told = job, deployment, ""
        self._desired(DesiredModels(assignment=signed))

    def _tell_job(self, reported: ReportedModels) -> None:
        with self._lock:
            job, deployment = self._job, self._job_deployment
        if job is None:
            return
        status, detail = "IN_PROGRESS", {"state": "assigned"}
        known = reported.deployment
        if not deployment:
            status, detail = "REJECTED", {"reason": "the job holds no signed assignment"}
        elif known is not None and known.deployment == deployment:
            detail = {"state": known.state.value, "reason": (known.reason or known.waiting_for or "")[:900]}
            if known.state.ended:
                good = known.state is DeploymentState.COMMITTED
                status = "SUCCEEDED" if good else "FAILED"
                detail["running_sha256"] = known.running_sha256 or ""
        said = json.dumps([job.jobId, status, detail])
        if said == self._job_told:
            return
        body = {"status": status, "statusDetails": detail}
        self._link.publish(jobs(self._thing, f"{job.jobId}/update"), json.dumps(body).encode())
        self._job_told = said
        if status != "IN_PROGRESS":
            with self._lock:
                self._job = None if self._job is job else self._job


def _stable(reported: ReportedModels) -> str:
    """What is worth a message: not the moment at which it was asked."""
    deployment = reported.deployment
    if deployment is not None:
        progress = None if deployment.progress is None else round(deployment.progress, 1)
        shadow_run = deployment.shadow
        frames = None if shadow_run is None else shadow_run.model_copy(update={"frames": shadow_run.frames // 50})
        waiting = None if deployment.waiting_for is None else deployment.waiting_for.translate(_NO_DIGITS)
        moment = reported.model_copy(
            update={
                "deployment": deployment.model_copy(
                    update={
                        "observed_at": None,
                        "progress": progress,
                        "shadow": frames and frames.frames,
                        "waiting_for": waiting,
                    }
                )
            }
        )
        return repr(moment)
    return repr(reported)


_NO_DIGITS = {ord(digit): None for digit in "0123456789"}
