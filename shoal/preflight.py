"""Checks that need heavy libraries, in a process of their own, so that the supervisor stays small all its life.

``python -m shoal.preflight [--video PATH] --model BUNDLE`` exits 2 with field, value and remedy as JSON when something
cannot be used; with a video it prints the edge's name for it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from contracts.errors import ConfigurationError, ShoalError
from shoal.children import child_environment

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
CHECK_S = 120.0
_REFUSED = 2


def check(*, model: str, video: Path | None) -> str | None:
    """Check the model's files and the video in a child process; the edge's name for the video.

    Raises:
        ConfigurationError: one of them cannot be used.
        ShoalError: the check itself failed.
    """
    command = [sys.executable, "-m", "shoal.preflight", "--model", model]
    if video is not None:
        command += ["--video", str(video)]
    result = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=CHECK_S, env=child_environment()
    )
    if result.returncode == _REFUSED:
        said = json.loads(result.stdout)
        raise ConfigurationError(said["field"], said["value"], said["remedy"])
    if result.returncode != 0:
        raise ShoalError(f"the check before the start failed:\n{result.stderr[-2000:]}")
    return json.loads(result.stdout)["video"] if video is not None else None


def video_source(path: Path) -> str:
    """The edge's name for a video file or a folder of frames, after reading one frame of it.

    Raises:
        ConfigurationError: there is no frame in it.
    """
    import cv2

    if path.is_dir():
        images = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
        if not images:
            raise ConfigurationError("video", str(path), "The folder has no .jpg, .png or .bmp files")
        if cv2.imread(str(images[0])) is None:
            raise ConfigurationError("video", str(images[0]), "It is not a readable image; remove or repair it")
        return f"folder:{path.absolute()}"
    if not path.is_file():
        raise ConfigurationError("video", str(path), "There is no such file; give a video or a folder of frames")
    capture = cv2.VideoCapture(str(path))
    try:
        readable = bool(capture.isOpened()) and bool(capture.read()[0])
    finally:
        capture.release()
    if not readable:
        raise ConfigurationError(
            "video", str(path), "No frame can be read from it; try a file that ffmpeg or VLC plays"
        )
    return f"file:{path.absolute()}"


def _check_model(bundle: str) -> None:
    from models.runtime.bundle import find_bundle, load_bundle, read_model

    read_model(load_bundle(find_bundle(bundle)))


def main() -> int:
    """Run the checks."""
    parser = argparse.ArgumentParser(prog="shoal.preflight")
    parser.add_argument("--model", required=True)
    parser.add_argument("--video", type=Path)
    given = parser.parse_args()
    try:
        video = None if given.video is None else video_source(given.video)
        _check_model(given.model)
    except ConfigurationError as error:
        sys.stdout.write(json.dumps({"field": error.field, "value": str(error.value), "remedy": error.remedy}))
        return _REFUSED
    sys.stdout.write(json.dumps({"video": video}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
