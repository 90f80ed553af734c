"""The daily DAG: by its structure everywhere, and by Airflow's own DagBag where there is an Airflow.

Airflow's dependencies do not fit ours, so it lives in an environment of its own: SHOAL_AIRFLOW_PYTHON names its Python.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

DAGS = ROOT / "deploy" / "airflow" / "dags"
FILE = DAGS / "shoal_batch_predictions.py"
ASK = """
import json, sys
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models import DagBag
bag = DagBag(dag_folder=sys.argv[1])
print("FOUND", json.dumps({
    "errors": {k: str(v) for k, v in bag.import_errors.items()},
    "dags": {name: {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks} for name, dag in bag.dags.items()},
}))
"""


def commands() -> dict[str, str]:
    """Shell text of each task."""
    found = {}
    for node in ast.walk(ast.parse(FILE.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "BashOperator":
            values = {each.arg: each.value for each in node.keywords}
            found[ast.literal_eval(values["task_id"])] = ast.literal_eval(values["bash_command"])
    return found


def test_the_tasks_are_those_of_a_day_and_values_are_no_shell_text() -> None:
    assert list(commands()) == ["find_manifest", "predict", "validate"]
    for text in commands().values():
        assert "{{" not in text
        assert subprocess.run(["bash", "-n", "-c", text], check=False, capture_output=True).returncode == 0


def test_the_command_of_the_dag_is_one_that_the_batch_has() -> None:
    import typer
    from typer.testing import CliRunner

    from models.serving.batch.__main__ import main

    program = typer.Typer()
    program.command()(main)
    shown = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(program, ["--help"]).stdout
    for option in re.findall(r"--[a-z][a-z-]+", commands()["predict"]):
        assert option in shown, option


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_a_run_that_cannot_be_believed_stops_what_follows(tmp_path: Path, passed: bool, code: int) -> None:
    checks = [{"name": "few error", "passed": passed, "detail": "12 %"}]
    (tmp_path / "report.json").write_text(json.dumps({"passed": passed, "checks": checks}))
    environment = {**os.environ, "SHOAL_PYTHON": sys.executable, "SHOAL_OUTPUT": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", commands()["validate"]], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert ("few error" in done.stdout) is not passed


def test_a_day_without_a_manifest_is_skipped(tmp_path: Path) -> None:
    environment = {**os.environ, "SHOAL_MANIFEST": str(tmp_path / "2026-06-01.csv")}
    done = subprocess.run(
        ["bash", "-c", commands()["find_manifest"]], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 99


def test_airflow_itself_loads_the_dag(tmp_path: Path) -> None:
    python = os.environ.get("SHOAL_AIRFLOW_PYTHON") or (sys.executable if find_spec("airflow") else None)
    if python is None:
        pytest.skip("no Airflow here: SHOAL_AIRFLOW_PYTHON names a Python that has it")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
    }
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [python, "-c", ASK, str(DAGS)], env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    line = next((each for each in done.stdout.splitlines() if each.startswith("FOUND ")), None)
    assert line is not None, done.stdout[-2000:] + done.stderr[-2000:]
    found = json.loads(line.removeprefix("FOUND "))
    assert found["errors"] == {}
    assert found["dags"] == {
        "shoal_batch_predictions": {"find_manifest": ["predict"], "predict": ["validate"], "validate": []}
    }
