"""Observations and the images behind them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from cloud.auth.tokens import UrlSigner
from cloud.errors import InvalidSignatureError
from cloud.observations.schemas import ObservationOut, ObservationPage
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import SECRET
from tests.cloud.api.test_access import is_problem

PATH = f"/api/v1/images/{farms.JPEG_SHA256}"


def observations_of(client: httpx.Client, query: str = "") -> ObservationPage:
    answer = client.get(f"/api/v1/units/1/observations{query}")
    assert answer.status_code == 200, answer.text
    return ObservationPage.model_validate_json(answer.content)


@pytest.fixture
def evidence(viewer: httpx.Client) -> ObservationOut:
    return next(each for each in observations_of(viewer).items if each.image_url)


@pytest.fixture
def image_url(evidence: ObservationOut) -> str:
    assert evidence.image_url is not None
    return evidence.image_url


def test_observations_come_newest_first_with_their_model(viewer: httpx.Client, farm: farms.Farm) -> None:
    items = observations_of(viewer).items
    assert len(items) == 6
    assert items[0].observed_at == farm.now
    assert [each.observed_at for each in items] == sorted((each.observed_at for each in items), reverse=True)
    assert {each.model for each in items} == {farms.MODEL}
    assert items[0].camera == "cam-1"
    assert (items[0].frames, items[0].frames_dropped, items[0].count_max) == (50, 3, 6)


def test_pages_of_observations_neither_repeat_nor_skip(viewer: httpx.Client) -> None:
    everything = [each.id for each in observations_of(viewer).items]
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(10):
        page = observations_of(viewer, "?limit=4" + (f"&before={cursor}" if cursor else ""))
        seen += [each.id for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == everything


@pytest.mark.parametrize("shape", ["{}", "{}Z"])
def test_observations_before_a_moment(viewer: httpx.Client, farm: farms.Farm, shape: str) -> None:
    moment = shape.format((farm.now - timedelta(seconds=20)).replace(tzinfo=None).isoformat())
    query = moment if moment.endswith("Z") else f"{moment}+00:00"
    items = observations_of(viewer, f"?before={query}").items
    assert [each.observed_at for each in items] == [farm.now - timedelta(seconds=10 * n) for n in (3, 4, 5)]


def test_signed_image_needs_no_header_and_caches_for_good(anonymous: httpx.Client, image_url: str) -> None:
    answer = anonymous.get(image_url)
    assert answer.status_code == 200
    assert answer.content == farms.JPEG
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = anonymous.get(image_url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_image_also_opens_with_a_token(viewer: httpx.Client) -> None:
    assert viewer.get(PATH).content == farms.JPEG


def tampered(url: str) -> dict[str, str]:
    query = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
    expires, signature = int(query["expires"]), query["signature"]
    other = "0" if signature[0] != "0" else "1"
    return {
        "another signature": f"{PATH}?expires={expires}&signature={other}{signature[1:]}",
        "a longer life": f"{PATH}?expires={expires + 3600}&signature={signature}",
        "another image": f"/api/v1/images/{'0' * 64}?expires={expires}&signature={signature}",
        "upper case": f"{PATH}?expires={expires}&signature={signature.upper()}",
        "empty": f"{PATH}?expires={expires}&signature=",
        "not ascii": f"{PATH}?expires={expires}&signature=%C3%A9",
    }


@pytest.mark.parametrize(
    "how", ["another signature", "a longer life", "another image", "upper case", "empty", "not ascii"]
)
def test_changed_address_is_refused(anonymous: httpx.Client, image_url: str, how: str) -> None:
    answer = anonymous.get(tampered(image_url)[how])
    assert is_problem(answer, 403, "invalid_signature")


def test_half_a_signature_is_no_signature(anonymous: httpx.Client, image_url: str) -> None:
    assert is_problem(anonymous.get(image_url.partition("&")[0]), 401, "unauthenticated")


def test_signed_address_expires() -> None:
    signer = UrlSigner(SECRET.encode(), minutes=60)
    now = datetime(2026, 6, 1, 12, 30, tzinfo=timezone.utc)
    query = parse_qs(urlsplit(signer.sign(PATH, now)).query)
    expires, signature = int(query["expires"][0]), query["signature"][0]
    signer.verify(PATH, expires, signature, now=now + timedelta(minutes=60))
    with pytest.raises(InvalidSignatureError):
        signer.verify(PATH, expires, signature, now=now + timedelta(minutes=121))


def test_signed_address_is_stable_so_that_browsers_cache_it() -> None:
    signer = UrlSigner(SECRET.encode(), minutes=60)
    start = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
    addresses = {signer.sign(PATH, start + timedelta(minutes=minute)) for minute in range(60)}
    assert len(addresses) == 1


def test_image_whose_file_is_gone_is_not_found(viewer: httpx.Client, storage_dir: Path) -> None:
    (file,) = (storage_dir / "images").rglob(farms.JPEG_SHA256)  # a copy may lie among the samples
    away = file.rename(file.with_suffix(".away"))
    try:
        assert is_problem(viewer.get(PATH), 404, "not_found")
    finally:
        away.rename(file)


def test_image_of_another_organization_does_not_exist(rival: httpx.Client, token_of: Callable[[str], str]) -> None:
    assert is_problem(rival.get(PATH), 404, "not_found")
