"""Train any network of the zoo: configuration → data → epochs → ``model.pt`` with its lineage.

``shoal models train CONFIG --dataset DATA --output DIR``. A killed run goes on from its last epoch when the same command is given
again, to the same losses. ``torchrun -m shoal models train ...`` spreads it over GPUs or processes.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import nn

from contracts.errors import ConfigurationError
from models.data.near_duplicates import GuardOptions
from models.data.snapshot import write_snapshot
from models.data.splits import pictures_fingerprint
from models.detector.config import DetectorConfig
from models.detector.model import BOX_PYRAMID, FishDetector
from models.publishing.provenance import source
from models.training.checkpoint import load_checkpoint, save_checkpoint
from models.training.config import ScheduleConfig, TrainingConfig
from models.training.detector_job import DetectorJob
from models.training.distributed import (
    Place,
    agreed,
    autocast,
    check_precision,
    find_device,
    joined,
    spread,
    this_place,
    to_device,
)
from models.training.job import Job
from models.training.loop import AverageModel, between, learning_rate, make_optimizer, train_one_epoch
from models.training.memory import keep_freed_memory
from models.training.prepare import prepare

MODEL = "model.pt"
LINEAGE = "lineage.json"
CURVE = "curve.jsonl"
SNAPSHOT = "dataset.json"
CONFIG = "config.json"
TENSORBOARD = "tensorboard"


def train(config: TrainingConfig, roots: list[Path], out: Path, *, console: Console | None = None) -> Path:
    """Train a detector on the sources of its configuration and return the path of the weights.

    Args:
        config: of the run.
        roots: folders in which the sources are looked for, in this order.
        out: folder of the run; an unfinished run of the same configuration and data in it is continued.
        console: where progress goes; None is the terminal.

    Raises:
        ConfigurationError: bad data, or ``out`` holds another run.
        NonFiniteLossError: the loss stopped being a number.
    """
    return run(
        DetectorJob(config, prepare(config, roots, guard=GuardOptions())),
        out,
        config_json=config.model_dump_json(),
        console=console,
    )


def run(
    job: Job,
    out: Path,
    *,
    config_json: str = "{}",
    console: Console | None = None,
) -> Path:
    """Run all epochs of a job and return the path of the weights: the average, or the best average with ``patience``.

    Args:
        job: what is trained on what.
        out: folder of the run; an unfinished run of the same configuration and data in it is continued.
        config_json: of the run, kept beside the weights so that they can be read again.
        console: where progress goes; None is the terminal.

    Raises:
        ConfigurationError: a device or precision that is not there, or ``out`` holds another run.
        NonFiniteLossError: the loss stopped being a number; the last good checkpoint is kept.
    """
    place = this_place()
    console = (console or Console()) if place.is_first else Console(quiet=True)
    schedule = job.schedule
    device = find_device(schedule.device, place)
    check_precision(schedule, device)
    torch.set_num_threads(schedule.threads)
    if device.type == "cpu":
        keep_freed_memory()
    out.mkdir(parents=True, exist_ok=True)
    state = load_checkpoint(out, job.config_sha256, job.snapshot.sha256)
    if place.is_first:
        write_snapshot(job.snapshot, out / SNAPSHOT)
        (out / CONFIG).write_text(config_json)
    console.print(
        f"{job.describe()}; {device}, {schedule.precision}" + (f", {place.world} processes" * (place.world > 1))
    )
    with joined(place, device), _board(schedule, out, place) as told:
        return _Run(job, out, place, device, console, told).go(state)


class _Run:
    """One process's part of a run."""

    def __init__(self, job: Job, out: Path, place: Place, device: torch.device, console: Console, told: _Told) -> None:
        self.job, self.out, self.place, self.device, self.console, self.told = job, out, place, device, console, told
        self.schedule = job.schedule
        self.model = job.model.to(device)
        self.optimizer = make_optimizer(self.model, self.schedule, job.is_backbone)
        self.average = AverageModel(self.model, self.schedule.average_decay)
        start = self.model.state_dict() if self.schedule.start_share else {}
        self.start = {name: value.detach().cpu().clone() for name, value in start.items()}
        self.scaler = torch.amp.GradScaler(device.type) if self.schedule.precision == "float16" else None  # type: ignore[attr-defined,unused-ignore]
        self.best: dict[str, Any] = {"loss": math.inf, "epoch": 0, "weights": None}
        self.started, self.cpu_started = time.monotonic(), time.process_time()

    def go(self, state: dict[str, Any] | None) -> Path:
        first = 0
        if state is not None:
            first = self._restore(state)
            if self.place.is_first:
                _forget_after(self.out, first)
            self.console.print(f"continuing after epoch {first} of {self.schedule.epochs}")
        spread_model = spread(self.model, self.place, self.device)
        learner = torch.compile(spread_model) if self.schedule.compile else spread_model
        steps = self.job.steps(self.place)
        with _progress(self.console) as progress:
            task = progress.add_task("training", total=self.schedule.epochs * steps, completed=first * steps, loss=0.0)
            for epoch in range(first, self.schedule.epochs):
                if self._has_stalled(epoch):
                    self.console.print(f"no better validation since epoch {self.best['epoch']}: stopped")
                    break
                # Dropout follows from the epoch, too, not from what was drawn before a kill.
                torch.manual_seed(self.job.seed + 1_000_003 * epoch + 1009 * self.place.rank)
                losses = train_one_epoch(
                    learner,
                    self.average,
                    self.optimizer,
                    (to_device(batch, self.device) for batch in self.job.batches(epoch, self.place)),
                    losses_of=self._losses,
                    rate_of_step=lambda step, done=epoch * steps: learning_rate(  # type: ignore[misc]
                        done + step, self.schedule.epochs * steps, self.schedule.warmup_steps
                    ),
                    on_step=lambda value: progress.update(task, advance=1, loss=value),
                    plain=self.model,
                    accumulate=self.schedule.accumulate,
                    scaler=self.scaler,
                )
                self._after(epoch, losses)
        return self._finish()

    def _losses(self, model: nn.Module, batch: Any) -> Any:
        with autocast(self.schedule, self.device):
            return self.job.losses(model, batch)

    def _after(self, epoch: int, losses: dict[str, float]) -> None:
        values = torch.tensor(list(losses.values()), dtype=torch.float64)
        if self.device.type != "mps":  # which has no float64; and is one process
            values = agreed(values.to(self.device), self.place)
        line = {"epoch": epoch + 1, **{k: round(float(v), 6) for k, v in zip(losses, values.tolist(), strict=True)}}
        validation = self._validate()
        if validation is not None:
            line["validation"] = round(validation, 6)
            if validation < self.best["loss"]:
                kept = {k: v.detach().cpu().clone() for k, v in self.average.state.items()}
                self.best = {"loss": validation, "epoch": epoch + 1, "weights": kept}
        words = ", ".join(f"{name} {value:.3f}" for name, value in line.items() if name not in {"epoch", "total"})
        self.console.print(f"epoch {epoch + 1}: loss {line['total']:.3f}" + f" ({words})" * bool(words))
        if self.place.is_first:
            self.told(line)
            _record(self.out, {**line, "s": round(time.monotonic() - self.started)})
            save_checkpoint(self.out, self._state(epoch + 1))

    def _validate(self) -> float | None:
        """Loss of the averaged weights on what was never learnt from; the same in every process."""
        if self.schedule.patience is None:
            return None
        kept = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.average.state)
        self.model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for batch in self.job.validation():
                total += float(self._losses(self.model, to_device(batch, self.device))["total"])
                count += 1
        self.model.load_state_dict(kept)
        if not count:
            raise ConfigurationError(
                "schedule.patience",
                self.schedule.patience,
                "There is nothing to validate with: leave it out, or split the data.",
            )
        return total / count

    def _has_stalled(self, epoch: int) -> bool:
        return self.schedule.patience is not None and epoch - self.best["epoch"] >= self.schedule.patience and epoch > 0

    def _state(self, epochs: int) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state,
            "average_steps": self.average.steps,
            "scaler": self.scaler.state_dict() if self.scaler is not None else {},
            "best": self.best,
            "epochs": epochs,
            "config_sha256": self.job.config_sha256,
            "data_sha256": self.job.snapshot.sha256,
        }

    def _restore(self, state: dict[str, Any]) -> int:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.state = {name: value.to(self.device) for name, value in state["average"].items()}
        self.average.steps = state["average_steps"]
        self.best = state.get("best", self.best)
        if self.scaler is not None and state.get("scaler"):
            self.scaler.load_state_dict(state["scaler"])
        return int(state["epochs"])

    def _finish(self) -> Path:
        weights = self.best["weights"] if self.schedule.patience is not None else self.average.state
        if not self.place.is_first:
            return self.out / MODEL
        weights = {name: value.cpu() for name, value in (weights or self.average.state).items()}
        if self.start:
            weights = between(weights, self.start, self.schedule.start_share)
        torch.save(weights, self.out / MODEL)
        lineage = {
            "script": "models.training.train",
            "config_sha256": self.job.config_sha256,
            "data_sha256": self.job.snapshot.sha256,
            "pictures_sha256": pictures_fingerprint(self.job.snapshot.images),
            "seed": self.job.seed,
            "epochs": self.schedule.epochs,
            **({"best_epoch": self.best["epoch"]} if self.schedule.patience is not None else {}),
            **self.job.lineage(),
            "git_sha": source(),
            "torch": torch.__version__,
            "device": str(self.device),
            "cpu_seconds_of_last_start": round(time.process_time() - self.cpu_started),
        }
        (self.out / LINEAGE).write_text(json.dumps(lineage, indent=2))
        return self.out / MODEL


