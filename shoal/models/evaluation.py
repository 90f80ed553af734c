"""``shoal models evaluate`` and ``gate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shoal.models.dataset import Roots, roots


def register(group: typer.Typer) -> None:
    """Add the commands to ``shoal models``."""
    group.command("evaluate")(evaluate)
    group.command("gate")(gate)


def evaluate(
    bundle: Annotated[str, typer.Option(help="Name of a shipped bundle, or the path of a bundle folder")],
    dataset: Annotated[Path, typer.Option(help="Frozen data set (shoal models dataset freeze)")],
    report: Annotated[Path | None, typer.Option(help="Write a page with plots and worst cases (.html)")] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write figures and every answer, for shoal models gate")
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(help="Part that judges; may be repeated. [default: all that the model did not learn from]"),
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Take every n-th picture, for a quick look")] = 1,
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap resamples for the intervals; 0 for none")] = 500,
    seed: Annotated[int, typer.Option(help="Of the bootstrap")] = 1,
    data: Roots = None,
) -> None:
    """Judge an exported bundle as a device runs it: figures with intervals, by site, light, turbidity and species.

    Intervals draw whole groups (tracks, videos), so a thousand frames of three videos do not look surer than they are.
    """
    from datetime import datetime, timezone

    from rich.console import Console
    from rich.progress import track

    from models.data.snapshot import read_snapshot
    from models.evaluation.document import write_evaluation
    from models.evaluation.judge import judge_bundle
    from models.evaluation.table import table
    from models.runtime.bundle import find_bundle

    console = Console()
    snapshot = read_snapshot(dataset)
    places = roots(data, dataset)
    evaluation = judge_bundle(
        find_bundle(bundle, field="--bundle"),
        snapshot,
        places,
        now=datetime.now(timezone.utc).replace(microsecond=0),
        splits=split or (),
        every=every,
        resamples=resamples,
        seed=seed,
        watch=lambda items: track(items, "pictures", console=console),
        watch_slices=lambda items: track(items, "intervals", console=console),
    )
    console.print(table(evaluation))
    if json_out is not None:
        write_evaluation(evaluation, json_out)
        typer.echo(f"figures and answers: {json_out}")
    if report is not None:
        from models.evaluation.report import write_report

        write_report(evaluation, snapshot, places, report)
        typer.echo(f"report: {report}")


def gate(
    candidate: Annotated[Path, typer.Option(help="Evaluation of the candidate (shoal models evaluate --json)")],
    production: Annotated[
        Path | None, typer.Option(help="Evaluation of the model in production, on the same data set")
    ] = None,
    rules: Annotated[
        str | None, typer.Option(help="YAML file of rules, or detection or classification. [default: by the task]")
    ] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the decision with its reasons")] = None,
) -> None:
    """Promote or refuse a candidate, with the reason for every rule and slice; exit status 0 only for promote.

    What the pictures cannot tell is inconclusive, and says about how many groups would tell.
    """
    from rich.console import Console

    from models.evaluation.document import read_evaluation
    from models.evaluation.gate import gate as judged
    from models.evaluation.gate import load_rules
    from models.evaluation.rules import Decision

    evaluation = read_evaluation(candidate, field="--candidate")
    other = None if production is None else read_evaluation(production, field="--production")
    result = judged(evaluation, other, load_rules(rules or evaluation.model.task.value))
    console = Console(highlight=False)
    colours = {"failed": "red", "inconclusive": "yellow", "passed": "green"}
    for reason in result.reasons:
        waived = " (the rule lets that pass)" if reason.waived else ""
        console.print(
            f"[{colours[reason.verdict.value]}]{reason.verdict.value:<12}[/] {reason.text}{waived}", soft_wrap=True
        )
    console.print(f"[b]{result.decision.value}[/b] by the rules {result.rules}")
    if json_out is not None:
        json_out.write_text(result.model_dump_json(indent=1))
    raise typer.Exit(0 if result.decision is Decision.PROMOTE else 1)
