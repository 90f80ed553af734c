"""The group ``shoal models``: what each command does is told in ``models/``; here are only its arguments.

Commands live in a file for each step (``dataset.py``, ``evaluation.py``, ...) with a ``register`` that adds them to the
group. Nothing is imported before a command runs: torch is loaded by training alone.
"""

from __future__ import annotations

from typing import Annotated

import typer

from shoal.models import dataset, evaluation, training

_HELP = """From a farm's frames to a better model.

dataset import → dataset freeze → train → export → evaluate → gate: each step writes files that the next one reads, and
names by sha256 what it has read. docs/models.md walks through all of it.
"""

models = typer.Typer(help=_HELP, no_args_is_help=True)
dataset.register(models)
evaluation.register(models)
training.register(models)


@models.command("verify")
def verify(
    bundle: Annotated[
        str, typer.Argument(help="Name of a shipped bundle, or the path of a bundle folder")
    ] = "fish-detector",
) -> None:
    """Check a model bundle: manifest, and the sha256 of every file."""
    from models.runtime.bundle import find_bundle, load_bundle

    loaded = load_bundle(find_bundle(bundle))
    typer.echo(f"{loaded.manifest.name} {loaded.manifest.version}: good, sha256 {loaded.manifest.sha256}")
