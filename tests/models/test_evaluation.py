"""A bundle is judged on a frozen data set and compared with the one in production, as ``shoal models evaluate`` and ``gate`` do."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from contracts.bundles import Task
from contracts.errors import ConfigurationError
from models.evaluation.bootstrap import differences, with_intervals
from models.evaluation.conditions import conditions
from models.evaluation.detection import FrameResult, score
from models.evaluation.document import FoundBox, ImageResult, ModelUnderTest, TrueBox, read_evaluation
from models.evaluation.figures import ClassificationJudge, DetectionJudge, ScoresJudge, auroc
from models.evaluation.gate import load_rules
from models.evaluation.judge import slice_figures, slice_names
from models.evaluation.worst import worst_cases
from shoal.cli import app
from tests.models.tiny_bundle import CELL, bright_cells, tiny_classifier, tiny_detector

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)


def shoal(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, arguments)], catch_exceptions=False)


def good(*arguments: object) -> str:
    result = shoal(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def model(
    task: Task = Task.CLASSIFICATION, *, labels: tuple[str, ...] = ("red", "green"), **more: Any
) -> ModelUnderTest:
    return ModelUnderTest(
        name="tiny", version="1.0.0", sha256="0" * 64, task=task, labels=labels, threshold=0.5, **more
    )


def answer(number: int, label: str, scores: tuple[float, ...], **slices: str) -> ImageResult:
    return ImageResult(
        path=f"{number}.png", sha256="0" * 64, group=f"track-{number}", slices=slices, classes=(label,), scores=scores
    )


def frame(number: int, found: list[tuple[float, float]], truth: list[float], *, label: str = "fish") -> ImageResult:
    """Boxes of a tenth by a tenth; a found one is (left, confidence), a true one its left."""
    return ImageResult(
        path=f"{number}.png", sha256="0" * 64, group=f"video-{number // 2}",
        boxes=tuple(TrueBox(label=label, box=(x, 0.0, x + 0.1, 0.1)) for x in truth),
        found=tuple(FoundBox(label=label, box=(x, 0.0, x + 0.1, 0.1), confidence=c) for x, c in found),
    )  # fmt: skip


def ones(images: list[ImageResult]) -> np.ndarray[Any, Any]:
    return np.ones(len(images))


def tank(folder: Path, *, videos: int = 11, frames: int = 2) -> Path:
    """Frames of bright fish in a dark tank, two sites, as a frozen data set whose second site judges; returns its file."""
    (folder / "tank" / "images").mkdir(parents=True)
    (folder / "tank" / "labels").mkdir()
    index = ["path,sequence,habitat"]
    rng = np.random.default_rng(1)
    for video in range(videos):
        base = rng.integers(0, 40, (8, 12, 3), np.uint8)
        for number in range(frames):
            cell = (int(rng.integers(4)), int(rng.integers(2)))
            picture = cv2.resize(base, (64, 32), interpolation=cv2.INTER_CUBIC)
            picture = np.maximum(picture, bright_cells([cell], value=255 if video % 2 else 200))
            name = f"v{video}_f{number:03d}"
            cv2.imwrite(str(folder / "tank" / "images" / f"{name}.png"), picture)
            x, y = (cell[0] + 0.5) * CELL / 64, (cell[1] + 0.5) * CELL / 32
            (folder / "tank" / "labels" / f"{name}.txt").write_text(f"0 {x} {y} {CELL / 64} {CELL / 32}\n")
            index.append(f"images/{name}.png,v{video},{'north' if video else 'south'}")
    (folder / "tank" / "index.csv").write_text("\n".join(index))
    good("dataset", "import", "yolo", folder / "tank", "-o", folder / "tank.json", "--label", "fish")
    good(
        "dataset",
        "freeze",
        folder / "tank.json",
        "-o",
        folder / "frozen",
        "--by",
        "site",
        "--hold-out",
        "north",
        "--near-duplicate",
        1.0,
    )
    (frozen,) = (folder / "frozen").iterdir()
    return frozen


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a frozen data set, a candidate, the model in production, and an evaluation of each."""
    folder = tmp_path_factory.mktemp("judged")
    frozen = tank(folder)
    tiny_detector(folder / "candidate", version="2.0.0")
    tiny_detector(folder / "production", threshold=0.9)
    for name in ("candidate", "production"):
        arguments = ("--dataset", frozen, "--data", folder, "--json", folder / f"{name}.json", "--resamples", 50)
        report = ("--report", folder / "report.html") if name == "candidate" else ()
        good("evaluate", "--bundle", folder / name, *arguments, *report)
    return folder


