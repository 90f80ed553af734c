"""Painted crops of three colours: the zoo, the one training loop, and the way from a run to bundles. Everything is tiny."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from contracts.bundles import DetectionOutput, ImageInput, ModelManifest, ProbationLimits, Task
from contracts.errors import ConfigurationError
from models.data.near_duplicates import GuardOptions
from models.data.snapshot import draft, read_snapshot, write_snapshot
from models.detector.config import DetectorConfig
from models.evaluation.judge import judge_bundle
from models.runtime import Classifier, Detector, check_golden, load_bundle, open_session, shipped_bundle
from models.runtime.scorer import Scorer
from models.zoo.names import CLASSIFIERS, ZOO, card_of
from shoal.cli import app
from tests.cloud.pictures import Colour, colour
from tests.models.farm_pictures import paint_dataset
from tests.models.test_datasets import scene

if os.environ.get("CI", "").lower() not in {"1", "true"}:
    pytest.importorskip("torch", reason="needs the train extra")
import torch
from torch import nn

from models.export.onnx_export import export_torchvision_detector, opset_of
from models.export.quantise import QuantisationLossError, gate
from models.publishing.bundle_writer import identity, write_manifest
from models.publishing.export_run import export_run
from models.training.adapt import adapt
from models.training.config import ClassifierTrainingConfig, TrainingConfig, load_any_config
from models.training.crops import vary
from models.training.detector_job import as_boxes, new_detector
from models.training.folds import cross_validate
from models.training.from_bundle import detector_from_bundle
from models.training.open_dataset import EVERYBODY, open_dataset, parts_for
from models.training.start import RunOrigin, prepare_detection, start
from models.training.train import CONFIG, CURVE, LINEAGE, MODEL
from models.zoo.catalogue import build_classifier
from models.zoo.network import ImageClassifier, Parts, Pooled
from models.zoo.torchvision_detector import TorchvisionDetector

pytestmark = [pytest.mark.train, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
COLOURS: tuple[Colour, ...] = ("red", "green", "blue")


def quiet() -> Console:
    return Console(file=io.StringIO())


def painted(name: Colour, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 60, (48, 64, 3), np.uint8)
    return np.asarray(np.maximum(colour(name), noise), np.uint8)


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crops") / "painted"
    folder.mkdir()
    lines = ["path,species,track"]
    for number, name in enumerate(COLOURS * 8):
        cv2.imwrite(str(folder / f"{number}.png"), painted(name, number))
        lines.append(f"{number}.png,{name}-fish,track-{number}")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    return folder


def classifier_config(path: Path, **changes: Any) -> Path:
    content: dict[str, Any] = {
        "task": "classification",
        "name": "painted-species",
        "version": "0.1.0",
        "network": "efficientnet_lite0",
        "size": 32,
        "frozen_blocks": 6,
        "folds": 2,
        "mirror": True,
        "schedule": {
            "epochs": 3,
            "batch_size": 6,
            "learning_rate": 0.01,
            "backbone_rate": 0.1,
            "warmup_steps": 1,
            "average_decay": 0.5,
            "threads": 1,
        },
    }
    content["schedule"] |= changes.pop("schedule", {})
    path.write_text(yaml.safe_dump(content | changes))
    return path


def curve(run: Path) -> dict[int, float]:
    """Losses by epoch, those told last."""
    return {line["epoch"]: line["total"] for line in map(json.loads, (run / CURVE).read_text().splitlines())}


def test_a_classifier_learns_its_colours_and_becomes_bundles(crops: Path, tmp_path: Path) -> None:
    run, bundle = tmp_path / "run", tmp_path / "species"
    start(classifier_config(tmp_path / "c.yaml", schedule={"epochs": 8}), crops, run, seed=3, console=quiet())
    lineage = json.loads((run / LINEAGE).read_text())
    assert (lineage["seed"], lineage["training_images"], lineage["network"]) == (3, 12, "efficientnet_lite0")

    manifests = export_run(
        run, bundle, int8=True, fp16=True, max_loss=0.5, probation=ProbationLimits(max_latency_ms=400),
        command="the test", console=quiet(),
    )  # fmt: skip
    assert manifests[0].metrics["fold-0.accuracy"] > 0.6
    assert float(manifests[0].training["parity"] or 0) <= 1e-4
    for folder, share in (
        (bundle, 1.0),
        (bundle.with_name("species-int8"), 0.4),
        (bundle.with_name("species-fp16"), 0.6),
    ):
        session = open_session(load_bundle(folder))
        assert check_golden(session).passed
        assert session.manifest.bytes <= manifests[0].bytes * share
        assert session.manifest.probation.max_latency_ms == 400  # a device that is slower goes back by itself
        assert Classifier(session).classify([painted("green", 1000)])[0].best_label in session.manifest.labels
    parts = json.loads((bundle / "sbom.json").read_text())
    assert parts["metadata"]["component"]["hashes"][0]["content"] == manifests[0].sha256
    assert {"data", "library"} == {part["type"] for part in parts["components"]}
    assert "not stated: do not pass on" in (bundle / "NOTICE").read_text()


def test_a_smaller_model_that_loses_too_much_is_not_written(tmp_path: Path) -> None:
    figures = {"before": 0.95, "after": 0.93}
    assert gate("accuracy", lambda folder: figures[folder.name], tmp_path / "before", tmp_path / "after", max_loss=0.03)
    with pytest.raises(QuantisationLossError, match=r"0\.9500 to 0\.9300"):
        gate("accuracy", lambda folder: figures[folder.name], tmp_path / "before", tmp_path / "after")


def test_a_run_that_is_killed_goes_on_to_the_same_losses(crops: Path, tmp_path: Path) -> None:
    config = classifier_config(tmp_path / "c.yaml", schedule={"epochs": 4})
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    start(config, crops, whole, console=quiet())

    command = [
        sys.executable,
        "-m",
        "shoal",
        "models",
        "train",
        str(config),
        "--dataset",
        str(crops),
        "--output",
        str(killed),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while not (killed / CURVE).exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (killed / MODEL).exists()

    start(config, crops, killed, console=quiet())
    assert curve(killed) == pytest.approx(curve(whole), rel=1e-4)


def test_two_processes_train_one_model(crops: Path, tmp_path: Path) -> None:
    config = classifier_config(tmp_path / "c.yaml", schedule={"epochs": 1, "batch_size": 3})
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0", "--standalone"),
        *("-m", "shoal", "models", "train", str(config), "--dataset", str(crops), "--output", str(tmp_path / "run")),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "2 processes" in done.stdout
    assert len(curve(tmp_path / "run")) == 1
    assert (tmp_path / "run" / MODEL).is_file()


def test_training_stops_when_validation_does_not_get_better(crops: Path, tmp_path: Path) -> None:
    config = classifier_config(
        tmp_path / "c.yaml", schedule={"epochs": 9, "patience": 1, "learning_rate": 3.0, "accumulate": 2}
    )
    start(config, crops, tmp_path / "run", console=quiet())
    told = [json.loads(line) for line in (tmp_path / "run" / CURVE).read_text().splitlines()]
    assert len(told) < 9
    assert (
        json.loads((tmp_path / "run" / LINEAGE).read_text())["best_epoch"]
        == min(told, key=lambda x: x["validation"])["epoch"]
    )


@pytest.mark.parametrize(
    ("schedule", "field"),
    [({"device": "cuda"}, "schedule.device"), ({"precision": "float16", "device": "cpu"}, "schedule.precision")],
)
def test_what_the_machine_cannot_do_is_said_before_it_starts(
    crops: Path, tmp_path: Path, schedule: dict[str, Any], field: str
) -> None:
    if schedule["device"] == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigurationError) as caught:
        start(classifier_config(tmp_path / "c.yaml", schedule=schedule), crops, tmp_path / "run", console=quiet())
    assert caught.value.field == field


def test_half_precision_and_tensorboard(crops: Path, tmp_path: Path) -> None:
    schedule = {"epochs": 1, "precision": "bfloat16", "tensorboard": True}
    start(classifier_config(tmp_path / "c.yaml", schedule=schedule), crops, tmp_path / "run", console=quiet())
    assert list((tmp_path / "run" / "tensorboard").glob("events.*"))


def test_a_health_head_scores_every_label(crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(_name: str, labels: int, **_: Any) -> ImageClassifier:
        return ImageClassifier(Parts([nn.Sequential(nn.Conv2d(3, 8, 8, stride=8), Pooled())], 8), labels)

    monkeypatch.setattr("models.training.classifier_job.build_classifier", small)  # exports in a tenth of the time
    config = classifier_config(tmp_path / "c.yaml", task="scores", name="painted-health", schedule={"epochs": 6})
    start(config, crops, tmp_path / "run", console=quiet())
    (manifest,) = export_run(tmp_path / "run", tmp_path / "health", console=quiet())
    assert {name.rpartition(".")[2] for name in manifest.metrics} == set(manifest.labels)
    (said,) = Scorer(open_session(load_bundle(tmp_path / "health"))).score([painted("red", 7)])
    assert set(said.scores) == set(manifest.labels)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_of_the_zoo_takes_pixels_and_gives_logits(name: str) -> None:
    size = 224 if name == "vit_b_16" else 64
    with torch.device("meta" if name in {"vit_b_16", "resnet101"} else "cpu"):
        network = build_classifier(name, 5, weights="none", frozen_blocks=2).eval()
        assert network(torch.zeros((1, size, size, 3), dtype=torch.uint8)).shape == (1, 5)
    assert not any(p.requires_grad for p in network.backbone[0].parameters())
    assert all(p.requires_grad for p in network.head.parameters())


@pytest.mark.parametrize("name", ZOO)
def test_every_entry_has_a_card_and_a_configuration_that_reads(name: str) -> None:
    assert card_of(name).read_text().startswith(f"# {name}")
    config = load_any_config(card_of(name).with_name("config.yaml"))
    assert isinstance(config, TrainingConfig if config.task == "detection" else ClassifierTrainingConfig)


def test_weights_that_cannot_be_fetched_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", lambda *_, **__: (_ for _ in ()).throw(OSError("no network")))
    with pytest.raises(ConfigurationError, match="efficientnet_lite0"):
        build_classifier("mobilenet_v3_large", 3)


def test_torchvision_detectors_tell_losses_and_boxes() -> None:
    from tests.models.test_training import painted_frame

    config = TrainingConfig.model_validate(
        {
            "name": "a",
            "version": "0.1.0",
            "labels": ["fish"],
            "network": "ssdlite320",
            "model": {"width": 128, "height": 80},
        }
    )
    model = new_detector(config, pretrained=False)
    batch = as_boxes([painted_frame()] * 2)
    losses = model.train()(batch.images, batch.boxes, batch.labels)
    assert set(losses) == {"bbox_regression", "classification"}
    boxes, scores, classes = model.eval()(batch.images[:1])
    assert len(boxes) == len(scores) == len(classes)


def test_a_detector_of_torchvision_runs_through_the_runtime(tmp_path: Path) -> None:
    config = DetectorConfig(width=128, height=80, max_boxes=10)
    model = TorchvisionDetector("ssdlite320", 1, config, pretrained=False).eval()
    image = ImageInput(width=128, height=80, dynamic_batch=False)
    export_torchvision_detector(model, image, tmp_path / "model.onnx")
    sha256, size = identity(tmp_path / "model.onnx")
    manifest = ModelManifest(
        name="ssdlite",
        version="0.1.0",
        task=Task.DETECTION,
        sha256=sha256,
        bytes=size,
        opset=opset_of(tmp_path / "model.onnx"),
        input=image,
        detection=DetectionOutput(classes="classes", background=0, batched=False),
        labels=("fish",),
        created_at=datetime(2026, 1, 1, tzinfo=timezone.utc),
        licence="CC0",
    )
    write_manifest(tmp_path, manifest)
    found = Detector(open_session(load_bundle(tmp_path)), threshold=0.0).detect([np.full((80, 128, 3), 90, np.uint8)])
    with torch.no_grad():
        boxes, scores, _ = model(torch.full((1, 80, 128, 3), 90, dtype=torch.uint8))
    assert len(found[0]) == len(boxes)
    assert [each.confidence for each in found[0]] == pytest.approx(scores.tolist(), abs=1e-4)


def test_a_bundle_gives_its_own_weights_back() -> None:
    bundle = load_bundle(shipped_bundle("fish-detector"))
    from models.detector.model import DeployedDetector
    from models.export.parity import check_detector_parity

    module = DeployedDetector(detector_from_bundle(bundle.manifest, bundle.model_path)).eval()
    frame = cv2.imread(str(bundle.folder / bundle.manifest.golden[0]))
    from models.runtime.preprocess import preprocess

    images, _ = preprocess([np.asarray(frame, np.uint8)], bundle.manifest.input)
    assert check_detector_parity(module, bundle.model_path, images, embedding=False).boxes > 0


def test_twenty_frames_make_a_detector_of_one_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["shoal", "models", "adapt", "--site", "pen-4"])
    frames = paint_dataset(tmp_path / "frames", sites=2, frames=3, width=192, height=112)
    manifest = adapt("pen-4", "fish-detector", frames, tmp_path / "pen-4", steps=2, console=quiet())
    assert manifest.name == "fish-detector-pen-4"
    assert manifest.training["base_sha256"] == load_bundle(shipped_bundle("fish-detector")).sha256
    assert manifest.training["command"] == "shoal models adapt --site pen-4", "as of every training"
    session = open_session(load_bundle(tmp_path / "pen-4"))
    assert check_golden(session).passed
    assert Detector(session).detect([np.zeros((90, 160, 3), np.uint8)])


def test_every_fold_judges_once_and_sees_what_a_single_run_sees(crops: Path, tmp_path: Path) -> None:
    path = classifier_config(tmp_path / "c.yaml", schedule={"epochs": 1})
    config = load_any_config(path)
    assert isinstance(config, ClassifierTrainingConfig)
    told = cross_validate(config, crops, tmp_path / "folds", console=quiet())
    assert set(told) == {"fold-0", "fold-1", "all"}
    assert told["all"]["images"] == 24
    start(path, crops, tmp_path / "run", judge="fold-1", console=quiet())
    # The frozen part goes through half precision in the one and not in the other.
    assert curve(tmp_path / "folds" / "fold-1") == pytest.approx(curve(tmp_path / "run"), rel=0.01)


def test_a_fold_is_a_run_that_is_exported_and_judged_on_what_it_never_saw(crops: Path, tmp_path: Path) -> None:
    config, out, bundle = (
        classifier_config(tmp_path / "c.yaml", schedule={"epochs": 1}),
        tmp_path / "folds",
        tmp_path / "bundle",
    )
    words = [
        "models",
        "train",
        str(config),
        "--dataset",
        str(crops),
        "--output",
        str(out),
        "--folds",
        "--fold",
        "fold-1",
    ]
    with pytest.raises(ConfigurationError, match="has fold-0, fold-1"):
        CliRunner().invoke(app, [*words, "--fold", "fold-7"], catch_exceptions=False)
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    single = {path.name for path in (out / "fold-1").iterdir()}
    assert single == {
        "config.json",
        "dataset.json",
        "checkpoint.pt",
        "curve.jsonl",
        "model.pt",
        "lineage.json",
        "starts.json",
    }
    with pytest.raises(ConfigurationError, match=r"Give one of them, such as .*fold-1"):
        export_run(out, bundle, console=quiet())

    earlier = load_any_config(config).model_dump_json()  # all that a fold told before
    (out / "fold-1" / "config.json").write_text(earlier)
    with pytest.raises(ConfigurationError, match="Give the command of the whole run again"):
        export_run(out / "fold-1", bundle, console=quiet())
    before = curve(out / "fold-1")
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    assert curve(out / "fold-1") == before, "it went on from its end"

    (manifest,) = export_run(out / "fold-1", bundle, console=quiet())
    told = json.loads((out / "folds.json").read_text())["fold-1"]
    assert manifest.metrics["fold-1.accuracy"] == pytest.approx(told["accuracy"], abs=1 / told["images"])
    assert {name.partition(".")[0] for name in manifest.metrics} == {"fold-1"}
    snapshot = read_snapshot(out / "fold-1" / "dataset.json")
    judged = judge_bundle(bundle, snapshot, [crops.parent], now=datetime.now(timezone.utc), resamples=0)
    assert judged.dataset.splits == ("fold-1",), "the other folds taught it"
    with pytest.raises(ConfigurationError, match=r"learnt from it.*never saw fold-1"):
        judge_bundle(bundle, snapshot, [crops.parent], now=datetime.now(timezone.utc), splits=("fold-0",))
    unsplit = draft("painted", snapshot.labels, [image.model_copy(update={"split": None}) for image in snapshot.images])
    with pytest.raises(ConfigurationError, match=r"split otherwise.*dataset.json in the folder of its run"):
        judge_bundle(bundle, unsplit, [crops.parent], now=datetime.now(timezone.utc))


def test_a_bundle_takes_no_other_files_away(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "koi.jpg").write_bytes(b"a picture")
    for command in (
        lambda: export_run(tmp_path / "run", tmp_path / "photos", console=quiet()),
        lambda: adapt("pen-4", "fish-detector", tmp_path / "frames", tmp_path / "photos", console=quiet()),
    ):
        with pytest.raises(ConfigurationError, match="It holds other things than a bundle"):
            command()
    assert (tmp_path / "photos" / "koi.jpg").is_file()


def test_a_picture_varies_with_seed_and_epoch_alone() -> None:
    crop = np.ascontiguousarray(painted("red", 1)[..., ::-1])
    first, again, other = (vary(crop, 32, np.random.default_rng([1, epoch, 7])) for epoch in (0, 0, 1))
    assert first.shape == (32, 32, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_folder_is_dealt_by_group_and_a_fold_that_is_not_there_is_named(crops: Path) -> None:
    snapshot, roots = open_dataset(crops, "painted", (), folds=3)
    train, judges = parts_for(snapshot, roots, "fold-1")
    assert not {each.image.group for each in train} & {each.image.group for each in judges["fold-1"]}
    everything, none = parts_for(snapshot, roots, "none")
    assert (len(everything), none) == (24, {})
    with pytest.raises(ConfigurationError, match="fold-2"):
        parts_for(snapshot, roots, "fold-7")


def test_a_plain_folder_whose_folds_leak_is_not_trained_on(tmp_path: Path) -> None:
    """Near-duplicates are looked for as in a data set that is frozen; who knows better says so."""
    folder = tmp_path / "crops"
    for number in range(8):
        for label, picture in (("bream", scene(number)), ("trout", scene(number + 20))):
            (folder / label).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / label / f"{number}.png"), picture)
    for number in range(4):
        again = np.ascontiguousarray(scene(number + 20)[:, ::-1])
        cv2.imwrite(str(folder / "trout" / f"{number}-again.jpg"), again)
    command = [
        "models",
        "train",
        str(classifier_config(tmp_path / "c.yaml")),
        "--dataset",
        str(folder),
        "--output",
        str(tmp_path / "run"),
    ]
    for arguments in (command, [*command, "--folds"]):
        with pytest.raises(ConfigurationError, match="near-duplicate pairs") as caught:
            CliRunner().invoke(app, arguments, catch_exceptions=False)
        told = str(caught.value)
        assert re.search(r"\w+(-\d)?: crops/trout/(\d)(-again)?.\w+  =  \w+(-\d)?: crops/trout/\2", told), told
        assert "--join-near-duplicates" in told
        assert "--near-duplicate" in told
    assert not (tmp_path / "run").exists()

    joined, _ = open_dataset(folder, "crops", (), folds=2, judge=EVERYBODY, guard=GuardOptions(join=True))
    where = {image.path.removeprefix("crops/trout/"): (image.group, image.split) for image in joined.images}
    assert all(where[f"{n}.png"] == where[f"{n}-again.jpg"] for n in range(4)), where
    assert (joined.guard["joined"], joined.guard["pairs"]) == (True, 0)
    config = load_any_config(tmp_path / "c.yaml")
    origin = RunOrigin(config=config, dataset=str(folder), guard=GuardOptions(join=True))
    kept = RunOrigin.model_validate_json(origin.model_dump_json()).guard
    exported, _ = open_dataset(folder, "crops", (), folds=2, guard=kept)
    assert exported.sha256 == joined.sha256, "an export judges by the same split"
    known, _ = open_dataset(folder, "crops", (), folds=2, judge=EVERYBODY, guard=GuardOptions(threshold=1.0))
    assert known.guard["threshold"] == 1.0
    open_dataset(folder, "crops", (), folds=2, judge="none", guard=GuardOptions())  # where nobody judges, nothing leaks
    write_snapshot(joined, tmp_path / "frozen.json")
    with pytest.raises(ConfigurationError, match="It was split when it was frozen"):
        open_dataset(tmp_path / "frozen.json", "crops", (), folds=2, guard=GuardOptions(join=True))


def test_an_export_joins_what_the_training_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a copy that trained would judge, and the card would tell figures that are too good."""
    farm = tmp_path / "farm"
    for number in range(8):
        for name, picture in (("", scene(number)), ("-again", np.ascontiguousarray(scene(number)[:, ::-1]))):
            for part, suffix, content in (
                ("images", "jpg", cv2.imencode(".jpg", picture)[1].tobytes()),
                ("labels", "txt", b"0 0.5 0.5 0.1 0.1"),
            ):
                path = farm / part / f"video{number}{name}_f000001.{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    config, joining = TrainingConfig(name="farm", version="1.0.0", labels=("fish",)), GuardOptions(join=True)
    taught = prepare_detection(config, farm, guard=joining).snapshot
    assert taught.splits != prepare_detection(config, farm).snapshot.splits
    (tmp_path / "run").mkdir()
    origin = RunOrigin(config=config, dataset=str(farm), guard=joining)
    (tmp_path / "run" / CONFIG).write_text(origin.model_dump_json())
    judged: list[str] = []
    monkeypatch.setattr(
        "models.publishing.export_run.publish_prepared",
        lambda config, prepared, *_, **__: judged.append(prepared.snapshot.sha256),
    )
    export_run(tmp_path / "run", tmp_path / "bundle", console=quiet())
    assert judged == [taught.sha256]
