"""The documents for AWS IoT fleet provisioning: a device may do on AWS what it may do on our own broker, and no more."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from contracts.deployments import SHADOW_OF
from contracts.topics import Kind, commands, committed, jobs, shadow, thing_name, uplink, uplink_kind_filters
from tests.architecture.tree import ROOT

FOLDER = ROOT / "deploy" / "aws_iot"
TEMPLATE = json.loads((FOLDER / "provisioning_template.json").read_text())
ACCOUNT = "arn:aws:iot:eu-north-1:123456789012"


def allowed(policy: str, action: str, resource: str, *, site: str = "north", device: str = "edge-1") -> bool:
    """Whether a policy lets a device do something, as AWS decides: variables filled in, ``*`` for anything."""
    document = json.loads((FOLDER / policy).read_text())
    values = {
        "iot:Connection.Thing.ThingName": thing_name(site, device),
        "iot:Connection.Thing.Attributes[site]": site,
        "iot:Connection.Thing.Attributes[device]": device,
    }
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        for each in resources:
            filled = re.sub(r"\$\{([^}]+)\}", lambda match: values[match[1]], each)
            if action in actions and fnmatchcase(f"{ACCOUNT}:{resource}", filled):
                return True
    return False


def parameters(node: Any) -> set[str]:
    if isinstance(node, dict):
        return {node["Ref"]} if set(node) == {"Ref"} else set().union(*map(parameters, node.values()))
    return set().union(*map(parameters, node)) if isinstance(node, list) else set()


def test_the_template_makes_the_thing_that_the_device_calls_itself() -> None:
    thing, certificate, policy = (TEMPLATE["Resources"][name] for name in ("thing", "certificate", "policy"))
    separator, parts = thing["Properties"]["ThingName"]["Fn::Join"]
    assert separator.join(part["Ref"].lower() for part in parts) == thing_name("site", "device")
    assert thing["Properties"]["AttributePayload"] == {"site": {"Ref": "Site"}, "device": {"Ref": "Device"}}
    assert certificate["Properties"]["Status"] == "Active"
    assert policy["Properties"]["PolicyName"] == "shoal-device"
    assert parameters(TEMPLATE["Resources"]) == set(TEMPLATE["Parameters"])
    assert {each["Type"] for each in TEMPLATE["Resources"].values()} == {
        "AWS::IoT::Thing",
        "AWS::IoT::Certificate",
        "AWS::IoT::Policy",
    }


@pytest.mark.parametrize("kind", list(Kind))
def test_a_device_speaks_on_its_own_topics_alone(kind: Kind) -> None:
    own, other = uplink("north", "edge-1", kind), uplink("north", "edge-2", kind)
    assert allowed("device_policy.json", "iot:Publish", f"topic/{own}")
    assert not allowed("device_policy.json", "iot:Publish", f"topic/{other}")


def test_a_device_hears_what_is_for_it_alone() -> None:
    mine, others = thing_name("north", "edge-1"), thing_name("north", "edge-2")
    for topic in (
        committed("north", "edge-1"),
        commands("north", "edge-1"),
        shadow(mine, "config", "get/accepted"),
        jobs(mine, "notify-next"),
    ):
        assert allowed("device_policy.json", "iot:Subscribe", f"topicfilter/{topic}"), topic
        assert allowed("device_policy.json", "iot:Receive", f"topic/{topic}"), topic
    for topic in (
        committed("north", "edge-2"),
        commands("north", "edge-2"),
        shadow(others, "config", "get/accepted"),
        "#",
        "shoal/#",
    ):
        assert not allowed("device_policy.json", "iot:Subscribe", f"topicfilter/{topic}"), topic
    assert not allowed("device_policy.json", "iot:Publish", f"topic/{committed('north', 'edge-1')}")
    assert allowed("device_policy.json", "iot:Connect", f"client/{mine}")
    assert not allowed("device_policy.json", "iot:Connect", f"client/{others}")


def test_a_claim_certificate_asks_for_a_certificate_and_nothing_else() -> None:
    assert allowed("claim_policy.json", "iot:Publish", "topic/$aws/certificates/create-from-csr/json")
    assert allowed("claim_policy.json", "iot:Publish", "topic/$aws/provisioning-templates/shoal-device/provision/json")
    assert not allowed("claim_policy.json", "iot:Publish", "topic/$aws/certificates/create/json"), (
        "keys stay on devices"
    )
    assert not allowed("claim_policy.json", "iot:Publish", f"topic/{uplink('north', 'edge-1', Kind.READINGS)}")


def test_the_bridge_hears_every_box_and_tells_it_what_is_committed_ordered_and_desired() -> None:
    for name in uplink_kind_filters():
        assert allowed("bridge_policy.json", "iot:Subscribe", f"topicfilter/{name}"), name
    thing = thing_name("north", "edge-1")
    assert allowed("bridge_policy.json", "iot:RetainPublish", f"topic/{committed('north', 'edge-1')}")
    assert allowed("bridge_policy.json", "iot:Publish", f"topic/{commands('north', 'edge-1')}")
    for name in SHADOW_OF.values():
        assert allowed("bridge_policy.json", "iot:Publish", f"topic/{shadow(thing, name, 'update')}")
        assert not allowed("bridge_policy.json", "iot:Publish", f"topic/{shadow(thing, name, 'get/accepted')}"), (
            "AWS's own"
        )
    assert not allowed("bridge_policy.json", "iot:Publish", f"topic/{uplink('north', 'edge-1', Kind.ALARMS)}")
    assert allowed("bridge_policy.json", "iot:Connect", "client/shoal-bridge-2-downlink")
    assert not allowed("bridge_policy.json", "iot:Connect", f"client/{thing}")
