"""The controller of rollouts as a program: an orchestrator can ask it, also while its servers are away."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from models.releases.keys import create_key
from tests.journeys.programs import Program, eventually
from tests.servers.process import free_port

pytestmark = pytest.mark.integration

PASSPHRASE = "a passphrase of the assigner"


def test_it_lives_while_its_servers_are_away_and_ends_when_told(tmp_path: Path) -> None:
    (tmp_path / "repository/metadata").mkdir(parents=True)
    port = free_port()
    environment = {
        "SHOAL_DATABASE_URL": f"postgresql://nobody@127.0.0.1:{free_port()}/shoal",
        "SHOAL_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "SHOAL_REPOSITORY_DIR": str(tmp_path / "repository"),
        "SHOAL_ASSIGNER_KEY": str(create_key(tmp_path / "keys", "assigner", PASSPHRASE)),
        "SHOAL_ASSIGNER_PASSPHRASE": PASSPHRASE,
        "SHOAL_ROLLOUTS_METRICS_PORT": str(port),
    }
    with Program("cloud", "rollouts", log=tmp_path / "log", environment=environment) as program:
        health = eventually(lambda: httpx.get(f"http://127.0.0.1:{port}/healthz"), timeout_s=240, what="it answers")
        assert health.status_code == httpx.codes.OK, program.tail()
        assert "shoal_rollout_round_seconds" in httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert program.stop() == 0
