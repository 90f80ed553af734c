"""The repository of model releases over the API: a box verifies and downloads from it, in ranges, with a key of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from contracts.deployments import blob_path
from edge.deployments.downloader import Bandwidth, Downloader
from edge.deployments.settings import ArtifactSource, BandwidthSettings
from edge.deployments.slots import sha256_of
from edge.deployments.sources import open_source
from tests.cloud.api.conftest import Api, Serving, settings_for
from tests.cloud.api.farm import Farm
from tests.cloud.api.test_access import is_problem
from tests.edge.deployments.ceremony import Ceremony


@pytest.fixture
def ceremony(tmp_path: Path) -> Ceremony:
    return Ceremony(tmp_path)


@pytest.fixture
def registry(farm: Farm, farm_url: str, ceremony: Ceremony, dashboard_dir: Path) -> Iterator[Api]:
    settings = settings_for(farm_url, storage_dir=ceremony.folder / "storage", dashboard_dir=dashboard_dir)
    with Serving(settings.model_copy(update={"repository_dir": ceremony.repository.folder})) as running:
        yield running


def test_a_box_verifies_and_resumes_from_the_api(
    registry: Api, ceremony: Ceremony, token_of: Callable[[str], str]
) -> None:
    release = ceremony.release(ceremony.bundle())
    token = ceremony.folder / "token"
    token.write_text(token_of("viewer") + "\n")
    source = open_source(
        ArtifactSource(kind="http", url=f"{registry.url}/api/v1/repository", token_file=token, timeout_s=20)
    )
    resolved = ceremony.verifier(sources=[source]).resolve(ceremony.assign())
    blobs = ceremony.folder / "blobs"
    blobs.mkdir()
    content = (ceremony.repository.folder / blob_path(release.sha256)).read_bytes()
    (blobs / f"{release.sha256}.part").write_bytes(content[:300])
    bandwidth = Bandwidth(
        BandwidthSettings(), file=ceremony.folder / "b", clock=ceremony.clock, zone=None, pause=lambda _s: None
    )
    fetcher = Downloader(blobs, sources=[source], bandwidth=bandwidth, known=list, min_free_bytes=0)
    fetcher.fetch(resolved.release)
    assert all(sha256_of(fetcher.blob(file)) == file.sha256 for file in release.files)
    assert fetcher.transferred == release.bytes - 300


def test_what_is_not_published_and_who_is_not_known_gets_nothing(
    registry: Api, ceremony: Ceremony, token_of: Callable[[str], str], viewer: httpx.Client
) -> None:
    with registry.client() as anonymous:
        assert is_problem(anonymous.get("/api/v1/repository/metadata/1.root.json"), 401, "unauthenticated")
    with registry.client(token_of("viewer")) as client:
        assert client.get("/api/v1/repository/metadata/1.root.json").status_code == 200
        fresh = client.get("/api/v1/repository/metadata/channels/site/timestamp.json")
        assert fresh.headers["cache-control"] == "no-store"
        for path in ("repository.json", "staged/root.json", "metadata/9.root.json", "metadata/..%2frepository.json"):
            assert is_problem(client.get(f"/api/v1/repository/{path}"), 404, "not_found")
    assert is_problem(viewer.get("/api/v1/repository/metadata/1.root.json"), 404, "not_found")  # none is configured
