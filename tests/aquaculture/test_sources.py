"""Whoever reads a number can ask where it comes from: every public function and method names its source."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import aquaculture


def public_callables() -> Iterator[tuple[str, Callable[..., Any], str]]:
    """Name, function and docstring of its module, for all of the package."""
    for found in pkgutil.walk_packages(aquaculture.__path__, "aquaculture."):
        module = importlib.import_module(found.name)
        for name, thing in vars(module).items():
            if name.startswith("_") or getattr(thing, "__module__", None) != found.name:
                continue
            if inspect.isclass(thing):
                for own, method in vars(thing).items():
                    target = method.fget if isinstance(method, property) else getattr(method, "__func__", method)
                    if not own.startswith("_") and inspect.isfunction(target):
                        yield f"{found.name}.{name}.{own}", target, f"{module.__doc__} {thing.__doc__}"
            elif callable(thing):
                yield f"{found.name}.{name}", thing, module.__doc__ or ""


CALLABLES = list(public_callables())


@pytest.mark.parametrize(("thing", "around"), [each[1:] for each in CALLABLES], ids=[each[0] for each in CALLABLES])
def test_every_public_function_names_its_source(thing: Callable[..., Any], around: str) -> None:
    text = inspect.getdoc(thing) or ""
    assert text, "it says what it does"
    assert re.search(r"\b[Ss]ource\b|by definition|\(definition\)", f"{text} {around}"), "it says where that comes from"
