"""The part of Home Assistant's templates that sensor nodes use: a path into the value, filters, and arithmetic. Pure.

``{{ value_json['DS18B20'].Temperature | float | round(1) }}``, ``{{ value_json.do | is_defined }}``, ``{{ value | float / 10 }}``.
Statements, tests and everything else of Jinja are refused by name when the entity is discovered, never half understood.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

MAX_LENGTH = 500
_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*)|'([^']*)'|\"([^\"]*)\"|([A-Za-z_]\w*)|(.))")
_Evaluate: TypeAlias = Callable[[Any, Any], Any]
"""Takes the payload as text and as JSON."""


class TemplateError(ValueError):
    """The template uses something that is not supported; the message names it."""


class UndefinedError(ValueError):
    """The payload does not hold what the template asks for."""


class NotInMessageError(UndefinedError):
    """The same, and the node said ``is_defined``: this message is simply about something else."""


@lru_cache(maxsize=1024)
def compile_template(text: str) -> _Evaluate:
    """A function that takes the payload as text and as JSON (None when it is none) and gives the value.

    Raises:
        TemplateError: the template uses something that is not supported.
    """
    stripped = text.strip()
    if len(stripped) > MAX_LENGTH or not (stripped.startswith("{{") and stripped.endswith("}}")):
        raise TemplateError(f"{text[:80]!r} is not one '{{{{ ... }}}}'")
    body = stripped[2:-2]
    if "{" in body or "%" in body:
        raise TemplateError("only one '{{ ... }}' without statements is supported")
    parser = _Parser(body)
    evaluate = parser.sum()
    parser.end()
    return evaluate


def evaluate(template: str, payload: str) -> Any:
    """The value of a template for a payload.

    Raises:
        TemplateError: the template is not supported.
        UndefinedError: the payload does not hold it.
    """
    try:
        document = json.loads(payload)
    except ValueError:
        document = None
    return compile_template(template)(payload, document)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, Any]] = []
        for number, single, double, name, sign in _TOKEN.findall(text.rstrip()):
            if number:
                self._tokens.append(("number", float(number)))
            elif name:
                self._tokens.append(("name", name))
            elif sign:
                self._tokens.append(("sign", sign))
            else:
                self._tokens.append(("string", single or double))
        self._at = 0

    def sum(self) -> _Evaluate:
        left = self._product()
        while sign := self._take("+", "-"):
            left = _arithmetic(operator.add if sign == "+" else operator.sub, left, self._product())
        return left

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise TemplateError(f"{self._tokens[self._at][1]!r} is not supported")

    def _product(self) -> _Evaluate:
        left = self._filtered()
        while sign := self._take("*", "/"):
            left = _arithmetic(operator.mul if sign == "*" else operator.truediv, left, self._filtered())
        return left

    def _filtered(self) -> _Evaluate:
        value = self._primary()
        while self._take("|"):
            name = self._expect("name")
            arguments: list[Any] = []
            if self._take("("):
                while not self._take(")"):
                    arguments.append(self._literal())
                    self._take(",")
            if name not in _FILTERS:
                raise TemplateError(f"the filter {name!r} is not supported")
            value = _FILTERS[name](value, arguments)
        return value

    def _primary(self) -> _Evaluate:
        if self._take("("):
            inner = self.sum()
            if not self._take(")"):
                raise TemplateError("a ')' is missing")
            return inner
        if self._take("-"):
            return _arithmetic(operator.sub, lambda *_: 0.0, self._primary())
        kind, word = self._next()
        if kind in {"number", "string"}:
            return lambda _value, _json: word
        if (kind, word) == ("name", "value"):
            return lambda value, _json: value
        if (kind, word) == ("name", "value_json"):
            return self._path()
        raise TemplateError(f"{word!r} is not supported; only value and value_json are known")

    def _path(self) -> _Evaluate:
        path: list[str | int] = []
        while True:
            if self._take("."):
                path.append(str(self._expect("name")))
            elif self._take("["):
                key = self._literal()
                path.append(int(key) if isinstance(key, float) else str(key))
                if not self._take("]"):
                    raise TemplateError("a ']' is missing")
            else:
                return _follow(tuple(path))

    def _literal(self) -> Any:
        negative = self._take("-")
        kind, token = self._next()
        if kind == "name" and token in {"none", "None", "true", "True", "false", "False"}:
            return {"n": None, "t": True, "f": False}[token[0].lower()]
        if kind not in {"number", "string"}:
            raise TemplateError(f"{token!r} is not supported here")
        return -token if negative else token

    def _take(self, *signs: str) -> str | None:
        if self._at < len(self._tokens) and self._tokens[self._at] in {("sign", sign) for sign in signs}:
            self._at += 1
            return str(self._tokens[self._at - 1][1])
        return None

    def _next(self) -> tuple[str, Any]:
        if self._at >= len(self._tokens):
            raise TemplateError("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, kind: str) -> Any:
        found, token = self._next()
        if found != kind:
            raise TemplateError(f"{token!r} is not supported here")
        return token


def _follow(path: tuple[str | int, ...]) -> _Evaluate:
    def follow(_value: Any, document: Any) -> Any:
        for step in path:
            try:
                document = document[step]
            except (KeyError, IndexError, TypeError):  # noqa: PERF203  (a path is short)
                raise UndefinedError(f"nothing at {'.'.join(map(str, path))}") from None
        return document

    return follow


def _arithmetic(operate: Callable[[Any, Any], Any], left: _Evaluate, right: _Evaluate) -> _Evaluate:
    def calculate(value: Any, document: Any) -> Any:
        try:
            return operate(left(value, document), right(value, document))
        except (TypeError, ZeroDivisionError) as error:
            raise UndefinedError(str(error)) from None

    return calculate


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UndefinedError(f"{value!r} is not a number") from None


def _default(inner: _Evaluate, arguments: list[Any]) -> _Evaluate:
    def with_default(value: Any, document: Any) -> Any:
        try:
            return inner(value, document)
        except UndefinedError:
            return arguments[0] if arguments else ""

    return with_default


def _defined(inner: _Evaluate, _arguments: list[Any]) -> _Evaluate:
    def or_nothing(value: Any, document: Any) -> Any:
        try:
            return inner(value, document)
        except UndefinedError as error:
            raise NotInMessageError(str(error)) from None

    return or_nothing


def _float(inner: _Evaluate, arguments: list[Any]) -> _Evaluate:
    def convert(value: Any, document: Any) -> Any:
        try:
            return _number(inner(value, document))
        except UndefinedError:
            # A default would be a number that nobody has measured; float(0) shows a dead probe as 0.
            if arguments and arguments[0] is None:
                return None
            raise

    return convert


def _plain(apply: Callable[..., Any]) -> Callable[[_Evaluate, list[Any]], _Evaluate]:
    def build(inner: _Evaluate, arguments: list[Any]) -> _Evaluate:
        return lambda value, document: apply(_number(inner(value, document)), *arguments)

    return build


_FILTERS: dict[str, Callable[[_Evaluate, list[Any]], _Evaluate]] = {
    "float": _float,
    "int": _plain(lambda number, *_: int(number)),
    "round": _plain(lambda number, digits=0, *_: round(number, int(digits))),
    "abs": _plain(abs),
    "multiply": _plain(lambda number, factor, *_: number * factor),
    "add": _plain(lambda number, term, *_: number + term),
    "is_defined": _defined,
    "default": _default,
    "string": lambda inner, _: lambda value, document: str(inner(value, document)),
    "lower": lambda inner, _: lambda value, document: str(inner(value, document)).lower(),
    "trim": lambda inner, _: lambda value, document: str(inner(value, document)).strip(),
}