def test_a_bundle_is_judged_on_what_was_held_out_alone(judged: Path) -> None:
    evaluation = read_evaluation(judged / "candidate.json")
    assert evaluation.dataset.splits == ("unseen_site",)
    assert len(evaluation.images) == 20
    assert evaluation.slices["all"].groups == 10
    figures = evaluation.slices["all"].figures
    assert figures["map50"].value == pytest.approx(1.0, abs=0.01)
    assert figures["count_mae"].value == 0
    assert read_evaluation(judged / "production.json").slices["all"].figures["count_mae"].value == pytest.approx(0.5)


def test_the_report_is_one_page_with_plots_and_no_foreign_file(judged: Path) -> None:
    page = (judged / "report.html").read_text()
    assert page.count("<svg") == 4
    assert "tiny 2.0.0 on tank" in page
    assert "None: every picture was judged right" in page
    assert 'src="http' not in page
    assert "href=" not in page.replace("xlink:href", "").replace("#", "") or "http" not in page.split("<svg")[0]


def test_the_gate_promotes_what_is_no_worse_and_refuses_what_is(judged: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "name: tank\nrules:\n  - {metric: count_mae, slices: [all, 'site=*'], worse_by_at_most: 0.05, inconclusive_passes: true}\n  - {metric: map50, at_least: 0.9}\n"
    )
    better = ("--candidate", judged / "candidate.json", "--production", judged / "production.json", "--rules", rules)
    out = good("gate", *better, "--json", tmp_path / "decision.json")
    assert "promote by the rules tank" in out
    assert json.loads((tmp_path / "decision.json").read_text())["decision"] == "promote"
    result = shoal(
        "gate", "--candidate", judged / "production.json", "--production", judged / "candidate.json", "--rules", rules
    )
    assert result.exit_code == 1
    assert "failed       count_mae on all is worse by 0.500" in result.output


def test_the_shipped_rules_are_chosen_by_the_task(judged: Path) -> None:
    same = ("--candidate", judged / "candidate.json", "--production", judged / "candidate.json")
    assert "promote by the rules detection" in good("gate", *same)
    result = shoal("gate", "--candidate", judged / "candidate.json")
    assert result.exit_code == 1
    assert "there is no production model to compare with" in result.output
    assert "inconclusive by the rules detection" in result.output


def test_evaluations_of_other_pictures_are_not_compared(judged: Path, tmp_path: Path) -> None:
    document = json.loads((judged / "candidate.json").read_text())
    document["dataset"]["sha256"] = "f" * 64
    (tmp_path / "other.json").write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match="same data set"):
        shoal("gate", "--candidate", judged / "candidate.json", "--production", tmp_path / "other.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="no evaluation"):
        shoal("gate", "--candidate", tmp_path / "other.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--split", "fold-9"), "The data set has"),
        (("--bundle", "/nowhere"), "no such folder"),
    ],
)
def test_what_cannot_be_judged_is_refused(judged: Path, arguments: tuple[str, ...], message: str) -> None:
    (frozen,) = (judged / "frozen").iterdir()
    with pytest.raises(ConfigurationError, match=message):
        shoal("evaluate", "--bundle", judged / "candidate", "--dataset", frozen, "--data", judged, *arguments)


def test_a_model_of_other_labels_is_refused(judged: Path, tmp_path: Path) -> None:
    for label in ("trout", "bream"):
        (tmp_path / "crops" / label).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "crops" / label / "1.png"), np.full((32, 32, 3), 99, np.uint8))
    good("dataset", "import", "classes", tmp_path / "crops", "-o", tmp_path / "crops.json")
    tiny_classifier(tmp_path / "colours")
    with pytest.raises(ConfigurationError, match="has only bream, trout"):
        shoal("evaluate", "--bundle", tmp_path / "colours", "--dataset", tmp_path / "crops.json")
    with pytest.raises(ConfigurationError, match="judged by boxes"):
        shoal("evaluate", "--bundle", judged / "candidate", "--dataset", tmp_path / "crops.json")


def test_a_classifier_is_judged_with_its_unknown_class(tmp_path: Path) -> None:
    colours = {"red": (0, 0, 255), "green": (0, 255, 0), "pike": (60, 60, 60)}
    for label, colour in colours.items():
        (tmp_path / "crops" / label).mkdir(parents=True)
        for number in range(24):
            cv2.imwrite(
                str(tmp_path / "crops" / label / f"{number}.png"),
                np.clip(np.full((32, 32, 3), colour) - number, 0, 255),
            )
    good("dataset", "import", "classes", tmp_path / "crops", "-o", tmp_path / "crops.json")
    tiny_classifier(tmp_path / "colours")
    good("evaluate", "--bundle", tmp_path / "colours", "--dataset", tmp_path / "crops.json", "--json", tmp_path / "e.json",
         "--report", tmp_path / "report.html", "--resamples", 20)  # fmt: skip
    evaluation = read_evaluation(tmp_path / "e.json")
    figures = evaluation.slices["all"].figures
    assert (figures["accuracy"].value, figures["auroc_unknown"].value, figures["told"].value) == (1, 1, 1)
    assert evaluation.slices["species=pike"].figures["accuracy"].value is None
    of_red = evaluation.slices["species=red"].figures
    assert (of_red["accuracy"].value, of_red["macro_f1"].value) == (1, None)
    assert "pike, said" in (tmp_path / "report.html").read_text()


