"""``python -m models.serving.batch``: predict a manifest of pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from contracts.errors import ConfigurationError


def main(
    manifest: Annotated[str, typer.Option(help="CSV (image, unit, observed_at, sha256) or JSON lines of the same")],
    output: Annotated[
        str, typer.Option(help="Folder for predictions-*.parquet, report.html and report.json; replaced")
    ],
    bundle: Annotated[str, typer.Option(help="Shipped bundle, or path of a bundle's folder")] = "fish-detector",
    shards: Annotated[int, typer.Option(min=1, max=1000, help="Parquet files")] = 1,
    option: Annotated[
        list[str] | None, typer.Option(help="Option of Beam, e.g. --option=--runner=FlinkRunner; may be repeated")
    ] = None,
    fail_on_invalid: Annotated[bool, typer.Option(help="End with 1 when a check of the validation fails")] = True,
) -> None:
    """Predict every picture of a manifest, flag what is unusual, and report whether the run can be believed.

    Ends with 0; with 1 when a check failed; with 2 when the manifest or the bundle cannot be used.
    """
    from models.serving.batch.pipeline import run

    try:
        checks = run(manifest, bundle, output, shards=shards, options=option)
    except ConfigurationError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    for check in checks:
        typer.echo(f"{'passed' if check.passed else 'FAILED'}  {check.name}: {check.detail}")
    raise typer.Exit(0 if all(check.passed for check in checks) or not fail_on_invalid else 1)


if __name__ == "__main__":
    typer.run(main)
