"""A farm whose frames are labelled: two sites, people of every role, a box with a key, and frames that differ."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import cv2
import httpx
import numpy as np
import psycopg

from cloud.auth.accounts import create_user
from cloud.farms.writer import ensure_organization, ensure_site
from contracts.samples import Sample, SampleReason
from contracts.vision import Box, Detection, ModelRef
from tests.cloud.api import farm as farms
from tests.cloud.pictures import jpeg

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Api

MODEL = ModelRef(name="fish-detector", version="1.0.0", sha256="ab" * 32)
PEOPLE = {
    "ada": "operator",
    "ben": "operator",
    "cleo": "viewer",
    "mia": "farm_manager",
    "noor": "farm_manager",
    "fay": "fleet_admin",
}
"""Noor is limited to the second site."""
START = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=6)


@dataclass
class Kelp:
    """The farm over HTTP; one client for each person and for the box."""

    api: Api
    clients: dict[str, httpx.Client] = field(default_factory=dict)

    def __getattr__(self, name: str) -> httpx.Client:
        try:
            return self.clients[name]
        except KeyError:
            raise AttributeError(name) from None

    def close(self) -> None:
        for client in self.clients.values():
            client.close()

    def upload(self, frame: Frame, *, client: httpx.Client | None = None) -> str:
        """The whole frame in two parts; returns its key."""
        box = client or self.clients["box"]
        begun = begin(box, frame)
        assert begun.status_code in {200, 201}, begun.text
        location, half = begun.headers["location"], len(frame.data) // 2
        for start, end in ((0, half), (half, len(frame.data))):
            answer = send(box, location, start, frame.data[start:end])
            assert answer.status_code == 204, answer.text
        return str(location.rpartition("/")[2])


@dataclass(frozen=True)
class Frame:
    """A frame and what the box says of it."""

    data: bytes
    sample: Sample


def frame(
    number: int,
    *,
    site: str = "kelp-a",
    camera: str = "cam-1",
    reason: SampleReason = SampleReason.NEAR_THRESHOLD,
    score: float = 0.5,
    confidences: Sequence[float] = (0.6,),
    brightness: int | None = None,
) -> Frame:
    """A picture of noise that no other number has; ``brightness`` makes it nearly the same as others of that brightness."""
    noise = np.random.default_rng(number).integers(0, 255 if brightness is None else 9, (120, 160, 3), np.uint8)
    if brightness is not None:
        noise = np.asarray(np.clip(noise.astype(int) + brightness, 0, 255), np.uint8)
    data = jpeg(np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.uint8))
    detections = [
        Detection(label="fish", confidence=confidence, box=Box(x=0.1 + 0.2 * i, y=0.2, w=0.1, h=0.2))
        for i, confidence in enumerate(confidences)
    ]
    sample = Sample(
        site=site, device="box-k", camera=camera, unit="tank-1", observed_at=START + timedelta(seconds=number),
        image_sha256=hashlib.sha256(data).hexdigest(), reason=reason, score=score, detections=tuple(detections),
        model=MODEL,
    )  # fmt: skip
    return Frame(data, sample)


def metadata(one: Frame, **changed: str) -> str:
    told = {"sha256": one.sample.image_sha256, "sample": one.sample.model_dump_json(exclude_none=True)} | changed
    return ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in told.items())


def begin(client: httpx.Client, one: Frame, **headers: str) -> httpx.Response:
    told = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(one.data)), "Upload-Metadata": metadata(one)}
    return client.post("/api/v1/samples", headers=told | headers)


def send(client: httpx.Client, location: str, offset: int, data: bytes, **headers: str) -> httpx.Response:
    told = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
    }
    return client.patch(location, headers=told | headers, content=data)


def boxes(*corners: tuple[float, float, float, float], label: str = "fish") -> list[dict[str, Any]]:
    return [{"label": label, "box": {"x": x, "y": y, "w": w, "h": h}} for x, y, w, h in corners]


def answer(*corners: tuple[float, float, float, float], **more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "boxes": boxes(*corners), **more}


def build(api: Api, database_url: str) -> Kelp:
    with psycopg.connect(database_url) as database:
        organization = ensure_organization(database, "kelp")
        sites = [ensure_site(database, organization, slug) for slug in ("kelp-a", "kelp-b")]
    for name, role in PEOPLE.items():
        create_user(database_url, f"{name}@kelp.example", farms.PASSWORD, role, "kelp")
    with psycopg.connect(database_url) as database:
        limited = "UPDATE app_user SET site_ids = %s::jsonb WHERE email = 'noor@kelp.example'"
        database.execute(limited, (f"[{sites[1]}]",))
    kelp = Kelp(api)
    for name in PEOPLE:
        with api.client() as client:
            form = {"username": f"{name}@kelp.example", "password": farms.PASSWORD}
            token = client.post("/api/v1/auth/login", data=form).json()["access_token"]
        kelp.clients[name] = api.client(token)
    kelp.clients["box"] = api.client(box_key(kelp, "box-k"))
    return kelp


def box_key(kelp: Kelp, name: str, *, sites: Sequence[str] = ("kelp-a",)) -> str:
    """A key such as a box gets for its uploads, and nothing else."""
    new = {
        "name": name,
        "role": "operator",
        "scopes": ["samples:read", "samples:write"],
        "sites": list(sites),
    }
    made = kelp.clients["mia"].post("/api/v1/api-keys", json=new)
    assert made.status_code == 201, made.text
    return str(made.json()["key"])
