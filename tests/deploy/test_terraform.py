from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from contracts.topics import KAFKA_TOPIC_OF_KIND
from tests.deploy.files import DEPLOY, passes, run
from tests.servers.presence import missing
from tests.tools.registry import need

TERRAFORM = DEPLOY / "terraform"
MIRRORS = (Path(os.environ.get("SHOAL_TERRAFORM_PLUGINS", "/opt/tf-plugins")), Path.home() / ".terraform.d/plugins")
PROVIDER = "registry.terraform.io/hashicorp/aws"


def test_it_is_formatted() -> None:
    passes(need("terraform"), "fmt", "-check", "-recursive", str(TERRAFORM))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_real_provider_accepts_it_and_environments_have_what_they_need(tmp_path: Path) -> None:
    """``validate``, then ``terraform test`` with a mocked provider, in one folder: the provider has 700 MB and starts slowly."""
    mirror = next((path for path in MIRRORS if (path / PROVIDER).is_dir()), None)
    if mirror is None:
        missing(PROVIDER, "terraform providers mirror; its folder in SHOAL_TERRAFORM_PLUGINS")
    configuration = tmp_path / "terraformrc"
    configuration.write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n')
    environment = {
        **os.environ,
        "TF_CLI_CONFIG_FILE": str(configuration),
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
    }
    folder = tmp_path / "terraform"
    shutil.copytree(TERRAFORM, folder)
    terraform = need("terraform")
    passes(terraform, "init", "-backend=false", "-input=false", "-no-color", where=folder, environment=environment)
    passes(terraform, "validate", "-no-color", where=folder, environment=environment)
    done = run(terraform, "test", "-no-color", where=folder, environment=environment, timeout_s=300)
    assert "4 passed, 0 failed" in done.stdout, done.stdout + done.stderr


def test_the_topic_rules_lead_where_the_bridge_leads() -> None:
    text = (TERRAFORM / "modules/iot/main.tf").read_text()
    table = dict(re.findall(r"^    (\w+)\s+= \"([a-z-]+)\"$", text, re.MULTILINE))
    assert table == {kind.value: topic.value for kind, topic in KAFKA_TOPIC_OF_KIND.items()}


@pytest.mark.parametrize(("policy", "document"), [("box", "device_policy.json"), ("bridge", "bridge_policy.json")])
def test_its_policies_allow_what_the_documents_by_hand_allow(policy: str, document: str) -> None:
    text = (TERRAFORM / "modules/iot/main.tf").read_text()
    body = text.split(f'resource "aws_iot_policy" "{policy}"')[1].split("\n}\n")[0].replace("$${", "${")
    own = "shoal/1/${iot:Connection.Thing.Attributes[site]}/${iot:Connection.Thing.Attributes[device]}"
    thing = "$aws/things/${iot:Connection.Thing.ThingName}/"
    allowed = set()
    for statement in re.findall(r"^    \{ (.+) \},$", body, re.MULTILINE):
        for action in re.findall(
            r"iot:(?:Connect|Publish|RetainPublish|Subscribe|Receive)\b", statement.split("Resource")[0]
        ):
            for name in re.findall(r'"\$\{local\.iot\}:([^"]+)"', statement):
                each = KAFKA_TOPIC_OF_KIND if "${kind}" in name else [None]
                filled = (name if kind is None else name.replace("${kind}", kind.value) for kind in each)
                allowed |= {(action, one.replace("${local.own}", own)) for one in filled}
    wanted = set()
    for statement in json.loads((DEPLOY / "aws_iot" / document).read_text())["Statement"]:
        names = [statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"]
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        wanted |= {(action, name.removeprefix("arn:aws:iot:*:*:")) for action in actions for name in names}
    # The box may use all topics of its own thing here, its shadows and jobs there.
    assert {pair for pair in allowed if thing not in pair[1]} == {pair for pair in wanted if thing not in pair[1]}
    assert {action for action, name in allowed if thing in name} >= {
        action for action, name in wanted if thing in name and action != "iot:RetainPublish"
    }


def test_no_secret_can_reach_the_state() -> None:
    for path in TERRAFORM.rglob("*.tf"):
        text = path.read_text()

        assert not re.search(r"\bsecret_string\s*=", text), f"{path}: use secret_string_wo"
        assert "random_password" not in text, path
