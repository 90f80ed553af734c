"""Takes secrets out of everything that leaves the box in an archive, in three ways that do not trust each other.

By value: every password, token, PIN and key that the settings, their files and the environment hold is replaced wherever it
stands. By name: what stands under a name like ``password`` or ``token``. By shape: logins and queries in addresses, bearer
tokens, private keys. Too much taken out does no harm; a secret that is left does.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from pydantic import BaseModel, SecretBytes, SecretStr

HIDDEN = "***"
SHORTEST = 4
"""Characters below which a secret is not looked for by its value: it would be found in every word. By name it is hidden still."""
WHOLE_WORD_BELOW = 8
"""Shorter secrets are replaced as whole words only, so that a PIN does not cut holes into numbers and hashes."""
MAX_FILE_BYTES = 65_536
_DEEPEST = 40

_NAME = re.compile(
    r"(?i)pass(word|wd|phrase)|pwd|secret|token|credential|api[-_]?key|access[-_]?key|private[-_]?key|authorization|cookie"
    r"|user[-_]pw|(^|[-_])(pin|key|psk|pass)$"
)
_IS_PLACE = re.compile(r"(?i)[-_](file|path|folder|dir)$")
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        HIDDEN,
    ),
    (re.compile(r"(://)[^\s\"'<>]*@"), rf"\1{HIDDEN}@"),
    (re.compile(r"(://[^\s\"'<>?]*\?)[^\s\"'<>]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic|digest)\s+[A-Za-z0-9+/=._~-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?"), HIDDEN),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),
    (
        re.compile(
            r"(?i)((?:pass(?:word|wd|phrase)|pwd|secret|token|credential|api[-_]?key|access[-_]?key|user-pw|authorization"
            r"|\bpass|\bpin|\bpsk)[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+"
        ),
        rf"\1{HIDDEN}",
    ),
)


class Redaction:
    """Hides secrets in text and in JSON-ready data.

    Args:
        secrets: values that must not be seen; those shorter than ``SHORTEST`` are left to the other two ways.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        long = [one for one in secrets if len(one) >= SHORTEST]
        written = {form for one in long for form in (one, json.dumps(one)[1:-1], quote(one, safe=""))}
        longest_first = sorted(written, key=len, reverse=True)
        forms = [
            re.escape(one) if len(one) >= WHOLE_WORD_BELOW else rf"(?<![A-Za-z0-9]){re.escape(one)}(?![A-Za-z0-9])"
            for one in longest_first
        ]
        self._values = re.compile("|".join(forms)) if forms else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._values is not None:
            text = self._values.sub(HIDDEN, text)
        for shape, instead in _SHAPES:
            text = shape.sub(instead, text)
        return text

    def data(self, value: Any, name: str = "", *, depth: int = 0) -> Any:
        """The same data without secrets, ready for JSON; what is no JSON is written as text."""
        if value is None or isinstance(value, bool):
            return value
        if depth > _DEEPEST or isinstance(value, (SecretStr, SecretBytes, bytes)):
            return HIDDEN
        if isinstance(value, Mapping):  # what is below a secret name is secret; a GPIO pin is none
            below = "" if name == "pin" or not _hides(name) else name
            return {
                self.text(str(key)): self.data(one, below or str(key), depth=depth + 1) for key, one in value.items()
            }
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.data(one, name, depth=depth + 1) for one in value]
        if _hides(name):
            return HIDDEN
        if isinstance(value, Enum):
            value = value.value
        return value if isinstance(value, (int, float)) else self.text(str(value))


def secrets_of(settings: BaseModel, environment: Mapping[str, str] | None = None) -> set[str]:
    """Every secret that the settings hold or name the file of, and those of the environment.

    Args:
        settings: of the agent.
        environment: names and values; None takes the process's.
    """
    found = {value for name, value in (os.environ if environment is None else environment).items() if _hides(name)}
    for name, value in _leaves(settings.model_dump(serialize_as_any=True)):
        if isinstance(value, (SecretStr, SecretBytes)):
            secret = value.get_secret_value()
            found.add(secret if isinstance(secret, str) else secret.decode(errors="replace"))
        elif isinstance(value, Path):
            found.update(_of_file(name, value))
        elif isinstance(value, str):
            if _hides(name):
                found.add(value)
            found.update(_of_address(value))
    return {one.strip() for one in found}


def _hides(name: str) -> bool:
    """Whether what has this name is secret; the place of a secret is not."""
    return _NAME.search(name) is not None and _IS_PLACE.search(name) is None


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _leaves(one, str(key))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from _leaves(one, name)
    else:
        yield name, value


def _of_file(name: str, path: Path) -> Iterator[str]:
    """Lines of a file that holds a secret; of a certificate only when it holds the key too."""
    if not (_NAME.search(name) or _IS_PLACE.search(name)) or not path.is_file():
        return
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return
    if _NAME.search(_IS_PLACE.sub("", name)) or "PRIVATE KEY" in text:
        yield from (line.strip() for line in text.splitlines() if not line.startswith("-----"))


def _of_address(value: str) -> Iterator[str]:
    for login in re.findall(r"://([^\s\"'<>]*)@", value):
        password = login.partition(":")[2] or login
        yield from (password, unquote(password))
    for secret in re.findall(r"user-pw=(\S+)", value):
        yield from (secret, secret.strip("\"'"))
