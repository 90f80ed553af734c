"""Load of a whole server by Locust: people who look, people who sign in, machines that classify.

    SHOAL_LOAD_EMAIL=... SHOAL_LOAD_PASSWORD=... locust -f tests/benchmarks/locustfile.py --host http://127.0.0.1:8080 \\
        --headless --users 50 --spawn-rate 5 --run-time 2m

The server counts requests by user, so raise SHOAL_RATE_PER_MINUTE_USER (and SHOAL_RATE_PER_MINUTE) for the time of the test.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any

import cv2
import numpy as np
from locust import HttpUser, between, task

EMAIL = os.environ.get("SHOAL_LOAD_EMAIL", "operator@shoal.local")
PASSWORD = os.environ.get("SHOAL_LOAD_PASSWORD", "")


class SignedIn(HttpUser):
    """Signs in once, as a browser does."""

    abstract = True

    def on_start(self) -> None:
        """Get a token, and find out what there is to look at."""
        form = {"username": EMAIL, "password": PASSWORD}
        answer = self.client.post("/api/v1/auth/login", data=form)
        if answer.status_code != 200:
            raise RuntimeError(f"cannot sign in as {EMAIL}: {answer.text}")
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self.sites = [site["slug"] for site in self._json("/api/v1/sites")["items"]]
        latest: dict[str, Any] = self._json(f"/api/v1/sites/{self.sites[0]}/latest") if self.sites else {"units": []}
        self.channels = [reading["channel_id"] for unit in latest["units"] for reading in unit["readings"]]

    def _json(self, path: str) -> Any:
        return self.client.get(path).json()


class Operator(SignedIn):
    """Has the dashboard open: tiles, alarms, a chart now and then."""

    weight = 8
    wait_time = between(1, 5)

    @task(10)
    def look_at_the_tiles(self) -> None:
        """The newest of every site."""
        for site in self.sites[:3]:
            self.client.get(f"/api/v1/sites/{site}/latest", name="/sites/{site}/latest")

    @task(4)
    def read_the_alarms(self) -> None:
        """The list of open alarms."""
        self.client.get("/api/v1/alarms?open=true", name="/alarms")

    @task(3)
    def open_a_chart(self) -> None:
        """A day of one channel."""
        if self.channels:
            end = datetime.now(timezone.utc)
            span = {"start": (end - timedelta(days=1)).isoformat(), "end": end.isoformat()}
            channel = self.channels[hash(end) % len(self.channels)]
            self.client.get(f"/api/v1/channels/{channel}/series", params=span, name="/channels/{id}/series")

    @task(1)
    def see_who_i_am(self) -> None:
        """What a page asks when it loads."""
        self.client.get("/api/v1/auth/me")


class Classifier(SignedIn):
    """A machine that has pictures classified."""

    weight = 1
    wait_time = between(0.5, 2)

    def on_start(self) -> None:
        """Paint a picture; a little noise makes each one new to the cache of results."""
        super().on_start()
        self._random = np.random.default_rng(7)

    @task
    def classify(self) -> None:
        """One picture."""
        picture = self._random.integers(0, 255, (240, 320, 3), dtype=np.uint8)
        _, data = cv2.imencode(".jpg", picture)
        files = {"file": ("fish.jpg", data.tobytes(), "image/jpeg")}
        self.client.post("/api/v1/predictions/classify", files=files, name="/predictions/classify")


class Visitor(HttpUser):
    """Signs in, looks, and goes."""

    weight = 1
    wait_time = between(5, 15)

    @task
    def sign_in(self) -> None:
        """The dearest request: a password hash."""
        form = {"username": EMAIL, "password": PASSWORD}
        answer = self.client.post("/api/v1/auth/login", data=form)
        if answer.status_code == 200:
            token = answer.json()["access_token"]
            self.client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})
