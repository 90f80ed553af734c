"""JSON Schemas of every file that people write, made from the settings themselves, with their docstrings as help in editors.

They lie in firmware_configs/schema; ``shoal firmware schema`` writes them, and a test compares. A schema knows types, names and
ranges; what several fields say together only ``shoal firmware check`` and ``shoal edge check`` know.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

Schema = dict[str, Any]


_PROGRAMS = Path(__file__).resolve().parents[2]


class _Quiet(GenerateJsonSchema):
    """Defaults that JSON cannot write (a path of this machine) are left out without a word."""

    ignored_warning_kinds: set[Any] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012  (as the base has it)

    def encode_default(self, dft: Any) -> Any:
        """A default; a path of the program's own files from their folder on, wherever they lie: every copy writes the same."""
        own = isinstance(dft, Path) and dft.is_relative_to(_PROGRAMS)
        return super().encode_default(dft.relative_to(_PROGRAMS) if own else dft)


def texts() -> dict[str, str]:
    """The text of every schema by its file's name."""
    return {f"{name}.schema.json": json.dumps(make(), indent=2) + "\n" for name, make in _MAKERS.items()}


def write(folder: Path) -> Iterator[Path]:
    """Write them all; yields what changed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            yield path


def _edge() -> Schema:
    from edge.sensors.registry import OURS, driver_kind
    from edge.settings import EdgeSettings

    schema = _of(EdgeSettings)
    drivers = {name: driver_kind(name).settings for name in OURS}
    choices: list[Schema] = []
    for settings in drivers.values():
        own = _of(settings)
        schema["$defs"].update(own.pop("$defs", {}))
        schema["$defs"][settings.__name__] = own
        choices.append({"$ref": f"#/$defs/{settings.__name__}"})
    # A driver of another package brings fields that are not known here.
    foreign = {"type": "object", "required": ["driver"], "properties": {"driver": {"not": {"enum": sorted(drivers)}}}}
    schema["properties"]["sensors"]["items"] = {"anyOf": [*choices, foreign]}
    for part in (schema, *schema["$defs"].values()):
        for what in part.get("properties", {}).values():
            if any(one.get("format") == "path" for one in (what, *what.get("anyOf", ()))):
                what["description"] = (
                    f"{what.get('description', '')} A relative path is relative to this file.".lstrip()
                )
    return schema


def _bridge() -> Schema:
    from bridge.settings import BridgeSettings

    return _of(BridgeSettings)


def _environment() -> Schema:
    """What the programs of the cloud read from the environment; everything may be written as text there."""
    from cloud import settings

    properties: Schema = {}
    definitions: Schema = {}
    programs: dict[str, type[BaseModel]] = {
        "api": settings.CloudSettings,
        "ingest": settings.IngestSettings,
        "watch": settings.WatchSettings,
        "worker": settings.WorkerSettings,
        "rollouts": settings.RolloutSettings,
        "predict": settings.StreamPredictorSettings,
        "maintain": settings.RetentionSettings,
        "box": settings.BoxTraceSettings,
    }
    for program, model in programs.items():
        own = _of(model)
        definitions.update(own.get("$defs", {}))
        for field, what in own["properties"].items():
            known = properties.setdefault(f"SHOAL_{field}".upper(), {**_or_text(what), "x-programs": []})
            known["x-programs"].append(program)
    return {
        "title": "Environment of the cloud's programs",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": definitions,
    }


def _probe() -> Schema:
    from edge.sensors.drivers.modbus.probe import ProbeMap

    return _of(ProbeMap)


def _guard() -> Schema:
    from edge.guard.schema import RulesFile

    return _of(RulesFile)


def _calibration() -> Schema:
    from edge.sensors.calibration import ProbeFile

    return _of(ProbeFile)


def _cameras() -> Schema:
    from shoal.firmware.cameras import CameraProfile

    return _of(CameraProfile)


def _nodes() -> Schema:
    from shoal.firmware.nodes import NodesFile

    return _of(NodesFile)


_MAKERS: dict[str, Callable[[], Schema]] = {
    "edge": _edge,
    "bridge": _bridge,
    "environment": _environment,
    "probe": _probe,
    "guard": _guard,
    "calibration": _calibration,
    "cameras": _cameras,
    "nodes": _nodes,
}


def _of(model: type[BaseModel]) -> Schema:
    schema = model.model_json_schema(by_alias=True, schema_generator=_Quiet)
    classes = {each.__name__: each for each in _classes(model)}
    for name, part in [(model.__name__, schema), *schema.get("$defs", {}).items()]:
        for field, text in _help(classes[name]).items() if name in classes else ():
            alias = classes[name].model_fields[field].alias or field
            if alias in part.get("properties", {}):
                part["properties"][alias].setdefault("description", text)
    return schema


def _classes(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model and all models that its fields mention."""
    seen, waiting = set(), [model]
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        yield each
        for field in each.model_fields.values():
            waiting.extend(_models_in(field.annotation))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models_in(inner)


@lru_cache
def _help(model: type[BaseModel]) -> dict[str, str]:
    """The docstring under each field, of the class and those it inherits from."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if each in {object, BaseModel} or not issubclass(each, BaseModel) or each.__module__.startswith("pydantic"):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for field, text in pairwise(statements):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
                and field.target.id in model.model_fields
            ):
                found[field.target.id] = inspect.cleandoc(str(text.value.value)).replace("``", "`")
    return found


def _or_text(what: Schema) -> Schema:
    described: Schema = {key: what[key] for key in ("title", "description", "default") if key in what}
    rest = {key: value for key, value in what.items() if key not in described}
    choices = rest.pop("anyOf", [rest])
    return {**described, "anyOf": [*choices, {"type": "string"}]}
