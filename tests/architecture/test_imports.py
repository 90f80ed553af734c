"""Who imports whom: the contracts of pyproject.toml, and what a program drags in when it starts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT, declared, foreign_imports, owners, python_files

# Which extras a folder may draw on. `shoal` composes the box; its command line alone must start everywhere.
EXTRAS: dict[str, tuple[str, ...]] = {
    "contracts": (),
    "aquaculture": ("edge",),
    "edge": ("edge", "cpu", "aws", "video", "s3", "gpio", "otel"),
    "bridge": ("bridge",),
    "cloud": ("cloud", "otel"),
    "models/runtime": ("edge", "cpu"),
    "models": ("edge", "cpu", "train", "s3", "interop", "batch", "serving"),
    "shoal": ("box",),
    "tests": ("test", "train"),
}
SERVERS = {"fastapi", "uvicorn", "sqlalchemy", "psycopg", "kafka", "confluent_kafka"}
TRAINING = {"torch", "torchvision", "onnx"}
VISION = {"cv2", "onnxruntime"}


def test_import_contracts_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "importlinter.cli", "lint"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "No module named importlinter.cli" in done.stderr:
        pytest.skip("import-linter is missing: make setup installs the box, make check the linters")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("folder", EXTRAS)
def test_a_program_imports_only_what_its_own_extra_declares(folder: str) -> None:
    allowed = declared(*EXTRAS[folder])
    undeclared = [
        f"{path.relative_to(ROOT)}:{line} imports {name}, which [{', '.join(EXTRAS[folder])}] does not declare"
        for path in python_files(folder)
        for line, name in foreign_imports(path)
        if not owners(name) & allowed
    ]
    assert undeclared == []


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("contracts.envelope", SERVERS | TRAINING | VISION | {"numpy", "paho", "httpx", "typer"}),
        ("aquaculture.alarms", SERVERS | TRAINING | VISION | {"paho", "httpx"}),
        ("models.runtime", SERVERS | TRAINING),
        ("edge.agent", SERVERS | TRAINING | {"pandas", "httpx", "awscrt", "awsiot", "opentelemetry"}),
        ("bridge.uplink", TRAINING | VISION | {"fastapi", "sqlalchemy", "psycopg", "numpy"}),
        ("cloud.app", TRAINING | VISION),
        ("cloud.consumers", TRAINING | VISION | {"fastapi"}),
        ("shoal.cli", SERVERS | TRAINING | VISION | {"numpy", "paho"}),
    ],
)
def test_a_program_starts_without_the_libraries_of_the_others(module: str, absent: set[str]) -> None:
    code = f"import sys, {module}; print(*sorted({absent!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
