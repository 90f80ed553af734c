"""A handful of painted frames, two steps: the whole way from data to a bundle that loads."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from pydantic import ValidationError
from rich.console import Console
from typer.testing import CliRunner

from contracts.errors import ConfigurationError
from models.runtime import Detector, check_golden, load_bundle, open_session
from models.training.config import TrainingConfig, load_config
from tests.models.farm_pictures import paint_dataset

if os.environ.get("CI", "").lower() not in {"1", "true"}:
    pytest.importorskip("torch", reason="needs the train extra")
import torch

from models.data.near_duplicates import GuardOptions
from models.detector.config import DetectorConfig
from models.detector.loss import detection_loss
from models.detector.model import STRIDE, DeployedDetector, FishDetector, refined, survivors
from models.detector.targets import make_targets
from models.export.parity import ParityError, check_detector_parity
from models.publishing.export_run import export_run
from models.publishing.publish import publish
from models.training.batches import epoch_batches, make_batch
from models.training.checkpoint import CHECKPOINT
from models.training.from_bundle import credits_of
from models.training.loop import AverageModel, NonFiniteLossError, learning_rate, make_optimizer, train_one_epoch
from models.training.prepare import prepare
from models.training.start import open_detector_job, start
from models.training.train import CONFIG, CURVE, LINEAGE, MODEL, load_trained, run, train
from shoal import __version__
from shoal.cli import app

pytestmark = [pytest.mark.train, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
TINY = DetectorConfig(width=128, height=80, head_channels=16, frozen_blocks=0, max_boxes=10)


def tiny_config(*, epochs: int = 1) -> TrainingConfig:
    return TrainingConfig.model_validate(
        {
            "name": "painted-fish",
            "version": "0.1.0",
            "labels": ["fish"],
            "sources": [
                {
                    "name": "painted",
                    "folder": "farm",
                    "licence": "CC0",
                    "attribution": "painted by the test",
                    "held_out_sites": ["site-2"],
                    "same_video_every": 4,
                }
            ],
            "model": TINY.model_dump(),
            "schedule": {"epochs": epochs, "images_per_epoch": 4, "batch_size": 2, "warmup_steps": 1, "threads": 1},
        }
    )


def quiet() -> Console:
    return Console(file=io.StringIO())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    paint_dataset(tmp_path / "farm")
    return tmp_path


def curve(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / CURVE).read_text().splitlines()]


def test_two_steps_become_a_bundle_that_loads_and_tests_itself(root: Path, tmp_path: Path) -> None:
    config = tiny_config()
    run, bundle = tmp_path / "run", tmp_path / "bundles" / "painted-fish"
    bundle.mkdir(parents=True)
    (bundle / "left-over.txt").write_text("of an older bundle")
    train(config, [root], run, console=quiet())
    manifest = publish(config, [root], run, bundle, command="the test", console=quiet())

    session = open_session(load_bundle(bundle))
    assert session.sha256 == manifest.sha256
    assert check_golden(session).passed
    assert not (bundle / "left-over.txt").exists()
    assert manifest.training["seed"] == 1
    assert manifest.training["config_sha256"] == config.sha256
    assert float(manifest.training["parity_score"] or 0) <= 1e-4
    assert {"same_video.map50", "unseen_site.map50", "latency_cpu_ms"} <= set(manifest.metrics)
    assert "painted by the test" in (bundle / "NOTICE").read_text()
    card = (bundle / "README.md").read_text()
    assert manifest.sha256 in card
    assert "unseen_site" in card
    # The exported graph takes any batch.
    frames = [np.full((90, 160, 3), 100, np.uint8)] * 3
    assert len(Detector(session, threshold=0.0).detect(frames)) == 3

    # It tells how far a frame lies from what it was taught, and that is part of its self-test.
    assert manifest.embedding is not None
    assert manifest.embedding.frames == 6
    assert float(manifest.training["parity_embedding"] or 0) <= 1e-4
    assert manifest.metrics["same_video.distance"] > 0
    golden = json.loads((bundle / manifest.golden[0]).with_suffix(".json").read_text())
    assert golden["distance"] > 0
    (bundle / manifest.golden[0]).with_suffix(".json").write_text(
        json.dumps(golden | {"distance": 2 * golden["distance"]})
    )
    assert "from the training" in check_golden(session).failures[0]

    # Weights that are not the exported ones do not pass as the same.
    other = DeployedDetector(load_trained(config.model, run / MODEL)).eval()
    images = np.random.default_rng(0).integers(0, 255, (2, 80, 128, 3)).astype(np.uint8)
    check_detector_parity(other, bundle / "model.onnx", images, embedding=False)
    with torch.no_grad():
        other.detector.heat.bias.add_(1.0)
    with pytest.raises(ParityError):
        check_detector_parity(other, bundle / "model.onnx", images, embedding=False)


def test_a_run_goes_on_from_another_at_a_finer_input(root: Path, tmp_path: Path) -> None:
    coarse = tiny_config()
    train(coarse, [root], tmp_path / "coarse", console=quiet())
    finer = coarse.model_copy(
        update={
            "base": str(tmp_path / "coarse"),
            "model": TINY.model_copy(update={"width": 192, "height": 112}),
            "schedule": coarse.schedule.model_copy(update={"gentle": 0.5, "crowd_power": 0.5}),
        }
    )
    job = open_detector_job(finer, prepare(finer, [root]))
    weights = torch.load(tmp_path / "coarse" / MODEL, weights_only=True)
    assert all(torch.equal(value, weights[name]) for name, value in job.model.state_dict().items())
    assert job.lineage()["base_sha256"] == hashlib.sha256((tmp_path / "coarse" / MODEL).read_bytes()).hexdigest()
    run(job, tmp_path / "finer", config_json=finer.model_dump_json(), console=quiet())
    assert len(curve(tmp_path / "finer")) == 1

    other = finer.model_copy(update={"model": finer.model.model_copy(update={"head_channels": 24})})
    with pytest.raises(ConfigurationError, match="set model as its"):
        open_detector_job(other, prepare(other, [root]))


def test_a_farm_of_two_sites_goes_on_from_the_shipped_detector_and_exports_it(root: Path, tmp_path: Path) -> None:
    """As docs/models.md begins: a whole site judges, and the configuration says nothing of the pyramid that the bundle has."""
    schedule = {"epochs": 1, "images_per_epoch": 2, "batch_size": 2, "warmup_steps": 1, "threads": 1}
    config = tmp_path / "detector.yaml"
    config.write_text(json.dumps({
        "task": "detection", "name": "our-detector", "version": "1.0.0", "labels": ["fish"], "base": "fish-detector",
        "model": {"width": 128, "height": 80, "frozen_blocks": 11}, "schedule": schedule,
    }))  # fmt: skip
    words = [("dataset", "import", "yolo", root / "farm", "-o", tmp_path / "tank.json", "--label", "fish"),
             ("dataset", "freeze", tmp_path / "tank.json", "--by", "site", "--hold-out", "site-2", "-o", tmp_path / "sets", "--data", root)]  # fmt: skip
    for each in words:
        assert CliRunner().invoke(app, ["models", *map(str, each)], catch_exceptions=False).exit_code == 0
    (frozen,) = (tmp_path / "sets").iterdir()
    start(config, frozen, tmp_path / "run", roots=[root], console=quiet())
    (manifest,) = export_run(tmp_path / "run", tmp_path / "our-detector", command="the test", console=quiet())
    assert {name.partition(".")[0] for name in manifest.metrics if "." in name} == {"unseen_site"}
    assert manifest.training["held_out"] == "unseen_site"
    card = (tmp_path / "our-detector" / "README.md").read_text()
    assert "chosen on frames that it was trained on, never on unseen sites" in card
    assert "tropical" not in card, "that is other people's data"
    (owed,) = [each for each in manifest.attribution if each.startswith("Went on from weights that learnt from ")]
    assert "DeepFish" in owed, "the licence of the shipped detector's frames asks for credit in what was made of it"
    assert owed in (tmp_path / "our-detector" / "NOTICE").read_text()
    assert credits_of(manifest).count("DeepFish") == owed.count("DeepFish"), "and the next one owes it too"


def test_boxes_learn_in_a_pyramid_of_their_own_and_what_finds_fish_stays_bit_for_bit(
    root: Path, tmp_path: Path
) -> None:
    first = tiny_config()
    train(first, [root], tmp_path / "first", console=quiet())
    apart = first.model_copy(
        update={
            "base": str(tmp_path / "first"),
            "model": TINY.model_copy(update={"box_pyramid": True, "boxes_only": True}),
        }
    )
    images = torch.randint(0, 255, (2, TINY.height, TINY.width, 3), dtype=torch.uint8)
    job = open_detector_job(apart, prepare(apart, [root]))
    with torch.no_grad():
        before = load_trained(first.model, tmp_path / "first" / MODEL)(images)
        assert torch.equal(job.model.eval()(images).sides, before.sides)  # a copy, until it has learnt
    weights = run(job, tmp_path / "apart", console=quiet())
    with torch.no_grad():
        after = load_trained(apart.model, weights)(images)
    assert torch.equal(after.heat, before.heat)
    assert torch.equal(after.embedding, before.embedding)
    assert not torch.equal(after.sides, before.sides)


def test_boxes_that_learn_alone_need_a_pyramid_of_their_own_and_a_base() -> None:
    with pytest.raises(ValidationError, match="box_pyramid"):
        DetectorConfig(boxes_only=True)
    apart = tiny_config().model_dump() | {"model": {"box_pyramid": True, "boxes_only": True}}
    with pytest.raises(ValidationError, match="as base"):
        TrainingConfig.model_validate(apart)
    for other in ({"base": "fish-detector"}, {"model": {"box_pyramid": True}}):
        with pytest.raises(ValidationError, match="leave them out for ssdlite320"):
            TrainingConfig.model_validate(tiny_config().model_dump() | {"network": "ssdlite320"} | other)


def test_a_run_to_go_on_from_that_is_not_there_is_told_before_the_data_is_read(tmp_path: Path) -> None:
    crowds, nowhere = ROOT / "models/detector/configs/fish_detector_crowds.yaml", tmp_path / "no-data"
    with pytest.raises(ConfigurationError, match=r"base: 'fish-detector-start' .*shoal models train .*--output"):
        start(crowds, nowhere, tmp_path / "run")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / CONFIG).write_text("{}")
    with pytest.raises(ConfigurationError, match="has not ended"):
        start(told(tmp_path / "c.yaml", crowds, base=str(tmp_path / "half")), nowhere, tmp_path / "run")
    (tmp_path / "half" / MODEL).touch()
    with pytest.raises(ConfigurationError, match="no-data"):
        start(told(tmp_path / "c.yaml", crowds, base=str(tmp_path / "half")), nowhere, tmp_path / "run")


def told(path: Path, config: Path, **changes: str) -> Path:
    """A configuration like another."""
    path.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | changes))
    return path


class KilledError(Exception):
    """Power cut."""


class DyingConsole(Console):
    """Kills a run after the checkpoint of its first epoch."""

    def __init__(self, run: Path) -> None:
        super().__init__(file=io.StringIO())
        self.run = run

    def print(self, *_: Any, **__: Any) -> None:
        if (self.run / CHECKPOINT).exists():
            raise KilledError


def test_a_killed_run_goes_on_to_the_same_losses(root: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(tiny_config(epochs=3), [root], whole, console=quiet())
    with pytest.raises(KilledError):
        train(tiny_config(epochs=3), [root], broken, console=DyingConsole(broken))
    with (broken / CURVE).open(
        "a"
    ) as file:  # killed before the checkpoint of an epoch whose line is written; half of another
        file.write('{"epoch": 2, "total": 9.0, "s": 1}\n{"epoch": 3, "to')
    train(tiny_config(epochs=3), [root], broken, console=quiet())
    assert [line["epoch"] for line in curve(broken)] == [1, 2, 3]
    assert [line["total"] for line in curve(broken)] == pytest.approx(
        [line["total"] for line in curve(whole)], rel=1e-4
    )


def test_a_run_that_keeps_half_of_its_start_ends_half_way_after_a_kill_too(root: Path, tmp_path: Path) -> None:
    whole = tiny_config(epochs=2)
    half = whole.model_copy(update={"schedule": whole.schedule.model_copy(update={"start_share": 0.5})})
    first = open_detector_job(whole, prepare(whole, [root]))
    started = {name: value.clone() for name, value in first.model.state_dict().items()}
    learnt = torch.load(run(first, tmp_path / "whole", console=quiet()), weights_only=True)
    with pytest.raises(KilledError):
        train(half, [root], tmp_path / "half", console=DyingConsole(tmp_path / "half"))
    kept = torch.load(train(half, [root], tmp_path / "half", console=quiet()), weights_only=True)
    assert not torch.equal(learnt["heat.weight"], started["heat.weight"])
    for name in ("heat.weight", "tower.0.3.weight", "backbone.blocks.10._project_conv.weight"):
        torch.testing.assert_close(kept[name], (started[name] + learnt[name]) / 2, rtol=1e-4, atol=1e-6)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_a_training_reuses_the_memory_of_its_last_step() -> None:
    program = (
        "import resource, numpy; from models.training.memory import keep_freed_memory; kept = keep_freed_memory()\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "first = faults(); numpy.ones(4_000_000); middle = faults(); numpy.ones(4_000_000); last = faults()\n"
        "print(kept, last - middle < (middle - first) / 10)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["True", "True"]


def test_a_run_is_not_continued_with_another_configuration(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # as in the image for training, which has no git
    train(tiny_config(), [root], tmp_path / "run", console=quiet())
    lineage = json.loads((tmp_path / "run" / LINEAGE).read_text())
    assert (lineage["training_images"], lineage["git_sha"]) == (6, f"shoal {__version__}")
    with pytest.raises(ConfigurationError, match="config_sha256"):
        train(tiny_config(epochs=2), [root], tmp_path / "run", console=quiet())


def test_sources_whose_held_out_site_is_a_copy_are_not_trained_on(root: Path, tmp_path: Path) -> None:
    copy = cv2.imread(str(root / "farm/images/site0_f000001.jpg"), cv2.IMREAD_COLOR)
    assert copy is not None
    cv2.imwrite(str(root / "farm/images/site2_f000002.jpg"), np.ascontiguousarray(copy[:, ::-1]))
    with pytest.raises(ConfigurationError, match="near-duplicate pairs") as caught:
        train(tiny_config(), [root], tmp_path / "run", console=quiet())
    assert "train: farm/images/site0_f000001.jpg" in str(caught.value)
    assert "unseen_site: farm/images/site2_f000002.jpg" in str(caught.value)
    assert not (tmp_path / "run").exists()
    advice = str(caught.value).splitlines()[-1]
    assert "--join-near-duplicates" not in advice, "sources join nothing"
    assert "held_out_sites" in advice
    assert "--near-duplicate" in advice
    (source,) = tiny_config().sources
    both = source.model_copy(update={"held_out_sites": ("site-0", "site-2")})
    prepare(tiny_config().model_copy(update={"sources": (both,)}), [root], guard=GuardOptions())
    prepare(tiny_config(), [root], guard=GuardOptions(threshold=1.0))


def test_a_loss_that_is_no_number_stops_before_the_weights_change(root: Path) -> None:
    config = tiny_config()
    prepared = prepare(config, [root])
    assert prepared.weights.sum() == pytest.approx(1.0)
    model = FishDetector(TINY, pretrained=False)
    with torch.no_grad():
        model.heat.bias.fill_(math.nan)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    batch = make_batch([painted_frame()])
    with pytest.raises(NonFiniteLossError, match="loss is nan"):
        train_one_epoch(
            model,
            AverageModel(model, 0.9),
            make_optimizer(model, config.schedule),
            [batch],
            losses_of=lambda net, batch: detection_loss(
                net(batch.images), batch.heat, batch.boxes, batch.weight
            )._asdict(),
            rate_of_step=lambda _: 1.0,
            on_step=lambda _: None,
        )
    trained = [name for name, _ in model.named_parameters() if name != "heat.bias"]
    assert all(torch.equal(before[name], model.state_dict()[name]) for name in trained)


def painted_frame() -> Any:
    from models.data.frames import LabelledFrame

    frame = np.full((80, 128, 3), 40, np.uint8)
    frame[32:44, 40:68] = 220
    return LabelledFrame(frame, np.array([[40, 32, 68, 44]], np.float32), "site")


def test_the_network_learns_one_picture_by_heart() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = FishDetector(TINY)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    batch = make_batch([painted_frame()] * 2)
    model.train()
    for _ in range(60):
        loss = detection_loss(model(batch.images), batch.heat, batch.boxes, batch.weight)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    with torch.no_grad():
        boxes, scores, _ = DeployedDetector(model.eval()).eval()(batch.images)
    assert scores[0, 0] > 3 * scores[0, 1]
    assert boxes[0, 0].tolist() == pytest.approx([40, 32, 68, 44], abs=4)


def test_targets_peak_where_the_fish_is() -> None:
    targets = make_targets(np.array([[40, 32, 68, 44]], np.float32), 128, 80, STRIDE)
    row, column = np.unravel_index(targets.heat[0].argmax(), targets.heat[0].shape)
    assert (int(row), int(column)) == (9, 13)
    assert targets.heat.max() == 1.0
    assert targets.boxes[:, row, column].tolist() == [40, 32, 68, 44]
    assert make_targets(np.zeros((0, 4), np.float32), 128, 80, STRIDE).heat.max() == 0


def test_the_cells_around_a_small_fish_learn_its_box_and_those_of_its_neighbour_stay_the_neighbours() -> None:
    small, beside = [40, 32, 50, 42], [50, 32, 60, 42]
    targets = make_targets(np.array([small, beside], np.float32), 128, 80, STRIDE)
    row, column = 9, 11
    assert targets.boxes[:, row - 1, column].tolist() == small
    assert targets.weight[0, row, column] > targets.weight[0, row - 1, column] > 0.3 * targets.weight[0, row, column]
    assert targets.heat[0, row - 1, column] < 0.1  # the peak stays sharp
    assert targets.boxes[:, row, column].tolist() == small  # whose middle is two cells from the other's
    assert targets.boxes[:, row, column + 2].tolist() == beside


def test_the_cells_around_a_peak_refine_its_box_unless_they_tell_of_another_fish() -> None:
    peak, moved, other = [0.0, 0, 10, 10], [2.0, 0, 12, 10], [30.0, 0, 40, 10]
    boxes = torch.tensor([[[peak, moved, other], [peak, other, other]]])
    found, agreement = refined(boxes, torch.tensor([[[1.0, 1, 1], [1, 0.5, 0.5]]]))
    assert found[0].tolist() == [[1, 0, 11, 10], peak]
    assert agreement[0].tolist() == pytest.approx([(1 + 8 / 12 + 0) / 3, 1 / 3])


def test_a_peak_at_the_border_is_refined_by_cells_of_its_own_border() -> None:
    deployed = DeployedDetector(FishDetector(TINY, pretrained=False).eval())
    columns = TINY.width // STRIDE
    (first, last), _ = deployed._around(torch.tensor([[0, columns - 1], [columns + 5, columns + 6]]))
    assert (int(first[0]), int(last[0])) == (0, columns - 1)
    assert {int(cell) % columns for cell in first} == {0, 1, 2}
    assert {int(cell) % columns for cell in last} == {columns - 3, columns - 2, columns - 1}
    assert {int(cell) // columns for cell in last} == {0, 1, 2}


def test_duplicates_are_suppressed_inside_the_graph() -> None:
    boxes = torch.tensor([[[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [0, 0, 0, 0]]], dtype=torch.float32)
    assert survivors(boxes, 0.5).tolist() == [[1.0, 0.0, 1.0, 1.0]]


def test_an_epoch_is_the_same_whenever_it_is_drawn() -> None:
    frames = [painted_frame()] * 3
    weights = np.full(3, 1 / 3)
    first, again, other = (
        next(iter(epoch_batches(frames, weights, images=4, batch_size=2, seed=1, epoch=epoch))) for epoch in (4, 4, 5)
    )
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)


def test_the_rate_warms_up_and_falls() -> None:
    rates = [learning_rate(step, 100, 10) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] < 0.02


def test_the_shipped_configuration_reads_and_a_wrong_key_is_named(tmp_path: Path) -> None:
    path = ROOT / "models" / "detector" / "configs" / "fish_detector.yaml"
    config = load_config(path)
    assert config.name == "fish-detector"
    for other in ("fish_detector_start.yaml", "fish_detector_crowds.yaml", "fish_detector_known_water.yaml"):
        assert [(each.folder, each.held_out_sites) for each in load_config(path.with_name(other)).sources] == [
            (each.folder, each.held_out_sites) for each in config.sources
        ]
    wrong = yaml.safe_load(path.read_text())
    wrong["schedule"]["epoch"] = 3
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    with pytest.raises(ConfigurationError) as caught:
        load_config(tmp_path / "wrong.yaml")
    assert caught.value.field == "schedule.epoch"
    with pytest.raises(ConfigurationError, match="--data"):
        prepare(config, [tmp_path])
