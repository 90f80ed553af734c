"""Runs as Kubernetes Jobs: created, and deleted with their pods when the run is over, through the API of the cluster.

Four requests of ``batch/v1`` are all that is asked, so there is no client library and no kubectl in the image. What a cluster holds is
compared with the database at every look instead of being remembered: a deletion that failed is simply still to be done.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import structlog

from cloud.errors import UnavailableError
from cloud.kit.repository import Database
from cloud.training.launchers import ROOM, Known

log = structlog.get_logger()

NAME = "shoal-training"
RUN_LABEL, INSTANCE_LABEL, NAME_LABEL = "shoal/run", "app.kubernetes.io/instance", "app.kubernetes.io/name"
GPU = "nvidia.com/gpu"
KEPT_S = 86_400
"""How long the cluster keeps a Job that has ended by itself, with its log."""
TIMEOUT_S = 15.0
PAGE = 200
_FAULT = 300
_OK, _CREATED, _ACCEPTED, _MISSING, _CONFLICT = 200, 201, 202, 404, 409


class KubernetesLauncher:
    """A Job for each run, by the service account of this pod.

    Args:
        url: of the API server; ``kubectl proxy`` serves it too.
        credentials: folder with ``token`` and ``ca.crt``, read anew for every request because tokens are short-lived.
        instance: of Shoal, so that two in one namespace let each other's Jobs alone.
        image: with Shoal's training environment.
        claim: PersistentVolumeClaim of the storage that the API shares.
        namespace: of the Jobs.
        gpus: of NVIDIA, for the one pod; 0 trains on the processor.
        pull_secrets: names of the secrets that open the image's registry.
    """

    patience = ROOM

    def __init__(
        self,
        *,
        url: str,
        credentials: Path,
        instance: str,
        image: str,
        claim: str,
        namespace: str,
        gpus: int,
        pull_secrets: Sequence[str] = (),
    ) -> None:
        self._url = url.rstrip("/")
        self._credentials = credentials
        self._instance = instance
        self._image = image
        self._claim = claim
        self._namespace = namespace
        self._gpus = gpus
        self._pull_secrets = tuple(pull_secrets)

    async def start(self, run_id: UUID, folder: Path, database: Database) -> None:
        """Create its Job. One that runs or waits is left alone; one that has ended without ending the run makes room for the next."""
        del database
        job = manifest(
            run_id, folder, instance=self._instance, image=self._image, claim=self._claim,
            namespace=self._namespace, gpus=self._gpus, pull_secrets=self._pull_secrets,
        )  # fmt: skip
        name = job["metadata"]["name"]
        await asyncio.to_thread((folder / "job.json").write_text, json.dumps(job, indent=1))
        for _ in range(2):
            answer = await self._ask("POST", "", job, fine=(_CREATED, _CONFLICT))
            if answer.status_code == _CREATED:
                log.info("training_started", run=str(run_id), job=name)
                return
            found = await self._ask("GET", f"/{name}", fine=(_OK, _MISSING))
            if found.status_code == _MISSING:
                continue
            there = found.json()
            if "deletionTimestamp" in there["metadata"]:
                raise UnavailableError(f"The Job {name} is being deleted; the next one follows it")
            if not has_ended(there):
                return
            await self._delete(there["metadata"])
        raise UnavailableError(f"The Job {name} comes and goes; somebody else creates or deletes it")

    async def clear(self, known: Known) -> int:
        """Delete Jobs whose run is over or unknown. Those that have ended by themselves are the cluster's to forget (ttl)."""
        standing = [job for job in await self._list() if not has_ended(job)]
        # Asked after the list: a Job is created after its run is in the database, so a new one is never taken for a stray.
        open_runs = {str(run_id) for run_id in await known()} if standing else set()
        gone = 0
        for job in standing:
            run = job["metadata"]["labels"].get(RUN_LABEL)
            if run not in open_runs and "deletionTimestamp" not in job["metadata"]:
                await self._delete(job["metadata"])
                log.info("training_job_deleted", run=run, job=job["metadata"]["name"])
                gone += 1
        return gone

    async def _list(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page: dict[str, str] = {
            "labelSelector": f"{NAME_LABEL}={NAME},{INSTANCE_LABEL}={self._instance}",
            "limit": str(PAGE),
        }
        while True:
            answer = (await self._ask("GET", "", query=page)).json()
            found += answer["items"]
            rest = answer["metadata"].get("continue")
            if not rest:
                return found
            page["continue"] = rest

    async def _delete(self, metadata: dict[str, Any]) -> None:
        """With its pods. It may be gone, or be another by now: both are as they should be."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": metadata["uid"]},
        }
        await self._ask("DELETE", f"/{metadata['name']}", options, fine=(_OK, _ACCEPTED, _MISSING, _CONFLICT))

    async def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        query: dict[str, str] | None = None,
        fine: tuple[int, ...] = (_OK,),
    ) -> httpx.Response:
        url = f"{self._url}/apis/batch/v1/namespaces/{self._namespace}/jobs{path}"
        try:
            headers, trusted = await asyncio.to_thread(self._read_credentials)
            async with httpx.AsyncClient(timeout=TIMEOUT_S, verify=trusted, trust_env=False) as client:
                answer = await client.request(method, url, json=body, params=query, headers=headers)
        except (httpx.HTTPError, OSError) as error:
            raise UnavailableError(f"Kubernetes at {self._url} does not answer: {type(error).__name__}") from error
        if answer.status_code not in fine:
            raise UnavailableError(f"Kubernetes refused to {method} {NAME} jobs: {_said(answer)}")
        return answer

    def _read_credentials(self) -> tuple[dict[str, str], ssl.SSLContext | bool]:
        token, authority = self._credentials / "token", self._credentials / "ca.crt"
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"} if token.is_file() else {}
        return headers, ssl.create_default_context(cafile=authority) if authority.is_file() else True


def has_ended(job: dict[str, Any]) -> bool:
    """Whether a Job has completed or failed for good."""
    conditions = job.get("status", {}).get("conditions") or ()
    return any(one["type"] in {"Complete", "Failed"} and one["status"] == "True" for one in conditions)


def manifest(
    run_id: UUID,
    folder: Path,
    *,
    instance: str,
    image: str,
    claim: str,
    namespace: str,
    gpus: int,
    pull_secrets: Sequence[str] = (),
) -> dict[str, Any]:
    """The Job of a run, as Kubernetes reads it (``batch/v1``).

    Args:
        run_id: names the Job, so that creating it again is the same Job.
        folder: of the run, ``<storage>/training/<run>``. The Job has the storage at the same path, so recipes mean the same everywhere.
        instance: of Shoal.
        image: with Shoal's training environment (``shoal[train]``).
        claim: PersistentVolumeClaim of the storage that the API shares.
        namespace: where.
        gpus: of NVIDIA, for the one pod; 0 trains on the processor. Nodes with GPUs are kept free of other pods by the taint
            ``nvidia.com/gpu``, which this pod tolerates.
        pull_secrets: names of the secrets that open the image's registry.
    """
    place = folder.absolute()
    limits = {GPU: str(gpus)} if gpus else {}
    tolerations = [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}] if gpus else []
    labels = {NAME_LABEL: NAME, INSTANCE_LABEL: instance, RUN_LABEL: str(run_id)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"{NAME}-{run_id}", "namespace": namespace, "labels": labels},
        "spec": {
            "backoffLimit": 3,
            "ttlSecondsAfterFinished": KEPT_S,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "OnFailure",
                    "automountServiceAccountToken": False,
                    "imagePullSecrets": [{"name": name} for name in pull_secrets],
                    "tolerations": tolerations,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 10001,
                        "runAsGroup": 10001,
                        "fsGroup": 10001,
                        "fsGroupChangePolicy": "OnRootMismatch",
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": "training",
                            "image": image,
                            "command": ["python", "-m", "cloud.training.program", str(place)],
                            "resources": {
                                "requests": {"cpu": "2", "memory": "4Gi"},
                                "limits": {"memory": "16Gi", **limits},
                            },
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "volumeMounts": [{"name": "storage", "mountPath": str(place.parents[1])}],
                        }
                    ],
                    "volumes": [{"name": "storage", "persistentVolumeClaim": {"claimName": claim}}],
                },
            },
        },
    }


def _said(answer: httpx.Response) -> str:
    """What Kubernetes gave as reason (an object ``Status``)."""
    try:
        said = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        said = answer.text
    return f"{answer.status_code} {said[:_FAULT]}"