def load_trained(config: DetectorConfig, weights: Path) -> FishDetector:
    """Return the trained network, ready for inference.

    A run that went on from a bundle has the width of its head and its pyramid for boxes, whatever its own configuration says of them.

    Raises:
        RuntimeError: the weights are of another network.
    """
    state = torch.load(weights, map_location="cpu", weights_only=True)
    pyramid = config.box_pyramid or any(name.startswith(f"{BOX_PYRAMID}.") for name in state)
    width = state["heat.weight"].shape[1] if "heat.weight" in state else config.head_channels
    model = FishDetector(config.model_copy(update={"box_pyramid": pyramid, "head_channels": width}), pretrained=False)
    model.start_from(state)
    return model.eval()


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


_Told = Callable[[dict[str, float]], None]


@contextmanager
def _board(schedule: ScheduleConfig, out: Path, place: Place) -> Iterator[_Told]:
    """TensorBoard, when it is wanted; else nobody."""
    if not schedule.tensorboard or not place.is_first:
        yield lambda _line: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigurationError(
            "schedule.tensorboard", "true", "It is not installed: pip install tensorboard, or leave it out."
        ) from error
    with SummaryWriter(str(out / TENSORBOARD)) as writer:

        def tell(line: dict[str, float]) -> None:
            for name, value in line.items():
                if name != "epoch":
                    writer.add_scalar(f"loss/{name}", value, int(line["epoch"]))
            writer.flush()

        yield tell


def _forget_after(out: Path, epoch: int) -> None:
    """A kill between the curve's line and the checkpoint leaves an epoch that is done again."""
    path = out / CURVE
    if not path.exists():
        return
    # A power cut may leave half a line.
    lines = [
        line for line in path.read_text().splitlines() if line.endswith("}") and json.loads(line)["epoch"] <= epoch
    ]
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text("".join(f"{line}\n" for line in lines))
    partial.replace(path)


def _record(out: Path, line: dict[str, Any]) -> None:
    with (out / CURVE).open("a") as file:
        file.write(json.dumps(line) + "\n")
