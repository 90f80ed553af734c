"""Two evaluations and a file of rules become a decision: the same pictures, compared in pairs, slice by slice."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import yaml
from pydantic import ValidationError

from contracts.errors import ConfigurationError
from models.evaluation.bootstrap import differences
from models.evaluation.document import Evaluation
from models.evaluation.figures import HIGHER_IS_BETTER, judge_for
from models.evaluation.judge import in_slice
from models.evaluation.rules import GateResult, GateRules, Measured, decide

GATES = Path(__file__).resolve().parent / "gates"
"""Rules that come with Shoal, one file for each task."""


def load_rules(name_or_path: str) -> GateRules:
    """Read a YAML file of rules, or those that come with Shoal by their name.

    Raises:
        ConfigurationError: unreadable, an unknown key or metric, or a wrong value.
    """
    shipped = GATES / f"{name_or_path}.yaml"
    path = shipped if shipped.is_file() else Path(name_or_path)
    try:
        rules = GateRules.model_validate(yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError) as error:
        names = ", ".join(sorted(each.stem for each in GATES.glob("*.yaml")))
        raise ConfigurationError("--rules", name_or_path, f"Give a YAML file, or one of {names}. {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigurationError(
            ".".join(map(str, first["loc"])) or "rules", first["input"], f"{first['msg']}. Correct {path}."
        ) from error
    for number, rule in enumerate(rules.rules):
        if rule.metric not in HIGHER_IS_BETTER:
            raise ConfigurationError(f"rules.{number}.metric", rule.metric, f"Known are {', '.join(HIGHER_IS_BETTER)}.")
    return rules


def gate(candidate: Evaluation, production: Evaluation | None, rules: GateRules) -> GateResult:
    """Decide whether the candidate may replace the model in production.

    Raises:
        ConfigurationError: the two were not judged by the same pictures.
    """
    if production is not None:
        _same_pictures(candidate, production)
    return decide(rules, measure(candidate, production, rules))


def measure(candidate: Evaluation, production: Evaluation | None, rules: GateRules) -> list[Measured]:
    """The figures that the rules ask for; differences only where a rule compares."""
    patterns = {pattern for rule in rules.rules for pattern in rule.slices}
    compared = {pattern for rule in rules.rules if rule.compares for pattern in rule.slices}
    groups = [image.group for image in candidate.images]
    judges = None
    if production is not None and compared:
        place = {image.path: image for image in production.images}
        theirs = [place[image.path] for image in candidate.images]
        judges = (judge_for(candidate.model, candidate.images), judge_for(production.model, theirs))
    measured = []
    for name, told in candidate.slices.items():
        if not any(fnmatchcase(name, pattern) for pattern in patterns):
            continue
        changes = {}
        if judges is not None and any(fnmatchcase(name, pattern) for pattern in compared):
            inside = np.asarray(in_slice(candidate.images, name))
            changes = differences(*judges, groups, inside, resamples=candidate.resamples, seed=candidate.seed)
        measured += [
            Measured(metric, name, told.groups, HIGHER_IS_BETTER.get(metric, True), figure, changes.get(metric))
            for metric, figure in told.figures.items()
        ]
    return measured


def _same_pictures(candidate: Evaluation, production: Evaluation) -> None:
    ours, theirs = candidate.dataset, production.dataset
    if ours.sha256 != theirs.sha256:
        raise ConfigurationError(
            "--production",
            f"{theirs.name} {theirs.sha256[:12]}",
            f"The candidate was judged by {ours.name} {ours.sha256[:12]}: evaluate both on the same data set.",
        )
    if candidate.model.task is not production.model.task:
        raise ConfigurationError("--production", production.model.task.value, "The candidate has another task.")
    if {image.path for image in candidate.images} != {image.path for image in production.images}:
        raise ConfigurationError(
            "--production",
            f"{len(production.images)} pictures",
            "Evaluate both on the same parts, with the same --every.",
        )
