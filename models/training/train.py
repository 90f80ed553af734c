"""Train a detector: configuration → data → epochs → ``model.pt`` with its lineage.

``python -m models.training.train --config models/detector/configs/fish_detector.yaml --data DIR --out DIR``.
A killed run goes on from its last epoch when the same command is given again.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from contracts.bundles import ImageInput
from contracts.errors import ConfigurationError, ShoalError
from models.data.frames import load_frame
from models.data.snapshot import write_snapshot
from models.detector.config import DetectorConfig
from models.detector.model import FishDetector
from models.training.batches import epoch_batches
from models.training.checkpoint import load_checkpoint, save_checkpoint
from models.training.config import TrainingConfig, load_config
from models.training.loop import AverageModel, EpochLoss, learning_rate, make_optimizer, train_one_epoch
from models.training.prepare import prepare

MODEL = "model.pt"
LINEAGE = "lineage.json"
CURVE = "curve.jsonl"
SNAPSHOT = "dataset.json"


def model_input(config: DetectorConfig) -> ImageInput:
    """The image input of the exported graph: uint8 RGB, normalised inside."""
    return ImageInput(name="images", width=config.width, height=config.height)


def train(config: TrainingConfig, roots: list[Path], out: Path, *, console: Console | None = None) -> Path:
    """Run all epochs and return the path of the trained weights.

    Args:
        config: of the run.
        roots: folders in which the sources are looked for, in this order.
        out: folder of the run; an unfinished run of the same configuration and data in it is continued.
        console: where progress goes; None is the terminal.

    Raises:
        ConfigurationError: bad data, or ``out`` holds another run.
        NonFiniteLossError: the loss stopped being a number.
    """
    console = console or Console()
    schedule = config.schedule
    torch.manual_seed(config.seed)
    torch.set_num_threads(schedule.threads)
    out.mkdir(parents=True, exist_ok=True)

    prepared = prepare(config, roots)
    state = load_checkpoint(out, config.sha256, prepared.snapshot.sha256)
    write_snapshot(prepared.snapshot, out / SNAPSHOT)
    judges = {name: len(members) for name, members in prepared.judges.items()}
    console.print(f"{len(prepared.train)} training images; judged on {judges or 'nothing'}")
    frames = [load_frame(located, model_input(config.model)) for located in prepared.train]

    # Depthwise convolutions run twice as fast on a CPU in this layout.
    model = FishDetector(config.model).to(memory_format=torch.channels_last)
    model.backbone.freeze(config.model.frozen_blocks)
    optimizer = make_optimizer(model, schedule)
    average = AverageModel(model, schedule.average_decay)
    first = 0
    if state is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.state, average.steps, first = state["average"], state["average_steps"], state["epochs"]
        console.print(f"continuing after epoch {first} of {schedule.epochs}")

    steps = max(1, schedule.images_per_epoch // schedule.batch_size)
    started, cpu_started = time.monotonic(), time.process_time()
    with _progress(console) as progress:
        task = progress.add_task("training", total=schedule.epochs * steps, completed=first * steps, loss=0.0)
        for epoch in range(first, schedule.epochs):
            loss = train_one_epoch(
                model,
                average,
                optimizer,
                epoch_batches(
                    frames,
                    prepared.weights,
                    images=schedule.images_per_epoch,
                    batch_size=schedule.batch_size,
                    seed=config.seed,
                    epoch=epoch,
                ),
                rate_of_step=lambda step, done=epoch * steps: learning_rate(  # type: ignore[misc]
                    done + step, schedule.epochs * steps, schedule.warmup_steps
                ),
                on_step=lambda value: progress.update(task, advance=1, loss=value),
            )
            _record(out, epoch, loss, time.monotonic() - started)
            console.print(f"epoch {epoch + 1}: loss {loss.total:.3f} (heat {loss.heat:.3f}, box {loss.box:.3f})")
            save_checkpoint(
                out,
                {
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "average": average.state,
                    "average_steps": average.steps,
                    "epochs": epoch + 1,
                    "config_sha256": config.sha256,
                    "data_sha256": prepared.snapshot.sha256,
                },
            )
    torch.save(average.state, out / MODEL)
    lineage = {
        "script": "models.training.train",
        "config_sha256": config.sha256,
        "data_sha256": prepared.snapshot.sha256,
        "seed": config.seed,
        "epochs": schedule.epochs,
        "training_images": len(frames),
        "git_sha": _git_sha(),
        "torch": torch.__version__,
        "cpu_seconds_of_last_start": round(time.process_time() - cpu_started),
    }
    (out / LINEAGE).write_text(json.dumps(lineage, indent=2))
    return out / MODEL


def load_trained(config: DetectorConfig, weights: Path) -> FishDetector:
    """Return the trained network, ready for inference."""
    model = FishDetector(config, pretrained=False)
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return model.eval()


def main(
    config: Annotated[Path, typer.Option(help="Training configuration (YAML)")],
    data: Annotated[list[Path], typer.Option(help="Folder that holds the sources' folders; may be repeated")],
    out: Annotated[Path, typer.Option(help="Folder of the run; give it again to continue a killed run")],
) -> None:
    """Train a detector."""
    try:
        weights = train(load_config(config), data, out)
    except ConfigurationError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    except ShoalError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"weights: {weights}")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _record(out: Path, epoch: int, loss: EpochLoss, seconds: float) -> None:
    line: dict[str, Any] = {
        "epoch": epoch + 1,
        **{k: round(v, 6) for k, v in loss._asdict().items()},
        "s": round(seconds),
    }
    with (out / CURVE).open("a") as file:
        file.write(json.dumps(line) + "\n")


def _git_sha() -> str | None:
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


if __name__ == "__main__":
    typer.run(main)
