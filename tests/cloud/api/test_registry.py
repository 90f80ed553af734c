"""The repository of model releases over the API: a box verifies and downloads from it, in ranges, with a key of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.deployments import blob_path
from edge.deployments.downloader import Bandwidth, Downloader
from edge.deployments.settings import ArtifactSource, BandwidthSettings
from edge.deployments.slots import sha256_of
from edge.deployments.sources import open_source
from models.releases.proposal import propose
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


def test_a_release_says_who_has_signed_it_and_who_must_yet(
    registry: Api, ceremony: Ceremony, token_of: Callable[[str], str], fleet_admin: httpx.Client, operator: httpx.Client
) -> None:
    ceremony.release(ceremony.bundle())
    propose(ceremony.repository, ceremony.bundle("1.1.0"), now=ceremony.clock.now())
    ceremony.repository.sign(ceremony.cy)
    with registry.client(token_of("fleet")) as client:
        told = client.get("/api/v1/releases").json()
        (tiny,) = told["names"]
        proposed, published = tiny["releases"]
        assert [(one["version"], one["state"]) for one in (proposed, published)] == [
            ("1.1.0", "proposed"),
            ("1.0.0", "published"),
        ]
        assert signed_by(published) == (["ada", "bo"], ["cy"], 2, 0)
        assert signed_by(proposed) == (["cy"], ["ada", "bo"], 2, 1)
        (staged,) = told["staged"]
        assert (staged["role"], staged["missing"]) == ("model-tiny", 1)
        assert any("1.1.0" in change for change in staged["changes"])
        roles = {one["role"]: one for one in told["roles"]}
        assert roles["root"]["signatures"]["signed"] == 2
        assert not roles["root"]["online"]
        assert roles["timestamp (site)"]["online"]
        assert told["assigners"] == ["assigner"]
        detail = client.get("/api/v1/releases/tiny/1.1.0").json()
        assert (detail["state"], detail["task"], detail["sha256"]) == ("proposed", "detection", proposed["sha256"])
        assert is_problem(client.get("/api/v1/releases/tiny/9.9.9"), 404, "not_found")
        assert is_problem(client.get("/api/v1/releases/none/1.0.0"), 404, "not_found")
        ceremony.sign_and_publish(ceremony.ada)
        published = client.get("/api/v1/releases").json()["names"][0]["releases"][0]
        assert signed_by(published) == (["ada", "cy"], ["bo"], 2, 0)
        damaged = ceremony.repository.folder / "metadata" / "1.root.json"
        damaged.write_bytes(b"{")
        assert is_problem(client.get("/api/v1/releases"), 503, "unavailable")
        ceremony.repository.folder.rename(ceremony.repository.folder.with_name("elsewhere"))
        gone = client.get("/api/v1/releases")
        assert is_problem(gone, 503, "unavailable"), "not mounted is not empty"
        assert "SHOAL_REPOSITORY_DIR" in gone.text
    assert fleet_admin.get("/api/v1/releases").json()["served"] is False, "this platform serves none"
    assert is_problem(operator.get("/api/v1/releases"), 403, "forbidden")


def signed_by(release: dict[str, Any]) -> tuple[list[str], list[str], int, int]:
    """Who has signed, who has not, how many must, and how many are missing."""
    signatures = release["signatures"]
    names: tuple[list[str], list[str]] = ([], [])
    for key in signatures["keys"]:
        names[0 if key["signed"] else 1].append(key["name"])
    return (*names, signatures["threshold"], signatures["missing"])
