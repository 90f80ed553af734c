"""Writes labelled synthetic frames for training: ``images/*.jpg`` with YOLO ``labels/*.txt`` beside them.

Every scene draws water, ground, fish and school anew, and gives a few frames some seconds apart, so that neighbours
differ. Run as ``python -m shoal.simulate.export --out DIR --frames N --seed S``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from contracts.vision import Box
from shoal.simulate.fish import FishScene, Place
from shoal.simulate.underwater import Image

FRAMES_PER_SCENE = 4
SECONDS_BETWEEN_FRAMES = 4.0
PLACES: tuple[Place | None, ...] = ("tank", "net_pen", "pond", None, None, None)
"""Half of the scenes are the simulated farm's own places, half are drawn at random."""


def labelled_frames(
    frames: int, seed: int, *, width: int = 640, height: int = 360
) -> Iterator[tuple[int, Image, list[Box]]]:
    """``(scene number, frame, boxes)``, ``frames`` times; the same seed gives the same frames."""
    rng = np.random.default_rng(seed)
    scene: FishScene | None = None
    for number in range(frames):
        if scene is None or number % FRAMES_PER_SCENE == 0:
            scene = FishScene(
                int(rng.integers(2**31)),
                width,
                height,
                n_fish=int(rng.choice([0, 2, *rng.integers(1, 8, 3), *rng.integers(4, 22, 3)])),
                place=PLACES[int(rng.integers(len(PLACES)))],
                length_m=float(rng.uniform(0.14, 0.5)),
            )
            _advance(scene, float(rng.uniform(2, 8)))
        else:
            _advance(scene, SECONDS_BETWEEN_FRAMES)
        frame, boxes = scene.render()
        yield number // FRAMES_PER_SCENE, frame, boxes


def yolo_lines(boxes: list[Box]) -> str:
    """One ``class x_centre y_centre width height`` line per box, fractions of the image, class 0 is fish."""
    return "".join(f"0 {box.x + box.w / 2:.6f} {box.y + box.h / 2:.6f} {box.w:.6f} {box.h:.6f}\n" for box in boxes)


def export(out: Path, frames: int, seed: int, *, width: int = 640, height: int = 360) -> int:
    """Write ``frames`` labelled frames below ``out``; returns the number of boxes."""
    images, labels = out / "images", out / "labels"
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    quality = np.random.default_rng(seed).integers(60, 96, frames)  # cameras compress, each in its own way
    total = 0
    for number, (scene, frame, boxes) in enumerate(labelled_frames(frames, seed, width=width, height=height)):
        name = f"sim{seed}_s{scene:05d}_f{number:06d}"
        cv2.imwrite(str(images / f"{name}.jpg"), frame, [cv2.IMWRITE_JPEG_QUALITY, int(quality[number])])
        (labels / f"{name}.txt").write_text(yolo_lines(boxes))
        total += len(boxes)
    return total


def main(
    out: Annotated[Path, typer.Option(help="Folder to write images/ and labels/ into")],
    frames: Annotated[int, typer.Option(min=1, help="Number of frames")] = 1000,
    seed: Annotated[int, typer.Option(help="Same seed, same frames")] = 1,
) -> None:
    """Export labelled synthetic frames in YOLO format."""
    boxes = export(out, frames, seed)
    typer.echo(f"{frames} frames with {boxes} fish written to {out}")


def _advance(scene: FishScene, seconds: float) -> None:
    for _ in range(max(1, round(seconds / 0.25))):
        scene.step(0.25)


if __name__ == "__main__":
    typer.run(main)
