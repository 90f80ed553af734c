"""Packs what is known of a box into one archive of bounded size, and into a summary that fits an event.

The archive is a ZIP: ``about.json``, ``status.json`` (what the local page shows), ``configuration.json`` (what holds, the fleet's
settings included), ``versions.json``, ``findings.json`` (the doctor's), ``machine.json``, ``errors.jsonl`` and ``log.jsonl``
(newest last). Everything goes through the redaction. When it is too large the oldest log lines go first.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.diagnostics import write_summary
from edge.checkup.finding import Finding, Verdict
from edge.diagnostics.redaction import Redaction

MAX_BYTES = 2_000_000
"""Largest archive."""
MAX_PART_BYTES = 2_000_000
"""Largest file in it before it is packed; a larger one is cut and says so."""
MAX_SUMMARY = 16_000
"""Characters of the summary: it travels in an event, and AWS IoT Core takes no message above 128 KB."""
SUMMARY_LINES = 200
FILE_FORM = "diagnostics-%Y%m%dT%H%M%SZ.zip"


@dataclass(frozen=True)
class Facts:
    """What is known; nothing in it is redacted yet.

    Attributes:
        at: when it was put together.
        site: of the box.
        device: the box.
        by: who asked.
        status: what the local page shows; empty when the agent does not run.
        configuration: the settings in effect.
        versions: of installed packages, ``name==version``.
        findings: the doctor's.
        machine: clock, disk, memory, heat.
        errors: the newest log lines from "warning" on, oldest first.
        lines: the newest log lines, oldest first.
    """

    at: datetime
    site: str
    device: str
    by: str
    status: dict[str, Any] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)
    versions: Sequence[str] = ()
    findings: Sequence[Finding] = ()
    machine: dict[str, Any] = field(default_factory=dict)
    errors: Sequence[str] = ()
    lines: Sequence[str] = ()


@dataclass(frozen=True)
class Bundle:
    """An archive and what fits an event of it."""

    name: str
    content: bytes
    summary: str
    """For an event; ``contracts.diagnostics.read_summary`` reads it."""
    headline: str
    """For people."""


def pack(facts: Facts, redaction: Redaction, *, max_bytes: int = MAX_BYTES, max_summary: int = MAX_SUMMARY) -> Bundle:
    """The archive of these facts, at most ``max_bytes`` large."""
    findings = [
        {"verdict": one.verdict.value, "subject": one.subject, "what": one.what, "remedy": one.remedy}
        for one in facts.findings
    ]
    about = {"at": facts.at.isoformat(), "site": facts.site, "device": facts.device, "by": facts.by, "format": 1}
    parts: dict[str, Any] = redaction.data({"about": about})
    parts |= redaction.data(
        {
            "status": facts.status,
            "configuration": facts.configuration,
            "versions": facts.versions,
            "findings": findings,
            "machine": facts.machine,
        }
    )
    errors = [_line(one, redaction) for one in facts.errors]
    lines = [_line(one, redaction) for one in facts.lines]
    bad = sum(one.verdict is Verdict.BAD for one in facts.findings)
    return Bundle(
        name=facts.at.strftime(FILE_FORM),
        content=_fitting(parts, errors, lines, max_bytes),
        summary=_summary(parts, errors, lines, max_summary),
        headline=f"{bad} of {len(findings)} findings are bad, {len(errors)} warnings and errors, {len(lines)} log lines",
    )


def _line(line: str, redaction: Redaction) -> str:
    """A log line by its fields, so that a name hides its value; what is no JSON as text."""
    try:
        return json.dumps(redaction.data(json.loads(line)))
    except ValueError:
        return redaction.text(line)


def _fitting(parts: dict[str, Any], errors: Sequence[str], lines: Sequence[str], max_bytes: int) -> bytes:
    kept, told = list(lines), list(errors)
    while True:
        files = {f"{name}.json": json.dumps(part, indent=1) for name, part in parts.items()}
        files |= {"errors.jsonl": "\n".join(told), "log.jsonl": "\n".join(kept)}
        content = _zip(files)
        if len(content) <= max_bytes:
            return content
        if kept:
            kept = kept[len(kept) // 2 + 1 :]
        elif told:
            told = told[len(told) // 2 + 1 :]
        else:  # the largest part: what is left is smaller by it
            largest = max(parts, key=lambda name: len(files[f"{name}.json"]))
            if parts[largest] == {"left_out": "too large"}:
                raise ValueError(f"{max_bytes} bytes are too few for any archive")
            parts = {**parts, largest: {"left_out": "too large"}}


def _zip(files: dict[str, str]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, text in files.items():
            content = text.encode()
            if len(content) > MAX_PART_BYTES:
                content = content[:MAX_PART_BYTES] + b"\n(cut here: too large)\n"
            archive.writestr(name, content)
    return memory.getvalue()


def _summary(parts: dict[str, Any], errors: Sequence[str], lines: Sequence[str], most: int) -> str:
    """As much as fits: log lines go first, then the configuration, the status, the versions."""
    leaves = ["configuration", "status", "versions", "findings", "machine"]
    wanted = dict(parts)
    kept = list(lines[-SUMMARY_LINES:])
    told = list(errors[-SUMMARY_LINES:])
    while True:
        packed = write_summary({**wanted, "errors": told, "log": kept})
        if packed is not None and len(packed) <= most:
            return packed
        if not (kept or leaves or told):
            return ""
        if kept:
            kept = kept[len(kept) // 2 + 1 :]
        elif len(told) > len(leaves):
            told = told[len(told) // 2 + 1 :]
        elif leaves:
            wanted.pop(leaves.pop(0), None)
        else:
            told = []
