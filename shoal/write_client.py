"""Writes ``client/models.py`` and ``client/operations.py`` from the OpenAPI document: ``python -m shoal.write_client``.

Small on purpose: schemas become typed dictionaries, operations become methods, and whatever is not JSON is bytes. A test
compares the files with what this writes.
"""

from __future__ import annotations

import json
import keyword
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

HERE = Path(__file__).parent / "client"
DOCUMENT = HERE.parent.parent / "cloud" / "dashboard" / "openapi.json"
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_ENDLESS = frozenset({"text/event-stream"})
Schema: TypeAlias = Mapping[str, Any]


def generate(document: Mapping[str, Any]) -> dict[str, str]:
    """The text of each file by its name."""
    return {"models.py": _models(document), "operations.py": _operations(document)}


def _models(document: Mapping[str, Any]) -> str:
    parts = [
        '"""Shapes of requests and answers, generated from the OpenAPI document by ``shoal.write_client``."""\n',
        "from __future__ import annotations\n",
        "from typing import Any, Literal, TypeAlias, TypedDict\n",
    ]
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts.append(_model(_class_name(name), schema))
    return "\n".join(parts)


def _model(name: str, schema: Schema) -> str:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    if schema.get("type") != "object" or not properties:
        # Quoted, because an alias may name what follows it.
        return f"\n{name}: TypeAlias = {json.dumps(_type(schema))}\n{_doc(schema, indent='')}"
    required = set(schema.get("required", ()))
    if not all(each.isidentifier() and not keyword.iskeyword(each) for each in properties):
        fields = ", ".join(f"{json.dumps(each)}: {json.dumps(_type(shape))}" for each, shape in properties.items())
        return f"\n{name} = TypedDict({json.dumps(name)}, {{{fields}}}, total=False)\n"
    always = {each: shape for each, shape in properties.items() if each in required}
    perhaps = {each: shape for each, shape in properties.items() if each not in required}
    if not perhaps:
        return f"\n\nclass {name}(TypedDict):\n{_doc(schema)}{_fields(always)}"
    if not always:
        return f"\n\nclass {name}(TypedDict, total=False):\n{_doc(schema)}{_fields(perhaps)}"
    base = f"\n\nclass _{name}Always(TypedDict):\n{_fields(always)}"
    return f"{base}\n\nclass {name}(_{name}Always, total=False):\n{_doc(schema)}{_fields(perhaps)}"


def _fields(properties: Mapping[str, Schema]) -> str:
    return "".join(f"    {name}: {_type(shape)}\n{_doc(shape)}" for name, shape in properties.items())


def _doc(schema: Schema, *, indent: str = "    ") -> str:
    text = str(schema.get("description", "")).strip().replace("\\", "\\\\").replace('"""', "'''")
    if not text:
        return ""
    body = ("\n" + indent).join(line.strip() for line in text.splitlines())
    return f'{indent}"""{body}{" " if body.endswith(chr(34)) else ""}"""\n'


def _type(schema: Schema) -> str:  # noqa: PLR0911  (one answer per kind of schema)
    if "$ref" in schema:
        return _class_name(schema["$ref"].rpartition("/")[2])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " | ".join(dict.fromkeys(_type(each) for each in schema[union]))
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return _type(schema["allOf"][0])
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if "enum" in schema:
        return f"Literal[{', '.join(repr(each) for each in schema['enum'])}]"
    kind = schema.get("type")
    if kind == "array":
        return f"list[{_type(schema['items'])}]" if "items" in schema else "list[Any]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"dict[str, {_type(values)}]" if isinstance(values, Mapping) and values else "dict[str, Any]"
    if isinstance(kind, list):
        return " | ".join(_PLAIN[each] for each in kind)
    return _PLAIN.get(str(kind), "Any")


def _operations(document: Mapping[str, Any]) -> str:
    found = sorted(_each(document), key=lambda operation: _snake(operation[2]["operationId"]))
    parts = [
        '"""Every operation of the API, generated from the OpenAPI document by ``shoal.write_client``."""\n',
        "from __future__ import annotations\n",
        "from collections.abc import Mapping",
        "from typing import Any, Literal",
        "from urllib.parse import quote\n",
        "from shoal.client import models\n",
        "\ndef _part(value: object) -> str:",
        '    """A part of a path, whatever is in it."""',
        '    return quote(str(value), safe="")\n',
    ]
    for name, asynchronous in (("Operations", False), ("AsyncOperations", True)):
        kind = "one after the other" if not asynchronous else "awaited"
        wait = "async " if asynchronous else ""
        parts += [
            f"\nclass {name}:",
            f'    """The operations, {kind}."""\n',
            f"    {wait}def _request(",
            "        self, method: str, path: str, *, query: Mapping[str, Any], headers: Mapping[str, Any], body: Any, form: bool,",
            "        as_json: bool,",
            "    ) -> Any:",
            "        raise NotImplementedError\n",
        ]
        parts += [_method(*operation, asynchronous=asynchronous) for operation in found]
    return "\n".join(parts)


