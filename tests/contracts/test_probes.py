"""What an orchestrator and a scraper hear of any program."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from contracts.errors import ConfigurationError
from contracts.probes import Condition, ProbeServer


@pytest.mark.parametrize(
    ("condition", "path", "status"),
    [
        (Condition(alive=True, obstacles=()), "/readyz", 200),
        (Condition(alive=True, obstacles=("database",)), "/readyz", 503),
        (Condition(alive=True, obstacles=("database",)), "/healthz", 200),
        (Condition(alive=False, obstacles=()), "/healthz", 503),
        (Condition(alive=False, obstacles=()), "/metrics", 200),
        (Condition(alive=True, obstacles=()), "/", 404),
    ],
)
def test_probes_answer_what_an_orchestrator_asks(condition: Condition, path: str, status: int) -> None:
    server = ProbeServer("127.0.0.1", 0, condition=lambda: condition, metrics=lambda: b"up 1\n")
    server.start()
    answer = httpx.get(f"http://127.0.0.1:{server.port}{path}", timeout=5)
    server.stop()
    server.stop()
    assert answer.status_code == status
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        assert answer.json() == {"alive": condition.alive, "obstacles": list(condition.obstacles)}


def test_metrics_come_in_the_format_of_prometheus() -> None:
    server = ProbeServer(
        "127.0.0.1", 0, condition=lambda: Condition(alive=True, obstacles=()), metrics=lambda: b"up 1\n"
    )
    server.start()
    answer = httpx.get(f"http://127.0.0.1:{server.port}/metrics?name=up", timeout=5)
    server.stop()
    assert (answer.text, answer.headers["content-type"]) == ("up 1\n", "text/plain; version=0.0.4; charset=utf-8")


def test_a_client_that_says_nothing_holds_nobody_up() -> None:
    server = ProbeServer("127.0.0.1", 0, condition=lambda: Condition(alive=True, obstacles=()), metrics=bytes)
    server.start()
    with socket.create_connection(("127.0.0.1", server.port)), ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: httpx.get(f"http://127.0.0.1:{server.port}/healthz", timeout=5), range(4)))
    server.stop()
    assert {answer.status_code for answer in answers} == {200}


def test_a_taken_port_is_told_with_the_name_of_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        condition = Condition(alive=True, obstacles=())
        server = ProbeServer("127.0.0.1", port, condition=lambda: condition, metrics=bytes, field="ingest_metrics_port")
        with pytest.raises(ConfigurationError, match=r"ingest_metrics_port: '127.0.0.1:.*set another port"):
            server.start()
