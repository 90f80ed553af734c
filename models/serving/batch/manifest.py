"""The list of pictures to predict: CSV with a head, or one JSON object per line. Pure."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.base import Sha256Hex, UtcDatetime
from contracts.errors import ConfigurationError

MAX_ENTRIES = 5_000_000


class ImageEntry(BaseModel):
    """One picture of a manifest."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    image: str = Field(min_length=1, max_length=2000)
    """Path or address that the runner can open; a relative path is relative to the manifest."""
    unit: str = Field(default="", max_length=200)
    """The tank or pen; pictures of one unit are compared with each other."""
    observed_at: UtcDatetime | None = None
    sha256: Sha256Hex | None = None
    """When given, a file with another content is an error."""


def parse_manifest(lines: Iterator[str], name: str) -> Iterator[ImageEntry]:
    """The entries in order.

    Args:
        lines: of the file.
        name: its name; what ends in ``.csv`` is CSV, everything else JSON lines.

    Raises:
        ConfigurationError: a line cannot be used, or there are too many. It names the line.
    """
    rows: Iterator[tuple[int, object]]
    if name.endswith(".csv"):
        rows = ((number, _filled(row)) for number, row in enumerate(csv.DictReader(lines), 2))
    else:
        rows = ((number, _decoded(line, number)) for number, line in enumerate(lines, 1) if line.strip())
    for count, (number, row) in enumerate(rows):
        if count >= MAX_ENTRIES:
            raise ConfigurationError("--manifest", name, f"It has more than {MAX_ENTRIES} pictures. Split it.")
        try:
            yield ImageEntry.model_validate(row)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "line"
            raise ConfigurationError(
                f"--manifest, line {number}, {field}", first["input"], f"{first['msg']}. Correct {name}."
            ) from error


def _filled(row: dict[str | None, str | None]) -> object:
    return {key: value for key, value in row.items() if key is not None and value}


def _decoded(line: str, number: int) -> object:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ConfigurationError(f"--manifest, line {number}", line[:100], f"It is no JSON: {error}.") from error
