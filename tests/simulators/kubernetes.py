"""A cluster for tests: the requests for Jobs and Pods that training makes, over real HTTP, answered as kube-apiserver 1.33 answers them.

Its answers were compared with a real kube-apiserver's (the same tests run against one, see ``tests/cloud/test_training_kubernetes.py``).
Beside the server it plays the two controllers that matter here: a Job gets a Pod, and Pods go with a Job that is deleted in the
background.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

Found = dict[str, dict[str, Any]]


class Cluster:
    """What lies in one namespace, and what was asked of it."""

    def __init__(self, namespace: str, token: str) -> None:
        self.namespace = namespace
        self.token = token
        self.url = ""
        self.jobs: Found = {}
        self.pods: Found = {}
        self.forbidden: set[str] = set()
        """Methods that the service account may not use."""
        self.page = 500
        """Most items of one answer, whatever was asked for."""
        self.lock = threading.Lock()

    def end(self, name: str, how: str = "Complete") -> None:
        """The Job's pod has ended and the Job with it."""
        with self.lock:
            self.jobs[name]["status"] = {"conditions": [{"type": how, "status": "True"}]}

    def create(self, job: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        name = job["metadata"]["name"]
        if name in self.jobs:
            return 409, _status(409, "AlreadyExists", f'jobs.batch "{name}" already exists')
        made = {**job, "metadata": {**job["metadata"], "uid": str(uuid4())}, "status": {}}
        self.jobs[name] = made
        self.pods[f"{name}-{uuid4().hex[:5]}"] = {"labels": job["spec"]["template"]["metadata"]["labels"], "job": name}
        return 201, made

    def delete(self, name: str, options: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        job = self.jobs.get(name)
        if job is None:
            return 404, _status(404, "NotFound", f'jobs.batch "{name}" not found')
        uid = options.get("preconditions", {}).get("uid")
        if uid not in {None, job["metadata"]["uid"]}:
            return 409, _status(409, "Conflict", "the UID in the precondition does not match the UID in record")
        del self.jobs[name]
        if options.get("propagationPolicy") != "Orphan":
            self.pods = {key: pod for key, pod in self.pods.items() if pod["job"] != name}
        return 200, {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    def list_jobs(self, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        wanted = [term.split("=", 1) for term in query.get("labelSelector", [""])[0].split(",") if term]
        fit = [
            job
            for _, job in sorted(self.jobs.items())
            if all(job["metadata"].get("labels", {}).get(key) == value for key, value in wanted)
        ]
        start, limit = int(query.get("continue", ["0"])[0]), min(self.page, int(query.get("limit", ["500"])[0]))
        rest = {"continue": str(start + limit)} if start + limit < len(fit) else {}
        return 200, {"kind": "JobList", "apiVersion": "batch/v1", "metadata": rest, "items": fit[start : start + limit]}


@contextmanager
def cluster(namespace: str = "shoal", token: str = "of-the-service-account") -> Iterator[Cluster]:  # noqa: S107
    """A cluster at ``url``, until the block ends."""
    there = Cluster(namespace, token)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(there))
    there.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(there: Cluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with there.lock:
                code, said = self._do(json.loads(body) if body else {})
            data = json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _do(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            if self.headers.get("Authorization") != f"Bearer {there.token}":
                return 401, _status(401, "Unauthorized", "Unauthorized")
            if self.command in there.forbidden:
                return 403, _status(403, "Forbidden", f'jobs.batch is forbidden: cannot {self.command} resource "jobs"')
            place = urlsplit(self.path)
            jobs = f"/apis/batch/v1/namespaces/{there.namespace}/jobs"
            name = place.path.removeprefix(jobs).lstrip("/")
            found = there.jobs.get(name, _status(404, "NotFound", f'jobs.batch "{name}" not found'))
            of_all = {"POST": lambda: there.create(body), "GET": lambda: there.list_jobs(parse_qs(place.query))}
            of_one = {"DELETE": lambda: there.delete(name, body), "GET": lambda: (found.get("code", 200), found)}
            if not place.path.startswith(jobs):
                return 404, _status(404, "NotFound", "the server could not find the requested resource")
            return (of_one if name else of_all)[self.command]()

        def log_message(self, *args: object) -> None:
            del args

    return Handler


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code,
    }  # fmt: skip
