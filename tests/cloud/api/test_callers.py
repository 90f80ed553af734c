"""How often somebody may ask, answers that have not changed, and POSTs that are sent again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from cloud.kit.rate_limit import ProcessLimiter, Rate, RedisLimiter, take
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import Api, Serving, settings_for
from tests.cloud.api.test_access import is_problem

SLOW = Rate(per_minute=60, burst=3)


def test_a_bucket_gives_its_burst_at_once_and_then_one_at_a_time() -> None:
    tokens, verdict = take(3.0, 0, SLOW)
    assert (verdict.allowed, verdict.left) == (True, 2)
    tokens, verdict = take(0.25, 0.25, SLOW)
    assert not verdict.allowed
    assert verdict.wait_s == pytest.approx(0.5)
    assert take(tokens, 0.5, SLOW)[1].allowed
    assert take(0.0, 1e9, SLOW)[1].left == 2, "a pause saves no more than the burst"
    assert take(2.0, -5, SLOW)[1].allowed, "a clock that went back takes nothing away"


def test_buckets_of_a_process_are_apart_and_bounded() -> None:
    now = [0.0]

    async def story() -> None:
        limiter = ProcessLimiter(lambda: now[0])
        assert [(await limiter.take("ana", SLOW)).allowed for _ in range(4)] == [True, True, True, False]
        assert (await limiter.take("ben", SLOW)).allowed
        now[0] += 1
        assert (await limiter.take("ana", SLOW)).allowed
        for number in range(50_000):
            await limiter.take(str(number), SLOW)
        assert len(limiter._buckets) == 50_000

    asyncio.run(story())


@pytest.mark.integration
def test_processes_with_redis_count_together(redis_url: str) -> None:
    async def story() -> None:
        first, second = RedisLimiter(redis_url), RedisLimiter(redis_url)
        caller = "address:10.0.0.1"
        verdicts = [await limiter.take(caller, SLOW) for limiter in (first, second, first, second)]
        assert [verdict.allowed for verdict in verdicts] == [True, True, True, False]
        assert 0 < verdicts[-1].wait_s <= 1
        assert (await second.take("address:10.0.0.2", SLOW)).allowed
        at_once = Rate(per_minute=0.6, burst=5)
        many = await asyncio.gather(*(limiter.take("crowd", at_once) for limiter in (first, second) * 10))
        assert sum(verdict.allowed for verdict in many) == 5
        for limiter in (first, second):
            await limiter.stop()
            await limiter.stop()

    asyncio.run(story())


def test_a_redis_that_is_away_takes_nothing_down() -> None:
    now = [0.0]

    async def story() -> None:
        limiter = RedisLimiter("redis://127.0.0.1:1/0", lambda: now[0])
        assert [(await limiter.take("ana", SLOW)).allowed for _ in range(4)] == [True, True, True, False]
        await limiter.stop()

    asyncio.run(story())


@pytest.fixture
def strict_api(farm: farms.Farm, farm_url: str, tmp_path: Path, dashboard_dir: Path) -> Iterator[Api]:
    """An API that answers three requests at once and then one a second."""
    del farm
    settings = settings_for(farm_url, storage_dir=tmp_path, dashboard_dir=dashboard_dir)
    limited = {"rate_per_minute": 6.0, "rate_per_minute_user": 6.0, "rate_burst": 3}
    with Serving(settings.model_copy(update=limited)) as running:
        yield running


def test_too_many_requests_are_refused_with_the_time_to_wait(strict_api: Api, token_of: Any) -> None:
    with strict_api.client(token_of("viewer")) as client:
        answers = [client.get("/api/v1/sites") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert answers[0].headers["ratelimit-limit"] == "3"
        assert is_problem(answers[-1], 429, "rate_limited")
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 10
        assert client.get("/ready").status_code == 200, "probes are not counted"
    with strict_api.client(token_of("operator")) as client:
        assert client.get("/api/v1/sites").status_code == 200, "another user has a bucket of their own"


def test_guessing_tokens_gives_no_new_bucket(strict_api: Api) -> None:
    with strict_api.client() as client:
        statuses = [
            client.get("/api/v1/sites", headers={"Authorization": f"Bearer shk_{number}_a_{'b' * 43}"}).status_code
            for number in range(5)
        ]
    assert statuses == [401, 401, 401, 429, 429]


def test_an_answer_that_has_not_changed_is_not_sent_again(viewer: httpx.Client) -> None:
    first = viewer.get("/api/v1/sites/fjord/units")
    again = viewer.get("/api/v1/sites/fjord/units", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = viewer.get("/api/v1/sites/fjord/units", headers={"If-None-Match": '"something-else"'})
    assert other.json() == first.json()
    assert "etag" not in viewer.get("/api/v1/auth/me").headers
    assert viewer.get("/api/v1/auth/me").headers["cache-control"] == "no-store"
    assert "etag" not in viewer.get("/api/v1/sites/nowhere").headers


def post(client: httpx.Client, name: str, key: str) -> httpx.Response:
    new = {"name": name, "webhook_url": "https://hooks.example/farm"}
    return client.post("/api/v1/contacts", json=new, headers={"Idempotency-Key": key})


def test_a_post_that_is_sent_again_happens_once(
    rival: httpx.Client, platform_admin: httpx.Client, farm_url: str
) -> None:
    first = post(rival, "Once", "key-1")
    again = post(rival, "Once", "key-1")
    assert first.status_code == again.status_code == 201
    assert again.json() == first.json(), "with the secret that is shown once"
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert [each["name"] for each in rival.get("/api/v1/contacts").json()].count("Once") == 1
    assert is_problem(post(rival, "Twice", "key-1"), 422, "idempotency_mismatch")
    anothers = post(platform_admin, "Once", "key-1")
    assert anothers.status_code == 201, "another caller's key is another key"
    assert platform_admin.delete(f"/api/v1/contacts/{anothers.json()['id']}").status_code == 204
    with psycopg.connect(farm_url) as database:
        kept = database.execute("SELECT answer FROM idempotency_key WHERE answer IS NOT NULL").fetchall()
    assert kept
    assert not any(first.json()["webhook_key"].encode() in bytes(answer) for (answer,) in kept), "it is encrypted"


def test_refusals_are_repeated_and_keys_must_be_writable(rival: httpx.Client, anonymous: httpx.Client) -> None:
    assert is_problem(post(rival, "", "key-2"), 422, "invalid_request")
    assert post(rival, "", "key-2").headers["idempotency-replayed"] == "true"
    assert is_problem(post(rival, "X", "with space"), 400, "bad_request")
    assert is_problem(post(rival, "X", "k" * 256), 400, "bad_request")
    assert is_problem(post(anonymous, "X", "key-3"), 401, "unauthenticated")


def test_the_same_post_many_times_at_once_happens_once(rival: httpx.Client, api: Api) -> None:
    token = rival.headers["Authorization"].removeprefix("Bearer ")
    answers: list[httpx.Response] = []

    def send() -> None:
        with api.client(token) as client:
            answers.append(post(client, "Crowd", "key-4"))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert all(answer.json()["code"] == "in_progress" for answer in answers if answer.status_code == 409)
    assert [each["name"] for each in rival.get("/api/v1/contacts").json()].count("Crowd") == 1


def test_a_claim_whose_process_died_is_taken_over(rival: httpx.Client, farm_url: str) -> None:
    assert post(rival, "Dead", "key-5").status_code == 201
    with psycopg.connect(farm_url) as database:
        database.execute("UPDATE idempotency_key SET status = NULL, answer = NULL")
    assert is_problem(post(rival, "Dead", "key-5"), 409, "in_progress")
    with psycopg.connect(farm_url) as database:
        database.execute("UPDATE idempotency_key SET started_at = started_at - interval '3 minutes'")
    assert is_problem(post(rival, "Dead", "key-5"), 409, "conflict"), "it is done again, and the name is taken"


def test_redis_with_a_password_is_not_shown() -> None:
    settings = settings_for("postgresql://x@localhost/x", storage_dir=Path(), dashboard_dir=Path())
    shown = repr(settings.model_copy(update={"redis_url": SecretStr("redis://:hush@localhost")}))
    assert "hush" not in shown
