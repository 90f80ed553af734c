"""A YOLO data set of painted fish, small enough to learn from in a test."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def paint_dataset(folder: Path, *, sites: int = 3, frames: int = 4, width: int = 128, height: int = 72) -> Path:
    """Write ``sites`` x ``frames`` pictures with one or two bright fish each, their labels and an index.csv."""
    rng = np.random.default_rng(7)
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    index = ["path,sequence,habitat,frame,n_boxes"]
    for site in range(sites):
        for frame in range(frames):
            picture = np.full((height, width, 3), (90, 60 + 20 * site, 20), np.uint8)
            picture += rng.integers(0, 12, picture.shape, np.uint8)
            lines = []
            for _ in range(1 + frame % 2):
                x, y = int(rng.integers(20, width - 20)), int(rng.integers(12, height - 12))
                cv2.ellipse(picture, (x, y), (14, 6), 0, 0, 360, (220, 220, 210), -1)
                lines.append(f"0 {x / width:.5f} {y / height:.5f} {28 / width:.5f} {12 / height:.5f}")
            name = f"site{site}_f{frame:06d}"
            cv2.imwrite(str(folder / "images" / f"{name}.jpg"), picture)
            (folder / "labels" / f"{name}.txt").write_text("\n".join(lines) + "\n")
            index.append(f"images/{name}.jpg,video-{site},site-{site},{frame},{len(lines)}")
    (folder / "index.csv").write_text("\n".join(index) + "\n")
    return folder
