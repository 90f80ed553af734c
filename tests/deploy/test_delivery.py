from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.deploy.files import DEPLOY, passes, run
from tests.tools.registry import need

STAGES = ["Quality", "Security", "Build and push", "Scan and sign", "Staging", "Approval", "Production"]
JENKINSFILE = DEPLOY / "jenkins/Jenkinsfile"


def test_actionlint_finds_nothing_in_workflows_and_their_scripts(tmp_path: Path) -> None:
    workflows = tmp_path / ".github/workflows"
    shutil.copytree(DEPLOY / "github", workflows)
    (tmp_path / ".git").mkdir()  # so that the reusable workflow is found
    passes(need("actionlint"), "-shellcheck", need("shellcheck"), "-no-color", where=tmp_path)


def test_actionlint_really_looks(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(
        "on: push\njobs: {a: {runs-on: ubuntu-24.04, steps: [{run: 'echo ${{ secret.x }}'}]}}\n"
    )
    assert run(need("actionlint"), str(tmp_path / "bad.yml")).returncode != 0


def test_no_workflow_may_write_unless_it_says_so_and_nothing_unsigned_is_deployed() -> None:
    for path in sorted((DEPLOY / "github").glob("*.yml")):
        workflow = yaml.safe_load(path.read_text())
        assert (
            "write" not in {scope: v for scope, v in workflow["permissions"].items() if scope != "id-token"}.values()
        ), path
    steps = yaml.safe_load((DEPLOY / "github/deploy.yml").read_text())["jobs"]["helm"]["steps"]
    names = [step.get("name", "") for step in steps]
    assert names.index("Only what the delivery workflow signed") < names.index("Upgrade")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_groovy_compiles_the_jenkinsfile(tmp_path: Path) -> None:
    source = tmp_path / "Jenkinsfile.groovy"
    shutil.copyfile(JENKINSFILE, source)
    jar = need("groovy.jar")
    passes("java", "-cp", jar, "org.codehaus.groovy.tools.FileSystemCompiler", "-d", str(tmp_path / "out"), str(source))
    source.write_text(source.read_text().replace("stages {", "stages {{", 1))
    done = run(
        "java", "-cp", jar, "org.codehaus.groovy.tools.FileSystemCompiler", "-d", str(tmp_path / "out"), str(source)
    )
    assert done.returncode != 0


def test_the_pipeline_has_its_stages_in_order_and_a_person_before_production() -> None:
    text = JENKINSFILE.read_text()
    assert re.findall(r"stage\('([^']+)'\)", text) == STAGES
    assert "input message:" in text.split("stage('Approval')")[1].split("stage('Production')")[0]
    pod = yaml.safe_load(text.split("yaml '''")[1].split("'''")[0])
    used = set(re.findall(r"container\('(\w+)'\)", text)) | {"python"}
    assert used == {container["name"] for container in pod["spec"]["containers"]}


def test_both_pipelines_build_every_image() -> None:
    targets = set(re.findall(r"^FROM run AS (\w+)$", (DEPLOY / "docker/Dockerfile").read_text(), re.MULTILINE))
    matrix = yaml.safe_load((DEPLOY / "github/delivery.yml").read_text())["jobs"]["images"]["strategy"]["matrix"][
        "target"
    ]
    assert set(matrix) == targets
    assert all(f"'{target}'" in JENKINSFILE.read_text() for target in targets)
