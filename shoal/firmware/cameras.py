"""Profiles of cameras: where a make keeps its small stream, how to set it, and the section of a box's file that follows.

A model needs the sub-stream: 640 pixels wide are enough and cost a seventh of the main stream. Key frames come as often as the
box looks, so that it may decode them alone.
"""

from __future__ import annotations

from pathlib import Path
from string import Formatter
from typing import Any, Literal
from urllib.parse import quote

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.base import Slug
from contracts.errors import ConfigurationError
from edge.cameras.settings import CameraSettings

_PLACES = frozenset({"user", "password", "address"})


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stream(_Data):
    """How the stream must be set in the camera's own pages."""

    width: int = Field(ge=160, le=8192)
    """Pixels."""
    height: int = Field(ge=120, le=8192)
    """Pixels."""
    fps: float = Field(gt=0, le=120)
    """Frames per second that the camera sends."""
    codec: Literal["h264", "h265", "mjpeg"]
    """H.264 is decoded everywhere and costs least; H.265 halves the bytes and costs the box more."""
    key_frame_every: int = Field(ge=1, le=600)
    """Frames from one key frame to the next ("I-frame interval", GOP, GOV length). 1 for MJPEG, where each is one."""

    @property
    def key_frames_per_s(self) -> float:
        """How many frames a box gets that decodes key frames alone."""
        return self.fps / self.key_frame_every


class CameraProfile(_Data):
    """One make, or one kind, of camera."""

    name: Slug
    """Name of the profile; the file is called so."""
    maker: str = Field(min_length=1, max_length=100)
    """Maker, and the series that the profile is for."""
    evidence: str = Field(min_length=1, max_length=300)
    """Where the path and the names of settings come from, and whether anybody has tried it."""
    source: str = Field(min_length=1, max_length=300)
    """As in a box's file, with ``{user}``, ``{password}`` and ``{address}``."""
    main_source: str | None = Field(default=None, max_length=300)
    """The large stream, for people and evidence; None: there is one stream."""
    stream: Stream
    """How ``source`` is set."""
    box: dict[str, Any] = {}
    """Fields of the box's camera section that differ from their defaults (``fps``, ``keyframes_only``)."""
    settings: tuple[str, ...] = Field(min_length=1, max_length=20)
    """What to set in the camera's own pages, in order."""

    @model_validator(mode="after")
    def _is_what_a_box_takes(self) -> CameraProfile:
        for field, source in (("source", self.source), ("main_source", self.main_source)):
            named = {name for _, name, _, _ in Formatter().parse(source or "") if name is not None}
            if named - _PLACES:
                raise ValueError(f"{field}: {{{min(named - _PLACES)}}} is none of {', '.join(sorted(_PLACES))}")
        if {"name", "unit", "source"} & self.box.keys():
            raise ValueError("box: name, unit and source are given by whoever uses the profile")
        camera = CameraSettings.model_validate(self.section("cam-1", "tank-1", "192.0.2.1"))
        if self.source.startswith("rtsp") and not camera.keyframes_only and self.stream.fps < camera.fps:
            raise ValueError(f"stream.fps = {self.stream.fps:g} is less than the {camera.fps:g} that the box takes")
        if camera.keyframes_only and self.stream.key_frames_per_s < camera.fps:
            raise ValueError(
                f"the box takes {camera.fps:g} frames a second of key frames alone, and the camera sends"
                f" {self.stream.key_frames_per_s:g}: lower stream.key_frame_every"
            )
        return self

    def section(
        self,
        name: str,
        unit: str,
        address: str,
        *,
        user: str = "USER",
        password: str = "PASSWORD",  # noqa: S107  (stands for it)
    ) -> dict[str, Any]:
        """The camera's section of a box's file. A password may hold any character; it is escaped."""
        places = {"user": quote(user, safe=""), "password": quote(password, safe=""), "address": address}
        return {"name": name, "unit": unit, "source": self.source.format(**places), **self.box}


def read_profile(path: Path) -> CameraProfile:
    """Read one file.

    Raises:
        ConfigurationError: it cannot be read, or a field is missing, unknown, out of range or not what a box takes.
    """
    try:
        profile = CameraProfile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError("cameras", str(path), f"It cannot be read: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "camera"
        raise ConfigurationError(where, str(first["input"])[:100], f"{path.name}: {first['msg']}") from error
    if profile.name != path.stem:
        raise ConfigurationError("name", profile.name, f"The file is called {path.name}: give both the same name")
    return profile
