"""Commands of ``shoal admin`` for the models that answer predictions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from shoal.admin.table import AsJson, show

models = typer.Typer(help="Models that answer predictions.", no_args_is_help=True)

_COLUMNS = ("key", "task", "active", "loaded", "candidate_share", "shipped", "bytes", "licence")


@models.command("list")
def models_list(
    active: Annotated[bool, typer.Option("--active", help="Those alone that answer for their task")] = False,
    as_json: AsJson = False,
) -> None:
    """Installed models, by name, newest version first."""
    show(
        lambda client: (client.list_active_models() if active else client.list_all_models())["items"], _COLUMNS, as_json
    )


@models.command("show")
def models_show(
    model: Annotated[str, typer.Argument(help="name@version, as `list` names it")], as_json: AsJson = False
) -> None:
    """One model with its card: what it sees, how it was judged, from what it was trained."""

    def lines(client: Any) -> list[Any]:
        found = client.get_ml_model(model)
        return [found] if as_json else [{"field": name, "value": _told(value)} for name, value in found.items()]

    show(lines, ("field", "value"), as_json)


@models.command("stats")
def models_stats(as_json: AsJson = False) -> None:
    """How each version has done in the process that answered, since it started."""
    columns = ("key", "predictions", "errors", "latency_ms_p50", "latency_ms_p95", "confidence_mean")
    show(lambda client: client.get_model_stats()["items"], columns, as_json)


def _told(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(str(_told(each)) for each in value)
    return value