def test_figures_of_classes() -> None:
    images = [answer(n, "red", (0.9, 0.1)) for n in range(6)] + [answer(n, "red", (0.2, 0.8)) for n in range(6, 8)]
    images += [answer(n, "green", (0.3, 0.7)) for n in range(8, 10)] + [answer(10, "pike", (0.6, 0.4))]
    judge = ClassificationJudge(model(unknown_below=0.75), images)
    figures = judge.figures(ones(images))
    assert figures["accuracy"] == pytest.approx(0.8)
    assert figures["balanced_accuracy"] == pytest.approx((0.75 + 1) / 2)
    assert figures["macro_f1"] == pytest.approx((12 / 14 + 4 / 6) / 2)
    assert figures["ece"] == pytest.approx((6 * 0.1 + 2 * 0.8 + 2 * 0.3) / 10)
    assert figures["auroc_unknown"] == 1
    assert [figures["told"], figures["accuracy_of_told"]] == pytest.approx([0.8, 0.75])
    assert judge.confusion(ones(images)).tolist() == [[6, 2], [0, 2]]


def test_a_figure_that_cannot_be_told_is_unknown_not_zero() -> None:
    judge = ClassificationJudge(model(), [answer(1, "pike", (0.5, 0.5))])
    figures = judge.figures(np.ones(1))
    assert all(np.isnan(figures[name]) for name in ("accuracy", "macro_f1", "ece", "auroc_unknown"))
    nothing = DetectionJudge(model(Task.DETECTION, labels=("fish",)), [frame(0, [], [])])
    assert np.isnan(nothing.figures(np.ones(1))["map50"])
    assert nothing.figures(np.ones(1))["count_mae"] == 0


def test_average_precision_is_the_one_of_the_training_report_and_counts_pictures_by_weight() -> None:
    rng = np.random.default_rng(4)
    images, results = [], []
    for number in range(40):
        truth = sorted(rng.choice(9, rng.integers(0, 5), replace=False) / 10)
        found = [(x + rng.normal(0, 0.03), round(float(rng.uniform(0.3, 1)), 3)) for x in truth if rng.random() < 0.8]
        found += [(float(rng.uniform(0, 0.9)), round(float(rng.uniform(0, 0.7)), 3)) for _ in range(2)]
        images.append(frame(number, found, truth))
        best = sorted(images[-1].found, key=lambda f: -f.confidence)
        results.append(
            FrameResult(
                np.array([f.box for f in best], np.float32).reshape(-1, 4),
                np.array([f.confidence for f in best], np.float32),
                np.array([b.box for b in images[-1].boxes], np.float32).reshape(-1, 4),
            )
        )
    judge = DetectionJudge(model(Task.DETECTION, labels=("fish",)), images)
    expected, figures = score(results, 0.5), judge.figures(ones(images))
    assert figures["map50"] == pytest.approx(expected.map50, abs=1e-6)
    assert figures["map50_95"] == pytest.approx(expected.map50_95, abs=1e-6)
    assert figures["f1"] == pytest.approx(expected.f1)
    assert figures["count_mae"] == pytest.approx(expected.count_mae)
    twice = DetectionJudge(model(Task.DETECTION, labels=("fish",)), [*images, *images[:10]]).figures(np.ones(50))
    assert judge.figures(np.r_[np.full(10, 2.0), np.ones(30)])["map50"] == pytest.approx(twice["map50"], abs=2e-3)


def test_a_fish_of_another_species_is_no_hit() -> None:
    images = [frame(0, [(0.1, 0.9)], [0.1], label="trout"), frame(1, [(0.1, 0.9)], [0.1], label="bream")]
    wrong = images[1].model_copy(
        update={"found": (FoundBox(label="trout", box=(0.1, 0.0, 0.2, 0.1), confidence=0.95),)}
    )
    two = model(Task.DETECTION, labels=("trout", "bream"))
    assert DetectionJudge(two, images).figures(np.ones(2))["map50"] == pytest.approx(1)
    assert DetectionJudge(two, [images[0], wrong]).figures(np.ones(2))["map50"] == pytest.approx(0.25, abs=0.01)


def test_findings_are_judged_one_by_one() -> None:
    lesion = model(Task.SCORES, labels=("lesion", "lice"))
    images = [answer(n, "lesion", (0.9, 0.1)) for n in range(3)]
    images += [ImageResult(path=f"h{n}.png", sha256="0" * 64, group=f"h{n}", scores=(0.6, 0.2)) for n in range(3)]
    figures = ScoresJudge(lesion, images).figures(ones(images))
    assert figures["macro_auroc"] == 1  # lice are nowhere, so nothing is told of them
    assert figures["macro_f1"] == pytest.approx(2 * 3 / (6 + 3))