def _each(document: Mapping[str, Any]) -> Iterable[tuple[str, str, Schema]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            content: Mapping[str, Any] = next(
                (answers[each].get("content", {}) for each in sorted(answers) if each.startswith("2")), {}
            )
            if not _ENDLESS & content.keys():
                yield method.upper(), path, operation


def _method(method: str, path: str, operation: Schema, *, asynchronous: bool) -> str:
    name = _snake(operation["operationId"])
    places = {"path": [], "query": [], "header": []}  # type: dict[str, list[Schema]]
    for parameter in operation.get("parameters", ()):
        places.get(parameter["in"], []).append(parameter)
    arguments = ["self", *(f"{_snake(each['name'])}: {_argument(each)}" for each in places["path"])]
    body, form = _body(operation)
    if body is not None:
        arguments.append(f"body: {body}")
    named = [*places["query"], *places["header"]]
    if named:
        arguments.append("*")
        arguments += [
            f"{_snake(each['name'])}: {_argument(each)}" + ("" if each.get("required") else " | None = None")
            for each in sorted(named, key=lambda each: not each.get("required", False))
        ]
    result, as_json = _result(operation)
    address = re.sub(r"\{(\w+)\}", lambda match: "{_part(" + _snake(match[1]) + ")}", path)
    query = ", ".join(f"{json.dumps(each['name'])}: {_snake(each['name'])}" for each in places["query"])
    headers = ", ".join(f"{json.dumps(each['name'])}: {_snake(each['name'])}" for each in places["header"])
    prefix = "f" if "{" in address else ""
    call = (
        f'self._request("{method}", {prefix}"{address}", query={{{query}}}, headers={{{headers}}}, '
        f"body={'body' if body is not None else 'None'}, form={form}, as_json={as_json})"
    )
    summary = str(operation["summary"]).rstrip(".")
    start = "    async def" if asynchronous else "    def"
    lines = [f"{start} {name}({', '.join(arguments)}) -> {result}:", f'        """{summary}."""']
    wait = "await " if asynchronous else ""
    if result == "None":
        lines.append(f"        {wait}{call}")
    else:
        lines += [f"        answer: {result} = {wait}{call}", "        return answer"]
    return "\n".join(lines) + "\n"


def _argument(parameter: Schema) -> str:
    kind = _type(parameter["schema"])
    names = kind.replace(" | None", "") if not parameter.get("required") else kind
    return _qualified(names)


def _body(operation: Schema) -> tuple[str | None, bool]:
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        return _qualified(_type(content["application/json"]["schema"])), False
    if "application/x-www-form-urlencoded" in content:
        return _qualified(_type(content["application/x-www-form-urlencoded"]["schema"])), True
    if "multipart/form-data" in content:
        return "Mapping[str, Any]", True
    return ("bytes", False) if content else (None, False)


def _result(operation: Schema) -> tuple[str, bool]:
    answers = operation["responses"]
    good = [answers[each] for each in sorted(answers) if each.startswith("2")]
    content = good[0].get("content", {}) if good else {}
    if not content:
        return "None", False
    if "application/json" in content:
        return _qualified(_type(content["application/json"].get("schema", {}))), True
    return "bytes", False


def _qualified(kind: str) -> str:
    """Names of models with their module; the words of Python as they are."""
    kept = {"Any", "Literal", "None", "Mapping", "True", "False"}
    quoted = re.split(r"('[^']*')", kind)
    for position in range(0, len(quoted), 2):
        quoted[position] = re.sub(
            r"\b[A-Z]\w*", lambda match: match[0] if match[0] in kept else f"models.{match[0]}", quoted[position]
        )
    return "".join(quoted)


def _class_name(name: str) -> str:
    return re.sub(r"\W+", "_", name).strip("_")


def _snake(name: str) -> str:
    flat = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.replace("-", "_")).lower()
    return f"{flat}_" if keyword.iskeyword(flat) else flat


def main() -> int:
    """Write the files."""
    for name, text in generate(json.loads(DOCUMENT.read_text(encoding="utf-8"))).items():
        (HERE / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