def test_auroc_counts_ties_as_half() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.1])
    assert auroc(scores, np.array([True, True, False, False]), np.ones(4)) == pytest.approx(0.875)
    assert auroc(scores, np.array([True, True, False, False]), np.array([1.0, 0, 1, 1])) == 1


def test_an_interval_counts_tracks_not_pictures() -> None:
    rng = np.random.default_rng(2)
    right = np.repeat(rng.random(12) < 0.7, 50)
    images = [answer(n, "red", (0.9, 0.1) if good else (0.1, 0.9)) for n, good in enumerate(right)]
    judge, everything = ClassificationJudge(model(), images), np.ones(len(images), bool)
    by_picture = with_intervals(judge, [i.group for i in images], everything, resamples=200)["accuracy"]
    by_track = with_intervals(judge, [str(n // 50) for n in range(600)], everything, resamples=200)["accuracy"]
    assert by_picture.value == by_track.value
    assert None not in {by_picture.low, by_picture.high, by_track.low, by_track.high}
    assert (by_track.high or 0) - (by_track.low or 0) > 4 * ((by_picture.high or 0) - (by_picture.low or 0))
    again = with_intervals(judge, [str(n // 50) for n in range(600)], everything, resamples=200)["accuracy"]
    assert again == by_track
    few = with_intervals(judge, [str(n // 200) for n in range(600)], everything)["accuracy"]
    assert (few.low, few.high) == (None, None)


def test_a_paired_difference_is_surer_than_two_intervals() -> None:
    rng = np.random.default_rng(3)
    hard = rng.random(200) < 0.4
    first = [answer(n, "red", (0.1, 0.9) if hard[n] else (0.9, 0.1)) for n in range(200)]
    second = [answer(n, "red", (0.1, 0.9) if hard[n] and n % 8 else (0.9, 0.1)) for n in range(200)]
    groups, everything = [i.group for i in first], np.ones(200, bool)
    one, other = ClassificationJudge(model(), second), ClassificationJudge(model(), first)
    gain = differences(one, other, groups, everything, resamples=200, seed=1)["accuracy"]
    alone = with_intervals(one, groups, everything, resamples=200)["accuracy"]
    assert (gain.low or 0) > 0
    assert (gain.high or 0) - (gain.low or 0) < 0.6 * ((alone.high or 0) - (alone.low or 0))


def test_small_slices_and_those_of_everything_are_left_out() -> None:
    images = [answer(n, "red", (1.0, 0.0), site="north", light="dark" if n < 30 else "bright") for n in range(45)]
    assert slice_names(images) == ["all", "light=dark"]
    told = slice_figures(model(), images, resamples=10)
    assert (told["light=dark"].images, told["light=dark"].groups) == (30, 30)


def test_water_and_light_are_told_from_the_picture() -> None:
    rng = np.random.default_rng(6)
    reef = np.clip(cv2.resize(rng.integers(60, 250, (36, 64, 3), np.uint8), (640, 360)), 0, 255).astype(np.uint8)
    milk = np.clip(reef.astype(float) * 0.05 + 150, 0, 255).astype(np.uint8)
    assert conditions(reef) == {"light": "bright", "turbidity": "clear"}
    assert conditions(milk) == {"light": "bright", "turbidity": "turbid"}
    assert conditions((reef * 0.2).astype(np.uint8))["light"] == "dark"


def test_the_worst_cases_are_spread_over_the_groups(judged: Path) -> None:
    evaluation = read_evaluation(judged / "candidate.json")
    images = [frame(n, [(0.1, 0.9)], [0.1] if n > 5 else [0.3, 0.5, 0.7][: 1 + n % 2]) for n in range(12)]
    cases = worst_cases(evaluation.model_copy(update={"images": tuple(images)}), most=4)
    assert [case.image.group for case in cases[:3]] == ["video-0", "video-1", "video-2"]
    assert cases[0].text == "2 there: 0 found, 2 missed, 1 false"
    assert len(cases) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: [", "cannot be used"),
        ("name: a\nrules: []", "rules"),
        ("name: a\nrules: [{metric: map50}]", "at_least"),
        ("name: a\nrules: [{metric: beauty, at_least: 1}]", "Known are accuracy"),
        ("name: a\nrules: [{metric: map50, atleast: 1}]", "atleast"),
    ],
)
def test_wrong_rules_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rules.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        load_rules(str(tmp_path / "rules.yaml"))


def test_shipped_rules_can_be_used() -> None:
    assert {load_rules(name).name for name in ("detection", "classification")} == {"detection", "classification"}
